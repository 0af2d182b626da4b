"""The Network screen on a real store: drawn, moved about, asked what is unusual, where it leads and what to cut."""

from __future__ import annotations

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


async def test_the_intruders_move_is_first_and_tab_goes_on_to_the_next(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    app = networked.console(tmp_path)
    async with app.run_test(size=NORMAL) as pilot:
        await drawn(pilot)
        await pilot.press("tab")
        await until(pilot, lambda: "▸ 30.4 ▲ CRIT WS-2 → WS-7 boss" in shown(app))
        await pilot.press("tab")
        await until(pilot, lambda: "▸ 24.1 ▲ CRIT WS-7 → DB-1 boss" in shown(app))


async def test_both_walks_are_told_beside_each_other(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    app = networked.console(tmp_path)
    async with app.run_test(size=NORMAL) as pilot:
        await drawn(pilot)
        assert "the random walk counts: too little history to tell them apart" in shown(app)
        await pilot.press("tab")
        await until(pilot, lambda: "quantum walk 2.1, random walk 2.1" in shown(app))
        await pilot.press("w")
        await until(pilot, lambda: "quantum walk from WS-2, t=0.0" in shown(app))
        assert "random walk from WS-2, t=0.0" in shown(app)


async def test_a_walk_plays_by_itself_and_can_be_held(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    app = networked.console(tmp_path)
    async with app.run_test(size=NORMAL) as pilot:
        screen = await drawn(pilot)
        await pilot.press("tab", "W")
        await until(pilot, lambda: (screen.frame or 0) >= 2)
        await pilot.press("space")
        held = screen.frame
        await pilot.pause(0.6)
        assert screen.frame == held


async def test_a_host_is_found_by_some_of_its_letters(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    app = networked.console(tmp_path)
    async with app.run_test(size=NORMAL) as pilot:
        screen = await drawn(pilot)
        await pilot.press("slash", *"jump", "enter")
        await until(pilot, lambda: screen.host == "JUMP-1")
        screen.action_locate("nobody")
        await until(pilot, lambda: any("nobody is not in the graph" in note.message for note in app._notifications))


async def test_only_log_ons_of_an_account_can_be_shown_and_all_again(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    app = networked.console(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        screen = await drawn(pilot)
        assert screen.picture is not None
        everything = len(screen.picture.pairs)
        screen.action_only("boss network")
        await until(pilot, lambda: "only boss network" in shown(app))
        assert 0 < len(screen.picture.pairs) < everything
        assert {one.move.user for one in screen.picture.moves} == {"boss"}
        screen.action_only("nobody")
        await until(pilot, lambda: "no ranked move holds 'nobody'" in shown(app))
        await pilot.press("f", *["backspace"] * len("nobody"), "enter")
        await until(pilot, lambda: "WS-2 → WS-7" in shown(app))
        assert len(screen.picture.pairs) == everything


async def test_flows_join_hosts_where_one_asks_for_them(tmp_path: Path) -> None:
    store = networked.fill(tmp_path)
    flow = event(
        START_US, "connection", "network", source_ip="10.0.0.3", destination_ip="10.0.0.9", destination_port=445
    )
    Writer(store).commit(
        Batch(events=[event_tuple(9_000, 1, 0, 1, 1, msgspec.structs.replace(flow, dataset="zeek.conn"))])
    )
    app = networked.console(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        screen = await drawn(pilot)
        assert screen.picture is not None
        everything = len(screen.picture.pairs)
        screen.action_only("smb flow")
        await until(pilot, lambda: "only smb flow" in shown(app))
        ends = [{screen.picture.hosts[one], screen.picture.hosts[other]} for one, other in screen.picture.pairs]
        assert ends == [{"WS-2", "WS-8"}]
        assert everything > 20


async def test_a_click_on_a_host_chooses_it(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    app = networked.console(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        screen = await drawn(pilot)
        from pandora_tui.raster import View, cells_of

        canvas = screen.query_one(GraphCanvas)
        assert canvas.picture is not None
        number = canvas.picture.index["JUMP-1"]
        column, row = cells_of(canvas.picture.points, View(), *canvas.size)[number]
        await pilot.click(GraphCanvas, offset=(int(column), int(row)))
        await until(pilot, lambda: screen.host == "JUMP-1")


async def test_the_blast_radius_lists_hosts_with_chances_and_escape_goes_back(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    app = networked.console(tmp_path)
    async with app.run_test(size=NORMAL) as pilot:
        await drawn(pilot)
        await pilot.press("tab", "b")
        await until(pilot, lambda: "If WS-2 falls" in shown(app))
        assert "0.5 d   1 d   3 d   7 d" in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: "Ranked moves" in shown(app))


async def test_paths_to_what_must_not_fall_are_told_with_their_evidence(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    app = networked.console(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await drawn(pilot)
        await pilot.press("tab", "p")
        await until(pilot, lambda: "no host is tagged jewel" in shown(app))
        stored.operator(Store(tmp_path / FILE_NAME)).act("host:DB-1", ActionKind.TAG, "jewel", at_us=1)
        await pilot.press("t")
        await until(pilot, lambda: "at 03-" in shown(app))
        await pilot.press("tab", "p")
        await until(pilot, lambda: "DB-1 (as boss)" in shown(app))
        assert "boss logged on from there in" in shown(app)


async def test_chains_of_moves_stand_below_the_moves_until_one_is_chosen(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    app = networked.console(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await drawn(pilot)
        assert "WS-2 → WS-7 → DB-1 as boss" in shown(app)
        await pilot.press("tab")
        await until(pilot, lambda: "a hop of WS-2" in shown(app))


async def test_the_walk_around_a_host_becomes_a_quantum_job(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    app = networked.console(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await drawn(pilot)
        await pilot.press("tab", "c")
        await until(pilot, lambda: any("3 shows what comes of it" in note.message for note in app._notifications))
        await pilot.press("3")
        await until(pilot, lambda: "walk from WS-2" in shown(app))


async def test_plans_stand_side_by_side_and_quantum_ones_are_labelled_as_simulated(tmp_path: Path) -> None:
    with_jewel = networked.fill(tmp_path)
    stored.operator(with_jewel).act("host:DB-1", ActionKind.TAG, "jewel", at_us=1)
    app = networked.console(tmp_path)
    async with app.run_test(size=WIDE) as pilot:
        await drawn(pilot)
        await pilot.press("tab", "k")
        await until(pilot, lambda: "Containment of WS-2" in shown(app))
        lines = shown(app)
    for words in ("exact", "proved", "annealing", "QAOA p=1", "simulated", "[ ] block log-ons:"):
        assert words in lines


async def test_the_graph_of_a_day_ago_is_another_one_and_the_present_comes_back(tmp_path: Path) -> None:
    networked.fill(tmp_path)
    app = networked.console(tmp_path)
    async with app.run_test(size=NORMAL) as pilot:
        await drawn(pilot)
        await pilot.press("t", "t")
        await until(pilot, lambda: "at 03-" in shown(app))
        await until(pilot, lambda: "WS-2 → WS-7" not in shown(app))
        await pilot.press("T", "T", "T")
        await until(pilot, lambda: "WS-2 → WS-7" in shown(app))


async def test_new_log_ons_appear_and_the_chosen_move_stays_chosen(tmp_path: Path) -> None:
    store = networked.fill(tmp_path)
    app = networked.console(tmp_path)
    async with app.run_test(size=NORMAL) as pilot:
        screen = await drawn(pilot)
        await pilot.press("tab")
        late = log_on(START_US + 10 * 86_400_000_000, "10.0.0.5", "NEW-1", "user4", name="WS-4")
        Writer(store).commit(Batch(events=[event_tuple(9_000, 1, 0, 1, 1, late)], status=stored.status()))
        screen.on_screen_resume()
        await until(pilot, lambda: "18 hosts" in shown(app))
        await until(pilot, lambda: "▸" in shown(app) and "WS-2 → WS-7 boss" in shown(app))
        assert screen.host == "WS-2"


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
