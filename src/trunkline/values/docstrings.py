"""Docstrings in Google's, NumPy's and Sphinx' style: what they say of a function, and of each of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .late_pattern import LatePattern

Described = tuple[str, dict[str, str]]

_HEADINGS = (
    "Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|Other Parameters|"
    "Returns?|Yields?|Receives|Raises|Warns|Warnings?|Examples?|Notes?|Attributes|Methods|See Also|References|Todo"
)
_OF_PARAMETERS = frozenset(_HEADINGS.split("|")[:7])
_NUMPY = LatePattern(rf"(?m)^({_HEADINGS})[ \t]*\n-{{3,}}[ \t]*$")
_GOOGLE = LatePattern(rf"(?m)^({_HEADINGS}):[ \t]*$")
_SPHINX = LatePattern(r"(?m)^:(?:param|parameter|arg|argument|key|keyword|type|returns?|rtype|raises?|yields?)\b[^:\n]*:")
_GOOGLE_ENTRY = LatePattern(r"^(\s+)\\?\*{0,2}(\w+)\s*(?:\((?:[^()]|\([^()]*\))*\))?\s*:(?:\s+(.*))?$")
_NUMPY_ENTRY = LatePattern(r"^(\\?\*{0,2}\w+(?:\s*,\s*\\?\*{0,2}\w+)*)\s*(?::.*)?$")
_SPHINX_FIELD = LatePattern(r"^:(\w+)(?:\s+[^:]*?(\w+))?\s*:\s*(.*)$")
_SPHINX_PARAMETERS = ("param", "parameter", "arg", "argument", "key", "keyword")
_BLANKS = LatePattern(r"\n{3,}")


def split_docstring(doc: str) -> Described:
    """What a docstring (its indentation taken off) says of the function, and of each parameter.

    It is read in the one style whose first section or field stands in it foremost. Sections on what is returned or raised,
    examples and notes are left out.
    """
    begun = [(found.start(), read) for pattern, read in _STYLES if (found := pattern().search(doc)) is not None]
    described: list[str] = []
    parameters: dict[str, list[str]] = {}
    lines = doc.splitlines()
    said = min(begun, key=lambda one: one[0])[1](lines) if begun else ((None, line) for line in lines)
    for names, line in said:
        if names is None:
            described.append(line)
        for name in names or ():
            parameters.setdefault(name, []).append(line.strip())
    return (
        _BLANKS().sub("\n\n", "\n".join(described)).strip(),
        {name: " ".join(filter(None, words)).strip() for name, words in parameters.items()},
    )


Said = Iterator[tuple[tuple[str, ...] | None, str]]
"""Lines, and whom they describe: parameters by name, None the function, nobody where they are left out."""


def _google(lines: list[str]) -> Said:
    section, indent = "", 0
    into: tuple[str, ...] | None = None
    for line in lines:
        if section and line[:1].strip():
            section, into = "", None
        if (heading := _GOOGLE().match(line)) is not None:
            section, into, indent = heading[1], (), 0
        elif section in _OF_PARAMETERS and (entry := _entry(line, indent)) is not None:
            indent, into = len(entry[0]), (entry[1],)
            yield into, entry[2]
        else:
            yield into, line


def _entry(line: str, indent: int) -> tuple[str, str, str] | None:
    found = _GOOGLE_ENTRY().match(line)
    return None if found is None or 0 < indent < len(found[1]) else (found[1], found[2], found[3] or "")


def _numpy(lines: list[str]) -> Said:
    section = ""
    into: tuple[str, ...] | None = None
    for n, line in enumerate(lines):
        if _NUMPY().match("\n".join(lines[n : n + 2])) is not None:
            section, into = line.strip(), ()
        elif section in _OF_PARAMETERS and (entry := _NUMPY_ENTRY().match(line)) is not None:
            into = tuple([name.strip(" \\*") for name in entry[1].split(",")])
        elif not (section and line.startswith("---") and not line.strip(" -")):
            yield into, line


def _sphinx(lines: list[str]) -> Said:
    into: tuple[str, ...] | None = None
    blank = False
    for line in lines:
        if (field := _SPHINX_FIELD().match(line)) is not None:
            into = (field[2],) if field[1] in _SPHINX_PARAMETERS and field[2] else ()
            yield into, field[3]
        else:
            into = None if blank and line[:1].strip() else into  # prose at the margin after a blank line is the function's again
            yield into, line
        blank = not line.strip()


_STYLES: tuple[tuple[LatePattern, Callable[[list[str]], Said]], ...] = ((_NUMPY, _numpy), (_GOOGLE, _google), (_SPHINX, _sphinx))
