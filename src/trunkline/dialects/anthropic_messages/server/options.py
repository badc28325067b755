"""How much to think, and the form of the output (§4, §7), as ours. What we have no word for is left as it stands."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ....values.request import Effort, OutputFormat, ReasoningOptions
from ...losses import Losses
from ..thinking import EFFORTS
from .fields import refuse, value_at

_SHOWN = ("summarized", "omitted", "updates")
Object = dict[str, Any]


def object_of(raw: msgspec.Raw | None, path: str) -> Object:
    """A field that is an object, parsed; absent and null are empty."""
    value = None if raw is None else value_at(raw, path)
    if value is not None and not isinstance(value, dict):
        refuse(path, "an object is expected")
    return value or {}


def reasoning_of(thinking: Object, output: Object, losses: Losses) -> ReasoningOptions | None:
    """Takes what it reads out of ``thinking`` and ``output`` (``output_config``)."""
    effort: Effort | None = cast("Effort", output["effort"]) if output.get("effort") in EFFORTS else None
    if not thinking:
        if effort is None:
            return None
        losses.approximated("output_config.effort", "an effort for all that is written is taken for an effort of thinking")
        del output["effort"]
        return ReasoningOptions(effort=effort)
    kind = thinking.get("type")
    if not isinstance(kind, str):
        refuse("thinking.type", "text is expected")
    if kind in ("disabled", "between_tools"):  # the effort is then one of writing: it stays where it is
        if kind == "disabled":
            del thinking["type"]
        return ReasoningOptions(enabled=False)
    if kind not in ("adaptive", "enabled"):
        return None
    show = thinking.get("display") if thinking.get("display") in _SHOWN else None
    budget = _budget(thinking) if kind == "enabled" else None
    del thinking["type"]
    if show is not None:
        del thinking["display"]
    if effort is not None:
        del output["effort"]
    bare = budget is None and effort is None
    return ReasoningOptions(effort=effort, budget=budget, enabled=True if bare else None, show=show)


def _budget(thinking: Object) -> int:
    budget = thinking.pop("budget_tokens", None)
    if not isinstance(budget, int) or isinstance(budget, bool) or budget < 1:
        refuse("thinking.budget_tokens", "a number of tokens is expected")
    return budget


def output_of(output: Object, older: Object) -> OutputFormat | None:
    """The schema of ``output_config.format``, or of ``output_format``, as it was called in its beta; taken out of there."""
    asked, at = (output.get("format"), "output_config.format") if output.get("format") is not None else (older, "output_format")
    if not asked:
        return None
    if not isinstance(asked, dict):
        refuse(at, "an object is expected")
    if asked.get("type") != "json_schema":
        return None
    schema = asked.get("schema")
    if not isinstance(schema, dict):
        refuse(f"{at}.schema", "a JSON Schema is expected, as an object")
    del asked["type"], asked["schema"]
    if asked is not older and not asked:
        del output["format"]
    return OutputFormat(schema)
