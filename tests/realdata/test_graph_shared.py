"""Real lateral movement: in every capture the known move is ranked first, and what it left is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from pandora_core.detect.names import Names
from pandora_core.graph.network import NetworkGraph
from pandora_core.graph.ranking import INSUFFICIENT, rank
from pandora_core.graph.reading import edge_of
from pandora_core.ingest.formats.windows import WindowsFormat
from pandora_core.model import Event
from tests.realdata.test_detect_shared import events_of

pytestmark = pytest.mark.realdata


def graph_of(events: Iterable[Event]) -> NetworkGraph:
    names = Names()
    graph = NetworkGraph(names)
    for event in events:
        names.learn(event)
        graph.observe(event)
    return graph


def test_the_known_move_of_every_empire_capture_is_ranked_first(shared_data: Callable[[str], Path]) -> None:
    paths = sorted(shared_data("otrf-empire").rglob("empire_*.zip"))
    assert len(paths) >= 8
    for path in paths:
        first = rank(graph_of(events_of(WindowsFormat(), [path])).at()).moves[0]
        assert (first.move.source, first.move.target, first.move.user) == ("WORKSTATION5", "WORKSTATION6", "pgustavo")
        assert any("administrator rights on WORKSTATION6" in reason for reason in first.reasons)


def test_without_the_known_move_every_empire_capture_says_that_there_is_no_evidence(
    shared_data: Callable[[str], Path],
) -> None:
    for path in sorted(shared_data("otrf-empire").rglob("empire_*.zip")):
        events = events_of(WindowsFormat(), [path])
        left = [event for event in events if (edge := edge_of(event)) is None or edge.target != "workstation6"]
        assert rank(graph_of(left).at()).verdict.startswith(INSUFFICIENT), path.name
