"""Frames of a stream turned into those of a faulty provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .frames import WireFrame
from .quirks import Quirk

Turn = Callable[["Stray", WireFrame], list[WireFrame]]
PINGS = 10
_FILTERED = {"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}


class Stray:
    """Takes frames as they come and gives what a provider with ``quirks`` sends in their place; ``finish`` gives what was held
    back."""

    def __init__(self, quirks: tuple[Quirk, ...], dialect: str, input_tokens: int) -> None:
        self._turns = [turn for quirk in quirks if (turn := _TURNS.get(quirk)) is not None]
        self.chat: bool = dialect == "openai-chat"
        self.input_tokens: int = input_tokens
        self.count: int = 0
        self.tokens: int = 0
        self.held: list[WireFrame] = []
        self.calls: dict[tuple[int, int], dict[str, Any]] = {}

    def turn(self, frames: list[WireFrame]) -> list[WireFrame]:
        for turn in self._turns:
            turned: list[WireFrame] = []
            for frame in frames:
                turned += [frame] if frame.data is None else turn(self, frame)
            frames = turned
        self.count += len(frames)
        return frames

    def finish(self) -> list[WireFrame]:
        held, self.held = self.held, []
        return held


def _choices(frame: WireFrame) -> list[dict[str, Any]]:
    return frame.fields.get("choices") or []


def _finished(frame: WireFrame) -> bool:
    return any(choice.get("finish_reason") for choice in _choices(frame))


def _is_usage(frame: WireFrame) -> bool:
    """Whether it is a chunk that tells usage and nothing else."""
    return bool(frame.fields.get("usage")) and frame.fields.get("choices") == []


def _changing_ids(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    if "id" in frame.fields:
        frame.fields["id"] += f"-{stray.count}"
        frame.fields["created"] = frame.fields.get("created", 0) + stray.count
    return [frame]


def _comments(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    return [WireFrame(None), frame]


def _empty_call_ids(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    for choice in _choices(frame):
        for call in choice["delta"].get("tool_calls") or ():
            if "id" in call:
                call["id"] = ""
    return [frame]


def _empty_first_chunk(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    if stray.count or not frame.fields:
        return [frame]
    first = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [_FILTERED]}
    return [WireFrame(first), frame]


def _finish_twice(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    if not _finished(frame):
        return [frame]
    empty = [{**choice, "delta": {}} for choice in _choices(frame)]
    return [frame, WireFrame({**frame.fields, "choices": empty})]


def _no_done(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    return [] if frame.data == b"[DONE]" else [frame]


def _no_event_names(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    frame.event = None
    return [frame]


def _no_message_stop(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    return [] if frame.fields.get("type") == "message_stop" else [frame]


def _no_tool_index(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    """Without an index pieces cannot be told apart, so those who leave it out send each call whole."""
    for choice in _choices(frame):
        for piece in choice["delta"].pop("tool_calls", None) or ():
            call = stray.calls.setdefault((choice.get("index", 0), piece.pop("index", 0)), {"function": {"arguments": ""}})
            function = {**call["function"], **piece.get("function", {})}
            function["arguments"] = call["function"]["arguments"] + (piece.get("function", {}).get("arguments") or "")
            call.update({**piece, "function": function})
        if choice.get("finish_reason"):
            keys = [key for key in sorted(stray.calls) if key[0] == choice.get("index", 0)]
            if keys:
                choice["delta"]["tool_calls"] = [stray.calls.pop(key) for key in keys]
    said = any(choice["delta"] or choice.get("finish_reason") for choice in _choices(frame))
    return [frame] if said or not _choices(frame) else []


def _no_usage(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    alone = _is_usage(frame)
    frame.fields.pop("usage", None)
    if isinstance(message := frame.fields.get("message"), dict):
        message.pop("usage", None)
    return [] if alone else [frame]


def _null_content(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    for choice in _choices(frame):
        choice["delta"].setdefault("content", None)
    return [frame]


def _ping_storm(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    if not stray.chat and stray.count == 0:
        return [frame]  # a ping comes after the message has begun
    ping = WireFrame(None) if stray.chat else WireFrame({"type": "ping"}, "ping")
    return [*[ping] * PINGS, frame]


def _reasoning_field(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    for choice in _choices(frame):
        if "reasoning_content" in choice["delta"]:
            choice["delta"]["reasoning"] = choice["delta"].pop("reasoning_content")
    return [frame]


def _role_on_every_chunk(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    for choice in _choices(frame):
        choice["delta"] = {"role": "assistant", **choice["delta"]}
    return [frame]


def _stop_beside_calls(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    for choice in _choices(frame):
        if choice.get("finish_reason") == "tool_calls":
            choice["finish_reason"] = "stop"
    return [frame]


def _unknown_events(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    if stray.chat:
        return [WireFrame({"object": "simulated.event", "choices": [], "simulated": True}), frame]
    if stray.count == 0:
        return [frame]
    return [WireFrame({"type": "simulated_event", "simulated": {"n": stray.count}}, "simulated_event"), frame]


def _unknown_fields(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    with_unknown(frame.data)
    return [frame]


def _usage_on_every_chunk(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    if _is_usage(frame) or not frame.fields:
        return [frame]
    stray.tokens += 1
    total = stray.input_tokens + stray.tokens
    frame.fields["usage"] = {"prompt_tokens": stray.input_tokens, "completion_tokens": stray.tokens, "total_tokens": total}
    return [frame]


def _usage_on_finish(stray: Stray, frame: WireFrame) -> list[WireFrame]:
    if _finished(frame):
        held, stray.held = stray.held, [frame]
        return held
    if _is_usage(frame) and stray.held:
        stray.held[-1].fields["usage"] = frame.fields["usage"]
        return stray.finish()
    return [frame] if frame.fields else [*stray.finish(), frame]


def with_unknown(value: object) -> None:
    """Puts a field that nobody knows into every object within ``value``, but for what is the caller's own."""
    if isinstance(value, dict):
        for name, item in list(value.items()):
            if name not in ("input", "metadata"):
                with_unknown(item)
        value["x_simulated"] = {"n": 1}
    elif isinstance(value, list):
        for item in value:
            with_unknown(item)


_TURNS: dict[str, Turn] = {
    "changing_ids": _changing_ids,
    "comments": _comments,
    "empty_call_ids": _empty_call_ids,
    "empty_first_chunk": _empty_first_chunk,
    "finish_twice": _finish_twice,
    "no_done": _no_done,
    "no_event_names": _no_event_names,
    "no_message_stop": _no_message_stop,
    "no_tool_index": _no_tool_index,
    "no_usage": _no_usage,
    "null_content": _null_content,
    "ping_storm": _ping_storm,
    "reasoning_field": _reasoning_field,
    "role_on_every_chunk": _role_on_every_chunk,
    "stop_beside_calls": _stop_beside_calls,
    "unknown_events": _unknown_events,
    "unknown_fields": _unknown_fields,
    "usage_on_every_chunk": _usage_on_every_chunk,
    "usage_on_finish": _usage_on_finish,
}
