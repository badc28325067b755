"""Answers that were begun already: a conversation puts the beginning into the model's mouth, which then says only the rest."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..values.message import Message, Text
from ..values.request import Request

LONGEST = 1_000
"""Letters of an instruction to carry on; a longer turn of the user's is one of its own."""
_ON = r"\b(?:continue|carry on|go on|resume|pick up)\b"
_WHERE = r"\b(?:where|exactly|from|cut off|cut short|broke off|broken off|interrupted|left off|stopped)\b"
_INSTRUCTION = re.compile(f"{_ON}.*{_WHERE}|{_WHERE}.*{_ON}", re.IGNORECASE | re.DOTALL)


class TakenUp(NamedTuple):
    """``begun``: what was said of the answer already, ``""`` where nothing was. ``turns``: the messages that it answers.
    ``told``: the user's instruction to carry on, where there is one."""

    begun: str
    turns: tuple[Message, ...]
    told: tuple[Message, ...] = ()


def taken_up(request: Request) -> TakenUp:
    """What ``request`` takes up: the assistant's words at its end; or those before a last turn of the user that asks to continue
    an interrupted answer where it stopped, as clients do whose model takes no words into its mouth."""
    messages = tuple(request.messages)
    told = messages[-1:] if messages and _instructs(messages[-1]) else ()
    start = end = len(messages) - len(told)
    while start and _speaks(messages[start - 1]):
        start -= 1
    if start == end:
        return TakenUp("", messages)
    return TakenUp("".join(message.text for message in messages[start:end]), messages[:start], told)


def _speaks(message: Message) -> bool:
    return message.role == "assistant" and not message.tool_calls


def _instructs(message: Message) -> bool:
    if message.role != "user" or any(type(part) is not Text for part in message.parts):
        return False
    return len(words := message.text) <= LONGEST and _INSTRUCTION.search(words) is not None
