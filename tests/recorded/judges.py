"""The vendors' SDKs reading the same bytes from the same server."""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from typing import Any

import anthropic
import openai

from tests.recorded.reading import Reading, of_chat, of_chunks, of_message
from tests.recorded.records import Record

_KEY = "sk-judge-000000000000"
_MESSAGES: Any = [{"role": "user", "content": "hi"}]


class Failed(Exception):
    """The SDK raised: ``status`` of an error reply, None for an error inside a 200 or a body that it could not read."""

    def __init__(self, status: int | None, kind: str) -> None:
        super().__init__(kind)
        self.status, self.kind = status, kind


@cache
def _chat() -> openai.OpenAI:
    return openai.OpenAI(api_key=_KEY, base_url="http://127.0.0.1:9", max_retries=0)


@cache
def _messages() -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=_KEY, base_url="http://127.0.0.1:9", max_retries=0)


def judge(record: Record, url: str) -> Reading:
    """What the SDK of the record's kind reads at ``url``. Raises ``Failed`` where it raises.

    Besides the two here, a kind has a module ``judge_KIND`` with ``read(record, url)``, which raises what it likes.
    """
    read = _READERS.get(record.kind) or import_module(f"tests.recorded.judge_{record.kind.replace('-', '_')}").read
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDKs warn of retired models and of shapes that pydantic did not expect
        try:
            found: Reading = read(record, url)
            return found
        except (openai.APIStatusError, anthropic.APIStatusError) as error:
            raise Failed(None if record.status == 200 else error.status_code, type(error).__name__) from None
        except (openai.APIError, anthropic.APIError) as error:
            raise Failed(None, type(error).__name__) from None
        except Exception as error:
            raise Failed(None, f"{type(error).__name__} of the SDK's own") from None


def _read_chat(record: Record, url: str) -> Reading:
    client: Any = _chat().with_options(base_url=url)
    if record.stream:
        with client.chat.completions.create(model=record.model, messages=_MESSAGES, stream=True) as stream:
            return of_chunks(list(stream), record.provider)
    return of_chat(client.chat.completions.create(model=record.model, messages=_MESSAGES), record.provider)


def _read_messages(record: Record, url: str) -> Reading:
    client: Any = _messages().with_options(base_url=url.removesuffix("/v1"))
    if record.stream:
        with client.messages.stream(model=record.model, messages=_MESSAGES, max_tokens=100) as stream:
            return of_message(stream.get_final_message())
    return of_message(client.messages.create(model=record.model, messages=_MESSAGES, max_tokens=100))


_READERS = {"openai-chat": _read_chat, "anthropic-messages": _read_messages}
