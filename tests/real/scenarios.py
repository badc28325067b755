"""What programs that others wrote are asked to do, what they must see, and what the simulator must have been asked.

A scenario's name is the whole prompt (``clients/contract.py``), so that rules and records are told apart by the first word of a
conversation.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trunkline.sim import Call, Close, Fail, Recorded, Reset, Rule, Say, Scenario, StreamError, Think
from trunkline.values.media import Data, Url
from trunkline.values.message import Image, Part, Reasoning, Text, ToolResult
from trunkline.values.request import Request
from trunkline.values.response import Usage

SHARED: dict[str, Any] = json.loads((Path(__file__).parent / "clients" / "contract.json").read_text(encoding="utf-8"))
KEY: str = SHARED["key"]
PICTURE = base64.b64decode(SHARED["image"])
PERSON = {"name": "Ada", "age": 36}
OSLO, ROME = ["get_weather", {"city": "Oslo"}], ["get_weather", {"city": "Rome"}]
WHERE = {"oslo": "It is 4 °C in Oslo.", "both": "It is 4 °C in both."}
USAGE = Usage(input_tokens=21, output_tokens=9)
TYPED = ("Person", "PartialPerson", "final_result", "json_tool_call", "json")
"""Tools by which programs ask for typed answers."""

Asked = Sequence[Recorded]


def nothing_more(asked: Asked) -> None:
    """That it was asked so often, and with what end, says it all."""


@dataclass(frozen=True)
class Case:
    """``shows`` is what the program must see; ``error`` the status of the error that it must end in (0: of the connection);
    ``statuses`` what it was answered, try by try; ``asks`` judges what it asked."""

    rules: tuple[Rule, ...]
    shows: dict[str, Any] = field(default_factory=dict)
    error: int | None = None
    statuses: tuple[int | None, ...] = (200,)
    asks: Callable[[Asked], None] = nothing_more
    finish: str | None = "stop"


def topic(request: Request) -> str:
    """The first word that the user said."""
    said = [
        part.text for message in request.messages if message.role == "user" for part in message.parts if isinstance(part, Text)
    ]
    return said[0].split()[0] if said and said[0].strip() else ""


def results(request: Request) -> list[ToolResult]:
    return [part for message in request.messages for part in message.parts if isinstance(part, ToolResult)]


def parts(recorded: Recorded, kind: type[Any]) -> list[Any]:
    assert recorded.request is not None
    found: list[Part] = [part for message in recorded.request.messages for part in message.parts if isinstance(part, kind)]
    return found


def about(name: str, *, results_of: int | None = None, tool: str | None = None) -> Callable[[Request], bool]:
    def fits(request: Request) -> bool:
        return (
            topic(request) == name
            and (results_of is None or len(results(request)) == results_of)
            and (tool is None or any(getattr(offered, "name", None) == tool for offered in request.tools))
        )

    return fits


# ------------------------------------------------------------------------------------------------- what must have been asked


def system_said(asked: Asked) -> None:
    request = asked[0].request
    assert request is not None
    assert [message.text for message in request.messages if message.role == "system"] == [SHARED["system"]]


def tools_offered(asked: Asked) -> None:
    """Each turn offers the tool, with its schema."""
    for recorded in asked:
        assert recorded.request is not None
        (tool,) = [tool for tool in recorded.request.tools if getattr(tool, "name", "") == "get_weather"]
        assert tool.parameters["properties"]["city"]["type"] == "string"
        assert tool.parameters["required"] == ["city"]


def results_brought(*cities: str) -> Callable[[Asked], None]:
    def asks(asked: Asked) -> None:
        tools_offered(asked)
        brought = [result.parts[0].text for result in parts(asked[-1], ToolResult)]
        assert brought == [f"{city}: 4 °C" for city in cities]
        last = asked[-1].request
        assert last is not None
        called = [call.id for message in last.messages for call in message.tool_calls]
        assert [result.tool_call_id for result in results(last)] == called

    return asks


def thoughts_brought(asked: Asked) -> None:
    results_brought("Oslo")(asked)
    assert "".join(thought.text for thought in parts(asked[-1], Reasoning)) == "Let me look."


def picture_arrived(asked: Asked) -> None:
    (image,) = parts(asked[0], Image)
    assert isinstance(image.source, Data)
    assert (image.source.media_type, image.source.data) == ("image/png", PICTURE)


def address_arrived(asked: Asked) -> None:
    (image,) = parts(asked[0], Image)
    assert isinstance(image.source, Url)
    assert image.source.url == SHARED["image_url"]


def streamed(asked: Asked) -> None:
    assert all(recorded.request is not None and recorded.request.stream for recorded in asked)


def told_what_was_wrong(asked: Asked) -> None:
    said = json.loads(asked[-1].http.body)
    assert "greater than or equal to 0" in json.dumps(said)


# ------------------------------------------------------------------------------------------------------------- the scenarios


def _loop(name: str, first: Rule, answer: str, cities: tuple[str, ...], **more: Any) -> Case:
    calls = {"calls": [OSLO, ROME][: len(cities)]} | more
    last = Rule(Say(answer), when=about(name, results_of=len(cities)), usage=USAGE)
    return Case((first, last), {"text": answer, "usage": [21, 9], **calls}, statuses=(200, 200), asks=results_brought(*cities))


def _loops(kind: str) -> dict[str, Case]:
    one, two, thinking = kind, f"{kind}-parallel", f"{kind}-thinking"
    call = (Call("get_weather", {"city": "Oslo"}), Call("get_weather", {"city": "Rome"}))
    thought = Rule(Think("Let me look."), call[0], when=about(thinking, results_of=0))
    whole = _loop(thinking, thought, WHERE["oslo"], ("Oslo",), reasoning="Let me look.")
    return {
        one: _loop(one, Rule(call[0], when=about(one, results_of=0)), WHERE["oslo"], ("Oslo",)),
        two: _loop(two, Rule(Say("I look."), *call, when=about(two, results_of=0)), WHERE["both"], ("Oslo", "Rome")),
        thinking: Case(whole.rules, whole.shows, statuses=whole.statuses, asks=thoughts_brought),
    }


def _says(name: str, *steps: Any, asks: Callable[[Asked], None] = nothing_more, **shows: Any) -> Case:
    return Case((Rule(*steps, when=about(name), usage=USAGE),), {"usage": [21, 9], **shows}, asks=asks)


def _typed(name: str, answer: dict[str, Any] = PERSON, otherwise: str | None = None) -> tuple[Rule, ...]:
    """By a tool where one is there for that, else in words."""
    by_tool = [Rule(Call(tool, answer), when=about(name, tool=tool)) for tool in TYPED]
    return (*by_tool, Rule(Say(otherwise or json.dumps(answer)), when=about(name)))


def _structured(name: str) -> Case:
    return Case(_typed(name), {"output": PERSON}, finish=None)


def _error(name: str, fail: Fail, status: int) -> Case:
    return Case((Rule(fail, when=about(name)),), error=status, statuses=(status,))


def _broken(name: str, end: Any) -> Case:
    rule = Rule(Say(("Hello ", "wor")), end, when=about(name))
    return Case((rule,), {"text": "Hello wor"}, error=0, asks=streamed)


def _retry(name: str, fail: Fail | Reset, status: int | None, times: int = 1) -> Case:
    rules = (Rule(fail, when=about(name), times=times), *_typed(name, otherwise="Here I am."))
    return Case(rules, {"text": "Here I am."}, statuses=(*[status] * times, 200))


SOON = {"retry-after-ms": "20"}
CASES: dict[str, Case] = {
    "chat": _says("chat", Say("Hello there."), text="Hello there."),
    "system": _says("system", Say("Yes."), text="Yes.", asks=system_said),
    "stream": _says(
        "stream",
        Say(("Once ", "upon ", "a time: ", "žluťoučký 🐎.")),
        text="Once upon a time: žluťoučký 🐎.",
        pieces=4,
        asks=streamed,
    ),
    "thinking": _says("thinking", Think("Let me look."), Say("Done."), text="Done.", reasoning="Let me look."),
    "thinkingstream": _says(
        "thinkingstream", Think("Let me look."), Say("Done."), text="Done.", reasoning="Let me look.", asks=streamed
    ),
    **_loops("tools"),
    **_loops("toolstream"),
    "image": _says("image", Say("A dot."), text="A dot.", asks=picture_arrived),
    "image-url": _says("image-url", Say("A dot."), text="A dot.", asks=address_arrived),
    "structured": _structured("structured"),
    "structured-json": _structured("structured-json"),
    "structuredstream": _structured("structuredstream"),
    "corrected": Case(
        (Rule(Call("Person", {"name": "Ada", "age": -1}), when=about("corrected"), times=1), *_typed("corrected")),
        {"output": PERSON},
        statuses=(200, 200),
        asks=told_what_was_wrong,
        finish=None,
    ),
    **{f"error-{status}": _error(f"error-{status}", Fail(status), status) for status in (400, 401, 403, 404, 413, 500, 503, 529)},
    "error-429": _error("error-429", Fail(429, retry_after=7), 429),
    "error-context": _error("error-context", Fail(kind="context_length"), 400),
    "broken-event": _broken("broken-event", StreamError("overloaded", "Too much at once")),
    "broken-reset": _broken("broken-reset", Reset()),
    "broken-close": _broken("broken-close", Close()),
    "retry-429": _retry("retry-429", Fail(429, headers=SOON), 429),
    "retry-seconds": _retry("retry-seconds", Fail(429, retry_after=1), 429),
    "retry-500": _retry("retry-500", Fail(500), 500),
    "retry-529": _retry("retry-529", Fail(529, headers=SOON), 529, times=2),
    "retry-should": _retry("retry-should", Fail(400, headers={"x-should-retry": "true", **SOON}), 400),
    "retry-shouldnot": Case(
        (Rule(Fail(500, headers={"x-should-retry": "false"}), when=about("retry-shouldnot")),), error=500, statuses=(500,)
    ),
    "retry-reset": _retry("retry-reset", Reset(), None),
    "retrystream-529": _retry("retrystream-529", Fail(529, headers=SOON), 529),
}
MODELS = (SHARED["model"], "claude-sonnet-4-5")


def scenario(names: Sequence[str]) -> Scenario:
    rules = tuple(rule for name in names if name in CASES for rule in CASES[name].rules)
    return Scenario(rules, models=MODELS)
