"""The rules of this protocol's streams, and the shapes of its events. Source: media §7, the vendor's types, recorded traffic."""

from __future__ import annotations

from ..grammar import ANY, COUNT, FIELD_RULES, NAME, NUMBER, OBJECT, TEXT, Each, Fields, Leaf, Nullable, Rule, Shape, word

RULES: tuple[Rule, ...] = (
    Rule(
        "json",
        "Every frame but the last is one JSON object, no name twice in an object.",
        "Every frame is JSON and an object, however loosely written, or `[DONE]`.",
    ),
    Rule("event-name", "The frame's `event:` is its `type`, that of `[DONE]` is none; there is no `id:`."),
    *FIELD_RULES,
    Rule("shape", None, "`delta`, its `message` and the words in it are of the type that they should be."),
    Rule(
        "start",
        "`message-start` comes first and once; only a `message-end` that tells an error may come in its place.",
        "`message-start` comes before anything is said, and not again once something is.",
    ),
    Rule("plan-first", "The plan comes before content and calls."),
    Rule("item-index", "Items of content are numbered from 0 without gaps, in order; what belongs to one has its index."),
    Rule(
        "item-open",
        "One item or call is open at a time; its pieces and citations alone come within it; what is not open is not ended.",
        "What is open is not opened again; what is not open does not grow, and is not ended.",
    ),
    Rule("piece-kind", "A piece is of the kind of its item: text, or thinking.", "The same."),
    Rule("closed", "Every item and call is ended before `message-end`.", "The same, but for a reply that ends in an error."),
    Rule("call-index", "Calls are numbered from 0 without gaps, in order; what belongs to one has its index."),
    Rule(
        "tool-input",
        "The pieces of a call's arguments make up a JSON object, or nothing; but for the last call of one that was cut short.",
        "The same, however loosely written.",
    ),
    Rule(
        "citation",
        "Citations are numbered from 0 and each ends at once; it names an item of content that has begun.",
    ),
    Rule("finish-fits", "The reason `TOOL_CALL` ends a reply with a call."),
    Rule("finish-reason", None, "`message-end` has a reason, or an error."),
    Rule(
        "end",
        "`message-end` and then `[DONE]` are the last frames.",
        "The stream ends in `message-end`; `[DONE]` may follow.",
    ),
    Rule(
        "after-end",
        "Nothing follows `[DONE]`, and nothing else `message-end`.",
        "Nothing that says anything follows `message-end`.",
    ),
)  # fmt: skip

STRICT = frozenset(rule.name for rule in RULES if rule.strict is not None)
LENIENT = frozenset(rule.name for rule in RULES if rule.lenient is not None)

CUT_SHORT = frozenset({"MAX_TOKENS", "ERROR", "TIMEOUT", "ERROR_TOXIC"})
"""The reasons of replies that may stop in the midst of a call."""
KINDS = ("text", "thinking")
"""The items of content whose words come in pieces."""

_EMPTY_TEXT = Leaf("an empty text", lambda value: value == "" and type(value) is str)
_REASON = Leaf("a word in capitals", lambda value: type(value) is str and value.isupper())
_EMPTY_LIST = Leaf("an empty list", lambda value: value == [] and type(value) is list)
_TYPE: dict[str, Shape] = {"type": TEXT}
_INDEXED: dict[str, Shape] = {"type": TEXT, "index": COUNT}
_COUNTS = Fields(others=Nullable(NUMBER))
_USAGE = Fields(may={"billed_units": _COUNTS, "tokens": _COUNTS, "cached_tokens": Nullable(NUMBER)}, others=ANY)


def _message(**fields: Shape) -> Shape:
    return Fields({"message": Fields(fields)})


_SOURCE = Fields({"type": word("tool", "document")}, {"id": TEXT, "tool_output": OBJECT, "document": OBJECT}, ANY)
CITATION = Fields(
    {"start": COUNT, "end": COUNT, "text": TEXT, "sources": Each(_SOURCE)},
    {"type": word("TEXT_CONTENT", "THINKING_CONTENT", "PLAN"), "content_index": COUNT},
    ANY,
)
ITEMS: dict[str, Fields] = {kind: Fields(_TYPE | {kind: _EMPTY_TEXT}) for kind in KINDS}
"""Items of content as they begin. One of a kind that does not stand here comes whole."""
PIECES: dict[str, Fields] = {kind: Fields({kind: TEXT}) for kind in KINDS}
_LOGPROBS = Fields({"text": TEXT, "token_ids": Each(COUNT), "logprobs": Each(NUMBER, filled=True)})

EVENTS: dict[str, Fields] = {
    "message-start": Fields(
        _TYPE
        | {
            "id": NAME,
            "delta": _message(
                role=word("assistant"),
                content=_EMPTY_LIST,
                tool_plan=_EMPTY_TEXT,
                tool_calls=_EMPTY_LIST,
                citations=_EMPTY_LIST,
            ),
        }
    ),
    "tool-plan-delta": Fields(_TYPE | {"delta": _message(tool_plan=NAME)}),
    "content-start": Fields(_INDEXED | {"delta": _message(content=Fields({"type": NAME}, others=ANY))}),
    "content-delta": Fields(_INDEXED | {"delta": _message(content=OBJECT)}, {"logprobs": _LOGPROBS}),
    "content-end": Fields(_INDEXED),
    "tool-call-start": Fields(
        _INDEXED
        | {
            "delta": _message(
                tool_calls=Fields(
                    {
                        "id": NAME,
                        "type": word("function"),
                        "function": Fields({"name": NAME, "arguments": _EMPTY_TEXT}),
                    },
                    others=ANY,
                )
            )
        }
    ),
    "tool-call-delta": Fields(_INDEXED | {"delta": _message(tool_calls=Fields({"function": Fields({"arguments": NAME})}))}),
    "tool-call-end": Fields(_INDEXED),
    "citation-start": Fields(_INDEXED | {"delta": _message(citations=CITATION)}),
    "citation-end": Fields(_INDEXED),
    "message-end": Fields(
        _TYPE | {"delta": Fields({"finish_reason": _REASON, "usage": _USAGE}, {"error": TEXT, "error_type": NAME}, ANY)}
    ),
}
