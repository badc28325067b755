"""What stands in a reply where the protocol demands something that there is not, fixed, so that it is known again."""

from __future__ import annotations

REDACTED = "dHJ1bmtsaW5lOiB0aGVyZSBpcyBub3RoaW5nIGhpZGRlbg=="
"""The content of reasoning that is hidden without any. When it comes back in a request it is dropped."""
REQUEST_ID = "00000000-0000-0000-0000-000000000000"


def call_id(number: int) -> str:
    """The id of the reply's call number ``number``, where it has none."""
    return f"tooluse_{number:022d}"
