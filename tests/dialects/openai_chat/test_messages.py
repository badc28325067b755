"""Messages: every part in every role, media, tool loops, provider state, and what an endpoint wants otherwise."""

from __future__ import annotations

import msgspec
import pytest

from tests.dialects.openai_chat.judge import context, encode, losses, target
from tests.dialects.openai_chat.replies import body, chunk, decode, read, sse
from trunkline.values.errors import UsageError
from trunkline.values.fold import fold
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
from trunkline.values.model import Quirks

PNG = Data(b"\x89PNG", "image/png")
PNG_URL = "data:image/png;base64,iVBORw=="


def state(fields, *, dialect="openai-chat", must_return=False, **scope):
    return ProviderState(dialect, msgspec.json.encode(fields), Scope(**scope), must_return)


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (Message.system("s"), {"role": "system", "content": "s"}),
        (Message.user("u"), {"role": "user", "content": "u"}),
        (Message("user", (Text("u"),), "bob"), {"role": "user", "content": "u", "name": "bob"}),
        (Message.user("a", "b"), {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
        (Message.user("", "b"), {"role": "user", "content": [{"type": "text", "text": "b"}]}),
        (Message.user(Image(Url("https://x/y.png"), "low")),
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}]}),
        (Message.user(Image(PNG)), {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG_URL}}]}),
        (Message.user(File(PNG, "a.png")), {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG_URL}}]}),
        (Message.user(Audio(Data(b"abc", "audio/x-wav"))),
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "YWJj", "format": "wav"}}]}),
        (Message.user(Audio(Data(b"abc", "audio/mpeg"))),
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "YWJj", "format": "mp3"}}]}),
        (Message.user(File(FileId("f1"))), {"role": "user", "content": [{"type": "file", "file": {"file_id": "f1"}}]}),
        (Message.user(File(Data(b"%PDF", "application/pdf"), "a.pdf")), {"role": "user", "content": [
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}}]}),
        (Message.user(File(Data(b"%PDF", "application/pdf"))), {"role": "user", "content": [
            {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}}]}),
        (Message.user(Text("t", cache=CacheMark("30m"))), {"role": "user", "content": [
            {"type": "text", "text": "t", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}]}),
        (Message.system(Text("t", cache=CacheMark())), {"role": "system", "content": [
            {"type": "text", "text": "t", "prompt_cache_breakpoint": {"mode": "explicit"}}]}),
        (Message.user(Image(PNG, cache=CacheMark("12h"))), {"role": "user", "content": [{"type": "image_url",
            "image_url": {"url": PNG_URL}, "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}]}),
        (Message.assistant("a"), {"role": "assistant", "content": "a"}),
        (Message.assistant(Text("a", (Citation("url", url="https://x"),))), {"role": "assistant", "content": "a"}),
        (Message.assistant(""), {"role": "assistant", "content": ""}),
        (Message("assistant", ()), {"role": "assistant", "content": ""}),
        (Message("assistant", (Text("a"),), "al"), {"role": "assistant", "content": "a", "name": "al"}),
        (Message.assistant("a", "b"), {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
        (Message.assistant(Refusal("no")), {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}),
        (Message.assistant(Audio(PNG, "words", "audio_1")), {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}),
        (Message.assistant(ToolCall("c1", "t", '{"a":1}')), {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "t", "arguments": '{"a":1}'}}]}),
        (Message.assistant("x", ToolCall("c1", "t", ""), ToolCall("c2", "u", "text", "custom")), {"role": "assistant", "content": "x",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "t", "arguments": "{}"}},
                {"id": "c2", "type": "custom", "custom": {"name": "u", "input": "text"}}]}),
        (Message.tool(ToolResult("c1", (Text("r"),))), {"role": "tool", "tool_call_id": "c1", "content": "r"}),
        (Message.tool(ToolResult("c1")), {"role": "tool", "tool_call_id": "c1", "content": ""}),
        (Message.tool(ToolResult("c1", (Text("r"), Text("s")))), {"role": "tool", "tool_call_id": "c1", "content": [
            {"type": "text", "text": "r"}, {"type": "text", "text": "s"}]}),
        (Message.tool(ToolResult("c1", (Text("r"),), cache=CacheMark())), {"role": "tool", "tool_call_id": "c1", "content": [
            {"type": "text", "text": "r", "prompt_cache_breakpoint": {"mode": "explicit"}}]}),
    ],
)  # fmt: skip
def test_each_message(message, wire):
    body, encoded = encode(message)
    assert body["messages"] == [wire]
    assert encoded.warnings == ()


def test_several_results_are_several_messages():
    body, _ = encode(Message.tool(ToolResult("c1", (Text("r"),)), ToolResult("c2", (Text("s"),))))
    assert [(message["tool_call_id"], message["content"]) for message in body["messages"]] == [("c1", "r"), ("c2", "s")]


def test_results_in_a_user_message_come_first():
    body, _ = encode(Message.user(ToolResult("c1", (Text("r"),)), Text("and now?")))
    assert body["messages"] == [
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
        {"role": "user", "content": "and now?"},
    ]


def test_pictures_of_tools_follow_all_results():
    body, encoded = encode(
        Message.tool(ToolResult("c1", (Text("r"), Image(PNG)))),
        Message.tool(ToolResult("c2", (File(FileId("f")),))),
        Message.user("what is it?"),
    )
    assert [message["role"] for message in body["messages"]] == ["tool", "tool", "user", "user"]
    assert [part["type"] for part in body["messages"][2]["content"]] == ["text", "image_url", "text", "file"]
    assert body["messages"][3]["content"] == "what is it?"
    assert losses(encoded) == [("approximated", "messages.tool_result")]
    assert [m["role"] for m in encode(Message.tool(ToolResult("c1", (Image(PNG),))))[0]["messages"]] == ["tool", "user"]


def test_pictures_of_tools_join_what_the_user_says_beside_the_result():
    body, _ = encode(Message.user(ToolResult("c1", (Image(PNG),)), Text("and now?")))
    assert [message["role"] for message in body["messages"]] == ["tool", "user"]
    assert [part["type"] for part in body["messages"][1]["content"]] == ["text", "image_url", "text"]


@pytest.mark.parametrize(
    ("message", "content", "lost"),
    [
        (Message.user("a", Video(Url("https://x"))), [{"type": "text", "text": "a"}], [("dropped", "messages.video")]),
        (Message.user("a", File(Url("https://x"))), [{"type": "text", "text": "a"}], [("dropped", "messages.file")]),
        (Message.user("a", Audio(Url("https://x"))), [{"type": "text", "text": "a"}], [("dropped", "messages.audio")]),
        (Message.user(Audio(None, "words", "a1")), [{"type": "text", "text": "words"}], [("approximated", "messages.audio")]),
        (Message.user(Image(FileId("f"))), [{"type": "file", "file": {"file_id": "f"}}], [("approximated", "messages.image")]),
        (Message.user(File(FileId("f"), "a.pdf")), [{"type": "file", "file": {"file_id": "f"}}],
         [("dropped", "messages.file.filename")]),
        (Message.user(File(FileId("f"), title="t", context="c", citations=True)), [{"type": "file", "file": {"file_id": "f"}}],
            [("dropped", "messages.file.title"), ("dropped", "messages.file.context"), ("dropped", "messages.file.citations")]),
        (Message.user("a", Opaque("odd", state({}, dialect="gemini"))), [{"type": "text", "text": "a"}], [("dropped", "messages.odd")]),
        (Message.user("a", Reasoning("r")), [{"type": "text", "text": "a"}], [("dropped", "messages.reasoning")]),
        (Message.system("a", Image(PNG)), [{"type": "text", "text": "a"}], [("dropped", "messages.image")]),
        (Message.user(Text("a", cache=CacheMark("5m"))), [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}],
            [("approximated", "cache.ttl")]),
        (Message.assistant("a", Image(PNG)), "a", [("dropped", "messages.image")]),
        (Message.assistant("a", HostedToolCall("h", "search"), HostedToolResult("h", "found")), "a",
            [("dropped", "messages.hosted_tool_call"), ("dropped", "messages.hosted_tool_result")]),
        (Message.assistant("a", Reasoning("r")), "a", [("dropped", "messages.reasoning")]),
        (Message.assistant("a", Reasoning("r", state=state({}, dialect="anthropic-messages"))), "a", [("dropped", "messages.reasoning")]),
        (Message.assistant(Text("a", state=state({}, dialect="gemini"))), "a", [("dropped", "messages.text.state")]),
        (Message.assistant("a", Audio(PNG)), "a", [("dropped", "messages.audio")]),
        (Message.tool(ToolResult("c", (Text("no"),), is_error=True)), "no", [("approximated", "messages.tool_result.is_error")]),
    ],
)  # fmt: skip
def test_what_a_message_loses_is_told(message, content, lost):
    body, encoded = encode(message)
    assert body["messages"][0]["content"] == content
    assert losses(encoded) == lost


def test_a_warning_is_given_once():
    _, encoded = encode(*[Message.assistant("a", Reasoning("r")) for _ in range(5)])
    assert len(encoded.warnings) == 1


@pytest.mark.parametrize("part", [Image(LocalFile("x.png")), Audio(LocalFile("x.wav")), File(LocalFile("x.pdf"))])
def test_local_files_were_read_before(part):
    with pytest.raises(UsageError, match="LocalFile"):
        encode(Message.user(part))


# --- quirks of endpoints ----------------------------------------------------------------------------------------------


def test_developer_role():
    assert encode(Message.system("s"), aim=Quirks(system_role="developer"))[0]["messages"][0]["role"] == "developer"
    assert encode(Message.system("s", "t"), aim=Quirks(system_role="developer"))[0]["messages"][0]["role"] == "developer"


def test_no_images():
    body, encoded = encode(Message.user("a", Image(PNG)), aim=Quirks(no_images=True))
    assert body["messages"][0]["content"] == [{"type": "text", "text": "a"}]
    assert losses(encoded) == [("dropped", "messages.image")]


def test_cache_marks_in_other_words():
    message = Message.user(Text("t", cache=CacheMark("1h")))
    body, _ = encode(message, aim=Quirks(cache_marks="cache_control"), judged=False)
    assert body["messages"][0]["content"] == [{"type": "text", "text": "t", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    body, encoded = encode(message, aim=Quirks(cache_marks="none"))
    assert body["messages"][0]["content"] == [{"type": "text", "text": "t"}]
    assert losses(encoded) == [("dropped", "cache")]


def test_prefill():
    said = (Message.user("hi"), Message.assistant("Once"))
    body, encoded = encode(*said, aim=Quirks(prefill_flag="prefix"), judged=False)
    assert body["messages"][-1] == {"role": "assistant", "content": "Once", "prefix": True}
    body, encoded = encode(*said, aim=Quirks(no_prefill=True))
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert losses(encoded) == [("dropped", "messages.prefill")]


def test_no_system_messages():
    body, encoded = encode(Message.system("s"), Message.user("u"), aim=Quirks(no_system_in_messages=True, alternate_roles=True))
    assert body["messages"] == [{"role": "user", "content": "s\n\nu"}]
    assert losses(encoded) == [("approximated", "messages.system"), ("approximated", "messages")]


def test_roles_take_turns():
    body, encoded = encode(
        Message.user("a"),
        Message.user("b", Image(PNG)),
        Message.assistant("c"),
        Message.assistant("d"),
        aim=Quirks(alternate_roles=True),
    )
    assert [message["role"] for message in body["messages"]] == ["user", "assistant"]
    assert [part["type"] for part in body["messages"][0]["content"]] == ["text", "text", "image_url"]
    assert body["messages"][1]["content"] == "c\n\nd"
    assert losses(encoded) == [("approximated", "messages")]


# --- what goes back ---------------------------------------------------------------------------------------------------

DETAILS = b'[ {"type":"reasoning.encrypted","data":"\\u0041b+/=" , "index":0} ]'


def test_state_goes_back_byte_for_byte():
    kept = ProviderState(
        "openai-chat", b'{"reasoning_details":' + DETAILS + b"}", Scope("openai", target().model), must_return=True
    )
    _, encoded = encode(Message.assistant("a", Reasoning("r", state=kept)), judged=False)
    assert DETAILS in encoded.wire.body
    assert encoded.warnings == ()


@pytest.mark.parametrize("scope", [{"provider": "other"}, {"provider": "openai", "model": "other"}, {"account": "other"}])
def test_state_is_never_sent_to_a_stranger(scope):
    kept = state({"reasoning_details": [{"data": "secret"}]}, must_return=True, **scope)
    call = ToolCall("c", "t", state=state({"extra_content": "secret"}, **scope))
    opaque = Opaque("annotations", state({"annotations": ["secret"]}, **scope))
    _, encoded = encode(Message.assistant("a", Reasoning("r", state=kept), call, opaque))
    assert b"secret" not in encoded.wire.body
    assert ("dropped", "messages.tool_call.state") in losses(encoded)
    assert ("dropped", "messages.annotations") in losses(encoded)
    assert ("dropped", "messages.reasoning") in losses(encoded)


def test_state_of_calls_parts_and_messages():
    call = ToolCall("c", "t", state=state({"extra_content": {"google": {"thought_signature": "s"}}}))
    note = Opaque("annotations", state({"annotations": [{"type": "file"}]}))
    part = Opaque("odd", state({"type": "odd", "x": 1}))
    thought = Reasoning("r", state=state({"type": "thinking", "thinking": [{"type": "text", "text": "r"}]}))
    body, encoded = encode(Message.assistant(thought, "a", note, part, call), judged=False)
    said = body["messages"][0]
    assert said["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "s"}}
    assert said["annotations"] == [{"type": "file"}]
    assert [item["type"] for item in said["content"]] == ["thinking", "text", "odd"]
    assert encoded.warnings == ()


def test_state_that_is_no_object_is_dropped():
    broken = ProviderState("openai-chat", b"[1]")
    body, encoded = encode(Message.assistant("a", Opaque("x", broken)))
    assert body["messages"][0] == {"role": "assistant", "content": "a"}
    assert losses(encoded) == [("dropped", "messages.x")]


def test_reasoning_goes_back_in_the_field_that_the_endpoint_reads():
    said = (Message.user("q"), Message.assistant(Reasoning("r"), Reasoning("s"), "a"), Message.user("p"))
    body, encoded = encode(*said, aim=Quirks(reasoning_field="reasoning"), judged=False)
    assert body["messages"][1]["reasoning"] == "rs"
    assert encoded.warnings == ()


def test_reasoning_that_must_go_back():
    loop = (Message.assistant(Reasoning("r"), ToolCall("c", "t")), Message.tool(ToolResult("c", (Text("1"),))))
    foreign = (Message.assistant(ToolCall("d", "t")), Message.tool(ToolResult("d", (Text("2"),))), Message.assistant("b"))
    aim = Quirks(return_reasoning=True)
    body, encoded = encode(
        "q", *loop, Message.assistant(Reasoning("old"), "a"), "p", *foreign, "o", *loop, aim=aim, judged=False
    )  # fmt: skip
    thoughts = [said.get("reasoning_content") for said in body["messages"] if said["role"] == "assistant"]
    assert thoughts == ["r", "old", " ", " ", "r"]
    assert encoded.warnings == ()
    body, encoded = encode("q", Message.assistant(Reasoning("r"), "a"), "p", Message.assistant("b"), "o", aim=aim, judged=False)
    assert [said.get("reasoning_content") for said in body["messages"]] == [None, "r", None, None, None]
    assert encoded.warnings == ()


def test_foreign_reasoning_goes_back_as_text_where_text_is_read():
    thought = Reasoning("r", state=state({"signature": "s"}, dialect="anthropic-messages"))
    body, encoded = encode(Message.assistant(thought, "a"), aim=Quirks(reasoning_field="reasoning_content"), judged=False)
    assert body["messages"][0]["reasoning_content"] == "r"
    assert b"signature" not in encoded.wire.body
    assert losses(encoded) == [("dropped", "messages.reasoning.state")]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
@pytest.mark.parametrize("streamed", [False, True])
def test_reasoning_goes_back_under_the_name_that_it_came_under(name, streamed):
    aim = target(Quirks(reasoning_field="as_sent"), provider="local")
    if streamed:
        head, *rest = [
            chunk({"role": "assistant"}),
            chunk({name: "w"}),
            chunk({name: "hy"}),
            chunk({"content": "a"}, finish="stop"),
        ]
        message = fold(read(sse(head, *rest), context(aim, stream=True))[0]).message
    else:
        message = decode(body({"content": "a", name: "why"}), context(aim)).message
    assert message.reasoning == "why"
    wire, encoded = encode("hi", message, "so?", aim=aim, judged=False)
    assert wire["messages"][1] == {"role": "assistant", "content": "a", name: "why"}
    assert encoded.warnings == ()
    other = target(Quirks(reasoning_field="as_sent"), provider="another")
    wire, encoded = encode("hi", message, aim=other, judged=False)
    assert wire["messages"][1] == {"role": "assistant", "content": "a", "reasoning_content": "why"}
    wire, encoded = encode("hi", message)
    assert wire["messages"][1] == {"role": "assistant", "content": "a"}
    assert losses(encoded) == [("dropped", "messages.reasoning")]


def test_speech_goes_back_by_its_id_to_whoever_gave_it():
    sound = {"id": "a1", "data": "UklGRg==", "expires_at": 17, "transcript": "hello"}
    message = decode(body({"content": None, "audio": sound})).message
    wire, encoded = encode("hi", message)
    assert wire["messages"][1] == {"role": "assistant", "content": None, "audio": {"id": "a1"}}
    assert encoded.warnings == ()
    wire, encoded = encode("hi", message, aim=target(provider="stranger"))
    assert wire["messages"][1] == {"role": "assistant", "content": "hello"}
    assert losses(encoded) == [("approximated", "messages.audio")]
    wire, encoded = encode("hi", Message.assistant(Audio(transcript="words")))
    assert wire["messages"][1] == {"role": "assistant", "content": "words"}


def test_citations_of_others_are_a_loss_and_ones_own_are_not():
    mine, foreign = state({"a": 1}, provider="openai"), state({"a": 1}, dialect="anthropic-messages", provider="anthropic")
    for given in ((), (Citation("url", url="https://x"),), (Citation("search_result", state=mine),)):
        assert encode("hi", Message.assistant(Text("a", given)), judged=False)[1].warnings == ()
    wire, encoded = encode("hi", Message.assistant(Text("a", (Citation("char", state=foreign),))))
    assert wire["messages"][1] == {"role": "assistant", "content": "a"}
    assert losses(encoded) == [("dropped", "messages.citations")]


def test_films_and_addresses_of_documents_where_they_are_taken():
    url = Url("https://x/a%20b.pdf?k=1")
    wire, encoded = encode(
        Message.user(Video(Url("https://x/y.mp4")), Video(Data(b"ab", "video/mp4")), Video(FileId("f")), File(url), File(url, "n.pdf")),
        aim=Quirks(video_urls=True, file_urls=True), judged=False,
    )  # fmt: skip
    assert wire["messages"][0]["content"] == [
        {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,YWI="}},
        {"type": "file", "file": {"filename": "a%20b.pdf", "file_data": url.url}},
        {"type": "file", "file": {"filename": "n.pdf", "file_data": url.url}},
    ]
    assert losses(encoded) == [("dropped", "messages.video")]


def test_a_tool_loop_is_told_to_a_model_without_tools():
    wire, encoded = encode(
        "Weather?", Message.assistant("Let me see.", ToolCall("c1", "weather", '{"city":"Oslo"}')),
        Message.tool(ToolResult("c1", (Text("4 C"),))), "And now?", aim=Quirks(no_tools=True, alternate_roles=True),
    )  # fmt: skip
    assert [said["role"] for said in wire["messages"]] == ["user", "assistant", "user"]
    assert wire["messages"][1]["content"][1] == {"type": "text", "text": '(Tool call c1: weather {"city":"Oslo"})'}
    assert [part["text"] for part in wire["messages"][2]["content"]] == ["(Answer to tool call c1:)", "4 C", "And now?"]
    assert losses(encoded) == [("approximated", "messages.tool_call"), ("approximated", "messages")]


def test_answers_of_tools_stand_behind_their_calls():
    calls = Message.assistant(ToolCall("c1", "t"), ToolCall("c2", "t"))
    one, two = ToolResult("c1", (Text("1"),)), ToolResult("c2", (Text("2"), Image(PNG)))
    for turns in (
        [Message.user("and"), Message.tool(one, two)],
        [Message.tool(one), Message.user("and"), Message.tool(two)],
        [Message.user("and", one, two)],
    ):
        body, _ = encode("hi", calls, *turns, Message.assistant("so"), calls, Message.tool(one, two))
        told = [(said["role"], said.get("tool_call_id")) for said in body["messages"]]
        assert told[:4] == [("user", None), ("assistant", None), ("tool", "c1"), ("tool", "c2")]
        assert told[-5:] == [("assistant", None), ("assistant", None), ("tool", "c1"), ("tool", "c2"), ("user", None)]
        assert any("and" in str(said["content"]) for said in body["messages"][4:])


def test_the_assistant_speaks_after_tools_where_it_must():
    loop = (Message.assistant(ToolCall("c", "t")), Message.tool(ToolResult("c", (Text("1"),))))
    aim = Quirks(assistant_after_tool=True)
    body, encoded = encode("q", *loop, "stop", aim=aim)
    assert [said["role"] for said in body["messages"]] == ["user", "assistant", "tool", "assistant", "user"]
    assert losses(encoded) == [("approximated", "messages")]
    for turns in (loop, (*loop, Message.assistant("a"), Message.user("p"))):
        body, encoded = encode("q", *turns, aim=aim)
        assert (len(body["messages"]), encoded.warnings) == (1 + len(turns), ())
