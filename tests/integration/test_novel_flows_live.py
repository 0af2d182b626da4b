"""The novelty tier behind the promoted model in the real engine: alike in all batches and over kills, and off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pandora_core import bootstrap
from pandora_core.config import Settings
from pandora_core.engine import Engine
from pandora_core.ingest.tail import SourceSpec
from pandora_core.learn.data.flows import FLOW, FlowReader
from pandora_core.learn.scoring.novel_flows import NAME
from pandora_core.quantum.tier import model as tier
from pandora_core.quantum.tier.card import About
from pandora_core.quantum.tier.model import TierModel
from pandora_core.quantum.tier.study import Rows
from pandora_core.quantum.tier.training import Options, train
from pandora_core.store.escalations import Escalations
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from tests.live_samples import copy_of, events_of, log_of, office, promoted

LINES, _ = office(1_600, seed=1)


def screening(*, is_on: bool = True) -> TierModel:
    """A model of the office's benign flows that calls one in twenty novel."""
    lines, kinds = office(900, seed=5, scans=0)
    table = FlowReader().table(events_of(lines), kinds)
    rows = Rows("office", table.numbers, table.categories, table.kinds)
    made = train(rows, FLOW.id, About("office", "0" * 64), Options(reference_rows=60, budget=0.1))
    plain = json.loads(made.to_text())
    plain["quantum"]["verdict"] = [is_on, 0.1, 0.05, 0.15, 8, 0.5]
    return TierModel.from_text(json.dumps(plain))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a promoted model and a model of the tier whose gate is open."""
    folder = tmp_path_factory.mktemp("template") / "data"
    promoted(folder, as_trained=True)
    use(folder, screening())
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return log_of(LINES, tmp_path / "conn.log")


def use(folder: Path, model: TierModel) -> None:
    store = Store(folder / FILE_NAME)
    Escalations(store).use(tier.save(folder, model))
    store.close()


def ingest(folder: Path, log: Path, **settings: int) -> None:
    bootstrap.ingest(Settings(data=folder, **settings), [str(log)], "auto")


def found(folder: Path, detector: str = NAME) -> list[Any]:
    with bootstrap.opened(folder) as store, store.reading() as connection:
        question = "SELECT body FROM detections WHERE detector = ? ORDER BY id"
        return [json.loads(row[0]) for row in connection.exec_driver_sql(question, (detector,))]


def test_novel_flows_are_told_beside_the_models_own_and_say_both_figures(template, log, tmp_path):
    folder = copy_of(template, tmp_path / "data")
    ingest(folder, log)
    assert found(folder, "flow-model")
    novel = [body[0] for body in found(folder)]
    assert novel
    for detection in novel:
        assert detection["points"] == 12.0
        assert "classical control" in detection["reasons"][1]
    judged = {event for body in found(folder, "flow-model") for event in body[0]["event_ids"]}
    assert not judged & {event for detection in novel for event in detection["event_ids"]}


@pytest.mark.parametrize("batch_size", [7, 256])
def test_the_size_of_batches_changes_nothing(template, log, tmp_path, batch_size):
    for name, size in (("whole", 10_000), ("parts", batch_size)):
        ingest(copy_of(template, tmp_path / name), log, batch_size=size)
    assert found(tmp_path / "parts") == found(tmp_path / "whole") != []


def test_a_budget_is_kept(template, log, tmp_path):
    ingest(copy_of(template, tmp_path / "data"), log, novelty_per_day=2)
    assert len(found(tmp_path / "data")) == 2
    ingest(copy_of(template, tmp_path / "none"), log, novelty_per_day=0)
    assert found(tmp_path / "none") == []


def test_a_gate_that_is_closed_screens_nothing(template, log, tmp_path):
    folder = copy_of(template, tmp_path / "data")
    use(folder, screening(is_on=False))
    ingest(folder, log)
    assert found(folder) == []
    assert found(folder, "flow-model")


@pytest.mark.parametrize("dies_at", [1, 3, 6])
def test_an_engine_that_dies_finds_the_same(template, log, tmp_path, dies_at):
    ingest(copy_of(template, tmp_path / "whole"), log)
    folder = copy_of(template, tmp_path / "killed")
    for steps in (dies_at, 1_000):
        store = Store(folder / FILE_NAME)
        engine: Engine = bootstrap._engine(Settings(data=folder, batch_size=100), store)
        follower = engine.follow([SourceSpec(str(log), "auto")], follow=False)
        for _ in range(steps):
            engine.scan(follower)
            if not engine.step():
                break
        store.close()  # as a kill: nothing is closed in order
    assert found(folder) == found(tmp_path / "whole") != []
