"""What a line that begins with a slash does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ... import UsageError, to_json
from ...values.expect import did_you_mean
from ..options import model_names
from .session import Session

Tell = Callable[[str], None]
_COMMAND = re.compile(r"/([a-z]+!?)(?:\s+(.*))?")


class Leave(Exception):  # noqa: N818 - it is what the user wants
    """The user wants to leave."""


class Command(NamedTuple):
    """``arguments`` and ``summary`` as ``/help`` shows them."""

    arguments: str
    summary: str
    run: Callable[[Session, str, Tell], None]


def is_command(text: str) -> bool:
    """Whether ``text`` is a slash and a word, with or without something behind it: a path is none."""
    return "\n" not in text and _COMMAND.fullmatch(text) is not None


def obey(session: Session, text: str, tell: Tell, *, terminal: bool) -> None:
    """Do what the line says. Raises ``UsageError`` for what cannot be done, ``Leave`` for ``/exit``."""
    found = _COMMAND.fullmatch(text)
    assert found is not None  # is_command
    name, rest = found[1], (found[2] or "").strip()
    command = COMMANDS.get(name)
    if command is None:
        known = [f"/{word}" for word in COMMANDS]
        raise UsageError(
            f"there is no /{name}{did_you_mean(f'/{name}', known)}; there are {', '.join(known)}. A question that begins with a"
            " slash begins with two of them"
        )
    if rest and not command.arguments:
        raise UsageError(f"/{name} takes nothing behind it")
    if not rest and command.arguments and not command.arguments.startswith("["):
        raise UsageError(f"/{name} needs {command.arguments}")
    if name == "save!" and not terminal:
        raise UsageError("a file is only replaced at a terminal; /save writes a new one")
    command.run(session, rest, tell)


def words(text: str) -> Sequence[str]:
    """How a line that begins with ``text`` may go on: commands, and behind ``/model`` the catalog's models."""
    if text.startswith("/model "):
        begun = text.removeprefix("/model ").lstrip()
        typed = text.removesuffix(begun)  # what is offered must begin with it, blanks and all
        return [typed + name for name in model_names() if name.startswith(begun)]
    if text.startswith("/") and " " not in text:
        return [f"/{name} " if COMMANDS[name].arguments else f"/{name}" for name in COMMANDS if f"/{name}".startswith(text)]
    return ()


def path_of(name: str) -> Path:
    """The file that the user means. Raises ``UsageError`` for what can be no file's name."""
    if "\0" in name:
        raise UsageError("a file's name holds no NUL", field="FILE")
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise UsageError(f"{name} begins with the home of somebody who has none here", field="FILE") from None


def load(session: Session, name: str) -> int:
    """Go on with what is stored in the file ``name``; gives how many messages there are."""
    try:
        data = path_of(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name} cannot be read ({error.strerror or type(error).__name__})", field="FILE") from None
    session.restore(data)
    return len(session.chat.messages)


def _model(session: Session, name: str, tell: Tell) -> None:
    if name:
        session.choose(name)
    tell(f"model: {session.model}")


def _system(session: Session, text: str, tell: Tell) -> None:
    if text:
        session.chat.system = None if text == "-" else text
    tell("no instructions" if session.chat.system is None else f"instructions: {session.chat.system}")


def _save(session: Session, name: str, tell: Tell) -> None:
    _store(session, name, tell, "xb")


def _replace(session: Session, name: str, tell: Tell) -> None:
    _store(session, name, tell, "wb")


def _store(session: Session, name: str, tell: Tell, mode: str) -> None:
    file = path_of(name).absolute()
    messages = session.stored()
    data = msgspec.json.format(to_json(messages), indent=2) + b"\n"
    try:
        with open(file, mode) as opened:
            opened.write(data)
    except FileExistsError:
        raise UsageError(f"{file} is there already; /save! {name} replaces it") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be written ({error.strerror or type(error).__name__})") from None
    tell(f"{len(messages)} messages are stored in {file}")


def _load(session: Session, name: str, tell: Tell) -> None:
    tell(f"{load(session, name)} messages; the conversation goes on from there")


def _clear(session: Session, _: str, tell: Tell) -> None:
    session.chat = session.begun(session.chat.system)
    tell("a new conversation; model and instructions stay")


def _undo(session: Session, _: str, tell: Tell) -> None:
    text = session.undo()
    tell("there is nothing to take back" if text is None else f"taken back: {text}")


def _usage(session: Session, _: str, tell: Tell) -> None:
    tell(str(session.spent))


def _help(session: Session, _: str, tell: Tell) -> None:
    width = max(len(f"{name} {command.arguments}") for name, command in COMMANDS.items()) + 1
    for name, command in COMMANDS.items():
        tell(f"/{f'{name} {command.arguments}':<{width}} {command.summary}")
    tell('Several lines: end one with \\, or put them between """ and """, or paste them.')
    tell("A question that begins with a slash: begin it with two. Ctrl-C stops an answer.")


def _exit(session: Session, _: str, tell: Tell) -> None:
    raise Leave


COMMANDS: dict[str, Command] = {
    "model": Command("[NAME]", "show the model, or go on with another", _model),
    "system": Command("[TEXT]", "show the instructions, or set them (-: none)", _system),
    "save": Command("FILE", "store the conversation as JSON in a new file", _save),
    "save!": Command("FILE", "the same, replacing a file that is there", _replace),
    "load": Command("FILE", "go on with a stored conversation", _load),
    "undo": Command("", "take back the last question and its answer", _undo),
    "clear": Command("", "begin anew; model and instructions stay", _clear),
    "usage": Command("", "tokens and cost so far", _usage),
    "help": Command("", "this list", _help),
    "exit": Command("", "leave, as Ctrl-D does", _exit),
}
