"""What is known of a model: whose it is, what it gives, its limits, its costs, and which parameters it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple


class ModelFamily(StrEnum):
    """Which class speaks for a model (``llm_factory``)."""

    AZURE_GPT_4_1 = "azure-gpt-4.1"
    AZURE_GPT_4_1_MINI = "azure-gpt-4.1-mini"
    AZURE_GPT_4_1_NANO = "azure-gpt-4.1-nano"
    AZURE_GPT_4O = "azure-gpt-4o"
    AZURE_GPT_4O_MINI = "azure-gpt-4o-mini"
    AZURE_GPT_5 = "azure-gpt-5"
    AZURE_OTHER = "azure-other"
    OPENAI = "openai"


class OutputMediaType(StrEnum):
    """What a model gives."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"


class ModelLimits(NamedTuple):
    """Tokens; None: not known, and not looked at."""

    max_context_tokens: int | None = None
    max_output_tokens: int | None = None


class ModelCosts(NamedTuple):
    """USD for a million tokens; None: not known."""

    input: float | None = None
    output: float | None = None
    cached_input: float | None = None


@dataclass(frozen=True)
class ModelMetadata:
    """One model. ``renamed_parameters`` (old name to new) and ``unsupported_parameters`` are rules of this metadata alone, which
    the model's class applies to what a call says."""

    model_name: str = ""
    model_family: ModelFamily | None = None
    supported_output_types: frozenset[OutputMediaType] | set[OutputMediaType] = field(default=frozenset({OutputMediaType.TEXT}))
    limits: ModelLimits = field(default=ModelLimits())
    costs: ModelCosts = field(default=ModelCosts())
    default_parameters: Mapping[str, Any] = field(default_factory=dict)
    renamed_parameters: Mapping[str, str] = field(default_factory=dict)
    unsupported_parameters: frozenset[str] = field(default=frozenset())

    NAME: ClassVar[str] = ""

    def supports_output_type(self, kind: OutputMediaType) -> bool:
        """Whether it gives that."""
        return kind in self.supported_output_types


def as_metadata(given: Any) -> ModelMetadata:
    """``given`` as metadata: an instance, a class of them, or whatever has some of their fields, or a ``NAME``."""
    if isinstance(given, type) and issubclass(given, ModelMetadata):
        return given()
    if given is None or isinstance(given, ModelMetadata):
        return given or ModelMetadata()
    known = {each.name: getattr(given, each.name) for each in fields(ModelMetadata) if hasattr(given, each.name)}
    return ModelMetadata(**{"model_name": getattr(given, "NAME", ""), **known})
