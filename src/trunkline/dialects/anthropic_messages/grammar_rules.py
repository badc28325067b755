"""The rules of this protocol's streams, and the shapes of its events. Source: anthropic-messages §5, §8, §10, §13."""

from __future__ import annotations

from ..grammar import (
    ANY,
    COUNT,
    FIELD_RULES,
    NAME,
    NULL,
    OBJECT,
    OBJECTS,
    TEXT,
    WHOLE,
    Fields,
    Leaf,
    Nullable,
    Rule,
    Shape,
    word,
)

RULES: tuple[Rule, ...] = (
    Rule(
        "json",
        "Every frame is one JSON object, no name twice in an object.",
        "Every frame is JSON and an object, however loosely written; `[DONE]` is passed over.",
    ),
    Rule(
        "event-name",
        "The frame's `event:` is its `type`; it has no `id:`.",
        "An event that says something has its `type` as the frame's `event:`: the vendor's own readers go by that.",
    ),
    *FIELD_RULES,
    Rule("shape", None, "`message`, `content_block`, `delta` and the words in a delta are of the type that they should be."),
    Rule(
        "start",
        "`message_start` comes first and once; only an error may come in its place. Events of later kinds come like pings.",
        "`message_start` comes before any block; a second one does not come after a block.",
    ),
    Rule(
        "block-index",
        "Blocks are numbered from 0 without gaps, in order; what belongs to a block has its index.",
        "Blocks are numbered from 0 without gaps, in order.",
    ),
    Rule(
        "block-open",
        "One block is open at a time, and nothing but its deltas and pings comes within it; what is not open is not closed.",
        "What is open is not opened again, what is not open is not closed.",
    ),
    Rule("block-closed", "Every block is closed before `message_delta`.", "Every block is closed before `message_stop`."),
    Rule(
        "delta-kind",
        "A delta belongs to the block that is open and is of a kind that this kind of block has.",
        "A delta belongs to a block that is open; one of a known kind to a kind of block that has it.",
    ),
    Rule("signature", "A thinking block has one signature, which is not empty, as its last delta."),
    Rule("empty-text", "A text block says something: one that does not is refused when it is sent back."),
    Rule(
        "tool-input",
        "The pieces of a tool's input make up a JSON object, or nothing; but for the last block of a reply that was cut short.",
        "The same, however loosely written.",
    ),
    Rule("message-delta", "One `message_delta` comes after all blocks and before `message_stop`."),
    Rule("stop-reason", None, "Some `message_delta`, or the message itself, has a stop reason."),
    Rule(
        "stop-fits",
        "The reason `tool_use` ends a reply with such a block; `stop_sequence` is text for that reason and else null.",
    ),
    Rule("usage", "`output_tokens` is a total: it does not shrink.", "`usage` is an object or null."),
    Rule("end", "`message_stop` or an error is the last event.", "The stream ends in `message_stop` or an error."),
    Rule(
        "after-end",
        "Nothing follows `message_stop` or an error.",
        "Nothing that says anything follows `message_stop` or an error.",
    ),
)

STRICT = frozenset(rule.name for rule in RULES if rule.strict is not None)
LENIENT = frozenset(rule.name for rule in RULES if rule.lenient is not None)

ERROR_TYPES = (
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "conflict_error",
    "request_too_large",
    "rate_limit_error",
    "api_error",
    "timeout_error",
    "overloaded_error",
)
CUT_SHORT = frozenset({"max_tokens", "model_context_window_exceeded", "refusal"})
"""The reasons of replies that may stop in the midst of a tool's input."""

_EMPTY_TEXT = Leaf("an empty text", lambda value: value == "" and type(value) is str)
_EMPTY_LIST = Leaf("an empty list", lambda value: value == [] and type(value) is list)
_EMPTY_OBJECT = Leaf("an empty object", lambda value: value == {} and type(value) is dict)
_CONTENT = Leaf(
    "a list of objects or an object",
    lambda value: type(value) is dict or (type(value) is list and all(type(item) is dict for item in value)),
)

_COUNTS = Nullable(Fields(others=Nullable(WHOLE)))
_FIGURES: dict[str, Shape] = {
    "cache_creation_input_tokens": Nullable(WHOLE),
    "cache_read_input_tokens": Nullable(WHOLE),
    "cache_creation": _COUNTS,
    "server_tool_use": _COUNTS,
    "output_tokens_details": _COUNTS,
    "service_tier": Nullable(TEXT),
    "speed": Nullable(TEXT),
    "inference_geo": Nullable(TEXT),
    "iterations": Nullable(OBJECTS),
}
_MESSAGE = Fields(
    {
        "id": NAME,
        "type": word("message"),
        "role": word("assistant"),
        "model": NAME,
        "content": _EMPTY_LIST,
        "stop_reason": NULL,
        "stop_sequence": NULL,
        "usage": Fields({"input_tokens": WHOLE, "output_tokens": WHOLE}, _FIGURES, ANY),
    },
    {"stop_details": NULL, "container": ANY, "diagnostics": ANY, "context_management": ANY},
)
_STOP = Fields(
    {"stop_reason": NAME, "stop_sequence": Nullable(TEXT)},
    {"stop_details": Nullable(OBJECT), "container": ANY},
)
_TYPE: dict[str, Shape] = {"type": TEXT}
_INDEXED: dict[str, Shape] = {"type": TEXT, "index": COUNT}

EVENTS: dict[str, Fields] = {
    "message_start": Fields(_TYPE | {"message": _MESSAGE}),
    "content_block_start": Fields(_INDEXED | {"content_block": Fields({"type": NAME}, others=ANY)}),
    "content_block_delta": Fields(_INDEXED | {"delta": Fields({"type": NAME}, others=ANY)}),
    "content_block_stop": Fields(_INDEXED),
    "message_delta": Fields(
        _TYPE | {"delta": _STOP, "usage": Fields({"output_tokens": WHOLE}, _FIGURES | {"input_tokens": Nullable(WHOLE)}, ANY)},
        others=ANY,
    ),
    "message_stop": Fields(_TYPE),
    "ping": Fields(_TYPE),
    "error": Fields(
        _TYPE | {"error": Fields({"type": word(*ERROR_TYPES), "message": TEXT}, {"details": Nullable(OBJECT)})},
        {"request_id": Nullable(NAME)},
    ),
}

_CALL: dict[str, Shape] = {"type": NAME, "id": NAME, "name": NAME, "input": _EMPTY_OBJECT}
_CALL_MAY: dict[str, Shape] = {"caller": OBJECT, "toolset_name": TEXT, "server_name": TEXT}
RESULT = Fields(_TYPE | {"tool_use_id": NAME, "content": _CONTENT}, others=ANY)
"""The result of a server's tool, whose ``type`` ends in ``_tool_result``."""
BLOCKS: dict[str, Fields] = {
    "text": Fields(_TYPE | {"text": _EMPTY_TEXT}, {"citations": Nullable(_EMPTY_LIST)}, ANY),
    "thinking": Fields(_TYPE | {"thinking": _EMPTY_TEXT, "signature": _EMPTY_TEXT}, others=ANY),
    "redacted_thinking": Fields(_TYPE | {"data": TEXT}, others=ANY),
    "tool_use": Fields(_CALL, _CALL_MAY, ANY),
    "server_tool_use": Fields(_CALL, _CALL_MAY, ANY),
    "mcp_tool_use": Fields(_CALL, _CALL_MAY, ANY),
    "container_upload": Fields(_TYPE | {"file_id": NAME}, others=ANY),
}
"""Blocks as they start, a server's own fields among theirs. One of a kind that does not stand here comes whole, as it is."""

_CITATION = Fields(
    {
        "type": word(
            "char_location",
            "page_location",
            "content_block_location",
            "web_search_result_location",
            "search_result_location",
        ),
        "cited_text": TEXT,
    },
    dict.fromkeys(
        (
            "document_index",
            "start_char_index",
            "end_char_index",
            "start_page_number",
            "end_page_number",
            "start_block_index",
            "end_block_index",
            "search_result_index",
        ),
        COUNT,
    ),
    others=ANY,
)
DELTAS: dict[str, Fields] = {
    "text_delta": Fields(_TYPE | {"text": TEXT}),
    "citations_delta": Fields(_TYPE | {"citation": _CITATION}),
    "thinking_delta": Fields(_TYPE | {"thinking": TEXT}),
    "signature_delta": Fields(_TYPE | {"signature": NAME}),
    "input_json_delta": Fields(_TYPE | {"partial_json": TEXT}),
}
WORDS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature", "input_json_delta": "partial_json"}
"""The field of a delta that holds its words."""
DELTAS_OF: dict[str, frozenset[str]] = {
    "text": frozenset({"text_delta", "citations_delta"}),
    "thinking": frozenset({"thinking_delta", "signature_delta"}),
    "tool_use": frozenset({"input_json_delta"}),
    "server_tool_use": frozenset({"input_json_delta"}),
    "mcp_tool_use": frozenset({"input_json_delta"}),
}
NO_DELTAS: frozenset[str] = frozenset()
CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
