"""The JSON form of every public value and error: documented (``docs/json-form.md``), versioned, made to be stored.

``{"trunkline": 1, "value": {"type": ..., ...}}``. Fields at their default are left out; fields that a reader does not know
are passed over, so that an older version reads what a newer one wrote.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from .error_form import error_from_builtins, error_to_builtins
from .errors import TrunklineError, UsageError
from .events import AnyEvent
from .headers import Headers
from .json_types import is_pydantic
from .media import Data, FileId, LocalFile, Url
from .message import CacheMark, Citation, Message, Part, ProviderState, Scope
from .model import MediaLimits, Model, Price, PriceTier, PriceVariant, Quirks, Target
from .request import AudioOutput, CustomTool, HostedTool, OutputFormat, ReasoningOptions, Request, Tool, ToolChoice
from .response import Alternative, Attempt, Response, Step, Timings, TokenLogprob, Usage, Warning
from .transcript import Transcript

VERSION = 1

_TAGGED = (
    Part | AnyEvent | Message | Url | Data | FileId | LocalFile | Scope | ProviderState | CacheMark | Citation | Target | Tool
    | CustomTool | HostedTool | ToolChoice | OutputFormat | ReasoningOptions | AudioOutput | Request | Usage | TokenLogprob
    | Warning | Attempt | Timings | Alternative | Response | Step | Transcript
)  # fmt: skip
_UNTAGGED: dict[str, type[msgspec.Struct]] = {
    "model": Model, "price": Price, "price_tier": PriceTier, "price_variant": PriceVariant, "quirks": Quirks,
    "media_limits": MediaLimits,
}  # fmt: skip
_NAMES = {kind: name for name, kind in _UNTAGGED.items()}
_PATH = re.compile(r"`\$([^`]*)`$")

Storable = msgspec.Struct | TrunklineError | Headers
"""A public value, event or error, or the headers of a reply."""


def to_json(value: Storable | Sequence[Storable]) -> bytes:
    """``value`` (or a list of values: a stored chat) as JSON, UTF-8.

    A reply's ``output`` is stored as plain JSON. Raises ``UsageError`` for what has no JSON form: an open file, an object that
    is not ours.
    """
    tree = _to_builtins(value)
    document = {"trunkline": VERSION, "value": tree}
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:  # half a surrogate pair, as models cut them: only escaped can it be written
        import json  # a rare need

        return json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def from_json(data: bytes | str, *, local_files: bool = False) -> Any:
    """The value that ``to_json`` stored; a list comes back as a tuple.

    ``local_files`` must be True for a ``LocalFile`` to be read back: it names a file of this machine, and a stored chat may
    come from a stranger. Raises ``UsageError``, which names the place and never the content, for anything else than the
    JSON form of a version that we know.
    """
    document = _parsed(data)
    if not isinstance(document, dict) or "value" not in document or type(document.get("trunkline")) is not int:
        raise UsageError("not a stored value of ours", field="data", allowed='{"trunkline": 1, "value": ...}')
    if (version := document["trunkline"]) != VERSION:
        raise UsageError(f"stored by another version of the format ({version})", field="trunkline", allowed=str(VERSION))
    if not local_files:
        _refuse_local_files(document["value"], "value")
    return _from_builtins(document["value"], "value")


def _parsed(data: bytes | str) -> Any:
    if not isinstance(data, (bytes, bytearray, memoryview, str)):
        raise UsageError("wrong type", field="data", got=type(data).__name__, allowed="bytes or text")
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):
        pass
    import json  # reads the half surrogate pairs that msgspec refuses

    try:
        return json.loads(data if isinstance(data, (str, bytes, bytearray)) else bytes(data))
    except (ValueError, RecursionError):
        raise UsageError("not JSON", field="data", allowed='{"trunkline": 1, "value": ...}') from None


def _to_builtins(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_to_builtins(item) for item in value]
    if isinstance(value, TrunklineError):
        return error_to_builtins(value, _struct_to_builtins)
    if isinstance(value, Headers):
        return {"type": "headers", "pairs": [list(pair) for pair in value.pairs]}
    if not isinstance(value, msgspec.Struct) or (value.__struct_config__.tag is None and type(value) not in _NAMES):
        raise UsageError(
            "no value of ours", field="value", got=type(value).__name__, allowed="our values, events and errors, or a list"
        )
    return _struct_to_builtins(value)


def _struct_to_builtins(value: msgspec.Struct) -> Any:
    try:
        tree = msgspec.to_builtins(value, enc_hook=_encode_other, str_keys=True)
    except (TypeError, RecursionError):
        raise UsageError("cannot be stored", field="value", got=type(value).__name__, allowed="what has a JSON form") from None
    name = _NAMES.get(type(value))
    return tree if name is None else {"type": name, **tree}


def _encode_other(value: Any) -> Any:
    if isinstance(value, Headers):
        return [list(pair) for pair in value.pairs]
    if is_pydantic(type(value)):
        return value.model_dump(mode="json")
    if hasattr(value, "read"):
        raise UsageError(
            "an open file cannot be stored",
            field="LocalFile.file",
            got=type(value).__name__,
            allowed="LocalFile(path=...), or Data",
        )
    raise UsageError("has no JSON form", field="value", got=type(value).__name__, allowed="what JSON can say")


def _from_builtins(tree: Any, at: str) -> Any:
    if isinstance(tree, list):
        return tuple([_from_builtins(item, f"{at}[{n}]") for n, item in enumerate(tree)])
    kind = tree.get("type") if isinstance(tree, dict) else None
    if kind == "error":
        return error_from_builtins(tree, at, converted)
    if kind == "headers":
        return converted(tree.get("pairs"), Headers, at)
    if isinstance(kind, str) and kind in _UNTAGGED:
        return converted(_known_quirks(kind, {k: v for k, v in tree.items() if k != "type"}), _UNTAGGED[kind], at)
    return converted(_known_quirks(kind, tree), _TAGGED, at)


def converted(tree: Any, kind: Any, at: str) -> Any:
    """``tree`` as a value of ``kind``; what does not fit is refused by its place alone."""
    try:
        return msgspec.convert(tree, kind, dec_hook=_decode_other)
    except (msgspec.ValidationError, UsageError, RecursionError) as error:
        found = _PATH.search(str(error))
        place = at + (found[1] if found else "")
        raise UsageError("not the JSON form of a value of ours", field=place, allowed="see docs/json-form.md") from None


def _decode_other(kind: type, tree: Any) -> Any:
    if kind is Headers:
        return Headers(msgspec.convert(tree, tuple[tuple[str, str], ...]))
    raise TypeError(kind.__name__)


def _known_quirks(kind: object, tree: Any) -> Any:
    """Quirks refuse unknown fields (a row with a typing error must fail); those of a newer version are passed over here."""
    if kind == "quirks":
        return {name: value for name, value in tree.items() if name in Quirks.__struct_fields__}
    if kind in ("model", "target") and isinstance(tree.get("quirks"), dict):
        return {**tree, "quirks": _known_quirks("quirks", tree["quirks"])}
    return tree


def _refuse_local_files(tree: Any, at: str) -> None:
    """Look through the parts of messages; ``LocalFile`` stands nowhere else."""
    stack = [(at, tree)]
    while stack:
        place, node = stack.pop()
        if isinstance(node, list):
            stack += [(f"{place}[{n}]", item) for n, item in enumerate(node)]
        elif isinstance(node, dict):
            if node.get("type") == "local_file":
                raise UsageError(
                    "a file of this machine", field=place, got="LocalFile", allowed="from_json(..., local_files=True)"
                )
            stack += [(f"{place}.{name}", cast("Any", node[name])) for name in _HOLDERS if name in node]


_HOLDERS = (
    "messages",
    "message",
    "parts",
    "part",
    "source",
    "partial",
    "alternatives",
    "errors",
    "facts",
    "steps",
    "response",
    "results",
    "result",
    "system",
    "summary",
)
