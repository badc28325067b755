"""Two clients, one face: the same names, arguments, types and words."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from trunkline import AsyncClient, AsyncConversation, Client, Conversation, TokenEstimate
from trunkline.client.streams import AsyncStream, Stream

TWINS = {"__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__", "__next__": "__anext__"}
ENTERING = re.compile(r"with ``async with``|as a context manager")


def public(kind: type) -> dict[str, Any]:
    return {name: value for name, value in vars(kind).items() if name[0] != "_" or name in TWINS or name in TWINS.values()}


@pytest.mark.parametrize(
    ("plain", "asynchronous"), [(Client, AsyncClient), (Stream, AsyncStream), (Conversation, AsyncConversation)]
)
def test_the_same_names(plain: type, asynchronous: type) -> None:
    one = {TWINS.get(name, name) for kind in plain.__mro__[:-1] for name in public(kind)}
    other = {name for kind in asynchronous.__mro__[:-1] for name in public(kind)}
    assert one == other


NAMES = [name for name in public(Client) if name not in TWINS] + ["__init__"]
TALKING = [name for name in public(Conversation) if name not in TWINS]


@pytest.mark.parametrize(
    ("kinds", "name"),
    [*(((Client, AsyncClient), name) for name in NAMES), *(((Conversation, AsyncConversation), name) for name in TALKING)],
)
def test_the_same_arguments_results_and_words(kinds: tuple[type, type], name: str) -> None:
    one, other = (getattr(kind, name) for kind in kinds)
    plain, asynchronous = inspect.signature(one), inspect.signature(other)
    assert list(plain.parameters) == list(asynchronous.parameters)
    for left, right in zip(plain.parameters.values(), asynchronous.parameters.values(), strict=True):
        assert (left.kind, left.default, left.annotation) == (right.kind, right.default, right.annotation)
    assert str(plain.return_annotation) == str(asynchronous.return_annotation).replace("Async", "")
    if name != "__init__":
        assert one.__doc__
        assert ENTERING.sub("with", one.__doc__) == ENTERING.sub("with", other.__doc__)


def test_whatever_waits_is_awaited() -> None:
    waits = {name for name in NAMES if inspect.iscoroutinefunction(getattr(AsyncClient, name))}
    assert waits == {"generate", "run", "count_tokens", "request", "models", "health", "close"}
    assert not any(inspect.iscoroutinefunction(getattr(Client, name)) for name in NAMES)
    waits = {name for name in TALKING if inspect.iscoroutinefunction(getattr(AsyncConversation, name))}
    assert waits == set(TALKING) - {"stream", "stream_run"}


@pytest.mark.parametrize("name", NAMES)
def test_annotations_can_be_read_at_run_time(name: str) -> None:
    for kind in (Client, AsyncClient):
        # Loaded with the first conversation or estimate; whoever reads hints has them from the package.
        late = {"Conversation": Conversation, "AsyncConversation": AsyncConversation, "TokenEstimate": TokenEstimate}
        hints = typing.get_type_hints(getattr(kind, name), localns=late)
        assert "return" in hints or name == "__init__"


def test_streams_say_what_they_iterate() -> None:
    assert isinstance(Stream, type)
    assert issubclass(Stream, Iterator)
    assert issubclass(AsyncStream, AsyncIterator)
