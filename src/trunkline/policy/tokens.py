"""How many tokens a text is, roughly, before anybody has counted them."""

from __future__ import annotations

_BYTES_PER_TOKEN = 4
"""Of English and of code; languages with other scripts have two to three bytes a letter and fewer letters a token."""


def estimate_tokens(text: str) -> int:
    """About how many tokens ``text`` is, of any model: a quarter of its bytes in UTF-8, rounded up. Off by a third at times; what
    a provider counts stands in ``Usage``."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)
