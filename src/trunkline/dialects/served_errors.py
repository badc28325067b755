"""What the replies that say an error share, whatever their protocol's words for it."""

from __future__ import annotations

from ..values.errors import AllTargetsFailedError, ProviderError

_LONGEST = 1e9
"""Seconds; who is told to wait longer is told nothing."""


def last_error(error: ProviderError) -> ProviderError:
    """The error that a caller is told: of targets that all failed, that of the last one."""
    return error.errors[-1] if isinstance(error, AllTargetsFailedError) and error.errors else error


def retry_headers(error: ProviderError) -> list[tuple[str, str]]:
    """Whether to try again, and when: whole seconds, at least 1, and milliseconds beside them where that is not all."""
    headers: list[tuple[str, str]] = []
    if error.retry_after is not None and 0 <= error.retry_after < _LONGEST:
        whole = max(1, int(-(-error.retry_after // 1)))
        headers.append(("retry-after", str(whole)))
        if error.retry_after != whole:
            headers.append(("retry-after-ms", f"{error.retry_after * 1000:.15g}"))
    if error.should_retry is not None:
        headers.append(("x-should-retry", "true" if error.should_retry else "false"))
    return headers
