"""The commands of ``pandora models`` that look into a model: importance, learning-curve, report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pandora_core.cli.model_shapes import registry_of
from pandora_core.cli.model_work import data_options, newest, say_progress, short
from pandora_core.cli.output import emit, json_option, table


@click.command()
@click.argument("number", type=int, required=False)
@click.option("--dataset", "name", required=True, metavar="FILE|NAME", help="Rows to ask the model about.")
@data_options
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
@click.pass_obj
def importance(data: Path | None, /, number: int | None, name: str, as_json: bool, seed: int, **given: Any) -> None:
    """Which columns a version needs: what is lost of the ROC-AUC when a column is dealt out anew."""
    import msgspec

    from pandora_core.cli.datasets import load_of
    from pandora_core.learn.fitting import insight
    from pandora_core.learn.versions import reports

    registry, loaded = registry_of(data), load_of(data, name, **given)
    chosen = newest(registry, number)
    model = registry.open(chosen, schema=loaded.table.schema.id, unsigned=True)
    found = insight.importance(model, loaded.table, seed=seed, progress=say_progress)
    shape = {"items": msgspec.to_builtins(found), "next": None}
    reports.keep(registry.folder, chosen, "importance", shape)
    rows = [(each.column, f"{each.lost:+.4f}", f"{each.deviation:.4f}") for each in found]
    emit(shape, as_json, lambda: table(("column", "ROC-AUC lost", "deviation"), rows))


@click.command("learning-curve")
@click.argument("number", type=int, required=False)
@click.option("--dataset", "name", required=True, metavar="FILE|NAME", help="What to learn from, part by part.")
@data_options
@json_option
@click.pass_obj
def learning_curve(data: Path | None, /, number: int | None, name: str, as_json: bool, **given: Any) -> None:
    """What more rows would bring: a version's training repeated on growing parts of a data set."""
    import msgspec

    from pandora_core.cli.datasets import load_of
    from pandora_core.learn.fitting import insight
    from pandora_core.learn.versions import reports

    registry, loaded = registry_of(data), load_of(data, name, **given)
    chosen = newest(registry, number)
    points = insight.learning_curve(loaded.table, registry.version(chosen).card.training, progress=say_progress)
    shape = {"items": msgspec.to_builtins(points), "next": None}
    reports.keep(registry.folder, chosen, "learning-curve", shape)
    rows = [
        (f"{each.rows:,}", short(each.roc_auc), short(each.tpr_at_1_fpr), short(each.fitted_roc_auc))
        for each in points
    ]
    emit(shape, as_json, lambda: table(("rows", "ROC-AUC", "TPR at 1 % FPR", "ROC-AUC of own rows"), rows))


@click.command()
@click.argument("number", type=int)
@json_option
@click.pass_obj
def report(data: Path | None, number: int, as_json: bool) -> None:
    """The last reports on a version that were kept: evaluate, importance, learning-curve."""
    from pandora_core.learn.versions import reports

    registry = registry_of(data)
    registry.version(number)
    found = reports.read(registry.folder, number)
    rows = [(kind, ", ".join(shape)[:60]) for kind, shape in found.items()]
    emit(found, as_json, lambda: table(("report", "holds"), rows, empty="none yet: pandora models evaluate"))
