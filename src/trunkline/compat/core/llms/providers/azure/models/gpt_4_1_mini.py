"""GPT-4.1 mini."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ....interfaces.metadata import ModelCosts, ModelFamily, ModelLimits, ModelMetadata
from ...base.implementation import Rules
from ..base_implementation import AzureChatLLM


@dataclass(frozen=True)
class GPT_4_1_Mini_Metadata(ModelMetadata):  # noqa: N801  (the document's way of naming)
    """What is known of it, and the core's own rules for it: ``max_tokens`` has another name, ``temperature`` is left out."""

    NAME: ClassVar[str] = "azure-gpt-4.1-mini"

    model_name: str = "gpt-4.1-mini"
    model_family: ModelFamily | None = ModelFamily.AZURE_GPT_4_1_MINI
    limits: ModelLimits = field(default=ModelLimits(1_000_000, 32_768))
    costs: ModelCosts = field(default=ModelCosts(0.4, 1.6, 0.1))
    renamed_parameters: Mapping[str, str] = field(default_factory=lambda: {"max_tokens": "max_completion_tokens"})
    unsupported_parameters: frozenset[str] = field(default=frozenset({"temperature"}))


_RULES = GPT_4_1_Mini_Metadata()


class GPT_4_1_MiniLLM(AzureChatLLM):  # noqa: N801  (the document's name)
    """GPT-4.1 mini on Azure. Other metadata may be given; the rules for its parameters hold all the same."""

    def __init__(self, connector: Any = None, metadata: Any = None) -> None:
        super().__init__(connector, _RULES if metadata is None else metadata)

    def _rules(self) -> Rules:
        given = self.metadata
        renamed = {**_RULES.renamed_parameters, **given.renamed_parameters}
        return Rules(renamed, _RULES.unsupported_parameters | given.unsupported_parameters)
