"""What gets out of the vault agent and its client when things go wrong: no secret, no network, no noise."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from vaulting import Place, eventually, put, value_of

from pandora_core.errors import PandoraError
from pandora_core.vault.agent.answers import Field
from pandora_core.vault.agent.client import Client
from pandora_core.vault.agent.framing import SOCKET_NAME
from pandora_core.vault.agent.protocol import Changes, Draft
from pandora_core.vault.crypto.secret import Secret

FAULTY = Path(__file__).with_name("vault_faulty_agent.py")
CANARIES = ["canary-of-a-value-5c1d", "canary-of-a-passphrase-91ae"]
NETWORK_GUARD = """
import os, socket, sys

def refuse(event, args):
    if event == "socket.__new__" and args[1] != socket.AF_UNIX:
        os.write(2, b"NETWORK\\n")
        os._exit(97)
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen") and b"git" in repr(args).encode():
        os.write(2, b"NETWORK\\n")
        os._exit(97)

sys.addaudithook(refuse)
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_a_hundred_errors_that_quote_secrets_say_none_of_them(place: Place, tmp_path: Path, seed: int) -> None:
    counter = tmp_path / "counter"
    out, err = tmp_path / "out", tmp_path / "err"
    command = [sys.executable, str(FAULTY), str(place.data), str(seed), "100", str(counter), *CANARIES]
    with out.open("wb") as stdout, err.open("wb") as stderr:
        agent = subprocess.Popen(command, stdout=stdout, stderr=stderr, start_new_session=True)
        try:
            eventually((place.data / SOCKET_NAME).exists)
            place.client.recipients()
            agent.send_signal(signal.SIGUSR1)
            eventually(counter.exists)
            errors = use_until(lambda: counter.read_text() == "100", place)
            client = place.unlock()
            put(client, "afterwards", CANARIES[0].encode())
            assert value_of(client, "afterwards") == CANARIES[0].encode()
            report = client.verify()
        finally:
            place.client.stop()
            agent.wait(10)
    said = out.read_text() + err.read_text() + place.log + "\n".join(errors)
    assert report.problems == ()
    assert not any(canary in said for canary in CANARIES)
    assert err.read_text().count("an error inside") >= 50
    assert out.read_text() == ""


def use_until(done: Callable[[], bool], place: Place) -> list[str]:
    """Ask for one thing after another; what is said of those that fail."""
    errors = []
    number = 0
    while not done():
        number += 1
        assert number < 10_000
        for ask in (lambda: place.unlock(leases=[]), *askings(place.client, number)):
            try:
                ask()
            except PandoraError as error:
                errors.append(str(error))
    return errors


def askings(client: Client, number: int) -> list[Callable[[], object]]:
    name = f"entry-{number}"
    value = CANARIES[0].encode()

    def edit() -> None:
        with Secret.copy_of(value) as secret:
            client.edit(name, Changes(), [Field("token", secret)])

    def deposit() -> None:
        with Secret.copy_of(value) as secret:
            client.deposit(Draft(name=f"deposit-{number}", hidden=("token",)), [Field("token", secret)])

    return [
        client.status,
        lambda: put(client, name, value),
        lambda: value_of(client, name),
        lambda: client.lease([name]),
        edit,
        client.lock,
        deposit,
        lambda: client.token(name).wipe(),
        client.entries,
    ]


def test_no_secret_is_in_what_an_error_or_an_object_says_of_itself(place: Place) -> None:
    client = place.unlock()
    put(client, "ibm-quantum", CANARIES[0].encode())
    said = []
    with client.get("ibm-quantum") as opened:
        said += [repr(opened), str(opened), repr(opened.fields), repr(vars(opened))]
        with pytest.raises(PandoraError) as caught:
            opened.value("absent")
        said.append(str(caught.value))
    with Secret.copy_of(CANARIES[1].encode()) as wrong:
        from pandora_core.vault.agent.client import Way

        said.append(repr(Way(wrong)))
        with pytest.raises(PandoraError) as caught:
            client.unlock(Way(wrong, key_file=wrong))
        said.append(str(caught.value))
    assert not any(canary in text for canary in CANARIES for text in said)


@pytest.mark.parametrize("without_liboqs", [True, False])
def test_nothing_opens_a_network_socket_or_says_a_word(place: Place, tmp_path: Path, without_liboqs: bool) -> None:
    """The guard is loaded by the interpreter of client and agent both, before anything of ours is."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(NETWORK_GUARD)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "guard"), "PANDORA_DATA": str(place.data)}
    if without_liboqs:
        environment |= {"OQS_INSTALL_PATH": str(tmp_path / "nothing"), "HOME": str(tmp_path), "LD_LIBRARY_PATH": ""}
    said = ""
    for arguments in (
        ["unlock", "--key-file", str(place.key_file), "--json"],
        ["selftest", "--json"],
        ["put", "ibm-quantum", "--value-fd", "0", "--json"],
        ["rotate", "--signing-key", "--json"],
        ["verify", "--json"],
    ):
        command = [sys.executable, "-m", "pandora_core.cli", "vault", *arguments]
        done = subprocess.run(command, env=environment, input=b"token", capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(b"{")
        said += done.stderr.decode()
    assert said == ""
    assert place.log == ""


def test_the_guard_against_the_network_bites(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NETWORK_GUARD)
    script = "import socket; socket.socket(socket.AF_INET)"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=False
    )
    assert done.returncode == 97


def test_commands_and_client_start_without_cryptography() -> None:
    script = (
        "import sys\nfrom pandora_core.cli.vault import vault\nimport pandora_core.vault.agent.client\n"
        "heavy = {name.split('.')[0] for name in sys.modules} & {'cryptography', 'oqs', 'shamir_mnemonic'}\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_help_and_version_import_nothing_of_the_vault() -> None:
    for argument in ("--help", "--version"):
        script = (
            "import sys, contextlib\nfrom pandora_core.cli.main import root\n"
            f"with contextlib.suppress(SystemExit): root(['{argument}'])\n"
            "assert not [name for name in sys.modules if 'pandora_core.vault' in name or 'cryptography' in name]\n"
        )
        with contextlib.suppress(SystemExit):
            subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
