"""Errors: the tree, what str() says, what is masked and cut, and that they travel."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import traceback

import pytest
from hypothesis import given, strategies as st

from tests import strategies
from trunkline.values import errors
from trunkline.values.errors import (
    WORDS_KEPT,
    WORDS_SHOWN,
    AllTargetsFailedError,
    AuthenticationError,
    BudgetExceededError,
    CircuitOpenError,
    ContextLengthError,
    DeadlineError,
    InvalidRequestError,
    MalformedResponseError,
    NoProviderError,
    NotFoundError,
    ProviderError,
    RateLimitError,
    StreamInterruptedError,
    TransportError,
    TrunklineError,
    UnsupportedOperationError,
    UsageError,
)
from trunkline.values.message import Message
from trunkline.values.response import Attempt, Response

KEY = "sk-proj-" + "aB3dEf9h" * 5
ALL = strategies.ERROR_TYPES


# ------------------------------------------------------------------------------------------------------------------ the tree


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Every line of the drawing names a class that stands under the one that it is drawn under."""
    path: list[type] = [TrunklineError]
    drawn = {"TrunklineError"}
    for line in (errors.__doc__ or "").splitlines():
        if (found := re.match(r"^    ((?:│   |    )*)(?:├── |└── )(\w+)(?: \(also (\w+)\))?", line)) is None:
            continue
        depth = len(found[1]) // 4 + 1
        kind = getattr(errors, found[2])
        path[depth:] = [kind]
        assert path[depth - 1] in kind.__bases__, found[2]
        if found[3]:
            assert issubclass(
                kind, {"ValueError": ValueError, "ConnectionError": ConnectionError, "TimeoutError": TimeoutError}[found[3]]
            )
        drawn.add(found[2])
    kinds_of_transport_failure = {kind.__name__ for kind in TransportError.__subclasses__()}
    assert {kind.__name__ for kind in ALL} == drawn | kinds_of_transport_failure


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_says_something_of_itself(kind: type[TrunklineError]) -> None:
    assert inspect.getdoc(kind)
    if issubclass(kind, ProviderError):
        assert str(kind())
        assert repr(kind("it broke")).startswith(kind.__name__)
    assert "it broke" in str(kind("it broke"))


# ------------------------------------------------------------------------------------------------------------- what it says


def test_a_usage_error_names_field_type_and_what_is_allowed() -> None:
    error = UsageError("wrong type", field="messages[3].role", got="int", allowed="'user', 'system'")
    assert str(error) == "messages[3].role: wrong type; got int; allowed: 'user', 'system'"
    assert (error.field, error.got, error.allowed) == ("messages[3].role", "int", "'user', 'system'")
    assert str(UsageError("just so")) == "just so"


def test_an_unsupported_operation_says_what_can() -> None:
    error = UnsupportedOperationError("no embeddings here", hint="use another")
    assert str(error) == "no embeddings here (use another)"
    assert error.hint == "use another"


def test_a_provider_error_says_who_what_and_what_to_do() -> None:
    error = RateLimitError(
        "too fast",
        provider="p",
        model="m",
        status=429,
        code="rate_limit_exceeded",
        request_id="req_1",
        retry_after=1.5,
        provider_message="Slow down.",
        hint="Wait",
        attempts=[Attempt(provider="p", model="m", seconds=1.0)] * 2,
    )
    assert str(error) == (
        "p/m: too fast (HTTP 429, rate_limit_exceeded, request req_1, retry after 1.5 s, 2 attempts). Wait. The provider said: Slow down."
    )
    assert len(error.attempts) == 2


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ProviderError(), "ProviderError"),
        (ProviderError("x", provider="p"), "p: x"),
        (ProviderError("x", retry_after=0.0), "x (retry after 0 s)"),
        (ProviderError("x", attempts=[Attempt(provider="p", model="m", seconds=1.0)]), "x"),
        (AuthenticationError("refused"), "refused. Check the key: `trunkline config` shows where it was read from"),
        (DeadlineError(phase="first_byte"), "the first byte deadline passed. A longer timeout gives it more time"),
        (MalformedResponseError(path="$.choices[0]"), "the reply breaks its protocol at $.choices[0]"),
        (AllTargetsFailedError(errors=[CircuitOpenError("a"), CircuitOpenError("b")]), "all targets failed\n  - a\n  - b"),
        (NoProviderError("set a key"), "set a key"),
        (BudgetExceededError("spent"), "spent"),
    ],
)
def test_what_is_not_known_is_not_said(error: TrunklineError, text: str) -> None:
    assert str(error) == text


def test_the_providers_words_are_cut() -> None:
    assert str(ProviderError("x", provider_message="é" * WORDS_SHOWN)).endswith(": " + "é" * 500)
    longer = ProviderError("x", provider_message="é" * 100_000)
    assert str(longer).endswith("é" * 500 + "…")
    assert str(longer).count("é") == 500
    assert longer.provider_message == "é" * WORDS_KEPT


def test_keys_in_the_providers_words_are_masked_before_they_are_cut() -> None:
    for before in (0, 480, 495, 499):
        error = AuthenticationError("refused", provider_message="." * before + " " + KEY + " is wrong")
        for shown in (
            str(error),
            repr(error),
            repr(vars(error)),
            "".join(traceback.format_exception(error)),
            pickle.dumps(error).decode("latin-1"),
        ):
            assert KEY not in shown
            assert KEY[:12] not in shown
        assert "***" in (error.provider_message or "")


def test_without_the_providers_words_the_prompt_is_nowhere() -> None:
    error = InvalidRequestError("refused", provider_message="you wrote: my secret prompt")
    assert "my secret prompt" in str(error)
    assert "my secret prompt" not in error.message
    error.provider_message = None  # what errors="quiet" does
    assert "my secret prompt" not in str(error) + repr(error) + "".join(traceback.format_exception(error))


# --------------------------------------------------------------------------------------------------------------- they travel


@given(st.sampled_from(ALL).flatmap(strategies.errors_of))
def test_errors_are_copied_and_pickled_with_all_that_they_say(error: TrunklineError) -> None:
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert strategies.facts_of(again) == strategies.facts_of(error)
        assert (str(again), repr(again)) == (str(error), repr(error))


def test_notes_and_what_was_added_later_travel_too() -> None:
    error = NotFoundError("gone")
    error.retired, error.successor = "2026-10-23", "another"
    error.add_note("seen on Tuesday")
    again = pickle.loads(pickle.dumps(error))
    assert (again.retired, again.successor, again.__notes__) == ("2026-10-23", "another", ["seen on Tuesday"])


def test_a_class_of_your_own_travels() -> None:
    again = pickle.loads(pickle.dumps(_OwnError("x", limit=5)))
    assert type(again) is _OwnError
    assert (again.limit, str(again)) == (5, "x")


class _OwnError(ProviderError):
    def __init__(self, message: str, *, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


def test_a_partial_reply_travels() -> None:
    error = StreamInterruptedError(partial=Response(message=Message.assistant("half a")))
    assert pickle.loads(pickle.dumps(error)).partial.text == "half a"


def test_errors_are_caught_as_what_they_are_to_python() -> None:
    with pytest.raises(ValueError, match="x"):
        raise UsageError("x")
    with pytest.raises(ConnectionError):
        raise TransportError("x", phase="send", sent=True)
    with pytest.raises(TimeoutError):
        raise DeadlineError(phase="idle", seconds=2.0)
    assert ContextLengthError("x").param is None
