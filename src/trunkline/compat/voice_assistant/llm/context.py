"""What was said so far, as much of it as shall be remembered."""

from __future__ import annotations

from trunkline import ContextWindow

from .base import Message, MessageRole

_SWEPT = 1_000
"""So many messages may be kept that are sent no more."""


class ConversationContext:
    """The system message and the last ``max_turns`` turns; a turn is what a user said and everything up to his next words.

    So results of tools stay with the turn that they belong to. A system or assistant message without text says nothing and is
    left out. Raises ``ValueError`` for fewer than one turn.
    """

    def __init__(self, max_turns: int | None = 10, system_message: str | None = None) -> None:
        self.max_turns: int = 10 if max_turns is None else max_turns
        if self.max_turns < 1:
            raise ValueError(f"max_turns is {max_turns}: at least one turn must be kept")
        self.system_message: str | None = system_message
        self.clear()

    def add_user_message(self, content: str) -> None:
        """A new turn begins; the oldest beyond ``max_turns`` is forgotten."""
        self._window.add(Message(MessageRole.USER, content), begins=True)
        if self._window.first >= _SWEPT:
            self._forget()

    def add_assistant_message(self, content: str | None) -> None:
        """What the assistant answered."""
        if _says_something(content):
            self._window.add(Message(MessageRole.ASSISTANT, content or ""))

    def add_tool_result(self, tool_call_id: str, content: str, name: str | None = None) -> None:
        """What a tool answered to the call of that id. The turn that called it need not be said: the providers remember it."""
        self._window.add(Message(MessageRole.TOOL, content, name, tool_call_id))

    def get_messages(self) -> list[Message]:
        """What to send: a new list, the system message first."""
        system = [Message(MessageRole.SYSTEM, self.system_message or "")] if _says_something(self.system_message) else []
        return [*system, *self._window.sent()]

    def clear(self) -> None:
        """Forget all turns; the system message stays."""
        self._window: ContextWindow[Message] = ContextWindow(self.max_turns, at_once=1)

    def _forget(self) -> None:
        """What is left out is of no use to anybody here."""
        kept = self._window.sent()
        self.clear()
        for message in kept:
            self._window.add(message, begins=message.role is MessageRole.USER)

    def __len__(self) -> int:
        """How many turns there are."""
        return self._window.turns


def _says_something(content: str | None) -> bool:
    return content is not None and not (content == "" or content.isspace())
