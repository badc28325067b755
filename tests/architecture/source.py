"""The package as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "trunkline"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file: its ``path`` inside the package (``io/aio.py``) and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @property
    def layer(self) -> str:
        """The first folder, or the module itself: ``io``, ``ports``."""
        return self.path.split("/")[0].removesuffix(".py")

    @property
    def package(self) -> tuple[str, ...]:
        return ("trunkline", *Path(self.path).parts[:-1])

    def within(self, node: ast.AST) -> Iterator[ast.AST]:
        """What encloses ``node``, from the inside out."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def imports(self) -> Iterator[tuple[ast.stmt, str]]:
        """Every import with its absolute dotted name; ``from a import b`` gives ``a.b``."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                start = list(self.package[: len(self.package) - node.level + 1]) if node.level else []
                prefix = ".".join([*start, *([node.module] if node.module else [])])
                yield from ((node, f"{prefix}.{alias.name}") for alias in node.names)

    def for_checkers_only(self, node: ast.AST) -> bool:
        """Whether ``node`` stands under ``if TYPE_CHECKING``."""
        return any(isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.unparse(outer.test) for outer in self.within(node))

    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    @cached_property
    def docstrings(self) -> set[int]:
        """The ids of the strings that stand alone as statements: docstrings of modules, classes, functions and fields."""
        return {
            id(node.value) for node in ast.walk(self.tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }


@cache
def modules() -> tuple[Module, ...]:
    """Every Python file of the package."""
    files = sorted(PACKAGE.rglob("*.py"))
    return tuple(Module(file.relative_to(PACKAGE).as_posix(), file.read_text(encoding="utf-8")) for file in files)


def own(node: ast.AST) -> Iterator[ast.AST]:
    """What ``node`` holds, functions and classes inside it left out."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from own(child)
