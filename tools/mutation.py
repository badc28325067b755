# ruff: noqa: INP001, T201 - a program, not a package
"""Mutation testing of ``policy/`` and ``engine/``: which small change of the code would no test of its module notice?

    python tools/mutation.py [--mutants 400] [--seed 20261120] [--jobs 2] [--only policy/price,engine/attempt] [--page FILE]

The mutants are mutmut's. Each is run by itself: the whole changed file, in a copy of the tree outside of it, against the own
tests of its module. mutmut's own runner chooses between versions of a function while the program runs, so that it never
changes what stands outside of one: tables, defaults of classes, properties. With us rules are data; data must be judged, too.

Written is docs/mutation.md from its result on; with ``--only`` nothing, unless ``--page`` names a file. What stands there
indented under a survivor (why no test can notice it) is kept for as long as the same change survives. Exit code 1: fewer than
85 % were killed.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import platform
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mutmut.mutation.file_mutation import create_mutations, deep_replace

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "mutation.md"
PACKAGES = ("policy", "engine")
LEAST = 0.85  # of the mutants must be killed
EACH = 5  # mutants at least of every module, if it has as many

# Whose tests have another name than tests/<package>/test_<module>.py.
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "engine/engine": (
        "tests/engine/test_engine.py",
        "tests/engine/test_preparing.py",
        "tests/engine/test_fallback_answer.py",
        "tests/engine/test_hedging.py",
    ),
    "engine/media": ("tests/engine/test_media.py", "tests/engine/test_media_step.py"),
    "engine/media_step": ("tests/engine/test_media.py", "tests/engine/test_media_step.py"),
    "engine/stream": (
        "tests/engine/test_stream.py",
        "tests/engine/test_stream_moves.py",
        "tests/engine/test_stream_pace.py",
        "tests/engine/test_fallback_answer.py",
    ),
}

PYTEST = (
    "-m",
    "pytest",
    "-x",
    "-q",
    "--tb=no",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-p",
    "few_examples",
    "--hypothesis-profile=few",
)
FEW_EXAMPLES = """\
from hypothesis import HealthCheck, Phase, settings

phases = (Phase.explicit, Phase.generate)
settings.register_profile(
    "few", max_examples=30, derandomize=True, database=None, deadline=None, phases=phases, suppress_health_check=list(HealthCheck)
)
"""


@dataclass(frozen=True)
class Mutant:
    """One changed version of a module. ``line`` is where it begins to differ, ``change`` says how."""

    module: str
    line: int
    change: str
    code: str

    @property
    def place(self) -> str:
        return f"{self.module}.py:{self.line}"


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: ``killed``, ``timeout`` or ``survived``, and after how many seconds."""

    mutant: Mutant
    fate: str
    seconds: float


# ------------------------------------------------------------------------------------------------------------------ mutants


def modules() -> list[str]:
    """Every module of both packages that says something, as ``package/name``."""
    files = (path for package in PACKAGES for path in (ROOT / "src" / "trunkline" / package).glob("*.py"))
    return sorted(f"{path.parent.name}/{path.stem}" for path in files if path.read_text().strip())


def source(module: str, tree: Path = ROOT) -> Path:
    return tree / "src" / "trunkline" / f"{module}.py"


@cache
def own_tests(module: str) -> list[str]:
    """The test files of a module, as paths from the root; empty if it has none."""
    package, name = module.split("/")
    named = ELSEWHERE.get(module, (f"tests/{package}/test_{name}.py",))
    return [path for path in named if (ROOT / path).exists()]


class Mutants:
    """A module's mutants in the order of ``seed``; no two alike, none that only types or docstrings tell from the original.

    mutmut leaves decorated functions out, as its runner cannot exchange them; ours can, so that decorators are hidden from it.
    """

    def __init__(self, module: str, seed: int) -> None:
        self.module = module
        self._original = source(module).read_text()
        hidden = re.sub(r"^( +)@(?!(?:staticmethod|classmethod|overload)\b)", r"\1#@", self._original, flags=re.MULTILINE)
        self._parsed, self._mutations, _, _ = create_mutations(f"{module}.py", hidden)
        self.count = len(self._mutations)
        random.Random(f"{seed} {module}").shuffle(self._mutations)  # noqa: S311 - a sample, no secret
        self._seen = {essence(self._original)}

    def take(self, count: int) -> list[Mutant]:
        """The next ``count``, or as many as there are."""
        taken: list[Mutant] = []
        while self._mutations and len(taken) < count:
            mutation = self._mutations.pop()
            changed: Any = deep_replace(self._parsed, mutation.original_node, mutation.mutated_node)
            code = re.sub(r"^( +)#@", r"\1@", changed.code, flags=re.MULTILINE)
            try:
                meant = essence(code)
            except SyntaxError:
                continue
            if meant not in self._seen:
                self._seen.add(meant)
                taken.append(Mutant(self.module, *described(self._original, code), code))
        return taken


def described(original: str, code: str) -> tuple[int, str]:
    """The first line that differs, and the lines as they were and are."""
    before, after = original.splitlines(), code.splitlines()
    spans = [op for op in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes() if op[0] != "equal"]
    was = " ".join(line.strip() for _, start, end, _, _ in spans for line in before[start:end])
    now = " ".join(line.strip() for _, _, _, start, end in spans for line in after[start:end])
    return spans[0][1] + 1, f"{quoted(was)} became {quoted(now)}"


def quoted(code: str) -> str:
    return f"`` {code} ``" if "`" in code else f"`{code}`" if code else "nothing"


def essence(code: str) -> str:
    """What a module does when it runs: its syntax tree without annotations, aliases of types, type variables and docstrings."""
    return ast.dump(Essence().visit(ast.parse(code)))


class Essence(ast.NodeTransformer):
    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return ast.Pass() if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return ast.Pass()
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "cast" and len(node.args) == 2:
            return self.visit(node.args[1])
        return self.generic_visit(node)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        node.body = [statement for statement in node.body if not names_a_type(statement)]
        return self.generic_visit(node)


def names_a_type(statement: ast.stmt) -> bool:
    """``Verdict = Retry | Raise``, ``Pair = tuple[int, int]``, ``T = TypeVar("T")``; and what a mutant makes of them."""
    if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
        return False
    name, value = statement.targets[0].id.strip("_") or "_", statement.value
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in {"TypeVar", "ParamSpec", "NewType"}
    if not name[0].isupper() or (name == name.upper() and len(name) > 1):
        return False  # a constant
    return isinstance(value, ast.BinOp | ast.Subscript) or (isinstance(value, ast.Constant) and value.value is None)


def sample(names: list[str], count: int, seed: int) -> list[Mutant]:
    """``count`` mutants, of each module by its share of all, but at least EACH of every one that has as many."""
    by_size = sorted((Mutants(name, seed) for name in names), key=lambda those: (those.count, those.module))
    taken: list[Mutant] = []
    for place, those in enumerate(by_size):
        rest = sum(others.count for others in by_size[place:])
        share = round((count - len(taken)) * those.count / rest)
        taken += those.take(max(share, min(EACH, count // len(by_size))))
    for those in reversed(by_size):
        taken += those.take(count - len(taken))
    return sorted(taken, key=lambda mutant: (mutant.module, mutant.line))


# ------------------------------------------------------------------------------------------------------------------ running


class Copy:
    """A copy of the tree in which one mutant at a time is tried."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        for folder in ("src", "tests"):
            shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        (tree / "few_examples.py").write_text(FEW_EXAMPLES)
        shared, here = ROOT.parent / "shared", tree.parent / "shared"
        if shared.is_dir() and not here.exists():
            here.symlink_to(shared)

    def run(self, tests: list[str], limit: float | None, *, compiled: bool) -> int | None:
        """pytest's exit code, None after ``limit`` seconds. ``compiled``: byte code is kept for later runs."""
        paths = os.pathsep.join([str(self.tree / "src"), str(self.tree)])
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "0"}
        if not compiled:
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        with subprocess.Popen(  # noqa: S603 - our own tests
            [sys.executable, *PYTEST, *tests], cwd=self.tree, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                return process.wait(limit)
            except subprocess.TimeoutExpired:
                return None
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def try_(self, mutant: Mutant, tests: list[str], limit: float) -> Outcome:
        """Whether the tests notice. Only where they pass the mutant survives; what does not end in time is noticed, too."""
        file = source(mutant.module, self.tree)
        original = file.read_text()
        for old in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
            old.unlink()  # byte code is compared by size and second
        start = time.monotonic()
        try:
            file.write_text(mutant.code)
            code = self.run(tests, limit, compiled=False) if tests else 0
        finally:
            file.write_text(original)
        return Outcome(mutant, {None: "timeout", 0: "survived"}.get(code, "killed"), time.monotonic() - start)


def run(chosen: list[Mutant], jobs: int) -> list[Outcome]:
    """The mutants' fates, in their order. Ends with a message if a module's tests fail where nothing is changed."""
    with tempfile.TemporaryDirectory(prefix="trunkline-mutation-") as folder:
        free: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        copies = [Copy(Path(folder, str(number))) for number in range(jobs)]
        limits = unchanged(copies, sorted({mutant.module for mutant in chosen}))
        for copy in copies:
            free.put(copy)

        def try_(mutant: Mutant) -> Outcome:
            copy = free.get()
            try:
                return copy.try_(mutant, own_tests(mutant.module), limits[mutant.module])
            finally:
                free.put(copy)

        fates: dict[int, Outcome] = {}
        with ThreadPoolExecutor(jobs) as pool:
            waiting = {pool.submit(try_, mutant): number for number, mutant in enumerate(chosen)}
            try:
                for done in as_completed(waiting):
                    outcome = fates[waiting[done]] = done.result()
                    if outcome.fate == "survived":
                        print(f"[{len(fates)}/{len(chosen)}] {outcome.mutant.place}: {outcome.mutant.change}", flush=True)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        return [fates[number] for number in sorted(fates)]


def unchanged(copies: list[Copy], names: list[str]) -> dict[str, float]:
    """How many seconds a module's tests may take; each copy has run them all once, so that its byte code is there."""
    limits = {}
    for name in names:
        for copy in copies:
            start = time.monotonic()
            tests = own_tests(name)
            code = copy.run(tests, 600, compiled=True) if tests else 0
            if code != 0:
                sys.exit(f"{' '.join(tests)}: does not pass where nothing is changed (exit code {code}); nothing was tried")
            limits[name] = max(limits.get(name, 0.0), 20 + 5 * (time.monotonic() - start))
    return limits


# --------------------------------------------------------------------------------------------------------------------- page


def result(outcomes: list[Outcome], seed: int, jobs: int, seconds: float, reasons: dict[str, str]) -> str:
    """What docs/mutation.md says from ``## Result`` on."""
    fates = Counter(outcome.fate for outcome in outcomes)
    killed = fates["killed"] + fates["timeout"]
    each = sum(outcome.seconds for outcome in outcomes) / len(outcomes)
    today = datetime.now(UTC).date().isoformat()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    lines = [
        RESULT,
        "",
        f"- {today}: `make mutation`, mutmut {version('mutmut')}, {python}, {jobs} at a time.",
        f"- {len(outcomes)} mutants, seed {seed}: {killed} killed ({killed / len(outcomes):.1%}), {fates['survived']} survived.",
        f"- Of the killed, {fates['timeout']} did not end in time.",
        f"- {seconds / 60:.0f} minutes in all, {each:.1f} s for a mutant.",
        "",
        "| module | its tests | mutants | killed | of them not ended | survived |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for name in sorted({outcome.mutant.module for outcome in outcomes}):
        here = Counter(outcome.fate for outcome in outcomes if outcome.mutant.module == name)
        tests = ", ".join(f"`{path}`" for path in own_tests(name)) or "none"
        dead = here["killed"] + here["timeout"]
        lines.append(f"| `{name}.py` | {tests} | {here.total()} | {dead} | {here['timeout']} | {here['survived']} |")
    lines += ["", "## Survivors", "", SURVIVORS, ""]
    for outcome in outcomes:
        if outcome.fate == "survived":
            lines.append(f"- `{outcome.mutant.place}`: {outcome.mutant.change}")
            reason = reasons.get(without_line(lines[-1]))
            lines += [f"  {reason}"] if reason else []
    return "\n".join(lines) + "\n"


RESULT = "## Result"
SURVIVORS = "Indented is why no test can notice it; where nothing is indented, a test is missing."


def without_line(entry: str) -> str:
    return re.sub(r"\.py:\d+`", ".py`", entry, count=1)


def known_reasons(text: str) -> dict[str, str]:
    """What a page says under its survivors, by survivor."""
    found = re.findall(r"^(- `.*)\n((?:  .*\n)+)", text.partition("## Survivors")[2], flags=re.MULTILINE)
    return {without_line(entry): " ".join(reason.split()) for entry, reason in found}


def main() -> None:
    parser = argparse.ArgumentParser(description="Mutation testing of policy/ and engine/.")
    parser.add_argument("--mutants", type=int, default=400)
    parser.add_argument("--seed", type=int, default=20261120)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", help="modules, as policy/price,engine/attempt")
    parser.add_argument("--page", type=Path)
    asked = parser.parse_args()
    os.chdir(ROOT)  # mutmut looks for its settings there
    start = time.monotonic()
    names = asked.only.split(",") if asked.only else modules()
    outcomes = run(sample(names, asked.mutants, asked.seed), asked.jobs)
    path: Path = asked.page or PAGE
    old = path.read_text() if path.exists() else "# Mutation testing\n\n"
    text = result(outcomes, asked.seed, asked.jobs, time.monotonic() - start, known_reasons(old))
    if asked.only and not asked.page:
        print(text)
    else:
        path.write_text(old.partition(RESULT)[0] + text)
    killed = sum(outcome.fate != "survived" for outcome in outcomes) / len(outcomes)
    print(f"{killed:.1%} of {len(outcomes)} mutants killed")
    sys.exit(killed < LEAST)


if __name__ == "__main__":
    main()
