"""How soon an answer begins, or an error is raised, when a target fails: plays the table of faults of ``tests/io`` several times
and writes it into ``docs/reliability.md``.

``--repetitions 5``; ``--dry`` prints the table and writes nothing.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.io.fault_cases import CASES, Result, held, left_over, play_all  # noqa: E402
from tests.io.fault_table import ANSWERED_WITHIN, FAULTS, RAISED_WITHIN, Fault, Situation  # noqa: E402
from tests.io.faulty import FAULTPROXY, Ground  # noqa: E402

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- faults -->", "<!-- end -->"
HEADS = ("fault", "another target left", "s", "longest", "none left", "s", "longest", "held")


def measured(repetitions: int) -> tuple[dict[str, list[Result]], dict[str, list[str]]]:
    """The results of each fault, and what was wrong."""
    results: dict[str, list[Result]] = defaultdict(list)
    wrong: dict[str, list[str]] = defaultdict(list)
    with Ground() as ground:
        for number in range(repetitions):
            for fault in FAULTS:
                if fault.proxy and not FAULTPROXY.exists():
                    continue
                before = held()
                got = play_all(fault, ground)
                results[fault.name] += got
                wrong[fault.name] += [*(words for result in got for words in result.wrong), *left_over(before)]
            print(f"  {number + 1} of {repetitions}", flush=True)
    return results, wrong


def row(fault: Fault, results: list[Result], wrong: list[str]) -> str:
    cells = [fault.name]
    for left, situation in ((True, fault.left), (False, fault.alone)):
        if situation is None:
            cells += ["as without it", "", ""]
            continue
        kinds = [case for case in CASES if case.left is left]
        times = [[result.late for result in results if result.case == case] for case in kinds]
        cells += [ends(situation), " / ".join(f"{median(each):.2f}" for each in times), f"{max(map(max, times)):.2f}"]
    return f"| {' | '.join(cells)} | {'**no**' if wrong else 'yes'} |"


def ends(situation: Situation) -> str:
    whole, stream = str(situation.whole), str(situation.stream)
    return whole if whole == stream else f"{whole}; stream: {stream}"


def table(results: dict[str, list[Result]], wrong: dict[str, list[str]], repetitions: int) -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    when = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    machine = f"{cores} cores, {platform.system()}, Python {platform.python_version()}"
    order = "blocking whole / blocking stream / asynchronous whole / asynchronous stream"
    lines = [
        f"{when}, {machine}; medians of {repetitions} runs in seconds, {order}.",
        "",
        f"| {' | '.join(HEADS)} |",
        f"|{' --- |' * len(HEADS)}",
        *(row(fault, results[fault.name], wrong[fault.name]) for fault in FAULTS if results[fault.name]),
    ]
    missed = [f"- {name}: {words}" for name, all_words in wrong.items() for words in sorted(set(all_words))]
    return "\n".join([*lines, *(["", "What did not hold:", "", *missed] if missed else [])])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--dry", action="store_true")
    said = parser.parse_args()
    results, wrong = measured(said.repetitions)
    text = table(results, wrong, said.repetitions)
    print(text)
    print(f"allowed: an answer within {ANSWERED_WITHIN:g} s, an error within {RAISED_WITHIN:g} s")
    if not said.dry:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
