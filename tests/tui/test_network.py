"""The Network screen on a real store: drawn, moved about, asked what is unusual, where it leads and what to cut."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import textual
from textual.pilot import Pilot

from pandora_core.model import ActionKind
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer, event_tuple
from pandora_tui.screens.network import NetworkScreen
from pandora_tui.widgets.graph_canvas import GraphCanvas
from tests.tui import networked, stored
from tests.tui.networked import drawn
from tests.tui.stored import shown, until
from tests.unit.graph_samples import START_US, event, log_on

NORMAL, WIDE = (80, 24), (160, 48)

Snap = Callable[..., bool]

pictures = pytest.mark.skipif(
    not textual.__version__.startswith("8.2."), reason="the pictures were taken with textual 8.2"
)


def after(*keys: str, then: str = "") -> Callable[[Pilot[None]], object]:
    """Wait for the graph, press keys one by one, wait for words."""

    async def settle(pilot: Pilot[None]) -> None:
        await drawn(pilot)
        for key in keys:
            await pilot.press(key)
        await until(pilot, lambda: then in shown(pilot.app))
        await pilot.pause()

    return settle


@pictures
@pytest.mark.parametrize("size", [NORMAL, WIDE], ids=["normal", "wide"])
def test_the_layout(snap_compare: Snap, tmp_path: Path, size: tuple[int, int]) -> None:
    networked.fill(tmp_path)
    assert snap_compare(networked.console(tmp_path), run_before=after(), terminal_size=size)


@pictures
@pytest.mark.parametrize("size", [NORMAL, WIDE], ids=["normal", "wide"])
def test_a_selection(snap_compare: Snap, tmp_path: Path, size: tuple[int, int]) -> None:
    networked.fill(tmp_path)
    settle = after("tab", then="from WS-2 to WS-7")
    assert snap_compare(networked.console(tmp_path), run_before=settle, terminal_size=size)


@pictures
@pytest.mark.parametrize("size", [NORMAL, WIDE], ids=["normal", "wide"])
def test_a_frame_of_a_walk(snap_compare: Snap, tmp_path: Path, size: tuple[int, int]) -> None:
    networked.fill(tmp_path)

    async def settle(pilot: Pilot[None]) -> None:
        await after("tab", "w", then="t=0.0")(pilot)  # type: ignore[misc]
        await pilot.press("w", "w", "w", "w")
        await until(pilot, lambda: "t=2.0" in shown(pilot.app))
        await pilot.pause()

    assert snap_compare(networked.console(tmp_path), run_before=settle, terminal_size=size)


async def test_tab_goes_from_move_to_move_and_both_walks_are_told_beside_each_other(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    async with networked.seen(tmp_path, NORMAL) as seen:
        assert "the random walk counts: too little history to tell them apart" in shown(seen.app)
        await seen.press("tab", then="▸ 30.4 ▲ CRIT WS-2 → WS-7 boss")
        await seen.until("quantum walk 2.1, random walk 2.1")
        await seen.press("w", then="quantum walk from WS-2, t=0.0")
        assert "random walk from WS-2, t=0.0" in shown(seen.app)
        await seen.press("tab", then="▸ 24.1 ▲ CRIT WS-7 → DB-1 boss")


async def test_a_walk_plays_by_itself_and_can_be_held(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    async with networked.seen(tmp_path, NORMAL) as seen:
        await seen.pilot.press("tab", "W")
        await until(seen.pilot, lambda: (seen.screen.frame or 0) >= 2)
        await seen.pilot.press("space")
        held = seen.screen.frame
        await seen.pilot.pause(0.6)
        assert seen.screen.frame == held


async def test_a_host_is_found_by_some_of_its_letters_or_by_a_click(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    async with networked.seen(tmp_path, WIDE) as seen:
        await seen.pilot.press("slash", *"fs-1", "enter")
        await until(seen.pilot, lambda: seen.screen.host == "FS-1")
        from pandora_tui.widgets.raster import View, cells_of

        canvas = seen.screen.query_one(GraphCanvas)
        column, row = cells_of(seen.picture.points, View(), *canvas.size)[seen.picture.index["JUMP-1"]]
        await seen.pilot.click(GraphCanvas, offset=(int(column), int(row)))
        await until(seen.pilot, lambda: seen.screen.host == "JUMP-1")
        seen.screen.action_locate("nobody")
        await seen.until_noted("nobody is not in the graph")


async def test_only_log_ons_of_an_account_can_be_shown_and_all_again(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    async with networked.seen(tmp_path, WIDE) as seen:
        everything = len(seen.picture.pairs)
        seen.screen.action_only("boss network")
        await seen.until("only boss network")
        assert 0 < len(seen.picture.pairs) < everything
        assert {one.user for one in seen.picture.moves} == {"boss"}
        seen.screen.action_only("user:network")
        await seen.until("no ranked move holds 'user:network'")
        await seen.press("f", *["backspace"] * len("user:network"), "enter", then="WS-2 → WS-7")
        assert len(seen.picture.pairs) == everything


async def test_flows_join_hosts_where_one_asks_for_them(tmp_path: Path) -> None:
    store = networked.fill(tmp_path)
    flow = event(
        START_US, "connection", "network", source_ip="10.0.0.3", destination_ip="10.0.0.9", destination_port=445
    )
    Writer(store).commit(
        Batch(events=[event_tuple(9_000, 1, 0, 1, 1, msgspec.structs.replace(flow, dataset="zeek.conn"))])
    )
    async with networked.seen(tmp_path, WIDE) as seen:
        assert len(seen.picture.pairs) > 20
        seen.screen.action_only("smb flow")
        await seen.until("only smb flow")
        ends = [{seen.picture.hosts[one], seen.picture.hosts[other]} for one, other in seen.picture.pairs]
        assert ends == [{"WS-2", "WS-8"}]


async def test_users_and_services_are_nodes_where_one_asks_for_them(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    async with networked.seen(tmp_path, WIDE) as seen:
        places = dict(zip(seen.picture.hosts, seen.picture.points.tolist(), strict=False))
        await seen.press("n", then="13 users")
        assert "user:boss" in seen.picture.index
        assert "@" in shown(seen.app)
        await seen.press("slash", *"boss", "enter", then="▸ boss")
        await seen.press("i", then="user:boss: ")
        await seen.until("→ WS-7  network log-on, admin")
        await seen.press("b", then="user:boss: ")
        await seen.until_noted("user:boss is no host")
        await seen.press("n", then="4 services")
        assert "service:log-on on FS-1" in seen.picture.index
        await seen.press("n", then="13 users")
        await seen.press("n", then="17 hosts  3 moves")
        assert dict(zip(seen.picture.hosts, seen.picture.points.tolist(), strict=True)) == places


async def test_what_is_asked_of_a_host_is_told_and_escape_goes_back(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    async with networked.seen(tmp_path, WIDE) as seen:
        assert "WS-2 → WS-7 → DB-1 as boss" in shown(seen.app)
        await seen.press("tab", then="a hop of WS-2")
        await seen.press("b", then="If WS-2 falls")
        assert "0.5 d   1 d   3 d   7 d" in shown(seen.app)
        await seen.press("i", then="WS-2: ")
        await seen.until("→ WS-7  network log-on")
        await seen.press("p", then="no host is tagged jewel")
        await seen.press("escape", then="Ranked moves")
        stored.operator(Store(tmp_path / FILE_NAME)).act("host:DB-1", ActionKind.TAG, "jewel", at_us=1)
        await seen.press("t", then="at 03-")
        await seen.press("tab", "p", then="DB-1 (as boss)")
        assert "boss logged on from there in" in shown(seen.app)


async def test_the_walk_around_a_host_becomes_a_quantum_job_on_any_backend(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    async with networked.seen(tmp_path, WIDE) as seen:
        await seen.pilot.press("tab", "c")
        await seen.until_noted("3 shows what comes of it")
        seen.screen.action_circuit("aer:FakeManilaV2")
        await until(seen.pilot, lambda: len(seen.app._notifications) > 1)
        await seen.press("3", then="walk from WS-2")
        await seen.until("FakeManilaV2")


async def test_plans_stand_side_by_side_and_the_checklist_is_written_to_a_file(tmp_path: Path) -> None:
    with_jewel = networked.fill(tmp_path)
    stored.operator(with_jewel).act("host:DB-1", ActionKind.TAG, "jewel", at_us=1)
    async with networked.seen(tmp_path, WIDE) as seen:
        await seen.pilot.press("e")
        await seen.until_noted("no plan on the screen")
        await seen.press("tab", "k", then="Containment of WS-2")
        for words in ("exact", "proved", "annealing", "QAOA p=1", "simulated", "[ ] block log-ons:"):
            assert words in shown(seen.app)
        file = tmp_path / "plan.md"
        seen.screen.action_checklist(str(file))
        await seen.until_noted("plan.md")
        assert "- [ ] block log-ons:" in file.read_text("utf-8")
        seen.screen.action_checklist(str(file))
        await seen.until_noted("cannot write")


async def test_the_graph_of_a_day_ago_is_another_one_and_the_present_comes_back(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    async with networked.seen(tmp_path, NORMAL) as seen:
        await seen.press("t", "t", then="at 03-")
        await until(seen.pilot, lambda: "WS-2 → WS-7" not in shown(seen.app))
        await seen.press("T", "T", "T", then="WS-2 → WS-7")


async def test_new_log_ons_appear_and_the_chosen_move_stays_chosen(tmp_path: Path) -> None:
    store = networked.fill(tmp_path)
    async with networked.seen(tmp_path, NORMAL) as seen:
        await seen.pilot.press("tab")
        late = log_on(START_US + 10 * 86_400_000_000, "10.0.0.5", "NEW-1", "user4", name="WS-4")
        Writer(store).commit(Batch(events=[event_tuple(9_000, 1, 0, 1, 1, late)], status=stored.status()))
        seen.screen.on_screen_resume()
        await seen.until("18 hosts")
        await until(seen.pilot, lambda: "▸" in shown(seen.app) and "WS-2 → WS-7 boss" in shown(seen.app))
        assert seen.screen.host == "WS-2"


async def test_when_the_process_that_makes_the_graph_dies_it_is_said_and_another_one_takes_over(
    tmp_path: Path,
) -> None:
    store = networked.fill(tmp_path)
    async with networked.seen(tmp_path, NORMAL) as seen:
        first = seen.screen.surveyor_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(seen.pilot, lambda: seen.screen.surveyor_pid is None)
        await seen.press("tab", "b", then="If WS-2 falls")
        second = seen.screen.surveyor_pid
        assert second not in (None, first)
        os.kill(second or 0, signal.SIGKILL)
        await until(seen.pilot, lambda: seen.screen.surveyor_pid is None)
        late = log_on(START_US + 10 * 86_400_000_000, "10.0.0.5", "NEW-1", "user4", name="WS-4")
        Writer(store).commit(Batch(events=[event_tuple(9_000, 1, 0, 1, 1, late)], status=stored.status()))
        seen.screen.on_screen_resume()
        await seen.until("18 hosts")
        assert seen.screen.surveyor_pid not in (None, first, second)


async def test_without_log_ons_it_says_what_will_be_here(tmp_path: Path) -> None:
    networked.fill(tmp_path, [])
    app = networked.console(tmp_path)
    async with app.run_test(size=NORMAL) as pilot:
        await until(pilot, lambda: "No network to draw yet" in shown(app))


async def test_a_graph_without_anything_unusual_says_insufficient_evidence(tmp_path: Path) -> None:
    networked.fill(tmp_path, [log_on(START_US, "10.0.0.5", "SRV-1", "ann", name="WS-5")])
    app = networked.console(tmp_path)
    async with app.run_test(size=NORMAL) as pilot:
        await until(pilot, lambda: "insufficient evidence" in shown(app))


async def test_a_hosts_hostile_name_is_drawn_harmlessly(tmp_path: Path) -> None:
    networked.fill(tmp_path, [log_on(START_US, "10.0.0.5", "E\x1b[31mV\u202eIL 日本", "ann", name="WS-5")])
    app = networked.console(tmp_path)
    async with app.run_test(size=NORMAL) as pilot:
        await until(pilot, lambda: "WS-5" in shown(app))
        assert all(line.isprintable() and len(line) <= 80 for line in shown(app).splitlines())


async def test_g_on_an_alert_shows_its_entity_in_the_network(tmp_path: Path) -> None:
    stored.fill(tmp_path)
    store = Store(tmp_path / FILE_NAME)
    rows = [log_on(START_US, "10.4.2.114", "dc-01", "pgustavo", name="ws-114")]
    Writer(store).commit(Batch(events=[event_tuple(20_000 + n, 1, 0, 1, n, one) for n, one in enumerate(rows)]))
    app = stored.console(tmp_path, place="threats")
    async with app.run_test(size=NORMAL) as pilot:
        await until(pilot, lambda: "svc_backup" in shown(app))
        await pilot.press("g")
        await until(pilot, lambda: isinstance(app.screen, NetworkScreen) and app.screen.host == "ws-114")


async def test_it_draws_in_ascii_where_there_is_nothing_else(tmp_path: Path, ascii_terminal: None) -> None:
    networked.fill(tmp_path)
    app = networked.console(tmp_path)
    async with app.run_test(size=NORMAL) as pilot:
        await drawn(pilot)
        await pilot.press("tab", "w")
        await until(pilot, lambda: "t=0.0" in shown(app))
        assert [line for line in shown(app).splitlines() if not line.isascii()] == []
