"""``trunkline lint-stream`` says what is wrong with a recorded stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.dialects.anthropic_messages.good_streams import STREAMS as MESSAGES
from tests.dialects.openai_chat.good_streams import STREAMS as CHAT
from trunkline.cli import main
from trunkline.wire.sse import Frame

GOOD = {"openai-chat": CHAT["text"], "anthropic-messages": MESSAGES["text"]}


def body(frames: Sequence[Frame]) -> bytes:
    """The frames as a server sends them, with a comment before each."""
    return b"".join(
        b": ping\n" + (b"" if frame.event is None else b"event: %s\n" % frame.event.encode()) + b"data: %s\n\n" % frame.data
        for frame in frames
    )


class Lint:
    """Runs the command in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], file: Path) -> None:
        self._capsys, self._file = capsys, file

    def __call__(self, data: bytes, *args: str) -> tuple[int, str, str]:
        self._file.write_bytes(data)
        code = main.main(["lint-stream", str(self._file), *args])
        told = self._capsys.readouterr()
        return code, told.out, told.err


@pytest.fixture
def lint(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Lint:
    return Lint(capsys, tmp_path / "answer.sse")


@pytest.mark.parametrize("dialect", GOOD)
@pytest.mark.parametrize("strict", [True, False])
def test_a_clean_stream(lint: Lint, dialect: str, strict: bool) -> None:
    profile = "strict" if strict else "lenient"
    code, told, noted = lint(body(GOOD[dialect]), *(["--strict"] if strict else []))
    assert (code, told) == (0, "")
    assert noted == f"trunkline: {dialect}, {profile}: frames {len(GOOD[dialect])}, faults 0\n"


@pytest.mark.parametrize("dialect", GOOD)
def test_faults_are_a_line_each(lint: Lint, dialect: str) -> None:
    code, told, noted = lint(body(GOOD[dialect][:2]))
    (line,) = told.splitlines()
    assert code == 1
    assert line.startswith("frame 2: end: the stream stops")
    assert noted.endswith(": frames 2, faults 1\n")


def test_strict_finds_more(lint: Lint) -> None:
    odd = body([Frame(frame.data, "message") for frame in GOOD["openai-chat"]])
    assert lint(odd)[0] == 0
    code, told, _ = lint(odd, "--strict")
    assert code == 1
    assert [line.split(": ")[1] for line in told.splitlines()] == ["bare-frame"] * len(GOOD["openai-chat"])


def test_faults_as_json(lint: Lint) -> None:
    code, told, noted = lint(body(GOOD["openai-chat"][:1]), "--json", "--strict")
    assert (code, noted) == (1, "")
    assert json.loads(told) == {
        "dialect": "openai-chat",
        "strict": True,
        "frames": 1,
        "faults": [{"rule": "end", "frame": 1, "detail": "the stream stops without [DONE]"}],
    }


def test_a_long_stream_is_read_in_pieces(lint: Lint) -> None:
    head, word, *rest = GOOD["openai-chat"]
    frames = [head, *[word] * 5000, *rest]
    assert len(body(frames)) > 1 << 19
    code, _, noted = lint(body(frames), "--strict")
    assert (code, noted) == (0, f"trunkline: openai-chat, strict: frames {len(frames)}, faults 0\n")


def test_the_dialect_may_be_said(lint: Lint) -> None:
    assert lint(b"", "--dialect", "anthropic-messages")[:2] == (1, "frame 0: end: the stream stops without message_stop\n")
    assert lint(body(GOOD["openai-chat"]), "--dialect", "anthropic-messages")[0] == 1


@pytest.mark.parametrize("data,args", [(b"", []), (b"data: hello\n\n", []), (b"data: [DONE]\n\n", ["--dialect", "gopher"])])
def test_wrong_usage(lint: Lint, data: bytes, args: list[str]) -> None:
    code, told, noted = lint(data, *args)
    assert (code, told) == (2, "")
    assert "openai-chat, anthropic-messages" in noted


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main.main(["lint-stream", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err
