"""Prompts as callers write them: both shapes mixed, nothing lost, nothing changed, and refusals that never repeat the content."""

from __future__ import annotations

import copy
import json
import sys
import types
from collections import deque
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests import strategies
from trunkline.values.errors import UsageError
from trunkline.values.inputs import to_messages, to_stop
from trunkline.values.media import Data, FileId, LocalFile, Url
from trunkline.values.message import (
    Audio,
    CacheMark,
    Citation,
    File,
    HostedToolCall,
    HostedToolResult,
    Image,
    Message,
    Opaque,
    ProviderState,
    Reasoning,
    Refusal,
    Scope,
    Text,
    ToolCall,
    ToolResult,
    Video,
)

CANARY = "CANARY-7f3a"


def user(*content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(content)}]


def assistant(**fields: Any) -> list[dict[str, Any]]:
    return [{"role": "assistant", **fields}]


def only_part(messages: tuple[Message, ...]) -> Any:
    assert len(messages) == 1
    assert len(messages[0].parts) == 1
    return messages[0].parts[0]


def state(data: Any, dialect: str = "anthropic-messages", must_return: bool = False) -> ProviderState:
    return ProviderState(dialect, json.dumps(data, separators=(",", ":")).encode(), Scope(), must_return)


# ------------------------------------------------------------------------------------------------------- what a prompt is


def test_text_is_one_turn_of_the_user() -> None:
    assert to_messages("hi") == (Message.user("hi"),)


def test_a_message_and_parts_are_taken_as_they_are() -> None:
    picture = Image(LocalFile("a.png"))
    message = Message.user("a", picture)
    assert to_messages(message)[0] is message
    assert to_messages(picture) == (Message.user(picture),)
    assert to_messages(["look", picture]) == (Message.user("look", picture),)


def test_a_single_dict_is_one_message() -> None:
    assert to_messages({"role": "user", "content": "hi"}) == (Message.user("hi"),)


def test_messages_and_dicts_mix_in_any_sequence() -> None:
    expected = (Message.user("a"), Message.assistant("b"), Message.user("c"))
    mixed = [Message.user("a"), {"role": "assistant", "content": "b"}, MappingProxyType({"role": "user", "content": "c"})]
    assert to_messages(mixed) == to_messages(tuple(mixed)) == to_messages(deque(mixed)) == expected


def test_system_comes_first_and_may_be_parts() -> None:
    assert to_messages("hi", "be brief") == (Message.system("be brief"), Message.user("hi"))
    assert to_messages([Message.system("b"), Message.user("hi")], Text("a")) == (
        Message.system("a"),
        Message.system("b"),
        Message.user("hi"),
    )
    marked = [{"type": "text", "text": "long", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    assert to_messages("hi", marked)[0].parts == (Text("long", cache=CacheMark("1h")),)
    assert to_messages("hi", None) == to_messages("hi", "") == (Message.user("hi"),)


@given(st.lists(strategies.messages, min_size=1, max_size=4))
def test_lists_of_messages_are_taken_whole(chat: list[Message]) -> None:
    assert to_messages(chat) == tuple(chat)
    assert to_messages(tuple(chat)) == tuple(chat)


def test_a_long_conversation_costs_no_step_of_ours_for_each_message() -> None:
    chat = [Message.user("x"), Message.assistant("y")] * 10_000
    steps = 0

    def count(frame: types.FrameType, event: str, arg: object) -> Any:
        nonlocal steps
        steps += 1
        return count

    sys.settrace(count)
    try:
        messages = to_messages(chat)
    finally:
        sys.settrace(None)
    assert len(messages) == 20_000
    assert steps < 50


# --------------------------------------------------------------------------------------------------------- OpenAI's shapes


def test_openai_roles() -> None:
    chat = [
        {"role": "developer", "content": "d", "name": "boss"},
        {"role": "system", "content": [{"type": "text", "text": "s"}]},
        {"role": "user", "content": "u", "name": "ann"},
        {"role": "assistant", "content": "a"},
    ]
    assert to_messages(chat) == (
        Message("system", (Text("d"),), "boss"),
        Message.system("s"),
        Message("user", (Text("u"),), "ann"),
        Message.assistant("a"),
    )


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": "t"}, Text("t")),
        ({"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}}, Image(Url("https://a/b.png"), "low")),
        ({"type": "image_url", "image_url": "HTTPS://a/b.png"}, Image(Url("HTTPS://a/b.png"))),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAE="}}, Image(Data(b"\0\1", "image/png"))),
        (
            {"type": "image_url", "image_url": {"url": "DATA:image/svg+xml;utf8,%3Csvg/%3E"}},
            Image(Data(b"<svg/>", "image/svg+xml;utf8")),
        ),
        ({"type": "image_url", "image_url": {"url": "data:,a%20b"}}, Image(Data(b"a b", "text/plain"))),
        ({"type": "video_url", "video_url": {"url": "https://a/b.mp4"}}, Video(Url("https://a/b.mp4"))),
        ({"type": "input_audio", "input_audio": {"data": "AAE=", "format": "mp3"}}, Audio(Data(b"\0\1", "audio/mpeg"))),
        ({"type": "input_audio", "input_audio": {"data": "AA\nE=", "format": "wav"}}, Audio(Data(b"\0\1", "audio/wav"))),
        ({"type": "file", "file": {"file_id": "f-1"}}, File(FileId("f-1"))),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAE="}},
            File(Data(b"\0\1", "application/pdf"), "a.pdf"),
        ),
        (
            {"type": "file", "file": {"filename": "a.bin", "file_data": "AAE="}},
            File(Data(b"\0\1", "application/octet-stream"), "a.bin"),
        ),
        ({"type": "file", "file": {"file_data": "https://a/b.pdf"}}, File(Url("https://a/b.pdf"))),
        (
            {"type": "text", "text": "t", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}},
            Text("t", cache=CacheMark("30m")),
        ),
        (Image(LocalFile("a.png")), Image(LocalFile("a.png"))),
    ],
)
def test_openai_parts(block: Any, part: Any) -> None:
    assert only_part(to_messages(user(block))) == part


def test_openai_tool_calls_and_results() -> None:
    chat = [
        *assistant(
            content=None,
            refusal=None,
            annotations=[],
            audio=None,
            function_call=None,
            parsed={"a": 1},
            tool_calls=[
                {
                    "id": "c1",
                    "type": "function",
                    "index": 0,
                    "function": {"name": "f", "arguments": '{"a": 1}', "parsed_arguments": {"a": 1}},
                },
                {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "plain"}},
                {"id": "c3", "function": {"name": "h", "arguments": {"b": 2}}},
                {
                    "id": "c4",
                    "type": "function",
                    "function": {"name": "i"},
                    "extra_content": {"google": {"thought_signature": "s"}},
                },
            ],
        ),
        {"role": "tool", "tool_call_id": "c1", "content": "4 C"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "ok"}], "name": "g"},
        {"role": "tool", "tool_call_id": "c3", "content": ""},
    ]
    sealed = state({"extra_content": {"google": {"thought_signature": "s"}}}, "openai-chat", True)
    assert to_messages(chat) == (
        Message.assistant(
            ToolCall("c1", "f", '{"a": 1}'),
            ToolCall("c2", "g", "plain", "custom"),
            ToolCall("c3", "h", '{"b":2}'),
            ToolCall("c4", "i", "{}", state=sealed),
        ),
        Message.tool(ToolResult("c1", (Text("4 C"),))),
        Message.tool(ToolResult("c2", (Text("ok"),), name="g")),
        Message.tool(ToolResult("c3")),
    )


def test_a_reply_of_the_openai_sdk_can_be_handed_back() -> None:
    from openai.types.chat import ChatCompletionMessage

    reply = ChatCompletionMessage.model_validate(
        {
            "role": "assistant",
            "content": "see there",
            "refusal": None,
            "annotations": [
                {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 3, "title": "T", "url": "https://t"}}
            ],
        }
    )
    cited = Citation("url", title="T", url="https://t", text_start=0, text_end=3)
    assert to_messages([reply.model_dump()]) == (Message.assistant(Text("see there", (cited,))),)


def test_openai_reasoning_refusals_and_speech() -> None:
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    assert to_messages(assistant(content="a", reasoning_content="why")) == (Message.assistant(Reasoning("why"), "a"),)
    assert to_messages(assistant(content="a", reasoning="why", reasoning_details=details)) == (
        Message.assistant(Reasoning("why", False, state({"reasoning_details": details}, "openai-chat", True)), "a"),
    )
    assert to_messages(assistant(content=None, refusal="no")) == (Message.assistant(Refusal("no")),)
    assert to_messages(assistant(content=[{"type": "refusal", "refusal": "no"}])) == (Message.assistant(Refusal("no")),)
    spoken = {"id": "a1", "data": "AAE=", "transcript": "hi", "expires_at": 5}
    assert to_messages(assistant(content=None, audio=spoken)) == (
        Message.assistant(Audio(Data(b"\0\1", "application/octet-stream"), "hi", "a1", 5)),
    )
    assert to_messages(assistant(audio={"id": "a1"})) == (Message.assistant(Audio(id="a1")),)


def test_legacy_functions_get_ids_that_belong_together() -> None:
    chat = [
        *assistant(content=None, function_call={"name": "f", "arguments": "{}"}),
        {"role": "function", "name": "f", "content": "1"},
        *assistant(content=None, function_call={"name": "f", "arguments": "{}"}),
        {"role": "function", "name": "f", "content": "2"},
    ]
    first, one, second, two = (message.parts[0] for message in to_messages(chat))
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert isinstance(one, ToolResult)
    assert isinstance(two, ToolResult)
    assert one.tool_call_id == first.id
    assert two.tool_call_id == second.id


# ------------------------------------------------------------------------------------------------------ Anthropic's shapes


@pytest.mark.parametrize(
    ("source", "ours"),
    [
        ({"type": "base64", "media_type": "image/png", "data": "AAE="}, Data(b"\0\1", "image/png")),
        ({"type": "url", "url": "https://a/b"}, Url("https://a/b")),
        ({"type": "file", "file_id": "f"}, FileId("f")),
        ({"type": "text", "media_type": "text/plain", "data": "ä"}, Data("ä".encode(), "text/plain")),
    ],
)
def test_anthropic_sources(source: dict[str, Any], ours: Any) -> None:
    assert only_part(to_messages(user({"type": "image", "source": source}))) == Image(ours)
    document = {"type": "document", "source": source, "title": "t", "context": "c", "citations": {"enabled": True}}
    assert only_part(to_messages(user(document))) == File(ours, None, "t", "c", True)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": {"type": "content", "content": "x"}},
        {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
        {"type": "container_upload", "file_id": "f"},
    ],
    ids=lambda block: block["type"],
)
def test_what_only_anthropic_can_say_is_kept_verbatim(block: dict[str, Any]) -> None:
    assert only_part(to_messages(user(block))) == Opaque(block["type"], state(block))


@pytest.mark.parametrize(
    "block",
    [
        {"type": "compaction", "content": "so far", "signature": "s"},
        {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}, "trigger": {}},
    ],
    ids=lambda block: block["type"],
)
def test_what_only_anthropics_models_say_is_kept_verbatim(block: dict[str, Any]) -> None:
    assert only_part(to_messages(assistant(content=[block]))) == Opaque(block["type"], state(block))


def test_anthropic_thinking_goes_back_as_it_was() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "sig"}
    hidden = {"type": "redacted_thinking", "data": "xyz"}
    assert to_messages(assistant(content=[thought, hidden])) == (
        Message.assistant(
            Reasoning("hm", False, state(thought, must_return=True)), Reasoning("", True, state(hidden, must_return=True))
        ),
    )


def test_provider_state_takes_the_scope_that_the_caller_gives_it() -> None:
    bound = Scope("someone", "a-model")
    thought = only_part(to_messages(assistant(content=[{"type": "thinking", "thinking": "", "signature": "s"}]), scope=bound))
    assert thought.state.scope == bound


def test_anthropic_tool_use_and_results() -> None:
    chat = [
        *assistant(
            content=[
                {"type": "text", "text": "let me see"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}, "cache_control": {"type": "ephemeral"}},
                {"type": "tool_use", "id": "t2", "name": "g", "input": {}, "caller": {"type": "direct"}},
            ]
        ),
        *user(
            {
                "type": "tool_result",
                "tool_use_id": "t1",
                "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}],
            },
            {"type": "tool_result", "tool_use_id": "t2", "is_error": True},
            {"type": "text", "text": "and now?"},
        ),
    ]
    assert to_messages(chat) == (
        Message.assistant(
            "let me see",
            ToolCall("t1", "f", '{"a":1}', cache=CacheMark()),
            ToolCall("t2", "g", "{}", state=state({"type": "tool_use", "caller": {"type": "direct"}})),
        ),
        Message.tool(ToolResult("t1", (Image(FileId("f")),)), ToolResult("t2", (), True)),
        Message.user("and now?"),
    )


def test_anthropic_hosted_tools() -> None:
    call = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}}
    result = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"type": "web_search_result", "url": "u"}]}
    assert to_messages(assistant(content=[call, result])) == (
        Message.assistant(
            HostedToolCall("s1", "web_search", '{"query":"q"}', state=state(call)),
            HostedToolResult("s1", "web_search_tool_result", b'[{"type":"web_search_result","url":"u"}]', state=state(result)),
        ),
    )


@pytest.mark.parametrize(
    ("cited", "ours"),
    [
        (
            {
                "type": "char_location",
                "cited_text": "c",
                "document_index": 1,
                "document_title": "d",
                "start_char_index": 2,
                "end_char_index": 3,
            },
            Citation("char", "c", "d", document=1, start=2, end=3),
        ),
        (
            {"type": "web_search_result_location", "cited_text": "c", "title": "t", "url": "https://u", "encrypted_index": "e"},
            Citation("web", "c", "t", "https://u"),
        ),
        (
            {
                "type": "search_result_location",
                "source": "s",
                "title": "t",
                "search_result_index": 4,
                "start_block_index": 0,
                "end_block_index": 1,
            },
            Citation("search_result", None, "t", None, "s", 4, start=0, end=1),
        ),
    ],
)
def test_anthropic_citations_keep_their_own_form(cited: dict[str, Any], ours: Citation) -> None:
    part = only_part(to_messages(assistant(content=[{"type": "text", "text": "x", "citations": [cited]}])))
    assert part.citations[0].state == state(cited)
    fields = {name: getattr(part.citations[0], name) for name in Citation.__struct_fields__ if name != "state"}
    assert fields == {name: getattr(ours, name) for name in Citation.__struct_fields__ if name != "state"}


# ------------------------------------------------------------------------------------------------------------ what is refused

IMAGE = {"type": "image_url", "image_url": {"url": "https://a"}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("prompt", "field", "got"),
    [
        ("", "prompt", "str"),
        (None, "prompt", "None"),
        (5, "prompt", "int"),
        (b"CANARY-7f3a", "prompt", "bytes"),
        (bytearray(b"x"), "prompt", "bytearray"),
        (iter("x"), "prompt", None),
        ({"a", "b"}, "prompt", "set"),
        ([], "messages", "empty"),
        ((), "messages", "empty"),
        ([CANARY], "messages[0]", "str"),
        ([CANARY, b"x"], "prompt[1]", "bytes"),
        ([Text("x"), CANARY, 5, None], "prompt[2]", "int"),
        ([CANARY, Path("x")], "prompt[1]", f"{type(Path()).__module__}.{type(Path()).__name__}"),
        ([None], "messages[0]", "None"),
        ([Message.user("x"), Image(Url("https://a"))], "messages[1]", "Image"),
        ([{}], "messages[0].role", "None"),
        ([{"role": CANARY, "content": "x"}], "messages[0].role", "str"),
        ([{"role": ["user"], "content": "x"}], "messages[0].role", "list"),
        ([{"role": "user"}], "messages[0].content", "None"),
        ([{"role": "user", "content": ""}], "messages[0].content", "empty"),
        ([{"role": "user", "content": []}], "messages[0].content", "empty"),
        (user({"type": "text", "text": ""}), "messages[0].content", "empty"),
        (Message.user(), "prompt.content", "empty"),
        ([Message.user(), {"role": "user", "content": "x"}], "messages[0].content", "empty"),
        ([{"role": "user", "content": 5}], "messages[0].content", "int"),
        ([{"role": "user", "content": b"CANARY-7f3a"}], "messages[0].content", "bytes"),
        ([{"role": "user", "content": "x", "nmae": CANARY}], "messages[0].nmae", None),
        ([{"role": "user", "content": "x", 5: CANARY}], "messages[0]", "int"),
        ([{"role": "user", "content": "x", "name": 5}], "messages[0].name", "int"),
        ([{"role": "assistant"}], "messages[0].content", "None"),
        ([{"role": "assistant", "content": []}], "messages[0].content", "list"),
        ([{"role": "system", "content": [IMAGE]}], "messages[0].content[0].type", "None"),
        ([{"role": "tool", "content": "x"}], "messages[0].tool_call_id", "None"),
        ([{"role": "tool", "tool_call_id": "", "content": "x"}], "messages[0].tool_call_id", "str"),
        ([{"role": "tool", "tool_call_id": "c"}], "messages[0].content", "None"),
        ([{"role": "function", "name": "f", "content": "x"}], "messages[0].name", "str"),
        ([{"role": "function", "content": "x"}], "messages[0].name", "None"),
        (user(CANARY), "messages[0].content[0]", "str"),
        (user({"text": CANARY}), "messages[0].content[0].type", "None"),
        (user({"type": "txt", "text": CANARY}), "messages[0].content[0].type", "str"),
        (user({"type": "text", "text": 5}), "messages[0].content[0].text", "int"),
        (user({"type": "text", "text": b"x"}), "messages[0].content[0].text", "bytes"),
        (user({"type": "text", "text": "x", "bold": CANARY}), "messages[0].content[0].bold", None),
        (user({"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "/etc/passwd"}}), "messages[0].content[1].image_url.url", "str"),
        (user({"type": "image_url", "image_url": {"url": "http://a/b"}}), "messages[0].content[0].image_url.url", "str"),
        (user({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}), "messages[0].content[0].image_url.url", "str"),
        (user({"type": "image_url", "image_url": "C:\\a.png"}), "messages[0].content[0].image_url", "str"),
        (user({"type": "image_url", "image_url": {"url": None}}), "messages[0].content[0].image_url.url", "None"),
        (user({"type": "image_url"}), "messages[0].content[0].image_url", "None"),
        (user({"type": "image_url", "image_url": {"url": "data:image/png;base64"}}), "messages[0].content[0].image_url.url", "str"),
        (user({"type": "image_url", "image_url": {"url": "data:image/png;base64,!CANARY-7f3a"}}), "messages[0].content[0].image_url.url", "str"),
        (user({"type": "image_url", "image_url": {"url": "https://a", "size": 5}}), "messages[0].content[0].image_url.size", None),
        (user({"type": "input_audio", "input_audio": {"data": "AA=="}}), "messages[0].content[0].input_audio.format", "None"),
        (user({"type": "input_audio", "input_audio": {"data": b"x", "format": "wav"}}), "messages[0].content[0].input_audio.data", "bytes"),
        (user({"type": "file", "file": {}}), "messages[0].content[0].file.file_data", "None"),
        (user({"type": "file", "file": {"path": "/etc/passwd"}}), "messages[0].content[0].file.path", None),
        (user({"type": "image", "source": {"type": "path", "path": "/x"}}), "messages[0].content[0].source.type", "str"),
        (user({"type": "image", "source": {"type": "base64", "data": "AA=="}}), "messages[0].content[0].source.media_type", "None"),
        (user({"type": "image", "source": {"type": "url", "url": "http://a"}}), "messages[0].content[0].source.url", "str"),
        (user({"type": "image", "source": "https://a"}), "messages[0].content[0].source", "str"),
        (user({"type": "text", "text": "x", "cache_control": {"type": "forever"}}), "messages[0].content[0].cache_control.type", "str"),
        (user({"type": "text", "text": "x", "cache_control": "5m"}), "messages[0].content[0].cache_control", "str"),
        (user({"type": "tool_use", "id": "t", "name": "f", "input": {}}), "messages[0].content[0].type", "None"),
        (user({"type": "tool_result", "content": "x"}), "messages[0].content[0].tool_use_id", "None"),
        (user({"type": "tool_result", "tool_use_id": "t", "is_error": "no"}), "messages[0].content[0].is_error", "str"),
        (assistant(content=[{"type": "tool_result", "tool_use_id": "t"}]), "messages[0].content[0].type", "None"),
        (assistant(content=[{"type": "tool_use", "name": "f", "input": {}}]), "messages[0].content[0].id", "None"),
        (assistant(content=[{"type": "tool_use", "id": "t", "name": "f", "input": [1]}]), "messages[0].content[0].input", "list"),
        (assistant(content=[{"type": "tool_use", "id": "t", "name": "f", "input": {"a": {1, object()}}}]), "messages[0].content[0].input.a", "set"),
        (assistant(content=[{"type": "thinking", "thinking": 5}]), "messages[0].content[0].thinking", "int"),
        (assistant(tool_calls="x"), "messages[0].tool_calls", "str"),
        (assistant(tool_calls=[CALL, CALL]), "messages[0].tool_calls", None),
        ([Message.assistant(ToolCall("c", "f"), ToolCall("c", "g")), {"role": "user", "content": "x"}], "messages[0].tool_calls", None),
        (assistant(tool_calls=[{**CALL, "id": None}]), "messages[0].tool_calls[0].id", "None"),
        (assistant(tool_calls=[{**CALL, "type": "tool"}]), "messages[0].tool_calls[0].type", "str"),
        (assistant(tool_calls=[{"id": "c", "type": "function", "function": {"name": 5}}]), "messages[0].tool_calls[0].function.name", "int"),
        (assistant(tool_calls=[{"id": "c", "function": {"name": "f", "arguments": [CANARY]}}]), "messages[0].tool_calls[0].function.arguments", "list"),
        (assistant(function_call={"arguments": "{}"}), "messages[0].function_call.name", "None"),
        (assistant(audio="a1"), "messages[0].audio", "str"),
        (assistant(content="x", annotations=[{"type": "file_path"}]), "messages[0].annotations[0].type", "str"),
    ],
)  # fmt: skip
def test_bad_prompts_are_refused_by_place_type_and_what_is_allowed(prompt: Any, field: str, got: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        to_messages(prompt)
    error = caught.value
    assert error.field == field
    assert error.allowed
    if got is not None:
        assert error.got == got
    assert CANARY not in str(error)
    assert "passwd" not in str(error)


@pytest.mark.parametrize(
    ("prompt", "hint"),
    [
        ([{"role": "asistant", "content": "x"}], "did you mean 'assistant'?"),
        (user({"type": "imageurl"}), "did you mean 'image_url'?"),
        ([{"role": "user", "content": "x", "nam": "y"}], "did you mean 'name'?"),
    ],
)
def test_what_is_nearly_right_is_put_right(prompt: Any, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        to_messages(prompt)
    assert hint in str(caught.value)


@pytest.mark.parametrize("system", [5, b"x", [], [IMAGE], Image(Url("https://a")), {"type": "text", "text": "x"}])
def test_bad_system_is_refused(system: Any) -> None:
    with pytest.raises(UsageError) as caught:
        to_messages("hi", system)
    assert (caught.value.field or "").startswith("system")


def test_the_same_call_id_may_come_again_in_a_later_turn() -> None:
    turn = [*assistant(tool_calls=[CALL]), {"role": "tool", "tool_call_id": "c", "content": "x"}]
    assert len(to_messages(turn * 2)) == 4


def test_what_the_caller_owns_is_not_changed() -> None:
    chat = [
        {"role": "system", "content": "s"},
        *user(copy.deepcopy(IMAGE), {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}),
        *assistant(content=[{"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1, {"b": 2}]}}]),
        *user({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "r"}]}),
    ]
    before = copy.deepcopy(chat)
    to_messages(chat, "sys")
    assert chat == before


_SCRAPS = [
    "role",
    "user",
    "assistant",
    "tool",
    "content",
    "type",
    "text",
    "image",
    "source",
    "tool_use",
    "id",
    "name",
    "input",
    "tool_calls",
]
_chaos = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(_SCRAPS) | st.binary(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_SCRAPS), inner, max_size=4),
    max_leaves=8,
)


@given(
    st.lists(
        st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool", "system"]), "content": _chaos}), max_size=3
    )
    | _chaos
)
def test_anything_is_messages_or_a_usage_error(prompt: Any) -> None:
    try:
        messages = to_messages(prompt)
    except UsageError as error:
        assert error.field
        assert error.allowed
    else:
        assert messages
        assert all(type(message) is Message for message in messages)


def test_stop_sequences() -> None:
    assert to_stop(None) == ()
    assert to_stop("END") == ("END",)
    assert to_stop(["a", "b"]) == ("a", "b")
    for bad, field in (("", "stop"), (["a", ""], "stop[1]"), ([5], "stop[0]"), (5, "stop"), (b"x", "stop")):
        with pytest.raises(UsageError) as caught:
            to_stop(bad)  # type: ignore[arg-type]
        assert caught.value.field == field
