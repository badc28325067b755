"""The rules of this protocol's streams, and the shapes of its events. Source: openai-responses §4, §7, §11."""

from __future__ import annotations

from ..grammar import (
    ANY,
    COUNT,
    FIELD_RULES,
    NAME,
    NULL,
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

RULES: tuple[Rule, ...] = (
    Rule(
        "json",
        "Every frame is one JSON object, no name twice in an object.",
        "Every frame is JSON and an object, however loosely written; `[DONE]` is passed over.",
    ),
    Rule("event-name", "The frame's `event:` is its `type`; it has no `id:`."),
    Rule("event-kind", "Every event is one of the protocol's; `keepalive` may come at any time."),
    *FIELD_RULES,
    Rule("shape", None, "`response`, `item` and `part` are objects; a delta and what it adds up to are text."),
    Rule("number", "`sequence_number` counts the events from 0.", "Where it is given, `sequence_number` grows."),
    Rule(
        "start",
        "`response.created` comes first, then `response.in_progress`, perhaps with `response.queued` between; each once.",
        "`response.created` comes before any item, and once.",
    ),
    Rule("same-response", "The id, the model and the moment of the response are the same wherever it stands."),
    Rule(
        "item-index",
        "Items are numbered from 0 without gaps, in order; what belongs to an item has its number and its id.",
        "Two items do not share a number.",
    ),
    Rule("item-id", "No two items have one id, but for reasoning, which some providers seal under one."),
    Rule(
        "item-open",
        "One item is open at a time, and nothing that belongs to another comes within it; what is not open is not done.",
        "No words come of an item that is done, and none is done twice.",
    ),
    Rule(
        "item-same",
        "An item is done as what it began: type, id, role, call id, name.",
        "An item is done as the type that it began as.",
    ),
    Rule(
        "part-open",
        "The parts of an item are numbered from 0 without gaps; one is open at a time; each is done before its item is.",
    ),
    Rule(
        "delta-kind",
        "A delta is of the kind that the open part has, or the open item, where it has no parts.",
        "A delta of a known kind belongs to a kind of item that has it.",
    ),
    Rule("empty-delta", "A delta says something, or has log probabilities."),
    Rule(
        "adds-up",
        "What is done holds what was said: the words of its deltas, its annotations, its parts.",
        "The words that are done are those of the deltas, where there were any.",
    ),
    Rule("annotation-index", "The annotations of a text are numbered from 0 without gaps."),
    Rule("progress", "What is told of a hosted tool comes within its item and in its order."),
    Rule(
        "item-done",
        "Every item is done before the response is; but for one that failed.",
        "Every item is done before the response is completed.",
    ),
    Rule(
        "final",
        "The last response has the items that were done, in their order, and no others.",
        "The last response, where it has items, has as many as were done, and of the same types.",
    ),
    Rule(
        "status",
        "The status of the last response is that of its event; it fails with an error, and only then; only what is incomplete has"
        " a reason for it.",
        "The status of the last response is that of its event.",
    ),
    Rule("usage", "The total of `usage` is no less than the sum.", "`usage` is an object or null."),
    Rule(
        "end",
        "`response.completed`, `.incomplete` or `.failed` is the last event; after an `error` only `response.failed` comes.",
        "The stream ends in one of those, or in an error.",
    ),
    Rule("after-end", "Nothing follows the last event.", "Nothing that says anything follows the last event."),
)

STRICT = frozenset(rule.name for rule in RULES if rule.strict is not None)
LENIENT = frozenset(rule.name for rule in RULES if rule.lenient is not None)

TERMINAL = {"response.completed": "completed", "response.incomplete": "incomplete", "response.failed": "failed"}
HEADS = ("response.created", "response.queued", "response.in_progress")
PROGRESS: dict[str, tuple[str, ...]] = {
    "web_search_call": ("in_progress", "searching", "completed"),
    "file_search_call": ("in_progress", "searching", "completed"),
    "code_interpreter_call": ("in_progress", "interpreting", "completed"),
    "image_generation_call": ("in_progress", "generating", "completed"),
    "mcp_call": ("in_progress", "completed", "failed"),
    "mcp_list_tools": ("in_progress", "completed", "failed"),
}
CALLS = {"function_call": ("response.function_call_arguments", "arguments"),
         "custom_tool_call": ("response.custom_tool_call_input", "input")}  # fmt: skip
"""The stem of the events of a call's words, and the field of the item that holds them."""

_HELD = (dict, type(None))
_BOOL = Leaf("true or false", lambda value: type(value) is bool)
_CHOICE = Leaf(
    "auto, none, required or an object with a type",
    lambda value: value in ("auto", "none", "required") if type(value) is str else type(value) is dict and "type" in value,
)
_EMPTY_TEXT = Leaf("an empty text", lambda value: value == "" and type(value) is str)
_EMPTY_LIST = Leaf("an empty list", lambda value: value == [] and type(value) is list)

_DETAILS = Fields(others=Leaf("a whole number from 0, an object or null", lambda value: is_count(value) or type(value) in _HELD))
USAGE = Fields(
    {
        "input_tokens": COUNT,
        "input_tokens_details": _DETAILS,
        "output_tokens": COUNT,
        "output_tokens_details": _DETAILS,
        "total_tokens": COUNT,
    },
    others=ANY,
)
_ERROR = Fields({"code": NAME, "message": TEXT}, others=ANY)
_WHY = Fields({"reason": NAME}, others=ANY)
_RESPONSE: dict[str, Shape] = {
    "id": NAME,
    "object": word("response"),
    "created_at": NUMBER,
    "model": NAME,
    "parallel_tool_calls": _BOOL,
    "tool_choice": _CHOICE,
    "tools": Each(OBJECT),
}
_BEGUN = Fields(
    _RESPONSE
    | {
        "status": word("in_progress", "queued"),
        "error": NULL,
        "incomplete_details": NULL,
        "output": _EMPTY_LIST,
        "usage": NULL,
    },
    others=ANY,
)
_ENDED = Fields(
    _RESPONSE
    | {
        "status": NAME,
        "error": Nullable(_ERROR),
        "incomplete_details": Nullable(_WHY),
        "output": Each(OBJECT),
        "usage": Nullable(USAGE),
    },
    others=ANY,
)

_TOKEN = Fields({"token": TEXT, "logprob": NUMBER}, others=ANY)
_TOKENS = Each(_TOKEN)
_TYPED = Fields({"type": NAME}, others=ANY)
PARTS: dict[str, Fields] = {
    "output_text": Fields({"type": TEXT, "text": TEXT, "annotations": Each(_TYPED)}, {"logprobs": _TOKENS}),
    "refusal": Fields({"type": TEXT, "refusal": TEXT}),
    "reasoning_text": Fields({"type": TEXT, "text": TEXT}),
    "summary_text": Fields({"type": TEXT, "text": TEXT}),
}
"""The parts whose words come in deltas; one of another kind comes whole."""
WORDS = {"output_text": "text", "refusal": "refusal", "reasoning_text": "text", "summary_text": "text"}
"""The field of a part that holds its words."""
BEGUN_PARTS: dict[str, Fields] = {
    "output_text": Fields({"type": TEXT, "text": _EMPTY_TEXT, "annotations": _EMPTY_LIST}, {"logprobs": _EMPTY_LIST}),
    "refusal": Fields({"type": TEXT, "refusal": _EMPTY_TEXT}),
    "reasoning_text": Fields({"type": TEXT, "text": _EMPTY_TEXT}),
    "summary_text": Fields({"type": TEXT, "text": _EMPTY_TEXT}),
}

_SEALED: dict[str, Shape] = {
    "encrypted_content": Nullable(TEXT),
    "status": Nullable(word("in_progress", "completed", "incomplete")),
}
_OPEN, _DONE = word("in_progress"), word("completed", "incomplete")
_MESSAGE: dict[str, Shape] = {"type": TEXT, "id": NAME, "role": word("assistant")}
_CALL: dict[str, Shape] = {"type": TEXT, "id": NAME, "call_id": NAME, "name": NAME}
BEGUN_ITEMS: dict[str, Fields] = {
    "message": Fields(_MESSAGE | {"status": _OPEN, "content": _EMPTY_LIST}, others=ANY),
    "reasoning": Fields(
        {"type": TEXT, "id": NAME, "summary": _EMPTY_LIST}, _SEALED | {"content": Nullable(_EMPTY_LIST)}, others=ANY
    ),
    "function_call": Fields(_CALL | {"arguments": _EMPTY_TEXT, "status": _OPEN}, others=ANY),
    "custom_tool_call": Fields(_CALL | {"input": _EMPTY_TEXT}, others=ANY),
}
DONE_ITEMS: dict[str, Fields] = {
    "message": Fields(_MESSAGE | {"status": _DONE, "content": Each(_TYPED)}, others=ANY),
    "reasoning": Fields(
        {"type": TEXT, "id": NAME, "summary": Each(PARTS["summary_text"])},
        _SEALED | {"content": Nullable(Each(PARTS["reasoning_text"]))},
        others=ANY,
    ),
    "function_call": Fields(_CALL | {"arguments": TEXT, "status": _DONE}, others=ANY),
    "custom_tool_call": Fields(_CALL | {"input": TEXT}, others=ANY),
}
ITEM = Fields({"type": NAME, "id": NAME}, others=ANY)
"""An item of another kind."""

_NUMBERED: dict[str, Shape] = {"type": TEXT, "sequence_number": COUNT}
_OF_ITEM: dict[str, Shape] = _NUMBERED | {"item_id": NAME, "output_index": COUNT}
_OF_CONTENT: dict[str, Shape] = _OF_ITEM | {"content_index": COUNT}
_OF_SUMMARY: dict[str, Shape] = _OF_ITEM | {"summary_index": COUNT}
_PADDED: dict[str, Shape] = {"obfuscation": TEXT}

EVENTS: dict[str, Fields] = {
    **{kind: Fields(_NUMBERED | {"response": _BEGUN}) for kind in HEADS},
    **{kind: Fields(_NUMBERED | {"response": _ENDED}) for kind in TERMINAL},
    "response.output_item.added": Fields(_NUMBERED | {"output_index": COUNT, "item": ITEM}),
    "response.output_item.done": Fields(_NUMBERED | {"output_index": COUNT, "item": ITEM}),
    "response.content_part.added": Fields(_OF_CONTENT | {"part": _TYPED}),
    "response.content_part.done": Fields(_OF_CONTENT | {"part": _TYPED}),
    "response.output_text.delta": Fields(_OF_CONTENT | {"delta": TEXT, "logprobs": _TOKENS}, _PADDED),
    "response.output_text.done": Fields(_OF_CONTENT | {"text": TEXT, "logprobs": _TOKENS}),
    "response.output_text.annotation.added": Fields(_OF_CONTENT | {"annotation_index": COUNT, "annotation": _TYPED}),
    "response.refusal.delta": Fields(_OF_CONTENT | {"delta": TEXT}, _PADDED),
    "response.refusal.done": Fields(_OF_CONTENT | {"refusal": TEXT}),
    "response.reasoning_text.delta": Fields(_OF_CONTENT | {"delta": TEXT}, _PADDED),
    "response.reasoning_text.done": Fields(_OF_CONTENT | {"text": TEXT}),
    "response.reasoning_summary_part.added": Fields(_OF_SUMMARY | {"part": _TYPED}),
    "response.reasoning_summary_part.done": Fields(_OF_SUMMARY | {"part": _TYPED}),
    "response.reasoning_summary_text.delta": Fields(_OF_SUMMARY | {"delta": TEXT}, _PADDED),
    "response.reasoning_summary_text.done": Fields(_OF_SUMMARY | {"text": TEXT}),
    "response.function_call_arguments.delta": Fields(_OF_ITEM | {"delta": TEXT}, _PADDED),
    "response.function_call_arguments.done": Fields(_OF_ITEM | {"arguments": TEXT}),
    "response.custom_tool_call_input.delta": Fields(_OF_ITEM | {"delta": TEXT}, _PADDED),
    "response.custom_tool_call_input.done": Fields(_OF_ITEM | {"input": TEXT}),
    **{f"response.{kind}.{step}": Fields(_OF_ITEM) for kind, steps in PROGRESS.items() for step in steps},
    "keepalive": Fields(_NUMBERED),
    "error": Fields(_NUMBERED | {"code": Nullable(NAME), "message": TEXT, "param": Nullable(TEXT)}),
}
STEMS = {
    "response.output_text": "output_text", "response.refusal": "refusal", "response.reasoning_text": "reasoning_text",
    "response.reasoning_summary_text": "summary_text",
    "response.function_call_arguments": "function_call", "response.custom_tool_call_input": "custom_tool_call",
}  # fmt: skip
"""The stem of the events of some words (``.delta`` and ``.done``), and the kind of part, or of call, that has such words."""
ITEM_OF = {
    "output_text": "message", "refusal": "message", "reasoning_text": "reasoning", "summary_text": "reasoning",
    "function_call": "function_call", "custom_tool_call": "custom_tool_call",
}  # fmt: skip
"""The kind of item that has words of that kind."""
LISTS = {"output_text": "content", "refusal": "content", "reasoning_text": "content", "summary_text": "summary"}
"""Where in its item a part stands."""


def stem_of(kind: str) -> tuple[str, str]:
    """An event's name without its last word, and that."""
    stem, _, last = kind.rpartition(".")
    return stem, last
