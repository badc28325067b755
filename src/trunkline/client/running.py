"""From what the user says of a run to what the engine carries out; shared by both clients, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine.backend import declared_async
from ..engine.call import Call
from ..engine.toolbox import Toolbox
from ..engine.toolloop import Rules
from ..ports import INFINITY
from ..values import expect
from ..values.errors import UsageError
from .calls import Calls
from .options import CALL_OPTIONS, RUN_OPTIONS, Prompt, known

_OWN = RUN_OPTIONS - CALL_OPTIONS


def run_of(
    calls: Calls, prompt: Prompt, options: Mapping[str, Any], *, stream: bool, blocking: bool
) -> tuple[Call, Toolbox, Rules]:
    """The call of a run, its tools, and its rules. Raises ``UsageError`` for whatever is wrong with them."""
    known(options, RUN_OPTIONS)
    rules = _rules(options, blocking)
    box = Toolbox.of(options["tools"] if "tools" in options else calls.said("tools"), blocking)
    if box.untrusted and rules.approve is None:
        raise UsageError(
            "tools of a server that is not trusted need somebody's leave",
            field="approve",
            got="None",
            allowed="a function of the ToolCall that says True or why not; or a server with trusted=True",
        )
    asked = {name: value for name, value in options.items() if name not in _OWN}
    asked["tools"] = box.tools
    if not box.is_open:  # it may be of a tool that a source has
        choice = asked["tool_choice"] if "tool_choice" in asked else calls.said("tool_choice")
        asked["tool_choice"], rules = None, rules._replace(tool_choice=choice)
    call = calls.call(prompt, asked, stream)
    if (call.request.n or 1) > 1:
        raise UsageError("a run follows one choice", field="n", got=str(call.request.n), allowed="1")
    return call, box, rules


def _rules(options: Mapping[str, Any], blocking: bool) -> Rules:
    approve = options.get("approve")
    if approve is not None and not callable(approve):
        expect.wrong("approve", approve, "a function of the ToolCall, or None", "no function")
    if blocking and declared_async(approve):
        raise UsageError("a coroutine function", field="approve", allowed="a plain function here; AsyncClient takes both")
    most = expect.whole(options.get("max_steps", 10), "max_steps", 1)
    seconds = options.get("tool_timeout")
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0):
        expect.wrong("tool_timeout", seconds, "seconds above 0, or None", "not a time")
    return Rules(approve, most, INFINITY if seconds is None else float(seconds))
