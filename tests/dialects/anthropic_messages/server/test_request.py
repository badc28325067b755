"""Requests as programs really send them, read."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.dialects.anthropic_messages.server.said import MODEL, asked, decoded, fields_of, http, target
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.dialects.anthropic_messages.server import stand_in
from trunkline.values.errors import InvalidRequestError
from trunkline.values.media import Data, FileId, Url
from trunkline.values.message import CacheMark, File, Image, Message, Opaque, Reasoning, Text, ToolCall, ToolResult
from trunkline.values.request import HostedTool, OutputFormat, ReasoningOptions, Tool, ToolChoice


def again(body: dict[str, Any], **headers: str) -> dict[str, Any]:
    """The body that goes out where it came in."""
    request = asked(body, **headers)
    return msgspec.json.decode(DIALECT.encode_request(request, target()).wire.body)


def turns(*content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user" if n % 2 == 0 else "assistant", "content": said} for n, said in enumerate(content)]}


# --- turns --------------------------------------------------------------------------------------------------------------------


def test_system_is_a_message_said_first():
    marked = {"type": "text", "text": "b", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert asked({"system": "a"}).messages[0] == Message.system("a")
    assert asked({"system": [{"type": "text", "text": "a"}, marked]}).messages[0] == Message.system(
        Text("a"), Text("b", cache=CacheMark("1h"))
    )
    assert asked({"system": ""}).messages == asked({"system": None}).messages == asked({}).messages


def test_instructions_may_come_in_the_midst():
    body = {"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": [{"type": "text", "text": "now"}]}]}
    assert asked(body).messages == (Message.user("a"), Message.system("now"))
    assert again(body)["messages"][1] == {"role": "system", "content": "now"}


def test_results_of_tools_are_messages_of_their_own():
    call = {"type": "tool_use", "id": "a", "name": "n", "input": {"x": 1}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "4 C", "is_error": True}
    text = {"type": "text", "text": "and?"}
    said = asked(turns("hi", [call], [result, text])).messages
    assert said[1:] == (
        Message.assistant(ToolCall("a", "n", '{"x":1}')),
        Message.tool(ToolResult("a", (Text("4 C"),), True)),
        Message.user("and?"),
    )
    turned = decoded(turns("hi", [call], [text, result]))
    assert turned.request.messages == said
    assert fields_of(turned.warnings) == [("approximated", "messages.tool_result")]
    assert again(turns("hi", [call], [text, result]))["messages"][2]["content"] == [result, text]


def test_results_hold_blocks():
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}
    found = {"type": "tool_reference", "tool_name": "n"}
    body = turns("hi", [{"type": "tool_use", "id": "a", "name": "n", "input": {}}], [
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "t"}, picture, found]},
    ])  # fmt: skip
    (result,) = asked(body).messages[-1].parts
    assert isinstance(result, ToolResult)
    assert [type(part) for part in result.parts] == [Text, Image, Opaque]
    assert again(body)["messages"] == body["messages"]


def test_arguments_and_state_are_kept_to_the_letter():
    raw = b'{"model":"m","messages":[{"role":"assistant","content":[%s]}]}'
    call = b'{"type":"tool_use","id":"a","name":"n","input":{"big" : 12345678901234567890123, "f":1e2}}'
    thought = b'{"signature":"s","type":"thinking","thinking":"","x" :1}'
    request = DIALECT.decode_request(http(raw % (call + b"," + thought))).request
    said, reasoning = request.messages[0].parts
    assert isinstance(said, ToolCall)
    assert said.raw_arguments == '{"big" : 12345678901234567890123, "f":1e2}'
    assert isinstance(reasoning, Reasoning)
    assert reasoning.state is not None
    assert reasoning.state.data == thought
    assert reasoning.state.scope.covers(msgspec.structs.replace(target(), provider="anybody", key="k"))
    assert thought in DIALECT.encode_request(request, target()).wire.body


def test_what_we_signed_ourselves_is_nobodys_state():
    body = turns("hi", [
        {"type": "thinking", "thinking": "hm", "signature": stand_in.SIGNATURE},
        {"type": "redacted_thinking", "data": stand_in.SIGNATURE}, {"type": "text", "text": "yes"},
    ], "go on")  # fmt: skip
    assert asked(body).messages[1].parts == (Reasoning("hm"), Reasoning("", redacted=True), Text("yes"))


def test_documents():
    def document(source: dict[str, Any], **facts: Any) -> Any:
        return asked(turns([{"type": "document", "source": source, **facts}])).messages[0].parts[0]

    text = {"type": "text", "media_type": "text/plain", "data": "d"}
    assert document(text, title="t", context="c", citations={"enabled": True}) == File(
        Data(b"d", "text/plain"), title="t", context="c", citations=True
    )
    assert document({"type": "base64", "media_type": "application/pdf", "data": "QUJD"}) == File(Data(b"ABC", "application/pdf"))
    assert document({"type": "url", "url": "https://x/y"}) == File(Url("https://x/y"))
    assert document({"type": "file", "file_id": "f"}) == File(FileId("f"))
    assert isinstance(document({"type": "content", "content": [{"type": "text", "text": "t"}]}), Opaque)
    assert isinstance(document({"type": "future", "x": 1}), Opaque)


def test_a_byte_order_mark_within_a_document_stays():
    source = {"type": "text", "media_type": "text/plain", "data": "\ufeffd"}
    body = turns([{"type": "document", "source": source}])
    assert again(body)["messages"] == body["messages"]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "search_result", "source": "s", "title": "t", "content": [], "citations": {"enabled": True}},
        {"type": "container_upload", "file_id": "f"},
        {"type": "future", "x": [1]},
        {"type": "image", "source": {"type": "future"}},
        {"type": "document", "source": {"type": "base64", "media_type": "text/csv", "data": "QUJD"}},
        {"type": "image", "source": {"type": "url", "url": "https://x"}, "transformations": {"oversized_image": "error"}},
        {"type": "text", "text": "t", "cache_control": {"type": "ephemeral", "scope": "new"}},
        {
            "type": "document",
            "source": {"type": "url", "url": "https://x"},
            "citations": {"enabled": True, "new": 1},
            "title": "",
        },
    ],
)
def test_blocks_of_users_come_back_as_they_were(block):
    body = turns([block])
    assert again(body)["messages"] == body["messages"]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "server_tool_use", "id": "a", "name": "web_search", "input": {"q": 1}, "cache_control": {"type": "ephemeral"}},
        {"type": "web_search_tool_result", "tool_use_id": "a", "content": [], "caller": {"type": "direct"}},
        {"type": "mcp_tool_use", "id": "a", "name": "n", "server_name": "s", "input": {}},
        {"type": "mcp_tool_result", "tool_use_id": "a", "is_error": True, "content": "no"},
        {"type": "tool_use", "id": "a", "name": "n", "input": {}, "caller": {"type": "direct"}},
        {"type": "compaction", "content": "c"},
        {"type": "document", "source": {"type": "url", "url": "https://x"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
    ],
)
def test_blocks_of_the_assistant_come_back_as_they_were(block):
    body = turns("hi", [block, {"type": "text", "text": "t"}], "go on")
    assert again(body)["messages"] == body["messages"]


# --- fields -------------------------------------------------------------------------------------------------------------------


def test_tools():
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    client = {"name": "n", "description": "d", "input_schema": schema, "strict": True, "type": "custom", "defer_loading": True}
    hosted = {"type": "web_search_20260318", "name": "web_search", "max_uses": 2, "cache_control": {"type": "ephemeral"}}
    toolset = {"type": "mcp_toolset", "mcp_server_name": "s"}
    request = asked({"tools": [client, hosted, toolset]})
    assert request.tools == (
        Tool("n", "d", schema, True, extra={"type": "custom", "defer_loading": True}),
        HostedTool("web_search_20260318", "web_search", {"max_uses": 2}, CacheMark()),
        HostedTool("mcp_toolset", None, {"mcp_server_name": "s"}),
    )
    assert again({"tools": [client, hosted, toolset]})["tools"] == [client, hosted, toolset]


@pytest.mark.parametrize(
    ("said", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("required"), False),
        ({"type": "tool", "name": "n", "disable_parallel_tool_use": False}, ToolChoice("tool", ("n",)), True),
        ({"type": "none"}, ToolChoice("none"), None),
    ],
)
def test_choices(said, choice, parallel):
    request = asked({"tool_choice": said})
    assert (request.tool_choice, request.parallel_tool_calls) == (choice, parallel)


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ({"thinking": {"type": "adaptive"}}, ReasoningOptions(enabled=True)),
        ({"thinking": {"type": "adaptive", "display": "updates"}}, ReasoningOptions(enabled=True, show="updates")),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, ReasoningOptions(effort="max")),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}, ReasoningOptions(budget=1024)),
        ({"thinking": {"type": "disabled"}}, ReasoningOptions(enabled=False)),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, ReasoningOptions(enabled=False)),
        ({"thinking": {"type": "between_tools"}}, ReasoningOptions(enabled=False)),
        ({"thinking": {"type": "future", "x": 1}}, None),
        ({"thinking": {"type": "adaptive", "x": 1}, "output_config": {"x": 1}}, ReasoningOptions(enabled=True)),
        ({"output_config": {"effort": "future"}}, None),
    ],
)
def test_thinking(body, options):
    assert asked(body).reasoning == options
    out = again(body)
    assert {name: out[name] for name in body} == body


def test_an_effort_alone_is_one_of_thinking_and_a_warning_says_so():
    found = decoded({"output_config": {"effort": "low"}})
    assert found.request.reasoning == ReasoningOptions(effort="low")
    assert fields_of(found.warnings) == [("approximated", "output_config.effort")]


def test_schemas_old_and_new():
    schema = {"type": "object", "additionalProperties": False}
    shape = {"type": "json_schema", "schema": schema}
    for body in ({"output_config": {"format": shape}}, {"output_format": shape}):
        assert asked(body).output == OutputFormat(schema)
        assert asked(body).extra_body == {}
    odd = {"output_config": {"format": {**shape, "new": 1}}}
    assert again(odd)["output_config"] == odd["output_config"]
    assert again({"output_config": {"format": {"type": "future"}}})["output_config"] == {"format": {"type": "future"}}


def test_other_fields():
    body = {
        "stop_sequences": ["a"], "service_tier": "auto", "metadata": {"user_id": "u", "new": 1}, "cache_control": {"type": "ephemeral"},
        "temperature": 0.5, "top_k": 3, "container": {"id": "c"}, "context_management": {"edits": []}, "inference_geo": "eu",
        "new": None,
    }  # fmt: skip
    request = asked(body)
    assert (request.stop, request.service_tier, request.user, request.cache) == (("a",), "auto", "u", CacheMark())
    assert (request.temperature, request.top_k, request.max_tokens, request.stream) == (0.5, 3, 10, False)
    assert request.extra_body.keys() == {"metadata", "container", "context_management", "inference_geo", "new"}
    assert {name: value for name, value in again(body).items() if name in body} == body


def test_max_tokens_may_be_absent_and_odd_numbers_are_numbers():
    assert asked({"max_tokens": None}).max_tokens is None
    assert asked({"max_tokens": 16.0}).max_tokens == 16
    assert asked({"max_tokens": 0}).max_tokens == 0


def test_versions_betas_and_query():
    body = msgspec.json.encode({"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "stream": True})
    found = DIALECT.decode_request(
        http(body, path="/v1/messages?beta=true", anthropic_version="2026-10-21", anthropic_beta="a,b")
    )
    assert found.context.version == "2026-10-21"
    assert found.context.stream
    assert found.request.extra_headers == {"anthropic-version": "2026-10-21", "anthropic-beta": "a,b"}
    assert found.request.extra_query == {"beta": "true"}
    usual = DIALECT.decode_request(http(body, anthropic_version="2023-06-01"))
    assert usual.context.version == "2023-06-01"
    assert usual.request.extra_headers == {}
    twice = DIALECT.decode_request(http(body, path="/v1/messages?a=1&a=2"))
    assert (twice.request.extra_query, fields_of(twice.warnings)) == ({"a": "2"}, [("dropped", "query")])


def test_repeated_betas_are_all_kept():
    request = http({"model": "m", "messages": []})
    pairs = (("Anthropic-Beta", "a"), ("anthropic-beta", "b"))
    repeated = msgspec.structs.replace(request, headers=type(request.headers)(pairs))
    assert DIALECT.decode_request(repeated).request.extra_headers == {"anthropic-beta": "a, b"}


def test_the_context_of_what_cannot_be_decoded():
    where = DIALECT.context_of(http(b'{"model":"m","stream":true,"messages":3}', anthropic_version="2026-10-21"))
    assert (where.model, where.stream, where.version) == ("m", True, "2026-10-21")
    assert DIALECT.context_of(http(b"no")).model == ""
    assert DIALECT.context_of(http(b'{"model":1,"stream":"x"}')).stream is False


# --- refusals -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [3]}, "messages[0]"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages[0].content[0].tool_use_id"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
        (turns([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "%"}}]), "messages[0].content[0].source.data"),
        (turns("x", [{"type": "tool_use", "id": "a", "name": "n", "input": "{}"}]), "messages[1].content[0].input"),
        (turns("x", [{"type": "tool_use", "name": "n", "input": {}}]), "messages[1].content[0].id"),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "system[0].type"),
        ({"tools": [{"name": "n"}]}, "tools[0].input_schema"),
        ({"tools": [{"type": "function", "function": {}}], "tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "required"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": "1"}, "temperature"),
        ({"stop_sequences": [1]}, "stop_sequences[0]"),
        ({"stream": "yes"}, "stream"),
        ({"metadata": {"user_id": 3}}, "metadata.user_id"),
        ({"cache_control": "ephemeral"}, "cache_control"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named_by_its_path(body, path):
    with pytest.raises(InvalidRequestError) as caught:
        decoded(body)
    assert (caught.value.param, caught.value.status) == (path, 400)


# --- a real program ---------------------------------------------------------------------------------------------------------------


def test_the_real_programs_first_request():
    """What ``claude`` 2.1 sends (claude-cli §7), in its size: 76 KB, most of it instructions and tools."""
    session = json.dumps({"device_id": "d", "account_uuid": "", "session_id": "s"})
    cached = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    tools = [
        {"name": f"Tool{n}", "description": f"does {n} " * 250, "input_schema": {"$schema": "x", "type": "object", "properties": {
            "command": {"type": "string", "description": "what to run"}}, "required": ["command"], "additionalProperties": False},
         "eager_input_streaming": True}
        for n in range(20)
    ]  # fmt: skip
    body = {
        "model": "claude-opus-5-5", "max_tokens": 128_000, "stream": True,
        "system": [{"type": "text", "text": "x-anthropic-billing-header: v=1"}, {"type": "text", "text": "You are. " * 4000, **cached}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "<context>"}, {"type": "text", "text": "hi", **cached}]},
            {"role": "system", "content": "Today is a day."},
        ],
        "tools": tools, "metadata": {"user_id": session}, "thinking": {"type": "adaptive", "display": "updates"},
        "output_config": {"effort": "medium"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    }  # fmt: skip
    data = msgspec.json.encode(body)
    assert len(data) > 70_000
    betas = (
        "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,effort-2025-11-24,"
        "thinking-display-updates-2026-08-18"
    )
    facts = {"anthropic_version": "2023-06-01", "anthropic_beta": betas, "x_app": "cli", "x_api_key": "k"}
    found = DIALECT.decode_request(http(data, path="/v1/messages?beta=true", **facts))
    assert found.warnings == ()
    assert found.request.user == session
    assert found.request.reasoning == ReasoningOptions(effort="medium", show="updates")
    encoded = DIALECT.encode_request(found.request, target("claude-opus-5-5"))
    assert encoded.warnings == ()
    assert msgspec.json.decode(encoded.wire.body) == body
    assert dict(encoded.wire.headers)["anthropic-beta"] == betas
    assert encoded.wire.query == (("beta", "true"),)
