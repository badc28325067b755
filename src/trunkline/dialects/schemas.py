"""JSON Schemas as providers take them: what one refuses is said otherwise or left out, and told.

Sources: the guides to structured outputs (OpenAI: closed objects, all keys required, an object at the root; Anthropic: closed
objects, no recursion, no bounds of numbers, texts and lists, ten formats, both for outputs and for strict tools), and what the
vendors' SDKs do: a bound that is not taken stands in the description.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ..values.request import OutputFormat, Tool
from ..values.strict_schema import in_words, strict_schema
from ..wire.loose_json import DEEPEST
from .losses import Losses
from .request_body import OBEY, ONLY_JSON, json_bytes

Schema = dict[str, Any]
BOUNDS = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "minItems",
    "maxItems", "uniqueItems", "minProperties", "maxProperties",
})  # fmt: skip
CONDITIONS = frozenset({
    "not", "if", "then", "else", "allOf", "patternProperties", "propertyNames", "contains", "minContains", "maxContains",
    "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems",
})  # fmt: skip
_UNHELD = BOUNDS - {"pattern"}
_NAMED = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
_VALUES = ("enum", "const", "default", "examples", "example", "required", "type")
_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
BEYOND = "free-form objects and schemas that hold themselves cannot be demanded to the letter here"
_MOST_NODES = 5000


def mapped(schema: Any, change: Callable[[Schema], Schema], depth: int = 0) -> Any:
    """A copy of ``schema`` in which every schema is changed, from the leaves up."""
    if isinstance(schema, list):
        return [mapped(item, change, depth + 1) for item in schema]
    if not isinstance(schema, dict) or depth > DEEPEST:
        return schema
    made: Schema = {}
    for name, item in schema.items():
        if name in _NAMED and isinstance(item, dict):
            made[name] = {inner: mapped(value, change, depth + 2) for inner, value in item.items()}
        else:
            made[name] = item if name in _VALUES else mapped(item, change, depth + 1)
    return change(made)


def words_of(schema: Any) -> set[str]:
    """Every keyword that stands in a schema."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            found.update(node)
            for name, item in node.items():
                if name in _NAMED and isinstance(item, dict):
                    waiting += item.values()
                elif name not in _VALUES:
                    waiting.append(item)
    return found


# ------------------------------------------------------------------------------------------------------ demanded to the letter


def closed(schema: Schema, field: str, losses: Losses) -> Schema | None:
    """``schema`` as Anthropic's models obey it to the letter; None where they cannot."""
    if not closable(schema):
        return None
    left: set[str] = set()
    was_open = False

    def change(node: Schema) -> Schema:
        nonlocal was_open
        unheld = [name for name in node if name in _UNHELD and not (name == "minItems" and node[name] in (0, 1))]
        if isinstance(kind := node.get("format"), str) and kind not in _FORMATS:
            unheld.append("format")
        left.update(unheld)
        if "oneOf" in node and "anyOf" not in node:
            node["anyOf"] = node.pop("oneOf")
        if _is_object(node) and node.get("additionalProperties") is None:
            node["additionalProperties"], was_open = False, True
        return in_words(node, unheld)

    made: Schema = mapped(schema, change)
    if was_open:
        losses.approximated(field, "objects must say additionalProperties: false here, and now do")
    if left:
        losses.approximated(field, f"bounds are said in the description only: {', '.join(sorted(left))}")
    return made


def _is_object(node: Schema) -> bool:
    kind = node.get("type")
    return kind == "object" or "properties" in node or (isinstance(kind, list) and "object" in kind)


def closable(schema: Schema) -> bool:
    """Whether its objects name all their keys, and no definition holds itself."""
    from graphlib import CycleError, TopologicalSorter  # costs a little, and few need it

    free = False
    refers: set[str] = set()

    def look(node: Schema) -> Schema:
        nonlocal free
        free = free or node.get("additionalProperties") not in (None, False) or "patternProperties" in node
        if isinstance(reference := node.get("$ref"), str):
            refers.add(reference)
        return node

    graph: dict[str, set[str]] = {}
    for word, known in definitions_of(schema).items():
        refers = set()
        mapped(known, look)
        graph[word] = {reference.rpartition("/")[2] for reference in refers}
    refers = set()
    mapped(schema, look)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return False
    return not free and all(reference.rpartition("/")[2] in graph for reference in refers)


def definitions_of(schema: Schema) -> Schema:
    found: Schema = {}
    for word in ("definitions", "$defs"):
        found |= known if isinstance(known := schema.get(word), dict) else {}
    return found


# --------------------------------------------------------------------------------------------------------- parameters of tools


def rooted(schema: Schema, losses: Losses) -> Schema:
    """``schema`` with an object at its root, as parameters must be: alternatives there are laid together."""
    parts = [word for word in ("$ref", "anyOf", "oneOf", "allOf") if word in schema]
    if not parts:
        return {"type": "object", **schema} if "properties" in schema and "type" not in schema else schema
    losses.approximated("tools.parameters", "alternatives at the root are laid together: parameters are one object")
    made: Schema = {name: item for name, item in schema.items() if name not in (*parts, "required")}
    members: Schema = {}
    needed: set[str] | None = None
    for alternative, every in _alternatives(schema):
        for name, member in _members(alternative):
            known = members.setdefault(name, member)
            members[name] = known if known == member else {"anyOf": [known, member]}
        names = {name for name in _listed(alternative.get("required")) if isinstance(name, str)}
        needed = names if needed is None else needed | names if every else needed & names
    required = {name for name in _listed(schema.get("required")) if isinstance(name, str)} | (needed or set())
    made |= {"type": "object", "properties": members | dict(_members(schema))}
    return {**made, "required": sorted(required)} if required else made


def _members(node: Schema) -> list[tuple[str, Any]]:
    return list(members.items()) if isinstance(members := node.get("properties"), dict) else []


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _alternatives(schema: Schema) -> Iterable[tuple[Schema, bool]]:
    """What a root is made of, and whether it always holds; each definition once."""
    definitions = definitions_of(schema)
    seen: set[int] = set()
    waiting: deque[tuple[Any, bool]] = deque([(schema, True)])
    while waiting:
        node, every = waiting.popleft()
        if not isinstance(node, dict) or id(node) in seen:
            continue
        seen.add(id(node))
        if node is not schema:
            yield node, every
        if isinstance(reference := node.get("$ref"), str):
            waiting.append((definitions.get(reference.rpartition("/")[2]), every))
        for word in ("anyOf", "oneOf", "allOf"):
            waiting += [(inner, every and word == "allOf") for inner in _listed(node.get(word))]


def asked_in_words(output: OutputFormat, losses: Losses, *, demandable: bool) -> str:
    """What Anthropic's models are told in place of a schema. ``demandable``: only this schema is not taken."""
    if output.schema is None:
        losses.approximated("output", "JSON without a schema is asked for in words")
        return ONLY_JSON
    reason = f"{BEYOND}: it is asked for in words" if demandable else "this model takes no schema: it is asked for in words"
    losses.approximated("output.schema", reason)
    return ONLY_JSON + OBEY + json_bytes(output.schema, losses).decode()


def closed_parameters(tool: Tool, losses: Losses, *, no_strict: bool) -> tuple[Schema, bool | None]:
    """The parameters of a tool for Anthropic's models, and whether they are demanded to the letter."""
    if not tool.parameters:
        empty = {"type": "object", "properties": {}}
        schema = empty | {"additionalProperties": False} if tool.strict and not no_strict else empty
    else:
        schema = rooted(tool.parameters, losses)
        schema = schema if "type" in schema else {"type": "object", **schema}
    if tool.strict is None or no_strict:
        if tool.strict is not None:
            losses.dropped("tools.strict", "not understood here")
        return schema, None
    if not tool.strict:
        return schema, False
    made = closed(schema, "tools.parameters", losses)
    if made is None:
        losses.dropped("tools.strict", BEYOND)
        return schema, None
    return made, True


def strict_parameters(tool: Tool, losses: Losses, *, no_strict: bool) -> tuple[Schema | None, bool | None]:
    """The parameters of a tool for OpenAI's models, and whether they are demanded to the letter."""
    schema = None if tool.parameters is None else rooted(tool.parameters, losses)
    if not tool.strict or not schema or no_strict:
        return schema, tool.strict
    made = strict_schema(schema)
    if made is None:
        losses.dropped("tools.strict", "beyond the strict subset: free-form objects, conditions, or larger than its limits")
        return schema, None
    if made != schema:
        why = "demanded to the letter every key is there, null where it may be left out; other words stand in descriptions"
        losses.approximated("tools.parameters", why)
    return made, True


def written_out(schema: Schema) -> Schema | None:
    """``schema`` with its definitions where they are referred to; None where that has no end, or is too much."""
    definitions = definitions_of(schema)
    if not definitions:
        return schema
    nodes = 0

    def write(node: Any, within: tuple[str, ...]) -> Any:
        nonlocal nodes
        nodes += 1
        if nodes > _MOST_NODES or len(within) > DEEPEST:
            raise OverflowError
        if isinstance(node, list):
            return [write(item, within) for item in node]
        if not isinstance(node, dict):
            return node
        while isinstance(reference := node.get("$ref"), str):
            name = reference.rpartition("/")[2]
            if name in within or not isinstance(known := definitions.get(name), dict):
                raise OverflowError
            node, within = {**known, **{word: item for word, item in node.items() if word != "$ref"}}, (*within, name)
        return {word: item if word in _VALUES else write(item, within) for word, item in node.items()}

    try:
        made: Schema = write({word: item for word, item in schema.items() if word not in ("$defs", "definitions")}, ())
    except (OverflowError, RecursionError):
        return None
    return made
