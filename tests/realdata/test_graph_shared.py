"""Real lateral movement: in every capture the known move is ranked first, and what it left is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pandora_core.detect.names import Names
from pandora_core.graph.network import NetworkGraph
from pandora_core.graph.ranking import rank
from pandora_core.ingest.formats.windows import WindowsFormat
from tests.realdata.test_detect_shared import events_of

pytestmark = pytest.mark.realdata


def test_the_known_move_of_every_empire_capture_is_ranked_first(shared_data: Callable[[str], Path]) -> None:
    paths = sorted(shared_data("otrf-empire").rglob("empire_*.zip"))
    assert len(paths) >= 8
    for path in paths:
        names = Names()
        graph = NetworkGraph(names)
        for event in events_of(WindowsFormat(), [path]):
            names.learn(event)
            graph.observe(event)
        first = rank(graph.at()).moves[0]
        assert (first.move.source, first.move.target, first.move.user) == ("WORKSTATION5", "WORKSTATION6", "pgustavo")
        assert any("administrator rights on WORKSTATION6" in reason for reason in first.reasons)
