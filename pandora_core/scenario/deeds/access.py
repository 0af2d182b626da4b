"""Owns the deeds that need an account: tickets, log-ons, shares, remote desktops and shells."""

from __future__ import annotations

from typing import NamedTuple

from pandora_core.model import HOUR_US, SECOND_US
from pandora_core.scenario.company import REALM, Host
from pandora_core.scenario.deeds.traffic import connect, look_up
from pandora_core.scenario.happenings import (
    Connection,
    Failure,
    FileTouched,
    Happening,
    Logoff,
    Logon,
    RdpSession,
    ShareOpened,
    SshLogon,
    Ticket,
)
from pandora_core.scenario.world import Actor

AES, RC4 = 0x12, 0x17
_TICKET_US = 10 * HOUR_US
"""How long a Kerberos ticket is good for (the usual setting of a Windows domain)."""
_TGT = "krbtgt"
_PROTOCOL = {445: "smb", 135: "dce_rpc", 5985: "http"}
_SERVICE_CLASS = {445: "cifs", 135: "RPCSS", 5985: "HTTP"}


class Visit(NamedTuple):
    """A session on another host: how it began, its connection, and the time from which it can be used."""

    happenings: list[Happening]
    connection: Connection
    at_us: int


def sign_in(me: Actor, at_us: int, *, error: str | None = None, user: str | None = None) -> list[Happening]:
    """Asks the domain controller for a ticket-granting ticket; ``error`` is why it is refused."""
    if error is None:
        me.tickets[_TGT] = at_us + _TICKET_US
    return _request(me, at_us, "AS", f"{_TGT}/{REALM}", _TGT, AES, error, user or me.user)


def ticket_for(me: Actor, at_us: int, principal: str, account: str, encryption: int = AES) -> list[Happening]:
    """Gets a service ticket, unless the actor still holds one; signs in first where that has run out."""
    if me.tickets.get(principal, 0) > at_us:
        return []
    begun = [] if me.tickets.get(_TGT, 0) > at_us else sign_in(me, at_us)
    me.tickets[principal] = at_us + _TICKET_US
    return [*begun, *_request(me, at_us + 9_000, "TGS", principal, account, encryption, None, me.user)]


def log_on_at_desk(me: Actor, at_us: int, kind: int = 2, lasts_us: int = 0) -> list[Happening]:
    """Somebody types a password at their own host: ``kind`` 2 is a log-on, 7 an unlock."""
    host = me.host
    checked = sign_in(me, at_us)
    checked += ticket_for(me, at_us + 15_000, f"host/{host.fqdn}", host.account)
    logon = Logon(at_us + 60_000, host, me.user, kind, "Negotiate", host, me.controller)
    return [*checked, logon, *([Logoff(at_us + lasts_us, logon)] if lasts_us else [])]


def mistype(me: Actor, at_us: int) -> list[Happening]:
    """A wrong password at one's own host."""
    logon = Logon(at_us + 40_000, me.host, me.user, 2, "Negotiate", me.host, me.controller, failure=Failure.MISTYPED)
    return [*sign_in(me, at_us, error="KDC_ERR_PREAUTH_FAILED"), logon]


def enter(
    me: Actor,
    at_us: int,
    server: Host,
    *,
    user: str | None = None,
    package: str = "Kerberos",
    lasts_us: int = 0,
    sent: int = 6_000,
    received: int = 9_000,
    is_privileged: bool = False,
    port: int = 445,
) -> Visit:
    """Logs on to a Windows server over the network: by SMB, RPC (``port`` 135) or WinRM (5985)."""
    begun = look_up(me, at_us, server.fqdn, server.ip)
    at_us += 4_000
    if package == "Kerberos":
        principal = f"{_SERVICE_CLASS[port]}/{server.fqdn}"
        begun += ticket_for(me, at_us, principal, server.account)
        at_us += 30_000 if begun else 0
    service = f"gssapi,{_PROTOCOL[port]}" + (",ntlm" if package == "NTLM" else "")
    lasts_us = lasts_us or me.dice.span_us(2, 90)
    talk = connect(me, at_us, server.ip, port, service=service, sent=sent, received=received, lasts_us=lasts_us)
    logon = Logon(
        at_us + 12_000, server, user or me.user, 3, package, me.host, me.controller, talk, is_privileged=is_privileged
    )
    return Visit([*begun, talk, logon, Logoff(at_us + lasts_us, logon)], talk, at_us + 20_000)


def knock(
    me: Actor, at_us: int, server: Host, user: str, failure: Failure = Failure.MISTYPED, package: str = "NTLM"
) -> list[Happening]:
    """A network log-on that the server refuses."""
    talk = connect(
        me, at_us, server.ip, 445, service="gssapi,ntlm,smb", sent=1_400, received=1_100,
        lasts_us=me.dice.whole(9_000, 90_000),
    )  # fmt: skip
    logon = Logon(at_us + 7_000, server, user, 3, package, me.host, me.controller, talk, failure)
    return [*look_up(me, at_us, server.fqdn, server.ip), talk, logon]


def open_share(me: Actor, visit: Visit, server: Host, share: str, user: str | None = None) -> ShareOpened:
    """Maps a share of the server during a visit."""
    return ShareOpened(visit.at_us, visit.connection, server, user or me.user, share)


def touch(
    me: Actor,
    at_us: int,
    visit: Visit,
    server: Host,
    share: str,
    path: str,
    action: str,
    *,
    size: int = 0,
    new_path: str | None = None,
    user: str | None = None,
) -> FileTouched:
    """Opens, writes, renames or deletes a file on a mapped share."""
    return FileTouched(
        at_us, visit.connection, server, user or me.user, share, path, action, size or me.dice.size(60_000), new_path
    )


def remote_desktop(me: Actor, at_us: int, server: Host, user: str, lasts_us: int) -> list[Happening]:
    """Works on the screen of another Windows host."""
    talk = connect(
        me, at_us + 40_000, server.ip, 3389, service="rdp,ssl", lasts_us=lasts_us,
        sent=lasts_us // SECOND_US * 900, received=lasts_us // SECOND_US * 14_000,
    )  # fmt: skip
    logon = Logon(at_us + 900_000, server, user, 10, "Negotiate", me.host, me.controller, talk, is_privileged=True)
    return [
        *look_up(me, at_us, server.fqdn, server.ip),
        *ticket_for(me, at_us + 4_000, f"TERMSRV/{server.fqdn}", server.account),
        talk,
        RdpSession(at_us + 70_000, talk, user.partition(".")[2] or user, me.host.name.upper()),
        logon,
        Logoff(at_us + max(lasts_us, 2 * SECOND_US), logon),
    ]


def shell(
    me: Actor,
    at_us: int,
    server: Host,
    user: str,
    *,
    method: str = "publickey",
    is_success: bool = True,
    is_known_user: bool = True,
    tries: int = 1,
    lasts_us: int = 0,
    bulk: int = 0,
    client: str = "SSH-2.0-OpenSSH_9.6",
) -> Visit:
    """Opens a shell (or copies ``bulk`` bytes to the server) by ssh; or fails to, after some ``tries``."""
    found = look_up(me, at_us, server.fqdn, server.ip)
    at_us += 3_000
    lasts_us = lasts_us or me.dice.span_us(2.4 * tries, 2.4 * tries + 3.0)
    chatter = 3_500 + 700 * tries + (lasts_us // SECOND_US * 40 if is_success else 0)
    talk = connect(
        me,
        at_us,
        server.ip,
        22,
        service="ssh",
        sent=chatter + bulk,
        received=chatter + chatter // 2,
        lasts_us=lasts_us,
    )
    logon_us = at_us + min(lasts_us // 2, me.dice.whole(250_000, 1_500_000))
    logon = SshLogon(logon_us, talk, user, server, method, is_success, is_known_user, tries, client)
    return Visit([*found, talk, logon], talk, logon_us)


def _request(
    me: Actor, at_us: int, kind: str, principal: str, account: str, encryption: int, error: str | None, user: str
) -> list[Happening]:
    talk = connect(
        me, at_us, me.controller.ip, 88, service="krb_tcp", sent=1_500, received=200 if error else 1_600,
        lasts_us=me.dice.whole(900, 6_000),
    )  # fmt: skip
    ticket = Ticket(at_us + 500, talk, me.controller, kind, user, principal, account, encryption, error)
    return [talk, ticket]
