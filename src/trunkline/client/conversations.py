"""Where conversations are saved: a store, or the path of a file that becomes one; what is saved there, and where it goes."""

from __future__ import annotations

import os
from secrets import token_hex
from threading import Lock
from time import time
from types import TracebackType

import msgspec

from ..ports import Store
from ..values.errors import StoreError, UsageError
from ..values.expect import kind_of, text as text_of
from ..values.json_form import from_json, to_json
from .conversation_log import MOVED, PREFIX, Entry, Log, as_entry, begin_anew, branch, entry_of, moved, read, rows, words
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
        return _listed(self._entries())

    def search(self, text: str) -> tuple[SavedConversation, ...]:
        """Those in whose title or messages ``text`` stands, in whatever case. Reads them all."""
        wanted, entries = text_of(text, "text").casefold(), self._entries()
        saying = self._saying(wanted, entries)
        return _listed({id: entry for id, entry in entries.items() if id in saying or wanted in (entry.title or "").casefold()})

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
        none of that id, ``StoreError`` where nothing can be written: then some or all of it may still be there."""
        store = self._opened.get()
        log = entry_of(store, id).log
        before, family = moved(store, log), list(rows(store, log))
        others = {row.chat for row, _ in family if row.kind != "message"} - {id}
        needed = {row.id for other in others for row in branch([row for row, _ in family], other)[0]}
        if others:
            left = f"{PREFIX}{token_hex(6)}"
            for row, data in family:
                if row.id in needed if row.kind == "message" else row.chat != id:
                    store.append(left, data)
            self._write_all()
            store.put(MOVED + log, left.encode())
        elif before is not None:
            store.delete(MOVED + log)
        for emptied in (log,) if before is None else (before, log):
            store.clear(emptied)
        store.delete(PREFIX + id)  # last: what is interrupted before can be deleted again
        begin_anew(log)
        self._write_all()

    def close(self) -> None:
        """Lets go of the store, where it was given as a path."""
        self._opened.less()

    def __enter__(self) -> Conversations:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _entries(self) -> dict[str, Entry]:
        store, found = self._opened.get(), {}
        for key in store.keys(PREFIX):
            id, value = key.removeprefix(PREFIX), store.get(key)
            if value is not None and (entry := as_entry(id, value)) is not None:
                found[id] = entry
        return found

    def _saying(self, wanted: str, entries: dict[str, Entry]) -> set[str]:
        """The ids of those in whose messages it stands. What forks share is read once."""
        store = self._opened.get()
        found: set[str] = set()
        families: dict[str, list[str]] = {}
        for id, entry in entries.items():
            families.setdefault(entry.log, []).append(id)
        for log, ids in families.items():
            family = [row for row, _ in rows(store, log)]
            said = {row.id for row in family if row.kind == "message" and wanted in words(row).casefold()}
            found.update(id for id in ids if said and any(row.id in said for row in branch(family, id)[0]))
        return found

    def _write_all(self) -> None:
        if not self._opened.get().flush():
            raise StoreError("the store could not be written: what was changed may be lost")

    def _write(self, id: str, history: History) -> str:
        store = self._opened.get()
        log = Log(store, id, PREFIX + id)
        log.catch_up(history)
        entry = log.entered(history, time(), None)
        assert entry is not None  # it has none yet
        log.enter(entry)
        self._write_all()
        return id


def _listed(entries: dict[str, Entry]) -> tuple[SavedConversation, ...]:
    found = [
        SavedConversation(id=id, title=entry.title, created=entry.created, used=entry.used, model=entry.model)
        for id, entry in entries.items()
    ]
    return tuple(sorted(found, key=lambda one: one.used, reverse=True))
