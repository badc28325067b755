"""One turn of a conversation: what is sent, and whether it is kept. Written once, for both clients."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from ..engine.call import Call
from ..engine.media import with_media
from ..ports import IO
from ..values.errors import StoreError, UsageError
from ..values.events import Event
from ..values.message import Message
from ..values.response import Response, Usage
from .calls import Calls
from .conversation_log import Log
from .conversation_state import History

if TYPE_CHECKING:
    from ..engine.stream import LiveStream
    from ..engine.toolstream import RunStream
    from .conversation_summary import Summarizer

_log = logging.getLogger("trunkline.stores")


class Talk:
    """What the turns of a conversation share. ``held`` is the one under way: there is never more than one.

    It is given back by steps that no Ctrl-C can come between, which therefore call nothing.
    """

    def __init__(self, calls: Calls, history: History, summarizer: Summarizer | None) -> None:
        self.calls: Calls = calls
        self.history: History = history
        self.summarizer: Summarizer | None = summarizer
        self.log: Log | None = None
        self.model: str | None = None
        """As the list of saved conversations tells it."""
        self.held: dict[int, object] = {}
        self.closed: bool = False
        """It is saved, and has let go of its store."""

    def take(self, holder: object) -> History:
        """The history, for ``holder`` alone. Raises ``UsageError`` while somebody else has it, and once it is closed."""
        if self.closed:
            raise UsageError("this conversation is closed: go on with it by conversation(id=..., saved_in=...)")
        if self.held.setdefault(0, holder) is not holder:
            raise UsageError(
                "a turn of this conversation is under way: wait until it has ended (a stream: read or close it), or fork()"
            )
        self.history.cut(self.history.kept)  # what an interruption at the worst place may have left
        return self.history

    def saved(self) -> None:
        """Writes down what has changed, where that is wanted. That it cannot is no error of the turn's: the log tells of it, and
        the next turn tries again."""
        if self.log is not None:
            try:
                self.log.catch_up(self.history)
            except StoreError as error:
                _log.warning("what was said is not saved yet: %s", error)

    async def enter(self, io: IO) -> None:
        """Has the list of saved conversations tell of it; likewise."""
        log = self.log
        if log is not None and (entry := log.entered(self.history, io.wall(), self.model)) is not None:
            try:
                await io.offload(lambda: log.enter(entry))
                self.history.title = entry.title
            except StoreError as error:
                _log.warning("the list of conversations lacks one: %s", error)


class Turn:
    """Kept once it is answered, else taken back; whichever comes first counts."""

    __slots__ = ("_ended", "_talk", "call")

    def __init__(self, talk: Talk, call: Call) -> None:
        self._talk = talk
        self.call: Call = call
        self._ended: dict[int, object] = {}

    @property
    def under_way(self) -> bool:
        """Not once it has ended, perhaps by another thread or task."""
        return self._talk.held.get(0) is self

    async def begin(self, io: IO) -> Call:
        """What is sent: the conversation as far as its window shows it, and the new words; nothing once it is not under way."""
        talk, call = self._talk, self.call
        history = talk.take(self)
        new = (await with_media(io, call.request)).messages
        if not self.under_way:
            return call
        window = history.window
        first = window.first
        begins = "user" in [message.role for message in new]
        for place, message in enumerate(new):
            history.add(message, begins=begins and not place)
        warnings = call.warnings
        if talk.summarizer is not None and window.first > first:
            warnings += await talk.summarizer.summarize(io, history)
            if not self.under_way:
                return call
        request = msgspec.structs.replace(call.request, messages=window.sent())
        call = msgspec.structs.replace(call, request=request, warnings=warnings, plain=not history.media)
        if not talk.calls.experience[1]:
            return call
        from .counting import retaught  # few ask for estimates

        return retaught(call)

    async def answered(self, io: IO, ask: Callable[[Call], Awaitable[Response]]) -> Response:
        """What ``ask`` gives, kept."""
        try:
            response = await ask(await self.begin(io))
            await self.keep(io, response)
        except BaseException as error:
            self.take_back(came_with(error))
            raise
        return response

    async def keep(self, io: IO, response: Response) -> None:
        """It is part of the conversation now; where the answer has nothing in it, it is not."""
        if not response.message.parts and not response.steps:
            self.take_back(response)
        elif self.under_way:
            await self._talk.enter(io)
            self.end(response, response.messages)

    def take_back(self, came: Response | None = None) -> None:
        """The conversation is as it was before; but for what the answer took that ``came``, whole or not."""
        self.end(came, ())

    def end(self, came: Response | None, messages: tuple[Message, ...]) -> None:
        """``messages`` follow what was asked; none: nothing was asked."""
        ended, held, one = self._ended, self._talk.held, object()
        if not self.under_way:
            return
        try:
            if ended.setdefault(0, one) is one:
                self._end(came, messages)
        finally:
            if 0 in ended and ended[0] is one and 0 in held and held[0] is self:
                del held[0]

    def _end(self, came: Response | None, messages: tuple[Message, ...]) -> None:
        history = self._talk.history
        if messages:
            for message in messages:
                if message.parts:
                    history.add(message, begins=False)
            history.keep()
        else:
            history.cut(history.kept)
        if came is not None and (messages or came.message.parts or came.steps or came.usage != Usage()):
            history.spend(came.usage, came.cost)
        self._talk.saved()


def came_with(error: BaseException) -> Response | None:
    """The answer, whole or not, that an error tells of."""
    came = getattr(error, "response", None) or getattr(error, "partial", None)
    if came is None and (steps := getattr(error, "steps", None)):  # turns of a run before the one that failed
        from ..engine.steps import Steps

        return Steps.of(steps).so_far(0.0)
    return came if isinstance(came, Response) else None


class TurnStream:
    """What ``LiveStream`` is for a call, for a turn: kept at its end. ``keeps_partial``: the words that came are kept where it
    breaks off or is closed, too."""

    __slots__ = ("_begun", "_io", "_keeps_partial", "_live", "_make", "_ready", "_turn")

    def __init__(
        self,
        io: IO,
        turn: Turn,
        make: Callable[[Call], LiveStream | RunStream],
        ready: Callable[[], Awaitable[object]],
        keeps_partial: bool,
    ) -> None:
        self._io, self._turn, self._make, self._ready, self._keeps_partial = io, turn, make, ready, keeps_partial
        self._live = make(turn.call)
        self._begun = False

    @property
    def started(self) -> bool:
        return self._begun

    @property
    def ended(self) -> bool:
        return self._live.ended

    @property
    def complete(self) -> bool:
        return self._live.complete

    @property
    def response(self) -> Response:
        return self._live.response

    @property
    def partial(self) -> Any:
        return self._live.partial

    async def open(self) -> None:
        """Waits for the first events."""
        if self._begun or self._live.ended:
            return
        self._begun = True
        try:
            await self._ready()
            call = await self._turn.begin(self._io)
            before, self._live = self._live, self._make(call)
            if before.ended or not self._turn.under_way:  # closed by another thread meanwhile
                self._live.abort("close")
            await self._live.open()
        except BaseException as error:
            self._give_up(came_with(error))
            self._live.abort("close")  # who reads on must not ask without what was said before
            raise

    async def batch(self) -> list[Event]:
        """What has arrived since; empty at the end."""
        await self.open()
        try:
            events = await self._live.batch()
            if not events:
                response = self._live.response
                if response.partial:
                    self._give_up(response)
                else:
                    await self._turn.keep(self._io, response)
        except BaseException as error:
            self._give_up(came_with(error))
            raise
        return events

    async def close(self) -> None:
        self._give_up(self._live.response)
        await self._live.close()

    def abort(self, how: str) -> None:
        self._give_up(self._live.response)
        self._live.abort(how)

    def _give_up(self, came: Response | None) -> None:
        if came is None or not self._keeps_partial:
            self._turn.take_back(came)
            return
        words = Message.assistant(came.text) if came.text.strip() else Message.assistant()
        self._turn.end(came, msgspec.structs.replace(came, message=words).messages if words.parts or came.steps else ())
