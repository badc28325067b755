"""System B's conversations on the simulator: context, tool round trips and the move to the cloud, by the document's own code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from tests.seeds.conftest import KEY
from tests.seeds.documents import Documents, arun, run
from trunkline import ToolResult, TurnMemory
from trunkline.compat.voice_assistant import llm
from trunkline.compat.voice_assistant.llm import (
    CompletionResult,
    ConversationContext,
    LLMConnectionError,
    LLMInvalidRequestError,
    LLMProvider,
    Message,
    MessageRole,
    ProviderFactory,
    ToolDefinition,
)
from trunkline.compat.voice_assistant.llm.context import ConversationContext as WhereTheDocumentSaysItIs
from trunkline.sim import Call, Fail, Rule, Say, Simulator, Think, When

BACKENDS = ["local_gpt_oss", "openai", "anthropic", "openrouter"]
TOOLS = [ToolDefinition("look", "Look something up", {"type": "object", "properties": {"what": {"type": "string"}}})]
SYSTEM = "You are a voice assistant."
LOOKED = ("cats", "dogs")
ANSWER = ("Cats ", "sleep, ", "dogs bark.")
TRIP = [
    Rule(Say(ANSWER), when=When(after_tool="look")),
    Rule(
        Think("Two things."),
        Say("Let me look."),
        *(Call("look", {"what": what}) for what in LOOKED),
        when=When(tools="look", text="cats"),
    ),
    Rule(Say("Yes?")),
]


def config(backend: str, simulated: Simulator, **conversation: Any) -> dict[str, Any]:
    """As the document's YAML, the address the simulator's."""
    section = {"base_url": simulated.base_url("anthropic-messages" if backend == "anthropic" else "openai-chat"), "api_key": KEY}
    return {"llm": {"backend": backend, backend: section}, "conversation": {"system_prompt": SYSTEM, **conversation}}


class Tools:
    """The body that the sample leaves open: ``failing`` names what cannot be looked up."""

    def __init__(self, failing: str = "") -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._failing = failing

    async def execute(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.asked.append((name, arguments))
        if arguments["what"] == self._failing:
            raise LLMConnectionError("the tool cannot be reached")
        return {"found": arguments["what"]}


def orchestrator(documents: Documents, settings: dict[str, Any], tools: Tools | None = None) -> Any:
    """The document's VoiceAssistantOrchestrator, its tools the test's."""
    made = run(documents.block("B", "Complete Pipeline Integration"))["VoiceAssistantOrchestrator"](settings)
    made.execute_tool = (tools or Tools()).execute
    return made


async def converse(made: Any, *said: str, tools: Any = None) -> list[str]:
    heard = [await made.process_user_input(words, tools=tools) for words in said]
    await made.cleanup()
    return heard


# --- the orchestrator ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_bs_complete_pipeline(backend: str, documents: Documents, simulated: Simulator) -> None:
    """Two rounds of two calls each, of which the context keeps the results alone; a strict provider takes every request."""
    simulated.use(TRIP)
    tools = Tools()
    made = orchestrator(documents, config(backend, simulated), tools)
    heard = asyncio.run(converse(made, "Hello?", "What of cats?", "And cats again?", tools=TOOLS))
    assert heard == ["Yes?", "".join(ANSWER), "".join(ANSWER)]
    assert tools.asked == [("look", {"what": what}) for what in LOOKED] * 2
    assert [asked.status for asked in simulated.requests] == [200] * 5
    assert [message.role for message in made.context.get_messages()] == [
        "system", "user", "assistant", "user", "tool", "tool", "assistant", "user", "tool", "tool", "assistant",
    ]  # fmt: skip
    last = simulated.requests[-1].request
    assert last is not None
    turns = [message for message in last.messages if message.tool_calls]
    assert [turn.text for turn in turns] == ["Let me look."] * 2
    for turn in turns:
        assert [(call.name, call.arguments) for call in turn.tool_calls] == [("look", {"what": what}) for what in LOOKED]
    if backend == "anthropic":
        assert turns[-1].reasoning == "Two things.", "the turn is whole, with what its provider sealed"


@pytest.mark.parametrize("backend", BACKENDS)
def test_bs_pipeline_whose_tool_fails(backend: str, documents: Documents, simulated: Simulator) -> None:
    """One of two results is there when the turn ends; the conversation goes on."""
    simulated.use(TRIP)
    made = orchestrator(documents, config(backend, simulated), Tools(failing="dogs"))

    async def main() -> list[str]:
        first = await made.process_user_input("What of cats?", tools=TOOLS)
        simulated.use([Rule(Say("Yes?"))])
        return [first, *await converse(made, "Hello?", tools=TOOLS)]

    assert asyncio.run(main()) == ["Error: the tool cannot be reached", "Yes?"]
    last = simulated.requests[-1].request
    assert last is not None
    assert [call.arguments for message in last.messages for call in message.tool_calls] == [{"what": "cats"}]


@pytest.mark.parametrize("backend", BACKENDS)
def test_bs_pipeline_that_forgets(backend: str, documents: Documents, simulated: Simulator) -> None:
    simulated.use(TRIP)
    made = orchestrator(documents, config(backend, simulated, max_history_turns=2))
    asyncio.run(converse(made, "What of cats?", "Hello?", "Still there?", "And cats?", tools=TOOLS))
    assert [asked.status for asked in simulated.requests] == [200] * 6
    for asked in simulated.requests:
        assert asked.request is not None
        said = [message.text for message in asked.request.messages if message.role == "user" and message.text]
        assert len(said) <= 2
        assert asked.request.messages[0].text == SYSTEM


@pytest.mark.parametrize("backend", ["openai", "anthropic"])
def test_bs_pipeline_tells_of_an_error(backend: str, documents: Documents, simulated: Simulator) -> None:
    simulated.use([Rule(Fail(401), times=1), Rule(Say("Yes?"))])
    failed, heard = asyncio.run(converse(orchestrator(documents, config(backend, simulated)), "Hello?", "Still there?"))
    assert failed.startswith("Error: ")
    assert KEY not in failed
    assert heard == "Yes?"


@pytest.mark.parametrize("backend", BACKENDS)
def test_bs_streaming_integration(backend: str, documents: Documents, simulated: Simulator) -> None:
    """The second sample's method in the first one's class, spoken as it comes; a streamed turn is remembered too."""
    spoken: list[str] = []

    class Voice:
        async def speak_partial(self, chunk: str) -> None:
            spoken.append(chunk)

    made = orchestrator(documents, config(backend, simulated))
    made.tts = Voice()
    say = run(documents.block("B", "Streaming Integration"))["process_user_input_streaming"]

    async def main() -> str:
        assert await say(made, "Hello?") == "Yes?"
        made.context.add_user_message("What of cats?")
        chunks = cast("AsyncIterator[str]", made.llm.stream_complete(made.context.get_messages(), tools=TOOLS))
        made.context.add_assistant_message("".join([chunk async for chunk in chunks]))
        for what in LOOKED:
            made.context.add_tool_result(what, f"all about {what}", "look")
        heard: str = await say(made, "So?")
        await made.cleanup()
        return heard

    calls = [Call("look", {"what": what}, id=what) for what in LOOKED]
    rules = [Rule(Say("Let me look."), *calls, when=When(tools="look")), Rule(Say(ANSWER), when=When(text="So?")), *TRIP[2:]]
    simulated.use(rules)
    assert asyncio.run(main()) == "".join(ANSWER)
    assert "".join(spoken) == "".join(["Yes?", *ANSWER])
    last = simulated.requests[-1].request
    assert last is not None
    assert [message.text for message in last.messages if message.role == "assistant"] == ["Yes?", "Let me look."]
    assert [call.arguments["what"] for message in last.messages for call in message.tool_calls] == list(LOOKED)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_result_that_nobody_asked_for(backend: str, simulated: Simulator) -> None:
    """As after a restart: the context was kept, the memory was not."""
    simulated.use(TRIP)
    context = ConversationContext(system_message=SYSTEM)
    context.add_user_message("What of cats?")
    context.add_tool_result("call_of_yesterday", "They sleep.", "look")

    async def main() -> CompletionResult:
        async with ProviderFactory.create_from_config(config(backend, simulated)) as provider:
            return await provider.complete(context.get_messages(), tools=TOOLS)

    result = asyncio.run(main())
    assert result.content == "".join(ANSWER)
    assert [warning.kind for warning in result.metadata["warnings"] if "call_of_yesterday" in warning.reason] == ["approximated"]
    [asked] = simulated.requests
    assert asked.request is not None
    results = [part for message in asked.request.messages for part in message.parts if isinstance(part, ToolResult)]
    assert [result.tool_call_id for result in results] == ["call_of_yesterday"]


# --- the context ---------------------------------------------------------------------------------------------------------


def test_it_is_where_the_document_says() -> None:
    assert WhereTheDocumentSaysItIs is ConversationContext is llm.ConversationContext


@pytest.mark.parametrize("backend", BACKENDS)
def test_bs_conversation_context(backend: str, documents: Documents, simulated: Simulator) -> None:
    simulated.use([Rule(Say("Your name is Alice."), when=When(text="What is my name")), Rule(Say("Hello, Alice."))])

    async def main() -> dict[str, Any]:
        async with ProviderFactory.create_from_config(config(backend, simulated)) as provider:
            return await arun(documents.block("B", "Conversation Context"), provider=provider)

    names = asyncio.run(main())
    assert names["result"].content == "Your name is Alice."
    assert [(str(message.role), message.content) for message in names["context"].get_messages()] == [
        ("system", "You are a helpful assistant."), ("user", "My name is Alice"), ("assistant", "Hello, Alice."),
        ("user", "What is my name?"), ("assistant", "Your name is Alice."),
    ]  # fmt: skip
    last = simulated.requests[-1].request
    assert last is not None
    assert [message.text for message in last.messages] == [message.content for message in names["context"].get_messages()[:-1]]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("nothing", ["", " \n"])
def test_words_that_say_nothing_reach_no_provider(backend: str, nothing: str, simulated: Simulator) -> None:
    simulated.use([Rule(Say("Yes?"))])
    context = ConversationContext(max_turns=3, system_message=nothing)
    context.add_user_message("Hello?")
    context.add_assistant_message(nothing)
    context.add_assistant_message(None)
    context.add_user_message("Hello!")
    assert [message.content for message in context.get_messages()] == ["Hello?", "Hello!"]
    by_hand = [Message(MessageRole.SYSTEM, nothing), *context.get_messages(), Message(MessageRole.ASSISTANT, nothing)]

    async def main() -> None:
        async with ProviderFactory.create_from_config(config(backend, simulated)) as provider:
            for messages in (context.get_messages(), [*by_hand, Message(MessageRole.USER, "So?")]):
                assert (await provider.complete(messages)).content == "Yes?"

    asyncio.run(main())
    for asked in simulated.requests:
        assert asked.status == 200


def test_it_keeps_whole_turns_and_its_system_message() -> None:
    context = ConversationContext(max_turns=2, system_message=SYSTEM)
    context.add_assistant_message("What can I do?")
    for n in range(3):
        context.add_user_message(f"question {n}")
        context.add_tool_result(f"a{n}", "first", "look")
        context.add_tool_result(f"b{n}", "second", name="look")
        context.add_assistant_message(f"answer {n}")
    expected = [Message(MessageRole.SYSTEM, SYSTEM)]
    for n in (1, 2):
        expected += [
            Message(MessageRole.USER, f"question {n}"),
            Message(MessageRole.TOOL, "first", "look", f"a{n}"),
            Message(MessageRole.TOOL, "second", "look", f"b{n}"),
            Message(MessageRole.ASSISTANT, f"answer {n}"),
        ]
    assert context.get_messages() == expected
    context.get_messages().clear()
    assert (context.get_messages(), len(context)) == (expected, 2)
    context.clear()
    assert (context.get_messages(), len(context)) == (expected[:1], 0)


def test_a_long_conversation_takes_no_more_room_than_a_short_one() -> None:
    context = ConversationContext(max_turns=3)
    for n in range(1_200):
        context.add_user_message(f"question {n}")
        context.add_tool_result("same", f"result {n}")
    assert [message.content for message in context.get_messages()] == [
        f"{word} {n}" for n in range(1_197, 1_200) for word in ("question", "result")
    ]
    assert (len(context), len(context._window.items) < 1_010) == (3, True)


@pytest.mark.parametrize("turns", [0, -1])
def test_it_keeps_one_turn_at_least(turns: int) -> None:
    with pytest.raises(ValueError, match="max_turns"):
        ConversationContext(max_turns=turns)
    assert ConversationContext(None, None).max_turns == 10


# --- from the machine to the cloud ---------------------------------------------------------------------------------------

TEST = Message(MessageRole.USER, "Are you there?")


def adaptive(documents: Documents, settings: dict[str, Any]) -> Any:
    """The document's AdaptiveOrchestrator; its ``test_message`` and ``config`` are the host's."""
    block = documents.block("B", "Dynamic Provider Switching")
    names = {"ProviderFactory": ProviderFactory, "LLMConnectionError": LLMConnectionError, "test_message": TEST}
    made = run(block, **names)["AdaptiveOrchestrator"]()
    made.config = settings
    return made


def both(local: dict[str, Any], simulated: Simulator) -> dict[str, Any]:
    """A configuration with a local model and the cloud."""
    cloud = {"base_url": simulated.base_url("anthropic-messages"), "api_key": KEY}
    return {"llm": {"backend": "local_gpt_oss", "local_gpt_oss": local, "anthropic": cloud}}


async def answered(made: Any) -> tuple[str, str]:
    provider: LLMProvider = await made.get_provider()
    async with provider:
        return type(provider).__name__, (await provider.complete([TEST])).content


def test_bs_adaptive_orchestrator_stays_on_the_machine(documents: Documents, simulated: Simulator) -> None:
    simulated.use([Rule(Say("Here."))])
    made = adaptive(documents, both({"base_url": simulated.url}, simulated))
    assert asyncio.run(answered(made)) == ("LocalGPTOSSProvider", "Here.")
    assert [asked.dialect for asked in simulated.requests] == ["openai-chat"] * 2


def test_bs_adaptive_orchestrator_moves_to_the_cloud(documents: Documents, simulated: Simulator, refused: str) -> None:
    """Nothing listens where the local model should be."""
    simulated.use([Rule(Say("Here."))])
    made = adaptive(documents, both({"base_url": refused}, simulated))
    assert asyncio.run(answered(made)) == ("AnthropicProvider", "Here.")
    assert [asked.dialect for asked in simulated.requests] == ["anthropic-messages"]


@pytest.mark.parametrize("one_memory", [True, False])
def test_bs_adaptive_orchestrator_in_the_midst_of_a_conversation(
    one_memory: bool, documents: Documents, simulated: Simulator
) -> None:
    """The local model calls tools and is gone; the cloud hears the whole turn where both have one memory."""
    simulated.use(TRIP)
    settings = both({"base_url": simulated.url, "retries": 0}, simulated)
    if one_memory:
        memory = TurnMemory()
        for name in ("local_gpt_oss", "anthropic"):
            settings["llm"][name]["tool_memory"] = memory
    made, context = adaptive(documents, settings), ConversationContext(system_message=SYSTEM)
    context.add_user_message("What of cats?")

    async def main() -> str:
        async with await made.get_provider() as here:
            for call in (await here.complete(context.get_messages(), tools=TOOLS)).tool_calls:
                context.add_tool_result(call.id, "They sleep.", call.name)
        simulated.use([Rule(Fail(503), when=When(dialect="openai-chat")), *TRIP])
        async with await made.get_provider() as there:
            content: str = (await there.complete(context.get_messages(), tools=TOOLS)).content
            return content

    assert asyncio.run(main()) == "".join(ANSWER)
    last = simulated.requests[-1].request
    assert last is not None
    assert simulated.requests[-1].dialect == "anthropic-messages"
    [turn] = [message for message in last.messages if message.tool_calls]
    heard = [call.arguments for call in turn.tool_calls]
    assert heard == ([{"what": what} for what in LOOKED] if one_memory else [{}, {}])


def test_bs_adaptive_orchestrator_on_a_model_that_is_overloaded(documents: Documents, simulated: Simulator) -> None:
    """Three attempts; the server says how long to wait between them. A request that it refuses is no reason to leave."""
    hurry = {"retry-after-ms": "1"}
    simulated.use([Rule(Fail(503, headers=hurry), when=When(dialect="openai-chat")), Rule(Say("Here."))])
    made = adaptive(documents, both({"base_url": simulated.url}, simulated))
    assert asyncio.run(answered(made)) == ("AnthropicProvider", "Here.")
    assert [asked.status for asked in simulated.requests] == [503, 503, 503, 200]
    simulated.use([Rule(Fail(400), when=When(dialect="openai-chat")), Rule(Say("Here."))])
    with pytest.raises(LLMInvalidRequestError):
        asyncio.run(answered(made))
