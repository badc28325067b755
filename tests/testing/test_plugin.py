"""The plugin as its users have it: child runs of pytest, in folders of their own, with nothing of this one."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., pytest.RunResult]

pytest_plugins = ["pytester"]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the test file ``code`` (and what stands in ``pytest.ini``) in a process that loads this plugin and no other."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def child(code: str, *ini: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=code)
        pytester.makeini("\n".join(["[pytest]", "addopts = --strict-markers -W error", *ini]))
        return pytester.runpytest_subprocess("-p", "trunkline.testing.plugin", "-p", "no:cacheprovider", "-q")

    return child


def test_the_project_names_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"trunkline": "trunkline.testing.plugin"}
    assert import_module("trunkline.testing.plugin").trunkline_sim


def test_loading_it_is_light() -> None:
    code = "import sys, pytest; before = set(sys.modules); import trunkline.testing.plugin; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name for name in done.stdout.split() if name.startswith("trunkline")} <= {
        "trunkline", "trunkline.testing", "trunkline.testing.plugin",
    }  # fmt: skip
    assert not {"aiohttp", "msgspec", "asyncio", "uvicorn", "yaml"} & set(done.stdout.split())


ELSEWHERE = """
import asyncio, contextlib, socket, threading
import pytest

FOREIGN = ("192.0.2.1", 9)  # kept free for documentation: nobody has it

def dial():
    with socket.socket() as one:
        one.settimeout(0.01)
        one.connect(FOREIGN)

def send():
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.sendto(b"x", FOREIGN)

def look_up():
    socket.getaddrinfo("models.example", 443)

async def loop():
    await asyncio.open_connection(*FOREIGN)

WAYS = [dial, send, look_up, lambda: asyncio.run(loop())]

@pytest.mark.parametrize("way", WAYS)
def test_it_fails(way, {fixture}):
    way()

def test_what_is_swallowed_fails_too({fixture}):
    with contextlib.suppress(Exception):
        dial()

def test_threads_are_watched({fixture}):
    def work():
        with contextlib.suppress(Exception):
            dial()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

def test_its_own_reason_comes_first({fixture}):
    with contextlib.suppress(Exception):
        dial()
    raise LookupError("mine")
"""

HERE = """
import asyncio, socket
import pytest

@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_loopback_is_open(host, {fixture}):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if host == "127.1.2.3":
            with pytest.raises(OSError):
                socket.create_connection((host, port), 0.5).close()
        else:
            socket.create_connection((host, port)).close()

def test_sockets_of_this_machine_are_open({fixture}, tmp_path, monkeypatch):
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("no such sockets here")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        server.listen()
        with socket.socket(socket.AF_UNIX) as one:
            one.connect("s")
    one, other = socket.socketpair()
    one.close(), other.close()
"""

FREE = """
import socket
import pytest

def attempt():
    with socket.socket() as one:
        one.settimeout(0.01)
        with pytest.raises(OSError):
            one.connect(("192.0.2.1", 9))

{mark}
def test_it_may():
    attempt()
"""


def test_a_test_that_sends_elsewhere_fails(run: Run) -> None:
    result = run(ELSEWHERE.replace("{fixture}", "trunkline_no_network"))
    result.assert_outcomes(failed=7)
    out = result.stdout.str().partition("short test summary")[0]  # which is cut, or not (CI)
    assert out.count("the test used the network: 192.0.2.1:9") == 2
    assert "models.example:443 is not this machine" in out
    assert "LookupError: mine" in out


def test_the_ini_option_guards_every_test(run: Run) -> None:
    run(ELSEWHERE.replace("{fixture}", "tmp_path"), "trunkline_no_network = true").assert_outcomes(failed=7)


@pytest.mark.parametrize("fixture", ["trunkline_no_network", "tmp_path_factory"])
def test_this_machine_stays_open(run: Run, fixture: str) -> None:
    ini = ["trunkline_no_network = true"] if fixture == "tmp_path_factory" else []
    run(HERE.replace("{fixture}", fixture), *ini).assert_outcomes(passed=4)


def test_who_does_not_ask_for_it_is_not_guarded(run: Run) -> None:
    run(FREE.replace("{mark}", "")).assert_outcomes(passed=1)


def test_a_mark_lets_a_test_out(run: Run) -> None:
    run(FREE.replace("{mark}", "@pytest.mark.trunkline_network"), "trunkline_no_network = true").assert_outcomes(passed=1)


SCRIPTED = """
from trunkline import AsyncClient, Client, Settings
from trunkline.sim.clock import virtual_run
from trunkline.sim.scripted import Scripted

KNOWN = dict(settings=Settings({}), base_url="http://h.test")
BUSY = Scripted(503, {"retry-after": "20"}, b"{}")
OK = Scripted(200, {}, b'{"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}')

def test_a_client_without_sockets(scripted_io, virtual_clock):
    before = virtual_clock.now()
    io = scripted_io([BUSY, OK])
    assert Client("openai-chat/m", io=io, **KNOWN).generate("?").text == "hi"
    assert virtual_clock.now() - before == 20.0

def test_asynchronous(scripted_io, virtual_clock):
    io = scripted_io(OK, blocking=False)
    async def main():
        async with AsyncClient("openai-chat/m", io=io, **KNOWN) as llm:
            return (await llm.generate("?")).text
    assert virtual_run(main(), clock=virtual_clock) == "hi"

def test_every_test_has_its_own_clock(virtual_clock):
    assert virtual_clock.now() == 1000.0
"""


def test_scripts_and_virtual_time(run: Run) -> None:
    run(SCRIPTED).assert_outcomes(passed=3)
