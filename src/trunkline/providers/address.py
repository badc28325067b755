"""Addresses with gaps: ``https://{resource}.example.com/{project}/v1``, what fills them, and which hosts they lead to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """What fills the gap of its name in a provider's addresses.

    ``variables``: where it may lie in the environment, the first that is set counts. ``default``: what it is when nothing says;
    ``optional``: it may stay unsaid. ``place``: it names a place of the provider's (a region), never a customer: whatever it
    says, the host is the provider's own. ``address``: it is a whole host, and may be given as ``https://host``.
    """

    name: str
    variables: tuple[str, ...] = ()
    default: str | None = None
    optional: bool = False
    place: bool = False
    address: bool = False


def gaps(template: str) -> tuple[str, ...]:
    """The names of the gaps in ``template``, in order."""
    return tuple(dict.fromkeys(re.findall(r"\{(\w+)\}", template)))


def filled(template: str, values: Mapping[str, str]) -> str:
    """``template`` with its gaps filled; those that ``values`` lacks stay."""
    return re.sub(r"\{(\w+)\}", lambda gap: values.get(gap[1], gap[0]), template)


def host_in(template: str) -> str:
    """The host of an address, gaps and all, without its port."""
    return template.partition("://")[2].partition("/")[0].partition(":")[0]


def host_pattern(template: str, parameters: Iterable[Parameter], tenants: bool) -> str | None:
    """A host with gaps as the pattern of those that it leads to (see ``matches``); None where there is no telling: the gap is the
    whole host, or (without ``tenants``) may name another customer of the provider's."""
    places = {parameter.name for parameter in parameters if parameter.place}
    if not tenants and not places.issuperset(gaps(template)):
        return None
    pattern = re.sub(r"\{\w+\}", "*", template)
    if "*" not in pattern:
        return pattern
    return pattern if "." in pattern.rpartition("*")[2].strip(".") else None


def matches(host: str, pattern: str) -> bool:
    """Whether ``host`` (lower case, without port) is meant by ``pattern``: ``*.`` before it stands for every host below, any
    other ``*`` for a piece of one label."""
    pattern = pattern.lower()
    if pattern.startswith("*."):
        if "*" not in pattern[1:]:
            return host.endswith(pattern[1:]) and len(host) > len(pattern[1:])
        return re.fullmatch(r"[^/]+\." + _pieces(pattern[2:]), host) is not None
    return host == pattern if "*" not in pattern else re.fullmatch(_pieces(pattern), host) is not None


def _pieces(pattern: str) -> str:
    return "[a-z0-9-]+".join(map(re.escape, pattern.split("*")))
