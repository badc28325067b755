"""A provider that is a program: what is started, and in which environment."""

from __future__ import annotations

from collections.abc import Mapping

from ..dialects.dialect import ClientHalf
from ..engine.program import Program
from ..providers.provider import Command
from ..values.model import Model, Target
from ..values.secret import Secret


def program(
    command: Command,
    dialect: ClientHalf,
    target: Target,
    environ: Mapping[str, str],
    key: Secret | None,
    base_url: str | None,
    record: Model | None,
) -> Program:
    """The program, in an environment of nothing but what it needs. A key and an address are those that were given for it, or
    none: it has logins of its own."""
    env = {name: environ[name] for name in command.variables if name in environ}
    if key is not None:
        env[command.key_variable] = key.reveal()
    if base_url is not None:
        env[command.url_variable] = base_url
    return Program(dialect, target, command.name, tuple(env.items()), secret=key, record=record)


def place_of(command: Command, environ: Mapping[str, str]) -> str | None:
    """Where the program is; None: nowhere on the PATH."""
    from shutil import which  # slow to import, and few look

    return which(command.name, path=environ.get("PATH", ""))
