"""How a simulator answers one request: limits and keys, then the rule that fits, then what the rule says and does."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from ..dialects.dialect import Context, Operation, ServedModel
from ..serve.answers import Answer, Asked, Bytes, Streamed, Taken
from ..values.errors import ProviderError, ServerError
from ..values.events import Event, Finish
from ..values.fold import fold
from ..values.response import Response, Usage, Warning
from ..values.secret import Secret
from ..wire.http import HttpReply
from .conversation import out_of_version, refusal
from .failures import error_of, failed, over_limit, unknown_model, wrong_key
from .limits import Meter
from .match import When
from .playback import Events, Playback, Tempo
from .quirks import ASK_FOR_USAGE, Quirk, that_apply
from .recorder import Entry
from .rudeness import dribbled, past_http, raw_answer
from .scenario import Pace, Rule, Scenario
from .script import Script, script_of
from .spoilt import SpoiltStream
from .steps import Close, Cut, Down, Fail, Garble, Pause, Raw, SlowHead, Stall, Step, StreamError
from .stray_bodies import stray_reply
from .stray_chunks import Stray
from .tokens import count_request
from .whole import spoilt_whole

_BY_BRAIN = Rule()
_CUT_OFF = ("length", "content_filter")
CREATED = 1_767_225_600
"""The moment of every model, and of every reply where no clock is given, in Unix seconds (2026-01-01): so that the same is
answered at any time."""
PING_EVERY = 15.0
"""Seconds without a word after which a stream shows that it is alive."""
MODELS = ("sim-small", "sim-large", "sim-reasoning")
"""What the list of models says where a scenario names none."""


class Play:
    """A scenario while it is played: how often each rule was used, and how many requests there were."""

    def __init__(self, scenario: Scenario, requests: int = 0) -> None:
        self.scenario: Scenario = scenario
        self.requests: int = requests
        self._used: dict[int, int] = {}

    def choose(self, asked: Asked) -> int | None:
        """The number of the first rule that fits and is not used up."""
        for number, rule in enumerate(self.scenario.rules):
            if (rule.times is None or self._used.get(number, 0) < rule.times) and _fits(rule, number, asked):
                return number
        return None

    def use(self, number: int | None) -> None:
        """Count rule number ``number`` as used once more."""
        if number is not None:
            self._used[number] = self._used.get(number, 0) + 1


def _fits(rule: Rule, number: int, asked: Asked) -> bool:
    if isinstance(rule.when, When):
        return rule.when(asked)
    if asked.operation is not Operation.GENERATE or asked.decoded is None:
        return False
    try:
        return rule.when is None or bool(rule.when(asked.decoded.request))
    except Exception as error:  # whoever wrote it shall learn of it where he looks: in the reply
        fault = f"the condition of rule {number} raised {type(error).__name__}"
        raise ServerError(fault, status=500, provider_message=f"T{fault[1:]}: {error}") from error


class House(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for all requests of one simulator."""

    seed: int
    tempo: Tempo
    now: Callable[[], float]
    wall: Callable[[], float]
    strict: bool = True
    meter: Meter | None = None
    keys: frozenset[Secret] | None = None
    quirks: tuple[Quirk, ...] = ()
    pace: Pace = Pace()
    models: tuple[str, ...] = ()


class Answering:
    """One request being answered."""

    def __init__(self, house: House, play: Play, asked: Asked, entry: Entry) -> None:
        self.house: House = house
        self.play: Play = play
        self.asked: Asked = asked
        self.context: Context = asked.context
        self.entry: Entry = entry
        self.rule: Rule = _BY_BRAIN
        self.quirks: tuple[Quirk, ...] = ()
        self.slow: float | None = None
        self.told: tuple[tuple[str, str], ...] = ()
        number = play.requests
        play.requests += 1
        self.chance: random.Random = random.Random(f"{house.seed}:{number}")  # noqa: S311 - it shall be foretold

    async def answer(self) -> Answer:
        """The answer; what is known of it is told to the entry."""
        try:
            answer = await self._answer()
        except ProviderError as error:
            self.entry.failed(error)
            answer = self._whole(self.asked.half.encode_error(error, self.context))
        if self.slow is not None and not isinstance(answer, Taken):
            return await dribbled(self.asked.connection, answer, self.slow, self.house.tempo, self.entry)
        return answer

    async def _answer(self) -> Answer:
        """All up to the first wait happens at once: nothing comes between asking a limit and taking it."""
        asked, keys = self.asked, self.house.keys
        if keys is not None and asked.key not in keys:
            raise wrong_key(asked.key is not None)
        number = self.play.choose(asked)
        if number is not None:
            self.rule = self.play.scenario.rules[number]
        own = self.play.scenario.quirks if self.rule.quirks is None else self.rule.quirks
        self.quirks = that_apply((*self.house.quirks, *own), asked.half.id)
        script = self._script()
        self._admit(script)
        self.play.use(number)
        self.entry.rule = number
        if (answer := await self._lead(script)) is not None:
            return answer
        if asked.operation is not Operation.GENERATE:
            return self._whole(self._listed())
        return self._streamed(script) if asked.context.stream else await self._unary(script)

    def _script(self) -> Script:
        """What will be said, if the request may be answered at all."""
        decoded, counted = self.asked.decoded, self.asked.operation is Operation.COUNT_TOKENS
        if decoded is not None and self.house.strict:
            wrong = out_of_version(decoded.request, self.context.version, counted=counted)
            if wrong is not None:
                raise wrong
        if decoded is None or self.asked.operation is not Operation.GENERATE:
            return Script(lead=self.rule.steps, beats=(), usage=self.rule.usage or Usage())
        self._check_model(decoded.request.model)
        if self.house.strict and (wrong := refusal(decoded.request, prefill="no_prefill" not in self.quirks)) is not None:
            raise wrong
        pace = self.rule.pace or self.play.scenario.pace or self.house.pace
        return script_of(decoded.request, self.rule, pace, self.chance)

    def _check_model(self, name: str) -> None:
        if (models := self._models()) and name not in models:
            raise unknown_model(name)

    def _models(self) -> tuple[str, ...]:
        return self.house.models or tuple(self.play.scenario.models)

    def _admit(self, script: Script) -> None:
        """Take the request against the limits, and note what is left for the headers."""
        meter = self.house.meter
        if meter is None or self.asked.operation is not Operation.GENERATE:
            return
        now = self.house.now()
        used = script.usage
        refused = meter.take(now, input_tokens=used.input_tokens or 0, output_tokens=used.output_tokens or 0)
        self.told = self.asked.half.limit_headers(meter.told(now, self.house.wall()))
        if refused is not None:
            raise over_limit(refused)

    async def _lead(self, script: Script) -> Answer | None:
        """What goes wrong before the reply begins; None where nothing does that ends it."""
        for n, step in enumerate(script.lead):
            match step:
                case SlowHead():
                    self.slow = step.seconds
                case Pause() | Stall():
                    await self.house.tempo.wait(step.seconds)
                case Fail():
                    spoils = [beat.step for beat in script.beats if beat.step is not None]
                    return self._whole(self._failed(step), spoils, quirks_of_errors=step.body is None)
                case Raw():
                    raw = raw_answer(script.lead[n:], self.context.stream, self.house.tempo, self.entry)
                    return raw if step.status else await past_http(self.asked.connection, raw, self.entry)
                case _:
                    return await self._hung_up(step)
        return None

    def _failed(self, step: Fail) -> HttpReply:
        if step.body is None:
            self.entry.failed(error_of(step))
        return failed(step, self.asked.half, self.context)

    async def _hung_up(self, step: Step) -> Taken:
        if isinstance(step, Close | Cut):
            self.entry.outcome = "cut"
            self.asked.connection.close()
        else:
            self.entry.outcome = "reset"
            if isinstance(step, Down):
                await self.house.tempo.down(step.seconds)
            self.asked.connection.reset()
        return Taken()

    def _whole(self, reply: HttpReply, spoils: list[Step] | None = None, *, quirks_of_errors: bool = True) -> Answer:
        quirks = self.quirks if quirks_of_errors or reply.status < 400 else ()
        reply = stray_reply(reply, quirks) if quirks else reply
        return spoilt_whole(reply, spoils or (), self.told, self.house.tempo, self.entry, self.chance)

    async def _unary(self, script: Script) -> Answer:
        await self.house.tempo.wait(sum(beat.wait for beat in script.beats))
        spoils = [beat.step for beat in script.beats if beat.step is not None]
        if spoils and isinstance(last := spoils[-1], Fail):
            return self._whole(self._failed(last))
        if spoils and isinstance(last := spoils[-1], StreamError):
            raise error_of(last)
        reply = self.asked.half.encode_response(_cut_off(script.events), self.context)
        self.entry.warnings += reply.warnings
        return self._whole(reply, spoils)

    def _streamed(self, script: Script) -> Answer:
        playback = Playback(script.beats, self.house.tempo, self.entry)
        context = self.context
        if ASK_FOR_USAGE & set(self.quirks):
            context = replace(context, include_usage=True)
        inline = any(isinstance(beat.step, (Cut, Garble, Raw)) for beat in script.beats)
        if not inline and not self.quirks and self.slow is None:
            stalls = any(isinstance(beat.step, Stall) for beat in script.beats)
            pings = None if stalls else PING_EVERY  # a stall with signs of life would be none
            return Streamed(Events(playback), context, self.told, pings, self._warned)
        half = self.asked.half
        stray = Stray(self.quirks, half.id, script.usage.input_tokens or 0)
        source = SpoiltStream(playback, half.event_encoder(context), stray, self.quirks, self.chance, self.entry)
        return Bytes(200, (*half.stream_headers(context), *self.told), source)

    def _warned(self, warnings: tuple[Warning, ...]) -> None:
        self.entry.warnings += warnings

    def _listed(self) -> HttpReply:
        """What is neither said nor made up: counts and lists."""
        asked = self.asked
        models = {name: ServedModel(name, CREATED) for name in self._models() or MODELS}
        if asked.operation is Operation.MODELS:
            return asked.half.encode_models(tuple(models.values()), self.context)
        if asked.operation is Operation.MODEL:
            if (model := models.get(asked.model or "")) is None:
                raise unknown_model(asked.model or "")
            return asked.half.encode_model(model, self.context)
        assert asked.decoded is not None
        given = self.rule.usage and self.rule.usage.input_tokens
        return asked.half.encode_token_count(given or count_request(asked.decoded.request), self.context)


def _cut_off(events: Sequence[Event]) -> Response:
    """The reply that ``events`` tell. Where it was cut off in the midst of a call it says so, as it does in a stream."""
    reply = fold(events)
    reasons = {event.choice: event.reason for event in events if type(event) is Finish and event.reason in _CUT_OFF}
    if not reasons:
        return reply
    further = [replace(one, finish_reason=reasons.get(one.index, one.finish_reason)) for one in reply.alternatives]
    return replace(reply, finish_reason=reasons.get(0, reply.finish_reason), alternatives=tuple(further))
