"""The rules of a stream of Ollama's (local-servers §3), and the shapes of its lines."""

from __future__ import annotations

import re

from ..grammar import (
    ANY,
    COUNT,
    FIELD_RULES,
    NAME,
    NUMBER,
    OBJECT,
    TEXT,
    Each,
    Fields,
    Leaf,
    Nullable,
    Rule,
    Shape,
    is_count,
    word,
)

RULES = (
    Rule(
        "json",
        "Every line is one JSON object, no name twice in an object.",
        "Every line is JSON and an object, however loosely written.",
    ),
    Rule("bare-frame", "Frames are lines: they have no event's name and no id."),
    *FIELD_RULES,
    Rule("shape", None, "`message`, its words and its calls are of a type that a reader can read."),
    Rule("same-head", "`model` and `created_at` are the same on all lines."),
    Rule("one-thing", "A line before the last says text, a thought or calls, one of them at most; the last says none."),
    Rule("call-index", "Calls are numbered from 0 without gaps, in order."),
    Rule("call-id", "No two calls have the same id."),
    Rule("call-name", None, "Every call has a name."),
    Rule("end", "A line with `done`, or an error, is the last.", "The stream ends in a line with `done`, or an error."),
    Rule("after-end", "Nothing follows it.", "Nothing that says anything follows it."),
)
STRICT = frozenset(rule.name for rule in RULES if rule.strict)
LENIENT = frozenset(rule.name for rule in RULES if rule.lenient)
SAME = ("model", "created_at")

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)
_TIME = Leaf("an RFC 3339 time", lambda value: type(value) is str and _MOMENT.fullmatch(value) is not None)
_NO_TEXT = Leaf("empty text", lambda value: value == "" and type(value) is str)
_TOKEN: dict[str, Shape] = {"token": TEXT, "logprob": NUMBER}
_BYTE = Leaf("a byte", lambda value: is_count(value) and value < 256)
_BYTES: dict[str, Shape] = {"bytes": Each(_BYTE)}
_TOKENS = Each(Fields(_TOKEN, _BYTES | {"top_logprobs": Each(Fields(_TOKEN, _BYTES), filled=True)}), filled=True)
_CALL = Fields({"id": NAME, "function": Fields({"index": COUNT, "name": NAME, "arguments": OBJECT})})
_MESSAGE = Fields({"role": word("assistant"), "content": TEXT}, {"thinking": NAME, "tool_calls": Each(_CALL, filled=True)})
_HEAD: dict[str, Shape] = {"model": NAME, "created_at": _TIME}
LINE = Fields(
    {**_HEAD, "message": _MESSAGE, "done": Leaf("false", lambda value: value is False)},
    {"logprobs": _TOKENS},
)
_DURATIONS: dict[str, Shape] = {
    "total_duration": COUNT, "load_duration": COUNT, "prompt_eval_duration": COUNT, "eval_duration": COUNT,
}  # fmt: skip
_COUNTS: dict[str, Shape] = {"prompt_eval_count": COUNT, "eval_count": COUNT}
_LAST_MESSAGE = Fields({"role": word("assistant"), "content": _NO_TEXT}, {"thinking": _NO_TEXT}, ANY)
LAST_LINE = Fields(
    {**_HEAD, "message": _LAST_MESSAGE, "done": Leaf("true", lambda value: value is True), "done_reason": NAME, **_DURATIONS},
    _COUNTS,
    ANY,
)
"""The line that ends a stream, where a server may put what is its own."""
_STATUS = Leaf("a status of HTTP", lambda value: is_count(value) and 400 <= value < 600)
ERROR = Fields({"error": NAME}, {"status": _STATUS})

# What a reader of anybody's stream can make something of.
_LOOSE_TEXT = Leaf("text", lambda value: value is None or type(value) is str)
_LOOSE_ARGUMENTS = Leaf("an object or text", lambda value: value is None or type(value) in (dict, str))
_LOOSE_CALL = Fields({"function": Fields({}, {"name": _LOOSE_TEXT, "arguments": _LOOSE_ARGUMENTS}, ANY)}, {}, ANY)
_LOOSE_MESSAGE = Fields({}, {"content": _LOOSE_TEXT, "thinking": _LOOSE_TEXT, "tool_calls": Nullable(Each(_LOOSE_CALL))}, ANY)
LOOSE_LINE = Fields({}, {"message": Nullable(_LOOSE_MESSAGE), "response": _LOOSE_TEXT, "thinking": _LOOSE_TEXT}, ANY)
