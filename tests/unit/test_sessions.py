"""The bounded memory of behaviours."""

from __future__ import annotations

import msgspec
import pytest

from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions, digest
from pandora_core.model import Detection, EntityRef

Key = tuple[str]


class Counted(Session, kw_only=True):
    count: int = 0

    @property
    def weight(self) -> int:
        return self.count


def rendered(key: Key, session: Counted) -> Detection:
    entity = EntityRef("host", key[0])
    return Detection(session.id, "test", entity, session.first_us, session.last_us, session.count, 10, "", ())


def table(capacity: int = 10) -> Sessions[Key, Counted]:
    return Sessions(Key, Counted, rendered, gap_us=100, capacity=capacity, places=lambda key: key)


def fired(sessions: Sessions[Key, Counted], key: str, at_us: int, event_id: int = 1) -> Counted:
    session = sessions.at((key,), at_us)
    sessions.fire((key,), session, event_id, at_us, key, at_us)
    return session


def test_events_no_further_apart_than_the_gap_are_one_session() -> None:
    sessions = table()
    one = sessions.at(("a",), 1000)
    assert sessions.at(("a",), 1100) is one
    assert sessions.at(("a",), 900) is one
    assert (one.first_us, one.last_us) == (900, 1100)


def test_an_event_further_away_and_another_key_begin_another_session() -> None:
    sessions = table()
    one = sessions.at(("a",), 1000)
    assert sessions.at(("a",), 1101) is not one
    assert sessions.at(("b",), 1000) is not one
    assert len(sessions) == 3


def test_a_fired_session_is_told_once_and_again_when_it_has_news() -> None:
    sessions = table()
    session = fired(sessions, "a", 1000, event_id=7)
    (told,) = sessions.changed()
    assert (told.event_id, told.at_us, told.detection.id) == (7, 1000, digest("a", 1000))
    assert sessions.changed() == []
    session.count = 5
    sessions.mark(("a",), session)
    sessions.mark(("a",), session)
    assert [f.detection.count for f in sessions.changed()] == [5]


def test_a_session_that_has_not_fired_is_never_told() -> None:
    sessions = table()
    sessions.mark(("a",), sessions.at(("a",), 1000))
    assert sessions.changed() == []


def test_a_place_that_is_renamed_marks_what_shows_it() -> None:
    sessions = table()
    session = fired(sessions, "a", 1000)
    fired(sessions, "b", 1000)
    sessions.show(("a",), session, "elsewhere")
    sessions.changed()
    sessions.mark_place("elsewhere")
    assert [f.detection.entity.name for f in sessions.changed()] == ["a"]
    sessions.mark_place("b")
    assert [f.detection.entity.name for f in sessions.changed()] == ["b"]
    sessions.mark_place("nowhere")
    assert sessions.changed() == []


def test_there_are_never_more_sessions_than_the_capacity() -> None:
    sessions = table(capacity=10)
    for number in range(500):
        sessions.at((str(number % 70),), number * 90)
        assert len(sessions) <= 10
        assert len(list(sessions)) == len(sessions)


def test_of_one_key_few_sessions_are_kept() -> None:
    sessions = table(capacity=100)
    for number in range(50):
        sessions.at(("a",), number * 1000)
    assert len(sessions) == len(sessions.of(("a",))) == 4


def test_what_never_fired_is_forgotten_before_what_did() -> None:
    sessions = table(capacity=5)
    fired(sessions, "risky", 1000)
    for number in range(20):
        sessions.at((f"harmless {number}",), 1000)
    assert sessions.of(("risky",))


def test_what_weighs_more_is_kept_longer() -> None:
    sessions = table(capacity=5)
    sessions.at(("heavy",), 1000).count = 3
    for number in range(20):
        sessions.at((f"light {number}",), 1000)
    assert sessions.of(("heavy",))


def test_what_can_no_longer_grow_is_forgotten_first() -> None:
    sessions = table(capacity=5)
    fired(sessions, "over", 1000)
    for number in range(5):
        sessions.at((f"now {number}",), 90_000)
    assert not sessions.of(("over",))


def test_a_session_with_news_is_told_even_if_it_is_forgotten_before() -> None:
    sessions = table(capacity=2)
    fired(sessions, "over", 1000)
    for number in range(5):
        sessions.at((f"now {number}",), 90_000)
    assert [f.detection.entity.name for f in sessions.changed()] == ["over"]
    sessions.mark_place("over")
    assert sessions.changed() == []


def test_a_snapshot_holds_sessions_and_news_that_nobody_collected() -> None:
    sessions, restored = table(capacity=3), table(capacity=3)
    for number in range(6):
        fired(sessions, f"{number}", number * 1000, event_id=number + 1)
    restored.load(sessions.dump())
    assert restored.changed() == sessions.changed()
    assert list(restored) == list(sessions)
    restored.mark_place("5")
    assert [f.detection.entity.name for f in restored.changed()] == ["5"]
    assert len(restored) == len(sessions)


def test_the_earliest_and_the_latest_events_are_kept_in_whatever_order_they_come() -> None:
    session = Session()
    for number in (5, 1, 9, 3, 7, 2, 8, 4, 6):
        session.remember(number, number * 10)
    assert session.event_ids == (1, 2, 3, 7, 8, 9)


def test_few_events_are_all_kept() -> None:
    session = Session()
    for number in (4, 2, 3, 1):
        session.remember(number, number)
    assert session.event_ids == (1, 2, 3, 4)


def test_a_behaviour_with_more_tables_than_its_snapshot_refuses_it() -> None:
    one, two = SessionBehaviour(), SessionBehaviour()
    one.tables, two.tables = (table(),), (table(), table())
    with pytest.raises(ValueError, match="zip"):
        two.restore(one.snapshot())


def test_a_digest_tells_the_parts_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert len(digest("a", 1)) == 12


def test_sessions_are_plain_data() -> None:
    session = Counted(count=3, first_us=1)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(session), type=Counted) == session
