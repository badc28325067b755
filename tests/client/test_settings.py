"""Every setting comes from where it is said to come from, and a bad one is named before anything is sent."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from trunkline.client.keys import is_placeholder, shown_key
from trunkline.client.settings import Settings, base_url_variables
from trunkline.providers.address import Parameter
from trunkline.values.errors import UsageError
from trunkline.values.secret import Origin, Secret

KEY = "sk-canary-0123456789abcdefghij"


class Row(NamedTuple):
    name: str = "openai"
    key_variables: tuple[str, ...] = ("OPENAI_API_KEY",)
    url_variables: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()


OPENAI = Row()


class World:
    """A home folder, a repository in it with a folder below, and an environment."""

    def __init__(self, tmp_path: Path) -> None:
        self.home = tmp_path / "home"
        self.repository = self.home / "work"
        self.below = self.repository / "a" / "b"
        self.below.mkdir(parents=True)
        (self.repository / ".git").mkdir()
        self.user = self.home / ".config" / "trunkline"
        self.user.mkdir(parents=True)
        self.environ = {"HOME": str(self.home), "USERPROFILE": str(self.home), "APPDATA": str(self.home / ".config")}

    def load(self, cwd: Path | None = None, **environ: str) -> Settings:
        return Settings.load(cwd or self.below, {**self.environ, **environ})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# -- where things come from -----------------------------------------------------------------------------------------------


def test_the_more_trusted_source_wins(world: World) -> None:
    seen = []
    (world.repository / "trunkline.toml").write_text('model = "p/file"')
    seen.append((world.load().model, world.load().origin("model")))
    (world.repository / ".env").write_text("TRUNKLINE_MODEL=p/dotenv")
    seen.append((world.load().model, world.load().origin("model")))
    (world.user / "trunkline.toml").write_text('model = "p/user"')
    seen.append((world.load().model, world.load().origin("model")))
    settings = world.load(TRUNKLINE_MODEL="p/environment")
    seen.append((settings.model, settings.origin("model")))
    assert seen == [
        ("p/file", Origin.PROJECT),
        ("p/dotenv", Origin.PROJECT),
        ("p/user", Origin.USER),
        ("p/environment", Origin.ENVIRONMENT),
    ]


def test_nothing_set_is_none(world: World) -> None:
    settings = world.load()
    assert [settings.model, settings.timeout, settings.retries, settings.log, settings.max_line, settings.errors] == [None] * 6
    assert settings.key(OPENAI) is None
    assert settings.base_url(OPENAI) is None
    assert settings.origin("model") is None
    assert settings.variable("X") is None
    assert settings.files() == ()
    assert settings.describe([OPENAI]) == ()


def test_an_empty_variable_is_an_unset_setting(world: World) -> None:
    (world.user / "trunkline.toml").write_text("timeout = 7")
    assert world.load(TRUNKLINE_TIMEOUT=" ").timeout == 7.0


def test_a_variable_comes_from_the_environment_before_the_dotenv(world: World) -> None:
    (world.below / ".env").write_text("LLM_TIMEOUT=30\nLLM_MODEL=m\n")
    settings = world.load(LLM_TIMEOUT="")
    assert settings.variable("LLM_TIMEOUT") == ""
    assert settings.origin("LLM_TIMEOUT") is Origin.ENVIRONMENT
    assert settings.variable("LLM_MODEL") == "m"
    assert settings.origin("LLM_MODEL") is Origin.PROJECT
    assert "LLM_MODEL" not in settings.environment()


def test_the_environment_is_the_one_of_the_moment_of_load() -> None:
    environ = {"A": "1"}
    settings = Settings.load("/", environ)
    environ["A"] = "2"
    assert settings.variable("A") == "1"


# -- which files ----------------------------------------------------------------------------------------------------------


def test_the_nearest_file_of_the_repository_counts(world: World) -> None:
    (world.repository / ".env").write_text("TRUNKLINE_MODEL=p/root")
    assert world.load().model == "p/root"
    (world.below / ".env").write_text("TRUNKLINE_MODEL=p/below")
    assert world.load().model == "p/below"


def test_nothing_above_the_repository_is_read(world: World) -> None:
    (world.home / ".env").write_text("TRUNKLINE_MODEL=p/home")
    assert world.load().model is None


def test_outside_a_repository_only_the_working_directory_is_read(world: World) -> None:
    (world.repository / ".git").rmdir()
    (world.repository / "a" / ".env").write_text("TRUNKLINE_MODEL=p/a")
    assert world.load().model is None
    assert world.load(world.repository / "a").model == "p/a"


def test_a_repository_in_the_home_folder_makes_no_project_of_the_home_folder(world: World) -> None:
    (world.repository / ".git").rmdir()
    (world.home / ".git").mkdir()
    (world.home / ".env").write_text("TRUNKLINE_MODEL=p/home")
    assert world.load().model is None


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_folder_that_anybody_can_write_is_not_searched(world: World) -> None:
    (world.repository / ".env").write_text("TRUNKLINE_MODEL=p/planted")
    world.repository.chmod(0o1777)
    assert world.load().model is None


def test_a_folder_called_dotenv_is_passed_over(world: World) -> None:
    (world.below / ".env").mkdir()
    (world.repository / ".env").write_text("TRUNKLINE_MODEL=p/root")
    assert world.load().model == "p/root"


@pytest.mark.skipif(os.name == "nt", reason="XDG")
def test_the_users_file_follows_xdg(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "xdg" / "trunkline"
    folder.mkdir(parents=True)
    (folder / "trunkline.yaml").write_text("model: p/xdg")
    (world.user / "trunkline.toml").write_text('model = "p/home"')
    pytest.importorskip("yaml")
    assert world.load(XDG_CONFIG_HOME=str(tmp_path / "xdg")).model == "p/xdg"
    assert world.load(XDG_CONFIG_HOME="relative").model == "p/home"


def test_two_files_in_one_folder_are_refused(world: World) -> None:
    (world.user / "trunkline.toml").write_text("")
    (world.user / "trunkline.yaml").write_text("")
    with pytest.raises(UsageError, match=r"trunkline\.toml and trunkline\.yaml; keep one"):
        _ = world.load().model


def test_no_file_is_parsed_and_no_parser_loaded_where_there_is_none(tmp_path: Path) -> None:
    program = (
        "import sys; from trunkline.client.settings import Settings; s = Settings.load();"
        "s.model, s.files(); print([m for m in ('tomllib', 'yaml', 'pathlib', 'asyncio') if m in sys.modules])"
    )
    source = str(Path(__file__).parents[2] / "src")
    environ = {
        "PYTHONPATH": source,
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "SYSTEMROOT": os.environ.get("SYSTEMROOT", ""),
    }
    done = subprocess.run(
        [sys.executable, "-S", "-c", _with_packages(program)], env=environ, cwd=tmp_path, capture_output=True, check=False
    )
    assert done.stdout.decode().strip() == "[]", done.stderr.decode()


def _with_packages(program: str) -> str:
    """Without ``site`` nothing of it loads pathlib; the packages are put on the path by hand."""
    paths = [path for path in sys.path if path.endswith("site-packages")]
    return f"import sys; sys.path += {paths!r}; {program}"


# -- values ---------------------------------------------------------------------------------------------------------------


def test_numbers_become_numbers_and_words_words(world: World) -> None:
    settings = world.load(
        TRUNKLINE_TIMEOUT="2.5",
        TRUNKLINE_RETRIES="0",
        TRUNKLINE_LOG=" DEBUG ",
        TRUNKLINE_MAX_LINE="65536",
        TRUNKLINE_ERRORS="quiet",
    )
    assert (settings.timeout, settings.retries, settings.log, settings.max_line, settings.errors) == (
        2.5,
        0,
        "debug",
        65536,
        "quiet",
    )


BAD = {
    "timeout": ["0", "-1", "soon", "nan", "inf", "1e999"],
    "retries": ["-1", "1.5", "101", "many"],
    "log": ["verbose"],
    "max_line": ["0", "x"],
    "errors": ["loud"],
    "model": ["two words"],
}


@pytest.mark.parametrize("name,value", [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_variable_is_named_with_what_is_allowed_and_not_shown(world: World, name: str, value: str) -> None:
    settings = world.load(**{f"TRUNKLINE_{name.upper()}": value})
    with pytest.raises(UsageError) as caught:
        getattr(settings, name)
    assert caught.value.field == f"TRUNKLINE_{name.upper()} (environment)"
    assert caught.value.got == "text"
    assert caught.value.allowed
    assert value not in str(caught.value).replace("TRUNKLINE", "").replace(caught.value.allowed, "").split()


@pytest.mark.parametrize(
    "line,got",
    [
        ("timeout = true", "bool"),
        ("retries = []", "list"),
        ("log = 3", "int"),
        ('model = ["a"]', "list"),
        ("errors = 1.5", "float"),
    ],
)
def test_a_bad_value_in_a_file_is_named_with_its_file_and_type(world: World, line: str, got: str) -> None:
    path = world.below / "trunkline.toml"
    path.write_text(line)
    name = line.split(maxsplit=1)[0]
    with pytest.raises(UsageError) as caught:
        getattr(world.load(), name)
    assert (caught.value.field, caught.value.got) == (f"{name} ({path})", got)


@pytest.mark.parametrize("where", ["user", "below"])
@pytest.mark.parametrize(
    "line,hint",
    [
        ("tiemout = 3", "did you mean timeout?"),
        ("colour = 1", "unknown key"),
        ('[providers.openai]\napikey = "x"', "did you mean api_key?"),
        ('[providers.openai]\nbaseurl = "x"', "did you mean base_url?"),
        ("[providers.opnai]", "did you mean openai?"),
        ("providers = 3", "must be a table"),
        ("[providers]\nopenai = 3", "must be a table"),
        ("[providers.openai]\napi_key = 3", "must be text"),
        ('[providers.openai]\napi_key = "x"\napi_key_env = "Y"', "exclude each other"),
    ],
)
def test_what_a_file_may_not_say_is_refused(world: World, where: str, line: str, hint: str) -> None:
    path: Path = getattr(world, where) / "trunkline.toml"
    path.write_text(line)
    with pytest.raises(UsageError) as caught:
        _ = world.load().model
    assert hint in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "line",
    ["mcp = {}", "[mcp_servers.x]", "hooks = []", "command = 'x'", "[providers.openai]\napi_key_command = 'pass'", "plugins=1"],
)
def test_a_projects_file_names_no_programs(world: World, line: str) -> None:
    (world.repository / "trunkline.toml").write_text(line)
    with pytest.raises(UsageError, match=r"may not name commands, MCP programs or hooks.*trunkline trust"):
        world.load().key(OPENAI)


@pytest.mark.parametrize(
    "name,data,line",
    [
        ("trunkline.toml", b'timeout = 3\napi = "sk-canary-0123456789abcdefghij\n', ":2: this is not TOML"),
        ("trunkline.toml", b"a = 1\na = 2", "this is not TOML"),
        ("trunkline.toml", b"timeout = 3\n\n# \xff", ":3: this is not UTF-8"),
        ("trunkline.toml", "timeout = 3".encode("utf-16"), ":1: this is not UTF-8"),
        ("trunkline.toml", b"a = " + b"[" * 5000, "nested too deeply"),
        ("trunkline.toml", b"#" * (1 << 20) + b"##", "is larger than"),
        ("trunkline.yaml", b"timeout: 3\nx: [sk-canary-0123456789abcdefghij\n", "this is not YAML"),
        ("trunkline.yaml", b"!!python/object/apply:os.system ['echo sk-canary-0123456789abcdefghij']", "this is not YAML"),
        ("trunkline.yaml", b"- a\n", "must be a table"),
        ("trunkline.yaml", b"3: a\n", "every key must be text"),
        ("trunkline.yaml", b"a: " + b"[" * 5000, "nested too deeply"),
        ("trunkline.yml", b"timeout: 2026-99-99", "cannot be read"),
        (".env", b"A=1\nsk-canary-0123456789abcdefghij\n", ".env:2: "),
        (".env", b"A=\0", "NUL"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_not_shown(world: World, name: str, data: bytes, line: str) -> None:
    if not name.endswith("toml") and name != ".env":
        pytest.importorskip("yaml")
    (world.below / name).write_bytes(data)
    with pytest.raises(UsageError) as caught:
        world.load().key(OPENAI)
    shown = "".join(traceback.format_exception(caught.value))
    assert line in shown
    assert str(world.below / name) in shown
    assert "canary" not in shown


def test_yaml_without_its_package_says_what_to_install(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    (world.below / "trunkline.yaml").write_text("timeout: 3")
    with pytest.raises(UsageError, match=r"trunkline\.yaml needs PyYAML.*trunkline\[yaml\]"):
        _ = world.load().timeout


def test_yaml_says_the_same_as_toml(world: World) -> None:
    pytest.importorskip("yaml")
    (world.below / "trunkline.yaml").write_text(f"timeout: 3\nlog: off\nproviders:\n  openai:\n    api_key: {KEY}\n")
    settings = world.load()
    assert (settings.timeout, settings.log, settings.key(OPENAI)) == (3.0, "off", Secret(KEY))


def test_the_working_directory_may_be_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    source = str(Path(__file__).parents[2] / "src")
    program = f"import os; os.rmdir({str(gone)!r}); from trunkline.client.settings import Settings; print(Settings.load().model)"
    if os.name == "nt":
        pytest.skip("Windows keeps a working directory")
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=gone,
        env={"PYTHONPATH": source, "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert done.stdout.decode().strip() == "None", done.stderr.decode()


# -- keys and addresses ---------------------------------------------------------------------------------------------------


def test_a_key_has_the_origin_of_its_text(world: World) -> None:
    (world.below / "trunkline.toml").write_text(f'[providers.openai]\napi_key = "{KEY}1"')
    origins = [_key(world.load())]
    (world.below / ".env").write_text(f"OPENAI_API_KEY={KEY}2")
    origins.append(_key(world.load()))
    (world.user / "trunkline.toml").write_text(f'[providers.openai]\napi_key = "{KEY}3"')
    origins.append(_key(world.load()))
    origins.append(_key(world.load(OPENAI_API_KEY=f" {KEY}4\n")))
    assert origins == [
        (KEY + "1", Origin.PROJECT),
        (KEY + "2", Origin.PROJECT),
        (KEY + "3", Origin.USER),
        (KEY + "4", Origin.ENVIRONMENT),
    ]


def _key(settings: Settings, row: Row = OPENAI) -> tuple[str, Origin]:
    key = settings.key(row)
    assert key is not None
    return key.reveal(), key.origin


def test_the_first_variable_of_a_row_counts_and_placeholders_count_as_unset(world: World) -> None:
    row = Row("two", ("ONE_API_KEY", "TWO_API_KEY"))
    assert _key(world.load(ONE_API_KEY="k1", TWO_API_KEY="k2"), row)[0] == "k1"
    assert _key(world.load(ONE_API_KEY="your-one-api-key", TWO_API_KEY="k2"), row)[0] == "k2"
    (world.below / ".env").write_text("TWO_API_KEY=k3")
    assert _key(world.load(ONE_API_KEY="changeme"), row) == ("k3", Origin.PROJECT)


def test_the_users_api_key_env_takes_the_place_of_the_rows_variables(world: World) -> None:
    (world.user / "trunkline.toml").write_text('[providers.openai]\napi_key_env = "WORK_KEY"')
    assert _key(world.load(OPENAI_API_KEY="private", WORK_KEY="work")) == ("work", Origin.ENVIRONMENT)
    assert world.load(OPENAI_API_KEY="private").key(OPENAI) is None
    (world.below / ".env").write_text("WORK_KEY=planted")
    assert _key(world.load()) == ("planted", Origin.PROJECT)


def test_a_project_cannot_send_any_variable_of_the_environment(world: World) -> None:
    (world.below / "trunkline.toml").write_text('[providers.openai]\napi_key_env = "GITHUB_TOKEN"')
    with pytest.raises(UsageError, match=r"may not send GITHUB_TOKEN of your environment") as caught:
        world.load(GITHUB_TOKEN=KEY).key(OPENAI)
    assert KEY not in str(caught.value)
    assert _key(world.load(GITHUB_TOKEN=KEY, OPENAI_API_KEY="own")) == ("own", Origin.ENVIRONMENT)
    (world.below / ".env").write_text("GITHUB_TOKEN=theirs")
    assert _key(world.load()) == ("theirs", Origin.PROJECT)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "  ",
            "your-openai-api-key",
            "your_api_key_here",
            "YOUR-ANTHROPIC-API-KEY",
            "sk-your-key",
            "<your key>",
            "sk-...",
            "sk-ant-...",
        ),
        *(
            "sk-…",
            "xxxx",
            "sk-xxxxxxxx",
            "sk-ant-xxxxxx",
            "changeme",
            "CHANGE_ME",
            "replace-me",
            "${OPENAI_API_KEY}",
            "$KEY",
            "%KEY%",
        ),
        *("none", "null", "todo", "placeholder", "put-your-key-here", "insert-key", "api_key", "openai-key-here", "****", "..."),
    ],
)
def test_placeholders(text: str, world: World) -> None:
    assert is_placeholder(text)
    assert world.load(OPENAI_API_KEY=text).key(OPENAI) is None


@pytest.mark.parametrize("text", ["k", "dummy", "EMPTY", "test", "ollama", "sk-proj-Ab3xxxxYourz", KEY, "0" * 64, "x" * 5000])
def test_keys_that_are_no_placeholders(text: str) -> None:
    assert not is_placeholder(text) or set(text) == {"x"}


@pytest.mark.parametrize("text", [f"Bearer {KEY}", f"{KEY}\nX-Evil: 1", f"{KEY}\u2026", f'"{KEY}"', f"{KEY}\x7f", f"ключ{KEY}"])
def test_what_cannot_be_a_key_is_refused_and_not_shown(text: str, world: World) -> None:
    if "\u2026" in text:
        return  # ends in an ellipsis: a placeholder
    with pytest.raises(UsageError) as caught:
        world.load(OPENAI_API_KEY=text).key(OPENAI)
    assert caught.value.field == "OPENAI_API_KEY (environment)"
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_an_address_has_its_origin(world: World) -> None:
    (world.below / "trunkline.toml").write_text('[providers.openai]\nbase_url = "https://a.example/v1/"')
    seen = [world.load().base_url(OPENAI)]
    (world.below / ".env").write_text("OPENAI_BASE_URL=https://b.example/v1")
    seen.append(world.load().base_url(OPENAI))
    (world.user / "trunkline.toml").write_text('[providers.openai]\nbase_url = "https://c.example"')
    seen.append(world.load().base_url(OPENAI))
    seen.append(world.load(OPENAI_BASE_URL="HTTPS://D.example:8443/v1").base_url(OPENAI))
    assert seen == [
        ("https://a.example/v1", Origin.PROJECT),
        ("https://b.example/v1", Origin.PROJECT),
        ("https://c.example", Origin.USER),
        ("https://d.example:8443/v1", Origin.ENVIRONMENT),
    ]


def test_a_bad_address_is_named(world: World) -> None:
    with pytest.raises(UsageError) as caught:
        world.load(OPENAI_BASE_URL=f"https://me:{KEY}@a.example").base_url(OPENAI)
    assert caught.value.field == "OPENAI_BASE_URL (environment)"
    assert KEY not in str(caught.value)


def test_the_variables_of_an_address() -> None:
    assert base_url_variables(OPENAI) == ("OPENAI_BASE_URL",)
    assert base_url_variables(Row("anthropic", ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"))) == ("ANTHROPIC_BASE_URL",)
    assert base_url_variables(Row("openai-chat", ())) == ("OPENAI_CHAT_BASE_URL",)


# -- telling --------------------------------------------------------------------------------------------------------------


def test_described_without_a_key_in_it(world: World) -> None:
    (world.user / "trunkline.toml").write_text(f'retries = 4\n[providers.openai]\napi_key = "{KEY}"')
    (world.below / ".env").write_text("GROQ_API_KEY=short-key-19-chars!\nTRUNKLINE_TIMEOUT=9")
    settings = world.load(HTTPS_PROXY=f"http://me:{KEY}@proxy:3128", OPENAI_BASE_URL="http://127.0.0.1:1/v1")
    rows = settings.describe([OPENAI, Row("groq", ("GROQ_API_KEY",))])
    user, dotenv = str(world.user / "trunkline.toml"), str(world.below / ".env")
    assert rows == (
        ("timeout", "9.0", Origin.PROJECT, "TRUNKLINE_TIMEOUT", dotenv),
        ("retries", "4", Origin.USER, "retries", user),
        ("openai key", "set (…ghij)", Origin.USER, "providers.openai.api_key", user),
        ("openai base_url", "http://127.0.0.1:1/v1", Origin.ENVIRONMENT, "OPENAI_BASE_URL", None),
        ("groq key", "set", Origin.PROJECT, "GROQ_API_KEY", dotenv),
        ("https proxy", "set", Origin.ENVIRONMENT, "HTTPS_PROXY", None),
    )
    assert settings.files() == (user, dotenv)


@pytest.mark.parametrize(
    "look",
    [repr, str, lambda s: repr(vars(s)), lambda s: repr(s.key_setting(OPENAI)), lambda s: repr(list(s._key_candidates(OPENAI)))],
)
def test_no_key_is_shown(world: World, look: Callable[[Settings], str]) -> None:
    (world.user / "trunkline.toml").write_text(f'[providers.openai]\napi_key = "{KEY}"')
    (world.below / ".env").write_text(f"OPENAI_API_KEY={KEY}")
    settings = world.load(OPENAI_API_KEY=KEY, ALL_PROXY=f"http://me:{KEY}@proxy")
    assert settings.key(OPENAI) == Secret(KEY)
    assert settings.proxies
    settings.describe([OPENAI])
    assert KEY not in look(settings)


def test_settings_are_not_pickled(world: World) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(world.load())


def test_the_last_four_of_a_long_key_only() -> None:
    assert shown_key(Secret("x" * 16 + "1234")) == "set (…1234)"
    assert shown_key(Secret("x" * 15 + "1234")) == "set"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
@pytest.mark.parametrize(
    ("name", "said"), [(".env", f"OPENAI_API_KEY={KEY}\n"), ("trunkline.toml", f'[providers.openai]\napi_key = "{KEY}"\n')]
)
def test_a_key_behind_a_link_that_leads_out_of_the_project_is_the_users_own(world: World, name: str, said: str) -> None:
    (world.home / "elsewhere").write_text(said)
    (world.repository / name).symlink_to("../elsewhere")
    key = world.load().key(OPENAI)
    assert key is not None
    assert key.origin is Origin.USER, "so that no address of the project's files may have it"
    (world.repository / name).unlink()
    (world.repository / "inside").write_text(said)
    (world.repository / name).symlink_to("inside")
    key = world.load().key(OPENAI)
    assert key is not None
    assert key.origin is Origin.PROJECT


def test_a_number_that_cannot_be_read_is_told(world: World) -> None:
    (world.repository / "trunkline.toml").write_text("timeout = " + "9" * 5_000)
    with pytest.raises(UsageError, match="holds a value that cannot be read"):
        _ = world.load().timeout


def _shown(error: BaseException) -> str:
    """All that a traceback with the values of locals shows, contexts too, without this file's own frames."""
    parts, todo = [], [error]
    while todo:
        one = todo.pop()
        told = traceback.TracebackException.from_exception(one, capture_locals=True)
        parts += [repr(one), str(one), *(str(frame.locals) for frame in told.stack if frame.filename != __file__)]
        todo += [other for other in (one.__cause__, one.__context__) if other is not None]
    return "\n".join(parts)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (".env", f"OPENAI_API_KEY={KEY}\nno line"), (".env", f"OPENAI_API_KEY='{KEY}"), (".env", f"OPENAI_API_KEY={KEY} {KEY}"),
        (".env", f"OPENAI_API_KEY={KEY}\nOPENAI_BASE_URL=https://u:{KEY}@h"), (".env", f"TRUNKLINE_TIMEOUT={KEY}"),
        ("trunkline.toml", f'[providers.openai]\napi_key = "{KEY}"\nbad'), ("trunkline.toml", f'timeout = "{KEY}"'),
        ("trunkline.toml", f'[providers.openai]\napi_key = "{KEY}"\nother = 1'), ("trunkline.toml", f'[providers.openai]\napi_key = ["{KEY}"]'),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told_without_what_stands_in_it(world: World, name: str, said: str) -> None:
    (world.repository / name).write_text(said)
    settings = world.load()
    with pytest.raises(UsageError) as caught:
        settings.describe([OPENAI])
    assert KEY not in _shown(caught.value)


def test_the_environments_proxy_that_is_none_keeps_its_password(world: World) -> None:
    for value in (f"socks5://u:{KEY}@h", f"http://u:{KEY}@h:99999", f"http://u:{KEY}@[::1"):
        with pytest.raises(UsageError) as caught:
            _ = world.load(HTTPS_PROXY=value).proxies
        assert KEY not in _shown(caught.value)


def test_a_look_at_settings_opens_nothing_and_complains_of_nothing(world: World) -> None:
    (world.repository / ".env").write_text("no line")
    settings = world.load()
    assert repr(settings) == "Settings(files: none read)"
    with pytest.raises(UsageError):
        settings.files()


def test_a_key_in_the_wrong_place_is_not_shown(world: World) -> None:
    (row,) = [row for row in world.load(TRUNKLINE_MODEL=f"openai/{KEY}").describe([]) if row.setting == "model"]
    assert KEY not in row.value


def test_parameters_and_dialects_are_told_with_where_they_come_from(world: World) -> None:
    (world.user / "trunkline.toml").write_text('[providers.bedrock]\nregion = "eu-west-1"\ndialect = "openai-chat"')
    rows = [row for row in world.load(AWS_DEFAULT_REGION="us-east-1").describe() if row.setting.startswith("bedrock")]
    assert [(row.setting, row.value, row.origin, row.name) for row in rows] == [
        ("bedrock region", "us-east-1", Origin.ENVIRONMENT, "AWS_DEFAULT_REGION"),
        ("bedrock dialect", "openai-chat", Origin.USER, "providers.bedrock.dialect"),
        ("bedrock-mantle region", "us-east-1", Origin.ENVIRONMENT, "AWS_DEFAULT_REGION"),
    ]
