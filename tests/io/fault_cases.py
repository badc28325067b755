"""One case of the table of faults as it is played: a fresh client, one call or several, and what came of it, when."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests.io.fault_table import ANSWERED_WITHIN, RAISED_WITHIN, End, Fault, Kind, Shape, Situation
from tests.io.faulty import SECOND, Ground, Place, asked, whole_answer
from trunkline import AsyncClient, Client, ProviderError, Settings

_numbers = itertools.count()


class Case(NamedTuple):
    """``left``: another target is left."""

    kind: Kind
    shape: Shape
    left: bool

    def __str__(self) -> str:
        return f"{self.kind}, {self.shape}, {'another left' if self.left else 'none left'}"


CASES = [Case(kind, shape, left) for left in (True, False) for kind in ("blocking", "async") for shape in ("whole", "stream")]


class Ran:
    """What one call came to: moments on the monotonic clock."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.said: float | None = None
        self.ended: float = 0.0
        self.text = ""
        self.error: Exception | None = None

    def hear(self, text: str | None) -> None:
        if text:
            self.said = self.said or time.monotonic()
            self.text += text

    def end(self, error: Exception | None = None) -> None:
        self.ended, self.error = time.monotonic(), error


class Result(NamedTuple):
    """``late``: seconds from the moment of the fault (or of the user's deadline) until the answer began, or the error was raised;
    the longest, where there were several calls. ``wrong``: what must not be, in words."""

    case: Case
    late: float
    within: float
    wrong: list[str]


def play(fault: Fault, case: Case, place: Place, ground: Ground) -> Result:
    """Play ``case`` of ``fault``."""
    situation = fault.left if case.left else fault.alone
    assert situation is not None
    prompt = f"(case {next(_numbers)}) {situation.words}"
    options: dict[str, Any] = {"base_url": place.url, "api_key": "sk-any-0000", "settings": Settings({}), **situation.options}
    if case.left:
        options["fallbacks"] = [{"base_url": ground.second.base_url("openai-chat")}]
    calls = [f"{prompt} {n}" if n else prompt for n in range(fault.calls)]
    if case.kind == "blocking":
        ran, wrong = [*_blocking(case.shape, calls, options)], []
    else:
        ran, tasks = asyncio.run(_async(case.shape, calls, options))
        wrong = [f"{tasks} tasks are left"] if tasks else []
    end = situation.end(case.shape)
    late = []
    for said, one in zip(calls, ran, strict=True):
        wrong += _wrong(end, one, said) + _asked(end, situation, place, ground, said)
        came = one.ended if one.said is None or end.by in ("error", "both") else one.said
        late.append(came - _moment(situation, end, place, one, said))
    within = RAISED_WITHIN if end.by == "error" else ANSWERED_WITHIN
    wrong += [f"{longest:.2f} s after the fault"] if (longest := max(late)) > within else []
    return Result(case, max(0.0, longest), within, [f"{case}: {words}" for words in wrong])


def _blocking(shape: Shape, prompts: list[str], options: dict[str, Any]) -> Iterator[Ran]:
    with Client("openai-chat/sim-small", **options) as llm:
        for prompt in prompts:
            ran = Ran()
            try:
                if shape == "whole":
                    ran.hear(llm.generate(prompt).text)
                else:
                    with llm.stream(prompt) as events:
                        for event in events:
                            ran.hear(event.text)
                ran.end()
            except ProviderError as error:
                ran.end(error)
            yield ran


async def _async(shape: Shape, prompts: list[str], options: dict[str, Any]) -> tuple[list[Ran], int]:
    done = []
    async with AsyncClient("openai-chat/sim-small", **options) as llm:
        for prompt in prompts:
            ran = Ran()
            try:
                if shape == "whole":
                    ran.hear((await llm.generate(prompt)).text)
                else:
                    async with llm.stream(prompt) as events:
                        async for event in events:
                            ran.hear(event.text)
                ran.end()
            except ProviderError as error:
                ran.end(error)
            done.append(ran)
    await asyncio.sleep(0)
    return done, len(asyncio.all_tasks()) - 1


def _moment(situation: Situation, end: End, place: Place, ran: Ran, prompt: str) -> float:
    """From when on it counts: the first failure where another target answers, the last where an error is raised; where the server
    cannot tell, the call's begin."""
    faults = [] if situation.from_begin else place.faults[prompt]
    if not faults:
        return ran.began + situation.deadline
    return (faults[-1] if end.by == "error" or situation.deadline else faults[0]) + situation.deadline


def _wrong(end: End, ran: Ran, prompt: str) -> list[str]:
    if end.by == "error":
        if type(ran.error) is not end.error:
            return [f"{type(ran.error).__name__} in place of {end.error.__name__}"]
        if end.cause is not None and type(ran.error.__cause__) is not end.cause:
            return [f"it was raised from {type(ran.error.__cause__).__name__}"]
        if end.cause is not None and not ran.text:
            return ["nothing was said before"]
        return []
    if ran.error is not None:
        return [f"{type(ran.error).__name__}: {ran.error}"]
    if end.by == "both":
        return [] if ran.text == whole_answer(prompt) else [f"carried on, it is {ran.text[:80]!r}"]
    who = "second" if ran.text == SECOND else "first"
    return [] if end.by in (who, "one") and ran.text else [f"the {who} target said {ran.text[:40]!r}"]


def _asked(end: End, situation: Situation, place: Place, ground: Ground, prompt: str) -> list[str]:
    """Who was asked more often than he may be. Nobody gets twice what is not to be said twice."""
    first = place.came[prompt] if place.tells else asked(ground.first, prompt)
    most = 1 if end.cause is not None else situation.most
    second, least, most_second = asked(ground.second, prompt), end.by in ("second", "both"), end.by in ("second", "one", "both")
    wrong = [f"the first target was asked {first} times"] if first > most else []
    return wrong + ([] if least <= second <= most_second else [f"the second target was asked {second} times"])


def play_all(fault: Fault, ground: Ground) -> list[Result]:
    """All cases of ``fault``, side by side."""
    with fault.opened(ground) as place, ThreadPoolExecutor(len(CASES)) as threads:
        cases = [case for case in CASES if case.left or fault.alone is not None]
        return list(threads.map(lambda case: play(fault, case, place, ground), cases))


def held() -> tuple[int, int]:
    """How many files (sockets are some) and threads this process has."""
    files = Path("/proc/self/fd")
    return len(list(files.iterdir())) if files.exists() else 0, threading.active_count()


def left_over(before: tuple[int, int], patience: float = 2.0) -> list[str]:
    """What is held more than ``before``, once what is on its way out has had time to go, in words."""
    until = time.monotonic() + patience
    while True:
        more = [now - then for now, then in zip(held(), before, strict=True)]
        left = [f"{count} {what} are left" for count, what in zip(more, ("files", "threads"), strict=True) if count > 0]
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.02)
