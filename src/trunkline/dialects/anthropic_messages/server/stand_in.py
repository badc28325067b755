"""What stands in a reply where the protocol demands something that there is not, fixed, so that it is known again."""

from __future__ import annotations

SIGNATURE = "dHJ1bmtsaW5lOiB0aGVyZSBpcyBubyBzaWduYXR1cmU="
"""The signature of thinking that nobody signed (and the data of thinking that is hidden without any). When it comes back in a
request it is dropped."""
MESSAGE_ID = "msg_00000000000000000000000000"
REQUEST_ID = "req_00000000000000000000000000"


def call_id(number: int) -> str:
    """The id of the reply's call number ``number``, where it has none."""
    return f"toolu_{number:026d}"
