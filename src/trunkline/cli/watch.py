"""``trunkline health --watch``: who answers, again and again, and how the targets fare meanwhile."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import msgspec

from .. import Client, Health, LimitStatus, Status
from .output import is_terminal, json_out, out, table

_KEPT = 100
_CLEAR = "\x1b[H\x1b[2J"


class Seen:
    """What the rounds have brought: of each provider how long it took, and how often it did not answer."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}
        self._missed: dict[str, int] = {}
        self._rounds = 0

    def add(self, found: Health) -> None:
        self._rounds += 1
        for row in found.providers:
            if row.reachable and row.seconds is not None:
                self._seconds.setdefault(row.provider, []).append(row.seconds)
                del self._seconds[row.provider][:-_KEPT]
            elif row.reachable is False:
                self._missed[row.provider] = self._missed.get(row.provider, 0) + 1

    def rows(self, found: Health) -> Iterator[tuple[str, ...]]:
        """A row for each provider that is configured."""
        for row in found.providers:
            if row.configured:
                seconds = sorted(self._seconds.get(row.provider, ()))
                state = "-" if row.reachable is None else "answers" if row.reachable else "does not answer"
                missed = f"{self._missed.get(row.provider, 0)} of {self._rounds}"
                yield (
                    row.provider,
                    state,
                    _time(row.seconds),
                    _share(seconds, 0.5),
                    _share(seconds, 0.95),
                    missed,
                    row.problem or "-",
                )


def _share(seconds: list[float], share: float) -> str:
    return _time(seconds[min(len(seconds) - 1, int(share * len(seconds)))]) if seconds else "-"


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"


def watch(llm: Client, *, deep: bool, interval: float, rounds: int | None, json: bool, plain: bool) -> int:
    """Looks again every ``interval`` seconds, ``rounds`` times or until Ctrl-C. The exit code is the last look's."""
    seen = Seen()
    done = 0
    try:
        while True:
            found = llm.health(deep=deep)
            seen.add(found)
            _show(found, llm.status(), seen, json=json, plain=plain)
            done += 1
            if rounds is not None and done >= rounds:
                return 0 if found.ok else 1
            time.sleep(interval)
    except KeyboardInterrupt:
        return 0


def _show(found: Health, status: Status, seen: Seen, *, json: bool, plain: bool) -> None:
    if json:
        json_out({"ok": found.ok, **msgspec.to_builtins(found), "status": msgspec.to_builtins(status)})
        return
    if is_terminal() and not plain:
        sys.stdout.write(_CLEAR)
    out(f"{time.strftime('%H:%M:%S')}  model: {found.model or 'none'} ({found.why})")
    table(("provider", "state", "last", "median", "p95", "missed", "problem"), seen.rows(found), plain=plain)
    if status.targets:
        out("")
        head = ("target", "key", "circuit", "in flight", "calls", "failed", "first p50", "first p95")
        rows = [
            (
                f"{target.provider}/{target.model}", f"{target.key or '-'} {target.key_state}",
                target.circuit if not target.retry_in else f"{target.circuit}, {target.retry_in:.0f} s",
                str(target.in_flight), str(target.calls), str(target.failures), _time(target.first_p50), _time(target.first_p95),
            )
            for target in status.targets
        ]  # fmt: skip
        table(head, rows, plain=plain)
    if status.limits:
        out("")
        table(("limit", "requests", "tokens", "under way", "waiting"), map(_limit, status.limits), plain=plain)


def _limit(limit: LimitStatus) -> tuple[str, ...]:
    requests = "-" if limit.most_requests is None else f"{limit.requests} of {limit.most_requests} in {limit.period:g} s"
    tokens = "-" if limit.most_tokens is None else f"{limit.tokens} of {limit.most_tokens}"
    busy = "-" if limit.most is None else f"{limit.busy} of {limit.most}"
    return limit.name, requests, tokens, busy, str(limit.waiting)
