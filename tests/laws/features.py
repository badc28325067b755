"""What dialects may be able to say: an example of each, what of it must survive, and how warnings name it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from trunkline.values.media import Data, Url
from trunkline.values.message import (
    Audio,
    CacheMark,
    Citation,
    File,
    Image,
    Message,
    ProviderState,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from trunkline.values.request import AudioOutput, CustomTool, OutputFormat, ReasoningOptions, Request, Tool, ToolChoice
from trunkline.values.response import Alternative, Response, TokenLogprob, Usage

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
WEATHER, CLOCK = Tool("weather", "the weather", SCHEMA), Tool("clock", "the time", SCHEMA)
SHELL = CustomTool("shell", "runs a command")
PNG = Data(b"\x89PNG\r\n\x1a\nabc", "image/png")
PDF = Data(b"%PDF-1.7abc", "application/pdf")
PAPER = Data(b"words of a document", "text/plain")
WAV = Data(b"RIFF\x04\0\0\0WAVEfmt ", "audio/wav")
MP4 = Data(b"\0\0\0\x18ftypmp42", "video/mp4")
CALL, OTHER_CALL = ToolCall("call_1", "weather", '{"city":"Oslo"}'), ToolCall("call_2", "weather", '{"city":"Rome"}')
FOREIGN = ProviderState("elsewhere", b"{}")
CITED = Citation("url", title="t", url="https://example.com/x", text_start=0, text_end=4)
PAGE = Citation("page", cited_text="c", title="t", document=0, start=1, end=2)


class Asked(NamedTuple):
    """A request; ``fact`` is what of it must survive, ``words`` are those by which a warning names the feature."""

    request: Request
    words: tuple[str, ...]
    fact: Callable[[Request], Any]


class Told(NamedTuple):
    """A reply likewise."""

    reply: Response
    words: tuple[str, ...]
    fact: Callable[[Response], Any]


def ask(*messages: Message, **fields: Any) -> Request:
    return Request(model="m", messages=messages or (Message.user("hi"),), **fields)


def tell(*parts: Any, finish_reason: Any = "stop", **fields: Any) -> Response:
    return Response(
        message=Message.assistant(*parts), finish_reason=finish_reason, model="m", id="r1", **{"usage": USED, **fields}
    )


USED = Usage(input_tokens=50, output_tokens=20)


def parts(request: Request, kind: type) -> list[Any]:
    return [part for message in request.messages for part in message.parts if isinstance(part, kind)]


def loop(*answer: Any, is_error: bool = False) -> Request:
    result = ToolResult("call_1", answer, is_error=is_error)
    return ask(Message.user("q"), Message.assistant(CALL), Message.tool(result), Message.user("more"), tools=(WEATHER,))


def back(*said: Any) -> Request:
    return ask(Message.user("q"), Message.assistant(*said), Message.user("more"))


def _calls(request: Request) -> Any:
    calls = [(call.id, call.name, call.arguments) for call in parts(request, ToolCall)]
    results = [
        (result.tool_call_id, "".join(part.text for part in result.parts if isinstance(part, Text)))
        for result in parts(request, ToolResult)
    ]
    return calls, results


def _sources(kind: type) -> Callable[[Request], Any]:
    return lambda request: [getattr(part.source, "data", None) or part.source.url for part in parts(request, kind)]


def _shown(request: Request) -> Any:
    return [[part.source.data for part in result.parts if isinstance(part, Image)] for result in parts(request, ToolResult)]


def _field(name: str) -> Callable[[Request], Any]:
    return lambda request: getattr(request, name)


def _marks(request: Request) -> Any:
    return [part.text for part in parts(request, Text) if part.cache is not None]


def _plain(name: str, value: Any, **more: Any) -> Asked:
    return Asked(ask(**{name: value}, **more), (name,), _field(name))


TWO = ask(
    Message.user("q"), Message.assistant(CALL, OTHER_CALL), Message.tool(ToolResult("call_1", (Text("4"),))),
    Message.tool(ToolResult("call_2", (Text("5"),))), Message.user("more"), tools=(WEATHER,),
)  # fmt: skip

ASKED_OF: dict[str, Asked] = {
    "system prompt": Asked(ask(Message.system("Be brief"), Message.user("hi")), ("system",), lambda r: [m.text for m in r.messages if m.role == "system"]),
    "system prompt in the midst": Asked(
        ask(Message.user("q"), Message.assistant("a"), Message.system("Be brief"), Message.user("b")), ("messages.system",),
        lambda r: [(m.role, m.text) for m in r.messages]),
    "the assistant's words begun": Asked(ask(Message.user("q"), Message.assistant("The")), ("messages", "prefill"), lambda r: (r.messages[-1].role, r.messages[-1].text)),
    "names of speakers": Asked(ask(Message("user", (Text("hi"),), name="ann")), ("messages.name",), lambda r: r.messages[0].name),
    "tools": Asked(ask(tools=(WEATHER, CLOCK)), ("tools",), lambda r: [(t.name, t.description, t.parameters) for t in r.tools]),
    "strict tools": Asked(ask(tools=(Tool("weather", "w", SCHEMA, strict=True),)), ("tools",), lambda r: [t.strict for t in r.tools]),
    "custom tools": Asked(ask(tools=(SHELL,)), ("tools",), lambda r: r.tools),
    "some tool must be called": Asked(ask(tools=(WEATHER, CLOCK), tool_choice=ToolChoice("required")), ("tool_choice", "tools"), lambda r: (len(r.tools), r.tool_choice)),
    "a forced tool": Asked(ask(tools=(WEATHER, CLOCK), tool_choice=ToolChoice("tool", ("weather",))), ("tool_choice", "tools"), lambda r: (len(r.tools), r.tool_choice)),
    "no tool may be called": Asked(ask(tools=(WEATHER, CLOCK), tool_choice=ToolChoice("none")), ("tool_choice", "tools"), lambda r: (len(r.tools), r.tool_choice)),
    "no parallel calls": Asked(ask(tools=(WEATHER,), parallel_tool_calls=False), ("parallel_tool_calls", "tools"), _field("parallel_tool_calls")),
    "tool loops": Asked(loop(Text("4")), ("messages", "tool"), _calls),
    "parallel calls": Asked(TWO, ("messages", "tool"), _calls),
    "tool results with pictures": Asked(loop(Text("4"), Image(PNG)), ("messages.tool_result", "messages.image", "tools"), _shown),
    "tool results that are errors": Asked(loop(Text("no"), is_error=True), ("is_error", "tools"), lambda r: [p.is_error for p in parts(r, ToolResult)]),
    "pictures by bytes": Asked(ask(Message.user("see", Image(PNG))), ("messages.image",), _sources(Image)),
    "pictures by address": Asked(ask(Message.user("see", Image(Url("https://example.com/a.png")))), ("messages.image",), _sources(Image)),
    "PDFs by bytes": Asked(ask(Message.user("read", File(PDF))), ("messages.file$",), _sources(File)),
    "PDFs by address": Asked(ask(Message.user("read", File(Url("https://example.com/a.pdf")))), ("messages.file$",), _sources(File)),
    "documents of text": Asked(ask(Message.user("read", File(PAPER))), ("messages.file$",), lambda r: [[type(p) for p in m.parts] + _sources(File)(r) for m in r.messages]),
    "audio in": Asked(ask(Message.user("hear", Audio(WAV))), ("messages.audio",), _sources(Audio)),
    "video in": Asked(ask(Message.user("see", Video(MP4))), ("messages.video",), _sources(Video)),
    "reasoning effort": Asked(ask(reasoning=ReasoningOptions(effort="low")), ("reasoning",), lambda r: r.reasoning and r.reasoning.effort),
    "reasoning budget": Asked(ask(reasoning=ReasoningOptions(budget=2048)), ("reasoning",), lambda r: r.reasoning and r.reasoning.budget),
    "reasoning text back": Asked(back(Reasoning("hm"), Text("a")), ("messages.reasoning",), lambda r: [p.text for p in parts(r, Reasoning)]),
    "citations of others back": Asked(
        back(Text("Oslo is", (Citation("page", document=0, state=FOREIGN),))), ("citations",), lambda r: [len(p.citations) for p in parts(r, Text)]),
    "refusals back": Asked(back(Refusal("no")), ("messages.refusal", "messages"), lambda r: [p.text for p in parts(r, Refusal)]),
    "structured output": Asked(ask(output=OutputFormat(SCHEMA)), ("output",), lambda r: r.output and r.output.schema),
    "plain JSON": Asked(ask(Message.user("Say JSON."), output=OutputFormat()), ("output",), lambda r: r.output == OutputFormat()),
    "max_tokens": _plain("max_tokens", 100),
    "temperature": _plain("temperature", 0.5),
    "top_p": _plain("top_p", 0.5),
    "top_k": _plain("top_k", 5),
    "frequency_penalty": _plain("frequency_penalty", 0.5),
    "presence_penalty": _plain("presence_penalty", 0.5),
    "stop": _plain("stop", ("END",)),
    "seed": _plain("seed", 1),
    "n": _plain("n", 2),
    "logprobs": _plain("logprobs", True),
    "top_logprobs": Asked(ask(logprobs=True, top_logprobs=2), ("logprobs",), _field("top_logprobs")),
    "logit_bias": _plain("logit_bias", {"5": 1.0}),
    "verbosity": _plain("verbosity", "low"),
    "prediction": _plain("prediction", "words"),
    "audio out": Asked(ask(modalities=("text", "audio"), audio=AudioOutput("v", "pcm16")), ("audio", "modalities"), lambda r: r.audio and r.audio.voice),
    "pictures out": Asked(ask(modalities=("text", "image")), ("modalities",), lambda r: "image" in r.modalities),
    "service_tier": _plain("service_tier", "priority"),
    "user": _plain("user", "u"),
    "metadata": _plain("metadata", {"a": "b"}),
    "cache_key": _plain("cache_key", "k"),
    "cache marks": Asked(ask(Message.user(Text("long", cache=CacheMark()), Text("short"))), ("cache",), _marks),
    "cache marks on tools": Asked(ask(tools=(Tool("weather", "w", SCHEMA, cache=CacheMark()),)), ("cache", "tools"), lambda r: [t.cache is not None for t in r.tools]),
}  # fmt: skip


def _usage(*names: str) -> Callable[[Response], Any]:
    return lambda reply: [getattr(reply.usage, name) for name in names]


def _used(**figures: int) -> Told:
    usage = Usage(input_tokens=50, output_tokens=20, **figures)
    return Told(tell(Text("a"), usage=usage), tuple(f"usage.{name}" for name in figures), _usage(*figures))


def _said(kind: type) -> Callable[[Response], Any]:
    return lambda reply: [part.text for part in reply.message.parts if isinstance(part, kind)]


def _tool_calls(reply: Response) -> Any:
    return reply.finish_reason, [(call.id, call.name, call.raw_arguments, call.kind) for call in reply.tool_calls]


def _citations(*names: str) -> Callable[[Response], Any]:
    return lambda reply: [
        [getattr(cited, name) for name in names] for part in reply.message.parts for cited in getattr(part, "citations", ())
    ]


LIKELY = TokenLogprob("hi", -0.5, (104, 105))

TOLD_BY: dict[str, Told] = {
    "tool calls": Told(tell(Text("Let me see."), CALL, finish_reason="tool_calls"), ("tool_call",), _tool_calls),
    "parallel calls": Told(tell(CALL, OTHER_CALL, finish_reason="tool_calls"), ("tool_call",), _tool_calls),
    "custom calls": Told(tell(ToolCall("call_1", "shell", "ls -l", "custom"), finish_reason="tool_calls"), ("tool_call",), _tool_calls),
    "reasoning": Told(tell(Reasoning("hm"), Text("a")), ("reasoning",), _said(Reasoning)),
    "citations of pages of the web": Told(tell(Text("Oslo is big", (CITED,))), ("citations$", "citations.url", "citations.title"), _citations("url", "title")),
    "citations' places in the text": Told(tell(Text("Oslo is big", (CITED,))), ("citations$", "citations.place"), _citations("text_start", "text_end")),
    "citations of documents": Told(tell(Text("Oslo is big", (PAGE,))), ("citations",), _citations("kind", "document", "start", "end")),
    "refusals": Told(tell(Refusal("no")), ("refusal",), _said(Refusal)),
    "alternatives": Told(
        tell(Text("a"), alternatives=(Alternative(index=1, message=Message.assistant("b"), finish_reason="stop"),)), ("alternatives", "choice"),
        lambda reply: [choice.message.text for choice in reply.alternatives]),
    "log probabilities": Told(tell(Text("hi"), logprobs=(LIKELY,)), ("logprobs",), lambda reply: [(one.token, one.logprob) for one in reply.logprobs]),
    "likeliest others": Told(
        tell(Text("hi"), logprobs=(TokenLogprob("hi", -0.5, (104, 105), (LIKELY,)),)), ("logprobs",),
        lambda reply: [[other.token for other in one.top] for one in reply.logprobs]),
    "sound": Told(
        tell(Audio(WAV, "hello")), ("audio",), lambda reply: [part.source.data for part in reply.message.parts if isinstance(part, Audio) and isinstance(part.source, Data)]),
    "pictures": Told(tell(Text("a"), Image(PNG)), ("image",), lambda reply: [part.source.data for part in reply.message.parts if isinstance(part, Image) and isinstance(part.source, Data)]),
    "which stop sequence": Told(tell(Text("a"), stop_sequence="END"), ("stop_sequence",), lambda reply: reply.stop_sequence),
    "cut off by the limit": Told(tell(Text("a"), finish_reason="length"), ("finish_reason",), lambda reply: reply.finish_reason),
    "cut off by a filter": Told(tell(Text("a"), finish_reason="content_filter"), ("finish_reason",), lambda reply: reply.finish_reason),
    "cache reads": _used(cache_read_tokens=3),
    "cache writes": _used(cache_write_tokens=3),
    "cache writes for an hour": _used(cache_write_tokens=3, cache_write_1h_tokens=2),
    "reasoning tokens": _used(reasoning_tokens=3),
    "audio tokens": _used(input_audio_tokens=3, output_audio_tokens=2),
    "image tokens": _used(input_image_tokens=3, output_image_tokens=2),
}  # fmt: skip
