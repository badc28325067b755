"""What can be said of a call: one list of options for both clients, checked before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypedDict, cast

import msgspec

from ..engine.call import Hooks
from ..policy.breaker import BreakerPolicy
from ..policy.hedge import Hedge
from ..policy.retry import RetryPolicy
from ..policy.turns import TurnMemory
from ..ports import Backend, Observer, Store, StreamingBackend
from ..values import expect
from ..values.errors import ProviderError, UsageError
from ..values.events import Event
from ..values.expect import kind_of, only
from ..values.inputs import Prompt as Prompt
from ..values.message import CacheMark, Message, Part, ToolCall
from ..values.request import AudioOutput, Effort, ReasoningOptions, Request, ToolChoice
from ..values.response import Response
from .credentials import ApiKey, sealed
from .limits import Concurrencies, RateLimits
from .routes import Route
from .timing import Timeout as Timeout, shown, to_limits as to_limits
from .trust import bare, checked_base_url

ModelName = str | Backend | StreamingBackend | Route
SavedIn = Store | str | os.PathLike[str]
"""A store, or the path of the file that becomes one."""
Summarize = bool | ModelName | Callable[[tuple[Message, ...], str | None], Any]
"""True: the conversation's model; another model; or a function of the messages that are left out and of the summary before, which
gives the new one (with ``AsyncClient`` it may be a coroutine function)."""


class RequestOptions(TypedDict, total=False):
    """What is said of the request itself (``Request`` explains each)."""

    system: str | Sequence[Part | Mapping[str, Any]] | None
    tools: Iterable[Any] | None
    tool_choice: str | Mapping[str, Any] | ToolChoice | None
    parallel_tool_calls: bool | None
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    frequency_penalty: float | None
    presence_penalty: float | None
    stop: str | Sequence[str] | None
    seed: int | None
    n: int | None
    logprobs: bool | None
    top_logprobs: int | None
    logit_bias: Mapping[str, float] | None
    reasoning: Effort | int | bool | ReasoningOptions | None
    verbosity: Literal["low", "medium", "high"] | None
    modalities: Sequence[str] | None
    audio: AudioOutput | None
    prediction: str | None
    service_tier: str | None
    store: bool | None
    user: str | None
    cache_key: str | None
    cache: CacheMark | bool | Literal["auto"] | None
    metadata: Mapping[str, str] | None
    extra_headers: Mapping[str, str] | None
    extra_query: Mapping[str, str] | None
    extra_body: Mapping[str, Any] | None


class CarryOptions(RequestOptions, total=False):
    """And of how it is carried out."""

    fallbacks: Sequence[ModelName | Mapping[str, Any]]
    """Further models, tried in order when one fails. A mapping of ``BackupOptions`` has whatever it does not say from the model
    that it stands in for."""
    timeout: float | Timeout | None
    """Seconds for the whole call, or a ``Timeout``."""
    retries: int | RetryPolicy
    """Further tries of one target; a ``RetryPolicy`` says too how long is waited before them."""
    fallback_on: Sequence[type[ProviderError]] | None
    """The errors after which the next of the ``fallbacks`` is asked; None: whatever may be better there."""
    hedge: Hedge | float | bool | Mapping[str, Any] | None
    """A second target is asked beside the first, where that says nothing for a while."""
    on_interrupt: Literal["raise", "continue"]
    """What becomes of a stream that breaks off in mid-answer: an error with what came, or another target carries on."""
    fallback_answer: str | Response | Callable[[Request, ProviderError], Any] | None
    """What is answered when no target does: ``response.fallback`` says so."""
    min_tokens_per_second: float | None
    """Of a stream, on average from its first token on, looked at after five seconds; a slower one counts as broken off."""
    fetch_urls: bool | Literal["private"]
    """Whether we fetch what is named by its address for a target that cannot; ``private``: in private networks and by ``http:``
    too."""
    strict: bool
    """What a target cannot express is an error instead of a warning."""
    errors: Literal["full", "quiet"]
    """``quiet`` keeps the provider's own words out of errors: they can quote prompts."""
    output_retries: int
    """So often a model is told what is wrong with an ``output`` that is not what was asked for. Streams are not tried again."""


class UntypedOptions(CarryOptions, total=False):
    """Whatever ``CallOptions`` has but ``output``, which says of what type ``response.output`` is."""

    model: ModelName | None


class CallOptions(UntypedOptions, total=False):
    """What can be said with one call, and for all calls of a client.

    Of the request:

    - ``system`` instructions; ``model`` in place of the client's (in a call only).
    - ``tools``: functions, ``Tool``, ``CustomTool``, ``HostedTool``, or dicts in OpenAI's or Anthropic's shape; ``tool_choice``:
      ``auto, none, required``, or a tool's name; ``parallel_tool_calls``.
    - ``output``: the type that ``response.output`` shall have (msgspec Struct, dataclass, TypedDict, pydantic model), a JSON
      Schema, an ``OutputFormat``, or ``"json"``; ``output_retries``: so often the model is told what is wrong with it.
    - ``reasoning``: an effort (``none, minimal, low, medium, high, xhigh, max``), tokens, True, False, or ``ReasoningOptions``;
      ``verbosity``: ``low, medium, high``.
    - ``max_tokens`` (reasoning counts too), ``stop``, ``n`` (choices).
    - ``temperature, top_p, top_k, frequency_penalty, presence_penalty, seed, logprobs, top_logprobs, logit_bias``.
    - ``modalities, audio`` (``AudioOutput``), ``prediction`` (text that the reply will mostly repeat).
    - ``cache`` (``"auto"``: what pays; True or a ``CacheMark``: all of it), ``cache_key, service_tier, store, user, metadata``.
    - ``extra_headers, extra_query, extra_body`` go to the wire as they are.

    Of how it is carried out (``docs/defaults.md``):

    - ``timeout``: seconds for the whole call, or a ``Timeout``. ``retries``: further tries of one target,
      or a ``RetryPolicy``, which says too how long is waited before them.
    - ``fallbacks``: further models, tried in order when one fails; also as mappings (``BackupOptions``) such as
      ``{"base_url": …}``, which have whatever they do not say from the model that they stand in for. ``fallback_on``: the
      errors (classes of ``ProviderError``) after which the next is asked; others are raised. None: whatever may be better there.
    - ``hedge``: seconds, or a ``Hedge``: where the first target has said nothing by then, the next is asked too, and whoever
      begins first answers. ``on_interrupt="continue"``: another target carries on a stream that breaks off in mid-answer.
      ``fallback_answer``: a text, a ``Response``, or a function of the request and the error: the answer when no target answers,
      marked as such. ``min_tokens_per_second``: a slower stream counts as broken off.
    - ``fetch_urls=False``: we fetch no picture or document that is named by its address, also where the provider cannot;
      ``"private"``: in private networks and by plain ``http:`` too (``docs/media.md``).
    - ``strict=True``: what a target cannot express is an error and not a warning on the reply.
    - ``errors="quiet"``: the provider's own words are kept out of errors; they can quote prompts.
    """

    output: Any
    """``"json"``, an ``OutputFormat``, a JSON Schema, or a type: Struct, dataclass, TypedDict, pydantic model, Literal, list…"""


class UntypedRunOptions(UntypedOptions, total=False):
    """Whatever ``RunOptions`` has but ``output``."""

    approve: Callable[[ToolCall], Any] | None
    max_steps: int
    tool_timeout: float | None


class RunOptions(UntypedRunOptions, CallOptions, total=False):
    """What can be said with ``run`` and ``stream_run``: whatever a call takes, ``tools`` also from other sources (``McpServer``,
    any ``ToolSource``), and

    - ``approve``: asked before each call of a tool, with the ``ToolCall``: True, or why not (text, for the model). Without it
      functions of your own run, and so do tools of a source with ``trusted=True``; others are refused before anything is sent.
    - ``max_steps`` (10): so often the model is asked; ``StepLimitError`` when it still calls tools then. ``tool_timeout``:
      seconds for each call of a tool; ``timeout`` is for the whole run.
    """


class ClientOptions(CarryOptions, total=False):
    """What can be said to a client: whatever ``CallOptions`` has (``help(trunkline.CallOptions)``), for all its calls, and

    - ``api_key`` and ``base_url``: of the provider of ``model`` alone; others have theirs from the settings. Several keys are
      used in turn; a function is asked for a token (``ApiKey``). ``dialect``: in which it is asked, where it speaks several, and
      ``parameters`` of its address (``{"region": "eu-west-1"}``), likewise. ``version``: of the protocol, where it has one.
      ``max_line``: bytes of the longest line of a stream.
    - ``before(request)`` and ``after(response)`` may return a replacement; ``on_error(error)`` hears what a call ends with,
      ``on_event(event)`` every event of a stream. With ``AsyncClient`` they may be coroutine functions.
    - ``rate_limit``: requests a minute, a ``RateLimit``, or a mapping of names (``openai``, ``openai/gpt-5.4``) to either;
      ``concurrency``: likewise how many requests at once. Of each provider and key. ``breaker``: when a target that fails is left
      alone for a while (``BreakerPolicy``); None: never.
    - ``observers``: objects with ``attempted`` and ``settled`` (``Observer``).
    - ``tool_memory``: a ``TurnMemory``, for conversations that hold results of tools without the turn that asked for them.
    """

    output: Any
    api_key: ApiKey | None
    """For the provider of ``model`` alone; other providers have their own from the settings. Several keys are used in turn, call
    by call. A function gives a token, or a token and its end (Unix seconds); an object with ``get_token`` is asked as Azure's
    are."""
    base_url: str | None
    dialect: str | None
    """In which the provider of ``model`` is asked, where it speaks several; None: the model's only one, else what the settings
    say, else the provider's first."""
    parameters: Mapping[str, str] | None
    """What fills the gaps in its address: ``region``, ``resource``, ``project``, ``api_version``…"""
    version: str | None
    """The protocol's version, where it has one (``anthropic-version``: 2023-06-01 unless said)."""
    max_line: int | None
    """Bytes of the longest line of a stream that is read, and of a whole reply, compression undone (64 MiB)."""
    before: Callable[[Request], Request | Awaitable[Request | None] | None] | None
    after: Callable[[Response], Response | Awaitable[Response | None] | None] | None
    on_error: Callable[[BaseException], Awaitable[None] | None] | None
    on_event: Callable[[Event], Awaitable[None] | None] | None
    rate_limit: RateLimits | None
    concurrency: Concurrencies | None
    breaker: BreakerPolicy | Mapping[str, Any] | bool | None
    observers: Sequence[Observer]
    tool_memory: TurnMemory | None
    """Remembers turns that call tools, and puts them back where only the results are sent. After ``before`` is heard."""


class BackupOptions(TypedDict, total=False):
    """What a fallback may say of itself. Whatever it does not, it has from the model that it stands in for, as far as that is of
    the same provider; but for ``region`` and ``quota``, which are its own."""

    model: str
    api_key: ApiKey | None
    base_url: str | None
    dialect: str | None
    parameters: Mapping[str, str] | None
    version: str | None
    region: str | None
    """Where it is, for routes that ask in some regions only; None: what its address says."""
    quota: str | None
    """A name for the limit at its provider that it shares with whatever has the same; None: those of one key, model and region
    share one."""


class NewOptions(ClientOptions, total=False):
    """What ``with_options`` takes."""

    model: ModelName | None


CALL_OPTIONS = frozenset(CallOptions.__annotations__)
RUN_OPTIONS = frozenset(RunOptions.__annotations__)
OF_CONVERSATIONS = ("saved_in", "id", "title", "max_turns", "max_context_tokens", "summarize")
CONVERSATION_OPTIONS = RUN_OPTIONS.union(OF_CONVERSATIONS)
BACKUP_OPTIONS = frozenset(BackupOptions.__annotations__)
CLIENT_OPTIONS = frozenset(ClientOptions.__annotations__)
NEW_OPTIONS = frozenset(NewOptions.__annotations__)
HOOKS = ("before", "after", "on_error", "on_event")
ELSEWHERE = {
    "approve": "run(...), which carries tools out",
    "max_steps": "run(...), which carries tools out",
    "tool_timeout": "run(...), which carries tools out",
    **dict.fromkeys(OF_CONVERSATIONS, "conversation(...)"),
    "keep_partial": "stream(...) and stream_run(...) of a conversation",
    "stream": "the method stream(...), in place of generate(...)",
    "provider": "model='provider/model'",
    "messages": "the list of messages as the first argument",
    "response_format": "output='json', a JSON Schema, or a type such as a dataclass",
    "reasoning_effort": "reasoning='low', 'medium', 'high', …",
    "thinking": "reasoning='low', 'medium', 'high', … or a number of tokens",
}
"""Names that other libraries taught, and what to write here."""


def known(options: Mapping[str, Any], allowed: frozenset[str]) -> None:
    """Raises ``UsageError`` for an option that there is not."""
    if allowed.issuperset(options):
        return
    for name in options:
        if name in CLIENT_OPTIONS - allowed:
            raise UsageError("not an option of a call", field=name, allowed="Client(...) and with_options(...) take it")
        if name not in allowed and name in ELSEWHERE:
            raise UsageError("unknown option", field=name, allowed=ELSEWHERE[name])
    only(options, "", sorted(allowed), "option")


def seal(options: Mapping[str, Any]) -> None:
    """Makes a key that was handed over a ``Secret``, where it stands: a traceback that shows local variables shows no key, nor
    what else was handed over in its place, nor the password in an address that is refused for it."""
    given = cast(dict[str, Any], options)
    if options.get("api_key") is not None:
        try:
            given["api_key"] = sealed(options["api_key"])
        except UsageError as error:
            given["api_key"] = "***"
            raise bare(error) from None
    if isinstance(backups := options.get("fallbacks"), list | tuple) and any(isinstance(each, Mapping) for each in backups):
        given["fallbacks"] = copies = [dict(each) if isinstance(each, Mapping) else each for each in backups]
        del backups
        for each in copies:
            if isinstance(each, dict):
                seal(each)
    if options.get("base_url") is not None:
        try:
            given["base_url"] = checked_base_url(options["base_url"])
        except UsageError as error:
            given["base_url"] = "***"
            raise bare(error) from None


def check_carrying(options: Mapping[str, Any]) -> None:
    """Refuses what is wrong with how the call is to be carried out."""
    if (strict := options.get("strict")) is not None:
        expect.flag(strict, "strict")
    if (errors := options.get("errors")) is not None:
        expect.one_of(errors, "errors", ("full", "quiet"), "word")
    if (again := options.get("output_retries")) is not None and expect.whole(again, "output_retries", 0) > 100:
        raise UsageError("not a count", field="output_retries", got=shown(again), allowed="a whole number from 0 to 100")
    for n, model in enumerate(expect.items(options.get("fallbacks") or (), "fallbacks", "a list of model names")):
        if (
            not isinstance(model, str | Mapping | Route)
            and not callable(getattr(model, "generate", None))
            and not callable(getattr(model, "stream", None))
        ):
            expect.wrong(
                f"fallbacks[{n}]",
                model,
                "'provider/model', a route, an object with generate or stream, or a mapping of options",
                "no model",
            )
    for n, observer in enumerate(expect.items(options.get("observers") or (), "observers", "a list of observers")):
        if not callable(getattr(observer, "attempted", None)) or not callable(getattr(observer, "settled", None)):
            expect.wrong(f"observers[{n}]", observer, "an object with attempted and settled", "no observer")
    if not isinstance(memory := options.get("tool_memory"), TurnMemory | None):
        expect.wrong("tool_memory", memory, "a TurnMemory, or None", "no memory")


def to_hooks(options: Mapping[str, Any], base: Hooks) -> Hooks:
    changes = {name: options[name] for name in HOOKS if name in options}
    for name, hook in changes.items():
        if hook is not None and not callable(hook):
            raise UsageError("not a function", field=name, got=kind_of(hook), allowed="a function or None")
    return msgspec.structs.replace(base, **changes) if changes else base
