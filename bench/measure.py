"""One measurement in a process of its own: ``measure.py what url subject[,subject…] rounds size`` prints a line of JSON.

CPU is user plus system time of this process by ``getrusage``. Subjects that are named together take turns, batch by batch, so
that whatever else the machine does falls on all of them; each gives a list of figures, the n-th ones belong together.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from subjects import KEY, SUBJECTS, Asynchronous, Blocking

Figures = dict[str, list[float]]
IN_FLIGHT = 64


def cpu() -> float:
    """Microseconds that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1e6


def resident() -> float:
    """KiB of memory that this process holds."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return float(line.split()[1])
    raise OSError("no VmRSS")


def _blocking(names: list[str], url: str) -> dict[str, Blocking]:
    made = {name: SUBJECTS[name].blocking for name in names}
    return {name: make(url) for name, make in made.items() if make is not None}


def _asynchronous(names: list[str], url: str) -> dict[str, Asynchronous]:
    made = {name: SUBJECTS[name].asynchronous for name in names}
    return {name: make(url) for name, make in made.items() if make is not None}


def _in_turns(names: list[str], rounds: int, once: Callable[[str], float]) -> Figures:
    found: Figures = {name: [] for name in names}
    for number in range(-1, rounds):  # the first round warms up
        for name in names if number % 2 else reversed(names):
            figure = once(name)
            if number >= 0:
                found[name].append(figure)
    return found


async def _in_turns_async(names: list[str], rounds: int, once: Callable[[str], Any]) -> Figures:
    found: Figures = {name: [] for name in names}
    for number in range(-1, rounds):
        for name in names if number % 2 else reversed(names):
            figure = await once(name)
            if number >= 0:
                found[name].append(figure)
    return found


# --- calls


def calls(url: str, names: list[str], rounds: int, size: int) -> Figures:
    """CPU µs of a blocking call, one after another."""
    made = _blocking(names, f"{url}/burst")

    def once(name: str) -> float:
        call = made[name][0]
        assert "from a mock" in call()
        before = cpu()
        for _ in range(size):
            call()
        return (cpu() - before) / size

    return _in_turns(names, rounds, once)


async def calls_async(url: str, names: list[str], rounds: int, size: int) -> Figures:
    """CPU µs of an asynchronous call, one after another."""
    made = _asynchronous(names, f"{url}/burst")

    async def once(name: str) -> float:
        call = made[name][0]
        assert "from a mock" in await call()
        before = cpu()
        for _ in range(size):
            await call()
        return (cpu() - before) / size

    return await _in_turns_async(names, rounds, once)


async def in_flight(url: str, names: list[str], rounds: int, size: int) -> Figures:
    """CPU µs of an asynchronous call while 64 are under way."""
    made = _asynchronous(names, f"{url}/burst")
    each = max(size // IN_FLIGHT, 1)

    async def once(name: str) -> float:
        call = made[name][0]

        async def work(count: int) -> None:
            for _ in range(count):
                await call()

        await asyncio.gather(*(work(1) for _ in range(IN_FLIGHT)))
        before = cpu()
        await asyncio.gather(*(work(each) for _ in range(IN_FLIGHT)))
        return (cpu() - before) / (each * IN_FLIGHT)

    return await _in_turns_async(names, rounds, once)


# --- streams


def burst(url: str, names: list[str], rounds: int, size: int) -> Figures:
    """CPU µs a word of a blocking stream that comes as fast as it is read."""
    made = _blocking(names, f"{url}/burst")

    def once(name: str) -> float:
        stream, count = made[name][1], 0
        before = cpu()
        for text in stream(size):
            if text:
                count += 1
        used = cpu() - before
        assert name == "raw" or count == size, (name, count)
        return used / size

    return _in_turns(names, rounds, once)


async def burst_async(url: str, names: list[str], rounds: int, size: int) -> Figures:
    """The same, asynchronous."""
    made = _asynchronous(names, f"{url}/burst")

    async def once(name: str) -> float:
        stream, count = made[name][1], 0
        before = cpu()
        async for text in stream(size):
            if text:
                count += 1
        used = cpu() - before
        assert name == "raw" or count == size, (name, count)
        return used / size

    return await _in_turns_async(names, rounds, once)


async def every(url: str, names: list[str], rounds: int, size: int) -> Figures:
    """CPU µs a word where each comes in a read of its own: 32 streams, 5 ms between two words of one."""
    made = _asynchronous(names, f"{url}/every-5")

    async def once(name: str) -> float:
        stream, count = made[name][1], 0

        async def one() -> None:
            nonlocal count
            async for text in stream(size):
                if text:
                    count += 1

        before = cpu()
        await asyncio.gather(*(one() for _ in range(32)))
        used = cpu() - before
        assert name == "raw" or count == size * 32, (name, count)
        return used / (size * 32)

    return await _in_turns_async(names, rounds, once)


def alone(url: str, names: list[str], rounds: int, size: int) -> Figures:
    """CPU µs from the call to a first event that comes by itself, blocking."""
    made = _blocking(names, f"{url}/alone-1")

    def once(name: str) -> float:
        used = 0.0
        for _ in range(size):
            before = cpu()
            stream = iter(made[name][1](2))
            next(stream)
            used += cpu() - before
            for _ in stream:
                pass
        return used / size

    return _in_turns(names, rounds, once)


async def alone_async(url: str, names: list[str], rounds: int, size: int) -> Figures:
    """The same, asynchronous."""
    made = _asynchronous(names, f"{url}/alone-1")

    async def once(name: str) -> float:
        used = 0.0
        for _ in range(size):
            before = cpu()
            stream = made[name][1](2)
            await anext(stream)
            used += cpu() - before
            async for _ in stream:
                pass
        return used / size

    return await _in_turns_async(names, rounds, once)


async def open_streams(url: str, names: list[str], rounds: int, size: int) -> Figures:
    """KiB of memory for each of ``size`` streams that are open at once; one subject a process."""
    (name,) = names
    call, stream = _asynchronous(names, f"{url}/every-1000")[name]
    await call()
    async for _ in stream(1):
        pass
    await asyncio.sleep(0.1)
    gc.collect()
    before = resident()
    opened, go_on = 0, asyncio.Event()

    async def one() -> None:
        nonlocal opened
        counted = False
        async for text in stream(20):
            if text and not counted:
                opened, counted = opened + 1, True
            if go_on.is_set():
                break

    tasks = []
    for number in range(size):
        tasks.append(asyncio.create_task(one()))
        if number % 20 == 19:
            await asyncio.sleep(0.02)
    until = time.monotonic() + 60
    while opened < size and time.monotonic() < until:  # noqa: ASYNC110 - an event would be work for the streams
        await asyncio.sleep(0.05)
    assert opened == size, opened
    await asyncio.sleep(1.0)
    gc.collect()
    each = (resident() - before) / size
    go_on.set()
    await asyncio.gather(*tasks)
    return {name: [each] * max(rounds, 1)}


# --- a long conversation


class Steps:
    """CPU µs that a call spends in the functions of ours that are watched, by the name of what they do.

    What these gave is held until ``clear``: to free a long body is part of making it. ``beside`` runs after each of
    them, in their time.
    """

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.beside: Callable[[], Any] | None = None
        self._held: list[Any] = []

    def clear(self) -> None:
        self.spent.clear()
        self._held.clear()

    def watch(self, step: str, module: Any, name: str) -> None:
        """Puts a function that looks at the clock before and after in the place of ``module.name``."""
        function = getattr(module, name)

        def watched(*args: Any, **options: Any) -> Any:
            before = time.process_time_ns()
            return self._add(step, before, function(*args, **options))

        async def awaited(*args: Any, **options: Any) -> Any:
            before = time.process_time_ns()
            return self._add(step, before, await function(*args, **options))

        setattr(module, name, awaited if asyncio.iscoroutinefunction(function) else watched)

    def _add(self, step: str, before: int, result: Any) -> Any:
        if self.beside is not None:
            self.beside()
        self._held.append(result)
        self.spent[step] = self.spent.get(step, 0.0) + (time.process_time_ns() - before) / 1e3
        return result


def conversation(url: str, _names: list[str], rounds: int, size: int) -> Figures:
    """CPU µs of ``send`` at turn 10 and at turn 10,000; of it making the body and sending it, and ``own``: the rest. Once for a
    conversation that sends all that was said, once for one that sends its last 10 turns.

    A long body leaves every cache cold for what comes after it. ``turn 10, cold`` is turn 10 while such a body is made at each
    step of it: what differs from turn 10,000 then is our own.
    """
    from trunkline import Client, Message, Request, Target
    from trunkline.dialects.known import dialect_of
    from trunkline.engine import attempt
    from trunkline.policy.context import ContextWindow

    model = "gpt-4.1-mini"  # has room for that much
    client = Client(f"openai/{model}", base_url=f"{url}/burst/v1", api_key=KEY)
    said = [Message.user("And then?") if n % 2 else Message.assistant("It goes on.") for n in range(1, 2 * 10_000 - 1)]
    talks = {}
    for name, most, turns in (("all", None, 10), ("all", None, 10_000), ("last 10", 10, 10), ("last 10", 10, 10_000)):
        talks[f"{name}, turn {turns}"] = talk = client.conversation(max_turns=most)
        talk.add(said[: 2 * turns - 2])
    plan = [(name, talk, False) for name, talk in talks.items()]
    plan.insert(1, ("all, turn 10, cold", talks["all, turn 10"], True))
    long = Request(model=model, messages=(*said, Message.user("And then?")))
    dialect, target = dialect_of("openai-chat"), Target("openai-chat", "openai", model)
    steps = Steps()
    steps.watch("body", ContextWindow, "sent")
    steps.watch("body", attempt, "encode")
    steps.watch("send", attempt, "fetch")
    found: Figures = {}
    for number in range(-1, rounds):
        for name, talk, cold in plan:
            for _ in range(size):
                steps.clear()
                steps.beside = (lambda: dialect.encode_request(long, target)) if cold else None
                before = time.process_time_ns()
                talk.send("And then?")
                whole = (time.process_time_ns() - before) / 1e3
                talk.undo()
                if number >= 0:
                    for step, spent in {"call": whole, "own": whole - sum(steps.spent.values()), **steps.spent}.items():
                        found.setdefault(f"{name}: {step}", []).append(spent)
    return found


MEASURES: dict[str, Any] = {
    "calls": calls,
    "calls_async": calls_async,
    "in_flight": in_flight,
    "burst": burst,
    "burst_async": burst_async,
    "every": every,
    "alone": alone,
    "alone_async": alone_async,
    "open_streams": open_streams,
    "conversation": conversation,
}


def main() -> None:
    what, url, names, rounds, size = sys.argv[1:]
    found = MEASURES[what](url, names.split(","), int(rounds), int(size))
    if asyncio.iscoroutine(found):
        found = asyncio.run(found)
    print("\n" + json.dumps(found), flush=True)
    os._exit(0)  # what a library leaves open is not measured here


if __name__ == "__main__":
    main()
