"""A saved conversation: one row a message, each with its parent, so that what several have in common is stored once.

The rows of a conversation and of all its forks stand in one log; an entry of its own tells each one's title. No row is ever
changed. Messages stand in them in the JSON form that ``docs/json-form.md`` describes; keys never do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from secrets import token_hex
from typing import Any, Literal, NamedTuple

import msgspec

from ..ports import Record, Store
from ..values.errors import UsageError
from ..values.json_form import from_json, to_json
from ..values.message import Message
from ..values.response import Usage
from ..values.transcript import Transcript
from .conversation_state import History

PREFIX = "conversation/"
_NOTHING = msgspec.Raw(b"null")
_TITLE = 60
AGAIN = 60.0
"""Seconds after which it is noted anew when a conversation was last used."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a list of conversations tells of one: ``log`` holds its rows. Moments are Unix seconds."""

    log: str
    created: float
    used: float
    title: str | None = None
    model: str | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the log. ``message``: its ``id``, its ``parent``, whether it ``begins`` a turn. ``head``: the conversation goes
    on behind ``parent``. ``pins``: the ``ids`` of those that are pinned. ``summary``: of all up to ``parent``. ``spent``: tokens
    as ``value``, USD as ``text``."""

    chat: str
    kind: Literal["message", "head", "system", "pins", "summary", "spent"]
    id: str | None = None
    parent: str | None = None
    begins: bool = False
    value: msgspec.Raw = _NOTHING
    text: str | None = None
    ids: tuple[str, ...] = ()


class Log:
    """Writes down what has become of a conversation since it was last told."""

    def __init__(self, store: Store, chat: str, log: str, entry: Entry | None = None) -> None:
        self.store: Store = store
        self.chat: str = chat
        self.log: str = log
        self.entry: Entry | None = entry
        self._session = token_hex(4)
        self._saved = self._count = 0
        self._begun = False
        self._system: Message | None = None
        self._pins: list[int] = []
        self._summarized = 0
        self._spent: tuple[Usage, Decimal | None] = (Usage(), Decimal(0))

    def knows(self, history: History, saved: Transcript) -> None:
        """``history`` is what was ``saved``, but for what was said anew of it."""
        self._saved, self._begun = history.kept, True
        self._system, self._pins = saved.system, history.window.pins.copy()
        self._summarized, self._spent = history.summarized, (history.usage, history.cost)

    def forked(self, chat: str, history: History) -> Log:
        """Of a fork: what it has in common with this one is not written again."""
        other = Log(self.store, chat, self.log)
        other._saved = min(self._saved, history.kept)
        return other

    def catch_up(self, history: History) -> None:
        """Never waits."""
        if not history.kept and not self._begun:
            return
        ids, window = history.ids, history.window
        if not self._begun or history.kept < self._saved:
            self._saved = min(self._saved, history.kept)
            self._write(Row(chat=self.chat, kind="head", parent=ids[self._saved - 1] if self._saved else None))
            self._begun = True
        while self._saved < history.kept:
            if len(ids) == self._saved:
                self._count += 1
                ids.append(f"{self._session}.{self._count}")
            self._write_message(history, self._saved)
            self._saved += 1
        if history.system != self._system:
            value = _NOTHING if history.system is None else _raw(history.system)
            self._write(Row(chat=self.chat, kind="system", value=value))
            self._system = history.system
        if window.pins != self._pins:
            self._write(Row(chat=self.chat, kind="pins", ids=tuple([ids[place] for place in window.pins])))
            self._pins = window.pins.copy()
        if history.summarized != self._summarized:
            self._summarized = history.summarized
            last = history.summaries[-1] if history.summaries else None
            value, upto = (_NOTHING, None) if last is None else (_raw(last.message), ids[last.upto - 1] if last.upto else None)
            self._write(Row(chat=self.chat, kind="summary", parent=upto, value=value))
        if (history.usage, history.cost) != self._spent:
            cost = None if history.cost is None else str(history.cost)
            self._write(Row(chat=self.chat, kind="spent", value=_raw(history.usage), text=cost))
            self._spent = history.usage, history.cost

    def _write_message(self, history: History, place: int) -> None:
        window, ids = history.window, history.ids
        row = Row(
            chat=self.chat, kind="message", id=ids[place], parent=ids[place - 1] if place else None, begins=window.starts(place),
            value=_raw(window.items[place]),
        )  # fmt: skip
        self._write(row)

    def _write(self, row: Row) -> None:
        self.store.append(self.log, msgspec.json.encode(row))

    def entered(self, history: History, now: float, model: str | None) -> Entry | None:
        """What the list is to tell anew; None where it knows."""
        old, title = self.entry, history.title
        if title is None:
            for message in history.window.items:
                if message.role == "user" and (title := " ".join(message.text[: 4 * _TITLE].split())[:_TITLE]):
                    break
        title = title or None
        if old is not None and (old.title, old.model) == (title, model) and now < old.used + AGAIN:
            return None
        return Entry(log=self.log, created=old.created if old else now, used=now, title=title, model=model)

    def enter(self, entry: Entry) -> None:
        """May wait for the store."""
        self.store.put(PREFIX + self.chat, msgspec.json.encode(entry))
        self.entry = entry


class Saved(NamedTuple):
    """What was read of a conversation: ``ids`` of its messages, in order."""

    entry: Entry
    transcript: Transcript
    ids: list[str]


def entry_of(store: Store, chat: str) -> Entry:
    """Raises ``UsageError`` where there is no such conversation."""
    data = store.get(PREFIX + chat)
    if data is None:
        raise UsageError("no conversation of that id is saved here", field="id", allowed="one of Conversations(...).list()")
    return msgspec.json.decode(data, type=Entry)


def rows(records: Iterator[Record]) -> Iterator[Row]:
    """Those of a log. Raises ``UsageError`` for what is none."""
    for record in records:
        try:
            yield msgspec.json.decode(record.data, type=Row)
        except msgspec.DecodeError:
            raise UsageError("holds what is no row of a conversation", field="saved_in", got=f"record {record.number}") from None


def read(store: Store, chat: str) -> Saved:
    """The conversation. May wait. Raises ``UsageError`` where there is none, or where it cannot be read; ``StoreError``."""
    entry = entry_of(store, chat)
    messages: dict[str | None, Row] = {}
    last: dict[str, Row] = {}
    head: str | None = None
    for row in rows(iter(store.query(entry.log))):
        if row.kind == "message":
            messages[row.id] = row
        if row.chat == chat:
            last[row.kind] = row
            if row.kind in ("message", "head"):
                head = row.id if row.kind == "message" else row.parent
    return Saved(entry, *_told(entry, _path(messages, head), last))


def _path(messages: Mapping[str | None, Row], head: str | None) -> list[Row]:
    """From the first message to ``head``; where rows before it were lost, from the first turn that is whole."""
    path: list[Row] = []
    while (row := messages.get(head)) is not None:
        path.append(row)
        head = row.parent
    path.reverse()
    while head is not None and path and not path[0].begins:
        del path[0]
    return path


def _told(entry: Entry, path: list[Row], last: Mapping[str, Row]) -> tuple[Transcript, list[str]]:
    ids = [str(row.id) for row in path]
    places = {id: place for place, id in enumerate(ids)}
    pins, summary, spent, system = (last.get(kind) for kind in ("pins", "summary", "spent", "system"))
    stands_for = -1 if summary is None else places.get(summary.parent or "", -1)
    transcript = Transcript(
        messages=tuple([_value(row) for row in path]),
        system=None if system is None else _value(system),
        title=entry.title,
        turns=tuple(place for place, row in enumerate(path) if row.begins or not place),
        pinned=tuple(places[id] for id in pins.ids if id in places) if pins else (),
        summary=None if summary is None or stands_for < 0 else _value(summary),
        summarized=stands_for + 1,
        usage=Usage() if spent is None else _value(spent),
        cost=Decimal(0) if spent is None else None if spent.text is None else Decimal(spent.text),
    )
    return transcript, ids


def _raw(value: Message | Usage) -> msgspec.Raw:
    return msgspec.Raw(to_json(value))


def _value(row: Row) -> Any:
    data = bytes(row.value)
    return None if data == b"null" else from_json(data)
