"""The ways in which a server may be made up."""

from __future__ import annotations

import asyncio

import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from trunkline.serve import listener
from trunkline.serve.connection import edge_over


@pytest.fixture(params=["fast", "plain"])
def makeup(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With httptools and uvloop, or with neither."""
    if request.param == "plain":
        monkeypatch.setattr(listener, "protocol_class", lambda: edge_over(H11Protocol))
        monkeypatch.setattr("trunkline.serve.server.loop_factory", lambda: asyncio.new_event_loop)
    else:
        pytest.importorskip("uvloop")
    return request.param
