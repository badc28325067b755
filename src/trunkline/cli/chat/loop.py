"""The chat itself: read, answer, until the user leaves."""

from __future__ import annotations

import argparse
import sys

from ... import (
    Client,
    Conversations,
    NoProviderError,
    SavedConversation,
    SQLiteStore,
    StoreError,
    TrunklineError,
    UsageError,
    __version__,
)
from ..options import call_options, client
from ..output import colourful, environ, is_terminal, note, out
from .commands import Leave, Tell, is_command, load, obey, words
from .history import History, chats_file, history_file
from .reading import PipeReader, Reader, TerminalReader
from .session import Session


def chat(args: argparse.Namespace) -> int:
    """Talk until the end of the input; gives the exit code: 0; 1 where a turn from a pipe was not answered; 130 for Ctrl-C."""
    terminal = sys.stdin is not None and sys.stdin.isatty()
    plain = args.plain or not terminal
    with client(args) as llm:
        store, where = _store(args)
        try:
            session = _session(llm, args, store, plain=plain, interactive=terminal)
            if args.resume is not None:
                where = f"It goes on after {len(session.chat.messages)} messages: {session.chat.title}. {where}"
            try:
                if terminal:
                    return _Dialogue(session, _reader(args), colour=colourful(plain=plain)).run(where)
                if where:
                    note(where)
                return _from_pipe(session)
            finally:
                session.chat.close()
        finally:
            if store is not None:
                store.close()


def _store(args: argparse.Namespace) -> tuple[SQLiteStore | None, str]:
    """Where chats are saved, and what to tell of that. A chat does not end for want of it, but one that is to be resumed cannot
    begin."""
    if args.no_save:
        return None, ""
    file = chats_file(environ())
    try:
        if file is None:
            raise StoreError("there is no home where it could be")
        store = SQLiteStore(file, create_folder=True)
    except StoreError as error:
        if args.resume is not None:
            raise
        return None, f"This chat is not saved: {error}"
    return store, f"This chat is saved in {file}: --resume goes on with it, --no-save saves nothing."


def _session(llm: Client, args: argparse.Namespace, store: SQLiteStore | None, *, plain: bool, interactive: bool) -> Session:
    if args.resume is not None and store is None:
        raise UsageError("--no-save and --resume: it could not go on", field="resume", allowed="one of the two")
    resumed = None if args.resume is None or store is None else wanted(store, args.resume)
    options = call_options(args)
    system = options.pop("system", None)
    model: str | None = args.model or (None if resumed is None else resumed.model)
    if model is None:
        found = llm.health(ask=False)
        if found.model is None:
            found = llm.health()  # whoever runs on this machine
        if found.model is None:
            raise NoProviderError(found.why)
        model = found.model
    session = Session(llm, model, options, plain=plain, interactive=interactive, store=store)
    session.choose(model)
    if resumed is not None:
        session.chat = session.begun(None, resumed.id)
    if args.load is not None:
        load(session, args.load)
    if system is not None:
        session.chat.system = str(system)
    return session


def wanted(store: SQLiteStore, what: str) -> SavedConversation:
    """The saved chat of that id, else the last that says ``what``. Raises ``UsageError`` where there is none."""
    saved = Conversations(store)
    chats = saved.list()
    found = [chat for chat in chats if what and chat.id == what] or (saved.search(what) if what else chats)
    if found:
        return found[0]
    known = "; ".join(f"{chat.id} ({chat.title})" for chat in chats[:5]) or "none yet"
    raise UsageError("no saved chat says so" if what else "no chat is saved", field="resume", allowed=known)


def _reader(args: argparse.Namespace) -> Reader:
    history = History(None if args.no_history else history_file(environ()))
    reader = TerminalReader(history, words, coloured=colourful(plain=args.plain))
    if history.problem:
        note(history.problem)
    return reader


def _from_pipe(session: Session) -> int:
    reader = PipeReader()
    try:
        while (text := reader.read()) is not None:
            heed(session, text, note, terminal=False)
    except Leave:
        pass
    return 1 if session.failed else 0


def heed(session: Session, text: str, tell: Tell, *, terminal: bool) -> None:
    """Obey a command, or put the question; blank lines are passed over. Raises ``Leave``."""
    if not text.strip():
        return
    if not is_command(text.strip()):
        session.turn(text[1:] if text.startswith("//") else text)
        return
    try:
        obey(session, text.strip(), tell, terminal=terminal)
    except TrunklineError as error:
        session.failed = True
        note(str(error))


class _Dialogue:
    """At a terminal: a prompt, room around answers, and Ctrl-C that ends no more than is meant."""

    def __init__(self, session: Session, reader: Reader, *, colour: bool) -> None:
        self._session = session
        self._reader = reader
        self._colour = colour

    def run(self, where: str) -> int:
        self.tell(f"Trunkline {__version__}, with {self._session.model}. /help lists the commands, Ctrl-D leaves.")
        if where:
            self.tell(where)
        try:
            return self._talk()
        except Leave:
            return 0

    def _talk(self) -> int:
        at_prompt = interrupted = False
        while True:
            try:
                at_prompt = True
                text = self._reader.read()
                at_prompt = interrupted = False
                if text is None:
                    out("")
                    return 0
                self._heed(text)
            except KeyboardInterrupt:
                out("")
                if interrupted:
                    return 130
                interrupted = at_prompt
                note("Ctrl-C once more, or Ctrl-D, leaves")

    def _heed(self, text: str) -> None:
        room = bool(text.strip()) and not is_command(text.strip())
        if room:
            out("")
        heed(self._session, text, self.tell, terminal=True)
        if room:
            out("")

    def tell(self, text: str) -> None:
        """Of the chat itself, not of the model."""
        if self._colour:
            from .. import paint

            paint.line(text, "dim")
        elif is_terminal():
            out(text)
        else:
            note(text)
