"""Owns what the programs of a Linux host say in syslog and the journal: sudo, su, PAM, log-ons, accounts, cron.

PAM lines count as log-on attempts only where nothing else tells of the same attempt. sshd, su, sudo and login write a
line of their own for each failure, so ``pam_unix(sshd:auth): authentication failure`` is ``pam-failure``, without an
outcome. A service that leaves it to PAM (ftp, mail, a display manager) has no other line: there ``authentication
failure`` is a failed ``logon``. So it is with the old tag ``sshd(pam_unix)[pid]``: those systems sent PAM's lines to
another file (``messages``) than sshd's own (``secure``), and a file that holds the one lacks the other. Of several
modules that are asked for one log-on only ``pam_unix`` counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from pandora_core.ingest.formats import openssh
from pandora_core.ingest.formats.saying import MAX_MESSAGE_CHARS, Dialect, Meaning, cut, peer_of
from pandora_core.ingest.formats.syslog import Frame
from pandora_core.model import Event

_TELLS_ITSELF = frozenset({"sshd", "su", "su-l", "sudo", "sudo-i", "login", "remote"})
_MODULE = re.compile(r"(?P<module>pam_\w+)(?:\((?P<service>[^:()]*):(?P<stage>\w+)\))?: (?P<text>.*)", re.DOTALL)
_MODULE_ALONE = re.compile(r"\((?P<module>pam_\w+)\) (?P<text>.*)", re.DOTALL)
_FAILURE = re.compile(r"(?:PAM )?(?:(\d{1,9}) more )?authentication failures?;(.*)", re.ASCII | re.DOTALL)

_SYSLOG = Dialect("linux.syslog", {})
_SUDO = Dialect("linux.sudo", {})

_PAM = Dialect(
    "linux.pam",
    {
        Meaning("session", "session-opened"): [
            r"session opened for user (?P<user>.*?)(?:\(uid=\d+\))? by (?P<by>[^()]*)(?:\(uid=\d+\))?",
        ],
        Meaning("session", "session-closed"): [r"session closed for user (?P<user>.*)"],
        Meaning("authentication", "pam-success"): [r"authentication success;.* user=(?P<user>.*)"],
        Meaning("authentication", "pam-user-unknown", is_known=False): [r"check pass; user unknown"],
        Meaning("authentication", "account-locked"): [
            r"Consecutive login failures for user (?P<user>.*) account temporarily locked",
            r"user (?P<user>.*) \(\d+\) tally \d+, deny \d+",
        ],
        Meaning("iam", "password-reset", "success"): [r"password changed for (?P<target>.*)"],
        Meaning("iam", "password-reset", "failure"): [r'user "(?P<target>.*)" does not exist in .*'],
    },
)

_SU = Dialect(
    "linux.su",
    {
        Meaning("authentication", "logon", "success"): [
            r"Successful su for (?P<user>.*) by (?P<by>.*)",
            r"\(to (?P<user>.*)\) (?P<by>.*) on \S+",
        ],
        Meaning("authentication", "logon", "failure"): [
            r"FAILED su for (?P<user>.*) by (?P<by>.*)",
            r"FAILED SU \(to (?P<user>.*)\) (?P<by>.*) on \S+",
        ],
    },
)

_LOGIN = Dialect(
    "linux.syslog",
    {
        Meaning("authentication", "logon", "success"): [
            r"LOGIN ON \S+ BY (?P<user>.*?)(?: FROM (?P<peer>\S+))?",
            r"ROOT LOGIN (?: ?on|ON) \S+(?: FROM (?P<peer>\S+))?",
        ],
        Meaning("authentication", "logon", "failure"): [
            r"FAILED LOGIN (?:SESSION|\(?\d+\)?) FROM (?P<peer>\S+) FOR '?(?P<user>.*?)'?, .*",
            r"FAILED LOGIN \(?\d+\)? on \S+(?: from \S+)? FOR '?(?P<user>.*?)'?, .*",
        ],
    },
)

_ACCOUNTS = Dialect(
    "linux.syslog",
    {
        Meaning("iam", "user-created", "success"): [r"new user: name=(?P<target>[^,]*), UID=(?P<uid>\d+),.*"],
        Meaning("iam", "user-created", "failure"): [r"failed adding user '(?P<target>.*)', .*"],
        Meaning("iam", "user-deleted", "success"): [r"delete user '(?P<target>.*)'"],
        Meaning("iam", "user-changed", "success"): [
            r"change user '(?P<target>.*)' .*",
            r"lock user '(?P<target>.*)' password",
            r"unlock user '(?P<target>.*)' password",
            r"changed user '(?P<target>.*)' .*",
            r"changed password expiry for (?P<target>.*)",
        ],
        Meaning("iam", "password-reset", "success"): [r"password for '(?P<target>.*)' changed by '(?P<user>.*)'"],
        Meaning("iam", "group-created", "success"): [r"new group: name=(?P<group>[^,]*), GID=\d+.*"],
        Meaning("iam", "group-deleted", "success"): [r"removed group '(?P<group>.*?)' owned by .*"],
        Meaning("iam", "group-member-added", "success"): [
            r"add '(?P<target>.*)' to group '(?P<group>.*)'",
            r"user (?P<target>.*) added by (?P<user>.*) to group (?P<group>.*)",
        ],
        Meaning("iam", "group-member-removed", "success"): [
            r"delete '(?P<target>.*)' from group '(?P<group>.*)'",
            r"user (?P<target>.*) removed by (?P<user>.*) from group (?P<group>.*)",
        ],
    },
)

_LOGIND = Dialect(
    "linux.syslog",
    {
        Meaning("session", "session-opened"): [r"New session \S+ of user (?P<user>.*)\."],
        Meaning("session", "session-closed"): [r"Removed session \S+\."],
    },
)

_CRON_COMMAND = re.compile(r"\((?P<user>[^)]*)\) CMD \((?P<command>.*)\)", re.DOTALL)


def event_of(frame: Frame) -> Event:
    """The event of one message of a Linux host, whichever program wrote it."""
    program = frame.program or ""
    if len(frame.message) > MAX_MESSAGE_CHARS:
        return _SYSLOG.plain(frame)
    if frame.module or frame.message.startswith(("pam_", "PAM ", "(pam_")):
        return _pam(frame, program)
    reader = _READERS.get(program)
    return reader(frame) if reader else _SYSLOG.plain(frame)


def _pam(frame: Frame, program: str) -> Event:
    service, text, is_attempt = program, frame.message, False
    if found := _MODULE.fullmatch(text) or _MODULE_ALONE.fullmatch(text):
        service, text = found.groupdict().get("service") or program, found["text"]
        frame.more["pam.module"] = found["module"]
        is_attempt = found["module"] == "pam_unix" and service not in _TELLS_ITSELF
    elif frame.module:
        frame.more["pam.module"] = frame.module
        is_attempt = frame.module == "pam_unix" and service != "login"
    frame.more["pam.service"] = service
    failure = _FAILURE.fullmatch(text)
    event = _pam_failure(frame, failure, is_attempt=is_attempt) if failure else _PAM.event(frame, text)
    return msgspec.structs.replace(event, protocol="ssh") if service in openssh.PROGRAMS else event


def _pam_failure(frame: Frame, failure: re.Match[str], *, is_attempt: bool) -> Event:
    """``authentication failure; logname= uid= … ruser= rhost=ADDRESS  user=NAME``: the last ``rhost`` is genuine.

    ``user`` is given for accounts that exist; ``ruser`` is what a client called itself, else who ran the program.
    """
    before, found, after = failure[2].rpartition(" rhost=")
    peer, _, known = after.partition(" ") if found else ("", "", "")
    claimed, user = before.partition(" ruser=")[2], known.strip().removeprefix("user=")
    if user and claimed:
        frame.more["user.by.name"] = claimed
    source_ip, source_domain = peer_of(peer)
    return Event(
        at_us=frame.at_us,
        dataset="linux.pam",
        category="authentication",
        action="logon" if is_attempt else "pam-failure",
        outcome="failure" if is_attempt else None,
        host=frame.host,
        user=user or claimed or None,
        source_ip=source_ip,
        source_domain=source_domain,
        message=cut(frame.message),
        count=max(int(failure[1] or 1), 1),
        more=frame.more,
    )


def _sudo(frame: Frame) -> Event:
    """``alice : [problem ;] TTY=… ; PWD=… ; USER=root ; … COMMAND=…``, where the command is the rest of the line."""
    user, said, rest = frame.message.partition(" : ")
    head, _, command = rest.partition("COMMAND=")
    if not said or ("USER=" not in head and "TTY=" not in head):
        return _SUDO.plain(frame)
    parts = head.split(" ; ")
    more = frame.more
    for part in parts:
        if part.startswith("USER="):
            more["user.effective.name"] = part[5:].strip()
        elif part.startswith("PWD="):
            more["process.working_directory"] = part[4:]
        elif part.startswith("TTY="):
            more["sudo.tty"] = part[4:]
    problem = "" if parts[0].startswith(("TTY=", "PWD=", "HOST=", "USER=")) else parts[0]
    if problem:
        more["sudo.problem"] = problem
    if command:
        more["process.command_line"] = command
    attempts = re.match(r"(\d{1,9}) incorrect password attempt", problem, re.ASCII)
    return Event(
        at_us=frame.at_us,
        dataset="linux.sudo",
        category="authentication",
        action="sudo",
        # A line without a command is sudo talking about its configuration.
        outcome=None if not command else "failure" if problem else "success",
        host=frame.host,
        user=user.strip() or None,
        message=cut(frame.message),
        count=max(int(attempts[1]), 1) if attempts else 1,
        more=more,
    )


def _su(frame: Frame) -> Event:
    """A change of user: ``user`` is the account that was opened, ``user.by.name`` who opened it."""
    event = _SU.event(frame, frame.message.strip())
    if event.action == "logon":
        event.more["authentication.method"] = "su"
    return event


def _cron(frame: Frame) -> Event:
    found = _CRON_COMMAND.fullmatch(frame.message)
    if found is None:
        return _SYSLOG.plain(frame)
    frame.more["process.command_line"] = found["command"]
    event = _SYSLOG.plain(frame)
    return msgspec.structs.replace(event, category="process", action="process-started", user=found["user"] or None)


def _in(dialect: Dialect) -> Callable[[Frame], Event]:
    return lambda frame: dialect.event(frame, frame.message)


_ACCOUNT_PROGRAMS = (
    "useradd", "usermod", "userdel", "newusers", "groupadd", "groupmod", "groupdel", "gpasswd", "passwd", "chpasswd",
    "chage", "chfn", "chsh",
)  # fmt: skip
_READERS: dict[str, Callable[[Frame], Event]] = {
    **dict.fromkeys(openssh.PROGRAMS, openssh.event_of),
    **dict.fromkeys(("su", "su-l", "runuser"), _su),
    **dict.fromkeys(("cron", "CRON", "crond", "CROND"), _cron),
    **dict.fromkeys(_ACCOUNT_PROGRAMS, _in(_ACCOUNTS)),
    "login": _in(_LOGIN),
    "sudo": _sudo,
    "systemd-logind": _in(_LOGIND),
}
