"""A field that nobody knows, anywhere in a request: passed on within its dialect it is kept where it stood, or a warning tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from tests.laws.features import CALL, CLOCK, OTHER_CALL, PDF, PNG, SCHEMA, WEATHER
from tests.laws.states import conversation, home, reply
from tests.laws.wires import arrived
from trunkline.dialects.dialect import WireRequest
from trunkline.dialects.known import DIALECTS, dialect_of
from trunkline.values.errors import InvalidRequestError
from trunkline.values.headers import Headers
from trunkline.values.message import CacheMark, File, Image, Message, Reasoning, Text, ToolResult
from trunkline.values.model import Target
from trunkline.values.request import OutputFormat, ReasoningOptions, Request, ToolChoice
from trunkline.wire.http import HttpRequest

PROBE, VALUE = "xProbe", {"a": [1, {"b": "c"}]}
PIXELS = "iVBORw0KGgo="
FUNCTION = {"type": "function", "function": {"name": "f"}}
CUSTOM = {"type": "custom", "custom": {"name": "cu"}}


def explicit(ttl: str | None = None) -> dict[str, Any]:
    return {"prompt_cache_breakpoint": {"mode": "explicit"} | ({} if ttl is None else {"ttl": ttl})}


CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "developer", "name": "n", "content": [{"type": "text", "text": "Be brief.", **explicit("12h")}]},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [
            {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "5m"}, **explicit()},
            {"type": "image_url", "image_url": {"url": "https://x.y/z.png", "detail": "low"}, **explicit()},
            {"type": "input_audio", "input_audio": {"data": PIXELS, "format": "mp3"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
            {"type": "of_tomorrow", "inside": {"deep": 1}},
        ]},
        {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}], "audio": {"id": "au"}},
        {"role": "user", "content": "and"},
        {"role": "assistant", "content": "calls", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "c2", "type": "custom", "custom": {"name": "cu", "input": "raw"}},
        ]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "r"}]},
        {"role": "tool", "tool_call_id": "c2", "content": "r"},
    ],
    "tools": [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}},
        {"type": "custom", "custom": {"name": "cu", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}}},
        {"type": "custom", "custom": {"name": "cv", "format": {"type": "text"}}},
    ],
    "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [FUNCTION, CUSTOM]}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    "modalities": ["text", "audio"],
    "audio": {"voice": {"id": "voice_1"}, "format": "wav"},
    "prediction": {"type": "content", "content": [{"type": "text", "text": "p"}]},
    "web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Oslo"}}},
    "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
    "moderation": {"policy": {"input": {"mode": "score"}}},
    "reasoning": {"effort": "low"},
}  # fmt: skip
MARK = {"type": "ephemeral", "ttl": "1h"}
MESSAGES: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9000,
    "system": [{"type": "text", "text": "S", "cache_control": MARK}],
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "hi", "cache_control": MARK},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXELS}},
            {"type": "image", "source": {"type": "url", "url": "https://x/y"}, "transformations": {"oversized_image": "error"}},
            {"type": "document", "source": {"type": "file", "file_id": "f"}, "title": "T", "citations": {"enabled": True}},
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "in"}]}},
            {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "c"}]},
        ]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "", "signature": "c2ln"},
            {"type": "text", "text": "cited", "citations": [{"type": "page_location", "cited_text": "c", "document_index": 0}]},
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result", "url": "u"}]},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": {}}, "caller": {"type": "direct"}, "cache_control": MARK},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "r"}, {"type": "of_tomorrow"}]},
            {"type": "text", "text": "after"},
        ]},
        {"role": "system", "content": [{"type": "text", "text": "mid"}]},
        {"role": "user", "content": "more"},
    ],
    "tools": [
        {"name": "f", "input_schema": {"type": "object"}, "cache_control": MARK, "input_examples": [{"a": 1}]},
        {"type": "web_search_20260318", "name": "web_search", "user_location": {"type": "approximate", "city": "Oslo"}},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "adaptive", "display": "omitted"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": False}}},
    "metadata": {"user_id": "u"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
}  # fmt: skip
OTHER_WORDS: list[tuple[str, dict[str, Any]]] = [
    ("openai-chat", CHAT | {"tool_choice": FUNCTION, "prediction": {"type": "content", "content": "p"}}),
    ("openai-chat", CHAT | {"tool_choice": CUSTOM, "response_format": {"type": "json_object"}}),
    ("openai-chat", CHAT | {"tool_choice": {"type": "auto"}, "tools": [{"type": "function", "name": "f"}]}),
    (
        "openai-chat",
        {"model": "m", "messages": CHAT["messages"][:2], "functions": [{"name": "g"}], "function_call": {"name": "g"}},
    ),
    ("anthropic-messages", MESSAGES | {"tool_choice": {"type": "none"}, "thinking": {"type": "enabled", "budget_tokens": 2048}}),
    (
        "anthropic-messages",
        MESSAGES | {"thinking": {"type": "disabled"}, "container": {"id": "c", "skills": [{"type": "custom"}]}},
    ),
]
REQUESTS = [("openai-chat", CHAT), ("anthropic-messages", MESSAGES), *OTHER_WORDS]
TAKEN = ["tools", "function"]
"""Functions of before there were tools become tools, with all that they say."""


def objects(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    if isinstance(value, dict):
        yield path, value
    for name, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from objects(item, (*path, name))


def passed_on(dialect: str, body: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    half = dialect_of(dialect)
    decoded = half.decode_request(HttpRequest("POST", half.routes[0].path, Headers(()), json.dumps(body).encode()))
    encoded = half.encode_request(decoded.request, Target(dialect=dialect, provider="", model="m"))
    return json.loads(encoded.wire.body), {str(warning) for warning in (*decoded.warnings, *encoded.warnings)}


@pytest.mark.parametrize(("dialect", "request_"), REQUESTS)
def test_no_field_vanishes(dialect: str, request_: dict[str, Any]) -> None:
    _, known = passed_on(dialect, request_)
    lost = []
    for path, _ in objects(request_):
        body = json.loads(json.dumps(request_))
        place: Any = body
        for step in path:
            place = place[step]
        place[PROBE] = VALUE
        wire, warnings = passed_on(dialect, body)
        kept = [at for at, found in objects(wire) if found.get(PROBE) == VALUE]
        moved = path[:1] == ("functions",) and [[name for name in at if isinstance(name, str)][:2] for at in kept] == [TAKEN]
        if kept != [path] and not moved and not warnings - known:
            lost.append(path)
    assert not lost, lost


# --- the other dialects: bodies as their client halves write them --------------------------------------------------------

OTHERS = [dialect for dialect in DIALECTS if dialect not in ("openai-chat", "anthropic-messages")]
EVERYTHING = Request(
    model="m",
    messages=(
        Message.system("Be brief."),
        Message.user("see", Image(PNG), File(PDF, filename="a.pdf"), Text("long", cache=CacheMark())),
        Message.assistant(Reasoning("hm"), Text("Let me see."), CALL, OTHER_CALL),
        Message.tool(ToolResult("call_1", (Text("4"), Image(PNG)))),
        Message.tool(ToolResult("call_2", (Text("no"),), is_error=True)),
        Message.user("more"),
    ),
    tools=(WEATHER, CLOCK),
    tool_choice=ToolChoice("required"),
    max_tokens=100,
    temperature=0.5,
    stop=("END",),
    seed=1,
    logprobs=True,
    reasoning=ReasoningOptions(effort="low"),
    metadata={"a": "b"},
)
SAID_BY_US = {
    "as asked": EVERYTHING,
    "with an answer's form": replace(
        EVERYTHING, tools=(), tool_choice=None, messages=EVERYTHING.messages[:2], output=OutputFormat(SCHEMA)
    ),
}


def sealed(dialect: str) -> Request:
    """A conversation that holds all that a provider of the dialect may have sealed."""
    return Request(model="m", messages=conversation(reply(dialect).message), tools=(WEATHER,))


def _names(path: tuple[str | int, ...]) -> list[str | int]:
    """Where it stands but for its number among tools: one protocol gathers its functions in one of them."""
    return [step for n, step in enumerate(path) if n != 1 or path[0] != "tools"]


def passed_on_there(dialect: str, wire: WireRequest, body: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    half = dialect_of(dialect)
    decoded = half.decode_request(arrived(dialect, replace(wire, body=json.dumps(body).encode())))
    encoded = half.encode_request(decoded.request, decoded.context.target)
    return json.loads(encoded.wire.body), {str(warning) for warning in (*decoded.warnings, *encoded.warnings)}


@pytest.mark.parametrize("what", [*SAID_BY_US, "sealed"])
@pytest.mark.parametrize("dialect", OTHERS)
def test_no_field_vanishes_elsewhere(dialect: str, what: str) -> None:
    asked = sealed(dialect) if what == "sealed" else SAID_BY_US[what]
    wire = dialect_of(dialect).encode_request(asked, home(dialect)).wire
    said = json.loads(wire.body)
    _, known = passed_on_there(dialect, wire, said)
    lost = []
    for path, found in objects(said):
        if PROBE in found:
            continue
        body = json.loads(wire.body)
        place: Any = body
        for step in path:
            place = place[step]
        place[PROBE] = VALUE
        try:
            back, warnings = passed_on_there(dialect, wire, body)
        except InvalidRequestError:  # said aloud, too
            continue
        kept = [at for at, found in objects(back) if found.get(PROBE) == VALUE]
        if list(map(_names, kept)) != [_names(path)] and not warnings - known:
            lost.append(path)
    assert not lost, lost
