"""One virtual environment for each library under `.cache/bench`, made once and again when what it holds has changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "bench"
LOOP = "uvloop; sys_platform != 'win32'"  # for the mock upstream only

PEERS: dict[str, tuple[str, ...]] = {
    "openai": ("openai==3.51.*",),
    "anthropic": ("anthropic==2.10.*",),
    "litellm": ("litellm==1.106.*",),
    "any-llm": ("any-llm-sdk[openai]==1.40.*",),
    "langchain": ("langchain-openai==1.7.*",),
    "pydantic-ai": ("pydantic-ai-slim[openai]==2.68.*",),
}


class Environment(NamedTuple):
    """``python`` runs in it; ``packages`` and ``size`` (bytes) tell what was installed, pip aside."""

    python: Path
    packages: dict[str, str]
    size: int


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, cwd=ROOT)


def python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def wheel() -> Path:
    """Our wheel, built from the tree as it stands."""
    folder = CACHE / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--disable-pip-version-check", "-w", folder, ROOT)
    return next(folder.glob("*.whl"))


def wheel_size(path: Path) -> int:
    """The bytes of all files in a wheel, unpacked."""
    with zipfile.ZipFile(path) as archive:
        return sum(item.file_size for item in archive.infolist())


def ours(built: Path) -> Environment:
    """The environment with our wheel and the two packages that it wants, the wheel installed anew."""
    folder = CACHE / "env" / "trunkline"
    _make(folder, (str(built),), built.name)
    _install(folder, "--force-reinstall", "--no-deps", str(built))
    return _described(folder)


def peer(name: str, wanted: tuple[str, ...]) -> Environment:
    """The environment of another library. Raises ``subprocess.CalledProcessError`` where it cannot be installed."""
    folder = CACHE / "env" / name
    _make(folder, wanted, "\n".join(wanted))
    return _described(folder)


def _make(folder: Path, wanted: tuple[str, ...], stamp: str) -> None:
    said = f"{sys.version}\n{folder}\n{stamp}"
    mark = folder / ".made"
    if mark.exists() and mark.read_text() == said:
        return
    print(f"Making {folder.relative_to(ROOT)} ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    if uv := shutil.which("uv"):
        run(uv, "venv", "-q", "--python", sys.executable, folder)
    else:
        run(sys.executable, "-m", "venv", "--without-pip", folder)
    _install(folder, *wanted)
    mark.write_text(said)


def _install(folder: Path, *wanted: str) -> None:
    if uv := shutil.which("uv"):
        flags = ["--reinstall" if word == "--force-reinstall" else word for word in wanted]
        run(uv, "pip", "install", "-q", "--compile-bytecode", "--python", python_of(folder), *flags)
    else:
        run(sys.executable, "-m", "pip", "--python", python_of(folder), "install", "-q", "--disable-pip-version-check", *wanted)


_DESCRIBE = """
import importlib.metadata as metadata, json, pathlib
found = [one for one in metadata.distributions() if one.name not in ("pip", "setuptools")]
files = [pathlib.Path(one.locate_file(path)) for one in found for path in one.files or ()]
size = sum(path.stat().st_size for path in files if path.exists() and path.suffix != ".pyc")
print(json.dumps([{one.name: one.version for one in found}, size]))
"""


def _described(folder: Path) -> Environment:
    packages, size = json.loads(run(python_of(folder), "-c", _DESCRIBE).stdout)
    return Environment(python_of(folder), packages, size)
