"""What stands in a reply where the protocol demands something that there is not, fixed, so that it is known again."""

from __future__ import annotations

SEALED = "dHJ1bmtsaW5lOiB0aGVyZSBpcyBubyBzZWFsZWQgcmVhc29uaW5n"
"""The ``encrypted_content`` of reasoning that nobody sealed, for a caller who asked for it. When it comes back in a request, it
and its item's id are dropped."""
REPLY_ID = "resp_0"
_MOST = 48  # the vendor's own ids have up to 64 characters


def item_id(prefix: str, reply_id: str, index: int) -> str:
    """The id of item number ``index`` of a reply, where it has none."""
    return f"{prefix}_{reply_id.removeprefix('resp_')[:_MOST]}_{index}"


def call_id(reply_id: str, index: int) -> str:
    """The id of the call that is item number ``index``, where it has none."""
    return item_id("call", reply_id, index)
