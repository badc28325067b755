"""What the vendor's SDK reads of a chat reply, in one form for whole replies and streams, so that two replies can be compared.

The form: of the reply, ``id, model, created, service_tier, system_fingerprint, usage`` and the fields that the SDK does not type;
of each choice, text, reasoning (``reasoning_content``, ``reasoning`` or parts that hold it), refusal, calls (id, kind, name, arguments),
reason, annotations, log probabilities, pictures, sound, ``reasoning_details``. Pieces of a stream are joined. A thought
between tags at the beginning of the text is reasoning. What is null or an empty list counts as absent.
"""

from __future__ import annotations

import json
import warnings
from functools import cache
from typing import Any

import httpx2
import openai
from pydantic import BaseModel

Reading = dict[str, Any]

_HEAD = ("id", "model", "created", "service_tier", "system_fingerprint")
_SEEN = {*_HEAD, "usage", "choices", "object", "obfuscation", "p"}
_now: dict[str, Any] = {}


class Unreadable(Exception):
    """The SDK raised."""


@cache
def _client() -> Any:
    def answer(_: Any) -> Any:
        return httpx2.Response(200, headers={"content-type": _now["type"]}, content=_now["body"])

    transport = httpx2.MockTransport(answer)
    return openai.OpenAI(api_key="k", base_url="http://sdk", max_retries=0, http_client=httpx2.Client(transport=transport))


def read(body: bytes, *, stream: bool) -> Reading:
    """What the SDK makes of these bytes. Raises ``Unreadable`` where it raises."""
    _now.update(body=body, type="text/event-stream" if stream else "application/json")
    create = _client().chat.completions.create
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shapes that pydantic did not expect
        try:
            if not stream:
                return _reading([_plain(create(model="m", messages=[]))], stream=False)
            with create(model="m", messages=[], stream=True) as chunks:
                return _reading([_plain(chunk) for chunk in chunks], stream=True)
        except (openai.APIError, TypeError, ValueError) as error:
            raise Unreadable(type(error).__name__) from None


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        value = vars(value) | (value.model_extra or {})
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None and item != []}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _reading(chunks: list[Any], *, stream: bool) -> Reading:
    found: Reading = {}
    choices: dict[int, Reading] = {}
    extra: Reading = {}
    for chunk in chunks:
        for name in _HEAD:
            if chunk.get(name):
                found.setdefault(name, chunk[name])
        if chunk.get("usage"):
            found["usage"] = chunk["usage"]
        extra.update({name: value for name, value in chunk.items() if name not in _SEEN})
        for choice in chunk.get("choices", ()):
            number = choice.get("index") or 0
            _choice(choices.setdefault(number, _nothing()), choice, stream=stream)
    for choice in choices.values():
        if choice["text"].startswith("<think>"):  # what we say of it in the fields that the protocol has for it
            thought, _, text = choice["text"].removeprefix("<think>").partition("</think>")
            choice |= {"text": text.lstrip("\n"), "reasoning": choice["reasoning"] + thought.strip("\n")}
        choice["calls"] = list(choice["calls"].values())
    return found | {"extra": extra, "choices": {str(number): choices[number] for number in sorted(choices)}}


def _nothing() -> Reading:
    texts = dict.fromkeys(("text", "reasoning", "refusal", "transcript", "sound"), "")
    lists: Reading = {name: [] for name in ("annotations", "logprobs", "images")}
    return {**texts, **lists, "details": {}, "calls": {}, "finish": None, "audio": None}


def _choice(held: Reading, choice: Any, *, stream: bool) -> None:
    said = choice.get("delta" if stream else "message") or {}  # one server sends both
    held["finish"] = choice.get("finish_reason") or held["finish"]
    held["text"] += _text(said.get("content"))
    held["reasoning"] += _reasoning(said)
    held["refusal"] += said.get("refusal") or ""
    held["annotations"] += said.get("annotations", [])
    held["images"] += said.get("images", [])
    for detail in said.get("reasoning_details", ()):
        _detail(held["details"].setdefault(f"{detail.get('type')} {detail.get('index')}", {}), detail)
    tokens = choice.get("logprobs") or {}
    held["logprobs"] += [_token(token) for token in (*tokens.get("content", ()), *tokens.get("refusal", ()))]
    audio = said.get("audio") or {}
    held["audio"] = held["audio"] or audio.get("id")
    held["transcript"] += audio.get("transcript") or ""
    held["sound"] += audio.get("data") or ""
    for n, call in enumerate(said.get("tool_calls", ())):
        _call(held["calls"], call.get("index", call.get("id", n)), call)
    if said.get("function_call"):
        _call(held["calls"], "legacy", {"function": said["function_call"]})


def _detail(held: Reading, detail: Any) -> None:
    """Fragments of one index and type are one: their words grow, the rest is set."""
    for name, value in detail.items():
        held[name] = held.get(name, "") + value if name in ("text", "summary") else value


def _call(calls: dict[Any, list[str]], key: Any, call: Any) -> None:
    held = calls.setdefault(key, ["", "", "", ""])
    kind = "custom" if call.get("custom") else "function"
    body = call.get(kind) or {}
    arguments = body.get("input" if kind == "custom" else "arguments") or ""
    held[0] = held[0] or call.get("id") or ""
    held[1] = kind
    held[2] = held[2] or body.get("name") or ""
    held[3] += arguments if isinstance(arguments, str) else json.dumps(arguments)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict) and part.get("type") == "text")
    return content if isinstance(content, str) else _compact(content) if content else ""


def _compact(value: Any) -> str:
    """The JSON of text that came as the object that it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _reasoning(said: Any) -> str:
    for name in ("reasoning_content", "reasoning"):
        if isinstance(said.get(name), str) and said[name]:
            return str(said[name])
    content = said.get("content")
    thoughts = content if isinstance(content, list) else []
    return "".join(_text(part.get("thinking")) for part in thoughts if isinstance(part, dict) and part.get("type") == "thinking")


def _token(token: Any) -> list[Any]:
    return [
        token.get("token"),
        token.get("logprob"),
        token.get("bytes"),
        [_token(other) for other in token.get("top_logprobs", ())],
    ]
