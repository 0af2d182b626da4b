"""Owns what EVE events mean: by event type, where fields go in the vocabulary and what is concluded from them."""

from __future__ import annotations

import re
from typing import Any

from pandora_core.ingest.formats.plan import Ends, Facts, Field, Kind, LogMap
from pandora_core.model import FieldValue


def log_map(event_type: str) -> LogMap:
    """How an event type's fields become events; one that nobody knows keeps its fields, its ends and nothing else."""
    return _MAPS.get(event_type, _OTHER)


# One table for all event types, since an alert carries the fields of its protocol too.
_FIELDS = {
    "host": Field("observer.name"),
    "in_iface": Field("observer.ingress.interface.name"),
    "community_id": Field("network.community_id"),
    "icmp_type": Field("icmp.type", Kind.INTEGER),
    "icmp_code": Field("icmp.code", Kind.INTEGER),
    "ether.src_mac": Field("source.mac"),
    "ether.dest_mac": Field("destination.mac"),
    "flow.pkts_toserver": Field("source.packets", Kind.INTEGER),
    "flow.pkts_toclient": Field("destination.packets", Kind.INTEGER),
    "flow.bytes_toserver": Field("source.bytes", Kind.INTEGER),
    "flow.bytes_toclient": Field("destination.bytes", Kind.INTEGER),
    "flow.duration_ns": Field("event.duration", Kind.INTEGER),
    "alert.signature": Field("rule.name"),
    "alert.signature_id": Field("rule.id"),
    "alert.category": Field("rule.category"),
    "alert.rev": Field("rule.version"),
    "alert.metadata.mitre_technique_id": Field("threat.technique.id", Kind.TEXTS),
    "alert.metadata.mitre_technique_name": Field("threat.technique.name", Kind.TEXTS),
    "alert.metadata.mitre_tactic_id": Field("threat.tactic.id", Kind.TEXTS),
    "alert.metadata.mitre_tactic_name": Field("threat.tactic.name", Kind.TEXTS),
    "dns.rrname": Field("dns.question.name"),
    "dns.rrtype": Field("dns.question.type"),
    "dns.rcode": Field("dns.response_code"),
    "dns.rdata": Field("dns.answers", Kind.TEXTS),
    "tls.subject": Field("tls.subject"),
    "tls.issuerdn": Field("tls.issuer"),
    "tls.sni": Field("tls.server_name"),
    "tls.session_resumed": Field("tls.resumed", Kind.BOOLEAN),
    "tls.fingerprint": Field("tls.server.hash.sha1"),
    "tls.serial": Field("x509.serial_number"),
    "tls.notbefore": Field("x509.not_before", Kind.SECONDS),
    "tls.notafter": Field("x509.not_after", Kind.SECONDS),
    "tls.ja3.hash": Field("tls.ja3"),
    "tls.ja3s.hash": Field("tls.server.ja3s"),
    "http.hostname": Field("url.domain"),
    "http.http_port": Field("url.port", Kind.INTEGER),
    "http.http_method": Field("http.request.method"),
    "http.http_refer": Field("http.request.referrer"),
    "http.http_user_agent": Field("user_agent.original"),
    "http.http_content_type": Field("http.response.mime_type"),
    "http.status": Field("http.response.status_code", Kind.INTEGER),
    "http.length": Field("http.response.body.bytes", Kind.INTEGER),
    "krb5.sname": Field("service.name"),
    "krb5.realm": Field("user.domain"),
    "smb.share": Field("share.name"),
    "smb.named_pipe": Field("share.name"),
    "smb.size": Field("file.size", Kind.INTEGER),
    "smb.ntlmssp.domain": Field("user.domain"),
    "fileinfo.size": Field("file.size", Kind.INTEGER),
    "fileinfo.mimetype": Field("file.mime_type"),
    "fileinfo.md5": Field("file.hash.md5"),
    "fileinfo.sha1": Field("file.hash.sha1"),
    "fileinfo.sha256": Field("file.hash.sha256"),
}


def _map(**settings: Any) -> LogMap:
    return LogMap(
        ends=Ends("src_ip", "src_port", "dest_ip", "dest_port"),
        transport="proto",
        protocol="app_proto",
        fields=_FIELDS,
        **settings,
    )


def _web(url: str | None, protocol: str | None) -> dict[str, FieldValue | None]:
    path, _, query = (url or "").partition("?")
    version = (protocol or "").partition("/")[2]
    return {"url.path": path or None, "url.query": query or None, "http.version": version or None}


_WEB_READS = {"http.url": Kind.TEXT, "http.protocol": Kind.TEXT}
_WEB_REPLACED = frozenset({"http.url", "http.protocol"})


def _judge_http(status: int | None, url: str | None, protocol: str | None) -> Facts:
    outcome = None if status is None else "failure" if status >= 400 else "success"
    return Facts("web", "http-request", outcome, more=_web(url, protocol))


_SEVERITY = {1: 3, 2: 2, 3: 1}


def _judge_alert(severity: int | None, signature: str | None, url: str | None, protocol: str | None) -> Facts:
    return Facts(
        "intrusion_detection",
        "alert",
        severity=1 if severity is None else _SEVERITY.get(severity, 0),
        message=signature,
        more=_web(url, protocol),
    )


_FLOW = Facts("network", "connection")
_FLOW_ANSWERED = _FLOW._replace(outcome="success")
_FLOW_FAILED = _FLOW._replace(outcome="failure")
_SYN, _RST, _ACK = 0x02, 0x04, 0x10


def _judge_flow(state: str | None, packets_back: int | None, flags_back: str | None) -> Facts:
    """Whether the server answered: by its TCP flags where Suricata followed the session, else by what came back."""
    if packets_back is None:
        return _FLOW
    if packets_back == 0:
        # Of a bypassed flow Suricata saw only the beginning: silence proves nothing.
        return _FLOW if state == "bypassed" else _FLOW_FAILED
    flags = _flags(flags_back)
    if flags and not flags & ~(_RST | _ACK) and flags & _RST:
        return _FLOW_FAILED  # nothing but resets came back: refused
    if state == "new" and not flags & _SYN:
        return _FLOW  # packets came back, but belong to no session that Suricata followed
    return _FLOW_ANSWERED


def _flags(text: str | None) -> int:
    try:
        return int(text or "0", 16)
    except ValueError:
        return 0


_DNS_CODES = {"NOERROR": "success", "0": "success"}


def _judge_dns(code: str | None) -> Facts:
    return Facts("network", "dns-query", None if code is None else _DNS_CODES.get(code, "failure"))


# Versions as Zeek writes them, so that a search finds the sessions of both.
_TLS_VERSIONS = {
    "TLSv1": "TLSv10",
    "TLS 1.0": "TLSv10",
    "TLS 1.1": "TLSv11",
    "TLS 1.2": "TLSv12",
    "TLS 1.3": "TLSv13",
    "UNDETERMINED": None,
}


def _judge_tls(version: str | None) -> Facts:
    # The event is written once the handshake got as far as the certificate or the session's resumption.
    known = None if version is None else _TLS_VERSIONS.get(version, version)
    return Facts("network", "tls-handshake", "success", more={"tls.version": known})


def _judge_krb5(
    reply: str | None, request: str | None, error: str | None, client: str | None, cipher: str | None
) -> Facts:
    kind = request if reply == "KRB_ERROR" else reply
    action = {"KRB_AS": "kerberos-tgt", "KRB_TGS": "kerberos-service"}.get((kind or "")[:-4])
    outcome = "failure" if error or reply == "KRB_ERROR" else "success" if reply else None
    if error == "KDC_ERR_PREAUTH_REQUIRED":
        outcome = None  # how every ordinary log-on begins: the client is told to send its proof
    elif error == "KDC_ERR_PREAUTH_FAILED":
        action = "kerberos-preauth"
    encryption = cipher.lower().replace("_", "-") if cipher else None
    return Facts("authentication", action, outcome, code=error, user=client, more={"kerberos.encryption": encryption})


_FILE_ACTIONS = {
    "FILE_OPEN": "file-opened",
    "FILE_OPEN_IF": "file-opened",
    "FILE_CREATE": "file-written",
    "FILE_SUPERSEDE": "file-written",
    "FILE_OVERWRITE": "file-written",
    "FILE_OVERWRITE_IF": "file-written",
}


def _judge_smb(command: str | None, status: str | None, user: str | None, *rest: str | None) -> Facts:
    workstation, filename, disposition, access = rest
    command = command or ""
    outcome = None if status is None else "success" if status == "STATUS_SUCCESS" else "failure"
    if "SESSION_SETUP" in command and user:
        if status == "STATUS_MORE_PROCESSING_REQUIRED":
            outcome = None
        return Facts(
            "authentication",
            "logon",
            outcome,
            code=status,
            user=user,
            source_domain=workstation,
            more={"authentication.method": "ntlm"},
        )
    if "TREE_CONNECT" in command:
        return Facts("network", "share-mapped", outcome, code=status)
    if filename:
        action = "file-deleted" if access == "delete on close" else _FILE_ACTIONS.get(disposition or "", "file-seen")
        return Facts("file", _written(command, action), outcome, code=status, more=_file(filename))
    return Facts("network", None, outcome, code=status)


def _written(command: str, action: str) -> str:
    return "file-written" if "WRITE" in command else action


def _file(path: str | None) -> dict[str, FieldValue | None]:
    name = re.split(r"[\\/]", path)[-1] if path else None
    return {"file.path": path, "file.name": name or path}


def _judge_fileinfo(path: str | None, url: str | None, protocol: str | None) -> Facts:
    return Facts("file", "file-seen", more={**_file(path), **_web(url, protocol)})


def _judge_anomaly(kind: str | None, event: str | None, code: int | None) -> Facts:
    name = event or (f"{kind} {code}" if kind and code is not None else kind)
    return Facts("intrusion_detection", "anomaly", more={"rule.name": name})


_OTHER = _map()
_MAPS = {
    "alert": _map(
        reads={"alert.severity": Kind.INTEGER, "alert.signature": Kind.TEXT, **_WEB_READS},
        judge=_judge_alert,
        replaced=_WEB_REPLACED,
    ),
    "flow": _map(
        reads={
            "flow.state": Kind.TEXT,
            "flow.pkts_toclient": Kind.INTEGER,
            "tcp.tcp_flags_tc": Kind.TEXT,
        },
        judge=_judge_flow,
    ),
    "dns": _map(default_protocol="dns", reads={"dns.rcode": Kind.TEXT}, judge=_judge_dns),
    "tls": _map(
        default_protocol="tls",
        reads={"tls.version": Kind.TEXT},
        judge=_judge_tls,
        replaced=frozenset({"tls.version"}),
    ),
    "http": _map(
        default_protocol="http",
        reads={"http.status": Kind.INTEGER, **_WEB_READS},
        judge=_judge_http,
        replaced=_WEB_REPLACED,
    ),
    "ssh": _map(default_protocol="ssh", facts=Facts("network", "ssh-connection")),
    "smb": _map(
        default_protocol="smb",
        reads={
            "smb.command": Kind.TEXT,
            "smb.status": Kind.TEXT,
            "smb.ntlmssp.user": Kind.TEXT,
            "smb.ntlmssp.host": Kind.TEXT,
            "smb.filename": Kind.TEXT,
            "smb.disposition": Kind.TEXT,
            "smb.access": Kind.TEXT,
        },
        judge=_judge_smb,
    ),
    "krb5": _map(
        default_protocol="kerberos",
        reads={
            "krb5.msg_type": Kind.TEXT,
            "krb5.failed_request": Kind.TEXT,
            "krb5.error_code": Kind.TEXT,
            "krb5.cname": Kind.TEXT,
            "krb5.encryption": Kind.TEXT,
        },
        judge=_judge_krb5,
        replaced=frozenset({"krb5.cname"}),
    ),
    "anomaly": _map(
        reads={"anomaly.type": Kind.TEXT, "anomaly.event": Kind.TEXT, "anomaly.code": Kind.INTEGER},
        judge=_judge_anomaly,
    ),
    "fileinfo": _map(
        reads={"fileinfo.filename": Kind.TEXT, **_WEB_READS},
        judge=_judge_fileinfo,
        replaced=frozenset({"fileinfo.filename", *_WEB_REPLACED}),
    ),
}
