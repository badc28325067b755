"""Trunkline as a server, asked by the SDK's own client in one process; ``tests/real/test_mcp.py`` runs the command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import mcp
import pytest

from trunkline import AsyncClient, UsageError
from trunkline.cli.main import main
from trunkline.mcp.serving import HttpServing, server
from trunkline.serve.listener import bound


class Echo:
    def generate(self, request: Any) -> str:
        words = [message.text for message in request.messages]
        return " / ".join([*words, str(request.max_tokens)])


def asked(work: Callable[[mcp.Client], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with AsyncClient(Echo()) as client, mcp.Client(server(client)) as session:
            return await work(session)

    return asyncio.run(run())


def said(result: Any) -> tuple[str, bool]:
    return result.content[0].text, result.is_error


def test_its_tools() -> None:
    tools = asked(lambda session: session.list_tools()).tools
    assert [tool.name for tool in tools] == ["ask", "models"]
    assert tools[0].input_schema["required"] == ["prompt"]
    assert all(tool.input_schema["type"] == "object" and tool.description for tool in tools)


@pytest.mark.parametrize(
    "name, arguments, answer",
    [
        ("ask", {"prompt": "hi", "system": "be brief", "max_tokens": 9}, ("be brief / hi / 9", False)),
        ("ask", {"prompt": "hi"}, ("hi / None", False)),
        ("ask", {"prompt": ""}, ("Expected `str` of length >= 1 - at `$.prompt`", True)),
        ("ask", {"prompt": "hi", "modle": "x"}, ("Object contains unknown field `modle`", True)),
        ("ask", {}, ("Object missing required field `prompt`", True)),
        ("tell", {}, ("no such tool; there are: ask, models", True)),
    ],
)
def test_what_they_answer(name: str, arguments: dict[str, Any], answer: tuple[str, bool]) -> None:
    assert said(asked(lambda session: session.call_tool(name, arguments))) == answer


def test_an_error_of_ours_is_the_tools() -> None:
    text, failed = said(asked(lambda session: session.call_tool("ask", {"prompt": "hi", "model": "nobody/x"})))
    assert failed
    assert "no such provider" in text


def test_models() -> None:
    text, failed = said(
        asked(lambda session: session.call_tool("models", {"provider": "openai", "search": "GPT-5.4", "limit": 1}))
    )
    found = json.loads(text)
    assert not failed
    assert [model["name"] for model in found["models"]] == ["openai/gpt-5.4"]
    assert found["more"] > 1
    assert {"context", "prices", "abilities"} <= set(found["models"][0])


def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    taken = bound("127.0.0.1", 0)
    taken.listen()
    port = taken.getsockname()[1]
    with pytest.raises(UsageError, match="cannot listen there"):
        HttpServing(AsyncClient(Echo()), port)
    assert main(["mcp", "--http", str(port), "--model", "openai/gpt-5.4"]) == 2
    assert "cannot listen there" in capsys.readouterr().err
    taken.close()


def test_a_model_that_leads_nowhere_is_told_at_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", "--model", "opnai/x"]) == 2
    assert "model: no such provider (did you mean openai?)" in capsys.readouterr().err


def test_without_the_sdk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(__import__("sys").modules, "trunkline.mcp.serving", None)
    with pytest.raises(ModuleNotFoundError):  # what is missing is ours
        main(["mcp"])
    monkeypatch.delitem(__import__("sys").modules, "trunkline.mcp.serving")
    monkeypatch.setitem(__import__("sys").modules, "mcp_types", None)
    assert main(["mcp"]) == 2
    assert "pip install 'trunkline[mcp]'" in capsys.readouterr().err


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_a_port_that_there_is_not_is_told(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", f"--http={port}"]) == 2
    assert f"--http: there is no such port; got {port}" in capsys.readouterr().err
