"""A run: the model is asked, its tools are run, it is told what they gave, until it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from ..ports import INFINITY, IO
from ..values.errors import DeadlineError, MalformedResponseError, StepLimitError
from ..values.events import Event, StepEnded, ToolEnded, ToolStarted
from ..values.message import ToolCall
from ..values.response import Response
from .call import Call
from .repair import generate
from .settlement import called
from .steps import Steps
from .toolbox import Toolbox, failed

_FORCED = ("required", "tool")
REFUSED = "the user did not allow this call"


class Rules(NamedTuple):
    """``approve`` is asked before a tool runs. ``max_steps``: so often the model is asked. ``tool_timeout``: seconds for each
    call of a tool."""

    approve: Callable[[ToolCall], Any] | None = None
    max_steps: int = 10
    tool_timeout: float = INFINITY


class Loop:
    """What has been said in a run, and what is to be done next. A tool is run only when a reply is whole, and once: whatever is
    tried again or carried on before that is nothing it hears of."""

    __slots__ = ("_began", "_box", "_call", "_io", "_messages", "_rules", "_since", "_steps", "_until")

    def __init__(self, io: IO, call: Call, box: Toolbox, rules: Rules) -> None:
        self._io, self._call, self._box, self._rules = io, call, box, rules
        self._began = self._since = io.now()
        self._until = INFINITY if call.limits.total is None else self._began + call.limits.total
        self._messages = call.request.messages
        self._steps = Steps(self._began)

    async def begin(self) -> None:
        """Finds the tools of its sources."""
        self._box = box = await self._box.opened(self._io, self._left())
        self._call = msgspec.structs.replace(self._call, request=msgspec.structs.replace(self._call.request, tools=box.tools))

    def _left(self) -> float:
        """Seconds until the whole run ends. Raises ``DeadlineError`` when it is over."""
        if self._until == INFINITY:
            return INFINITY
        left = self._until - self._io.now()
        if left <= 0:
            raise DeadlineError(phase="total", seconds=self._call.limits.total)
        return left

    def turn(self) -> Call:
        """What the model is asked next, within the time that is left. A tool that had to be called has been, after the first."""
        self._since = self._io.now()
        call, left = self._call, self._left()
        request = call.request
        if self._steps:
            choice = request.tool_choice
            if choice is not None and choice.mode in _FORCED:
                choice = None
            request = msgspec.structs.replace(request, messages=self._messages, tool_choice=choice)
        limits = call.limits if left == INFINITY else msgspec.structs.replace(call.limits, total=left)
        return msgspec.structs.replace(call, request=request, limits=limits)

    def goes_on(self, response: Response) -> bool:
        """Whether the run goes on after this reply. Raises ``StepLimitError`` when it would have to, and may not."""
        if self.is_last(response):
            return False
        if len(self._steps) + 1 >= self._rules.max_steps:
            words = f"tools were still called after {self._rules.max_steps} steps (max_steps); `response` holds what came"
            raise StepLimitError(words, response=self.whole(response))
        return True

    def is_last(self, response: Response) -> bool:
        """Whether there is nothing more to do. So it is too where a tool is called that is not run here: the caller has it."""
        if response.finish_reason == "pause":
            return False
        return response.finish_reason != "tool_calls" or not self._runs(response.tool_calls)

    def _runs(self, calls: Sequence[ToolCall]) -> bool:
        declared = {tool.name for tool in self._box.tools}
        return bool(calls) and all(self._box.runs(call.name) or call.name not in declared for call in calls)

    async def allowed(self, calls: Sequence[ToolCall]) -> list[str | None]:
        """Of each call why it may not be run; None where it may. One is asked about after the other."""
        approve = self._rules.approve
        if approve is None:
            return [None] * len(calls)
        answers = [await called(approve(call)) for call in calls]
        return [None if answer is True else answer if isinstance(answer, str) else REFUSED for answer in answers]

    async def run(self, calls: Sequence[ToolCall]) -> list[ToolEnded]:
        """What each call gave; they run together."""
        why_not = await self.allowed(calls)
        seconds = min(self._rules.tool_timeout, self._left())
        work = [self._one(call, why, seconds) for call, why in zip(calls, why_not, strict=True)]
        return [await work[0]] if len(work) == 1 else await self._io.all(work)

    async def _one(self, call: ToolCall, why_not: str | None, seconds: float) -> ToolEnded:
        if why_not is not None:
            return ToolEnded(call, failed(call, why_not))
        began = self._io.now()
        result = await self._box.result(self._io, call, seconds)
        return ToolEnded(call, result, self._io.now() - began)

    def add(self, response: Response, ended: Sequence[ToolEnded]) -> None:
        """The turn is over, and the next one is to know of it."""
        step = self._steps.add(response, self._since, [one.result for one in ended])
        self._messages += step.messages

    def whole(self, response: Response) -> Response:
        """The run's reply, of which ``response`` is the last turn."""
        return self._steps.whole(response, self._since, self._io.now())


async def run(io: IO, call: Call, box: Toolbox, rules: Rules) -> Response:
    """The answer, with the steps that led to it."""
    loop = Loop(io, call, box, rules)
    await loop.begin()
    while True:
        try:
            response = await generate(io, loop.turn())
        except MalformedResponseError as error:
            if error.response is not None:
                error.response = loop.whole(error.response)
            raise
        if not loop.goes_on(response):
            return loop.whole(response)
        calls = response.tool_calls
        await tell(call, begun(response))
        ended = await loop.run(calls) if calls else []
        await tell(call, ended)
        loop.add(response, ended)


def begun(response: Response) -> list[Event]:
    """What is told when a turn is over that is not the last."""
    return [StepEnded(response), *map(ToolStarted, response.tool_calls)]


async def tell(call: Call, events: Sequence[Event]) -> None:
    """Lets the user's ``on_event`` hear."""
    if call.hooks.on_event is not None:
        for event in events:
            await called(call.hooks.on_event(event))
