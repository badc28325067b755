"""What a reader of tracebacks sees of a stream that was cancelled before its first event: nothing of what had arrived."""

from __future__ import annotations

import traceback

import pytest

from trunkline import Client
from trunkline.client.settings import Settings
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_exchange import ScriptedExchange
from trunkline.sim.scripted_io import ScriptedIO

KEY = "sk-source-0123456789abcdef"


@pytest.mark.parametrize("begun", [f": {KEY}\n", f'data: {{"id": "{KEY}"', f'{{"error": "{KEY}', f'[{{"error": "{KEY}'])
def test_a_wait_for_the_first_event_holds_nothing_that_came(begun: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = ScriptedExchange.read

    async def interrupted(self: ScriptedExchange) -> bytes:
        if self.at == 1:
            raise KeyboardInterrupt
        return await read(self)

    monkeypatch.setattr(ScriptedExchange, "read", interrupted)
    io = ScriptedIO([Scripted(200, {"x-echo": KEY}, [begun.encode(), b"more"])])
    with pytest.raises(KeyboardInterrupt) as caught:
        Client("openai/gpt-5.4", settings=Settings({"OPENAI_API_KEY": KEY}), io=io).stream("hi").__enter__()
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = "\n".join(f"{frame.name} {frame.locals}" for frame in told.stack if "tests" not in frame.filename)
    assert "_begin" in shown
    assert KEY not in shown
