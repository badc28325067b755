"""What a reply says, in one form for us and for the vendors' SDKs, so that the two can be compared.

The normalisation, in full:

- **text**: the first choice's text; of a list of parts, the text parts joined; "" where there is none.
- **reasoning**: of chat replies, the raw field ``reasoning_content`` or ``reasoning`` (the SDK does not type it), else the text
  of ``thinking`` parts; of Messages replies, the ``thinking`` blocks joined.
  Where the text begins with ``<think>``, what stands up to ``</think>`` is reasoning, and line ends around either are none
  of its own (quirk ``markup``; the SDK leaves it in the text).
- **calls**: id, name and the arguments' text of each tool call. Arguments are compared as JSON where they are JSON, because
  the Messages SDK parses them; a call that the server left without an id is compared without (we make one, so that it can
  be answered).
- **finish**: ours follows from the SDK's reason by ``FINISH``; ``tool_calls`` whenever there are calls.
- **raw_finish**: as sent (an empty text is none).
- **usage**: ours includes what was read from and written to the cache in the input, and reasoning in the output; the SDK's
  figures are brought to that convention (Messages: the three inputs are added; a chat provider whose completion tokens leave
  reasoning out: it is added). Figures in fields that the SDK does not type (``x_groq``, ``prompt_cache_hit_tokens``,
  ``cache_read_input_tokens``) are taken from there.
- **id, model**: as sent; an empty one is none.
- **error**: the class follows from the status by ``CLASSES``; an error inside a 200 is an error for both.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from openai.types import CompletionUsage

from trunkline import (
    AuthenticationError,
    ContentFilterError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    Response,
    ServerError,
    StreamInterruptedError,
)

Reading = dict[str, Any]

FINISH = {
    "stop": "stop", "length": "length", "tool_calls": "tool_calls", "function_call": "tool_calls", "content_filter": "content_filter",
    "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls", "pause_turn": "pause",
    "refusal": "content_filter", "model_context_window_exceeded": "length", "eos": "stop", "model_length": "length", "error": "error",
}  # fmt: skip

OUTPUT_WITHOUT_REASONING = ("xai",)
"""Providers whose completion tokens leave reasoning out (record 354224da2df15af3: 49 + 32 + 183 = 264)."""

CLASSES: dict[int, tuple[type[ProviderError], ...]] = {
    400: (InvalidRequestError, ContentFilterError, QuotaError, AuthenticationError, NotFoundError),
    401: (AuthenticationError, PermissionDeniedError),
    402: (QuotaError,),
    403: (PermissionDeniedError, AuthenticationError, ContentFilterError),
    404: (NotFoundError,),
    422: (InvalidRequestError,),
    429: (RateLimitError, QuotaError),
    500: (ServerError,),
    502: (ServerError, OverloadedError),
    503: (OverloadedError, ServerError),
    529: (OverloadedError,),
}


def of_ours(response: Response) -> Reading:
    calls = [_call(call.id, call.name, call.raw_arguments) for call in response.tool_calls]
    usage = response.usage
    return {
        "text": response.text,
        "reasoning": response.reasoning,
        "calls": calls,
        "finish": response.finish_reason,
        "raw_finish": response.raw_finish_reason or None,
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached": usage.cache_read_tokens,
        "id": response.id or None,
        "model": response.model or None,
        "refusal": response.refusal,
    }


def of_error(error: ProviderError) -> Reading:
    return {"error": type(error).__name__, "interrupted": isinstance(error, StreamInterruptedError)}


def differences(ours: Reading, theirs: Reading) -> dict[str, tuple[Any, Any]]:
    """The fields in which the two readings differ, with both values."""
    theirs = dict(theirs)
    if "calls" in ours and len(ours["calls"]) == len(theirs.get("calls", ())):
        pairs = zip(theirs["calls"], ours["calls"], strict=True)
        theirs["calls"] = [[call[0] or mine[0], *call[1:]] for call, mine in pairs]
    return {name: (value, theirs.get(name)) for name, value in ours.items() if value != theirs.get(name)}


def digest(value: Any) -> str:
    """A short fingerprint of a reading's value, so that an exception holds for exactly what was looked at."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True).encode()).hexdigest()[:16]


def _call(call_id: str | None, name: str | None, arguments: Any) -> list[Any]:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else {}
        except ValueError:
            pass  # compared as text
    return [call_id or None, name or "", arguments]


# The chat SDK: whole replies, and chunks gathered as its users gather them.


def of_chat(completion: Any, provider: str) -> Reading:
    choice = completion.choices[0]
    message = choice.message
    calls = [_chat_call(call) for call in message.tool_calls or []] if message is not None else []
    legacy = message.function_call if message is not None else None
    if legacy is not None:
        calls.append(_call(None, legacy.name, legacy.arguments))
    raw = choice.finish_reason or None
    return {
        **_unmarked(_text(message.content), _reasoning(message)),
        "calls": calls,
        "finish": finish(raw, calls),
        "raw_finish": raw,
        **_chat_usage(completion.usage, provider),
        "id": completion.id or None,
        "model": completion.model or None,
        "refusal": message.refusal or None,
    }


def _unmarked(text: Any, reasoning: str) -> Reading:
    """Text and reasoning, which some models write in tags at the text's beginning."""
    if str(text).startswith("<think>"):
        thought, closed, text = text.removeprefix("<think>").partition("</think>")
        return {"text": text.lstrip("\n"), "reasoning": reasoning + (thought.strip("\n") if closed else thought.lstrip("\n"))}
    return {"text": text, "reasoning": reasoning}


def finish(raw: str | None, calls: list[Any]) -> str:
    return "tool_calls" if calls else FINISH.get(raw or "", "other")


def _chat_call(call: Any) -> list[Any]:
    if call.type == "custom":
        return [call.id or None, call.custom.name, call.custom.input]
    return _call(call.id, call.function.name, call.function.arguments)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict) and part.get("type") == "text")
    return content or ""


def _reasoning(message: Any) -> str:
    extra = message.model_extra or {}
    for field in ("reasoning_content", "reasoning"):
        if isinstance(extra.get(field), str) and extra[field]:
            return str(extra[field])
    content = message.content
    if isinstance(content, list):
        thoughts = [part for part in content if isinstance(part, dict) and part.get("type") == "thinking"]
        return "".join(_text(thought.get("thinking")) for thought in thoughts)
    return ""


def _chat_usage(usage: Any, provider: str) -> Reading:
    if usage is None:
        return {"input": None, "output": None, "cached": None}
    extra = usage.model_extra or {}
    cached = getattr(usage.prompt_tokens_details, "cached_tokens", None)
    for field in ("prompt_cache_hit_tokens", "cache_read_input_tokens"):
        cached = extra.get(field) if cached is None else cached
    output = usage.completion_tokens
    if provider in OUTPUT_WITHOUT_REASONING and usage.completion_tokens_details is not None:
        output += usage.completion_tokens_details.reasoning_tokens or 0
    return {"input": usage.prompt_tokens, "output": output, "cached": cached}


def of_chunks(chunks: list[Any], provider: str) -> Reading:
    text: list[str] = []
    reasoning: list[str] = []
    refusal: list[str] = []
    calls: dict[Any, list[Any]] = {}
    raw: str | None = None
    head: dict[str, Any] = {"id": None, "model": None}
    usage: Any = None
    for chunk in chunks:
        head = {"id": head["id"] or chunk.id or None, "model": head["model"] or chunk.model or None}
        usage = chunk.usage or _elsewhere(chunk) or usage
        for choice in chunk.choices or []:
            if choice.index not in (0, None):
                continue
            raw = choice.finish_reason or raw
            delta = choice.delta
            if delta is None:
                continue
            text.append(_text(delta.content))
            reasoning.append(_reasoning(delta))
            refusal.append(delta.refusal or "")
            for call in delta.tool_calls or []:
                _gather(calls, call.index, call.id, call.function)
            if delta.function_call is not None:
                _gather(calls, "legacy", None, delta.function_call)
    gathered = [_call(call_id, "".join(names), "".join(arguments)) for call_id, names, arguments in calls.values()]
    return {
        **_unmarked("".join(text), "".join(reasoning)),
        "calls": gathered,
        "finish": finish(raw, gathered),
        "raw_finish": raw,
        **_chat_usage(usage, provider),
        **head,
        "refusal": "".join(refusal) or None,
    }


def _elsewhere(chunk: Any) -> Any:
    """Usage in a field that the SDK does not type."""
    groq = (chunk.model_extra or {}).get("x_groq")
    return CompletionUsage.model_validate(groq["usage"]) if isinstance(groq, dict) and groq.get("usage") else None


def _gather(calls: dict[Any, list[Any]], index: Any, call_id: str | None, function: Any) -> None:
    key = index if index is not None else call_id or next(reversed(calls), 0)
    held = calls.setdefault(key, [None, [], []])
    held[0] = held[0] or call_id
    if function is not None:
        if function.name and not held[1]:
            held[1].append(function.name)
        arguments = function.arguments
        held[2].append(arguments if isinstance(arguments, str) else "" if arguments is None else json.dumps(arguments))


# The Messages SDK: whole messages, and its own accumulation of streams.


def of_message(message: Any) -> Reading:
    blocks = message.content or []
    calls = [_call(block.id, block.name, block.input) for block in blocks if block.type == "tool_use"]
    raw = message.stop_reason
    usage = message.usage
    parts = [getattr(usage, name, None) for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")]
    known = usage is not None and parts[0] is not None
    return {
        "text": "".join(block.text or "" for block in blocks if block.type == "text"),
        "reasoning": "".join(block.thinking or "" for block in blocks if block.type == "thinking"),
        "calls": calls,
        "finish": finish(raw, calls),
        "raw_finish": raw or None,
        "input": sum(part or 0 for part in parts) if known else None,
        "output": getattr(usage, "output_tokens", None),
        "cached": getattr(usage, "cache_read_input_tokens", None),
        "id": message.id or None,
        "model": message.model or None,
        "refusal": None,
    }
