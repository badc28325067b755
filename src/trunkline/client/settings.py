"""Every setting, with where it came from. The only reader of the environment.

Of several sources the more trusted wins: argument, environment, the user's file, the project's files (``.env`` before
``trunkline.toml``). A repository that you cloned can therefore fill in what you left open, and never override what you chose.

=============  =====================  =========================================================
key in a file  variable               value
=============  =====================  =========================================================
``model``      ``TRUNKLINE_MODEL``    ``provider/model``
``timeout``    ``TRUNKLINE_TIMEOUT``  seconds for a whole call, above 0
``retries``    ``TRUNKLINE_RETRIES``  how often to try again, 0 to 100
``log``        ``TRUNKLINE_LOG``      ``debug``, ``info``, ``warning``, ``error`` or ``off``
``max_line``   ``TRUNKLINE_MAX_LINE`` bytes of the longest line of a stream or whole reply, 1,024 or more
``errors``     ``TRUNKLINE_ERRORS``   ``full``, or ``quiet``: without the provider's own words
``detect``     ``TRUNKLINE_DETECT``   ``off``: no look for model servers and programs on this machine
``models_file`` ``TRUNKLINE_MODELS``  a file of models and prices of your own, as in ``[models."provider/model"]``
=============  =====================  =========================================================

Of each provider: its key's variables (``OPENAI_API_KEY``), ``OPENAI_BASE_URL`` beside it, and in files ``[providers.openai]``
with ``api_key`` or ``api_key_env`` (the variable that holds it), ``base_url``, ``dialect``, and whatever parameters its address
has (``region``, ``resource``…; their variables stand in the table of providers). Proxies are read from the environment only.
In files ``[routes.smart]`` gives several models one name (``docs/routes.md``), ``[limits.openai]`` limits a provider.

Several keys are used in turn: ``OPENAI_API_KEYS`` with commas between them, ``api_keys = […]`` in files. In one and the same
place ``OPENAI_API_KEYS`` is taken before ``OPENAI_API_KEY``; of several places the more trusted wins, as ever.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple, NoReturn, TypeVar, final

from ..providers.address import Parameter
from ..providers.catalog import BUILT_IN, Catalog
from ..providers.table import TABLE
from ..values.errors import UsageError
from ..values.secret import Origin, Secret, mask_keys
from . import setting_values as kinds
from .config_files import (
    KEY_KEYS,
    NO_VARIABLES,
    ConfigFile,
    Variables,
    find_config,
    find_dotenv,
    home_folder,
    project_folders,
    user_folder,
)
from .keys import checked_key, checked_keys, shown_key
from .proxies import Proxies
from .routes import Route
from .setting_values import KINDS, Described, ErrorStyle, KeyPlace, Kind, LogLevel, ProviderRow, base_url_variables
from .trust import bare, checked_base_url, checked_parameter

T = TypeVar("T")


class Setting(NamedTuple):
    """A value and where it came from: the variable's name or the key in a file, and the file, if it was one."""

    value: Any
    origin: Origin
    name: str
    file: str | None = None

    @property
    def field(self) -> str:
        """How errors name it: ``TRUNKLINE_TIMEOUT (environment)``, ``timeout (/home/me/.config/trunkline/trunkline.toml)``."""
        return f"{self.name} ({self.file or 'environment'})"

    def __repr__(self) -> str:  # the value may be a key
        return f"Setting({self.field}, {self.origin.name})"


@final
class Settings:
    """What is configured, each value with its origin. Files are read when first needed; a missing one costs a look.

    The environment is the one of the moment of ``load``. Holds keys, so ``repr`` shows none and pickling is refused.
    """

    def __init__(self, environ: Mapping[str, str], folders: Iterable[str] = ()) -> None:
        self._environ = Variables(environ)
        self._folders = list(folders)
        self._is_ours = False

    @classmethod
    def load(cls, cwd: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
        """The settings for a working directory (default: the current one) and an environment (default: this process's)."""
        environ = os.environ if environ is None else environ
        try:
            here = os.getcwd() if cwd is None else os.fspath(cwd)  # noqa: PTH109  (as config_files)
            folders = project_folders(here, home_folder(environ))
        except FileNotFoundError:  # the working directory was deleted: there is no project
            folders = []
        settings = cls(environ, folders)
        settings._is_ours = environ is os.environ
        return settings

    def reloaded(self) -> Settings:
        """The same places, read again: the environment as it is now where it is this process's, and the files."""
        again = Settings(os.environ if self._is_ours else self._environ, self._folders)
        again._is_ours = self._is_ours
        return again

    @cached_property
    def _dotenv(self) -> Variables:
        return find_dotenv(self._folders)

    @cached_property
    def _user(self) -> ConfigFile | None:
        folder = user_folder(self._environ)
        return find_config([folder], Origin.USER) if folder else None

    @cached_property
    def _project(self) -> ConfigFile | None:
        return find_config(self._folders, Origin.PROJECT)

    # -- variables ------------------------------------------------------------------------------------------------

    def variable(self, name: str) -> str | None:
        """A variable of the environment, else of the project's ``.env``; None when neither has it."""
        return self._environ[name] if name in self._environ else self._dotenv.get(name)

    def environment(self) -> dict[str, str]:
        """The whole environment, for a child process; nothing of ``.env`` is in it."""
        return dict(self._environ)

    def _variable(self, name: str) -> Setting | None:
        return self._from_environment(name) or self._from_dotenv(name)

    def _from_environment(self, name: str) -> Setting | None:
        return Setting(self._environ[name], Origin.ENVIRONMENT, name) if name in self._environ else None

    def _from_dotenv(self, name: str) -> Setting | None:
        return Setting(self._dotenv[name], Origin.PROJECT, name, self._dotenv.path) if name in self._dotenv else None

    # -- typed settings -------------------------------------------------------------------------------------------

    @property
    def model(self) -> str | None:
        return self._typed(kinds.MODEL)

    @property
    def timeout(self) -> float | None:
        return self._typed(kinds.TIMEOUT)

    @property
    def retries(self) -> int | None:
        return self._typed(kinds.RETRIES)

    @property
    def log(self) -> LogLevel | None:
        return self._typed(kinds.LOG)

    @property
    def max_line(self) -> int | None:
        return self._typed(kinds.MAX_LINE)

    @property
    def errors(self) -> ErrorStyle | None:
        return self._typed(kinds.ERRORS)

    @property
    def detects(self) -> bool:
        return self._typed(kinds.DETECT) != "off"

    @cached_property
    def proxies(self) -> Proxies:
        """The environment's proxies; ``.env`` and files name none, so that no project can put one in front of a provider."""
        return Proxies(self._environ)

    def origin(self, name: str) -> Origin | None:
        """Where a setting (``timeout``) or a variable (``LLM_TIMEOUT``) came from; None when it is not set."""
        found = self._setting(KINDS[name]) if name in KINDS else self._variable(name)
        return None if found is None else found.origin

    def field(self, name: str) -> str:
        """How errors name a setting: with where it came from, if it is set."""
        found = self._setting(KINDS[name])
        return name if found is None else found.field

    @cached_property
    def catalog(self) -> Catalog:
        """What is known of models: the catalog, and laid over it what files say, the more trusted above the less."""
        found = self._setting(kinds.MODELS_FILE)
        files = [file for file in (self._user, self._project) if file and "models" in file.table]
        if found is None and not files:
            return BUILT_IN
        from .own_models import catalog_of, read_models  # only where there are some

        tables = [(file.origin, file.table["models"]) for file in files]
        named = [] if found is None else [(found.origin, read_models(_read(kinds.MODELS_FILE, found), *found[1:]))]
        return catalog_of(tables + named)

    @cached_property
    def routes(self) -> Mapping[str, Route]:
        """The routes of both files, by name; the user's own goes before a project's."""
        return {name: route for file in (self._project, self._user) if file for name, route in file.routes.items()}

    @property
    def limits(self) -> Mapping[str, Mapping[str, Any]]:
        """The limits of both files, by name, as options say them; likewise."""
        return {name: said for file in (self._project, self._user) if file for name, said in file.table.get("limits", {}).items()}

    def _setting(self, kind: Kind[Any]) -> Setting | None:
        for found in (
            self._from_environment(kind.variable),
            self._from_file(self._user, kind.name),
            self._from_dotenv(kind.variable),
            self._from_file(self._project, kind.name),
        ):
            if found is not None and str(found.value).strip():  # an empty variable is an unset one
                return found
        return None

    def _from_file(self, file: ConfigFile | None, name: str) -> Setting | None:
        return None if file is None or name not in file.table else Setting(file.table[name], file.origin, name, file.path)

    def _typed(self, kind: Kind[T]) -> T | None:
        found = self._setting(kind)
        return None if found is None else _read(kind, found)

    # -- providers ------------------------------------------------------------------------------------------------

    def key(self, provider: KeyPlace) -> Secret | None:
        """The provider's key, or None. A placeholder (``your-api-key``, ``sk-...``, ``changeme``, an empty text) counts as unset.

        ``UsageError`` names the variable or the file's key when what stands there cannot be a key.
        """
        found = self.key_setting(provider)
        return None if found is None else found.value

    def key_setting(self, provider: KeyPlace) -> Setting | None:
        """``key`` with where it came from; its value is the ``Secret``, whose origin is the setting's. Of several the first."""
        return next(iter(self.key_settings(provider)), None)

    def key_settings(self, provider: KeyPlace) -> tuple[Setting, ...]:
        """The provider's keys, each as ``key_setting`` has it: those of the most trusted place that has any."""
        for found in self._key_candidates(provider):
            try:
                keys = _as_keys(found)
            except UsageError as error:
                raise bare(error) from None  # the frames below hold the text
            if keys:
                return tuple(found._replace(value=key) for key in keys)
        return ()

    def _key_candidates(self, provider: KeyPlace) -> Iterator[Setting]:
        """Where its key may stand, the most trusted first. The user's ``api_key_env`` takes the place of the row's variables."""
        user, project = self._section(self._user, provider), self._section(self._project, provider)
        names = _in_plural((user["api_key_env"],) if "api_key_env" in user else provider.key_variables)
        yield from filter(None, map(self._from_environment, names))
        yield from self._file_entry(self._user, provider, "api_keys")
        yield from self._file_entry(self._user, provider, "api_key")
        yield from filter(None, map(self._key_of_dotenv, names))
        if "api_key_env" in project:
            self._refuse_foreign_variable(provider, project["api_key_env"])
            yield from filter(None, [self._key_of_dotenv(project["api_key_env"])])
        yield from self._file_entry(self._project, provider, "api_keys")
        yield from self._file_entry(self._project, provider, "api_key")

    def _key_of_dotenv(self, name: str) -> Setting | None:
        found = self._from_dotenv(name)
        return None if found is None else found._replace(origin=self._dotenv.key_origin)

    def _refuse_foreign_variable(self, provider: KeyPlace, name: str) -> None:
        if name in self._environ and name not in provider.key_variables:
            raise UsageError(
                f"a project's file may not send {name} of your environment to {provider.name}; name it in your own"
                " configuration file, or hand the key over as api_key",
                field=f"providers.{provider.name}.api_key_env ({self._project.path if self._project else ''})",
                allowed=" or ".join((*provider.key_variables, "a variable of the project's .env")),
            )

    def base_url(self, provider: ProviderRow) -> tuple[str, Origin] | None:
        """The address that is configured in place of the provider's own, checked, and its origin; None: the provider's own.

        From ``X_BASE_URL`` beside each ``X_API_KEY`` of the row (``NAME_BASE_URL`` for a row without key variables), and files.
        """
        found = self.base_url_setting(provider)
        return None if found is None else (found.value, found.origin)

    def base_url_setting(self, provider: ProviderRow) -> Setting | None:
        for found in self._stated(provider, base_url_variables(provider), "base_url"):
            try:
                return found._replace(value=checked_base_url(found.value, found.field))
            except UsageError as error:
                raise bare(error) from None
        return None

    def parameter(self, provider: ProviderRow, parameter: Parameter) -> Setting | None:
        """What fills a gap in the provider's address, checked; None: nothing says."""
        for found in self._stated(provider, parameter.variables, parameter.name):
            return found._replace(value=checked_parameter(found.value, found.field, address=parameter.address))
        return None

    def dialect(self, provider: KeyPlace) -> Setting | None:
        """The dialect in which the user's or the project's file wants the provider to be asked."""
        return next(self._stated(provider, (), "dialect"), None)

    def has_aws_profile(self) -> bool:
        """Whether there is a configuration of AWS's own tools to look into."""
        if "AWS_PROFILE" in self._environ or "AWS_CONFIG_FILE" in self._environ:
            return True
        home = self._environ.get("USERPROFILE" if os.name == "nt" else "HOME")
        return bool(home) and os.path.isfile(os.path.join(home or "", ".aws", "config"))  # noqa: PTH113, PTH118  (as config_files)

    def _stated(self, provider: KeyPlace, variables: tuple[str, ...], key: str) -> Iterator[Setting]:
        """Where something of a provider is said, the most trusted first; an empty text says nothing."""
        ours, theirs = (self._file_entry(file, provider, key) for file in (self._user, self._project))
        for found in (*map(self._from_environment, variables), *ours, *map(self._from_dotenv, variables), *theirs):
            if found is not None and found.value.strip():
                yield found

    def _section(self, file: ConfigFile | None, provider: KeyPlace) -> dict[str, Any]:
        return {} if file is None else file.provider(provider.name)

    def _file_entry(self, file: ConfigFile | None, provider: KeyPlace, key: str) -> Iterator[Setting]:
        if file is not None and key in file.provider(provider.name):
            origin = file.key_origin if key in KEY_KEYS else file.origin
            yield Setting(file.provider(provider.name)[key], origin, f"providers.{provider.name}.{key}", file.path)

    # -- telling --------------------------------------------------------------------------------------------------

    def files(self) -> tuple[str, ...]:
        """The files that were found, the most trusted first."""
        paths = (
            self._user and self._user.path,
            self._dotenv is not NO_VARIABLES and self._dotenv.path,
            self._project and self._project.path,
        )
        return tuple(path for path in paths if path)

    def describe(self, providers: Iterable[ProviderRow] = TABLE) -> tuple[Described, ...]:
        """What is set and from where, for ``trunkline config``; keys masked, proxies by variable only."""
        rows: list[Described] = []
        for name, kind in KINDS.items():
            found = self._setting(kind)
            if found is not None:
                value = mask_keys(str(_read(kind, found)))  # somebody may have put a key into the wrong place
                rows.append(Described(name, value, found.origin, found.name, found.file))
        for provider in providers:
            url = self.base_url_setting(provider)
            rows += [
                Described(f"{provider.name} key", shown_key(key.value), key.origin, key.name, key.file)
                for key in self.key_settings(provider)
            ]
            if url is not None:
                rows.append(Described(f"{provider.name} base_url", url.value, url.origin, url.name, url.file))
            said = {parameter.name: self.parameter(provider, parameter) for parameter in provider.parameters}
            for name, found in {**said, "dialect": self.dialect(provider)}.items():
                if found is not None:
                    rows.append(Described(f"{provider.name} {name}", found.value, found.origin, found.name, found.file))
        for name, route in self.routes.items():
            rows.append(Described(f"route {name}", mask_keys(route.shown), route.origin, f"routes.{name}", route.file))
        from .limits import described  # likewise

        rows += described(file for file in (self._user, self._project) if file)
        for scheme, name in self.proxies.variables.items():
            rows.append(Described(f"{scheme} proxy", "set", Origin.ENVIRONMENT, name))
        return tuple(rows)

    def __repr__(self) -> str:
        # Only what has been read: nothing is opened, and no bad file is complained of, for a look at this.
        known = [vars(self).get(name) for name in ("_user", "_dotenv", "_project")]
        read = [found.path for found in known if found is not None and found is not NO_VARIABLES]
        return f"Settings(files: {', '.join(read) or 'none read'})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Settings hold keys and are not pickled: load them again where they are needed")


def _read(kind: Kind[T], found: Setting) -> T:
    try:
        return kind.read(found.value, found.field)
    except UsageError as error:
        raise bare(error) from None


def _as_keys(found: Setting) -> tuple[Secret, ...]:
    if isinstance(found.value, tuple) or found.name.endswith(_PLURAL):
        return checked_keys(found.value, found.field, found.origin)
    text = found.value.reveal() if isinstance(found.value, Secret) else found.value
    key = checked_key(text, found.field, found.origin)
    return () if key is None else (key,)


_PLURAL = "_API_KEYS"


def _in_plural(names: Iterable[str]) -> tuple[str, ...]:
    """``OPENAI_API_KEYS`` before ``OPENAI_API_KEY``."""
    return tuple(each for name in names for each in ((f"{name}S", name) if name.endswith(_PLURAL[:-1]) else (name,)))
