"""A slice of the campaign of faults against the queue; the whole of it has a command of its own."""

from __future__ import annotations

import os
from pathlib import Path

from tests.benchmarks.jobs_campaign import campaign


def test_faults_and_kills_lose_nothing_and_run_nothing_twice(tmp_path: Path) -> None:
    faults = 1000 if os.environ.get("PANDORA_SLOW") == "1" else 20
    verdict = campaign(tmp_path, faults, seed=6)
    assert verdict.faults.total() >= faults
    assert not verdict.lost
    assert not verdict.twice
    assert not verdict.surplus
