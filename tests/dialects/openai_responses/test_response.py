"""Whole replies: every kind of item, every way to end, figures, and what is no reply."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tests.dialects.openai_responses.judge import context, target
from tests.dialects.openai_responses.replies import call_item, decode, reply, text_item, thought
from trunkline.dialects.dialect import Served
from trunkline.dialects.openai_responses import DIALECT
from trunkline.values.errors import MalformedResponseError, NotFoundError, ProviderError, RateLimitError, ServerError
from trunkline.values.headers import Headers
from trunkline.values.message import HostedToolCall, Opaque, Reasoning, Refusal, Scope, Text, ToolCall
from trunkline.values.model import Quirks
from trunkline.values.response import TokenLogprob
from trunkline.wire.http import HttpReply


def test_a_reply():
    response = decode(reply(thought(["A", "B"]), text_item("Hi"), call_item('{"a":1}'), service_tier="default", new={"x": 1}))
    assert (response.id, response.model, response.created, response.service_tier) == (
        "resp_1",
        "gpt-test-1",
        1_790_000_000,
        "default",
    )
    assert (response.text, response.reasoning, response.extra) == ("Hi", "A\n\nB", {"new": {"x": 1}})
    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", "completed")
    assert response.tool_calls[0].arguments == {"a": 1}
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.cache_read_tokens) == (9, 4, 2)
    assert response.usage.raw["total_tokens"] == 13


def test_state_is_bound_to_whom_it_came_from():
    parts = decode(reply(thought(), text_item("Hi"), call_item(), {"type": "compaction", "encrypted_content": "x"})).parts
    assert {part.state.scope for part in parts} == {Scope("openai", "gpt-test", "k1")}
    assert [part.state.must_return for part in parts] == [True, False, False, False]
    assert json.loads(parts[1].state.data) == {"id": "msg_1", "status": "completed"}
    served = decode(reply(thought()), context(served=Served()))
    assert served.parts[0].state.scope == Scope()


@pytest.mark.parametrize(
    ("item", "name", "asked"),
    [
        ({"type": "web_search_call", "id": "w", "action": {"type": "search", "query": "q"}}, "web_search", {"type": "search", "query": "q"}),
        ({"type": "file_search_call", "id": "w", "queries": ["q"], "results": None}, "file_search", {"queries": ["q"]}),
        ({"type": "code_interpreter_call", "id": "w", "code": "1+1", "container_id": "c"}, "code_interpreter", {"code": "1+1"}),
        ({"type": "image_generation_call", "id": "w", "status": "generating"}, "image_generation", {}),
        ({"type": "computer_call", "id": "x", "call_id": "w", "action": {"type": "wait"}}, "computer", {"type": "wait"}),
        ({"type": "mcp_call", "id": "w", "name": "ask", "arguments": '{"a":1}', "server_label": "s", "output": "x"}, "ask", {"a": 1}),
        ({"type": "shell_call", "call_id": "w", "action": {"commands": ["ls"]}}, "shell", {"commands": ["ls"]}),
        ({"type": "local_shell_call", "call_id": "w", "action": {"command": ["ls"]}}, "local_shell", {"command": ["ls"]}),
        ({"type": "apply_patch_call", "call_id": "w", "operation": {"type": "delete_file"}}, "apply_patch", {"type": "delete_file"}),
        ({"type": "tool_search_call", "id": "w", "call_id": None, "arguments": {"query": "q"}}, "tool_search", {"query": "q"}),
        ({"type": "x_search_call", "id": "w", "input": '{"query":"q"}'}, "x_search", {"query": "q"}),
    ],
)  # fmt: skip
def test_calls_of_hosted_tools(item, name, asked):
    (part,) = decode(reply(item)).parts
    assert isinstance(part, HostedToolCall)
    assert (part.id, part.name, json.loads(part.raw_arguments)) == ("w", name, asked)
    assert json.loads(part.state.data) == item


@pytest.mark.parametrize(
    "item",
    [
        {"type": "mcp_list_tools", "id": "m", "tools": []},
        {"type": "mcp_approval_request", "id": "m", "arguments": "{}", "name": "n", "server_label": "s"},
        {"type": "shell_call_output", "call_id": "c", "output": []},
        {"type": "program", "id": "p", "call_id": "c", "code": "x"},
        {"type": "compaction", "id": "c", "encrypted_content": "x"},
        {"type": "some_future_type", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
        {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": []},
    ],
)
def test_other_items_are_kept_verbatim(item):
    written = json.dumps(item, indent=1).encode()
    (part,) = decode(b'{"status":"completed","output":[%s]}' % written).parts
    assert isinstance(part, Opaque)
    assert (part.kind, part.state.data) == (item["type"], written)


def test_parts_of_a_message():
    item = text_item("a")
    item["content"] += [{"type": "refusal", "refusal": "no"}, {"type": "output_hologram", "data": 1}]
    text, refusal, other = decode(reply(item)).parts
    assert (type(text), type(refusal), type(other)) == (Text, Refusal, Opaque)
    assert text.state == refusal.state
    assert json.loads(other.state.data) == item | {"content": item["content"][2:]}


def test_custom_calls():
    (call,) = decode(reply({"type": "custom_tool_call", "call_id": "c", "name": "sql", "input": "select 1"})).parts
    assert call == ToolCall("c", "sql", "select 1", "custom")


def test_arguments_as_an_object_and_a_call_without_an_id_of_its_own():
    (call,) = decode(reply({"type": "function_call", "id": "fc_1", "name": "f", "arguments": {"a": 1}})).parts
    assert (call.id, call.arguments) == ("fc_1", {"a": 1})


def test_citations():
    notes = [
        {"type": "url_citation", "start_index": 0, "end_index": 2, "title": "T", "url": "https://a"},
        {"type": "file_citation", "file_id": "f", "filename": "n", "index": 3},
        {"type": "file_path", "file_id": "f", "index": 1},
        {"type": "new_citation", "url": "https://b"},
    ]
    item = text_item("Hi")
    item["content"][0]["annotations"] = notes
    page, file, path, new = decode(reply(item)).parts[0].citations
    assert (page.kind, page.title, page.url, page.text_start, page.text_end) == ("url", "T", "https://a", 0, 2)
    assert (file.kind, file.title, file.file_id) == ("file", "n", "f")
    assert (path.kind, new.kind, new.url) == ("file", "new_citation", "https://b")
    assert [json.loads(citation.state.data) for citation in (page, file, path, new)] == notes


def test_reasoning_in_the_open_and_kept_back():
    item = {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "S"}], "content": [{"type": "reasoning_text", "text": "C"}]}  # fmt: skip
    first, second = decode(reply(item, thought())).parts
    assert (first.text, first.redacted, first.state.must_return) == ("S\n\nC", False, False)
    assert isinstance(second, Reasoning)
    assert (second.text, second.redacted, second.state.must_return) == ("", True, True)


def test_log_probabilities():
    item = text_item("Hi")
    token = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [{"token": "Ho", "logprob": -2}]}
    item["content"][0]["logprobs"] = [token, {"token": 1}]
    assert decode(reply(item)).logprobs == (TokenLogprob("Hi", -0.5, (72, 105), (TokenLogprob("Ho", -2.0),)),)


@pytest.mark.parametrize(
    ("fields", "items", "reason", "raw"),
    [
        ({}, (text_item("x"),), "stop", "completed"),
        ({}, (call_item(),), "tool_calls", "completed"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, (), "length", "max_output_tokens"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, (), "content_filter", "content_filter"),
        ({"status": "incomplete", "incomplete_details": {"reason": "new"}}, (), "other", "new"),
        ({"status": "incomplete"}, (), "other", "incomplete"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, (call_item(),), "tool_calls", "max_output_tokens"),
        ({"status": "queued"}, (), "other", "queued"),
        ({"status": None}, (), "other", None),
        ({}, ({"type": "message", "content": [{"type": "refusal", "refusal": "no"}]},), "content_filter", "completed"),
    ],
)  # fmt: skip
def test_why_it_ended(fields, items, reason, raw):
    response = decode(reply(*items, **fields))
    assert (response.finish_reason, response.raw_finish_reason) == (reason, raw)


def test_figures():
    details = {"cached_tokens": 1, "cache_write_tokens": 2, "image_tokens": 3}
    usage = decode(reply(usage={"input_tokens": 9.0, "input_tokens_details": details, "output_tokens": -1,
                                "output_tokens_details": {"reasoning_tokens": 4, "audio_tokens": "x"}})).usage  # fmt: skip
    assert (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.input_image_tokens) == (9, 1, 2, 3)
    assert (usage.output_tokens, usage.reasoning_tokens, usage.output_audio_tokens) == (None, 4, None)
    assert decode(reply(usage=None)).usage.raw == {}


def test_the_provider_s_own_figure():
    assert decode(reply(usage={"cost": 0.25})).reported_cost == Decimal("0.25")
    ticks = context(target(Quirks(cost_field="cost_in_usd_ticks", cost_scale=1e-10)))
    assert decode(reply(usage={"cost_in_usd_ticks": 969250}), ticks).reported_cost == Decimal("0.000096925")
    assert decode(reply(usage={"cost": True})).reported_cost is None


# --- what is no reply -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (reply(status="failed", error={"code": "rate_limit_exceeded", "message": "m"}), RateLimitError),
        (reply(status="failed", error=None), ServerError),
        ({"error": {"code": "model_not_found", "message": "m"}}, NotFoundError),
        ({"error": "no model", "code": "model_not_found"}, NotFoundError),
    ],
)
def test_an_error_inside_a_200_is_raised(body, kind):
    with pytest.raises(ProviderError) as caught:
        decode(body)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$"),
        (b"[]", "$"),
        (b"{}", "$.output"),
        (b'{"output":{}}', "$.output"),
        (b'{"output":[1]}', "$.output[0]"),
        (b'{"output":[{"type":1}]}', "$.output[0].type"),
        (b'{"output":[{"type":"message","content":[7]}]}', "$.output[0].content[0]"),
        (b'{"output":[{"type":"message","content":[{"type":"output_text","text":1}]}]}', "$.output[0].content[0].text"),
        (b'{"output":[{"type":"reasoning","summary":[1]}]}', "$.output[0].summary[0]"),
        (b'{"output":[{"type":"function_call","name":[]}]}', "$.output[0].name"),
        (b'{"output":[],"id":3}', "$.id"),
    ],
)
def test_what_breaks_the_protocol_is_named_by_its_place(body, path):
    with pytest.raises(MalformedResponseError) as caught:
        decode(body)
    assert caught.value.path == path


def test_json_as_senders_write_it():
    body = b'\xef\xbb\xbf {"status":"completed","output":[{"type":"message","content":"a\\ud800"}],"x":NaN}'
    assert decode(body).text == "a\ufffd"


def test_the_request_s_id():
    held = DIALECT.decode_response(HttpReply(200, Headers([("x-request-id", "q1")]), json.dumps(reply()).encode()), context())
    assert held.request_id == "q1"


@pytest.mark.parametrize(
    ("body", "ids", "after"),
    [
        (b"", (), None),
        (b'{"object":"list","data":[{"id":"a"},{"id":""},{"name":"b"},"c",3]}', ("a", "b", "c"), None),
        (b'{"data":[{"id":"a"}],"has_more":true}', ("a",), "a"),
        (b'{"models":[{"model":"a"}],"has_more":true,"last_id":"z"}', ("a",), "z"),
        (b'{"data":null}', (), None),
        (b'[{"id":"a"}]', ("a",), None),
    ],
)
def test_models(body, ids, after):
    assert DIALECT.decode_models(HttpReply(200, body=body)) == (ids, after)


def test_what_is_no_list_of_models():
    with pytest.raises(MalformedResponseError):
        DIALECT.decode_models(HttpReply(200, body=b"<html>"))
    with pytest.raises(ProviderError):
        DIALECT.decode_models(HttpReply(200, body=b'{"error":{"message":"no"}}'))
