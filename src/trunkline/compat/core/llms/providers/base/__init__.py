"""What the models of all providers have in common."""

from __future__ import annotations

from .connector import BaseConnector, ClientConnector
from .implementation import BaseLLM

__all__ = ["BaseConnector", "BaseLLM", "ClientConnector"]
