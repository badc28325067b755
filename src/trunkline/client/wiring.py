"""What an endpoint is made of besides its address: how it is shown who asks, and what a codec must know of it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from ..engine.destination import Signer
from ..providers.auth import Auth, SigV4
from ..providers.catalog import find
from ..providers.provider import Endpoint, Provider
from ..providers.table import is_dialect
from ..values.errors import UsageError
from ..values.expect import kind_of
from ..values.model import Model, Target
from ..values.secret import Origin, Secret
from .keys import shown_key
from .settings import Settings
from .trust import checked_parameter


class Shown(NamedTuple):
    """How an endpoint is shown who asks: ``auth`` with a key or without, or a signer. ``origin``: whose credentials they are."""

    auth: Auth
    origin: Origin | None
    secret: Secret | None = None
    signer: Signer | None = None

    @property
    def word(self) -> str | None:
        """The key, masked; of a signer, where its credentials come from."""
        return self.signer.source if self.signer is not None else None if self.secret is None else shown_key(self.secret)

    @property
    def account(self) -> str | None:
        """What tells these credentials from others: state that a provider bound to an account goes back under the same alone."""
        return self.signer.source if self.signer is not None else self.secret.id if self.secret is not None else None


class Place(NamedTuple):
    """Where a target is. ``region``: of its provider's, where its address names one or somebody says it; ``quota``: the name of
    the limit that it shares with others, where somebody says it."""

    url: str = ""
    region: str | None = None
    quota: str | None = None


def target_of(
    row: Provider, endpoint: Endpoint, model: str, record: Model | None, shown: Shown, version: str | None, place: Place
) -> Target:
    """The facts of one model at one endpoint. Whoever shares its ``quota`` shares a limit at the provider: unless it is said, the
    same model under the same key in the same region; of what is signed, at the same address."""
    quirks = record.quirks.over(endpoint.quirks) if record is not None else endpoint.quirks
    if version is not None:
        quirks = msgspec.structs.replace(quirks, version=version)
    host = urlsplit(place.url).netloc.rpartition("@")[2] if place.url else ""
    address = host if host and is_dialect(row.name) else None
    owner = row.name if address is None else f"{row.name} at {address}"
    account = host if shown.secret is None else shown.secret.id
    region = "" if place.region is None else f" in {place.region}"
    return Target(
        dialect=endpoint.dialect,
        provider=row.name,
        model=model,
        quirks=quirks,
        max_output=record.max_output if record is not None else None,
        region=place.region,
        quota=f"{owner}|{account}{region}|{model}" if place.quota is None else place.quota,
        key=shown.account,
        address=address,
    )


def room_of(row: Provider, model: str, record: Model | None, origin: Origin) -> int | None:
    """Tokens that ``model`` surely has room for and no more. ``origin``: whose word decided the address. Who is at an address of
    your own may serve something else by that name, unless you describe the model too."""
    if record is None or origin is Origin.BUILT_IN:
        return None if record is None else record.context
    known = find(row.name, model)
    return None if known is not None and known.context == record.context else record.context


def hashable(value: object) -> object:
    """``value``, of a backup's options, as what can be told from others."""
    if isinstance(value, Mapping):
        return tuple(sorted((str(name), str(text)) for name, text in value.items()))
    if isinstance(value, list | tuple):
        return tuple(map(hashable, value))
    return value if isinstance(value, Hashable) else id(value)


def as_text(value: object, field: str, allowed: str) -> str:
    if not isinstance(value, str):
        raise UsageError("no text", field=field, got=kind_of(value), allowed=allowed)
    return value


def profile_region(settings: Settings, row: Provider) -> str | None:
    """The region that the user's AWS profile names, where a provider has one and nothing nearer says it."""
    if not isinstance(row.chain, SigV4) or not settings.has_aws_profile():
        return None
    from ..io import aws, vendor

    vendor.require(row.chain.package, row.chain.extra)
    region = aws.region()
    return None if region is None else checked_parameter(region, "region")
