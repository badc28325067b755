"""A request looked over before it is sent: refused is only what is wrong everywhere; a provider's own limits are its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any

import msgspec

from . import expect
from .errors import UsageError
from .message import CacheMark, Message, Part
from .request import EFFORTS, AudioOutput, CustomTool, HostedTool, OutputFormat, ReasoningOptions, Request, Tool, ToolChoice

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110, 5.6.2
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")  # RFC 9110, 5.5: no CR, no LF, no NUL; Latin-1
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLACE = re.compile(r"`\$([^`]*)`$")  # where, and which types: nothing else of msgspec's words is told, they may quote the value
_TYPES = re.compile(r"Expected `([a-z |]+)`, got `([a-z]+)`")
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection"})

_WORDS = ("user", "cache_key", "service_tier", "verbosity", "prediction", "metadata", "cache", "logprobs", "parallel_tool_calls",
          "store")  # fmt: skip
_words_of = attrgetter(*_WORDS)
_NO_WORDS = (None,) * len(_WORDS)


def check_request(request: Request) -> None:
    """Raise ``UsageError`` for the first thing that no provider could take. Costs about a microsecond where little is set."""
    expect.filled(request.model, "model")
    messages: object = request.messages  # whatever its annotation says: nothing has checked it
    if not (isinstance(messages, tuple) and messages and isinstance(messages[0], Message)):
        expect.wrong("messages", messages, "a tuple of at least one Message", "no messages")
    _numbers(request)
    if request.tools or request.tool_choice is not None:
        _tools(request)
    if request.stop:
        _texts(request.stop, "stop")
    if request.output is not None or request.reasoning is not None or request.audio is not None or request.modalities:
        _forms(request)
    if request.stream is not True and request.stream is not False and request.stream is not None:
        expect.wrong("stream", request.stream, "True or False")
    if _words_of(request) != _NO_WORDS:
        _words(request)
    if request.extra_headers:
        check_headers(request.extra_headers)
    if request.extra_query:
        _text_map(request.extra_query, "extra_query")
        check_query(request.extra_query, "extra_query")
    if request.extra_body:
        expect.json_object(request.extra_body, "extra_body")


def check_built(messages: Iterable[Message]) -> None:
    """Raise ``UsageError`` for the first message or part with a field of a wrong type. Costs two conversions of all: for use
    where something has gone wrong already."""
    for n, message in enumerate(messages):
        for k, part in enumerate(_parts(message, f"messages[{n}]")):
            _built(part, Part, f"messages[{n}].parts[{k}]")
        _built(message, Message, f"messages[{n}]")


def _parts(message: Message, at: str) -> tuple[Part, ...]:
    if not isinstance(message, Message):
        expect.wrong(at, message, "Message")
    if not isinstance(message.parts, tuple):
        expect.wrong(f"{at}.parts", message.parts, "a tuple of parts")
    return message.parts


def _built(value: object, kind: Any, at: str) -> None:
    from datetime import date, datetime, time, timedelta  # only a mistake needs them
    from decimal import Decimal

    if not isinstance(value, kind):
        expect.wrong(at, value, "a part")
    as_they_are = (bytes, bytearray, memoryview, datetime, date, time, timedelta, Decimal)  # JSON would make texts of them
    try:
        msgspec.convert(msgspec.to_builtins(value, builtin_types=as_they_are), kind)
    except msgspec.ValidationError as error:
        place, types = _PLACE.search(str(error)), _TYPES.match(str(error))
        field = at + (place[1] if place else "")
        allowed = types and (
            "Url, Data or LocalFile, as Image.file(path), .url(url) and the like make them" if types[1] == "object" else types[1]
        )
        raise UsageError("wrong type", field=field, got=types and types[2], allowed=allowed) from None
    except (TypeError, ValueError, RecursionError):
        raise UsageError(
            "holds what has no place in a message", field=at, got=expect.kind_of(value), allowed="text and our values"
        ) from None


def check_headers(headers: Mapping[Any, Any], at: str = "extra_headers") -> None:
    """Refuse names and values that could not stand in an HTTP head, or that say how the body is framed."""
    for name, value in expect.mapping(headers, at).items():
        if not _HEADER_NAME.match(expect.text(name, at)):
            expect.wrong(at, name, "letters, digits and !#$%&'*+-.^_`|~", "not the name of a header")
        where = f"{at}.{name[:40]}"
        if name.lower() in _FRAMING:
            raise UsageError("the transport writes this header itself", field=where, allowed="other headers")
        if not _HEADER_VALUE.match(expect.text(value, where)):
            expect.wrong(where, value, "printable Latin-1 text without line ends", "not the value of a header")


def _numbers(request: Request) -> None:
    if (value := request.max_tokens) is not None:
        expect.whole(value, "max_tokens", 0)
    if (number := request.temperature) is not None:
        expect.number(number, "temperature", 0, 2)
    if (number := request.top_p) is not None:
        expect.number(number, "top_p", 0, 1)
    if (value := request.top_k) is not None:
        expect.whole(value, "top_k", 0)
    if (number := request.frequency_penalty) is not None:
        expect.number(number, "frequency_penalty", -2, 2)
    if (number := request.presence_penalty) is not None:
        expect.number(number, "presence_penalty", -2, 2)
    if (value := request.seed) is not None:
        expect.whole(value, "seed")
    if (value := request.n) is not None:
        expect.whole(value, "n", 1)
    if (value := request.top_logprobs) is not None:
        expect.whole(value, "top_logprobs", 0)
        if not request.logprobs:
            raise UsageError("needs logprobs=True", field="top_logprobs")
    if request.logit_bias is not None:
        for token, bias in expect.mapping(request.logit_bias, "logit_bias", "a dict of token ids to numbers").items():
            expect.number(bias, f"logit_bias.{expect.text(token, 'logit_bias')[:40]}", -100, 100)


def _words(request: Request) -> None:
    if (word := request.user) is not None:
        expect.filled(word, "user")
    if (word := request.cache_key) is not None:
        expect.filled(word, "cache_key")
    if (word := request.service_tier) is not None:
        expect.filled(word, "service_tier")
    if (word := request.verbosity) is not None:
        expect.one_of(word, "verbosity", ("low", "medium", "high"), "verbosity")
    if (word := request.prediction) is not None:
        expect.text(word, "prediction")
    if request.metadata is not None:
        _text_map(request.metadata, "metadata")
    if request.cache is not None:
        if not isinstance(request.cache, CacheMark):
            expect.wrong("cache", request.cache, "True, 'auto', or a CacheMark")
        if request.cache.ttl is not None:
            expect.filled(request.cache.ttl, "cache.ttl")
    for name in ("logprobs", "parallel_tool_calls", "store"):
        if (value := getattr(request, name)) is not None and value is not True and value is not False:
            expect.wrong(name, value, "True or False")


def check_query(query: Mapping[str, str], at: str) -> None:
    """Raise ``UsageError`` for text that a URL cannot carry: half a surrogate pair."""
    for name, value in query.items():
        if _SURROGATE.search(name) or _SURROGATE.search(value):
            raise UsageError("holds half a surrogate pair", field=at, got="text", allowed="text that UTF-8 can say")


def _texts(values: object, at: str) -> None:
    for n, value in enumerate(expect.items(values, at, "a tuple of texts")):
        expect.filled(value, f"{at}[{n}]")


def _text_map(values: object, at: str) -> None:
    for key, value in expect.mapping(values, at, "a dict of texts").items():
        expect.text(value, f"{at}.{expect.text(key, at)[:40]}")


def _forms(request: Request) -> None:
    _texts(request.modalities, "modalities")
    if (output := request.output) is not None:
        if not isinstance(output, OutputFormat):
            expect.wrong("output", output, "OutputFormat")
        if output.schema is not None:
            expect.json_object(output.schema, "output.schema")
        expect.filled(output.name, "output.name")
    if (audio := request.audio) is not None:
        if not isinstance(audio, AudioOutput):
            expect.wrong("audio", audio, "AudioOutput")
        expect.filled(audio.voice, "audio.voice")
        expect.filled(audio.format, "audio.format")
    if request.reasoning is not None:
        _reasoning(request.reasoning)


def _reasoning(reasoning: ReasoningOptions) -> None:
    if not isinstance(reasoning, ReasoningOptions):
        expect.wrong("reasoning", reasoning, "ReasoningOptions")
    if reasoning.effort is not None:
        expect.one_of(reasoning.effort, "reasoning.effort", EFFORTS, "effort")
    if reasoning.budget is not None:
        expect.whole(reasoning.budget, "reasoning.budget", 0)
    if reasoning.enabled is not None:
        expect.flag(reasoning.enabled, "reasoning.enabled")
    if reasoning.show is not None:
        expect.one_of(reasoning.show, "reasoning.show", ("summarized", "omitted", "updates"), "word")


def _tools(request: Request) -> None:
    for n, tool in enumerate(expect.items(request.tools, "tools", "a tuple of tools")):
        if not isinstance(tool, (Tool, CustomTool, HostedTool)):
            expect.wrong(f"tools[{n}]", tool, "Tool, CustomTool or HostedTool")
    if (choice := request.tool_choice) is None:
        return
    if not isinstance(choice, ToolChoice):
        expect.wrong("tool_choice", choice, "ToolChoice")
    mode = expect.one_of(choice.mode, "tool_choice.mode", ("auto", "none", "required", "tool"), "mode")
    _texts(choice.names, "tool_choice.names")
    if mode == "tool" and len(choice.names) != 1:
        raise UsageError("names one tool", field="tool_choice.names", got=f"{len(choice.names)} names", allowed="1 name")
    if "tools" in request.extra_body:
        return  # said past us: we cannot know the names
    if mode in ("required", "tool") and not request.tools:
        raise UsageError("asks for a tool, and there is none", field="tool_choice", allowed="'auto', 'none', or tools=[...]")
    known = [tool.name for tool in request.tools if tool.name is not None]
    for n, name in enumerate(choice.names):
        expect.one_of(name, f"tool_choice.names[{n}]", known, "tool")
