"""What a fresh interpreter spends until something is imported, a client is ready, or the first reply is there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from subjects import READY

CLIENT = "openai/gpt-4o-mini"
_TELL = """
import os, resource, sys
used = resource.getrusage(resource.RUSAGE_SELF)
with open("/proc/self/status") as status:
    held = next(line for line in status if line.startswith("VmRSS")).split()[1]
print((used.ru_utime + used.ru_stime) * 1e3, int(held) / 1024, len(sys.modules), flush=True)
os._exit(0)
"""
_BLOCKING = """
from trunkline import Client
assert Client("{model}", base_url="{url}/burst/v1", api_key="sk-test-0123456789abcdef").generate("Say hello").cost
"""
_ASYNC = """
import asyncio
from trunkline import AsyncClient
async def main():
    async with AsyncClient("{model}", base_url="{url}/burst/v1", api_key="sk-test-0123456789abcdef") as client:
        assert (await client.generate("Say hello")).cost
        tell()
def tell():
    exec(TELL)
asyncio.run(main())
"""


def programs(url: str, secure_url: str | None) -> dict[str, tuple[str, str]]:
    """What to run, as (environment, code), by its name in the report."""
    found = {
        "bare": ("trunkline", "pass"),
        "import trunkline": ("trunkline", "import trunkline"),
        "Client ready": ("trunkline", READY["trunkline"]),
        "AsyncClient ready": ("trunkline", READY["trunkline"].replace("Client", "AsyncClient")),
        "msgspec": ("trunkline", "import msgspec"),
        "http.client": ("trunkline", "import http.client"),
        "ssl": ("trunkline", "import ssl"),
        "aiohttp": ("trunkline", "import aiohttp"),
        "first reply": ("trunkline", _BLOCKING.format(model=CLIENT, url=url)),
        "first reply, async": ("trunkline", _ASYNC.format(model=CLIENT, url=url).replace("TELL", repr(_TELL))),
    }
    if secure_url is not None:
        found["first reply, HTTPS"] = ("trunkline", _BLOCKING.format(model=CLIENT, url=secure_url))
    for name, code in READY.items():
        if name != "trunkline":
            found[f"{name} bare"] = (name, "pass")
            found[f"{name} ready"] = (name, code)
    return found


def run_program(python: Path, code: str, prefix: list[str], ca: Path | None) -> tuple[float, float]:
    """CPU ms of the whole process and MiB of memory that it held at the end."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment = {**own, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENAI_API_KEY": "x", "ANTHROPIC_API_KEY": "x"}
    if ca is not None:
        environment["SSL_CERT_FILE"] = str(ca)
    done = subprocess.run(
        [*prefix, str(python), "-c", f"{code}\n{_TELL}"], check=True, capture_output=True, text=True, env=environment, timeout=120
    )
    cpu, held, _modules = done.stdout.split()[-3:]
    return float(cpu), float(held)


def certificate(python: str, folder: Path) -> Path | None:
    """A PEM file with a certificate for 127.0.0.1, its key and its CA; None where nothing here can make one."""
    path = folder / "mock.pem"
    code = (
        "import sys, trustme; ca = trustme.CA(); made = ca.issue_cert('127.0.0.1')\n"
        "open(sys.argv[1], 'wb').write(made.private_key_and_cert_chain_pem.bytes())\n"
        "open(sys.argv[1] + '.ca', 'wb').write(ca.cert_pem.bytes())"
    )
    done = subprocess.run([python, "-c", code, str(path)], check=False, capture_output=True)
    return path if done.returncode == 0 else None
