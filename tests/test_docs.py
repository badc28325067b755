"""The documents say what the code does: links lead somewhere, tables are the code's own, examples can be read.

``make format`` writes the tables anew.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import trunkline
from trunkline.dialects.anthropic_messages import thinking
from trunkline.engine.call import Limits
from trunkline.engine.repair import CORRECTIONS
from trunkline.io import aio_sessions, pool
from trunkline.policy import turns
from trunkline.policy.breaker import BreakerPolicy
from trunkline.policy.hedge import Hedge
from trunkline.policy.retry import RetryPolicy
from trunkline.values import json_form

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
SOURCES = [*ROOT.glob("src/**/*.py"), *DOCUMENTS]
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
MENTION = re.compile(r"\b(docs/[\w/-]+\.(?:md|toml))")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    lost = [link for link in LINK.findall(document.read_text(encoding="utf-8")) if not (document.parent / link).exists()]
    assert not lost


def test_what_is_mentioned_exists() -> None:
    mentioned = {(name, file.name) for file in SOURCES for name in MENTION.findall(file.read_text(encoding="utf-8"))}
    assert mentioned
    assert not [(name, file) for name, file in mentioned if not (ROOT / name).exists()]


def default_rows() -> str:
    limits, retry, breaker, hedge = Limits(), RetryPolicy(), BreakerPolicy(), Hedge()
    assert (pool.KEPT_PER_ROUTE, pool.KEPT_SECONDS) == (aio_sessions.KEPT_PER_HOST, aio_sessions.KEPT_SECONDS)
    rows = [
        ("connect", "timeout=Timeout(connect=…)", _seconds(limits.connect), "until the connection, and TLS, stands"),
        ("connect while a fallback remains", "the same", _seconds(limits.connect_with_fallback), ""),
        ("first byte", "timeout=Timeout(first_byte=…)", _seconds(limits.first_byte), "until the reply begins"),
        ("first token", "timeout=Timeout(first_token=…)", _seconds(limits.first_token), "until a stream has said something"),
        ("idle", "timeout=Timeout(idle=…)", _seconds(limits.idle), "between two reads; keep-alive comments count as life"),
        ("total", "timeout=…", _seconds(limits.total), "the whole call, retries and waits included"),
        ("retries", "retries=…", str(retry.retries), "further tries of one target"),
        (
            "wait before a retry",
            "retries=RetryPolicy(first=…, factor=…, cap=…, jitter=…)",
            f"{retry.first:g} s, {'doubling' if retry.factor == 2 else retry.factor} to {retry.cap:g} s",
            "full jitter: anything from 0 to that" if retry.jitter else "exactly",
        ),
        (
            "Retry-After obeyed",
            "retries=RetryPolicy(longest=…)",
            f"up to {retry.longest:g} s",
            "and within the deadline; if longer, the error is raised at once",
        ),
        (
            "circuit breaker",
            "breaker=BreakerPolicy(…), None",
            f"{breaker.failures} failures in a row, or {breaker.rate:.0%} of {breaker.least} within {breaker.window:g} s",
            f"left alone for {breaker.pause:g} s, doubling to {breaker.longest:g} s",
        ),
        ("retry budget", "", "20 % of a target's traffic, and 10", ""),
        ("rate limit, concurrency", "rate_limit=…, concurrency=…", "off", "of each provider and key"),
        (
            "outputs sent back",
            "output_retries=…",
            str(CORRECTIONS),
            "so often a model is told what is wrong with an `output`; never of streams, nor where it was cut off",
        ),
        (
            "hedging",
            "hedge=…",
            "off",
            f"then at most {hedge.share:.0%} of the calls, after the {hedge.percentile:.0%} percentile",
        ),
        ("broken streams", 'on_interrupt="continue"', "raise", ""),
        ("slowest stream", "min_tokens_per_second=…", _speed(limits.slowest), "on average, five seconds after its first token"),
        ("connections kept", "", f"{pool.KEPT_PER_ROUTE} a host, for {pool.KEPT_SECONDS:g} s", "idle ones"),
        (
            "longest line of a stream, longest whole reply",
            "max_line=…",
            f"{limits.max_line // 2**20} MiB",
            "compression undone; `request` has no such limit",
        ),
        (
            "output limit where a protocol demands one",
            "max_tokens=…",
            f"the model's own, at most {thinking.PLAIN_LIMIT:,}; {thinking.STREAM_LIMIT:,} for a stream",
            "tokens",
        ),
        (
            "turns that called tools",
            "tool_memory=TurnMemory()",
            "none are remembered",
            f"the last {turns.LIMIT:,} of a `TurnMemory`",
        ),
    ]
    return _table(("", "said by", "default", ""), rows)


def _speed(value: float | None) -> str:
    return "off" if value is None else f"{value:g} tokens a second"


def _seconds(value: float | None) -> str:
    return "off" if value is None else f"{value:g} s"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, tuple("---" for _ in head), *rows))


TABLES = {"docs/defaults.md": default_rows}
TABLE = re.compile(r"(?<=<!-- table -->\n\n).*?(?=\n\n<!-- end -->)", re.DOTALL)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_the_codes_own(name: str) -> None:
    found = TABLE.search((ROOT / name).read_text(encoding="utf-8"))
    assert found
    assert found.group() == TABLES[name](), "make format writes it anew"


def test_the_json_form_names_every_type() -> None:
    text = (ROOT / "docs" / "json-form.md").read_text(encoding="utf-8")
    named = {word for words in re.findall(r"`([^`]*)`", text) for word in re.split(r"[,\s]+", words)}
    tagged = {str(kind.__struct_config__.tag) for kind in _flat(json_form._TAGGED)}
    assert tagged | set(json_form._UNTAGGED) | {"headers"} <= named


def _flat(union: Any) -> list[type[msgspec.Struct]]:
    return [kind for part in get_args(union) for kind in (_flat(part) if isinstance(part, types.UnionType) else [part])]


def test_the_examples_of_the_json_form_can_be_read() -> None:
    text = (ROOT / "docs" / "json-form.md").read_text(encoding="utf-8")
    examples = [json.loads(example) for example in re.findall(r"^```json\n(.*?)^```", text, re.DOTALL | re.MULTILINE)]
    assert examples
    for example in examples:
        document = example if "trunkline" in example else {"trunkline": 1, "value": example}
        assert json.loads(trunkline.to_json(trunkline.from_json(json.dumps(document)))) == document


# A block that stands for more than it says (an object of the reader's own) is marked ```python sketch.
BLOCKS = [
    pytest.param(block, id=f"{document.relative_to(ROOT).as_posix()}-{number}")
    for document in sorted(ROOT.glob("docs/*.md"))
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    )
]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_python_runs(block: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", block]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


if __name__ == "__main__":
    for name, rows in TABLES.items():
        file = ROOT / name
        file.write_text(TABLE.sub(lambda _: rows(), file.read_text(encoding="utf-8")), encoding="utf-8")  # noqa: B023
