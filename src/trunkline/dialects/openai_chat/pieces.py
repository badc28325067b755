"""Small pieces of replies, read on their own: citations, pictures, sound, log probabilities."""

from __future__ import annotations

import binascii
from typing import Any

import msgspec

from ...values.media import Data, Source, Url
from ...values.message import Citation, Image, ProviderState, Scope
from ...values.response import FinishReason, TokenLogprob
from ..dialect import Context

ID = "openai-chat"
_REASONS: dict[str, FinishReason] = {
    "stop": "stop", "end_turn": "stop", "eos": "stop", "eos_token": "stop", "stop_sequence": "stop", "end": "stop",
    "complete": "stop", "completed": "stop", "length": "length", "max_tokens": "length",
    "model_length": "length", "max_output_tokens": "length",
    "tool_calls": "tool_calls", "function_call": "tool_calls", "tool_use": "tool_calls", "tool_call": "tool_calls",
    "content_filter": "content_filter", "sensitive": "content_filter", "safety": "content_filter", "error": "error",
    "network_error": "error", "insufficient_system_resource": "error", "abort": "error",
}  # fmt: skip


def finish_reason(raw: str | None) -> FinishReason:
    """Our word for the provider's."""
    return _REASONS.get((raw or "").lower(), "other")


def text_of(value: object) -> str:
    """``value`` where it is text, else nothing."""
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    return value if type(value) is int else None


def objects(value: object) -> list[dict[str, Any]]:
    """The objects in a list; what is no list has none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def arguments_text(value: object) -> str:
    """A call's arguments as JSON text; some servers send the object itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def merge_fragments(into: list[dict[str, Any]], items: list[dict[str, Any]]) -> None:
    """Fragments of reasoning: ``text`` and ``summary`` of one index and type grow, everything else is set."""
    for item in items:
        known = next((old for old in reversed(into) if _continues(old, item, last=old is into[-1])), None)
        if known is None:
            into.append(dict(item))
            continue
        for name, value in item.items():
            if name in ("text", "summary") and isinstance(value, str) and isinstance(known.get(name), str):
                known[name] += value
            elif value is not None:
                known[name] = value


def _continues(old: dict[str, Any], item: dict[str, Any], *, last: bool) -> bool:
    if old.get("type") != item.get("type") or old.get("index") != item.get("index"):
        return False
    if old.get("id") and item.get("id") and old["id"] != item["id"]:
        return False
    return last or item.get("index") is not None


def url_citation(note: dict[str, Any]) -> Citation:
    """An annotation, nested (OpenAI) or flat, as a citation."""
    facts = note.get("url_citation")
    facts = facts if isinstance(facts, dict) else note
    return Citation(
        "url",
        cited_text=text_of(facts.get("content") or facts.get("summary")) or None,
        title=text_of(facts.get("title")) or None,
        url=text_of(facts.get("url")) or None,
        text_start=_number(facts.get("start_index")),
        text_end=_number(facts.get("end_index")),
    )


def reference(part: dict[str, Any], context: Context) -> Citation:
    """A ``reference`` part: what the text rests on, by the ids of documents."""
    ids = part.get("reference_ids")
    source = ",".join(str(one) for one in ids) if isinstance(ids, list) else None
    state = ProviderState(ID, msgspec.json.encode(part), Scope(context.target.owner))
    return Citation("search_result", source=source, state=state)


def image_of(item: dict[str, Any]) -> Image | None:
    """A picture in a reply."""
    place = item.get("image_url")
    url = place.get("url") if isinstance(place, dict) else place
    return Image(read_url(url)) if isinstance(url, str) and url else None


def read_url(url: str) -> Source:
    """The bytes of a ``data:`` URL, or the address as it is."""
    head, comma, body = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return Url(url)
    try:
        return Data(binascii.a2b_base64(body), head[5:-7].partition(";")[0] or "application/octet-stream")
    except ValueError:
        return Url(url)


def sound_type(sound: bytes) -> str:
    """The media type of sound, told by how it begins; raw samples have no mark."""
    for mark, kind in (
        (b"RIFF", "wav"),
        (b"ID3", "mpeg"),
        (b"fLaC", "flac"),
        (b"OggS", "ogg"),
        (b"\xff\xf1", "aac"),
        (b"\xff\xf9", "aac"),
    ):
        if sound.startswith(mark):
            return f"audio/{kind}"
    return "audio/mpeg" if sound[:1] == b"\xff" and sound[1:2] in (b"\xfb", b"\xf3", b"\xf2") else "audio/pcm"


def read_logprobs(value: object) -> tuple[tuple[TokenLogprob, ...], tuple[TokenLogprob, ...]]:
    """The tokens of the text, and of the refusal. An older form (parallel lists) is read too."""
    if not isinstance(value, dict):
        return (), ()
    if isinstance(tokens := value.get("tokens"), list) and isinstance(values := value.get("token_logprobs"), list):
        pairs = [{"token": token, "logprob": number} for token, number in zip(tokens, values, strict=False)]
        return _tokens(pairs), ()
    return _tokens(value.get("content")), _tokens(value.get("refusal"))


def _tokens(items: object) -> tuple[TokenLogprob, ...]:
    return tuple([token for item in objects(items) if (token := _token(item)) is not None])


def _token(item: dict[str, Any]) -> TokenLogprob | None:
    token, number, raw = item.get("token"), item.get("logprob"), item.get("bytes")
    if not isinstance(token, str) or not isinstance(number, (int, float)) or abs(number) > 1e300:
        return None
    whole = tuple(raw) if isinstance(raw, list) and all(type(byte) is int for byte in raw) else None
    return TokenLogprob(token, float(number), whole, _tokens(item.get("top_logprobs")))
