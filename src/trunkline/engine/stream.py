"""A stream on its way: events in batches, the reply that they fold to, and one end whatever ends it."""

from __future__ import annotations

import msgspec

from ..dialects.error_body import request_id_of
from ..ports import IO, Deadlines
from ..values.errors import ClosedByCallerError, ProviderError, StreamInterruptedError
from ..values.events import Event
from ..values.fold import Fold
from ..values.response import Response
from . import backend
from .call import Call, dress, said, without_key
from .destination import Destination, Own
from .engine import conclude, fail, finished, prepare, pursue
from .settlement import Settlement, called
from .source import Source, WireSource

CLOSED = "the stream was closed while it was being read"


class LiveStream:
    """The events of one call. Nothing is sent before ``open`` (which ``batch`` does by itself).

    Until the first batch is out, retries and other targets are free; after it a failure raises ``StreamInterruptedError`` with
    the partial reply. ``close`` and ``abort`` may be called at any time, ``abort`` from any thread.
    """

    __slots__ = (
        "_began", "_call", "_closed", "_destination", "_first_at", "_fold", "_io", "_opened", "_response", "_settlement",
        "_source",
    )  # fmt: skip

    def __init__(self, io: IO, call: Call) -> None:
        self._io, self._call = io, call
        self._settlement = Settlement(io, call)
        self._fold = Fold()
        self._source: Source | None = None
        self._destination: Destination | None = None
        self._response: Response | None = None
        self._opened = self._closed = False
        self._began = 0.0
        self._first_at: float | None = None

    @property
    def started(self) -> bool:
        return self._opened

    @property
    def ended(self) -> bool:
        return self._settlement.settled

    @property
    def response(self) -> Response:
        """The reply so far; whole once the stream has ended (``partial`` until then)."""
        return self._response or self._folded()

    async def open(self) -> None:
        """Waits for the first events. Nothing happens where it has been closed already."""
        if self._opened or self._closed:
            return
        self._opened = True
        self._settlement.begin(self._io.now())
        try:
            self._call = await prepare(self._io, self._call)
            await pursue(self._io, self._call, self._settlement, self._attempt)
            self._call = self._settlement.call = said(self._call)
        except BaseException as error:
            await self._failed(error)
            raise

    async def _attempt(self, io: IO, call: Call, settlement: Settlement, to: Destination, limits: Deadlines) -> None:
        self._began = io.now()
        self._destination = to
        source: Source
        if isinstance(to, Own):
            backend.check(to, io.blocking)
            source = backend.BackendSource(io, to, call.request, limits)
        else:
            source = WireSource(io, call, settlement, to, limits)
        self._source = source
        try:
            if self._closed:  # from another thread, which has not seen this source
                raise StreamInterruptedError(CLOSED)
            await source.open()
        except BaseException:
            await source.close()
            raise
        self._first_at = io.now() - settlement.began

    async def batch(self) -> list[Event]:
        """What has arrived since; empty at the end."""
        if not self._opened:
            await self.open()
        source = self._source
        if source is None or self._settlement.settled:
            return []
        try:
            events = await source.batch()
            if not events:
                await self._end(source)
                return events
            self._fold.add(events)
            if self._call.hooks.on_event is not None:
                for event in events:
                    await called(self._call.hooks.on_event(event))
        except BaseException as error:
            await self._failed(error)
            raise
        return events

    async def _end(self, source: Source) -> None:
        """Closes the books: on the protocol's own end, or with what ended it early."""
        if source.error is not None:
            raise self._interrupted(source.error) from source.error
        await source.close()
        destination = self._destination
        assert destination is not None  # there is a source
        status = source.head.status if source.head is not None else None
        lost = self._call.warnings if isinstance(destination, Own) else ()  # a wire's are among its events
        response = finished(self._io, self._settlement, destination, self._folded(), self._began, lost, self._first_at, status)
        self._response = await conclude(self._call, response)
        self._settlement.settle("end", self._io.now(), self._response)

    def _folded(self) -> Response:
        response = self._fold.response()
        head = self._source.head if self._source is not None else None
        if head is None:
            return response
        return msgspec.structs.replace(response, headers=head.headers, request_id=request_id_of(head.headers))

    def _interrupted(self, error: ProviderError) -> StreamInterruptedError:
        """``error`` came after events had gone out: it says so, keeps the facts, and holds what came."""
        partial = self._folded()
        if isinstance(error, ClosedByCallerError):
            self._settlement.settle("close", self._io.now(), partial)
        if self._settlement.settled:
            return StreamInterruptedError(CLOSED, partial=partial)
        destination = self._destination
        if destination is not None:
            dress(error, destination, self._call)
            self._settlement.attempted(destination, self._io.now() - self._began, error=error)
            partial = without_key(partial, destination)
        message = f"the stream was interrupted after its first events: {error.message or type(error).__name__}"
        return StreamInterruptedError(
            message,
            partial=partial,
            provider=error.provider,
            model=error.model,
            status=error.status,
            code=error.code,
            kind=error.kind,
            request_id=error.request_id,
            retry_after=error.retry_after,
            provider_message=error.provider_message,
            attempts=self._settlement.attempts,
        )

    async def _failed(self, error: BaseException) -> None:
        try:
            if self._source is not None:
                await self._source.close()
        except BaseException:  # cancelled once more: it is settled, but no hook is awaited now
            self._settlement.settle("error" if isinstance(error, Exception) else "cancel", self._io.now(), error=error)
            raise
        await fail(self._io, self._call, self._settlement, error)

    @property
    def complete(self) -> bool:
        """Whether all has been handed out and only the end is not yet told: one more ``batch`` tells it, without waiting."""
        return self._source is not None and self._source.complete and not self._settlement.settled

    async def close(self) -> None:
        """Ends the stream; what has been read stays in ``response``. Idempotent."""
        self._leave("close")
        if self._source is not None:
            await self._source.close()

    def abort(self, how: str) -> None:
        """Ends the stream at once, from any thread."""
        if self._leave(how) and self._source is not None:
            self._source.abort()

    def _leave(self, how: str) -> bool:
        """Settles what the caller ends himself: nobody's fault."""
        self._closed = True
        if self._settlement.settled:
            return False
        return self._settlement.settle(how, self._io.now(), self._folded())
