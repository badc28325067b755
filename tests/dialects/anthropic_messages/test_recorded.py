"""Recorded traffic at the decoder: read as the vendor's SDK reads it, however it is cut, and sent back as it came.

Normalisation, beside what ``judge_reading`` says: the SDK counts cached input beside ``input_tokens``, we count it in.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from anthropic._models import construct_type
from anthropic._streaming import SSEDecoder as VendorsFrames
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message as VendorsMessage, RawMessageStreamEvent

from tests.dialects.anthropic_messages.judge import context, losses, target
from tests.dialects.anthropic_messages.reading import Record, folded, pieces, read, records
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.values.errors import MalformedResponseError
from trunkline.values.headers import Headers
from trunkline.values.message import HostedToolCall, HostedToolResult, Message, Opaque, Reasoning, Text
from trunkline.values.request import Request
from trunkline.values.response import Response
from trunkline.wire.http import HttpReply

pytestmark = pytest.mark.usefixtures("corpus")

NOT_THE_WIRE = {"58da31392072885e", "b290fee637267990", "35bf497402becd1a"}
"""Fixtures whose body is a stream's events kept as one JSON list: no reply of the protocol."""
RENAMED_BY_FALLBACK = {"6ff7c93ca7b82323"}
"""The reply names the model that answered in a ``fallback`` block; only the SDK's beta reads that."""
EVENTS = {f"{thing}_{what}" for thing in ("message", "content_block") for what in ("start", "delta", "stop")}


def unary() -> list[Record]:
    good = [record for record in records() if not record["stream"] and record["response"]["status"] == 200]
    return [record for record in good if record["id"] not in NOT_THE_WIRE]


def streams() -> list[Record]:
    return [record for record in records() if record["stream"] and record["response"]["status"] == 200]


def errors() -> list[Record]:
    return [record for record in records() if record["response"]["status"] != 200]


def decode(body: bytes) -> Response:
    return DIALECT.decode_response(HttpReply(200, body=body), context())


def vendors_stream(body: bytes) -> VendorsMessage:
    whole: Any = None
    pending: dict[int, bytes] = {}
    for frame in VendorsFrames().iter_bytes(iter([body])):
        if frame.event in EVENTS:
            event: Any = construct_type(type_=RawMessageStreamEvent, value=json.loads(frame.data))
            whole = accumulate_event(event=event, current_snapshot=whole, json_bufs=pending)
    return whole


def vendors_reading(message: VendorsMessage) -> dict[str, Any]:
    blocks, usage = message.content, message.usage
    details = usage.output_tokens_details
    return {
        "text": "".join(block.text for block in blocks if block.type == "text"),
        "reasoning": "".join(block.thinking for block in blocks if block.type == "thinking"),
        "calls": [(block.id, block.name, block.input) for block in blocks if block.type == "tool_use"],
        "blocks": [block.type for block in blocks],
        "citations": [citation.to_dict() for block in blocks if block.type == "text" for citation in block.citations or ()],
        "reason": message.stop_reason,
        "stop_sequence": message.stop_sequence,
        "id": message.id,
        "model": message.model,
        "input": usage.input_tokens + (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0),
        "output": usage.output_tokens,
        "read": usage.cache_read_input_tokens,
        "written": usage.cache_creation_input_tokens,
        "thought": details.thinking_tokens if details else None,
    }


def our_reading(reply: Response) -> dict[str, Any]:
    usage = reply.usage
    cited = [citation for part in reply.parts if isinstance(part, Text) for citation in part.citations]
    return {
        "text": reply.text,
        "reasoning": reply.reasoning,
        "calls": [(call.id, call.name, call.arguments) for call in reply.tool_calls],
        "blocks": [wire_kind(part) for part in reply.parts],
        "citations": [json.loads(citation.state.data) for citation in cited if citation.state],
        "reason": reply.raw_finish_reason,
        "stop_sequence": reply.stop_sequence,
        "id": reply.id,
        "model": reply.model,
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "read": usage.cache_read_tokens,
        "written": usage.cache_write_tokens,
        "thought": usage.reasoning_tokens,
    }


def wire_kind(part: Any) -> str:
    if isinstance(part, Reasoning):
        return "redacted_thinking" if part.redacted else "thinking"
    if isinstance(part, HostedToolCall):
        return str(json.loads(part.state.data)["type"]) if part.state else ""
    if isinstance(part, HostedToolResult | Opaque):
        return part.kind
    return "text" if isinstance(part, Text) else "tool_use"


def judge_reading(record: Record, reply: Response, theirs: VendorsMessage) -> None:
    ours, vendors = our_reading(reply), vendors_reading(theirs)
    if record["id"] in RENAMED_BY_FALLBACK:
        assert ours.pop("model") != vendors.pop("model")
    assert ours == vendors, record["id"]
    if reply.tool_calls:
        assert reply.finish_reason == "tool_calls", record["id"]
    assert not reply.partial


def test_there_is_traffic():
    assert (len(unary()), len(streams()), len(errors())) == (248, 134, 8)


def test_whole_replies_as_the_vendor_reads_them():
    for record in unary():
        judge_reading(record, decode(record["bytes"]), construct_type(type_=VendorsMessage, value=json.loads(record["bytes"])))  # type: ignore[arg-type]


def test_streams_as_the_vendor_reads_them():
    for record in streams():
        judge_reading(record, folded(record["bytes"]), vendors_stream(record["bytes"]))


def test_every_frame_of_a_stream_is_read_without_loss():
    """No stream of the recorded ones holds a thing that has no place among our events but in an ``OpaqueEvent``."""
    for record in streams():
        events, error = read(record["bytes"])
        assert error is None, record["id"]
        told = {event.kind for event in events if type(event).__name__ == "OpaqueEvent"}
        assert told <= {"content_block_start", "input_json_delta"}, record["id"]


def test_streams_in_random_pieces():
    chance = random.Random(11)
    for record in streams():
        body = record["bytes"]
        whole = read(body)
        for size in (1, 7, 100, 5000):
            cuts = sorted({chance.randrange(1, len(body)) for _ in range(max(1, len(body) // size // 4))})
            assert read(pieces(body, cuts)) == whole, record["id"]


def test_short_streams_cut_at_every_byte():
    """The shortest at every byte, the others at every end of an event and here and there."""
    short = sorted((record for record in streams() if len(record["bytes"]) < 4096), key=lambda record: len(record["bytes"]))
    assert len(short) > 50
    for number, record in enumerate(short):
        body = record["bytes"]
        whole = read(body)
        ends = [at for at in range(1, len(body)) if body[at - 2 : at] == b"\n\n"]
        for cut in range(1, len(body)) if number < 8 else {*ends, *range(1, len(body), 97)}:
            assert read((body[:cut], body[cut:])) == whole, (record["id"], cut)


def test_short_streams_that_end_at_every_byte():
    """An end anywhere is a value or an error of ours; complete only once the last word has come."""
    short = sorted((record for record in streams() if len(record["bytes"]) < 4096), key=lambda record: len(record["bytes"]))
    for record in short[:12]:
        body = record["bytes"]
        said = folded(body)
        for cut in range(len(body)):
            events, error = read(body[:cut])
            assert error is not None or b"message_stop" in body[:cut], (record["id"], cut)
            if error is None:
                assert folded(body[:cut]).text == said.text
            assert len(events) <= len(read(body)[0])


def test_error_replies():
    expected = {
        (401, "authentication_error"): "AuthenticationError",
        (404, "not_found_error"): "NotFoundError",
        (400, "invalid_request_error"): "InvalidRequestError",
    }
    for record in errors():
        response = record["response"]
        found = DIALECT.decode_error(
            HttpReply(response["status"], Headers(response["headers"].items()), record["bytes"]), context()
        )
        body = json.loads(record["bytes"])
        kind = expected[response["status"], body["error"]["type"]]
        if body["error"]["message"].startswith("prompt is too long"):
            kind = "ContextLengthError"
        assert type(found).__name__ == kind, record["id"]
        assert found.status == response["status"]
        headers = {name.lower(): value for name, value in response["headers"].items()}
        assert found.request_id == (headers.get("request-id") or body.get("request_id"))
        assert found.provider_message == body["error"]["message"]


def test_a_list_of_events_is_no_reply():
    lists = [record for record in records() if record["id"] in NOT_THE_WIRE]
    assert len(lists) == 3
    for record in lists:
        with pytest.raises(MalformedResponseError):
            decode(record["bytes"])


# --- the way back -----------------------------------------------------------------------------------------------------


def sent_back(message: Message, model: str = "claude-test", provider: str = "anthropic") -> tuple[Any, list[tuple[str, str]]]:
    aim = target(model=model, provider=provider)
    encoded = DIALECT.encode_request(Request(model="m", messages=(Message.user("q"), message, Message.user("and?"))), aim)
    turns = json.loads(encoded.wire.body)["messages"]
    return turns[1]["content"] if len(turns) == 3 else [], losses(encoded)


def bare(block: dict[str, Any]) -> dict[str, Any]:
    """A block without the nulls and empty lists that say nothing."""
    return {name: value for name, value in block.items() if value is not None and (name != "citations" or value)}


def blocks_of(record: Record) -> list[dict[str, Any]]:
    if record["stream"]:
        return [json.loads(block.to_json(exclude_unset=True)) for block in vendors_stream(record["bytes"]).content]
    content: list[dict[str, Any]] = json.loads(record["bytes"])["content"]
    return content


def without_blank_ends(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    full = [n for n, block in enumerate(blocks) if block.get("text", "x").strip()]
    return blocks[full[0] : full[-1] + 1] if full else []


def test_turns_go_back_as_they_came():
    """Thinking, tools of either side, citations: each block of every recorded reply, to the target that said it."""
    kinds: set[str] = set()
    for record in [*unary(), *streams()]:
        came = [bare(block) for block in blocks_of(record)]
        came = without_blank_ends([block for block in came if block.get("text", "x")])
        reply = folded(record["bytes"]) if record["stream"] else decode(record["bytes"])
        content, told = sent_back(reply.message)
        went = [{"type": "text", "text": content}] if isinstance(content, str) else [bare(block) for block in content]
        assert went == came, record["id"]
        assert told in (
            [],
            [("dropped", "messages")],
            [("dropped", "messages.text")],
            [("dropped", "messages.text"), ("dropped", "messages")],
        )
        kinds |= {block["type"] for block in came}
    assert {"thinking", "redacted_thinking", "tool_use", "server_tool_use", "web_search_tool_result", "fallback"} <= kinds


def test_nothing_leaks_to_strangers():
    """Of what is bound to a provider or a model nothing is sent to another."""
    bound = 0
    for record in [*unary(), *streams()]:
        message = (folded(record["bytes"]) if record["stream"] else decode(record["bytes"])).message
        states = [part.state for part in message.parts if part.state is not None]
        for elsewhere in ({"provider": "other"}, {"model": "claude-other"}):
            content, told = sent_back(message, **elsewhere)
            sent = json.dumps(content)
            for part in message.parts:
                if isinstance(part, Reasoning):
                    bound += 1
                    wire = json.loads(part.state.data) if part.state else {}
                    assert not any(secret and secret in sent for secret in (wire.get("signature"), wire.get("data"), part.text))
                    assert ("dropped", "messages.reasoning") in told
            if states and "provider" in elsewhere:
                assert told
                assert all(block.get("type") in ("text", "tool_use") for block in content if isinstance(block, dict)), record[
                    "id"
                ]
                assert "encrypted" not in sent
    assert bound > 40
