"""Laws, on generated replies: a stream folds to what the whole reply says, and decoding never fails in another way than ours."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings, strategies as st

from tests.dialects.bedrock_converse.judge import compact, context, judge_body, target
from tests.dialects.bedrock_converse.reading import Told, begun, delta, end, folded, framed, pieces, read, start, stop
from trunkline.dialects.bedrock_converse import DIALECT
from trunkline.values.errors import MalformedResponseError, ProviderError
from trunkline.values.fold import fold, unfold
from trunkline.values.message import HostedToolResult, Message, Opaque, Reasoning, Text
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
BASE64 = st.sampled_from(["QUJD", "QQ==", "b3BhcXVl"])
SPANS = st.fixed_dictionaries({"documentIndex": COUNTS, "start": COUNTS, "end": COUNTS})


def only(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields)


PLACES = st.fixed_dictionaries(
    {
        "location": only(web=only(url=WORDS, domain=WORDS))
        | only(documentChar=SPANS)
        | only(documentPage=SPANS)
        | only(later=VALUES)
    },
    optional={"title": WORDS, "source": WORDS, "sourceContent": st.lists(only(text=WORDS), max_size=2), "new": VALUES},
)
CITED = only(
    citationsContent=only(
        content=st.lists(only(text=IDS), min_size=1, max_size=1), citations=st.lists(PLACES, min_size=1, max_size=2)
    )
)
CALLS = st.fixed_dictionaries(
    {"toolUseId": IDS, "name": IDS, "input": OBJECTS},
    optional={"type": st.sampled_from(["server_tool_use", "tool_use", "later"]), "new": WORDS},
)
RESULTS = st.fixed_dictionaries(
    {"toolUseId": IDS, "content": st.lists(only(text=WORDS) | only(json=OBJECTS), max_size=2)},
    optional={"type": IDS, "status": st.sampled_from(["success", "error"])},
).filter(lambda result: len([piece for piece in result["content"] if "text" in piece]) < 2)
BLOCKS = st.one_of(
    only(text=WORDS),
    CITED,
    only(citationsContent=only(citations=st.lists(PLACES, min_size=1, max_size=2))),
    only(reasoningContent=only(reasoningText=only(text=WORDS, signature=IDS))),
    only(reasoningContent=only(reasoningText=only(text=WORDS))),
    only(reasoningContent=only(redactedContent=BASE64)),
    only(toolUse=CALLS),
    only(toolResult=RESULTS),
    only(image=only(format=st.sampled_from(["png", "jpeg"]), source=only(bytes=BASE64))),
)
REASONS = st.sampled_from(
    ["end_turn", "max_tokens", "stop_sequence", "tool_use", "guardrail_intervened", "malformed_tool_use", "later"]
)
USAGES = st.fixed_dictionaries(
    {"inputTokens": COUNTS, "outputTokens": COUNTS, "totalTokens": COUNTS},
    optional={
        "cacheReadInputTokens": COUNTS,
        "cacheReadInputTokenCount": COUNTS,
        "cacheWriteInputTokenCount": COUNTS,
        "cacheDetails": st.lists(only(ttl=st.sampled_from(["5m", "1h"]), inputTokens=COUNTS), max_size=2),
    },
)
REPLIES = st.fixed_dictionaries(
    {
        "output": only(message=only(role=st.just("assistant"), content=st.lists(BLOCKS, max_size=5))),
        "stopReason": REASONS,
        "usage": USAGES,
        "metrics": only(latencyMs=COUNTS),
    },
    optional={
        "additionalModelResponseFields": OBJECTS | only(stop_sequence=IDS),
        "trace": OBJECTS | only(promptRouter=only(invokedModelId=IDS)),
        "serviceTier": only(type=st.sampled_from(["default", "flex"])),
        "new": VALUES,
    },
)
unhurried = settings(deadline=None, max_examples=40)
"""Time is asserted in tests/io only."""


def cut(text: str, data: st.DataObject) -> list[str]:
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=3).map(sorted))
    return [text[a:b] for a, b in pairwise([0, *places, len(text)])]


def streamed(reply: dict[str, Any], data: st.DataObject) -> bytes:
    """The stream in which the provider would have said ``reply``, its texts cut anywhere."""
    events: list[Told] = [start()]
    for index, block in enumerate(reply["output"]["message"]["content"]):
        events += [*opening(index, block, data), stop(index)]
    at_stop = {name: reply[name] for name in ("additionalModelResponseFields",) if name in reply}
    last = {name: value for name, value in reply.items() if name not in ("output", "stopReason", *at_stop)}
    events += [("messageStop", {"stopReason": reply["stopReason"], **at_stop}), ("metadata", last)]
    padded = [(name, fields | ({"p": "abcde"} if data.draw(st.booleans()) else {})) for name, fields in events]
    return b"".join(framed((name, fields)) for name, fields in padded)


def opening(index: int, block: dict[str, Any], data: st.DataObject) -> list[Told]:
    ((kind, said),) = block.items()
    if kind == "text":
        return [delta(index, text=piece) for piece in cut(said, data)]
    if kind == "citationsContent":
        words = [piece for item in said.get("content", []) for piece in cut(item["text"], data)]
        return [delta(index, text=word) for word in words] + [delta(index, citation=citation) for citation in said["citations"]]
    if kind == "reasoningContent" and "redactedContent" in said:
        return [delta(index, reasoningContent=said)]
    if kind == "reasoningContent":
        thought = said["reasoningText"]
        deltas = [delta(index, reasoningContent={"text": piece}) for piece in cut(thought["text"], data)]
        return deltas + [
            delta(index, reasoningContent={"signature": thought[name]}) for name in ("signature",) if name in thought
        ]
    first = {name: value for name, value in said.items() if name not in ("input", "content", "source")}
    if kind == "toolUse":
        written = compact(said["input"]).decode()
        inputs = [] if written == "{}" else cut(written, data)
        return [begun(index, toolUse=first), *(delta(index, toolUse={"input": piece}) for piece in inputs)]
    if kind == "toolResult":
        return [begun(index, toolResult=first), *(delta(index, toolResult=[piece]) for piece in said["content"])]
    return [begun(index, image=first), delta(index, image={"source": said["source"]})]


def reply_of(reply: dict[str, Any]) -> Response:
    return DIALECT.decode_response(HttpReply(200, body=compact(reply)), context())


@unhurried
@given(REPLIES, st.data())
def test_a_stream_folds_to_what_the_whole_reply_says(reply, data):
    whole = reply_of(reply)
    body = streamed(reply, data)
    assert comparable(folded(body)) == comparable(whole)
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=4))
    events, error = read(pieces(body, cuts))
    assert error is None
    assert comparable(fold(events)) == comparable(whole)
    assert fold(unfold(whole)) == whole


def comparable(response: Response) -> Any:
    return msgspec.structs.replace(response, message=Message("assistant", ())), states(response.message)


def states(message: Message) -> list[tuple[Any, Any]]:
    """Parts with their state parsed: an object's keys come back in another order where we wrote some of them."""
    return [
        (
            part.kind if type(part).__name__ == "Opaque" else msgspec.structs.replace(part, state=None),
            msgspec.json.decode(part.state.data) if part.state else None,
        )
        for part in message.parts
    ]


@unhurried
@given(REPLIES)
def test_a_reply_survives_the_way_back(reply):
    """What is said again to the same target is decoded again as what was said."""
    whole = reply_of(reply)
    body = DIALECT.encode_request(Request(model="m", messages=(whole.message, Message.user("and?"))), target()).wire.body
    turns = msgspec.json.decode(body)["messages"]
    content = turns[0]["content"] if len(turns) == 2 else []
    again = reply_of(reply | {"output": {"message": {"role": "assistant", "content": content}}}).message
    kept = [part for part in whole.message.parts if not (isinstance(part, Text) and not part.text.strip() and not part.citations)]
    assert states(again) == states(Message("assistant", tuple(kept)))


@unhurried
@given(st.binary(max_size=200) | REPLIES.map(compact).flatmap(lambda body: st.integers(0, len(body)).map(lambda at: body[:at])))
def test_decoding_a_whole_reply_is_total(body):
    with suppress(ProviderError):
        assert isinstance(DIALECT.decode_response(HttpReply(200, body=body), context()), Response)
    assert isinstance(DIALECT.decode_error(HttpReply(500, body=body), context()), ProviderError)


KINDS = (
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
    "later",
    "!x",
    None,
)
PIECES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("text", "toolUse", "reasoningContent", "citation", "toolResult", "image", "later"), VALUES | OBJECTS),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "contentBlockIndex": st.integers(-1, 3) | VALUES,
        "delta": PIECES | VALUES,
        "start": st.fixed_dictionaries({}, optional=dict.fromkeys(("toolUse", "toolResult", "image"), CALLS | RESULTS | VALUES))
        | VALUES,
        "stopReason": REASONS | VALUES,
        "usage": USAGES | VALUES,
        "message": VALUES,
        "contentBlockDelta": VALUES | PIECES,
    },
)


@unhurried
@given(st.lists(st.tuples(st.sampled_from(KINDS), FIELDS.map(compact) | st.binary(max_size=40)), max_size=12))
def test_decoding_a_stream_is_total(frames):
    decoder = DIALECT.event_decoder(context())
    events = decoder.feed([Frame(data, name) for name, data in frames])
    events += decoder.finish()
    assert decoder.done
    assert isinstance(fold(events), Response)
    if isinstance(decoder.error, MalformedResponseError):
        assert decoder.error.path is not None
        assert decoder.error.path.startswith("$")


ROLES = st.sampled_from(["user", "assistant", "system"])


@unhurried
@given(st.lists(st.tuples(ROLES, st.lists(WORDS, max_size=3)), min_size=1, max_size=6))
def test_turns_alternate_and_no_empty_text_is_ever_sent(turns):
    messages = tuple(Message(role, tuple(Message.user(*words).parts)) for role, words in turns)
    body = msgspec.json.decode(DIALECT.encode_request(Request(model="m", messages=messages), target()).wire.body)
    judge_body(body, "m")
    blocks = [*body.get("system", []), *(block for turn in body["messages"] for block in turn["content"])]
    assert all(block["text"].strip() for block in blocks)
    assert all(one["role"] != other["role"] for one, other in pairwise(body["messages"]))


def test_the_ends_of_a_stream():
    assert folded(framed(start(), *end())).finish_reason == "stop"


def test_long_streams():
    """So long that what took time by its square would not end."""
    many, where = 100_000, context()
    signed = [Frame(compact(delta(0, reasoningContent={"signature": "A" * 100})[1]), "contentBlockDelta")] * many
    shown = [Frame(compact(delta(1, toolResult=[{"text": "b" * 50}])[1]), "contentBlockDelta")] * many
    opened = [Frame(compact(begun(1, toolResult={"toolUseId": "t"})[1]), "contentBlockStart")]
    ended = [Frame(compact(fields), name) for name, fields in end()]
    reply = fold(DIALECT.event_decoder(where).feed([*signed, *opened, *shown, *ended]))
    thought, result = reply.message.parts
    assert isinstance(thought, Reasoning) and thought.state is not None
    assert len(msgspec.json.decode(thought.state.data)["reasoningContent"]["reasoningText"]["signature"]) == 100 * many
    assert isinstance(result, HostedToolResult)
    assert msgspec.json.decode(result.data) == [{"text": "b" * 50 * many}]


def test_a_start_that_says_nothing_begins_no_part():
    for said in ({}, {"text": None}, {"text": ""}, {"reasoningContent": {}}):
        first = {"text": "Hi"} if "reasoningContent" not in said else {"reasoningContent": {"text": "Hi"}}
        opened = ("contentBlockStart", {"contentBlockIndex": 0, "start": said})
        plain, begins = (framed(start(), *how, delta(0, **first), stop(0), *end()) for how in ((), (opened,)))
        assert folded(begins) == folded(plain)
    assert folded(framed(start(), opened, stop(0), *end())).parts == ()


def test_a_delta_without_any_in_a_block_that_nobody_knows():
    opened = begun(0, toolAddition={"name": "w"})
    reply = folded(framed(start(), opened, ("contentBlockDelta", {"contentBlockIndex": 0}), stop(0), *end()))
    assert [part.kind for part in reply.parts if isinstance(part, Opaque)] == ["toolAddition"]
