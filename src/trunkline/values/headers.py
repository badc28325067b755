"""HTTP header fields as a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from .secret import mask_keys

SENSITIVE = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "x-amz-security-token",
        "cookie",
        "set-cookie",
    }
)


@lru_cache(maxsize=32)
def _in_bytes(names: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(name.encode("latin-1") for name in names)


@lru_cache(maxsize=32)
def _set_in_bytes(names: tuple[str, ...]) -> frozenset[bytes]:
    return frozenset(_in_bytes(names))


class Headers(Mapping[str, str]):
    """Header fields: names compare without case, order and repetition are kept (``pairs``), a repeated field reads joined by
    ``, ``.

    Built from text or, lazily, from the bytes of the wire (Latin-1). ``repr`` masks what may hold a credential or looks like one.
    """

    __slots__ = ("_index", "_pairs", "_raw")

    def __init__(self, pairs: Iterable[tuple[str, str]] = (), *, raw: tuple[tuple[bytes, bytes], ...] | None = None) -> None:
        self._raw = raw
        self._pairs: tuple[tuple[str, str], ...] | None = None if raw is not None else tuple(pairs)
        self._index: dict[str, str] | None = None

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        if self._pairs is None:
            self._pairs = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in self._raw or ())
            self._raw = None
        return self._pairs

    def _fields(self) -> dict[str, str]:
        if self._index is None:
            index: dict[str, str] = {}
            for name, value in self.pairs:
                key = name.lower()
                index[key] = f"{index[key]}, {value}" if key in index else value
            self._index = index
        return self._index

    def first(self, names: Sequence[str]) -> str | None:
        """The field of the first of ``names`` (lower case) that there is; decodes no other."""
        raw = self._raw
        if self._index is None and raw is not None:
            present = b"\n".join([name for name, _ in raw]).lower().split(b"\n")  # one call for all, and no name has a LF
            for name in _in_bytes(names if type(names) is tuple else tuple(names)):
                if name in present:
                    once = present.count(name) == 1
                    return raw[present.index(name)][1].decode("latin-1") if once else self[name.decode("latin-1")]
            return None
        index = self._fields()
        return next((index[name] for name in names if name in index), None)

    def has_any(self, names: tuple[str, ...]) -> bool:
        """Whether there is a field of one of ``names`` (lower case); decodes none."""
        if self._index is None and (raw := self._raw) is not None:
            present = b"\n".join([name for name, _ in raw]).lower().split(b"\n")
            return not _set_in_bytes(names).isdisjoint(present)
        return not frozenset(names).isdisjoint(self._fields())

    def __getitem__(self, name: str) -> str:
        return self._fields()[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields())

    def __len__(self) -> int:
        return len(self._fields())

    def __repr__(self) -> str:
        return f"Headers({ {n: '***' if n in SENSITIVE else mask_keys(v) for n, v in self._fields().items()} })"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.pairs == other.pairs

    def __hash__(self) -> int:
        return hash(self.pairs)

    def __reduce__(self) -> tuple[type[Headers], tuple[tuple[tuple[str, str], ...]]]:
        return Headers, (self.pairs,)


NO_HEADERS = Headers()
