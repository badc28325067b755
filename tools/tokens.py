# noqa: INP001 - a program, not a package
"""Writes src/trunkline/providers/token_families.json and the table of docs/tokens.md from recorded traffic.

    python tools/tokens.py [folder of the corpus] [--show FAMILY]

Of each recorded request and its reply, what the provider counted as input is set against what ``policy.token_estimates`` measures
in the prompt; answers that are text and nothing else show besides what a family makes of text. The rates are found by weighted
least squares of the relative error, made robust (the further off, the less a prompt weighs) and held near those of a parent
where few prompts speak. The errors that are told are those of prompts that were not fitted: ten folds, by distinct prompt, those
that begin alike (80 characters of the first message that is not the system's) in one fold.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median, median_low
from typing import Any, NamedTuple

import msgspec

from trunkline.dialects.dialect import Context
from trunkline.dialects.framings import frame_decoder
from trunkline.dialects.known import DIALECTS, dialect_of
from trunkline.policy.token_estimates import (
    MEASURES,
    estimate,
    measure,
    schema_text,
    text_of,
    thinks,
    tools_text,
    weighed,
)
from trunkline.providers.token_families import fitting
from trunkline.values.errors import ProviderError
from trunkline.values.fold import fold
from trunkline.values.headers import NO_HEADERS
from trunkline.values.message import Refusal, Text, ToolCall, ToolResult
from trunkline.values.model import Target
from trunkline.values.request import CustomTool, Request, Tool
from trunkline.values.response import Response
from trunkline.values.token_estimate import TokenFamily
from trunkline.wire.http import HttpReply, HttpRequest

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parents[1] / "shared" / "corpus"
FAMILIES = HERE.parent / "src" / "trunkline" / "providers" / "token_families.json"
DOCS = HERE.parent / "docs" / "tokens.md"

# Family, its parent, what stands in the ids of its models, whose they must be. The first that fits is a model's own.
ROWS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("sonar", "llama", ("sonar",), ()),
    ("databricks-claude", "claude", ("claude",), ("databricks",)),
    ("gpt-oss", "o200k", ("gpt-oss",), ()),
    ("o200k", "", ("gpt-4o", "gpt-4.1", "gpt-5", "gpt-6", "o1-", "o1", "o3", "o4-", "gpt-audio", "gpt-realtime", "chatgpt"), ()),
    ("cl100k", "o200k", ("gpt-4", "gpt-3.5", "gpt-35"), ()),
    (
        "claude-4.7",
        "claude",
        ("opus-4-7", "opus-4-8", "opus-4.7", "opus-4.8", "opus-5", "sonnet-5", "haiku-5", "fable", "mythos"),
        (),
    ),
    ("claude-4.6", "claude", ("opus-4-6", "sonnet-4-6", "opus-4.6", "sonnet-4.6"), ()),
    ("claude", "", ("claude",), ()),
    ("gemini-3", "gemini", ("gemini-3", "gemini-4", "gemini-flash-latest", "gemini-pro-latest", "gemini-flash-lite-latest"), ()),
    ("gemini", "", ("gemini",), ()),
    ("gemma", "gemini", ("gemma",), ()),
    ("grok-4.3", "o200k", ("grok-4.3", "grok-4.4", "grok-5"), ()),
    ("grok", "o200k", ("grok",), ()),
    ("deepseek-r1", "deepseek", ("deepseek-r1",), ("ollama",)),
    ("deepseek", "o200k", ("deepseek",), ()),
    ("llama-ollama", "llama", ("llama3",), ("ollama",)),
    ("llama-3.1", "llama", ("llama-3.", "llama3.", "llama3-1", "llama3-2", "llama3-3", "llama-4"), ()),
    ("llama", "o200k", ("llama",), ()),
    ("qwen", "o200k", ("qwen", "qwq"), ()),
    ("mistral-small-4", "mistral", ("mistral-small-latest", "mistral-small-26"), ()),
    ("magistral", "mistral", ("magistral",), ()),
    ("mistral", "o200k", ("mistral", "ministral", "voxtral", "codestral", "devstral", "mixtral", "pixtral"), ()),
    ("command-a-reasoning", "command-a", ("command-a-reasoning",), ()),
    ("command-a", "command", ("command-a",), ()),
    ("command-r7b", "command", ("command-r7b",), ()),
    ("command", "o200k", ("command",), ()),
    ("nova-2", "o200k", ("nova-2",), ()),
    ("nova", "o200k", ("nova",), ()),
    ("mimo-pro", "o200k", ("mimo-v2.5-pro",), ()),
    ("mimo", "o200k", ("mimo",), ()),
    ("glm", "o200k", ("glm",), ()),
    ("compound", "llama", ("compound",), ()),
)
GENERIC = "generic"
"""Any other model's."""

PRIOR = (1.0, 0.05, 0.1, 0.1, 0.7, 0.5, 0.2, 0.5, 0.3, 0.85, 0.3, 0.9, 0.6, 0.3, -0.7, 0.9, 0.45, 0.9, 0.9, 0.7, 1.3)
"""Rates where nothing speaks: English from the fits; other scripts, of which the corpus has little, from general knowledge."""
SCRIPTS: dict[str, tuple[float, float, float, float, float]] = {
    "o200k": (0.7, 0.3, 0.7, 0.65, 0.4), "cl100k": (0.8, 0.5, 1.1, 1.0, 0.9), "claude": (0.9, 0.45, 1.0, 1.0, 0.8),
    "claude-4.7": (1.1, 0.55, 1.2, 1.2, 1.0), "gemini": (0.7, 0.3, 0.65, 0.6, 0.4),
}  # fmt: skip
"""Rates of Latin letters beyond ASCII, Greek and Cyrillic, Chinese and Japanese, Korean, other scripts: general knowledge too."""
HOLD = (0.05, 0.2, 0.5, 0.5, 0.3, 0.5, 0.5, 0.5, 0.3, 0.05, 0.2, 0.1, 0.3, 0.5, 0.1, *[0.5] * 6)
"""How much each rate is held there: as so many prompts of which it is all would hold it."""
FRAME = (("request", 6.0, 1e-6), ("message", 4.0, 5e-3), ("system", 0.0, 1e-2), ("thinking", 0.0, 1e-4), ("json", 0.0, 1e-4))
SPOKEN = ("spoken", 1.0, 0.1)
"""The constant of answers, which no prompt has."""
ELSEWHERE = frozenset({
    "cachedContent", "mcp_servers", "agent_id", "prompt", "previous_response_id", "conversation", "plugins", "tools", "functions",
    "web_search_options", "documents", "container", "guardrailConfig",
})  # fmt: skip
"""Fields of a request by which it sends more than what it says."""
FOLDS = 10


class Prompt(NamedTuple):
    """A request, and what its provider counted. ``group``: prompts that begin alike."""

    provider: str
    model: str
    request: Request
    tokens: int
    group: str
    id: str


class Sample(NamedTuple):
    """What was measured, what was counted, and what that weighs."""

    measured: tuple[float, ...]
    tokens: int
    weight: float = 1.0


# -- reading -----------------------------------------------------------------------------------------------------------


def records(corpus: Path) -> Iterator[dict[str, Any]]:
    """All records of the corpus."""
    parts = [path.read_bytes() for path in sorted((corpus / "dev").glob("*.jsonl"))]
    parts.append(gzip.decompress((corpus / "more.jsonl.gz").read_bytes()))
    for part in parts:
        yield from (json.loads(line) for line in part.split(b"\n") if line)


def read(corpus: Path) -> tuple[list[Prompt], list[tuple[str, str, str, int]]]:
    """The prompts with what was counted, and the answers (provider, model, text, tokens) that are nothing but text."""
    prompts: list[Prompt] = []
    answers: list[tuple[str, str, str, int]] = []
    for record in records(corpus):
        dialect = "openai-chat" if record["dialect"] == "mistral" else record["dialect"]
        if dialect not in DIALECTS or int(record["response"]["status"] or 200) != 200:
            continue
        reply = _reply(record, dialect)
        if reply is None:
            continue
        provider, model = record["provider"] or "", record["model"] or ""
        if (text := _spoken(reply)) is not None:
            answers.append((provider, model, *text))
        request = _request(record, dialect)
        if request is not None and reply.usage.input_tokens:
            prompts.append(Prompt(provider, model, request, reply.usage.input_tokens, _group(request), record["id"]))
    return prompts, answers


def _reply(record: dict[str, Any], dialect: str) -> Response | None:
    body, half = record["response"]["body"], dialect_of(dialect)
    data = (
        base64.b64decode(body["base64"]) if isinstance(body, dict) and body.keys() == {"base64"}
        else body.encode("utf-8", "surrogatepass") if isinstance(body, str)
        else json.dumps(body).encode()
    )  # fmt: skip
    model = record["model"] or "unknown"
    context = Context(target=Target(dialect, record["provider"] or "", model), model=model, stream=bool(record["stream"]))
    try:
        if isinstance(body, str) or "base64" in body:
            frames, decoder = frame_decoder(half.framing, 1 << 26), half.event_decoder(context)
            events = decoder.feed([*frames.feed(data), *frames.finish()])
            return fold([*events, *decoder.finish()])
        return half.decode_response(HttpReply(200, NO_HEADERS, data), context)
    except ProviderError:
        return None


def _spoken(reply: Response) -> tuple[str, int] | None:
    """The text and the tokens of an answer that is nothing else."""
    usage = reply.usage
    if reply.alternatives or not usage.output_tokens or any(not isinstance(part, Text) for part in reply.message.parts):
        return None
    tokens = usage.output_tokens - (usage.reasoning_tokens or 0)
    return (reply.text, tokens) if tokens >= 20 and reply.text else None


def _request(record: dict[str, Any], dialect: str) -> Request | None:
    body = record["request"].get("body")
    if not isinstance(body, dict) or any(body.get(name) for name in ELSEWHERE - {"tools", "functions"}):
        return None
    http = HttpRequest("POST", record["request"]["url"] or "", NO_HEADERS, json.dumps(body).encode())
    try:
        request = dialect_of(dialect).decode_request(http).request
    except ProviderError:
        return None
    kinds = {type(part) for message in request.messages for part in message.parts}
    if not kinds or not kinds <= {Text, Refusal, ToolCall, ToolResult}:
        return None
    return request if all(isinstance(tool, Tool | CustomTool) for tool in request.tools) else None


def _group(request: Request) -> str:
    return next((message.text for message in request.messages if message.role != "system"), "")[:80]


# -- fitting -----------------------------------------------------------------------------------------------------------


def solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """The solution of a system of linear equations."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for at in range(size):
        best = max(range(at, size), key=lambda row: abs(rows[row][at]))
        rows[at], rows[best] = rows[best], rows[at]
        for other in range(size):
            if other != at and (factor := rows[other][at] / rows[at][at]):
                rows[other] = [mine - factor * theirs for mine, theirs in zip(rows[other], rows[at], strict=True)]
    return [row[size] / row[at] for at, row in enumerate(rows)]


def fitted(samples: Sequence[Sample], prior: Sequence[float], hold: Sequence[float]) -> list[float]:
    """The rates with the least relative error, near ``prior``."""
    size, rates = len(prior), list(prior)
    for turn in range(10):
        matrix, right = [[0.0] * size for _ in range(size)], [0.0] * size
        for measured, tokens, given in samples:
            off = abs(weighed(measured, rates) - tokens) / tokens
            weight = given / tokens**2 * (0.05 / max(off, 0.02) if turn else 1.0)
            there = [(at, value) for at, value in enumerate(measured) if value]
            for at, value in there:
                right[at] += weight * value * tokens
                row = matrix[at]
                for other, second in there:
                    row[other] += weight * value * second
        for at in range(size):
            matrix[at][at] += hold[at]
            right[at] += hold[at] * prior[at]
        rates = solved(matrix, right)
    return rates


def sample(prompt: Prompt) -> Sample:
    """A prompt without tools and schema, measured."""
    request = prompt.request
    frame = (
        1, len(request.messages) - 1, sum(message.role == "system" for message in request.messages), thinks(request),
        request.output is not None, 0,
    )  # fmt: skip
    return Sample((*measure(text_of(request)), *map(float, frame)), prompt.tokens)


class Family(NamedTuple):
    """What is known of one: the plain prompts that are distinct, those with tools or a schema, and its answers."""

    plain: list[Prompt]
    more: list[Prompt]
    answers: list[tuple[str, int]]


def sorted_out(prompts: Iterable[Prompt], answers: Iterable[tuple[str, str, str, int]]) -> dict[str, Family]:
    """Everything by family."""
    rows = tuple(TokenFamily(name=name, rates=(), models=models, providers=whose) for name, _, models, whose in ROWS)
    rows += (TokenFamily(name=GENERIC, rates=()),)
    alike: dict[tuple[str, str], list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        request = prompt.request
        family = fitting(rows, prompt.provider, prompt.model).name
        said = repr((request.messages, request.tools, request.output, thinks(request)))
        alike[family, said].append(prompt)
    found = {row.name: Family([], [], []) for row in rows}
    for (family, _), same in alike.items():
        one = same[0]._replace(tokens=median_low(each.tokens for each in same))
        plain = not one.request.tools and not schema_text(one.request) and _is_text(one.request)
        (found[family].plain if plain else found[family].more).append(one)
    for provider, model, text, tokens in dict.fromkeys(answers):
        found[fitting(rows, provider, model).name].answers.append((text, tokens))
    return found


def _is_text(request: Request) -> bool:
    return all(isinstance(part, Text) for message in request.messages for part in message.parts)


def folds(prompts: Sequence[Prompt]) -> Iterator[tuple[list[Prompt], list[Prompt]]]:
    """What is fitted, and what is judged by it."""
    groups = sorted({prompt.group for prompt in prompts})
    random.Random(1).shuffle(groups)  # noqa: S311 - folds, no secrets
    for turn in range(min(FOLDS, len(groups))):
        out = set(groups[turn::FOLDS])
        yield [each for each in prompts if each.group not in out], [each for each in prompts if each.group in out]


def made(name: str, prior: Sequence[float], family: Family, plain: Sequence[Prompt]) -> tuple[TokenFamily, list[float]]:
    """The family's record as ``plain`` shows it, and all that was fitted."""
    frame = [0.0] * len(FRAME)
    samples = [sample(each) for each in plain]
    samples += [Sample((*measure(text), *frame, 1.0), tokens, 0.3) for text, tokens in family.answers]
    rates = fitted(samples, prior, (*HOLD, *(hold for _, _, hold in FRAME), SPOKEN[2]))
    named: dict[str, Any] = {word: round(value, 2) for (word, _, _), value in zip(FRAME, rates[len(MEASURES) :], strict=False)}
    record = TokenFamily(name=name, rates=tuple(round(rate, 2) for rate in rates[: len(MEASURES)]), **named)
    return record, rates


def added(record: TokenFamily, family: Family) -> TokenFamily:
    """``record`` with what tools and schemas cost."""
    for field, text, count in (("tools", tools_text, True), ("schema", schema_text, False)):
        samples = []
        for prompt in family.more:
            other = prompt.request.output if field == "tools" else prompt.request.tools
            words = text(prompt.request)
            if other or not words:
                continue
            rest = estimate(msgspec.structs.replace(prompt.request, tools=(), output=None), record).tokens
            said = weighed(measure(words), record.rates)
            each = (float(len(prompt.request.tools)),) if count else ()
            samples.append(Sample((1.0, *each, said, float(rest)), prompt.tokens))
        if len(samples) >= 5:
            prior = (*getattr(record, field), 1.0)  # what is known already counts as it is
            rates = fitted(samples, prior, [1e-7, 1e-5, 2e-3, 1e9] if count else [1e-7, 2e-3, 1e9])
            record = msgspec.structs.replace(record, **{field: tuple(round(rate, 2) for rate in rates[:-1])})
    return record


def errors(name: str, prior: Sequence[float], family: Family) -> list[tuple[float, int, Prompt]]:
    """By what share each plain prompt was off in the fit that left it out, its estimate and itself; the worst last."""
    found = []
    for seen, unseen in folds(family.plain):
        record, _ = made(name, prior, family, seen)
        for prompt in unseen:
            tokens = estimate(prompt.request, record).tokens
            found.append((abs(tokens - prompt.tokens) / prompt.tokens, tokens, prompt))
    return sorted(found, key=lambda each: each[0])


def quantile(sorted_values: Sequence[float], share: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


FIRST = [*PRIOR, *(value for _, value, _ in FRAME), SPOKEN[1]]


def own_prior(name: str, parents: Sequence[float]) -> list[float]:
    """Where a family's rates are held."""
    prior, scripts = list(parents), SCRIPTS.get(name)
    if scripts is not None:
        prior[MEASURES.index("Latin letters") : MEASURES.index("other signs")] = scripts
    return prior


def whole(found: dict[str, Family], show: str | None) -> list[TokenFamily]:
    """All records, in the order of the rows."""
    rows = {name: (parent, models, whose) for name, parent, models, whose in (*ROWS, (GENERIC, "o200k", (), ()))}
    priors: dict[str, list[float]] = {"": FIRST}
    records: dict[str, TokenFamily] = {}
    while len(records) < len(rows):
        for name, (parent, models, whose) in rows.items():
            if name in records or parent not in priors:
                continue
            family, prior = found[name], own_prior(name, priors[parent])
            record, priors[name] = made(name, prior, family, family.plain)
            missed = errors(name, prior, family)
            if name == show:
                for off, tokens, prompt in missed[-25:]:
                    words = repr(text_of(prompt.request)[:120])
                    sys.stdout.write(f"{off:6.1%} {tokens} for {prompt.tokens} {prompt.model} {prompt.id} {words}\n")
            shares = [each[0] for each in missed]
            if len(shares) >= 5:
                record = msgspec.structs.replace(record, off=(round(median(shares), 3), round(quantile(shares, 0.95), 3)))
            record = msgspec.structs.replace(record, models=models, providers=whose, prompts=len(shares))
            if parent:
                record = msgspec.structs.replace(record, tools=records[parent].tools, schema=records[parent].schema)
            records[name] = added(record, family)
    return [records[name] for name in rows]


# -- writing -----------------------------------------------------------------------------------------------------------


def table(records: Iterable[TokenFamily]) -> str:
    """The figures, as a table of the docs."""
    lines = ["| family | distinct prompts | median error | 95 % are within |", "|---|---:|---:|---:|"]
    for record in sorted(records, key=lambda each: -each.prompts):
        shown = (f"{record.off[0]:.1%}", f"{record.off[1]:.1%}") if record.prompts >= 5 else ("too few", "too few")
        lines.append(f"| {record.name} | {record.prompts} | {shown[0]} | {shown[1]} |")
    return "\n".join(lines)


def main(words: list[str]) -> None:
    show = words[words.index("--show") + 1] if "--show" in words else None
    corpus = Path(words[0]) if words and not words[0].startswith("--") else CORPUS
    records = whole(sorted_out(*read(corpus)), show)
    FAMILIES.write_bytes(b"[\n" + b",\n".join(msgspec.json.encode(record) for record in records) + b"\n]\n")
    sys.stdout.write(table(records) + "\n")
    if DOCS.exists():
        text = re.sub(
            r"(?s)(<!-- table -->\n).*?(\n<!-- end -->)", lambda found: found[1] + table(records) + found[2], DOCS.read_text()
        )
        DOCS.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
