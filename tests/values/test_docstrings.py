"""Docstrings in three styles."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trunkline.values.docstrings import split_docstring

NUMPY = """Move it.

More prose.

Parameters
----------
x : int, optional
    How far.

    At most a mile.
y, z : {"a", "b"}
    Where to:
    to the left.
**more
    The rest.

Returns
-------
str
    Words.

Notes
-----
x : not a parameter"""
GOOGLE = """Move it.

More prose.

Args:
    x (int, optional): How far.

        At most a mile.
    y (Callable[[int], dict(str, int)]): Where to:
        to the left.
    z: Where to:
        to the left.
    **more: The rest.

Returns:
    str: Words.

Raises:
    ValueError: x : not a parameter
"""
SPHINX = """Move it.

More prose.

:param x: How far.

    At most a mile.
:type x: int
:param dict[str, int] y: Where to:
    to the left.
:param z: Where to:
to the left.
:key more: The rest.
:returns: Words.
    x : not a parameter
:rtype: str"""
PARAMETERS = {"x": "How far. At most a mile.", "y": "Where to: to the left.", "z": "Where to: to the left.", "more": "The rest."}


@pytest.mark.parametrize("doc", [NUMPY, GOOGLE, SPHINX])
def test_one_doc_says_the_same_in_three_styles(doc: str) -> None:
    assert split_docstring(doc) == ("Move it.\n\nMore prose.", PARAMETERS)


@pytest.mark.parametrize(
    ("doc", "description", "parameters"),
    [
        (":param a: first\n\nProse again.\n:raises E: never\nnor here", "Prose again.", {"a": "first"}),
        ("Args:\n    a: :param b: no field\n    b: Returns:\n", "", {"a": ":param b: no field", "b": "Returns:"}),
        ("See.\n\nParameters\n----------\na\n    Args:\n    :param b: c\n", "See.", {"a": "Args: :param b: c"}),
        ("Do.\n\n:param a: Args:\n    b: c", "Do.", {"a": "Args: b: c"}),
        ("Do.\n\nReturns:\n    x\n\nAnd more.", "Do.\n\nAnd more.", {}),
        ("Do.\n\nParameters\n\na: no section, but prose", "Do.\n\nParameters\n\na: no section, but prose", {}),
        ("A list:\n- a\n---\nb", "A list:\n- a\n---\nb", {}),
        ("Do.\n\nArgs:\n    a(int): x\n    b (a (b) c): y\n    c ((((: z", "Do.", {"a": "x", "b": "y c ((((: z"}),
        ("Do.\n\nKeyword Args:\n    a: x\nOther Parameters:\n    b: y", "Do.", {"a": "x", "b": "y"}),
    ],
)
def test_styles_are_not_mixed(doc: str, description: str, parameters: dict[str, str]) -> None:
    assert split_docstring(doc) == (description, parameters)


WORDS = st.lists(st.from_regex(r"[a-z,.]{1,8}", fullmatch=True), min_size=1, max_size=6).map(" ".join)
DOCUMENTED = st.dictionaries(
    st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=5
)


@given(DOCUMENTED, WORDS)
def test_what_is_documented_is_read_whatever_the_style(documented: dict[str, list[str]], does: str) -> None:
    wanted = (does, {name: " ".join(lines) for name, lines in documented.items()})
    google = [f"    {name} (int): " + "\n        ".join(lines) for name, lines in documented.items()]
    numpy = [f"{name} : int\n    " + "\n    ".join(lines) for name, lines in documented.items()]
    sphinx = [f":param int {name}: " + "\n    ".join(lines) for name, lines in documented.items()]
    assert split_docstring("\n".join([does, "", "Args:", *google, "", "Returns:", "    x: y"])) == wanted
    assert split_docstring("\n".join([does, "", "Parameters", "----------", *numpy, "", "Returns", "-------", "x : y"])) == wanted
    assert split_docstring("\n".join([does, "", *sphinx, ":returns: x"])) == wanted


@given(st.text("aA:rgs\n -()*`\\", max_size=200))
def test_any_text_is_read(doc: str) -> None:
    description, parameters = split_docstring(doc)
    assert isinstance(description, str)
    assert all(name and isinstance(text, str) for name, text in parameters.items())
