"""From dialect to dialect: what is asked in one and passed on in another means the same, but for what a warning names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from tests.laws.wires import arrived, context, read, streamed, target, whole
from trunkline.dialects.crossing import Crossing
from trunkline.dialects.known import DIALECTS, dialect_of
from trunkline.values.fold import unfold
from trunkline.values.media import Data, Url
from trunkline.values.message import File, Image, Message, Reasoning, Text, ToolCall, ToolResult
from trunkline.values.request import EFFORTS, OutputFormat, ReasoningOptions, Request, Tool, ToolChoice
from trunkline.values.response import Response, Usage, Warning

PAIRS = [(origin, goal) for origin in DIALECTS for goal in DIALECTS]
across = pytest.mark.parametrize(("origin", "goal"), PAIRS, ids=[f"{a} to {b}" for a, b in PAIRS])
few = settings(max_examples=max(5, settings.default.max_examples // 8))  # for each of many pairs

# --- what is asked ------------------------------------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=12)
pixels = st.binary(min_size=1, max_size=9).map(lambda data: b"\x89PNG\r\n\x1a\n" + data)
pages = st.binary(min_size=1, max_size=9).map(lambda data: b"%PDF-1.7" + data)
names = st.sampled_from(["weather", "search", "clock"])
images = st.builds(Image, st.builds(Data, pixels, st.just("image/png")) | st.just(Url("https://example.com/a.png")))
files = st.builds(File, st.builds(Data, pages, st.just("application/pdf")), filename=st.none() | st.just("a.pdf"))
arguments = st.dictionaries(words, words | st.integers(-9, 9) | st.booleans(), max_size=2).map(json.dumps)
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """What people and models say to each other, tool loops included: every call answered, in the turn after it."""
    messages = [Message.system(draw(words))] if draw(st.booleans()) else []
    asked = 0
    for _ in range(draw(st.integers(1, 3))):
        messages.append(Message.user(*draw(st.lists(st.builds(Text, words) | images | files, min_size=1, max_size=3))))
        said: list[Any] = [Reasoning(draw(words))] if draw(st.booleans()) else []
        said += [Text(draw(words))] if draw(st.booleans()) else []
        calls = []
        for _ in range(draw(st.integers(0, 2))):
            calls.append(ToolCall(f"call_{asked}", draw(names), draw(arguments)))
            asked += 1
        if said or calls:
            messages.append(Message("assistant", (*said, *calls)))
        for call in calls:
            answer = draw(st.lists(st.builds(Text, words), min_size=1, max_size=2)) + draw(st.lists(images, max_size=1))
            messages.append(Message.tool(ToolResult(call.id, tuple(answer), is_error=draw(st.booleans()))))
        if calls or not said:
            messages.append(Message.assistant(draw(words)))
    messages.append(Message.user(draw(words)))
    return tuple(messages)


tools = st.lists(names, unique=True, min_size=1, max_size=3).map(
    lambda given: tuple(Tool(name, f"the {name}", schema) for name in given)
)
choices = st.sampled_from([None, ToolChoice("auto"), ToolChoice("none"), ToolChoice("required")])
reasoning = (
    st.none()
    | st.builds(ReasoningOptions, effort=st.sampled_from(EFFORTS))
    | st.builds(ReasoningOptions, budget=st.integers(1024, 9000))
)
fraction = st.none() | st.sampled_from([0.0, 0.25, 1.0, 1.5])
requests = st.builds(
    Request,
    model=st.just("m"),
    messages=conversations(),
    stream=st.booleans(),
    tools=st.just(()) | tools,
    tool_choice=choices,
    parallel_tool_calls=st.none() | st.booleans(),
    output=st.none() | st.just(OutputFormat(schema)) | st.just(OutputFormat()),
    max_tokens=st.none() | st.integers(1, 9000),
    temperature=fraction,
    top_p=st.none() | st.sampled_from([0.5, 0.95]),
    top_k=st.none() | st.integers(1, 9),
    stop=st.lists(words, max_size=2).map(tuple),
    seed=st.none() | st.integers(0, 9),
    reasoning=reasoning,
    user=st.none() | words,
    metadata=st.none() | st.dictionaries(words, words, max_size=1),
)


def passed_on(request: Request, origin: str, goal: str) -> tuple[Request, list[Warning]]:
    """``request`` asked in one dialect, read by a server, passed on in another, and read there; with every warning on the way."""
    warnings: list[Warning] = []
    for dialect in (origin, goal):
        half = dialect_of(dialect)
        encoded = half.encode_request(request, target(dialect))
        decoded = half.decode_request(arrived(dialect, encoded.wire))
        crossing = Crossing(dialect, goal)
        request = crossing.request(decoded.request)
        warnings += [*encoded.warnings, *decoded.warnings, *crossing.warnings]
    return request, warnings


def facts(request: Request) -> dict[str, Any]:
    """What a request says, by the names that warnings use: parts of messages by kind, in order, whatever the cut into messages."""
    told: dict[str, Any] = {
        name: getattr(request, name)
        for name in ("stream", "temperature", "top_p", "top_k", "stop", "seed", "reasoning", "user", "metadata", "max_tokens", "output", "tool_choice", "parallel_tool_calls", "tools")
    }  # fmt: skip
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolResult):
                told.setdefault("messages.tool_result", []).append((part.tool_call_id, _joined(_seen(part.parts))))
                told.setdefault("messages.tool_result.is_error", []).append(part.is_error)
            elif isinstance(part, ToolCall):
                told.setdefault("messages.tool_call", []).append((part.id, part.name, part.arguments))
            else:
                told.setdefault(f"messages.{_kind(part)}", []).append((message.role, *_seen([part])))
    if (asked := request.reasoning) is not None and (asked.effort == "none" or asked.enabled is False):
        told["reasoning"] = "off"
    # What is not said, and what goes without saying, are the same.
    if told["tool_choice"] == ToolChoice("auto") or not request.tools:
        del told["tool_choice"]
    if told["parallel_tool_calls"] or not request.tools or request.tool_choice == ToolChoice("none"):
        del told["parallel_tool_calls"]
    return {name: value for name, value in told.items() if value not in (None, (), {}, [])}


def _kind(part: Any) -> str:
    return str(type(part).__struct_config__.tag)


def _seen(parts: Iterable[Any]) -> list[Any]:
    return [part.text if isinstance(part, (Text, Reasoning)) else _place(part.source) for part in parts]


def _joined(seen: list[Any]) -> list[Any]:
    """Neighbouring texts as one: how an answer is cut says nothing."""
    return [
        item
        for is_text, group in groupby(seen, lambda item: isinstance(item, str))
        for item in (["".join(group)] if is_text else group)
    ]


def _place(source: Any) -> Any:
    """An address is the same with and without the kind of what lies there."""
    return Url(source.url) if isinstance(source, Url) else source


ADDS = {"output": "messages.text", "output.schema": "messages.text", "messages.tool_result": "messages.text, messages.image"}
"""What is said in other words stands among those: nothing else is lost by it."""


PART_OF = {"messages.image": ("messages.tool_result",), "messages.text": ("messages.tool_result",), "tool_choice": ("tools",)}
"""What a warning of the one says something of, too: a tool's answer may hold pictures; tools that may not be called are left out."""


def explained(name: str, before: Any, after: Any, warnings: Iterable[Warning]) -> bool:
    """Whether a warning names the fact, what it belongs to or consists of; or says that something was put beside it."""
    fields = {warning.field for warning in warnings}
    if any(name == said or name.startswith(f"{said}.") or said.startswith(f"{name}.") for said in fields):
        return True
    rest = iter(after or ())
    if any(name in PART_OF.get(said, ()) for said in fields):
        return True
    return any(name in ADDS.get(said, "") for said in fields) and all(
        any(_holds(now, then) for now in rest) for then in before or ()
    )


def _holds(now: Any, then: Any) -> bool:
    return bool(now == then or (now[0] == then[0] and isinstance(then[1], str) and now[1].startswith(then[1])))


@across
@few
@given(request=requests)
def test_a_request_means_the_same(origin: str, goal: str, request: Request) -> None:
    there, warnings = passed_on(request, origin, goal)
    before, after = facts(request), facts(there)
    for name in before.keys() | after.keys() - {"max_tokens"} | before.keys() & {"max_tokens"}:  # one protocol demands a limit
        one, other = before.get(name), after.get(name)
        assert one == other or explained(name, one, other, warnings), (name, one, other, warnings)


# --- what comes back ------------------------------------------------------------------------------------------------------

usages = st.integers(0, 999).flatmap(
    lambda cached: st.builds(
        Usage,
        input_tokens=st.integers(cached, 2000),
        output_tokens=st.integers(500, 2000),
        cache_read_tokens=st.just(cached),
        reasoning_tokens=st.none() | st.integers(0, 500),
    )
)


@st.composite
def replies(draw: st.DrawFn) -> Response:
    parts: list[Any] = [Reasoning(draw(words))] if draw(st.booleans()) else []
    parts += [Text(draw(words))] if draw(st.booleans()) else []
    calls = [ToolCall(f"call_{n}", draw(names), draw(arguments)) for n in range(draw(st.integers(0, 3)))]
    reason = "tool_calls" if calls else draw(st.sampled_from(["stop", "length", "content_filter"]))
    return Response(message=Message("assistant", (*parts, *calls)), finish_reason=reason, usage=draw(usages), model="m", id="r1")


def said(reply: Response) -> dict[str, Any]:
    told: dict[str, Any] = {name: getattr(reply, name) for name in ("text", "reasoning", "finish_reason", "model")}
    told["tool_calls"] = [(call.id, call.name, call.arguments) for call in reply.tool_calls]
    for name in ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens"):
        told[f"usage.{name}"] = getattr(reply.usage, name) or 0
    return told


@across
@pytest.mark.parametrize("way", [whole, streamed])
@few
@given(reply=replies())
def test_a_reply_means_the_same(origin: str, goal: str, way: Callable[[Response, str], Any], reply: Response) -> None:
    there, warnings = way(reply, origin)
    crossing = Crossing(origin, goal)
    back, more = way(crossing.response(there), goal)
    before, after = said(reply), said(back)
    for name in before:
        if before[name] != after[name] and (name, after[name]) != ("model", None):  # one protocol's replies name no model
            told = [*warnings, *crossing.warnings, *more]
            assert explained(name, before[name], after[name], told), (name, before[name], after[name], told)


CUT_OFF = {
    "openai-chat": ("length", "content_filter"), "anthropic-messages": ("max_tokens", "refusal"),
    "openai-responses": ("max_output_tokens", "content_filter"), "gemini": ("MAX_TOKENS", "SAFETY"),
    "bedrock-converse": ("max_tokens", "content_filtered"), "cohere": ("MAX_TOKENS", "ERROR_TOXIC"),
    "ollama": ("length", "length"),
}  # fmt: skip
"""How each says that a reply was cut off: by its limit, by a filter (one has no word for that)."""


@across
@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("stream", [False, True])
def test_calls_that_are_cut_off_are_not_said_to_be_whole(origin: str, goal: str, n: int, stream: bool) -> None:
    call = ToolCall("call_1", "weather", '{"city": "Oslo"}')
    cut = Response(message=Message.assistant(call), finish_reason="tool_calls", raw_finish_reason=CUT_OFF[origin][n], id="r")
    if stream:
        encoder = dialect_of(goal).event_encoder(context(goal, stream=True))
        back = read(goal, b"".join(map(encoder.push, Crossing(origin, goal).events(unfold(cut)))) + encoder.finish())
    else:
        back, _ = whole(Crossing(origin, goal).response(cut), goal)
    assert back.finish_reason == "tool_calls"
    assert back.raw_finish_reason == CUT_OFF[goal][CUT_OFF[origin].index(CUT_OFF[origin][n])]


@across
def test_what_only_one_dialect_knows_is_left_behind_with_a_warning(origin: str, goal: str) -> None:
    half = dialect_of(origin)
    request = Request(model="m", messages=(Message.user("hi"),), extra_body={"owned": 1})
    decoded = half.decode_request(arrived(origin, half.encode_request(request, target(origin)).wire))
    assert decoded.request.extra_body["owned"] == 1
    assert Crossing(origin, origin).request(decoded.request) is decoded.request
    crossing = Crossing(origin, goal)
    if origin == goal:
        return
    assert crossing.request(decoded.request).extra_body == {}
    assert ("dropped", "owned") in [(warning.kind, warning.field) for warning in crossing.warnings]
    body = dialect_of(goal).encode_request(crossing.request(decoded.request), target(goal)).wire.body
    assert "owned" not in msgspec.json.decode(body)
