"""A request as callers write it, to our value: liberal in what it takes, and what it has no field for is kept as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from ....values.message import CacheMark
from ....values.model import Target
from ....values.request import AudioOutput, OutputFormat, Request
from ....wire.http import HttpRequest
from ....wire.loose_json import loads
from ...dialect import Context, Decoded, Served
from ...losses import Losses
from ...openai_fields import (
    Json,
    count,
    filled,
    flag,
    items,
    mapping,
    number,
    only,
    optional_text,
    read_body,
    refuse,
    text,
    whole,
    wrong,
)
from ..pieces import ID, objects
from .messages import MessageReader
from .reasoning import read_reasoning
from .tools import custom_names, read_choice, read_tools

_DEPLOYMENT = re.compile(r"/deployments/([^/?#]+)/")
_SCHEMA = frozenset({"name", "description", "schema", "strict", "type"})
_MOST_LOGPROBS = 20  # openai-chat §3
_VERBOSITY = ("low", "medium", "high")


def decode_request(http: HttpRequest) -> Decoded:
    """The request of a body. Raises ``InvalidRequestError`` (400; ``param``: the path) for what is none."""
    fields = {name: value for name, value in read_body(http.body).items() if value is not None}
    losses = Losses()
    model = _model(fields.pop("model", None), http.url)
    reader = MessageReader(losses)
    messages = reader.read(fields.pop("messages", None))
    functions = reader.functions or "functions" in fields or "function_call" in fields
    stream = flag(fields.pop("stream", False), "stream")
    include_usage = _stream_options(fields)
    said: Json = {
        "tools": read_tools(fields, losses),
        "tool_choice": read_choice(fields, losses),
        "reasoning": read_reasoning(fields),
    }
    _plain(fields, said)
    _limits(fields, said, losses)
    _output(fields, said, losses)
    _account(fields, said)
    request = Request(model=model, messages=messages, stream=stream, **said, extra_body=fields)
    context = Context(
        target=Target(dialect=ID, provider="", model=model),
        model=model,
        stream=stream,
        include_usage=stream and include_usage,
        served=Served(functions=functions, custom_tools=custom_names(request.tools)),
    )
    return Decoded(request, tuple(losses.warnings), context)


def context_of(http: HttpRequest) -> Context:
    """The context of a request, as much of it as can be told. Never raises."""
    try:
        body = loads(http.body)
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    model = body.get("model")
    model = model if isinstance(model, str) else ""
    return Context(
        target=Target(dialect=ID, provider="", model=model), model=model, stream=body.get("stream") is True, served=Served()
    )


def _model(value: object, url: str) -> str:
    """The model asked for; Azure's older paths name it instead of the body (azure-openai §1). Servers of one model need no name
    for it (local-servers): then it is empty."""
    if value is None:
        named = _DEPLOYMENT.search(url)
        return "" if named is None else unquote(named[1])
    return text(value, "model")


def _stream_options(fields: Json) -> bool:
    """Whether usage is wanted in a stream; other options stay in ``fields``."""
    options = fields.pop("stream_options", None)
    if options is None:
        return False
    said = mapping(options, "stream_options")
    usage = said.get("include_usage")
    others = {name: value for name, value in said.items() if name != "include_usage" and value is not None}
    if others:
        fields["stream_options"] = others
    return usage is not None and flag(usage, "stream_options.include_usage")


# --- plain fields -----------------------------------------------------------------------------------------------------

_PLAIN: tuple[tuple[str, Callable[[object, str], Any]], ...] = (
    ("temperature", number),
    ("top_p", number),
    ("frequency_penalty", number),
    ("presence_penalty", number),
    ("seed", whole),
    ("n", count),
    ("parallel_tool_calls", flag),
    ("store", flag),
    ("service_tier", text),
)


def _plain(fields: Json, said: Json) -> None:
    for name, read in _PLAIN:
        if (value := fields.pop(name, None)) is not None:
            said[name] = read(value, name)
    if said.get("seed") is None and (seed := fields.pop("random_seed", None)) is not None:
        said["seed"] = whole(seed, "random_seed")
    stop = fields.pop("stop", None)
    if isinstance(stop, str):
        said["stop"] = (stop,)
    elif stop is not None:
        said["stop"] = tuple([text(item, f"stop[{n}]") for n, item in enumerate(items(stop, "stop"))])
    if (biases := fields.pop("logit_bias", None)) is not None:
        if not isinstance(biases, dict):
            wrong("logit_bias", biases, "an object of numbers")
        said["logit_bias"] = {token: number(bias, "logit_bias") for token, bias in biases.items()}
    if fields.get("verbosity") in _VERBOSITY:
        said["verbosity"] = fields.pop("verbosity")


def _limits(fields: Json, said: Json, losses: Losses) -> None:
    """How many tokens, and what is told of them. A limit below 0 means none at some servers, and stays as it is."""
    for name in ("max_completion_tokens", "max_tokens"):
        value = fields.get(name)
        if value is None or (limit := whole(value, name)) < 0:
            continue
        del fields[name]
        known = said.setdefault("max_tokens", limit)
        if known != limit:
            losses.dropped(name, "another field has another limit")
    logprobs, top = fields.get("logprobs"), fields.pop("top_logprobs", None)
    if logprobs is not None:
        # The older form is a number: how many there shall be. It stays as it is beside ours.
        said["logprobs"] = (
            flag(fields.pop("logprobs"), "logprobs") if isinstance(logprobs, bool) else whole(logprobs, "logprobs") > 0
        )
    if top is not None:
        if not 0 <= (most := whole(top, "top_logprobs")) <= _MOST_LOGPROBS:
            refuse("top_logprobs", f"expected a number from 0 to {_MOST_LOGPROBS}")
        if said.get("logprobs") is False:
            if most:
                losses.dropped("top_logprobs", "it means nothing without logprobs")
        else:
            said["top_logprobs"] = most


# --- output -----------------------------------------------------------------------------------------------------------


def _output(fields: Json, said: Json, losses: Losses) -> None:
    form = fields.get("response_format")
    if form is not None and (understood := _format(mapping(form, "response_format"), losses)) is not None:
        said["output"] = understood
        del fields["response_format"]
    elif form is not None and form == {"type": "text"}:
        del fields["response_format"]
    modalities = fields.get("modalities")
    if modalities is not None:
        said["modalities"] = tuple([text(item, f"modalities[{n}]") for n, item in enumerate(items(modalities, "modalities"))])
        del fields["modalities"]
    if (audio := fields.get("audio")) is not None and "audio" in said.get("modalities", ()):
        said["audio"] = _audio(mapping(audio, "audio"), losses)
        del fields["audio"]
    if (prediction := fields.get("prediction")) is not None and (
        words := _prediction(mapping(prediction, "prediction"))
    ) is not None:
        said["prediction"] = words
        del fields["prediction"]


def _format(form: Json, losses: Losses) -> OutputFormat | None:
    """The form wanted; None for plain text, and for one that we have no value for."""
    kind = filled(form.get("type"), "response_format.type")
    at = "response_format.json_schema"
    if kind == "json_object" and isinstance(schema := form.get("schema"), dict):  # the older way to say a schema
        only(form, ("type", "schema"), "response_format", losses)
        return OutputFormat(schema)
    if kind == "json_object" and len(form) == 1:
        return OutputFormat()
    if kind != "json_schema":
        return None
    inside = form.get("json_schema")
    if inside is None and isinstance(form.get("schema"), dict):
        inside, at = form, "response_format"
    fields = mapping(inside, at)
    if not fields.keys() <= _SCHEMA:
        return None
    if inside is not form:
        only(form, ("type", "json_schema"), "response_format", losses)
    schema, strict, name = fields.get("schema"), fields.get("strict"), optional_text(fields, "name", at)
    return OutputFormat(
        {} if schema is None else mapping(schema, f"{at}.schema"),
        "output" if name is None else name,
        optional_text(fields, "description", at),
        None if strict is None else flag(strict, f"{at}.strict"),
    )


def _audio(audio: Json, losses: Losses) -> AudioOutput:
    voice = audio.get("voice")
    if isinstance(voice, dict):
        only(voice, ("id",), "audio.voice", losses)
        voice = filled(voice.get("id"), "audio.voice.id")
        if not voice.startswith("voice_"):
            losses.approximated("audio.voice", "that it is an id and no name is not kept")
    only(audio, ("voice", "format"), "audio", losses)
    return AudioOutput(filled(voice, "audio.voice"), filled(audio.get("format", "wav"), "audio.format"))


def _prediction(prediction: Json) -> str | None:
    """The predicted text; None where it is predicted in a way that we have no value for."""
    content = prediction.get("content")
    if prediction.get("type", "content") != "content" or not prediction.keys() <= {"type", "content"}:
        return None
    if isinstance(content, str):
        return content
    texts = [part.get("text") for part in objects(content)]
    plain = isinstance(content, list) and all(isinstance(part, dict) and part.keys() <= {"type", "text"} for part in content)
    if not plain or not all(isinstance(words, str) for words in texts):
        return None
    return "".join([words for words in texts if isinstance(words, str)])


# --- who asks ---------------------------------------------------------------------------------------------------------


def _account(fields: Json, said: Json) -> None:
    """A second name for the same thing stays in ``fields`` where both are given."""
    for name in ("safety_identifier", "user"):
        if "user" not in said and (value := fields.get(name)) is not None:
            said["user"] = text(value, name)
            del fields[name]
    if (key := fields.pop("prompt_cache_key", None)) is not None:
        said["cache_key"] = text(key, "prompt_cache_key")
    if fields.get("prompt_cache_options") == {"mode": "implicit", "ttl": "30m"}:
        said["cache"] = CacheMark("30m")
        del fields["prompt_cache_options"]
    elif fields.get("prompt_cache_retention") in ("24h", "in_memory"):
        said["cache"] = CacheMark(fields.pop("prompt_cache_retention"))
    metadata = fields.get("metadata")
    if metadata is not None and all(isinstance(value, str) for value in mapping(metadata, "metadata").values()):
        said["metadata"] = fields.pop("metadata")
