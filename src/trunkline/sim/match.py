"""Which requests a rule is for."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, TypeAlias

from ..dialects.dialect import Operation
from ..dialects.known import DIALECTS
from ..serve.answers import Asked
from ..values.errors import UsageError
from ..values.expect import one_of
from ..values.message import Image, Message, Text, ToolResult
from ..values.request import Request
from .steps import Checked
from .taken_up import taken_up

Condition: TypeAlias = Callable[[Request], bool]
_REGEX = re.compile(r"/(.*)/([imsx]*)\Z", re.DOTALL)


class When(Checked, frozen=True, kw_only=True):
    """What a request must be; what is None is not asked for. Texts ignore case; one in slashes (``/rain|snow/``, with flags as in
    ``/…/i``) is a regular expression.

    ``text``: found in the words of the last turn, those of the user since the model last spoke; ``system``: in the system's
    words; ``model``: its whole name; ``tools``: that there are some (True), none (False), or this one; ``after_tool``: that the
    last turn brings results of tools, or of this one; ``images``, ``output`` (a form is asked for), ``stream``: whether;
    ``dialect``: its id; ``headers``: name to what is found in it, or that it is there. ``operation``: what else than an answer
    is asked for.
    """

    text: str | None = None
    system: str | None = None
    model: str | None = None
    tools: bool | str | None = None
    after_tool: bool | str | None = None
    images: bool | None = None
    output: bool | None = None
    stream: bool | None = None
    dialect: str | None = None
    headers: dict[str, str | bool] = {}
    operation: Literal["generate", "count_tokens", "models", "model"] = "generate"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dialect is not None:
            one_of(self.dialect, "dialect", DIALECTS, "dialect")
        for name in ("text", "system", "model"):
            if (text := getattr(self, name)) is not None:
                _check(text, name)
        for name, wanted in self.headers.items():
            if isinstance(wanted, str):
                _check(wanted, f"headers.{name}")

    def __call__(self, asked: Asked) -> bool:
        """Whether ``asked`` is such a request."""
        if asked.operation is not Operation(self.operation):
            return False
        if self.dialect is not None and asked.half.id != self.dialect:
            return False
        if not all(_header_fits(asked, name, wanted) for name, wanted in self.headers.items()):
            return False
        if asked.decoded is None:
            return self.model is None or _fits(self.model, asked.model or "", whole=True)
        return self._fits_request(asked.decoded.request)

    def _fits_request(self, request: Request) -> bool:
        turn = last_turn(request)
        names = [tool.name for tool in request.tools]
        return (
            (self.stream is None or self.stream == request.stream)
            and (self.model is None or _fits(self.model, request.model, whole=True))
            and (self.output is None or self.output == (request.output is not None))
            and (self.images is None or self.images == any(isinstance(part, Image) for m in turn for part in m.parts))
            and (self.tools is None or (self.tools in names if isinstance(self.tools, str) else self.tools == bool(names)))
            and (self.system is None or _fits(self.system, words_of(request, "system")))
            and (self.text is None or _fits(self.text, "\n".join(m.text for m in turn if m.role == "user")))
            and (self.after_tool is None or self._after_tool(request, turn))
        )

    def _after_tool(self, request: Request, turn: list[Message]) -> bool:
        results = [part for message in turn for part in message.parts if isinstance(part, ToolResult)]
        if not isinstance(self.after_tool, str):
            return bool(results) == self.after_tool
        names = {call.id: call.name for message in request.messages for call in message.tool_calls}
        return any(self.after_tool in (result.name, names.get(result.tool_call_id)) for result in results)


def last_turn(request: Request) -> list[Message]:
    """What was said since the model last spoke, without the system's words. Words put into its mouth do not count: neither at the
    end, nor before an instruction to carry on from them, which comes on top of the turn that they answer."""
    known = taken_up(request)
    said = [message for message in (*known.turns, *known.told) if message.role != "system"]
    while said and said[-1].role == "assistant":
        said.pop()
    start = max((n + 1 for n, message in enumerate(said) if message.role == "assistant"), default=0)
    return said[start:]


def words_of(request: Request, role: str) -> str:
    """All the words of one role, a line each part."""
    return "\n".join(
        part.text for message in request.messages if message.role == role for part in message.parts if type(part) is Text
    )


def _header_fits(asked: Asked, name: str, wanted: str | bool) -> bool:
    value = asked.http.headers.get(name)
    if isinstance(wanted, bool):
        return (value is not None) == wanted
    return value is not None and _fits(wanted, value)


def _check(wanted: str, field: str) -> None:
    try:
        _pattern(wanted)
    except re.error as error:
        raise UsageError(f"not a regular expression: {error}", field=field) from None


@lru_cache(maxsize=256)
def _pattern(wanted: str) -> re.Pattern[str] | None:
    if (found := _REGEX.match(wanted)) is None:
        return None
    return re.compile(f"(?{found[2]}){found[1]}" if found[2] else found[1])


def _fits(wanted: str, text: str, *, whole: bool = False) -> bool:
    if (pattern := _pattern(wanted)) is not None:
        return pattern.search(text) is not None
    return wanted.casefold() == text.casefold() if whole else wanted.casefold() in text.casefold()


__all__ = ["Condition", "When", "last_turn", "words_of"]
