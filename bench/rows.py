"""The table: what is to be reached, and what was measured of it."""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

Figures = dict[str, list[float]]


class Row(NamedTuple):
    """``reach`` and ``stretch`` belong to each of ``measured``, in order; ``least`` where more is better."""

    what: str
    unit: str
    reach: tuple[float, ...]
    stretch: tuple[float, ...]
    measured: tuple[float, ...]
    beside: str = ""
    least: bool = False

    def met(self) -> str:
        """``stretch``, ``yes`` or ``no``, by the worst of the figures."""

        def within(limits: tuple[float, ...]) -> bool:
            return all(got >= limit if self.least else got <= limit for got, limit in zip(self.measured, limits, strict=True))

        return "stretch" if within(self.stretch) else "yes" if within(self.reach) else "**no**"

    def line(self) -> str:
        def shown(values: tuple[float, ...]) -> str:
            return " / ".join(number(value) for value in values)

        what = f"{self.what}, {self.unit}" if self.unit else self.what
        return f"| {what} | {shown(self.reach)} | {shown(self.stretch)} | {shown(self.measured)} | {self.beside} | {self.met()} |"


def number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


class Results:
    """Everything that one run has measured: by measure, then by subject, the figures of all rounds."""

    def __init__(self) -> None:
        self.figures: dict[str, Figures] = {}

    def add(self, measure: str, figures: Figures) -> None:
        for name, values in figures.items():
            self.figures.setdefault(measure, {}).setdefault(name, []).extend(values)

    def mid(self, measure: str, subject: str = "trunkline") -> float:
        return median(self.figures[measure][subject])

    def has(self, measure: str, subject: str) -> bool:
        return subject in self.figures.get(measure, {})

    def own(self, measure: str) -> float:
        """Our own work: the difference of the medians."""
        return self.mid(measure) - self.mid(measure, "raw")

    def own_paired(self, measure: str) -> float:
        """Our own work: the median of the differences of rounds that ran one after the other."""
        figures = self.figures[measure]
        return median(ours - raw for ours, raw in zip(figures["trunkline"], figures["raw"], strict=True))

    def times_raw(self, measure: str) -> float:
        return self.mid(measure) / self.mid(measure, "raw")

    def times_less(self, measure: str, peer: str) -> float:
        """How many times our CPU the peer takes."""
        return self.mid(measure, peer) / self.mid(measure) if self.has(measure, peer) else float("nan")

    def peers(self, measure: str) -> str:
        names = [name for name in self.figures[measure] if name not in ("trunkline", "trunkline-messages", "raw")]
        return ", ".join(f"{name} {number(self.mid(measure, name))}" for name in names)

    def spent(self, program: str) -> float:
        """CPU ms of a program over those of a bare interpreter in the same environment."""
        bare = f"{program.removesuffix(' ready')} bare"
        return self.mid("startup cpu", program) - self.mid("startup cpu", bare if self.has("startup cpu", bare) else "bare")

    def raw(self, *measures: str) -> str:
        return "raw " + " / ".join(f"{number(self.mid(name, 'raw'))} ({number(self.times_raw(name))} x)" for name in measures)


def rows(found: Results, size_mb: float, runtime: str) -> list[Row]:
    """One row for each of the budget's."""
    return [*_starting(found), *_calling(found), *_streaming(found), *_lasting(found, size_mb, runtime)]


def _starting(found: Results) -> list[Row]:
    bare = number(found.mid("startup cpu", "bare"))
    parts = ", ".join(f"{name} {number(found.spent(name))}" for name in ("msgspec", "http.client", "ssl"))
    others = [
        name
        for name in found.figures["startup cpu"]
        if name.endswith(" ready") and f"{name[:-6]} bare" in found.figures["startup cpu"]
    ]
    ready = ", ".join(f"{name.removesuffix(' ready')} {number(found.spent(name))}" for name in others)
    first = f"the bare interpreter's {bare} included"
    if found.has("startup cpu", "first reply, HTTPS"):
        first += f"; over HTTPS {number(found.mid('startup cpu', 'first reply, HTTPS'))}"
    held = {name: found.mid("startup memory", name) for name in ("bare", "aiohttp", "first reply", "first reply, async")}
    return [
        Row(
            "`import trunkline` over a bare interpreter", "CPU ms", (5,), (2,), (found.spent("import trunkline"),), f"bare {bare}"
        ),
        Row(
            "a blocking `Client` ready, likewise",
            "CPU ms",
            (75,),
            (60,),
            (found.spent("Client ready"),),
            f"{parts}; ready: {ready}",
        ),
        Row(
            "an `AsyncClient` ready, likewise",
            "CPU ms",
            (200,),
            (185,),
            (found.spent("AsyncClient ready"),),
            f"aiohttp {number(found.spent('aiohttp'))}",
        ),
        Row(
            "process start to first reply, plain HTTP, blocking",
            "CPU ms",
            (90,),
            (70,),
            (found.mid("startup cpu", "first reply"),),
            first,
        ),
        Row(
            "memory after the first reply, blocking / async",
            "MiB",
            (28, 42),
            (24, 38),
            (held["first reply"], held["first reply, async"]),
            f"bare {number(held['bare'])}, aiohttp imported {number(held['aiohttp'])}",
        ),
    ]


def _calling(found: Results) -> list[Row]:
    calls = f"blocking: we {number(found.mid('calls'))}, {found.peers('calls')}"
    flight = f"64 in flight: we {number(found.mid('in_flight'))}, {found.raw('in_flight')}, {found.peers('in_flight')}"
    return [
        Row(
            "sequential call, own work, blocking / async",
            "CPU µs",
            (60, 60),
            (35, 35),
            (found.own("calls"), found.own("calls_async")),
            found.raw("calls", "calls_async"),
        ),
        Row(
            "the same against openai, blocking / 64 in flight",
            "times less CPU",
            (6, 9),
            (8, 11),
            (found.times_less("calls", "openai"), found.times_less("in_flight", "openai")),
            f"{calls}; {flight}",
            least=True,
        ),
    ]


def _streaming(found: Results) -> list[Row]:
    own = found.own
    burst = f"blocking: we {number(found.mid('burst'))}, {found.peers('burst')}"
    other = f"async: we {number(found.mid('burst_async'))}, {found.peers('burst_async')}"
    return [
        Row(
            "stream in bursts, own work a chunk, blocking / async",
            "CPU µs",
            (2.5, 2.5),
            (1.8, 1.8),
            (own("burst"), own("burst_async")),
            found.raw("burst", "burst_async"),
        ),
        Row(
            "the same against openai, blocking / async",
            "times less CPU",
            (20, 20),
            (28, 28),
            (found.times_less("burst", "openai"), found.times_less("burst_async", "openai")),
            f"{burst}; {other}",
            least=True,
        ),
        Row(
            "stream, one event per read, own work a chunk (paired rounds)",
            "CPU µs",
            (6,),
            (4,),
            (found.own_paired("every"),),
            found.raw("every"),
        ),
        Row(
            "first event arriving alone, own work, blocking / async",
            "CPU µs",
            (80, 80),
            (40, 40),
            (own("alone"), own("alone_async")),
            found.raw("alone", "alone_async"),
        ),
        Row(
            "1,000 open streams, each on top of raw's own",
            "KiB",
            (4,),
            (2,),
            (own("open_streams"),),
            f"{found.raw('open_streams')}; {found.peers('open_streams')}",
        ),
    ]


def _lasting(found: Results, size_mb: float, runtime: str) -> list[Row]:
    turns = ("all, turn 10", "all, turn 10, cold", "all, turn 10000", "last 10, turn 10", "last 10, turn 10000")
    own = {turn: found.mid("conversation", f"{turn}: own") for turn in turns}
    told = "; ".join(
        f"{turn}: own {number(spent)} of {number(found.mid('conversation', f'{turn}: call'))} µs" for turn, spent in own.items()
    )
    return [
        Row(
            "a conversation's turn 10,000 against turn 10 with caches as cold, own work",
            "times",
            (1.2, 1.2),
            (1.0, 1.0),
            (own["all, turn 10000"] / own["all, turn 10, cold"], own["last 10, turn 10000"] / own["last 10, turn 10"]),
            f"all that was said is sent / the last 10 turns are; {told}",
        ),
        Row("installed size of our own, without bytecode", "MB", (3,), (1.5,), (size_mb,), f"run-time dependencies: {runtime}"),
    ]
