"""The rules of this protocol's streams, and the shapes of its chunks. Sources: openai-chat §7, §8, §12; wire/README."""

from __future__ import annotations

from ..grammar import (
    ANY,
    COUNT,
    FIELD_RULES,
    NAME,
    NUMBER,
    OBJECT,
    OBJECTS,
    TEXT,
    WHOLE,
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
        "Every frame is one JSON object, no name twice in an object, or `[DONE]`.",
        "Every frame is JSON and an object, however loosely written, or begins with `[DONE]`.",
    ),
    Rule("bare-frame", "Frames have no `event:` name and no `id:`."),
    *FIELD_RULES,
    Rule("shape", None, "`choices`, a choice, its `delta` and what is in it are of a type that a reader can read."),
    Rule(
        "same-head",
        "`id`, `created`, `model` are the same on all chunks; so are `system_fingerprint`, `service_tier` where given.",
    ),
    Rule("one-choice", "A chunk is about one choice; without any it holds usage or moderation."),
    Rule("choice-index", "The choices are numbered from 0 without gaps, and there is at least one."),
    Rule(
        "role-first",
        "A choice's first chunk has the role, with `content` empty or null; beside it there may be the beginning of tool calls, "
        "and nothing else.",
    ),
    Rule("role-once", "The role is not said again."),
    Rule("empty-delta", "Every chunk of a choice says something, but for the last."),
    Rule(
        "call-first",
        "The first fragment of a tool call has id, type, and name.",
        "A fragment of a tool call can be told to belong to a call, and every call gets a name.",
    ),
    Rule("call-again", "Later fragments of a tool call have its index and more of its arguments, and nothing else."),
    Rule("call-index", "The calls of a choice are numbered from 0 without gaps, in the order in which they begin."),
    Rule("call-collides", None, "Two calls do not share an index: a piece with a name and another id begins another call."),
    Rule("function-call", "The old `function_call` has its name on its first fragment only, and stands beside no tool calls."),
    Rule(
        "finish",
        "A choice has one finish reason, on a chunk with `delta: {}`.",
        "A choice that has two finish reasons has the same one twice.",
    ),
    Rule("finish-missing", "Every choice is finished when the stream is."),
    Rule("finish-fits", "`tool_calls` and `function_call` finish a choice that has calls of that kind."),
    Rule("after-finish", "Nothing comes of a choice after its finish reason.", "No words and no call come after it."),
    Rule(
        "usage",
        "If usage was asked for: null on every chunk, then figures once, with `choices: []`, after all finish reasons, the total "
        "no less than the sum. If not: no such field.",
        "Usage is an object or null.",
    ),
    Rule("moderation", "Moderation comes once, with `choices: []`, after all finish reasons."),
    Rule(
        "end",
        "`[DONE]`, exactly so, or an error is the last frame.",
        "The stream ends in `[DONE]`, an error, or with a finish reason for every choice that began.",
    ),
    Rule("after-end", "Nothing follows `[DONE]` or an error.", "Nothing that says anything follows `[DONE]` or an error."),
)

STRICT = frozenset(rule.name for rule in RULES if rule.strict is not None)
LENIENT = frozenset(rule.name for rule in RULES if rule.lenient is not None)

SAME = ("id", "created", "model")

_LOGPROB: dict[str, Shape] = {"token": TEXT, "logprob": NUMBER, "bytes": Nullable(Each(WHOLE))}
_TOKEN = Fields(_LOGPROB, {"top_logprobs": Each(Fields(_LOGPROB))})
_LOGPROBS = Fields({}, {"content": Nullable(Each(_TOKEN)), "refusal": Nullable(Each(_TOKEN))})


def _is_part(value: object) -> bool:
    return type(value) is dict and type(value.get("type")) is str


FRAGMENT = Fields(
    {"index": COUNT},
    {
        "id": NAME,
        "type": word("function", "custom"),
        "function": Fields({}, {"name": NAME, "arguments": TEXT}),
        "custom": Fields({}, {"name": NAME, "input": TEXT}),
        "extra_content": OBJECT,
    },
)
_AUDIO = Fields({}, {"id": NAME, "data": TEXT, "transcript": TEXT, "expires_at": WHOLE})

_CONTENT = Leaf(
    "text, a list of parts or null",
    lambda value: value is None or type(value) is str or bool(type(value) is list and value and all(map(_is_part, value))),
)
DELTA = Fields(
    {},
    {
        "role": word("assistant"),
        "content": _CONTENT,
        "refusal": Nullable(TEXT),
        "tool_calls": Each(FRAGMENT, filled=True),
        "function_call": Fields({}, {"name": NAME, "arguments": TEXT}),
        "audio": _AUDIO,
        "reasoning_content": TEXT,
        "reasoning": TEXT,
        "reasoning_details": OBJECTS,
        "reasoning_encrypted": ANY,
        "images": OBJECTS,
        "annotations": OBJECTS,
    },
)
_CHOICE: dict[str, Shape] = {"index": COUNT, "delta": OBJECT, "finish_reason": Nullable(NAME)}
_CHOICE_MAY: dict[str, Shape] = {"logprobs": Nullable(_LOGPROBS)}

_FIGURE = Nullable(WHOLE)
_KINDS: dict[str, Shape] = {"audio_tokens": _FIGURE, "image_tokens": _FIGURE, "text_tokens": _FIGURE}
_PREDICTED: dict[str, Shape] = {"accepted_prediction_tokens": _FIGURE, "rejected_prediction_tokens": _FIGURE}
USAGE = Fields(
    {"prompt_tokens": WHOLE, "completion_tokens": WHOLE, "total_tokens": WHOLE},
    {
        "prompt_tokens_details": Fields({}, _KINDS | {"cached_tokens": _FIGURE, "cache_write_tokens": _FIGURE}, ANY),
        "completion_tokens_details": Fields({}, _KINDS | _PREDICTED | {"reasoning_tokens": _FIGURE}, ANY),
    },
    others=ANY,
)
_CHUNK: dict[str, Shape] = {"id": NAME, "object": word("chat.completion.chunk"), "created": WHOLE, "model": NAME}
_CHUNK_MAY: dict[str, Shape] = {
    "usage": Nullable(USAGE),
    "system_fingerprint": Nullable(TEXT),
    "service_tier": Nullable(TEXT),
    "obfuscation": TEXT,
    "moderation": OBJECT,
}
CHUNK = Fields(_CHUNK | {"choices": Each(Fields(_CHOICE, _CHOICE_MAY))}, _CHUNK_MAY)
LAST_CHUNK = Fields(_CHUNK | {"choices": Each(Fields(_CHOICE, _CHOICE_MAY, ANY))}, _CHUNK_MAY, ANY)
"""The chunk on which a choice ends, where a server may put what is its own."""
_CODE = Leaf("text or a number", lambda value: type(value) is str or is_count(value))
ERROR = Fields({"error": Fields({"message": TEXT, "type": Nullable(TEXT), "param": Nullable(TEXT), "code": Nullable(_CODE)})})

# What a reader of anybody's stream can make something of; fields that stand here not at all may hold anything.
_LOOSE_TEXT = Leaf("text", lambda value: value is None or type(value) is str)
_LOOSE_INDEX = Leaf("a whole number from 0", lambda value: value is None or is_count(value))
_LOOSE_CONTENT = Leaf("text, a list of parts or an object", lambda value: value is None or type(value) in (str, list, dict))
_LOOSE_LIST = Leaf("a list", lambda value: value is None or type(value) is list)
_LOOSE_OBJECT = Leaf("an object", lambda value: value is None or type(value) is dict)
_LOOSE_FUNCTION = Nullable(Fields({}, {"name": _LOOSE_TEXT, "arguments": _LOOSE_CONTENT}, ANY))
LOOSE_FRAGMENT = Fields({}, {"index": _LOOSE_INDEX, "id": _LOOSE_TEXT, "function": _LOOSE_FUNCTION, "custom": _LOOSE_OBJECT}, ANY)
LOOSE_DELTA = Nullable(
    Fields(
        {},
        {
            "content": _LOOSE_CONTENT,
            "refusal": _LOOSE_TEXT,
            "reasoning": _LOOSE_TEXT,
            "reasoning_content": _LOOSE_TEXT,
            "tool_calls": Nullable(Each(LOOSE_FRAGMENT)),
            "function_call": _LOOSE_FUNCTION,
            "audio": _LOOSE_OBJECT,
            "annotations": _LOOSE_LIST,
            "images": _LOOSE_LIST,
        },
        ANY,
    )
)
LOOSE_CHOICE = Fields({}, {"index": _LOOSE_INDEX, "delta": LOOSE_DELTA, "finish_reason": _LOOSE_TEXT}, ANY)
LOOSE_CHOICES = Nullable(Each(LOOSE_CHOICE))
