"""The table of what each dialect can say, in ``dialects/RULES.md``, held to the code in both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import trunkline
from tests.laws.features import ASKED_OF, TOLD_BY, Asked, Told, ask
from tests.laws.wires import arrived, context, read, target
from trunkline.dialects.crossing import Crossing
from trunkline.dialects.dialect import Context, Served
from trunkline.dialects.known import ASKED, DIALECTS, client_half_of, dialect_of
from trunkline.values.fold import unfold
from trunkline.values.request import Request
from trunkline.values.response import Response, Warning

RULES = Path(trunkline.__file__).parent / "dialects" / "RULES.md"
VERDICTS = {"dropped": "no", "approximated": "approximated", "renamed": "approximated"}
SERVED = Served(custom_tools=("shell",), sealed=True)


def table(title: str) -> dict[str, dict[str, str]]:
    """The table below a heading: of each feature, what every dialect makes of it."""
    _, _, below = RULES.read_text(encoding="utf-8").partition(f"\n### {title}\n")
    rows = [line.strip()[1:-1].split("|") for line in below.partition("\n#")[0].splitlines() if line.startswith("|")]
    head, _, *body = [[cell.strip() for cell in row] for row in rows]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in body}


REQUESTS, REPLIES = "What is asked", "What is told"


def named(warnings: Iterable[Warning], words: tuple[str, ...]) -> list[str]:
    """The kinds of the warnings that name a feature; a word that ends in ``$`` is a field's last. What is lost of
    state is another matter."""
    return [warning.kind for warning in warnings if _names(warning.field, words)]


def _names(field: str, words: tuple[str, ...]) -> bool:
    return not field.endswith(".state") and any(word in f"{field}$" for word in words)


def verdict(kinds: list[str], *, kept: bool) -> str:
    if not kinds:
        return "yes" if kept else "lost in silence"
    return VERDICTS["dropped" if "dropped" in kinds else kinds[0]]


# --- what is asked ------------------------------------------------------------------------------------------------------


def passed(request: Request, dialect: str) -> tuple[Request, list[Warning]]:
    half = dialect_of(dialect)
    encoded = half.encode_request(request, target(dialect))
    decoded = half.decode_request(arrived(dialect, encoded.wire))
    return decoded.request, [*encoded.warnings, *decoded.warnings]


def can_ask(dialect: str, feature: Asked) -> str:
    if dialect in DIALECTS:
        there, warnings = passed(feature.request, dialect)
        return verdict(named(warnings, feature.words), kept=feature.fact(there) == feature.fact(feature.request))
    encoded = client_half_of(dialect).encode_request(feature.request, target(dialect))
    plain = client_half_of(dialect).encode_request(ask(), target(dialect))
    return verdict(named(encoded.warnings, (*feature.words, "messages")), kept=encoded.wire != plain.wire)


def test_the_tables_are_whole() -> None:
    for title, features, dialects in ((REQUESTS, ASKED_OF, ASKED), (REPLIES, TOLD_BY, DIALECTS)):
        rows = table(title)
        assert list(rows) == list(features)
        assert all(tuple(row) == dialects for row in rows.values())


@pytest.mark.parametrize("name", ASKED_OF)
def test_what_can_be_asked(name: str) -> None:
    assert {dialect: can_ask(dialect, ASKED_OF[name]) for dialect in ASKED} == table(REQUESTS)[name]


@pytest.mark.parametrize("name", ASKED_OF)
def test_it_survives_between_those_that_can_ask_it(name: str) -> None:
    feature, row = ASKED_OF[name], table(REQUESTS)[name]
    able = [dialect for dialect in DIALECTS if row[dialect] == "yes"]
    for origin in able:
        first, _ = passed(feature.request, origin)
        for goal in able:
            there, warnings = passed(Crossing(origin, goal).request(first), goal)
            assert feature.fact(there) == feature.fact(feature.request), (origin, goal)
            assert not named(warnings, feature.words), (origin, goal, warnings)


# --- what is told -------------------------------------------------------------------------------------------------------


def _context(dialect: str, *, stream: bool = False) -> Context:
    return msgspec.structs.replace(context(dialect, stream=stream), served=SERVED)


def whole(reply: Response, dialect: str) -> tuple[Response, list[Warning]]:
    half = dialect_of(dialect)
    encoded = half.encode_response(reply, _context(dialect))
    return half.decode_response(encoded, context(dialect)), list(encoded.warnings)


def streamed(reply: Response, dialect: str) -> tuple[Response, list[Warning]]:
    encoder = dialect_of(dialect).event_encoder(_context(dialect, stream=True))
    said = b"".join([encoder.push(event) for event in unfold(reply)]) + encoder.finish()
    return read(dialect, said), encoder.warnings


Way = Callable[[Response, str], tuple[Response, list[Warning]]]
ways = pytest.mark.parametrize("way", [whole, streamed])


def can_tell(way: Way, dialect: str, feature: Told) -> str:
    there, warnings = way(feature.reply, dialect)
    return verdict(named(warnings, feature.words), kept=feature.fact(there) == feature.fact(feature.reply))


@ways
@pytest.mark.parametrize("name", TOLD_BY)
def test_what_can_be_told(way: Way, name: str) -> None:
    assert {dialect: can_tell(way, dialect, TOLD_BY[name]) for dialect in DIALECTS} == tellers(name, way)


def tellers(name: str, way: Way) -> dict[str, str]:
    """What the table says of a reply that is told in this way."""
    streams = {"yes, not streamed": "no"} if way is streamed else {"yes, not streamed": "yes"}
    return {dialect: streams.get(cell, cell) for dialect, cell in table(REPLIES)[name].items()}


@ways
@pytest.mark.parametrize("name", TOLD_BY)
def test_it_survives_between_those_that_can_tell_it(way: Way, name: str) -> None:
    feature, row = TOLD_BY[name], tellers(name, way)
    able = [dialect for dialect in DIALECTS if row[dialect] == "yes"]
    for origin in able:
        first, _ = way(feature.reply, origin)
        for goal in able:
            there, warnings = way(Crossing(origin, goal).response(first), goal)
            assert feature.fact(there) == feature.fact(feature.reply), (origin, goal)
            assert not named(warnings, feature.words), (origin, goal, warnings)


def _both(said: str, in_stream: str) -> str:
    return said if said == in_stream else f"{said}, not streamed"


def rendered() -> str:
    """Both tables as the code has it, for a change of the page: ``python -m tests.laws.test_matrix``."""
    texts = []
    asked: dict[str, Any] = {name: {d: can_ask(d, feature) for d in ASKED} for name, feature in ASKED_OF.items()}
    told: dict[str, Any] = {
        name: {d: _both(can_tell(whole, d, feature), can_tell(streamed, d, feature)) for d in DIALECTS}
        for name, feature in TOLD_BY.items()
    }
    for title, rows in ((REQUESTS, asked), (REPLIES, told)):
        columns = list(next(iter(rows.values())))
        lines = [["feature", *columns], ["---"] * (len(columns) + 1), *([name, *row.values()] for name, row in rows.items())]
        texts.append(f"### {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines))
    return "\n\n".join(texts) + "\n"


if __name__ == "__main__":
    print(rendered())
