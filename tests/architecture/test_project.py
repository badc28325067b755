"""What the distribution promises: two dependencies, types, an import that does nothing, documented public names."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import trunkline
from tests.architecture.source import PACKAGE, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

WATCHED_IMPORT = """
import json, sys
seen = []
def watch(event, args):
    if event.startswith(("socket.", "subprocess.", "os.system", "os.mkdir", "os.remove")) or event == "_thread.start_new_thread":
        seen.append(event)
    elif event == "open" and isinstance(args[0], str) and not args[0].endswith((".py", ".pyc", ".so", ".pyd")):
        seen.append(f"open {args[0]}")
sys.addaudithook(watch)
import trunkline
print(json.dumps({"seen": seen, "loaded": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def after_import() -> dict[str, list[str]]:
    out = subprocess.run([sys.executable, "-B", "-c", WATCHED_IMPORT], capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def test_importing_opens_nothing(after_import: dict[str, list[str]]) -> None:
    assert after_import["seen"] == []


@pytest.mark.parametrize("module", ["aiohttp", "http.client", "asyncio", "ssl", "socket", "http", "urllib.request", "logging"])
def test_importing_loads_no(module: str, after_import: dict[str, list[str]]) -> None:
    assert module not in after_import["loaded"]


def test_there_are_two_dependencies() -> None:
    names = {requirement.split(">")[0].split("=")[0].strip() for requirement in PROJECT["project"]["dependencies"]}
    assert names == {"msgspec", "aiohttp"}
    assert all(">=" in requirement for requirement in PROJECT["project"]["dependencies"])


def test_types_are_shipped() -> None:
    assert (PACKAGE / "py.typed").exists()
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["src/trunkline"]


def test_all_is_what_is_public() -> None:
    """What ``__all__`` says, what checkers see and what can be had are the same names."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    ours = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    others = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import) and node not in ours]
    seen_by_checkers = {alias.asname or alias.name for node in ours for alias in node.names}
    assert len(trunkline.__all__) == len(set(trunkline.__all__)), "a name stands twice"
    assert set(trunkline.__all__) - {"__version__"} == seen_by_checkers

    borrowed = {alias.asname or alias.name for node in others for alias in node.names} | {"TYPE_CHECKING"}
    modules = {path.stem for path in PACKAGE.iterdir()}
    named = {name for name in vars(trunkline) if name.isidentifier()}  # pytest puts names of its own into what has a plugin
    present = {name for name in named if not name.startswith("_")} - modules
    assert present - borrowed <= set(trunkline.__all__)


@pytest.mark.parametrize("name", trunkline.__all__)
def test_public_names_resolve_and_are_documented(name: str) -> None:
    value = getattr(trunkline, name)
    if inspect.isclass(value):
        assert value.__dict__.get("__doc__"), f"{name} has no docstring"
        undocumented = [
            member
            for member, function in vars(value).items()
            if not member.startswith("_") and inspect.isfunction(function) and not function.__doc__
        ]
        assert not undocumented or not name.endswith("Client"), f"{name} has undocumented methods: {undocumented}"
    elif inspect.isfunction(value):
        assert value.__doc__, f"{name} has no docstring"


def test_the_command_is_there() -> None:
    module, function = PROJECT["project"]["scripts"]["trunkline"].split(":")
    source = (PACKAGE / Path(*module.split(".")[1:])).with_suffix(".py")
    assert any(isinstance(n, ast.FunctionDef) and n.name == function for n in ast.parse(source.read_text(encoding="utf-8")).body)
