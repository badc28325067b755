"""What counts as a key, and how much of one may be shown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..values.errors import UsageError
from ..values.late_pattern import LatePattern
from ..values.secret import Origin, Secret

_PLACEHOLDER = LatePattern(
    r"""(?ix)
      (?:sk|pk|key)?[-_]?(?:\.{2,}|…|x{3,}|\*{3,})[-_x.*…]*   # sk-..., xxxx, ****
    | .*(?:\.{3}|…)                                      # sk-proj-...
    | (?:sk|pk|gsk)[-_](?:ant|proj|or|v1|[-_])*(?:x{3,}[-_x]*|your.*)
    | (?:<.*>|\$\{?\w+\}?|%\w+%|\{\{.*\}\})               # <your key>, ${KEY}, %KEY%: not filled in
    | your[-_ ].*|.*[-_]your[-_].*|.*your[-_]?(?:\w+[-_])?(?:api[-_]?)?key.*
    | (?:change|replace|fill|insert|enter|put)[-_ ]?(?:me|it|this|in|your|key|api).*
    | (?:api[-_]?key|placeholder|todo|tbd|none|null|undefined|example|secret)
    | .*(?:key|token)[-_ ]here
    """
)

# One of these stands in whatever the pattern takes: most keys are known to be none without it.
_MARKS = (
    "..", "…", "xxx", "***", "<", "$", "%", "{{", "your", "change", "replace", "fill", "insert", "enter", "put", "key", "todo",
    "tbd", "none", "null", "undefined", "example", "secret", "placeholder", "here",
)  # fmt: skip


def checked_key(text: object, field: str, origin: Origin) -> Secret | None:
    """``text`` as a key; None when it is a placeholder (see ``is_placeholder``).

    Space around it is cut off. ``UsageError`` names ``field`` where it cannot be a header's value: a space, a control
    character or one beyond ASCII within it, quotes around it, or no text at all.
    """
    if not isinstance(text, str):
        raise UsageError("is no key", field=field, got=type(text).__name__, allowed="text")
    text = text.strip()
    if is_placeholder(text):
        return None
    if re.search(r"[^!-~]", text):
        why = "holds a space, a control character or a character beyond ASCII"
        raise UsageError(why, field=field, got="text", allowed="the key alone, without Bearer or the like")
    if text[0] in "'\"" and text[-1] in "'\"":
        raise UsageError("has quotes around it", field=field, got="text", allowed="the key alone")
    return Secret(text, origin)


def checked_keys(value: object, field: str, origin: Origin) -> tuple[Secret, ...]:
    """Each key once, in their order, of a list or of text with commas between them; placeholders are left out."""
    texts = value.split(",") if isinstance(value, str) else value
    if not isinstance(texts, Sequence):
        raise UsageError("is no list of keys", field=field, got=type(value).__name__, allowed="a list of texts")
    keys = (checked_key(text.reveal() if isinstance(text, Secret) else text, field, origin) for text in texts)
    return tuple({key.id: key for key in keys if key is not None}.values())


def is_placeholder(text: str) -> bool:
    """Whether a text only holds a key's place: ``your-openai-api-key``, ``sk-...``, ``changeme``, ``<key>``, an empty text.

    Words that local servers are given (``dummy``, ``EMPTY``, ``test``) are keys.
    """
    text = text.strip()
    if not text or len(text) > 200:
        return not text
    low = text.lower()
    return any(mark in low for mark in _MARKS) and _PLACEHOLDER().fullmatch(text) is not None


def shown_key(key: Secret) -> str:
    """``set``, and the last four characters of a key of at least 20."""
    text = key.reveal()
    return f"set (…{text[-4:]})" if len(text) >= 20 else "set"
