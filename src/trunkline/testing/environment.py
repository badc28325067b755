"""The environment in which programs meet the simulator where they expect a provider."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from ..client.setting_values import base_url_variables
from ..client.settings import Settings
from ..dialects.known import DIALECTS
from ..providers.provider import Provider
from ..providers.table import TABLE

if TYPE_CHECKING:
    from ..sim import Simulator

KEY: Final = "sk-simulated-0000-no-real-key-0000"
_CREDENTIAL = re.compile(r".*(?:_API_KEY|_ADMIN_KEY|_API_TOKEN|_AUTH_TOKEN|_OAUTH_TOKEN|_PROXY)|TRUNKLINE_.*", re.IGNORECASE)


def point_at(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the key and the address of the provider that owns each dialect, and unset every other key, address and proxy."""
    owners = _owners()
    kin = tuple(f"{name.removesuffix('_API_KEY')}_" for row in owners.values() for name in row.key_variables)
    for name in Settings.load().environment():
        if _CREDENTIAL.fullmatch(name) or name.startswith(kin):
            monkeypatch.delenv(name, raising=False)
    for dialect, row in owners.items():
        monkeypatch.setenv(row.key_variables[0], KEY)
        for name in base_url_variables(row):
            monkeypatch.setenv(name, sim.base_url(dialect))


def client_arguments(sim: Simulator) -> dict[str, Any]:
    """What makes a client ask the simulator, whatever the folder's own settings are."""
    dialect = DIALECTS[0]
    row = _owners()[dialect]
    model = f"{row.name}/{row.default_model}"
    return {"model": model, "api_key": KEY, "base_url": sim.base_url(dialect), "settings": Settings.load()}


def _owners() -> dict[str, Provider]:
    """The first provider of each dialect: whose protocol it is."""
    owners: dict[str, Provider] = {}
    for row in TABLE:
        if row.needs_key and row.key_variables:
            owners.setdefault(row.endpoints[0].dialect, row)
    return owners
