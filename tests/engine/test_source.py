"""What a reader of tracebacks sees of a stream that was cancelled before its first event: nothing of what had arrived."""

from __future__ import annotations

import traceback

import msgspec
import pytest

from trunkline import Client
from trunkline.client.settings import Settings
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_exchange import ScriptedExchange
from trunkline.sim.scripted_io import ScriptedIO
from trunkline.values.errors import StreamInterruptedError

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


def test_a_whole_reply_that_ends_too_early_holds_what_came_without_the_key() -> None:
    """A program is heard as a stream, also where the whole reply is wanted."""
    events = [
        {
            "type": "message_start",
            "message": {"id": "m", "model": "m", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"Hello {KEY}"}},
    ]
    lines = [msgspec.json.encode({"type": "stream_event", "event": event}) + b"\n" for event in events]
    client = Client(
        "claude-cli/sonnet", api_key=KEY, settings=Settings({}), io=ScriptedIO(processes=[Scripted(body=lines)]), retries=0
    )
    with pytest.raises(StreamInterruptedError, match="ended before its result") as caught:
        client.generate("hi")
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hello ***"
