"""``trunkline ask`` against replies written by hand."""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.loopback import KEY, Command, Loopback, Reply, Seen, events, says, whole
from trunkline import Response, from_json

Serve = Callable[[Callable[[Seen], Reply]], Loopback]
POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX signals and terminals")


def own(server: Loopback) -> list[str]:
    """An endpoint of one's own on ``server``, no retries."""
    return ["-m", "openai-chat/m", "--base-url", f"{server.url}/v1", "--retries", "0"]


def test_the_answer_is_printed_as_it_is_written(run: Command, serve: Serve) -> None:
    server = serve(says("Rayleigh ", "scattering.", " ☀"))
    done = run("ask", "Why is", "the sky blue?", *own(server), "-s", "Be brief", "--max-tokens", "50", "--temperature", "0")
    assert done == (0, "Rayleigh scattering. ☀\n", "")
    (seen,) = server.seen
    body = seen.json()
    assert (seen.path, body["model"], body["stream"], body["temperature"]) == ("/v1/chat/completions", "m", True, 0)
    assert (body.get("max_tokens") or body.get("max_completion_tokens")) == 50
    assert [(message["role"], message["content"]) for message in body["messages"]] == [
        ("system", "Be brief"),
        ("user", "Why is the sky blue?"),
    ]


def test_the_line_is_ended_once(run: Command, serve: Serve) -> None:
    server = serve(says("one\n", "two\n"))
    assert run("ask", "hi", *own(server)).out == "one\ntwo\n"
    assert run("ask", "hi", *own(server), "--no-stream").out == "one\ntwo\n"


def test_without_streaming(run: Command, serve: Serve) -> None:
    server = serve(says("whole"))
    assert run("ask", "hi", *own(server), "--no-stream") == (0, "whole\n", "")
    assert not server.seen[0].json().get("stream")


def test_json(run: Command, serve: Serve) -> None:
    server = serve(says("whole"))
    done = run("ask", "hi", *own(server), "--json")
    assert (done.code, done.err) == (0, "")
    assert set(json.loads(done.out)) == {"trunkline", "value"}
    reply = from_json(done.out)
    assert isinstance(reply, Response)
    assert (reply.text, reply.finish_reason, reply.model, reply.id) == ("whole", "stop", "m-1", "chatcmpl-1")
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.total_tokens) == (7, 3, 10)
    assert (reply.cost, reply.raw) == (None, b"")
    assert reply.latency > 0


@pytest.mark.parametrize(
    "args,stdin,question",
    [
        ([], b"from a pipe\n", "from a pipe\n"),
        (["-"], "\ufeffgr\u00fc\u00df dich".encode(), "gr\u00fc\u00df dich"),
        (["Summarise:", "-"], b"report", "Summarise:\n\nreport"),
        (["Summarise:"], b"not read", "Summarise:"),
        (["--", "--odd"], b"", "--odd"),
    ],
)
def test_where_the_question_comes_from(run: Command, serve: Serve, args: list[str], stdin: bytes, question: str) -> None:
    server = serve(says("ok"))
    done = run("ask", *own(server), *args, stdin=stdin)
    assert done.code == 0, done.err
    assert server.seen[0].json()["messages"] == [{"role": "user", "content": question}]


@pytest.mark.parametrize("args,stdin", [([], b""), (["-"], b" \n"), ([""], b""), (["-"], b"\xff\xfe")])
def test_no_question_is_refused(run: Command, serve: Serve, args: list[str], stdin: bytes) -> None:
    server = serve(says("ok"))
    done = run("ask", *own(server), *args, stdin=stdin)
    assert (done.code, done.out, server.seen) == (2, "", [])
    assert done.err.startswith("trunkline: error: prompt: ")
    assert done.err.count("\n") == 1


def test_files_go_with_the_question(run: Command, serve: Serve) -> None:
    server = serve(says("ok"))
    (run.folder / "a.png").write_bytes(b"\x89PNG")
    (run.folder / "notes.txt").write_text("remember the milk")
    done = run("ask", "What is this?", "-f", "a.png", "--file", "notes.txt", *own(server))
    assert done.code == 0, done.err
    parts = server.seen[0].json()["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "text"]
    assert parts[1]["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
    assert parts[2]["text"] == "notes.txt:\n\nremember the milk"


@pytest.mark.parametrize("name,data", [("gone.txt", None), ("blob.bin", b"\xff\x00\xfe")])
def test_files_that_cannot_go_are_named(run: Command, serve: Serve, name: str, data: bytes | None) -> None:
    server = serve(says("ok"))
    if data is not None:
        (run.folder / name).write_bytes(data)
    done = run("ask", "hi", "-f", name, *own(server))
    assert (done.code, done.out, server.seen) == (2, "", [])
    assert name in done.err
    assert done.err.count("\n") == 1


# -- errors ---------------------------------------------------------------------------------------------------------------


def test_a_providers_error_is_one_line_without_the_key(run: Command, serve: Serve) -> None:
    words = {
        "error": {"message": f"Incorrect API key provided: {KEY}", "type": "invalid_request_error", "code": "invalid_api_key"}
    }
    server = serve(lambda seen: Reply(json.dumps(words).encode(), 401))
    done = run("ask", "hi", "-m", "openai/m", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{server.url}/v1", TRUNKLINE_LOG="debug")
    assert (done.code, done.out) == (1, "")
    assert "trunkline: error: openai/m: " in done.err
    assert "HTTP 401" in done.err
    assert "Traceback" not in done.err
    assert KEY in server.seen[0].headers["authorization"]
    assert "canary" not in done.all
    assert run("ask", "hi", "-m", "openai/m", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{server.url}/v1").err.count("\n") == 1


def test_nothing_listens(run: Command) -> None:
    done = run("ask", "hi", "-m", "openai-chat/m", "--base-url", "http://127.0.0.1:1/v1", "--retries", "0")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("trunkline: error: ")
    assert "Traceback" not in done.err


def test_a_stream_that_is_cut_keeps_what_came(run: Command, serve: Serve) -> None:
    server = serve(lambda seen: Reply(events("half ", "an", end=False), content_type="text/event-stream", cut=True))
    done = run("ask", "hi", *own(server))
    assert (done.code, done.out) == (1, "half an\n")
    assert done.err.startswith("trunkline: error: ")
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "args,environ,named",
    [
        (["-m", "openai-chat/m", "--timeout", "-1"], {}, "timeout"),
        (["-m", "openai-chat/m", "--retries", "-1"], {}, "retries"),
        (["-m", "openai-chat/m", "--max-tokens", "-5"], {}, "max_tokens"),
        (["-m", "openai-chat/m", "--max-tokens", "many"], {}, "--max-tokens"),
        (["-m", "openai-chat/m"], {"TRUNKLINE_RETRIES": "many"}, "TRUNKLINE_RETRIES (environment)"),
        (["-m", "opnai/m"], {}, "error: model: "),
        (["--colour"], {}, "--colour"),
    ],
)
def test_wrong_usage_is_named_and_nothing_is_sent(
    run: Command, serve: Serve, args: list[str], environ: dict[str, str], named: str
) -> None:
    server = serve(says("ok"))
    done = run("ask", "hi", "--base-url", f"{server.url}/v1", *args, **environ)
    assert (done.code, done.out, server.seen) == (2, "", [])
    assert named in done.err
    assert "Traceback" not in done.err


def test_nothing_configured_says_what_to_set(run: Command) -> None:
    done = run("ask", "hi")
    assert (done.code, done.out) == (2, "")
    assert "OPENAI_API_KEY" in done.err


def test_a_cloned_repository_cannot_redirect_the_key(run: Command, serve: Serve) -> None:
    server = serve(says("ok"))
    (run.folder / ".env").write_text(f"OPENAI_BASE_URL={server.url}/v1\n")
    done = run("ask", "hi", "-m", "openai/m", OPENAI_API_KEY=KEY)
    assert (done.code, done.out, server.seen) == (2, "", [])
    assert "not sent" in done.err
    assert "canary" not in done.all


def test_a_refusal_is_the_answer(run: Command, serve: Serve) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I will not."}
    server = serve(lambda seen: Reply(whole("", message=message)))
    assert run("ask", "hi", *own(server), "--no-stream") == (0, "I will not.\n", "")


def test_an_answer_that_was_cut_off_is_told(run: Command, serve: Serve) -> None:
    server = serve(lambda seen: Reply(whole("half", finish_reason="length")))
    done = run("ask", "hi", *own(server), "--no-stream")
    assert (done.code, done.out) == (0, "half\n")
    assert "cut off" in done.err


def test_the_question_is_not_logged(run: Command, serve: Serve) -> None:
    server = serve(says("marked answer"))
    done = run("ask", "marked question", *own(server), TRUNKLINE_LOG="debug")
    assert done.out == "marked answer\n"
    assert "trunkline" in done.err
    assert "marked" not in done.err


# -- the terminal ---------------------------------------------------------------------------------------------------------


@POSIX
def test_ctrl_c_ends_it_quietly(run: Command, serve: Serve) -> None:
    server = serve(lambda seen: Reply(events("be", "gun", end=False), content_type="text/event-stream", hold=True))
    child = run.start("ask", "hi", *own(server))
    assert child.stdout is not None
    assert child.stdout.read(5) == b"begun"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err) == (130, b"\n", b"")


@POSIX
def test_a_reader_that_leaves_is_no_error(run: Command, serve: Serve) -> None:
    server = serve(says(*(f"line {n}\n" for n in range(5000))))
    child = run.start("ask", "hi", *own(server))
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.readline() == b"line 0\n"
    child.stdout.close()
    err = child.stderr.read()
    child.stderr.close()
    assert (child.wait(30), err) == (0, b"")


@POSIX
@pytest.mark.parametrize("streaming", [["--plain"], ["--plain", "--no-stream"]])
def test_a_reply_does_not_steer_the_terminal(run: Command, serve: Serve, streaming: list[str]) -> None:
    server = serve(says("safe\x1b]52;c;aGk=\x07 \x1b[31mred\x9b", "tab\t\r\nend"))
    assert _on_terminal(run, "ask", "hi", *own(server), *streaming) == "safe]52;c;aGk= [31mredtab\t\nend\n"
    piped = run("ask", "hi", *own(server), *streaming)
    assert "\x1b]52;c;aGk=\x07" in piped.out


def _on_terminal(run: Command, *args: str) -> str:
    import pty
    import subprocess
    import termios

    master, slave = pty.openpty()
    mode = termios.tcgetattr(slave)
    mode[1] &= ~termios.OPOST  # what is written arrives as it was written
    termios.tcsetattr(slave, termios.TCSANOW, mode)
    child = subprocess.Popen(
        run.argv(args), stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE, cwd=run.folder, env=run.environ
    )
    os.close(slave)
    out = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        out += piece
    os.close(master)
    _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (0, b"")
    return out.decode()


@POSIX
def test_a_table_on_a_terminal_has_a_head_and_columns(run: Command) -> None:
    lines = _on_terminal(run, "models", "--provider", "groq", "--plain").splitlines()
    assert lines[0].split()[:3] == ["model", "in", "out"]
    assert all(line[lines[0].index("can") - 1] == " " for line in lines)
    assert sys.stdout is not None


@POSIX
@pytest.mark.parametrize("columns", ["0", "1", "5"])
def test_an_answer_is_not_lost_for_want_of_room(run: Command, serve: Serve, columns: str) -> None:
    run.environ |= {"TERM": "xterm-256color", "COLUMNS": columns}
    assert _on_terminal(run, "ask", "hi", *own(serve(says("\u6f22\u5b57")))) == "\u6f22\u5b57\n"


@POSIX
@pytest.mark.parametrize("asked", [["--plain"], "NO_COLOR", "TERM"])
def test_plain_text_for_whoever_wants_it(run: Command, serve: Serve, asked: list[str] | str) -> None:
    pytest.importorskip("rich")
    run.environ["TERM"] = "xterm-256color"
    server = serve(says("**bold**"))
    drawn = _on_terminal(run, "ask", "hi", *own(server))
    assert "\x1b[1mbold\x1b[0m" in drawn
    if isinstance(asked, str):
        run.environ[asked] = "dumb"
    args = asked if isinstance(asked, list) else []
    assert _on_terminal(run, "ask", "hi", *own(server), *args) == "**bold**\n"


def test_text_that_the_output_cannot_say(run: Command, serve: Serve) -> None:
    server = serve(says("sun ☀ \ud800."))
    done = run("ask", "hi", *own(server), PYTHONUTF8="0", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (done.code, done.out) == (0, "sun ? ?.\n")
    assert done.err == ""


def test_the_folder_of_the_test_is_not_a_repository(run: Command) -> None:
    """Guards the tests themselves: no parent of the temporary folder may lend its files."""
    assert not any((parent / ".git").exists() for parent in Path(run.folder).parents)


def test_a_file_that_is_not_there(run: Command) -> None:
    (run.folder / "folder").mkdir()
    assert "--file: there is no file nope.png; allowed" in run("ask", "What?", "--file", "nope.png").err
    assert "--file: folder is a folder; allowed" in run("ask", "What?", "--file", "folder").err
