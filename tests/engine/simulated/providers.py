"""Simulated providers: hidden weather, limits that are really counted, keys that go bad, and what comes of each request."""

from __future__ import annotations

import json
import math
import random
from collections import deque
from dataclasses import dataclass
from typing import Any

from tests.engine.simulated.speech import GARBAGE, Spoken, cut, error_body, error_event
from trunkline.ports import INFINITY
from trunkline.sim.scripted import End, Scripted
from trunkline.wire.http import HttpRequest

REFUSALS: dict[str, tuple[int, str, str | None]] = {
    "invalid": (400, "invalid_request_error", "invalid_value"),
    "denied": (403, "permission_error", None),
    "not found": (404, "not_found_error", None),
    "conflict": (409, "server_error", "upstream_failure"),
    "context": (400, "invalid_request_error", "context_length_exceeded"),
    "filter": (400, "invalid_request_error", "content_policy_violation"),
    "key": (401, "authentication_error", "invalid_api_key"),
    "quota": (402, "insufficient_quota", "insufficient_quota"),
    "limit": (429, "rate_limit_error", None),
    "server": (500, "server_error", None),
    "gateway": (502, "server_error", None),
    "timeout": (504, "server_error", None),
    "overload": (529, "overloaded_error", None),
}
"""Each refusal's status, type and code."""
SAID_TOO_LATE = ("reset", "truncated", "stall", "cut", "garbled", "event overload", "event server", "event limit")
"""How a reply breaks that has begun."""
CONNECTION = ("no connection", "hang", "silent", "reset head")
MOODS: dict[str, tuple[str, ...]] = {
    "fair": ("whole",) * 30 + ("server", "reset", "slow", "overload", "late"),
    "out": ("no connection", "hang", "reset head", "server", "gateway", "server", "no connection"),
    "overload": ("overload", "overload", "overload", "whole", "timeout", "event overload"),
    "slow": ("slow", "late", "drip", "whole", "stall"),
    "silent": ("silent", "hang", "silent", "late"),
    "broken": (*SAID_TOO_LATE, "whole", "whole"),
    "odd": ("whole", "denied", "not found", "conflict", "limit", "invalid", "filter", "timeout", "should not", "should"),
}


@dataclass
class Key:
    """A key of a provider: refused, or without quota, from one moment until another."""

    name: str
    refused: tuple[float, float] = (INFINITY, INFINITY)
    spent: tuple[float, float] = (INFINITY, INFINITY)


class Limiter:
    """So many requests in any ``period`` seconds, as the provider counts them."""

    def __init__(self, most: int, period: float) -> None:
        self.most, self.period = most, period
        self._log: deque[float] = deque()

    def wait(self, now: float) -> float:
        """0 where one more request is let in; else the seconds until there is room."""
        while self._log and self._log[0] + self.period <= now:
            self._log.popleft()
        if len(self._log) < self.most:
            self._log.append(now)
            return 0.0
        return self._log[0] + self.period - now

    @property
    def left(self) -> int:
        return self.most - len(self._log)


class Provider:
    """Whoever answers at some addresses. ``moods``: from which moment on which weather there is."""

    def __init__(self, name: str, chance: random.Random, began: float, lasts: float) -> None:
        self.name, self._chance = name, chance
        self.anthropic = chance.random() < 0.4
        self.keys = [Key(f"{name}-key{n}") for n in range(chance.choice((1, 1, 1, 2, 3)))]
        self.gateway = chance.random() < 0.1
        self.tells_wait = chance.choice(("seconds", "seconds", "ms", "nothing", "reset", "long"))
        self.tells_limits = chance.random() < 0.3
        self.limiters: dict[str, Limiter] = {}
        self.limited = chance.random() < 0.35
        self._most = (chance.choice((1, 2, 4, 8)), chance.choice((1.0, 5.0, 20.0)))
        self.moods = list(_weather(chance, began, lasts))
        for key in self.keys:
            if chance.random() < 0.12:
                at = began + chance.uniform(0.0, lasts)
                key.refused = (at, chance.choice((INFINITY, at + lasts / 3)))
            if chance.random() < 0.12:
                at = began + chance.uniform(0.0, lasts)
                key.spent = (at, chance.choice((INFINITY, at + lasts / 3)))
        self.repeats = chance.choice((0, 0, 30, 60))
        """So many characters it says again where it is told to carry on."""

    def mood(self, now: float) -> str:
        return next(mood for since, mood in reversed(self.moods) if since <= now)

    def kind(self, now: float, key: str, quota: str, asked: Asked) -> str:
        """What comes of a request."""
        showed = next(each for each in self.keys if each.name == key)
        if showed.refused[0] <= now < showed.refused[1]:
            return "key"
        if showed.spent[0] <= now < showed.spent[1]:
            return "quota"
        if self.limited:
            limiter = self.limiters.setdefault(quota, Limiter(*self._most))
            if limiter.wait(now) > 0.0:
                return "limit"
        return asked.nature if asked.nature in ("invalid", "filter") else self._chance.choice(MOODS[self.mood(now)])

    def wait_headers(self, quota: str, now: float) -> dict[str, str]:
        """How long it says that one had better wait."""
        limiter = self.limiters.get(quota)
        wait = limiter.wait(now) if limiter is not None else self._chance.choice((0.5, 3.0, 20.0))
        if self.tells_wait == "seconds":
            return {"retry-after": str(math.ceil(wait))}
        if self.tells_wait == "ms":
            return {"retry-after-ms": str(round(wait * 1000.0, 1))}
        if self.tells_wait == "reset":
            return {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": f"{wait:.3f}s"}
        return {"retry-after": "75"} if self.tells_wait == "long" else {}

    def fine_headers(self, quota: str) -> dict[str, str]:
        """What a reply says of a limit that it was still within."""
        limiter = self.limiters.get(quota)
        if limiter is None or not self.tells_limits:
            return {}
        return {
            "x-ratelimit-limit-requests": "1",
            "x-ratelimit-remaining-requests": str(limiter.left),
            "x-ratelimit-reset-requests": f"{limiter.period:.3f}s",
        }


def _weather(chance: random.Random, began: float, lasts: float) -> list[tuple[float, str]]:
    moods, now = [(-INFINITY, "fair" if chance.random() < 0.6 else chance.choice((*MOODS, "broken", "broken")))], began
    while now < began + lasts:
        now += chance.expovariate(3.0 / lasts)
        moods.append((now, "fair" if chance.random() < 0.35 else chance.choice((*MOODS, "broken", "broken"))))
    return moods


class Asked:
    """What a request asks, as the provider reads it. ``number``: of the call, ``shown``: the words that are to be carried on, and whether
    as the assistant's own (``prefilled``); None: it is asked anew. ``nature``: what is wrong with the prompt."""

    def __init__(self, request: HttpRequest) -> None:
        body: dict[str, Any] = json.loads(request.body)
        said = [(message["role"], _text(message["content"])) for message in body["messages"]]
        self.stream = bool(body.get("stream"))
        self.model: str = body["model"]
        self.host = request.url.split("/")[2]
        shown = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        self.key = shown.rpartition("sk-canary-")[2]
        prompt = said[0][1].split(" ", 4)
        self.number, self.nature, self.tokens = int(prompt[1]), prompt[2], int(prompt[3])
        self.shown: str | None = said[1][1] if len(said) > 1 else None
        self.prefilled = len(said) == 2


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def answer(
    provider: Provider, asked: Asked, number: int, now: float, quota: str, context: int | None, chance: random.Random
) -> tuple[Spoken, Scripted]:
    """What the exchange of this ``number`` brings."""
    kind = provider.kind(now, asked.key, quota, asked)
    if kind not in REFUSALS and kind not in CONNECTION and context is not None and asked.tokens > context:
        kind = "context"
    spoken = Spoken(kind)
    headers = {"trunkline-gateway": "1"} if provider.gateway else {}
    if kind in CONNECTION:
        spoken.headers = {}
        return spoken, {
            "no connection": Scripted(refuse=True, connect=chance.choice((0.0, 0.2))),
            "hang": Scripted(connect=INFINITY),
            "silent": Scripted(wait=INFINITY),
            "reset head": Scripted(reset_head=True, wait=chance.choice((0.0, 1.0))),
        }[kind]
    if kind in REFUSALS or kind in ("should", "should not"):
        status, type_, code = REFUSALS.get(kind) or chance.choice((REFUSALS["server"], REFUSALS["overload"], REFUSALS["limit"]))
        if status == 429:
            headers |= provider.wait_headers(quota, now)
        elif kind == "overload" and chance.random() < 0.2:
            headers["retry-after"] = "2"
        if kind in ("should", "should not"):
            headers["x-should-retry"] = "true" if kind == "should" else "false"
        spoken.headers = headers
        return spoken, Scripted(
            status, headers, [error_body(provider.anthropic, type_, "no", code)], wait=chance.choice((0.0, 0.0, 0.3))
        )
    spoken.headers = headers = headers | provider.fine_headers(quota) | {"x-request-id": f"req_{number}"}
    return spoken, _told(provider, asked, spoken, number, chance)


def _told(provider: Provider, asked: Asked, spoken: Spoken, number: int, chance: random.Random) -> Scripted:
    """A reply that begins well."""
    kind = spoken.kind
    if asked.shown:
        if asked.prefilled:
            spoken.repeated = chance.choice(("", " "))
        elif provider.repeats <= len(asked.shown):
            spoken.repeated = asked.shown[len(asked.shown) - provider.repeats :]
    broken = kind in SAID_TOO_LATE
    words = [f"{number}.{n} " for n in range(chance.choice((1, 2, 3, 5, 9)) if chance.random() < 0.95 else 0)]
    spoken.words = ([spoken.repeated] if spoken.repeated else []) + (
        words[: chance.randrange(len(words) + 1)] if broken else words
    )
    spoken.whole = not broken
    end: End = "reset" if kind == "reset" else "truncated" if kind == "truncated" else "stall" if kind == "stall" else "end"
    first = chance.choice((4.0, 9.0)) if kind == "late" else 0.05
    pause = chance.choice((1.0, 3.0)) if kind == "drip" else chance.choice((0.0, 0.1))
    tail = GARBAGE if kind == "garbled" else b""
    if kind.startswith("event "):
        tail = error_event(provider.anthropic, REFUSALS[kind.removeprefix("event ")][1])
    if asked.stream and chance.random() < 0.95:
        frames = spoken.as_stream(provider.anthropic, tail)
        if spoken.whole and chance.random() < 0.1:
            end = "stall"  # all is said: nobody waits for more
    else:
        frames = spoken.as_body(provider.anthropic)
        if broken:
            frames = [frames[0][: len(frames[0]) // 2]]
    return Scripted(
        200, spoken.headers, cut(frames, chance, pause, first), end, wait=chance.choice((3.0, 8.0)) if kind == "slow" else 0.02
    )
