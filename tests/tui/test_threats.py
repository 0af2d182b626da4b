"""The Threats screen on a real store: filter, detail, triage, undo, and rows that stay where one looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from pandora_core.model import DAY_US, ActionKind, Verdict
from pandora_core.store.reader import Reader
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer
from pandora_tui.app import PandoraApp
from pandora_tui.screens.alert import AlertScreen
from pandora_tui.screens.events import EventsScreen, Search, parse_search
from pandora_tui.screens.threats import LOOK_AGAIN_S, ThreatsScreen
from pandora_tui.widgets.alert_table import AlertTable
from tests.tui import stored
from tests.tui.stored import shown, until

CHAIN, SPRAY, BEACON, EVIL, LOGON = (number for number, _ in stored.company())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return stored.fill(tmp_path)


@pytest.fixture
def app(tmp_path: Path, store: Store) -> PandoraApp:
    return stored.console(tmp_path, place="threats")


def table(app: PandoraApp) -> AlertTable:
    return app.screen_stack[0].query_one(AlertTable)


def listed(app: PandoraApp) -> list[str]:
    """The ids of the alerts in the list."""
    screen = app.screen_stack[0]
    assert isinstance(screen, ThreatsScreen)
    return [str(app.board.alerts.key(row_id)) for row_id in screen._ranking.order]


def notes(app: PandoraApp) -> list[str]:
    return [notification.message for notification in app._notifications]


async def ready(pilot: Pilot[None]) -> PandoraApp:
    app: Any = pilot.app
    await until(pilot, lambda: "94 =" in shown(app) and "svc_backup" in shown(app))
    return app  # type: ignore[no-any-return]


def triage(store: Store, number: str = CHAIN) -> Any:
    return Reader(store).alert(number).view.triage


async def test_the_worst_open_alerts_are_listed_first_with_severity_and_reasons(app: PandoraApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert listed(app) == [CHAIN, SPRAY, EVIL, BEACON]
        lines = shown(app).splitlines()
    assert "sev>=medium state:open  by risk" in lines[0]
    assert "▲ CRIT ws-114" in lines[2]
    assert "T1021.002   2m new" in lines[2]
    assert any("94 =  30 service updsvc created on dc-01 from ws-114" in line for line in lines)
    assert all(line.isprintable() for line in lines)


async def test_a_filter_applies_while_it_is_typed_and_escape_takes_it_back(app: PandoraApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("slash", *"dc-01")
        await until(pilot, lambda: listed(app) == [CHAIN, SPRAY])
        await pilot.press("escape")
        await until(pilot, lambda: listed(app) == [CHAIN, SPRAY, EVIL, BEACON])
        assert app.focused is table(app)


async def test_a_filter_that_is_kept_stays_and_is_said_on_the_top_line(app: PandoraApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("slash")
        app.screen.query_one(Input).value = "tactic:lateral state:all"
        await pilot.press("enter")
        await until(pilot, lambda: listed(app) == [CHAIN, LOGON])
        assert "tactic:lateral state:all" in shown(app).splitlines()[0]


async def test_nonsense_in_a_filter_is_explained_and_changes_nothing(app: PandoraApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("slash", *"stat")
        await pilot.pause(0.3)
        await pilot.press(*"e:odd", "enter")
        await until(pilot, lambda: "state:odd is not one of open, new, ack, closed, all" in shown(app))
        assert listed(app) == [CHAIN, SPRAY, EVIL, BEACON]
        assert isinstance(app.focused, Input)


async def test_tab_completes_a_filter_from_what_is_listed(app: PandoraApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("slash", *"ent")
        await until(pilot, lambda: " entity:" in shown(app).splitlines()[-3])
        assert listed(app) == [CHAIN, SPRAY, EVIL, BEACON], "the beginning of a key is not looked for as a word"
        await pilot.press("tab", *"sv", "tab")
        assert app.screen.query_one(Input).value.endswith("entity:svc_backup")
        await until(pilot, lambda: listed(app) == [SPRAY])


async def test_triage_by_keys_reaches_the_store_and_the_row(app: PandoraApp, store: Store) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("a")
        await until(pilot, lambda: " ack" in shown(app).splitlines()[2])
        await pilot.press("v", "down", "enter")
        await until(pilot, lambda: "ack FP" in shown(app).splitlines()[2])
        await pilot.press("n", *"looked at it", "enter")
        await until(pilot, lambda: '"looked at it"' in shown(app))
        await pilot.press("s")
        app.screen.query_one(Input).value = "mia"
        await pilot.press("enter")
        await until(pilot, lambda: triage(store).assignee == "mia")
        await pilot.press("c", "enter")
        await until(pilot, lambda: "closed" in shown(app).splitlines()[2])
    done = triage(store)
    assert (done.state, done.verdict) == ("closed", Verdict.FALSE_POSITIVE)
    assert [note.value for note in done.notes] == ["looked at it"]


async def test_a_row_that_was_closed_stays_under_the_cursor_for_undo(app: PandoraApp, store: Store) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("c", "enter")
        await until(pilot, lambda: "closed" in shown(app).splitlines()[2])
        assert table(app).cursor_key == CHAIN
        await pilot.press("u")
        await until(pilot, lambda: triage(store).state == "new")
        await until(pilot, lambda: " new" in shown(app).splitlines()[2])
        await pilot.press("c", "enter")
        await until(pilot, lambda: "closed" in shown(app).splitlines()[2])
        await pilot.press("j")
        await until(pilot, lambda: CHAIN not in listed(app))


async def test_a_closed_alert_can_be_opened_again(app: PandoraApp, store: Store) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("c", "enter")
        await until(pilot, lambda: triage(store).state == "closed")
        await until(pilot, lambda: "closed" in shown(app).splitlines()[2])
        await pilot.press("R")
        await until(pilot, lambda: triage(store).state == "acknowledged")


async def test_a_stale_action_is_refused_with_a_name_and_what_was_written_is_kept(
    app: PandoraApp, store: Store
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("s")
        app.screen.query_one(Input).value = "night shift"
        stored.operator(store, "bob").act(CHAIN, ActionKind.VERDICT, Verdict.BENIGN, at_us=stored.NOW_US)
        await pilot.press("enter")
        await until(pilot, lambda: any("bob on console-2 acted first" in note for note in notes(app)))
        assert triage(store).assignee is None
        await until(pilot, lambda: "BEN" in shown(app).splitlines()[2])
        await pilot.press("s")
        assert app.screen.query_one(Input).value == "night shift"
        await pilot.press("enter")
        await until(pilot, lambda: triage(store).assignee == "night shift")


async def test_what_another_operator_does_shows_by_itself(app: PandoraApp, store: Store) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        stored.operator(store, "bob").act(SPRAY, ActionKind.ASSIGN, "bob", at_us=stored.NOW_US)
        await until(pilot, lambda: "new bob" in shown(app).splitlines()[3])


async def test_new_alerts_leave_the_cursor_on_the_row_that_was_moved_to(app: PandoraApp, store: Store) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("j")
        assert table(app).cursor_key == SPRAY
        worse = [(f"A-{n:08x}", [stored.detection(stored.DB, "x", 99, f"worse {n}", 1)]) for n in range(30)]
        Writer(store).commit(stored.batch(worse))
        await until(pilot, lambda: len(listed(app)) == 34)
        assert table(app).cursor_key == SPRAY
        await until(pilot, lambda: "22 above" in shown(app).splitlines()[0])
        await pilot.press("home")
        assert table(app).cursor_key == "A-00000000"


async def test_an_untouched_list_shows_the_worst_whatever_comes(app: PandoraApp, store: Store) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        Writer(store).commit(stored.batch([("A-worst", [stored.detection(stored.DB, "x", 99, "the worst", 1)])]))
        await until(pilot, lambda: table(app).cursor_key == "A-worst")


async def test_a_key_that_was_meant_for_the_row_before_does_nothing(app: PandoraApp, store: Store) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        Writer(store).commit(stored.batch([("A-worst", [stored.detection(stored.DB, "x", 99, "the worst", 1)])]))
        await until(pilot, lambda: table(app).cursor_key == "A-worst")
        await pilot.press("a")
        await until(pilot, lambda: any("look again" in note for note in notes(app)))
    assert triage(store, "A-worst").state == "new"


async def test_a_click_on_a_title_and_o_change_the_order(app: PandoraApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("o")
        assert listed(app) == [CHAIN, SPRAY, BEACON, EVIL]
        await pilot.click(AlertTable, offset=(16, 0))
        assert listed(app) == [BEACON, EVIL, SPRAY, CHAIN]


async def test_enter_opens_the_alert_with_the_raw_line_of_the_chosen_event(app: PandoraApp) -> None:
    async with app.run_test(size=(80, 30)) as pilot:
        await ready(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AlertScreen) and '"EventID": 5' in shown(app))
        await pilot.press("j")
        await until(pilot, lambda: '{"EventID": 1, "note": "a ␛[31mraw␛[0m line"' in shown(app))
        assert "/srv/windows/Security.json:48122" in shown(app)
        assert "kept with the alert" in shown(app)
        await pilot.press("escape")
        assert isinstance(app.screen, ThreatsScreen)


async def test_triage_works_in_the_open_alert_too(app: PandoraApp, store: Store) -> None:
    async with app.run_test(size=(80, 30)) as pilot:
        await ready(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "service updsvc created" in shown(app) and isinstance(app.screen, AlertScreen))
        await pilot.press("a")
        await until(pilot, lambda: "acknowledged" in shown(app))
    assert triage(store).state == "acknowledged"


async def test_pivot_searches_the_events_of_the_entity(app: PandoraApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, EventsScreen) and "0 events" in shown(app))
        app.screen.query_one(Input).value = "pgustavo"
        await pilot.press("slash", "enter")
        await until(pilot, lambda: "4 events" in shown(app))
        assert "4625 logon failure pgustavo" in shown(app)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Search()),
        ("ws-114", Search("ws-114")),
        ('"John Doe" dataset:zeek.*', Search("John Doe", "zeek.*")),
        ("ws-114 rare words", Search("ws-114", "", "rare words")),
        ('text:"only this"', Search("", "", "only this")),
    ],
)
def test_a_search_is_an_observable_a_dataset_and_a_text(text: str, expected: Search) -> None:
    assert parse_search(text) == expected


async def test_what_cannot_be_done_here_says_so(app: PandoraApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("e", "g")
        await until(pilot, lambda: len(notes(app)) == 2)
        assert "vault" in notes(app)[0]
        assert "ws-114 is not in the graph" in notes(app)[1]
        assert app.place == "network"
        await pilot.press("2")
        assert table(app).cursor_key == CHAIN, "g is not `first` here"


async def test_a_typed_command_does_what_the_key_does(app: PandoraApp, store: Store) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for line in ("verdict true-positive", "filter sev:low"):
            await pilot.press("colon")
            app.screen.query_one(Input).value = line
            await pilot.press("enter")
        await until(pilot, lambda: triage(store).verdict is Verdict.TRUE_POSITIVE)
        await until(pilot, lambda: listed(app) == [LOGON])


async def test_ten_thousand_alerts_are_listed_filtered_and_triaged(tmp_path: Path) -> None:
    store = Store(tmp_path / FILE_NAME)
    writer = Writer(store)
    for start in range(0, 10_000, 2_000):
        found = [stored.detection(stored.WS, "x", 41 + n % 50, f"alert {n}", 1) for n in range(start, start + 2_000)]
        writer.commit(
            Batch(alerts=[stored.alert(f"A-{start + n}", [d]) for n, d in enumerate(found)], status=stored.status())
        )
    app = stored.console(tmp_path, place="threats")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.board.is_loaded and len(listed(app)) == 10_000, timeout_s=30)
        await pilot.press("end", "up", "a")
        await until(pilot, lambda: " ack" in shown(app), timeout_s=20)
        await pilot.press("slash", *'"alert 9876"')
        await until(pilot, lambda: listed(app)[:1] == ["A-9876"], timeout_s=20)


async def test_what_nobody_wants_to_hear_of_is_suppressed_with_a_reason_and_an_end(
    app: PandoraApp, store: Store
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "94 =" in shown(app))
        await pilot.pause(LOOK_AGAIN_S)
        await pilot.press("X")
        await until(pilot, lambda: "whoever comes after you" in shown(app))
        await pilot.press("enter", "enter", "enter", "enter")
        await until(pilot, lambda: "wants a reason" in shown(app))
        await pilot.press(*"red team", "enter")
        await until(pilot, lambda: Reader(store).suppressions())
    wish = Reader(store).suppressions()[0].wish
    assert (wish.reason, wish.entity) == ("red team", "host:ws-114")
    assert wish.detector
    assert wish.until_us == stored.NOW_US + 30 * DAY_US
