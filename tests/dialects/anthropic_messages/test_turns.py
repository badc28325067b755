"""Messages: roles, the order of results and text, media, and what goes back to whom."""

from __future__ import annotations

from base64 import b64encode

import pytest

from tests.dialects.anthropic_messages.judge import MODEL, encode, losses, target
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
    Scope,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from trunkline.values.model import Quirks

MARK = {"cache_control": {"type": "ephemeral"}}


def text(words: str, **more: object) -> dict[str, object]:
    return {"type": "text", "text": words} | more


def state(
    data: bytes, *, provider: str = "anthropic", model: str | None = None, dialect: str = "anthropic-messages"
) -> ProviderState:
    return ProviderState(dialect, data, Scope(provider=provider, model=model))


# --- system -----------------------------------------------------------------------------------------------------------


def test_leading_instructions_stand_on_top_all_in_order():
    body, _ = encode(Message.system("a"), Message.system("b", Text("c", cache=CacheMark())), Message.user("hi"))
    assert body["system"] == [text("a"), text("b"), text("c", **MARK)]
    assert [turn["role"] for turn in body["messages"]] == ["user"]


def test_one_plain_instruction_is_a_string():
    assert encode(Message.system("a"), "hi")[0]["system"] == "a"
    assert encode(Message.system(Text("a", cache=CacheMark())), "hi")[0]["system"] == [text("a", **MARK)]
    assert "system" not in encode(Message.system(""), "hi")[0]


def test_later_instructions_stay_where_they_are():
    body, encoded = encode(Message.system("a"), "hi", Message.system("b"), "ho")
    assert body["messages"][1] == {"role": "system", "content": "b"}
    assert body["system"] == "a"
    assert encoded.warnings == ()


def test_later_instructions_move_up_where_the_model_wants_them_there():
    body, encoded = encode(Message.system("a"), "hi", Message.system("b"), "ho", aim=target(Quirks(no_system_in_messages=True)))
    assert body["system"] == [text("a"), text("b")]
    assert [turn["role"] for turn in body["messages"]] == ["user", "user"]
    assert losses(encoded) == [("approximated", "messages.system")]


def test_pictures_are_no_instructions():
    body, encoded = encode(Message.system("a", Image(Url("https://x/y.png"))), "hi")
    assert body["system"] == "a"
    assert losses(encoded) == [("dropped", "messages.system")]


# --- texts ------------------------------------------------------------------------------------------------------------


def test_empty_texts_are_never_encoded():
    body, encoded = encode(Message.user("", "a", ""), Message.assistant(""), Message.user(""), Message.user("b", " \n"))
    assert body["messages"] == [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    assert losses(encoded) == [("dropped", "messages"), ("dropped", "messages.text")]


def test_white_space_between_others_of_an_assistants_turn_goes_back():
    body, encoded = encode("hi", Message.assistant(" ", "a", "\n", "b", " "), "ok")
    assert body["messages"][1]["content"] == [text("a"), text("\n"), text("b")]
    assert losses(encoded) == [("dropped", "messages.text")]


def test_trailing_space_of_the_assistants_last_words():
    body, encoded = encode("hi", Message.assistant("I say: \n"))
    assert body["messages"][-1] == {"role": "assistant", "content": "I say:"}
    assert losses(encoded) == [("approximated", "messages")]
    body, encoded = encode("hi", Message.assistant("I ", Text("say: ", cache=CacheMark())))
    assert body["messages"][-1]["content"] == [text("I "), text("say:", **MARK)]
    _, encoded = encode("hi", Message.assistant("I say: "), "go on")
    assert encoded.warnings == ()


def test_a_prefill_goes_out_as_it_stands():
    body, encoded = encode("hi", Message.assistant("I say:"), aim=target(Quirks(no_prefill=True)))
    assert body["messages"][-1] == {"role": "assistant", "content": "I say:"}
    assert encoded.warnings == ()


def test_names_of_speakers_are_told():
    body, encoded = encode(Message("user", (Text("hi"),), name="bob"))
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert losses(encoded) == [("dropped", "messages.name")]


def test_neighbours_of_one_role():
    assert [turn["content"] for turn in encode("a", "b")[0]["messages"]] == ["a", "b"]
    body, _ = encode("a", "b", Message.assistant("c"), Message.assistant("d"), "e", aim=target(Quirks(alternate_roles=True)))
    assert [turn["content"] for turn in body["messages"]] == [[text("a"), text("b")], [text("c"), text("d")], "e"]


def test_cache_marks_on_every_part_that_may_have_one():
    mark = CacheMark("5m")
    body, _ = encode(
        Message.user(Text("a", cache=mark), Image(Url("https://x/y"), cache=mark), File(FileId("f"), cache=mark)),
        Message.assistant(ToolCall("t1", "f", cache=mark)),
        Message.tool(ToolResult("t1", (Text("r", cache=mark),), cache=mark)),
    )
    blocks = [block for turn in body["messages"] for block in turn["content"]]
    assert [block["type"] for block in blocks] == ["text", "image", "document", "tool_use", "tool_result"]
    assert {block["cache_control"]["ttl"] for block in [*blocks, *blocks[-1]["content"]]} == {"5m"}


# --- tools ------------------------------------------------------------------------------------------------------------


def test_results_stand_together_before_any_text():
    calls = Message.assistant("let me see", ToolCall("t1", "f", '{"a": 1}'), ToolCall("t2", "g", ""))
    r1 = Message.tool(ToolResult("t1", (Text("one"),)))
    r2 = Message.tool(ToolResult("t2", (Text("two"),), is_error=True))
    body, encoded = encode("hi", calls, r1, r2, Message.user("and?"))
    assert body["messages"][1]["content"] == [
        text("let me see"),
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
    ]
    assert body["messages"][2:] == [
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "t2", "content": "two", "is_error": True},
                text("and?"),
            ],
        }
    ]
    assert encoded.warnings == ()
    mixed = encode("hi", calls, Message.user("so", "and?"), r1, r2)[0]["messages"][2]["content"]
    assert [block["type"] for block in mixed] == ["tool_result", "tool_result", "text", "text"]
    split = encode("hi", calls, "so", "and?", r1, r2)[0]["messages"]
    assert len(split) == 3
    assert [block["type"] for block in split[2]["content"]] == ["tool_result", "tool_result", "text", "text"]
    one_turn = Message("user", (Text("so"), *r1.parts, *r2.parts))
    assert [block["type"] for block in encode("hi", calls, one_turn)[0]["messages"][2]["content"]] == [
        "tool_result",
        "tool_result",
        "text",
    ]


def test_what_a_tool_may_answer():
    parts = (Text("a"), Image(Data(b"png", "image/png")), File(Data(b"%PDF", "application/pdf")))
    body, encoded = encode("hi", Message.assistant(ToolCall("t", "f")), Message.tool(ToolResult("t", parts), ToolResult("u")))
    first, second = body["messages"][2]["content"]
    assert [block["type"] for block in first["content"]] == ["text", "image", "document"]
    assert second == {"type": "tool_result", "tool_use_id": "u"}
    assert encoded.warnings == ()


def test_arguments_are_spliced_as_they_stand():
    raw = '{"b":1.0,  "a":[1e2,"\\u00e9"],"b2":null}'
    _, encoded = encode("hi", Message.assistant(ToolCall("t", "f", raw)), Message.tool(ToolResult("t", (Text("x"),))))
    assert f'"input":{raw}'.encode() in encoded.wire.body


@pytest.mark.parametrize("raw", ['{"a": ', "[1]", "3", "nonsense", '{"a": "\ud800"}'])
def test_arguments_that_are_no_object(raw):
    body, encoded = encode("hi", Message.assistant(ToolCall("t", "f", raw)), "go on")
    assert list(body["messages"][1]["content"][0]["input"]) == ["INVALID_JSON"]
    assert ("approximated", "messages.tool_call.arguments") in losses(encoded)


@pytest.mark.parametrize("name", ["call_0", "call.0"])
def test_no_two_calls_share_an_id(name):
    """Some servers count anew in every turn."""
    loop = (Message.assistant(ToolCall(name, "t")), Message.tool(ToolResult(name, (Text("r"),))), Message.assistant("a"))
    body, encoded = encode(Message.user("q"), *loop, Message.user("p"), *loop, Message.user("o"), *loop, Message.user("n"))
    blocks = [block for turn in body["messages"] if isinstance(turn["content"], list) for block in turn["content"]]
    calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
    assert len(set(calls)) == 3
    assert [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"] == calls
    assert {warning.kind for warning in encoded.warnings} == {"renamed"}


def test_ids_that_the_protocol_refuses_are_renamed_in_call_and_result():
    body, encoded = encode(
        "hi",
        Message.assistant(ToolCall("functions.f:0", "f"), ToolCall("functions_f:0", "f"), ToolCall("", "f")),
        Message.tool(
            ToolResult("functions.f:0", (Text("x"),)), ToolResult("functions_f:0", (Text("y"),)), ToolResult("", (Text("z"),))
        ),
    )
    calls = [block["id"] for block in body["messages"][1]["content"]]
    assert calls == [block["tool_use_id"] for block in body["messages"][2]["content"]]
    assert len(set(calls)) == 3
    assert all(name.replace("_", "").isalnum() for name in calls)
    assert losses(encoded) == [("renamed", "messages.tool_call.id")]


def test_calls_of_tools_with_plain_input():
    body, _ = encode("hi", Message.assistant(ToolCall("t", "sql", "select 1", "custom")), "ok")
    assert body["messages"][1]["content"][0]["input"] == {"input": "select 1"}


def test_parts_in_a_turn_of_the_wrong_role():
    with pytest.raises(UsageError, match=r"messages\[1\]\.parts.*ToolCall"):
        encode("hi", Message.user(ToolCall("t", "f")))
    with pytest.raises(UsageError, match=r"messages\[0\]\.parts.*ToolResult"):
        encode(Message.assistant(ToolResult("t")))


# --- media ------------------------------------------------------------------------------------------------------------


def test_pictures():
    body, encoded = encode(
        Message.user(Image(Data(b"\x00png", "image/png")), Image(Url("https://x/y.png"), detail="low"), Image(FileId("file_1")))
    )
    assert [block["source"] for block in body["messages"][0]["content"]] == [
        {"type": "base64", "media_type": "image/png", "data": b64encode(b"\x00png").decode()},
        {"type": "url", "url": "https://x/y.png"},
        {"type": "file", "file_id": "file_1"},
    ]
    assert losses(encoded) == [("dropped", "messages.image.detail")]
    assert dict(encoded.wire.headers)["anthropic-beta"] == "files-api-2025-04-14"
    body, encoded = encode(Message.user("x", Image(Url("https://x/y.png"))), aim=target(Quirks(no_images=True)))
    assert body["messages"][0]["content"] == "x"
    assert losses(encoded) == [("dropped", "messages.image")]


def test_our_betas_join_the_users_own():
    _, encoded = encode(Message.user(Image(FileId("f"))), extra_headers={"anthropic-beta": "x-1"})
    assert dict(encoded.wire.headers)["anthropic-beta"] == "files-api-2025-04-14,x-1"
    _, encoded = encode(Message.user(Image(FileId("f"))), aim=target(Quirks(version="2026-10-21")))
    assert "anthropic-beta" not in dict(encoded.wire.headers)


def test_documents():
    body, encoded = encode(
        Message.user(
            File(Data(b"%PDF", "application/pdf"), "a.pdf", context="c", citations=True),
            File(Data("é,1".encode(), "text/csv"), title="t"),
            File(Url("https://x/y.pdf")),
            File(FileId("f")),
            File(Data(b"png", "image/png")),
        )
    )
    blocks = body["messages"][0]["content"]
    assert blocks[0] == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": b64encode(b"%PDF").decode()},
        "title": "a.pdf",
        "context": "c",
        "citations": {"enabled": True},
    }
    assert blocks[1] == {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é,1"}, "title": "t"}
    assert blocks[2]["source"] == {"type": "url", "url": "https://x/y.pdf"}
    assert blocks[3]["source"] == {"type": "file", "file_id": "f"}
    assert blocks[4]["type"] == "image"
    assert encoded.warnings == ()


def test_what_cannot_be_shown_is_told():
    body, encoded = encode(
        Message.user(
            "x",
            Audio(Data(b"a", "audio/wav")),
            Audio(Data(b"a", "audio/wav"), transcript="said"),
            Video(Data(b"v", "video/mp4")),
            File(Data(b"\xff\xfe\xfa", "application/zip")),
        )
    )
    assert body["messages"][0]["content"] == [text("x"), text("said")]
    assert losses(encoded) == [
        ("dropped", "messages.audio"),
        ("approximated", "messages.audio"),
        ("dropped", "messages.video"),
        ("dropped", "messages.file"),
    ]


def test_an_assistants_turn_holds_no_media():
    body, encoded = encode("hi", Message.assistant("x", Image(Url("https://x/y")), Refusal("no"), Audio(transcript="said")), "ok")
    assert body["messages"][1]["content"] == [text("x"), text("no"), text("said")]
    assert losses(encoded) == [
        ("dropped", "messages.image"),
        ("approximated", "messages.refusal"),
        ("approximated", "messages.audio"),
    ]


@pytest.mark.parametrize("part", [Image(LocalFile("a.png")), File(LocalFile("a.pdf"))])
def test_a_local_file_never_comes_here(part):
    with pytest.raises(UsageError, match=r"messages\[0\]\.parts"):
        encode(Message.user(part))


# --- provider state ---------------------------------------------------------------------------------------------------

THINKING = b'{"type":"thinking",  "thinking":"hm","signature":"c2ln"}'
SEARCH = b'{"type":"server_tool_use","caller":{"type":"direct"}}'
FOUND = b'{"type":"web_search_tool_result"}'
OPAQUE = b'{"type":"compaction","content":null}'
PLACE = (
    b'{"type":"char_location","cited_text":"c","document_index":0,"document_title":null,"start_char_index":0,"end_char_index":1}'
)


def spoken(provider: str = "anthropic", model: str | None = MODEL, dialect: str = "anthropic-messages") -> Message:
    facts = {"provider": provider, "dialect": dialect}
    return Message.assistant(
        Reasoning("hm", state=state(THINKING, model=model, **facts)),
        HostedToolCall("srvtoolu_1", "web_search", '{"query":"q"}', state=state(SEARCH, **facts)),
        HostedToolResult("srvtoolu_1", "web_search_tool_result", b"[]", state=state(FOUND, **facts)),
        Opaque("compaction", state(OPAQUE, **facts)),
        Text("t", (Citation("char", state=state(PLACE, **facts)),)),
        ToolCall("t1", "f", "{}", state=state(b'{"type":"tool_use","caller":{"type":"direct"}}', **facts)),
    )


def test_state_goes_back_byte_for_byte():
    body, encoded = encode("hi", spoken(), "ok", judged=False)
    assert THINKING in encoded.wire.body
    assert OPAQUE in encoded.wire.body
    assert PLACE in encoded.wire.body
    blocks = body["messages"][1]["content"]
    assert blocks[1:3] == [
        {
            "type": "server_tool_use",
            "caller": {"type": "direct"},
            "id": "srvtoolu_1",
            "name": "web_search",
            "input": {"query": "q"},
        },
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    ]
    assert blocks[5] == {"type": "tool_use", "caller": {"type": "direct"}, "id": "t1", "name": "f", "input": {}}
    assert encoded.warnings == ()


@pytest.mark.parametrize("stranger", [{"provider": "other"}, {"dialect": "openai-chat"}])
def test_nothing_goes_to_a_stranger(stranger):
    body, encoded = encode("hi", spoken(**stranger), "ok")
    assert body["messages"][1]["content"] == [text("t"), {"type": "tool_use", "id": "t1", "name": "f", "input": {}}]
    assert losses(encoded) == [
        ("dropped", "messages.reasoning"),
        ("dropped", "messages.hosted_tool"),
        ("dropped", "messages.compaction"),
        ("dropped", "messages.citations"),
        ("dropped", "messages.tool_call.state"),
    ]


def test_thinking_does_not_go_to_another_model():
    body, encoded = encode("hi", spoken(model="claude-other"), "ok", judged=False)
    assert [block["type"] for block in body["messages"][1]["content"]] == [
        "server_tool_use",
        "web_search_tool_result",
        "compaction",
        "text",
        "tool_use",
    ]
    assert losses(encoded) == [("dropped", "messages.reasoning")]


def test_reasoning_of_no_provider_and_turns_of_nothing_else():
    body, encoded = encode("hi", Message.assistant(Reasoning("hm")), "ok")
    assert [turn["role"] for turn in body["messages"]] == ["user", "user"]
    assert losses(encoded) == [("dropped", "messages.reasoning"), ("dropped", "messages")]


def test_state_never_brings_back_a_text_that_was_changed():
    kept = state(b'{"type":"text","text":"the old words","new":1}')
    _, encoded = encode("hi", Message.assistant(Text("the new words", state=kept)), "ok", judged=False)
    assert b"the old words" not in encoded.wire.body
    assert b'"new":1' in encoded.wire.body


def test_state_that_is_no_json_names_the_place():
    with pytest.raises(UsageError, match=r"messages\[1\]\.parts"):
        encode("hi", Message.assistant(Text("x", state=state(b"nonsense"))), "ok")


def test_citations_in_a_users_turn_by_version():
    quoted = Message.user(Text("t", (Citation("char", state=state(PLACE)),)))
    assert "citations" in encode(quoted, judged=False)[0]["messages"][0]["content"][0]
    body, encoded = encode(quoted, aim=target(Quirks(version="2026-10-21")))
    assert body["messages"][0]["content"] == "t"
    assert losses(encoded) == [("dropped", "messages.citations")]
