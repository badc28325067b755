"""What both kinds of conversation share: all but the waiting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from secrets import token_hex
from typing import Any, Self

import msgspec

from ..engine import repair
from ..engine.stream import LiveStream
from ..ports import IO, Store
from ..values import expect
from ..values.errors import UsageError
from ..values.inputs import System, to_messages
from ..values.json_form import from_json, to_json
from ..values.message import Message
from ..values.response import Response, Usage
from ..values.transcript import Transcript
from .calls import Calls
from .conversation_log import PREFIX, Log, read
from .conversation_state import History
from .conversation_summary import Summarizer
from .conversation_turn import Talk, Turn, TurnStream
from .conversations import Opened
from .moving import Move, move
from .options import CALL_OPTIONS, CONVERSATION_OPTIONS, RUN_OPTIONS, ModelName, Prompt, SavedIn, Summarize, known
from .port import Port


class Talking:
    """A conversation, before it is known how its callers wait."""

    def __init__(
        self,
        port: Port,
        calls: Calls,
        system: System | None,
        options: Mapping[str, Any],
        *,
        blocking: bool,
        saved_in: SavedIn | None,
        id: str | None,
        title: str | None,
        max_turns: int | None,
        max_context_tokens: int | None,
        summarize: Summarize | None,
    ) -> None:
        known(options, CONVERSATION_OPTIONS)
        if max_context_tokens is not None:
            expect.whole(max_context_tokens, "max_context_tokens", 1)
        if summarize and max_turns is None and max_context_tokens is None:
            raise UsageError("nothing is ever left out", field="summarize", allowed="with max_turns or max_context_tokens")
        if options.get("system") is not None:
            if system is not None:
                raise UsageError("said twice", field="system", allowed="once")
            system = options["system"]
        if id is not None and saved_in is None:
            raise UsageError("where is it saved?", field="saved_in", got="None", allowed="a Store, or the path of a file")
        self._port, self._calls, self._blocking = port, calls, blocking
        self._options = {name: value for name, value in options.items() if name not in ("model", "system")}
        self._model: ModelName | None = options.get("model") or calls.model
        summarizer = Summarizer(calls, summarize, self._asked({}), blocking=blocking) if summarize else None
        self._talk = Talk(calls, History(max_turns, max_context_tokens), summarizer)
        self._opened: Opened | None = None if saved_in is None else Opened(saved_in)
        self._id = expect.filled(id, "id") if id is not None else token_hex(6) if saved_in is not None else None
        self._resumes = id is not None
        self._ready = saved_in is None
        history = self._talk.history
        if instructions := system if system is not None else calls.said("system"):
            history.system = to_messages("?", instructions)[0]
            history.lead()
        history.title = None if title is None else expect.filled(title, "title")
        self._talk.model = self._model if isinstance(self._model, str) else None

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str | None:
        """By which it is found again where it is saved; None where it is not."""
        return self._id

    @property
    def messages(self) -> tuple[Message, ...]:
        """All that was said, whatever of it is sent; without the instructions, and without a turn that is under way."""
        return self._history().messages

    @property
    def system(self) -> str | None:
        """The instructions. Setting them holds from the next turn on."""
        system = self._history().system
        return None if system is None else system.text

    @system.setter
    def system(self, system: System | None) -> None:
        with self._alone() as history:
            history.system = to_messages("?", system)[0] if system else None
            history.lead()

    @property
    def title(self) -> str | None:
        """What the list of saved conversations calls it: its first words, unless it is set. Saved with the next turn."""
        return self._history().title

    @title.setter
    def title(self, title: str | None) -> None:
        self._history().title = None if title is None else expect.filled(title, "title")

    @property
    def model(self) -> ModelName | None:
        """Who answers; None: whoever the settings say. Setting it holds from the next turn on, and nothing is lost by it: what
        only one provider understands is kept, and sent again when it is asked again. Raises ``UsageError`` for a name that leads
        nowhere."""
        return self._model

    @model.setter
    def model(self, model: ModelName) -> None:
        self._calls.call("?", {"model": model}, False)
        self._model = model
        self._talk.model = model if isinstance(model, str) else None

    @property
    def usage(self) -> Usage:
        """The tokens of all answers, of those that were taken back and of summaries too; None in it: somebody did not say."""
        return self._history().usage

    @property
    def cost(self) -> Decimal | None:
        """Likewise USD; None where any is not known."""
        return self._history().cost

    # --- what changes it without asking anybody -------------------------------------------------------------------------

    def pin(self, message: Message | None = None) -> None:
        """``message`` (None: the last one) is always sent from now on, whatever is left out; with the call of a tool its result,
        and the other way round. Raises ``UsageError`` where it is not in the conversation."""
        with self._alone() as history:
            history.pin(message)

    def undo(self, turns: int = 1) -> tuple[Message, ...]:
        """Takes back the last turns, and gives what they were. Raises ``UsageError`` where there are not so many."""
        expect.whole(turns, "turns", 1)
        with self._alone() as history:
            before = history.messages
            history.undo(turns)
            return before[history.kept :]

    def fork(self) -> Self:
        """A conversation of its own that begins as this one stands now (without a turn that is under way). ``usage`` and ``cost``
        begin anew; what is saved of both is stored once."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        talk = self._talk
        other._talk = Talk(talk.calls, self._history().still(), talk.summarizer)
        other._talk.model = talk.model
        if self._id is not None:
            other._id = token_hex(6)
            if self._opened is not None:
                self._opened.more()
            if talk.log is not None:
                other._talk.log = talk.log.forked(other._id, other._talk.history)
        return other

    def can_move(self, to: ModelName) -> Move:
        """Whether the model ``to`` could go on from here, and what would be lost on the way: parts and tools that it does not
        take, state of other providers. True or false by itself, ``.losses`` are warnings. Nobody is asked, nothing changes."""
        from ..engine.toolbox import is_source

        options = self._asked({"model": to})
        if options.get("tools") is not None:
            options["tools"] = [tool for tool in expect.items(options["tools"], "tools", "a list") if not is_source(tool)]
        call = self._calls.call("?", options, False)
        seen = self._history().still().window.sent()
        request = msgspec.structs.replace(call.request, messages=seen + call.request.messages)
        return move(msgspec.structs.replace(call, request=request), to if isinstance(to, str) else type(to).__name__)

    def export(self) -> bytes:
        """The whole conversation as JSON (a ``Transcript``, ``docs/json-form.md``)."""
        return to_json(self._history().transcript())

    def load(self, data: bytes | str | Transcript) -> None:
        """Becomes what ``export`` gave, or a stored list of messages. Instructions and title that it has already stay. Raises
        ``UsageError`` where something was said before, and for what is neither; files of this machine are never read."""
        said = data if isinstance(data, Transcript) else as_transcript(from_json(data))
        with self._alone() as history:
            if history.kept:
                raise UsageError("something was said here already", field="data", allowed="a conversation that is empty")
            history.restore(said)

    # --- what the kinds do in their own way -----------------------------------------------------------------------------

    def _history(self) -> History:
        if self._resumes and not self._ready:
            raise UsageError("it has not been read yet", field="id", allowed="`await chat.ready()`, or a turn, before this")
        return self._talk.history

    @contextmanager
    def _alone(self) -> Iterator[History]:
        self._history()
        holder, held = object(), self._talk.held
        try:
            yield self._talk.take(holder)
            self._talk.saved()
        finally:
            if 0 in held and held[0] is holder:
                del held[0]

    async def _made_ready(self) -> IO:
        io = self._port.get()
        if not self._ready and self._opened is not None and self._id is not None:
            opened, id = self._opened, self._id
            store: Store = await io.offload(opened.get)
            saved = await io.offload(lambda: read(store, id)) if self._resumes else None
            if not self._ready:  # another task was faster
                self._talk.log = Log(store, id, PREFIX + id if saved is None else saved.entry.log, saved and saved.entry)
                if saved is not None:
                    history = self._talk.history
                    history.restore(saved.transcript)
                    history.ids = saved.ids
                    self._talk.log.knows(history, saved.transcript)
                self._ready = True
        return io

    def _asked(self, options: Mapping[str, Any], allowed: frozenset[str] = CALL_OPTIONS) -> dict[str, Any]:
        """What is said with a turn: the conversation's own options, and ``options`` on top of them."""
        known(options, allowed)
        if "system" in options:
            raise UsageError("belongs to the conversation", field="system", allowed="chat.system = ..., or a fork() of it")
        asked = {name: value for name, value in self._options.items() if name in allowed}
        if self._model is not None and self._model is not self._calls.model:
            asked["model"] = self._model
        if self._calls.said("system") is not None:
            asked["system"] = None
        return {**asked, **options}

    async def _sent(self, prompt: Prompt, options: Mapping[str, Any]) -> Response:
        io = await self._made_ready()
        turn = Turn(self._talk, self._calls.call(prompt, self._asked(options), False))
        return await turn.answered(io, lambda call: repair.generate(io, call))

    async def _ran(self, prompt: Prompt, options: Mapping[str, Any]) -> Response:
        from ..engine.toolloop import run
        from .running import run_of

        io = await self._made_ready()
        asked = self._asked(options, RUN_OPTIONS)
        call, box, rules = run_of(self._calls, prompt, asked, stream=False, blocking=self._blocking)
        return await Turn(self._talk, call).answered(io, lambda call: run(io, call, box, rules))

    def _stream(self, prompt: Prompt, options: Mapping[str, Any], keep_partial: bool) -> TurnStream:
        io, call = self._port.get(), self._calls.call(prompt, self._asked(options), True)
        return TurnStream(io, Turn(self._talk, call), lambda call: LiveStream(io, call), self._made_ready, keep_partial)

    def _run_stream(self, prompt: Prompt, options: Mapping[str, Any], keep_partial: bool) -> TurnStream:
        from ..engine.toolstream import RunStream
        from .running import run_of

        io, asked = self._port.get(), self._asked(options, RUN_OPTIONS)
        call, box, rules = run_of(self._calls, prompt, asked, stream=True, blocking=self._blocking)
        return TurnStream(
            io, Turn(self._talk, call), lambda call: RunStream(io, call, box, rules), self._made_ready, keep_partial
        )

    async def _added(self, prompt: Prompt) -> None:
        """Each message of the user's begins a turn."""
        from ..engine.media import with_media

        io = await self._made_ready()
        request = self._calls.call(prompt, {"system": None}, False).request
        messages = (await with_media(io, request)).messages
        with self._alone() as history:
            history.say(messages)
            await self._talk.enter(io)

    async def _closed(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            io = self._port.get()
            if self._talk.log is not None and self._talk.log.begun:
                await self._talk.enter(io)
            self._talk.closed = True
            await io.offload(opened.less)

    def __repr__(self) -> str:
        said = len(self._talk.history.window.begins)
        return f"<{type(self).__name__} {self._id or 'not saved'}, {said} {'turn' if said == 1 else 'turns'}>"


def as_transcript(value: object) -> Transcript:
    """A stored conversation, or list of messages; those of the system at its head are its instructions."""
    if isinstance(value, Transcript):
        return value
    if not isinstance(value, tuple) or not all(isinstance(message, Message) for message in value):
        raise UsageError("holds no conversation", field="data", allowed="what export() gave, or a stored list of messages")
    place = next((n for n, message in enumerate(value) if message.role != "system"), len(value))
    parts = tuple(part for message in value[:place] for part in message.parts)
    return Transcript(messages=value[place:], system=Message("system", parts) if place else None)
