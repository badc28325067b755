"""Every step and fault, in both protocols, streamed and whole, over real connections: what the client makes of it."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import Any

import pytest

from tests.sim.asking import BOTH, asked, client, simulator
from trunkline import (
    AsyncClient,
    AuthenticationError,
    Client,
    ConnectionRefusedByHostError,
    ConnectionResetByHostError,
    ContentFilterError,
    ContextLengthError,
    DeadlineError,
    GarbledReplyError,
    InvalidRequestError,
    MalformedResponseError,
    Message,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    Response,
    ServerError,
    StreamInterruptedError,
    Timeout,
    ToolCall,
    ToolResult,
    TransportError,
    TruncatedBodyError,
    Usage,
)
from trunkline.serve.answers import Streamed
from trunkline.sim import (
    Call,
    Close,
    Cut,
    Down,
    Fail,
    Garble,
    Pause,
    Raw,
    Refuse,
    Reset,
    Rule,
    Say,
    Scenario,
    Simulator,
    SlowHead,
    Stall,
    StreamError,
    Think,
    When,
)
from trunkline.sim.answering import PING_EVERY, Answering, House, Play
from trunkline.sim.playback import Tempo
from trunkline.sim.recorder import Entry

dialects = pytest.mark.parametrize("dialect", BOTH)
ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def hear(llm: Client, stream: bool, *args: Any, **options: Any) -> Response:
    if not stream:
        return llm.generate(*args, **options)
    with llm.stream(*args, **options) as events:
        list(events)
        return events.response


def ask(dialect: str, stream: bool, *rules: Rule, **options: Any) -> Response:
    with simulator(*rules) as sim, client(sim, dialect, **options) as llm:
        return hear(llm, stream, "hi")


# --- what is said -----------------------------------------------------------------------------------------------------


@dialects
@ways
def test_an_answer(dialect: str, stream: bool) -> None:
    rule = Rule(
        Think("Let me look."),
        Say("I look. "),
        Pause(3),
        Say("Wait."),
        Call("weather", {"city": "Zürich"}),
        Call("weather", '{ "city" :"Oslo"}', id="call_x"),
    )
    reply = ask(dialect, stream, rule)
    assert reply.reasoning == "Let me look."
    assert reply.text == "I look. Wait."
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [
        ("weather", {"city": "Zürich"}),
        ("weather", {"city": "Oslo"}),
    ]
    assert reply.tool_calls[1].id == "call_x"
    assert reply.tool_calls[0].id.startswith("call_")
    assert reply.finish_reason == "tool_calls"


@ways
def test_arguments_that_are_no_json(stream: bool) -> None:
    [call] = ask("openai-chat", stream, Rule(Call("weather", '{"city": '))).tool_calls
    assert call.raw_arguments == '{"city": '


@dialects
@ways
def test_a_call_that_is_cut_by_the_limit(dialect: str, stream: bool) -> None:
    with simulator(Rule(Call("weather", {"city": "Oslo", "days": [1, 2, 3]}))) as sim, client(sim, dialect) as llm:
        reply = hear(llm, stream, "hi", max_tokens=4)
    assert reply.usage.output_tokens == 4
    assert reply.finish_reason == "tool_calls"
    assert reply.raw_finish_reason == {"openai-chat": "length", "anthropic-messages": "max_tokens"}[dialect]


@dialects
@ways
def test_a_refusal(dialect: str, stream: bool) -> None:
    reply = ask(dialect, stream, Rule(Refuse("Never.")))
    assert "Never." in (reply.refusal or "") + reply.text


@dialects
@ways
def test_figures_and_reason_as_the_rule_says(dialect: str, stream: bool) -> None:
    usage = Usage(input_tokens=1_000, output_tokens=20, cache_read_tokens=900)
    reply = ask(dialect, stream, Rule(Say("a"), usage=usage, finish="length"))
    assert reply.finish_reason == "length"
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cache_read_tokens) == (1_000, 20, 900)


@dialects
def test_rules_in_order_each_as_often_as_it_says(dialect: str) -> None:
    rules = [
        Rule(Say("once"), times=1),
        Rule(Say("rain"), when=When(text="weather")),
        Rule(Say("long"), when=lambda request: len(request.messages[-1].text) > 20),
    ]
    with simulator(*rules) as sim, client(sim, dialect) as llm:
        said = [llm.generate(text).text for text in ("weather", "weather", "x" * 21, "no")]
        assert said[:3] == ["once", "rain", "long"]
        assert said[3].startswith("This is a simulated answer")
        assert [seen.rule for seen in sim.requests] == [0, 1, 2, None]


@dialects
@ways
def test_a_tool_loop(dialect: str, stream: bool) -> None:
    def weather(city: str) -> str:
        return {"Oslo": "4 °C", "Rome": "19 °C"}[city]

    rules = [
        Rule(Fail(529), times=1),
        Rule(Call("weather", {"city": "Oslo"}), Call("weather", {"city": "Rome"}), when=When(text="weather", tools=True)),
        Rule(Say("It is 4 and 19."), when=When(after_tool="weather")),
    ]
    with simulator(*rules) as sim, client(sim, dialect, retries=1) as llm:
        first = hear(llm, stream, "weather?", tools=[weather])
        results = [{"role": "tool", "tool_call_id": c.id, "content": weather(**c.arguments)} for c in first.tool_calls]
        last = hear(llm, stream, [Message.user("weather?"), first.message, *results], tools=[weather])
        assert last.text == "It is 4 and 19."
        assert [seen.status for seen in sim.requests] == [529, 200, 200]


# --- errors -----------------------------------------------------------------------------------------------------------

KINDS = {
    "authentication": AuthenticationError,
    "permission": PermissionDeniedError,
    "not_found": NotFoundError,
    "invalid_request": InvalidRequestError,
    "context_length": ContextLengthError,
    "content_filter": ContentFilterError,
    "rate_limit": RateLimitError,
    "quota": QuotaError,
    "overloaded": OverloadedError,
    "server": ServerError,
}


@dialects
@pytest.mark.parametrize("kind", KINDS)
def test_errors_by_their_word(dialect: str, kind: Any) -> None:
    with simulator(Rule(Fail(kind=kind, message="It broke.", retry_after=7))) as sim, client(sim, dialect) as llm:
        for stream in (False, True):
            with pytest.raises(KINDS[kind]) as caught:
                hear(llm, stream, "hi")
            assert type(caught.value) is KINDS[kind]
            assert caught.value.retry_after == 7
            assert "It broke." in str(caught.value)
            assert caught.value.request_id == sim.requests[-1].request_id
            assert sim.requests[-1].outcome == "failed"


@dialects
@ways
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422, 429, 500, 502, 503, 529])
def test_errors_by_their_status(dialect: str, stream: bool, status: int) -> None:
    with pytest.raises(ProviderError) as caught:
        ask(dialect, stream, Rule(Fail(status)))
    assert caught.value.status == status


@dialects
@ways
def test_a_body_and_headers_of_ones_own(dialect: str, stream: bool) -> None:
    rule = Rule(Fail(503, "<html><title>Bad day</title></html>", {"Retry-After": "9", "content-type": "text/html"}))
    with pytest.raises(OverloadedError) as caught:
        ask(dialect, stream, rule)
    assert caught.value.retry_after == 9
    assert caught.value.provider_message == "Bad day"


@dialects
@pytest.mark.parametrize("step", [StreamError("overloaded", "No room."), Fail(529, message="No room.")])
def test_an_error_in_mid_stream(dialect: str, step: Any) -> None:
    with simulator(Rule(Say("Hello"), step)) as sim, client(sim, dialect) as llm:
        with pytest.raises(StreamInterruptedError) as caught:
            hear(llm, True, "hi")
        assert caught.value.partial is not None
        assert caught.value.partial.text == "Hello"
        assert isinstance(caught.value.__cause__, OverloadedError)
        assert (sim.requests[-1].status, sim.requests[-1].outcome) == (200, "failed")
        with pytest.raises(OverloadedError, match="No room"):  # a whole reply has no midst
            hear(llm, False, "hi")


@dialects
@ways
def test_an_error_as_the_streams_first_word(dialect: str, stream: bool) -> None:
    with pytest.raises(RateLimitError):
        ask(dialect, stream, Rule(StreamError("rate_limit")))


# --- connections ------------------------------------------------------------------------------------------------------


@dialects
@ways
def test_a_reset(dialect: str, stream: bool) -> None:
    with pytest.raises(ConnectionResetByHostError):
        ask(dialect, stream, Rule(Reset()))
    with simulator(Rule(Say("Hello wor"), Reset())) as sim, client(sim, dialect) as llm:
        with pytest.raises(StreamInterruptedError if stream else TransportError) as caught:
            hear(llm, stream, "hi")
        if isinstance(caught.value, StreamInterruptedError):
            assert caught.value.partial is not None
            assert "Hello wor".startswith(caught.value.partial.text)
        assert sim.wait()
        assert sim.requests[-1].outcome == "reset"


@dialects
@ways
def test_a_close(dialect: str, stream: bool) -> None:
    with pytest.raises(TransportError):
        ask(dialect, stream, Rule(Close()))
    with simulator(Rule(Say("Hello wor"), Close())) as sim, client(sim, dialect) as llm:
        with pytest.raises(StreamInterruptedError if stream else TruncatedBodyError) as caught:
            hear(llm, stream, "hi")
        if isinstance(caught.value, StreamInterruptedError):
            assert caught.value.partial is not None
            assert caught.value.partial.text == "Hello wor"
        assert sim.wait()
        assert sim.requests[-1].outcome == "cut"


@dialects
@ways
@pytest.mark.parametrize("rule", [Rule(Stall()), Rule(Say("Hello"), Stall())], ids=["head", "body"])
def test_a_stall(dialect: str, stream: bool, rule: Rule) -> None:
    with simulator(rule) as sim, client(sim, dialect, timeout=Timeout(total=0.25)) as llm:
        with pytest.raises((DeadlineError, StreamInterruptedError)):
            hear(llm, stream, "hi")
        assert sim.wait()
        assert sim.requests[-1].outcome == "gone"


@dialects
@ways
def test_a_stall_that_ends(dialect: str, stream: bool) -> None:
    assert ask(dialect, stream, Rule(Stall(30), Say("Hello "), Stall(60), Say("again"))).text == "Hello again"


@dialects
@pytest.mark.parametrize("events", range(6))
def test_cut_after_events(dialect: str, events: int) -> None:
    with simulator(Rule(Cut(events=events), Say("Hello there, you"))) as sim, client(sim, dialect) as llm:
        with pytest.raises((StreamInterruptedError, TransportError)):
            hear(llm, True, "hi")
        assert sim.wait()
        assert sim.requests[-1].outcome == "cut"


@dialects
@ways
@pytest.mark.parametrize("size", [0, 1, 30, 200])
def test_cut_after_bytes(dialect: str, stream: bool, size: int) -> None:
    with simulator(Rule(Cut(bytes=size), Say("Hello there, you"))) as sim, client(sim, dialect) as llm:
        with pytest.raises((StreamInterruptedError, TransportError)):
            hear(llm, stream, "hi")
        assert sim.wait()
        assert sim.requests[-1].outcome == "cut"


@dialects
@ways
def test_a_cut_that_is_never_reached(dialect: str, stream: bool) -> None:
    assert ask(dialect, stream, Rule(Cut(bytes=100_000), Say("Hello"))).text == "Hello"


@dialects
@ways
@pytest.mark.parametrize("how", ["flip", "half"])
def test_garbled(dialect: str, stream: bool, how: Any) -> None:
    with pytest.raises((MalformedResponseError, StreamInterruptedError)):
        ask(dialect, stream, Rule(Garble(how), Say("Hello")))
    if stream:
        with pytest.raises(StreamInterruptedError) as caught:
            ask(dialect, stream, Rule(Say("Hello "), Garble(how), Say("there")))
        assert caught.value.partial is not None
        assert caught.value.partial.text == "Hello "


@dialects
@ways
def test_a_slow_head(dialect: str, stream: bool) -> None:
    assert ask(dialect, stream, Rule(SlowHead(5), Say("Hello"))).text == "Hello"
    with pytest.raises(OverloadedError):
        ask(dialect, stream, Rule(SlowHead(5), Fail(529)))
    with simulator(Rule(SlowHead(3_600), Say("Hello")), speed=1) as sim, client(sim, dialect, timeout=0.3) as llm:
        with pytest.raises(DeadlineError):
            hear(llm, stream, "hi")
        assert sim.wait()


@dialects
def test_down_for_a_while(dialect: str) -> None:
    with simulator(Rule(Down(3_600)), speed=1) as sim, client(sim, dialect) as llm:
        with pytest.raises(ConnectionResetByHostError):
            llm.generate("hi")
        with pytest.raises(ConnectionRefusedByHostError):
            llm.generate("hi")
        sim.listen()
        sim.use(None)
        assert llm.generate("hi").text


@dialects
def test_refusing(dialect: str) -> None:
    with simulator() as sim, client(sim, dialect) as llm:
        with sim.refusing(), pytest.raises(ConnectionRefusedByHostError):
            llm.generate("hi")
        assert llm.generate("hi").text


# --- raw --------------------------------------------------------------------------------------------------------------


def test_raw_bytes_past_the_encoders() -> None:
    chunk = b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":%s}]}\n\n'
    body = [chunk % (b"Hel", b"null"), chunk % (b"lo", b'"stop"'), b"data: [DONE]\n\n"]
    assert ask("openai-chat", True, Rule(Raw(body))).text == "Hello"
    with pytest.raises(StreamInterruptedError) as caught:
        ask("openai-chat", True, Rule(Raw(body[:1]), Reset()))
    assert caught.value.partial is not None
    whole = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}
    import json

    assert ask("openai-chat", False, Rule(Raw(json.dumps(whole)))).text == "Hi"
    with pytest.raises(NotFoundError):
        ask("openai-chat", False, Rule(Raw("nothing here", 404, {"content-type": "text/plain"})))


@dialects
@ways
def test_bytes_that_are_no_http(dialect: str, stream: bool) -> None:
    with pytest.raises(GarbledReplyError):
        ask(dialect, stream, Rule(Raw([b"SSH-2.0-", b"OpenSSH\r\n\r\n"], None)))


@dialects
def test_raw_bytes_in_mid_stream(dialect: str) -> None:
    assert ask(dialect, True, Rule(Say("Hello "), Raw(b": a comment\n\n"), Say("there"))).text == "Hello there"
    with pytest.raises(StreamInterruptedError):
        ask(dialect, True, Rule(Say("Hello "), Raw(b"data: {\n\n"), Say("there")))


# --- refusals of the house --------------------------------------------------------------------------------------------


@dialects
@ways
def test_keys(dialect: str, stream: bool) -> None:
    with simulator(keys=["sk-right-0000"]) as sim:
        with client(sim, dialect) as llm, pytest.raises(AuthenticationError) as caught:
            hear(llm, stream, "hi")
        assert caught.value.status == 401
        with client(sim, dialect, api_key="sk-right-0000") as llm:
            assert hear(llm, stream, "hi").text
        assert "sk-right" not in repr(sim) + repr(sim.requests)


@dialects
@ways
def test_models(dialect: str, stream: bool) -> None:
    with simulator(models=["sim-small"]) as sim, client(sim, dialect) as llm:
        assert hear(llm, stream, "hi").text
        with pytest.raises(NotFoundError):
            hear(llm, stream, "hi", model=f"{dialect}/sim-huge")
        assert [model.id for model in llm.models(live=True)] == ["sim-small"]
        assert sim.requests[-1].operation == "models"


@dialects
@ways
def test_strict_conversations(dialect: str, stream: bool) -> None:
    lost = [Message.user("hi"), Message.tool(ToolResult("c1", ()))]
    unanswered = [Message.user("hi"), Message("assistant", (ToolCall("c1", "f"),)), Message.user("and?")]
    with simulator() as sim, client(sim, dialect) as llm:
        for messages in (lost, unanswered):
            with pytest.raises(InvalidRequestError) as caught:
                hear(llm, stream, messages)
            assert caught.value.status == 400
    with simulator(strict=False) as sim, client(sim, dialect) as llm:
        assert hear(llm, stream, unanswered).text


@dialects
@ways
def test_a_fault_before_the_brain_answers(dialect: str, stream: bool) -> None:
    """A rule that says nothing and ends nothing leaves the answer to the built-in brain."""
    for rule in (Rule(), Rule(Pause(1)), Rule(SlowHead(1)), Rule(Cut(bytes=9_999)), Rule(Stall(1))):
        assert ask(dialect, stream, rule).text == 'This is a simulated answer. You said: "hi".'


@dialects
def test_those_that_vanish_leave_nothing(dialect: str) -> None:
    with Simulator([Rule(Say("word " * 1_000), Stall())], speed=float("inf")) as sim, client(sim, dialect) as llm:

        def vanish() -> None:
            with llm.stream("hi") as events:
                next(iter(events))

        threads = [threading.Thread(target=vanish) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sim.wait()
        assert {seen.outcome for seen in sim.requests} == {"gone"}
        assert len(sim.requests) == 20


@dialects
def test_a_condition_that_fails_is_told_where_one_looks(dialect: str) -> None:
    rule = Rule(Say("a"), when=lambda request: request.messages[7].text == "x")
    with simulator(rule) as sim, client(sim, dialect) as llm, pytest.raises(ServerError) as caught:
        llm.generate("hi")
    assert "The condition of rule 0 raised IndexError" in str(caught.value)


@dialects
def test_ids_of_calls_are_not_used_twice(dialect: str) -> None:
    with simulator(Rule(Call("f"))) as sim, client(sim, dialect) as llm:
        first = llm.generate("hi").tool_calls[0].id
        sim.use([Rule(Call("f"), Call("f"))])
        again = [call.id for call in llm.generate("hi").tool_calls]
    assert len({first, *again}) == 3


@dialects
@ways
def test_an_error_reply_can_be_spoilt_too(dialect: str, stream: bool) -> None:
    with pytest.raises(OverloadedError) as caught:
        ask(dialect, stream, Rule(Garble("half"), Fail(529, message="never seen whole")))
    assert caught.value.provider_message != "never seen whole"
    with pytest.raises(ProviderError):
        ask(dialect, stream, Rule(Cut(bytes=5), Fail(529)))


@pytest.mark.parametrize("steps, pings", [([Say("a"), Stall()], None), ([Say("a"), Pause(60)], PING_EVERY)])
def test_a_stall_shows_no_sign_of_life(steps: list[Any], pings: float | None) -> None:
    async def no_down(seconds: float) -> None:
        raise AssertionError(seconds)

    house = House(seed=0, tempo=Tempo(math.inf, no_down), now=lambda: 0.0, wall=lambda: 0.0)
    request = asked(Message.user("hi"), stream=True)
    answering = Answering(house, Play(Scenario([Rule(*steps)])), request, Entry(0, request.http))
    answer = asyncio.run(answering.answer())
    assert isinstance(answer, Streamed)
    assert answer.ping_every == pings


def test_raw_bytes_after_a_whole_reply() -> None:
    with pytest.raises(MalformedResponseError):
        ask("openai-chat", False, Rule(Say("a"), Raw(b"}")))


# --- the other client -------------------------------------------------------------------------------------------------


@dialects
@pytest.mark.parametrize(
    "rule, error",
    [
        (Rule(Fail(429, retry_after=3)), RateLimitError),
        (Rule(Reset()), ConnectionResetByHostError),
        (Rule(Say("Hello"), Reset()), StreamInterruptedError),
        (Rule(Say("Hello"), Close()), StreamInterruptedError),
        (Rule(Cut(bytes=150), Say("Hello")), TruncatedBodyError),
        (Rule(Say("Hello"), Garble()), StreamInterruptedError),
        (Rule(Say("Hello"), StreamError()), StreamInterruptedError),
        (Rule(Raw(b"220 mail.example.com\r\n", None)), TransportError),
        (Rule(SlowHead(1), Say("Hello"), Pause(1), Say(" there")), None),
    ],
)
def test_the_asynchronous_client_hears_the_same(dialect: str, rule: Rule, error: type[Exception] | None) -> None:
    async def main() -> Response:
        async with simulator(rule) as sim:
            options: Any = {"base_url": sim.base_url(dialect), "api_key": "k", "retries": 0}
            async with AsyncClient(f"{dialect}/m", **options) as llm, llm.stream("hi") as events:
                async for _ in events:
                    pass
                return events.response

    if error is None:
        assert asyncio.run(main()).text == "Hello there"
        return
    with pytest.raises(error):
        asyncio.run(main())
