"""Where a server is: a program, or an address; and what of it is secret."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from ..client.settings import Settings
from ..client.trust import checked_base_url
from ..ports import ProcessRequest
from ..values import expect
from ..values.check import check_headers
from ..values.errors import UsageError
from ..values.secret import Secret, mask_keys

if TYPE_CHECKING:
    import asyncio

    from .session import Link

INHERITED: Final[tuple[str, ...]] = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP",
    "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT",
    "USERPROFILE", "USERNAME", "HOMEDRIVE", "HOMEPATH",
)  # fmt: skip
"""All that a program has of our environment: no key is among them."""
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|AUTH|CREDENTIAL", re.IGNORECASE)


class Program:
    """A program, and what it gets of us."""

    is_program = True

    def __init__(self, command: object, env: object, cwd: str | os.PathLike[str] | None) -> None:
        words = expect.items(command, "command", "a list: the program, and its words; no shell is involved")
        if not words or not all(isinstance(word, str) and "\0" not in word for word in words) or not words[0]:
            raise UsageError("no program that could be started", field="command", allowed="a list of text, the program first")
        given = expect.mapping({} if env is None else env, "env")
        for name, value in given.items():
            text = value.reveal() if isinstance(value, Secret) else expect.text(value, f"env.{name}")
            if not expect.filled(name, "env") or re.search("[=\0]", name) or "\0" in text:
                raise UsageError("no program could be given that", field="env", allowed="names without =, text without NUL")
        self._argv = tuple(words)
        self._env = {name: value if isinstance(value, Secret) else Secret(value) for name, value in given.items()}
        self._secrets = [self._env[name] for name, value in given.items() if isinstance(value, Secret) or _SECRET.search(name)]
        self._secrets += _told_secrets(self._argv)
        self._cwd = None if cwd is None else os.fspath(cwd)

    def __repr__(self) -> str:
        return f"command={os.path.basename(self._argv[0])!r}"  # noqa: PTH119 - its words may hold keys

    def mask(self, text: str) -> str:
        return _masked(text, self._secrets)

    def link(self, settings: Settings, lost: asyncio.Event, loop: asyncio.AbstractEventLoop) -> Link:
        from .child import Child

        ours = settings.environment()
        env = {name: ours[name] for name in INHERITED if name in ours}
        env |= {name: value.reveal() for name, value in self._env.items()}
        return Child(ProcessRequest(self._argv, env=tuple(env.items()), cwd=self._cwd), self.mask, lost, loop)


def _told_secrets(argv: Sequence[str]) -> Iterator[Secret]:
    """What words like ``--api-key=...`` and ``--token ...`` tell the program."""
    for word, following in zip(argv, (*argv[1:], ""), strict=True):
        name, mark, value = word.partition("=")
        if _SECRET.search(name) and (mark or name.startswith("-")):
            yield Secret(value if mark else following)


class Address:
    """An address, and what is sent there alone."""

    is_program = False

    def __init__(self, url: object, headers: object) -> None:
        base, mark, query = expect.text(url, "url").strip().partition("?")
        checked_base_url(base, "url")
        if re.search(r"[^!-~]|#", query):
            raise UsageError("has a fragment, or what no URL may hold", field="url", got="text")
        given = expect.mapping({} if headers is None else headers, "headers")
        plain = {name: value.reveal() if isinstance(value, Secret) else value for name, value in given.items()}
        check_headers(plain, "headers")
        self._url = base
        self._query = Secret(query) if mark else None
        self._headers = tuple((name, Secret(value)) for name, value in plain.items())
        self._secrets = [secret for _, secret in self._headers] + [
            Secret(word) for text in (*plain.values(), *map(unquote_plus, re.split("[&=]", query))) for word in text.split()[-1:]
        ]

    def __repr__(self) -> str:
        return f"url={self._url!r}"

    def mask(self, text: str) -> str:
        return _masked(text, self._secrets)

    def link(self, settings: Settings, lost: asyncio.Event, loop: asyncio.AbstractEventLoop) -> Link:
        from .remote import Remote

        return Remote(self._url, self._query, self._headers, settings, lost)


def _masked(text: str, secrets: Sequence[Secret]) -> str:
    for secret in secrets:
        text = secret.mask(text)
    return shown(text)


def shown(text: str) -> str:
    """A server's words as an error or a log may hold them: no keys, and nothing that a terminal would obey."""
    return "".join([each if each.isprintable() or each == "\n" else " " for each in mask_keys(text)])
