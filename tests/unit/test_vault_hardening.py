"""What a process of the vault says of an error nobody foresaw, and what the operating system grants it."""

from __future__ import annotations

import subprocess
import sys

import pytest

RAISE = "def fail():\n    secret = 'canary-1'\n    raise ValueError('canary-2')\n"
RAISES = {
    "in the main thread": "fail()",
    "in a thread": "import threading\nt = threading.Thread(target=fail)\nt.start()\nt.join()",
    "where nobody can catch it": "class C:\n    def __del__(self): fail()\nc = C()\ndel c",
    "with a cause": "try:\n    fail()\nexcept ValueError as error:\n    raise RuntimeError('canary-3') from error",
    "in a group": "try:\n    fail()\nexcept ValueError as error:\n    raise ExceptionGroup('canary-4', [error])",
}


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("raising", RAISES.values(), ids=RAISES)
def test_an_error_is_reported_by_kind_and_place_alone(raising: str) -> None:
    done = run(
        f"from pandora_core.vault.agent.hardening import keep_quiet\nkeep_quiet('pandora')\n{RAISE}{raising}\n"
    )
    assert done.stderr.startswith("pandora: an error inside: ")
    assert "<string>:" in done.stderr
    assert "canary" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_command_that_fails_inside_quotes_nothing(tmp_path) -> None:
    script = (
        "from pandora_core.cli.main import run\nfrom pandora_core.vault.agent.client import Client\n"
        "def fail(self): raise ValueError('canary')\n"
        "Client.status = fail\n"
        f"run(arguments=['--data', {str(tmp_path / 'data')!r}, 'vault', 'status'])\n"
    )
    done = run(script)
    assert done.returncode == 1
    assert "ValueError at" in done.stderr
    assert "canary" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
def test_a_hardened_process_dumps_no_core_and_cannot_gain_privileges() -> None:
    script = (
        "import ctypes, os, resource\nfrom pandora_core.vault.agent.hardening import harden\n"
        "print(*harden(), resource.getrlimit(resource.RLIMIT_CORE), oct(os.umask(0)))\n"
        "prctl = ctypes.CDLL(None).prctl\nprint(prctl(3, 0, 0, 0, 0), prctl(39, 0, 0, 0, 0))\n"
    )
    assert run(script).stdout == "True True (0, 0) 0o77\n0 1\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/mem")
def test_freed_memory_is_overwritten() -> None:
    script = """
import ctypes
from pandora_core.vault.agent.hardening import scrub_freed_memory
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
scrub_freed_memory()
left = []
for size in (40, 424, 1500):
    place = libc.malloc(ctypes.c_size_t(size))
    ctypes.memset(place, 0x5A, size)
    libc.free(ctypes.c_void_p(place))
    left.append((place, size))
scrub_freed_memory()
memory = open("/proc/self/mem", "rb", 0)
for place, size in left:
    memory.seek(place + 32)
    assert bytes(memory.read(8)) != b"Z" * 8, size
"""
    done = run(script)
    assert done.returncode == 0, done.stderr
