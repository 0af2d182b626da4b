"""Owns how the type of a Zeek log is told where the log does not name it: by its fields, else by its file's name."""

from __future__ import annotations

import re


def log_of_fields(names: frozenset[str]) -> str | None:
    """Which log a set of fields belongs to, or ``None`` where it could be any."""
    return next((log for log, marks in _SIGNATURES if marks <= names), None)


def log_of_filename(filename: str) -> str:
    """``conn`` of ``conn.log``, ``conn.10:00:00-11:00:00.log.gz`` or ``2024-01-01-conn_20240101.json``."""
    found = _FILE_LOG.match(filename.replace("\\", "/").rpartition("/")[2])
    return safe_name(found[1].lower()) if found else ""


def is_known_log(log: str) -> bool:
    """Whether Zeek writes a log of this name."""
    return log in _KNOWN_NAMES


def safe_name(text: str) -> str:
    """A log's name as part of field names: the log chose it, so anything but a plain word is bent to one."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text[:64]).strip("-_")


_FILE_LOG = re.compile(r"(?:\d[\d_-]*[_-])?([A-Za-z][A-Za-z0-9-]*(?:_[A-Za-z][A-Za-z0-9-]*)*)")

# What JSON records without a log name are told by: the first log whose marks are all there. Marks are fields that a
# log always writes and that no other log has together.
_SIGNATURES = tuple(
    (log, frozenset(marks.split()))
    for log, marks in (
        ("conn", "proto conn_state"),
        ("dns", "proto trans_id rejected"),
        ("dns", "query qtype_name"),
        ("smtp", "trans_depth helo"),
        ("smtp", "trans_depth last_reply"),
        ("http", "trans_depth request_body_len"),
        ("http", "trans_depth method"),
        ("ssl", "resumed established"),
        ("ssl", "uid server_name cipher"),
        ("x509", "certificate.serial"),
        ("ssh", "auth_attempts"),
        ("ssh", "kex_alg host_key_alg"),
        ("rdp", "uid cert_count"),
        ("rdp", "uid security_protocol"),
        ("rdp", "uid cookie"),
        ("kerberos", "request_type client"),
        ("kerberos", "forwardable renewable"),
        ("ntlm", "server_nb_computer_name"),
        ("ntlm", "uid domainname"),
        ("ntlm", "uid username hostname"),
        ("smb_mapping", "uid share_type"),
        ("tunnel", "tunnel_type action"),
        ("smb_files", "uid action name"),
        ("smb_files", "uid action path"),
        ("dce_rpc", "endpoint operation"),
        ("files", "fuid seen_bytes"),
        ("files", "fuid analyzers"),
        ("notice", "note actions"),
        ("notice", "note msg"),
        ("weird", "name notice peer"),
        ("dhcp", "msg_types"),
        ("dhcp", "uid mac assigned_ip"),
        ("dpd", "analyzer failure_reason"),
        ("analyzer", "analyzer_kind analyzer_name"),
        ("known_certs", "host issuer_subject"),
        ("known_services", "host port_num port_proto"),
        ("software", "software_type unparsed_version"),
        ("software", "software_type name"),
        ("capture_loss", "ts_delta percent_lost"),
        ("stats", "peer pkts_proc"),
        ("packet_filter", "filter success"),
        ("pe", "machine subsystem"),
        ("ntp", "uid stratum"),
        ("quic", "uid client_initial_dcid"),
        ("arp", "operation src_mac dst_mac"),
        ("sip", "uid call_id"),
        ("snmp", "uid community"),
        ("radius", "uid framed_addr"),
        ("ftp", "uid command arg"),
        ("intel", "seen.indicator"),
        ("ocsp", "certStatus"),
        ("telemetry", "metric_type labels"),
        ("reporter", "level message location"),
    )
)

_OTHER_LOGS = (
    "broker cluster config conn_long dnp3 enip irc known_hosts known_modbus ldap ldap_search loaded_scripts modbus "
    "mqtt_connect mqtt_publish mysql netcontrol open_conn open_http open_ssl openflow postgresql print prof rfb "
    "signatures socks stderr stdout syslog traceroute unified2 websocket wireguard"
)
_KNOWN_NAMES = frozenset((*(log for log, _ in _SIGNATURES), *_OTHER_LOGS.split()))
