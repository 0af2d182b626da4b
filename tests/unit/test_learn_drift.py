"""Drift: none where nothing changed, strong where it did, and the same in any batches."""

from __future__ import annotations

import numpy as np
import pytest

from pandora_core.learn.data.drift import BUCKET_FLOWS, BUCKETS, CALIBRATION, Meter, reference_of
from pandora_core.learn.data.flows import FLOW, FlowBlock
from tests.unit.learn_samples import flow_block

ROWS = 3 * BUCKET_FLOWS


def scores_of(block: FlowBlock) -> np.ndarray:
    return np.nan_to_num(block.numbers[:, 8]) * 10.0


@pytest.fixture(scope="module")
def reference():
    block = flow_block(5 * BUCKET_FLOWS, seed=1)
    return reference_of(block, scores_of(block))


def test_flows_of_the_same_kind_have_not_drifted(reference):
    meter, block = Meter(reference), flow_block(ROWS, seed=2)
    told = meter.add(block, scores_of(block))
    assert [each.flows for each in told] == [BUCKET_FLOWS, 2 * BUCKET_FLOWS, ROWS]
    assert (told[-1].word, told[-1].against, told[-1].worst) == ("none", "training", ())
    assert max(told[-1].features.values()) < 0.05
    assert set(told[-1].features) == set(FLOW.columns)


def test_what_changed_is_named_first_and_nothing_else(reference):
    block = flow_block(ROWS, seed=2)
    block.numbers[:, FLOW.numbers.index("source_bytes")] *= 1_000
    block.codes[:, 0] = 1
    drift = Meter(reference).add(block, scores_of(block))[-1]
    assert drift.word == "strong"
    assert set(drift.worst) == {"source_bytes", "transport"}
    assert next(iter(drift.features)) == max(drift.features, key=drift.features.__getitem__)


def test_a_score_that_rises_is_drift_too(reference):
    block = flow_block(ROWS, seed=2)
    drift = Meter(reference).add(block, scores_of(block) + 3.0)[-1]
    assert drift.word == "strong"
    assert drift.worst == ("score",)


def test_values_that_go_missing_are_drift(reference):
    block = flow_block(ROWS, seed=2)
    block.numbers[:, 0] = np.nan
    assert Meter(reference).add(block, scores_of(block))[-1].worst == ("duration_s",)


def test_too_few_flows_say_nothing(reference):
    meter, block = Meter(reference), flow_block(BUCKET_FLOWS - 1)
    assert meter.add(block, scores_of(block)) == []
    assert meter.drift().word == "unknown"


@pytest.mark.parametrize("size", [1, 7, 640, ROWS])
def test_batches_change_nothing(reference, size):
    whole, parts, block = Meter(reference), Meter(reference), flow_block(ROWS, seed=3)
    rows = 40 if size == 1 else ROWS
    block = block.take(slice(0, rows))
    whole.add(block, scores_of(block))
    for start in range(0, rows, size):
        part = block.take(slice(start, start + size))
        parts.add(part, scores_of(part))
    assert parts.dump() == whole.dump()


def test_a_meter_goes_on_from_its_dump(reference):
    meter, block = Meter(reference), flow_block(2 * BUCKET_FLOWS + 5, seed=3)
    meter.add(block, scores_of(block))
    again = Meter.restored(meter.dump())
    more = flow_block(BUCKET_FLOWS, seed=4)
    assert again.add(more, scores_of(more)) == meter.add(more, scores_of(more))


def test_only_the_flows_of_late_count(reference):
    meter, strange = Meter(reference), flow_block(ROWS, seed=5)
    strange.numbers[:, 1] = 0.0
    meter.add(strange, scores_of(strange))
    for seed in range(BUCKETS):
        usual = flow_block(BUCKET_FLOWS, seed=10 + seed)
        meter.add(usual, scores_of(usual))
    assert meter.drift().word == "none"
    assert meter.drift().flows == BUCKETS * BUCKET_FLOWS


def test_a_reference_says_what_it_is_of():
    block = flow_block(2 * BUCKET_FLOWS)
    assert Meter(reference_of(block, scores_of(block), CALIBRATION)).drift().against == CALIBRATION
