"""Paths and methods, and whose words say that there is nothing."""

from __future__ import annotations

import pytest

from tests.serve.plain import PlainHalf
from trunkline.dialects.dialect import Operation, Route
from trunkline.dialects.known import dialect_of
from trunkline.serve.routes import Match, Missed, Routes
from trunkline.values.errors import UsageError
from trunkline.values.headers import NO_HEADERS, Headers

ONE = PlainHalf("one")
TWO = PlainHalf("two", "/v2/two", marks=("x-two", "x-two-key"))
ROUTES = Routes((ONE, TWO))
MARKED = Headers([("X-Two-Key", "k")])


@pytest.mark.parametrize(
    "method,path,headers,half,operation,model",
    [
        ("POST", "/v1/say", NO_HEADERS, "one", Operation.GENERATE, None),
        ("POST", "/v1/say/", NO_HEADERS, "one", Operation.GENERATE, None),
        ("POST", "/v1/say", MARKED, "one", Operation.GENERATE, None),
        ("POST", "/v2/two/count", NO_HEADERS, "two", Operation.COUNT_TOKENS, None),
        ("GET", "/v1/models", NO_HEADERS, "one", Operation.MODELS, None),
        ("GET", "/v1/models", MARKED, "two", Operation.MODELS, None),
        ("HEAD", "/v1/models", MARKED, "two", Operation.MODELS, None),
        ("GET", "/v1/models/a/b:c", NO_HEADERS, "one", Operation.MODEL, "a/b:c"),
        ("GET", "/v1/models/m", MARKED, "two", Operation.MODEL, "m"),
    ],
)
def test_a_route_is_found(method: str, path: str, headers: Headers, half: str, operation: Operation, model: str | None) -> None:
    found = ROUTES.find(method, path, headers)
    assert isinstance(found, Match)
    assert (found.half.id, found.operation, found.model) == (half, operation, model)


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/openai/deployments/mine/chat/completions", "mine"),
        ("/openai/deployments/a/b/chat/completions/", "a/b"),
        ("/openai/v1/chat/completions", None),
        ("/chat/completions", None),
    ],
)
def test_paths_by_deployment(path: str, model: str | None) -> None:
    found = Routes([dialect_of("openai-chat")]).find("POST", path, NO_HEADERS)
    assert isinstance(found, Match)
    assert (found.operation, found.model) == (Operation.GENERATE, model)


class Patterned(PlainHalf):
    """Paths with words of their own around the model, and segments that say nothing."""

    def __init__(self) -> None:
        super().__init__("three")
        self.routes = (
            Route("POST", "/v1/models/{model}:generate", Operation.GENERATE),
            Route("POST", "/v1/projects/{}/places/{}/models/{model}:generate", Operation.GENERATE),
            Route("POST", "/a.b/{}", Operation.COUNT_TOKENS),
        )


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/models/m:generate", "m"),
        ("/v1/models/tuned/m:1:generate", "tuned/m:1"),
        ("/v1/projects/p/places/eu-1/models/m:generate", "m"),
        ("/a.b/c", None),
        ("/v1/models/:generate", "missed"),
        ("/v1/models/m:generated", "missed"),
        ("/v1/projects/p/q/places/eu-1/models/m:generate", "missed"),
        ("/aXb/c", "missed"),
    ],
)
def test_paths_with_a_pattern(path: str, model: str | None) -> None:
    found = Routes([Patterned()]).find("POST", path, NO_HEADERS)
    assert (found.model if isinstance(found, Match) else "missed") == model


@pytest.mark.parametrize(
    "path", ["/openai/deployments/chat/completions", "/openai/deployments//chat/completions", "/openai/deployments/mine"]
)
def test_a_deployment_has_a_name_and_an_operation(path: str) -> None:
    assert isinstance(Routes([dialect_of("openai-chat")]).find("POST", path, NO_HEADERS), Missed)


@pytest.mark.parametrize(
    "method,path,headers,half,allow",
    [
        ("GET", "/v1/say", NO_HEADERS, "one", ("POST",)),
        ("DELETE", "/v1/models/m", MARKED, "two", ("GET", "HEAD")),
        ("POST", "/v2/two/other", NO_HEADERS, "two", ()),
        ("POST", "/v2/two/say/more", NO_HEADERS, "two", ()),
        ("POST", "/v1/other", NO_HEADERS, "one", ()),
        ("POST", "/v1/other", MARKED, "two", ()),
        ("POST", "/", NO_HEADERS, "one", ()),
        ("POST", "/elsewhere", MARKED, "two", ()),
    ],
)
def test_a_miss_is_told_by_the_dialect_that_is_nearest(
    method: str, path: str, headers: Headers, half: str, allow: tuple[str, ...]
) -> None:
    missed = ROUTES.find(method, path, headers)
    assert isinstance(missed, Missed)
    assert (missed.half.id, missed.allow) == (half, allow)


def test_a_server_without_a_dialect_is_refused() -> None:
    with pytest.raises(UsageError, match="halves"):
        Routes(())
