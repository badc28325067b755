"""Messages and their parts: what is said, by whom, to a model and by it."""

from __future__ import annotations

from typing import Any, Literal

from .errors import UsageError
from .media import Data, Medium, Source
from .model import Target
from .tool_arguments import read_arguments
from .value import Value

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


class Scope(Value, frozen=True, tag="scope"):
    """Whom provider state is bound to. None in a field: not bound in that respect. ``provider`` is a target's ``owner``,
    ``account`` the id of a key."""

    provider: str | None = None
    model: str | None = None
    account: str | None = None

    def covers(self, target: Target) -> bool:
        """Whether state of this scope may be sent to ``target``."""
        return (
            (self.provider is None or self.provider == target.owner)
            and (self.model is None or self.model == target.model)
            and (self.account is None or self.account == target.key)
        )


class ProviderState(Value, frozen=True, tag="state"):
    """What a provider wants back byte for byte: a signature, encrypted reasoning, an item of its own.

    ``data`` is the JSON of the wire, verbatim, of the dialect ``dialect``. It is replayed to a target of the same dialect
    that ``scope`` covers, and to nobody else. ``must_return``: the provider refuses the next turn without it.
    """

    dialect: str
    data: bytes
    scope: Scope = Scope()
    must_return: bool = False

    def fits(self, dialect: str, target: Target) -> bool:
        return self.dialect == dialect and self.scope.covers(target)


class CacheMark(Value, frozen=True, tag="cache"):
    """The prompt up to and including this part may be cached by the provider. ``ttl`` as in ``5m``, ``1h``; None: the provider's
    own. ``auto``, of a whole request: wherever it pays."""

    ttl: str | None = None
    auto: bool = False


class Citation(Value, frozen=True, tag="citation"):
    """What a piece of text rests on.

    ``kind``: ``url``/``web`` (a page), ``char``, ``page``, ``block`` (a place in document number ``document``),
    ``search_result``. ``start, end`` count in the source (characters, pages or blocks by kind); ``text_start, text_end``
    in the reply's text, where the provider says so. ``state`` is the provider's own form, for the way back.
    """

    kind: str
    cited_text: str | None = None
    title: str | None = None
    url: str | None = None
    source: str | None = None
    document: int | None = None
    file_id: str | None = None
    start: int | None = None
    end: int | None = None
    text_start: int | None = None
    text_end: int | None = None
    state: ProviderState | None = None


class Text(Value, frozen=True, tag="text"):
    """Words. ``citations`` say what they rest on."""

    text: str
    citations: tuple[Citation, ...] = ()
    cache: CacheMark | None = None
    state: ProviderState | None = None


class Image(Medium, Value, frozen=True, tag="image"):
    """A picture: ``Image.file("a.png")``, ``.bytes``, ``.url``, ``.pil``, ``.numpy``. ``detail``: ``auto``, ``low``, ``high``,
    ``original``."""

    source: Source
    detail: str | None = None
    cache: CacheMark | None = None
    state: ProviderState | None = None

    @classmethod
    def pil(cls, image: Any, **fields: Any) -> Image:
        """From a picture of PIL's, as PNG."""
        from .arrays import png_of_image

        return cls(Data(png_of_image(image), "image/png"), **fields)

    @classmethod
    def numpy(cls, array: Any, **fields: Any) -> Image:
        """From an array of uint8, height x width x nothing, 1, 3 or 4, as PNG."""
        from .arrays import png_of

        return cls(Data(png_of(array), "image/png"), **fields)


class Audio(Medium, Value, frozen=True, tag="audio"):
    """Sound: ``Audio.file("a.wav")``, ``.bytes``, ``.url``, ``.numpy``. In a reply, ``id`` names it for the next turn,
    ``transcript`` says its words, ``expires_at`` is in Unix seconds."""

    source: Source | None = None
    transcript: str | None = None
    id: str | None = None
    expires_at: int | None = None
    cache: CacheMark | None = None
    state: ProviderState | None = None

    @classmethod
    def numpy(cls, array: Any, sample_rate: int, **fields: Any) -> Audio:
        """From samples, or samples x channels, of int16 or of floats from -1 to 1, as WAV."""
        from .arrays import wav_of

        return cls(Data(wav_of(array, sample_rate), "audio/wav"), **fields)


class Video(Medium, Value, frozen=True, tag="video"):
    """A film: ``Video.file("a.mp4")``, ``.bytes``, ``.url``."""

    source: Source
    cache: CacheMark | None = None
    state: ProviderState | None = None


class File(Medium, Value, frozen=True, tag="file"):
    """A document: ``File.file("a.pdf")``, ``.bytes``, ``.url``. ``context`` is said to the model beside it; ``citations``:
    whether the model shall cite it."""

    source: Source
    filename: str | None = None
    title: str | None = None
    context: str | None = None
    citations: bool | None = None
    cache: CacheMark | None = None
    state: ProviderState | None = None


class Reasoning(Value, frozen=True, tag="reasoning"):
    """What a model thought. ``text`` may be empty where the provider keeps it to itself (``redacted``: on purpose)."""

    text: str = ""
    redacted: bool = False
    state: ProviderState | None = None


class ToolCall(Value, frozen=True, tag="tool_call"):
    """A model wants a tool run. ``raw_arguments`` is the text as sent, ``arguments`` its parsed view.

    ``kind`` is ``custom`` for a tool whose input is plain text instead of JSON.
    """

    id: str
    name: str
    raw_arguments: str = "{}"
    kind: Literal["function", "custom"] = "function"
    cache: CacheMark | None = None
    state: ProviderState | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments as a dict; empty text means none. Raises ``ValueError`` where the model wrote no JSON object, or one
        longer or deeper than any tool takes: see ``raw_arguments``."""
        try:
            return read_arguments(self.raw_arguments)
        except ValueError as error:
            call = f"{self.id[:80]!r} ({self.name[:80]})"
            raise ValueError(f"the arguments of tool call {call}: {error}; see raw_arguments") from None


class ToolResult(Value, frozen=True, tag="tool_result"):
    """What a tool answered to the call ``tool_call_id``: texts, pictures, documents."""

    tool_call_id: str
    parts: tuple[Part, ...] = ()
    is_error: bool = False
    name: str | None = None
    cache: CacheMark | None = None
    state: ProviderState | None = None

    @property
    def text(self) -> str:
        """Its texts, joined; ``str(result)`` is the same."""
        return "".join([part.text for part in self.parts if type(part) is Text])

    def __str__(self) -> str:
        return self.text


class Refusal(Value, frozen=True, tag="refusal"):
    """The model declined, in its own words."""

    text: str
    state: ProviderState | None = None


class HostedToolCall(Value, frozen=True, tag="hosted_tool_call"):
    """A tool that the provider ran itself (web search, code execution…). ``name`` is the provider's name for it."""

    id: str
    name: str
    raw_arguments: str = "{}"
    cache: CacheMark | None = None
    state: ProviderState | None = None


class HostedToolResult(Value, frozen=True, tag="hosted_tool_result"):
    """What the provider's own tool gave. ``kind`` is the provider's word for the item; ``data`` its JSON content."""

    tool_call_id: str
    kind: str
    data: bytes = b"null"
    is_error: bool = False
    cache: CacheMark | None = None
    state: ProviderState | None = None


class Opaque(Value, frozen=True, tag="opaque"):
    """An item that only its own dialect knows, kept verbatim in ``state``. ``kind`` is its type on the wire."""

    kind: str
    state: ProviderState


Part = (
    Text | Image | Audio | Video | File | Reasoning | ToolCall | ToolResult | Refusal | HostedToolCall | HostedToolResult | Opaque
)
PART_TYPES: tuple[type[Value], ...] = (
    Text,
    Image,
    Audio,
    Video,
    File,
    Reasoning,
    ToolCall,
    ToolResult,
    Refusal,
    HostedToolCall,
    HostedToolResult,
    Opaque,
)
_PART_TYPES = frozenset(PART_TYPES)
_PARTS = "a tuple of parts; Message.user(...) and its like take text and parts as they are"


class Message(Value, frozen=True, tag="message"):
    """One turn: a role and its parts. ``Message.user("hi")`` and its like take plain text too."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise UsageError("unknown role", field="role", got=repr(str(self.role)[:20]), allowed=", ".join(ROLES))
        if type(self.parts) is not tuple:
            raise UsageError("parts are a tuple", field="parts", got=type(self.parts).__name__, allowed=_PARTS)
        if _PART_TYPES.issuperset(map(type, self.parts)):
            return
        for n, part in enumerate(self.parts):
            if not isinstance(part, PART_TYPES):
                raise UsageError("not a part", field=f"parts[{n}]", got=type(part).__name__, allowed="Text, Image, …")

    @classmethod
    def system(cls, *content: str | Part) -> Message:
        return cls("system", _parts(content))

    @classmethod
    def user(cls, *content: str | Part) -> Message:
        return cls("user", _parts(content))

    @classmethod
    def assistant(cls, *content: str | Part) -> Message:
        return cls("assistant", _parts(content))

    @classmethod
    def tool(cls, *results: ToolResult) -> Message:
        return cls("tool", results)

    @property
    def text(self) -> str:
        """All its text parts, joined."""
        return "".join([part.text for part in self.parts if type(part) is Text])

    @property
    def reasoning(self) -> str:
        """All its reasoning, joined."""
        return "".join([part.text for part in self.parts if type(part) is Reasoning])

    @property
    def refusal(self) -> str | None:
        words = [part.text for part in self.parts if type(part) is Refusal]
        return "".join(words) if words else None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple([part for part in self.parts if type(part) is ToolCall])


def _parts(content: tuple[str | Part, ...]) -> tuple[Part, ...]:
    return tuple(Text(item) if isinstance(item, str) else item for item in content)
