"""How many tokens a request is, by its family's way of counting, with bounds: no tokenizer, counts of what stands in the text.

What pre-tokenizers cut a text into is counted at the speed of C: words, their lengths, figures, marks, lines, other scripts.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator
from math import ceil

import msgspec

from ..values.message import Audio, File, HostedToolCall, Image, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Video
from ..values.request import CustomTool, Request, Tool
from ..values.token_estimate import TokenEstimate, TokenFamily
from .tokens import parts_of

MEASURES = (
    "words", "uncommon words", "letters above 6", "letters above 10", "humps", "pairs of capitals", "figures",
    "threes of figures", "figures after a space", "runs of marks", "further marks", "lines", "runs of spaces", "foreign words",
    "contractions", "Latin letters", "Greek and Cyrillic", "Chinese and Japanese", "Korean", "other scripts", "other signs",
)  # fmt: skip
"""What is counted in a text, in the order of ``TokenFamily.rates``."""
_DOUBTS = (0.15, 0.3, 0.6, 1.0, 0.3, 0.8, 0.5, 0.5, 0.3, 0.2, 1.0, 0.3, 0.8, 0.8, 0.0, 0.6, 0.6, 0.6, 0.6, 0.7, 0.95)
"""By what share the tokens of each may be off in a text that is of nothing else: long runs of one sign are few tokens."""
_LONG = MEASURES.index("letters above 10")
_DENSE = 0.5
"""Tokens of each letter of what is no word (keys, base64, hexadecimal), at most."""
MEDIA: dict[type[Part], tuple[int, int, int]] = {
    Image: (60, 800, 5_000), Audio: (10, 400, 200_000), Video: (50, 3_000, 1_000_000), File: (50, 3_000, 1_000_000),
}  # fmt: skip
"""Tokens of one: the fewest, about, and the most. No sheet gives a formula, and sizes and lengths are not read for this."""
_BLANKS, _CONTROLS = b" \t\n\r", bytes({*range(1, 32), 127} - {9, 10, 13})
_BLANK = 1 / 8
"""Tokens of each blank beyond one for each word, at most: long runs are few tokens."""
_PER_CALL = 8
"""Tokens around a tool's call, and around its answer."""

_COMMON = frozenset(
    b"the of and to a in is you that it for on with as are at be this have from or by not but what all can an your which if do "
    b"will i one about how up out them then she many some so these would other into has more her two like him time make no just "
    b"my than who its now their there was we when use each said me he they were".split()
)


def _only(kept: str) -> bytes:
    return bytes(code if chr(code) in kept and code < 128 else 32 for code in range(256))


_LETTERS, _FIGURES, _MARKS = _only(string.ascii_letters), _only(string.digits), _only(string.punctuation)
_KINDS = bytes(
    97 if 97 <= code <= 122 else 65 if 65 <= code <= 90 else 48 if 48 <= code <= 57
    else 10 if code == 10 else 32 if code in {9, 13, 32} else 46
    for code in range(256)
)  # fmt: skip
_LINES, _SPACES = re.compile(rb"\n[\n ]*"), re.compile(rb"  +")
_CONTRACTIONS = re.compile(rb"'(?:[stmd]|re|ve|ll)(?![A-Za-z'])")
_BEYOND_ASCII = re.compile("[^\x00-\x7f]+")
_SCRIPTS = tuple(
    re.compile(f"[{letters}]")
    for letters in (
        "\u0080-\u024f",
        "\u0370-\u052f",
        "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
        "\u1100-\u11ff\uac00-\ud7af",
        "\u0530-\u10ff\u1200-\u1fff\ua000-\uabff",
    )
)


def measure(text: str) -> list[int]:
    """How often each of ``MEASURES`` stands in ``text``."""
    data = text.encode("utf-8", "surrogatepass")
    words = data.translate(_LETTERS).split()
    common = sum(map(_COMMON.__contains__, words))
    lengths = Counter(map(len, words)).items()
    kinds = data.translate(_KINDS)
    figures, marks = data.translate(_FIGURES).split(), data.translate(_MARKS).split()
    found = [
        len(words),
        len(words) - common,
        sum((length - 6) * many for length, many in lengths if length > 6),
        sum((length - 10) * many for length, many in lengths if length > 10),
        kinds.count(b"aA"),
        kinds.count(b"AA"),
        sum(map(len, figures)),
        sum((len(run) + 2) // 3 for run in figures),
        kinds.count(b" 0"),
        len(marks),
        sum(map(len, marks)) - len(marks),
        len(_LINES.findall(kinds)),
        len(_SPACES.findall(kinds)),
        max(0, len(words) - 10 - 5 * common),
        len(_CONTRACTIONS.findall(data)),
    ]
    if len(data) == len(text):
        return found + [0] * (len(_SCRIPTS) + 1)
    beyond = "".join(_BEYOND_ASCII.findall(text))
    scripts = [len(script.findall(beyond)) for script in _SCRIPTS]
    return [*found, *scripts, len(beyond) - sum(scripts)]


def unmeasured(text: str, words: int) -> float:
    """Tokens, at most, of what is in none of the ``MEASURES``: blanks beyond one for each of its ``words``, control signs."""
    data = text.encode("utf-8", "surrogatepass")
    blanks = len(data) - len(data.translate(None, _BLANKS))
    controls = len(data) - len(data.translate(None, _CONTROLS)) + 2 * data.count(b"\0\0")  # one stands between two pieces
    return max(0, blanks - words) * _BLANK + controls


def weighed(counts: Iterable[float], rates: Iterable[float]) -> float:
    """So many times so much, added up."""
    return sum(map(float.__mul__, map(float, counts), rates))


def text_of(request: Request) -> str:
    """What stands in its messages, a NUL between the pieces."""
    return "\0".join([words for message in request.messages for part in parts_of(message.parts) if (words := _words(part))])


def _words(part: Part) -> str:
    if isinstance(part, Text | Refusal):
        return part.text
    return f"{part.name}\0{part.raw_arguments}" if isinstance(part, ToolCall | HostedToolCall) else ""


def tools_text(request: Request) -> str:
    """The definitions of its tools."""
    return "\0".join(
        f"{tool.name}\0{tool.description or ''}\0{_json(tool.parameters) if isinstance(tool, Tool) else tool.grammar or ''}"
        for tool in request.tools
        if isinstance(tool, Tool | CustomTool)
    )


def schema_text(request: Request) -> str:
    """The schema that its answer shall obey."""
    return _json(request.output.schema) if request.output is not None and request.output.schema else ""


def _json(value: object) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()


def around(request: Request, family: TokenFamily) -> float:
    """The tokens that stand around its words."""
    messages = request.messages
    total = family.request + family.message * (len(messages) - 1)
    total += family.system * sum(message.role == "system" for message in messages)
    if thinks(request):
        total += family.thinking
    return total + family.json if request.output is not None and not request.output.schema else total


def thinks(request: Request) -> bool:
    """Whether it asks for thought."""
    asked = request.reasoning
    return asked is not None and asked.effort != "none" and asked.enabled is not False


def estimate(request: Request, family: TokenFamily) -> TokenEstimate:
    """About how many tokens ``request`` sends, as ``family`` counts. O(length of its text); media are not looked into."""
    counts = measure(text := text_of(request))
    rates = family.rates
    tokens = weighed(counts, rates)
    doubt = weighed(counts, map(abs, map(float.__mul__, rates, _DOUBTS)))
    frame = around(request, family)
    wide = max(doubt, family.off[1] * tokens) + min(family.off[1], 0.25) * max(0.0, frame) + 2.0
    total, low, high = (
        tokens + frame,
        tokens + frame - wide,
        tokens + frame + wide + counts[_LONG] * _DENSE + unmeasured(text, counts[0]),
    )
    for few, about, most in _besides(request, family):
        total, low, high = total + about, low + few, high + most
    about = max(1, round(total))
    return TokenEstimate(about, min(about, max(1, int(low))), max(about, ceil(high)), family.name)


def _besides(request: Request, family: TokenFamily) -> Iterator[tuple[float, float, float]]:
    """What is sent besides the words of messages, piece by piece: the fewest tokens, about, and the most."""
    if request.tools:
        once, each, factor = family.tools
        yield _loosely(once + each * len(request.tools) + factor * weighed(measure(tools_text(request)), family.rates))
    if schema := schema_text(request):
        once, factor = family.schema
        yield _loosely(once + factor * weighed(measure(schema), family.rates))
    for message in request.messages:
        yield from (_other(part) for part in parts_of(message.parts) if not isinstance(part, Text))


def _loosely(tokens: float) -> tuple[float, float, float]:
    return 0.4 * tokens, max(0.0, tokens), 2.0 * abs(tokens) + 10.0


def _other(part: Part) -> tuple[float, float, float]:
    """What anything but text adds: the fewest, about, and the most."""
    if isinstance(part, ToolCall | ToolResult):
        return 0.0, _PER_CALL, 4.0 * _PER_CALL
    if isinstance(part, Reasoning):  # most providers leave out what was thought in earlier turns
        return 0.0, 0.0, len(part.text) / 2.0
    return MEDIA.get(type(part), (0.0, 0.0, 0.0))
