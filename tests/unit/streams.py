"""Events made up for tests of the detectors, and strategies that make whole streams of them.

A stream is made of clusters: up to two and a half hours of events, 30 hours apart, so that no pause between events is
near a pause at which a behaviour ends a session. An address has one host name a cluster.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import strategies as st

from pandora_core.detect.behaviour import Fired, Maker
from pandora_core.detect.pipeline import Pipeline
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Event

START_US = 20_000 * DAY_US
LATENESS_US = 10 * MINUTE_US

OUTSIDE = ["203.0.113.9", "198.51.100.7"]
INSIDE = ["10.0.0.5", "10.0.0.6", "10.0.0.7"]
HOSTS = ["WS-5", "WS-6", "SRV-1"]
USERS = ["alice", "bob", "carol"]
COMMANDS = [
    "powershell.exe -nop -w hidden -enc SQBFAFgAIAAnAGgAZQBsAGwAbwAnAA==",
    "cmd.exe /c ipconfig /flushdns",
    "vssadmin.exe delete shadows /all /quiet",
    "whoami.exe /all",
    "notepad.exe letter.txt",
]
PARENTS = [
    "C:\\Windows\\explorer.exe",
    "C:\\Windows\\System32\\wbem\\WmiPrvSE.exe",
    "C:\\Windows\\System32\\services.exe",
    "C:\\Program Files\\Office\\WINWORD.EXE",
]


def at(minutes: float = 0, seconds: float = 0) -> int:
    """A time some minutes and seconds after the start of all streams."""
    return START_US + round(minutes * MINUTE_US + seconds * SECOND_US)


def ssh(
    at_us: int, outcome: str, source: str = OUTSIDE[0], host: str = "gate", user: str = "root", **more: object
) -> Event:
    return Event(
        at_us=at_us,
        dataset="linux.sshd",
        category="authentication",
        action="logon",
        outcome=outcome,
        host=host,
        user=user,
        source_ip=source,
        protocol="ssh",
        count=more.pop("count", 1),  # type: ignore[arg-type]
        more={"authentication.method": "password", **more},  # type: ignore[dict-item]
    )


def windows_logon(
    at_us: int,
    source: str | None = INSIDE[0],
    host: str = "WS-6.corp.example",
    user: str = "alice",
    *,
    outcome: str = "success",
    kind: int = 3,
    is_elevated: bool = False,
    logon_id: str = "0xabc",
    workstation: str | None = None,
) -> Event:
    return Event(
        at_us=at_us,
        dataset="windows.security",
        category="authentication",
        action="logon",
        outcome=outcome,
        code="4624" if outcome == "success" else "4625",
        host=host,
        user=user,
        source_ip=source,
        source_domain=workstation,
        more={
            "winlog.logon.type": kind,
            "authentication.method": "Kerberos",
            "winlog.event_data.TargetLogonId": logon_id,
            "winlog.event_data.ElevatedToken": "%%1842" if is_elevated else "%%1843",
        },
    )


def privileges(at_us: int, host: str = "WS-6.corp.example", user: str = "alice", logon_id: str = "0xabc") -> Event:
    return Event(
        at_us=at_us,
        dataset="windows.security",
        category="authentication",
        action="privileges-assigned",
        outcome="success",
        code="4672",
        host=host,
        user=user,
        more={"winlog.event_data.SubjectLogonId": logon_id},
    )


def ticket(at_us: int, source: str = INSIDE[0], service: str = "WS-6$", user: str = "alice@CORP.EXAMPLE") -> Event:
    return Event(
        at_us=at_us,
        dataset="windows.security",
        category="authentication",
        action="kerberos-service",
        outcome="success",
        code="4769",
        host="dc-1.corp.example",
        user=user,
        source_ip=source,
        more={"service.name": service},
    )


def weak_ticket(at_us: int, source: str = INSIDE[0], service: str = "svc-sql", user: str = "alice") -> Event:
    """A service ticket that is encrypted with RC4."""
    event = ticket(at_us, source, service, user)
    return msgspec.structs.replace(event, more={**event.more, "kerberos.encryption": "rc4-hmac"})


def connection(
    at_us: int,
    source: str = INSIDE[0],
    destination: str = INSIDE[1],
    port: int | None = 445,
    *,
    outcome: str | None = "failure",
    transport: str = "tcp",
    **more: object,
) -> Event:
    return Event(
        at_us=at_us,
        dataset="zeek.conn",
        category="network",
        action="connection",
        outcome=outcome,
        source_ip=source,
        source_port=8 if transport == "icmp" else 50_000,
        destination_ip=destination,
        destination_port=port,
        transport=transport,
        more=dict(more),  # type: ignore[arg-type]
    )


def ids_alert(
    at_us: int,
    rule: str = "ODD THING",
    severity: int = 2,
    source: str | None = OUTSIDE[0],
    destination: str | None = INSIDE[0],
    host: str | None = None,
    **more: object,
) -> Event:
    return Event(
        at_us=at_us,
        dataset="suricata.alert",
        category="intrusion_detection",
        action="alert",
        severity=severity,
        host=host,
        source_ip=source,
        destination_ip=destination,
        more={"rule.name": rule, **more},  # type: ignore[dict-item]
    )


def service(
    at_us: int,
    host: str = "WS-6.corp.example",
    name: str = "updater",
    path: str = r"C:\Program Files\Updater\updater.exe",
    *,
    user: str | None = "alice",
    logon_id: str | None = None,
) -> Event:
    more = {"service.name": name, "service.path": path}
    return Event(
        at_us=at_us,
        dataset="windows.security" if logon_id else "windows.system",
        category="configuration",
        action="service-installed",
        outcome="success",
        code="4697" if logon_id else "7045",
        host=host,
        user=user,
        more={**more, **({"winlog.event_data.SubjectLogonId": logon_id} if logon_id else {})},
    )


def process(
    at_us: int,
    command: str = r"powershell.exe -nop -w hidden -enc SQBFAFgAIAAnAGgAZQBsAGwAbwAnAA==",
    parent: str = r"C:\Windows\System32\cmd.exe",
    host: str = "WS-6.corp.example",
    user: str = "alice",
    logon_id: str = "0xabc",
    image: str | None = None,
) -> Event:
    """A program that Sysmon saw start."""
    name = command.partition(" ")[0].strip('"').rpartition("\\")[2]
    return Event(
        at_us=at_us,
        dataset="windows.sysmon",
        category="process",
        action="process-started",
        code="1",
        host=host,
        user=user,
        more={
            "process.executable": image or f"C:\\Windows\\System32\\{name}",
            "process.command_line": command,
            "process.parent.executable": parent,
            "winlog.event_data.LogonId": logon_id,
        },
    )


def windows_event(
    at_us: int,
    category: str,
    action: str,
    code: str = "1",
    *,
    dataset: str = "windows.security",
    host: str = "WS-6.corp.example",
    user: str | None = None,
    source: str | None = None,
    outcome: str | None = "success",
    **more: object,
) -> Event:
    """Any event of a Windows host; names of ``more`` have ``__`` for a dot, fields of EventData a capital letter."""
    named = {
        f"winlog.event_data.{name}" if name[0].isupper() else name.replace("__", "."): value
        for name, value in more.items()
    }
    return Event(
        at_us=at_us,
        dataset=dataset,
        category=category,
        action=action,
        outcome=outcome,
        code=code,
        host=host,
        user=user,
        source_ip=source,
        more=named,  # type: ignore[arg-type]
    )


def admin_share(at_us: int, source: str = INSIDE[0], host: str = "WS-6.corp.example", user: str = "alice") -> Event:
    return windows_event(
        at_us, "file", "share-accessed", "5140", host=host, user=user, source=source, share__name="ADMIN$"
    )


def own_connection(at_us: int, host: str, address: str) -> Event:
    """A host's own account (Sysmon) of a connection: it gives the host's address away."""
    return Event(
        at_us=at_us,
        dataset="windows.sysmon",
        category="network",
        action="connection",
        code="3",
        host=host,
        source_ip=address,
        destination_ip="192.0.2.80",
        destination_port=443,
        transport="tcp",
        more={"winlog.event_data.Initiated": "true"},
    )


def lease(at_us: int, host: str, address: str) -> Event:
    return Event(
        at_us=at_us,
        dataset="zeek.dhcp",
        category="network",
        action="dhcp-lease",
        more={"client.hostname": host, "client.assigned_ip": address},
    )


def handshake(at_us: int, source: str = INSIDE[0], destination: str = OUTSIDE[0], **more: object) -> Event:
    """A TLS handshake; by itself nothing is odd about its certificate."""
    return Event(
        at_us=at_us,
        dataset="zeek.ssl",
        category="network",
        action="tls-handshake",
        outcome="success",
        source_ip=source,
        destination_ip=destination,
        destination_port=443,
        more=dict(more),  # type: ignore[arg-type]
    )


def certificate(at_us: int, fingerprint: str = "f1", **more: object) -> Event:
    return Event(
        at_us=at_us,
        dataset="zeek.x509",
        category="network",
        action="certificate",
        more={"x509.fingerprint": fingerprint, **more},  # type: ignore[dict-item]
    )


def dns_query(
    at_us: int,
    name: str,
    kind: str = "A",
    code: str = "NOERROR",
    source: str = INSIDE[0],
    server: str = INSIDE[2],
) -> Event:
    return Event(
        at_us=at_us,
        dataset="zeek.dns",
        category="network",
        action="dns-query",
        outcome="success" if code == "NOERROR" else "failure",
        source_ip=source,
        destination_ip=server,
        destination_port=53,
        more={"dns.question.name": name, "dns.question.type": kind, "dns.response_code": code},
    )


def request(at_us: int, domain: str, source: str = INSIDE[0], proxy: str = INSIDE[1]) -> Event:
    return Event(
        at_us=at_us,
        dataset="zeek.http",
        category="web",
        action="http-request",
        outcome="success",
        source_ip=source,
        destination_ip=proxy,
        destination_port=3128,
        more={"url.domain": domain},
    )


def file_opened(
    at_us: int, name: str, source: str = INSIDE[0], share: str = r"\\srv-1\Plans", **more: object
) -> Event:
    """A file of a share, as a network sensor sees it."""
    return Event(
        at_us=at_us,
        dataset="zeek.smb_files",
        category="file",
        action="file-opened",
        source_ip=source,
        destination_ip=INSIDE[2],
        destination_port=445,
        more={"share.name": share, "file.name": name, **more},  # type: ignore[dict-item]
    )


_places = st.sampled_from([*OUTSIDE, *INSIDE])
_hosts = st.sampled_from([f"{host}.corp.example" for host in HOSTS] + ["ws-5", "srv-1.corp.example"])
_users = st.sampled_from(USERS)
_outcomes = st.sampled_from(["failure", "failure", "failure", "success"])
_logon_ids = st.sampled_from(["0xa1", "0xa2", "0xa3"])


def _bursts(times: st.SearchStrategy[int]) -> st.SearchStrategy[list[Event]]:
    """Failures of one user, close together, perhaps with a success at the end: rare in a list of single events."""
    return st.builds(
        lambda start, source, host, user, tries, ends: [
            ssh(start + n * 7 * SECOND_US, "failure" if n < tries or not ends else "success", source, host, user)
            for n in range(tries + 1)
        ],
        times,
        _places,
        _hosts,
        _users,
        st.integers(3, 14),
        st.booleans(),
    )


def _scans(times: st.SearchStrategy[int]) -> st.SearchStrategy[list[Event]]:
    return st.builds(
        lambda start, source, pace, size, is_vertical, transport: [
            connection(
                start + n * pace * SECOND_US,
                source,
                "10.0.9.1" if is_vertical else f"10.0.9.{n}",
                (n + 1 if is_vertical else 445) if transport == "tcp" else None,
                transport=transport,
            )
            for n in range(size)
        ],
        times,
        _places,
        st.sampled_from([1, 5, 20]),
        st.integers(4, 12),
        st.booleans(),
        st.sampled_from(["tcp", "tcp", "icmp"]),
    )


def _beats(times: st.SearchStrategy[int]) -> st.SearchStrategy[list[Event]]:
    """Calls at a steady pace, for about an hour and a half, along one path or through a proxy."""
    return st.builds(
        lambda start, source, destination, pace, wobble, calls, is_web: [
            request(start + n * pace * SECOND_US + n * wobble % 7 * SECOND_US, "beat.example", source)
            if is_web
            else connection(
                start + n * pace * SECOND_US + n * wobble % 7 * SECOND_US,
                source,
                destination,
                443,
                outcome="success",
                **{"source.bytes": 300 + n % 5, "destination.bytes": 90},
            )
            for n in range(calls)
        ],
        times,
        st.sampled_from(INSIDE),
        st.sampled_from(OUTSIDE),
        st.integers(60, 90),
        st.integers(0, 3),
        st.sampled_from([4, 90]),
        st.booleans(),
    )


def _network(times: st.SearchStrategy[int]) -> st.SearchStrategy[list[Event]]:
    """What goes outside: connections of every size, names and certificates."""
    inside, outside = st.sampled_from(INSIDE), st.sampled_from(OUTSIDE)
    calls = st.builds(
        lambda at_us, source, destination, outcome, sent, lasted_s: connection(
            at_us,
            source,
            destination,
            443,
            outcome=outcome,
            **{"source.bytes": sent, "destination.bytes": 500, "event.duration": lasted_s * 1_000_000_000},
        ),
        times,
        inside,
        outside,
        _outcomes,
        st.sampled_from([0, 400, 9_000, 200_000]),
        st.sampled_from([0, 1, 700, 30_000]),
    )
    names = st.builds(
        lambda at_us, first, count, is_tunnel, kind, code, source: [
            dns_query(
                at_us + n * 9 * SECOND_US,
                f"xq9vj3kw{first + n:02d}kqx7z{'qz8x.t' if is_tunnel else ''}.example",
                kind,
                code,
                source,
            )
            for n in range(count)
        ],
        times,
        st.integers(0, 5),
        st.integers(1, 9),
        st.booleans(),
        st.sampled_from(["A", "TXT", "NULL", "NULL"]),
        st.sampled_from(["NOERROR", "NXDOMAIN", "NXDOMAIN"]),
        inside,
    )
    shown = st.builds(
        lambda at_us, source, destination, chain, count: [
            handshake(at_us + n * 400 * SECOND_US, source, destination, **{"zeek.ssl.cert_chain_fps": [chain]})
            for n in range(count)
        ],
        times,
        inside,
        outside,
        st.sampled_from(["f1", "f2"]),
        st.integers(1, 6),
    )
    told = st.builds(
        lambda at_us, fingerprint: certificate(
            at_us, fingerprint, **{"x509.subject": "CN=a", "x509.issuer": "CN=a" if fingerprint == "f1" else "CN=b"}
        ),
        times,
        st.sampled_from(["f1", "f2"]),
    )
    alone = st.one_of(calls, told).map(lambda event: [event])
    parts = st.lists(st.one_of(alone, alone, names, shown), max_size=24)
    return parts.map(lambda lists: [event for part in lists for event in part])


def _singles(times: st.SearchStrategy[int], cluster: int) -> st.SearchStrategy[list[Event]]:
    names = st.sampled_from(list(zip(INSIDE, HOSTS[cluster % 3 :] + HOSTS[: cluster % 3], strict=True)))
    one = st.one_of(
        st.builds(ssh, times, _outcomes, _places, _hosts, _users),
        st.builds(
            windows_logon,
            times,
            st.none() | _places,
            _hosts,
            st.sampled_from([*USERS, "CORP\\Alice", "WS-5$"]),
            outcome=_outcomes,
            kind=st.sampled_from([3, 3, 10, 2, 5]),
            is_elevated=st.booleans(),
            logon_id=_logon_ids,
        ),
        st.builds(privileges, times, _hosts, _users, _logon_ids),
        st.builds(
            connection,
            times,
            _places,
            _places,
            st.integers(1, 3),
            outcome=st.sampled_from(["failure", "success", None]),
        ),
        st.builds(ids_alert, times, st.sampled_from(["A", "B"]), st.integers(0, 4), _places, st.none() | _places),
        st.builds(
            service,
            times,
            _hosts,
            st.sampled_from(["updater", "PSEXESVC"]),
            user=st.none() | _users,
            logon_id=st.none() | _logon_ids,
        ),
        st.builds(process, times, st.sampled_from(COMMANDS), st.sampled_from(PARENTS), _hosts, _users, _logon_ids),
        st.builds(admin_share, times, _places, _hosts, _users),
        st.builds(file_opened, times, st.sampled_from("abcdef"), st.sampled_from(INSIDE)),
        st.builds(weak_ticket, times, _places, st.sampled_from(["svc-a", "svc-b", "svc-c", "WS-5$"]), _users),
        st.builds(lambda t, pair: own_connection(t, pair[1], pair[0]), times, names),
        st.builds(lambda t, pair: lease(t, pair[1].lower(), pair[0]), times, names),
    )
    tickets = st.lists(
        st.builds(ticket, times, _places, st.sampled_from(["WS-5$", "cifs/ws-6.corp.example"])), max_size=3
    )
    return st.builds(lambda first, second: [*first, *second], st.lists(one, max_size=12), tickets)


def _cluster(number: int) -> st.SearchStrategy[list[Event]]:
    start = START_US + number * 30 * HOUR_US
    times = st.integers(0, 40 * 12).map(lambda five_seconds: start + five_seconds * 5 * SECOND_US)
    kinds = (_bursts(times), _scans(times), _beats(times), _network(times), _singles(times, number))
    parts = st.lists(st.one_of(*kinds), min_size=1, max_size=4)
    return parts.map(lambda lists: [event for part in lists for event in part])


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Up to three clusters of events, in the order of their times."""
    events = [event for number in range(draw(st.integers(1, 3))) for event in draw(_cluster(number))]
    return sorted(events, key=lambda event: event.at_us)


@st.composite
def late_streams(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """A stream in the order of its times, and the same events in an order of arrival up to ten minutes off."""
    events = draw(streams())
    delays = draw(st.lists(st.integers(0, LATENESS_US), min_size=len(events), max_size=len(events)))
    arrival: Sequence[int] = sorted(
        range(len(events)), key=lambda place: (events[place].at_us + delays[place], place)
    )
    return events, [events[place] for place in arrival]


def watch(events: Sequence[Event], *makers: Maker) -> list[Fired]:
    """What a pipeline (of the behaviours ``makers``, or of all) says after some events."""
    made = Pipeline(makers or None)
    for number, event in enumerate(events, 1):
        made.observe(number, event)
    return made.changed()
