"""No model name, and no provider name outside ``providers/``, is ever tested in code: the names are read from the table and the catalog."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import get_args, get_type_hints

import pytest

from tests.architecture.source import PACKAGE, Module, modules
from trunkline.dialects.known import ASKED
from trunkline.providers.table import TABLE
from trunkline.values.model import Quirks

WHO = re.compile(r"\b(?:provider|model|model_id|provider_name)\b(?!\()")
PREFIX_TESTS = {
    "startswith",
    "endswith",
    "removeprefix",
    "removesuffix",
    "count",
    "find",
    "index",
    "fullmatch",
    "match",
    "search",
}


@cache
def provider_names() -> frozenset[str]:
    """The rows of the table, but for words that are also a quirk's (``reasoning_style="together"``), a dialect's id, a month or
    a field of protocols."""
    words = {word for hint in get_type_hints(Quirks).values() for kind in get_args(hint) for word in get_args(kind)}
    return frozenset(row.name for row in TABLE) - {"local", "jan", "meta"} - words - set(ASKED)


@cache
def hosts() -> frozenset[str]:
    return frozenset(host for row in TABLE for host in row.hosts)


@cache
def model_ids() -> frozenset[str]:
    """Every id and alias in the catalog, wherever in the file it stands."""

    def strings(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in {"id", "model"} and isinstance(inner, str):
                    yield inner
                elif key == "aliases" and isinstance(inner, list):
                    yield from (alias.rstrip("*") for alias in inner)
                yield from strings(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from strings(inner)

    return frozenset(strings(json.loads((PACKAGE / "providers" / "catalog.json").read_text(encoding="utf-8"))))


def names_somebody(text: str) -> bool:
    """Whether ``text`` is the name of a provider or model, or the beginning of a model's. What has a space in it is prose."""
    if not text or re.search(r"\s", text):
        return False
    if text in provider_names() or text.removesuffix("/") in provider_names() or text in hosts():
        return True
    begins = len(text) >= 3 and re.search(r"[-.\d]", text) and any(name.startswith(text) for name in model_ids())
    return bool(begins) or text in model_ids()


def name_tests(module: Module) -> Iterator[str]:
    if module.layer == "providers":
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Constant(value=str() as text):
                # A facade's own names and defaults are its hosts' words: it holds them as data, and tests none either.
                guilty = id(node) not in module.docstrings and names_somebody(text) and module.layer != "compat"
            case ast.Compare():
                sides = (node.left, *node.comparators)
                guilty = any(WHO.search(_subject(side)) for side in sides) and any(_is_word(side) for side in sides)
            case ast.Call(func=ast.Attribute(value=tested, attr=attr)) if attr in PREFIX_TESTS:
                guilty = bool(WHO.search(_subject(tested))) and any(_is_word(argument) for argument in node.args)
            case ast.Match():
                guilty = bool(WHO.search(_subject(node.subject)))
            case _:
                continue
        if guilty:
            yield f"{node.lineno}: {ast.unparse(node).splitlines()[0]}"


def _subject(node: ast.expr) -> str:
    """The name at the end of ``a.b.name``, ``name.lower()``, ``name[0]``; nothing for anything else."""
    while True:
        match node:
            case ast.Call(func=ast.Attribute(value=inner, attr=attr)) if attr in {
                "lower",
                "strip",
                "casefold",
                "partition",
                "split",
            }:
                node = inner
            case ast.Subscript(value=inner):
                node = inner
            case ast.Attribute(attr=name) | ast.Name(id=name):
                return name
            case _:
                return ""


def _is_word(node: ast.expr) -> bool:
    """A string that could be a name: not empty, and more than one sign (``/`` splits names, ``*`` ends a pattern)."""
    if isinstance(node, ast.Tuple | ast.Set | ast.List):
        return any(_is_word(element) for element in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) > 1


def test_the_package_tests_no_names() -> None:
    found = [f"src/trunkline/{module.path}:{what}" for module in modules() for what in name_tests(module)]
    assert not found, "\n".join(found)


def test_the_names_are_known() -> None:
    assert len(provider_names()) >= 8
    assert len(model_ids()) >= 20
    assert "api.openai.com" in hosts()


@pytest.mark.parametrize(
    "text",
    [
        "if target.provider == 'acme': pass",
        "if 'acme-7' in model: pass",
        "x = model.startswith('acme-')",
        "x = request.model.lower().startswith(('acme', 'b2'))",
        "match target.provider:\n    case x: pass",
        "TABLE = {'openai': 1}",
        "x = 'openai/' + name",
        "URL = 'api.anthropic.com'",
        "x = name in ('gpt-5.4', 'other')",
        "x = re.match(name, 'claude-')",
    ],
)
def test_a_name_is_noticed(text: str) -> None:
    assert list(name_tests(Module("engine/x.py", text)))


@pytest.mark.parametrize(
    "text",
    [
        "x = model.partition('/')",
        "x = target.provider == other.provider",
        "if quirks.reasoning_style == 'openrouter': pass",
        "raise UsageError('name a model, as in openai/gpt-5.4')",
        "def f():\n    '''openai'''",
        "x = event['type'] == 'text'",
    ],
)
def test_what_names_nobody_passes(text: str) -> None:
    assert not list(name_tests(Module("engine/x.py", text)))


def test_a_facade_holds_names_and_tests_none() -> None:
    assert not list(name_tests(Module("compat/x.py", "TABLE = {'openai': 1}")))
    assert list(name_tests(Module("compat/x.py", "if config.provider == 'openai': pass")))
