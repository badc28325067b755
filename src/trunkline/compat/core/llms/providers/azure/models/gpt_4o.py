"""GPT-4o."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ....interfaces.metadata import ModelCosts, ModelFamily, ModelLimits, ModelMetadata
from ..base_implementation import AzureChatLLM


@dataclass(frozen=True)
class GPT_4o_Metadata(ModelMetadata):  # noqa: N801  (the document's name)
    """What is known of it."""

    NAME: ClassVar[str] = "azure-gpt-4o"

    model_name: str = "gpt-4o"
    model_family: ModelFamily | None = ModelFamily.AZURE_GPT_4O
    limits: ModelLimits = field(default=ModelLimits(128_000, 16_384))
    costs: ModelCosts = field(default=ModelCosts(2.5, 10.0, 1.25))


class GPT_4o_LLM(AzureChatLLM):  # noqa: N801  (the document's name)
    """GPT-4o on Azure."""

    def __init__(self, connector: Any = None, metadata: Any = None) -> None:
        super().__init__(connector, GPT_4o_Metadata() if metadata is None else metadata)
