"""Requests in every spelling: what they mean, what is kept for the way on, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.openai_responses.server.served import decode, http, losses, own
from trunkline.dialects.openai_responses import DIALECT
from trunkline.dialects.openai_responses.server import stand_in
from trunkline.values.errors import InvalidRequestError
from trunkline.values.media import Data, FileId, Url
from trunkline.values.message import (
    Audio,
    CacheMark,
    File,
    HostedToolCall,
    Image,
    Message,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from trunkline.values.request import CustomTool, HostedTool, OutputFormat, ReasoningOptions, Tool, ToolChoice

SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}], "encrypted_content": "gAAA"}


def messages(*items: Any, **fields: Any) -> tuple[Message, ...]:
    return decode(list(items), **fields).request.messages


def test_a_text_is_a_users_message():
    decoded = decode("hi", instructions="Be brief")
    assert decoded.request.messages == (Message.system("Be brief"), Message.user("hi"))
    assert (decoded.request.model, decoded.request.stream, decoded.context.model) == ("m", False, "m")
    assert (decoded.warnings, decoded.request.extra_body) == ((), {})


@pytest.mark.parametrize("typed", [{}, {"type": "message"}])
@pytest.mark.parametrize("role,ours", [("user", "user"), ("system", "system"), ("developer", "system")])
@pytest.mark.parametrize("content", ["hi", ["hi"], [{"type": "input_text", "text": "hi"}], [{"type": "text", "text": "hi"}]])
def test_messages(typed, role, ours, content):
    assert messages({**typed, "role": role, "content": content}) == (Message(ours, (Text("hi"),)),)


@pytest.mark.parametrize(
    "content", ["hi", ["hi"], [{"type": "output_text", "text": "hi", "annotations": []}], [{"type": "input_text", "text": "hi"}]]
)
def test_an_assistants_messages(content):
    assert messages({"role": "assistant", "content": content}) == (Message.assistant("hi"),)


def test_parts():
    pdf, mark = "data:application/pdf;base64,QUJD", {"mode": "explicit", "ttl": "12h"}
    found = messages({"role": "user", "content": [
        {"type": "input_text", "text": "t", "prompt_cache_breakpoint": mark},
        {"type": "input_image", "image_url": "https://e.com/a.png", "detail": "low"},
        {"type": "input_image", "image_url": "data:image/png;base64,QUJD"}, {"type": "input_image", "file_id": "file_1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": pdf}, {"type": "input_file", "file_url": "https://e.com/a.pdf"},
        {"type": "input_file", "file_id": "file_2"}, {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        {"type": "input_file", "filename": "b", "file_data": "ELIDED"}, {"type": "later", "x": 1},
    ]})  # fmt: skip
    assert found[0].parts == (
        Text("t", cache=CacheMark("12h")),
        Image(Url("https://e.com/a.png"), "low"), Image(Data(b"ABC", "image/png")), Image(FileId("file_1")),
        File(Data(b"ABC", "application/pdf"), "a.pdf"), File(Url("https://e.com/a.pdf")), File(FileId("file_2")),
        Audio(Data(b"ABC", "audio/mpeg")),
        Opaque("input_file", own({"type": "input_file", "filename": "b", "file_data": "ELIDED"})),
        Opaque("later", own({"type": "later", "x": 1})),
    )  # fmt: skip


def test_what_an_assistant_said_thought_and_called_is_one_message():
    note = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    said = {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "phase": "commentary", "content": [
        {"type": "output_text", "text": "a", "annotations": [note], "logprobs": []}, {"type": "refusal", "refusal": "no"},
    ]}  # fmt: skip
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": '{"a":1}', "namespace": "n"}
    custom = {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "ls"}
    first, result, last = messages(
        THOUGHT, said, call, custom, SEARCH,
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "4 C"}]},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "a.txt"},
    )  # fmt: skip
    state = own({"id": "msg_1", "status": "completed", "phase": "commentary"})
    assert first.role == "assistant"
    assert [type(part) for part in first.parts] == [Reasoning, Text, Refusal, ToolCall, ToolCall, HostedToolCall]
    assert first.parts[0] == Reasoning("Hm", state=own(THOUGHT, must_return=True))
    assert first.parts[1].state == first.parts[2].state == state
    assert (first.parts[1].citations[0].url, first.parts[1].citations[0].state) == ("u", own(note))
    assert first.parts[3:5] == (
        ToolCall("c1", "f", '{"a":1}', state=own({"id": "fc_1", "namespace": "n"})),
        ToolCall("c2", "g", "ls", "custom"),
    )
    assert first.parts[5].state == own(SEARCH)
    assert (result, last) == (
        Message.tool(ToolResult("c1", (Text("4 C"),))),
        Message.tool(ToolResult("c2", (Text("a.txt"),))),
    )


def test_two_messages_that_could_not_be_told_apart_are_two():
    found = messages({"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"})
    assert found == (Message.assistant("a"), Message.assistant("b"))
    told = [{"type": "message", "role": "assistant", "id": name, "content": name} for name in ("m1", "m2")]
    assert [part.text for part in messages(*told)[0].parts] == ["m1", "m2"]


def test_items_of_callers_and_of_later_days_are_kept():
    output, later = {"type": "shell_call_output", "call_id": "c", "output": []}, {"type": "compaction", "encrypted_content": "x"}
    assert messages(later, output) == (
        Message("assistant", (Opaque("compaction", own(later)),)),
        Message("tool", (Opaque("shell_call_output", own(output)),)),
    )


def test_the_stand_in_for_sealed_reasoning_is_dropped_when_it_comes_back():
    sealed = {**THOUGHT, "encrypted_content": stand_in.SEALED}
    assert messages(sealed, {**sealed, "summary": []}) == (Message("assistant", (Reasoning("Hm"),)),)


def test_a_result_whose_call_is_not_there_says_that_it_is_a_custom_tools():
    found = messages({"type": "custom_tool_call_output", "call_id": "c", "output": "x", "id": "o"})
    assert found[0].parts[0].state == own({"type": "custom_tool_call_output", "id": "o"})


# --- fields -----------------------------------------------------------------------------------------------------------------

NAMESPACE = {
    "type": "namespace", "name": "mcp", "description": "d", "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "p"}],
}  # fmt: skip


def test_tools():
    schema = {"type": "object"}
    decoded = decode(tools=[
        {"type": "function", "name": "f", "description": "d", "parameters": schema, "strict": True, "defer_loading": True},
        {"type": "function", "function": {"name": "g"}},
        {"type": "custom", "name": "c"},
        {"type": "custom", "name": "l", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        {"type": "web_search", "search_context_size": "low"}, NAMESPACE,
    ])  # fmt: skip
    assert decoded.request.tools == (
        Tool("f", "d", schema, True, extra={"defer_loading": True}), Tool("g"), CustomTool("c"), CustomTool("l", None, "lark", "x"),
        HostedTool("web_search", None, {"search_context_size": "low"}),
        HostedTool("namespace", "mcp", {"description": "d", "tools": NAMESPACE["tools"]}),
    )  # fmt: skip
    assert decoded.context.served is not None and decoded.context.served.custom_tools == ("c", "l", "p")


@pytest.mark.parametrize(
    "said,ours",
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("tool", ("f",))),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", ("f",))),
        ({"type": "custom", "name": "c"}, ToolChoice("tool", ("c",), ("c",))),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}]},
            ToolChoice("required", ("f", "c"), ("c",)),
        ),
        ({"type": "web_search"}, None),
        ({"type": "mcp", "server_label": "s"}, None),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]}, None),
    ],
)  # fmt: skip
def test_the_choice(said, ours):
    request = decode(tool_choice=said).request
    assert request.tool_choice == ours
    assert request.extra_body == ({} if ours is not None else {"tool_choice": said})


def test_plain_fields():
    request = decode(
        max_output_tokens=9, temperature=0.5, top_p=1, parallel_tool_calls=False, store=False, service_tier="flex", user="u",
        prompt_cache_key="k", metadata={"a": "b"}, top_logprobs=2, stream=True,
    ).request  # fmt: skip
    assert (request.max_tokens, request.temperature, request.top_p, request.parallel_tool_calls) == (9, 0.5, 1, False)
    assert (request.store, request.service_tier, request.user, request.cache_key, request.metadata) == (
        False,
        "flex",
        "u",
        "k",
        {"a": "b"},
    )
    assert (request.top_logprobs, request.logprobs, request.stream, request.extra_body) == (2, True, True, {})


def test_what_only_this_protocol_knows_is_said_again():
    own_words = {
        "truncation": "auto", "max_tool_calls": 3, "prompt": {"id": "p"}, "include": ["web_search_call.results"], "background": False,
        "stream_options": {"include_obfuscation": False}, "later": {"x": 1}, "context_management": [{"type": "compaction"}],
    }  # fmt: skip
    decoded = decode(**own_words)
    assert decoded.request.extra_body == own_words
    body = json.loads(DIALECT.encode_request(decoded.request, decoded.context.target).wire.body)
    assert {name: body[name] for name in own_words if name != "include"} == {
        name: value for name, value in own_words.items() if name != "include"
    }
    assert "web_search_call.results" in body["include"]


@pytest.mark.parametrize(
    "said,ours,kept",
    [
        ({"effort": "low"}, ReasoningOptions("low"), False),
        ({"effort": "high", "summary": "auto"}, ReasoningOptions("high", show="summarized"), False),
        ({"summary": "detailed"}, ReasoningOptions(show="summarized"), True),
        ({"effort": "later"}, None, True),
        ({"effort": "low", "context": "all_turns"}, ReasoningOptions("low"), True),
        ({"effort": None}, None, False),
    ],
)
def test_reasoning(said, ours, kept):
    request = decode(reasoning=said).request
    assert request.reasoning == ours
    assert ("reasoning" in request.extra_body) is kept


@pytest.mark.parametrize(
    "said,ours,verbosity,kept",
    [
        ({"format": {"type": "text"}}, None, None, False),
        ({"format": {"type": "json_object"}, "verbosity": "low"}, OutputFormat(), "low", False),
        ({"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}}, OutputFormat({}, "n", None, True), None, False),
        ({"format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}}, OutputFormat({}, "n"), None, True),
        ({"format": {"type": "grammar"}}, None, None, True),
        ({"verbosity": "later"}, None, None, True),
    ],
)  # fmt: skip
def test_the_form_of_the_output(said, ours, verbosity, kept):
    request = decode(text=said).request
    assert (request.output, request.verbosity) == (ours, verbosity)
    assert ("text" in request.extra_body) is kept


def test_what_a_server_needs_for_its_reply():
    served = decode(include=["reasoning.encrypted_content"], temperature=0.5, tools=[
        {"type": "mcp", "server_label": "s", "authorization": "SeCrEt", "headers": {"a": "SeCrEt"}},
    ]).context.served  # fmt: skip
    assert served is not None and served.sealed
    assert served.echoed == {"temperature": 0.5, "tools": [{"type": "mcp", "server_label": "s"}]}


# --- refusals ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields,param",
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "c"}}, "conversation"),
        ({"background": True}, "background"),
        ({"store": True}, "store"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
    ],
)
def test_what_needs_a_store_is_refused(fields, param):
    with pytest.raises(
        InvalidRequestError, match=r"no store is configured here: send the whole history in input, with store: false"
    ) as e:
        decode(**fields)
    assert (e.value.param, e.value.status, e.value.code) == (param, 400, "unsupported_parameter")


@pytest.mark.parametrize(
    "fields,param",
    [
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{}]}, "input[0].type"),
        ({"input": [{"role": "king", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
        ({"input": [{"type": "custom_tool_call", "call_id": "c", "name": "f"}]}, "input[0].input"),
        ({"input": [{"type": "reasoning", "summary": 5}]}, "input[0].summary"),
        ({"model": 5}, "model"),
        ({"instructions": 5}, "instructions"),
        ({"tools": 5}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "x"}}]}, "tools[0].format.syntax"),
        ({"tool_choice": "some"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"stream": "yes"}, "stream"),
        ({"store": "no"}, "store"),
        ({"reasoning": 5}, "reasoning"),
        ({"text": {"format": {"type": "json_schema", "name": "n", "schema": 5}}}, "text.format.schema"),
        ({"include": "x"}, "include"),
        ({"metadata": 5}, "metadata"),
    ],
)
def test_what_is_no_request_is_refused_by_its_path(fields, param):
    with pytest.raises(InvalidRequestError) as caught:
        decode(**{"input": "hi"} | fields) if "input" not in fields else DIALECT.decode_request(http({"model": "m", **fields}))
    assert caught.value.param == param
    assert str(caught.value).startswith(f"{param}: ")


def test_what_has_no_place_is_told():
    decoded = decode([{"role": "user", "content": "x", "id": "msg_1"}, {"role": "user", "content": [
        {"type": "input_image", "image_url": "https://e.com/a", "prompt_cache_breakpoint": {"mode": "later"}, "zoom": 2},
    ]}])  # fmt: skip
    assert losses(decoded.warnings) == [
        ("dropped", "input.user.id"), ("dropped", "input.image.zoom"), ("dropped", "input.prompt_cache_breakpoint"),
    ]  # fmt: skip


def test_the_context_of_what_cannot_be_decoded():
    context = DIALECT.context_of(http({"model": "m", "stream": True, "input": 5}))
    assert (context.model, context.stream, context.target.dialect) == ("m", True, "openai-responses")
    assert DIALECT.context_of(http(b"{")).model == ""
