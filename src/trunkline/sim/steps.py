"""What a rule does, step by step: what is said, and what goes wrong. One model for Python and for scenario files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, get_args, get_origin, get_type_hints

import msgspec

from ..serve.outlet import in_bytes
from ..values.errors import UsageError
from ..values.expect import did_you_mean, json_value, kind_of, one_of

Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Status: TypeAlias = Annotated[int, msgspec.Meta(ge=200, le=599)]
Kind = Literal[
    "authentication",
    "permission",
    "not_found",
    "invalid_request",
    "context_length",
    "content_filter",
    "rate_limit",
    "quota",
    "overloaded",
    "server",
]
"""What an error is, in a word; each protocol has its own words, status and body for it."""


class ByName(msgspec.StructMeta):
    """Classes that say by name what they take, where they are called with something else."""

    if not TYPE_CHECKING:  # to a checker of types they are called as any other

        def __call__(cls, *values: Any, **named: Any) -> Any:  # noqa: N805 - of a metaclass it is the class
            try:
                return super().__call__(*values, **named)
            except TypeError as error:
                if error.__traceback__.tb_next is not None:
                    raise
                raise _miscalled(cls, len(values), named) from None  # msgspec's words name neither class nor fields


def _miscalled(kind: type[msgspec.Struct], count: int, named: Collection[str]) -> UsageError:
    """The error of a call with ``count`` values and ``named`` ones that ``kind`` does not take."""
    name, fields = kind.__name__, signature(kind).parameters
    by_place = [field for field, told in fields.items() if told.kind is not Parameter.KEYWORD_ONLY]
    allowed = ", ".join(fields) or None
    for field in named:
        if field not in fields:
            return UsageError(f"{name} has no such field{did_you_mean(field, fields)}", field=field, allowed=allowed)
    if count > len(by_place) == 0:
        words = "takes values by name only" if fields else "takes nothing"
        return UsageError(words, field=name, got=str(count), allowed=", ".join(f"{field}=" for field in fields) or None)
    if count > len(by_place):
        values = "1 value" if len(by_place) == 1 else f"{len(by_place)} values"
        return UsageError(f"takes {values} without a name", field=name, got=str(count), allowed=allowed)
    for field in by_place[:count]:
        if field in named:
            return UsageError(f"{name} was given it twice", field=field, allowed=allowed)
    missing = [
        field for field, told in fields.items() if told.default is Parameter.empty and field not in (*named, *by_place[:count])
    ]
    return UsageError(f"{name} needs it", field=next(iter(missing), None), allowed=allowed)


class Checked(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, repr_omit_defaults=True, metaclass=ByName
):
    """Fields that are what their annotations say: anything else is refused when it is made, with the field's name."""

    checked_as: ClassVar[Mapping[str, Any]] = {}
    """The type that a field has once it is made, where more is taken."""

    def __post_init__(self) -> None:
        for name, hint in _hints(type(self)).items():
            value = getattr(self, name)
            try:
                found = msgspec.convert(value, hint)
            except (msgspec.ValidationError, TypeError) as error:
                if isinstance(value, str) and (words := _words(hint)):
                    one_of(value, name, words)
                raise UsageError(str(error).partition(" - at")[0], field=name, got=kind_of(value)) from None
            if not isinstance(found, bytes):
                json_value(found, name)  # so that whatever is said of it can be written
            if found is not value:
                msgspec.structs.force_setattr(self, name, found)


@cache
def _hints(kind: type[Checked]) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: kind.checked_as.get(name, hints[name]) for name in kind.__struct_fields__ if hints[name] is not Any}


def _words(hint: Any) -> tuple[str, ...]:
    """Those of which a field is one; none where it may be any text, or is none."""
    return get_args(hint) if get_origin(hint) is Literal else tuple(word for part in get_args(hint) for word in _words(part))


class Step(Checked, frozen=True):
    """One thing that a rule does."""


class Worded(Step, frozen=True):
    """What consists of words. A list of texts: exactly these pieces, in place of tokens."""

    text: str | Sequence[str]

    checked_as: ClassVar[Mapping[str, Any]] = {"text": str | tuple[str, ...]}


class Say(Worded, frozen=True, kw_only=True):
    """Words of the answer. ``continues``: where the conversation holds their beginning already, only the rest is said."""

    continues: bool = True


class Think(Worded, frozen=True):
    """Reasoning."""


class Refuse(Step, frozen=True):
    """The model's refusal, in its own words."""

    text: str = "I cannot help with that."


class Call(Step, frozen=True):
    """A call of the tool ``name``. ``arguments`` as JSON, or as the very text, whatever it is. ``id``: made up where None."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    arguments: dict[str, Any] | str = {}
    id: str | None = None

    @property
    def raw_arguments(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else msgspec.json.encode(self.arguments).decode()


class Pause(Step, frozen=True):
    """Nothing, for so many seconds."""

    seconds: Seconds


class Fail(Step, frozen=True):
    """An error reply (in the midst of a stream: an error event). ``status`` or ``kind``, each told from the other where it is
    None; with neither, a ``server`` error. A status below 400 takes a ``body`` or a ``kind`` beside it.

    ``kind``: ``authentication``, ``permission``, ``not_found``, ``invalid_request``, ``context_length``, ``content_filter``,
    ``rate_limit``, ``quota``, ``overloaded`` or ``server``. ``body``: in place of the protocol's own, a dict as JSON. ``headers``
    come on top. ``message``: the words for people; ``code``: the one for programs. ``retry_after``: seconds, as a header.
    """

    status: Status | None = None
    body: bytes | str | dict[str, Any] | None = None
    headers: dict[str, str] = {}
    kind: Kind | None = None
    message: str | None = None
    code: str | None = None
    retry_after: Seconds | None = None

    checked_as: ClassVar[Mapping[str, Any]] = {"body": bytes | None}

    def __post_init__(self) -> None:
        if isinstance(self.body, dict):
            json_value(self.body, "body")
            msgspec.structs.force_setattr(self, "body", msgspec.json.encode(self.body))
        elif isinstance(self.body, str):
            msgspec.structs.force_setattr(self, "body", _in_utf8(self.body, "body"))
        super().__post_init__()
        _check_headers(self.headers)
        if self.status is not None and self.status < 400 and self.body is None and self.kind is None:
            allowed = "400 to 599; with a body or a kind of its own any from 200"
            raise UsageError("this is no error", field="status", got=str(self.status), allowed=allowed)


class StreamError(Step, frozen=True):
    """An error event as the stream's last word, after a head of 200; its words as in ``Fail``. A whole reply becomes an error
    reply."""

    kind: Kind = "server"
    message: str | None = None
    code: str | None = None


class Stall(Step, frozen=True):
    """Nothing comes any more, for so many seconds or (None) for ever, while the connection stays open."""

    seconds: Seconds | None = None


class Reset(Step, frozen=True):
    """The connection is reset."""


class Close(Step, frozen=True):
    """The connection is closed properly, though the reply is not at its end."""


class Cut(Step, frozen=True):
    """The connection is closed after so many further events, or bytes, of the body. A whole reply has no events: half of it
    comes."""

    events: Count | None = None
    bytes: Count | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.events is None) == (self.bytes is None):
            raise UsageError(
                "one of both: after so many events, or after so many bytes", field="events", allowed="events or bytes"
            )


class Garble(Step, frozen=True):
    """The next event (the body of a whole reply) is spoilt: a ``flip`` of a sign that JSON needs, or only ``half`` of it comes;
    None: one of both, by the seed."""

    how: Literal["flip", "half"] | None = None


class SlowHead(Step, frozen=True):
    """The reply's head comes byte by byte, over so many seconds."""

    seconds: Seconds


class Down(Step, frozen=True):
    """The connection is reset, and for so many seconds (at full ``speed``: never) every new one is refused."""

    seconds: Seconds


class Raw(Step, frozen=True):
    """Bytes past the encoders: the whole body, or its pieces. ``status`` None: past HTTP too, and then the connection is closed.

    After something was said, they stand in the midst of the body.
    """

    data: bytes | str | Sequence[bytes | str]
    status: Status | None = 200
    headers: dict[str, str] = {}

    checked_as: ClassVar[Mapping[str, Any]] = {"data": tuple[bytes, ...]}

    def __post_init__(self) -> None:
        given: object = self.data
        if isinstance(given, str | bytes):
            given = [given]
        if isinstance(given, list | tuple):
            given = tuple(_in_utf8(item, "data") if isinstance(item, str) else item for item in given)
        msgspec.structs.force_setattr(self, "data", given)
        super().__post_init__()
        _check_headers(self.headers)
        if self.headers and self.status is None:
            raise UsageError("past HTTP there are none", field="headers", got="dict", allowed="headers among the bytes")
        if self.status in {204, 304} and any(self.chunks):
            raise UsageError(
                "a reply of this status has no body", field="data", allowed="b'', or status=None and the whole reply"
            )

    @property
    def chunks(self) -> tuple[bytes, ...]:
        assert isinstance(self.data, tuple)
        return self.data


def _check_headers(headers: Mapping[str, str]) -> None:
    in_bytes(headers.items())
    for name in headers:
        if name.lower() in ("content-length", "transfer-encoding"):
            allowed = "others; Raw(…, status=None) sends a whole reply, however wrong"
            raise UsageError("how long a body is says HTTP itself", field=f"headers.{name}", allowed=allowed)


def _in_utf8(text: str, field: str) -> bytes:
    json_value(text, field)
    return text.encode()


AnyStep = (
    Say | Think | Refuse | Call | Pause | Fail | StreamError | Stall | Reset | Close | Cut | Garble | SlowHead | Down | Raw
)  # fmt: skip
STEPS: dict[str, type[Step]] = {
    "say": Say,
    "think": Think,
    "refuse": Refuse,
    "call": Call,
    "pause": Pause,
    "fail": Fail,
    "stream_error": StreamError,
    "stall": Stall,
    "reset": Reset,
    "close": Close,
    "cut": Cut,
    "garble": Garble,
    "slow_head": SlowHead,
    "down": Down,
    "raw": Raw,
}
"""Their names in a scenario file."""
SPOKEN = (Say, Think, Refuse, Call)
"""What an answer consists of; everything else is what goes wrong."""


def ends(step: Step) -> bool:
    """Whether nothing can come after ``step``."""
    return isinstance(step, (Fail, StreamError, Reset, Close, Down)) or (isinstance(step, Stall) and step.seconds is None)


def check_order(steps: Sequence[Step]) -> None:
    """Raise ``UsageError`` for the first step that can never come true where it stands."""
    raw: Step | None = None
    for n, step in enumerate(steps):
        before = steps[:n]
        said = any(isinstance(other, SPOKEN) for other in before)
        words = ""
        if before and ends(before[-1]):
            words = f"nothing comes after {type(before[-1]).__name__}"
        elif raw is not None and not isinstance(step, _AFTER_RAW):
            words = "a body of raw bytes is not added to by what is encoded"
        elif said and (isinstance(step, SlowHead) or (isinstance(step, Raw) and (step.status != 200 or step.headers))):
            words = "the head is out by then"
        if words:
            raise UsageError(words, field=f"steps[{n}]", got=type(step).__name__)
        if isinstance(step, Raw) and not said:
            raw = step


_AFTER_RAW = (Raw, Pause, Stall, Reset, Close, Down)
