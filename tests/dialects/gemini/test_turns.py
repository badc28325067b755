"""Turns and parts: what each of ours becomes, answers in their place, signatures where they may go and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dialects.gemini.judge import contents, decode, encode, reply, target, told
from trunkline.dialects.gemini.turns import NO_SIGNATURE
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

Q = Message.user("q")
MINE = Scope("g", "gemini-3.5-flash", "k1")
SIGNED = ProviderState("gemini", b'{"thoughtSignature":"c2ln"}', MINE)


def result(id: str, text: str = "4 C", **fields: Any) -> ToolResult:
    return ToolResult(id, (Text(text),), **fields)


def call(name: str, id: str | None = None, **fields: Any) -> dict[str, Any]:
    inner = {"name": name} | ({"id": id} if id else {}) | {"args": {}}
    return {"functionCall": inner, **fields}


def answer(name: str, id: str | None = None, response: Any = None) -> dict[str, Any]:
    inner = {"name": name} | ({"id": id} if id else {}) | {"response": response or {"output": "4 C"}}
    return {"functionResponse": inner}


def parts(*given: Any, role: str = "user", **fields: Any) -> tuple[list[Any], list[str]]:
    """What becomes of parts in a turn, and what was told."""
    message = Message.user(*given) if role == "user" else Message.assistant(*given)
    body, encoded = encode(message, **fields)
    return body["contents"][0]["parts"], told(encoded.warnings)


# --- turns ----------------------------------------------------------------------------------------------------------------


def test_roles():
    assert contents(Q, Message.assistant("a"), Message.user("b")) == [
        {"role": "user", "parts": [{"text": "q"}]},
        {"role": "model", "parts": [{"text": "a"}]},
        {"role": "user", "parts": [{"text": "b"}]},
    ]


def test_answers_follow_their_calls_in_the_calls_order_and_in_one_turn():
    asked = Message.assistant(ToolCall("1", "f"), ToolCall("2", "g"), ToolCall("3", "f"))
    found = contents(Q, asked, Message.tool(result("3")), Message.tool(result("1"), result("2")), Message.user("and?"))
    assert found[1]["parts"] == [call("f", "1"), call("g", "2"), call("f", "3")]
    assert found[2] == {
        "role": "user", "parts": [answer("f", "1"), answer("g", "2"), answer("f", "3"), {"text": "and?"}],
    }  # fmt: skip
    assert len(found) == 3


def test_answers_that_come_late_are_put_where_they_belong():
    late = contents(Q, Message.assistant(ToolCall("1", "f")), Message.user("well?"), Message.tool(result("1")))
    assert late[2:] == [{"role": "user", "parts": [answer("f", "1"), {"text": "well?"}]}]
    later = contents(
        Q, Message.assistant(ToolCall("1", "f")), Message.assistant("hm"), Message.user("so?"), Message.tool(result("1"))
    )
    assert [turn["role"] for turn in later] == ["user", "model", "user", "model", "user"]
    assert later[2]["parts"] == [answer("f", "1")]


def test_an_answer_to_nothing_has_a_name_all_the_same():
    body, encoded = encode(Q, Message.tool(result("1", name="f"), result("2")))
    assert [part["functionResponse"]["name"] for part in body["contents"][1]["parts"]] == ["f", "tool"]
    assert told(encoded.warnings) == ["approximated messages.tool_result.name"]


def test_answers_whose_calls_are_not_there_stand_together():
    found = contents(Q, Message.tool(result("1", name="f")), Message.tool(result("2", name="g")), Message.user("and?"))
    assert found[1:] == [{"role": "user", "parts": [answer("f", "1"), answer("g", "2"), {"text": "and?"}]}]


def test_answers_to_calls_of_joined_turns_stand_together_behind_them():
    first, second = (Message.assistant(ToolCall(name, name)) for name in "ab")
    said = contents(Q, first, second, Message.tool(result("a")), Message.tool(result("b")), to=target(alternate_roles=True))
    assert said[1:] == [
        {"role": "model", "parts": [call("a", "a"), call("b", "b")]},
        {"role": "user", "parts": [answer("a", "a"), answer("b", "b")]},
    ]


def test_thousands_of_calls_cost_no_more_than_each_its_own():
    """A conversation is put in order in one go: with a look at all others for each of them this would take minutes."""
    ids = [f"c{n}" for n in range(20_000)]
    alone = [Message.assistant(ToolCall(id, "f")) for id in ids]
    answers = [Message.tool(result(id)) for id in ids]
    assert len(contents(Q, *alone, *answers, judged=False)) == 1 + 2 * len(ids)
    together = Message.assistant(*[ToolCall(id, "f") for id in ids])
    assert len(contents(Q, together, *answers, judged=False)[2]["parts"]) == len(ids)


def test_answers_to_several_turns_each_follow_theirs():
    first, second = Message.assistant(ToolCall("1", "f")), Message.assistant(ToolCall("2", "g"))
    found = contents(Q, first, second, Message.user(result("2"), Text("so?"), result("1")))
    assert [turn["role"] for turn in found] == ["user", "model", "user", "model", "user"]
    assert (found[2]["parts"], found[4]["parts"]) == ([answer("f", "1")], [answer("g", "2"), {"text": "so?"}])


def test_made_up_ids_stay_off_the_wire():
    found = contents(Q, Message.assistant(ToolCall("gemini_call_r1_0", "f")), Message.tool(result("gemini_call_r1_0")))
    assert found[1:] == [{"role": "model", "parts": [call("f")]}, {"role": "user", "parts": [answer("f")]}]


@pytest.mark.parametrize(
    ("given", "response"),
    [
        (result("1"), {"output": "4 C"}),
        (result("1", '{"t": 4}'), {"t": 4}),
        (result("1", "boom", is_error=True), {"error": "boom"}),
        (result("1", "[4]"), {"output": "[4]"}),
        (ToolResult("1"), {"output": ""}),
        (result("1", "4 C", state=ProviderState("gemini", b'{"functionResponse":{"response":{"output":"4 C","x":1}}}')), {"output": "4 C"}),
        (result("1", "4", state=ProviderState("gemini", b'{"functionResponse":{"response":{"output":4}}}')), {"output": 4}),
    ],
)  # fmt: skip
def test_answers(given, response):
    found = contents(Q, Message.assistant(ToolCall("1", "f")), Message.tool(given))
    assert found[2]["parts"][0]["functionResponse"]["response"] == response


def test_media_in_an_answer():
    shown = ToolResult("1", (Text("see"), Image(Data(b"ib", "image/png"))))
    found = contents(Q, Message.assistant(ToolCall("1", "f")), Message.tool(shown))
    assert found[2]["parts"] == [
        {"functionResponse": {"name": "f", "id": "1", "response": {"output": "see"},
                              "parts": [{"inlineData": {"mimeType": "image/png", "data": "aWI="}}]}},
    ]  # fmt: skip


def test_instructions_stand_before_all_turns():
    body, encoded = encode(Message.system("a"), Q, Message.system("b", Image(Url("https://x/y.png"))))
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert told(encoded.warnings) == ["dropped messages.system", "approximated messages.system"]
    body, encoded = encode(Message.system("a"))
    assert (body["contents"], "systemInstruction" in body) == ([{"role": "user", "parts": [{"text": "a"}]}], False)
    assert told(encoded.warnings) == ["approximated messages.system"]


def test_turns_that_say_nothing_and_names():
    body, encoded = encode(Q, Message.assistant(""), Message("user", (Text("x"),), name="bo"))
    assert [turn["role"] for turn in body["contents"]] == ["user", "user"]
    assert told(encoded.warnings) == ["dropped messages", "dropped messages.name"]
    assert len(contents(Q, Message.user("b"), to=target(alternate_roles=True))) == 1


# --- parts ----------------------------------------------------------------------------------------------------------------


def inline(kind: str, **fields: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": kind, "data": "aWI=", **fields}}


def stored(uri: str, kind: str | None = None) -> dict[str, Any]:
    return {"fileData": {"fileUri": uri} | ({"mimeType": kind} if kind else {})}


@pytest.mark.parametrize(
    ("part", "wire", "warned"),
    [
        (Image(Data(b"ib", "image/png")), inline("image/png"), []),
        (Image(Data(b"ib", "image/png"), detail="high"), inline("image/png"), ["dropped messages.image.detail"]),
        (Image(Url("https://x/a.webp?b=1")), stored("https://x/a.webp?b=1", "image/webp"), []),
        (Image(Url("https://x/a", "image/gif")), stored("https://x/a", "image/gif"), []),
        (Image(Url("https://x/a")), stored("https://x/a", "image/jpeg"), ["approximated messages.media_type"]),
        (Image(FileId("files/1")), stored("files/1"), []),
        (Audio(Data(b"ib", "audio/wav")), inline("audio/wav"), []),
        (Audio(transcript="words"), {"text": "words"}, ["approximated messages.audio"]),
        (Video(Url("https://www.youtube.com/watch?v=1")), stored("https://www.youtube.com/watch?v=1"), []),
        (Video(Url("gs://b/v.mp4")), stored("gs://b/v.mp4", "video/mp4"), []),
        (File(Data(b"ib", "application/pdf"), filename="a.pdf"), inline("application/pdf", displayName="a.pdf"), []),
        (File(Url("https://x/a.pdf"), title="t", context="c", citations=True), stored("https://x/a.pdf", "application/pdf"),
         ["dropped messages.file.title", "dropped messages.file.context", "dropped messages.file.citations"]),
        (Text("x", cache=CacheMark()), {"text": "x"}, ["dropped cache"]),
        (Text("x", (Citation("url", url="https://a"),)), {"text": "x"}, ["dropped messages.citations"]),
        (Video(Url("gs://b/v.mp4", "video/mp4"), state=ProviderState("gemini", b'{"videoMetadata":{"fps":1}}')),
         {**stored("gs://b/v.mp4", "video/mp4"), "videoMetadata": {"fps": 1}}, []),
        (Audio(FileId("files/1"), state=ProviderState("gemini", b'{"fileData":{"mimeType":"audio/mp3"}}')),
         stored("files/1", "audio/mp3"), []),
        (Opaque("new", ProviderState("gemini", b'{"text":"n"}')), {"text": "n"}, []),
    ],
)  # fmt: skip
def test_what_users_show(part, wire, warned):
    assert parts(part) == ([wire], warned)


@pytest.mark.parametrize(
    ("part", "wire", "warned"),
    [
        (Reasoning("hm"), {"text": "hm", "thought": True}, []),
        (Reasoning("hm", state=SIGNED), {"text": "hm", "thought": True, "thoughtSignature": "c2ln"}, []),
        (Text("", state=SIGNED), {"text": "", "thoughtSignature": "c2ln"}, []),
        (Refusal("no"), {"text": "no"}, ["approximated messages.refusal"]),
        (ToolCall("1", "f", ""), call("f", "1"), []),
        (ToolCall("1", "f", "[1]"), {"functionCall": {"name": "f", "id": "1", "args": {"INVALID_JSON": "[1]"}}},
         ["approximated messages.tool_call.arguments"]),
        (ToolCall("1", "f", "x|y", "custom"), {"functionCall": {"name": "f", "id": "1", "args": {"input": "x|y"}}}, []),
        (HostedToolCall("1", "executableCode", '{"code":"1"}'), {"executableCode": {"code": "1"}}, []),
        (HostedToolResult("1", "codeExecutionResult", b'{"output":"1"}', state=SIGNED),
         {"codeExecutionResult": {"output": "1"}, "thoughtSignature": "c2ln"}, []),
    ],
)  # fmt: skip
def test_what_the_model_said(part, wire, warned):
    assert parts(part, role="assistant") == ([wire], warned)


@pytest.mark.parametrize(
    ("part", "warned"),
    [
        (Reasoning("", redacted=True, state=ProviderState("anthropic-messages", b"{}")), ["dropped messages.reasoning.state"]),
        (Reasoning(""), ["dropped messages.reasoning"]),
        (HostedToolCall("1", "web_search", "{}"), ["dropped messages.hosted_tool"]),
        (HostedToolResult("1", "web_search_tool_result", b"[]"), ["dropped messages.hosted_tool"]),
        (HostedToolCall("1", "toolCall", "[]"), ["dropped messages.hosted_tool"]),
        (Opaque("item", ProviderState("openai-responses", b"{}")), ["dropped messages.item"]),
        (Audio(), ["dropped messages.audio"]),
        (Text(""), []),
    ],
)
def test_what_is_left_out(part, warned):
    assert parts(part, Text("x"), role="assistant") == ([{"text": "x"}], warned)


def test_models_that_do_not_see_or_fetch():
    picture = Image(Url("https://x/a.png"))
    assert parts(picture, "x", to=target(no_images=True)) == ([{"text": "x"}], ["dropped messages.image"])
    assert parts(picture, "x", to=target(file_urls=False)) == ([{"text": "x"}], ["dropped messages.image"])


def test_what_has_no_place_is_refused_by_its_field():
    for message in (Message.user(ToolCall("1", "f")), Message.assistant(ToolResult("1"))):
        with pytest.raises(UsageError) as found:
            encode(Q, message)
        assert found.value.field == "messages[1].parts[0]"
    with pytest.raises(UsageError, match="read before"):
        encode(Message.user(Image(LocalFile("a.png"))))


# --- signatures -------------------------------------------------------------------------------------------------------------

CALLED = decode(
    reply({"text": "hm", "thought": True, "thoughtSignature": "dGg="}, call("f", "1", thoughtSignature="c2ln"), call("g", "2"))
)
ANSWERED = Message.tool(result("1"), result("2"))


def test_signatures_go_back_byte_for_byte():
    found = contents(Q, CALLED.message, ANSWERED, to=target(return_reasoning=True))
    assert found[1]["parts"] == [
        {"text": "hm", "thought": True, "thoughtSignature": "dGg="}, call("f", "1", thoughtSignature="c2ln"), call("g", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize("other", [{"provider": "p"}, {"model": "gemini-x"}, {"key": "k2"}])
def test_signatures_go_to_nobody_else(other):
    body, encoded = encode(Q, CALLED.message, ANSWERED, to=target(**other))
    assert body["contents"][1]["parts"] == [{"text": "hm", "thought": True}, call("f", "1"), call("g", "2")]
    assert told(encoded.warnings) == ["dropped messages.reasoning.state", "dropped messages.tool_call.state"]


def test_a_stand_in_where_a_model_wants_a_signature_and_there_is_none():
    foreign = Message.assistant(ToolCall("1", "f"), ToolCall("2", "g"))
    again = Message.assistant(ToolCall("3", "f"))
    body, encoded = encode(
        Q, foreign, ANSWERED, Message.assistant("done"), Q, foreign, ANSWERED, again, Message.tool(result("3")),
        to=target(return_reasoning=True),
    )  # fmt: skip
    turns = body["contents"]
    assert turns[1]["parts"] == [call("f", "1"), call("g", "2")]  # of a turn that is over: not needed
    assert turns[5]["parts"] == [call("f", "1", thoughtSignature=NO_SIGNATURE), call("g", "2")]
    assert turns[7]["parts"] == [call("f", "3", thoughtSignature=NO_SIGNATURE)]
    assert told(encoded.warnings) == ["approximated messages.tool_call.state"]
    assert NO_SIGNATURE not in str(contents(Q, foreign, ANSWERED))


def test_one_signature_a_step_is_enough():
    found = encode(Q, CALLED.message, ANSWERED, to=target(return_reasoning=True))
    assert found[1].warnings == ()
    assert NO_SIGNATURE not in str(found[0])
