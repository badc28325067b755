"""The JSON form: every value and error comes back as it was, older and newer readers get along, and no content is told."""

from __future__ import annotations

import contextlib
import json
import pickle
import tempfile
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from tests import strategies
from trunkline.values.errors import NotFoundError, RateLimitError, StreamInterruptedError, TrunklineError, UsageError
from trunkline.values.events import Moved, PartDone
from trunkline.values.headers import Headers
from trunkline.values.json_form import from_json, to_json
from trunkline.values.media import LocalFile
from trunkline.values.message import Audio, File, Image, Message, Text, ToolResult, Video
from trunkline.values.model import Model, Quirks, Target
from trunkline.values.response import Attempt, Response

VALUES = strategies.VALUE_TYPES + strategies.EVENT_TYPES


class Options(msgspec.Struct):
    """A Struct that is no value, as ``Timeout`` and ``Status`` are none: nobody could read it back."""

    total: float = 1.0


def test_what_was_stored_before_there_was_more_to_tell_is_read() -> None:
    stored = b'{"trunkline":1,"value":{"type":"attempt","provider":"p","model":"m","seconds":1.0,"status":200}}'
    assert from_json(stored) == Attempt(provider="p", model="m", seconds=1.0, status=200)


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_every_value_comes_back_from_json_and_from_a_pickle(kind: type[msgspec.Struct]) -> None:
    @settings(max_examples=25)
    @given(strategies.of(kind))
    def law(value: msgspec.Struct) -> None:
        stored = to_json(value)
        assert json.loads(stored)["trunkline"] == 1
        assert _same(from_json(stored, local_files=True), value)
        assert _same(pickle.loads(pickle.dumps(value)), value)

    law()


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("kind", strategies.ERROR_TYPES, ids=lambda kind: kind.__name__)
def test_every_error_comes_back_from_json_and_from_a_pickle(kind: type[TrunklineError]) -> None:
    @settings(max_examples=25)
    @given(strategies.errors_of(kind))
    def law(error: TrunklineError) -> None:
        for again in (from_json(to_json(error), local_files=True), pickle.loads(pickle.dumps(error))):
            assert strategies.facts_of(again) == strategies.facts_of(error)
            assert str(again) == str(error)

    law()


@given(st.lists(strategies.messages, max_size=3))
def test_a_chat_is_stored_whole(chat: list[Message]) -> None:
    assert from_json(to_json(tuple(chat)), local_files=True) == tuple(chat)
    assert from_json(to_json(chat), local_files=True) == tuple(chat)


@given(strategies.headers)
def test_headers_keep_order_and_repetition(headers: Headers) -> None:
    assert from_json(to_json(headers)).pairs == headers.pairs


def test_the_form_is_the_one_that_is_documented() -> None:
    reply = Response(
        message=Message.assistant("hi"), finish_reason="stop", cost=Decimal("0.10"), headers=Headers([("A", "b")]), raw=b"\0"
    )
    assert json.loads(to_json(reply)) == {
        "trunkline": 1,
        "value": {
            "type": "response",
            "message": {"type": "message", "role": "assistant", "parts": [{"type": "text", "text": "hi"}]},
            "finish_reason": "stop",
            "cost": "0.10",
            "headers": [["A", "b"]],
            "raw": "AA==",
        },
    }
    assert json.loads(to_json(RateLimitError("slow", status=429, retry_after=2.0)))["value"] == {
        "type": "error",
        "classes": ["RateLimitError", "ProviderError", "TrunklineError"],
        "facts": {"message": "slow", "status": 429, "retry_after": 2.0},
    }
    assert json.loads(to_json(Moved("a/b", "c/d", "gone")))["value"] == {
        "type": "moved",
        "from": "a/b",
        "to": "c/d",
        "reason": "gone",
    }


def test_halves_of_surrogate_pairs_survive() -> None:
    cut = Message.user("cut \ud83d", "\ude00 off")
    assert to_json(cut).isascii()
    assert from_json(to_json(cut)) == cut


def test_output_is_stored_as_plain_json() -> None:
    class Point(msgspec.Struct):
        x: int

    reply = Response(message=Message.assistant("{}"), output=Point(3))
    assert from_json(to_json(reply)).output == {"x": 3}


def test_a_pydantic_output_is_stored_by_its_own_method() -> None:
    from pydantic import BaseModel

    class Point(BaseModel):
        x: int

    assert from_json(to_json(Response(message=Message.assistant("{}"), output=Point(x=3)))).output == {"x": 3}


def test_an_output_that_json_cannot_say_is_refused() -> None:
    with pytest.raises(UsageError, match="has no JSON form; got object"):
        to_json(Response(message=Message.assistant(""), output=object()))


# --------------------------------------------------------------------------------------------- older and newer versions


@pytest.mark.parametrize(
    "value",
    [
        Message("tool", (ToolResult("c", (Text("t"),)),)),
        Model(id="m", provider="p", quirks=Quirks(no_stop=True)),
        Target("d", "p", "m", Quirks(no_n=True)),
        Quirks(no_n=True),
        PartDone(Text("x")),
        RateLimitError("slow", status=429, attempts=[Attempt(provider="p", model="m", seconds=1.0)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_fields_of_a_newer_version_are_passed_over(value: Any) -> None:
    again = from_json(json.dumps(_with_news(json.loads(to_json(value)))))
    assert type(again) is type(value)
    assert strategies.facts_of(again) == strategies.facts_of(value) if isinstance(value, Exception) else again == value


def _with_news(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_with_news(item) for item in tree]
    if isinstance(tree, dict):
        return {**{key: _with_news(item) for key, item in tree.items()}, "added_later": {"by": ["us"]}}
    return tree


def test_an_error_of_a_newer_version_becomes_the_nearest_that_we_know() -> None:
    stored = b'{"trunkline":1,"value":{"type":"error","classes":["TooEarlyError","RateLimitError","ProviderError"],"facts":{"status":425}}}'
    again = from_json(stored)
    assert type(again) is RateLimitError
    assert again.status == 425


def test_a_class_of_your_own_is_read_back_as_ours() -> None:
    class ModelGoneError(NotFoundError):
        pass

    assert type(from_json(to_json(ModelGoneError("gone", status=404)))) is NotFoundError


def test_another_version_of_the_format_is_refused() -> None:
    with pytest.raises(UsageError, match=r"trunkline: stored by another version of the format \(2\); allowed: 1"):
        from_json(b'{"trunkline":2,"value":{"type":"text","text":"secret"}}')


# ---------------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("stored", "field"),
    [
        (b"", "data"),
        (b"{", "data"),
        (b"\xff\xfe", "data"),
        (b"[]", "data"),
        (b"{}", "data"),
        (b'{"trunkline":true,"value":[]}', "data"),
        (b"[" * 100_000, "data"),
        (b'{"trunkline":1,"value":5}', "value"),
        (b'{"trunkline":1,"value":"SECRET"}', "value"),
        (b'{"trunkline":1,"value":{"type":"SECRET"}}', "value.type"),
        (b'{"trunkline":1,"value":{"type":["SECRET"]}}', "value.type"),
        (b'{"trunkline":1,"value":[{"type":"text","text":"a"},{"type":"text","text":5}]}', "value[1].text"),
        (b'{"trunkline":1,"value":{"type":"message","role":"SECRET","parts":[]}}', "value.role"),
        (b'{"trunkline":1,"value":{"type":"message","role":"user","parts":[{"type":"image"}]}}', "value.parts[0]"),
        (b'{"trunkline":1,"value":{"type":"data","data":"SECRET!","media_type":"x"}}', "value.data"),
        (b'{"trunkline":1,"value":{"type":"error"}}', "value.classes"),
        (b'{"trunkline":1,"value":{"type":"error","classes":["SECRET"]}}', "value.classes"),
        (
            b'{"trunkline":1,"value":{"type":"error","classes":["ProviderError"],"facts":{"status":"SECRET"}}}',
            "value.facts.status",
        ),
        (b'{"trunkline":1,"value":{"type":"headers","pairs":[["SECRET"]]}}', "value"),
        (b'{"trunkline":1,"value":{"type":"quirks","no_n":"SECRET"}}', "value.no_n"),
        (b'{"trunkline":1,"value":{"type":"model","quirks":5}}', "value"),
    ],
)
def test_what_is_no_value_is_refused_by_its_place_and_never_quoted(stored: bytes, field: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_json(stored)
    assert caught.value.field is not None
    assert caught.value.field.startswith(field)
    assert "SECRET" not in str(caught.value)


@given(st.binary(max_size=60) | st.builds(lambda v: json.dumps({"trunkline": 1, "value": v}).encode(), strategies.json_values))
def test_reading_is_total(data: bytes) -> None:
    with contextlib.suppress(UsageError):
        from_json(data)


@pytest.mark.parametrize(
    "part",
    [Image, Video, File, Audio, lambda source: ToolResult("c", (Image(source),))],
    ids=["image", "video", "file", "audio", "in a result"],
)
def test_a_stored_chat_names_a_file_of_this_machine_only_where_its_reader_allows_it(part: Any) -> None:
    message = Message.user(part(LocalFile("/etc/hostname")))
    stored = to_json(message)
    for value in (
        message,
        [message],
        Response(message=message),
        StreamInterruptedError(partial=Response(message=message)),
        PartDone(message.parts[0]),
    ):
        with pytest.raises(UsageError, match="a file of this machine; got LocalFile"):
            from_json(to_json(value))
    assert from_json(stored, local_files=True) == message


def test_an_open_file_is_refused_by_name() -> None:
    with tempfile.TemporaryFile() as file, pytest.raises(UsageError, match=r"LocalFile\.file: an open file cannot be stored"):
        to_json(Message.user(Image(LocalFile(file=file))))


@pytest.mark.parametrize("value", [None, 5, "text", {"role": "user"}, b"", ValueError("x"), [object()], Options(), [Options()]])
def test_what_is_not_ours_is_not_stored(value: Any) -> None:
    with pytest.raises(UsageError, match="no value of ours"):
        to_json(value)
