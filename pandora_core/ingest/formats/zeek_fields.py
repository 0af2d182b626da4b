"""Owns what Zeek's logs mean: per log, where its fields go in the vocabulary and what is concluded from them.

Long because every log has its table; no part of it needs another. Source: the log reference of the Zeek documentation
(https://docs.zeek.org, "Log Files"), Bro 2.x to Zeek 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pandora_core.ingest.formats.plan import Ends, Facts, Field, Kind, LogMap
from pandora_core.model import FieldValue

CONNECTION_ENDS = Ends("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")

_EVERY_LOG = {
    "community_id": Field("network.community_id"),
    "orig_l2_addr": Field("source.mac"),
    "resp_l2_addr": Field("destination.mac"),
    # Columns that labellers of public data sets append (netflowlabeler and IoT-23 spell the second differently).
    "label": Field("label.class"),
    "detailedlabel": Field("label.detail"),
    "detailed-label": Field("label.detail"),
}


def log_map(log: str) -> LogMap:
    """How a log's fields become events; a log that nobody knows keeps its fields, its ends and nothing else."""
    return _LOGS.get(log, _UNKNOWN_LOG)


def _log(fields: Mapping[str, Field] | None = None, **settings: Any) -> LogMap:
    return LogMap(
        ends=CONNECTION_ENDS,
        transport="proto",
        fields={**_EVERY_LOG, **(fields or {})},
        **settings,
    )


# conn. Its states are described in the reference of base/protocols/conn.


_ANSWERED = Facts("network", "connection", "success")
_NOT_ANSWERED = Facts("network", "connection", "failure")
_NOT_KNOWN = Facts("network", "connection")
_CONN_STATES = {
    **dict.fromkeys(("SF", "S1", "S2", "S3", "RSTO", "RSTR"), _ANSWERED),
    **dict.fromkeys(("S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR"), _NOT_ANSWERED),
}


def _judge_conn(state: str | None) -> Facts:
    return _CONN_STATES.get(state or "", _NOT_KNOWN)


_CONN = _log(
    protocol="service",
    fields={
        "duration": Field("event.duration", Kind.NANOSECONDS),
        "orig_bytes": Field("source.bytes", Kind.INTEGER),
        "resp_bytes": Field("destination.bytes", Kind.INTEGER),
        "orig_pkts": Field("source.packets", Kind.INTEGER),
        "resp_pkts": Field("destination.packets", Kind.INTEGER),
        "orig_cc": Field("source.geo.country_iso_code"),
        "resp_cc": Field("destination.geo.country_iso_code"),
    },
    reads={"conn_state": Kind.TEXT},
    judge=_judge_conn,
)

# dns

_DNS = Facts("network", "dns-query")
_DNS_ANSWERED = _DNS._replace(outcome="success")
_DNS_FAILED = _DNS._replace(outcome="failure")


def _judge_dns(code: int | None) -> Facts:
    if code is None:
        return _DNS
    return _DNS_FAILED if code else _DNS_ANSWERED


_DNS_LOG = _log(
    {
        "query": Field("dns.question.name"),
        "qtype_name": Field("dns.question.type"),
        "qclass_name": Field("dns.question.class"),
        "rcode_name": Field("dns.response_code"),
        "answers": Field("dns.answers", Kind.TEXTS),
    },
    default_protocol="dns",
    reads={"rcode": Kind.INTEGER},
    judge=_judge_dns,
)

# http


def _judge_http(status: int | None, uri: str | None, user: str | None) -> Facts:
    outcome = None if status is None else "failure" if status >= 400 else "success"
    path, _, query = (uri or "").partition("?")
    return Facts(
        "web", "http-request", outcome, user=user, more={"url.path": path or None, "url.query": query or None}
    )


_HTTP = _log(
    {
        "method": Field("http.request.method"),
        "host": Field("url.domain"),
        "referrer": Field("http.request.referrer"),
        "version": Field("http.version"),
        "user_agent": Field("user_agent.original"),
        "request_body_len": Field("http.request.body.bytes", Kind.INTEGER),
        "response_body_len": Field("http.response.body.bytes", Kind.INTEGER),
        "status_code": Field("http.response.status_code", Kind.INTEGER),
    },
    default_protocol="http",
    reads={"status_code": Kind.INTEGER, "uri": Kind.TEXT, "username": Kind.TEXT},
    judge=_judge_http,
    replaced=frozenset({"uri", "username"}),
)

# ssl, x509

_TLS = Facts("network", "tls-handshake")
_TLS_DONE = _TLS._replace(outcome="success")
_TLS_BROKEN = _TLS._replace(outcome="failure")


def _judge_ssl(established: bool | None) -> Facts:
    if established is None:
        return _TLS
    return _TLS_DONE if established else _TLS_BROKEN


_SSL = _log(
    {
        "version": Field("tls.version"),
        "cipher": Field("tls.cipher"),
        "curve": Field("tls.curve"),
        "server_name": Field("tls.server_name"),
        "resumed": Field("tls.resumed", Kind.BOOLEAN),
        "established": Field("tls.established", Kind.BOOLEAN),
        "next_protocol": Field("tls.next_protocol"),
        "subject": Field("tls.subject"),
        "issuer": Field("tls.issuer"),
        "issuer_subject": Field("tls.issuer"),
        "client_subject": Field("tls.client.subject"),
        "client_issuer": Field("tls.client.issuer"),
        "client_issuer_subject": Field("tls.client.issuer"),
        "validation_status": Field("tls.validation"),
        "ja3": Field("tls.ja3"),
        "ja3s": Field("tls.server.ja3s"),
    },
    default_protocol="tls",
    reads={"established": Kind.BOOLEAN},
    judge=_judge_ssl,
)

_X509 = _log(
    {
        "fingerprint": Field("x509.fingerprint"),
        "certificate.version": Field("x509.version_number"),
        "certificate.serial": Field("x509.serial_number"),
        "certificate.subject": Field("x509.subject"),
        "certificate.issuer": Field("x509.issuer"),
        "certificate.not_valid_before": Field("x509.not_before", Kind.SECONDS),
        "certificate.not_valid_after": Field("x509.not_after", Kind.SECONDS),
        "certificate.key_alg": Field("x509.public_key_algorithm"),
        "certificate.key_length": Field("x509.public_key_size", Kind.INTEGER),
        "certificate.exponent": Field("x509.public_key_exponent"),
        "certificate.curve": Field("x509.public_key_curve"),
        "certificate.sig_alg": Field("x509.signature_algorithm"),
        "san.dns": Field("x509.alternative_names", Kind.TEXTS),
    },
    facts=Facts("network", "certificate"),
)

# ssh, rdp, kerberos, ntlm


def _judge_ssh(succeeded: bool | None) -> Facts:
    if succeeded is None:
        return Facts("network", "ssh-connection")
    return Facts("authentication", "logon", "success" if succeeded else "failure")


_SSH = _log(
    {"kex_alg": Field("ssh.kex")},
    default_protocol="ssh",
    reads={"auth_success": Kind.BOOLEAN},
    judge=_judge_ssh,
)


def _judge_rdp(cookie: str | None, client_name: str | None) -> Facts:
    return Facts("network", "rdp-connection", user=cookie, source_domain=client_name)


_RDP = _log(
    default_protocol="rdp",
    reads={"cookie": Kind.TEXT, "client_name": Kind.TEXT},
    judge=_judge_rdp,
    replaced=frozenset({"cookie", "client_name"}),
)


def _judge_kerberos(request: str | None, client: str | None, succeeded: bool | None, error: str | None) -> Facts:
    action = {"AS": "kerberos-tgt", "TGS": "kerberos-service"}.get(request or "")
    outcome = None if succeeded is None else "success" if succeeded else "failure"
    if error == "KDC_ERR_PREAUTH_REQUIRED":
        outcome = None  # how every ordinary log-on begins: the client is told to send its proof
    elif error == "KDC_ERR_PREAUTH_FAILED":
        action = "kerberos-preauth"
    user, _, realm = (client or "").partition("/")
    return Facts(
        "authentication", action, outcome, code=error, user=user or None, more={"user.domain": realm or None}
    )


_KERBEROS = _log(
    {
        "service": Field("service.name"),
        "cipher": Field("kerberos.encryption"),
        "from": Field("zeek.kerberos.from", Kind.SECONDS),
        "till": Field("zeek.kerberos.till", Kind.SECONDS),
    },
    default_protocol="kerberos",
    reads={"request_type": Kind.TEXT, "client": Kind.TEXT, "success": Kind.BOOLEAN, "error_msg": Kind.TEXT},
    judge=_judge_kerberos,
)


def _judge_ntlm(ok: bool | None, *names: str | None) -> Facts:
    user, workstation, domain, dns_name, name = names
    return Facts(
        "authentication",
        "logon",
        None if ok is None else "success" if ok else "failure",
        user=user,
        source_domain=workstation,
        destination_domain=dns_name or name,
        more={"user.domain": domain, "authentication.method": "ntlm"},
    )


_NTLM = _log(
    default_protocol="ntlm",
    reads={
        "success": Kind.BOOLEAN,
        "username": Kind.TEXT,
        "hostname": Kind.TEXT,
        "domainname": Kind.TEXT,
        "server_dns_computer_name": Kind.TEXT,
        "server_nb_computer_name": Kind.TEXT,
    },
    judge=_judge_ntlm,
    replaced=frozenset({"username", "hostname", "domainname", "server_dns_computer_name"}),
)

# smb_mapping, smb_files, files, dce_rpc

_SMB_MAPPING = _log(
    {"path": Field("share.name")},
    default_protocol="smb",
    facts=Facts("network", "share-mapped"),
)

_FILE_ACTIONS = {
    "SMB::FILE_OPEN": "file-opened",
    "SMB::FILE_READ": "file-opened",
    "SMB::FILE_WRITE": "file-written",
    "SMB::FILE_RENAME": "file-renamed",
    "SMB::FILE_DELETE": "file-deleted",
    "SMB::PRINT_OPEN": "file-opened",
    "SMB::PRINT_WRITE": "file-written",
}

_FILE_TIMES = ("times.modified", "times.accessed", "times.created", "times.changed")


def _judge_smb_files(action: str | None, share: str | None, name: str | None) -> Facts:
    more: dict[str, FieldValue | None] = {}
    if name:
        more["file.name"] = name.rpartition("\\")[2] or name
        more["file.path"] = f"{share}\\{name}" if share else name
    return Facts("file", _FILE_ACTIONS.get(action or "", "file-seen"), more=more)


_SMB_FILES = _log(
    {
        "path": Field("share.name"),
        "size": Field("file.size", Kind.INTEGER),
        **{name: Field(f"zeek.smb_files.{name}", Kind.SECONDS) for name in _FILE_TIMES},
    },
    default_protocol="smb",
    reads={"action": Kind.TEXT, "path": Kind.TEXT, "name": Kind.TEXT},
    judge=_judge_smb_files,
    replaced=frozenset({"name"}),
)


def _file_ends(
    senders: list[str] | None, receivers: list[str] | None, from_client: bool | None, *connection: Any
) -> Ends:
    """The sender of a file is its source: listed up to Zeek 5.0, since then to be had from the connection."""
    client, client_port, server, server_port = connection
    if client is None:
        return Ends(senders[0] if senders else None, None, receivers[0] if receivers else None, None)
    if from_client is False:
        return Ends(server, server_port, client, client_port)
    return Ends(client, client_port, server, server_port)


_CONNECTION_READS = {
    "id.orig_h": Kind.TEXT,
    "id.orig_p": Kind.INTEGER,
    "id.resp_h": Kind.TEXT,
    "id.resp_p": Kind.INTEGER,
}

_FILES = _log(
    {
        "filename": Field("file.name"),
        "mime_type": Field("file.mime_type"),
        "seen_bytes": Field("file.size", Kind.INTEGER),
        "md5": Field("file.hash.md5"),
        "sha1": Field("file.hash.sha1"),
        "sha256": Field("file.hash.sha256"),
    },
    protocol="source",
    facts=Facts("file", "file-seen"),
    end_reads={"tx_hosts": Kind.TEXTS, "rx_hosts": Kind.TEXTS, "is_orig": Kind.BOOLEAN, **_CONNECTION_READS},
    choose_ends=_file_ends,
)

_DCE_RPC = _log(
    {"endpoint": Field("rpc.endpoint"), "operation": Field("rpc.operation")},
    default_protocol="dce_rpc",
    facts=Facts("network", "rpc-call"),
)

# notice, weird. Zeek gives a notice no severity: it follows from which part of Zeek raised it.

_HIGH, _MEDIUM, _LOW, _INFORMATIONAL = 3, 2, 1, 0
_NOTICE_SEVERITY = {
    **dict.fromkeys(("Intel", "Heartbleed", "TeamCymruMalwareHashRegistry", "ATTACK", "CVE_2020_0601"), _HIGH),
    **dict.fromkeys(("Scan", "SSH", "FTP", "HTTP", "ICMP", "Signatures", "Traceroute"), _MEDIUM),
    **dict.fromkeys(("CaptureLoss", "PacketFilter", "Weird", "Notice", "Broker", "Supervisor"), _INFORMATIONAL),
}


def _judge_notice(note: str | None, message: str | None) -> Facts:
    severity = _NOTICE_SEVERITY.get((note or "").partition("::")[0], _LOW)
    return Facts("intrusion_detection", "alert", severity=severity, message=message)


def _notice_ends(about: str | None, other: str | None, port: int | None, *connection: Any) -> Ends:
    """A notice that belongs to no connection names the two addresses it is about instead."""
    client, client_port, server, server_port = connection
    return Ends(client or about, client_port, server or other, port if server_port is None else server_port)


_NOTICE = _log(
    {"note": Field("rule.name")},
    reads={"note": Kind.TEXT, "msg": Kind.TEXT},
    judge=_judge_notice,
    end_reads={"src": Kind.TEXT, "dst": Kind.TEXT, "p": Kind.INTEGER, **_CONNECTION_READS},
    choose_ends=_notice_ends,
    replaced=frozenset({"msg"}),
)

_WEIRD = _log({"name": Field("rule.name")}, facts=Facts("intrusion_detection", "anomaly"))

# dhcp


def _dhcp_ends(client: str | None, server: str | None, *connection: Any) -> Ends:
    """Since Zeek 2.6 a DHCP exchange has no connection of its own, but two addresses."""
    source, source_port, destination, destination_port = connection
    return Ends(source or client, source_port, destination or server, destination_port)


_DHCP = _log(
    {
        "mac": Field("client.mac"),
        "host_name": Field("client.hostname"),
        "assigned_addr": Field("client.assigned_ip"),
        "assigned_ip": Field("client.assigned_ip"),
    },
    default_protocol="dhcp",
    facts=Facts("network", "dhcp-lease"),
    end_reads={"client_addr": Kind.TEXT, "server_addr": Kind.TEXT, **_CONNECTION_READS},
    choose_ends=_dhcp_ends,
)

_UNKNOWN_LOG = _log()

_LOGS = {
    "conn": _CONN,
    "dns": _DNS_LOG,
    "http": _HTTP,
    "ssl": _SSL,
    "x509": _X509,
    "ssh": _SSH,
    "rdp": _RDP,
    "kerberos": _KERBEROS,
    "ntlm": _NTLM,
    "smb_mapping": _SMB_MAPPING,
    "smb_files": _SMB_FILES,
    "dce_rpc": _DCE_RPC,
    "files": _FILES,
    "notice": _NOTICE,
    "weird": _WEIRD,
    "dhcp": _DHCP,
}
