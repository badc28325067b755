"""The plugin's simulator as its users have it: their programs unchanged, their keys left out of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., pytest.RunResult]

pytest_plugins = ["pytester"]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the test file ``code`` in a process that loads this plugin and no other, in an environment with keys and a proxy."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    for name, value in {
        "OPENAI_API_KEY": "sk-real-0123456789abcdef", "OPENAI_ORG_ID": "org-real", "GROQ_API_KEY": "gsk-real-0123456789",
        "ANTHROPIC_AUTH_TOKEN": "real-0123456789", "HTTP_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9",
        "TRUNKLINE_MODEL": "groq/any", "SOME_PROGRAM_OAUTH_TOKEN": "sk-real-oauth-0123456789",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    def child(code: str, **files: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=code)
        for name, text in files.items():
            pytester.path.joinpath(name.replace("__", ".")).write_text(text, encoding="utf-8")
        pytester.makeini("[pytest]\naddopts = --strict-markers -W error\ntrunkline_no_network = true")
        return pytester.runpytest_subprocess("-p", "trunkline.testing.plugin", "-p", "no:cacheprovider", "-q")

    return child


PROGRAMS = """
import asyncio, os
import anthropic, openai
import pytest
from trunkline import AsyncClient, Client
from trunkline.compat.llm_communication import LLMCommunication

ASKED = [{"role": "user", "content": "Are you there?"}]

def test_openais_sdk(trunkline_sim):
    with openai.OpenAI() as client:
        reply = client.chat.completions.create(model="gpt-5.4", messages=ASKED)
    assert "simulated" in reply.choices[0].message.content

def test_anthropics_sdk(trunkline_sim):
    with anthropic.Anthropic() as client:
        reply = client.messages.create(model="claude-sonnet-5", max_tokens=50, messages=ASKED)
    assert "simulated" in reply.content[0].text
    [asked] = trunkline_sim.requests
    assert (asked.dialect, asked.status) == ("anthropic-messages", 200)

def test_a_program_on_the_library(trunkline_sim):
    with Client() as llm:
        assert "simulated" in llm.generate("Are you there?").text
    assert "simulated" in LLMCommunication("openai").generate_text("Are you there?")
    assert len(trunkline_sim.requests) == 2

def test_its_clients(trunkline_client, trunkline_async_client, trunkline_sim):
    async def ask():
        async with trunkline_async_client as llm:
            return (await llm.generate("hi")).text
    assert trunkline_client.generate("hi").text == asyncio.run(ask())
    assert len(trunkline_sim.requests) == 2

def test_nothing_real_is_left(trunkline_sim):
    left = " ".join(f"{name}={value}" for name, value in os.environ.items())
    for name in ("ORG_ID", "GROQ", "AUTH_TOKEN", "PROXY", "proxy", "TRUNKLINE_", "sk-real"):
        assert name not in left

def test_and_all_is_back_afterwards():
    assert os.environ["OPENAI_API_KEY"].startswith("sk-real")
    assert "OPENAI_BASE_URL" not in os.environ
"""

SCENARIOS = """
import pytest
from trunkline.sim import Fail, Rule, Say, Scenario, When

@pytest.mark.trunkline_scenario(Rule(Fail(529), times=1), Rule(Say("four")))
def test_rules(trunkline_client, trunkline_sim):
    assert trunkline_client.generate("hi").text == "four"
    assert [asked.status for asked in trunkline_sim.requests] == [529, 200]

@pytest.mark.trunkline_scenario(Scenario([Rule(Say("five"))]), seed=7)
def test_a_scenario(trunkline_client):
    assert trunkline_client.generate("hi").text == "five"

@pytest.mark.trunkline_scenario([Rule(Say("a list"))])
def test_a_list_as_a_simulator_takes_it(trunkline_client):
    assert trunkline_client.generate("hi").text == "a list"

@pytest.mark.trunkline_scenario("play.yaml")
def test_a_file_beside_the_test(trunkline_client):
    assert trunkline_client.generate("hi").text == "six"

@pytest.mark.trunkline_scenario(keys=["sk-the-only-one-0123456789"])
def test_options_alone(trunkline_client):
    with pytest.raises(Exception, match="401"):
        trunkline_client.generate("hi")

@pytest.mark.trunkline_scenario(Rule(Say("seven")))
def test_a_mark_is_enough():
    from trunkline import Client
    with Client() as llm:
        assert llm.generate("hi").text == "seven"

@pytest.mark.trunkline_scenario(Rule(Say("outer")))
class TestNearest:
    @pytest.mark.trunkline_scenario(Rule(Say("inner")))
    def test_it_wins(self, trunkline_client):
        assert trunkline_client.generate("hi").text == "inner"

    def test_the_classs(self, trunkline_client):
        assert trunkline_client.generate("hi").text == "outer"

@pytest.mark.trunkline_scenario(Rule(Say("a")), "play.yaml")
def test_a_mixture_is_refused(trunkline_sim):
    pass

@pytest.mark.trunkline_scenario(5)
def test_a_number_is_refused(trunkline_sim):
    pass
"""


def test_programs_talk_to_it_unchanged(run: Run) -> None:
    run(PROGRAMS).assert_outcomes(passed=6)


def test_scenarios(run: Run) -> None:
    result = run(SCENARIOS, play__yaml="rules: [{steps: [{say: six}]}]")
    result.assert_outcomes(passed=8, errors=2)
    assert result.stdout.str().count("rules, a list of them, one Scenario, or one path of a YAML file") >= 2
