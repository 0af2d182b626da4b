"""The promoted model in the real engine: what it finds, exchanged while it runs, refused where it must be."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from pandora_core import bootstrap
from pandora_core.cli.main import root
from pandora_core.config import Settings
from pandora_core.engine import Engine, EngineOptions
from pandora_core.ingest.recognise import formats
from pandora_core.ingest.tail import SourceSpec
from pandora_core.learn.data.flows import FLOW, FlowReader
from pandora_core.learn.scoring import live
from pandora_core.learn.scoring.calibration import Calibration, Scale
from pandora_core.learn.scoring.hits import POINTS_UNSURE, Hit
from pandora_core.learn.scoring.live import LiveModel
from pandora_core.learn.scoring.stage import Judged, Stage
from pandora_core.learn.versions.registry import ARTEFACT, CARD, SIGNATURE, Registry
from pandora_core.learn.versions.signing import SeedSigner
from pandora_core.store.reader import Reader
from pandora_core.store.rows import ModelStatus
from pandora_core.store.store import Store
from pandora_core.vault.crypto.secret import Secret
from tests.live_samples import ACTOR, SCANNER, copy_of, events_of, log_of, office, trained

LINES, KINDS = office(2_400, seed=1)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two signed versions, none promoted."""
    folder = tmp_path_factory.mktemp("template")
    trained(folder, seed=0)
    trained(folder, seed=1)
    return folder


@pytest.fixture
def data(template: Path, tmp_path: Path) -> Path:
    """A data folder of its own, with version 1 promoted."""
    folder = copy_of(template, tmp_path / "data")
    promote(folder, 1)
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return log_of(LINES, tmp_path / "conn.log")


def promote(folder: Path, number: int, **more: bool) -> None:
    Registry(folder).promote(number, ACTOR.name, ACTOR.host, ACTOR.at_us, **more)


def ingest(folder: Path, log: Path, batch_size: int = 1_000) -> dict[str, Any]:
    return bootstrap.ingest(Settings(data=folder, batch_size=batch_size), [str(log)], "auto")


def status_of(folder: Path) -> ModelStatus:
    with bootstrap.reading(folder) as reader:
        found = reader.model()
    assert found is not None
    return found


def findings(folder: Path) -> dict[str, Any]:
    """Everything that was concluded of the flows."""
    with bootstrap.opened(folder) as store, store.reading() as connection:
        return {
            table: sorted(tuple(row) for row in connection.exec_driver_sql(f"SELECT {what} FROM {table}"))
            for table, what in (
                ("detections", "id, entity, body"),
                ("alerts", "id, body"),
                ("entities", "entity, evidence"),
                ("raw_lines", "event_id"),
                ("drifts", "model, drift"),
                ("live_models", "number, state, detail, scored, fired, drift"),
            )
        }


def detections(folder: Path) -> list[dict[str, Any]]:
    with bootstrap.opened(folder) as store, store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT body FROM detections WHERE detector = 'flow-model' ORDER BY id")
        return [json.loads(row[0])[0] for row in rows]


def test_flows_like_an_attack_become_detections_with_reasons_and_the_version(data, log):
    done = ingest(data, log)
    status = status_of(data)
    assert (done["events"], status.scored) == (len(LINES), len(LINES))
    assert (status.number, status.name, status.state) == (1, "office 0", "live")
    assert status.detail.startswith("calibrated on ")
    found = detections(data)
    scanned = [each for each in found if SCANNER in str(each["entity"])]
    assert sum(each["count"] for each in scanned) > 0.7 * KINDS.count("scan")
    assert sum(each["count"] for each in found) - sum(each["count"] for each in scanned) < 0.1 * KINDS.count("")
    worst = max(scanned, key=lambda each: each["points"])
    assert "nats by model 1 (office 0), which alerts above" in worst["reasons"][0]
    assert any(reason.startswith("forest ") and " probability: " in reason for reason in worst["reasons"])
    for reason in worst["reasons"][1:]:
        total = float(reason.split()[1])
        assert sum(map(float, re.findall(r"\(([+-][0-9.]+)\)", reason))) == pytest.approx(total, abs=0.03)
    assert worst["event_ids"]


def test_the_destinations_beyond_the_eighth_of_a_source_share_a_detection(data, log):
    ingest(data, log)
    scanned = [each for each in detections(data) if SCANNER in str(each["entity"])]
    assert len(scanned) == 9
    assert sum("further destinations" in each["title"] for each in scanned) == 1


@pytest.mark.parametrize("batch_size", [7, 256])
def test_findings_do_not_depend_on_the_size_of_batches(template, log, tmp_path, batch_size):
    for name, size in (("whole", 10_000), ("parts", batch_size)):
        promote(copy_of(template, tmp_path / name), 1)
        ingest(tmp_path / name, log, size)
    assert detections(tmp_path / "whole")
    assert findings(tmp_path / "parts") == findings(tmp_path / "whole")


class Running:
    """An engine that is stepped by hand; ``drop`` leaves it as a kill does."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.now_us = 1_700_001_000_000_000
        self.store = Store(folder / "pandora.db")
        self.engine = Engine(
            self.store,
            formats(),
            clock=lambda: self.now_us,
            options=EngineOptions(batch_size=100),
            scorer=partial(LiveModel, data=folder),
        )
        self.follower = self.engine.follow([SourceSpec(str(log), "auto")], follow=True)
        self.engine.scan(self.follower)

    def step(self, times: int = 1_000) -> None:
        for _ in range(times):
            self.now_us += 2 * live.LOOK_US
            self.engine.scan(self.follower)
            if not self.engine.step():
                break

    def drop(self) -> None:
        self.store.close()


@pytest.mark.parametrize("dies_at", [1, 3, 9, 14])
def test_an_engine_that_dies_at_any_batch_finds_the_same(template, log, tmp_path, dies_at):
    for name, at in (("whole", None), ("killed", dies_at)):
        folder = copy_of(template, tmp_path / name)
        promote(folder, 1)
        running = Running(folder, log)
        if at is not None:
            # A full batch lets the next be larger: only single steps stop where they should.
            running.step(at)
            running.drop()
            running = Running(folder, log)
        running.step()
        running.engine.close()
        running.drop()
    assert findings(tmp_path / "killed") == findings(tmp_path / "whole")


def test_another_version_is_at_work_without_a_restart_and_can_be_rolled_back(data, log):
    whole = log.read_bytes()
    parts = whole.splitlines(keepends=True)
    log.write_bytes(b"".join(parts[:1_800]))
    running = Running(data, log)
    running.step()
    assert status_of(data).number == 1
    promote(data, 2, as_trained=True)
    with log.open("ab") as file:
        file.write(b"".join(parts[1_800:2_100]))
    running.step()
    status = status_of(data)
    assert (status.number, status.name, status.scored) == (2, "office 1", 300)
    assert status.detail == "with the threshold of training"
    assert {"1", "2"} == {each["reasons"][0].split("by model ")[1][0] for each in detections(data)}
    Registry(data).rollback(ACTOR.name, ACTOR.host, ACTOR.at_us)
    running.step()
    assert (status_of(data).number, status_of(data).state) == (1, "live"), "it knows this network already"
    with log.open("ab") as file:
        file.write(b"".join(parts[2_100:]))
    running.step()
    assert status_of(data).scored == 300
    running.drop()


def test_a_restart_goes_on_after_an_exchange_with_the_new_version(data, log):
    running = Running(data, log)
    running.step(4)
    promote(data, 2, as_trained=True)
    running.step(2)
    running.drop()
    before = detections(data)
    running = Running(data, log)
    running.step()
    assert status_of(data).number == 2
    ids = {each["id"] for each in detections(data)}
    assert {each["id"] for each in before} <= ids
    running.drop()


def test_a_version_that_was_exchanged_while_the_engine_was_down_judges_only_what_is_new(data, log):
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:1_800]))
    running = Running(data, log)
    running.step()
    running.drop()
    before = detections(data)
    promote(data, 2, as_trained=True)
    with log.open("ab") as file:
        file.write(b"".join(lines[1_800:]))
    running = Running(data, log)
    running.step()
    status = status_of(data)
    assert (status.number, status.scored) == (2, 600)
    after = {each["id"]: each for each in detections(data)}
    assert all(after[each["id"]] == each for each in before)
    running.drop()


def test_a_model_that_has_not_seen_enough_says_so_and_alerts_nothing(data, log):
    log.write_bytes(b"\n".join(LINES[:99]) + b"\n")
    ingest(data, log)
    status = status_of(data)
    assert (status.state, status.detail) == ("warming-up", "99 of 1,000 flows seen")
    assert detections(data) == []


@pytest.mark.parametrize(
    ("lines", "told"), [(100, "model 1 (office 0) is warming up: 100 of 1,000"), (2_400, "flows above")]
)
def test_reading_files_to_their_end_says_what_the_model_made_of_them(data, tmp_path, lines, told):
    log = log_of(LINES[:lines], tmp_path / "short.log")
    done = CliRunner().invoke(root, ["--data", str(data), "ingest", str(log)])
    assert told in done.stdout


def test_what_was_seen_while_warming_up_is_judged_afterwards(data, tmp_path):
    early, _ = office(60, seed=5, scans=30)
    late, _ = office(1_400, seed=6, scans=0)
    for name, lines in (("a-conn.log", early), ("b-conn.log", late)):
        (tmp_path / "logs").mkdir(exist_ok=True)
        moved = [json.loads(line) | {"ts": json.loads(line)["ts"] + 100 * (name > "b")} for line in lines]
        (tmp_path / "logs" / name).write_text("\n".join(map(json.dumps, moved)) + "\n")
    ingest(data, tmp_path / "logs")
    assert any(SCANNER in str(each["entity"]) for each in detections(data))


def short_logs(tmp_path: Path) -> tuple[Path, Path]:
    """Two logs that together end the warm-up, the first one not; a scan is in its second half."""
    lines, _ = office(1_700, seed=9, scans=30)
    return log_of(lines[:900], tmp_path / "one.log"), log_of(lines[900:], tmp_path / "two.log")


def test_where_the_input_ends_before_the_warm_up_a_provisional_scale_judges_what_was_held(data, tmp_path):
    first, _ = short_logs(tmp_path)
    ingest(data, first)
    told = status_of(data)
    assert (told.state, told.scored) == ("warming-up", 900)
    assert "of 900 were above a provisional scale" in told.detail
    found = [each for each in detections(data) if SCANNER in str(each["entity"])]
    assert found
    assert all(each["points"] <= POINTS_UNSURE for each in found)
    assert all("provisional: what is usual here was learned from" in each["reasons"][-1] for each in found)


def test_flows_that_a_provisional_scale_judged_are_not_counted_again(data, tmp_path, monkeypatch):
    first, second = short_logs(tmp_path)
    judged: list[int] = []
    hits = Judged.hits

    def noted(part: Judged) -> list[Hit]:
        judged.extend(each.event_id for each in part.origins)
        return hits(part)

    monkeypatch.setattr(Judged, "hits", noted)
    ingest(data, first)
    ingest(data, second)
    assert status_of(data).state == "live"
    assert judged == list(range(1, 1_701))


def test_what_was_judged_before_a_model_began_anew_is_told_by_what_judged_it(data):
    stage = Stage.open(Registry(data), 1, as_trained=False)
    scale = Scale((0.0,), (1.0,))
    found = Calibration(dict.fromkeys(("forest", "surprise"), scale), -1.0, 0.01, 1_000, 40, (), 0.9)
    stage.recall(msgspec.msgpack.encode(found))
    flows = [
        msgspec.structs.replace(event, source_ip=f"10.1.0.{number % 40}")
        for number, event in enumerate(events_of(office(1_500, seed=4)[0]))
    ]
    judged, _ = stage.judge(list(enumerate(flows, start=1)), FlowReader().block(flows))
    assert stage.is_warming_up
    assert [len(each.block) for each in judged] == [1_000]
    assert (judged[0].teller.threshold, judged[0].teller.is_poor_fit) == (-1.0, True)
    assert len(judged[0].hits()) == 1_000


def flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(bytes(body))


def other_features(version: Path) -> None:
    """A card that says of itself that it is of the next version of the features."""
    card = json.loads((version / CARD).read_bytes())
    (version / CARD).write_bytes(json.dumps(card | {"schema": "flow/2"}).encode())


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a changed artefact": (lambda version: flip(version / ARTEFACT), "artefact of model 1 was changed"),
    "a shortened artefact": (lambda version: (version / ARTEFACT).write_bytes(b"short"), "was changed"),
    "no signature": (lambda version: (version / SIGNATURE).unlink(), "unsigned candidate"),
    "a changed card": (lambda version: flip(version / CARD), ""),
    "other features": (other_features, "was trained on features flow/2, these are flow/1"),
    "no version": (shutil.rmtree, "no model 1"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_the_engine_goes_on_without_a_model_that_must_be_refused_and_says_why(data, log, how):
    spoil, why = REFUSED[how]
    spoil(data / "models" / "versions" / "0001")
    done = ingest(data, log)
    status = status_of(data)
    assert done["events"] == len(LINES)
    assert (status.state, status.number, status.scored) == ("refused", None, 0)
    assert why in status.detail
    assert detections(data) == []
    shown = CliRunner().invoke(root, ["--data", str(data), "engine", "status", "--json"], catch_exceptions=False)
    assert json.loads(shown.stdout)["model"]["detail"] == status.detail


@pytest.mark.parametrize("how", REFUSED)
def test_the_commands_refuse_it_with_the_same_words(data, how):
    spoil, why = REFUSED[how]
    spoil(data / "models" / "versions" / "0001")
    done = subprocess.run(
        [sys.executable, "-m", "pandora_core.cli", "--data", str(data), "models", "promote", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (1, 3)
    assert why in done.stderr or "its card was changed" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_of_the_next_features_is_refused_even_with_a_good_signature(data, log):
    registry = Registry(data)
    card, model = registry.version(1).card, registry.open(1)
    model.schema_version = 2
    with Secret.absorb(bytearray(b"\x07" * 32)) as key:
        number = registry.add(card, model, SeedSigner(key)).card.number
    promotions = data / "models" / "promotions.ndjson"
    promotions.write_bytes(promotions.read_bytes().replace(b'"number":1', b'"number":%d' % number))
    ingest(data, log)
    assert status_of(data).state == "refused"
    assert "flow/2" in status_of(data).detail


def test_a_version_spoilt_while_it_was_at_work_stays_until_the_next_start(data, log):
    running = Running(data, log)
    running.step(2)
    flip(data / "models" / "versions" / "0002" / ARTEFACT)
    promotions = data / "models" / "promotions.ndjson"
    promotions.write_bytes(promotions.read_bytes() + promotions.read_bytes().replace(b'"number":1', b'"number":2'))
    running.step()
    status = status_of(data)
    assert (status.number, status.state, status.scored) == (1, "refused", len(LINES))
    assert status.detail.endswith("model 1 stays at work")
    running.drop()


def test_without_the_libraries_the_engine_goes_on_without_the_model(data, log, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    ingest(data, log)
    assert status_of(data).state == "refused"
    assert "skops" in status_of(data).detail


def test_a_list_of_promotions_that_cannot_be_read_is_said_and_not_fatal(data, log):
    (data / "models" / "promotions.ndjson").write_bytes(b"nonsense\n")
    ingest(data, log)
    assert status_of(data).state == "refused"


def test_a_model_that_fails_at_work_is_taken_off_and_the_engine_goes_on(data, log, monkeypatch):
    from pandora_core.learn.scoring.stage import Stage

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Stage, "judge", fail)
    assert ingest(data, log)["events"] == len(LINES)
    assert status_of(data).detail == "it failed: ZeroDivisionError: a bug"


def test_a_state_of_another_version_costs_the_windows_and_nothing_else(data, log, caplog):
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:1_800]))
    ingest(data, log)
    with bootstrap.opened(data) as store, store.writing() as connection:
        (state,) = connection.exec_driver_sql("SELECT state FROM snapshots").one()
        outer = msgspec.msgpack.decode(state)
        inner = msgspec.msgpack.decode(outer["detectors"])
        inner[-1]["flow-model"] = msgspec.msgpack.encode({"version": 99})
        outer["detectors"] = msgspec.msgpack.encode(inner)
        connection.exec_driver_sql("UPDATE snapshots SET state = ?", (msgspec.msgpack.encode(outer),))
    log.write_bytes(b"".join(lines))
    ingest(data, log)
    assert "it is of version 99" in caplog.text
    assert status_of(data).scored == 600


def test_no_library_of_learning_is_loaded_before_a_model_is_promoted(tmp_path, log):
    code = (
        "import sys; from pathlib import Path; from pandora_core import bootstrap;"
        "done = bootstrap.ingest(bootstrap.settings_of(Path(sys.argv[1])), [sys.argv[2]], 'auto');"
        "assert done['events'] == 2400;"
        "print([name for name in ('numpy', 'sklearn', 'skops', 'scipy', 'cryptography') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data"), str(log)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_flows_are_scored_together_and_never_more_often_than_once_a_batch(data, log, monkeypatch):
    from pandora_core.learn.scoring.compiled import Compiled

    sizes: list[int] = []
    scores = Compiled.member_scores

    def counted(self, block):
        sizes.append(len(block))
        return scores(self, block)

    monkeypatch.setattr(Compiled, "member_scores", counted)
    ingest(data, log)
    probes = sizes.pop(0)
    assert probes > 100
    assert min(sizes) > 1
    assert len(sizes) < 12


def test_flows_without_a_source_and_other_events_are_no_flows(data, tmp_path):
    log = tmp_path / "other.log"
    log.write_text("Mar  1 10:00:00 gate sshd[1]: Failed password for root from 203.0.113.9 port 4 ssh2\n" * 5)
    ingest(data, log)
    assert status_of(data).scored == 0


def test_drift_is_told_against_the_flows_that_the_model_is_used_to(data, tmp_path):
    lines, _ = office(3_000, seed=9, scans=0)
    strange = [json.loads(line) for line in lines]
    for row in strange:
        row |= {"proto": "udp", "orig_ip_bytes": row["orig_ip_bytes"] * 500}
    log = tmp_path / "conn.log"
    log.write_text("\n".join(map(json.dumps, strange)) + "\n")
    promote(data, 1, as_trained=True)
    ingest(data, log)
    drift = status_of(data).drift
    assert (drift.word, drift.against) == ("strong", "training")
    assert {"source_bytes", "transport"} <= set(drift.worst)
    with bootstrap.reading(data) as reader:
        assert [row.drift.flows for row in Reader.drifts(reader, 1)] == [1_000, 2_000, 3_000]


def test_features_keep_their_version():
    assert (FLOW.id, len(FLOW.columns)) == ("flow/1", 17)


def pandora(data: Path, *words: str) -> Any:
    done = CliRunner().invoke(root, ["--data", str(data), *words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_verdicts_on_what_the_model_found_are_learned_from_next(data, log, tmp_path, monkeypatch):
    monkeypatch.setenv("PANDORA_SECRET_MODEL_SIGNING", "07" * 32)
    ingest(data, log)
    alerts = pandora(data, "alerts", "list")["items"]
    (scan,) = [alert for alert in alerts if SCANNER in alert["entity"]]
    shown = pandora(data, "alerts", "show", scan["id"])
    assert "flow-model" in {each["detector"] for each in shown["detections"]}
    pandora(data, "alerts", "verdict", scan["id"], "true-positive")
    labelled = tmp_path / "labelled.json"
    lines = [
        json.dumps(json.loads(line) | {"label": kind or "Benign"}) for line, kind in zip(*office(800), strict=True)
    ]
    labelled.write_text("\n".join(lines) + "\n")
    row = pandora(data, "datasets", "import", "verdicts")
    assert row["attacks"] == row["rows"] > 8
    words = ("--recipe", "surprise", "--rehearsals", "2", "--split", "random")
    version = pandora(data, "models", "train", "--dataset", "verdicts", "--dataset", str(labelled), *words)
    assert (version["schema"], version["state"], len(version["datasets"])) == ("flow/1", "ready", 2)
    assert "attack" in version["known_types"]
    pandora(data, "models", "promote", str(version["number"]))
    assert pandora(data, "models", "list")["items"][0]["state"] == "live"


def test_drift_is_told_by_a_command_with_its_history(data, log):
    assert pandora(data, "models", "drift")["items"] == []
    ingest(data, log)
    told = pandora(data, "models", "drift")
    assert (told["model"]["number"], told["model"]["drift"]["word"]) == (1, "strong")
    said = [(row["flows"], row["against"]) for row in told["items"]]
    assert said == [(1_000, "training"), (1_000, "calibration")]
    assert set(told["items"][0]["features"]) == set(FLOW.columns)
    text = CliRunner().invoke(root, ["--data", str(data), "models", "drift"], catch_exceptions=False).stdout
    assert text.startswith("model 1 office 0, live: strong drift against calibration, 1,000 flows")


def test_the_model_at_work_is_named_by_engine_and_sources(data, log):
    ingest(data, log)
    for command in (("engine", "status"), ("sources", "list")):
        told = pandora(data, *command)["model"]
        assert (told["number"], told["name"], told["state"]) == (1, "office 0", "live")
    text = CliRunner().invoke(root, ["--data", str(data), "sources", "list"], catch_exceptions=False).stdout
    assert "flows are scored by model 1 office 0: live" in text
