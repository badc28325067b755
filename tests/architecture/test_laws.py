"""The package keeps the laws; and each law notices what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.architecture import laws
from tests.architecture.source import Module, modules

Law = Callable[[Module], Iterator[str]]
ALL: list[Law] = [
    value
    for name, value in vars(laws).items()
    if callable(value) and getattr(value, "__module__", "") == laws.__name__ and name[0] != "_"
]

BROKEN: list[tuple[Law, str, str]] = [
    (laws.is_pure, "policy/retry.py", "import time"),
    (laws.is_pure, "engine/engine.py", "from threading import Thread"),
    (laws.is_pure, "engine/engine.py", "from asyncio import sleep"),
    (laws.is_pure, "values/x.py", "import os.path as p"),
    (laws.is_pure, "values/x.py", "when = datetime.now()"),
    (laws.only_io_knows_the_network, "client/blocking.py", "import aiohttp"),
    (laws.only_io_knows_the_network, "client/blocking.py", "from http.client import HTTPConnection"),
    (laws.only_io_knows_the_network, "providers/auth.py", "from urllib import request"),
    (laws.only_io_knows_the_network, "cli/main.py", "def f():\n    import ssl"),
    (laws.environment_is_read_in_settings, "cli/main.py", "import os\nos.environ['A']"),
    (laws.environment_is_read_in_settings, "io/blocking.py", "from os import environ"),
    (laws.environment_is_read_in_settings, "client/aio.py", "import os\nos.getenv('A')"),
    (laws.environment_is_read_in_settings, "client/aio.py", "import os\nos.path.expandvars('$A')"),
    (laws.streams_are_classes, "engine/stream.py", "async def f():\n    yield 1"),
    (laws.streams_are_classes, "client/aio.py", "async def f(xs):\n    async for x in xs: pass"),
    (laws.streams_are_classes, "client/aio.py", "async def f(xs):\n    return [x async for x in xs]"),
    (laws.engine_knows_no_tasks, "engine/engine.py", "async def f(a):\n    async with a.timeout(1): pass"),
    (laws.engine_knows_no_tasks, "engine/engine.py", "def f(loop, c):\n    loop.create_task(c)"),
    (laws.nothing_is_awaited_under_a_lock, "engine/x.py", "async def f(self):\n    with self._lock:\n        await g()"),
    (
        laws.nothing_is_awaited_under_a_lock,
        "io/x.py",
        "async def f(LOCK):\n    with a, LOCK:\n        if x:\n            y = await g()",
    ),
    (
        laws.clean_up_awaits_close_only,
        "engine/x.py",
        "async def f(self):\n    try: pass\n    finally:\n        await self.settle()",
    ),
    (laws.context_is_never_set, "engine/x.py", "from ..ports import correlation_id\ncorrelation_id.set('a')"),
    (laws.context_is_never_set, "client/x.py", "from .. import ports\nports.correlation_id.set('a')"),
    (laws.context_is_never_set, "io/x.py", "mine: ContextVar[int] = ContextVar('mine')\nmine.set(1)"),
    (laws.mode_is_never_guessed, "client/x.py", "import asyncio\nasyncio.get_running_loop()"),
    (laws.names_come_from_the_domain, "engine/utils.py", ""),
    (laws.names_come_from_the_domain, "client/_base.py", ""),
    (laws.names_come_from_the_domain, "helpers/x.py", ""),
    (laws.facades_use_public_names, "compat/core/x.py", "from trunkline.client.aio import AsyncClient"),
    (laws.facades_use_public_names, "compat/core/x.py", "from ...values.message import Message"),
    (laws.facades_use_public_names, "compat/core/x.py", "from ..voice_assistant.llm import Message"),
    (laws.facades_use_public_names, "compat/core/x.py", "import trunkline.ports"),
    (laws.files_and_functions_are_short, "engine/x.py", "\n" * 401),
    (laws.files_and_functions_are_short, "engine/x.py", "def f():\n" + "    a = 1\n" * 60),
    (laws.only_commands_print, "engine/x.py", "print('hello')"),
    (laws.nothing_is_a_stub, "client/x.py", "def f():\n    raise NotImplementedError"),
    (laws.dialects_are_strangers, "dialects/openai_chat/request.py", "from ..anthropic_messages.request import f"),
    (laws.dialects_are_strangers, "dialects/anthropic_messages/a.py", "import trunkline.dialects.openai_chat.stream"),
]

KEPT: list[tuple[Law, str, str]] = [
    (laws.is_pure, "policy/breaker.py", "from threading import Lock"),
    (laws.is_pure, "io/blocking.py", "import time, os, threading"),
    (laws.is_pure, "values/x.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os"),
    (laws.only_io_knows_the_network, "io/aio.py", "import aiohttp"),
    (laws.only_io_knows_the_network, "dialects/x.py", "from ..wire.http import HttpReply\nfrom urllib.parse import quote"),
    (laws.environment_is_read_in_settings, "client/settings.py", "import os\nos.environ['A']"),
    (laws.streams_are_classes, "io/aio.py", "async def f(xs):\n    async for x in xs: yield x"),
    (
        laws.streams_are_classes,
        "client/streams.py",
        "class S:\n    async def __anext__(self):\n        async for x in self.xs: return x",
    ),
    (laws.streams_are_classes, "engine/x.py", "async def f():\n    def g():\n        yield 1\n    return list(g())"),
    (
        laws.nothing_is_awaited_under_a_lock,
        "engine/x.py",
        "async def f(self):\n    with self._lock:\n        a = 1\n    await g()",
    ),
    (
        laws.clean_up_awaits_close_only,
        "engine/x.py",
        "async def f(self):\n    try: pass\n    finally:\n        await self.exchange.close()",
    ),
    (laws.context_is_never_set, "engine/x.py", "from ..ports import correlation_id\ncorrelation_id.get()"),
    (laws.files_and_functions_are_short, "engine/x.py", "def f():\n" + "    a = 1\n" * 59),
    (laws.names_come_from_the_domain, "compat/voice_assistant/llm/base.py", ""),
    (
        laws.facades_use_public_names,
        "compat/core/llms/x.py",
        "from trunkline import Client\nfrom .y import f\nfrom ...backends import g",
    ),
    (laws.only_commands_print, "cli/ask.py", "print('hello')"),
    (laws.dialects_are_strangers, "dialects/claude_cli/stream.py", "from ..anthropic_messages.stream import f"),
    (laws.dialects_are_strangers, "dialects/openai_chat/stream.py", "from ..dialect import Context\nfrom .request import f"),
]


@pytest.mark.parametrize("law", ALL, ids=lambda law: law.__name__)
def test_the_package_keeps(law: Law) -> None:
    broken = [f"src/trunkline/{module.path}:{what}" for module in modules() for what in law(module)]
    assert not broken, f"{law.__doc__}\n" + "\n".join(broken)


@pytest.mark.parametrize("law,path,text", BROKEN)
def test_a_breach_is_noticed(law: Law, path: str, text: str) -> None:
    assert list(law(Module(path, text)))


@pytest.mark.parametrize("law,path,text", KEPT)
def test_what_is_allowed_passes(law: Law, path: str, text: str) -> None:
    assert not list(law(Module(path, text)))


def test_every_law_has_a_breach_to_show() -> None:
    assert {law.__name__ for law in ALL} == {law.__name__ for law, _, _ in BROKEN}
