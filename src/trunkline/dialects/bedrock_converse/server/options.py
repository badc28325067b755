"""How much to think, and the form of the output, as ours. What we have no word for is left as it stands."""

from __future__ import annotations

from typing import Any, cast

from ....values.request import Effort, OutputFormat, ReasoningOptions
from ....wire.loose_json import loads
from ..request import UNNAMED
from ..thinking import EFFORTS
from .fields import refuse

Object = dict[str, Any]
_SHOWN = ("summarized", "omitted", "updates")
_THINKING = ("thinking", "reasoning_config")
"""Two names of one field of some models."""


def reasoning_of(own: Object, output: Object) -> ReasoningOptions | None:
    """Takes what it reads out of ``own`` (``additionalModelRequestFields``) and ``output`` (``outputConfig``)."""
    name = next((name for name in _THINKING if isinstance(own.get(name), dict)), None)
    if name is None:
        return None
    thinking = own[name]
    kind, budget, show = thinking.get("type"), thinking.get("budget_tokens"), thinking.get("display")
    known = {"type"} | ({"budget_tokens"} if kind == "enabled" else set()) | ({"display"} if show in _SHOWN else set())
    if thinking.keys() - known or kind not in ("adaptive", "enabled", "disabled"):
        return None
    if kind == "enabled" and (type(budget) is not int or budget < 1):
        refuse(f"additionalModelRequestFields.{name}.budget_tokens", "a number of tokens is expected")
    del own[name]
    if kind == "disabled":
        return ReasoningOptions(enabled=False, show=show)
    effort: Effort | None = None
    if kind == "adaptive" and output.get("effort") in EFFORTS:
        effort = cast("Effort", output.pop("effort"))
    bare = budget is None and effort is None
    return ReasoningOptions(effort=effort, budget=budget, enabled=True if bare else None, show=show)


def output_of(output: Object) -> OutputFormat | None:
    """The schema of ``outputConfig.textFormat``, taken out of there."""
    format = output.get("textFormat")
    if format is None:
        return None
    structure = format.get("structure") if isinstance(format, dict) else None
    said = structure.get("jsonSchema") if isinstance(structure, dict) else None
    if not (isinstance(format, dict) and isinstance(structure, dict) and isinstance(said, dict)):
        refuse("outputConfig.textFormat.structure.jsonSchema", "an object is expected")
    if (
        said.keys() - {"schema", "name", "description"}
        or structure.keys() - {"jsonSchema"}
        or format.keys() - {"type", "structure"}
    ):
        return None
    try:
        schema = loads(said["schema"].encode("utf-8", "surrogatepass"))
    except (ValueError, KeyError, AttributeError):
        schema = None
    if not isinstance(schema, dict):
        refuse("outputConfig.textFormat.structure.jsonSchema.schema", "a JSON Schema is expected, as text")
    name, description = said.get("name") or UNNAMED, said.get("description")
    if not isinstance(name, str) or not isinstance(description, (str, type(None))):
        refuse("outputConfig.textFormat.structure.jsonSchema", "its name and description are text")
    del output["textFormat"]
    return OutputFormat(schema, name, description)
