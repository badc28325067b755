"""Whose way of counting is whose, and how good the table is by what was measured."""

from __future__ import annotations

import pytest

from trunkline.policy.token_estimates import MEASURES
from trunkline.providers.token_families import families, family_of, fitting
from trunkline.values.token_estimate import TokenFamily


@pytest.mark.parametrize(
    ("provider", "model", "family"),
    [
        ("openai", "gpt-4o-mini", "o200k"),
        ("openai", "gpt-5.4", "o200k"),
        ("azure", "GPT-4", "cl100k"),
        ("openai", "gpt-3.5-turbo", "cl100k"),
        ("groq", "openai/gpt-oss-20b", "gpt-oss"),
        ("anthropic", "claude-haiku-4-5", "claude"),
        ("anthropic", "claude-sonnet-5-5", "claude-4.7"),
        ("bedrock", "us.anthropic.claude-sonnet-4-20250514-v1:0", "claude"),
        ("openrouter", "anthropic/claude-haiku-4.5", "claude"),
        ("databricks", "databricks-claude-3-7-sonnet", "databricks-claude"),
        ("vertex", "gemini-2.5-pro", "gemini"),
        ("gemini", "gemini-3.5-flash", "gemini-3"),
        ("ollama", "llama3.1", "llama-ollama"),
        ("huggingface", "meta-llama/Llama-3.1-8B-Instruct", "llama-3.1"),
        ("ollama", "deepseek-r1:latest", "deepseek-r1"),
        ("deepseek", "deepseek-chat", "deepseek"),
        ("nobody", "sim-small", "generic"),
        ("", "", "generic"),
    ],
)
def test_whose_family_a_model_is_of(provider: str, model: str, family: str) -> None:
    assert family_of(provider, model).name == family


def test_the_first_that_fits() -> None:
    rows = (
        TokenFamily(name="a", rates=(), models=("x", "y"), providers=("p",)),
        TokenFamily(name="b", rates=(), providers=("q",)),
        TokenFamily(name="c", rates=(), models=("x",)),
        TokenFamily(name="d", rates=(), models=("never",)),
    )
    found = [fitting(rows, *of).name for of in (("p", "an-Y"), ("q", "z"), ("r", "x"), ("p", "z"))]
    assert found == ["a", "b", "c", "d"]


def test_families_with_thirty_prompts_are_estimated_well() -> None:
    """The figures of docs/tokens.md: of prompts that were left out of the fit."""
    many = [family for family in families() if family.prompts >= 30]
    assert {family.name for family in many} >= {"o200k", "claude", "gemini"}
    assert all(family.off[0] < 0.08 and family.off[1] < 0.25 for family in many)


def test_every_family_has_all_rates() -> None:
    assert all(len(family.rates) == len(MEASURES) for family in families())
    assert len({family.name for family in families()}) == len(families())
    assert families()[-1].models == families()[-1].providers == ()
    assert all(family.models for family in families()[:-1])
