"""Facts of this protocol that both halves share: how parts of ours stand for parts of the wire.

What both halves keep (so that decoding in one and encoding in the other says the same again):

- A part's ``state.data`` is a JSON object of the wire part's fields that our value does not say: siblings (``thoughtSignature``,
  ``videoMetadata``, ``mediaResolution``, ``partMetadata``…) under their own names, and what else stands inside the data field
  under the data field's name (``{"thoughtSignature": "…", "functionCall": {"later": 1}}``). No such fields: no state.
- ``text``: ``Text``; with ``thought`` true: ``Reasoning``. A part with an empty text and a signature is a part of its own.
- ``functionCall``: ``ToolCall``; without an id on the wire it gets one of ``made_up_id``, which ``wire_id`` keeps off the wire.
- ``inlineData`` and ``fileData``: ``Image``, ``Audio``, ``Video`` by the media type, else ``File``.
- ``executableCode`` and ``toolCall``: ``HostedToolCall`` named after the data field, its arguments the whole inner object;
  ``codeExecutionResult`` and ``toolResponse``: ``HostedToolResult`` of that kind, with the whole inner object as its data.
- Any other part is an ``Opaque`` whose state is the whole part.
- ``Response.extra`` (and ``Finish.extra``): the fields of the reply that we do not name, and beside them those of the first
  candidate: ``REPLY_FIELDS`` says which name is the reply's; all others are the candidate's.
"""

from __future__ import annotations

ID = "gemini"
MADE_UP = "gemini_call_"
"""How an id begins that the wire did not have."""
REPLY_FIELDS = frozenset({
    "candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId", "modelStatus", "createTime",
    "automaticFunctionCallingHistory", "parsed", "sdkHttpResponse",
})  # fmt: skip
"""The fields of a whole reply; what else stands in ``extra`` is a candidate's."""
HOSTED_CALLS = ("executableCode", "toolCall")
HOSTED_RESULTS = ("codeExecutionResult", "toolResponse")
DATA_FIELDS = (
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult", "toolCall",
    "toolResponse",
)  # fmt: skip
"""A part has exactly one of these (gemini §4)."""


def made_up_id(number: int, reply: str = "") -> str:
    """The id of call number ``number`` of a conversation, or of the reply ``reply``, where the wire has none."""
    return f"{MADE_UP}{reply}_{number}" if reply else f"{MADE_UP}{number}"


def wire_id(id: str) -> str | None:
    """The id as the wire has it: None for one that was made up."""
    return None if not id or id.startswith(MADE_UP) else id
