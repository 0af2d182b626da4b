"""The Models screen on a real registry: what is listed and plotted, and work in processes of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from pandora_core.learn.card import Recipe, Training
from pandora_core.learn.data.datasets import Loaded
from pandora_core.learn.data.profile import About
from pandora_core.learn.versions import reports
from pandora_core.learn.versions.registry import Registry
from pandora_core.learn.versions.signing import SeedSigner
from pandora_core.learn.versions.work import Actor, Split, take_in, train_version
from pandora_core.store.rows import Drift, DriftRow
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer
from pandora_core.vault.crypto.secret import Secret
from pandora_tui.app import PandoraApp
from pandora_tui.desks.models import ModelView, Work, WorkError
from pandora_tui.stories.curves import Axis, Curve, plot, shares
from pandora_tui.stories.model import Difference, Story, page
from pandora_tui.style import Role
from tests.tui import stored
from tests.tui.stored import ago, shown, until
from tests.unit.learn_samples import made_table

NORMAL, WIDE = (80, 24), (160, 48)
Snap = Callable[..., bool]

EVALUATED = {
    "confusion": {"true_positives": 903, "false_negatives": 97, "false_positives": 31, "true_negatives": 3969},
    "threshold": 0.4312,
    "calibration_error": {"value": 0.021},
    "members": {"boosting": 0.982, "surprise": 0.941},
    "roc_curve": {"x": [i / 100 for i in range(101)], "y": [(i / 100) ** 0.12 for i in range(101)]},
    "pr_curve": {"x": [i / 100 for i in range(101)], "y": [1 - 0.4 * (i / 100) ** 6 for i in range(101)]},
    "calibration_curve": {"x": [0.03, 0.2, 0.5, 0.8, 0.97], "y": [0.02, 0.25, 0.55, 0.75, 0.98]},
}
IMPORTANT = {
    "items": [
        {"column": "rate", "lost": 0.1312, "deviation": 0.004},
        {"column": "size", "lost": 0.0711, "deviation": 0.002},
        {"column": "noise", "lost": -0.0003, "deviation": 0.001},
    ]
}
LEARNT = {
    "items": [
        {"rows": rows, "attacks": rows // 2, "roc_auc": auc, "tpr_at_1_fpr": auc - 0.2, "fitted_roc_auc": 0.999}
        for rows, auc in ((100, 0.871), (300, 0.934), (700, 0.961), (1400, 0.968))
    ]
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a signed version, a benchmark beside it and what was found out about the first."""
    folder = tmp_path_factory.mktemp("trained")
    registry, signer = Registry(folder), SeedSigner(Secret.absorb(b"\7" * 32))
    registry.trust(signer.public)
    loaded = Loaded(made_table(400), "5" * 64, "csv", 0)
    take_in(registry, loaded, About("office-week-12", "/srv/labelled/week12.csv", "own", True, ago(4_000)))
    how = Training(Recipe({"surprise": {"bins": 6}}), rehearsals=2)
    for name, minutes, by in (("night", 3_000, signer), ("candidate-b", 90, None)):
        actor = Actor("ann", "soc-1", ago(minutes))
        train_version(registry, [loaded], how, actor, name=name, split=Split("random", 0.3), signer=by)
    for kind, shape in (("evaluate", EVALUATED), ("importance", IMPORTANT), ("learning-curve", LEARNT)):
        reports.keep(registry.folder, 1, kind, shape)
    return folder / "models"


@pytest.fixture
def data(tmp_path: Path, trained: Path) -> Path:
    stored.fill(tmp_path)
    shutil.copytree(trained, tmp_path / "models")
    return tmp_path


@pytest.fixture
def app(data: Path) -> PandoraApp:
    return stored.console(data, place="models")


async def sees(pilot: Pilot[None], *words: str, timeout_s: float = 20.0) -> None:
    await until(pilot, lambda: all(word in shown(pilot.app) for word in words), timeout_s)


async def noted(pilot: Pilot[None], words: str) -> None:
    """Wait for a note that says so; commands take a few seconds."""
    app = pilot.app
    await until(pilot, lambda: any(words in note.message for note in app._notifications), 60.0)


def labelled(folder: Path, rows: int = 300) -> Path:
    table = made_table(rows)
    lines = ["size,rate,noise,service,flag,label"]
    for numbers, words, kind in zip(table.numbers, table.categories, table.kinds, strict=True):
        lines.append(",".join([*(f"{x:.6f}" for x in numbers), *words, str(kind) or "normal"]))
    path = folder / "made.csv"
    path.write_text("\n".join(lines))
    return path


async def test_versions_are_listed_and_every_page_about_one_can_be_turned_to(app: PandoraApp) -> None:
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "candidate-b", "night", "ready", "candidate", "confusion: e evaluates")
        await pilot.press("j")
        await sees(pilot, "3,969", "alerted", "found of each type")
        for words in (
            ("ROC: attacks found", "PR: precision", "false positives"),
            ("calibration: share that were attacks", "mean distance  0.021", "boosting"),
            ("rate", "+0.1312", "-0.0003"),
            ("learning: ROC-AUC", "1,400", "0.968"),
            ("not live: only flows as they come can drift",),
            ("source", "office-week-12", "sensitive", "features", "5: size, rate"),
            ("c compares it with another version",),
            ("ROC-AUC", "TPR at 1 % FPR"),
        ):
            await pilot.press("tab")
            await sees(pilot, *words)


async def test_a_version_is_promoted_only_after_the_question(app: PandoraApp, data: Path) -> None:
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "night", "ready")
        await pilot.press("j", "p")
        await sees(pilot, "Make this model live?", "1 night, ready")
        await pilot.press("n")
        await pilot.pause()
        assert Registry(data).promotions() == []
        await pilot.press("p", "y")
        await noted(pilot, "promoting 1: done")
        await sees(pilot, "live")
    assert [each.number for each in Registry(data).promotions()] == [1]


async def test_what_cannot_be_promoted_says_why(app: PandoraApp, data: Path) -> None:
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "candidate-b")
        await pilot.press("p", "y")
        await noted(pilot, "unsigned candidate")
    assert Registry(data).promotions() == []


async def test_drift_of_the_live_model_is_drawn_over_time(app: PandoraApp, data: Path) -> None:
    Registry(data).promote(1, "ann", "soc-1", ago(30))
    rows = [DriftRow(1, ago(20 - i), Drift("strong", 5000, "training", 0.02 * i, {"rate": 0.31})) for i in range(20)]
    Writer(Store(data / FILE_NAME)).commit(Batch(drifts=rows))
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "night", "live")
        await pilot.press("j", *["tab"] * 5)
        await sees(pilot, "drift: strong", "last 5,000 flows against training", "farthest features", "0.31")


async def test_a_training_shows_its_steps_and_is_cancelled_without_a_trace(app: PandoraApp, data: Path) -> None:
    made, before = labelled(data), sorted(path.name for path in (data / "models" / "versions").iterdir())
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "night")
        await pilot.press("t", *["backspace"] * 20, *str(made), "enter", *"label", "enter", *["backspace"] * 4)
        await pilot.press(*"hybrid", "enter", "enter")
        await sees(pilot, "training", "rehearsing without", "x cancels", timeout_s=60)
        await pilot.press("t")
        await pilot.press("escape", "x")
        await noted(pilot, "training: cancelled")
    assert sorted(path.name for path in (data / "models" / "versions").iterdir()) == before
    assert not list((data / "models").glob(".draft-*"))


async def test_two_versions_are_compared_on_the_same_rows(app: PandoraApp, data: Path) -> None:
    async with app.run_test(size=NORMAL) as pilot:
        await sees(pilot, "night")
        await pilot.press("c")
        await sees(pilot, "Compare model 2", "with model")
        await pilot.press("enter", *["backspace"] * 20, "enter")
        await sees(pilot, "on which data?")


async def test_without_models_the_screen_says_how_to_get_one(tmp_path: Path) -> None:
    stored.fill(tmp_path)
    async with stored.console(tmp_path, place="models").run_test(size=NORMAL) as pilot:
        await sees(pilot, "No models", "pandora datasets import FILE")
        await pilot.press("p")
        await noted(pilot, "there is no model here")


async def test_a_registry_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    stored.fill(tmp_path)
    spoilt = tmp_path / "models" / "versions" / "0001"
    spoilt.mkdir(parents=True)
    (spoilt / "card.json").write_text("{")
    async with stored.console(tmp_path, place="models").run_test(size=NORMAL) as pilot:
        await sees(pilot, "The models cannot be read", "its card cannot be read")


@pytest.mark.parametrize("size", [NORMAL, WIDE], ids=["normal", "wide"])
@pytest.mark.parametrize("turns", [0, 1, 3], ids=["figures", "curves", "importance"])
def test_how_models_look(snap_compare: Snap, app: PandoraApp, size: tuple[int, int], turns: int) -> None:
    async def settle(pilot: Pilot[None]) -> None:
        await sees(pilot, "night", "candidate-b")
        await pilot.press("j", *["tab"] * turns)
        await sees(pilot, ("alerted", "ROC:", "", "+0.1312")[turns])
        await pilot.pause(0.2)

    assert snap_compare(app, run_before=settle, terminal_size=size)


def test_a_difference_is_coloured_only_where_its_interval_leaves_no_doubt():
    items = [
        {"figure": "roc_auc", "first": 0.90, "second": 0.95, "difference": 0.05, "low": 0.01, "high": 0.08},
        {"figure": "pr_auc", "first": 0.90, "second": 0.91, "difference": 0.01, "low": -0.02, "high": 0.03},
        {"figure": "tpr_at_1_fpr", "first": None, "second": None, "difference": None, "low": None, "high": None},
    ]
    view = ModelView({"number": 2, "state": "ready"}, {}, ())
    lines = page(Story(view, None, Difference(1, 2, items)), "compared", 80, 12)
    assert lines[1][2].role is Role.GOOD
    assert lines[2][2].role is Role.TEXT
    assert "TPR" not in "".join(piece.text for line in lines for piece in line)


def test_work_that_fails_says_its_last_line_and_work_that_is_cancelled_before_it_began_never_runs(tmp_path: Path):
    with pytest.raises(WorkError, match="no model 9"):
        Work(tmp_path, "showing", ["models", "show", "9"]).run()
    work = Work(tmp_path, "showing", ["models", "list"])
    work.cancel()
    assert work.run() is None


def test_work_is_cancelled_from_another_thread(tmp_path: Path):
    words = ["models", "train", "--dataset", str(labelled(tmp_path)), "--label", "label"]
    work = Work(tmp_path, "training", [*words, "--set", "forest.n_estimators=20000"])
    ended: list[object] = []
    thread = threading.Thread(target=lambda: ended.append(work.run()))
    thread.start()
    end = time.monotonic() + 60
    while not work.step.total:
        assert time.monotonic() < end
        time.sleep(0.02)
    work.cancel()
    thread.join(30)
    assert ended == [None]
    assert Registry(tmp_path).versions() == []


def test_looking_at_models_loads_no_scikit_learn(data: Path):
    code = (
        "import sys; from pathlib import Path; from pandora_tui.desks.models import read_models;"
        f"assert len(read_models(Path({str(data)!r})).views) == 2;"
        "assert not {'sklearn', 'scipy', 'skops'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_curve_stands_in_a_frame_with_both_scales():
    lines = plot("ROC", Curve([0, 1], [0, 1]), Axis(0, 1, "x"), Axis(0, 1, "y"), 30, 8)
    texts = ["".join(piece.text for piece in line) for line in lines]
    assert len(texts) == 8
    assert texts[1].startswith(" 1.00 ")
    assert texts[6].startswith(" 0.00 ")
    assert texts[7].split() == ["0.00", "x", "1.00"]
    assert texts[1].rstrip()[-1] not in " 0"
    assert not texts[6][20:].strip()


def test_what_is_below_zero_is_drawn_as_nothing():
    one, two = shares([("a", 2.0, "2"), ("b", -1.0, "-1")], 30)
    assert one[1].text
    assert two[1].text == ""
