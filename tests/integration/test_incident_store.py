"""Incidents from log lines to commands: written, read back, the same after a restart, lowered by verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pandora_core.casebook import Casebook
from pandora_core.cli.main import root
from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.joining import Incident, incidents_of
from pandora_core.detect.incidents.suppress import SUBJECT, Wish, value_of
from pandora_core.engine import Engine, EngineOptions
from pandora_core.errors import NotFoundError, RefusedError
from pandora_core.ingest.formats.wazuh import WazuhFormat
from pandora_core.ingest.tail import SourceSpec
from pandora_core.model import Action, ActionKind, Detection, EntityRef, Verdict
from pandora_core.store.operator import Operator
from pandora_core.store.reader import Reader
from pandora_core.store.rows import EngineStatus
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer

DAY_S = 86_400
START_S = 1_700_000_000


class Desk:
    """A casebook and its store: what is applied is written, as the engine does."""

    def __init__(self, store: Store) -> None:
        self.store, self.writer = store, Writer(store)
        self.casebook = Casebook(self.writer, Reader(store).actions())

    def apply(self, fired: list[Fired], *actions: Action) -> dict[str, Incident]:
        found = self.casebook.apply(fired, actions)
        incidents, gone = self.casebook.settle()
        status = EngineStatus(
            pid=1, host="h", version="0", state="live", started_at_us=0, heartbeat_us=0, watermark_us=0,
            last_event_id=9, events_per_s=0.0, backlog_bytes=0, lag_s=0.0,
        )  # fmt: skip
        batch = Batch(
            fired=found.fired, alerts=found.alerts, incidents=incidents, gone_incidents=gone,
            entities=found.entities, status=status,
        )  # fmt: skip
        self.writer.commit(batch)
        return {incident.id: incident for incident in Reader(self.store).incidents()}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Store(tmp_path / "pandora.db"))


def scan(number: int, host: str = "ws-1", points: float = 50.0, user: str = "eve") -> Fired:
    at_us = (START_S + number * 60) * 1_000_000
    detection = Detection(
        f"d{number}", "scan", EntityRef("host", host), at_us, at_us, 3, points, "a scan", ("because",), users=(user,),
        event_ids=(number,),
    )  # fmt: skip
    return Fired(detection, number, at_us)


def test_what_is_written_is_what_the_detections_mean(desk: Desk) -> None:
    fired = [scan(1), scan(2, "ws-2"), scan(3, "ws-3", user="bob")]
    told = desk.apply(fired[:1]) | desk.apply(fired[1:])
    assert sorted(told.values(), key=lambda incident: incident.first_seen_us) == incidents_of(fired)
    detail = Reader(desk.store).incident(next(iter(told)))
    assert [line.role for line in detail.story if line.role == "sign"]


def test_a_restart_goes_on_and_tells_nothing_twice(desk: Desk) -> None:
    before = desk.apply([scan(1), scan(2, "ws-2")])
    again = Desk(desk.store)
    assert again.casebook.settle() == ([], {})
    after = again.apply([scan(3, "ws-3")])
    assert list(after) == list(before)
    assert next(iter(after.values())).detection_ids == ("d1", "d2", "d3")


def test_a_merged_incident_is_found_under_its_old_name(desk: Desk) -> None:
    before = desk.apply([scan(1), scan(2, "ws-2", user="bob")])
    assert len(before) == 2
    (one,) = desk.apply([scan(3, "ws-2")])
    assert {Reader(desk.store).incident(number).incident.id for number in before} == {one}


def test_a_verdict_lowers_what_it_refutes_and_its_undoing_brings_it_back(desk: Desk) -> None:
    (incident,) = desk.apply([scan(1), scan(2, "ws-2")]).values()
    operator = Operator(desk.store, "ann", "soc-1")
    alert = next(view.alert for view in Reader(desk.store).alerts() if view.alert.entity.name == "ws-2")
    said = operator.act(alert.id, ActionKind.VERDICT, Verdict.FALSE_POSITIVE, at_us=1)
    lowered = desk.apply([], said)[incident.id]
    assert lowered.detection_ids == ("d1",)
    assert lowered.risk < incident.risk
    assert Desk(desk.store).apply([]) == {incident.id: lowered}
    assert desk.apply([], operator.undo(alert.id, at_us=2)) == {incident.id: incident}


def test_what_is_suppressed_is_kept_but_opens_nothing(desk: Desk) -> None:
    wish = Wish("our scanner", (START_S + DAY_S) * 1_000_000, entity="host:ws-*")
    said = Action(1, "ann", "soc-1", 0, SUBJECT, ActionKind.SUPPRESS, value_of(wish))
    assert desk.apply([scan(1)], said) == {}
    (stored,) = desk.writer.newest_fired(5)
    assert stored.detection.points == 0
    assert "our scanner" in stored.detection.reasons[-1]


def test_suppressions_are_said_read_and_taken_back(desk: Desk) -> None:
    desk.apply([])
    ann, bob = Operator(desk.store, "ann", "soc-1"), Operator(desk.store, "bob", "soc-2")
    number = ann.suppress(Wish("ours", 5, detector="scan"), at_us=1).id
    (found,) = Reader(desk.store).suppressions()
    assert (found.id, found.actor, found.after_event_id, found.wish.detector) == (number, "ann", 9, "scan")
    bob.unsuppress(number, at_us=2)
    assert Reader(desk.store).suppressions() == ()
    with pytest.raises(NotFoundError, match="no suppression"):
        bob.unsuppress(number, at_us=3)


@pytest.mark.parametrize("wish", [Wish("all", 5), Wish("  ", 5, detector="scan")])
def test_a_suppression_of_everything_or_without_a_reason_is_refused(desk: Desk, wish: Wish) -> None:
    with pytest.raises(RefusedError, match="needs a reason"):
        Operator(desk.store, "ann", "soc-1").suppress(wish, at_us=1)


def test_an_incident_whose_alerts_are_closed_comes_last(desk: Desk) -> None:
    found = desk.apply([scan(1, points=90), scan(2, "ws-2", user="bob")])
    operator = Operator(desk.store, "ann", "soc-1")
    first = Reader(desk.store).incidents()[0]
    (alert,) = Reader(desk.store).incident(first.id).alerts
    operator.act(alert.alert.id, ActionKind.CLOSE, "", at_us=1)
    assert [incident.id for incident in Reader(desk.store).incidents()] == [
        *(number for number in found if number != first.id),
        first.id,
    ]


def test_an_unknown_incident_is_an_error_that_says_what_to_do(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="pandora incidents list"):
        Reader(desk.store).incident("I-00000000")


def alert_table(path: Path) -> Path:
    """Two days of chatter, then within a minute three alerts that the host never had."""
    rows = [(START_S + n * 600, "Tool: heartbeat", "web") for n in range(2 * 144)]
    late = START_S + 2 * DAY_S
    rows += [
        (late, "Tool: scan seen", "web"),
        (late + 20, "Tool: shell started", "web"),
        (late + 40, "Tool: sudo", "web"),
    ]
    header = "time,name,ip,host,short,time_label,event_label\n"
    path.write_text(header + "".join(f"{at},{name},10.0.0.1,{host},x,-,-\n" for at, name, host in rows))
    return path


def ingested(folder: Path, source: Path, batch_size: int) -> list[Incident]:
    store = Store(folder / "pandora.db")
    formats = {"wazuh": WazuhFormat()}
    clock = (START_S + 10 * DAY_S) * 1_000_000
    engine = Engine(store, formats, clock=lambda: clock, options=EngineOptions(batch_size=batch_size))
    follower = engine.follow([SourceSpec(str(source), "wazuh")], follow=False)
    engine.scan(follower)
    while engine.step():
        pass
    engine.close()
    return Reader(store).incidents()


def test_batches_of_any_size_write_the_same_incidents(tmp_path: Path) -> None:
    source = alert_table(tmp_path / "alerts.txt")
    told = []
    for size in (7, 1000):
        folder = tmp_path / str(size)
        folder.mkdir(mode=0o700)
        told.append(ingested(folder, source, size))
    assert told[0] == told[1]
    (incident,) = told[0]
    assert incident.tactics == ("reconnaissance", "execution", "privilege-escalation")


def test_the_commands_show_what_is_stored(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (incident,) = ingested(folder, alert_table(tmp_path / "alerts.txt"), 1000)
    listed = run(folder, "incidents", "list", "--json")
    assert [item["id"] for item in json.loads(listed)["items"]] == [incident.id]
    shown = json.loads(run(folder, "incidents", "show", incident.id, "--json"))
    assert [line["words"] for line in shown["story"] if line["role"] == "sign"] == [
        "Tool: scan seen",
        "Tool: shell started",
        "Tool: sudo",
    ]
    assert shown["story"][0]["role"] == "before"
    assert shown["story"][0]["words"] == "Tool: heartbeat"
    assert sum(part["points"] for part in shown["contributions"]) == pytest.approx(shown["risk"], abs=0.05)
    text = run(folder, "incidents", "show", incident.id)
    assert "Check next:" in text
    assert "pandora events search web" in text
    assert "Check next:" in run(folder, "alerts", "show", shown["alerts"][0]["id"])
    run(folder, "suppress", "add", "--detector", "rare-alert", "--reason", "moved house", "--days", "3")
    (item,) = json.loads(run(folder, "suppress", "list", "--json"))["items"]
    assert (item["reason"], item["detector"], item["until"][:10]) == ("moved house", "rare-alert", "2023-11-19")
    assert "removed" in run(folder, "suppress", "remove", str(item["id"]))


def run(folder: Path, *arguments: str) -> str:
    done = CliRunner().invoke(root, ["--data", str(folder), *arguments])
    assert done.exit_code == 0, done.output
    return done.output
