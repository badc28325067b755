"""Chat requests brought to one spelling, so that two can be compared. The equivalences, in full:

1.  Null is absent. So are ``stream: false``, ``stop: []``, ``tools: []``, ``response_format`` of type ``text``, and ``tool_choice: none``
    where there are no tools. A schema without a name is called ``output``. We ask for usage with every stream (``stream_options.include_usage``).
2.  One limit has two names: ``max_tokens``, ``max_completion_tokens``; likewise ``user`` and ``safety_identifier``, ``seed`` and
    ``random_seed``; the model may stand in the path, or (local servers) nowhere.
3.  ``developer`` is ``system``, by quirk.
4.  A content of one text part is its text; an assistant's empty content is none, and empty text parts are left out. An address may
    stand where ``{url}`` does, and a file without a name is ``document.pdf``. A cache mark has two names, and the quirk chooses one.
5.  Calls need no ``type`` and no ``index``; no arguments are ``{}``.
6.  ``functions``, ``function_call`` and the role ``function`` are tools, a choice, calls and results (calls then have no ids).
7.  A function tool may stand without its inner object. ``any`` is ``required``. One stop sequence may stand alone.
8.  Of an assistant's message, ``annotations``, ``parsed`` and ``parsed_arguments`` are a reply's word that nobody takes back; so is ``name`` of a result,
    whose call has it.
9.  Reasoning has two names, beside ``reasoning_details`` it says nothing new, and where an endpoint demands it, a space stands for
    what is missing.
10. Thinking switched off is effort ``none``, in whichever of the six fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trunkline.values.response import Warning

_NAMES = {"max_completion_tokens": "max_tokens", "safety_identifier": "user", "random_seed": "seed"}
_THINKING = ("reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget", "chat_template_kwargs")
_OFF: tuple[Any, ...] = ("none", {"type": "disabled"}, False, {"enable_thinking": False}, {"enabled": False}, {"effort": "none"})
_MARKS = ("cache_control", "prompt_cache_breakpoint")
_NOT_TAKEN_BACK = ("annotations", "parsed")


def alike(body: dict[str, Any]) -> dict[str, Any]:
    """``body`` in one spelling."""
    said = {_NAMES.get(name, name): value for name, value in body.items() if value is not None and value != []}
    said.pop("model", None)
    if not said.get("stream"):
        said.pop("stream", None)
    options = {name: value for name, value in (said.pop("stream_options", None) or {}).items() if name != "include_usage"}
    if options:
        said["stream_options"] = options
    form = said.get("response_format")
    if form == {"type": "text"}:
        del said["response_format"]
    elif isinstance(form, dict) and isinstance(form.get("json_schema"), dict) and "schema" in form["json_schema"]:
        said["response_format"] = {**form, "json_schema": {"name": "output", **form["json_schema"]}}
    if isinstance(said.get("stop"), str):
        said["stop"] = [said["stop"]]
    _tools(said)
    for name in _THINKING:
        if name in said and any(said[name] == off and type(said[name]) is type(off) for off in _OFF):
            del said[name]
            said["thinking off"] = True
    said["messages"] = [_message(message) for message in body["messages"]]
    return said


def _tools(said: dict[str, Any]) -> None:
    functions = [{"type": "function", "function": function} for function in said.pop("functions", ())]
    tools = [_tool(tool) for tool in said.get("tools", ())] + functions
    if tools:
        said["tools"] = tools
    choice = said.pop("function_call", said.get("tool_choice"))
    if isinstance(choice, dict) and "type" not in choice:
        choice = {"type": "function", "function": choice}
    said["tool_choice"] = "required" if choice == "any" else choice
    if choice is None or (choice == "none" and not tools):
        del said["tool_choice"]


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function" or "function" in tool:
        return tool
    return {"type": "function", "function": {name: value for name, value in tool.items() if name != "type"}}


def _message(message: dict[str, Any]) -> dict[str, Any]:
    said = {name: value for name, value in message.items() if value is not None and value != []}
    role = said["role"] = {"developer": "system", "function": "tool"}.get(said["role"], said["role"])
    said["content"] = _content(said.pop("content", ""))
    if role == "assistant":
        for name in _NOT_TAKEN_BACK:
            said.pop(name, None)
        _reasoning(said)
        calls = [_call(call) for call in said.get("tool_calls", ())]
        if legacy := said.pop("function_call", None):
            calls.append(["", "function", legacy])
        if calls:
            said["tool_calls"] = calls
    elif role == "tool":
        said.pop("name", None)
    return said


def _content(content: Any) -> Any:
    if isinstance(content, str):
        return content
    items = [_part({name: value for name, value in part.items() if value is not None}) for part in content]
    items = [part for part in items if part != {"type": "text", "text": ""}]
    return items[0]["text"] if len(items) == 1 and items[0].keys() == {"type", "text"} else items or ""


def _part(part: dict[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    if kind in ("image_url", "video_url") and isinstance(part.get(kind), str):
        part = {**part, kind: {"url": part[kind]}}
    if kind == "file" and "file_data" in part["file"]:
        part = {**part, "file": {"filename": "document.pdf", **part["file"]}}
    rest = {name: value for name, value in part.items() if name not in _MARKS}
    return rest if len(rest) == len(part) else {**rest, "marked": True}


def _call(call: dict[str, Any]) -> list[Any]:
    kind = "custom" if "custom" in call else "function"
    body = dict(call[kind])
    if kind == "function":
        body["arguments"] = body.get("arguments") or "{}"
        body.pop("parsed_arguments", None)
    others = {name: value for name, value in call.items() if name not in ("id", "type", "index", kind)}
    made_up = call["id"].startswith("call_") and call["id"].endswith(f"_{body['name']}")  # of a legacy call
    return ["" if made_up else call["id"], kind, body, *([others] if others else [])]


def _reasoning(said: dict[str, Any]) -> None:
    words = said.pop("reasoning_content", "") or said.get("reasoning", "")
    said.pop("reasoning", None)
    if words.strip() and "reasoning_details" not in said:
        said["reasoning"] = words


_TOLD: dict[str, tuple[str, ...]] = {
    "messages": ("messages", "tool_call", "output", "cache"),
    "tools": ("tools", "cache"),
    "web_search_options": ("tools",),
    "response_format": ("output", "response_format"),
    **dict.fromkeys((*_THINKING, "thinking off"), ("reasoning",)),
}


def explained(name: str, warnings: Sequence[Warning]) -> bool:
    """Whether a warning tells of the field ``name`` of a request's body."""
    told = _TOLD.get(name, (name,))
    return any(warning.field.split(".")[0] in told for warning in warnings)
