"""Whole replies: every block, stop reason and usage field; what we do not name stays reachable."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.dialects.anthropic_messages.judge import MODEL, context, target
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.values.errors import MalformedResponseError, OverloadedError
from trunkline.values.headers import Headers
from trunkline.values.message import HostedToolCall, HostedToolResult, Opaque, Reasoning, Text, ToolCall
from trunkline.values.model import Quirks
from trunkline.values.response import Response, Usage
from trunkline.wire.http import HttpReply

MINIMAL = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-x-1",
    "content": [],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 4, "output_tokens": 3},
}


def decode(*blocks: object, where=None, **fields: object) -> Response:
    body = json.dumps(MINIMAL | {"content": list(blocks)} | fields, separators=(",", ":")).encode()
    return DIALECT.decode_response(HttpReply(200, body=body), where or context())


def test_plain():
    reply = decode({"type": "text", "text": "Hello"})
    assert reply == Response(
        message=reply.message,
        finish_reason="stop",
        raw_finish_reason="end_turn",
        usage=Usage(4, 3, raw={"input_tokens": 4, "output_tokens": 3}),
        model="claude-x-1",
        id="msg_01",
    )
    assert reply.message.role == "assistant"
    assert reply.parts == (Text("Hello"),)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "pause"),
        ("refusal", "content_filter"),
        ("something_new", "other"),
        (None, "other"),
    ],
)
def test_stop_reasons(raw, reason):
    reply = decode(stop_reason=raw, stop_sequence="END" if raw == "stop_sequence" else None)
    assert (reply.finish_reason, reply.raw_finish_reason) == (reason, raw)
    assert reply.stop_sequence == ("END" if raw == "stop_sequence" else None)
    assert reply.parts == ()


def test_calls_decide_the_reason():
    reply = decode({"type": "tool_use", "id": "t", "name": "f", "input": {}}, stop_reason="max_tokens")
    assert (reply.finish_reason, reply.raw_finish_reason) == ("tool_calls", "max_tokens")


def test_refusal_keeps_its_details():
    details = {"type": "refusal", "category": "cyber", "explanation": "no"}
    reply = decode(stop_reason="refusal", stop_details=details, container=None, context_management={"applied_edits": []}, new=[1])
    assert reply.extra == {"stop_details": details, "context_management": {"applied_edits": []}, "new": [1]}


def test_usage_in_our_convention():
    raw = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 200,
        "cache_read_input_tokens": 3000,
        "cache_creation": {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50},
        "output_tokens": 40,
        "output_tokens_details": {"thinking_tokens": 25},
        "server_tool_use": {"web_search_requests": 1},
        "service_tier": "priority",
        "speed": "fast",
    }
    reply = decode(usage=raw)
    assert reply.usage == Usage(3210, 40, 3000, 200, 25, cache_write_1h_tokens=50, raw=raw)
    assert reply.service_tier == "priority"


@pytest.mark.parametrize("usage", [None, {}, [], "x", {"input_tokens": None, "output_tokens": "3"}, {"input_tokens": -1}])
def test_usage_that_says_nothing(usage):
    found = decode(usage=usage).usage
    assert (found.input_tokens, found.output_tokens, found.cache_read_tokens) == (None, None, None)


def test_usage_without_cache_figures():
    found = decode(usage={"input_tokens": 4, "output_tokens": 3.0, "cache_read_input_tokens": None}).usage
    assert (found.input_tokens, found.output_tokens, found.cache_read_tokens, found.cache_write_tokens) == (4, 3, None, None)


def test_citations_of_every_kind():
    places = [
        {"type": "char_location", "cited_text": "c", "document_index": 1, "document_title": "T", "start_char_index": 2, "end_char_index": 5},
        {"type": "page_location", "cited_text": "c", "document_index": 0, "document_title": None, "start_page_number": 1,
         "end_page_number": 2},
        {"type": "content_block_location", "cited_text": "c", "document_index": 0, "document_title": "T", "start_block_index": 0,
         "end_block_index": 1, "file_id": "f"},
        {"type": "web_search_result_location", "cited_text": "c", "url": "https://x", "title": "W", "encrypted_index": "e=="},
        {"type": "search_result_location", "cited_text": "c", "source": "s", "title": "S", "search_result_index": 3,
         "start_block_index": 0, "end_block_index": 1},
        {"type": "something_new", "x": 1},
    ]  # fmt: skip
    (part,) = decode({"type": "text", "text": "t", "citations": places}).parts
    assert isinstance(part, Text)
    char, page, block, web, result, new = part.citations
    assert (char.kind, char.document, char.title, char.start, char.end) == ("char", 1, "T", 2, 5)
    assert (page.kind, page.title, page.start, page.end) == ("page", None, 1, 2)
    assert (block.kind, block.file_id, block.start, block.end) == ("block", "f", 0, 1)
    assert (web.kind, web.url, web.title, web.cited_text, web.start) == ("web", "https://x", "W", "c", None)
    assert (result.kind, result.source, result.document) == ("search_result", "s", 3)
    assert new.kind == "something_new"
    assert [msgspec.json.decode(citation.state.data) for citation in part.citations] == places


def test_thinking_is_kept_verbatim_and_bound_to_the_model():
    raw = b'{"type": "thinking",  "thinking":"h\\u00e9", "signature":"c2ln"}'
    body = json.dumps(MINIMAL).encode().replace(b'"content": []', b'"content": [' + raw + b"]")
    (part,) = DIALECT.decode_response(HttpReply(200, body=body), context()).parts
    assert isinstance(part, Reasoning)
    assert (part.text, part.redacted, part.state.data, part.state.must_return) == ("hé", False, raw, True)
    assert part.state.fits("anthropic-messages", target())
    assert not part.state.fits("anthropic-messages", target(model="claude-other"))
    assert not part.state.fits("anthropic-messages", target(provider="other"))
    assert part.state.fits("anthropic-messages", target(key="another"))


def test_thinking_bound_to_an_account():
    where = context(target(Quirks(thinking_bound_to_account=True), key="k1"))
    (part,) = decode({"type": "thinking", "thinking": "", "signature": "s"}, where=where).parts
    assert part.state.fits("anthropic-messages", target(key="k1"))
    assert not part.state.fits("anthropic-messages", target(key="k2"))


def test_thinking_hidden_or_odd():
    hidden, empty, unsigned, odd = decode(
        {"type": "redacted_thinking", "data": "ZW5j"},
        {"type": "thinking", "thinking": "", "signature": "s"},
        {"type": "thinking", "thinking": "x"},
        {"type": "thinking", "thinking": "y", "signature": "s", "new": 1},
    ).parts
    assert (hidden.text, hidden.redacted, hidden.state.must_return) == ("", True, True)
    assert msgspec.json.decode(hidden.state.data) == {"type": "redacted_thinking", "data": "ZW5j"}
    assert (empty.text, empty.redacted) == ("", False)
    assert unsigned.text == "x"
    assert msgspec.json.decode(odd.state.data)["new"] == 1


def test_calls_keep_the_text_of_their_arguments():
    body = (
        json.dumps(MINIMAL)
        .encode()
        .replace(b'"content": []', b'"content": [{"type":"tool_use","id":"t","name":"f","input": {"b":1.0, "a":[ ]} }]')
    )
    (call,) = DIALECT.decode_response(HttpReply(200, body=body), context()).parts
    assert call == ToolCall("t", "f", '{"b":1.0, "a":[ ]}')


def test_calls_keep_what_we_do_not_name():
    plain, direct = decode(
        {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": None},
        {"type": "tool_use", "id": "u", "name": "f", "input": {"secret": 1}, "caller": {"type": "direct"}},
    ).parts
    assert plain == ToolCall("t", "f", "{}")
    assert direct.state.data == b'{"type":"tool_use","caller":{"type":"direct"}}'


def test_names_and_plain_input_come_back_as_ours():
    where = context(tool_names={"a_b": "a.b", "s_ql": "s ql"}, custom_tools=("s_ql", "t"))
    calls = decode(
        {"type": "tool_use", "id": "1", "name": "a_b", "input": {}},
        {"type": "tool_use", "id": "2", "name": "s_ql", "input": {"input": "select 1"}},
        {"type": "tool_use", "id": "3", "name": "t", "input": {"other": 1}},
        where=where,
    ).tool_calls
    assert calls == (
        ToolCall("1", "a.b", "{}"),
        ToolCall("2", "s ql", "select 1", "custom"),
        ToolCall("3", "t", '{"other":1}', "custom"),
    )


def test_tools_that_the_provider_runs():
    call, mcp, result, failed, mcp_result = decode(
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
        {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "echo", "server_name": "s", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"encrypted_content": "e"}]},
        {
            "type": "web_fetch_tool_result",
            "tool_use_id": "x",
            "content": {"type": "web_fetch_tool_error", "error_code": "unavailable"},
        },
        {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": True, "content": "oops"},
    ).parts
    assert (type(call), call.id, call.name, call.raw_arguments) == (HostedToolCall, "srvtoolu_1", "web_search", '{"query":"q"}')
    assert (type(mcp), mcp.name) == (HostedToolCall, "echo")
    assert msgspec.json.decode(mcp.state.data) == {"type": "mcp_tool_use", "server_name": "s"}
    assert (type(result), result.kind, result.data) == (
        HostedToolResult,
        "web_search_tool_result",
        b'[{"encrypted_content":"e"}]',
    )
    assert (result.tool_call_id, result.is_error) == ("srvtoolu_1", False)
    assert failed.is_error
    assert (mcp_result.is_error, mcp_result.data) == (True, b'"oops"')


@pytest.mark.parametrize(
    "kind",
    ["code_execution", "bash_code_execution", "text_editor_code_execution", "tool_search", "advisor", "something_new"],
)
def test_results_of_every_kind(kind):
    (part,) = decode({"type": f"{kind}_tool_result", "tool_use_id": "s", "content": {"type": "x"}}).parts
    assert (type(part), part.kind) == (HostedToolResult, f"{kind}_tool_result")


@pytest.mark.parametrize(
    "block",
    [
        {"type": "container_upload", "file_id": "f"},
        {"type": "compaction", "content": "so far"},
        {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}},
        {"type": "future", "x": [1, {"y": None}]},
    ],
)
def test_blocks_that_have_no_name_among_ours(block):
    (part,) = decode(block).parts
    assert isinstance(part, Opaque)
    assert part.kind == block["type"]
    assert msgspec.json.decode(part.state.data) == block


def test_texts_keep_what_we_do_not_name():
    null, new = decode({"type": "text", "text": "a", "citations": None}, {"type": "text", "text": "b", "new": 1}).parts
    assert null == Text("a")
    assert (new.text, new.state.data) == ("b", b'{"type":"text","new":1}')


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$"),
        (b"<html>busy</html>", "$"),
        (b"[]", "$"),
        (b'"words"', "$"),
        (b'{"id":"x"}', "$.content"),
        (b'{"content":3}', "$.content"),
        (b'{"content":[3]}', "$.content[0]"),
        (b'{"content":[{"type":"text","text":"a"},{"type":"text","text":["the content"]}]}', "$.content[1].text"),
        (b'{"content":[{"type":7}]}', "$.content[0].type"),
        (b'{"content":[{"type":"text","text":"a","citations":7}]}', "$.content[0].citations"),
        (b'{"content":[{"type":"text","text":"a","citations":[7]}]}', "$.content[0].citations"),
        (b'{"content":[{"type":"tool_use","id":{"the content":1},"name":"f","input":{}}]}', "$.content[0].id"),
        (b'{"content":[],"stop_reason":["the content"]}', "$.stop_reason"),
        (b'{"content":[' + b"[" * 200_000 + b"]" * 200_000 + b"]}", "$"),
    ],
)
def test_malformed_replies_name_the_path_and_never_the_content(body, path):
    with pytest.raises(MalformedResponseError) as caught:
        DIALECT.decode_response(HttpReply(200, body=body), context())
    assert (caught.value.path, caught.value.provider, caught.value.model) == (path, "anthropic", MODEL)
    assert "the content" not in str(caught.value)


def test_what_a_strict_parser_refuses_is_read_where_its_meaning_is_plain():
    body = b'\xef\xbb\xbf  {"content":[{"type":"text","text":"a\xffb \\ud83d","x":NaN}],"stop_reason":"end_turn","stop_reason":"max_tokens"}\n'
    reply = DIALECT.decode_response(HttpReply(200, body=body), context())
    assert (reply.text, reply.finish_reason) == ("a\ufffdb \ufffd", "length")


def test_bad_utf_8_in_one_field_only():
    body = json.dumps(MINIMAL | {"content": [{"type": "text", "text": "a?"}], "model": "m?"}).encode().replace(b"?", b"\xff")
    reply = DIALECT.decode_response(HttpReply(200, body=body), context())
    assert (reply.text, reply.model, reply.id) == ("a\ufffd", "m\ufffd", "msg_01")


def test_an_error_under_status_200():
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}'
    with pytest.raises(OverloadedError) as caught:
        DIALECT.decode_response(HttpReply(200, body=body), context())
    assert (caught.value.status, caught.value.request_id, caught.value.kind) == (None, "req_1", "overloaded_error")


def models(**page: object) -> tuple[tuple[str, ...], str | None]:
    return DIALECT.decode_models(HttpReply(200, Headers(()), json.dumps(page).encode()))


def test_models_page_by_page():
    data = [{"type": "model", "id": "a", "display_name": "A"}, {"type": "model", "id": "b"}]
    assert models(data=data, has_more=True, first_id="a", last_id="b") == (("a", "b"), "b")
    assert models(data=data, has_more=True) == (("a", "b"), "b")
    assert models(data=data, has_more=False, last_id="b") == (("a", "b"), None)
    assert models(data=[], has_more=True) == ((), None)
    assert models(object="list", data=[{"id": "a"}, {"id": 3}, 4]) == (("a",), None)
    assert DIALECT.decode_models(HttpReply(200)) == ((), None)
    for body in (b"<html>", b"[]", b'{"data":{}}'):
        with pytest.raises(MalformedResponseError):
            DIALECT.decode_models(HttpReply(200, body=body))
