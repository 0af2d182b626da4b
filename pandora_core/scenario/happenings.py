"""Owns what can happen in the simulated company, said once and without any log format.

The sensors in :mod:`pandora_core.scenario.writers` turn one happening into the lines of every log that would show it.
Times are microseconds since the epoch, UTC, by a clock that is right.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

from pandora_core.scenario.company import Host
from pandora_core.scenario.internet import Certificate
from pandora_core.scenario.signatures import Signature


@dataclass(frozen=True, slots=True)
class Connection:
    """Packets between two addresses. ``state`` is Zeek's conn_state; ``image`` the program, where a host says it."""

    at_us: int
    uid: str
    source_ip: str
    source_port: int
    destination_ip: str
    destination_port: int
    transport: str = "tcp"
    service: str | None = None
    duration_us: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    state: str = "SF"
    image: str | None = None
    host: Host | None = None

    @property
    def is_answered(self) -> bool:
        return self.state not in ("S0", "REJ")


@dataclass(frozen=True, slots=True)
class DnsQuery:
    """One question and its answer. ``image`` is the program that asked, where the host's sensor would say."""

    at_us: int
    connection: Connection
    name: str
    answers: tuple[str, ...]
    ttl_s: int
    kind: str = "A"
    rtt_us: int = 800
    is_known: bool = True
    image: str | None = None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    at_us: int
    connection: Connection
    method: str
    host: str
    path: str
    agent: str
    status: int
    sent_bytes: int
    received_bytes: int
    mime: str | None = None


@dataclass(frozen=True, slots=True)
class TlsHandshake:
    """``application`` names the client program: it decides the client's fingerprint (JA3)."""

    at_us: int
    connection: Connection
    server_name: str | None
    certificate: Certificate
    version: str
    application: str
    is_resumed: bool = False


@dataclass(frozen=True, slots=True)
class SshLogon:
    """A log-on over ssh, good or bad, with as many tries as were made in the one connection."""

    at_us: int
    connection: Connection
    user: str
    target: Host
    method: str
    is_success: bool
    is_known_user: bool = True
    tries: int = 1
    client: str = "SSH-2.0-OpenSSH_9.6"

    @property
    def ends_at_us(self) -> int:
        return self.connection.at_us + self.connection.duration_us


@dataclass(frozen=True, slots=True)
class Sudo:
    at_us: int
    host: Host
    user: str
    command: str
    is_success: bool = True


@dataclass(frozen=True, slots=True)
class CronJob:
    at_us: int
    host: Host
    user: str
    duration_us: int


@dataclass(frozen=True, slots=True)
class RdpSession:
    at_us: int
    connection: Connection
    user: str
    client_name: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """A Kerberos request to the domain controller: ``kind`` is ``AS`` (who am I) or ``TGS`` (let me in there).

    ``account`` is whose key the ticket is made with; ``encryption`` the type of RFC 3961 (0x12 AES-256, 0x17 RC4);
    ``error`` a Kerberos error name (RFC 4120 §7.5.9) or ``None``.
    """

    at_us: int
    connection: Connection
    controller: Host
    kind: str
    user: str
    service: str
    account: str
    encryption: int = 0x12
    error: str | None = None


class Failure(enum.StrEnum):
    """Why a log-on was refused."""

    MISTYPED = "mistyped"
    UNKNOWN = "unknown"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Logon:
    """A Windows log-on on ``target``.

    ``kind`` is the log-on type: 2 console, 3 network, 4 batch, 5 service, 7 unlock, 9 other credentials for the
    network, 10 RDP.

    ``connection`` is how the log-on came over the network; ``controller`` who checked the password for NTLM.
    """

    at_us: int
    target: Host
    user: str
    kind: int
    package: str
    source: Host
    controller: Host
    connection: Connection | None = None
    failure: Failure | None = None
    is_privileged: bool = False

    @property
    def session(self) -> str:
        """Names the log-on session, for everything that is done in it."""
        return self.connection.uid if self.connection else f"{self.target.name}/{self.user}/{self.at_us}"


@dataclass(frozen=True, slots=True)
class ExplicitLogon:
    """On a Windows host, ``by`` gave the password of ``user`` to reach ``target``."""

    at_us: int
    host: Host
    by: str
    user: str
    target: Host


@dataclass(frozen=True, slots=True)
class Logoff:
    at_us: int
    logon: Logon


@dataclass(frozen=True, slots=True)
class ShareOpened:
    at_us: int
    connection: Connection
    target: Host
    user: str
    share: str


@dataclass(frozen=True, slots=True)
class FileTouched:
    """A file on a share. ``action`` is ``open``, ``write``, ``rename`` or ``delete``."""

    at_us: int
    connection: Connection
    target: Host
    user: str
    share: str
    path: str
    action: str
    size_bytes: int
    new_path: str | None = None


@dataclass(frozen=True, slots=True)
class RpcCall:
    at_us: int
    connection: Connection
    pipe: str
    endpoint: str
    operation: str
    rtt_us: int = 900


@dataclass(frozen=True, slots=True)
class Process:
    at_us: int
    host: Host
    user: str
    image: str
    command: str
    parent_image: str
    pid: int
    parent_pid: int
    integrity: str = "Medium"


@dataclass(frozen=True, slots=True)
class ProcessAccessed:
    at_us: int
    host: Host
    user: str
    image: str
    pid: int
    target_image: str
    access: str


@dataclass(frozen=True, slots=True)
class FileCreated:
    """A file that a program wrote on its own disk."""

    at_us: int
    host: Host
    image: str
    pid: int
    path: str


@dataclass(frozen=True, slots=True)
class ServiceInstalled:
    at_us: int
    host: Host
    user: str
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class ServiceCrashed:
    """A service of a Windows host ended, and nobody had asked it to."""

    at_us: int
    host: Host
    name: str


@dataclass(frozen=True, slots=True)
class LeaseGiven:
    """A workstation got its address from the DHCP server, or kept it."""

    at_us: int
    connection: Connection
    host: Host
    ip: str
    is_renewal: bool


@dataclass(frozen=True, slots=True)
class TaskCreated:
    at_us: int
    host: Host
    user: str
    name: str
    command: str


@dataclass(frozen=True, slots=True)
class ScriptRun:
    at_us: int
    host: Host
    user: str
    text: str


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """``change`` is ``created``, ``password-reset`` or ``added-to-group`` (then ``group`` says which)."""

    at_us: int
    controller: Host
    by: str
    account: str
    change: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class DirectoryCopied:
    """Somebody had a domain controller replicate the directory, its secrets included."""

    at_us: int
    controller: Host
    by: str


@dataclass(frozen=True, slots=True)
class LogCleared:
    at_us: int
    host: Host
    user: str


@dataclass(frozen=True, slots=True)
class SignatureHit:
    """Suricata took the packets of a connection for something that it knows."""

    at_us: int
    connection: Connection
    signature: Signature


Happening = (
    Connection
    | DnsQuery
    | HttpRequest
    | TlsHandshake
    | SshLogon
    | Sudo
    | CronJob
    | RdpSession
    | Ticket
    | Logon
    | ExplicitLogon
    | Logoff
    | ShareOpened
    | FileTouched
    | RpcCall
    | Process
    | ProcessAccessed
    | FileCreated
    | ServiceInstalled
    | ServiceCrashed
    | LeaseGiven
    | TaskCreated
    | ScriptRun
    | AccountChanged
    | DirectoryCopied
    | LogCleared
    | SignatureHit
)


@dataclass(frozen=True, slots=True)
class Truth:
    """What a line of an attack is: the number of the attack in its plan and of the stage in the attack (from 1), the
    ATT&CK tactic (by its short name), the technique, and whose risk it is."""

    attack: int
    stage: int
    phase: str
    technique: str
    entity: str


class Burst(NamedTuple):
    """Happenings that belong together, none of them before ``at_us``; with its truth if it is part of an attack."""

    at_us: int
    happenings: list[Happening]
    truth: Truth | None = None
