"""System B's orchestrators with the tools of a real MCP server, another process: both samples, and the move to the cloud with tools."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.real.programs import CLIENTS
from tests.seeds import conftest
from tests.seeds.conftest import KEY
from tests.seeds.documents import Documents, run
from tests.seeds.test_voice_conversations import BACKENDS, config
from trunkline import McpServer, TurnMemory
from trunkline.compat.voice_assistant.llm import Message, MessageRole, ProviderFactory, ToolDefinition
from trunkline.sim import Call, Rule, Say, Simulator, When

documents, nothing_configured, simulated = conftest.documents, conftest.nothing_configured, conftest.simulated
SERVER = CLIENTS / "mcp_server.py"
SUM = "It is five."
TRIP = [
    Rule(Say(SUM), when=When(after_tool="calc__add")),
    Rule(Call("calc__add", {"a": 2, "b": 3}), when=When(tools="calc__add", text="sum")),
    Rule(Say("Yes?")),
]


@pytest.fixture(scope="module")
def server() -> Iterator[McpServer]:
    with McpServer("calc", command=[sys.executable, str(SERVER), "tools"]) as running:
        yield running


def orchestrator(documents: Documents, settings: dict[str, Any], server: McpServer) -> Any:
    """The document's, its open body filled in with the server."""

    async def execute_tool(name: str, arguments: dict[str, Any]) -> Any:
        return await asyncio.to_thread(server.call_tool, name, arguments)

    made = run(documents.block("B", "Complete Pipeline Integration"))["VoiceAssistantOrchestrator"](settings)
    made.execute_tool = execute_tool
    return made


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("as_definitions", [False, True])
def test_the_orchestrator_runs_its_tools(
    backend: str, as_definitions: bool, documents: Documents, simulated: Simulator, server: McpServer
) -> None:
    """The server itself is one of the ``tools``, or its tools are said as the document says tools."""
    simulated.use(TRIP)
    tools: list[Any] = [server]
    if as_definitions:
        tools = [ToolDefinition(tool.name, tool.description or "", tool.parameters or {}) for tool in server.list_tools()]

    made = orchestrator(documents, config(backend, simulated), server)

    async def main() -> list[str]:
        heard = [await made.process_user_input(words, tools=tools) for words in ("Hello?", "What is the sum?")]
        await made.cleanup()
        return heard

    assert asyncio.run(main()) == ["Yes?", SUM]
    last = simulated.requests[-1].request
    assert last is not None
    assert [part.text for message in last.messages if message.role == "tool" for part in message.parts] == ["5"]  # type: ignore[union-attr]


def test_the_streaming_orchestrator_offers_them(documents: Documents, simulated: Simulator, server: McpServer) -> None:
    simulated.use(TRIP)
    spoken: list[str] = []

    class Voice:
        async def speak_partial(self, chunk: str) -> None:
            spoken.append(chunk)

    made = orchestrator(documents, config("anthropic", simulated), server)
    made.tts = Voice()
    plain = made.llm.stream_complete
    made.llm.stream_complete = lambda messages: plain(messages, tools=[server])
    sample = run(documents.block("B", "Streaming Integration"))["process_user_input_streaming"]

    async def main() -> None:
        assert await sample(made, "Hello?") == "Yes?"
        await made.cleanup()

    asyncio.run(main())
    assert "".join(spoken) == "Yes?"
    asked = simulated.requests[-1].request
    assert asked is not None
    assert "calc__add" in {tool.name for tool in asked.tools}


def test_tools_move_to_the_cloud_with_the_conversation(simulated: Simulator, server: McpServer) -> None:
    """The turn that called a tool is the local model's, the answer the cloud's: a shared memory keeps the turn."""
    simulated.use(TRIP)
    memory = TurnMemory()

    async def main() -> str:
        said = [Message(MessageRole.USER, "What is the sum?")]
        local, cloud = (
            ProviderFactory.create(name, {**config(name, simulated)["llm"][name], "api_key": KEY, "tool_memory": memory})
            for name in ("local_gpt_oss", "anthropic")
        )
        async with local, cloud:
            (call,) = (await local.complete(said, tools=[server])).tool_calls or ()
            given = await asyncio.to_thread(server.call_tool, call.name, call.arguments)
            said.append(Message(MessageRole.TOOL, str(given), call.name, call.id))
            return (await cloud.complete(said, tools=[server])).content

    assert asyncio.run(main()) == SUM
    assert [asked.status for asked in simulated.requests] == [200, 200]
