"""A forked child begins anew: who was under way in the parent holds no place, no lock and no circuit in it."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Callable

import pytest

from trunkline import Client, Concurrency, ProviderError, Request, Route

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


class Slow:
    """Answers at once, but for the first call, which stays until ``go``."""

    def __init__(self) -> None:
        self.began, self.go, self.calls = threading.Event(), threading.Event(), 0

    def generate(self, request: Request) -> str:
        self.calls += 1
        if self.calls == 1:
            self.began.set()
            self.go.wait(30)
        return "answered"


class Broken:
    def generate(self, request: Request) -> str:
        raise ValueError("no")


def in_child(what: Callable[[], str]) -> str:
    """What it says in a forked child."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 and later: this process has threads
        child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.write(write, what().encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as said:
        found = said.read()
    os.waitpid(child, 0)
    return found


@pytest.mark.parametrize("routed", [False, True])
def test_places_that_threads_of_the_parent_hold_are_free_in_the_child(routed: bool) -> None:
    slow = Slow()
    llm = Client(Route([slow]) if routed else slow, concurrency=Concurrency(1, wait=0.05))
    copy = llm.with_options(temperature=0.5)
    first = threading.Thread(target=llm.generate, args=("hi",))
    first.start()
    assert slow.began.wait(30)
    try:
        assert in_child(lambda: llm.generate("hi").text) == "answered"
        assert in_child(lambda: copy.generate("hi").text) == "answered"
        with pytest.raises(ProviderError, match="not asked"):
            llm.generate("hi")
    finally:
        slow.go.set()
        first.join()
    assert llm.generate("hi").text == "answered"


def test_what_the_parent_learnt_of_a_target_is_not_the_childs() -> None:
    llm = Client(Broken(), retries=0)
    for _ in range(5):
        with pytest.raises(ValueError, match="no"):
            llm.generate("hi")
    assert [each.circuit for each in llm.status().targets] == ["open"]
    assert in_child(lambda: repr(llm.status())) == "Status(targets=(), limits=())"
    assert [each.circuit for each in llm.status().targets] == ["open"]
