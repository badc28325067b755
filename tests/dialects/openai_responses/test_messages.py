"""Messages as items: what users, tools and models say, and what goes back to whom it came from."""

from __future__ import annotations

import json

import pytest

from tests.dialects.openai_responses.judge import encode, losses, target
from tests.dialects.openai_responses.replies import call_item, decode, reply, text_item, thought
from trunkline.values.errors import UsageError
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
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from trunkline.values.model import Quirks

PNG = Data(b"\x89PNG", "image/png")
PDF = Data(b"%PDF", "application/pdf")
ID = "openai-responses"


def items(*messages, **fields):
    body, encoded = encode(*messages, **fields)
    return body["input"], losses(encoded)


# --- instructions -----------------------------------------------------------------------------------------------------


def test_the_opening_system_message_is_the_instructions():
    body, _ = encode(Message.system("Be brief"), "hi")
    assert (body["instructions"], body["input"]) == ("Be brief", [{"role": "user", "content": "hi"}])


def test_other_system_messages_keep_their_places():
    body, _ = encode(Message.system("A"), Message.system("B"), "hi", Message.system(Text("C"), Text("D")))
    assert body["instructions"] == "A"
    parts = [{"type": "input_text", "text": "C"}, {"type": "input_text", "text": "D"}]
    assert body["input"] == [{"role": "system", "content": [{"type": "input_text", "text": "B"}]}, *_user("hi"), {"role": "system", "content": parts}]  # fmt: skip


def test_instructions_alone_or_marked_are_input():
    assert encode(Message.system("A"))[0]["input"] == [{"role": "system", "content": [{"type": "input_text", "text": "A"}]}]
    body, _ = encode(Message.system(Text("A", cache=CacheMark("30m"))), "hi", aim=target(Quirks(system_role="developer")))
    mark = {"mode": "explicit", "ttl": "30m"}
    assert body["input"][0] == {
        "role": "developer", "content": [{"type": "input_text", "text": "A", "prompt_cache_breakpoint": mark}]
    }  # fmt: skip


def _user(text):
    return [{"role": "user", "content": text}]


# --- users ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "wire"),
    [
        (Image(Url("https://a/b.png"), "low"), {"type": "input_image", "detail": "low", "image_url": "https://a/b.png"}),
        (Image(PNG), {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iVBORw=="}),
        (Image(FileId("file-1")), {"type": "input_image", "detail": "auto", "file_id": "file-1"}),
        (File(PDF, "a.pdf"), {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}),
        (File(PDF), {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}),
        (File(Url("https://a/b.pdf")), {"type": "input_file", "file_url": "https://a/b.pdf"}),
        (File(FileId("file-1")), {"type": "input_file", "file_id": "file-1"}),
        (File(PNG), {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iVBORw=="}),
        (Audio(Data(b"RIFF", "audio/wav")), {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}),
        (Text("b", cache=CacheMark()), {"type": "input_text", "text": "b", "prompt_cache_breakpoint": {"mode": "explicit"}}),
    ],
)
def test_what_users_show(part, wire):
    said, lost = items(Message.user("a", part))
    assert said == [{"role": "user", "content": [{"type": "input_text", "text": "a"}, wire]}]
    assert lost == []


@pytest.mark.parametrize(
    ("part", "lost"),
    [
        (Video(Url("https://a/b.mp4")), [("dropped", "messages.video")]),
        (Audio(Url("https://a/b.mp3")), [("dropped", "messages.audio")]),
        (Audio(None, "words"), [("approximated", "messages.audio")]),
        (File(PDF, title="T", context="C"), [("dropped", "messages.file.title"), ("dropped", "messages.file.context")]),
        (File(FileId("f"), "a.pdf"), [("dropped", "messages.file.filename")]),
        (Text("b", cache=CacheMark("5m")), [("approximated", "cache.ttl")]),
    ],
)
def test_what_users_cannot_show(part, lost):
    assert items(Message.user("a", part))[1] == lost


def test_endpoints_without_marks_and_pictures():
    aim = target(Quirks(cache_marks="none", no_images=True))
    said, lost = items(Message.user(Text("a", cache=CacheMark()), Image(PNG)), aim=aim)
    assert said == [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}]
    assert lost == [("dropped", "cache"), ("dropped", "messages.image")]


def test_a_local_file_is_read_before():
    with pytest.raises(UsageError):
        encode(Message.user(Image(LocalFile("a.png"))))


def test_empty_texts_and_names():
    said, lost = items(Message("user", (Text(""), Text("a"), Text("b")), "Ann"), Message.user(""), Message.user("", ""))
    assert said[0] == {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]}
    assert said[1:] == [{"role": "user", "content": ""}, {"role": "user", "content": ""}]
    assert lost == [("dropped", "messages.name")]


# --- models -----------------------------------------------------------------------------------------------------------


def test_what_a_model_said_elsewhere():
    said, lost = items(
        "hi",
        Message.assistant("Hello"),
        Message.assistant("a", "b", Refusal("no")),
        Message.assistant(Text("see", (Citation("url", url="https://a", text_start=0, text_end=3),)), Image(PNG)),
        Message.assistant(Text("see", (Citation("char", document=0),))),
    )
    contents = [
        {"type": "output_text", "text": "a", "annotations": []},
        {"type": "output_text", "text": "b", "annotations": []},
        {"type": "refusal", "refusal": "no"},
    ]
    note = {"type": "url_citation", "url": "https://a", "title": "", "start_index": 0, "end_index": 3}
    assert said == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Hello"},
        {"type": "message", "role": "assistant", "content": contents},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "see", "annotations": [note]}]},
        {"role": "assistant", "content": "see"},
    ]
    assert lost == [("dropped", "messages.image"), ("dropped", "messages.citations")]


def test_calls_and_answers():
    said, lost = items(
        "hi",
        Message.assistant("I look", ToolCall("c1", "weather", '{"city":"Oslo"}'), ToolCall("c2", "weather", "")),
        Message.tool(ToolResult("c1", (Text("4 C"),)), ToolResult("c2", (Text("a"), Image(PNG)), is_error=True)),
        Message.tool(ToolResult("c3"), ToolResult("c4", (File(FileId("f")),), cache=CacheMark())),
    )
    picture = {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iVBORw=="}
    file = {"type": "input_file", "file_id": "f", "prompt_cache_breakpoint": {"mode": "explicit"}}
    assert said[1:] == [
        {"role": "assistant", "content": "I look"},
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city":"Oslo"}'},
        {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "4 C"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "a"}, picture]},
        {"type": "function_call_output", "call_id": "c3", "output": ""},
        {"type": "function_call_output", "call_id": "c4", "output": [file]},
    ]
    assert lost == [("approximated", "messages.tool_result.is_error")]


def test_calls_with_plain_input():
    call = ToolCall("c1", "sql", "select 1", "custom")
    said, _ = items("hi", Message.assistant(call), Message.tool(ToolResult("c1", (Text("1"),))))
    assert said[1:] == [
        {"type": "custom_tool_call", "call_id": "c1", "name": "sql", "input": "select 1"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "1"},
    ]


def test_words_and_answers_in_one_turn():
    said, _ = items(Message.user("see", ToolResult("c1", (Text("1"),)), "and"))
    assert [item.get("type", item.get("content")) for item in said] == [
        [{"type": "input_text", "text": "see"}], "function_call_output", [{"type": "input_text", "text": "and"}],
    ]  # fmt: skip


def test_long_ids_and_strange_names_find_their_way_back():
    call = ToolCall("x" * 90, "what's.up", "{}")
    body, encoded = encode("hi", Message.assistant(call), Message.tool(ToolResult(call.id, (Text("1"),))))
    wire = body["input"][1]
    assert (wire["call_id"], wire["name"]) == (body["input"][2]["call_id"], "what_s_up")
    assert len(wire["call_id"]) <= 64
    again = decode(reply(wire), encoded.context).tool_calls[0]
    assert (again.id, again.name) == (call.id, call.name)
    assert losses(encoded) == [("renamed", "tool_call.id"), ("renamed", "tools.name")]


# --- the way back -----------------------------------------------------------------------------------------------------

SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
TURN = (
    thought(["One", "Two"]),
    text_item("I look", phase="commentary"),
    SEARCH,
    {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "s", "tools": [], "new": {"b": 1, "a": [1.0]}},
    call_item('{"city":"Oslo"}', namespace="geo"),
    {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "sql", "input": "select 1", "status": "completed"},
    {"type": "shell_call", "id": "sh_1", "call_id": "call_3", "status": "completed", "action": {"commands": ["ls"]}},
    text_item("Done", "msg_2", phase="final_answer"),
)


def test_a_reply_goes_back_as_the_items_that_it_was():
    said, lost = items("hi", decode(reply(*TURN)).message, judged=False)
    assert said[1:] == list(TURN)
    assert lost == []


def test_two_texts_of_one_item_stay_one():
    item = text_item("a")
    item["content"] += [{"type": "output_text", "text": "b", "annotations": []}, {"type": "refusal", "refusal": "no"}]
    assert items("hi", decode(reply(item)).message)[0][1:] == [item]


def test_annotations_go_back_as_they_came():
    item = text_item("a")
    item["content"][0]["annotations"] = [
        {"type": "url_citation", "start_index": 0, "end_index": 1, "title": "T", "url": "https://a"},
        {
            "type": "container_file_citation",
            "container_id": "c",
            "start_index": 0,
            "end_index": 1,
            "file_id": "f",
            "filename": "n",
        },
    ]
    assert items("hi", decode(reply(item)).message)[0][1:] == [item]


@pytest.mark.parametrize("aim", [{"key": "k2"}, {"model": "other"}, {"provider": "azure"}])
def test_to_another_account_model_or_provider_goes_no_state(aim):
    """Neither what is sealed nor an id: what was bound is dropped, and told; words and calls are said anew."""
    said, lost = items("hi", decode(reply(*TURN)).message, aim=target(**aim))
    assert [item.get("content", item.get("type")) for item in said[1:]] == [
        "I look", "function_call", "custom_tool_call", "Done",
    ]  # fmt: skip
    assert not any("id" in item or "namespace" in item for item in said)
    assert {kind for kind, _ in lost} == {"dropped"}
    assert {name for _, name in lost} == {
        "messages.reasoning", "messages.text.state", "messages.hosted_tool", "messages.mcp_list_tools", "messages.tool_call.state",
    }  # fmt: skip


def test_state_of_other_protocols_stays_there():
    foreign = ProviderState("anthropic-messages", b'{"type":"thinking","signature":"s"}')
    said, lost = items("hi", Message.assistant(Reasoning("Hm", state=foreign), Opaque("new", foreign), "Hi"))
    assert said[1:] == [{"role": "assistant", "content": "Hi"}]
    assert lost == [("dropped", "messages.reasoning"), ("dropped", "messages.new")]


def test_without_its_reasoning_a_turn_goes_without_ids():
    """Nothing was stored and nothing is sealed: the reasoning cannot be read, and ids would point to it."""
    empty = thought(encrypted_content=None)
    message = decode(reply(empty, text_item("Hi", phase="final_answer"), call_item())).message
    said, lost = items("hi", message)
    assert [item.get("id") for item in said[1:]] == [None, None]
    assert said[1]["phase"] == "final_answer"
    assert lost == [("dropped", "messages.reasoning")]
    stored, lost = items("hi", message, store=True)
    assert [item["id"] for item in stored[1:]] == ["rs_1", "msg_1", "fc_1"]
    assert lost == []


def test_open_reasoning_goes_back():
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]}
    assert items("hi", decode(reply(item)).message)[0][1:] == [item]


def test_references_to_what_is_not_stored_are_dropped():
    reference = Opaque("item_reference", ProviderState(ID, b'{"type":"item_reference","id":"msg_1"}'))
    assert items(Message.user(reference, "hi")) == (
        [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        [("dropped", "messages.item_reference")],
    )
    said, lost = items(Message.user(reference, "hi"), store=True)
    assert said[0] == {"type": "item_reference", "id": "msg_1"}
    assert lost == []


def test_opaque_parts_and_items():
    part = {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}
    item = {"type": "mcp_approval_response", "approval_request_id": "m", "approve": True}
    opaque = [Opaque(one["type"], ProviderState(ID, json.dumps(one).encode())) for one in (part, item)]
    said, lost = items(Message.user("hi", *opaque))
    assert said == [{"role": "user", "content": [{"type": "input_text", "text": "hi"}, part]}, item]
    assert lost == []


def test_answers_to_tools_of_the_provider_that_the_user_runs():
    ran = HostedToolResult("call_3", "shell_call_output", b'[{"stdout":"a","stderr":"","outcome":{"type":"exit","exit_code":0}}]')
    said, lost = items(Message.tool(ran), Message.tool(HostedToolResult("x", "web_search_tool_result")))
    assert said == [{"type": "shell_call_output", "call_id": "call_3", "output": json.loads(ran.data)}]
    assert lost == [("dropped", "messages.hosted_tool")]


def test_calls_of_hosted_tools_of_others_are_dropped():
    assert items("hi", Message.assistant("Hi", HostedToolCall("x", "web_search")))[1] == [("dropped", "messages.hosted_tool")]


def test_a_picture_that_was_drawn_stands_in_its_call():
    item = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBORw==", "output_format": "webp"}
    message = decode(reply(item)).message
    assert message.parts[1].source == Data(b"\x89PNG", "image/webp")
    assert items("hi", message)[0][1:] == [item]
    lost = items("hi", message, aim=target(provider="azure"))[1]
    assert lost == [("dropped", "messages.hosted_tool"), ("dropped", "messages.image")]


def test_what_is_no_utf8_is_mended_before_it_goes_back():
    message = decode(b'{"status":"completed","output":[{"type":"compaction","x":"a\xff"}]}').message
    assert items("hi", message, judged=False)[0][1:] == [{"type": "compaction", "x": "a\ufffd"}]


def test_state_that_is_no_object_is_told():
    bad = ProviderState(ID, b"nothing")
    said, lost = items("hi", Message.assistant(Text("Hi", state=bad)))
    assert said[1:] == [{"role": "assistant", "content": "Hi"}]
    assert lost == [("dropped", "messages.text.state")]


def test_what_users_and_tools_cannot_bear_is_told():
    mark, foreign = CacheMark(), ProviderState("gemini", b"{}")
    said, lost = items(
        Message.user(Text("a", (Citation("url", url="u"),), state=foreign), Text("", cache=mark)),
        Message.assistant(ToolCall("1", "w")),
        Message.tool(ToolResult("1", cache=mark)),
    )
    assert said[0]["content"] == [{"type": "input_text", "text": "a"}]
    assert lost == [
        ("dropped", "messages.citations"), ("dropped", "messages.text.state"), ("dropped", "cache"), ("dropped", "cache"),
    ]  # fmt: skip
