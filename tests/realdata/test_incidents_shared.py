"""Incidents on real alert tables: few, the first twenty show most of the attack, whatever the order of arrival."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pandora_core.detect.incidents.joining import incidents_of
from tests.benchmarks.bench_incidents import Table, detected, grouped, late, ranking, scored

pytestmark = pytest.mark.realdata

BOUNDS = {"fox": (9, 0.5), "russellmitchell": (9, 0.5), "santos": (8, 0.5), "wardbeck": (9, 0.45)}
"""Phases of ten, and the share of lines that belong to the attack. The first two companies were developed on; what
the others lack is said in docs/detection.md."""


@pytest.mark.parametrize("company", BOUNDS)
def test_the_first_twenty_incidents_show_most_of_the_attack(shared_data: Callable[[str], Path], company: str) -> None:
    (path,) = shared_data("ait-ads-dev").rglob(f"{company}_alerts.txt")
    table = Table(path)
    fired = detected(table.events)
    found = scored(table, incidents_of(fired), fired)
    phases, share = BOUNDS[company]
    assert found.fewer >= 500
    assert len(found.phases) >= phases
    assert found.attack_share >= share
    for kind in ("day", "host"):
        trivial = scored(table, grouped(fired, kind), fired)
        assert len(found.phases) > len(trivial.phases)
        assert found.attack_share > trivial.attack_share


@pytest.mark.parametrize("company", ["russellmitchell"])
def test_lines_out_of_order_by_ten_minutes_give_the_same_ranking(
    shared_data: Callable[[str], Path], company: str
) -> None:
    (path,) = shared_data("ait-ads-dev").rglob(f"{company}_alerts.txt")
    events = Table(path).events
    expected = ranking(detected(events))
    assert ranking(detected(late(events, seed=1))) == expected
    assert ranking(detected(events, batch=137)) == expected
