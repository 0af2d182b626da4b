"""Incidents: what belongs together, whatever the order and the batches; their stories and their queue."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents import joining as module
from pandora_core.detect.incidents.joining import Incident, IncidentBook, incidents_of
from pandora_core.detect.incidents.queue import queue_of
from pandora_core.detect.incidents.standing import beside, standings
from pandora_core.detect.incidents.story import MAX_LINES, StoryLine, around, signs, tell
from pandora_core.detect.incidents.ties import MAX_SHARED, SWEPT_ENTITIES
from pandora_core.model import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Detection, EntityRef

START_US = 1_700_000_000 * SECOND_US


def fired(
    number: int,
    host: str,
    minutes: float,
    *,
    points: float = 50.0,
    title: str = "",
    tactic: str = "",
    hosts: tuple[str, ...] = (),
    users: tuple[str, ...] = (),
    lasts: float = 0,
) -> Fired:
    at_us = START_US + round(minutes * MINUTE_US)
    detection = Detection(
        id=f"d{number}",
        detector="tested",
        entity=EntityRef("host", host),
        first_seen_us=at_us,
        last_seen_us=at_us + round(lasts * MINUTE_US),
        count=1,
        points=points,
        title=title or f"thing {number}",
        reasons=(),
        tactics=(tactic,) if tactic else (),
        hosts=(host, *hosts),
        users=users,
        event_ids=(2 * number, 2 * number + 1),
    )
    return Fired(detection, 2 * number, at_us)


def members(found: list[Incident]) -> list[list[str]]:
    return [sorted(incident.detection_ids) for incident in found]


def test_a_path_between_hosts_joins_what_happened_on_both() -> None:
    story = [fired(1, "ws-5", 0, hosts=("ws-6",)), fired(2, "ws-6", 30), fired(3, "ws-9", 31)]
    assert members(incidents_of(story)) == [["d1", "d2"], ["d3"]]


def test_one_user_on_two_hosts_is_one_incident() -> None:
    assert members(incidents_of([fired(1, "a", 0, users=("Eve",)), fired(2, "b", 60, users=("eve",))])) == [
        ["d1", "d2"]
    ]


@pytest.mark.parametrize("user", ["WS-5$", "SYSTEM", "-"])
def test_machine_accounts_join_nothing(user: str) -> None:
    assert len(incidents_of([fired(1, "a", 0, users=(user,)), fired(2, "b", 1, users=(user,))])) == 2


def test_what_everybody_has_to_do_with_joins_nothing() -> None:
    visits = [fired(n, f"ws-{n}", n, hosts=("dc-1",)) for n in range(MAX_SHARED + 1)]
    assert len(incidents_of(visits)) == len(visits)
    assert len(incidents_of(visits[:-1])) == 1


def test_weak_signs_belong_together_only_if_they_are_near() -> None:
    weak = [fired(1, "a", 0, points=30), fired(2, "a", 14, points=30), fired(3, "a", 40, points=30)]
    assert members(incidents_of(weak)) == [["d1", "d2"], ["d3"]]
    assert len(incidents_of([*weak[:2], fired(3, "a", 40, points=45)])) == 1


def test_the_same_on_many_hosts_is_one_sweep_apart_from_what_else_happened_there() -> None:
    sweep = [fired(n, f"h-{n}", n / 10, points=30, title="probed") for n in range(SWEPT_ENTITIES)]
    other = fired(9, "h-1", 0.5, points=30)
    assert members(incidents_of([*sweep, other])) == [["d0", "d1", "d2"], ["d9"]]
    assert members(incidents_of([*sweep[:-1], other])) == [["d0"], ["d1", "d9"]]


def test_a_sweep_is_one_though_the_clocks_of_its_hosts_are_wrong_by_ten_minutes_either_way() -> None:
    sweep = [fired(n, f"h-{n}", minutes, points=30, title="probed") for n, minutes in enumerate((-10, 1, 10))]
    assert members(incidents_of([*sweep, fired(9, "h-1", 1.5, points=30)])) == [["d0", "d1", "d2"], ["d9"]]


def test_what_makes_nobody_look_is_no_incident() -> None:
    assert incidents_of([fired(1, "a", 0, points=20), fired(2, "b", 0, points=24)]) == []


def test_the_parts_of_an_incident_sum_to_its_risk() -> None:
    (found,) = incidents_of([fired(n, "a", n, points=10 + n, tactic=t) for n, t in enumerate(("x", "y", "z", "x"))])
    assert sum(part.points for part in found.contributions) == pytest.approx(found.risk)
    assert 0 < found.risk < 100


def some(seed: int, count: int = 40) -> list[Fired]:
    """Detections on a few hosts and users over two days, some alike, some strong."""
    dice = random.Random(seed)
    return [
        fired(
            n,
            f"h{dice.randrange(6)}",
            dice.randrange(2 * 24 * 60),
            points=dice.choice((2, 8, 20, 30, 45, 70)),
            title=dice.choice(("", "", "probed", "seen")),
            tactic=dice.choice(("", "discovery", "execution", "impact")),
            hosts=(f"h{dice.randrange(6)}",) * dice.randrange(2),
            users=(f"u{dice.randrange(4)}",) * dice.randrange(2),
            lasts=dice.randrange(20),
        )
        for n in range(count)
    ]


def known(told: dict[str, Incident], book: IncidentBook) -> None:
    changes = book.changes()
    for number in changes.gone:
        del told[number]
    told.update((incident.id, incident) for incident in changes.incidents)


def in_order(incidents: dict[str, Incident]) -> list[Incident]:
    return sorted(incidents.values(), key=lambda incident: (incident.first_seen_us, incident.id))


@given(st.integers(0, 10**6), st.integers(1, 20))
def test_neither_order_nor_batches_nor_earlier_versions_change_what_belongs_together(seed: int, every: int) -> None:
    final = some(seed)
    expected = incidents_of(final)
    dice = random.Random(seed)
    drafts = [
        item._replace(detection=replace(item.detection, points=dice.choice((0.0, 12.0, 60.0)))) for item in final
    ]
    news = [(dice.random(), item) for item in drafts] + [(1 + dice.random(), item) for item in final]
    book, told = IncidentBook(), dict[str, Incident]()
    for place, (_, item) in enumerate(sorted(news, key=lambda pair: pair[0])):
        book.update([item])
        if place % every == 0:
            known(told, book)
    known(told, book)
    assert in_order(told) == expected


@given(st.integers(0, 10**6), st.integers(0, 40))
def test_a_restart_from_what_is_stored_goes_on_exactly(seed: int, place: int) -> None:
    everything = some(seed)
    before, told = IncidentBook(), dict[str, Incident]()
    before.update(everything[:place])
    known(told, before)
    after = IncidentBook()
    after.recall(everything[:place], list(told.values()))
    after.update(everything[place:])
    known(told, after)
    assert in_order(told) == incidents_of(everything)


def test_after_a_restart_nothing_is_told_twice() -> None:
    everything = some(3)
    book = IncidentBook()
    book.update(everything)
    told = book.changes().incidents
    again = IncidentBook()
    again.recall(everything, told)
    assert again.changes() == ([], {})


def test_an_incident_that_joins_another_names_its_successor() -> None:
    book = IncidentBook()
    book.update([fired(1, "a", 0), fired(2, "b", 10)])
    first, second = sorted(book.changes().incidents, key=lambda incident: incident.first_seen_us)
    book.update([fired(3, "a", 5, hosts=("b",))])
    changes = book.changes()
    assert changes.gone == {second.id: first.id}
    assert [incident.id for incident in changes.incidents] == [first.id]


def test_what_is_refuted_leaves_its_incident() -> None:
    book = IncidentBook()
    book.update([fired(1, "a", 0), fired(2, "a", 1)])
    before = book.changes().incidents[0]
    book.drop(["d2"])
    after = book.changes().incidents[0]
    assert after.id == before.id
    assert after.detection_ids == ("d1",)
    book.drop(["d1"])
    assert book.changes() == ([], {before.id: None})


def test_memory_is_bounded_and_what_is_let_go_stays_as_it_stands() -> None:
    book, told = IncidentBook(capacity=50), dict[str, Incident]()
    for number in range(400):
        book.update([fired(number, f"h{number}", number * 20 * 60)])
        known(told, book)
    assert len(book) <= 51
    assert len(told) == 400


def test_a_story_has_at_most_eight_lines_in_order_all_of_real_events() -> None:
    tactics = ("reconnaissance", "initial-access", "execution", "impact")
    items = [fired(n, "a", n, points=40, tactic=tactics[n % 4], lasts=3) for n in range(30)]
    (incident,) = incidents_of(items)
    detections = [item.detection for item in items]
    lines = tell(incident, detections, [StoryLine(0, "b", "before", "", 999, role="before")])
    assert 4 < len(lines) <= MAX_LINES
    assert lines == sorted(lines, key=lambda line: line.at_us)
    real = {number for detection in detections for number in detection.event_ids}
    assert {line.event_id for line in lines} - real == {999}
    assert {line.tactic for line in lines if line.role == "sign"} == set(tactics)


def test_a_faint_incident_is_told_in_few_words_and_a_grave_one_with_what_is_around() -> None:
    (faint,) = incidents_of([fired(1, "a", 0, points=28)])
    (grave,) = incidents_of([fired(1, "a", 0, points=90)])
    assert len(signs(faint, [fired(1, "a", 0, points=28).detection])) == 1
    assert around(faint, [fired(1, "a", 0, points=28).detection]) == (None, None)
    before, after = around(grave, [fired(1, "a", 0, points=90).detection])
    assert before is not None
    assert after is not None
    assert before[1] < grave.first_seen_us <= grave.last_seen_us < after[0]


@pytest.mark.parametrize("tactic", ["reconnaissance", "discovery"])
def test_of_who_looks_round_it_is_always_asked_what_came_before_and_after(tactic: str) -> None:
    faint = fired(1, "a", 0, points=28, tactic=tactic)
    assert None not in around(incidents_of([faint])[0], [faint.detection])


def test_of_what_is_switched_off_it_is_asked_what_followed_unless_it_is_part_of_much_else() -> None:
    stopped = fired(1, "a", 0, points=33, tactic="defense-evasion", title="stopped")
    session = [fired(n, "a", n, points=30, tactic="persistence", title=f"session {n}") for n in range(2, 5)]
    (alone,), (amid,) = incidents_of([stopped]), incidents_of([stopped, *session])
    assert around(alone, [stopped.detection]).after is not None
    assert around(amid, [item.detection for item in (stopped, *session)]) == (None, None)


SCAN = fired(1, "web", 0, points=50, tactic="reconnaissance")
ROOT = fired(2, "web", 14 * 60, points=60, tactic="privilege-escalation")


def test_an_incident_that_came_of_another_and_the_one_that_led_to_it_weigh_more() -> None:
    scan, root = incidents_of([SCAN, ROOT])
    assert beside(scan, [scan, root]).risk > scan.risk
    assert beside(root, [scan, root]).evidence == pytest.approx(1.25 * root.evidence)
    assert [item.risk for item in standings([scan, root])] == [beside(i, [scan, root]).risk for i in (scan, root)]


@pytest.mark.parametrize(
    "other",
    [
        fired(2, "mail", 14 * 60, points=60, tactic="privilege-escalation"),
        fired(2, "web", 3 * 24 * 60, points=60, tactic="privilege-escalation"),
        fired(2, "web", -14 * 60, points=60, tactic="privilege-escalation"),
        fired(2, "web", 14 * 60, points=60, tactic="reconnaissance"),
        fired(2, "web", 14 * 60, points=60),
    ],
    ids=["elsewhere", "days later", "the wrong way round", "the same tactic", "no tactic"],
)
def test_what_is_no_step_adds_nothing(other: Fired) -> None:
    found = incidents_of([SCAN, other])
    assert len(found) == 2
    assert standings(found) == found


@given(st.integers(0, 10**6))
def test_standing_is_a_function_of_the_set(seed: int) -> None:
    found = incidents_of(some(seed))
    shuffled = random.Random(seed).sample(found, len(found))
    by_id = {incident.id: incident for incident in standings(shuffled)}
    assert [by_id[incident.id] for incident in found] == standings(found)
    assert standings(found) == [beside(incident, found) for incident in found]
    assert all(beside(incident, found).evidence >= incident.evidence for incident in found)


def test_the_queue_puts_what_led_somewhere_before_what_stands_alone() -> None:
    alone = fired(9, "mail", 0, points=64, tactic="privilege-escalation")
    order = [incident.detection_ids[0] for incident in queue_of(incidents_of([SCAN, ROOT, alone]))]
    assert order[0] == "d2"


def test_the_queue_shows_new_tactics_and_hosts_before_more_of_the_same() -> None:
    alike = [fired(n, "a", n * 2000, points=60, tactic="discovery") for n in range(3)]
    other = fired(9, "b", 9 * 2000, points=45, tactic="impact")
    order = queue_of(incidents_of([*alike, other]))
    assert [incident.detection_ids[0] for incident in order][1] == "d9"
    assert len(order) == 4


def test_a_flood_costs_what_is_related_to_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = list[int]()
    monkeypatch.setattr(module, "_incident_of", lambda group: made.append(len(group)))
    book = IncidentBook()
    book.update(fired(n, f"h{n}", n) for n in range(2000))
    book.changes()
    made.clear()
    book.update([fired(2001, "h7", 7)])
    book.changes()
    assert made == [2]


def test_late_lines_and_days_apart_stay_what_they_are() -> None:
    early, late = fired(1, "a", 0), fired(2, "a", 3 * DAY_US / MINUTE_US)
    assert members(incidents_of([late, early])) == [["d1"], ["d2"]]
    near = fired(2, "a", (12 * HOUR_US - SECOND_US) / MINUTE_US)
    assert members(incidents_of([near, early])) == [["d1", "d2"]]
