"""The commands of ``pandora models`` that compute: train, evaluate, compare, search, robustness."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pandora_core.cli.model_shapes import registry_of, shape_of, told
from pandora_core.cli.output import emit, json_option, say, table

if TYPE_CHECKING:  # imported when a command runs: help needs no scikit-learn
    from pandora_core.learn.card import Training
    from pandora_core.learn.metrics import Figures
    from pandora_core.learn.versions.work import Report

Command = TypeVar("Command", bound=Callable[..., Any])


def data_options(command: Command) -> Command:
    """The options that say what the columns of labelled data mean."""
    for option in (
        click.option("--layout", default="auto", help="nsl-kdd, unsw-nb15, flows, csv, ndjson, scenario."),
        click.option("--label", default="", metavar="COLUMN", help="The label's column, of any CSV or NDJSON."),
        click.option("--time", default="", metavar="COLUMN", help="The column with the time."),
        click.option("--ignore", multiple=True, metavar="COLUMN", help="A column not to learn from; several."),
        click.option("--text", multiple=True, metavar="COLUMN", help="A column with messages; several."),
        click.option("--entity", default="", metavar="COLUMN", help="Whose past becomes columns (with --time)."),
        click.option("--temporal", is_flag=True, help="The time of day becomes columns (with --time)."),
    ):
        command = option(command)
    return command


def _recipe_options(command: Command) -> Command:
    for option in (
        click.option("--recipe", "recipe_name", default="auto", show_default=True, help="auto (live for flows, else "
                     "hybrid), hybrid, live, forest, boosting, logistic, surprise, isolation, reconstruction, "
                     "neighbours, or some joined with +."),
        click.option("--set", "settings", multiple=True, metavar="MEMBER.NAME=VALUE",
                     help="A parameter, such as forest.n_estimators=400 or preparation.components=20; several."),
        click.option("--smote", is_flag=True, help="Fill up the attacks with SMOTE, where a model is fitted."),
        click.option("--adversarial", type=click.FloatRange(0, 1), default=0.0,
                     help="Share of attacks that are learned padded too."),
        click.option("--seed", type=int, default=0, show_default=True),
        click.option("--rehearsals", type=click.IntRange(2, 20), default=4, show_default=True),
        click.option("--fpr", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=None,
                     help="Share of benign training rows that may alert (default: what rehearsals find best)."),
        click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Cores to use."),
        click.option("--dask", default="", metavar="ADDRESS", help="A Dask cluster to fit on."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command()
@click.option(
    "--dataset", "names", multiple=True, required=True, metavar="FILE|NAME", help="What to learn from; several."
)
@data_options
@_recipe_options
@click.option("--name", default="", help="What to call the model.")
@click.option("--split", type=click.Choice(["auto", "time", "random"]), default="auto", show_default=True)
@click.option(
    "--test-share", type=click.FloatRange(0, 0.9), default=None, help="Share that judges and is not learned from."
)
@json_option
@click.pass_obj
def train(data: Path | None, /, names: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Train a model and add it to the registry. Ctrl-C leaves the registry as it was.

    Data with times is divided by time: the first 70 % are learned from, the rest judges. Data without is learned from
    whole, and judged by rehearsals that leave out whole attack types. Thresholds come from training rows alone.
    """
    import socket

    from pandora_core import bootstrap
    from pandora_core.cli.datasets import load_of
    from pandora_core.learn.fitting.training import workers
    from pandora_core.learn.versions import signing
    from pandora_core.learn.versions.work import Actor, Split, train_version

    sets = [load_of(data, name, **given) for name in names]
    how = _training(given, is_live=all(each.table.schema.is_live for each in sets))
    actor = Actor(bootstrap.actor(), socket.gethostname(), bootstrap.now_us())
    with contextlib.ExitStack() as stack:
        stack.enter_context(workers(given["jobs"], given["dask"]))
        signer = stack.enter_context(signing.at_hand(bootstrap.settings_of(data).data))
        version, said = train_version(
            registry_of(data), sets, how, actor, name=given["name"], signer=signer, progress=say_progress,
            split=Split(given["split"], given["test_share"]),
        )  # fmt: skip
    for each in said:
        say(f"beware: {each}")
    if not version.is_signed:
        say(
            "the model is an unsigned candidate: no signing key was at hand (pandora models key, pandora models sign)"
        )
    card = version.card
    emit(shape_of(version), as_json, lambda: f"model {card.number}\n" + _figures_text(card.figures))


@click.command()
@click.argument("number", type=int, required=False)
@click.option("--dataset", "name", required=True, metavar="FILE|NAME", help="What to judge it on.")
@data_options
@click.option("--rounds", type=click.IntRange(min=0), default=200, show_default=True, help="Of the bootstrap.")
@json_option
@click.pass_obj
def evaluate(data: Path | None, /, number: int | None, name: str, rounds: int, as_json: bool, **given: Any) -> None:
    """Judge a version (default: the newest) on labelled data of the same features."""
    from pandora_core import bootstrap
    from pandora_core.cli.datasets import load_of
    from pandora_core.learn.versions import reports
    from pandora_core.learn.versions.work import evaluate_version

    loaded = load_of(data, name, **given)
    registry = registry_of(data)
    report = evaluate_version(registry, newest(registry, number), loaded, bootstrap.now_us(), rounds=rounds)
    shape = _report(report)
    reports.keep(registry.folder, report.model, "evaluate", shape)
    emit(shape, as_json, lambda: _figures_text(report.figures))


@click.command()
@click.argument("first", type=int)
@click.argument("second", type=int)
@click.option("--dataset", "name", required=True, metavar="FILE|NAME", help="What to judge both on.")
@data_options
@json_option
@click.pass_obj
def compare(data: Path | None, /, first: int, second: int, name: str, as_json: bool, **given: Any) -> None:
    """Two versions on the same rows: the second's figures less the first's, with paired intervals."""
    import msgspec

    from pandora_core.cli.datasets import load_of
    from pandora_core.learn.versions.work import compare_versions

    found = compare_versions(registry_of(data), first, second, load_of(data, name, **given))
    rows = [
        (
            each.figure,
            short(each.first),
            short(each.second),
            short(each.difference),
            short(each.low),
            short(each.high),
        )
        for each in found
    ]
    headings = ("figure", f"model {first}", f"model {second}", "difference", "low", "high")
    shape = {"items": msgspec.to_builtins(found), "next": None}
    emit(shape, as_json, lambda: table(headings, rows))


@click.command()
@click.option("--dataset", "name", required=True, metavar="FILE|NAME")
@data_options
@_recipe_options
@click.option("--grid", multiple=True, required=True, metavar="MEMBER.NAME=V1,V2", help="Values to try; several.")
@click.option("--way", type=click.Choice(["grid", "random", "halving"]), default="random", show_default=True)
@click.option("--trials", type=click.IntRange(min=1), default=12, show_default=True)
@click.option("--by-time", is_flag=True, help="Judge each trial by what comes later, not by left-out types.")
@json_option
@click.pass_obj
def search(data: Path | None, /, name: str, as_json: bool, **given: Any) -> None:
    """Search for parameters by rehearsals alone, and print the trials, best first."""
    import msgspec

    from pandora_core.cli.datasets import load_of
    from pandora_core.learn.fitting.search import search as search_
    from pandora_core.learn.fitting.training import workers

    grid = {path: [_value(each) for each in values.split(",")] for path, values in map(_pair, given["grid"])}
    loaded = load_of(data, name, **given)
    how = _training(given, is_live=loaded.table.schema.is_live)
    with workers(given["jobs"], given["dask"]):
        found = search_(
            loaded.table, how, grid, way=given["way"], trials=given["trials"],
            by_time=given["by_time"], progress=say_progress,
        )  # fmt: skip
    rows = [
        (f"{each.worth:.4f}", f"{each.deviation:.4f}", json.dumps(each.training.recipe.members)) for each in found
    ]
    shape = {"items": msgspec.to_builtins(found), "next": None}
    emit(shape, as_json, lambda: table(("worth", "deviation", "members"), rows))


@click.command()
@click.argument("number", type=int, required=False)
@click.option("--dataset", "name", required=True, metavar="FILE|NAME", help="Rows to attack the model with.")
@data_options
@click.option("--poison", is_flag=True, help="Also train again on flipped labels (slow).")
@json_option
@click.pass_obj
def robustness(
    data: Path | None, /, number: int | None, name: str, poison: bool, as_json: bool, **given: Any
) -> None:
    """What is lost when an attacker pads what is theirs to pad, or flips labels before training."""
    import msgspec

    from pandora_core.cli.datasets import load_of
    from pandora_core.learn.fitting import robustness as attacks
    from pandora_core.learn.table import divide

    registry, loaded = registry_of(data), load_of(data, name, **given)
    chosen = newest(registry, number)
    losses = attacks.evade(registry.open(chosen, schema=loaded.table.schema.id, unsigned=True), loaded.table)
    if poison:
        division = divide(loaded.table, 0.3, 0)
        sides = loaded.table.take(division.train), loaded.table.take(division.test)
        losses += attacks.poison(*sides, registry.version(chosen).card.training)
    rows = [
        (each.what, f"{each.roc_auc:.4f}", f"{each.tpr_at_1_fpr:.4f}", f"{each.roc_auc_lost:+.4f}") for each in losses
    ]
    shape = {"items": msgspec.to_builtins(losses), "next": None}
    emit(shape, as_json, lambda: table(("under", "ROC-AUC", "TPR at 1 % FPR", "ROC-AUC lost"), rows))


def _training(given: dict[str, Any], *, is_live: bool) -> Training:
    import msgspec

    from pandora_core.errors import ConfigError
    from pandora_core.learn.card import RECIPES, Preparation, Recipe, Training

    members: dict[str, dict[str, Any]] = {}
    wanted = given["recipe_name"]
    for name in (("live" if is_live else "hybrid") if wanted == "auto" else wanted).split("+"):
        if name not in RECIPES:
            raise ConfigError(f"no recipe {name!r}", where="--recipe", hint=f"known: {', '.join(RECIPES)}")
        members |= {member: dict(parameters) for member, parameters in RECIPES[name].members.items()}
    prepared: dict[str, Any] = {}
    for path, text in map(_pair, given["settings"]):
        member, _, parameter = path.partition(".")
        if member != "preparation" and member not in members:
            raise ConfigError(
                f"{path!r} is no member's parameter", where="--set", hint=f"members: {', '.join(members)}"
            )
        (prepared if member == "preparation" else members[member])[parameter] = _value(text)
    try:
        preparation = msgspec.convert(prepared, Preparation, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error), where="--set preparation") from error
    if unknown := sorted(set(prepared) - set(Preparation.__struct_fields__)):
        raise ConfigError(f"preparation has no {', '.join(unknown)}", where="--set")
    recipe = Recipe(members, preparation, given["smote"], given["adversarial"])
    return Training(recipe, given["seed"], given["rehearsals"], given["fpr"])


def _pair(text: str) -> tuple[str, str]:
    path, found, value = text.partition("=")
    if not found:
        raise click.UsageError(f"{text!r} is not MEMBER.NAME=VALUE")
    return path, value


def _value(text: str) -> Any:
    """A number, true, false or null as JSON has them; else a word."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def newest(registry: Any, number: int | None) -> int:
    """The version asked for, or the newest."""
    from pandora_core.errors import NotFoundError

    if number is not None:
        return number
    versions = registry.versions()
    if not versions:
        raise NotFoundError("no model yet", hint="pandora models train --dataset FILE")
    return int(versions[0].card.number)


def say_progress(done: int, total: int, what: str) -> None:
    """Say on standard error how far a long command is."""
    click.echo(f"[{done}/{total}] {what}", file=sys.stderr)


def _report(report: Report) -> dict[str, Any]:
    import msgspec

    shape: dict[str, Any] = msgspec.to_builtins(report)
    figures: dict[str, Any] = shape.pop("figures")
    names = ("true_positives", "false_positives", "true_negatives", "false_negatives")
    shape["confusion"] = dict(zip(names, shape["confusion"], strict=True))
    for curve in ("roc", "pr", "calibration"):
        x, y = shape.pop(curve)
        shape[f"{curve}_curve"] = {"x": x, "y": y}
    return figures | shape


def _figures_text(figures: Figures | None) -> str:
    if figures is None:
        return "judged by rehearsals alone: pandora models show"
    rows = [
        (name.replace("_", " "), told(getattr(figures, name)))
        for name in ("roc_auc", "pr_auc", "precision", "recall", "f1", "false_positive_rate", "tpr_at_1_fpr",
                     "new_recall", "new_recall_at_1_fpr", "calibration_error")
    ]  # fmt: skip
    rows += [
        ("rows", f"{figures.rows:,}, of them {figures.attacks:,} attacks"),
        ("threshold", f"{figures.threshold:.6g}"),
    ]
    types = sorted(figures.recall_by_type.items(), key=lambda pair: pair[1])
    found = [(kind, f"{share:.2f}", "new" if kind in figures.new_types else "") for kind, share in types]
    return table(("figure", "value (95 % interval)"), rows) + "\n\n" + table(("type", "found", ""), found)


def short(value: float | None) -> str:
    """A figure in four digits."""
    return "–" if value is None else f"{value:.4f}"
