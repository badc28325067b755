"""botocore reading the bytes of a Bedrock Converse reply.

Whole replies and errors go through its client. So do streams; it hands over each event with its blobs decoded and without what its
model does not know, so their events are gathered as its users gather them. What it does not type (older spellings of the cache's
figures) is taken from the raw bytes.

The normalisation: ``text`` is that of the ``text`` blocks and of ``citationsContent``; ``reasoning`` that of ``reasoningText``; ``calls``
are the ``toolUse`` blocks but those of the provider's own tools; ``input`` adds what was read from and written to the cache.
"""

from __future__ import annotations

import json
from contextlib import closing
from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.eventstream import EventStreamBuffer

from tests.recorded.reading import Reading, finish
from tests.recorded.records import Record

_MESSAGES: Any = [{"role": "user", "content": [{"text": "hi"}]}]
_FILTERED = {"guardrail_intervened": "content_filter", "content_filtered": "content_filter"}


@cache
def _parts() -> Any:
    return botocore.session.Session()


def client(url: str) -> Any:
    """A client whose requests go to ``url``. Its model is loaded once."""
    return _parts().create_client(
        "bedrock-runtime", region_name="us-east-1", endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="y",
        config=Config(retries={"max_attempts": 0, "mode": "standard"}, read_timeout=20, proxies={}),
    )  # fmt: skip


@cache
def _client() -> Any:
    return client("http://127.0.0.1:9")


def read(record: Record, url: str) -> Reading:
    llm = client_at(url)
    if record.stream:
        reply = llm.converse_stream(modelId="m", messages=_MESSAGES)
        with closing(reply["stream"]) as stream:
            return of_events(list(stream), raw_usage(record))
    reply = llm.converse(modelId="m", messages=_MESSAGES)
    return of_message(reply["output"]["message"]["content"], reply["stopReason"], raw_usage(record))


def client_at(url: str) -> Any:
    llm = _client()
    llm.meta.events.unregister("before-send.bedrock-runtime", unique_id="elsewhere")
    base = url.rstrip("/")

    def send(request: Any, **_: Any) -> None:
        request.url = request.url.replace("http://127.0.0.1:9", base, 1)

    llm.meta.events.register("before-send.bedrock-runtime", send, unique_id="elsewhere")
    return llm


def raw_usage(record: Record) -> dict[str, Any]:
    if not record.stream:
        usage: dict[str, Any] = json.loads(record.body).get("usage") or {}
        return usage
    buffer = EventStreamBuffer()
    buffer.add_data(record.body)
    found = [json.loads(message.payload) for message in buffer if message.headers.get(":event-type") == "metadata"]
    return (found[-1].get("usage") or {}) if found else {}


def of_events(events: list[dict[str, Any]], usage: dict[str, Any]) -> Reading:
    blocks: dict[int, dict[str, Any]] = {}
    reason = None
    for event in events:
        (kind, said), *_ = event.items()
        if kind == "contentBlockStart":
            blocks[said["contentBlockIndex"]] = {name: {**value} for name, value in said["start"].items()}
        elif kind == "contentBlockDelta":
            _add(blocks.setdefault(said["contentBlockIndex"], {}), said["delta"])
        elif kind == "messageStop":
            reason = said["stopReason"]
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"].get("input") or "{}")
    return of_message(list(blocks.values()), reason, usage)


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    (kind, said), *_ = delta.items()
    if kind == "text":
        block["text"] = block.get("text", "") + said
    elif kind == "toolUse":
        block["toolUse"]["input"] = block["toolUse"].get("input", "") + said["input"]
    elif kind == "reasoningContent" and "text" in said:
        held = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})
        held["reasoningText"]["text"] += said["text"]


def of_message(blocks: list[dict[str, Any]], reason: str | None, usage: dict[str, Any]) -> Reading:
    calls = [block["toolUse"] for block in blocks if "toolUse" in block and block["toolUse"].get("type") != "server_tool_use"]
    said = [[call["toolUseId"], call["name"], call["input"]] for call in calls]
    texts = [block.get("text", "") + _cited(block.get("citationsContent", {})) for block in blocks]
    thoughts = [block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "") for block in blocks]
    read_, written = (
        usage.get(f"cache{what}InputTokens", usage.get(f"cache{what}InputTokenCount")) for what in ("Read", "Write")
    )
    fresh = usage.get("inputTokens")
    return {
        "text": "".join(texts),
        "reasoning": "".join(thoughts),
        "calls": said,
        "finish": _FILTERED.get(reason or "", "") or finish(reason, said),
        "raw_finish": reason,
        "input": None if fresh is None else fresh + (read_ or 0) + (written or 0),
        "output": usage.get("outputTokens"),
        "cached": read_,
        "id": None,
        "model": None,
        "refusal": None,
    }


def _cited(content: dict[str, Any]) -> str:
    return "".join(piece.get("text", "") for piece in content.get("content", []))
