"""``trunkline chat``: from a pipe, and at a terminal, against the simulator."""

from __future__ import annotations

import math
import os
import re
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("uvicorn")

from tests.cli.loopback import Command
from tests.cli.screen import Terminal
from trunkline import Message, Request, from_json, to_json
from trunkline.cli.chat.session import STOPPED
from trunkline.sim import Fail, Pause, Rule, Say, Simulator, Stall, Think, When

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX signals and terminals")
MARKDOWN = "Some **bold** text:\n\n```python\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"


@pytest.fixture
def play() -> Iterator[Callable[..., Simulator]]:
    started: list[Simulator] = []

    def start(*rules: Rule) -> Simulator:
        started.append(Simulator(rules, speed=math.inf))
        return started[-1].__enter__()

    yield start
    for simulator in started:
        simulator.__exit__(None, None, None)


Play = Callable[..., Simulator]


def own(simulator: Simulator, *more: str) -> list[str]:
    return ["chat", "-m", "openai-chat/m", "--base-url", simulator.base_url("openai-chat"), "--retries", "0", "--no-save", *more]


def asked(simulator: Simulator) -> list[list[tuple[str, str]]]:
    """Role and text of the messages of each request."""
    requests = [recorded.request for recorded in simulator.requests]
    return [
        [(message.role, message.text) for message in request.messages] for request in requests if isinstance(request, Request)
    ]


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


# -- from a pipe ------------------------------------------------------------------------------------------------------------


def test_the_conversation_goes_out_whole(run: Command, play: Play) -> None:
    simulator = play(Rule(Say("Hello Alice."), when=When(text="Alice")), Rule(Say("Alice."), when=When(text="name")))
    done = run(*own(simulator, "-s", "Be brief"), stdin=lines("I am Alice", "", "My name?"))
    assert done == (0, "Hello Alice.\nAlice.\n", "")
    first = [("system", "Be brief"), ("user", "I am Alice")]
    assert asked(simulator) == [first, [*first, ("assistant", "Hello Alice."), ("user", "My name?")]]


def test_lines_that_belong_together(run: Command, play: Play) -> None:
    simulator = play(Rule(Say("ok")))
    run(*own(simulator), stdin=lines("one\\", "two", '"""', "three", "", "four", '"""', "//help", "grüß dich"))
    turns = ["one\ntwo", "three\n\nfour", "/help", "grüß dich"]
    assert [messages[-1][1] for messages in asked(simulator)] == turns


def test_a_warning_that_holds_on_is_told_once(run: Command, play: Play) -> None:
    simulator = play(Rule(Think("Let me see."), Say("ok"), times=1), Rule(Say("ok")))
    args = ["chat", "-m", "anthropic-messages/m", "--base-url", simulator.base_url("anthropic-messages")]
    turns = ["one", "/model openai-chat/m", "two", "three", "/model anthropic-messages/m", "four", "/model openai-chat/m", "five"]
    done = run(*args, stdin=lines(*turns))
    assert (done.code, done.out) == (0, "ok\n" * 5)
    assert done.err.count("messages.reasoning.state was dropped") == 2


def test_a_command_that_is_nearly_one(run: Command, play: Play) -> None:
    assert (
        "there is no /hlep; did you mean '/help'?; there are /model" in run(*own(play(Rule(Say("ok")))), stdin=lines("/hlep")).err
    )


def test_reasoning_and_markdown_are_no_part_of_what_is_piped(run: Command, play: Play) -> None:
    simulator = play(Rule(Think("Let me see."), Say(MARKDOWN)))
    assert run(*own(simulator), stdin=lines("hi")) == (0, MARKDOWN, "")


def test_a_turn_that_fails_is_taken_back(run: Command, play: Play) -> None:
    simulator = play(Rule(Fail(503), when=When(text="bad")), Rule(Say("ok")))
    done = run(*own(simulator), stdin=lines("bad", "good"))
    assert (done.code, done.out) == (1, "ok\n")
    assert re.fullmatch(r"trunkline: error: .*\ntrunkline: the turn is taken back\n", done.err)
    assert asked(simulator)[1:] == [[("user", "good")]]


def test_nothing_configured(run: Command) -> None:
    done = run("chat", stdin=lines("hi"))
    assert (done.code, done.out) == (2, "")
    assert "OPENAI_API_KEY" in done.err


def test_a_model_that_leads_nowhere(run: Command) -> None:
    done = run("chat", "-m", "opnai/m", stdin=lines("hi"))
    assert (done.code, done.out) == (2, "")
    assert "did you mean openai?" in done.err


def test_save_load_undo_clear(run: Command, play: Play) -> None:
    simulator = play(Rule(Say("ok")))
    told = run(
        *own(simulator, "-s", "Be brief"), stdin=lines("one", "/save chat.json", "/undo", "/save chat.json", "/save! chat.json")
    )
    file = run.folder / "chat.json"
    assert (told.code, told.out) == (1, "ok\n")
    assert told.err.splitlines() == [
        f"trunkline: 3 messages are stored in {file}",
        "trunkline: taken back: one",
        f"trunkline: {file} is there already; /save! chat.json replaces it",
        "trunkline: a file is only replaced at a terminal; /save writes a new one",
    ]
    stored = (Message.system("Be brief"), Message.user("one"), Message.assistant("ok"))
    assert from_json(file.read_bytes()) == stored
    done = run(*own(simulator, "--load", "chat.json"), stdin=lines("two", "/clear", "three", "/load chat.json", "four"))
    assert (done.code, done.out) == (0, "ok\nok\nok\n")
    loaded = [("system", "Be brief"), ("user", "one"), ("assistant", "ok")]
    assert asked(simulator)[1:] == [
        [*loaded, ("user", "two")],
        [("system", "Be brief"), ("user", "three")],
        [*loaded, ("user", "four")],
    ]


@pytest.mark.parametrize("content", [b"no JSON", to_json(Message.user("one")), b'{"trunkline": 1, "value": [1]}', None])
def test_what_cannot_be_loaded(run: Command, play: Play, content: bytes | None) -> None:
    if content is not None:
        (run.folder / "x.json").write_bytes(content)
    done = run(*own(play(Rule(Say("ok")))), stdin=lines("/load x.json", "hi"))
    assert (done.code, done.out) == (1, "ok\n")
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err


def test_model_system_and_usage(run: Command, play: Play) -> None:
    simulator = play(Rule(Say("ok")))
    text = lines("/usage", "/model nothing", "/model openai-chat/other", "/system Be kind", "hi", "/system -", "hi", "/usage")
    done = run(*own(simulator), stdin=text)
    assert done.out == "ok\nok\n"
    usage, bad, model, kind, none, spent = done.err.splitlines()
    assert usage == "trunkline: no answers yet"
    assert "no model of that name" in bad
    assert model == "trunkline: model: openai-chat/other"
    assert (kind, none) == ("trunkline: instructions: Be kind", "trunkline: no instructions")
    assert re.fullmatch(r"trunkline: 2 answers: \d+ \+ \d+ tokens \(said \+ answered\); cost not known", spent)
    assert [recorded.request.model for recorded in simulator.requests if recorded.request] == ["other", "other"]
    assert [messages[0] for messages in asked(simulator)] == [("system", "Be kind"), ("user", "hi")]


def test_what_an_answer_cost(run: Command, play: Play) -> None:
    simulator = play(Rule(Say("ok")))
    environ = {"OPENAI_API_KEY": "sk-0123456789abcdefghij", "OPENAI_BASE_URL": simulator.base_url("openai-chat")}
    done = run("chat", "-m", "openai/gpt-5.4-mini", stdin=lines("hi", "/usage"), **environ)
    assert re.search(r"1 answer: \d+ \+ \d+ tokens \(said \+ answered\); 0\.0\d+ USD", done.err)


@pytest.mark.parametrize("command", ["/save a\0b", "/load a\0b", "/save ~nobody-of-that-name/a", "/load ~nobody-of-that-name/a"])
def test_names_that_no_file_has(run: Command, play: Play, command: str) -> None:
    done = run(*own(play(Rule(Say("ok")))), stdin=lines(command, "hi"))
    assert (done.code, done.out) == (1, "ok\n")
    assert done.err.startswith("trunkline: FILE: ")


def test_an_unknown_command_says_what_there_is(run: Command, play: Play) -> None:
    done = run(*own(play(Rule(Say("ok")))), stdin=lines("/bogus", "/save", "/clear now", "/exit", "hi"))
    unknown, save, clear = done.err.splitlines()
    assert all(name in unknown for name in ("/bogus", "/model", "/system", "/save", "/help", "/exit"))
    assert (save, clear) == ("trunkline: /save needs FILE", "trunkline: /clear takes nothing behind it")
    assert (done.code, done.out) == (1, "")


@POSIX
def test_ctrl_c_ends_what_reads_a_pipe(run: Command, play: Play) -> None:
    simulator = play(Rule(Say("half an answer "), Stall()))
    child = subprocess.Popen(
        run.argv(own(simulator)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=run.environ,
        cwd=run.folder,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(lines("hi", "again"))
    child.stdin.flush()
    assert child.stdout.read(4) == b"half"
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert (child.returncode, err, len(simulator.requests)) == (130, b"", 1)


# -- at a terminal ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def at_terminal(run: Command) -> Iterator[Callable[..., Terminal]]:
    pytest.importorskip("rich")
    opened: list[Terminal] = []

    def start(*args: str, **size: Any) -> Terminal:
        opened.append(Terminal(run, *args, **size))
        opened[-1].wait_for("> ")
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.kill()


@POSIX
def test_ctrl_c_stops_the_answer_and_not_the_program(run: Command, play: Play, at_terminal: Callable[..., Terminal]) -> None:
    simulator = play(Rule(Say("half an answer "), Stall(), when=When(text="first")), Rule(Say("whole")))
    terminal = at_terminal(*own(simulator))
    terminal.send("first\n")
    terminal.wait_for("half an answer")
    terminal.send("\x03")
    terminal.wait_for(lambda since: "stopped" in since and since.endswith("> "))
    terminal.send("second\n")
    terminal.wait_for(lambda since: "whole" in since and since.endswith("> "))
    terminal.send("/save chat.json\n")
    terminal.wait_for(lambda since: "stored in" in since and since.endswith("> "))
    terminal.send("\x04")
    assert terminal.end() == 0
    kept = ("assistant", f"half an answer\n\n{STOPPED}")
    assert asked(simulator)[1] == [("user", "first"), kept, ("user", "second")]
    assert from_json((run.folder / "chat.json").read_bytes())[1] == Message.assistant(kept[1])
    assert [line for line in terminal.screen if "half an answer" in line] == ["half an answer"]


@POSIX
def test_sigterm_leaves_the_terminal_as_it_was(play: Play, at_terminal: Callable[..., Terminal]) -> None:
    terminal = at_terminal(*own(play(Rule(Say("half an answer "), Stall()))))
    terminal.send("first\n")
    terminal.wait_for("half an answer")
    terminal.terminate()
    assert terminal.end() == 143
    assert terminal.output.rindex("\x1b[?25h") > terminal.output.rindex("\x1b[?25l")


@POSIX
def test_ctrl_c_before_the_first_word_takes_the_turn_back(play: Play, at_terminal: Callable[..., Terminal]) -> None:
    simulator = play(Rule(Stall(), when=When(text="first")), Rule(Say("whole")))
    terminal = at_terminal(*own(simulator))
    terminal.send("first\n")
    while not simulator.requests:
        terminal.wait_for(lambda since: True)
    terminal.send("\x03")
    terminal.wait_for(lambda since: "taken back" in since and since.endswith("> "))
    terminal.send("second\n")
    terminal.wait_for("whole")
    assert asked(simulator)[-1] == [("user", "second")]


@POSIX
def test_ctrl_c_at_the_prompt_clears_the_line_and_twice_leaves(play: Play, at_terminal: Callable[..., Terminal]) -> None:
    simulator = play(Rule(Say("whole")))
    terminal = at_terminal(*own(simulator))
    terminal.send("not this")
    terminal.wait_for("not this")
    terminal.interrupt_prompt(lambda since: "leaves" in since and since.endswith("> "))
    terminal.send("but this\n")
    terminal.wait_for(lambda since: "whole" in since and since.endswith("> "))
    terminal.interrupt_prompt(lambda since: "leaves" in since and since.endswith("> "))
    assert terminal.interrupt_to_the_end() == 130
    assert asked(simulator) == [[("user", "but this")]]


@POSIX
def test_pasted_lines_are_one_turn(play: Play, at_terminal: Callable[..., Terminal]) -> None:
    readline = pytest.importorskip("readline")
    if "libedit" in (readline.__doc__ or ""):
        pytest.skip("libedit knows no bracketed paste")
    simulator = play(Rule(Say("ok")))
    terminal = at_terminal(*own(simulator))
    terminal.send("\x1b[200~one\n/two\nthree\x1b[201~")
    terminal.wait_for("three")
    terminal.send("\n")
    terminal.wait_for("ok")
    assert asked(simulator) == [[("user", "one\n/two\nthree")]]


@POSIX
def test_what_is_seen(run: Command, play: Play, at_terminal: Callable[..., Terminal]) -> None:
    simulator = play(Rule(Think("Let me see."), Say(MARKDOWN), when=When(text="draw")), Rule(Pause(0.1), Say("ok")))
    terminal = at_terminal(*own(simulator), rows=12)
    terminal.send("please draw \\\nin two lines\n")
    terminal.wait_for(lambda since: "1  2" in since and since.endswith("> "))
    terminal.send("\x04")
    assert terminal.end() == 0
    shown = [line for line in terminal.screen if line]
    assert shown[1:] == [
        "> please draw \\",
        ". in two lines",
        "Let me see.",
        "Some bold text:",
        " x = 1",
        " a  b",
        " ────",
        " 1  2",
        ">",
    ]
    assert "\x1b[1mbold\x1b[0m" in terminal.output
    assert asked(simulator) == [[("user", "please draw \nin two lines")]]


@POSIX
def test_without_colour_it_is_plain(run: Command, play: Play, at_terminal: Callable[..., Terminal]) -> None:
    run.environ["NO_COLOR"] = "1"
    terminal = at_terminal(*own(play(Rule(Think("Let me see."), Say("**bold**")))))
    terminal.send("hi\n")
    terminal.wait_for(lambda since: "bold" in since and since.endswith("> "))
    terminal.send("\x04")
    assert terminal.end() == 0
    assert [line for line in terminal.screen if line][1:] == ["> hi", "thinking: Let me see.", "**bold**", ">"]
    assert not re.search(r"\x1b\[[\d;]*m", terminal.output)


@POSIX
@pytest.mark.parametrize("more,kept", [([], ["hi", "/usage"]), (["--no-history"], None)])
def test_the_history(
    run: Command, play: Play, at_terminal: Callable[..., Terminal], more: list[str], kept: list[str] | None
) -> None:
    terminal = at_terminal(*own(play(Rule(Say("ok"))), *more))
    terminal.send("hi\n")
    terminal.wait_for(lambda since: "ok" in since and since.endswith("> "))
    terminal.send("/usage\n")
    terminal.wait_for(lambda since: "1 answer" in since and since.endswith("> "))
    terminal.send("\x04")
    assert terminal.end() == 0
    file = run.home / ".local" / "state" / "trunkline" / "history"
    assert (file.read_text().splitlines() if file.exists() else None) == kept
    if kept:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_pipe_leaves_no_history(run: Command, play: Play) -> None:
    run(*own(play(Rule(Say("ok")))), stdin=lines("hi"))
    assert list(run.home.iterdir()) == []


# -- saved ----------------------------------------------------------------------------------------------------------------------


def saving(simulator: Simulator, *more: str) -> list[str]:
    return [word for word in own(simulator, *more) if word != "--no-save"]


def test_a_chat_is_saved_and_gone_on_with(run: Command, play: Play) -> None:
    simulator = play(Rule(Say("ok")))
    file = run.home / ".local" / "share" / "trunkline" / "chats.db"
    done = run(*saving(simulator, "-s", "Be brief"), stdin=lines("about Oslo", "and Rome", "/undo"))
    assert (done.code, done.out) == (0, "ok\nok\n")
    saved, undone = done.err.splitlines()
    assert saved == f"trunkline: This chat is saved in {file}: --resume goes on with it, --no-save saves nothing."
    assert undone == "trunkline: taken back: and Rome"
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    environ = {"OPENAI_API_KEY": "sk-0123456789abcdefghij", "OPENAI_BASE_URL": simulator.base_url("openai-chat")}
    run("chat", "-m", "openai/gpt-5.4-mini", stdin=lines("of whales"), **environ)
    last = run("chat", "--resume", stdin=lines("more"), **environ)
    assert last.err.startswith("trunkline: It goes on after 2 messages: of whales. This chat is saved in")
    by_words = run(*saving(simulator, "--resume", "oslo"), stdin=lines("more"))
    assert (by_words.code, by_words.out) == (0, "ok\n")
    said = [("system", "Be brief"), ("user", "about Oslo"), ("assistant", "ok")]
    assert simulator.requests[3].request is not None and simulator.requests[3].request.model == "gpt-5.4-mini"
    assert asked(simulator)[3] == [("user", "of whales"), ("assistant", "ok"), ("user", "more")]
    assert asked(simulator)[4] == [*said, ("user", "more")]
    unknown = run(*saving(simulator, "--resume", "nothing like it"), stdin=b"")
    assert (unknown.code, unknown.out) == (2, "")
    assert "no saved chat says so" in unknown.err
    assert "(about Oslo)" in unknown.err


def test_a_chat_does_not_end_for_want_of_its_store(run: Command, play: Play) -> None:
    simulator = play(Rule(Say("ok")))
    file = run.home / ".local" / "share" / "trunkline" / "chats.db"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no database at all " * 100)
    done = run(*saving(simulator), stdin=lines("hi"))
    assert (done.code, done.out) == (0, "ok\n")
    assert "This chat is not saved: " in done.err
    refused = run(*saving(simulator, "--resume"), stdin=lines("hi"))
    assert (refused.code != 0, refused.out) == (True, "")
    both = run(*own(simulator, "--resume"), stdin=lines("hi"))
    assert (both.code, both.out) == (2, "")
