"""A provider that strays is read as one that does not: every quirk, in its protocol, streamed and whole, by our own client."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.sim.asking import BOTH, client, simulator
from trunkline import InvalidRequestError, Message, OverloadedError, Response, StreamInterruptedError, Usage, UsageError
from trunkline.sim import QUIRKS, Call, Fail, Quirk, Rule, Say, Simulator, Think
from trunkline.sim.quirks import checked_quirks, that_apply
from trunkline.sim.yaml_form import scenario_of

ANSWERS = {
    "text": Rule(Say("Grüße aus Zürich: 天気 ist gut.")),
    "calls": Rule(
        Think("Erst überlegen."),
        Say("Ich sehe nach. "),
        Call("weather", {"city": "Zürich"}),
        Call("weather", {"city": "Genève"}),
    ),
}
REFUSING: dict[str, Any] = {"error_in_200": Fail(529), "no_prefill": None}
UNLIKE_ANY = ("no_message_stop",)
"""A stream that ends without its protocol's last word: see below."""
CASES = [
    pytest.param(dialect, quirk, id=f"{quirk}-{dialect}")
    for dialect in BOTH
    for quirk in QUIRKS
    if that_apply([quirk], dialect) and quirk not in (*REFUSING, *UNLIKE_ANY)
]


def reply_to(dialect: str, stream: bool, rule: Rule, quirks: tuple[Quirk, ...]) -> Response:
    with simulator(rule, quirks=quirks) as sim, client(sim, dialect) as llm:
        if not stream:
            return llm.generate("hi")
        with llm.stream("hi") as events:
            list(events)
            return events.response


def told(reply: Response, *, usage: bool = True, ids: bool = True) -> dict[str, Any]:
    """What a reader cares for."""
    return {
        "text": reply.text,
        "reasoning": reply.reasoning,
        "calls": [(call.name, call.arguments, ids and call.id) for call in reply.tool_calls],
        "reason": reply.finish_reason,
        "usage": usage and msgspec.structs.replace(reply.usage, raw={}),
        "warnings": reply.warnings,
    }


@pytest.mark.parametrize("dialect, quirk", CASES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_read_as_if_it_did_not_stray(dialect: str, quirk: Quirk, stream: bool, answer: str) -> None:
    plain = reply_to(dialect, stream, ANSWERS[answer], ())
    strayed = reply_to(dialect, stream, ANSWERS[answer], (quirk,))
    shown = {"usage": quirk not in ("no_usage", "usage_on_every_chunk"), "ids": quirk != "empty_call_ids"}
    assert told(strayed, **shown) == told(plain, **shown)
    if quirk == "no_usage":
        assert strayed.usage == Usage()
    if quirk == "empty_call_ids" and answer == "calls":
        ids = [call.id for call in strayed.tool_calls]
        assert all(ids), "calls without ids are given some, or results could not be told apart"
        assert len(set(ids)) == 2


@pytest.mark.parametrize("dialect", BOTH)
def test_all_at_once(dialect: str) -> None:
    together = ("no_done", "no_message_stop", "no_usage", "usage_on_every_chunk", *REFUSING)
    quirks = tuple(quirk for quirk in QUIRKS if quirk not in together)
    rule = ANSWERS["calls"]
    shown = {"ids": dialect == "anthropic-messages"}
    assert told(reply_to(dialect, True, rule, quirks), **shown) == told(reply_to(dialect, True, rule, ()), **shown)


def test_a_stream_without_its_last_word_is_taken_for_cut_off() -> None:
    """As the sheet of this protocol says (anthropic-messages, on streams); what came is all there."""
    with pytest.raises(StreamInterruptedError) as caught:
        reply_to("anthropic-messages", True, ANSWERS["text"], ("no_message_stop",))
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Grüße aus Zürich: 天気 ist gut."


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_in_a_200(dialect: str, stream: bool) -> None:
    with simulator(Rule(Fail(529)), quirks=["error_in_200"]) as sim, client(sim, dialect) as llm:
        with pytest.raises((OverloadedError, StreamInterruptedError)):
            if stream:
                with llm.stream("hi") as events:
                    list(events)
            else:
                llm.generate("hi")
        assert sim.requests[-1].status == 200


@pytest.mark.parametrize("dialect", BOTH)
def test_no_prefill(dialect: str) -> None:
    rule = Rule(Say("yes"), quirks=["no_prefill"])
    with simulator(rule) as sim, client(sim, dialect) as llm:
        assert llm.generate("hi").text == "yes"
        with pytest.raises(InvalidRequestError):
            llm.generate([Message.user("hi"), Message.assistant("Well,")])


def raw_stream(sim: Simulator) -> Iterator[bytes]:
    """The body as it comes, a read each."""
    connection = http.client.HTTPConnection(urlsplit(sim.url).netloc)
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    connection.request("POST", "/v1/chat/completions", msgspec.json.encode(body), {"content-type": "application/json"})
    reply = connection.getresponse()
    while data := reply.read1(65_536):
        yield data
    connection.close()


@pytest.mark.parametrize(
    "quirk, sign",
    [
        ("crlf", b"\r\n\r\ndata: "),
        ("comments", b": keep-alive\n\ndata: "),
        ("no_space", b"data:{"),
        ("empty_first_chunk", b'"choices":[],"prompt_filter_results"'),
        ("ping_storm", b": keep-alive\n\n" * 10),
        ("role_on_every_chunk", b'"delta":{"role":"assistant","content":"ago"'),
        ("unknown_events", b'"simulated.event"'),
        ("unknown_fields", b'"x_simulated"'),
        ("usage_on_every_chunk", b'"usage":{"prompt_tokens"'),
        ("usage_on_finish", b'"finish_reason":"stop"'),
        ("null_content", b'"content":null'),
    ],
)
def test_it_really_strays(quirk: Quirk, sign: bytes) -> None:
    with simulator(Rule(Say("Long ago")), quirks=[quirk]) as sim:
        body = b"".join(raw_stream(sim))
    assert sign.replace(b'"ago"', b'" ago"') in body
    with simulator(Rule(Say("Long ago"))) as sim:
        plain = b"".join(raw_stream(sim))
    assert plain != body


@pytest.mark.parametrize("quirk, count", [("no_done", 0), ("finish_twice", 2)])
def test_it_really_leaves_out_or_doubles(quirk: Quirk, count: int) -> None:
    with simulator(Rule(Say("Long ago")), quirks=[quirk]) as sim:
        body = b"".join(raw_stream(sim))
    assert body.count(b"[DONE]" if quirk == "no_done" else b'"finish_reason":"stop"') == count


def test_a_character_is_cut_in_two() -> None:
    with simulator(Rule(Say(["天"])), quirks=["split_writes"]) as sim:
        cut = False
        for piece in raw_stream(sim):
            try:
                piece.decode()
            except UnicodeDecodeError:
                cut = True
    assert cut


def test_a_rules_quirks_stand_in_place_of_the_scenarios() -> None:
    from trunkline.sim import Scenario

    scenario = Scenario((Rule(Say("a"), times=1, quirks=()), Rule(Say("a"))), quirks=("crlf",))
    with Simulator(scenario) as sim:
        assert b"\r\n" not in b"".join(raw_stream(sim))
        assert b"\r\n" in b"".join(raw_stream(sim))


def test_the_vocabulary() -> None:
    assert set(get_args(Quirk)) == set(QUIRKS)
    assert list(QUIRKS) == sorted(QUIRKS)
    with pytest.raises(UsageError, match=r"quirks\[1\]: unknown quirk; did you mean 'crlf'"):
        checked_quirks(["comments", "clrf"])  # type: ignore[list-item]


def test_the_page_has_them_all() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (all|[a-z]+-[a-z]+) \| (.*?)(?: \\\*)? \|$", page, re.MULTILINE)
    assert rows == [(quirk, *told) for quirk, told in QUIRKS.items()]


def test_the_pages_scenario_is_one() -> None:
    import yaml

    page = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    [example] = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(scenario_of(yaml.safe_load(example)).rules) == 4
