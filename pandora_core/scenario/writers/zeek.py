"""Owns Zeek: the row of each of its logs for each happening that it sees.

Zeek watches the core switch and the uplink: it sees every connection. Rows are written in order of their ``ts``; a
real Zeek writes a connection when it has ended.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from pandora_core.model import SECOND_US
from pandora_core.scenario.company import DOMAIN, INSIDE, NETBIOS, REALM
from pandora_core.scenario.happenings import (
    Connection,
    DnsQuery,
    FileTouched,
    HttpRequest,
    LeaseGiven,
    Logon,
    RdpSession,
    RpcCall,
    ShareOpened,
    SshLogon,
    Ticket,
    TlsHandshake,
)
from pandora_core.scenario.writers.line import Clock, Line, See
from pandora_core.scenario.writers.zeek_schema import FOLDER, json_row

_TCP_HISTORY = {"SF": "ShADadFf", "RSTO": "ShAR", "S0": "S", "REJ": "Sr"}
_MAX_PAYLOAD = 1_448
_TLS12_CIPHER, _TLS13_CIPHER = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"
_ENCRYPTION = {0x12: "aes256-cts-hmac-sha1-96", 0x17: "rc4-hmac"}
_FILE_ACTIONS = {action: f"SMB::FILE_{action.upper()}" for action in ("open", "write", "rename", "delete")}
_STATUS = {
    200: "OK", 201: "Created", 301: "Moved Permanently", 302: "Found", 304: "Not Modified",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error",
}  # fmt: skip


class Zeek:
    """Turns happenings into rows."""

    def __init__(self, clock: Clock, *, is_json: bool) -> None:
        self._error_us = clock.error_us("zeek")
        self._is_json = is_json
        self.sees: dict[type, See] = {
            Connection: self._connection,
            DnsQuery: self._dns,
            HttpRequest: self._http,
            TlsHandshake: self._tls,
            SshLogon: self._ssh,
            RdpSession: self._rdp,
            Ticket: self._kerberos,
            Logon: self._ntlm,
            ShareOpened: self._mapping,
            FileTouched: self._file,
            RpcCall: self._rpc,
            LeaseGiven: self._dhcp,
        }

    def _row(self, log: str, at_us: int, rest: str) -> Line:
        row = f"{_seconds(at_us + self._error_us)}\t{rest}"
        return Line(at_us, f"{FOLDER}{log}.log", json_row(log, row) if self._is_json else row)

    def _connection(self, it: Connection) -> Iterator[Line]:
        sent, received, state = it.sent_bytes, it.received_bytes, it.state
        is_tcp = it.transport == "tcp"
        history = _TCP_HISTORY[state] if is_tcp else ("Dd" if state == "SF" else "D")
        setup = (4 if state in ("SF", "RSTO") else 1) if is_tcp else 0
        header = 52 if is_tcp else 28
        out_packets = setup + sent // _MAX_PAYLOAD + (sent > 0)
        back_packets = 0 if state == "S0" else setup + received // _MAX_PAYLOAD + (received > 0)
        size = f"{it.duration_us / SECOND_US:.6f}\t{sent}\t{received}" if state != "S0" else "-\t-\t-"
        yield self._row(
            "conn", it.at_us,
            f"{_id(it)}\t{it.transport}\t{it.service or '-'}\t{size}\t{state}\t{_inside(it.source_ip)}\t"
            f"{_inside(it.destination_ip)}\t0\t{history}\t{out_packets}\t{sent + header * out_packets}\t"
            f"{back_packets}\t{received + header * back_packets}\t-",
        )  # fmt: skip

    def _dns(self, it: DnsQuery) -> Iterator[Line]:
        number = zlib.crc32(it.connection.uid.encode()) & 0xFFFF
        code, word = (0, "NOERROR") if it.is_known else (3, "NXDOMAIN")
        ttls = ",".join([f"{it.ttl_s}.000000"] * len(it.answers)) or "-"
        kind = {"A": 1, "AAAA": 28, "TXT": 16, "CNAME": 5, "SRV": 33}[it.kind]
        yield self._row(
            "dns", it.at_us,
            f"{_id(it.connection)}\tudp\t{number}\t"
            f"{it.rtt_us / SECOND_US:.6f}\t{it.name}\t1\tC_INTERNET\t{kind}\t{it.kind}\t{code}\t{word}\tF\tF\t"
            f"T\tT\t0\t{_vector(it.answers)}\t{ttls}\tF",
        )  # fmt: skip

    def _http(self, it: HttpRequest) -> Iterator[Line]:
        fuid = f"F{it.connection.uid[1:]}" if it.received_bytes else "-"
        yield self._row(
            "http", it.at_us,
            f"{_id(it.connection)}\t1\t{it.method}\t{it.host}\t{_text(it.path)}\t-\t1.1\t{_text(it.agent)}\t-\t"
            f"{it.sent_bytes}\t{it.received_bytes}\t{it.status}\t{_STATUS.get(it.status, '-')}\t-\t-\t(empty)\t-\t"
            f"-\t-\t-\t-\t-\t{fuid}\t-\t{it.mime if it.mime and it.received_bytes else '-'}",
        )  # fmt: skip

    def _tls(self, it: TlsHandshake) -> Iterator[Line]:
        certificate = it.certificate
        is_new = it.version == "TLSv13"
        shows = not (is_new or it.is_resumed)
        status = "-" if not shows else ("self signed certificate" if certificate.is_self_signed else "ok")
        yield self._row(
            "ssl", it.at_us,
            f"{_id(it.connection)}\t{it.version}\t{_TLS13_CIPHER if is_new else _TLS12_CIPHER}\tx25519\t"
            f"{it.server_name or '-'}\t{'T' if it.is_resumed else 'F'}\t-\t{'-' if is_new else 'h2'}\tT\t"
            f"{'CsiI' if not shows else 'CsxknGIi'}\t{certificate.fingerprint if shows else '-'}\t-\t"
            f"{'T' if shows else '-'}\t{status}",
        )  # fmt: skip
        if shows:
            yield self._row(
                "x509", it.at_us + 900,
                f"{certificate.fingerprint}\t3\t{certificate.serial}\t{_text(certificate.subject)}\t"
                f"{_text(certificate.issuer)}\t{certificate.not_before_s}.000000\t{certificate.not_after_s}.000000\t"
                f"rsaEncryption\tsha256WithRSAEncryption\trsa\t2048\t65537\t-\t{_vector(certificate.names)}\t-\t-\t-\t"
                f"F\t-\tT\tF",
            )  # fmt: skip

    def _ssh(self, it: SshLogon) -> Iterator[Line]:
        talk = it.connection
        key = f"{zlib.crc32(talk.destination_ip.encode()):08x}" * 4
        direction = "-" if _inside(talk.source_ip) == "T" else "INBOUND"
        yield self._row(
            "ssh", it.at_us,
            f"{_id(talk)}\t2\t{'T' if it.is_success else 'F'}\t{it.tries}\t{direction}\t{it.client}\t"
            "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\tchacha20-poly1305@openssh.com\tumac-64-etm@openssh.com\tnone\t"
            f"sntrup761x25519-sha512@openssh.com\tssh-ed25519\t{':'.join(key[i : i + 2] for i in range(0, 32, 2))}",
        )  # fmt: skip

    def _rdp(self, it: RdpSession) -> Iterator[Line]:
        yield self._row(
            "rdp", it.at_us,
            f"{_id(it.connection)}\t{it.user[:9]}\tencrypted\tHYBRID\t-\t-\t-\t{it.client_name}\t-\t-\t-\t-\t-\t0\t-\t-\t-",
        )  # fmt: skip

    def _kerberos(self, it: Ticket) -> Iterator[Line]:
        error = it.error or "-"
        granted = "F" if it.error else "T"
        till = "-" if it.error else _seconds((it.at_us // SECOND_US + 36_000) * SECOND_US)
        cipher = "-" if it.error else _ENCRYPTION[it.encryption]
        yield self._row(
            "kerberos", it.at_us,
            f"{_id(it.connection)}\t{it.kind}\t{it.user}/{REALM}\t{it.service}\t{granted}\t{error}\t-\t{till}\t{cipher}\t"
            "T\tT\t-\t-\t-\t-",
        )  # fmt: skip

    def _ntlm(self, it: Logon) -> Iterator[Line]:
        if it.connection is None or it.package != "NTLM":
            return
        yield self._row(
            "ntlm", it.at_us,
            f"{_id(it.connection)}\t{it.user}\t{it.source.name.upper()}\t{NETBIOS}\t{it.target.name.upper()}\t"
            f"{it.target.fqdn}\t{DOMAIN}\t{'F' if it.failure else 'T'}",
        )  # fmt: skip

    def _mapping(self, it: ShareOpened) -> Iterator[Line]:
        is_pipe = it.share == "IPC$"
        path = _text(f"\\\\{it.target.fqdn}\\{it.share}")
        yield self._row(
            "smb_mapping", it.at_us, f"{_id(it.connection)}\t{path}\t-\t-\t{'PIPE' if is_pipe else 'DISK'}"
        )

    def _file(self, it: FileTouched) -> Iterator[Line]:
        path = _text(f"\\\\{it.target.fqdn}\\{it.share}")
        name, before = (it.new_path, _text(it.path)) if it.new_path else (it.path, "-")
        changed = _seconds(it.at_us - 86_400 * SECOND_US)
        yield self._row(
            "smb_files", it.at_us,
            f"{_id(it.connection)}\t-\t{_FILE_ACTIONS[it.action]}\t{path}\t{_text(name)}\t{it.size_bytes}\t{before}\t"
            f"{changed}\t{changed}\t{changed}\t{changed}",
        )  # fmt: skip

    def _rpc(self, it: RpcCall) -> Iterator[Line]:
        yield self._row(
            "dce_rpc", it.at_us,
            f"{_id(it.connection)}\t{it.rtt_us / SECOND_US:.6f}\t{_text(it.pipe)}\t{it.endpoint}\t{it.operation}",
        )  # fmt: skip

    def _dhcp(self, it: LeaseGiven) -> Iterator[Line]:
        talk, host = it.connection, it.host
        number = zlib.crc32(host.name.encode())
        mac = ":".join(f"{part:02x}" for part in (2, 0x1A, *number.to_bytes(4, "big")))
        messages = "REQUEST,ACK" if it.is_renewal else "DISCOVER,OFFER,REQUEST,ACK"
        client = it.ip if it.is_renewal else "-"
        yield self._row(
            "dhcp", it.at_us,
            f"{talk.uid}\t{client}\t{talk.destination_ip}\t{mac}\t{host.name.upper()}\t{host.fqdn}\t{DOMAIN}\t{it.ip}\t"
            f"{it.ip}\t28800.000000\t-\t-\t{messages}\t{talk.duration_us / SECOND_US:.6f}",
        )  # fmt: skip


def _id(talk: Connection) -> str:
    return f"{talk.uid}\t{talk.source_ip}\t{talk.source_port}\t{talk.destination_ip}\t{talk.destination_port}"


def _inside(ip: str) -> str:
    return "T" if ip.startswith((INSIDE, "192.0.2.")) else "F"


def _text(value: str) -> str:
    """Text as Zeek's ASCII writer escapes it: a backslash doubled, a tab by its code."""
    return value.replace("\\", "\\\\").replace("\t", "\\x09") if value else "(empty)"


def _vector(values: tuple[str, ...]) -> str:
    return ",".join(value.replace(",", "\\x2c") for value in values) if values else "-"


def _seconds(at_us: int) -> str:
    return f"{at_us // SECOND_US}.{at_us % SECOND_US:06d}"
