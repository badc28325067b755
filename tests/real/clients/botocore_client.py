"""botocore: Converse and ConverseStream, with its own signatures, framing and retries."""

from __future__ import annotations

import base64
import json
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from contract import BASE, IMAGE, KEY, MODEL, MOST_TURNS, RETRIES, SYSTEM, WEATHER, Seen, get_weather, run


def client_of(attempts: int) -> Any:
    more = {"aws_access_key_id": KEY, "aws_secret_access_key": "not-looked-at", "region_name": "us-east-1"}
    config = Config(retries={"total_max_attempts": attempts, "mode": "standard"}, read_timeout=30)
    return botocore.session.get_session().create_client("bedrock-runtime", endpoint_url=BASE, config=config, **more)


client, patient = client_of(1), client_of(1 + RETRIES)
TOOLS: Any = {
    "tools": [
        {
            "toolSpec": {
                "name": WEATHER["name"],
                "description": WEATHER["description"],
                "inputSchema": {"json": WEATHER["parameters"]},
            }
        }
    ]
}
THINKING: Any = {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}}}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def tell(message: Any, stop: str, usage: Any, seen: Seen) -> None:
    seen.update(text="", finish=stop, usage=[usage["inputTokens"], usage["outputTokens"]])
    for block in message["content"]:
        seen["text"] += block.get("text", "")
        if "reasoningContent" in block:
            seen.thought(block["reasoningContent"]["reasoningText"]["text"])
        elif "toolUse" in block:
            seen.call(block["toolUse"]["name"], block["toolUse"]["input"])


def converse(seen: Seen, by: Any = client, **asked: Any) -> Any:
    reply = by.converse(modelId=MODEL, **asked)
    tell(reply["output"]["message"], reply["stopReason"], reply["usage"], seen)
    return reply["output"]["message"]


def _grown(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    if "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    if "reasoningContent" in delta:
        thought = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {})
        for name, value in delta["reasoningContent"].items():
            thought[name] = thought.get(name, "") + value


def streamed(seen: Seen, by: Any = client, **asked: Any) -> Any:
    """The message that a stream tells."""
    blocks: dict[int, dict[str, Any]] = {}
    stop, usage = "", {}
    for event in by.converse_stream(modelId=MODEL, **asked)["stream"]:
        ((kind, data),) = event.items()
        if kind == "contentBlockStart":
            blocks[data["contentBlockIndex"]] = {"toolUse": data["start"]["toolUse"] | {"input": ""}}
        elif kind == "contentBlockDelta":
            seen.piece(data["delta"].get("text"))
            _grown(blocks.setdefault(data["contentBlockIndex"], {}), data["delta"])
        elif kind == "messageStop":
            stop = data["stopReason"]
        elif kind == "metadata":
            usage = data["usage"]
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    if not stop:
        raise EOFError("the stream ended without its end")
    message = {"role": "assistant", "content": list(blocks.values())}
    tell(message, stop, usage, seen)
    return message


def loop(name: str, seen: Seen, turn: Any) -> None:
    messages: list[Any] = [user({"text": name})]
    for _ in range(MOST_TURNS):
        message = turn(seen, messages=messages, toolConfig=TOOLS, **THINKING if name.endswith("thinking") else {})
        calls = [block["toolUse"] for block in message["content"] if "toolUse" in block]
        if not calls:
            return
        results = [{"toolUseId": call["toolUseId"], "content": [{"text": get_weather(**call["input"])}]} for call in calls]
        messages += [message, user(*({"toolResult": result} for result in results))]


def structured(name: str, seen: Seen) -> None:
    schema = {"jsonSchema": {"schema": json.dumps(PERSON), "name": "person"}}
    output = {"textFormat": {"type": "json_schema", "structure": schema}}
    message = converse(Seen(), messages=[user({"text": name})], outputConfig=output)
    seen["output"] = json.loads(message["content"][0]["text"])


def told(error: BaseException) -> dict[str, Any]:
    if not isinstance(error, ClientError):
        return {}
    meta = error.response.get("ResponseMetadata", {})  # an exception in a stream has none
    return {
        "classes": [error.response["Error"]["Code"], *(kind.__name__ for kind in type(error).__mro__)],
        "status": meta.get("HTTPStatusCode"),
        "request_id": meta.get("RequestId"),
        "retry_after": meta.get("HTTPHeaders", {}).get("retry-after"),
    }


def asking(turn: Any, **more: Any) -> Any:
    return lambda name, seen: turn(seen, messages=[user({"text": name})], **more) and None


run(
    {
        "chat": asking(converse),
        "system": asking(converse, system=[{"text": SYSTEM}]),
        "stream": asking(streamed),
        "thinking": asking(converse, **THINKING),
        "thinkingstream": asking(streamed, **THINKING),
        "tools": lambda name, seen: loop(name, seen, converse),
        "toolstream": lambda name, seen: loop(name, seen, streamed),
        "image": lambda name, seen: (
            converse(
                seen,
                messages=[user({"text": name}, {"image": {"format": "png", "source": {"bytes": base64.b64decode(IMAGE)}}})],
            )
            and None
        ),
        "structured": structured,
        "count": lambda name, seen: seen.update(
            output=client.count_tokens(modelId=MODEL, input={"converse": {"messages": [user({"text": name})]}})["inputTokens"]
        ),
        "error": asking(converse),
        "broken": asking(streamed),
        "retry": asking(converse, by=patient),
        "retrystream": asking(streamed, by=patient),
    },
    told,
)
