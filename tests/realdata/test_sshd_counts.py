"""Real auth logs: what the decoder counts is what independent expressions over the raw text count."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pandora_core.ingest.format import Decoded
from pandora_core.ingest.formats.sshd import SshdFormat
from pandora_core.model import Event, from_iso

pytestmark = pytest.mark.realdata

SharedData = Callable[[str], Path]
FILES = ("elastic_suspicious_login_auth.log", "loghub_OpenSSH_2k.log", "loghub_Linux_2k.log")
MODIFIED_US = from_iso("2017-06-01T00:00:00")


def read(shared_data: SharedData, name: str) -> tuple[list[str], list[Decoded]]:
    raw = (shared_data("sshd") / "sshd" / name).read_bytes().splitlines()
    decoder = SshdFormat().decoder(None, filename=name, modified_us=MODIFIED_US)
    return [line.decode() for line in raw], decoder.decode(raw)


def found(decoded: list[Decoded], **fields: str) -> list[Event]:
    events = [one for one in decoded if isinstance(one, Event)]
    return [one for one in events if all(getattr(one, name) == value for name, value in fields.items())]


def matches(lines: list[str], pattern: str) -> int:
    return sum(re.search(pattern, line) is not None for line in lines)


@pytest.mark.parametrize("name", FILES)
def test_every_line_becomes_an_event_with_host_time_and_message(shared_data: SharedData, name: str) -> None:
    lines, decoded = read(shared_data, name)
    assert len(found(decoded)) == len(lines)
    for line, one in zip(lines, found(decoded), strict=True):
        assert one.host == line.split()[3]
        assert one.message is not None
        assert line.rstrip().removesuffix("]").endswith(one.message.removesuffix("]"))
        assert 2016 <= 1970 + one.at_us / 31_556_952e6 <= 2018


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_recognised(shared_data: SharedData, name: str) -> None:
    head = (shared_data("sshd") / "sshd" / name).read_bytes()[:65_536]
    assert SshdFormat().sniff(head, name) > 0.9


def test_the_table_made_of_a_log_is_not_taken_for_one(shared_data: SharedData) -> None:
    name = "loghub_OpenSSH_2k.log_structured.csv"
    assert SshdFormat().sniff((shared_data("sshd") / "sshd" / name).read_bytes()[:65_536], name) < 0.5


def test_elastic_has_713_failed_passwords_and_226_accepted(shared_data: SharedData) -> None:
    lines, decoded = read(shared_data, FILES[0])
    failed = found(decoded, action="logon", outcome="failure")
    by_method = Counter(one.more["authentication.method"] for one in failed)
    assert by_method["password"] == matches(lines, r"Failed password for ") == 713
    assert by_method["publickey"] == matches(lines, r"Failed publickey for ") == 4
    accepted = found(decoded, dataset="linux.sshd", action="logon", outcome="success")
    assert len(accepted) == matches(lines, r"sshd\[\d+\]: Accepted ") == 226


def test_elastic_s_repeats_are_counted_into_the_attempts(shared_data: SharedData) -> None:
    lines, decoded = read(shared_data, FILES[0])
    plain = matches(lines, r"\]: Failed (password|publickey) for ")
    repeated = sum(int(times) for times in re.findall(r"message repeated (\d+) times: \[ Failed ", "\n".join(lines)))
    failed = found(decoded, action="logon", outcome="failure")
    assert sum(one.count for one in failed) == plain + repeated > 717


def test_elastic_s_sources_and_users_are_those_in_the_text(shared_data: SharedData) -> None:
    lines, decoded = read(shared_data, FILES[0])
    pattern = re.compile(
        r"Failed (?:password|publickey) for (invalid user )?(.*) from (\d+\.\d+\.\d+\.\d+) port (\d+) ssh2"
    )
    expected = Counter((m[2] or None, m[3], int(m[4]), not m[1]) for line in lines if (m := pattern.search(line)))
    failed = found(decoded, action="logon", outcome="failure")
    assert Counter((e.user, e.source_ip, e.source_port, e.more["user.known"]) for e in failed) == expected


def test_elastic_s_privileged_actions_are_all_there(shared_data: SharedData) -> None:
    lines, decoded = read(shared_data, FILES[0])
    assert len(found(decoded, action="sudo", outcome="success")) == matches(lines, r"sudo: +\S+ : .*COMMAND=") > 100
    assert len(found(decoded, dataset="linux.su", outcome="success")) == matches(lines, r"Successful su for ") > 0
    assert len(found(decoded, action="user-created", outcome="success")) == matches(lines, r"new user: name=") > 0
    assert len(found(decoded, action="session-opened")) == matches(
        lines, r"session opened for|New session \d+ of user"
    )


def test_loghub_s_openssh_has_520_failed_and_1_accepted(shared_data: SharedData) -> None:
    lines, decoded = read(shared_data, FILES[1])
    assert len(found(decoded, action="logon", outcome="failure")) == matches(lines, r"Failed password for ") == 520
    assert len(found(decoded, action="logon", outcome="success")) == matches(lines, r"Accepted password for ") == 1
    assert len(found(decoded, action="logon-probe")) == matches(lines, r"Failed none for ") == 4
    assert len(found(decoded, action="reverse-mapping-failed")) == matches(lines, r"reverse mapping checking")


def test_loghub_s_linux_has_only_pam_lines_and_these_are_the_attempts(shared_data: SharedData) -> None:
    lines, decoded = read(shared_data, FILES[2])
    failed = found(decoded, action="logon", outcome="failure")
    assert len(failed) == matches(lines, r"\(pam_unix\)\[\d+\]: authentication failure;") == 490
    assert sum(one.protocol == "ssh" for one in failed) == matches(lines, r"sshd\(pam_unix\)\[\d+\]: auth.* failure;")
    assert sum(one.source_ip is not None for one in failed) == matches(lines, r"failure;.*rhost=\d+\.\d+\.\d+\.\d+\s")
