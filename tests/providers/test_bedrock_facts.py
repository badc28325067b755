"""What a model at Bedrock is told in its own words, and which ones cache."""

from __future__ import annotations

import pytest

from trunkline.providers.catalog import find


@pytest.mark.parametrize(
    ("model", "style", "marks"),
    [
        ("us.amazon.nova-2-lite-v1:0", "reasoning_config", None),
        ("global.amazon.nova-2-lite-v1:0", "reasoning_config", None),
        ("amazon.nova-lite-v1:0", "none", None),
        ("openai.gpt-oss-120b-1:0", "effort", "none"),
        ("deepseek.r1-v1:0", "none", "none"),
        ("meta.llama3-3-70b-instruct-v1:0", "none", "none"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", None, None),
    ],
)
def test_thinking_and_caching(model: str, style: str | None, marks: str | None) -> None:
    record = find("bedrock", model)
    assert record is not None
    assert (record.quirks.reasoning_style, record.quirks.cache_marks) == (style, marks)
