"""``trunkline demo``: what the library does, with no key and no network."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from .. import Client, Message, Response, Text, ToolResult
from .answer import write, writer
from .options import Commands, add_command, add_plain
from .output import aligned, colourful, out

if TYPE_CHECKING:
    from ..sim import Scenario, Simulator

_EPILOG = """\
examples:
  trunkline demo
  trunkline demo --plain | less

It needs no key, and the simulator: pip install 'trunkline[sim]' (with the `cli`
extra beside it, the answers are drawn as Markdown). Nothing leaves the machine.
"""
_INTRODUCTION = """\
Everything here is simulated: a simulator on this machine speaks the protocols
of two providers and gives answers that were written by hand. No key is used,
nothing leaves this machine, and nothing is paid. What stands between the
simulator and what you see is the library.
"""
# Lines of their own, so that plain text is read well at 80 columns, too.
_SKY = """\
Air scatters the **short, blue** waves of sunlight far more than the long, red
ones (*Rayleigh scattering*), so blue light reaches us from all over the sky.

At sunset the light has a longer way through the air: most of the blue is gone
by then, and what is left is red.
"""
_WEATHER = {"Oslo": "4 degrees, rain", "Rome": "19 degrees, sunny"}
_UMBRELLA = "Oslo has 4 degrees and rain, Rome 19 degrees and sun: take an umbrella north."
_BUSY = """\
Not any more: the first try met an overloaded server, and the second one, which
the library made by itself after the wait that the server had asked for, was
answered.
"""

Timed = tuple[str, Response]


def add(commands: Commands) -> None:
    parser = add_command(commands, "demo", "Show what the library does, on a simulator.", _EPILOG)
    add_plain(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from ..sim import Simulator

    with Simulator(_scenario(), seed=1) as simulator:
        show = _Show(simulator, plain=args.plain)
        show.introduce()
        rows = [*show.streamed_answer(), *show.tool_call(), *show.overload()]
        show.summary(rows)
    return 0


def _scenario() -> Scenario:
    from ..sim import Call, Fail, Pace, Rule, Say, Scenario, When

    calls = [Call("weather", {"city": city}) for city in _WEATHER]
    return Scenario(
        (
            Rule(Say(_SKY), when=When(text="sky")),
            Rule(*calls, when=When(text="weather", tools=True)),
            Rule(Say(_UMBRELLA), when=When(after_tool="weather")),
            Rule(Fail(529, retry_after=0.5), when=When(text="busy"), times=1),
            Rule(Say(_BUSY), when=When(text="busy")),
        ),
        pace=Pace(first=0.25, tokens_per_second=60),
    )


def weather(city: str) -> str:
    """The weather in a city, now."""
    return _WEATHER.get(city, "not known")


class _Show:
    """Three calls in the place of real providers: their models' names, and so their prices, with the simulator's address."""

    def __init__(self, simulator: Simulator, *, plain: bool) -> None:
        self._simulator = simulator
        self._plain = plain
        self._colour = colourful(plain=plain)

    def introduce(self) -> None:
        self._head("Trunkline demo")
        out(_INTRODUCTION)

    def streamed_answer(self) -> Iterator[Timed]:
        """Chat in the first protocol, word by word."""
        with self._client("openai-chat", "1. A streamed answer") as llm:
            self._ask("Why is the sky blue?")
            yield "streamed answer", self._stream(llm, [Message.user("Why is the sky blue?")])

    def tool_call(self) -> Iterator[Timed]:
        """Two calls of a Python function at once in the second protocol, and the answer that rests on their results."""
        question = Message.user("What is the weather in Oslo and in Rome?")
        with self._client("anthropic-messages", "2. A tool call") as llm:
            self._ask(question.text)
            reply = llm.generate([question], tools=[weather])
            yield "tool call, asked", reply
            results = []
            for call in reply.tool_calls:
                result = weather(**call.arguments)
                out(f"{call.name}({call.raw_arguments}) -> {result}")
                results.append(ToolResult(call.id, (Text(result),)))
            out("")
            yield "tool call, answered", self._stream(llm, [question, reply.message, Message.tool(*results)], weather)

    def overload(self) -> Iterator[Timed]:
        """A first try that fails, and a second one by itself."""
        with self._client("anthropic-messages", "3. An overloaded server") as llm:
            self._ask("Are you busy?")
            reply = llm.generate("Are you busy?")
            for number, attempt in enumerate(reply.attempts, 1):
                waited = f", after {attempt.waited:.2f} s" if attempt.waited else ""
                out(f"try {number}{waited}: {attempt.error or 'answered'} (HTTP {attempt.status})")
            out("")
            to = writer(plain=self._plain)
            to.text(reply.text)
            to.end()
            out("")
            yield "overloaded at first", reply

    def summary(self, rows: list[Timed]) -> None:
        """Tokens, timings and cost of each call, and their sums."""
        self._head("What it took")
        head = ("", "tokens in", "out", "first word", "whole", "tries", "cost, USD")
        cells = [_row(what, reply) for what, reply in rows]
        cells.append(_sums([reply for _, reply in rows]))
        if self._colour:
            from . import paint

            paint.table(head, cells, range(1, len(head)))
        else:
            aligned([head, *cells], range(1, len(head)))
        out("\nThe cost is what so many tokens cost at the catalog's prices of these models.")
        out("Tokens are the simulator's estimate; nothing was charged.")

    def _client(self, dialect: str, title: str) -> Client:
        """Of the first provider that speaks ``dialect``, but that the simulator answers in its place."""
        from ..client.settings import Settings
        from ..providers.table import TABLE

        row = next(row for row in TABLE if row.default_model and row.endpoint().dialect == dialect)
        name = f"{row.name}/{row.default_model}"
        self._head(title)
        out(f"In place of {name}, by the protocol {dialect}:")
        address = self._simulator.base_url(dialect)
        return Client(name, settings=Settings({}), base_url=address, api_key="simulated-key", timeout=15, retries=2)

    def _stream(self, llm: Client, messages: list[Message], *tools: object) -> Response:
        to = writer(plain=self._plain)
        try:
            with llm.stream(messages, tools=tools) as stream:
                return write(stream, to)
        finally:
            to.end()
            out("")

    def _ask(self, question: str) -> None:
        out(f"\n> {question}\n")

    def _head(self, text: str) -> None:
        if self._colour:
            from . import paint

            paint.line(text, "bold cyan")
        else:
            out(f"== {text} ==")


def _row(what: str, reply: Response) -> tuple[str, ...]:
    first, usage = reply.timings.first_event, reply.usage
    return (
        what,
        _count(usage.input_tokens),
        _count(usage.output_tokens),
        "-" if first is None else f"{first:.2f} s",
        f"{reply.latency:.2f} s",
        f"{len(reply.attempts)}",
        _cost(reply.cost),
    )


def _sums(replies: list[Response]) -> tuple[str, ...]:
    costs = [reply.cost for reply in replies]
    total = None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))
    return (
        "together",
        _count(sum(reply.usage.input_tokens or 0 for reply in replies)),
        _count(sum(reply.usage.output_tokens or 0 for reply in replies)),
        "",
        f"{sum(reply.latency for reply in replies):.2f} s",
        f"{sum(len(reply.attempts) for reply in replies)}",
        _cost(total),
    )


def _count(tokens: int | None) -> str:
    return "-" if tokens is None else f"{tokens}"


def _cost(usd: Decimal | None) -> str:
    return "unknown" if usd is None else f"{usd:.7f}"
