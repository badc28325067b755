"""Streams: every event of the protocol, and those that stray from it."""

from __future__ import annotations

import json

import pytest

from tests.dialects.openai_responses.judge import context
from tests.dialects.openai_responses.replies import (
    call_item,
    decode,
    event,
    folded,
    read,
    reply,
    sse,
    started,
    streamed,
    text_item,
    thought,
)
from trunkline.values.errors import MalformedResponseError, RateLimitError, StreamInterruptedError
from trunkline.values.events import (
    CitationDelta,
    Finish,
    OpaqueEvent,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from trunkline.values.fold import Fold, fold
from trunkline.values.message import Opaque, Text, ToolCall

NOTE = {"type": "url_citation", "start_index": 0, "end_index": 2, "title": "T", "url": "https://a"}


def told(*events, where=None):
    found, error = read(sse(*events), where)
    assert error is None
    return found


def test_a_text_turn():
    item = text_item("4 C")
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events = told(
        started(),
        event("in_progress", response={}),
        event("output_item.added", output_index=0, item=item | {"content": [], "status": "in_progress"}),
        event("content_part.added", part={"type": "output_text", "text": "", "annotations": []}, **place),
        event("output_text.delta", delta="4", logprobs=[], obfuscation="x", **place),
        event("output_text.delta", delta=" C", **place),
        event("output_text.done", text="4 C", **place),
        event("content_part.done", part=item["content"][0], **place),
        event("output_item.done", output_index=0, item=item),
        event("completed", response=reply(item)),
    )
    assert [type(one) for one in events] == [Start, TextDelta, TextDelta, PartDone, UsageUpdate, Finish]
    assert (events[0].id, events[0].model, events[0].created) == ("resp_1", "gpt-test-1", 1_790_000_000)
    assert fold(events) == decode(reply(item))
    assert events[1].raw is not None
    assert json.loads(events[1].raw)["obfuscation"] == "x"


def test_texts_of_reasoning():
    item = thought(["A b", "C"], content=[{"type": "reasoning_text", "text": "D"}])
    place = {"item_id": "rs_1", "output_index": 0}
    events = told(
        started(),
        event("output_item.added", output_index=0, item=thought()),
        event("reasoning_summary_part.added", summary_index=0, part={}, **place),
        event("reasoning_summary_text.delta", summary_index=0, delta="A ", **place),
        event("reasoning_summary_text.delta", summary_index=0, delta="b", **place),
        event("reasoning_summary_text.done", summary_index=0, text="A b", **place),
        event("reasoning_summary_text.delta", summary_index=1, delta="C", **place),
        event("reasoning_text.delta", content_index=0, delta="D", **place),
        event("output_item.done", output_index=0, item=item),
        event("completed", response=reply(item)),
    )
    assert "".join(one.text for one in events if type(one) is ReasoningDelta) == "A b\n\nC\n\nD" == fold(events).reasoning
    assert fold(events) == decode(reply(item))


def test_calls_refusals_and_citations():
    item = text_item("Hi")
    item["content"][0]["annotations"] = [NOTE]
    item["content"].append({"type": "refusal", "refusal": "no"})
    custom = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "sql", "input": "select"}
    events = told(
        started(),
        event("output_item.added", output_index=0, item=text_item("") | {"content": []}),
        event("output_text.delta", delta="Hi", output_index=0, content_index=0),
        event("output_text.annotation.added", annotation=NOTE, output_index=0, content_index=0, annotation_index=0),
        event("refusal.delta", delta="no", output_index=0, content_index=1),
        event("refusal.done", refusal="no", output_index=0, content_index=1),
        event("output_item.done", output_index=0, item=item),
        event("output_item.added", output_index=1, item=call_item("")),
        event("function_call_arguments.delta", delta='{"a"', output_index=1),
        event("function_call_arguments.delta", delta=":1}", output_index=1),
        event("function_call_arguments.done", arguments='{"a":1}', output_index=1),
        event("output_item.done", output_index=1, item=call_item('{"a":1}')),
        event("output_item.added", output_index=2, item=custom | {"input": ""}),
        event("custom_tool_call_input.delta", delta="select", output_index=2),
        event("custom_tool_call_input.done", input="select", output_index=2),
        event("output_item.done", output_index=2, item=custom),
        event("completed", response=reply(item, call_item('{"a":1}'), custom)),
    )
    assert fold(events) == decode(reply(item, call_item('{"a":1}'), custom))
    assert [one.text for one in events if type(one) is RefusalDelta] == ["no"]
    assert sum(type(one) is CitationDelta for one in events) == 1
    deltas = [(one.index, one.id, one.name, one.arguments) for one in events if type(one) is ToolCallDelta]
    assert deltas == [
        (0, "call_1", "weather", ""), (0, None, None, '{"a"'), (0, None, None, ":1}"), (1, "call_2", "sql", ""), (1, None, None, "select"),
    ]  # fmt: skip


def test_before_they_are_done_items_are_what_has_been_said():
    so_far = Fold()
    so_far.add(told_so_far := read(sse(
        started(),
        event("output_item.added", output_index=0, item=text_item("") | {"content": []}),
        event("output_text.delta", delta="Hi", output_index=0, content_index=0),
    ))[0])  # fmt: skip
    assert [type(one) for one in told_so_far] == [Start, TextDelta]
    assert (so_far.response().text, so_far.response().partial) == ("Hi", True)


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", ["completed", "incomplete"])
def test_it_ends_with_the_response(last):
    details = {"reason": "max_output_tokens"} if last == "incomplete" else None
    final = reply(text_item("Hi"), status=last, incomplete_details=details, service_tier="flex", new=1)
    events = told(
        *streamed(text_item("Hi"))[:-1], event(last, response=final), event("output_text.delta", delta="!", output_index=0)
    )
    assert fold(events) == decode(final)
    assert type(events[-1]) is Finish


def test_an_end_of_bytes_is_no_end():
    events, error = read(sse(*streamed(text_item("Hi"))[:-1]))
    assert isinstance(error, StreamInterruptedError)
    assert fold(events).text == "Hi"
    assert isinstance(read(b"data: [DONE]\n\n")[1], StreamInterruptedError)


def test_a_final_response_without_items_takes_nothing_away():
    """The ChatGPT backend's: items come from their own events only."""
    items = (thought(["A"]), text_item("Hi"), call_item())
    events = [*streamed(*items)[:-1], event("completed", response=reply())]
    assert folded(*events).message == decode(reply(*items)).message
    assert folded(*events).finish_reason == "tool_calls"


def test_a_final_response_may_say_what_no_event_said():
    items = (text_item("Hi"), call_item('{"a":1}'), {"type": "new_item", "x": 1})
    events = told(started(), event("completed", response=reply(*items)))
    assert fold(events) == decode(reply(*items))
    assert "".join(one.text or "" for one in events) == "Hi"


def test_items_that_were_never_done_are_what_came_of_them():
    final = reply(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    response = folded(
        started(),
        event("output_item.added", output_index=0, item=thought(encrypted_content=None)),
        event("reasoning_summary_text.delta", delta="A", output_index=0, summary_index=0),
        event("output_item.added", output_index=1, item=text_item("") | {"content": []}),
        event("output_text.delta", delta="Hi", output_index=1, content_index=0),
        event("output_text.annotation.added", annotation=NOTE, output_index=1, content_index=0),
        event("refusal.delta", delta="no", output_index=1, content_index=1),
        event("output_item.added", output_index=2, item=call_item("")),
        event("function_call_arguments.delta", delta='{"a', output_index=2),
        event("incomplete", response=final),
    )
    item = text_item("Hi")
    item["content"][0]["annotations"] = [NOTE]
    item["content"].append({"type": "refusal", "refusal": "no"})
    assert response.message == decode(reply(thought(["A"], encrypted_content=None), item, call_item('{"a'))).message


def test_parts_stand_in_the_order_of_their_places():
    first, second = call_item('{"a":1}'), call_item('{"b":2}', "call_2", id="fc_2")
    begun = [event("output_item.added", output_index=n, item=item | {"arguments": ""}) for n, item in enumerate((first, second))]
    done = [event("output_item.done", output_index=n, item=item) for n, item in enumerate((first, second))]
    response = folded(started(), *begun, *reversed(done), event("completed", response=reply(first, second)))
    assert response == decode(reply(first, second))


# --- strays -----------------------------------------------------------------------------------------------------------


def test_hosted_tools_and_unknown_events_are_told_verbatim():
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
    events = told(
        started(),
        event("queued", response={}),
        {"type": "keepalive", "sequence_number": 2},
        event("output_item.added", output_index=0, item=item),
        event("web_search_call.searching", output_index=0, item_id="ws_1"),
        event("output_item.done", output_index=0, item=item),
        event("brand.new", x=1),
        event("completed", response=reply(item)),
    )
    kinds = [one.kind for one in events if type(one) is OpaqueEvent]
    assert kinds == ["response.output_item.added", "response.web_search_call.searching", "response.brand.new"]
    assert fold(events) == decode(reply(item))


def test_pieces_of_an_item_of_a_new_kind_are_not_taken_for_text():
    item = {"type": "poem", "content": [{"type": "output_text", "text": "O"}]}
    events = told(
        started(),
        event("output_item.added", output_index=0, item={"type": "poem"}),
        event("output_text.delta", delta="O", output_index=0, content_index=0),
        event("output_text.annotation.added", annotation=NOTE, output_index=0),
        event("output_item.done", output_index=0, item=item),
        event("completed", response=reply(item)),
    )
    assert fold(events) == decode(reply(item))
    assert isinstance(fold(events).parts[0], Opaque)


def test_items_that_are_done_without_having_begun_or_being_placed():
    items = (text_item("A"), text_item("B", "msg_2"))
    events = told(
        event("created", response={"id": "r"}),
        event("output_text.delta", delta="A"),
        *[{"type": "response.output_item.done", "item": item} for item in items],
        event("completed", response=reply(*items)),
    )
    assert "".join(one.text for one in events if type(one) is TextDelta) == "AB"
    assert fold(events).message == decode(reply(*items)).message


def test_a_place_that_is_taken_twice():
    items = (text_item("A"), text_item("B", "msg_2"))
    events = [started()]
    for item in items:
        events.append(event("output_item.added", output_index=0, item=item | {"content": []}))
        events.append(event("output_text.delta", delta=item["content"][0]["text"], output_index=0, content_index=0))
    assert folded(*events, event("completed", response=reply())).text == "AB"


def test_what_no_piece_said_is_said_at_the_end_of_its_item():
    items = (thought(["A"]), text_item("Hi"), call_item('{"a":1}'))
    events = told(*streamed(*items))
    assert [one.text for one in events if one.text] == ["A", "Hi"]
    assert [one.arguments for one in events if type(one) is ToolCallDelta] == ["", '{"a":1}']
    assert fold(events) == decode(reply(*items))


def test_log_probabilities_come_with_pieces_or_at_the_end():
    token = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}
    item = text_item("Hi")
    item["content"][0]["logprobs"] = [token]
    begun = event("output_item.added", output_index=0, item=text_item("") | {"content": []})
    for logprobs in ([token], [], None):
        piece = event("output_text.delta", delta="Hi", output_index=0, content_index=0, logprobs=logprobs)
        done = event("output_item.done", output_index=0, item=item)
        assert folded(started(), begun, piece, done, event("completed", response=reply(item))) == decode(reply(item))


def test_names_and_ids_are_ours_again():
    where = context(stream=True, tool_names={"weather": "the.weather"}, call_ids={"call_1": "mine"})
    events = told(*streamed(call_item("{}")), where=where)
    delta = next(one for one in events if type(one) is ToolCallDelta)
    assert (delta.id, delta.name) == ("mine", "the.weather")
    assert [(call.id, call.name) for call in fold(events).tool_calls] == [("mine", "the.weather")]


@pytest.mark.parametrize(
    "broken",
    [
        b"data: {\n\n",
        b"data: []\n\n",
        b'data: {"type":1}\n\n',
        b'data: {"type":"response.output_item.added","item":3}\n\n',
        b'data: {"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","summary":3}}\n\n',
        b'data: {"type":"response.output_text.delta","delta":3}\n\n',
        b'data: {"type":"response.completed","response":{"output":3}}\n\n',
        b'data: {"type":"response.output_text.annotation.added","annotation":3,"output_index":0}\n\n',
    ],
)
def test_what_breaks_the_protocol_ends_it_and_loses_nothing(broken):
    begun = [started(), event("output_item.added", output_index=0, item=text_item("") | {"content": []})]
    events, error = read(sse(*begun, event("output_text.delta", delta="Hi", output_index=0)) + broken)
    assert isinstance(error, MalformedResponseError)
    assert fold(events).text == "Hi"


def test_pieces_written_loosely():
    begun = event("output_item.added", output_index=0, item=call_item(""))
    loose = b'data: {"type":"response.function_call_arguments.delta","delta":null,"output_index":0.5,"logprobs":{}}\n\n'
    lone = b'data: {"type":"response.function_call_arguments.delta","delta":"\\ud800","output_index":0}\n\n'
    events, _ = read(sse(started(), begun) + loose + lone)
    assert [one.arguments for one in events if type(one) is ToolCallDelta] == ["", "", "\ufffd"]


def test_the_type_may_stand_in_the_frame_only():
    stream = b'event: response.created\ndata: {"response":{"id":"r"}}\n\nevent: error\ndata: {"message":"Oh"}\n\n'
    events, error = read(stream)
    assert (events[0].id, error.provider_message) == ("r", "Oh")


def test_a_call_that_turns_out_to_be_one():
    """A piece of an item that was never announced."""
    events = told(
        started(),
        event("function_call_arguments.delta", delta='{"a":', output_index=0),
        event("function_call_arguments.delta", delta="1}", output_index=0),
        event("output_item.done", output_index=0, item=call_item('{"a":1}')),
        event("completed", response=reply(call_item('{"a":1}'))),
    )
    assert isinstance(fold(events).parts[0], ToolCall)
    assert fold(events) == decode(reply(call_item('{"a":1}')))


def test_many_items_that_are_open_at_once():
    """So many that what took time by its square would not end; with and without their places."""
    many = 8_000
    items = [text_item(str(n)) | {"id": f"msg_{n}"} for n in range(many)]
    added = [event("output_item.added", output_index=n, item=item | {"content": []}) for n, item in enumerate(items)]
    done = [event("output_item.done", output_index=n, item=item) for n, item in enumerate(items)]
    nowhere = [event("output_item.done", item=item) for item in items]
    for told in (done[::-1], nowhere[::-1]):
        events, error = read(sse(*added, *told, event("completed", response=reply(*items))))
        assert error is None
        assert [one.part.text for one in events if type(one) is PartDone] == [str(n) for n in range(many)]


# --- those that say things twice, or elsewhere ------------------------------------------------------------------------


def test_what_is_done_twice_is_there_once():
    call, words = call_item('{"a":1}'), text_item("Hi")
    told = [event("output_item.done", output_index=n, item=item) for n, item in ((0, words), (0, words), (1, call), (1, call))]
    events, error = read(sse(started(), *told, event("completed", response=reply(words, call))))
    assert (error, fold(events)) == (None, decode(reply(words, call)))
    assert [one.kind for one in events if type(one) is OpaqueEvent] == ["response.output_item.done"] * 2


def test_a_response_that_leaves_out_some_of_its_items_says_none_twice():
    bare = [{name: value for name, value in item.items() if name != "id"} for item in (text_item("Hi"), call_item("{}"))]
    items = [thought(), *bare]
    told = [event("output_item.done", output_index=n, item=item) for n, item in enumerate(items)]
    found = folded(started(), *told, event("completed", response=reply(*bare)))
    assert found.parts == decode(reply(*items)).parts


def test_an_error_in_a_frame_of_another_name():
    for name in ("message", "response.failed", "response.completed"):
        body = sse(started()) + f'event: {name}\ndata: {{"error":{{"code":"rate_limit_exceeded","message":"m"}}}}\n\n'.encode()
        _, error = read(body)
        assert (type(error), error and error.provider_message) == (RateLimitError, "m")


def test_a_citation_without_a_place_is_of_the_text_at_hand():
    item = text_item("Hi") | {"id": "msg_2"}
    events, _ = read(sse(
        started(),
        *streamed(thought())[1:3],
        event("output_item.added", output_index=1, item=item | {"content": []}),
        event("output_text.delta", delta="Hi", output_index=1, content_index=0),
        event("output_text.annotation.added", annotation=NOTE, annotation_index=0),
        event("completed", response=reply()),
    ))  # fmt: skip
    assert [one.url for part in fold(events).parts if isinstance(part, Text) for one in part.citations] == ["https://a"]
