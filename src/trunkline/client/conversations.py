"""Where conversations are saved: a store, or the path of a file that becomes one; what is saved there, and where it goes."""

from __future__ import annotations

import os
from secrets import token_hex
from threading import Lock
from time import time
from types import TracebackType

import msgspec

from ..ports import Store
from ..values.errors import UsageError
from ..values.expect import kind_of
from ..values.json_form import from_json, to_json
from .conversation_log import PREFIX, Entry, Log, read, rows
from .conversation_state import History
from .options import SavedIn


class Opened:
    """The store, made when it is first needed where a path was given; and closed then, when the last who has it lets go."""

    def __init__(self, saved_in: SavedIn) -> None:
        if not isinstance(saved_in, Store | str | os.PathLike):
            raise UsageError("no store", field="saved_in", got=kind_of(saved_in), allowed="a Store, or the path of a file")
        self._path = None if isinstance(saved_in, Store) else saved_in
        self._store: Store | None = saved_in if isinstance(saved_in, Store) else None
        self._users = 1
        self._lock = Lock()

    def get(self) -> Store:
        """May wait. Raises ``StoreError`` where the file cannot be used."""
        with self._lock:
            if self._store is None:
                from ..stores.sqlite import SQLiteStore

                assert self._path is not None
                self._store = SQLiteStore(self._path)
            return self._store

    def more(self) -> None:
        """One more has it."""
        with self._lock:
            self._users += 1

    def less(self) -> None:
        """One has done with it: all is written."""
        with self._lock:
            self._users -= 1
            if self._store is None:
                return
            if self._path is None or self._users > 0:
                self._store.flush()
            else:
                self._store.close()


class SavedConversation(msgspec.Struct, frozen=True, kw_only=True):
    """One that is saved. ``created`` and ``used`` (about when last) are Unix seconds; ``model`` as it was named last."""

    id: str
    title: str | None
    created: float
    used: float
    model: str | None = None


class Conversations:
    """The conversations that are saved in a store, or in the file of that path. Blocking: with asyncio by ``asyncio.to_thread``.

    ``Client(...).conversation(id=..., saved_in=...)`` goes on with one. Raises ``StoreError`` where the store cannot be read.
    """

    def __init__(self, saved_in: SavedIn) -> None:
        self._opened = Opened(saved_in)

    def list(self) -> tuple[SavedConversation, ...]:
        """All of them, the one used last first."""
        found = [_listed(id, entry) for id, entry in self._entries().items()]
        return tuple(sorted(found, key=lambda one: one.used, reverse=True))

    def search(self, text: str) -> tuple[SavedConversation, ...]:
        """Those in whose title or messages ``text`` stands, in whatever case. Reads them all."""
        wanted = text.casefold()
        return tuple(one for one in self.list() if wanted in (one.title or "").casefold() or self._says(one.id, wanted))

    def export(self, id: str) -> bytes:
        """As ``Conversation.export`` gives it. Raises ``UsageError`` where there is none of that id."""
        return to_json(read(self._opened.get(), id).transcript)

    def import_(self, data: bytes | str) -> str:
        """Saves what was exported (or a stored list of messages), and gives its id. Files of this machine that it names are
        refused."""
        from .conversation_shared import as_transcript

        history = History(None, None)
        history.restore(as_transcript(from_json(data)))
        return self._write(token_hex(6), history)

    def delete(self, id: str) -> None:
        """It is gone, and so are its rows; those that it shares with forks stay with them. Raises ``UsageError`` where there is
        none of that id."""
        store, entries = self._opened.get(), self._entries()
        read(store, id)
        log = entries.pop(id).log
        family = [other for other, entry in entries.items() if entry.log == log]
        if family:
            self._move(log, f"{PREFIX}{token_hex(6)}", id, {other: entries[other] for other in family})
        store.clear(log)
        store.delete(PREFIX + id)
        store.flush()

    def close(self) -> None:
        """Lets go of the store, where it was given as a path."""
        self._opened.less()

    def __enter__(self) -> Conversations:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _entries(self) -> dict[str, Entry]:
        store = self._opened.get()
        values = {key.removeprefix(PREFIX): store.get(key) for key in store.keys(PREFIX)}
        return {id: msgspec.json.decode(value, type=Entry) for id, value in values.items() if value is not None}

    def _says(self, id: str, wanted: str) -> bool:
        messages = read(self._opened.get(), id).transcript.messages
        return any(wanted in message.text.casefold() for message in messages)

    def _write(self, id: str, history: History) -> str:
        store = self._opened.get()
        log = Log(store, id, PREFIX + id)
        log.catch_up(history)
        entry = log.entered(history, time(), None)
        assert entry is not None  # it has none yet
        log.enter(entry)
        store.flush()
        return id

    def _move(self, log: str, to: str, gone: str, family: dict[str, Entry]) -> None:
        """All that others than the one that is ``gone`` still need."""
        store = self._opened.get()
        needed = {row for other in family for row in read(store, other).ids}
        for row in rows(iter(store.query(log))):
            if row.id in needed or (row.chat != gone and row.kind != "message"):
                store.append(to, msgspec.json.encode(row))
        store.flush()
        for other, entry in family.items():
            store.put(PREFIX + other, msgspec.json.encode(msgspec.structs.replace(entry, log=to)))
        store.flush()


def _listed(id: str, entry: Entry) -> SavedConversation:
    return SavedConversation(id=id, title=entry.title, created=entry.created, used=entry.used, model=entry.model)
