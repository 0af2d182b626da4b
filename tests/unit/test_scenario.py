"""The simulated company: deterministic, in order, labelled, and readable by Pandora's own decoders."""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core import plugins
from pandora_core.errors import ConfigError, RefusedError
from pandora_core.ingest.format import LogFormat
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, SECOND_US, BadLine, Event, from_iso
from pandora_core.scenario import Plan, Record, about, attacks, generate, stream, write_conn_load
from pandora_core.scenario.behaviour.everything import ordinary_life
from pandora_core.scenario.company import INSIDE, Role, found, is_weekend, workday
from pandora_core.scenario.plan import MONDAY_US
from pandora_core.scenario.signatures import Signature
from pandora_core.scenario.simulate import Scenario

MORNING = Plan(hosts=20, days=0.04, seed=3, start_us=MONDAY_US + 9 * HOUR_US)
FORMATS = {"zeek": "zeek", "suricata": "suricata", "linux": "sshd", "windows": "windows"}
NOBODYS = [
    ipaddress.ip_network(text)
    for text in ("10.20.0.0/16", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24")
]
MUST_HAVE = {
    ("authentication", "logon"): ("source_ip",),
    ("authentication", "kerberos-tgt"): ("user", "source_ip", "service.name"),
    ("network", "connection"): ("source_ip", "source_port", "destination_ip", "destination_port", "transport"),
    ("network", "dns-query"): ("dns.question.name", "dns.response_code"),
    ("web", "http-request"): ("source_ip", "url.path", "user_agent.original", "http.response.status_code"),
    ("network", "certificate"): ("x509.subject", "x509.issuer", "x509.not_before", "x509.fingerprint"),
    ("network", "rpc-call"): ("source_ip", "rpc.endpoint", "rpc.operation"),
    ("network", "share-mapped"): ("source_ip", "share.name"),
    ("network", "tls-handshake"): ("source_ip", "destination_ip", "tls.version"),
    ("intrusion_detection", "alert"): ("rule.name", "rule.id", "rule.category"),
    ("authentication", "kerberos-service"): ("user", "source_ip", "service.name", "kerberos.encryption"),
    ("configuration", "service-installed"): ("host", "user", "service.name", "service.path"),
    ("configuration", "log-cleared"): ("host", "user"),
    ("process", "process-started"): ("host", "user", "process.executable", "process.command_line"),
    ("process", "script-run"): ("host", "script.text"),
    ("iam", "group-member-added"): ("user", "group.name"),
    ("iam", "directory-access"): ("host", "user"),
    ("authentication", "sudo"): ("host", "user", "process.command_line"),
}
SERVICE_LOGONS = (4, 5)
"""Types of log-ons that come from nowhere."""


@pytest.fixture(params=attacks())
def plan(request: pytest.FixtureRequest) -> Plan:
    return replace(MORNING, attack=request.param)


@cache
def lines_of(plan: Plan) -> tuple[Record, ...]:
    """A plan's lines, simulated once for all tests that only look at them."""
    return tuple(stream(plan))


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def decode(folder: Path, file: str) -> list[Event | BadLine | None]:
    data = (folder / file).read_bytes()
    log_format: LogFormat = plugins.load("formats", FORMATS[file.partition("/")[0]])()
    assert log_format.sniff(data[:65_536], Path(file).name) > 0.5
    return log_format.decoder(None, filename=file, modified_us=MONDAY_US).decode(data.split(b"\n")[:-1])


def field(event: Event, name: str) -> object:
    return getattr(event, name) if name in Event.__struct_fields__ else event.more.get(name)


def test_the_same_plan_gives_the_same_bytes(tmp_path: Path, plan: Plan) -> None:
    generate(plan, tmp_path / "one")
    generate(plan, tmp_path / "two")
    one = files_of(tmp_path / "one")
    assert one == files_of(tmp_path / "two")
    assert sum(map(len, one.values())) > 1_000_000


def test_the_same_plan_gives_the_same_lines_in_another_interpreter() -> None:
    code = f"""
from zlib import crc32
from pandora_core.scenario import Plan, stream
checksum = 0
for record in stream({MORNING!r}):
    checksum = crc32(record.line.encode(), checksum)
print(checksum)
"""
    elsewhere = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=elsewhere)
    checksum = 0
    for record in lines_of(MORNING):
        checksum = crc32(record.line.encode(), checksum)
    assert int(run.stdout) == checksum


def test_another_seed_gives_another_day() -> None:
    one, two = ({record.line for record in lines_of(replace(MORNING, seed=seed))} for seed in (1, 2))
    assert len(one & two) < 0.01 * len(one)


def test_lines_come_in_order_of_time_and_within_the_plan(plan: Plan) -> None:
    times = [record.at_us for record in lines_of(plan)]
    assert times == sorted(times)
    assert plan.start_us <= times[0]
    assert times[-1] < plan.end_us


def test_every_behaviour_and_step_goes_forward_in_time(plan: Plan) -> None:
    scenario = Scenario(plan)
    assert scenario.campaigns
    for doings in (*ordinary_life(scenario.world), *scenario.campaigns[0].bursts()):
        last_us = 0
        for burst in itertools.takewhile(lambda burst: burst.at_us < plan.end_us, doings):
            assert burst.at_us >= last_us
            assert all(happening.at_us >= burst.at_us for happening in burst.happenings)
            last_us = burst.at_us


@pytest.mark.parametrize("zeek_json", [False, True])
def test_every_line_decodes_with_the_fields_that_detectors_use(tmp_path: Path, plan: Plan, zeek_json: bool) -> None:
    summary = generate(replace(plan, zeek_json=zeek_json), tmp_path / "s")
    events = 0
    for file in summary.files:
        for number, decoded in enumerate(decode(tmp_path / "s", file), start=1):
            assert not isinstance(decoded, BadLine), f"{file}:{number}: {decoded}"
            if decoded is None:
                continue
            events += 1
            needed = MUST_HAVE.get((decoded.category or "", decoded.action or ""), ())
            if decoded.more.get("winlog.logon.type") in SERVICE_LOGONS:
                needed = ("host", "user")
            absent = [name for name in needed if field(decoded, name) in (None, "")]
            assert not absent, f"{file}:{number} lacks {absent}: {decoded}"
    assert events == summary.lines


def test_a_zeek_file_says_what_its_columns_are_and_ends_with_its_closing_line(tmp_path: Path) -> None:
    summary = generate(MORNING, tmp_path / "s")
    for file in (name for name in summary.files if name.startswith("zeek/")):
        lines = (tmp_path / "s" / file).read_text().splitlines()
        fields = next(line for line in lines if line.startswith("#fields")).split("\t")
        rows = [line for line in lines if not line.startswith("#")]
        assert lines[-1].startswith("#close\t2026-03-02-")
        assert f"#path\t{Path(file).stem}" in lines
        assert {len(row.split("\t")) for row in rows} == {len(fields) - 1}


def test_the_truth_names_the_lines_of_the_attack(tmp_path: Path, plan: Plan) -> None:
    summary = generate(plan, tmp_path / "s")
    head, *told = [json.loads(line) for line in (tmp_path / "s" / "truth.ndjson").read_text().splitlines()]
    logs = {file: (tmp_path / "s" / file).read_text().split("\n") for file in summary.files}
    bad = [record for record in lines_of(plan) if record.truth]

    assert head["attack"] == plan.attack
    assert head["seed"] == plan.seed
    assert tuple(head["hosts"]) == summary.hosts
    assert len(told) == len(bad) == summary.attack_lines
    for line, record in zip(told, bad, strict=True):
        assert record.truth is not None
        assert logs[line["file"]][line["line"] - 1] == record.line
        assert from_iso(line["at"]) == record.at_us
        assert (line["phase"], line["technique"]) == (record.truth.phase, record.truth.technique)
        assert re.fullmatch(r"(host|address):[\w.-]+", line["entity"])


def test_a_chain_is_fitted_into_a_short_plan_with_all_its_phases_in_order(plan: Plan) -> None:
    (campaign,) = Scenario(plan).campaigns
    seen = dict.fromkeys(record.truth.phase for record in lines_of(plan) if record.truth)
    assert tuple(seen) == campaign.phases


@given(
    days=st.floats(0.01, 12),
    pace=st.floats(0.1, 10),
    begins_h=st.floats(0, 23),
    seed=st.integers(0, 1_000),
    attack=st.sampled_from(attacks()),
)
@settings(max_examples=40, deadline=None)
def test_an_attack_always_begins_and_ends_within_its_plan(
    days: float, pace: float, begins_h: float, seed: int, attack: str
) -> None:
    start_us = MONDAY_US + int(begins_h * HOUR_US)
    plan = Plan(hosts=20, days=days, seed=seed, attack=attack, start_us=start_us, pace=pace)
    (campaign,) = Scenario(plan).campaigns
    last_us = campaign.begins_us + int(max(step.after_h for step in campaign.steps) * campaign.tempo * HOUR_US)
    assert plan.start_us <= campaign.begins_us <= last_us < plan.end_us
    assert 0 < campaign.tempo <= pace


def test_an_attack_changes_nothing_of_what_everybody_else_does() -> None:
    plan = replace(MORNING, attack="intrusion")
    harmless = Counter(r.line for r in stream(replace(plan, attack=None)) if not r.file.startswith("windows/"))
    others = Counter(r.line for r in lines_of(plan) if not r.truth and not r.file.startswith("windows/"))
    assert others == harmless


def test_a_plan_without_attack_has_no_truth_but_its_head(tmp_path: Path) -> None:
    summary = generate(replace(MORNING, attack=None), tmp_path / "s")
    (head,) = (json.loads(line) for line in (tmp_path / "s" / "truth.ndjson").read_text().splitlines())
    assert head["chain"] == []
    assert summary.attack_lines == 0
    assert summary.lines > 1_000


def test_one_remote_log_on_is_seen_alike_by_all_sensors() -> None:
    records = [
        record
        for record in stream(_plan_moving_by_service())
        if record.truth and record.truth.technique == "T1021.002"
    ]
    zeek = {record.file: record.line.split("\t") for record in records if record.file.startswith("zeek/")}
    windows = {row["EventID"]: row for row in (json.loads(r.line) for r in records if r.file.startswith("windows/"))}

    talk, ntlm, logon, check = zeek["zeek/conn.log"], zeek["zeek/ntlm.log"], windows[4624], windows[4776]
    assert ntlm[1:6] == talk[1:6] == zeek["zeek/smb_mapping.log"][1:6] == zeek["zeek/dce_rpc.log"][1:6]
    assert (logon["IpAddress"], logon["IpPort"]) == (talk[2], talk[3])
    assert logon["TargetUserName"] == ntlm[6] == check["TargetUserName"] == windows[7045]["AccountName"]
    assert logon["Hostname"] == ntlm[10] == windows[7045]["Hostname"] == windows[4697]["Hostname"]
    assert check["Hostname"].startswith("dc-")
    assert windows[4634]["TargetLogonId"] == logon["TargetLogonId"] == windows[5140]["SubjectLogonId"]


def test_an_ssh_log_on_is_seen_by_the_host_and_on_the_wire() -> None:
    records = lines_of(replace(MORNING, attack="ssh-bruteforce"))
    accepted = next(r for r in records if "Accepted password for deploy" in r.line)
    port = re.search(r"port (\d+)", accepted.line)
    assert port is not None
    rows = [r.line.split("\t") for r in records if r.file in ("zeek/ssh.log", "zeek/conn.log")]
    seen = [row for row in rows if row[3] == port[1] and row[5] == "22"]
    assert len(seen) == 2
    assert seen[0][1] == seen[1][1]


def test_suricata_sees_only_what_crosses_the_uplink() -> None:
    for record in _lines_of(MORNING, "suricata/eve.json"):
        row = json.loads(record.line)
        assert not (row["src_ip"].startswith(INSIDE) and row["dest_ip"].startswith(INSIDE))


def test_alerts_have_local_rule_numbers_and_some_are_about_harmless_things() -> None:
    plan = Plan(hosts=20, days=0.2, start_us=MORNING.start_us, attack=None)
    alerts = [
        row
        for row in (json.loads(r.line) for r in _lines_of(plan, "suricata/eve.json"))
        if row["event_type"] == "alert"
    ]
    assert len({row["alert"]["signature_id"] for row in alerts}) >= 3
    assert all(1_000_000 < row["alert"]["signature_id"] < 2_000_000 for row in alerts)
    assert len({rule.value.sid for rule in Signature}) == len(Signature)


def test_only_addresses_and_names_that_belong_to_nobody_are_used(plan: Plan) -> None:
    addresses: set[str] = set()
    names: set[str] = set()
    for record in lines_of(plan):
        if record.file == "zeek/conn.log":
            addresses.update(record.line.split("\t")[2:5:2])
        elif record.file == "zeek/dns.log":
            names.add(record.line.split("\t")[9])
    strange = [ip for ip in addresses if not any(ipaddress.ip_address(ip) in network for network in NOBODYS)]
    assert not strange
    assert names
    assert all(name.endswith(".example") for name in names)


def test_people_work_by_day_and_rest_at_the_weekend() -> None:
    saturday_us = MONDAY_US - 2 * DAY_US
    people = found(Plan(hosts=200)).people
    working = {
        day_us: [day for person in people if (day := workday(1, person, day_us))]
        for day_us in (saturday_us, MONDAY_US)
    }
    assert is_weekend(saturday_us)
    assert not is_weekend(MONDAY_US)
    assert len(working[saturday_us]) < 0.1 * len(people) < 0.9 * len(people) < len(working[MONDAY_US])
    for day in working[MONDAY_US]:
        assert day.arrives_us < day.lunch_us < day.back_us < day.leaves_us
        assert day.attention(day.lunch_us + 5 * MINUTE_US) == 0
        assert day.attention(day.arrives_us + 5 * MINUTE_US) < day.attention(day.lunch_us - MINUTE_US) <= 1


def test_browsing_follows_the_hours_of_the_day() -> None:
    def handshakes(hour: int) -> int:
        plan = Plan(hosts=30, days=1 / 24, start_us=MONDAY_US + hour * HOUR_US, attack=None)
        rows = (record.line.split("\t") for record in _lines_of(plan, "zeek/ssl.log"))
        return sum(row[2].startswith(f"{INSIDE}16.") for row in rows)

    assert handshakes(10) > 20 * (1 + handshakes(3))


def test_a_wrong_clock_shifts_all_lines_of_its_sensor_alike() -> None:
    def times(plan: Plan) -> dict[str, list[float]]:
        found: defaultdict[str, list[float]] = defaultdict(list)
        for record in lines_of(plan):
            if record.file.startswith("zeek/"):
                found["zeek"].append(float(record.line.split("\t", 1)[0]))
            elif record.file == "suricata/eve.json":
                found["suricata"].append(from_iso(json.loads(record.line)["timestamp"]) / SECOND_US)
        return found

    right, wrong = times(MORNING), times(replace(MORNING, skew_s=300))
    shifts = {
        sensor: {round(b - a, 4) for a, b in zip(right[sensor], wrong[sensor], strict=True)} for sensor in right
    }
    assert all(len(shift) == 1 for shift in shifts.values())
    assert all(0 < abs(value) <= 300 for shift in shifts.values() for value in shift)
    assert shifts["zeek"] != shifts["suricata"]


def test_lost_lines_are_missing_and_the_truth_still_points_at_the_right_ones(tmp_path: Path) -> None:
    plan = replace(MORNING, loss=0.2)
    whole = sum(1 for _ in lines_of(MORNING))
    summary = generate(plan, tmp_path / "s")
    assert summary.lines == pytest.approx(0.8 * whole, rel=0.05)
    told = [json.loads(line) for line in (tmp_path / "s" / "truth.ndjson").read_text().splitlines()][1:]
    bad = {record.line for record in lines_of(plan) if record.truth}
    logs = {file: (tmp_path / "s" / file).read_text().split("\n") for file in summary.files}
    assert all(logs[line["file"]][line["line"] - 1] in bad for line in told)


def test_noise_makes_an_intruder_try_more() -> None:
    quiet, loud = (
        sum(bool(record.truth) for record in stream(replace(MORNING, attack="ssh-bruteforce", noise=noise)))
        for noise in (0.3, 3.0)
    )
    assert loud > 4 * quiet


def test_a_harmless_day_tempts_detectors() -> None:
    plan = Plan(hosts=32, days=0.4, seed=1, attack=None, start_us=MONDAY_US + 4 * HOUR_US)
    rows = [json.loads(record.line) for record in stream(plan) if record.file.startswith("windows/")]
    codes = Counter(row["EventID"] for row in rows)
    for code in (4625, 4771, 4768, 4769, 4672, 4720, 4728, 7045, 4697, 4724, 1, 3, 22):
        assert codes[code], code
    assert any(row["EventID"] == 4769 and row["TicketEncryptionType"] == "0x17" for row in rows)
    assert any(row["EventID"] == 4624 and row["AuthenticationPackageName"] == "NTLM" for row in rows)


@pytest.mark.parametrize(
    "wrong",
    [{"hosts": 3}, {"hosts": 6_000}, {"days": 0}, {"days": float("nan")}, {"loss": 1.5}, {"pace": 0}, {"noise": -1}],
)
def test_a_plan_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="give a number from"):
        replace(MORNING, **wrong)


def test_an_unknown_attack_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(ConfigError, match="intrusion"):
        stream(replace(MORNING, attack="meteor"))


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(RefusedError, match="not empty"):
        generate(MORNING, tmp_path)
    assert files_of(tmp_path) == {"mine.txt": b"keep"}


def test_each_attack_says_in_a_line_what_it_is() -> None:
    assert len(attacks()) >= 5
    assert all(about(name) and "\n" not in about(name) for name in attacks())


@pytest.mark.parametrize("hosts", [20, 40, 333, 5_000])
def test_a_company_has_as_many_hosts_as_asked_for_each_with_its_own_address(hosts: int) -> None:
    company = found(Plan(hosts=hosts))
    assert len(company.hosts) == hosts == len(company.by_ip)
    assert len({host.name for host in company.hosts}) == hosts
    assert all(company.by_role[role] for role in Role if role is not Role.OUTSIDE)
    assert len({person.login for person in company.people}) == len(company.people)


def test_a_load_of_connections_is_valid_in_order_and_reproducible(tmp_path: Path) -> None:
    one, two = tmp_path / "one" / "conn.log", tmp_path / "two" / "conn.log"
    for path in (one, two):
        path.parent.mkdir()
        write_conn_load(path, 25_000, seed=5)
    log_format: LogFormat = plugins.load("formats", "zeek")()
    decoded = log_format.decoder(None, filename="conn.log", modified_us=0).decode(one.read_bytes().split(b"\n")[:-1])
    events = [event for event in decoded if event is not None]

    assert one.read_bytes() == two.read_bytes()
    assert len(events) == 25_000
    assert all(isinstance(event, Event) and event.dataset == "zeek.conn" for event in events)
    times = [event.at_us for event in events if isinstance(event, Event)]
    assert times == sorted(times)


@pytest.mark.slow
def test_a_default_day_has_the_volume_of_a_small_company(tmp_path: Path) -> None:
    assert 150_000 < generate(Plan(), tmp_path / "s").lines < 400_000


def _lines_of(plan: Plan, file: str) -> list[Record]:
    return [record for record in lines_of(plan) if record.file == file]


def _plan_moving_by_service() -> Plan:
    """A plan whose seed chose the way of moving that leaves most traces."""
    for seed in range(100):
        plan = replace(MORNING, attack="intrusion", seed=seed)
        (campaign,) = Scenario(plan).campaigns
        if any(step.technique == "T1021.002" for step in campaign.steps):
            return plan
    raise AssertionError("no seed moves by service")
