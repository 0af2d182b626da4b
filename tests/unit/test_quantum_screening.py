"""The novelty tier at work: on where its gate is open, inline, within its budget, whatever the batches are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from learn_samples import flow

from pandora_core.detect.behaviour import Context
from pandora_core.detect.pipeline import Pipeline
from pandora_core.learn.data.flows import FLOW, FlowReader
from pandora_core.learn.scoring.novel_flows import NAME, NovelFlows, screen_of
from pandora_core.model import DAY_US, Event
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.kernels import FidelityKernel, Kernel, RbfKernel
from pandora_core.quantum.tier import model as tier
from pandora_core.quantum.tier.card import About, Verdict
from pandora_core.quantum.tier.model import Member, TierModel
from pandora_core.quantum.tier.novelty import Projection
from pandora_core.quantum.tier.preparation import Preparation
from pandora_core.quantum.tier.screening import Novelty, Screen

ON, OFF = Verdict(True, 0.1, 0.05, 0.15, 8, 0.5), Verdict(False, -0.1, -0.2, 0.0, 8, 0.5)


def ordinary(count: int, start_s: int = 0, source: str = "10.0.0.1") -> list[Event]:
    rng = np.random.default_rng(start_s)
    sizes = rng.integers(80, 120, count)
    return [
        flow(start_s + n, source=source, **{"source.bytes": int(size), "destination.bytes": 3 * int(size)})
        for n, size in enumerate(sizes)
    ]


def strange(at_s: int, source: str = "10.0.0.1", destination: str = "203.0.113.9") -> Event:
    return flow(
        at_s, 31337, source=source, destination=destination, **{"source.bytes": 10**8, "source.packets": 10**5}
    )


def model(quantum: Verdict = OFF, control: Verdict = OFF) -> TierModel:
    block = FlowReader().block(ordinary(200))
    numbers, words = np.ascontiguousarray(block.numbers), block.words()
    preparation = Preparation.of(
        np.vstack([numbers, numbers[:1] * 3]), np.vstack([words, [["udp"] * words.shape[1]]])
    )
    x = preparation.apply(numbers, words)

    def member(kernel: Kernel, verdict: Verdict) -> Member:
        projection = Projection.of(x, 2)
        draft = Member(kernel, projection, projection.apply(x[:50]), np.full(50, 0.02), 0.0, np.zeros(1), verdict)
        scores = np.sort(draft.scores(x[50:]))
        return Member(kernel, projection, draft.support, draft.weights, float(scores[-10]), scores, verdict)

    about = About("made up", "0" * 64)
    return TierModel(
        FLOW.id,
        preparation,
        member(FidelityKernel(FeatureMap(2, 1)), quantum),
        member(RbfKernel(3.0), control),
        about,
    )


def test_where_validation_showed_harm_nothing_is_screened():
    screen, block = Screen(model(OFF, OFF)), FlowReader().block(ordinary(50))
    assert not screen.is_on
    assert screen.find(block.numbers, block.words(), np.ones(50, np.bool_)) == []


@pytest.mark.parametrize("served", ["quantum", "control"])
def test_the_kernel_whose_gate_is_open_decides_and_both_figures_are_told(served):
    made = model(*((ON, OFF) if served == "quantum" else (OFF, ON)))
    screen, member = Screen(made), getattr(made, served)
    assert screen.name == member.name
    block = FlowReader().block(ordinary(300, 7))
    is_benign = np.arange(300) % 3 > 0
    found = screen.find(block.numbers, block.words(), is_benign)
    x = made.prepared(block.numbers, block.words())
    expected = np.flatnonzero((member.scores(x) > member.threshold) & is_benign)
    assert [each.place for each in found] == expected.tolist() != []
    for each in found:
        one = x[each.place : each.place + 1]
        assert each.quantum == made.quantum.rarities(made.quantum.scores(one))[0]
        assert each.control == made.control.rarities(made.control.scores(one))[0]


def test_what_the_fast_tier_calls_an_attack_is_left_to_it():
    block = FlowReader().block(ordinary(50, 7))
    assert Screen(model(ON)).find(block.numbers, block.words(), np.zeros(50, np.bool_)) == []


class Origin(NamedTuple):
    event_id: int
    at_us: int
    source: str
    destination: str
    port: int


class Odd:
    """Finds what goes to one port."""

    name = "a kernel"

    def find(self, numbers: np.ndarray, words: np.ndarray, is_benign: np.ndarray) -> list[Novelty]:
        places = np.flatnonzero(is_benign & (numbers[:, 1] > 1e7))
        return [Novelty(int(place), 0.01, 0.2) for place in places]


class Desk:
    """Novel flows with something simple that screens."""

    def __init__(self, per_day: int = 20) -> None:
        self.number, self.per_day = "0123", per_day
        self.flows = self.fresh()
        self._reader, self._count = FlowReader(), 0

    def fresh(self, *, refresh: bool = True) -> NovelFlows:
        made: list[NovelFlows] = []

        def further(context: Context) -> list[NovelFlows]:
            made.append(
                NovelFlows(context, lambda: self.number, lambda number: Odd() if number else None, self.per_day)
            )
            return []

        Pipeline(further=further)
        if refresh:
            made[0].refresh()
        return made[0]

    def look(self, events: list[Event], batch: int = 1000) -> None:
        for start in range(0, len(events), batch):
            part = events[start : start + batch]
            origins = [
                Origin(
                    self._count + n + 1, e.at_us, e.source_ip or "", e.destination_ip or "", e.destination_port or 0
                )
                for n, e in enumerate(part)
            ]
            self._count += len(part)
            self.flows.look(origins, self._reader.block(part), np.ones(len(part), np.bool_))


def told(desk: Desk) -> list[tuple[str, int, tuple[str, ...]]]:
    return sorted(
        (fired.detection.id, fired.detection.count, fired.detection.reasons) for fired in desk.flows.changed()
    )


def test_novel_flows_become_one_weak_detection_a_destination_with_both_figures():
    desk = Desk()
    desk.look([*ordinary(50), strange(60), strange(61), strange(62, destination="198.51.100.7")])
    found = [fired.detection for fired in desk.flows.changed()]
    assert sorted(detection.count for detection in found) == [1, 2]
    for detection in found:
        assert detection.detector == NAME
        assert detection.points == 12.0
        assert "quantum kernel (simulated)" in detection.reasons[1]
        assert "classical control" in detection.reasons[1]
    assert desk.flows.changed() == []


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_how_flows_are_batched_changes_nothing(batch: int):
    events = [*ordinary(30), *(strange(40 + n, destination=f"203.0.113.{n % 4}") for n in range(30))]
    one, other = Desk(), Desk()
    one.look(events)
    other.look(events, batch)
    assert told(one) == told(other) != []


def test_a_day_has_a_budget_of_detections_and_what_is_beyond_is_counted():
    desk = Desk(per_day=3)
    desk.look([strange(n, destination=f"203.0.113.{n}") for n in range(10)])
    assert len(told(desk)) == 3
    assert (desk.flows.told, desk.flows.withheld) == (3, 7)
    day_s = DAY_US // 1_000_000
    desk.look([strange(day_s + 20, destination="203.0.113.99")])
    assert len(told(desk)) == 1


def test_a_snapshot_goes_on_with_sessions_and_budget():
    desk = Desk(per_day=2)
    desk.look([strange(1), strange(2, destination="198.51.100.7")])
    desk.flows.changed()
    state = desk.flows.snapshot()
    desk.flows = desk.fresh()
    desk.flows.restore(state)
    desk.look([strange(3), strange(4, destination="198.51.100.8")])
    ((_, count, _),) = told(desk)
    assert count == 2
    assert desk.flows.withheld == 1


def test_a_model_that_is_put_in_use_or_out_of_it_is_noticed():
    desk = Desk()
    number = desk.number
    assert not desk.flows.refresh()
    desk.number = ""
    assert desk.flows.refresh()
    desk.look([strange(1)])
    assert told(desk) == []
    desk.number = number
    assert desk.flows.refresh()
    desk.look([strange(2)])
    assert len(told(desk)) == 1


def test_what_comes_again_after_a_restart_is_screened_by_what_screened_it_or_by_nothing():
    desk = Desk()
    desk.look([strange(1)])
    state = desk.flows.snapshot()
    desk.number = "4567"  # another one was chosen while no engine ran
    desk.flows = desk.fresh(refresh=False)
    desk.flows.restore(state)
    desk.flows.changed()
    desk.look([strange(2, destination="198.51.100.7")])
    assert told(desk) == []
    assert desk.flows.refresh()
    desk.look([strange(3, destination="198.51.100.8")])
    assert len(told(desk)) == 1
    desk.number = "0123"
    desk.flows = desk.fresh(refresh=False)
    desk.flows.restore(state)
    desk.look([strange(2, destination="198.51.100.7")])
    assert len(told(desk)) == 2
    assert not desk.flows.refresh()


def test_a_screen_that_fails_is_off_and_stops_nothing(caplog: pytest.LogCaptureFixture):
    desk = Desk()

    def failing(*_: object) -> list[Novelty]:
        raise ValueError("shapes")

    assert desk.flows._screen is not None
    desk.flows._screen.find = failing  # type: ignore[method-assign]
    desk.look([strange(1)])
    desk.look([strange(2)])
    assert told(desk) == []
    assert caplog.text.count("cannot screen flows") == 1


@pytest.mark.parametrize("broken", ["missing", "changed", "other features", "off", ""])
def test_a_model_that_cannot_be_used_screens_nothing(tmp_path: Path, broken: str):
    made = model(OFF if broken == "off" else ON)
    number = tier.save(tmp_path, made)
    path = tmp_path / "quantum-models" / f"{number}.json"
    if broken == "missing":
        path.unlink()
    elif broken == "changed":
        path.write_text(path.read_text().replace("made up", "made down"))
    elif broken == "other features":
        plain = json.loads(made.to_text()) | {"schema": "flow/0"}
        number = tier.save(tmp_path, TierModel.from_text(json.dumps(plain)))
    screen = screen_of(tmp_path, number)
    assert (screen is None) is bool(broken)
    assert screen_of(tmp_path, "") is None
