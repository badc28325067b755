"""The watch notices an encoder that breaks its protocol, and stands before every dialect's encoders."""

from __future__ import annotations

import pytest

from tests.watch import Watched, taken_faults
from trunkline.dialects.dialect import Context, EventEncoder
from trunkline.dialects.known import DIALECTS, dialect_of
from trunkline.values.errors import OverloadedError, ProviderError
from trunkline.values.events import Event, Finish, Start, TextDelta, ToolCallDelta
from trunkline.values.model import Target
from trunkline.values.response import Warning

CONTEXT = Context(target=Target(dialect="openai-chat", provider="", model="m"), model="m", stream=True)
HEAD = b'"id":"c","object":"chat.completion.chunk","created":1,"model":"m"'
ROLE = b'data: {%s,"choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}\n\n' % HEAD
END = b'data: {%s,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n' % HEAD
ERROR = b'data: {"error":{"message":"m","type":"t","param":null,"code":null}}\n\n'


class Says:
    """An encoder that says what it is given."""

    def __init__(self, *, said: bytes = ROLE, end: bytes = END, error: bytes = ERROR) -> None:
        self.said, self.end, self.bad = said, end, error
        self.warnings: list[Warning] = []

    def push(self, event: Event) -> bytes:
        return self.said

    def ping(self) -> bytes:
        return b": ping\n\n"

    def finish(self) -> bytes:
        return self.end

    def error(self, error: ProviderError) -> bytes:
        return self.bad


def watch(encoder: EventEncoder) -> Watched:
    return Watched(encoder, dialect_of("openai-chat").stream_grammar(strict=True, context=CONTEXT))


def test_a_right_stream_passes_as_it_is() -> None:
    encoder = watch(Says())
    assert (encoder.push(TextDelta("a")), encoder.ping(), encoder.finish()) == (ROLE, b": ping\n\n", END)
    encoder = watch(Says())
    assert (encoder.push(TextDelta("a")), encoder.error(OverloadedError("m"))) == (ROLE, ERROR)


@pytest.mark.parametrize(
    "encoder,rule",
    [
        (Says(end=b""), "end"),
        (Says(end=END[:-1]), "torn"),
        (Says(end=END + END), "after-end"),
        (Says(end=END.replace(b"stop", b"tool_calls")), "finish-fits"),
        (Says(said=b""), "role-first"),
        (Says(said=ROLE + ROLE), "role-once"),
    ],
)
def test_a_fault_is_an_assertion_error_and_is_kept(encoder: Says, rule: str) -> None:
    watched = watch(encoder)
    with pytest.raises(AssertionError, match=rule):
        (watched.push(TextDelta("a")), watched.finish())
    (kept,) = taken_faults()
    assert rule in kept


def test_an_error_must_be_the_last_word() -> None:
    watched = watch(Says(error=b""))
    with pytest.raises(AssertionError, match="the stream stops without"):
        watched.error(OverloadedError("m"))
    assert taken_faults()


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_s_encoders_are_watched(name: str) -> None:
    encoder = dialect_of(name).event_encoder(CONTEXT)
    assert isinstance(encoder, Watched)
    said = b"".join(encoder.push(event) for event in (Start("id", "m"), TextDelta("hello"), Finish("stop")))
    assert b"hello" in said + encoder.finish()
    assert type(encoder.warnings) is list


def test_what_the_encoder_has_warned_of_may_pass() -> None:
    """A model writes arguments that are no JSON: nobody knows before the end, and the encoder says so."""
    encoder = dialect_of("anthropic-messages").event_encoder(CONTEXT)
    said = encoder.push(ToolCallDelta(0, "toolu_1", "weather", '{"city":')) + encoder.finish()
    assert b"city" in said
    assert any(warning.field == "message.tool_call.arguments" for warning in encoder.warnings)
