"""Which configuration files there are, and what stands in them, checked.

The user's own file is ``trunkline.toml`` or ``.yaml`` in ``$XDG_CONFIG_HOME/trunkline`` (``~/.config/trunkline``;
``%APPDATA%\\trunkline`` on Windows). A project's files, ``.env`` and ``trunkline.toml`` or ``.yaml``, are the nearest ones of the
working directory and, inside a repository, of its parents up to the repository's root (the folder that holds ``.git``).
The search goes no further than folders of the same owner that only the owner or its group can write, and never into the home
folder, so that nobody plants a file above your work. A folder called ``.env`` is no file and is passed over.
"""

# pathlib costs more to import than everything that is done here.
# ruff: noqa: PTH100, PTH110, PTH111, PTH113, PTH116, PTH117, PTH118, PTH119, PTH120

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from ..providers.table import TABLE, is_dialect
from ..values.errors import UsageError
from ..values.late_pattern import LatePattern
from ..values.secret import Origin, Secret, mask_keys
from .dotenv import read_dotenv
from .routes import Route
from .trust import bare

LARGEST_FILE = 1 << 20
"""Bytes; a configuration file above it is refused unread."""

TOP_KEYS = (
    "model", "timeout", "retries", "log", "max_line", "errors", "detect", "models_file", "models", "routes", "limits",
    "providers",
)  # fmt: skip
KEY_KEYS = ("api_key", "api_keys", "api_key_env")
PROVIDER_KEYS = (*KEY_KEYS, "base_url", "dialect")
"""Besides these a provider's own parameters."""

_RUNS_PROGRAMS = LatePattern(
    r"(?i)(?:.*_)?(?:command|commands|cmd|argv|args|exec|executable|program|programs|shell|script|scripts"
    r"|mcp|mcp_?servers?|hook|hooks|before|after|on_error|on_event|plugins?|backends?)"
)


class Variables(Mapping[str, str]):
    """Variables of an environment or a ``.env`` file. ``repr`` says how many, never what stands in them.

    ``key_origin``: how far keys among them are to be trusted.
    """

    __slots__ = ("_values", "key_origin", "path")

    def __init__(self, values: Mapping[str, str], path: str | None = None, key_origin: Origin = Origin.PROJECT) -> None:
        self.key_origin: Origin = key_origin
        self._values = {name.upper(): value for name, value in values.items()} if os.name == "nt" else dict(values)
        self.path: str | None = path

    def __getitem__(self, name: str) -> str:
        return self._values[name.upper() if os.name == "nt" else name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Variables({len(self)} of {self.path or 'the environment'})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("variables hold keys and are not pickled: read them again where they are needed")


NO_VARIABLES = Variables({}, "no file")


class ConfigFile:
    """One ``trunkline.toml`` or ``.yaml``: path, origin and table, whose keys are known and whose API keys are Secrets of origin
    ``key_origin``."""

    __slots__ = ("key_origin", "origin", "path", "table")

    def __init__(self, path: str, origin: Origin, table: dict[str, Any], key_origin: Origin) -> None:
        self.key_origin: Origin = key_origin
        self.path: str = path
        self.origin: Origin = origin
        self.table: dict[str, Any] = table

    def provider(self, name: str) -> dict[str, Any]:
        """What it says of one provider; empty where nothing."""
        section: dict[str, Any] = self.table.get("providers", {}).get(name, {})
        return section

    @property
    def routes(self) -> Mapping[str, Route]:
        """The routes that it names."""
        found: dict[str, Route] = self.table.get("routes", {})
        return found

    def __repr__(self) -> str:
        return f"ConfigFile({self.path!r}, {self.origin.name})"


def user_folder(environ: Mapping[str, str]) -> str | None:
    """The folder of the user's own configuration; None where there is no home to look in."""
    if os.name == "nt":
        base = environ.get("APPDATA")
        return os.path.join(base, "trunkline") if base else None
    base = environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(base):  # the XDG specification: a relative path is invalid and to be ignored
        return os.path.join(base, "trunkline")
    home = home_folder(environ)
    return os.path.join(home, ".config", "trunkline") if home else None


def home_folder(environ: Mapping[str, str]) -> str | None:
    home = environ.get("USERPROFILE" if os.name == "nt" else "HOME") or os.path.expanduser("~")
    return home if os.path.isabs(home) else None


def project_folders(cwd: str, home: str | None) -> list[str]:
    """Where a project's files may stand, nearest first: the working directory, then its parents up to the repository's root."""
    folders = [os.path.abspath(cwd)]
    while not os.path.exists(os.path.join(folders[-1], ".git")):
        parent = os.path.dirname(folders[-1])
        if parent == folders[-1] or (home and _same(parent, home)) or not _as_safe(parent, folders[-1]):
            return folders[:1]
        folders.append(parent)
    return folders


def _same(one: str, other: str) -> bool:
    return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))


def _as_safe(parent: str, folder: str) -> bool:
    if os.name == "nt":  # owners and write bits say nothing there
        return True
    try:
        above, below = os.stat(parent), os.stat(folder)
    except OSError:
        return False
    return above.st_uid == below.st_uid and not above.st_mode & stat.S_IWOTH


def find_dotenv(folders: list[str]) -> Variables:
    """The nearest ``.env``, read."""
    for folder in folders:
        path = os.path.join(folder, ".env")
        if os.path.isfile(path):
            try:
                return Variables(read_dotenv(_text_of(path), path), path, _keys_origin(path, folders, Origin.PROJECT))
            except UsageError as error:
                raise bare(error) from None
    return NO_VARIABLES


def find_config(folders: list[str], origin: Origin) -> ConfigFile | None:
    """The nearest ``trunkline.toml``, ``.yaml`` or ``.yml``, read and checked; two in one folder are refused."""
    for folder in folders:
        paths = [path for end in ("toml", "yaml", "yml") if os.path.isfile(path := os.path.join(folder, f"trunkline.{end}"))]
        if len(paths) > 1:
            raise UsageError(f"{folder} holds {' and '.join(os.path.basename(path) for path in paths)}; keep one of them")
        if paths:
            keys = _keys_origin(paths[0], folders, origin)
            try:
                return ConfigFile(paths[0], origin, _checked(parse_file(paths[0]), paths[0], origin, keys), keys)
            except UsageError as error:
                raise bare(error) from None
    return None


def _keys_origin(path: str, folders: list[str], origin: Origin) -> Origin:
    """Whose the keys in a file are. A project's file that is a link to somewhere else on this machine holds keys of the user's
    own, which no address in the project's files may have: a repository can hold such a link to whatever it guesses is there."""
    if origin is not Origin.PROJECT:
        return origin
    root = os.path.join(os.path.realpath(folders[-1]), "")
    return origin if os.path.realpath(path).startswith(root) else Origin.USER


def _text_of(path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({type(error).__name__})") from None
    if len(data) > LARGEST_FILE:
        raise UsageError(f"{path} is larger than {LARGEST_FILE} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: this is not UTF-8; save the file as UTF-8") from None
    if "\0" in text:
        raise UsageError(f"{path} holds a NUL character; save the file as UTF-8 text")
    return text


def parse_file(path: str) -> object:
    """What stands in a file of TOML, YAML or JSON, by the end of its name."""
    text = _text_of(path)
    if path.endswith(".json"):
        return _parse_json(text, path)
    return _parse_toml(text, path) if path.endswith(".toml") else _parse_yaml(text, path)


def _parse_json(text: str, path: str) -> object:
    from ..wire.loose_json import loads  # only where there is such a file

    try:
        return loads(text.encode())
    except ValueError:
        raise UsageError(f"{path}: this is not JSON") from None


def _parse_toml(text: str, path: str) -> object:
    import tomllib  # only where there is a file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Its message may quote the file, so only the line number is taken.
        line = re.search(r"\(at line (\d+)", str(error))
        place = f"{path}:{line[1]}" if line else path
        raise UsageError(f"{place}: this is not TOML") from None
    except ValueError:  # a number of more than 4,300 digits
        raise UsageError(f"{path}: holds a value that cannot be read") from None
    except RecursionError:
        raise UsageError(f"{path}: nested too deeply") from None


def _parse_yaml(text: str, path: str) -> object:
    try:
        import yaml  # type: ignore[import-untyped]  # an extra
    except ImportError:
        raise UsageError(
            f"{path} needs PyYAML to be read: pip install 'trunkline[yaml]', or write it as trunkline.toml"
        ) from None
    try:
        table = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UsageError(f"{path}:{mark.line + 1}: this is not YAML" if mark else f"{path}: this is not YAML") from None
    except RecursionError:
        raise UsageError(f"{path}: nested too deeply") from None
    except ValueError:  # a date or a number of more than 4,300 digits
        raise UsageError(f"{path}: holds a value that cannot be read") from None
    return {} if table is None else table


def _checked(table: object, path: str, origin: Origin, keys: Origin) -> dict[str, Any]:
    checked = dict(_table(table, path, "the file"))
    _known(checked, TOP_KEYS, path, origin, "")
    providers = {}
    for name, value in _table(checked.get("providers", {}), path, "providers").items():
        place = f"providers.{_shown(name)}"
        _known_provider(name, f"{place} ({path})")
        section = dict(_table(value, path, place))
        _known(section, (*PROVIDER_KEYS, *_parameters(name)), path, origin, place + ".")
        if len(given := [key for key in KEY_KEYS if key in section]) > 1:
            raise UsageError(f"{given[0]} and {given[1]} exclude each other", field=f"{place} ({path})")
        for key, entry in section.items():
            if key == "api_keys" and isinstance(entry, list):
                entry = next((text for text in entry if not isinstance(text, str)), "")  # noqa: PLW2901
            if not isinstance(entry, str):
                raise UsageError("must be text", field=f"{place}.{key} ({path})", got=type(entry).__name__, allowed="text")
        if "api_key" in section:
            section["api_key"] = Secret(section["api_key"], keys)
        if "api_keys" in section:
            texts = section["api_keys"].split(",") if isinstance(section["api_keys"], str) else section["api_keys"]
            section["api_keys"] = tuple(Secret(text, keys) for text in texts)
        providers[name] = section
    checked["providers"] = providers
    if "models" in checked:
        from .own_models import checked_models  # only where there are some

        checked["models"] = checked_models(checked["models"], path)
    if "routes" in checked:
        from .route_targets import checked_routes  # likewise

        checked["routes"] = checked_routes(checked["routes"], path, origin, keys)
    if "limits" in checked:
        from .limits import checked_limits  # likewise

        checked["limits"] = checked_limits(checked["limits"], path)
    return checked


def _parameters(name: str) -> tuple[str, ...]:
    return tuple(parameter.name for row in TABLE if row.name == name for parameter in row.parameters)


def _table(value: object, path: str, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError("must be a table of keys and values", field=f"{place} ({path})", got=type(value).__name__)
    for key in value:
        if not isinstance(key, str):
            raise UsageError("every key must be text", field=f"{place} ({path})", got=type(key).__name__, allowed="text")
    return value


def _known(table: Mapping[str, Any], allowed: tuple[str, ...], path: str, origin: Origin, prefix: str) -> None:
    for key in table:
        if key in allowed:
            continue
        field = f"{prefix}{_shown(key)} ({path})"
        if origin is Origin.PROJECT and _RUNS_PROGRAMS().fullmatch(key):
            raise UsageError(
                "a project's file may not name commands, MCP programs or hooks, because whoever wrote the project would run them"
                " as you; that takes your consent (`trunkline trust`, which this version does not have yet)",
                field=field,
                allowed=", ".join(allowed),
            )
        from difflib import get_close_matches  # only for this message

        near = get_close_matches(key, allowed, 1)
        hint = f"unknown key; did you mean {near[0]}?" if near else "unknown key"
        raise UsageError(hint, field=field, allowed=", ".join(allowed))


def _known_provider(name: str, field: str) -> None:
    names = [row.name for row in TABLE]
    if name not in names and not is_dialect(name):
        from difflib import get_close_matches  # only for this message

        near = get_close_matches(name, names, 1)
        hint = f"no such provider; did you mean {near[0]}?" if near else "no such provider"
        raise UsageError(hint, field=field, allowed=", ".join(names))


def _shown(key: str) -> str:
    """A key as an error shows it: one that looks like a name is shown, anything else may be content."""
    return mask_keys(key) if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,39}", key) else "…"
