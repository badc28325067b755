"""What all tests share: where the recorded traffic lies, and that its absence is told and never mistaken for success."""

from __future__ import annotations

import gc
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.watch import pytest_runtest_call as pytest_runtest_call, watched_encoders as watched_encoders

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
CORPUS = SHARED / "corpus"
ABSENT = "../shared is not here (recorded traffic, protocol sheets)"

# Time is asserted in tests/io only: a machine that is busy finds no errors.
settings.register_profile("trunkline", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("trunkline")


# Started in the background by a shell, a process ignores Ctrl-C, and so would every child that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Where ``../shared`` is present, its corpus is owed: the run fails before a single test is skipped for its sake."""
    missing = [name for name in ("dev", "more.jsonl.gz") if not (CORPUS / name).exists()]
    if SHARED.is_dir() and missing:
        raise pytest.UsageError(f"../shared is here, but its corpus lacks {', '.join(missing)}")


def pytest_collection_finish() -> None:
    """What all modules have imported (the vendors' SDKs, a gigabyte of them) is looked through no more when garbage is collected."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder ``../shared``; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(ABSENT)
    return SHARED


@pytest.fixture(scope="session")
def corpus(shared: Path) -> Path:
    """The folder of the recorded traffic; the test is skipped where ``../shared`` is absent."""
    return shared / "corpus"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests could not run for want of ``../shared``."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum("../shared" in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_sep("=", f"{count} skipped because ../shared is not here", yellow=True)
