"""What both halves agree on: how items of the wire stand among our parts (openai-responses §3, §4).

An assistant's items follow each other in one message of ours, in their order:

- ``message``: each ``output_text`` is a ``Text`` (annotations are its citations, each with its own form as ``state``), each
  ``refusal`` a ``Refusal``. What the item says beside type, role and content (``id``, ``status``, ``phase``) is the ``state``
  of each of them, as a JSON object: neighbours with the same state are one item. Without such fields there is no state.
- ``reasoning``: a ``Reasoning``; ``text`` is the summaries, then the texts of ``content``, joined by ``BETWEEN``. ``state``
  is the whole item, verbatim; ``redacted`` where it has no text.
- ``function_call``, ``custom_tool_call``: a ``ToolCall`` whose id is ``call_id``. What the item says beside ``CALL_FIELDS``
  (``id``, ``status``, ``namespace``) is its ``state``, as a JSON object; none without such fields.
- A call of a hosted tool (``HOSTED``): a ``HostedToolCall`` with the item's ``call_id`` (which an answer names) or its id, the
  type without ``_call`` as name, its ``action``, ``arguments``, ``queries``, ``code`` or ``input`` as arguments, and the whole
  item, verbatim, as ``state``. A picture that it made follows as an ``Image``, whose state names the call that holds it.
- Any other item: ``Opaque`` with its type as kind and the whole item, verbatim, as ``state``.

``function_call_output`` and ``custom_tool_call_output`` are a ``ToolResult`` in a message of its own, of role ``tool``.
"""

from __future__ import annotations

ID = "openai-responses"

BETWEEN = "\n\n"
"""What stands between the texts of one reasoning item."""
CALL_FIELDS = frozenset({"type", "call_id", "name", "arguments", "input"})
"""What our ``ToolCall`` says of an item."""
HOSTED = frozenset({
    "web_search_call", "file_search_call", "computer_call", "code_interpreter_call", "image_generation_call", "mcp_call",
    "shell_call", "local_shell_call", "apply_patch_call", "tool_search_call", "x_search_call",
})  # fmt: skip
"""Items that call a tool which the provider runs, or which is his own kind of tool."""
PICTURE = "image_generation_call"
"""The item that holds a picture."""
