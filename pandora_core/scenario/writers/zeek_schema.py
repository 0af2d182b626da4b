"""Owns the columns of Zeek's logs (Zeek 6, ``base/protocols/*/main.zeek``) and the two ways to write a row."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from pandora_core.model import SECOND_US

FOLDER = "zeek/"
_ID = "ts:time uid:string id.orig_h:addr id.orig_p:port id.resp_h:addr id.resp_p:port "
_COLUMNS = {
    "conn": _ID + "proto:enum service:string duration:interval orig_bytes:count resp_bytes:count conn_state:string "
    "local_orig:bool local_resp:bool missed_bytes:count history:string orig_pkts:count orig_ip_bytes:count "
    "resp_pkts:count resp_ip_bytes:count tunnel_parents:set[string]",
    "dns": _ID + "proto:enum trans_id:count rtt:interval query:string qclass:count qclass_name:string qtype:count "
    "qtype_name:string rcode:count rcode_name:string AA:bool TC:bool RD:bool RA:bool Z:count "
    "answers:vector[string] TTLs:vector[interval] rejected:bool",
    "http": _ID + "trans_depth:count method:string host:string uri:string referrer:string version:string "
    "user_agent:string origin:string request_body_len:count response_body_len:count status_code:count "
    "status_msg:string info_code:count info_msg:string tags:set[enum] username:string password:string "
    "proxied:set[string] orig_fuids:vector[string] orig_filenames:vector[string] orig_mime_types:vector[string] "
    "resp_fuids:vector[string] resp_filenames:vector[string] resp_mime_types:vector[string]",
    "ssl": _ID + "version:string cipher:string curve:string server_name:string resumed:bool last_alert:string "
    "next_protocol:string established:bool ssl_history:string cert_chain_fps:vector[string] "
    "client_cert_chain_fps:vector[string] sni_matches_cert:bool validation_status:string",
    "x509": "ts:time fingerprint:string certificate.version:count certificate.serial:string "
    "certificate.subject:string certificate.issuer:string certificate.not_valid_before:time "
    "certificate.not_valid_after:time certificate.key_alg:string certificate.sig_alg:string "
    "certificate.key_type:string certificate.key_length:count certificate.exponent:string certificate.curve:string "
    "san.dns:vector[string] san.uri:vector[string] san.email:vector[string] san.ip:vector[addr] "
    "basic_constraints.ca:bool basic_constraints.path_len:count host_cert:bool client_cert:bool",
    "ssh": _ID + "version:count auth_success:bool auth_attempts:count direction:enum client:string server:string "
    "cipher_alg:string mac_alg:string compression_alg:string kex_alg:string host_key_alg:string host_key:string",
    "rdp": _ID + "cookie:string result:string security_protocol:string client_channels:vector[string] "
    "keyboard_layout:string client_build:string client_name:string client_dig_product_id:string "
    "desktop_width:count desktop_height:count requested_color_depth:string cert_type:string cert_count:count "
    "cert_permanent:bool encryption_level:string encryption_method:string",
    "kerberos": _ID + "request_type:string client:string service:string success:bool error_msg:string from:time "
    "till:time cipher:string forwardable:bool renewable:bool client_cert_subject:string client_cert_fuid:string "
    "server_cert_subject:string server_cert_fuid:string",
    "ntlm": _ID + "username:string hostname:string domainname:string server_nb_computer_name:string "
    "server_dns_computer_name:string server_tree_name:string success:bool",
    "smb_mapping": _ID + "path:string service:string native_file_system:string share_type:string",
    "smb_files": _ID + "fuid:string action:enum path:string name:string size:count prev_name:string "
    "times.modified:time times.accessed:time times.created:time times.changed:time",
    "dhcp": "ts:time uids:set[string] client_addr:addr server_addr:addr mac:string host_name:string "
    "client_fqdn:string domain:string requested_addr:addr assigned_addr:addr lease_time:interval "
    "client_message:string server_message:string msg_types:vector[string] duration:interval",
    "dce_rpc": _ID + "rtt:interval named_pipe:string endpoint:string operation:string",
}
FIELDS = {log: [column.split(":", 1) for column in text.split()] for log, text in _COLUMNS.items()}
"""Name and type of every column, by log."""


def opening(log: str, at_us: int) -> list[str]:
    """The header of a log in Zeek's tab-separated format, opened at ``at_us``."""
    return [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        f"#path\t{log}",
        f"#open\t{_moment(at_us)}",
        "#fields\t" + "\t".join(name for name, _ in FIELDS[log]),
        "#types\t" + "\t".join(kind for _, kind in FIELDS[log]),
    ]


def closing(at_us: int) -> str:
    """The last line of a log that is closed."""
    return f"#close\t{_moment(at_us)}"


def json_row(log: str, row: str) -> str:
    """The same row as Zeek's JSON writer has it: columns that are not set are left out."""
    values = {
        name: _json_value(kind, text)
        for (name, kind), text in zip(FIELDS[log], row.split("\t"), strict=True)
        if text != "-"
    }
    return json.dumps(values, separators=(",", ":"))


def _json_value(kind: str, text: str) -> object:
    if kind.startswith(("set[", "vector[")):
        inner = kind[kind.index("[") + 1 : -1]
        return [] if text == "(empty)" else [_json_value(inner, part) for part in text.split(",")]
    if kind in ("count", "port"):
        return int(text)
    if kind in ("time", "interval", "double"):
        return float(text)
    if kind == "bool":
        return text == "T"
    return text.replace("\\x2c", ",").replace("\\x09", "\t").replace("\\\\", "\\")


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // SECOND_US, UTC).strftime("%Y-%m-%d-%H-%M-%S")
