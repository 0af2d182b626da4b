"""Owns what a Windows event id says beyond fields that are copied: one small reader per family of events."""

from __future__ import annotations

import re

from pandora_core.ingest.address import canonical_ip
from pandora_core.ingest.formats.windows_record import DATA, Record, whole_number
from pandora_core.model import FieldValue, Scalar

_ENCRYPTION = {
    1: "des-cbc-crc",
    3: "des-cbc-md5",
    17: "aes128-cts-hmac-sha1-96",
    18: "aes256-cts-hmac-sha1-96",
    19: "aes128-cts-hmac-sha256-128",
    20: "aes256-cts-hmac-sha384-192",
    23: "rc4-hmac",
    24: "rc4-hmac-exp",
}
"""Kerberos encryption types by the names of the IANA registry (RFC 3961, 3962, 4757, 8009)."""

_NO_ENCRYPTION = 0xFFFFFFFF
_UNKNOWN_ACCOUNT = ("0xc0000064", "0x6")
"""STATUS_NO_SUCH_USER, and KDC_ERR_C_PRINCIPAL_UNKNOWN of RFC 4120."""

_TRANSPORTS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp", "tcp": "tcp", "udp": "udp"}
_DIRECTIONS = {"%%14592": "inbound", "%%14593": "outbound", "Inbound": "inbound", "Outbound": "outbound"}
_DNS_CODES = {
    "0": "NOERROR",
    "9001": "FORMERR",
    "9002": "SERVFAIL",
    "9003": "NXDOMAIN",
    "9004": "NOTIMP",
    "9005": "REFUSED",
}
"""Win32 DNS status codes (winerror.h, DNS_ERROR_RCODE_*) by the names of RFC 1035."""

_OBJECT_CATEGORIES = {"File": "file", "Key": "registry", "Process": "process"}
_OBJECT_PATHS = {"File": "file.path", "Key": "registry.path"}
_DEFENDER_SEVERITIES = {1: 1, 2: 2, 4: 3, 5: 4}
"""Microsoft Defender's low, moderate, high, severe as ours."""

_HOST_APPLICATION = ("HostApplication=", "Host Application = ")
_CONTEXT_USER = ("UserId=", "  User = ")
_MESSAGE_PAIR = re.compile(r"(?:^|; )(ClientMachine|User) = ([^;]+)")
_COMMON_NAME = re.compile(r"CN=((?:[^,\\]|\\.)+)", re.IGNORECASE)
_SQL_CLIENT = re.compile(r"\[CLIENT: ([^\]]{1,64})\]")


def logon(record: Record) -> None:
    """4624, 4625, 4634, 4647, 4648: the kind of log-on, who asked for it, and why it failed."""
    record.keep("winlog.logon.type", record.number("LogonType"))
    record.keep("authentication.method", record.text("AuthenticationPackageName"))
    record.keep("winlog.subject.user", record.text("SubjectUserName"))
    if record.outcome == "failure":
        status = _status(record, "Status")
        detail = _status(record, "SubStatus")
        _set_error(record, detail if detail not in (None, "0x0") else status)


def kerberos(record: Record) -> None:
    """4768, 4769, 4770, 4771: ticket requests; the status decides the outcome."""
    status = _status(record, "Status")
    if status is None:
        status = _status(record, "FailureCode")
    encryption = record.number("TicketEncryptionType")
    if encryption is not None and encryption != _NO_ENCRYPTION:
        record.keep("kerberos.encryption", _ENCRYPTION.get(encryption, hex(encryption)))
    _set_outcome(record, status)


def ntlm(record: Record) -> None:
    """4776: a domain controller or host checked an NTLM password."""
    record.keep("authentication.method", "NTLM")
    _set_outcome(record, _status(record, "Status"))


def member(record: Record) -> None:
    """4728 and relatives: the member is named by its distinguished name, or by its SID alone."""
    name = record.text("MemberName")
    found = _COMMON_NAME.match(name) if name else None
    record.keep("user.target.name", found[1].replace("\\", "") if found else name or record.text("MemberSid"))


def accessed_object(record: Record) -> None:
    """4656, 4657, 4663, 4670: an object of the file system, the registry or another kind."""
    kind = record.text("ObjectType") or ""
    record.category = _OBJECT_CATEGORIES.get(kind, record.category)
    if kind in _OBJECT_PATHS:
        record.keep(_OBJECT_PATHS[kind], record.text("ObjectName"))


def share(record: Record) -> None:
    """5140, 5145: a share without its server (``\\\\*\\C$`` is ``C$``), and the file in it."""
    name = record.text("ShareName")
    if name:
        record.more["share.name"] = name.rstrip("\\").rpartition("\\")[2] or name
    path = record.text("RelativeTargetName")
    if path and path != "\\":
        record.more["file.path"] = path
        record.more["file.name"] = _last_part(path)


def connection(record: Record) -> None:
    """5156 and relatives, Sysmon 3: the source is who began it; neither says whether it was answered."""
    transport = record.text("Protocol")
    if transport:
        record.transport = _TRANSPORTS.get(transport.lower(), transport.lower())
    record.keep("network.direction", _DIRECTIONS.get(record.text("Direction") or ""))


def sysmon_file(record: Record) -> None:
    """Sysmon 2, 7, 11, 15, 23, 26: a file with its hashes."""
    path = record.text("TargetFilename") or record.text("ImageLoaded")
    if path:
        record.more["file.path"] = path
        record.more["file.name"] = _last_part(path)
    _set_hashes(record, "file.hash.", record.text("Hashes") or record.text("Hash"))


def sysmon_process(record: Record) -> None:
    """Sysmon 1: the hashes are those of the program."""
    _set_hashes(record, "process.hash.", record.text("Hashes"))


def sysmon_registry(record: Record) -> None:
    """Sysmon 12: a key or value created or deleted; which of them is in EventType."""
    if (record.text("EventType") or "").startswith("Delete"):
        record.action = "registry-deleted"


def dns_query(record: Record) -> None:
    """Sysmon 22: results are ``type:  5 name;::ffff:192.0.2.1;``, a status is a Win32 code."""
    status = record.text("QueryStatus")
    if status is not None:
        record.outcome = "success" if status == "0" else "failure"
        record.more["dns.response_code"] = _DNS_CODES.get(status, status)
    answers: list[Scalar] = []
    for part in (record.text("QueryResults") or "").split(";"):
        answer = part.rpartition(" ")[2]
        if answer:
            answers.append(canonical_ip(answer) or answer)
    if answers:
        record.more["dns.answers"] = answers


def powershell(record: Record) -> None:
    """400, 403, 800, 4103: the host's command line and the user stand in a text of ``name=value`` lines."""
    context = record.text("ContextInfo") or record.text("param3") or ""
    if "Host" not in context:
        context = record.text("param2") or record.message or ""
    record.keep("process.command_line", _line_value(context, _HOST_APPLICATION))
    record.set_user(_line_value(context, _CONTEXT_USER), None)


def wmi(record: Record) -> None:
    """5857–5861: user and client, from the fields or from the message where a shipper kept only that."""
    if record.text("User") is None and record.message:
        pairs: dict[str, str] = dict(_MESSAGE_PAIR.findall(record.message))
        record.set_user(pairs.get("User"), None)
        record.source_domain = pairs.get("ClientMachine")


def defender(record: Record) -> None:
    """1006, 1015, 1116–1119: what was found, how bad the product thinks it is, and where."""
    record.severity = _DEFENDER_SEVERITIES.get(record.number("Severity ID") or 0, 0)
    path = record.text("Path")
    if path:
        record.more["file.path"] = path.removeprefix("file:_").partition(";")[0]


def rdp_listener(record: Record) -> None:
    """RdpCoreTS 131: ``ClientIP`` is an address with its port (``192.0.2.7:49719``, ``[2001:db8::1]:49719``)."""
    address, _, port = (record.text("ClientIP") or "").rpartition(":")
    record.set_source(address.strip("[]"), whole_number(port))


def winrm_client(record: Record) -> None:
    """WinRM 6: the server is the start of ``server/wsman?PSVersion=…``."""
    record.destination_domain = (record.text("connection") or "").partition("/")[0] or None


def sql_server(record: Record) -> None:
    """SQL Server 18453–18456: the client stands in brackets in the last text; local ones have no address."""
    for name in ("param3", "param2"):
        found = _SQL_CLIENT.search(record.text(name) or "")
        if found:
            record.set_source(found[1], None)
            return


def _status(record: Record, name: str) -> str | None:
    """A status code in lower-case hexadecimal, which is then how it is kept too."""
    text = record.text(name)
    if text is None:
        return None
    value = record.data[name]
    status = hex(value) if type(value) is int else text.lower()
    record.more[f"{DATA}{name}"] = status
    return status


def _set_outcome(record: Record, status: str | None) -> None:
    if status is not None:
        record.outcome = "success" if whole_number(status) == 0 else "failure"
    if record.outcome == "failure":
        _set_error(record, status)


def _set_error(record: Record, status: str | None) -> None:
    if status is not None:
        record.more["error.code"] = status
        if status in _UNKNOWN_ACCOUNT:
            record.more["user.known"] = False


def _set_hashes(record: Record, prefix: str, hashes: str | None) -> None:
    for pair in hashes.split(",") if hashes else ():
        kind, _, digest = pair.partition("=")
        if digest and kind.isalnum() and len(kind) <= 16:
            value: FieldValue = digest.lower()
            record.more[prefix + kind.lower()] = value


def _line_value(text: str, names: tuple[str, ...]) -> str | None:
    for name in names:
        start = text.find(name)
        if start >= 0:
            return text[start + len(name) :].partition("\n")[0].strip() or None
    return None


def _last_part(path: str) -> str:
    return path.rpartition("\\")[2]
