"""The commands of ``pandora vault`` as people and scripts use them: prompts, files, JSON, exit codes, clipboard."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import select
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from vaulting import Place

from pandora_core.cli import clipboard
from pandora_core.cli.main import COMMANDS
from pandora_core.cli.vault import vault
from pandora_core.vault.agent.answers import EntryView
from pandora_core.vault.agent.client import Client

DOCS = Path(__file__).resolve().parents[2] / "docs"
PROGRAM = [sys.executable, "-m", "pandora_core.cli"]

ENTRY = {"id", "name", "kind", "version", "created", "changed", "tags", "note", "fields"}
SLOT = {"id", "type", "label", "memory_mib", "passes", "threshold", "shares", "recipient"}
CUSTODY = {"name", "media", "size_bytes", "sha384", "sealed_sha384", "file_id", "at", "actor", "host"}
STATUS = {
    *("state", "agent_pid", "vault_id", "profile", "provider", "epoch", "generation", "entries", "slots", "deposits"),
    *("commit", "audit_records", "integrity", "freshness", "locks_in_s", "leases", "taken_in", "refused_deposits"),
    *("memory_locked", "no_core_dumps", "no_tracing"),
}


class Shell:
    """Runs ``pandora vault …`` on a data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.environment = {**os.environ, "PANDORA_DATA": str(data), "TERM": "xterm"}
        self.environment.pop("TMUX", None)
        self.environment.pop("STY", None)

    def run(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Without a terminal, as a script does."""
        command = [*PROGRAM, "vault", *arguments]
        return subprocess.run(
            command, env=self.environment, input=given, capture_output=True, check=False, start_new_session=True
        )

    def json(self, *arguments: str, given: bytes = b"") -> Any:
        done = self.run(*arguments, "--json", given=given)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def typed(self, *arguments: str, answers: Sequence[tuple[str, str]] = (), until: str = "") -> Typed:
        """At a terminal, where each answer is typed when its question is there."""
        return Typed([*PROGRAM, "vault", *arguments], self.environment, answers, until)


class Typed:
    """What a command showed at its terminal, and how it ended."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], answers: Sequence[tuple[str, str]], until: str
    ) -> None:
        process, self._master = pty.fork()
        if process == 0:
            os.execvpe(command[0], list(command), environment)
        self.shown = ""
        try:
            for question, answer in answers:
                self._read_until(question)
                self._await_silence_of_echo()
                os.write(self._master, answer.encode() + b"\n")
            self._read_until(until or None)
            self.exit_code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            if until:
                self._read_until(None, within_s=5)
        finally:
            os.close(self._master)

    def _await_silence_of_echo(self) -> None:
        deadline_s = time.monotonic() + 10
        while termios.tcgetattr(self._master)[3] & termios.ECHO:
            assert time.monotonic() < deadline_s, "what is typed would be shown"
            time.sleep(0.01)

    def _read_until(self, text: str | None, within_s: float = 60) -> None:
        deadline_s = time.monotonic() + within_s
        while text is None or text not in self.shown:
            ready, _, _ = select.select([self._master], [], [], max(0.0, deadline_s - time.monotonic()))
            if not ready:
                assert text is None, f"{text!r} did not come: {self.shown!r}"
                return
            try:
                more = os.read(self._master, 4096)
            except OSError:  # the program has left its terminal
                more = b""
            if not more:
                assert text is None, f"{text!r} did not come: {self.shown!r}"
                return
            self.shown += more.decode("utf-8", "replace")


@pytest.fixture
def shell(place: Place) -> Shell:
    """A vault that is unlocked."""
    place.unlock()
    return Shell(place.data)


def test_every_command_of_the_vault_is_there_and_has_help_and_json() -> None:
    wanted = (
        "init status unlock lock put get list edit rm history rotate slots recipients seal open deposit export import"
        " verify audit witness backup selftest"
    )
    assert set(wanted.split()) == set(vault.commands)
    for command in vault.commands.values():
        assert command.help
        assert "..." not in command.get_short_help_str(limit=60)
        assert "as_json" in {parameter.name for parameter in command.params}
    assert "vault" in COMMANDS


def test_no_option_takes_a_secret_as_an_argument() -> None:
    for command in vault.commands.values():
        for parameter in command.params:
            assert not re.fullmatch(r"passphrase|password|value|token", parameter.name or "")


def test_a_vault_is_made_unlocked_and_used_by_what_is_typed(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "data")
    try:
        phrase = "Zoë's horse battery"
        made = shell.typed("init", answers=[("New passphrase: ", phrase), ("New passphrase again: ", phrase)])
        assert made.exit_code == 0, made.shown
        assert shell.run("lock").returncode == 0
        assert shell.typed("unlock", answers=[("Passphrase: ", "wrong")]).exit_code == 1
        opened = shell.typed("unlock", answers=[("Passphrase: ", phrase)])
        assert opened.exit_code == 0
        put = shell.typed("put", "mail", "--kind", "login", "--set", "user=zoe", answers=[("Password: ", "s3cr3t!")])
        assert put.exit_code == 0, put.shown
        assert "horse" not in made.shown + opened.shown
        assert "s3cr3t!" not in put.shown
        assert shell.run("get", "mail", "--field", "password").stdout == b"s3cr3t!\n"
        masked = shell.run("get", "mail").stdout.decode()
        assert "user: zoe" in masked
        assert "s3cr3t!" not in masked
    finally:
        Client(shell.data).stop()


def test_two_passphrases_that_differ_make_no_vault(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "data")
    made = shell.typed("init", answers=[("New passphrase: ", "one and two"), ("New passphrase again: ", "three")])
    assert made.exit_code == 2
    assert not (shell.data / "vault.db").exists()


def test_without_a_terminal_a_prompt_is_refused_and_says_what_to_do(shell: Shell) -> None:
    done = shell.run("put", "x")
    assert done.returncode == 2
    assert b"file descriptor" in done.stderr
    assert b"Traceback" not in done.stderr


def test_exit_codes_tell_locked_from_failed_from_wrong_usage(shell: Shell) -> None:
    assert shell.run("get", "absent").returncode == 1
    assert shell.run("get").returncode == 2
    assert shell.run("put", "twice", "--value-fd", "0", given=b"x").returncode == 0
    assert shell.run("put", "twice", "--value-fd", "0", given=b"x").returncode == 3
    assert shell.run("lock").returncode == 0
    assert shell.run("get", "twice").returncode == 3


def test_a_value_comes_and_goes_as_it_is(shell: Shell) -> None:
    value = bytes(range(256)) * 20
    assert shell.run("put", "binary", "--kind", "key", "--value-fd", "0", given=value + b"\n").returncode == 0
    assert shell.run("get", "binary", "--field", "key").stdout == value + b"\n"
    (field,) = shell.json("get", "binary")["fields"]
    assert field["encoding"] == "base64"
    assert base64.b64decode(field["value"]) == value


def test_a_file_with_a_secret_that_others_can_read_is_refused(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("value\n")
    path.chmod(0o644)
    done = shell.run("put", "x", "--value-file", str(path))
    assert (done.returncode, b"chmod 600" in done.stderr) == (2, True)
    path.chmod(0o600)
    assert shell.run("put", "x", "--value-file", str(path)).returncode == 0
    assert shell.run("get", "x", "--field", "token").stdout == b"value\n"


def test_an_entry_is_edited_rotated_listed_and_removed(shell: Shell) -> None:
    shell.json("put", "ibm", "--tag", "cloud", "--note", "prod", "--value-fd", "0", given=b"old")
    assert shell.json("rotate", "ibm", "--value-fd", "0", given=b"new")["version"] == 2
    edited = shell.json("edit", "ibm", "--name", "ibm-quantum", "--tag", "quantum", "--set", "url=https://x")
    assert (edited["name"], edited["tags"], edited["version"]) == ("ibm-quantum", ["quantum"], 3)
    assert {"name": "url", "hidden": False} in edited["fields"]
    assert shell.run("get", "ibm-quantum", "--field", "token").stdout == b"new\n"
    assert shell.run("get", "ibm-quantum", "--version", "1", "--field", "token").stdout == b"old\n"
    assert [entry["name"] for entry in shell.json("list", "QUANTUM")["items"]] == ["ibm-quantum"]
    assert shell.json("list", "nothing")["items"] == []
    assert [entry["version"] for entry in shell.json("history", "ibm-quantum")["items"]] == [3, 2, 1]
    assert shell.json("rm", "ibm-quantum", "--yes") == {"removed": "ibm-quantum"}
    assert shell.json("list")["items"] == []


def test_the_trail_names_what_was_read_and_an_unlock_what_was_taken_in(shell: Shell, place: Place) -> None:
    place.unlock()
    shell.run("put", "found", "--value-fd", "0", given=b"one")
    for _ in range(2):
        assert shell.run("get", "found").returncode == 0
    shell.run("lock")
    assert shell.run("deposit", "left", "--value-fd", "0", given=b"two").returncode == 0
    assert b"1 slot, 1 deposit\n" in shell.run("status").stdout
    assert b"taken in from deposits: left\n" in shell.run("unlock", "--key-file", str(place.key_file)).stdout
    trail = shell.run("audit").stdout.decode()
    assert sum(line.count("found") for line in trail.splitlines() if "  get  " in line) in (1, 2)


def test_a_secret_is_rotated_from_a_file_and_a_slot_closed_by_some_digits(
    shell: Shell, place: Place, tmp_path: Path
) -> None:
    place.unlock()
    (tmp_path / "value").write_bytes(b"new")
    (tmp_path / "value").chmod(0o600)
    shell.run("put", "token", "--value-fd", "0", given=b"old")
    assert shell.run("rotate", "token", "--value-file", str(tmp_path / "value")).returncode == 0
    assert shell.run("get", "token", "--field", "token").stdout == b"new\n"
    slot = shell.json("slots", "add", "usb", "--new-key-file", str(tmp_path / "usb.key"))["id"]
    assert shell.run("slots", "rm", slot[:7]).returncode == 1
    assert shell.run("slots", "rm", "").returncode == 1
    assert shell.run("slots", "rm", slot[:8]).returncode == 0
    assert len(shell.json("slots")["items"]) == 1


def test_a_folder_that_is_meant_for_all_is_not_to_be_closed(shell: Shell, place: Place, tmp_path: Path) -> None:
    place.unlock()
    (tmp_path / "shared").mkdir()
    for mode, hint in ((0o1777, b"folder of your own"), (0o755, b"chmod 700")):
        (tmp_path / "shared").chmod(mode)
        done = shell.run("backup", str(tmp_path / "shared" / "copy.db"))
        assert (done.returncode, hint in done.stderr) == (1, True)


def test_what_no_vault_sealed_is_said_to_be_so(shell: Shell, place: Place, tmp_path: Path) -> None:
    place.unlock()
    (tmp_path / "plain").write_bytes(b"not sealed")
    done = shell.run("open", str(tmp_path / "plain"), str(tmp_path / "out"))
    assert (done.returncode, b"not a file that a vault sealed" in done.stderr) == (1, True)


def test_the_json_of_every_command_is_as_documented(shell: Shell, place: Place, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    status = shell.json("status")
    assert set(status) == STATUS
    entry = shell.json("put", "ibm", "--value-fd", "0", given=b"value")
    assert set(entry) == ENTRY
    assert set(entry["fields"][0]) == {"name", "hidden"}
    assert set(shell.json("get", "ibm")["fields"][0]) == {"name", "hidden", "value", "encoding"}
    assert set(shell.json("list")) == {"items", "next"}
    assert shell.json("deposit", "later", "--value-fd", "0", given=b"x") == {"deposited": "later"}
    (slot,) = shell.json("slots")["items"]
    assert set(slot) == SLOT
    shares = shell.json("slots", "add", "recovery", "--split", "2/3")
    assert set(shares) == SLOT | {"words"}
    assert len(shares["words"]) == 3
    assert shell.json("slots", "rm", shares["id"]) == {"removed": shares["id"]}
    public = shell.json("recipients")
    assert set(public) == {"vault", "bundle", "signer", "signer_fingerprint"}
    evidence = tmp_path / "evidence"
    evidence.write_bytes(b"pcap")
    assert set(shell.json("seal", str(evidence))) == CUSTODY | {"path"}
    assert set(shell.json("open", f"{evidence}.sealed", str(tmp_path / "again"))) == CUSTODY | {"path"}
    bundle = tmp_path / "bundle"
    assert shell.json("export", str(bundle), "ibm", "--file", str(evidence), "--to", public["bundle"]) == {
        "path": str(bundle),
        "names": ["ibm"],
        "files": ["evidence"],
    }
    (tmp_path / "into").mkdir(mode=0o700)
    imported = shell.json("import", str(bundle), "--into", str(tmp_path / "into"))
    assert set(imported) == {"signer", "added", "updated", "skipped", "files"}
    assert (tmp_path / "into" / "evidence").read_bytes() == b"pcap"
    assert set(shell.json("rotate", "--epoch")) == {"epoch", "generation", "removed_slots"}
    report = shell.json("verify")
    assert set(report) == {"sound", "problems", "integrity", "freshness", "commit", "audit_records"}
    records = shell.json("audit")["items"]
    assert set(records[0]) == {"sequence", "at", "actor", "host", "kind", "subject", "details"}
    assert set(shell.json("witness")) == {"line", "code"}
    assert set(shell.json("backup", str(tmp_path / "copy.db"))) == {"path", "size_bytes"}
    selftest = shell.json("selftest")
    assert selftest["passed"]
    assert set(selftest["checks"][0]) == {"provider", "algorithm", "passed", "detail"}
    assert set(shell.json("unlock", "--key-file", str(place.key_file), "--lease", "ibm")["leases"][0]) == {
        "name",
        "since",
    }
    assert shell.json("lock", "--all")["leases"] == []
    assert shell.json("lock", "--stop")["agent_pid"] is None


def test_the_documentation_names_every_command_and_every_member() -> None:
    page = (DOCS / "cli.md").read_text().split("## pandora vault")[1]
    for name in vault.commands:
        assert re.search(rf"[`(, ]{name}\b", page), name
    for member in ENTRY | SLOT | CUSTODY | STATUS | {"encoding", "value", "words", "removed_slots", "deposited"}:
        assert re.search(rf"[`\s]{member}\b", page), member


def test_a_witness_shows_that_the_file_was_rolled_back(shell: Shell, place: Place, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    shell.json("backup", str(tmp_path / "old.db"))
    shell.json("put", "new", "--value-fd", "0", given=b"x")
    assert shell.run("witness", "--save", str(tmp_path / "witness")).returncode == 0
    assert stat.S_IMODE((tmp_path / "witness").stat().st_mode) == 0o600
    assert shell.json("verify", "--witness-file", str(tmp_path / "witness"))["sound"]
    shell.run("lock", "--stop")
    for name in ("vault.db", "vault.db-journal"):
        (place.data / name).unlink(missing_ok=True)
    (tmp_path / "old.db").rename(place.data / "vault.db")
    assert shell.json("verify")["sound"]
    rolled_back = shell.run("verify", "--witness-file", str(tmp_path / "witness"), "--json")
    assert rolled_back.returncode == 1
    assert not json.loads(rolled_back.stdout)["sound"]


def test_recovery_shares_open_the_vault(shell: Shell) -> None:
    words = shell.json("slots", "add", "recovery", "--split", "2/3")["words"]
    shell.run("lock")
    answers = [("Share 1: ", words[2]), ("Share 2: ", words[0]), ("Share 3: ", "")]
    opened = shell.typed("unlock", "--shares", answers=answers)
    assert opened.exit_code == 0, opened.shown
    assert not any(word in opened.shown for word in words)


def test_the_identity_of_a_recipient_opens_its_slot(shell: Shell, tmp_path: Path) -> None:
    identity = tmp_path / "identity"
    made = shell.json("recipients", "--new-identity", str(identity))
    assert stat.S_IMODE(identity.stat().st_mode) == 0o600
    assert shell.json("slots", "add", "safe", "--recipient", made["recipient"])["type"] == "recipient"
    shell.run("lock")
    assert shell.run("unlock", "--identity-file", str(identity)).returncode == 0
    assert shell.run("recipients", "--new-identity", str(identity)).returncode == 2


def test_a_passphrase_and_a_key_file_together_are_one_way_in(shell: Shell, tmp_path: Path) -> None:
    phrase, key_file = tmp_path / "phrase", tmp_path / "second.key"
    phrase.touch(mode=0o600)
    phrase.write_bytes(b"correct horse battery\n")
    both = ("--passphrase-file", str(phrase))
    assert shell.json("slots", "add", "both", *both, "--new-key-file", str(key_file))["label"] == "both"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    shell.run("lock")
    assert shell.run("unlock", *both).returncode == 1
    assert shell.run("unlock", "--key-file", str(key_file)).returncode == 1
    assert shell.run("unlock", *both, "--key-file", str(key_file)).returncode == 0


def test_a_file_that_does_not_open_leaves_nothing_behind(shell: Shell, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    evidence.write_bytes(os.urandom(200_000))
    shell.json("seal", str(evidence))
    sealed = Path(f"{evidence}.sealed")
    sealed.write_bytes(sealed.read_bytes()[:-1])
    assert shell.run("open", str(sealed), str(tmp_path / "out")).returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "data") == ["evidence", "evidence.sealed"]


def test_nothing_is_ever_written_over(shell: Shell, tmp_path: Path) -> None:
    evidence, there = tmp_path / "evidence", tmp_path / "there"
    evidence.write_bytes(b"x")
    there.write_bytes(b"mine")
    assert shell.run("seal", str(evidence), str(there)).returncode == 2
    assert there.read_bytes() == b"mine"


def test_a_pipe_is_sealed_and_opened(shell: Shell, tmp_path: Path) -> None:
    data = os.urandom(300_000)
    sealed = tmp_path / "dump.sealed"
    assert shell.run("seal", "-", str(sealed), given=data).returncode == 0
    opened = shell.run("open", str(sealed), "-")
    assert opened.returncode == 0, opened.stderr
    assert opened.stdout == data


def test_a_one_time_password_is_made_of_its_seed(shell: Shell) -> None:
    seed = b"GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
    shell.json("put", "vpn", "--kind", "totp", "--value-fd", "0", given=seed)
    assert re.fullmatch(rb"\d{6}\n", shell.run("get", "vpn", "--code").stdout)
    refused = shell.run("put", "bad-seed", "--kind", "totp", "--value-fd", "0", given=b"not base32!")
    assert (refused.returncode, b"base32" in refused.stderr) == (2, True)
    shell.json("put", "no-seed", "--value-fd", "0", given=b"!!")
    assert shell.run("get", "no-seed", "--code").returncode == 2


def test_clip_writes_to_the_terminal_and_clears_it_after_its_time(shell: Shell) -> None:
    shell.json("put", "ibm", "--value-fd", "0", given=b"to-be-copied")
    copied = shell.typed("get", "ibm", "--clip", "--clear-after", "1", until="\x1b]52;c;!\x07")
    assert copied.exit_code == 0
    assert f"\x1b]52;c;{base64.b64encode(b'to-be-copied').decode()}\x07" in copied.shown
    assert "cleared in 1 s" in copied.shown
    assert "to-be-copied" not in copied.shown


def test_clip_inside_tmux_warns_of_tmuxs_own_buffer(shell: Shell) -> None:
    shell.json("put", "ibm", "--value-fd", "0", given=b"x")
    shell.environment["TMUX"] = "/tmp/tmux-0/default,1,0"
    copied = shell.typed("get", "ibm", "--clip", "--clear-after", "0")
    assert "tmux delete-buffer" in copied.shown


def test_clip_without_a_terminal_is_refused(shell: Shell) -> None:
    shell.json("put", "ibm", "--value-fd", "0", given=b"x")
    done = shell.run("get", "ibm", "--clip")
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.parametrize(("environment", "word"), [({}, ""), ({"TMUX": "x"}, "tmux"), ({"STY": "x"}, "screen")])
def test_a_multiplexer_is_warned_of(environment: dict[str, str], word: str) -> None:
    assert word in clipboard.warning(environment)
    assert bool(clipboard.warning(environment)) is bool(environment)


def test_the_main_field_is_the_first_that_is_hidden() -> None:
    view = {"id": "", "name": "n", "kind": "login", "version": 1, "created_ms": 0, "changed_ms": 0}
    assert EntryView(**view, fields=("user", "password"), hidden=("password",)).main_field == "password"
    assert EntryView(**view, fields=("user",)).main_field == "user"
    assert EntryView(**view).main_field == ""
