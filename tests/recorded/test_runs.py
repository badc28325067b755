"""Runs that real programs led with real models: our loop, over the recorded replies, with tools that give the recorded results, asks
what those programs asked, with what they sent back, and comes to the recorded answer."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.recorded.records import Record, lines_of, records_of
from trunkline import Client, Message, Reasoning, Request, Response, StepLimitError, Text, Tool, ToolResult
from trunkline.dialects.known import dialect_of
from trunkline.sim import Scripted, ScriptedIO
from trunkline.values.errors import ProviderError
from trunkline.values.headers import Headers
from trunkline.wire.http import HttpRequest

LEAST = {"openai-chat": 60, "openai-responses": 30, "gemini": 25, "cohere": 15, "bedrock-converse": 15, "anthropic-messages": 6}
"""So many turns of each dialect at least: the corpus has none of the others."""
DIALECTS = tuple(LEAST)


class Turn(NamedTuple):
    """A reply that calls tools, the request that sends their results back, and what that is answered."""

    asked: Request
    calling: Record
    told: Request
    answered: Record


class Recorded:
    """A source of the tools that a recorded program had: they give what it sent back."""

    trusted = True

    def __init__(self, turn: Turn) -> None:
        self._tools = [tool for tool in turn.asked.tools if isinstance(tool, Tool)]
        given = {
            part.tool_call_id: part for message in turn.told.messages for part in message.parts if isinstance(part, ToolResult)
        }
        self._given: dict[str, list[ToolResult]] = defaultdict(list)
        for message in turn.told.messages[len(turn.asked.messages) :]:
            for call in message.tool_calls:
                self._given[_called(call.name, call.arguments)].append(given[call.id])

    def list_tools(self) -> Sequence[Tool]:
        return self._tools

    def call_tool(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        return self._given[_called(name, arguments)].pop(0)


def _called(name: str, arguments: dict[str, Any]) -> str:
    return f"{name}{json.dumps(arguments, sort_keys=True)}"


@cache
def turns(corpus: Path) -> tuple[Turn, ...]:
    return tuple(_turns(corpus))


def _turns(corpus: Path) -> Iterator[Turn]:
    talks: dict[tuple[str, str, str], list[_Asked]] = defaultdict(list)
    lines = [line for path in sorted((corpus / "dev").glob("*.jsonl")) for line in lines_of(path.read_bytes())]
    for line in [*lines, *lines_of(gzip.decompress((corpus / "more.jsonl.gz").read_bytes()))]:
        if b"tool" not in line:
            continue
        raw = json.loads(line)
        for record in records_of([line]):
            if (asked := _asked(raw, record)) is not None:
                talks[raw["source"].rpartition("#")[0], record.dialect, record.model].append(asked)
    for talk in talks.values():
        for one in talk:
            later = (other for other in talk if one.said == other.said[: len(one.said)] and _is_turn(one.request, other.request))
            for other in islice(later, 1):
                yield Turn(one.request, one.record, other.request, other.record)


class _Asked(NamedTuple):
    """A recorded request: as its server reads it, and its turns as they stand."""

    request: Request
    said: list[Any]
    record: Record


def _asked(raw: dict[str, Any], record: Record) -> _Asked | None:
    sent = raw.get("request") or {}
    body = sent.get("body")
    if record.status != 200 or not sent.get("url") or not isinstance(body, dict):
        return None
    said = next((body[key] for key in ("messages", "contents", "input") if isinstance(body.get(key), list)), None)
    request = None if said is None else _request(raw, record.dialect)
    return None if said is None or request is None else _Asked(request, said, record)


def _request(raw: dict[str, Any], dialect: str) -> Request | None:
    sent = raw["request"]
    http = HttpRequest("POST", sent["url"], Headers((sent.get("headers") or {}).items()), json.dumps(sent["body"]).encode())
    try:
        return dialect_of(dialect).decode_request(http).request
    except ProviderError:
        return None


def _is_turn(asked: Request, told: Request) -> bool:
    """Whether ``told`` sends back the results of exactly the calls that answered ``asked``."""
    tail = told.messages[len(asked.messages) :]
    if told.messages[: len(asked.messages)] != asked.messages or not tail or not asked.tools:
        return False
    calls = [call.id for message in tail for call in message.tool_calls]
    results = [part.tool_call_id for message in tail for part in message.parts if isinstance(part, ToolResult)]
    known = {tool.name for tool in asked.tools if isinstance(tool, Tool)}
    roles = [message.role for message in tail]
    return (
        bool(calls)
        and sorted(calls) == sorted(results)
        and set(roles) == {"assistant", "tool"}
        and roles == sorted(roles)
        and all(call.kind == "function" and call.name in known for message in tail for call in message.tool_calls)
    )


def _run(turn: Turn) -> tuple[Response, Request]:
    """Our run, and our second request as its protocol's server reads it."""
    dialect = turn.calling.dialect
    replies = [Scripted(record.status, record.headers, record.body) for record in (turn.calling, turn.answered)]
    port = ScriptedIO(replies)
    with Client(f"{dialect}/{turn.calling.model}", base_url="https://recorded.test/v1", api_key="k", io=port, retries=0) as llm:
        options: dict[str, Any] = {"tools": [Recorded(turn)], "max_steps": 2}
        try:
            if turn.calling.stream:
                with llm.stream_run(list(turn.asked.messages), **options) as stream:
                    list(stream)
                response = stream.response
            else:
                response = llm.run(list(turn.asked.messages), **options)
        except StepLimitError as error:  # the next reply calls tools, too
            assert error.response is not None
            response = error.response
    return response, dialect_of(dialect).decode_request(port.requests[1]).request


def _read(record: Record) -> Response:
    """The recorded reply, by itself."""
    port = ScriptedIO(Scripted(record.status, record.headers, record.body))
    with Client(f"{record.dialect}/{record.model}", base_url="https://recorded.test/v1", api_key="k", io=port) as llm:
        if not record.stream:
            return llm.generate("?")
        with llm.stream("?") as stream:
            list(stream)
        return stream.response


def _essence(messages: Sequence[Message]) -> list[Any]:
    """What a provider needs of these turns. Programs may have their own ids for calls: each stands by its place."""
    ids = {call.id: n for n, call in enumerate(call for message in messages for call in message.tool_calls)}
    calls = [_called(call.name, call.arguments) for message in messages for call in message.tool_calls]
    results = [part for message in messages for part in message.parts if isinstance(part, ToolResult)]
    told = [(ids[part.tool_call_id], "".join(inner.text for inner in part.parts if isinstance(inner, Text))) for part in results]
    return [calls, sorted(told)]


def _words(messages: Sequence[Message]) -> str:
    return "".join(message.text.strip() for message in messages if message.role == "assistant")


def _sealed(messages: Sequence[Message]) -> set[str]:
    """What the provider wants back as it came: signatures, encrypted reasoning."""
    parts = [part for message in messages if message.role == "assistant" for part in message.parts]
    states = [json.loads(part.state.data) for part in parts if isinstance(part, Reasoning) and part.state is not None]
    return {
        state[name]
        for state in states
        if isinstance(state, dict)
        for name in ("signature", "encrypted_content")
        if state.get(name)
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_recorded_runs_are_led_as_they_were(corpus: Path, dialect: str) -> None:
    mine = [turn for turn in turns(corpus) if turn.calling.dialect == dialect]
    assert len(mine) >= LEAST[dialect]
    for turn in mine:
        response, told = _run(turn)
        place, before = f"{turn.calling.id} {turn.answered.id}", len(turn.asked.messages)
        ours, theirs = told.messages[before:], turn.told.messages[before:]
        assert _essence(ours) == _essence(theirs), place
        assert _words(theirs) in ("", _words(ours)), place  # one program left them out
        assert _sealed(theirs) <= _sealed(ours), place
        assert len(response.steps) == 1, place
        assert response.message == _read(turn.answered).message, place
