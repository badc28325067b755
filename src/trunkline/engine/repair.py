"""What a model is told when its words are not the output that was asked for."""

from __future__ import annotations

from ..values.errors import MalformedResponseError
from .call import Call


def correction(call: Call, error: MalformedResponseError) -> str | None:
    """Words that let it mend them; None where nothing can be mended."""
    if call.parse is None or error.response is None or not error.response.text:
        return None
    return f"That was not what was asked for: {error.message}. Answer again, with the whole JSON and nothing else."
