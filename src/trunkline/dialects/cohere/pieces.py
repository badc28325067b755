"""What both halves agree on: the dialect's id, its words for an end, and small pieces of a body, read on their own."""

from __future__ import annotations

from typing import Any

import msgspec

from ...values.message import Citation, ProviderState, Scope
from ...values.response import FinishReason, TokenLogprob
from ..dialect import Context

ID = "cohere"
PLAN = "tool_plan"
CUSTOM_INPUT = "input"
"""The one argument of the function that stands for a tool whose input is plain text."""
_REASONS: dict[str, FinishReason] = {
    "COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "ERROR_LIMIT": "length", "TOOL_CALL": "tool_calls",
    "ERROR": "error", "TIMEOUT": "error", "ERROR_TOXIC": "content_filter",
}  # fmt: skip
"""Two of them are version 1's: ``ERROR_TOXIC``, ``ERROR_LIMIT``."""


def finish_reason(raw: str | None, *, calls: bool) -> FinishReason:
    """Our word for the provider's; ``tool_calls`` whenever there are calls."""
    return "tool_calls" if calls else _REASONS.get((raw or "").upper(), "other")


def text_of(value: object) -> str:
    """``value`` where it is text, else nothing."""
    return value if isinstance(value, str) else ""


def text_or_none(value: object) -> str | None:
    """A text that says something."""
    return value if isinstance(value, str) and value else None


def object_of(value: object) -> dict[str, Any]:
    """``value`` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[dict[str, Any]]:
    """The objects in a list, or the one that stands in its place; what is neither has none."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def number(value: object) -> int | None:
    """A count or a place."""
    return value if type(value) is int else None


def arguments_text(value: object) -> str:
    """The arguments of a call as JSON text; null and nothing are no arguments."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def state(value: object, context: Context) -> ProviderState:
    """Something of this protocol's own, for the way back. What a server is asked is bound to nobody."""
    return ProviderState(ID, msgspec.json.encode(value), Scope() if context.served else Scope(context.target.owner))


def plan_state(text: str) -> ProviderState:
    """That a thought stood as ``tool_plan``, and goes back there. It is bound to nobody: the words are the model's own."""
    return ProviderState(ID, msgspec.json.encode({PLAN: text}))


def other_fields(fields: dict[str, Any], named: frozenset[str]) -> dict[str, Any]:
    """The fields that we do not name and that say something."""
    return {name: value for name, value in fields.items() if name not in named and value is not None}


# --- citations --------------------------------------------------------------------------------------------------------


def citation_of(item: dict[str, Any], context: Context) -> Citation:
    """What a piece of the reply's text rests on: ``sources`` are documents and answers of tools, by their ids.

    ``text_start, text_end`` count in the text that it stands in; title and address are those of the first source that has one.
    """
    sources = objects(item.get("sources"))
    facts = [object_of(source.get("document")) or object_of(source.get("tool_output")) for source in sources]
    url = next((found for fact in facts if (found := text_or_none(fact.get("url")))), None)
    return Citation(
        "search_result" if url is None else "url",
        cited_text=text_or_none(item.get("text")),
        title=next((found for fact in facts if (found := text_or_none(fact.get("title")))), None),
        url=url,
        source=",".join(text_of(source.get("id")) for source in sources) or None,
        text_start=number(item.get("start")),
        text_end=number(item.get("end")),
        state=state(item, context),
    )


def cites_text(item: dict[str, Any]) -> bool:
    """Whether a citation belongs to the answer, and not to a thought or a plan."""
    return item.get("type") in (None, "", "TEXT_CONTENT")


# --- log probabilities ------------------------------------------------------------------------------------------------


def logprobs_of(value: object) -> tuple[TokenLogprob, ...]:
    """The pieces of the reply with their log probabilities: where one is made of several tokens, that of all of them."""
    return tuple([found for item in objects(value) if (found := _logprob(item)) is not None])


def _logprob(item: dict[str, Any]) -> TokenLogprob | None:
    text, values = item.get("text"), item.get("logprobs")
    if not isinstance(text, str) or not isinstance(values, list) or not values:
        return None
    if not all(type(value) in (int, float) and abs(value) < 1e300 for value in values):
        return None
    return TokenLogprob(text, float(sum(values)))
