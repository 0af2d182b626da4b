"""The second opinion on screen: quantum beside classical, what is waited for, and how the tier stands."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from pandora_core.detect.incidents.assessment import ACTOR, Assessment, Figure, Outcome, value_of
from pandora_core.model import SECOND_US, Action, ActionKind
from pandora_core.quantum.tier.card import FOLDER, About, MemberCard, TierCard, Verdict, hash_of
from pandora_core.quantum.tier.policy import Breaker, BreakerState, Rules
from pandora_core.store.escalations import Escalations
from pandora_core.store.job_rows import NewJob
from pandora_core.store.reader import Reader
from pandora_core.store.rows import AlertDetail, Escalation
from pandora_core.store.store import Store
from pandora_core.tier_standing import Standing
from pandora_tui.screens.alert import AlertScreen
from pandora_tui.stories.alert import action_line, story
from pandora_tui.stories.opinion import opinion, tier
from pandora_tui.style import cell_width
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import width_of
from tests.tui import stored
from tests.tui.stored import NOW_US, shown, until

STRANGE = Figure("fidelity q=4 reps=1", 0.9, 0.5, 0.004)
ORDINARY = Figure("RBF gamma=1", 0.1, 0.5, 0.4)
DONE = Assessment(
    "k", Outcome.DONE, quantum=STRANGE, exact=STRANGE, control=ORDINARY, label="simulated: Aer, no noise",
    job="J-12345678", model="0123456789abcdef", seed=3, shots=1024, events=(1, 2),
)  # fmt: skip
LATE = Assessment("k", Outcome.LATE, "no answer by 14:38:00 UTC, the job was QUEUED")
OFF = Verdict(False, -0.044, -0.068, -0.020, 8, 0.5)
CARD = TierCard(
    "flow/1",
    About("unsw.csv", "0" * 64, 0, 0.02, 400, "ann", NOW_US),
    MemberCard("fidelity q=4 reps=1", OFF),
    MemberCard("RBF gamma=1", OFF._replace(on=True, gain=0.1, low=0.05, high=0.15)),
)


def text(lines: list[Line]) -> str:
    return "\n".join("".join(piece.text for piece in line) for line in lines)


def action(found: Assessment) -> Action:
    return Action(1, ACTOR, "soc-1", NOW_US, "A-1", ActionKind.ASSESSMENT, value_of(found))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return stored.fill(tmp_path)


@pytest.fixture
def detail(store: Store) -> AlertDetail:
    return Reader(store).alert(stored.company()[0][0])


def with_actions(detail: AlertDetail, *found: Assessment) -> AlertDetail:
    return AlertDetail(detail.view, detail.detections, detail.events, tuple(map(action, found)))


def test_both_figures_stand_below_each_other_with_how_they_came_about(detail: AlertDetail) -> None:
    told = text(opinion(with_actions(detail, DONE), 100))
    quantum, exact, classical, *how = told.splitlines()
    assert quantum == " quantum    0.4 % of benign flows are as strange: novel  · fidelity q=4 reps=1"
    assert exact.startswith(" exact")
    assert classical == " classical  40 % of benign flows are as strange: ordinary  · RBF gamma=1"
    said = "simulated: Aer, no noise, 1,024 shots, seed 3, 2 flows, model 0123456789abcdef, J-12345678"
    assert " ".join(line.strip() for line in how) == said


def test_where_nothing_came_the_classical_result_stands_and_says_why(detail: AlertDetail) -> None:
    assert "The classical result stands: no answer by 14:38:00 UTC" in text(opinion(with_actions(detail, LATE), 120))


def test_nobody_asked_says_nothing(detail: AlertDetail) -> None:
    assert opinion(detail, 80) == []


@pytest.mark.parametrize("width", [30, 40, 78, 140])
def test_no_line_of_an_opinion_is_wider_than_the_screen(detail: AlertDetail, width: int) -> None:
    hostile = msgspec.structs.replace(DONE, label="simulated: \x1b[31m[red]evil" + "x" * 90, why="y" * 300)
    for lines in (opinion(with_actions(detail, hostile), width), story(with_actions(detail, LATE), width)):
        assert all(width_of(line) <= width for line in lines)
        assert "\x1b" not in text(lines)


def test_an_assessment_among_the_actions_is_told_in_words() -> None:
    told = "".join(piece.text for piece in action_line(action(DONE), 120))
    assert "assessment benign flows as strange: quantum 0.4 %, classical 40 %" in told
    assert "{" not in told


def standing(**more: object) -> Standing:
    breakers = {
        "aer": Breaker(BreakerState.CLOSED, 0),
        "ibm": Breaker(BreakerState.OPEN, 3, NOW_US + 60 * SECOND_US),
    }
    fields = {"number": "0" * 16, "card": CARD, "trouble": "", "rules": Rules(), "used": 3, "waiting": 1}
    return Standing(**(fields | {"breakers": breakers, "outcomes": {}} | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [40, 80, 160])
def test_the_tier_stands_in_four_lines_with_both_gates(width: int) -> None:
    lines = tier(standing(), width)
    assert len(lines) == 4
    assert all(cell_width("".join(piece.text for piece in line)) <= width for line in lines)


def test_the_tier_says_budget_breakers_gates_and_who_screens() -> None:
    told = text(tier(standing(novel=1, withheld=1_200), 160))
    assert "3 of 20 this hour, 1 waited for" in told
    assert "aer closed" in told
    assert "ibm open until 14:34:00" in told
    assert "off: -4.4 points, -6.8 to -2.0 on 8 validation divisions" in told
    assert "on: +10.0 points, +5.0 to +15.0" in told
    assert "novelty    on: RBF gamma=1; 1 flow told of, 1,200 withheld over budget" in told


def test_without_a_model_there_is_nothing_to_say_of_the_tier() -> None:
    assert tier(standing(number="", card=None), 80) == []


async def sees(pilot: Pilot[None], *words: str) -> None:
    await until(pilot, lambda: all(word in shown(pilot.app) for word in words))


async def test_an_open_alert_shows_what_is_waited_for_and_then_what_came(tmp_path: Path, store: Store) -> None:
    alert_id = stored.company()[0][0]
    escalations, app = Escalations(store, "soc-1"), stored.console(tmp_path)
    async with app.run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: app.board.alerts)
        app.push_screen(AlertScreen(alert_id))
        await sees(pilot, alert_id)
        begun = Escalation(
            key="k", alert_id=alert_id, backend="aer", begun_at_us=NOW_US, deadline_us=NOW_US + 300 * SECOND_US
        )
        job = escalations.begin(begun, NewJob("kernel", "aer", b"{}", subject=alert_id))
        assert job is not None
        await sees(pilot, "waiting until 14:38:00 UTC", job.id)
        escalations.end(escalations.waiting()[0], DONE, at_us=NOW_US, is_good=True)
        await sees(pilot, "0.4 % of benign flows", "40 % of benign flows", "simulated: Aer, no noise")


async def test_the_jobs_screen_says_how_the_tier_stands(tmp_path: Path, store: Store) -> None:
    words = msgspec.json.encode(
        {"schema": CARD.schema, "about": CARD.about, "quantum": CARD.quantum, "control": CARD.control}
    )
    number = hash_of(words.decode())
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / f"{number}.json").write_bytes(words)
    Escalations(store).use(number)
    app = stored.console(tmp_path, place="jobs")
    async with app.run_test(size=(120, 40)) as pilot:
        await sees(pilot, "0 of 20 this hour", "aer closed", "off: -4.4 points", "on: +10.0 points")
