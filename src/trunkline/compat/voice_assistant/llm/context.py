"""What was said so far, as much of it as shall be remembered."""

from __future__ import annotations

from .base import Message, MessageRole


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
        self._turns: list[list[Message]] = []

    def add_user_message(self, content: str) -> None:
        """A new turn begins; the oldest beyond ``max_turns`` is forgotten."""
        self._turns.append([Message(MessageRole.USER, content)])
        del self._turns[: -self.max_turns]

    def add_assistant_message(self, content: str | None) -> None:
        """What the assistant answered."""
        if _says_something(content):
            self._add(Message(MessageRole.ASSISTANT, content or ""))

    def add_tool_result(self, tool_call_id: str, content: str, name: str | None = None) -> None:
        """What a tool answered to the call of that id. The turn that called it need not be said: the providers remember it."""
        self._add(Message(MessageRole.TOOL, content, name, tool_call_id))

    def _add(self, message: Message) -> None:
        if not self._turns:  # the assistant speaks first
            self._turns.append([])
        self._turns[-1].append(message)

    def get_messages(self) -> list[Message]:
        """What to send: a new list, the system message first."""
        system = [Message(MessageRole.SYSTEM, self.system_message or "")] if _says_something(self.system_message) else []
        return system + [message for turn in self._turns for message in turn]

    def clear(self) -> None:
        """Forget all turns; the system message stays."""
        self._turns.clear()

    def __len__(self) -> int:
        """How many turns there are."""
        return len(self._turns)


def _says_something(content: str | None) -> bool:
    return content is not None and not (content == "" or content.isspace())
