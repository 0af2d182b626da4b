"""Owns what the OpenSSH server says: which of its messages are log-on attempts, and from where they come.

One attempt at a log-on makes several lines. Exactly one of them is the attempt (action ``logon``): ``Accepted …`` or
``Failed …``, which sshd writes once for each request that it decides. All others about the same attempt have actions
of their own and no outcome (``logon-invalid-user``, ``logon-attempts-exceeded``, ``logon-refused``, ``pam-failure``),
so that counting failed log-ons needs no memory. ``Failed none`` is ``logon-probe``: the request ``none`` carries no
credential, it asks which methods there are (RFC 4252 §5.2).

Where an address stands after text that an attacker chose, the last one in the line is genuine. Where such text can
stand on both sides (a certificate's key id, a change of user name), a line with more than one address gives none.
"""

from __future__ import annotations

import re

import msgspec

from pandora_core.ingest.formats.saying import Dialect, Meaning, Saying
from pandora_core.ingest.formats.syslog import Frame
from pandora_core.model import Event

PROGRAMS = ("sshd", "sshd-session", "sshd-auth")
"""What the server calls itself; since OpenSSH 9.8 a session, and since 10.0 authentication, has its own program."""

_PEER = r"(?P<peer>\S+?)(?: port (?P<port>\d{1,5}))?"
_HERE = r"(?P<here>\S+) port (?P<here_port>\d{1,5})"
_USER = r"(?P<unknown>invalid user |illegal user )?(?P<user>.*)"
_LEAVER = r"(?:authenticating |(?P<unknown>invalid ))?user (?P<user>.*) (?P<peer>\S+) port (?P<port>\d{1,5})"

_ATTEMPT = (
    rf"(?:Accepted|Failed|Postponed|Partial) (?P<method>\S+) for {_USER} from (?P<peer>\S+) port (?P<port>\d{{1,5}})"
    r"(?: ssh\d?)?(?:: (?P<extra>.*))?"
)
_ATTEMPTS = {
    "Accepted": Saying.of(_ATTEMPT, Meaning("authentication", "logon", "success")),
    "Failed": Saying.of(_ATTEMPT, Meaning("authentication", "logon", "failure")),
    "Postponed": Saying.of(_ATTEMPT, Meaning("authentication", "logon-postponed")),
    "Partial": Saying.of(_ATTEMPT, Meaning("authentication", "logon-partial")),
}
_PROBE = Saying.of(_ATTEMPT, Meaning("authentication", "logon-probe"))

_DIALECT = Dialect(
    "linux.sshd",
    {
        Meaning("authentication", "logon-invalid-user", is_known=False): [
            rf"Invalid user (?P<user>.*) from {_PEER}",
            rf"Illegal user (?P<user>.*) from {_PEER}",
            r"input_userauth_request: (?:invalid|illegal) user (?P<user>.*)",
        ],
        Meaning("authentication", "logon-attempts-exceeded"): [
            rf"maximum authentication attempts exceeded for {_USER} from {_PEER}(?: ssh\d?)?",
            r"Disconnecting: Too many authentication failures(?: for (?P<user>.*))?",
        ],
        Meaning("authentication", "logon-refused"): [
            r"User (?P<user>.*) from (?P<peer>\S+) not allowed because .*",
            r"User (?P<user>.*) not allowed because .*",
            rf"ROOT LOGIN REFUSED FROM {_PEER}",
            r"Authentication tried for (?P<user>.*) with correct key but not from a permitted host .*",
        ],
        Meaning("authentication", "pam-failure"): [
            r"PAM: .*? for (?P<unknown>illegal user )?(?P<user>.*) from (?P<peer>\S+)",
        ],
        Meaning("network", "reverse-mapping-failed"): [
            r"reverse mapping checking getaddrinfo for (?P<domain>\S+)(?: \[(?P<peer>[^\]]+)\])? failed.*",
            r"Address (?P<peer>\S+) maps to (?P<domain>\S+), but this does not map back.*",
            r"Nasty PTR record .* is set up for (?P<peer>\S+), ignoring",
        ],
        Meaning("network", "ssh-connection"): [
            rf"Connection from {_PEER}(?: on {_HERE}.*)?",
        ],
        Meaning("network", "ssh-refused"): [
            r"drop connection #\d+ from \[(?P<peer>[^\]]+)\]:(?P<port>\d{1,5}) .*",
            r"refused connect from \S+ \((?P<peer>[^)]+)\)",
            r"refused connect from (?P<peer>\S+)",
        ],
        Meaning("network", "ssh-disconnected"): [
            rf"Connection closed by {_LEAVER}",
            rf"Connection closed by {_PEER}",
            rf"Connection reset by {_LEAVER}",
            rf"Connection reset by {_PEER}",
            rf"Disconnected from {_LEAVER}",
            rf"Disconnected from {_PEER}",
            rf"Disconnecting {_LEAVER}: .*",
            r"Received disconnect from (?P<peer>\S+)(?: port (?P<port>\d{1,5}):|: )\d+:.*",
            rf"Timeout before authentication for {_PEER}",
            rf"Timeout before authentication for connection from {_PEER} to .*",
        ],
        Meaning("network", "ssh-protocol-error"): [
            rf"Did not receive identification string from {_PEER}",
            rf"Bad protocol version identification .* from {_PEER}",
            rf"Protocol major versions differ for {_PEER}: .*",
            rf"banner exchange: Connection from {_PEER}: .*",
            rf"ssh_dispatch_run_fatal: Connection from {_PEER}: .*",
            rf"Unable to negotiate with {_PEER}: .*",
        ],
        Meaning("session", "ssh-session-started"): [
            rf"Starting session: .* for (?P<user>.*) from {_PEER} id \d+",
        ],
        Meaning("session", "ssh-session-closed"): [
            rf"Close session: user (?P<user>.*) from {_PEER} id \d+",
        ],
        Meaning("session", "ssh-subsystem"): [
            r"subsystem request for \S+ by user (?P<user>.*)",
        ],
        Meaning(None, "service-listening"): [
            rf"Server listening on {_HERE}\.",
        ],
    },
    protocol="ssh",
)

_ADDRESS = re.compile(r" \S+ port \d{1,5}\b", re.ASCII)
_PLAIN_KEY = re.compile(r"[\w.@-]+ \S+", re.ASCII)


def event_of(frame: Frame) -> Event:
    """The event of a message of the OpenSSH server."""
    text = frame.message.removesuffix(" [preauth]")
    if text.startswith(("error: ", "fatal: ")):
        text = text[7:]
    saying = _ATTEMPTS.get(text.partition(" ")[0])
    if saying is None or (found := saying.pattern.fullmatch(text)) is None:
        event = _DIALECT.event(frame, text)
        is_sure = not text.startswith("Disconnecting ") or _has_one_address(text)
    else:
        is_probe = found["method"] == "none" and saying.meaning.outcome == "failure"
        event = _DIALECT.meant(frame, _PROBE if is_probe else saying, found)
        is_sure = _is_harmless(found["extra"]) or _has_one_address(text)
    return event if is_sure else msgspec.structs.replace(event, source_ip=None, source_domain=None, source_port=None)


def _is_harmless(extra: str | None) -> bool:
    """Whether what follows the address is nothing, or a plain key's type and fingerprint: no words of a client's."""
    return extra is None or _PLAIN_KEY.fullmatch(extra) is not None


def _has_one_address(text: str) -> bool:
    return len(_ADDRESS.findall(text)) == 1
