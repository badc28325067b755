"""What the client half asks, the server half reads as it was meant."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings, strategies as st

from tests.dialects.anthropic_messages.server.said import (
    on_the_wire,
    served,
    target,
)
from tests.dialects.anthropic_messages.test_laws import BLOCKS, VALUES, WORDS, compact
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.dialects.anthropic_messages.server.blocks import said_part, user_part
from trunkline.values.media import Data, Url
from trunkline.values.message import (
    CacheMark,
    File,
    Image,
    Message,
    ProviderState,
    Text,
    ToolResult,
)
from trunkline.values.request import HostedTool, OutputFormat, ReasoningOptions, Request, Tool, ToolChoice

FULL = WORDS.filter(lambda text: bool(text.strip())).map(lambda text: f"{text}.")
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
MARKS = st.none() | st.sampled_from([CacheMark(), CacheMark("5m"), CacheMark("1h")])
SOURCES = st.builds(Data, st.binary(min_size=1, max_size=9), st.just("image/png")) | st.builds(Url, FULL)

few = settings(max_examples=50)
"""Of the costly ones: what is drawn is deep."""


def raw(block: dict[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(compact(block))


def good(block: dict[str, Any]) -> bool:
    """Whether a provider would take the block back, and we would say it as it is."""
    text = block.get("text", "x")
    return bool(text) and text == text.strip() and block.get("signature") != "" and block.get("data") != ""


SAID = BLOCKS.filter(good).map(lambda block: said_part(raw(block), served(), "x"))
SHOWN = st.one_of(
    st.builds(Text, FULL, cache=MARKS),
    st.builds(Image, SOURCES, cache=MARKS),
    st.builds(
        File,
        st.builds(Data, st.binary(min_size=1, max_size=9), st.just("application/pdf")) | st.builds(Url, FULL),
        title=st.none() | FULL,
        context=st.none() | FULL,
        citations=st.none() | st.booleans(),
        cache=MARKS,
    ),
    st.builds(File, st.builds(Data, WORDS.map(lambda text: f".{text}".encode()), st.just("text/plain"))),
    st.fixed_dictionaries({"type": st.just("search_result"), "source": WORDS, "content": st.just([])}).map(
        lambda block: user_part(raw(block), served(), "x")
    ),
)
RESULTS = st.builds(
    ToolResult, NAMES, st.lists(SHOWN, max_size=2).map(tuple), is_error=st.booleans(), cache=MARKS
)  # fmt: skip
USERS = st.lists(SHOWN, min_size=1, max_size=3).map(lambda parts: [Message("user", tuple(parts))])
ANSWERS = st.lists(RESULTS, min_size=1, max_size=2).map(lambda parts: [Message("tool", tuple(parts))])
ASKED = USERS | ANSWERS | st.builds(lambda first, then: first + then, ANSWERS, USERS)
INSTRUCTIONS = st.lists(st.builds(Text, FULL, cache=MARKS), min_size=1, max_size=2).map(
    lambda parts: [Message("system", tuple(parts))]
)
CONVERSATIONS = st.builds(
    lambda first, turns: first + [message for turn in turns for message in turn],
    st.just([]) | INSTRUCTIONS,
    st.lists(st.tuples(ASKED, st.lists(SAID, min_size=1, max_size=3), st.just([]) | INSTRUCTIONS), min_size=1, max_size=3).map(
        lambda rounds: [
            [*asked, Message("assistant", tuple(said)), *instructions] for asked, said, instructions in rounds
        ]
    ),
)  # fmt: skip


def distinct(messages: list[Message]) -> bool:
    """Whether no two calls share an id, and no blank text begins or ends a turn of the assistant's."""
    ids = [call.id for message in messages for call in message.tool_calls]
    return len(ids) == len(set(ids))


SCHEMAS = st.fixed_dictionaries(
    {"type": st.just("object"), "additionalProperties": st.just(False)},
    optional={"properties": st.dictionaries(NAMES, st.just({"type": "string"}), max_size=2)},
)
TOOLS = st.one_of(
    st.builds(
        Tool,
        NAMES,
        st.none() | FULL,
        SCHEMAS,
        st.none() | st.booleans(),
        MARKS,
        st.dictionaries(st.sampled_from(["defer_loading", "input_examples", "x_new"]), VALUES, max_size=2)
        | st.just({"type": "custom"}),
    ),
    st.builds(
        HostedTool,
        st.sampled_from(["web_search_20260318", "bash_20250124"]),
        NAMES,
        st.dictionaries(st.sampled_from(["max_uses", "x_new"]), VALUES),
        MARKS,
    ),
)
THINKING = st.one_of(
    st.builds(
        ReasoningOptions,
        effort=st.sampled_from(["low", "medium", "high", "xhigh", "max"]),
        show=st.sampled_from([None, "omitted", "summarized"]),
    ),
    st.builds(ReasoningOptions, enabled=st.just(True), show=st.sampled_from([None, "omitted", "summarized"])),
    st.builds(ReasoningOptions, budget=st.integers(1024, 1999), show=st.sampled_from([None, "summarized"])),
)
SAMPLING = st.fixed_dictionaries(
    {}, optional={"temperature": st.floats(0, 1), "top_k": st.integers(0, 99)}
) | st.fixed_dictionaries({"top_p": st.floats(0, 1)})
FIELDS = st.fixed_dictionaries(
    {"model": NAMES, "max_tokens": st.integers(2000, 9999)},
    optional={
        "stream": st.booleans(),
        "output": st.builds(OutputFormat, SCHEMAS),
        "stop": st.lists(FULL, max_size=2).map(tuple),
        "service_tier": st.sampled_from(["auto", "standard_only"]),
        "user": FULL,
        "cache": MARKS,
        "extra_headers": st.dictionaries(
            st.sampled_from(["anthropic-beta"]), st.sampled_from(["a-2025-01-01", "a-2025-01-01,b-2025-01-01"])
        ),
        "extra_query": st.just({"beta": "true"}) | st.dictionaries(NAMES, WORDS, max_size=2),
        "extra_body": st.dictionaries(
            st.sampled_from(["container", "context_management", "diagnostics", "speed", "mcp_servers", "x_new"]),
            VALUES,
            max_size=2,
        ),
    },
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Requests that this protocol can say, as a server half gives them."""
    messages = draw(CONVERSATIONS.filter(distinct))
    fields = draw(FIELDS)
    tools = tuple(draw(st.lists(TOOLS, max_size=2, unique_by=lambda tool: tool.name)))
    reasoning = draw(st.none() | st.just(ReasoningOptions(enabled=False)) | THINKING)
    thinks = reasoning is not None and reasoning.enabled is not False
    if tools:
        forced = [] if thinks else [ToolChoice("required"), ToolChoice("tool", (tools[0].name or "",))]
        fields["tools"] = tools
        fields["tool_choice"] = choice = draw(st.sampled_from([None, ToolChoice("auto"), ToolChoice("none"), *forced]))
        if choice is not None and choice.mode != "none":
            fields["parallel_tool_calls"] = draw(st.sampled_from([None, False]))
    if not thinks:
        fields |= draw(SAMPLING)
    return Request(messages=tuple(messages), reasoning=reasoning, **fields)


def sayable(request: Request) -> bool:
    """Thinking cannot begin within a loop of tools that began without."""
    reasoning = request.reasoning
    return reasoning is None or reasoning.budget is None or request.messages[-1].role != "tool"


@few
@given(requests().filter(sayable))
def test_a_request_is_read_as_it_was_meant(request_):
    encoded = DIALECT.encode_request(request_, target(request_.model))
    decoded = DIALECT.decode_request(on_the_wire(encoded.wire))
    assert encoded.warnings == decoded.warnings == ()
    assert in_order(decoded.request) == in_order(request_)
    assert decoded.context.model == decoded.context.target.model == request_.model
    assert decoded.context.stream is request_.stream
    assert decoded.context.version == encoded.context.version
    again = DIALECT.encode_request(decoded.request, decoded.context.target)
    assert again.wire.body == encoded.wire.body


def in_order(value: Any) -> Any:
    """A request with the keys of its provider state in one order: ours come first on the wire."""
    if isinstance(value, ProviderState):
        return msgspec.structs.replace(value, data=msgspec.json.encode(msgspec.json.decode(value.data), order="sorted"))
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **{name: in_order(getattr(value, name)) for name in value.__struct_fields__})
    return tuple(map(in_order, value)) if isinstance(value, tuple) else value
