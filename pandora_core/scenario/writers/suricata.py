"""Owns Suricata: its ``eve.json`` for what crosses the company's uplink (EVE JSON, Suricata 7 documentation).

It watches the uplink and the DMZ only, so it sees nothing of what stays inside.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from pandora_core.model import SECOND_US
from pandora_core.scenario.company import INSIDE
from pandora_core.scenario.happenings import Connection, DnsQuery, HttpRequest, SignatureHit, TlsHandshake
from pandora_core.scenario.writers.line import Clock, Line, See, rfc3339

FILE = "suricata/eve.json"
_NO_PAYLOAD = 60
"""Bytes on the wire of a packet that carries nothing."""
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Suricata:
    """Turns happenings at the uplink into EVE records."""

    def __init__(self, clock: Clock) -> None:
        self._error_us = clock.error_us("suricata")
        self._fingerprints: dict[str, str] = {}
        self.sees: dict[type, See] = {
            Connection: self._flow,
            DnsQuery: self._dns,
            HttpRequest: self._http,
            TlsHandshake: self._tls,
            SignatureHit: self._alert,
        }

    def _record(self, at_us: int, kind: str, talk: Connection, **parts: Any) -> Iterator[Line]:
        if not _crosses_uplink(talk):
            return
        record = {
            "timestamp": self._time(at_us),
            "flow_id": int.from_bytes(talk.uid[1:8].encode(), "big") >> 6,
            "in_iface": "uplink0",
            "event_type": kind,
            "src_ip": talk.source_ip,
            "src_port": talk.source_port,
            "dest_ip": talk.destination_ip,
            "dest_port": talk.destination_port,
            "proto": talk.transport.upper(),
            **parts,
        }
        yield Line(at_us, FILE, _encode(record))

    def _flow(self, it: Connection) -> Iterator[Line]:
        state = {"SF": "closed", "RSTO": "closed", "REJ": "closed", "S0": "new"}.get(it.state, "established")
        flow = {
            **_volume(it),
            "start": self._time(it.at_us),
            "end": self._time(it.at_us + it.duration_us),
            "age": it.duration_us // SECOND_US,
            "state": state,
            "reason": "timeout",
            "alerted": False,
        }
        application = {"ssl": "tls", "krb_tcp": "krb5", None: "failed"}.get(it.service, it.service)
        return self._record(it.at_us + it.duration_us, "flow", it, app_proto=application, flow=flow)

    def _dns(self, it: DnsQuery) -> Iterator[Line]:
        answers = [{"rrname": it.name, "rrtype": it.kind, "ttl": it.ttl_s, "rdata": text} for text in it.answers]
        dns = {
            "version": 2,
            "type": "answer",
            "id": it.connection.source_port,
            "rrname": it.name,
            "rrtype": it.kind,
            "rcode": "NOERROR" if it.is_known else "NXDOMAIN",
            **({"answers": answers} if answers else {}),
        }
        return self._record(it.at_us + it.rtt_us, "dns", it.connection, dns=dns)

    def _http(self, it: HttpRequest) -> Iterator[Line]:
        http = {
            "hostname": it.host,
            "url": it.path,
            "http_user_agent": it.agent,
            "http_content_type": it.mime,
            "http_method": it.method,
            "protocol": "HTTP/1.1",
            "status": it.status,
            "length": it.received_bytes,
        }
        return self._record(it.at_us, "http", it.connection, tx_id=0, http=http)

    def _tls(self, it: TlsHandshake) -> Iterator[Line]:
        tls: dict[str, Any] = {"sni": it.server_name} if it.server_name else {}
        tls["version"] = "TLS 1.3" if it.version == "TLSv13" else "TLS 1.2"
        tls["ja3"] = {"hash": self._fingerprint(it.application)}
        if it.version != "TLSv13" and not it.is_resumed:
            certificate = it.certificate
            tls |= {
                "subject": certificate.subject,
                "issuerdn": certificate.issuer,
                "serial": certificate.serial,
                "fingerprint": certificate.fingerprint[:40],
                "notbefore": rfc3339(certificate.not_before_s * SECOND_US)[:19],
                "notafter": rfc3339(certificate.not_after_s * SECOND_US)[:19],
            }
        return self._record(it.at_us, "tls", it.connection, tls=tls)

    def _alert(self, it: SignatureHit) -> Iterator[Line]:
        rule = it.signature.value
        alert = {
            "action": "allowed",
            "gid": 1,
            "signature_id": rule.sid,
            "rev": 1,
            "signature": rule.text,
            "category": rule.category,
            "severity": rule.severity,
        }
        flow = {**_volume(it.connection), "start": self._time(it.connection.at_us)}
        return self._record(it.at_us, "alert", it.connection, alert=alert, flow=flow)

    def _time(self, at_us: int) -> str:
        return f"{rfc3339(at_us + self._error_us)}+0000"

    def _fingerprint(self, application: str) -> str:
        """A client's JA3: which program it is decides it."""
        if application not in self._fingerprints:
            digest = hashlib.md5(application.encode(), usedforsecurity=False)
            self._fingerprints[application] = digest.hexdigest()
        return self._fingerprints[application]


def _crosses_uplink(talk: Connection) -> bool:
    return not (talk.source_ip.startswith(INSIDE) and talk.destination_ip.startswith(INSIDE))


def _volume(talk: Connection) -> dict[str, int]:
    out_packets = 3 + talk.sent_bytes // 1_400 if talk.state != "S0" else 1
    back_packets = 2 + talk.received_bytes // 1_400 if talk.is_answered else int(talk.state == "REJ")
    return {
        "pkts_toserver": out_packets,
        "pkts_toclient": back_packets,
        "bytes_toserver": talk.sent_bytes + _NO_PAYLOAD * out_packets,
        "bytes_toclient": talk.received_bytes + _NO_PAYLOAD * back_packets,
    }
