"""What a scenario can be asked for: several attacks, their paths, offices, clocks, late lines, log-ons only."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import pytest

from pandora_core import plugins
from pandora_core.errors import ConfigError
from pandora_core.ingest.format import LogFormat
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Event, from_iso
from pandora_core.scenario import Plan, generate, stream
from pandora_core.scenario.company import Role, dates, found, workday
from pandora_core.scenario.leases import Leases
from pandora_core.scenario.plan import MONDAY_US, AttackPlan
from pandora_core.scenario.simulate import Scenario
from pandora_core.scenario.world import World

SMALL = Plan(hosts=10, days=0.04, seed=5, start_us=MONDAY_US + 9 * HOUR_US, attack=None)
MOVING = ("stolen-admin", "new-account", "service-account", "pass-the-hash", "ssh-hops")


def head_of(folder: Path) -> dict[str, list[dict[str, object]]]:
    with (folder / "truth.ndjson").open(encoding="utf-8") as truth:
        head: dict[str, list[dict[str, object]]] = json.loads(next(truth))
        return head


def test_several_attacks_are_told_apart_in_the_truth(tmp_path: Path) -> None:
    generate(replace(SMALL, attack="insider,pass-the-hash:fast:careful:2,insider"), tmp_path / "s")
    head, *lines = [json.loads(line) for line in (tmp_path / "s" / "truth.ndjson").read_text("utf-8").splitlines()]
    assert [attack["name"] for attack in head["attacks"]] == ["insider", "pass-the-hash", "insider"]
    assert {line["attack"] for line in lines} == {1, 2, 3}
    stages = {(a["id"], s["stage"]): s for a in head["attacks"] for s in a["stages"]}
    for line in lines:
        stage = stages[line["attack"], line["stage"]]
        assert (line["phase"], line["technique"], line["entity"]) == (
            stage["phase"], stage["technique"], stage["entity"]
        )  # fmt: skip


def test_an_attack_may_say_its_tempo_noise_and_hops() -> None:
    plan = Plan(attack="ransomware:slow:careful:4,insider", pace=2.0, noise=0.5)
    assert plan.attacks == (AttackPlan("ransomware", 8.0, 0.3, 4), AttackPlan("insider", 2.0, 0.5, 3))
    assert Plan(attack=None).attacks == ()


@pytest.mark.parametrize("text", ["insider:sideways", "insider:9", "insider:1", "rain", ""])
def test_an_attack_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Scenario(Plan(attack=text or "insider:"))


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("hops", [2, 3, 5])
def test_each_hop_starts_where_the_one_before_ended(name: str, hops: int) -> None:
    (campaign,) = Scenario(Plan(hosts=60, attack=f"{name}:{hops}")).campaigns
    moves = campaign.moves
    assert len(moves) == hops
    assert moves[0].source == campaign.cast.victim.desk.name
    assert all(one.target == two.source for one, two in pairwise(moves))
    assert len({move.target for move in moves} | {moves[0].source}) == hops + 1


@pytest.mark.parametrize("name", MOVING)
def test_every_move_of_an_attack_leaves_a_log_on_that_names_both_ends(name: str) -> None:
    plan = replace(SMALL, hosts=40, attack=f"{name}:4", days=0.08)
    (campaign,) = Scenario(plan).campaigns
    world = World.of(plan)
    address = {host.name: world.leases.at(host.ip, plan.start_us) for host in world.company.hosts}
    lines = [record.line for record in stream(plan) if record.truth and record.truth.phase == "lateral-movement"]
    for move in campaign.moves:
        at_both = [line for line in lines if address[move.source] in line and move.user in line]
        assert any(move.target in line for line in at_both), move


def test_a_pass_the_hash_is_a_log_on_of_type_9_and_then_ntlm() -> None:
    plan = replace(SMALL, attack="pass-the-hash:3")
    rows = [json.loads(r.line) for r in stream(plan) if r.truth and r.file == "windows/security.json"]
    kinds = Counter((row["LogonType"], row["AuthenticationPackageName"]) for row in rows if row["EventID"] == 4624)
    assert kinds["9", "Negotiate"] == kinds["3", "NTLM"] == 3


def test_nobody_attacks_before_the_quiet_days_are_over() -> None:
    plan = replace(SMALL, days=3.0, quiet_days=1.5, attack="insider,ssh-bruteforce,intrusion:slow")
    for campaign in Scenario(plan).campaigns:
        assert campaign.begins_us >= plan.start_us + int(1.5 * DAY_US)


def test_small_companies_have_a_server_for_every_role_and_some_do_several_jobs() -> None:
    company = found(Plan(hosts=10))
    assert len(company.hosts) == 10
    assert all(company.by_role[role] for role in Role if role is not Role.OUTSIDE)
    assert company.one(Role.BACKUP) is company.one(Role.FILES)


def test_offices_work_by_their_own_clocks() -> None:
    plan = Plan(hosts=200, zones_h=(0.0, -6.0), attack=None)
    offices = {zone_h: [p for p in found(plan).people if p.zone_h == zone_h] for zone_h in plan.zones_h}
    begins = {
        zone_h: [day.arrives_us for p in people if (day := workday(1, p, plan.start_us))]
        for zone_h, people in offices.items()
    }
    assert len(offices[0.0]) > len(offices[-6.0]) > 20
    mean = {zone_h: sum(times) / len(times) for zone_h, times in begins.items()}
    assert mean[-6.0] - mean[0.0] == pytest.approx(6 * HOUR_US, abs=HOUR_US / 2)
    assert next(iter(dates(plan, -6.0))) == plan.start_us - DAY_US


def test_late_lines_keep_their_times_and_none_is_lost() -> None:
    plan = replace(SMALL, attack="insider", disorder=0.1, late_s=60.0)
    orderly, late = list(stream(replace(plan, disorder=0.0))), list(stream(plan))
    assert Counter(orderly) == Counter(late)
    newest_us, behind = 0, []
    for record in late:
        behind.append(newest_us - record.at_us)
        newest_us = max(newest_us, record.at_us)
    assert 0.05 < sum(gap > 0 for gap in behind) / len(late) < 0.15
    assert max(behind) <= 60 * SECOND_US


def test_the_truth_points_at_the_right_lines_even_when_they_come_late(tmp_path: Path) -> None:
    plan = replace(SMALL, attack="insider", disorder=0.2, loss=0.05)
    summary = generate(plan, tmp_path / "s")
    bad = {record.line for record in stream(plan) if record.truth}
    logs = {file: (tmp_path / "s" / file).read_text("utf-8").split("\n") for file in summary.files}
    told = [json.loads(line) for line in (tmp_path / "s" / "truth.ndjson").read_text("utf-8").splitlines()][1:]
    assert len(told) == len(bad) > 100
    assert {logs[line["file"]][line["line"] - 1] for line in told} == bad


def test_log_ons_only_writes_log_ons_and_tickets_of_hosts_and_nothing_else() -> None:
    records = list(stream(replace(SMALL, hosts=30, only="logons", attack="stolen-admin:3")))
    codes = {json.loads(r.line)["EventID"] for r in records if r.file == "windows/security.json"}
    assert codes <= {4624, 4625, 4648, 4672, 4768, 4769, 4771, 4776}
    assert {4624, 4768, 4769} <= codes
    assert {r.file for r in records} <= {"windows/security.json"} | {r.file for r in records if "auth.log" in r.file}
    assert all("sshd" in r.line or "logind" in r.line for r in records if r.file.endswith("auth.log"))
    assert {r.truth.phase for r in records if r.truth} >= {"lateral-movement"}


def test_an_address_is_never_two_hosts_at_once_and_not_always_the_same_one() -> None:
    plan = Plan(hosts=300, zones_h=(0.0, 9.0))
    desks = found(plan).by_role[Role.DESK]
    leases = Leases(1, plan.start_us, desks)
    owners = []
    for day in range(20):
        at_us = plan.start_us + day * DAY_US + 12 * HOUR_US
        addresses = [leases.at(desk.ip, at_us) for desk in desks]
        assert len(set(addresses)) == len(desks)
        owners.append(addresses)
    moved = sum(one != two for one, two in zip(owners[0], owners[-1], strict=True))
    assert 0.2 < moved / len(desks) < 0.95
    assert leases.at("10.20.1.10", plan.start_us) == "10.20.1.10"


def test_a_lease_is_told_before_anybody_sees_the_address() -> None:
    plan = replace(SMALL, hosts=16, days=0.45, start_us=MONDAY_US)
    leased, used = set(), set()
    for record in stream(plan):
        row = record.line.split("\t")
        if record.file == "zeek/dhcp.log":
            leased.add(row[9])
        elif record.file == "zeek/ssl.log" and row[2].startswith("10.20.16."):
            used.add(row[2])
    assert used
    assert used <= leased


def test_a_server_that_is_down_lets_nobody_in() -> None:
    plan = Plan(hosts=40, days=3.0, start_us=MONDAY_US, attack=None)
    world = World.of(plan)
    outage = next(o for listed in world.outages.values() for o in listed if o.host.role is Role.FILES)
    during = replace(plan, start_us=outage.from_us, days=(outage.until_us - outage.from_us) / DAY_US)
    sensors = Scenario(during)
    sensors.world.outages = world.outages
    logons = 0
    refused = 0
    for record in sensors.records():
        if record.file == "windows/security.json":
            row = json.loads(record.line)
            logons += row["EventID"] == 4624 and row["LogonType"] == "3" and row["Hostname"] == outage.host.fqdn
        elif record.file == "zeek/conn.log":
            row = record.line.split("\t")
            refused += row[4] == outage.host.ip and row[11] in ("S0", "REJ")
    assert logons == 0
    assert refused > 0


def test_a_flow_collector_hears_of_every_connection(tmp_path: Path) -> None:
    summary = generate(replace(SMALL, flows=True), tmp_path / "s")
    log_format: LogFormat = plugins.load("formats", "flows")()
    lines = (tmp_path / "s" / "flows" / "flows.binetflow").read_bytes().split(b"\n")[:-1]
    decoded = log_format.decoder(None, filename="flows.binetflow", modified_us=0).decode(lines)
    events = [event for event in decoded if isinstance(event, Event)]
    assert len(events) == summary.files["flows/flows.binetflow"] == len(lines) - 1
    assert {event.dataset for event in events} == {"flows.binetflow"}
    assert len(events) == pytest.approx(summary.files["zeek/conn.log"], rel=0.05)


def test_memory_does_not_grow_with_the_days() -> None:
    tracemalloc.start()
    try:
        records = stream(Plan(hosts=14, days=400.0, attack=None, only="logons"))
        used = []
        for _ in range(2):
            assert sum(1 for _ in islice(records, 8_000)) == 8_000
            used.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert used[1] < 1.3 * used[0]


@pytest.mark.parametrize(
    "wrong",
    [{"zones_h": ()}, {"zones_h": (15.0,)}, {"hops": 9}, {"only": "dns"}, {"quiet_days": 9.0}, {"disorder": 2.0}],
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        replace(SMALL, **wrong)  # type: ignore[arg-type]


def test_the_moves_in_the_truth_are_those_of_the_attack(tmp_path: Path) -> None:
    plan = replace(SMALL, attack="ssh-hops:2", days=0.1)
    generate(plan, tmp_path / "s")
    (attack,) = head_of(tmp_path / "s")["attacks"]
    (campaign,) = Scenario(plan).campaigns
    assert attack["moves"] == [move._asdict() for move in campaign.moves]
    assert from_iso(str(attack["begins"])) - campaign.begins_us == 0
    assert campaign.begins_us >= plan.start_us - MINUTE_US
