"""Streams that are right to the letter (gemini §7, §8), one for each thing that a stream may say."""

from __future__ import annotations

import json
from typing import Any

from trunkline.wire.sse import Frame

USAGE = {
    "promptTokenCount": 50, "cachedContentTokenCount": 8, "candidatesTokenCount": 6, "thoughtsTokenCount": 4,
    "totalTokenCount": 60, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 50}],
}  # fmt: skip
CALL = {"functionCall": {"name": "weather", "args": {"city": "Oslo"}, "id": "c1"}, "thoughtSignature": "c2ln"}
OTHER = {"functionCall": {"name": "time", "args": {}}}


def frame(**said: Any) -> Frame:
    return Frame(json.dumps({**said, "modelVersion": "gemini-test", "responseId": "r-1"}).encode())


def candidate(*parts: dict[str, Any], index: int = 0, reason: str | None = None, **more: Any) -> dict[str, Any]:
    content = {"parts": list(parts), "role": "model"} if parts else {"role": "model"}
    return {"content": content, **({} if reason is None else {"finishReason": reason}), "index": index, **more}


def piece(*parts: dict[str, Any], index: int = 0, **more: Any) -> Frame:
    return frame(candidates=[candidate(*parts, index=index, **more)])


def end(*parts: dict[str, Any], reason: str = "STOP", **more: Any) -> Frame:
    return frame(candidates=[candidate(*parts, reason=reason, **more)])


def with_usage(of: Frame) -> Frame:
    return Frame(json.dumps({**json.loads(of.data), "usageMetadata": USAGE}).encode())


def text(words: str, **beside: Any) -> dict[str, Any]:
    return {"text": words, **beside}


EMPTY = text("")
ERROR = Frame(
    b'{"error":{"code":503,"message":"m","status":"UNAVAILABLE",'
    b'"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"5s"}]}}'
)
CHOSEN = {"chosenCandidates": [{"token": "a", "logProbability": -0.5}]}

STREAMS: dict[str, tuple[Frame, ...]] = {
    "text": (piece(text("Hello")), piece(text(" world")), with_usage(end(EMPTY))),
    "words at the end": (end(text("Hello"), reason="MAX_TOKENS", finishMessage="m", safetyRatings=[], avgLogprobs=-0.5),),
    "thoughts": (piece(text("Let me", thought=True)), piece(text("Yes")), end(text("", thoughtSignature="c2ln"))),
    "calls": (piece(text("I look.")), piece(CALL, OTHER), end(EMPTY)),
    "media": (
        piece({"inlineData": {"mimeType": "image/png", "data": "QUJD"}}),
        piece({"fileData": {"fileUri": "gs://b/f", "mimeType": "video/mp4"}}),
        end(EMPTY),
    ),
    "hosted tools": (
        piece({"executableCode": {"language": "PYTHON", "code": "1"}}),
        piece({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}),
        piece({"toolCall": {"id": "t"}}, {"toolResponse": {"id": "t"}}),
        end(EMPTY, groundingMetadata={}, citationMetadata={}, urlContextMetadata={}),
    ),
    "a part of a later kind": (piece({"later": 1}), end(EMPTY)),
    "two candidates": (
        piece(text("a")),
        piece(text("b"), index=1),
        frame(candidates=[candidate(EMPTY, reason="STOP"), candidate(EMPTY, index=1, reason="SAFETY")]),
    ),
    "log probabilities": (piece(text("a"), logprobsResult=CHOSEN), piece(logprobsResult=CHOSEN), end(EMPTY)),
    "a blocked prompt": (frame(promptFeedback={"blockReason": "SAFETY"}),),
    "error": (piece(text("Hello")), ERROR),
    "error at once": (ERROR,),
}
