"""Owns the Linux hosts: the ``auth.log`` that sshd, sudo and cron fill through rsyslog, with RFC 3339 times."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from pandora_core.model import SECOND_US
from pandora_core.scenario.company import Host
from pandora_core.scenario.happenings import CronJob, SshLogon, Sudo
from pandora_core.scenario.writers.line import Clock, Line, See, rfc3339

_BETWEEN_TRIES_US = 2_100_000
"""sshd waits about this long after a wrong password."""


class LinuxLogs:
    """Turns what people and jobs do on Linux hosts into lines of syslog."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.sees: dict[type, See] = {SshLogon: self._ssh, Sudo: self._sudo, CronJob: self._cron}

    def _line(self, at_us: int, host: Host, program: str, text: str) -> Line:
        path = f"linux/{host.name}/auth.log"
        time = rfc3339(at_us + self._clock.error_us(path))
        return Line(at_us, path, f"{time}+00:00 {host.name} {program}: {text}")

    def _ssh(self, it: SshLogon) -> Iterator[Line]:
        if it.target.is_windows:
            return
        failed = it.tries if not it.is_success else it.tries - 1
        for number in range(failed):
            yield from self._refused(it, it.at_us + number * _BETWEEN_TRIES_US)
        at_us = it.at_us + failed * _BETWEEN_TRIES_US
        yield from self._accepted(it, at_us) if it.is_success else self._given_up(it, at_us)

    def _refused(self, it: SshLogon, at_us: int) -> Iterator[Line]:
        program, peer = _program(it), f"{it.connection.source_ip} port {it.connection.source_port}"
        if not it.is_known_user:
            yield self._line(at_us, it.target, program, f"Invalid user {it.user} from {peer}")
        yield self._line(
            at_us + 300, it.target, program,
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= "
            f"rhost={it.connection.source_ip}{f'  user={it.user}' if it.is_known_user else ''}",
        )  # fmt: skip
        invalid = "" if it.is_known_user else "invalid user "
        text = f"Failed {it.method} for {invalid}{it.user} from {peer} ssh2"
        yield self._line(at_us + 1_900_000, it.target, program, text)

    def _given_up(self, it: SshLogon, at_us: int) -> Iterator[Line]:
        kind = "authenticating" if it.is_known_user else "invalid"
        peer = f"{it.connection.source_ip} port {it.connection.source_port}"
        text = f"Connection closed by {kind} user {it.user} {peer} [preauth]"
        yield self._line(at_us + 90_000, it.target, _program(it), text)

    def _accepted(self, it: SshLogon, at_us: int) -> Iterator[Line]:
        program, peer = _program(it), f"{it.connection.source_ip} port {it.connection.source_port}"
        key = f": ED25519 SHA256:{_key(it.user)}" if it.method == "publickey" else ""
        yield self._line(at_us, it.target, program, f"Accepted {it.method} for {it.user} from {peer} ssh2{key}")
        opened = f"pam_unix(sshd:session): session opened for user {it.user}(uid={_uid(it.user)}) by (uid=0)"
        yield self._line(at_us + 4_000, it.target, program, opened)
        number = zlib.crc32(it.connection.uid.encode()) % 9_000 + 100
        yield self._line(at_us + 9_000, it.target, "systemd-logind[612]", f"New session {number} of user {it.user}.")
        end_us = max(it.ends_at_us, at_us + SECOND_US)
        yield self._line(end_us, it.target, program, f"Disconnected from user {it.user} {peer}")
        closed = f"pam_unix(sshd:session): session closed for user {it.user}"
        yield self._line(end_us + 2_000, it.target, program, closed)

    def _sudo(self, it: Sudo) -> Iterator[Line]:
        refused = "" if it.is_success else "3 incorrect password attempts ; "
        what = f"TTY=pts/0 ; PWD=/home/{it.user} ; USER=root ; COMMAND={it.command}"
        yield self._line(it.at_us, it.host, "sudo", f"{it.user:>8} : {refused}{what}")
        if it.is_success:
            opened = f"pam_unix(sudo:session): session opened for user root(uid=0) by {it.user}(uid={_uid(it.user)})"
            yield self._line(it.at_us + 1_500, it.host, "sudo", opened)
            closed = "pam_unix(sudo:session): session closed for user root"
            yield self._line(it.at_us + 800_000, it.host, "sudo", closed)

    def _cron(self, it: CronJob) -> Iterator[Line]:
        program = f"CRON[{3_000 + it.at_us // SECOND_US % 40_000}]"
        opened = f"pam_unix(cron:session): session opened for user {it.user}(uid={_uid(it.user)}) by (uid=0)"
        yield self._line(it.at_us, it.host, program, opened)
        closed = f"pam_unix(cron:session): session closed for user {it.user}"
        yield self._line(it.at_us + it.duration_us, it.host, program, closed)


def _program(it: SshLogon) -> str:
    return f"sshd[{2_000 + zlib.crc32(it.connection.uid.encode()) % 60_000}]"


def _uid(user: str) -> int:
    return 0 if user == "root" else 1_000 + zlib.crc32(user.encode()) % 500


def _key(user: str) -> str:
    """A made-up key fingerprint: each user has one."""
    digest = "".join(f"{zlib.crc32(f'{user}/{part}'.encode()):x}" for part in range(6))
    return digest[:43]
