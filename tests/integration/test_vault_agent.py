"""The vault agent as a real process: started on demand, shared, locked by time and signals, killed."""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from vaulting import PASSPHRASE, Place, eventually, put, value_of

from pandora_core.errors import (
    ConfigError,
    NotFoundError,
    OpenFailedError,
    RefusedError,
    VaultError,
    VaultFormatError,
    VaultLockedError,
)
from pandora_core.vault.agent import credentials, framing
from pandora_core.vault.agent.answers import Field
from pandora_core.vault.agent.client import Client, Way
from pandora_core.vault.agent.connection import LostAgentError
from pandora_core.vault.agent.protocol import Changes, Draft
from pandora_core.vault.agent.secret_sources import passphrase_secret
from pandora_core.vault.crypto.secret import Secret

WRITER = """
import sys
from pathlib import Path
from pandora_core.vault.agent.client import Client
from pandora_core.vault.agent.answers import Field
from pandora_core.vault.agent.protocol import Draft
from pandora_core.vault.crypto.secret import Secret
client, number = Client(Path(sys.argv[1])), int(sys.argv[2])
while True:
    name = f"entry-{number:05}"
    client.put(Draft(name=name, hidden=("token",)), [Field("token", Secret.copy_of(name.encode() * 40))])
    print(name, flush=True)
    number += 1
"""


def test_the_agent_starts_on_demand_and_a_status_does_not_start_it(place: Place) -> None:
    assert place.client.status().state == "locked"
    assert place.client.status().agent_pid is None
    assert place.client.recipients().bundle.startswith("age1pq1")
    assert place.client.status().agent_pid is not None


def test_a_folder_without_a_vault_is_said_to_have_none(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    client = Client(tmp_path)
    assert client.status().state == "absent"
    with pytest.raises(NotFoundError, match="pandora vault init"):
        client.entries()
    assert client.stop()


def test_socket_log_and_lock_are_private(place: Place) -> None:
    place.client.recipients()
    for name in (framing.SOCKET_NAME, "vault-agent.log", "vault.lock"):
        assert stat.S_IMODE((place.data / name).lstat().st_mode) == 0o600


def test_one_unlock_serves_every_client(place: Place) -> None:
    put(place.unlock(), "ibm-quantum", b"from here")
    script = (
        "import sys\nfrom pathlib import Path\nfrom pandora_core.vault.agent.client import Client\n"
        "print(Client(Path(sys.argv[1])).get('ibm-quantum').value().reveal().decode())\n"
    )
    other = subprocess.run(
        [sys.executable, "-c", script, str(place.data)], capture_output=True, text=True, check=True
    )
    assert other.stdout == "from here\n"


def test_two_clients_write_at_once_and_both_are_kept(place: Place) -> None:
    client = place.unlock()

    def write(who: str) -> None:
        for number in range(10):
            put(client, f"{who}-{number}", who.encode())

    writers = [threading.Thread(target=write, args=(who,)) for who in ("alice", "bob", "carol")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(client.entries()) == 30
    assert value_of(client, "carol-9") == b"carol"


def test_what_needs_the_vault_unlocked_is_refused_while_it_is_locked(place: Place) -> None:
    client = place.client
    with pytest.raises(VaultLockedError):
        client.entries()
    with pytest.raises(VaultLockedError):
        client.get("anything")
    with pytest.raises(VaultLockedError):
        client.token("anything")


def test_a_wrong_key_file_is_one_opaque_error(place: Place) -> None:
    with Secret.random(32) as key:
        from pandora_core.vault.format.keyfile import KeyFile

        with pytest.raises(OpenFailedError):
            place.client.unlock(Way(key_file=KeyFile(key).encode()))
    assert place.client.status().state == "locked"


def test_it_locks_itself_after_the_time_that_was_said_and_leases_stay(place: Place) -> None:
    client = place.unlock()
    put(client, "ibm-quantum", b"lasting")
    put(client, "other", b"not leased")
    client.lease(["ibm-quantum"])
    client = place.unlock(lock_after_s=1.0)
    eventually(lambda: client.status().state == "locked")
    with client.token("ibm-quantum") as token:
        assert token.reveal() == b"lasting"
    with pytest.raises(VaultLockedError):
        client.token("other")
    client.lock(end_leases=True)
    with pytest.raises(VaultLockedError):
        client.token("ibm-quantum")


def test_use_keeps_it_from_locking_itself(place: Place) -> None:
    client = place.unlock(lock_after_s=1.2)
    put(client, "used", b"often")
    for _ in range(9):
        assert value_of(client, "used") == b"often"
        time.sleep(0.2)
    assert client.status().state == "unlocked"


def test_a_lease_follows_its_entry(place: Place) -> None:
    client = place.unlock()
    put(client, "ibm-quantum", b"old")
    client.lease(["ibm-quantum"])
    with Secret.copy_of(b"new") as value:
        client.edit("ibm-quantum", Changes(), [Field("token", value)])
    client.lock()
    with client.token("ibm-quantum") as token:
        assert token.reveal() == b"new"
    place.unlock().remove("ibm-quantum")
    assert client.status().leases == ()


def test_a_lease_of_what_is_not_there_leases_nothing(place: Place) -> None:
    client = place.unlock()
    put(client, "there", b"x")
    with pytest.raises(NotFoundError):
        client.lease(["there", "absent"])
    assert client.status().leases == ()


def test_a_hang_up_locks_and_leaves_leases(place: Place) -> None:
    client = place.unlock()
    put(client, "ibm-quantum", b"x")
    client.lease(["ibm-quantum"])
    os.kill(place.agent_pid(), signal.SIGHUP)
    eventually(lambda: client.status().state == "locked")
    assert [lease.name for lease in client.status().leases] == ["ibm-quantum"]


def test_a_hang_up_of_the_terminal_that_started_it_is_not_for_it(place: Place) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom pandora_core.vault.agent.client import Client\n"
        "print(Client(Path(sys.argv[1])).recipients().bundle[:7])\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(place.data)], start_new_session=True) as starter:
        starter.wait()
    pid = place.agent_pid()
    assert os.getsid(pid) == pid


def test_sigterm_ends_it_and_the_next_one_serves(place: Place) -> None:
    client = place.unlock()
    put(client, "kept", b"x")
    pid = place.agent_pid()
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: client.status().agent_pid is None)
    assert not (place.data / framing.SOCKET_NAME).exists()
    assert value_of(place.unlock(), "kept") == b"x"
    assert place.agent_pid() != pid
    assert place.log == ""


def test_an_unlock_by_passphrase_keeps_nobody_waiting(place: Place) -> None:
    client = place.unlock()
    with passphrase_secret(PASSPHRASE) as passphrase:
        client.add_slot("mine", Way(passphrase))
        client.lock()
        unlocking = threading.Thread(target=client.unlock, args=(Way(passphrase),))
        unlocking.start()
        seen = []
        while unlocking.is_alive():
            seen.append(client.status().state)
            client.recipients()
        unlocking.join()
    assert seen.count("unlocking") >= 3
    assert client.status().state == "unlocked"


@pytest.mark.parametrize("delay_s", [0.0, 0.01, 0.02, 0.035, 0.05, 0.08])
def test_a_kill_at_any_instant_of_a_put_loses_nothing_that_was_answered(place: Place, delay_s: float) -> None:
    place.unlock()
    command = [sys.executable, "-c", WRITER, str(place.data), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as writer:
        assert writer.stdout is not None
        written = [writer.stdout.readline().strip() for _ in range(3)]
        time.sleep(delay_s)
        place.kill_agent()
        written += writer.stdout.read().split()
    assert writer.returncode != 0
    client = place.unlock()
    there = {entry.name for entry in client.entries()}
    assert set(written) <= there
    assert len(there) <= len(written) + 1
    assert all(value_of(client, name) == name.encode() * 40 for name in there)
    assert client.verify().sound


def test_a_read_is_in_the_audit_trail_soon_after_though_nobody_reads_on_and_the_agent_is_killed(place: Place) -> None:
    client = place.unlock()
    put(client, "ibm-quantum", b"value")
    before = client.status().audit_records
    assert value_of(client, "ibm-quantum") == b"value"
    eventually(lambda: client.status().audit_records > before, within_s=10)
    place.kill_agent()
    reads = [record.details["reads"] for record in place.unlock().audit() if record.kind == "get"]
    assert reads == [{"ibm-quantum": 1}]


def test_hostile_frames_end_their_own_connection_and_nothing_else(place: Place) -> None:
    client = place.unlock()
    put(client, "kept", b"x")
    for octets in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"PVA1\xff\xff\xff\xff\xff\xff\xff\xff",
        b"PVA1\0\0\0\x04\0\0\0\0\xc1\xc1\xc1\xc1",
        b"PVA1\0\0\0\x01\0\0\0\0\xc0",
        os.urandom(4096),
        b"PVA1",
        b"",
    ):
        with socket.socket(socket.AF_UNIX) as hostile:
            hostile.settimeout(5)
            hostile.connect(str(place.data / framing.SOCKET_NAME))
            assert hostile.recv(4, socket.MSG_WAITALL) == framing.GREETING
            hostile.sendall(octets)
            hostile.shutdown(socket.SHUT_WR)
            drained(hostile)
        assert value_of(client, "kept") == b"x"
    assert place.log == ""


def test_a_request_that_is_not_known_is_an_answer_not_a_crash(place: Place) -> None:
    place.client.recipients()
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(place.data / framing.SOCKET_NAME))
        stranger.recv(4, socket.MSG_WAITALL)
        framing.send(stranger, b"\x81\xa3ask\xa9something")
        frame = framing.receive(stranger, words_limit_bytes=10_000, wait_s=5, frame_s=5)
        assert frame is not None
        assert b"VaultFormatError" in frame.words


def test_secrets_that_do_not_fit_their_request_are_refused(place: Place) -> None:
    client = place.unlock()
    from pandora_core.vault.agent import connection, protocol

    request = protocol.Put(draft=Draft(name="n", fields=("a", "b")))
    with Secret.copy_of(b"x") as secret, pytest.raises(VaultFormatError):
        connection.exchange(place.data, request, type(None), [secret])
    with pytest.raises(VaultFormatError):
        connection.exchange(place.data, protocol.Unlock(keys=protocol.Keys(passphrase=True)), type(None))
    with pytest.raises(VaultFormatError):
        connection.exchange(place.data, protocol.Open(), type(None))
    assert client.status().state == "unlocked"


def test_what_is_too_large_for_an_entry_is_refused_before_it_is_sent(place: Place) -> None:
    client = place.unlock()
    with Secret(17 * 1024 * 1024 + 1) as large, pytest.raises(VaultFormatError, match="pandora vault seal"):
        client.put(Draft(name="large"), [Field("v", large)])
    with Secret.copy_of(b"x") as value, pytest.raises(VaultFormatError):
        client.put(Draft(name="noted", note="n" * 2_000_000), [Field("v", value)])
    assert client.status().state == "unlocked"


def test_an_agent_that_says_nothing_is_not_taken_for_a_locked_vault(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("pandora_core.vault.agent.connection._START_S", 0.1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / framing.SOCKET_NAME))
        silent.listen()
        with pytest.raises(LostAgentError, match="said nothing"):
            Client(tmp_path).status()


def test_a_folder_in_which_no_agent_can_start_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "vault-agent.log").mkdir()
    with pytest.raises(VaultError, match="cannot be started: Is a directory"):
        Client(tmp_path).recipients()


def test_a_time_to_lock_after_that_is_out_of_bounds_is_refused(place: Place) -> None:
    for lock_after_s in (0.0, -1.0, 1e9, float("nan")):
        with pytest.raises(VaultFormatError):
            place.unlock(lock_after_s=lock_after_s)


def test_the_agent_grants_no_dumps_and_no_tracing(place: Place) -> None:
    status = place.unlock().status()
    assert status.no_core_dumps
    assert status.no_tracing
    limits = Path(f"/proc/{status.agent_pid}/limits").read_text()
    assert next(line.split()[4:6] for line in limits.splitlines() if "core file" in line) == ["0", "0"]
    assert resource.prlimit(status.agent_pid or 0, resource.RLIMIT_CORE) == (0, 0)


def test_a_deposit_into_a_locked_vault_is_taken_in_at_the_next_unlock(place: Place) -> None:
    client = place.client
    with Secret.copy_of(b"found on host 7") as value:
        client.deposit(Draft(name="seized", hidden=("token",)), [Field("token", value)])
    assert client.status().deposits == 1
    client = place.unlock()
    assert client.status().taken_in == ("seized",)
    assert value_of(client, "seized") == b"found on host 7"


def test_a_file_is_sealed_while_locked_and_opened_when_unlocked(place: Place, tmp_path: Path) -> None:
    evidence, sealed, opened = (tmp_path / name for name in ("evidence", "sealed", "opened"))
    evidence.write_bytes(os.urandom(300_000))
    with evidence.open("rb") as source, sealed.open("wb") as sink:
        done = place.client.seal(source.fileno(), sink.fileno(), "evidence", media="text/plain")
    assert done.size_bytes == 300_000
    client = place.unlock()
    with sealed.open("rb") as source, opened.open("wb") as sink:
        again = client.open(source.fileno(), sink.fileno())
    assert opened.read_bytes() == evidence.read_bytes()
    assert (again.sha384, again.name) == (done.sha384, "evidence")


def test_a_file_that_cannot_be_written_is_an_answer_that_says_so(place: Place) -> None:
    client = place.unlock()
    with (
        open(__file__, "rb") as source,
        open("/dev/full", "wb", 0) as full,
        pytest.raises(VaultError, match="No space left"),
    ):
        client.seal(source.fileno(), full.fileno(), "x")
    with (
        open(__file__, "rb") as source,
        open(__file__, "rb") as not_writable,
        pytest.raises(VaultError, match="refused"),
    ):
        client.seal(source.fileno(), not_writable.fileno(), "x")
    assert client.status().state == "unlocked"


def test_a_socket_that_somebody_else_listens_at_is_not_spoken_to(place: Place, monkeypatch) -> None:
    place.client.recipients()
    monkeypatch.setattr(framing, "peer_uid", lambda _: os.geteuid() + 1)
    with pytest.raises(VaultError, match="somebody else's"):
        place.client.status()
    monkeypatch.undo()


def test_an_agent_that_cannot_start_says_why(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "vault.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises((VaultError, OSError)):
        Client(data).entries()


def test_a_token_is_looked_for_in_file_environment_and_lease(place: Place) -> None:
    client = place.unlock()
    put(client, "ibm-quantum", b"of the vault")
    variable = "PANDORA_SECRET_IBM_QUANTUM"
    assert token(place, {}) == b"of the vault"
    assert token(place, {variable: "of the environment"}) == b"of the environment"
    secrets = place.data / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "ibm-quantum").write_text("of the file\n")
    with pytest.raises(ConfigError, match="chmod 600"):
        token(place, {})
    (secrets / "ibm-quantum").chmod(0o600)
    assert token(place, {variable: "of the environment"}) == b"of the file"


def token(place: Place, environment: dict[str, str]) -> bytes:
    with credentials.lease(place.data, "ibm-quantum", environment=environment) as secret:
        return secret.reveal()


def test_init_makes_a_vault_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    client = Client(data)
    from pandora_core.vault.format.keyfile import KeyFile

    with KeyFile.generate().encode() as content:
        try:
            assert client.init(Way(key_file=content), "standard").profile == "standard"
            with pytest.raises(RefusedError):
                client.init(Way(key_file=content))
        finally:
            client.stop()


def drained(connection: socket.socket) -> bytes:
    octets = b""
    try:
        while more := connection.recv(4096):
            octets += more
    except ConnectionResetError:
        pass
    return octets
