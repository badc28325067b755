"""The calls of a long run, drawn by chance: what is asked, what goes wrong, what the caller does, and what may come of it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tests.soak.faults import FAULTS, GUARDED, NONE, ROUGH, SOUND, prompt, said
from trunkline import (
    AllTargetsFailedError,
    CircuitOpenError,
    ClientOptions,
    DeadlineError,
    Response,
    Settings,
    StreamInterruptedError,
    Timeout,
)

PROVIDERS = ("openai", "anthropic", "gemini", "cohere")
KEY = "sk-soak-0000-no-real-key-0000"
FAULTY = 0.1
GUARDED_SHARE = 0.05
HASTY = 0.02
"""The share of calls whose deadline is too short for their answer."""
TOTAL = 90.0
BREAKER = "breaker" in ClientOptions.__annotations__


def settings(url: str) -> Settings:
    """Four providers of as many protocols, all of them the simulator; nothing of this machine's."""
    return Settings({
        "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEY, "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY,
        "GEMINI_BASE_URL": url, "GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": KEY, "COHERE_BASE_URL": url,
        "COHERE_API_KEY": KEY,
    })  # fmt: skip


def without_breaker() -> dict[str, Any]:
    """The options of a client whose targets fail by design and are asked all the same."""
    return {"breaker": None} if BREAKER else {}


@dataclass(slots=True)
class Ask:
    """One call. ``ending``: what the caller does: ``read`` to the end, ``close`` after ``after`` events, ``closed`` from elsewhere,
    ``cancel`` or ``abandon``. ``fallback``: ``none``, ``sound`` or ``rough``."""

    number: int
    fault: str
    once: bool
    fallback: str
    guarded: bool
    hasty: bool
    ending: str
    after: int
    delay: float
    tangled: bool
    """Whether what is abandoned is part of a cycle, which only the garbage collector finds."""
    prompt: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Seconds that the call may take."""
        total: float = self.options["timeout"].total
        return total

    def complaints(self, outcome: str, heard: str, response: Response | None, error: BaseException | None) -> str | None:
        """What is wrong with how the call ended; None where nothing is."""
        rough, sound = said(self.prompt, self.number, self.fault)
        possible = [text for text in ({rough, sound} if self._made_good else {rough}) if text.startswith(heard)]
        if not possible:
            return f"heard {heard!r} in place of {rough!r}"
        if outcome == "error":
            return self._of_error(error, heard)
        if outcome != "end":
            return None
        if self.fault != NONE and not self._made_good:
            return "ended well, which it could not"
        if heard not in possible or response is None or response.text != heard or response.partial:
            return f"ended with {heard!r}, {response.text if response else None!r} in place of {possible}"
        return None

    @property
    def _made_good(self) -> bool:
        """Whether another try may meet no fault. That holds for one in the midst too: where all is slow, a first try may come to
        nothing before its first word."""
        return self.once or self.fallback == "sound"

    def _of_error(self, error: BaseException | None, heard: str) -> str | None:
        if isinstance(error, StreamInterruptedError):
            partial = error.partial.text if error.partial is not None else ""
            if partial != heard:
                return f"heard {heard!r}, but {partial!r} stands in the error"
        elif heard:
            return f"{error!r} after the first words"
        if self._foreseen(error):
            return None
        return f"not foreseen: {type(error).__name__}: {error} (from {error.__cause__!r})" if error else "no error"

    def _foreseen(self, error: BaseException | None) -> bool:
        if isinstance(error, AllTargetsFailedError):
            return self.fallback != "none" and all(self._foreseen(each) for each in error.errors)
        if self.guarded and isinstance(error, CircuitOpenError):
            return True
        if self.hasty and isinstance(error.__cause__ if isinstance(error, StreamInterruptedError) else error, DeadlineError):
            return True
        fault = FAULTS.get(self.fault)
        if fault is None:
            return False
        if isinstance(error, DeadlineError) and error.phase != "total":  # these have short ones; the simulator may be late
            return True
        if not isinstance(error, fault.errors):
            return False
        return fault.midst or not self.once or not fault.passing or self.fallback == "rough"


class Draw:
    """Asks from a seed. ``pace``: tokens a second that the simulator says."""

    def __init__(self, seed: str, pace: float) -> None:
        self._chance = random.Random(seed)
        self._pace = pace

    def ask(self, number: int) -> Ask:
        chance = self._chance
        faulty = chance.random() < FAULTY
        hasty = not faulty and chance.random() < HASTY
        ask = Ask(
            number=number,
            fault=chance.choice(tuple(FAULTS)) if faulty else NONE,
            once=chance.random() < 0.5,
            fallback=chance.choices(("none", "sound", "rough"), (50, 40, 10))[0],
            guarded=chance.random() < GUARDED_SHARE,
            hasty=hasty,
            ending=chance.choices(("read", "close", "closed", "cancel", "abandon"), (70, 8, 4, 10, 8))[0],
            after=chance.randrange(1, 20),
            delay=chance.uniform(0.0, 30 / self._pace),
            tangled=chance.random() < 0.5,
        )
        ask.prompt = prompt(number, ask.fault, ask.once, chance.randrange(20))
        ask.options = self._options(ask)
        return ask

    def _options(self, ask: Ask) -> dict[str, Any]:
        chance, pause = self._chance, 3.0 + 2.0 / self._pace
        limits: dict[str, float] = {"total": TOTAL, "connect": 30.0, "idle": 60.0}
        if ask.hasty:
            limits["total"] = chance.uniform(0.2, 10 / self._pace)
        elif ask.fault != NONE:  # a stall shall not take a minute
            limits |= {"idle": pause, "first_byte": pause}
        first, second = chance.sample(PROVIDERS, 2)
        options: dict[str, Any] = {
            "model": f"{first}/{GUARDED if ask.guarded else ROUGH}",
            "timeout": Timeout(**limits),
            "max_tokens": 1000,
        }
        if ask.fallback != "none":
            options["fallbacks"] = [f"{second}/{SOUND if ask.fallback == 'sound' else ROUGH}"]
        return options
