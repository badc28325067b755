"""What the examples share: real providers where a key is set, else the simulator in their place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from trunkline import Client
from trunkline.sim import Rule, Simulator

MODELS = {"anthropic": "claude-sonnet-5", "openai": "gpt-5.4-mini"}
NO_KEY = "sk-simulated-0000-no-real-key-0000"


@contextmanager
def provider(rules: Sequence[Rule]) -> Iterator[str]:
    """The name of a provider that answers: the first of the two with a key, or a simulated one that plays ``rules``."""
    with Client() as llm:
        configured = [row.provider for row in llm.health(ask=False).providers if row.configured]
    if real := [name for name in MODELS if name in configured]:
        print(f"Answers come from {real[0]}.")
        yield real[0]
        return
    print("No key is set (ANTHROPIC_API_KEY, OPENAI_API_KEY): the answers are simulated.")
    with Simulator(rules) as sim:
        os.environ.update(
            ANTHROPIC_API_KEY=NO_KEY,
            ANTHROPIC_BASE_URL=sim.base_url("anthropic-messages"),
            OPENAI_API_KEY=NO_KEY,
            OPENAI_BASE_URL=sim.base_url("openai-chat"),
        )
        yield next(iter(MODELS))
