"""Which call an answer is to. Older models and many programs give no ids: names and order tell (gemini §5)."""

from __future__ import annotations

from ..pieces import made_up_id


class Calls:
    """The calls of a conversation, as they come by."""

    __slots__ = ("_hosted", "_known", "_made", "_open")

    def __init__(self) -> None:
        self._open: list[tuple[str, str]] = []
        """Id and name of the calls that have no answer yet."""
        self._known: set[str] = set()
        self._made = 0
        self._hosted: list[str] = []

    def _new(self) -> str:
        self._made += 1
        return made_up_id(self._made - 1)

    def called(self, id: str | None, name: str) -> str:
        """The id of a call: its own, or one that is made up, the same every time."""
        id = id or self._new()
        self._open.append((id, name))
        self._known.add(id)
        return id

    def answered(self, id: str | None, name: str) -> str:
        """The id of the call that this answers: the one with the id; else the first of that name; else the first without an
        answer, where there is no id either."""
        if id is not None and id in self._known:
            self._open = [call for call in self._open if call[0] != id]
            return id
        found = next((call for call in self._open if call[1] == name), None)
        if found is None and id is None:
            found = self._open[0] if self._open else None
        if found is None:
            return id or self._new()
        self._open.remove(found)
        return found[0]

    def hosted(self, id: str | None) -> str:
        """The id of a call of the provider's own tool."""
        self._hosted.append(id or self._new())
        return self._hosted[-1]

    def shown(self, id: str | None) -> str:
        """The id of the call of the provider's own tool that this is the result of: its own, or the last one's."""
        return id or (self._hosted[-1] if self._hosted else self._new())
