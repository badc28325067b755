"""How a faulty provider strays from its protocol: a closed vocabulary, each word with the protocols that it is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from ..values.errors import UsageError
from ..values.expect import kind_of, one_of

Quirk = Literal[
    "changing_ids",
    "comments",
    "crlf",
    "empty_call_ids",
    "empty_first_chunk",
    "error_in_200",
    "finish_twice",
    "joined_writes",
    "leading_blanks",
    "no_done",
    "no_event_names",
    "no_message_stop",
    "no_prefill",
    "no_space",
    "no_tool_index",
    "no_usage",
    "null_content",
    "ping_storm",
    "reasoning_field",
    "role_on_every_chunk",
    "split_writes",
    "stop_beside_calls",
    "unknown_events",
    "unknown_fields",
    "usage_on_every_chunk",
    "usage_on_finish",
]
_CHAT = "openai-chat"
_MESSAGES = "anthropic-messages"
QUIRKS: dict[Quirk, tuple[str, str]] = {
    "changing_ids": (_CHAT, "each chunk has another `id` and `created`"),
    "comments": ("all", "a comment line before every event"),
    "crlf": ("all", "lines of a stream end in CR LF"),
    "empty_call_ids": (_CHAT, 'tool calls have the id `""`'),
    "empty_first_chunk": (_CHAT, "the first chunk has `choices: []` and results of a content filter"),
    "error_in_200": ("all", "an error reply has the status 200"),
    "finish_twice": (_CHAT, "`finish_reason` comes on two chunks"),
    "joined_writes": ("all", "two events come in one write"),
    "leading_blanks": ("all", "the body of a whole reply begins with blanks and line ends"),
    "no_done": (_CHAT, "no `[DONE]`"),
    "no_event_names": (_MESSAGES, "events have no `event:` line"),
    "no_message_stop": (_MESSAGES, "no `message_stop`"),
    "no_prefill": ("all", "a conversation that ends with the assistant's words is refused"),
    "no_space": ("all", "`data:{…}`, with no space after the colon"),
    "no_tool_index": (_CHAT, "pieces of tool calls have no `index`, and each call comes whole"),
    "no_usage": ("all", "no `usage` anywhere"),
    "null_content": (_CHAT, "a delta without text has `content: null`"),
    "ping_storm": ("all", "ten pings before every event"),
    "reasoning_field": (_CHAT, "reasoning stands in `reasoning` in place of `reasoning_content`"),
    "role_on_every_chunk": (_CHAT, "`role` stands on every chunk"),
    "split_writes": ("all", "every event comes in two writes, cut in the middle of a character where it has a wide one"),
    "stop_beside_calls": (_CHAT, "`finish_reason` is `stop` beside tool calls"),
    "unknown_events": ("all", "events of an unknown kind in between"),
    "unknown_fields": ("all", "every object has a field that nobody knows"),
    "usage_on_every_chunk": (_CHAT, "`usage` so far on every chunk"),
    "usage_on_finish": (_CHAT, "`usage` on the chunk with the finish reason, in place of a chunk of its own"),
}
"""Each quirk: the dialect that it is about (``all``; elsewhere it has no effect), and what it does."""
ASK_FOR_USAGE: frozenset[str] = frozenset({"usage_on_every_chunk", "usage_on_finish"})
"""Usage is told though nobody asked for it."""
assert set(QUIRKS) == set(get_args(Quirk))


def checked_quirks(quirks: Iterable[Quirk]) -> tuple[Quirk, ...]:
    """The same as a tuple. Raises ``UsageError`` for a word that is none of ours."""
    if isinstance(quirks, str) or not isinstance(quirks, Iterable):
        raise UsageError("wrong type", field="quirks", got=kind_of(quirks), allowed="a list of quirks")
    found = tuple(quirks)
    for n, quirk in enumerate(found):
        one_of(quirk, f"quirks[{n}]", QUIRKS, "quirk")
    return found


def that_apply(quirks: Iterable[Quirk], dialect: str) -> tuple[Quirk, ...]:
    """Those that have an effect in this dialect."""
    return tuple(quirk for quirk in quirks if QUIRKS[quirk][0] in ("all", dialect))
