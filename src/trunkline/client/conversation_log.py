"""A saved conversation: one row a message, each with its parent, so that what several have in common is stored once.

The rows of a conversation and of all its forks stand in one log; an entry of its own tells each one's title. No row is ever
changed. Messages stand in them in the JSON form that ``docs/json-form.md`` describes; keys never do.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from secrets import token_hex
from threading import Lock
from typing import Any, NamedTuple
from weakref import WeakSet

import msgspec

from ..ports import Store
from ..values.errors import UsageError
from ..values.json_form import from_json, to_json
from ..values.message import Message
from ..values.response import Usage
from ..values.transcript import Transcript
from .conversation_state import History

PREFIX = "conversation/"
MOVED = "conversation-moved/"
"""With the name of a log behind it: the log that stands before it, of what was left of a family when one of it was deleted."""
_NOTHING = msgspec.Raw(b"null")
_TITLE, _LONGEST = 60, 1_000
"""Letters of a title: that is made of the first words, and that somebody gave."""
AGAIN = 60.0
"""Seconds after which it is noted anew when a conversation was last used."""
_log = logging.getLogger("trunkline.stores")
_silent: WeakSet[Log] = WeakSet()
"""Forks of which nothing is written yet: nobody sees in the store which rows they need."""
_lock = Lock()


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
    as ``value``, USD as ``text``. Other kinds are of newer versions, and are passed over."""

    chat: str
    kind: str
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
        self._saved = 0
        self.begun: bool = False
        """Whether anything is written of it."""
        self._system: Message | None = None
        self._pins: list[int] = []
        self._summarized = 0
        self._spent: tuple[Usage, Decimal | None] = (Usage(), Decimal(0))

    def knows(self, history: History, saved: Transcript) -> None:
        """``history`` is what was ``saved``, but for what was said anew of it."""
        self._saved, self.begun = history.kept, True
        self._system, self._pins = saved.system, history.window.pins.copy()
        self._summarized, self._spent = history.summarized, (history.usage, history.cost)

    def forked(self, chat: str, history: History) -> Log:
        """Of a fork: what it has in common with this one is not written again."""
        other = Log(self.store, chat, self.log)
        other._saved = min(self._saved, history.kept, len(history.ids))
        with _lock:
            _silent.add(other)
        return other

    def catch_up(self, history: History) -> None:
        """Never waits."""
        if not history.kept and not self.begun:
            return
        ids, window = history.ids, history.window
        shared = min(self._saved, history.kept, len(ids))
        if not self.begun or shared < self._saved:
            self._saved = shared
            self._write(Row(chat=self.chat, kind="head", parent=ids[self._saved - 1] if self._saved else None))
            self.begun = True
        while self._saved < history.kept:
            if len(ids) == self._saved:
                ids.append(token_hex(8))  # from the system: a child of this process has others
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
        title = title[:_LONGEST].encode("utf-8", "replace").decode() if title else None  # half a character is none
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
    entry = None if data is None else as_entry(chat, data)
    if entry is None:
        raise UsageError("no conversation of that id is saved here", field="id", allowed="one of Conversations(...).list()")
    return entry


def as_entry(chat: str, data: bytes) -> Entry | None:
    """None, and a warning in the log, where ``data`` is none."""
    try:
        return msgspec.json.decode(data, type=Entry)
    except msgspec.DecodeError:
        _log.warning("what the list of conversations tells of %r cannot be read: passed over", chat[:_TITLE])
        return None


def moved(store: Store, log: str) -> str | None:
    """The log before this one."""
    name = store.get(MOVED + log)
    return None if name is None else name.decode()


def rows(store: Store, log: str, containing: bytes | None = None) -> Iterator[tuple[Row, bytes]]:
    """Those of a family of conversations, and as they are stored. What is none is passed over, with a warning in the log."""
    before = moved(store, log)
    for name in (log,) if before is None else (before, log):
        for record in store.query(name, containing=containing):
            try:
                yield _row(record.data), record.data
            except (ValueError, TypeError, AttributeError, RecursionError):
                _log.warning("record %d of %s is no row of a conversation: passed over", record.number, name)


def _row(data: bytes) -> Row:
    try:
        return msgspec.json.decode(data, type=Row)
    except msgspec.DecodeError:  # half a character is escaped, and msgspec refuses it; half a row fails here, too
        tree = json.loads(data)
        value = msgspec.Raw(json.dumps(tree.pop("value", None)).encode())
        return msgspec.structs.replace(msgspec.convert(tree, Row), value=value)


def read(store: Store, chat: str) -> Saved:
    """The conversation. May wait. Raises ``UsageError`` where there is none, or where it cannot be read; ``StoreError``."""
    entry = entry_of(store, chat)
    return Saved(entry, *_told(entry, *branch([row for row, _ in rows(store, entry.log)], chat)))


def branch(rows: Iterable[Row], chat: str) -> tuple[list[Row], dict[str, Row]]:
    """Of all rows of a family those of one conversation: its messages in order, and the last of each kind."""
    messages: dict[str | None, Row] = {}
    last: dict[str, Row] = {}
    head: str | None = None
    for row in rows:
        if row.kind == "message":
            messages[row.id] = row
        if row.chat == chat:
            last[row.kind] = row
            if row.kind in ("message", "head"):
                head = row.id if row.kind == "message" else row.parent
    return _path(messages, head), last


def _path(messages: Mapping[str | None, Row], head: str | None) -> list[Row]:
    """From the first message to ``head``; where rows before it were lost, from the first turn that is whole."""
    back: dict[str, Row] = {}
    while head is not None and head not in back and (row := messages.get(head)) is not None:
        back[head] = row
        head = row.parent
    path = list(reversed(back.values()))
    if head is not None:
        begin = next((place for place, row in enumerate(path) if row.begins), len(path))
        _log.warning("a saved conversation lacks a row; it begins behind it, with %d messages", len(path) - begin)
        del path[:begin]
    return path


def begin_anew(log: str) -> None:
    """Rows of this log are deleted: forks of which nothing is written yet have this process write all that they hold."""
    with _lock:
        for fork in _silent:
            if fork.log == log and not fork.begun:
                fork._saved = 0


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


class _Part(msgspec.Struct):
    type: str = ""
    text: Any = None


class _Parts(msgspec.Struct):
    parts: tuple[_Part, ...] = ()


class _Said(msgspec.Struct):
    value: _Parts


def words(row: Row) -> str:
    """The text of a message, and no more of it: a search reads many."""
    try:
        said = msgspec.json.decode(row.value, type=_Said).value.parts
        return "".join([part.text for part in said if part.type == "text"])
    except (msgspec.DecodeError, TypeError):
        try:
            return str(_value(row).text)
        except (UsageError, AttributeError):  # whoever goes on with it is told
            return ""
