"""From what the user says to a call that the engine can carry out; shared by both clients, no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ..dialects.dialect import WireRequest
from ..engine import backend
from ..engine.backend import declared_async
from ..engine.call import NO_HOOKS, Call, Hooks, Limits
from ..engine.destination import Own, Planned, Sought, Wire
from ..engine.program import Program
from ..engine.repair import CORRECTIONS
from ..policy.retry import RetryPolicy
from ..policy.turns import TurnMemory
from ..ports import Observer
from ..telemetry import logs
from ..values import expect
from ..values.check import check_headers, check_query, check_request
from ..values.errors import UsageError
from ..values.expect import kind_of
from ..values.input_tools import to_output, to_reasoning, to_tool_choice, to_tools
from ..values.inputs import to_messages, to_stop
from ..values.message import CacheMark, Scope
from ..values.request import Request
from .credentials import is_async
from .destinations import Destinations
from .forked import begins_anew
from .limits import STATION_OPTIONS, to_fetching, to_resorts
from .options import (
    BACKUP_OPTIONS,
    CALL_OPTIONS,
    CLIENT_OPTIONS,
    NEW_OPTIONS,
    ModelName,
    Prompt,
    Timeout,
    check_carrying,
    known,
    seal,
    to_hooks,
    to_limits,
)
from .routes import Route
from .setting_values import ErrorStyle
from .settings import Settings

Experiences = tuple[dict[tuple[str, str], Any], set[tuple[str, str]]]
_PATH = re.compile(r"/(?!/)[!-~]*")
_REQUEST_FIELDS = frozenset(Request.__struct_fields__) - {"model", "messages", "stream", "tool_choice"}
_ASIDE = CALL_OPTIONS - _REQUEST_FIELDS | {"output"}  # what touches more of a call than its request


class _Ready(NamedTuple):
    """The call of a client that says nothing more; as long as ``destinations`` are the client's."""

    destinations: Destinations
    call: Call
    scope: Scope


class Calls:
    """Makes calls: the client's own options, and for each call what is said on top of them."""

    def __init__(
        self,
        model: ModelName | None,
        destinations: Destinations,
        options: Mapping[str, Any],
        *,
        blocking: bool,
        limits: Limits = Limits(),
        hooks: Hooks = NO_HOOKS,
        observers: tuple[Observer, ...] = (),
        memory: TurnMemory | None = None,
        said: frozenset[str] = frozenset(),
        limiting: Mapping[str, Any] | None = None,
        experience: Experiences | None = None,
    ) -> None:
        self.destinations: Destinations = destinations
        self._model = model
        self._options = dict(options)
        self._blocking = blocking
        self._limits, self._hooks, self._observers = limits, hooks, observers
        self._memory = memory
        self._said = said
        """Which of the limits were said by the caller, so that no setting takes their place."""
        self._limiting = limiting or {}
        self.experience: Experiences = ({}, set()) if experience is None else experience
        """What targets count (``Experience``), and those that are to teach it: somebody has asked for an estimate."""
        self._ready: _Ready | None = None
        begins_anew(self)

    @classmethod
    def of(cls, model: ModelName | None, settings: Settings | None, blocking: bool, options: Mapping[str, Any]) -> Calls:
        """From a client's arguments; refuses what can be refused without reading anything."""
        seal(options)
        known(options, CLIENT_OPTIONS)
        if settings is not None and not isinstance(settings, Settings):
            raise UsageError("no settings", field="settings", got=kind_of(settings), allowed="Settings, or None")
        first = cls(model, Destinations(settings), {}, blocking=blocking, observers=(logs.LogObserver(),))
        return first.also(blocking, options)

    def also(self, blocking: bool, options: Mapping[str, Any]) -> Calls:
        """The same with further options."""
        seal(options)
        known(options, NEW_OPTIONS)
        check_carrying(options)
        hooks = to_hooks(options, self._hooks)
        if blocking:
            refuse_coroutines(hooks)
            refuse_async_keys(options)
        merged = {**self._options, **{name: value for name, value in options.items() if name in CALL_OPTIONS}}
        model = merged.pop("model", None) or self._model
        destinations = self.destinations
        if any(options.get(name) is not None for name in ("api_key", "base_url", "version", "dialect", "parameters")):
            destinations = destinations.also(model, options)
        limiting = {**self._limiting, **{name: options[name] for name in STATION_OPTIONS if name in options}}
        if limiting != self._limiting:
            destinations = destinations.limited(destinations.limiting.under(limiting))
        limits = to_limits({**merged, "max_line": options.get("max_line")}, self._limits)
        for name in ("timeout", "retries", "fallback_on", "min_tokens_per_second"):
            merged.pop(name, None)
        made = Calls(
            model, destinations, merged, blocking=blocking, limits=limits, hooks=hooks,
            observers=self._observers + tuple(options.get("observers") or ()),
            memory=options.get("tool_memory", self._memory),
            said=self._said | {name for name in ("timeout", "retries", "max_line") if name in options},
            limiting=limiting, experience=self.experience,
        )  # fmt: skip
        made._look_over()
        return made

    def reload(self) -> None:
        """Whatever is called from now on goes by the settings as they are now; as before, where there is something wrong with
        them."""
        ready = self._prepare(self.destinations.reloaded())
        self.destinations, self._ready = ready.destinations, ready

    def forget(self) -> None:
        """After a fork, in the child."""
        self.destinations.forget()
        self._ready = None

    def _look_over(self) -> None:
        """What is wrong with the options shows here, not at the first call; nothing is read for it."""
        self._request(to_messages("?", self._options.get("system")), self._options, False)
        self._resorts(self._options)
        for model in (self._model, *(self._options.get("fallbacks") or ())):
            if isinstance(model, Route):
                model.check(self._blocking)
            elif model is not None and not isinstance(model, str | Mapping):
                self._plan(model, ())
        for n, backup in enumerate(self._options.get("fallbacks") or ()):
            if isinstance(backup, Mapping):
                expect.only(backup, f"fallbacks[{n}]", sorted(BACKUP_OPTIONS), "option")

    @property
    def model(self) -> ModelName | None:
        return self._model

    @property
    def errors(self) -> ErrorStyle:
        """Whether errors hold the provider's own words."""
        return self._options.get("errors") or self.destinations.settings.errors or "full"

    @property
    def name(self) -> str:
        """How the client shows itself."""
        model = self._model
        if isinstance(model, str | Route):
            return str(model)
        return "chosen from the settings" if model is None else type(model).__name__

    def said(self, name: str) -> Any:
        """What the client's own options say."""
        return self._options.get(name)

    def call(self, prompt: Prompt, options: Mapping[str, Any], stream: bool) -> Call:
        """A call of ``generate`` or ``stream``. Raises ``UsageError`` for whatever is wrong with it."""
        call = self._call(prompt, options, stream)
        if self.experience[1]:
            from .counting import taught  # few ask for estimates

            return taught(call, self.experience)
        return call

    def _call(self, prompt: Prompt, options: Mapping[str, Any], stream: bool) -> Call:
        _, ready, scope = self._prepared()
        if options:
            if "fallbacks" in options:
                seal(options)
            known(options, CALL_OPTIONS)
            options = {**self._options, **options} if self._options else options
        else:
            options = self._options
        if _ASIDE.isdisjoint(options):
            return _with(ready, self._request(to_messages(prompt, scope=scope), options, stream))
        check_carrying(options)
        plan = ready.plan
        if "model" in options or "fallbacks" in options:
            plan = self._plan(options.get("model") or self._model, options.get("fallbacks") or ())
            scope = _scope(plan)
        request = self._request(to_messages(prompt, options.get("system"), scope=scope), options, stream)
        output = options.get("output")
        return Call(
            request=request,
            plan=plan,
            limits=to_limits(options, ready.limits),
            hooks=ready.hooks,
            observers=ready.observers,
            parse=None if output is None else _parser(output),
            corrections=CORRECTIONS if (again := options.get("output_retries")) is None else again,
            strict=options.get("strict") or False,
            errors=options.get("errors") or ready.errors,
            memory=ready.memory,
            **self._resorts(options),
        )

    def _resorts(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What is done when a target is slow, breaks off, cannot fetch a URL, or nobody answers."""
        return {"fetch_urls": to_fetching(options.get("fetch_urls")), **to_resorts(options, self._blocking)}

    def raw(self, method: str, path: str, options: Mapping[str, Any]) -> tuple[Call, WireRequest]:
        """A call of ``request``: of the fallbacks, those understand it which are other addresses of the same provider."""
        ready = self._prepared().call
        planned, *others = ready.plan
        first = planned.leading() if isinstance(planned, Sought) else planned
        if first is None:
            raise UsageError("a raw request needs to be told whom it is for", field="model", got="None", allowed="provider/model")
        if not isinstance(first, Wire) or isinstance(first, Program):
            raise UsageError("only an HTTP endpoint takes raw requests", field="model", got=self.name)
        kin = [each for each in others if isinstance(each, Wire) and _is_other_address(each, first)]
        call = Call(
            request=ready.request, plan=(first, *kin), limits=to_limits(options, ready.limits), observers=ready.observers,
            errors=ready.errors,
        )  # fmt: skip
        return call, wire_request(method, path, options)

    def raw_stream(self, method: str, path: str, options: Mapping[str, Any]) -> Call:
        """A call of ``stream_request``."""
        from ..engine.verbatim import verbatim  # few ask

        call, request = self.raw(method, path, options)
        return verbatim(call, request)

    def _prepared(self) -> _Ready:
        ready = self._ready
        if ready is None or ready.destinations is not self.destinations:  # another thread has read the settings again meanwhile
            ready = self._ready = self._prepare(self.destinations)
        return ready

    def _prepare(self, destinations: Destinations) -> _Ready:
        """Reads the settings."""
        settings = destinations.settings
        if settings.log is not None:
            logs.show(settings.log)
        limits = to_limits(_settings_limits(settings, self._said), self._limits)
        plan = self._checked(destinations.plan(self._model, self._options.get("fallbacks") or ()))
        call = Call(
            request=Request(model=self.name, messages=()),
            plan=plan,
            limits=limits,
            hooks=self._hooks,
            observers=self._observers,
            strict=self._options.get("strict") or False,
            errors=self._options.get("errors") or settings.errors or "full",
            memory=self._memory,
            **self._resorts(self._options),
        )
        return _Ready(destinations, call, _scope(plan))

    def _plan(self, model: ModelName | None, fallbacks: Sequence[ModelName | Mapping[str, Any]]) -> tuple[Planned, ...]:
        return self._checked(self.destinations.plan(model, fallbacks))

    def _checked(self, plan: tuple[Planned, ...]) -> tuple[Planned, ...]:
        for destination in plan:
            if isinstance(destination, Own):
                backend.check(destination, self._blocking)
            elif isinstance(destination, Sought):
                destination.check(self._blocking)
        return plan

    def _request(self, messages: tuple[Any, ...], options: Mapping[str, Any], stream: bool) -> Request:
        fields: dict[str, Any] = {"model": self.name, "messages": messages, "stream": stream}
        if not options:
            return Request(**fields)
        for name, value in options.items():
            if value is not None and name in _REQUEST_FIELDS:
                fields[name] = _CONVERTED[name](value) if name in _CONVERTED else value
        if (choice := options.get("tool_choice")) is not None:
            fields["tool_choice"] = to_tool_choice(choice, fields.get("tools", ()))
        request = Request(**fields)
        check_request(request)
        return request


def _is_other_address(wire: Wire, first: Wire) -> bool:
    """Whether it is the same provider in the same protocol, elsewhere."""
    same = (wire.provider, wire.target.dialect) == (first.provider, first.target.dialect)
    return same and wire.base_url != first.base_url


def _scope(plan: tuple[Planned, ...]) -> Scope:
    """Whom what a provider sealed in a dict is for: the first target alone."""
    first = plan[0].target
    return Scope(first.owner, first.model)


def _with(ready: Call, request: Request) -> Call:
    return Call(
        request=request, plan=ready.plan, limits=ready.limits, hooks=ready.hooks, observers=ready.observers, parse=ready.parse,
        strict=ready.strict, errors=ready.errors, memory=ready.memory, hedge=ready.hedge, carries_on=ready.carries_on,
        last_resort=ready.last_resort,
    )  # fmt: skip


def _settings_limits(settings: Settings, said: frozenset[str]) -> dict[str, Any]:
    """What the settings say where the client's arguments say nothing."""
    found = {"timeout": settings.timeout, "retries": settings.retries, "max_line": settings.max_line}
    return {name: value for name, value in found.items() if value is not None and name not in said}


def _parser(output: Any) -> Callable[[str], Any] | None:
    from ..values.output import Output  # few calls ask for one

    form, kind = to_output(output)
    return None if form is None else Output(kind, form.schema)


def _cache(value: Any) -> CacheMark | None:
    return CacheMark(auto=value == "auto") if value is True or value == "auto" else None if value is False else value


_CONVERTED: dict[str, Any] = {
    "tools": to_tools,
    "output": lambda value: to_output(value)[0],
    "stop": to_stop,
    "reasoning": to_reasoning,
    "modalities": lambda value: tuple(expect.items(value, "modalities", "a list of words")),
    "cache": _cache,
}


def refuse_coroutines(hooks: Hooks) -> None:
    """The blocking client takes no coroutine functions as hooks."""
    for name in Hooks.__struct_fields__:
        if declared_async(getattr(hooks, name)):
            raise UsageError("a coroutine function", field=name, allowed="a plain function here; AsyncClient takes both")


def refuse_async_keys(options: Mapping[str, Any]) -> None:
    """The blocking client takes no key that is given asynchronously."""
    backups = [each for each in options.get("fallbacks") or () if isinstance(each, Mapping)]
    if any(is_async(each.get("api_key")) for each in (options, *backups)):
        raise UsageError("a coroutine function", field="api_key", allowed="a plain function here; AsyncClient takes both")


def wire_request(method: object, path: object, options: Mapping[str, Any]) -> WireRequest:
    """The raw request that the user wrote, checked."""
    if not isinstance(method, str) or not (method.isalpha() and method.isascii()):
        raise UsageError("no HTTP method", field="method", got=kind_of(method), allowed="'GET', 'POST', …")
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise UsageError(
            "no path", field="path", got=kind_of(path), allowed="'/…' in visible ASCII, below the provider's base URL"
        )
    body, json = options.get("body"), options.get("json")
    headers = dict(expect.mapping(options.get("headers", {}), "headers"))
    check_headers(headers, "headers")
    if json is not None:
        if body is not None:
            raise UsageError("both given", field="json", allowed="json or body")
        expect.json_value(json, "json")
        body = msgspec.json.encode(json)
        headers.setdefault("content-type", "application/json")
    if body is not None and not isinstance(body, bytes):
        raise UsageError("not bytes", field="body", got=kind_of(body), allowed="bytes")
    query = expect.mapping(options.get("query", {}), "query")
    pairs = tuple((expect.text(name, "query"), expect.text(value, f"query.{name}")) for name, value in query.items())
    check_query(dict(pairs), "query")
    return WireRequest(method=method.upper(), path=path, query=pairs, headers=tuple(headers.items()), body=body or b"")


def raw_options(
    json: Any,
    body: bytes | None,
    headers: Mapping[str, str] | None,
    query: Mapping[str, str] | None,
    timeout: float | Timeout | None,
    retries: int | RetryPolicy | None,
) -> dict[str, Any]:
    """What was said of a raw request."""
    given = {"json": json, "body": body, "headers": headers, "query": query, "timeout": timeout, "retries": retries}
    return {name: value for name, value in given.items() if value is not None}
