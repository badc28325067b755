"""The rules of this protocol's streams, and the shapes of its events. Source: bedrock-converse §5, §6, §8 and the service
model."""

from __future__ import annotations

from ..grammar import ANY, COUNT, FIELD_RULES, NAME, OBJECT, TEXT, Each, Fields, Leaf, Rule, Shape, word

RULES: tuple[Rule, ...] = (
    Rule(
        "json",
        "Every frame is one JSON object, no name twice in an object.",
        "Every frame is JSON and an object, however loosely written.",
    ),
    Rule("event-name", "Every frame has a name: an event's, or an exception's.", "Every frame has a name."),
    *FIELD_RULES,
    Rule("shape", None, "`start`, `delta` and what they hold are of the type that they should be."),
    Rule(
        "start",
        "`messageStart` comes first and once; only an exception may come in its place.",
        "`messageStart` comes before any block, and not after one.",
    ),
    Rule(
        "block-index",
        "Blocks are numbered from 0 without gaps, in order; what belongs to a block has its index.",
        "Blocks are numbered from 0 without gaps, in order.",
    ),
    Rule(
        "block-open",
        "One block is open at a time; calls, results and pictures begin with `contentBlockStart`, text and reasoning with their "
        "first delta; what is not open is not closed.",
        "What is open is not opened again, what is not open is not closed; a call, a result and a picture have a start.",
    ),
    Rule("block-closed", "Every block is closed before `messageStop`.", "Every block is closed before `messageStop`."),
    Rule(
        "delta-kind",
        "A delta has one key, and is of a kind that the block that is open has.",
        "A delta of a known kind belongs to a kind of block that has it.",
    ),
    Rule("signature", "Nothing but hidden content follows a signature in its block; it is not empty."),
    Rule("empty-text", "A text block says something, or cites: one that does not is refused when it is sent back."),
    Rule(
        "tool-input",
        "The pieces of a tool's input make up a JSON object, or nothing; but for the last block of a reply that was cut short.",
        "The same, however loosely written.",
    ),
    Rule(
        "message-stop",
        "One `messageStop` comes after all blocks, with a reason.",
        "Some `messageStop` has a reason.",
    ),
    Rule("stop-fits", "The reason `tool_use` ends a reply with such a block."),
    Rule(
        "metadata",
        "One `metadata` comes after `messageStop`; `totalTokens` is the sum of the others.",
        "`usage` is an object.",
    ),
    Rule("end", "`metadata` or an exception is the last message.", "The stream ends after `messageStop` or in an exception."),
    Rule(
        "after-end",
        "Nothing follows `metadata` or an exception.",
        "Nothing that says anything follows `messageStop` (but `metadata`) or an exception.",
    ),
)

STRICT = frozenset(rule.name for rule in RULES if rule.strict is not None)
LENIENT = frozenset(rule.name for rule in RULES if rule.lenient is not None)

CUT_SHORT = frozenset({
    "max_tokens", "model_context_window_exceeded", "guardrail_intervened", "content_filtered", "malformed_tool_use",
    "malformed_model_output",
})  # fmt: skip
"""The reasons of replies that may stop in the midst of a tool's input."""

_PADDED: dict[str, Shape] = {"p": TEXT}
_INDEXED: dict[str, Shape] = {"contentBlockIndex": COUNT}
_FIGURES: dict[str, Shape] = {"inputTokens": COUNT, "outputTokens": COUNT, "totalTokens": COUNT}
_CACHED: dict[str, Shape] = {"cacheReadInputTokens": COUNT, "cacheWriteInputTokens": COUNT}
_STATUS = word("success", "error")

EVENTS: dict[str, Fields] = {
    "messageStart": Fields({"role": word("assistant")}, _PADDED),
    "contentBlockStart": Fields(_INDEXED | {"start": OBJECT}, _PADDED),
    "contentBlockDelta": Fields(_INDEXED | {"delta": OBJECT}, _PADDED),
    "contentBlockStop": Fields(_INDEXED, _PADDED),
    "messageStop": Fields({"stopReason": NAME}, _PADDED | {"additionalModelResponseFields": ANY}),
    "metadata": Fields(
        {"usage": Fields(_FIGURES, _CACHED, ANY), "metrics": Fields({"latencyMs": COUNT}, others=ANY)}, _PADDED, ANY
    ),
}
EXCEPTION_FIELDS = Fields({"message": TEXT}, {"originalStatusCode": COUNT, "originalMessage": TEXT})

STARTS: dict[str, Fields] = {
    "toolUse": Fields({"toolUseId": NAME, "name": NAME}, others=ANY),
    "toolResult": Fields({"toolUseId": NAME}, {"type": TEXT, "status": _STATUS}, ANY),
    "image": Fields({"format": NAME}),
}
_THOUGHT = Leaf(
    "one of text, signature and redactedContent, as text",
    lambda value: (
        type(value) is dict
        and len(value) == 1
        and all(name in ("text", "signature", "redactedContent") and type(said) is str for name, said in value.items())
    ),
)
DELTAS: dict[str, Shape] = {
    "text": TEXT,
    "citation": Fields(may={"title": TEXT, "source": TEXT, "sourceContent": Each(OBJECT), "location": OBJECT}, others=ANY),
    "reasoningContent": _THOUGHT,
    "toolUse": Fields({"input": TEXT}),
    "toolResult": Each(OBJECT),
    "image": Fields(may={"source": OBJECT, "error": OBJECT}),
}
KIND_OF: dict[str, str] = {
    "text": "text",
    "citation": "text",
    "reasoningContent": "reasoning",
    "toolUse": "toolUse",
    "toolResult": "toolResult",
    "image": "image",
}
"""The kind of block that a delta belongs to."""
UNSTARTED = frozenset({"text", "reasoning"})
"""The kinds of blocks that begin with their first delta."""
