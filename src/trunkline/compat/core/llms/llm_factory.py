"""Models by their metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from trunkline import UsageError

from .interfaces.llm_interfaces import ILLM
from .interfaces.metadata import ModelFamily, as_metadata
from .providers.azure.base_implementation import AzureChatLLM
from .providers.azure.connector import AzureConnector
from .providers.azure.models.gpt_4_1_mini import GPT_4_1_Mini_Metadata, GPT_4_1_MiniLLM
from .providers.azure.models.gpt_4o import GPT_4o_LLM, GPT_4o_Metadata
from .providers.base.connector import BaseConnector
from .providers.openai.base_implementation import OpenAIChatLLM
from .providers.openai.connector import OpenAIConnector

Maker = Callable[..., ILLM]

_CLASSES: dict[str, Maker] = {
    ModelFamily.AZURE_GPT_4_1_MINI: GPT_4_1_MiniLLM,
    ModelFamily.AZURE_GPT_4O: GPT_4o_LLM,
    ModelFamily.OPENAI: OpenAIChatLLM,
    **{
        family: AzureChatLLM
        for family in ModelFamily
        if family.startswith("azure-") and family not in (ModelFamily.AZURE_GPT_4_1_MINI, ModelFamily.AZURE_GPT_4O)
    },
}
_METADATA: dict[str, Any] = {kind.NAME: kind for kind in (GPT_4_1_Mini_Metadata, GPT_4o_Metadata)}


def register_llm(family: str, kind: Maker, metadata: Any = None) -> None:
    """From now on models of ``family`` are made by ``kind(connector=…, metadata=…)``; ``metadata`` with a ``NAME`` is found by
    it."""
    _CLASSES[family] = kind
    if metadata is not None:
        _METADATA[metadata.NAME] = metadata


def create_llm(metadata: Any, config: Mapping[str, Any] | None = None, connector: BaseConnector | None = None) -> ILLM:
    """The model that ``metadata`` tells: ``ModelMetadata``, a class of them, or the ``NAME`` of one. Without a ``connector`` one
    is made of ``config``. Raises ``UsageError`` that lists what there is."""
    if isinstance(metadata, str):
        if metadata not in _METADATA:
            raise UsageError("no such model", field="metadata", got=repr(metadata), allowed=", ".join(_METADATA))
        metadata = _METADATA[metadata]
    known = as_metadata(metadata)
    if known.model_family not in _CLASSES:
        raise UsageError(
            "no class for it", field="metadata.model_family", got=repr(known.model_family), allowed=", ".join(_CLASSES)
        )
    if connector is None:
        connector = (OpenAIConnector if known.model_family == ModelFamily.OPENAI else AzureConnector)(config)
    return _CLASSES[known.model_family](connector=connector, metadata=known)
