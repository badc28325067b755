"""Several models under one name: where a route may be written, what its targets have from each other, and what no file may do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.replies import chat, chat_stream, failed
from tests.virtual import World
from trunkline import AsyncClient, Client, Route
from trunkline.client.settings import Settings
from trunkline.engine.fork import Fork
from trunkline.values.errors import AllTargetsFailedError, UsageError
from trunkline.values.media import Data
from trunkline.values.message import Image, Message
from trunkline.values.request import Request
from trunkline.values.secret import Origin

ARGUMENT, OPENAI, ANTHROPIC, GROQ = (f"sk-{name}-0123456789abcdef" for name in ("argument", "openai", "anthropic", "groq"))
KEYS = {"OPENAI_API_KEY": OPENAI, "ANTHROPIC_API_KEY": ANTHROPIC, "GROQ_API_KEY": GROQ}
SMART = '[routes.smart]\ntargets = ["openai/gpt-5.4", "groq/b"]\n'


class Machine:
    """A user's folder and a project's, and the settings that are read from them."""

    def __init__(self, folder: Path) -> None:
        self.home, self.project = folder / "home", folder / "project"
        self.user = self.home / ".config" / "trunkline" / "trunkline.toml"
        self.file = self.project / "trunkline.toml"
        self.user.parent.mkdir(parents=True)
        self.project.mkdir()

    def settings(self, **environ: str) -> Settings:
        return Settings.load(self.project, {**KEYS, "HOME": str(self.home), "USERPROFILE": str(self.home), **environ})


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setenv("APPDATA", str(tmp_path / "home" / ".config"))
    return made


def key_of(request: Any) -> str:
    return str(request.headers.get("authorization", "").removeprefix("Bearer ") or request.headers.get("x-api-key", ""))


def went(io: World) -> list[str]:
    """Which host was asked for which model."""
    return [f"{request.url.split('/')[2]} {json.loads(request.body)['model']}" for request in io.requests]


def exhausted(settings: Settings, model: Any = None, call: dict[str, Any] | None = None, **options: Any) -> World:
    """All targets asked, in vain."""
    io = World(lambda _: failed(403))
    with pytest.raises(Exception, match=r"403|AllTargets|targets failed"):
        Client(model, settings=settings, io=io, retries=0, **options).generate("hi", **(call or {}))
    return io


OPENAI_THEN_GROQ = ["api.openai.com gpt-5.4", "api.groq.com b"]


# --- where a route's name may stand -----------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["user", "project"])
@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        ({"model": "smart"}, {}),
        ({"model": "openai/other", "call": {"model": "smart"}}, {}),
        ({}, {"TRUNKLINE_MODEL": "smart"}),
        ({"model": Route(["smart"])}, {}),
        ({"model": Route(["openai/gpt-5.4", "groq/b"])}, {}),
        ({"model": Route([Route(["openai/gpt-5.4"]), {"model": "groq/b"}])}, {}),
    ],
)
def test_wherever_a_model_is_named(machine: Machine, origin: str, arguments: dict[str, Any], environ: dict[str, str]) -> None:
    (machine.user if origin == "user" else machine.file).write_text(SMART)
    assert went(exhausted(machine.settings(**environ), **arguments)) == OPENAI_THEN_GROQ


def test_as_the_configured_model(machine: Machine) -> None:
    machine.file.write_text('model = "smart"\n' + SMART)
    assert went(exhausted(machine.settings())) == OPENAI_THEN_GROQ
    llm = Client(settings=machine.settings(), io=World([chat("x")]))
    assert llm.generate("hi").text == "x"


@pytest.mark.parametrize("fallback", ["smart", Route(["openai/gpt-5.4", "groq/b"])])
def test_among_the_fallbacks(machine: Machine, fallback: Any) -> None:
    machine.file.write_text(SMART)
    asked = went(exhausted(machine.settings(), "anthropic/claude-opus-5", fallbacks=[fallback]))
    assert asked == ["api.anthropic.com claude-opus-5", *OPENAI_THEN_GROQ]
    asked = went(exhausted(machine.settings(), "anthropic/claude-opus-5", call={"fallbacks": [fallback]}))
    assert asked == ["api.anthropic.com claude-opus-5", *OPENAI_THEN_GROQ]


def test_in_yaml(machine: Machine) -> None:
    pytest.importorskip("yaml")
    machine.file.with_suffix(".yaml").write_text("routes:\n  smart:\n    targets: [openai/gpt-5.4, {model: groq/b, weight: 2}]\n")
    assert went(exhausted(machine.settings(), "smart")) == OPENAI_THEN_GROQ


def test_a_route_goes_before_a_model_of_its_name(machine: Machine) -> None:
    machine.user.write_text('[routes.claude-opus-5]\ntargets = ["groq/b"]\n')
    assert went(exhausted(machine.settings(), "claude-opus-5")) == ["api.groq.com b"]
    assert went(exhausted(machine.settings(), "anthropic/claude-opus-5")) == ["api.anthropic.com claude-opus-5"]


def test_in_streams_and_in_the_other_client() -> None:
    route = Route([Parrot(), "openai/gpt-5.4"])
    io = World([])
    with Client(route, settings=Settings(KEYS), io=io).stream("hi") as stream:
        assert "".join(stream.text) == "polly"
    over = World([failed(503), chat_stream(["x", "y"])], blocking=False)

    async def main() -> str:
        async with AsyncClient(Route(["groq/a", "openai/b"]), settings=Settings(KEYS), io=over, retries=0).stream("hi") as live:
            return "".join([event.text or "" async for event in live])

    assert over.run(main()) == "xy"


class Parrot:
    def generate(self, request: Request) -> str:
        return "polly"


class Flock:
    async def generate(self, request: Request) -> str:
        return "polly"


# --- what it goes by --------------------------------------------------------------------------------------------------


def test_every_call_anew() -> None:
    io = World(lambda _: chat())
    llm = Client(Route(["openai/a", "groq/b"], strategy="round_robin"), settings=Settings(KEYS), io=io)
    for _ in range(3):
        llm.generate("hi")
    llm.with_options(temperature=0.5).generate("hi")
    assert [each.split()[1] for each in went(io)] == ["a", "b", "a", "b"]


def test_a_named_route_has_one_counter_wherever_it_stands(machine: Machine) -> None:
    machine.file.write_text('[routes.turns]\ntargets = ["openai/a", "groq/b"]\nstrategy = "round_robin"\n')
    io = World(lambda _: chat())
    llm = Client("turns", settings=machine.settings(), io=io)
    llm.generate("hi")
    llm.generate("hi", model="turns")
    llm.generate("hi", model=Route(["turns"]))
    assert [each.split()[1] for each in went(io)] == ["a", "b", "a"]


def test_what_a_request_needs_and_the_catalog_knows(machine: Machine) -> None:
    machine.file.write_text(
        '[models."groq/blind"]\nabilities = ["text"]\nprice = {input = 1, output = 2}\n'
        '[models."groq/dear"]\nprice = {input = 9, output = 9}\n'
        '[routes.r]\ntargets = ["groq/blind", "groq/dear", "groq/unknown"]\n'
        '[routes.cheap]\ntargets = ["groq/dear", "groq/blind", "groq/unknown"]\nmax_input_price = 3\nmax_output_price = 2.0\n'
        '[routes.cheapest]\ntargets = ["groq/unknown", "groq/dear", "groq/blind"]\nstrategy = "cheapest"\n'
        '[routes.seeing]\ntargets = ["groq/blind", "groq/dear"]\nneeds = ["vision"]\n'
    )
    settings, picture = machine.settings(), Message.user(Image(Data(b"x", "image/png")))
    io = World(lambda _: failed(403))
    llm = Client(settings=settings, io=io, retries=0)
    for model, prompt in (("r", picture), ("cheap", "hi"), ("cheapest", "hi"), ("seeing", "hi")):
        with pytest.raises(Exception, match=r"403|failed"):
            llm.generate(prompt, model=model)
    asked = [each.split()[1] for each in went(io)]
    assert asked == ["dear", "unknown", "blind", "blind", "dear", "unknown", "dear"]
    with pytest.raises(
        UsageError, match=r"no target of cheap is fit for this request: groq/dear costs 9 USD.*; groq/unknown has"
    ):
        llm.generate(picture, model="cheap")


def test_by_length_and_by_the_users_function() -> None:
    io = World(lambda _: chat())
    route = Route([{"model": "groq/long", "above": 10}, {"model": "groq/short", "up_to": 10}])
    llm = Client(route, settings=Settings(KEYS), io=io)
    llm.generate("x" * 40)
    llm.generate("x" * 41)
    seen: list[tuple[str, ...]] = []

    def choose(request: Request, names: tuple[str, ...]) -> str:
        seen.append(names)
        return names[-1]

    targets: list[Any] = ["groq/a", {"model": "groq/a", "api_key": ARGUMENT}, Parrot(), Route(["groq/b"], name="inner")]
    llm.generate("hi", model=Route([*targets, "groq/a"], choose=choose))
    assert [each.split()[1] for each in went(io)] == ["short", "long", "a"]
    assert seen == [("groq/a", "groq/a#2", "Parrot", "inner", "groq/a#3")]


def test_regions_are_the_addresses_own_or_said() -> None:
    azure = {"model": "azure/x", "parameters": {"resource": "acme"}}
    targets: list[Any] = [
        {"model": "bedrock/m", "parameters": {"region": "us-east-1"}, "api_key": ARGUMENT},
        {"parameters": {"region": "eu-west-1"}},
        {**azure, "api_key": ARGUMENT, "region": "eu"},
        "groq/b",
    ]
    plan = Client(settings=Settings(KEYS))._calls.destinations.plan(Route(targets))
    assert isinstance(plan[0], Fork)
    regions = [member.to.target.region for member in plan[0].members]
    assert regions == ["us-east-1", "eu-west-1", "eu", None]
    io = World(lambda _: failed(403))
    with pytest.raises(AllTargetsFailedError):
        Client(Route(targets, regions=["EU"]), settings=Settings(KEYS), io=io, retries=0).generate("hi")
    assert [request.url.split("/")[2] for request in io.requests] == [
        "bedrock-runtime.eu-west-1.amazonaws.com", "acme.openai.azure.com"
    ]  # fmt: skip


def test_quotas_are_those_of_a_key_and_model_or_said() -> None:
    route = Route(["groq/a", "groq/b", {"model": "groq/a", "api_key": ARGUMENT}, {"model": "openai/x", "quota": "ours"}])
    fork = Client(settings=Settings(KEYS))._calls.destinations.plan(route)[0]
    assert isinstance(fork, Fork)
    a, b, other, ours = (member.to.target for member in fork.members)
    assert a.quota == f"groq|{a.key}|a"
    assert b.quota == f"groq|{a.key}|b"
    assert other.quota == f"groq|{other.key}|a"
    assert other.key != a.key
    assert ours.quota == "ours"


# --- what targets have from each other --------------------------------------------------------------------------------


def test_what_a_target_does_not_say_it_has_from_the_first() -> None:
    first = {"model": "openai/a", "api_key": ARGUMENT, "base_url": "http://one.test/v1", "quota": "q", "region": "eu"}
    route = Route([first, {"base_url": "http://two.test/v1"}, {"model": "openai/b"}, "openai/c", "groq/d"])
    io = exhausted(Settings(KEYS), route)
    assert [(each, key_of(request)) for each, request in zip(went(io), io.requests, strict=True)] == [
        ("one.test a", ARGUMENT),
        ("two.test a", ARGUMENT),
        ("one.test b", ARGUMENT),
        ("one.test c", ARGUMENT),
        ("api.groq.com d", GROQ),
    ]
    fork = Client(settings=Settings(KEYS))._calls.destinations.plan(route)[0]
    assert isinstance(fork, Fork)
    assert [(member.to.target.quota == "q", member.to.target.region) for member in fork.members] == [
        (True, "eu"), (False, None), (False, None), (False, None), (False, None)
    ]  # fmt: skip


def test_what_is_handed_over_with_a_route_belongs_to_the_provider_of_its_first(machine: Machine) -> None:
    machine.user.write_text(SMART + '[routes.outer]\ntargets = ["smart", "openai/gpt-5.4-mini"]\n')
    for model in ("smart", "outer", Route(["openai/gpt-5.4", "groq/b"])):
        io = exhausted(machine.settings(), model, api_key=ARGUMENT)
        assert [key_of(request) for request in io.requests][:2] == [ARGUMENT, GROQ]
    io = exhausted(machine.settings(TRUNKLINE_MODEL="outer"), None, fallbacks=[{"api_key": ARGUMENT}])
    assert [key_of(request) for request in io.requests] == [OPENAI, GROQ, OPENAI, ARGUMENT]
    assert went(io)[-1] == "api.openai.com gpt-5.4"


def test_a_key_in_the_users_file(machine: Machine) -> None:
    target = f'{{model = "openai/a", api_key = "{ARGUMENT}", base_url = "http://one.test/v1"}}'
    machine.user.write_text(f"[routes.r]\ntargets = [{target}]\n")
    io = exhausted(machine.settings(), "r")
    assert [(each, key_of(request)) for each, request in zip(went(io), io.requests, strict=True)] == [("one.test a", ARGUMENT)]
    route = machine.settings().routes["r"]
    assert ARGUMENT not in repr(route) + repr(route.listed) + str(machine.settings().describe())
    assert route.listed[0].options["api_key"].origin is Origin.USER


def test_an_address_in_a_file_is_shown_no_key_from_elsewhere(machine: Machine) -> None:
    machine.user.write_text('[routes.r]\ntargets = [{model = "openai/a", base_url = "https://two.test/v1"}]\n')
    io = World([])
    with pytest.raises(
        UsageError, match=r"the key of openai comes from the environment, and the address two.test from your"
    ) as it:
        Client("r", settings=machine.settings(), io=io).generate("hi")
    assert it.value.field == f"routes.r.targets[0].base_url ({machine.user})"
    with pytest.raises(UsageError, match="the key of openai comes from an argument"):
        Client("r", settings=machine.settings(), io=io, api_key=ARGUMENT).generate("hi")


# --- what a project may not do ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"), [("api_key", '"x"'), ("base_url", '"https://a.test"'), ("parameters", '{resource = "a"}')]
)
def test_a_project_says_no_keys_and_not_where_they_go(machine: Machine, key: str, value: str) -> None:
    machine.file.write_text(f'[routes.r]\ntargets = ["groq/b", {{model = "azure/a", {key} = {value}}}]\n')
    with pytest.raises(UsageError, match="may not say where a key goes") as caught:
        Client("openai/a", settings=machine.settings(), io=World([])).generate("hi")
    assert caught.value.field == f"routes.r.targets[1].{key} ({machine.file})"


def test_a_project_may_say_the_rest(machine: Machine) -> None:
    target = '{model = "openai/a", dialect = "openai-responses", region = "eu", quota = "q", weight = 2.5, needs = ["text"]}'
    machine.file.write_text(f"[routes.r]\ntargets = [{target}, {{model = 'groq/b', above = 0, up_to = 9}}]\n")
    listed = machine.settings().routes["r"].listed
    assert (listed[0].weight, listed[0].condition.needs, listed[1].condition.up_to) == (2.5, frozenset({"text"}), 9)
    assert listed[0].options == {"dialect": "openai-responses", "region": "eu", "quota": "q"}


def test_the_users_own_route_goes_before_a_projects(machine: Machine) -> None:
    machine.user.write_text('[routes.smart]\ntargets = ["anthropic/mine"]\n')
    machine.file.write_text(SMART + '[routes.theirs]\ntargets = ["smart"]\n')
    assert went(exhausted(machine.settings(), "theirs")) == ["api.anthropic.com mine"]


def test_a_projects_route_takes_no_models_name(machine: Machine) -> None:
    machine.file.write_text('[routes.claude-opus-5]\ntargets = ["groq/b"]\n')
    with pytest.raises(UsageError, match="may not give a model's name to a route") as caught:
        Client("claude-opus-5", settings=machine.settings(), io=World([])).generate("hi")
    assert caught.value.field == f"routes.claude-opus-5 ({machine.file})"


@pytest.mark.parametrize("options", [{"api_key": ARGUMENT}, {"base_url": "http://a.test"}, {"parameters": {"x": "y"}}])
def test_a_projects_route_does_not_say_whose_a_key_is(machine: Machine, options: dict[str, Any]) -> None:
    machine.file.write_text(SMART)
    machine.user.write_text('[routes.mine]\ntargets = ["smart"]\n')
    for model, environ in (("smart", {}), (None, {"TRUNKLINE_MODEL": "smart"}), ("mine", {})):
        with pytest.raises(UsageError, match="a project's file may not say whose"):
            Client(model, settings=machine.settings(**environ), io=World([]), **options).generate("hi")


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        ({"targets": "openai/a"}, "targets", "wrong type"),
        ({"targets": []}, "targets", "nobody to ask"),
        ({"targets": [7]}, "targets[0]", "no model"),
        ({"targets": ["a/b", ""]}, "targets[1]", "empty"),
        ({"targets": [{"base_url": "http://a.test"}]}, "targets[0].model", "the first target names its model"),
        ({"targets": ["a/b", {"wieght": 1}]}, "targets[1].wieght", "did you mean 'weight'"),
        ({"targets": [{"model": "a/b", "weight": -1}]}, "targets[0].weight", "out of range"),
        ({"targets": [{"model": "a/b", "weight": float("inf")}]}, "targets[0].weight", "out of range"),
        ({"targets": [{"model": "a/b", "weight": "3"}]}, "targets[0].weight", "wrong type"),
        ({"targets": [{"model": "a/b", "up_to": -1}]}, "targets[0].up_to", "out of range"),
        ({"targets": [{"model": "a/b", "above": 1.5}]}, "targets[0].above", "wrong type"),
        ({"targets": [{"model": "a/b", "above": 5, "up_to": 5}]}, "targets[0].up_to", "no prompt is above"),
        ({"targets": [{"model": "a/b", "needs": ["sight"]}]}, "targets[0].needs[0]", "unknown ability"),
        ({"targets": [{"model": "a/b", "quota": ""}]}, "targets[0].quota", "empty"),
        ({"targets": [{"model": "a/b", "region": 7}]}, "targets[0].region", "wrong type"),
        ({"targets": [{"model": "a/b", "base_url": "x"}]}, "targets[0].base_url", "begins with neither"),
        ({"targets": [{"model": "a/b", "api_key": 7}]}, "targets[0].api_key", "no key"),
        ({"targets": [{"model": Parrot(), "api_key": ARGUMENT}]}, "targets[0]", "takes no options"),
        ({"strategy": "random"}, "strategy", "unknown strategy"),
        ({"needs": "vision"}, "needs", "wrong type"),
        ({"needs": ["sight"]}, "needs[0]", "unknown ability"),
        ({"regions": "eu"}, "regions", "wrong type"),
        ({"regions": ["eu", ""]}, "regions[1]", "empty"),
        ({"max_input_price": -1}, "max_input_price", "out of range"),
        ({"max_output_price": "3"}, "max_output_price", "wrong type"),
        ({"choose": "first"}, "choose", "not a function"),
        ({"name": ""}, "name", "empty"),
    ],
)
def test_what_a_route_may_not_say(arguments: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        Route(**{"targets": ["openai/a"], **arguments})
    assert caught.value.field == field
    assert ARGUMENT not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "field", "words"),
    [
        ("[routes]\nsmart = 1", "routes.smart", "must be a table"),
        ("routes = 1", "routes", "must be a table"),
        ('[routes."a/b"]\ntargets = ["x/y"]', "routes.…", "is no route's name"),
        ("[routes.smart]", "routes.smart.targets", "a list of models"),
        ('[routes.smart]\ntargets = ["a/b"]\nstrategie = "ordered"', "routes.smart.strategie", "did you mean 'strategy'"),
        ('[routes.smart]\ntargets = ["a/b"]\nchoose = "f"', "routes.smart.choose", "unknown key"),
        ('[routes.smart]\ntargets = ["a/b", {model = "c/d", weight = "3"}]', "routes.smart.targets[1].weight", "wrong type"),
        ('[routes.smart]\ntargets = ["a/b", ["c"]]', "routes.smart.targets[1]", "no model"),
        ('[routes.smart]\ntargets = [{model = ["c"]}]', "routes.smart.targets[0].model", "no model"),
        ('[routes.smart]\ntargets = ["a/b"]\nneeds = ["sight"]', "routes.smart.needs[0]", "unknown ability"),
    ],
)
def test_mistakes_in_a_file_are_told_by_their_place(machine: Machine, section: str, field: str, words: str) -> None:
    machine.file.write_text(section)
    with pytest.raises(UsageError, match=words) as caught:
        machine.settings().routes  # noqa: B018
    assert caught.value.field == f"{field} ({machine.file})"


@pytest.mark.parametrize(
    ("targets", "field", "words"),
    [
        ('["opnai/a"]', "routes.smart.targets[0]", "did you mean openai"),
        ('["openai/a", "opnai/a"]', "routes.smart.targets[1]", "did you mean openai"),
        ('["openai/a", {model = "opnai/a", quota = "q"}]', "routes.smart.targets[1].model", "did you mean openai"),
        ('["openai/a", "no-such-route"]', "routes.smart.targets[1]", "no model of that name"),
        ('["other", {quota = "q"}]', "routes.smart.targets[1].model", "the first target is no model"),
        ('["openai/a", {model = "other", quota = "q"}]', "routes.smart.targets[1]", "a route takes no options"),
        ('["smart"]', "routes.smart.targets", "a route that leads to itself: smart > smart"),
        ('["openai/a", "circle"]', "routes.circle.targets", "a route that leads to itself: smart > circle > smart"),
        ('[{model = "openai/a", dialect = "klingon"}]', "routes.smart.targets[0]", "klingon|dialect"),
    ],
)
def test_what_a_name_leads_to_is_seen_before_anything_is_sent(machine: Machine, targets: str, field: str, words: str) -> None:
    rest = '[routes.other]\ntargets = ["groq/b"]\n[routes.circle]\ntargets = ["groq/b", "smart"]\n'
    machine.file.write_text(f"[routes.smart]\ntargets = {targets}\n{rest}")
    with pytest.raises(UsageError, match=words) as caught:
        Client("smart", settings=machine.settings(), io=World([])).generate("hi")
    assert str(caught.value.field).startswith(field)
    assert str(machine.file) in str(caught.value.field)


def test_a_circle_at_the_head_of_a_route_owns_nothing(machine: Machine) -> None:
    machine.user.write_text('[routes.a]\ntargets = ["b"]\n[routes.b]\ntargets = ["a"]\n')
    with pytest.raises(UsageError, match="a route that leads to itself"):
        Client("a", settings=machine.settings(), io=World([]), api_key=ARGUMENT).generate("hi")


def test_a_fallback_that_is_a_route_takes_no_options(machine: Machine) -> None:
    machine.user.write_text(SMART)
    with pytest.raises(UsageError, match="take no options") as caught:
        Client("openai/a", settings=machine.settings(), io=World([]), fallbacks=[{"model": "smart", "quota": "q"}]).generate("hi")
    assert caught.value.field == "fallbacks[0]"


def test_what_cannot_work_is_told_when_the_client_is_made() -> None:
    async def choose(request: Request, names: tuple[str, ...]) -> str:
        return names[0]

    def token() -> str:
        return "t"

    async def atoken() -> str:
        return "t"

    for route in (
        Route(["openai/a"], choose=choose),
        Route(["openai/a", Route([Flock()])]),
        Route([{"model": "openai/a", "api_key": atoken}]),
    ):
        with pytest.raises(UsageError, match=r"coroutine|asynchronous"):
            Client(route)
        with pytest.raises(UsageError, match=r"coroutine|asynchronous"):
            Client("openai/a", fallbacks=[route])
        AsyncClient(route)
    Client(Route([{"model": "openai/a", "api_key": token}], choose=lambda request, names: None))


def test_an_object_that_answers_nothing_is_no_target() -> None:
    with pytest.raises(UsageError, match="no model"):
        Client(settings=Settings(KEYS), io=World([])).generate("hi", model=object())  # type: ignore[arg-type]


# --- besides calls ----------------------------------------------------------------------------------------------------


def test_raw_requests_go_to_the_first(machine: Machine) -> None:
    machine.file.write_text('[routes.outer]\ntargets = ["smart", "groq/c"]\n' + SMART)
    io = World([chat()])
    Client("outer", settings=machine.settings(), io=io).request("POST", "/x", json={})
    assert [request.url for request in io.requests] == ["https://api.openai.com/v1/x"]
    with pytest.raises(UsageError, match="only an HTTP endpoint"):
        Client(Route([Parrot(), "groq/c"]), settings=machine.settings(), io=io).request("POST", "/x")


def test_models_and_health_look_at_the_first(machine: Machine) -> None:
    machine.file.write_text(SMART)
    io = World([chat_models("a", "b")])
    assert [model.name for model in Client("smart", settings=machine.settings(), io=io).models(live=True)] == [
        "openai/a",
        "openai/b",
    ]
    found = Client("smart", settings=machine.settings(), io=World([])).health(ask=False)
    assert (found.model, found.why) == ("openai/gpt-5.4", "it was named: the first target of the route smart")
    assert found.providers[0].provider == "openai"
    found = Client(settings=machine.settings(TRUNKLINE_MODEL="smart"), io=World([])).health(ask=False)
    assert found.why == "it is configured as the model: the first target of the route smart"


def chat_models(*names: str) -> Any:
    from trunkline.sim.scripted import Scripted

    return Scripted(body=json.dumps({"data": [{"id": name} for name in names]}).encode())


def test_what_is_told_of_routes(machine: Machine) -> None:
    machine.user.write_text(
        '[routes.mine]\ntargets = [{model = "openai/a", weight = 2}, {region = "eu"}]\nstrategy = "weighted"\n'
    )
    machine.file.write_text(SMART)
    rows = [row for row in machine.settings().describe() if row.setting.startswith("route ")]
    assert sorted((row.setting, row.value, row.origin, row.name, row.file) for row in rows) == [
        ("route mine", "weighted: openai/a, the same elsewhere", Origin.USER, "routes.mine", str(machine.user)),
        ("route smart", "ordered: openai/gpt-5.4, groq/b", Origin.PROJECT, "routes.smart", str(machine.file)),
    ]
    route = Route(["openai/a", Parrot(), Route(["groq/b"], name="inner", strategy="fastest")])
    assert repr(route) == "Route(unnamed, ordered: openai/a, Parrot, Route(inner, fastest: groq/b))"
    assert repr(Client(Route(["openai/a"], name="mine"))) == "Client(mine)"
    assert repr(Client(Route(["openai/a"]))) == "Client(the route)"


def test_whoever_stands_in_a_route_and_among_the_fallbacks_is_asked_once(machine: Machine) -> None:
    route = Route(["openai/a", Route(["groq/b", "openai/a"])])
    io = exhausted(machine.settings(), route, fallbacks=["groq/b", Route([route]), "anthropic/c"])
    assert [each.split()[1] for each in went(io)] == ["a", "b", "c"]


def test_a_route_that_was_refused_can_be_shown() -> None:
    shown: list[str] = []

    class Watched(Route):
        def __init__(self, *args: Any) -> None:
            try:
                super().__init__(*args)
            except UsageError:
                shown.append(repr(self))
                raise

    with pytest.raises(UsageError):
        Watched([])
    assert shown == ["Route(not made)"]
