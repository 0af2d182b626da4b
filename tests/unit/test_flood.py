"""A flood of new addresses: whatever arrives, the detectors' state stops growing, and who is risky stays known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pandora_core.detect.behaviours.beacons import Beacons
from pandora_core.detect.behaviours.new_destinations import NewDestinations
from pandora_core.detect.behaviours.scans import Scans
from pandora_core.detect.behaviours.strobes import Strobes
from pandora_core.detect.behaviours.uploads import Uploads
from pandora_core.detect.pipeline import Pipeline
from pandora_core.model import SECOND_US, Event
from tests.unit.streams import INSIDE, OUTSIDE, START_US, connection

ROOM = 200


def roomy() -> Pipeline:
    """The behaviours that keep something of every connection, each with little room."""
    return Pipeline(
        [
            lambda context: Beacons(context, capacity=ROOM, trials=ROOM),
            lambda context: Strobes(context, capacity=ROOM, max_destinations=ROOM),
            lambda context: Uploads(context, capacity=ROOM, max_hosts=ROOM),
            lambda context: NewDestinations(context, capacity=ROOM, max_hosts=ROOM),
            lambda context: Scans(context, capacity=ROOM, max_probed=ROOM),
        ],
        max_places=ROOM,
        max_edges=ROOM,
        max_channels=ROOM,
    )


def ours(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def outside(number: int) -> str:
    return f"{20 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.9"


def call(number: int, source: str, destination: str, outcome: str = "success", sent: int = 9_000) -> Event:
    packets = {"source.packets": 1, "destination.packets": 1}
    more: dict[str, Any] = {"source.bytes": sent, "destination.bytes": 400, **packets}
    return connection(START_US + number * SECOND_US, source, destination, 443, outcome=outcome, **more)


@pytest.mark.parametrize(
    "ends",
    [
        lambda number: (ours(number), OUTSIDE[0]),
        lambda number: (INSIDE[0], outside(number)),
        lambda number: (ours(number), outside(number)),
    ],
    ids=["sources", "destinations", "both"],
)
@pytest.mark.parametrize("outcome", ["success", "failure"])
def test_the_state_does_not_grow_with_the_number_of_addresses(
    ends: Callable[[int], tuple[str, str]], outcome: str
) -> None:
    made, sizes = roomy(), []
    for number in range(4_000):
        made.observe(number + 1, call(number, *ends(number), outcome))
        if number % 1_000 == 999:
            made.changed()
            sizes.append(len(made.snapshot()))
    assert max(sizes) <= 1.3 * sizes[0]


def test_whoever_sent_too_much_is_still_known_after_the_flood() -> None:
    made = roomy()
    made.observe(1, call(0, INSIDE[0], OUTSIDE[0], sent=900_000_000))
    for number in range(1, 2_000):
        made.observe(number + 1, call(number, ours(60_000 + number), OUTSIDE[0]))
    made.changed()
    made.observe(2_001, call(2_000, INSIDE[0], OUTSIDE[0], sent=900_000_000))
    (upload,) = (fired.detection for fired in made.changed() if fired.detection.detector == "upload")
    assert "1.8 GB" in upload.title
