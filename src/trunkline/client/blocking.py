"""The blocking client."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from ..engine import engine, repair
from ..engine.stream import LiveStream
from ..io.blocking import BlockingIO
from ..io.run import run_blocking
from ..policy.retry import RetryPolicy
from ..ports import IO
from ..values.inputs import System
from ..values.model import Model
from ..values.response import Response
from ..wire.http import HttpReply
from . import listing
from .calls import Calls, raw_options
from .health import Health
from .options import (
    CallOptions,
    ClientOptions,
    ModelName,
    NewOptions,
    Prompt,
    RunOptions,
    SavedIn,
    Summarize,
    Timeout,
    UntypedOptions,
    UntypedRunOptions,
)
from .port import Port
from .settings import Settings
from .status import Status, status_of
from .streams import Stream

T = TypeVar("T")


if TYPE_CHECKING:
    from ..values.token_estimate import TokenEstimate
    from .conversation import Conversation


class Client:
    """One line to every language model, blocking. ``AsyncClient`` is the same with ``await``.

    ``model`` is ``"provider/model"``, ``"dialect-id/model"`` with a ``base_url`` of your own, a bare name that only one
    provider has, or an object of your own with ``generate`` or ``stream``; None: the configured model, else that of the first
    provider with a key. Nothing is read or sent before the first call. Safe to share among threads; after a fork too.
    Raises ``UsageError`` for whatever is wrong with the arguments.

    ``io`` takes the place of network, clock and chance: any ``trunkline.ports.IO`` of this client's kind, such as
    ``trunkline.sim.ScriptedIO`` in a test. The client closes it as its own.

    Options are the same for a client, for ``with_options`` and for a call; the nearest wins. ``help(trunkline.CallOptions)``
    lists them, ``help(trunkline.ClientOptions)`` what a client takes besides.
    """

    def __init__(
        self,
        model: ModelName | None = None,
        *,
        settings: Settings | None = None,
        io: IO | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        self._calls = calls = Calls.of(model, settings, True, options)
        self._port = Port(io, lambda: BlockingIO(proxies=calls.destinations.settings.proxies), blocking=True)

    @overload
    def generate(self, prompt: Prompt, *, output: type[T], **options: Unpack[UntypedOptions]) -> Response[T]: ...
    @overload
    def generate(self, prompt: Prompt, **options: Unpack[CallOptions]) -> Response: ...
    def generate(self, prompt: Prompt, **options: Unpack[CallOptions]) -> Response:
        """The whole reply. ``prompt`` is text, a list of texts and parts (``Image.file(path)``) of one turn, a ``Message``, or
        a list of messages (``Message``, or dicts in OpenAI's or Anthropic's shape); ``options`` as in ``CallOptions``. Raises
        ``UsageError`` before anything is sent, ``ProviderError`` (its subclasses) when no target answers."""
        return run_blocking(repair.generate(self._port.get(), self._calls.call(prompt, options, False)))

    @overload
    def stream(self, prompt: Prompt, *, output: type[T], **options: Unpack[UntypedOptions]) -> Stream[T]: ...
    @overload
    def stream(self, prompt: Prompt, **options: Unpack[CallOptions]) -> Stream: ...
    def stream(self, prompt: Prompt, **options: Unpack[CallOptions]) -> Stream:
        """The reply as it is written; use it as a context manager. Nothing is sent before it is entered or read."""
        return Stream(LiveStream(self._port.get(), self._calls.call(prompt, options, True)))

    @overload
    def run(self, prompt: Prompt, *, output: type[T], **options: Unpack[UntypedRunOptions]) -> Response[T]: ...
    @overload
    def run(self, prompt: Prompt, **options: Unpack[RunOptions]) -> Response: ...
    def run(self, prompt: Prompt, **options: Unpack[RunOptions]) -> Response:
        """The answer, after whatever ``tools`` the model calls have been run: all calls of a turn together, until it calls none.

        ``tools`` are functions, sources such as ``McpServer``, and whatever ``generate`` takes; where one is called that cannot
        be run here, the reply that calls it comes back. What a tool returns goes to the model as text, JSON or parts
        (``Image``), what it raises as an error that it may mend. ``response.steps`` tells each turn; ``usage, cost`` and
        ``attempts`` are of all. Raises what ``generate`` does (``DeadlineError`` after ``timeout`` in all), ``StepLimitError``
        and ``ToolSourceError``."""
        from ..engine.toolloop import run  # few run tools
        from .running import run_of

        return run_blocking(run(self._port.get(), *run_of(self._calls, prompt, options, stream=False, blocking=True)))

    @overload
    def stream_run(self, prompt: Prompt, *, output: type[T], **options: Unpack[UntypedRunOptions]) -> Stream[T]: ...
    @overload
    def stream_run(self, prompt: Prompt, **options: Unpack[RunOptions]) -> Stream: ...
    def stream_run(self, prompt: Prompt, **options: Unpack[RunOptions]) -> Stream:
        """``run`` as it happens: each turn's events, ``StepEnded`` after each but the last, ``ToolStarted`` and ``ToolEnded``.
        A turn that fails raises its own error; ``response`` then holds the steps before it."""
        from ..engine.toolstream import RunStream
        from .running import run_of

        return Stream(RunStream(self._port.get(), *run_of(self._calls, prompt, options, stream=True, blocking=True)))

    def conversation(
        self,
        system: System | None = None,
        /,
        *,
        saved_in: SavedIn | None = None,
        id: str | None = None,
        title: str | None = None,
        max_turns: int | None = None,
        max_context_tokens: int | None = None,
        summarize: Summarize | None = None,
        **options: Unpack[RunOptions],
    ) -> Conversation:
        """A conversation: what was said is kept, and said again with each ``send``, ``stream``, ``run`` and ``stream_run``.

        ``options`` hold for every turn (those of ``run``, too). Of what is said before, at most the last ``max_turns`` turns are
        sent, and about ``max_context_tokens`` tokens, tools and answer aside; never less than the last turn and whatever is
        pinned. ``summarize``: what is left out is replaced by a summary, written by the conversation's model (True), another
        model, or a function of the messages and the summary before. ``saved_in``: a ``Store`` or a file's path, where it is saved
        from the first turn on, and found again by its ``id``. ``docs/conversations.md`` tells the rest."""
        from .conversation import Conversation  # few hold any

        chat = Conversation(
            self._port, self._calls, system, options, blocking=True, saved_in=saved_in, id=id, title=title,
            max_turns=max_turns, max_context_tokens=max_context_tokens, summarize=summarize,
        )  # fmt: skip
        chat.ready()
        return chat

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        timeout: float | Timeout | None = None,
        retries: int | RetryPolicy | None = None,
    ) -> HttpReply:
        """The provider's reply to a request of your own, below its base URL: our key, pool, deadlines, retries and errors; your
        bytes."""
        call, wire = self._calls.raw(method, path, raw_options(json, body, headers, query, timeout, retries))
        return run_blocking(engine.raw(self._port.get(), call, wire))

    def stream_request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        timeout: float | Timeout | None = None,
        retries: int | RetryPolicy | None = None,
    ) -> Stream:
        """The reply to a request of your own as it is written; use it as a context manager. The request must say itself
        that it wants a stream of the provider's dialect. The events are the reply's; before those of each piece of the wire
        comes the piece itself, an ``OpaqueEvent`` of the kind ``wire``."""
        call = self._calls.raw_stream(method, path, raw_options(json, body, headers, query, timeout, retries))
        return Stream(LiveStream(self._port.get(), call))

    def estimate(self, prompt: Prompt, **options: Unpack[CallOptions]) -> TokenEstimate:
        """About how many tokens ``prompt`` is for the model, with bounds (``tokens, low, high, family``). Nobody is asked: it
        goes by the model's family, and by what the target has counted since it was first estimated. Media have wide bounds."""
        from .counting import estimate  # few ask

        return estimate(self._calls, prompt, options)

    def count_tokens(self, prompt: Prompt, **options: Unpack[CallOptions]) -> int:
        """How many tokens ``prompt`` is, as the provider counts it; nothing is answered. No fallback is asked. Raises
        ``UnsupportedOperationError`` where the provider has no way to tell, and what ``generate`` does."""
        from ..engine.counting import count_tokens  # few ask

        return run_blocking(count_tokens(self._port.get(), self._calls.call(prompt, options, False)))

    def models(self, provider: str | None = None, *, live: bool = False) -> tuple[Model, ...]:
        """The catalog's models; with ``live`` those that the provider itself names."""
        return run_blocking(listing.models(self._port.get(), self._calls, provider, live))

    def health(self, *, ask: bool = True, deep: bool = False) -> Health:
        """What is configured, what a call would use and why. ``ask``: also which servers run on this machine; and each configured
        provider is asked for its models. No call is paid for but with ``deep``: then each is asked a question of a few words."""
        from . import checkup  # few ask

        return run_blocking(checkup.health(self._port.get(), self._calls, ask, deep))

    def status(self) -> Status:
        """How its targets fare just now: circuits, limits, keys (masked), what is in flight, how fast they answer. Nobody is
        asked. Clients made by ``with_options`` share it, unless they have limits of their own."""
        return status_of(self._calls.destinations.stations, self._port.get().now())

    def reload(self) -> None:
        """Reads the settings again (environment, ``.env``, files) for the calls that begin from now on, so that new keys are
        used without a restart; keys that were refused get another chance. Clients made by ``with_options`` before keep
        theirs. Raises ``UsageError`` for what is wrong with them; then all goes on as before."""
        self._calls.reload()

    def with_options(self, **options: Unpack[NewOptions]) -> Client:
        """A client that says these options with every call, over the same connections."""
        other = Client.__new__(Client)
        other._calls = self._calls.also(True, options)
        other._port = self._port
        return other

    def close(self) -> None:
        """Close its connections; what is under way, or waits for its turn, ends with an error. Clients made by ``with_options``
        share them."""
        if (io := self._port.opened) is not None:
            run_blocking(io.close())

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        calls = getattr(self, "_calls", None)  # a traceback may show a client whose arguments were refused
        return f"{type(self).__name__}({calls.name if calls is not None else 'not made'})"
