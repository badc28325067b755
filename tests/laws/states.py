"""Replies that hold provider state of every kind that their dialects make, each marked by words of its own.

A mark stands where the provider's own secret stands: in a signature, in something sealed, in an id, in an item that nobody else
knows. ``BOUND`` says whom each is bound to: its provider, its model besides, or the key (account) besides that; ``""``: nobody.
"""

from __future__ import annotations

import json
from typing import Any

from tests.laws.wires import context
from trunkline.dialects.dialect import Context
from trunkline.dialects.known import dialect_of
from trunkline.values.fold import unfold
from trunkline.values.headers import Headers
from trunkline.values.message import Message, Text, ToolResult
from trunkline.values.model import Target
from trunkline.values.response import Response
from trunkline.wire.http import HttpReply

BOUND: dict[str, dict[str, str]] = {
    "openai-chat": {
        "CANARYdetailsealed": "model", "CANARYdetailid": "model", "CANARYcallsignature": "model", "CANARYaudioid": "model",
        "CANARYnote": "model", "CANARYpart": "model", "CANARYreference": "provider",
    },
    "anthropic-messages": {
        "CANARYsignature": "model", "CANARYredacted": "model", "CANARYcitedindex": "provider", "CANARYcaller": "provider",
        "CANARYhostedcaller": "provider", "CANARYhostedresult": "provider", "CANARYcontainer": "provider",
    },
    "openai-responses": {
        "CANARYreasoningid": "account", "CANARYencrypted": "account", "CANARYmessageid": "account", "CANARYnote": "account",
        "CANARYcallid": "account", "CANARYhostedid": "account", "CANARYitem": "account", "CANARYcompaction": "account",
    },
    "gemini": {
        "CANARYthought": "account", "CANARYcall": "account", "CANARYtext": "account", "CANARYcode": "provider",
        "CANARYpart": "provider", "CANARYpicture": "account",
    },
    "bedrock-converse": {
        "CANARYsignature": "model", "CANARYredacted": "model", "CANARYcited": "provider", "CANARYhosted": "provider",
        "CANARYpart": "provider",
    },
    "cohere": {"CANARYsource": "provider", "CANARYitem": "provider", "CANARYcall": "provider", "CANARYplan": ""},
    "ollama": {},
}  # fmt: skip
"""The marks of each dialect's reply, and whom what they stand in is bound to."""
CANARY = "CANARY"

_CALL = {"name": "weather", "arguments": '{"city":"Oslo"}'}
_WEB = {"type": "web_search_result_location", "url": "https://e.com/x", "title": "t", "cited_text": "c"}
_URL_CITATION = {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://e.com/x", "title": "t"}

_BODIES: dict[str, Any] = {
    "openai-chat": {
        "id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "It is"}, {"type": "of_tomorrow", "x": "CANARYpart"},
                {"type": "reference", "reference_ids": ["CANARYreference"]},
            ],
            "reasoning": "hm",
            "reasoning_details": [
                {"type": "reasoning.text", "text": "hm", "signature": "CANARYdetailsealed", "id": "CANARYdetailid", "index": 0},
            ],
            "annotations": [{"type": "of_tomorrow", "x": "CANARYnote"}],
            "audio": {"id": "CANARYaudioid", "data": "UklGRg==", "transcript": "said", "expires_at": 1},
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": _CALL,
                 "extra_content": {"google": {"thought_signature": "CANARYcallsignature"}}},
            ],
        }}],
    },
    "anthropic-messages": {
        "id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 1},
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "CANARYsignature"},
            {"type": "redacted_thinking", "data": "CANARYredacted"},
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"},
             "caller": {"type": "code_execution_20260120", "tool_id": "CANARYhostedcaller"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
                {"type": "web_search_result", "url": "https://e.com/x", "title": "t", "encrypted_content": "CANARYhostedresult"},
            ]},
            {"type": "text", "text": "It is", "citations": [{**_WEB, "encrypted_index": "CANARYcitedindex"}]},
            {"type": "container_upload", "file_id": "CANARYcontainer"},
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"},
             "caller": {"type": "code_execution_20260120", "tool_id": "CANARYcaller"}},
        ],
    },
    "openai-responses": {
        "id": "r", "object": "response", "model": "m", "status": "completed", "output": [
            {"type": "reasoning", "id": "CANARYreasoningid", "summary": [{"type": "summary_text", "text": "hm"}],
             "encrypted_content": "CANARYencrypted"},
            {"type": "web_search_call", "id": "CANARYhostedid", "status": "completed", "action": {"type": "search", "query": "q"}},
            {"type": "of_tomorrow", "id": "CANARYitem"},
            {"type": "compaction", "id": "cmp", "encrypted_content": "CANARYcompaction"},
            {"type": "message", "id": "CANARYmessageid", "role": "assistant", "status": "completed", "content": [
                {"type": "output_text", "text": "It is", "annotations": [{**_URL_CITATION, "x": "CANARYnote"}]},
            ]},
            {"type": "function_call", "id": "CANARYcallid", "call_id": "call_1", "status": "completed", **_CALL},
        ],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    "gemini": {
        "responseId": "r", "modelVersion": "m", "candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": [
            {"text": "hm", "thought": True, "thoughtSignature": "CANARYthought"},
            {"executableCode": {"language": "PYTHON", "code": "1"}, "x": "CANARYcode"},
            {"ofTomorrow": {"x": "CANARYpart"}},
            {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}, "thoughtSignature": "CANARYpicture"},
            {"functionCall": {"id": "call_1", "name": "weather", "args": {"city": "Oslo"}}, "thoughtSignature": "CANARYcall"},
            {"text": "It is", "thoughtSignature": "CANARYtext"},
        ]}}],
    },
    "bedrock-converse": {
        "stopReason": "tool_use", "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "CANARYsignature"}}},
            {"reasoningContent": {"redactedContent": "CANARYredacted"}},
            {"citationsContent": {"content": [{"text": "It is"}], "citations": [
                {"title": "t", "location": {"web": {"url": "https://e.com/x"}}, "x": "CANARYcited"},
            ]}},
            {"toolUse": {"toolUseId": "srv_1", "name": "nova_grounding", "input": {}, "type": "server_tool_use", "x": "CANARYhosted"}},
            {"ofTomorrow": {"x": "CANARYpart"}},
            {"toolUse": {"toolUseId": "call_1", "name": "weather", "input": {"city": "Oslo"}}},
        ]}},
    },
    "cohere": {
        "id": "r", "finish_reason": "TOOL_CALL", "usage": {"tokens": {"input_tokens": 1, "output_tokens": 1}}, "message": {
            "role": "assistant", "tool_plan": "CANARYplan",
            "content": [{"type": "text", "text": "It is"}, {"type": "of_tomorrow", "x": "CANARYitem"}],
            "citations": [
                {"start": 0, "end": 2, "text": "It", "content_index": 0, "sources": [
                    {"type": "tool", "id": "CANARYsource", "tool_output": {"content": "c"}},
                ]},
            ],
            "tool_calls": [{"id": "call_1", "type": "function", "function": _CALL, "x": "CANARYcall"}],
        },
    },
    "ollama": {
        "model": "m", "created_at": "2026-11-20T00:00:00Z", "done": True, "done_reason": "stop",
        "message": {"role": "assistant", "content": "It is", "thinking": "hm",
                    "tool_calls": [{"id": "call_1", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}]},
    },
}  # fmt: skip


def home(dialect: str) -> Target:
    """Whom the replies come from."""
    return Target(dialect, "p", "m", key="k1", region="r1")


def body(dialect: str) -> bytes:
    """The whole reply of a provider, with all its marks."""
    return json.dumps(_BODIES[dialect]).encode()


def reply(dialect: str) -> Response:
    """What a client of the dialect makes of it."""
    asked = Context(target=home(dialect), model="m")
    return dialect_of(dialect).decode_response(
        HttpReply(200, Headers((("content-type", "application/json"),)), body(dialect)), asked
    )


def told(dialect: str, stream: bool) -> bytes:
    """The same, as a server of the dialect says it again."""
    half = dialect_of(dialect)
    if not stream:
        return half.encode_response(reply(dialect), context(dialect)).body
    encoder = half.event_encoder(context(dialect, stream=True))
    return b"".join([encoder.push(event) for event in unfold(reply(dialect))]) + encoder.finish()


def conversation(said: Message) -> tuple[Message, ...]:
    """``said`` in the midst of a conversation, its call answered."""
    return (Message.user("q"), said, Message.tool(ToolResult("call_1", (Text("4"),))), Message.user("more"))
