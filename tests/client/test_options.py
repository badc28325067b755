"""Whatever is wrong with what was said is refused before anything is sent: which field, what type it got, what may stand there."""

from __future__ import annotations

import asyncio
import functools
import gc
import re
import traceback
from typing import Any

import pytest

from tests.replies import chat, chat_stream, failed
from tests.virtual import World
from trunkline import AsyncClient, CallOptions, Client, ClientOptions, Timeout
from trunkline.client.options import ELSEWHERE
from trunkline.client.settings import Settings
from trunkline.values.errors import UsageError
from trunkline.values.message import Image, Message, ToolResult

KEY = "sk-canary-0123456789abcdefghij"
SECRET = "a-canary-in-the-content"
Kind = type[Client] | type[AsyncClient]


@pytest.fixture(params=[Client, AsyncClient])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param  # type: ignore[no-any-return]


def client(kind: Kind, io: World | None = None, **options: Any) -> Any:
    """A client of a world in which nothing may be sent, unless another is given."""
    options = {"model": "openai-chat/m", "base_url": "http://h.test/v1", "settings": Settings({})} | options
    return kind(io=io or World(blocking=kind is Client), **options)


def run(value: Any) -> Any:
    """The result of a call of either client."""
    return World(blocking=False).run(value) if hasattr(value, "__await__") else value


WRONG: list[tuple[str, Any, str]] = [
    # what, its value, the field that is named
    ("fallbacks", 5, "fallbacks"),
    ("fallbacks", "openai/x", "fallbacks"),
    ("fallbacks", [5], "fallbacks[0]"),
    ("strict", "yes", "strict"),
    ("errors", SECRET, "errors"),
    ("modalities", "audio", "modalities"),
    ("modalities", [5], "modalities[0]"),
    ("stop", 5, "stop"),
    ("stop", ["a", 5], "stop[1]"),
    ("tools", 5, "tools"),
    ("tools", [object()], "tools[0]"),
    ("tools", [lambda x: x], "tools[0].name"),
    ("tools", [{"type": "function", "function": {"name": "f", "parameters": {"a": object()}}}], "tools[0].function.parameters.a"),
    ("tool_choice", 5, "tool_choice"),
    ("tool_choice", "required", "tool_choice"),
    ("reasoning", SECRET, "reasoning"),
    ("reasoning", -4, "reasoning"),
    ("output", 5, "output"),
    ("system", 5, "system"),
    ("temperature", SECRET, "temperature"),
    ("temperature", float("nan"), "temperature"),
    ("temperature", 2.5, "temperature"),
    ("top_p", -0.1, "top_p"),
    ("top_k", 1.5, "top_k"),
    ("max_tokens", -1, "max_tokens"),
    ("max_tokens", True, "max_tokens"),
    ("n", 0, "n"),
    ("seed", "7", "seed"),
    ("frequency_penalty", 3, "frequency_penalty"),
    ("logprobs", 1, "logprobs"),
    ("top_logprobs", 3, "top_logprobs"),
    ("logit_bias", {"1": 1000}, "logit_bias.1"),
    ("extra_headers", {"a\nb": "c"}, "extra_headers"),
    ("extra_headers", {"a": "c\r\nX: y"}, "extra_headers.a"),
    ("extra_headers", {"Host": "elsewhere"}, "extra_headers.Host"),
    ("extra_headers", 5, "extra_headers"),
    ("extra_body", [SECRET], "extra_body"),
    ("extra_body", {"a": float("nan")}, "extra_body.a"),
    ("extra_body", {"a": {"b": object()}}, "extra_body.a.b"),
    ("extra_query", {"a": 1}, "extra_query.a"),
    ("metadata", {"a": 1}, "metadata.a"),
    ("cache", 5, "cache"),
    ("audio", {"voice": "x"}, "audio"),
    ("timeout", "5", "timeout"),
    ("timeout", -1, "timeout"),
    ("timeout", 0, "timeout"),
    ("timeout", True, "timeout"),
    ("timeout", float("nan"), "timeout"),
    ("timeout", Timeout(idle=-3), "timeout.idle"),
    ("timeout", Timeout(connect="x"), "timeout.connect"),  # type: ignore[arg-type]
    ("retries", -1, "retries"),
    ("retries", 1.5, "retries"),
    ("retries", None, "retries"),
    ("user", 5, "user"),
    ("user", "", "user"),
    ("store", SECRET, "store"),
    ("verbosity", "loud", "verbosity"),
    ("service_tier", 5, "service_tier"),
    ("prediction", 5, "prediction"),
    ("parallel_tool_calls", "no", "parallel_tool_calls"),
]
ONLY_CLIENT: list[tuple[str, Any, str]] = [
    ("api_key", 5, "api_key"),
    ("api_key", "", "api_key"),
    ("api_key", "a key", "api_key"),
    ("api_key", "your-api-key", "api_key"),
    ("base_url", "ftp://h.test", "base_url"),
    ("base_url", 5, "base_url"),
    ("base_url", "", "base_url"),
    ("base_url", "http://", "base_url"),
    ("base_url", "http://me:word@h.test/", "base_url"),
    ("base_url", "http://h.test/v1?a=b", "base_url"),
    ("version", 5, "version"),
    ("max_line", 3, "max_line"),
    ("before", 5, "before"),
    ("on_event", "x", "on_event"),
    ("observers", 5, "observers"),
    ("observers", [5], "observers[0]"),
    ("tool_memory", True, "tool_memory"),
    ("tool_memory", {}, "tool_memory"),
    ("model", 5, "model"),
]


def name_of(case: Any) -> str:
    return case if isinstance(case, str) else type(case).__name__


def look(error: UsageError, field: str) -> None:
    assert error.field == field
    assert SECRET not in str(error), "its type, never its content"
    assert error.allowed or "needs" in error.message, "what may stand there"


@pytest.mark.parametrize(("option", "value", "field"), WRONG + ONLY_CLIENT, ids=name_of)
def test_a_client_refuses_it_in_its_constructor(kind: Kind, option: str, value: Any, field: str) -> None:
    with pytest.raises(UsageError) as caught:
        client(kind, **{option: value})
    look(caught.value, field)
    with pytest.raises(UsageError) as caught:
        client(kind).with_options(**{option: value})
    look(caught.value, field)


@pytest.mark.parametrize(("option", "value", "field"), WRONG, ids=name_of)
def test_a_call_refuses_it_before_anything_is_sent(kind: Kind, option: str, value: Any, field: str) -> None:
    for verb in ("generate", "stream"):
        with pytest.raises(UsageError) as caught:
            run(getattr(client(kind), verb)("hi", **{option: value}))
        look(caught.value, field)


@pytest.mark.parametrize(
    ("typo", "meant"), [("temprature", "temperature"), ("max_token", "max_tokens"), ("sytem", "system"), ("apikey", "api_key")]
)
def test_an_unknown_option_says_what_was_meant(kind: Kind, typo: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean '{meant}'"):
        client(kind, **{typo: 1})
    if meant != "api_key":
        with pytest.raises(UsageError, match=f"did you mean '{meant}'"):
            run(client(kind).generate("hi", **{typo: 1}))
    else:
        with pytest.raises(UsageError, match=r"^api_key: not an option of a call; allowed: Client\(\.\.\.\) and with_options"):
            run(client(kind).generate("hi", api_key=KEY))


@pytest.mark.parametrize("name", ["stream", "provider", "response_format", "reasoning_effort"])
def test_an_option_that_other_libraries_taught_says_what_to_write_here(kind: Kind, name: str) -> None:
    assert ELSEWHERE[name]
    with pytest.raises(UsageError) as caught:
        run(client(kind).generate("hi", **{name: 1}))
    assert (caught.value.field, caught.value.allowed) == (name, ELSEWHERE[name])
    with pytest.raises(UsageError) as caught:
        client(kind, **{name: 1})
    assert caught.value.allowed == ELSEWHERE[name]


@pytest.mark.parametrize("options", [CallOptions, ClientOptions])
def test_help_tells_of_every_option(options: type) -> None:
    told = set(re.findall(r"\w+", f"{CallOptions.__doc__} {options.__doc__}"))
    assert not set(options.__annotations__) - told


PROMPTS: list[tuple[Any, str]] = [
    ("", "prompt"),
    ([], "messages"),
    (None, "prompt"),
    (5, "prompt"),
    (SECRET.encode(), "prompt"),
    ([5], "messages[0]"),
    ([{"role": SECRET, "content": "x"}], "messages[0].role"),
    ([{"role": "user", "content": "x"}, {"role": "user"}], "messages[1]"),
    ([{"role": "user", "content": 5}], "messages[0].content"),
    (
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "/etc/passwd"}}]}],
        "messages[0].content[0].image_url.url",
    ),
    ([{}], "messages[0]"),
    (iter(["a"]), "prompt"),
]


@pytest.mark.parametrize(("prompt", "field"), PROMPTS, ids=lambda value: None if isinstance(value, str) else repr(type(value)))
def test_a_bad_prompt_names_the_place(kind: Kind, prompt: Any, field: str) -> None:
    for verb in ("generate", "stream"):
        with pytest.raises(UsageError) as caught:
            run(getattr(client(kind), verb)(prompt))
        assert (caught.value.field or "").startswith(field)
        assert SECRET not in str(caught.value)


RAW: list[tuple[tuple[Any, Any], dict[str, Any], str]] = [
    (("get it", "/x"), {}, "method"),
    ((5, "/x"), {}, "method"),
    (("GET", "x"), {}, "path"),
    (("GET", "//elsewhere.test/x"), {}, "path"),
    (("GET", "https://elsewhere.test/x"), {}, "path"),
    (("GET", "/a b"), {}, "path"),
    (("GET", "/a\r\nX: y"), {}, "path"),
    (("POST", "/x"), {"json": object()}, "json"),
    (("POST", "/x"), {"json": {"a": float("inf")}}, "json.a"),
    (("POST", "/x"), {"json": {}, "body": b""}, "json"),
    (("POST", "/x"), {"body": "text"}, "body"),
    (("POST", "/x"), {"headers": {"a": "b\r\nc"}}, "headers.a"),
    (("POST", "/x"), {"headers": {"content-length": "5"}}, "headers.content-length"),
    (("POST", "/x"), {"headers": 5}, "headers"),
    (("POST", "/x"), {"query": {"a": 1}}, "query.a"),
    (("POST", "/x"), {"query": 5}, "query"),
    (("POST", "/x"), {"timeout": "x"}, "timeout"),
    (("POST", "/x"), {"retries": "x"}, "retries"),
]


@pytest.mark.parametrize(("words", "options", "field"), RAW)
def test_a_bad_raw_request_is_refused(kind: Kind, words: tuple[Any, Any], options: dict[str, Any], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(client(kind).request(*words, **options))
    look(caught.value, field)


# --- coroutine functions in a blocking client -------------------------------------------------------------------------


async def coroutine(value: object) -> None: ...


class Callable:
    async def __call__(self, value: object) -> None: ...

    async def method(self, value: object) -> None: ...


class Asynchronous:
    async def generate(self, request: object) -> str:
        return ""


@pytest.mark.parametrize("hook", [coroutine, functools.partial(coroutine), Callable(), Callable().method], ids=name_of)
@pytest.mark.parametrize("name", ["before", "after", "on_error", "on_event"])
def test_a_blocking_client_takes_no_coroutine_function(hook: Any, name: str) -> None:
    with pytest.raises(UsageError, match=f"^{name}: a coroutine function"):
        client(Client, **{name: hook})
    with pytest.raises(UsageError, match=f"^{name}: a coroutine function"):
        client(Client).with_options(**{name: hook})
    client(AsyncClient, **{name: hook})


@pytest.mark.parametrize("name", ["before", "after", "on_event", "on_error"])
def test_a_plain_hook_that_gives_a_coroutine_is_told_so(name: str) -> None:
    """No declaration shows it: it is refused when it waits, and nothing is left un-awaited."""
    hook = {name: lambda _: asyncio.sleep(0)}
    llm = client(Client, World([failed(404) if name == "on_error" else chat_stream()]), **hook)
    with pytest.raises(UsageError, match="use AsyncClient"), llm.stream("hi") as stream:
        list(stream)
    gc.collect()


def test_nor_an_asynchronous_target() -> None:
    for options in ({"model": Asynchronous()}, {"fallbacks": [Asynchronous()]}):
        with pytest.raises(UsageError, match="AsyncClient takes both"):
            client(Client, **options)
        with pytest.raises(UsageError, match="AsyncClient takes both"):
            client(Client).with_options(**options)
        with pytest.raises(UsageError, match="AsyncClient takes both"):
            client(Client).generate("hi", **options)
        client(AsyncClient, **options)


# --- what is right ----------------------------------------------------------------------------------------------------


def test_what_a_call_says_goes_before_what_the_client_says(kind: Kind) -> None:
    io = World([chat()] * 4, blocking=kind is Client)
    llm = client(kind, io, temperature=0.5, max_tokens=5, extra_headers={"x-a": "1"})
    run(llm.generate("hi"))
    run(llm.generate("hi", temperature=1.5, extra_headers={"x-b": "2"}))
    run(llm.generate("hi", temperature=None))
    run(llm.with_options(max_tokens=9).generate("hi"))
    bodies = [request.body for request in io.requests]
    assert b'"temperature":0.5' in bodies[0]
    assert b'"max_tokens":5' in bodies[0]
    assert b'"temperature":1.5' in bodies[1]
    assert b'"max_tokens":5' in bodies[1]
    assert b"temperature" not in bodies[2]
    assert b'"max_tokens":9' in bodies[3]
    assert b'"temperature":0.5' in bodies[3]
    assert [("x-a" in request.headers, "x-b" in request.headers) for request in io.requests] == [
        (True, False),
        (False, True),
        (True, False),
        (True, False),
    ]


def test_timeouts_and_retries_by_call_client_and_setting(kind: Kind) -> None:
    said = Settings({"TRUNKLINE_TIMEOUT": "50", "TRUNKLINE_RETRIES": "0"})

    def until(call: dict[str, Any] | None = None, **options: Any) -> float:
        io = World([chat()], blocking=kind is Client)
        run(client(kind, io, **options).generate("hi", **(call or {})))
        return io.exchanges[0].deadlines.until - 1_000.0

    assert until(settings=Settings({})) == 600.0
    assert until(settings=said) == 50.0
    assert until(settings=said, timeout=600) == 600.0, "an argument wins, even where it says the default"
    assert until(settings=said, timeout=None) == float("inf")
    assert until(settings=said, timeout=7, call={"timeout": 3}) == 3.0
    assert until(settings=said, call={"timeout": Timeout(total=4)}) == 4.0


def test_a_timeout_in_parts(kind: Kind) -> None:
    io = World([chat()] * 2, blocking=kind is Client)
    llm = client(kind, io, timeout=Timeout(connect=2, first_byte=9))
    run(llm.generate("hi"))
    run(llm.generate("hi", timeout=Timeout(idle=None)))
    first, second = (exchange.deadlines for exchange in io.exchanges)
    assert (first.connect, first.first_byte, first.idle, first.total) == (2.0, 9.0, 120.0, 600.0)
    assert (second.connect, second.first_byte, second.idle) == (2.0, 9.0, float("inf"))


def test_prompts_of_every_shape(kind: Kind) -> None:
    for prompt in (
        "hi",
        Message.user("hi"),
        [Message.user("hi")],
        [{"role": "user", "content": "hi"}],
        {"role": "user", "content": "hi"},
    ):
        io = World([chat()], blocking=kind is Client)
        run(client(kind, io).generate(prompt))
        assert b'"messages":[{"role":"user","content":"hi"}]' in io.requests[0].body


def test_no_variable_of_a_traceback_holds_the_key(kind: Kind) -> None:
    wrong: list[dict[str, Any]] = [{"temperature": 9}, {"nonsense": 1}, {"base_url": "nonsense"}, {"model": 5}, {"before": 5}]
    for options in wrong:
        with pytest.raises(UsageError) as caught:
            client(kind, api_key=KEY + "x", **options)
        assert_without_key(caught.value)
        with pytest.raises(UsageError) as caught:
            client(kind).with_options(api_key=KEY + "x", **options)
        assert_without_key(caught.value)
    for key in (f"{KEY} {KEY}", f"'{KEY}'", f"{KEY}\n\x00{KEY}"):
        given = {"api_key": key}
        with pytest.raises(UsageError) as caught:
            client(kind, **given)
        del given, key
        assert_without_key(caught.value)


def assert_without_key(error: BaseException) -> None:
    """The frames of this file aside: they hold what the test says."""
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    ours = shown.partition("src/trunkline")[2]
    assert ours
    assert KEY not in ours
    assert KEY not in str(error) + repr(error)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"timeout": 10**400}, "timeout"), ({"timeout": 1e300}, "timeout"), ({"timeout": Timeout(idle=10**5000)}, "timeout.idle"),
        ({"retries": 10**5000}, "retries"), ({"settings": {}}, "settings"), ({"io": print}, "io"),
    ],
)  # fmt: skip
def test_numbers_beyond_all_use_and_strange_objects_are_refused(options: dict[str, Any], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        Client("openai/m", **options)
    assert caught.value.field == field


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_port_of_the_other_kind_is_refused(kind: Kind) -> None:
    with pytest.raises(UsageError, match=r"blocking=True for Client, blocking=False for AsyncClient") as caught:
        kind("openai/m", io=World(blocking=kind is AsyncClient))
    assert caught.value.field == "io"
    assert kind("openai/m", io=World(blocking=kind is Client))


def test_a_message_that_was_built_of_wrong_types_is_refused_before_anything_is_sent() -> None:
    llm = Client("openai-chat/m", base_url="http://h.test", settings=Settings({}), io=World([]))
    said: Any = [("user", Image(None)), ("tool", ToolResult("a", 5))]  # type: ignore[arg-type]
    for role, part in said:
        with pytest.raises(UsageError) as caught:
            llm.generate([Message(role, (part,))])
        assert (caught.value.field or "").startswith("messages[0].parts[0]")
        assert caught.value.__context__ is None or caught.value.__suppress_context__
    with pytest.raises(UsageError, match="provider"):
        llm.models(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"api_key": KEY.encode()},
        {"api_key": [KEY, 5]},
        {"api_key": [KEY, f"{KEY} x"]},
        {"base_url": f"https://u:{KEY}@h"},
        {"base_url": f"https://h:{KEY}/"},
    ],
)
def test_a_key_in_another_shape_or_in_an_address_is_not_shown_either(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        Client("openai/m", **options)
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert KEY not in "".join(str(frame.locals) for frame in told.stack if frame.filename != __file__)
    assert caught.value.__context__ is None
