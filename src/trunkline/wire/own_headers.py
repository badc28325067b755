"""The header fields by which our own clients and gateways know each other."""

from __future__ import annotations

GATEWAY: tuple[str] = ("trunkline-gateway",)
"""On a reply: whoever answers is a gateway of ours, which retries and falls back itself. Its failures are not tried again, unless
it says so (``x-should-retry: true``)."""
TIMEOUT = "trunkline-timeout-ms"
"""On a request to such a gateway: how many milliseconds the caller still waits."""
