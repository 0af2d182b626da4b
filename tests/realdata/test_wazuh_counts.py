"""Real alert tables: every row becomes an alert, and csv.reader counts the same."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pandora_core.ingest.formats.wazuh import WazuhFormat
from pandora_core.model import SECOND_US, Event

pytestmark = pytest.mark.realdata

ROWS = {"fox": 473_104, "russellmitchell": 45_544, "santos": 130_779, "wardbeck": 91_257}
BATCH = 1000


@pytest.mark.parametrize("company", ROWS)
def test_every_row_becomes_an_alert(shared_data: Callable[[str], Path], company: str) -> None:
    (path,) = shared_data("ait-ads-dev").rglob(f"{company}_alerts.txt")
    with path.open(newline="") as table:
        native = Counter((row["name"], row["host"], row["time_label"]) for row in csv.DictReader(table))
    lines = path.read_bytes().splitlines(keepends=True)
    assert WazuhFormat().sniff(b"".join(lines[:500])[:65_536], path.name) > 0.9
    decoder = WazuhFormat().decoder(None, filename=path.name, modified_us=0)
    counted: Counter[tuple[object, str | None, object]] = Counter()
    nothing = 0
    for start in range(0, len(lines), BATCH):
        for one in decoder.decode(lines[start : start + BATCH]):
            if one is None:
                nothing += 1
                continue
            assert isinstance(one, Event), one
            assert 1_600_000_000 < one.at_us / SECOND_US < 1_700_000_000
            counted[one.more["rule.name"], one.host, one.more.get("label.time", "-")] += 1
    assert nothing == 1
    assert counted == native
    assert counted.total() == ROWS[company]
