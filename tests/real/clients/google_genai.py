"""google-genai: whole replies by its blocking client, streams by the asynchronous one."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from contract import BASE, IMAGE, IMAGE_URL, KEY, MODEL, MOST_TURNS, RETRIES, SYSTEM, WEATHER, Seen, get_weather, run
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

TOOL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name=WEATHER["name"], description=WEATHER["description"], parameters_json_schema=WEATHER["parameters"]
        )
    ]
)
THINKING: Any = {"thinking_config": types.ThinkingConfig(include_thoughts=True, thinking_budget=2000)}


class Person(BaseModel):
    name: str
    age: int


def client_of(version: str, attempts: int) -> genai.Client:
    retries = types.HttpRetryOptions(attempts=attempts, initial_delay=0.02, jitter=0.01, http_status_codes=[429, 500, 529])
    return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=BASE, api_version=version, retry_options=retries))


client, patient = client_of("v1", 1), client_of("v1beta", 1 + RETRIES)


def thoughts(reply: types.GenerateContentResponse, seen: Seen) -> None:
    for part in reply.parts or ():
        if part.thought:
            seen.thought(part.text)


def end(reply: types.GenerateContentResponse, seen: Seen) -> None:
    usage = reply.usage_metadata
    output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    seen.update(finish=reply.candidates[0].finish_reason.value, usage=[usage.prompt_token_count, output])


def tell(reply: types.GenerateContentResponse, seen: Seen) -> None:
    thoughts(reply, seen)
    seen["text"] = "".join(part.text for part in reply.parts or () if part.text and not part.thought)
    for call in reply.function_calls or ():
        seen.call(call.name, call.args)
    end(reply, seen)


def ask(content: Any, seen: Seen, by: genai.Client = client, **config: Any) -> None:
    tell(by.models.generate_content(model=MODEL, contents=content, config=types.GenerateContentConfig(**config)), seen)


def stream(name: str, seen: Seen, by: genai.Client = client, **config: Any) -> None:
    async def listen() -> None:
        told = types.GenerateContentConfig(**config)
        async for chunk in await by.aio.models.generate_content_stream(model=MODEL, contents=name, config=told):
            thoughts(chunk, seen)
            for part in chunk.parts or ():
                seen.piece(None if part.thought else part.text)
            if chunk.candidates and chunk.candidates[0].finish_reason:
                end(chunk, seen)

    asyncio.run(listen())


def loop(name: str, seen: Seen, turn: Any) -> None:
    contents = [types.Content(role="user", parts=[types.Part(text=name)])]
    config = types.GenerateContentConfig(tools=[TOOL], **THINKING if name.endswith("thinking") else {})
    for _ in range(MOST_TURNS):
        reply, said = turn(model=MODEL, contents=contents, config=config)
        for part in said:
            seen.thought(part.text if part.thought else None)
        seen["text"] = "".join(part.text for part in said if part.text and not part.thought)
        end(reply, seen)
        calls = [part.function_call for part in said if part.function_call]
        for call in calls:
            seen.call(call.name, call.args)
        if not calls:
            return
        results = [
            types.FunctionResponse(id=call.id, name=call.name, response={"output": get_weather(**call.args)}) for call in calls
        ]
        contents += [
            types.Content(role="model", parts=said),
            types.Content(role="user", parts=[types.Part(function_response=result) for result in results]),
        ]


def whole(**asked: Any) -> tuple[types.GenerateContentResponse, list[types.Part]]:
    reply = client.models.generate_content(**asked)
    return reply, reply.parts


def streamed(**asked: Any) -> tuple[types.GenerateContentResponse, list[types.Part]]:
    chunks = list(client.models.generate_content_stream(**asked))
    return chunks[-1], [part for chunk in chunks for part in chunk.parts or () if part != types.Part(text="")]


def image(name: str, seen: Seen) -> None:
    if name == "image-url":
        picture = types.Part.from_uri(file_uri=IMAGE_URL, mime_type="image/png")
    else:
        picture = types.Part.from_bytes(data=base64.b64decode(IMAGE), mime_type="image/png")
    ask([name, picture], seen)


def structured(name: str, seen: Seen) -> None:
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Person)
    seen["output"] = client.models.generate_content(model=MODEL, contents=name, config=config).parsed.model_dump()


def told(error: BaseException) -> dict[str, Any]:
    """The protocol says in the body how long to wait."""
    if not isinstance(error, errors.APIError):
        return {}
    said = error.details.get("error", {}).get("details", ())
    waits = [detail["retryDelay"].removesuffix("s") for detail in said if "retryDelay" in detail]
    return {"status": error.code, "retry_after": waits[0] if waits else None}


run(
    {
        "chat": ask,
        "system": lambda name, seen: ask(name, seen, system_instruction=SYSTEM),
        "stream": stream,
        "thinking": lambda name, seen: ask(name, seen, **THINKING),
        "thinkingstream": lambda name, seen: stream(name, seen, **THINKING),
        "tools": lambda name, seen: loop(name, seen, whole),
        "toolstream": lambda name, seen: loop(name, seen, streamed),
        "image": image,
        "structured": structured,
        "error": ask,
        "broken": stream,
        "retry": lambda name, seen: ask(name, seen, by=patient),
        "retrystream": lambda name, seen: stream(name, seen, by=patient),
        "count": lambda name, seen: seen.update(output=client.models.count_tokens(model=MODEL, contents=name).total_tokens),
        "models": lambda name, seen: seen.update(output=[model.name.rpartition("/")[2] for model in client.models.list()]),
    },
    told,
)
