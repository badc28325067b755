"""What stands in a reply where the protocol has something that there is not, fixed, so that it is known again."""

from __future__ import annotations

SIGNATURE = "dHJ1bmtsaW5lOiB0aGVyZSBpcyBubyBzaWduYXR1cmU="
"""The ``thoughtSignature`` of a reply's first call, where nobody signed it: who keeps to the rules of Gemini 3 sends it back, and
then it is dropped (gemini §6)."""
RESPONSE_ID = "00000000000000000000000000"
