"""Whatever there is to say, it is said by the rules or told as lost, and nothing is raised."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given, strategies as st

from tests import strategies
from tests.dialects.openai_chat.judge import context
from tests.dialects.openai_chat.server.drawn import serving, state
from trunkline.dialects.openai_chat import DIALECT
from trunkline.values.errors import ProviderError
from trunkline.values.events import Finish, PartDone
from trunkline.values.message import Citation, Message, Opaque, Reasoning, Text, ToolCall
from trunkline.values.response import Response
from trunkline.wire.sse import SseDecoder

# Provider state of this very dialect, and fields of its own: what stands there was never looked at.
fields = st.sampled_from([
    "type", "reasoning_details", "reasoning_encrypted", "annotations", "images", "extra_content", "content", "role", "reasoning", "audio",
    "reasoning_content", "refusal", "tool_calls", "function_call", "x", "id", "index", "function", "logprobs", "usage", "moderation",
    "error", "choices", "object", "finish_reason", "delta", "message", "choice", "service_tier", "created",
])  # fmt: skip
values = strategies.json_values | st.sampled_from(["text", [{"type": "x"}], {"type": "x"}, [5], []])
objects = st.dictionaries(fields, values, max_size=3)
states = objects.map(state)
own_parts = st.one_of(
    st.builds(Opaque, st.just("own"), states),
    st.builds(Reasoning, st.text(max_size=3), state=states),
    st.builds(ToolCall, st.text(max_size=3), st.text(max_size=3), state=states),
    st.builds(
        Text, st.text(max_size=3), st.builds(Citation, st.just("url"), url=st.just("u"), state=states).map(lambda one: (one,))
    ),
)
own_extras = st.dictionaries(fields, values | objects, max_size=3)
own_events = st.builds(PartDone, own_parts) | st.builds(Finish, st.just("stop"), extra=own_extras)
events = st.lists(st.one_of([strategies.of(kind) for kind in strategies.EVENT_TYPES]), max_size=12)
few_choices = events.map(lambda drawn: [msgspec.structs.replace(event, choice=event.choice % 3) for event in drawn])
servings = st.builds(serving, functions=st.booleans(), custom_tools=st.just(("",)))


@given(events | few_choices | st.lists(own_events, max_size=5), servings, st.booleans())
def test_any_events_make_a_stream(drawn, aim, usage):
    """The strict grammar watches (tests/watch.py)."""
    aim = msgspec.structs.replace(aim, stream=True, include_usage=usage)
    encoder = DIALECT.event_encoder(aim)
    body = b"".join([*[encoder.push(event) for event in drawn], encoder.ping(), encoder.finish()])
    frames, decoder = SseDecoder(), DIALECT.event_decoder(context(stream=True))
    decoder.feed(frames.feed(body))
    assert decoder.done


own_responses = st.builds(
    Response, message=st.lists(own_parts, max_size=4).map(lambda parts: Message("assistant", tuple(parts))), extra=own_extras
)


@given(strategies.of(Response) | own_responses, servings)
def test_any_response_makes_a_reply(response, aim):
    reply = DIALECT.encode_response(response, aim)
    body = json.loads(reply.body)
    assert (reply.status, body["object"]) == (200, "chat.completion")
    assert all(choice["finish_reason"] for choice in body["choices"])
    assert all(warning.kind in ("dropped", "approximated") for warning in reply.warnings)


@given(st.one_of([strategies.errors_of(kind) for kind in strategies.ERROR_TYPES if issubclass(kind, ProviderError)]))
def test_any_error_makes_a_reply(error):
    reply = DIALECT.encode_error(error, serving())
    assert 400 <= reply.status < 600
    assert json.loads(reply.body)["error"]["message"]
    for name, value in reply.headers.pairs:
        assert f"{name}: {value}".isprintable()
