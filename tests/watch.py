"""Every event encoder that a test has from a dialect is watched by that dialect's strict grammar, wherever in the test it works.

What it says is decoded as a client would and held to the grammar: a fault is an ``AssertionError`` at once, and, lest a server
take that for a failure of its own and carry on, the test fails in the end too.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from trunkline.dialects.dialect import Context, EventEncoder, Fault, Framing, StreamGrammar
from trunkline.dialects.framings import frame_decoder
from trunkline.dialects.known import DIALECTS, dialect_of
from trunkline.values.errors import ProviderError
from trunkline.values.events import Event
from trunkline.values.response import Warning

EXCUSES = {"message.tool_call.arguments": "tool-input"}
"""Fields of warnings, and the rule that may be broken where an encoder has warned: arguments go out while the model writes them, and
nobody knows before their end that they are no JSON."""

_faults: list[str] = []
"""Those of the tests that run now."""


class Watched:
    """An encoder and the grammar that it is held to."""

    def __init__(self, encoder: EventEncoder, grammar: StreamGrammar, framing: Framing = Framing.SSE) -> None:
        self._encoder = encoder
        self._grammar = grammar
        self._frames = frame_decoder(framing)
        self._said: list[bytes] = []

    @property
    def warnings(self) -> list[Warning]:
        return self._encoder.warnings

    def push(self, event: Event) -> bytes:
        return self._hold(self._encoder.push(event))

    def ping(self) -> bytes:
        return self._hold(self._encoder.ping())

    def finish(self) -> bytes:
        return self._hold(self._encoder.finish(), end=True)

    def error(self, error: ProviderError) -> bytes:
        return self._hold(self._encoder.error(error), end=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def _hold(self, said: bytes, *, end: bool = False) -> bytes:
        self._said.append(said)
        faults = self._grammar.feed(self._frames.feed(said))
        if end:
            if torn := self._frames.finish():
                faults += [Fault("torn", 0, "the last event lacks its end"), *self._grammar.feed(torn)]
            faults += self._grammar.finish()
        told_of = {EXCUSES.get(warning.field) for warning in self._encoder.warnings}
        faults = [fault for fault in faults if fault.rule not in told_of]
        if faults:
            told = "\n".join(map(str, faults)) + "\nin this stream:\n" + b"".join(self._said).decode("utf-8", "replace")
            _faults.append(told)
            raise AssertionError(told)
        return said


def watched(make: Callable[[Any, Context], EventEncoder]) -> Callable[[Any, Context], Watched]:
    """A dialect's ``event_encoder`` whose encoders are watched."""

    def event_encoder(self: Any, context: Context) -> Watched:
        array = context.served is not None and context.served.array
        framing = Framing.JSON_ARRAY if array else self.framing
        return Watched(make(self, context), self.stream_grammar(strict=True, context=context), framing)

    return event_encoder


def taken_faults() -> list[str]:
    """The faults since the last time; they are nobody's any more."""
    taken = _faults[:]
    del _faults[: len(taken)]
    return taken


@pytest.fixture(scope="session", autouse=True)
def watched_encoders() -> Iterator[None]:
    """Put the watch on every dialect that has encoders."""
    with pytest.MonkeyPatch.context() as patch:
        for name in DIALECTS:
            kind: Any = type(dialect_of(name))
            patch.setattr(kind, "event_encoder", watched(kind.event_encoder))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """A test fails for a fault of an encoder that somebody caught."""
    try:
        outcome = yield
    except BaseException:  # it has failed, perhaps for that very fault
        taken_faults()
        raise
    if unseen := taken_faults():
        pytest.fail("an event encoder broke its protocol:\n" + "\n\n".join(unseen))
    return outcome
