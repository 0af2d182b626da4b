"""Owns how a model is told: pages of figures, curves, what it needs and learned from, its drift, and a comparison.

All functions return lines of pieces for a width and a height in cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pandora_core.store.rows import DriftRow
from pandora_tui.desks.models import ModelView, Step
from pandora_tui.stories.curves import Axis, Curve, beside, plot, shares
from pandora_tui.stories.words import day_text
from pandora_tui.stories.wrapping import wrapped
from pandora_tui.style import Role, cell_width, count_text, fit, glyphs, safe_text
from pandora_tui.widgets.braille import bar
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import Piece

PAGES = ("figures", "curves", "calibration", "importance", "learning", "drift", "lineage", "compared")
STATE_ROLES = {"live": Role.GOOD, "ready": Role.ACCENT, "candidate": Role.WARN, "benchmark": Role.MUTED}

_FIGURES = (
    ("roc_auc", "ROC-AUC"), ("pr_auc", "PR-AUC"), ("f1", "F1"), ("precision", "precision"), ("recall", "recall"),
    ("false_positive_rate", "false positives"), ("tpr_at_1_fpr", "TPR at 1 % FPR"),
    ("new_recall", "new types"), ("new_recall_at_1_fpr", "new types at 1 %"),
    ("calibration_error", "calibration error"),
)  # fmt: skip
_UNIT = Axis(0.0, 1.0, "")
_TALL = 26
_BELOW = {"figures": "curves", "curves": "calibration", "importance": "learning", "learning": "importance"}
_STRONG_DRIFT = 0.25
_WORST_FEATURES = 6


class Difference(NamedTuple):
    """Two versions judged on the same rows."""

    first: int
    second: int
    items: list[dict[str, Any]]


class Story(NamedTuple):
    """What the pages are made of; ``drifts`` is ``None`` where no engine ever told of a model."""

    view: ModelView
    drifts: Sequence[DriftRow] | None
    compared: Difference | None


def heading(view: ModelView, page: str, width: int) -> list[Line]:
    """Which version, in which state, and the pages, the shown one marked."""
    shape, rule = view.shape, glyphs().rule
    left = [Piece(f"{rule * 2} ", Role.FAINT), Piece(shape["state"], STATE_ROLES.get(shape["state"], Role.TEXT))]
    left.append(Piece(f"  {view.number} {safe_text(shape['name'], max(1, width // 3))} "))
    members = safe_text(f" {' + '.join(shape['training']['recipe']['members'])}, {shape['schema']} ", width // 2)
    room = width - sum(cell_width(piece.text) for piece in left) - cell_width(members) - 2
    named = [Piece(rule * max(0, room), Role.FAINT), Piece(members, Role.MUTED), Piece(rule * 2, Role.FAINT)]
    tabs: Line = [Piece(" ")]
    for name in PAGES:
        role = Role.STRONG if name == page else Role.MUTED
        mark = glyphs().cursor if name == page else " "
        tabs.append(Piece(f"{mark}{name} ", role, f"screen.page_to({name!r})"))
    return [[*left, *named], tabs]


def progress(title: str, step: Step, width: int) -> Line:
    """Work that is under way: what, how far, and its present step."""
    share = step.done / step.total if step.total else 0.0
    drawn = bar(share, 12)
    said = f" {step.done}/{step.total} {step.what}" if step.total else f" {step.what}"
    left = [Piece(f" {safe_text(title, max(1, width // 3))} ", Role.ACCENT), Piece(drawn, Role.ACCENT)]
    left.append(Piece(glyphs().bar_rest * (12 - len(drawn)), Role.FAINT))
    room = max(0, width - sum(cell_width(piece.text) for piece in left) - 11)
    return [*left, Piece(fit(safe_text(said), room)), Piece("  x cancels", Role.MUTED, "screen.cancel_work")]


def page(story: Story, name: str, width: int, height: int) -> list[Line]:
    """One page, at most ``height`` lines; where there is room for two, what goes with it stands below."""
    if height < _TALL or name not in _BELOW:
        return _PAGES[name](story, width, height)[:height]
    above = _PAGES[name](story, width, height // 2 - 1)[: height // 2 - 1]
    above += [[]] * (height // 2 - len(above))
    return [*above, *_PAGES[_BELOW[name]](story, width, height - height // 2)][:height]


def _figures(story: Story, width: int, height: int) -> list[Line]:
    figures, shape = story.view.figures, story.view.shape
    lines: list[Line] = []
    if figures is None:
        rehearsed = [each["roc_auc"] for each in shape["rehearsals"] if each["roc_auc"] is not None]
        said = f"judged by rehearsals alone: ROC-AUC {', '.join(f'{value:.3f}' for value in rehearsed)}"
        return [*_say(said, width), *_say("e judges it on data of the same features", width, Role.MUTED)]
    rows = [(label, _value(figures[name])) for name, label in _FIGURES if figures[name]["value"] is not None]
    label_width = max(len(label) for label, _ in rows)
    for label, text in rows:
        lines.append([Piece(f" {fit(label, label_width)}  ", Role.MUTED), Piece(text)])
    right = [*_confusion(story.view), []]
    found = sorted(figures["recall_by_type"].items(), key=lambda item: item[1])
    new = set(figures["new_types"])
    types = [(f"{kind}{' (new)' if kind in new else ''}", share, f"{share:.0%}") for kind, share in found]
    half = min(44, width // 2)
    kinds = shares(types[: max(1, height - len(right) - 1)], width - half, 1.0)
    if kinds:
        right += [[Piece(" found of each type", Role.STRONG)], *kinds]
    return beside(lines, right, half)


def _confusion(view: ModelView) -> list[Line]:
    """The four counts at the threshold, from the last evaluation that was kept."""
    counts = view.reports.get("evaluate", {}).get("confusion")
    if not counts:
        return [[Piece(" confusion: e evaluates", Role.MUTED)]]
    rows = (("attack", "true_positives", "false_negatives"), ("benign", "false_positives", "true_negatives"))
    lines: list[Line] = [[Piece(f" {'':<8}{'alerted':>10}{'passed':>10}", Role.MUTED)]]
    for label, called, passed in rows:
        roles = (Role.GOOD, Role.BAD) if label == "attack" else (Role.BAD, Role.GOOD)
        lines.append(
            [
                Piece(f" {label:<8}", Role.MUTED),
                Piece(f"{counts[called]:>10,}", roles[0]),
                Piece(f"{counts[passed]:>10,}", roles[1]),
            ]
        )
    return lines


def _curves(story: Story, width: int, height: int) -> list[Line]:
    report = story.view.reports.get("evaluate")
    if report is None:
        return _ask("e judges it on labelled data; then its curves stand here", width)
    half = width // 2
    roc = plot("ROC", _curve(report, "roc"), _UNIT._replace(title="false positives"),
               _UNIT._replace(title="attacks found"), half, height)  # fmt: skip
    precision = plot("PR", _curve(report, "pr"), _UNIT._replace(title="attacks found"),
                     _UNIT._replace(title="precision"), width - half, height)  # fmt: skip
    return beside(roc, precision, half)


def _calibration(story: Story, width: int, height: int) -> list[Line]:
    report = story.view.reports.get("evaluate")
    if report is None:
        return _ask("e judges it on labelled data; then its calibration stands here", width)
    half = width // 2
    said = plot("calibration", _curve(report, "calibration"), _UNIT._replace(title="probability said"),
                _UNIT._replace(title="share that were attacks"), half, height)  # fmt: skip
    error = report["calibration_error"]["value"]
    members = [(name, value, f"{value:.3f}") for name, value in report["members"].items() if value is not None]
    right: list[Line] = [
        *_say("A model that says what it knows lies on the diagonal.", width - half, Role.MUTED),
        [Piece(f" mean distance  {error:.3f}" if error is not None else " mean distance  unknown")],
        [Piece(f" threshold      {report['threshold']:.4g}")],
        [],
        [Piece(" ROC-AUC of each member alone", Role.STRONG)],
        *shares(members, width - half, 1.0),
    ]
    return beside(said, right, half)


def _importance(story: Story, width: int, height: int) -> list[Line]:
    report = story.view.reports.get("importance")
    if report is None:
        return _ask("i finds out which columns it needs", width)
    rows = [(each["column"], each["lost"], f"{each['lost']:+.4f}") for each in report["items"]]
    said = "ROC-AUC lost when a column is dealt out anew; columns that say the same stand in for each other"
    return [*_say(said, width, Role.MUTED), *shares(rows[: height - 1], width)]


def _learning(story: Story, width: int, height: int) -> list[Line]:
    report = story.view.reports.get("learning-curve")
    points = [point for point in (report or {}).get("items", []) if point["roc_auc"] is not None]
    if not points:
        return _ask("l trains on growing parts of a data set, to see what more rows would bring", width)
    values = [value for point in points for value in (point["roc_auc"], point["fitted_roc_auc"])]
    up = Axis(max(0.0, min(values) - 0.01), 1.0, "ROC-AUC of rows kept back", "{:.3f}".format)
    across = Axis(0.0, float(points[-1]["rows"]), "rows learned from", count_text)
    half = max(width // 2, width - 44)
    curve = Curve([float(point["rows"]) for point in points], [point["roc_auc"] for point in points])
    drawn = plot("learning", curve, across, up, half, height)
    table: list[Line] = [[Piece(f" {'rows':>8}  {'kept back':>9}  {'own':>6}", Role.MUTED)]]
    for point in points:
        own = f"{point['fitted_roc_auc']:.3f}" if point["fitted_roc_auc"] is not None else ""
        table.append([Piece(f" {point['rows']:>8,}  {point['roc_auc']:>9.3f}  {own:>6}")])
    return beside(drawn, table, half)


def _drift(story: Story, width: int, height: int) -> list[Line]:
    if story.view.shape["state"] != "live":
        return _ask("not live: only flows as they come can drift. p promotes it", width)
    if not story.drifts:
        return _ask("no model live in an engine yet, or too few flows since it was promoted", width)
    newest = story.drifts[-1].drift
    role = {"strong": Role.BAD, "moderate": Role.WARN, "none": Role.GOOD}.get(newest.word, Role.MUTED)
    lines: list[Line] = [
        [
            Piece(f" drift: {newest.word}", role),
            Piece(f"  last {newest.flows:,} flows against {safe_text(newest.against)}, ", Role.MUTED),
            Piece(f"{day_text(story.drifts[-1].at_us)} UTC", Role.MUTED),
        ]
    ]
    worst = [row.drift.score or 0.0 for row in story.drifts]
    up = Axis(0.0, max(_STRONG_DRIFT, *worst), "stability index of the score", "{:.2f}".format)
    across = Axis(0.0, max(1.0, len(worst) - 1.0), "looks, oldest to newest", count_text)
    half = width // 2
    curve = Curve([float(place) for place in range(len(worst))], worst)
    features = list(newest.features.items())[: min(_WORST_FEATURES, max(1, height - 3))]
    rows = [(name, index, f"{index:.2f}") for name, index in features]
    right: list[Line] = [[Piece(" farthest features", Role.STRONG)], *shares(rows, width - half, _STRONG_DRIFT)]
    return [*lines, *beside(plot("drift", curve, across, up, half, height - 1), right, half)]


def _lineage(story: Story, width: int, height: int) -> list[Line]:
    """Sources, privacy, runs and promotions first; features and transformations as far as there is room."""
    rows = sorted(story.view.lineage, key=lambda row: row[0] in ("feature", "transformation"))
    features = [what for kind, what in rows if kind == "feature"]
    lines: list[Line] = []
    for kind, what in (row for row in rows if row[0] != "feature"):
        lines += _labelled(kind, what, width)
    told = f"{len(features)}: {', '.join(features)}"
    return [*lines[: max(1, height - 2)], *_labelled("features", told, width)]


def _compared(story: Story, width: int, height: int) -> list[Line]:
    found = story.compared
    if found is None:
        return _ask("c compares it with another version on the same rows", width)
    titles = f" {'figure':<16}{f'model {found.first}':>10}{f'model {found.second}':>10}{'difference':>12}   95 %"
    lines: list[Line] = [[Piece(titles, Role.MUTED)]]
    for item in found.items:
        numbers = [item["first"], item["second"], item["difference"], item["low"], item["high"]]
        if None in numbers:
            continue
        first, second, gap, low, high = numbers
        role = Role.GOOD if low > 0 else Role.BAD if high < 0 else Role.TEXT
        label = dict(_FIGURES).get(item["figure"], item["figure"])
        lines.append(
            [
                Piece(f" {label:<16}", Role.MUTED),
                Piece(f"{first:>10.4f}{second:>10.4f}"),
                Piece(f"{gap:>+12.4f}   {low:+.4f} to {high:+.4f}", role),
            ]
        )
    return [*lines, [], *_say("An interval that holds 0 says that they may be alike.", width, Role.MUTED)][:height]


def _labelled(kind: str, what: str, width: int) -> list[Line]:
    texts = wrapped(safe_text(what), max(8, width - 17))[:3]
    return [
        [Piece(f" {fit(kind if not place else '', 14)} ", Role.MUTED), Piece(text)]
        for place, text in enumerate(texts)
    ]


def _say(text: str, width: int, role: Role = Role.TEXT) -> list[Line]:
    return [[Piece(f" {line}", role)] for line in wrapped(safe_text(text), max(8, width - 2))]


def _ask(text: str, width: int) -> list[Line]:
    return [[], *_say(text, width, Role.MUTED)]


def _curve(report: dict[str, Any], name: str) -> Curve:
    found = report[f"{name}_curve"]
    return Curve(found["x"], found["y"])


def _value(figure: dict[str, Any]) -> str:
    if figure["low"] is None or figure["high"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f}  {figure['low']:.3f}–{figure['high']:.3f}"


_PAGES: dict[str, Callable[[Story, int, int], list[Line]]] = {
    "figures": _figures,
    "curves": _curves,
    "calibration": _calibration,
    "importance": _importance,
    "learning": _learning,
    "drift": _drift,
    "lineage": _lineage,
    "compared": _compared,
}
