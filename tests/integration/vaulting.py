"""A vault that opens without Argon2id, the agent that keeps it, and what goes with them, for the vault's tests."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pandora_core.vault.agent.answers import EntryView, Field
from pandora_core.vault.agent.client import Client, Way
from pandora_core.vault.agent.connection import LOG_NAME
from pandora_core.vault.agent.protocol import Draft
from pandora_core.vault.agent.secret_sources import read_secret_file
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format.keyfile import KeyFile
from pandora_core.vault.format.slots import Credentials
from pandora_core.vault.format.views import Actor
from pandora_core.vault.storage.vault import Vault

PASSPHRASE = b"correct horse battery staple"
BY = Actor("tester", "here")


@dataclass(frozen=True)
class Place:
    """A data folder with a vault and the key file of its first slot."""

    data: Path
    key_file: Path

    @property
    def client(self) -> Client:
        return Client(self.data, "alice")

    @property
    def log(self) -> str:
        path = self.data / LOG_NAME
        return path.read_text() if path.exists() else ""

    def way(self) -> Way:
        return Way(key_file=read_secret_file(self.key_file, exact=True))

    def unlock(self, **options: object) -> Client:
        client = self.client
        with_way = self.way()
        client.unlock(with_way, **options)  # type: ignore[arg-type]
        with_way.wipe()
        return client

    def agent_pid(self) -> int:
        pid = self.client.status().agent_pid
        assert pid is not None
        return pid

    def kill_agent(self) -> None:
        pid = self.agent_pid()
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())


@pytest.fixture(scope="session")
def vault_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault that a key file opens, made once."""
    folder = tmp_path_factory.mktemp("vault-template")
    folder.chmod(0o700)
    made = KeyFile.generate()
    key_path = folder / "vault.key"
    key_path.touch(mode=0o600)
    with made.encode() as content:
        key_path.write_bytes(content.reveal())
    with Vault.create(folder / "vault.db", Credentials(key_file=made), by=BY) as vault:
        vault.lock(by=BY)
    return folder


@pytest.fixture
def place(vault_template: Path, tmp_path: Path) -> Iterator[Place]:
    """A fresh copy of the vault; its agent is stopped afterwards."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    for name in ("vault.db", "vault.key"):
        shutil.copy(vault_template / name, data / name)
        (data / name).chmod(0o600)
    found = Place(data, data / "vault.key")
    yield found
    found.client.stop()


def put(client: Client, name: str, value: bytes, kind: str = "token") -> EntryView:
    with Secret.copy_of(value) as secret:
        return client.put(Draft(name=name, kind=kind, hidden=("token",)), [Field("token", secret)])


def value_of(client: Client, name: str) -> bytes:
    with client.get(name) as opened:
        return opened.value().reveal()


def eventually(condition: Callable[[], bool], within_s: float = 15.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come about in time"
        time.sleep(0.02)
