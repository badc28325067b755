"""What the address of a request says (gemini §1, §13): the model, what is asked of it, in which form a stream comes."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from ....values.late_pattern import LatePattern
from ....wire.http import HttpRequest

GENERATE, STREAM, COUNT = "generateContent", "streamGenerateContent", "countTokens"
PUBLISHERS = "publishers"
"""What ``Context.version`` says of addresses where models have a publisher."""
_RESOURCE = LatePattern(r"(?:^|/)(models|tunedModels|endpoints)/(.+)", re.DOTALL)
_FRAMING = ("alt", "$alt", "key", "$key", "access_token")
"""What says how it is asked, or who asks, and nothing of what: none of it is passed on."""
_PREFIXES = ("models/", "publishers/google/models/")


class Address(msgspec.Struct, frozen=True):
    """``model`` as our side spells it; ``method`` is what stands after the last colon. ``array``: a stream comes as one JSON
    array. ``published``: models stand among those of a publisher there (Vertex)."""

    model: str
    method: str
    array: bool
    published: bool
    query: dict[str, str]
    twice: bool = False


def address_of(http: HttpRequest) -> Address:
    """Whatever the address: what it does not say is empty."""
    try:
        parts = urlsplit(http.url)
        path, query = unquote(parts.path).rstrip("/"), parts.query
    except ValueError:
        path, query = "", ""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100) if query else []
    except ValueError:
        pairs = []
    given = dict(pairs)
    found = _RESOURCE().search(path)
    last = path.rpartition("/")[2]
    kind, rest = (found[1], found[2]) if found else ("models", last if ":" in last else "")
    model, colon, method = rest.rpartition(":")
    model, method = (model, method) if colon else (rest, "")
    form = (given.get("alt") or given.get("$alt") or "").partition(";")[0].lower()
    return Address(
        plain_model(model) if kind == "models" else f"{kind}/{model}",
        method,
        form != "sse",
        "/projects/" in path or "/publishers/" in path,
        {name: value for name, value in given.items() if name not in _FRAMING},
        len(given) < len(pairs),
    )


def plain_model(name: str) -> str:
    """The name of a model without what says where it stands."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name
