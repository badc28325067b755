"""A run: the model is asked, its tools are run, it is told what they gave, until it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from ..ports import INFINITY, IO
from ..values import expect
from ..values.check import check_request
from ..values.errors import DeadlineError, MalformedResponseError, ProviderError, StepLimitError, StreamInterruptedError
from ..values.events import Event, StepEnded, ToolEnded, ToolStarted
from ..values.input_tools import to_tool_choice
from ..values.message import Message, ToolCall, ToolResult
from ..values.request import ToolChoice
from ..values.response import Response
from .call import Call
from .media import holds_media, with_media
from .repair import generate
from .settlement import called
from .steps import Steps
from .toolbox import Toolbox, failed
from .waiting import Waiting

AT_ONCE = 32
"""So many calls of one turn are run together; the others wait for their turn."""
REFUSED = "the user did not allow this call"
NO_TIME = "it was not run: there is no time left"


class Rules(NamedTuple):
    """``approve`` is asked before a tool runs. ``max_steps``: so often the model is asked. ``tool_timeout``: seconds for each
    call of a tool. ``tool_choice``: what the call's own is where it may name tools that are not known before the run begins."""

    approve: Callable[[ToolCall], Any] | None = None
    max_steps: int = 10
    tool_timeout: float = INFINITY
    tool_choice: Any = None


class Loop:
    """What has been said in a run, and what is to be done next. A tool is run only when a reply is whole, and once: whatever is
    tried again or carried on before that is nothing it hears of."""

    __slots__ = ("_box", "_call", "_has_called", "_io", "_messages", "_rules", "_since", "_steps", "_waiting")

    def __init__(self, io: IO, call: Call, box: Toolbox, rules: Rules) -> None:
        self._io, self._call, self._box, self._rules = io, call, box, rules
        self._since = 0.0
        self._messages = call.request.messages
        self._steps = Steps(0.0)
        self._waiting = Waiting()
        self._has_called = False

    async def begin(self) -> None:
        """Starts the clock, and finds the tools of its sources."""
        self._since = now = self._io.now()
        self._steps = Steps(now)
        call, box = self._call, self._box
        if call.limits.total is not None:
            self._call = call = msgspec.structs.replace(call, until=min(call.until, now + call.limits.total))
        if not box.is_open:
            self._box = box = await box.opened(self._io, self._left(), self._waiting)
            choice = to_tool_choice(self._rules.tool_choice, box.tools) or call.request.tool_choice
            request = msgspec.structs.replace(call.request, tools=box.tools, tool_choice=choice)
            check_request(request)
            self._call = call = msgspec.structs.replace(call, request=request)
        if not call.plain:
            request = await with_media(self._io, call.request)  # once: a file object can be read but once
            self._call = msgspec.structs.replace(call, request=request)
            self._messages = request.messages
            self._look(self._messages)

    def _left(self) -> float:
        """Seconds until the whole run ends. Raises ``DeadlineError`` when it is over."""
        left = self._call.until - self._io.now()
        if left <= 0:
            raise self._late()
        return left

    def _late(self) -> DeadlineError:
        return DeadlineError(phase="total", seconds=self._call.limits.total)

    def turn(self) -> Call:
        """What the model is asked next. A tool that had to be called has been, once one was."""
        self._left()
        self._since = self._io.now()
        call = self._call
        if not self._steps:
            return call
        choice = call.request.tool_choice
        if self._has_called and choice is not None and choice.mode in ("required", "tool"):
            choice = ToolChoice("auto", choice.names, choice.custom) if choice.mode == "required" and choice.names else None
        return msgspec.structs.replace(
            call, request=msgspec.structs.replace(call.request, messages=self._messages, tool_choice=choice)
        )

    def goes_on(self, response: Response) -> bool:
        """Whether the run goes on after this reply. Raises ``StepLimitError`` when it would have to, and may not."""
        if self.is_last(response):
            return False
        most = self._rules.max_steps
        if len(self._steps) + 1 >= most:
            why = "tools were still called" if response.tool_calls else "the turn was still paused"
            raise StepLimitError(
                f"{why} after {most} steps (max_steps); `response` holds what came", response=self.whole(response)
            )
        return True

    def is_last(self, response: Response) -> bool:
        """Whether there is nothing more to do. So it is too where a tool is called that is not run here: the caller has it."""
        calls = response.tool_calls
        if not calls:
            return response.finish_reason != "pause"
        declared = {tool.name for tool in self._box.tools}
        return not all(self._box.runs(call.name) or call.name not in declared for call in calls)

    # --- the tools ----------------------------------------------------------------------------------------------------

    async def act(self, response: Response) -> list[ToolEnded]:
        """What each call of the turn gave, in order. The turn is over then, however that ends, and the next one is to know of
        it."""
        ended: list[ToolEnded] = []
        try:
            if response.tool_calls:
                ended = await self._run(response.tool_calls)
        finally:
            self._add(response, ended)
        return ended

    def _add(self, response: Response, ended: Sequence[ToolEnded]) -> None:
        step = self._steps.add(response, self._since, [one.result for one in ended])
        self._messages += step.messages
        self._has_called = self._has_called or bool(response.tool_calls)
        self._look(step.messages)

    def _look(self, messages: tuple[Message, ...]) -> None:
        """Where there are media, what is fetched for one turn is there for the next."""
        call = self._call
        if call.media is None and messages and holds_media(msgspec.structs.replace(call.request, messages=messages)):
            from .media_step import MediaStep  # few runs have any

            self._call = msgspec.structs.replace(call, plain=False, media=MediaStep(call.fetch_urls))

    async def _run(self, calls: Sequence[ToolCall]) -> list[ToolEnded]:
        refused = [await self._refusal(call) for call in calls]
        ended: dict[int, ToolEnded] = {}
        places = iter(range(len(calls)))

        async def work(places: Iterator[int]) -> None:
            for n in places:  # which the others take from, too
                ended[n] = await self._one(calls[n], refused[n])

        if len(calls) == 1:
            await work(places)
        else:
            await self._io.all([work(places) for _ in calls[:AT_ONCE]])
        return [ended[n] for n in range(len(calls))]

    async def _refusal(self, call: ToolCall) -> ToolResult | None:
        """Why it is not run; None where it is. One is asked about after the other, and about none that is wrong in itself."""
        approve = self._rules.approve
        if approve is None:
            return None
        if (fault := self._box.fault(call)) is not None:
            return fault
        answer: object = approve(call)
        if isinstance(answer, Awaitable):
            answer = await self._answer(answer)
        if answer is True:
            return None
        if answer is False or isinstance(answer, str):
            return failed(call, answer or REFUSED)
        return expect.wrong("approve", answer, "True, False, or a text that says why not", "gave no answer")

    async def _answer(self, given: Awaitable[Any]) -> object:
        try:
            answer, error = await self._waiting.awaited(self._io, lambda: given, self._left())
        except TimeoutError:
            raise self._late() from None
        if error is not None:
            raise error
        return answer

    async def _one(self, call: ToolCall, refused: ToolResult | None) -> ToolEnded:
        if refused is not None:
            return ToolEnded(call, refused)
        began = self._io.now()
        seconds = min(self._rules.tool_timeout, self._call.until - began)
        if seconds <= 0:
            return ToolEnded(call, failed(call, NO_TIME))
        result = await self._box.result(self._io, call, seconds, self._waiting)
        return ToolEnded(call, result, self._io.now() - began)

    def end(self) -> None:
        """Ends whatever is waited for between turns, from any thread."""
        self._waiting.end()

    # --- what came ----------------------------------------------------------------------------------------------------

    def whole(self, response: Response) -> Response:
        """The run's reply, of which ``response`` is the last turn."""
        return self._steps.whole(response, self._since, self._io.now())

    def so_far(self) -> Response:
        """The run's reply between two turns."""
        return self._steps.so_far(self._io.now())

    def tell(self, error: BaseException) -> None:
        """Says on ``error`` what came before it."""
        if isinstance(error, ProviderError):
            error.steps = (*self._steps.all, *[step for step in error.steps if step.correction is not None])  # of this turn
        if isinstance(error, MalformedResponseError) and error.response is not None:
            error.response = self.whole(error.response)
        elif isinstance(error, StreamInterruptedError) and error.partial is not None:
            error.partial = self.whole(error.partial)


async def run(io: IO, call: Call, box: Toolbox, rules: Rules) -> Response:
    """The answer, with the steps that led to it."""
    loop = Loop(io, call, box, rules)
    try:
        await loop.begin()
        while True:
            response = await generate(io, loop.turn())
            if not loop.goes_on(response):
                return loop.whole(response)
            await heard(call, begun(response))
            await heard(call, await loop.act(response))
    except BaseException as error:
        loop.tell(error)
        raise


def begun(response: Response) -> list[Event]:
    """What is told when a turn is over that is not the last."""
    return [StepEnded(response), *map(ToolStarted, response.tool_calls)]


async def heard(call: Call, events: Sequence[Event]) -> list[Event]:
    """``events``, once the user's ``on_event`` has heard them."""
    if call.hooks.on_event is not None:
        for event in events:
            await called(call.hooks.on_event(event))
    return [*events]
