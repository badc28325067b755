"""Laws, on generated replies: a stream folds to what the whole reply says, and decoding never fails in another way than ours."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings, strategies as st

from tests.dialects.anthropic_messages.judge import context, judge, target
from tests.dialects.anthropic_messages.reading import folded, pieces, read, sse
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.values.errors import MalformedResponseError, ProviderError
from trunkline.values.fold import fold, unfold
from trunkline.values.message import Message, Text
from trunkline.values.request import Request
from trunkline.values.response import Response
from trunkline.wire.http import HttpReply
from trunkline.wire.sse import Frame

WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
IDS = st.from_regex(r"[a-z]{2,5}_[a-zA-Z0-9]{1,6}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | WORDS, lambda inner: st.lists(inner, max_size=2), max_leaves=4
)
OBJECTS = st.dictionaries(WORDS, VALUES, max_size=3)
COUNTS = st.integers(0, 10**6)


def block(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(kind), **fields})


PLACES = block("web_search_result_location", cited_text=WORDS, url=WORDS, title=st.none() | WORDS, encrypted_index=WORDS) | block(
    "char_location",
    cited_text=WORDS,
    document_index=COUNTS,
    document_title=st.none() | WORDS,
    start_char_index=COUNTS,
    end_char_index=COUNTS,
)
BLOCKS = st.one_of(
    block("text", text=WORDS),
    block("text", text=WORDS, citations=st.lists(PLACES, max_size=2)),
    block("text", text=WORDS, new=VALUES),
    block("thinking", thinking=WORDS, signature=WORDS),
    block("thinking", thinking=WORDS, signature=WORDS, new=VALUES),
    block("redacted_thinking", data=WORDS),
    block("tool_use", id=IDS, name=IDS, input=OBJECTS),
    block("tool_use", id=IDS, name=IDS, input=OBJECTS, caller=st.just({"type": "direct"})),
    block("server_tool_use", id=IDS, name=IDS, input=OBJECTS),
    block("mcp_tool_use", id=IDS, name=IDS, server_name=WORDS, input=OBJECTS),
    block("web_search_tool_result", tool_use_id=IDS, content=st.lists(OBJECTS, max_size=2)),
    block("mcp_tool_result", tool_use_id=IDS, is_error=st.booleans(), content=WORDS),
    block("container_upload", file_id=IDS),
    block("future", x=VALUES),
)
REASONS = st.sampled_from(["end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "future"])
USAGES = st.fixed_dictionaries(
    {"input_tokens": COUNTS, "output_tokens": COUNTS},
    optional={
        "cache_creation_input_tokens": COUNTS,
        "cache_read_input_tokens": COUNTS,
        "cache_creation": st.fixed_dictionaries({"ephemeral_5m_input_tokens": COUNTS, "ephemeral_1h_input_tokens": COUNTS}),
        "output_tokens_details": st.fixed_dictionaries({"thinking_tokens": COUNTS}),
        "service_tier": st.sampled_from(["standard", "priority"]),
    },
)
REPLIES = st.fixed_dictionaries(
    {
        "id": IDS,
        "type": st.just("message"),
        "role": st.just("assistant"),
        "model": IDS,
        "content": st.lists(BLOCKS, max_size=5),
        "stop_reason": REASONS,
        "stop_sequence": st.none() | IDS,
        "usage": USAGES,
    },
    optional={"stop_details": OBJECTS, "container": st.none() | OBJECTS, "new": VALUES},
)


unhurried = settings(deadline=None)
"""Time is asserted in tests/io only."""


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def cut(text: str, data: st.DataObject) -> list[str]:
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=3).map(sorted))
    bounds = [0, *places, len(text)]
    return [text[a:b] for a, b in pairwise(bounds)]


def streamed(reply: dict[str, Any], data: st.DataObject) -> bytes:
    """The stream in which the provider would have said ``reply``, its texts cut anywhere."""
    late = {name: reply[name] for name in ("stop_reason", "stop_sequence", "stop_details", "container") if name in reply}
    first = {name: value for name, value in reply.items() if name not in late} | {"content": [], "stop_reason": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": first | {"usage": reply["usage"] | {"output_tokens": 1}}}
    ]
    for index, whole in enumerate(reply["content"]):
        opened, deltas = opening(whole, data)
        events.append({"type": "content_block_start", "index": index, "content_block": opened})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events += [{"type": "ping"}] if data.draw(st.booleans()) else []
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": late, "usage": {"output_tokens": reply["usage"]["output_tokens"]}})
    return sse(*events, {"type": "message_stop"})


def opening(whole: dict[str, Any], data: st.DataObject) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    kind = whole["type"]
    if kind == "text":
        deltas: list[dict[str, Any]] = [{"type": "text_delta", "text": piece} for piece in cut(whole["text"], data)]
        deltas += [{"type": "citations_delta", "citation": place} for place in whole.get("citations", ())]
        return whole | {"text": ""} | ({"citations": []} if "citations" in whole else {}), deltas
    if kind == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in cut(whole["thinking"], data)]
        return whole | {"thinking": "", "signature": ""}, [*deltas, {"type": "signature_delta", "signature": whole["signature"]}]
    if kind.endswith("tool_use"):
        written = compact(whole["input"]).decode()
        pieces = [""] if written == "{}" else cut(written, data)
        return whole | {"input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return whole, []


@unhurried
@given(REPLIES, st.data())
def test_a_stream_folds_to_what_the_whole_reply_says(reply, data):
    whole = DIALECT.decode_response(HttpReply(200, body=compact(reply)), context())
    body = streamed(reply, data)
    assert folded(body) == whole
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=4))
    events, error = read(pieces(body, cuts))
    assert error is None
    assert fold(events) == whole
    assert fold(unfold(whole)) == whole


@unhurried
@given(REPLIES)
def test_a_reply_survives_the_way_back(reply):
    """What is said again to the same target is decoded again as what was said."""
    whole = DIALECT.decode_response(HttpReply(200, body=compact(reply)), context())
    body = DIALECT.encode_request(Request(model="m", messages=(whole.message, Message.user("and?"))), target()).wire.body
    turns = msgspec.json.decode(body)["messages"]
    content = turns[0]["content"] if len(turns) == 2 else []
    content = [{"type": "text", "text": content}] if isinstance(content, str) else content
    again = DIALECT.decode_response(HttpReply(200, body=compact(reply | {"content": content})), context()).message
    kept = [part for part in whole.message.parts if not (isinstance(part, Text) and not part.text)]
    full = [n for n, part in enumerate(kept) if not (isinstance(part, Text) and part.text.isspace())]
    kept = kept[full[0] : full[-1] + 1] if full else []
    assert states(again) == states(Message("assistant", tuple(kept)))


def states(message: Message) -> list[tuple[Any, Any]]:
    """Parts with their state parsed: an object's keys come back in another order where we wrote some of them."""
    return [
        (msgspec.structs.replace(part, state=None), msgspec.json.decode(part.state.data) if part.state else None)
        for part in message.parts
    ]


@unhurried
@given(st.binary(max_size=200) | REPLIES.map(compact).flatmap(lambda body: st.integers(0, len(body)).map(lambda at: body[:at])))
def test_decoding_a_whole_reply_is_total(body):
    with suppress(ProviderError):
        assert isinstance(DIALECT.decode_response(HttpReply(200, body=body), context()), Response)
    assert isinstance(DIALECT.decode_error(HttpReply(500, body=body), context()), ProviderError)


EVENTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            [
                "message_start",
                "message_delta",
                "content_block_start",
                "content_block_delta",
                "content_block_stop",
                "ping",
                "future",
            ]
        )
        | VALUES
    },
    optional={
        "index": st.integers(-1, 3) | VALUES,
        "delta": st.fixed_dictionaries(
            {
                "type": st.sampled_from(
                    ["text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta", "x"]
                )
            },
            optional=dict.fromkeys(("text", "partial_json", "thinking", "signature", "citation", "stop_reason"), VALUES),
        )
        | VALUES,
        "content_block": BLOCKS
        | st.fixed_dictionaries({"type": VALUES, "text": VALUES, "input": VALUES, "citations": VALUES})
        | VALUES,
        "message": REPLIES | VALUES,
        "usage": USAGES | VALUES,
        "error": VALUES,
    },
)


@unhurried
@given(st.lists(EVENTS.map(compact) | st.binary(max_size=40), max_size=12))
def test_decoding_a_stream_is_total(frames):
    decoder = DIALECT.event_decoder(context())
    events = decoder.feed([Frame(frame) for frame in frames])
    events += decoder.finish()
    assert decoder.done
    assert decoder.error is not None
    assert isinstance(fold(events), Response)
    if isinstance(decoder.error, MalformedResponseError):
        assert decoder.error.path is not None
        assert decoder.error.path.startswith("$")


ROLES = st.sampled_from(["user", "assistant", "system"])


@unhurried
@given(st.lists(st.tuples(ROLES, st.lists(WORDS, max_size=3)), min_size=1, max_size=6))
def test_no_empty_text_is_ever_sent(turns):
    messages = tuple(Message(role, tuple(Message.user(*words).parts)) for role, words in turns)
    body = msgspec.json.decode(DIALECT.encode_request(Request(model="m", messages=messages), target()).wire.body)
    judge(body)
    texts = [body.get("system", "x"), *(turn["content"] for turn in body["messages"])]
    flat = [[item["text"] for item in text] if isinstance(text, list) else [text] for text in texts]
    assert all(found for text in flat for found in text)
    assert all(text[0].strip() and text[-1].strip() for text in flat)
    assert all(
        found.strip() for turn, text in zip(body["messages"], flat[1:], strict=True) if turn["role"] == "user" for found in text
    )
