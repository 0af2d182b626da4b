"""The command ``pandora models``: reading the registry, and what changes which model is live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pandora_core.cli.model_drift import drift
from pandora_core.cli.model_insight import importance, learning_curve, report
from pandora_core.cli.model_shapes import lineage_of, registry_of, shape_of, state_of, told
from pandora_core.cli.model_work import compare, evaluate, robustness, search, train
from pandora_core.cli.output import emit, json_option, table

if TYPE_CHECKING:  # imported when a command runs: help needs no scikit-learn
    from pandora_core.learn.versions.registry import Promotion, Version


@click.group()
def models() -> None:
    """Models: train, judge, compare, promote, roll back."""


for work in (train, evaluate, compare, search, robustness, importance, learning_curve, report, drift):
    models.add_command(work)


@models.command("list")
@json_option
@click.pass_obj
def list_(data: Path | None, as_json: bool) -> None:
    """All versions, newest first."""
    found = registry_of(data).versions()
    shape = {"items": [shape_of(version, whole=False) for version in found], "next": None}
    emit(shape, as_json, lambda: _table(found))


@models.command()
@click.argument("number", type=int)
@json_option
@click.pass_obj
def show(data: Path | None, number: int, as_json: bool) -> None:
    """One version: figures, parameters, features and how they were made."""
    version = registry_of(data).version(number)
    emit(shape_of(version), as_json, lambda: _text(version))


@models.command()
@click.argument("number", type=int)
@click.option(
    "--kind",
    default="",
    help="Only source, privacy, statistics, feature, transformation, pipeline run, model or integration.",
)
@json_option
@click.pass_obj
def lineage(data: Path | None, number: int, kind: str, as_json: bool) -> None:
    """Where a version comes from: sources, data, features, transformations, training, parents, promotions."""
    found = lineage_of(registry_of(data), number)["items"]
    rows = [row for row in found if kind in ("", row["kind"])]
    emit(
        {"items": rows, "next": None},
        as_json,
        lambda: table(("kind", "what"), [(row["kind"], row["what"]) for row in rows]),
    )


@models.command()
@click.argument("number", type=int)
@click.option(
    "--as-trained", is_flag=True, help="Alert at once: it was trained on flows of this network. Not calibrated."
)
@json_option
@click.pass_obj
def promote(data: Path | None, number: int, as_trained: bool, as_json: bool) -> None:
    """Make a version the live one. It must be signed, whole, and of features that live logs have.

    A running engine takes it within a second or two, without a restart. Before it alerts it looks at some hundred to
    some thousand flows, to know what is usual on this network: pandora engine status tells how far it is.
    """
    from pandora_core import bootstrap

    done = registry_of(data).promote(number, *_who(), bootstrap.now_us(), as_trained=as_trained)
    emit(_promotion(done), as_json, lambda: f"model {number} is live")


@models.command()
@json_option
@click.pass_obj
def rollback(data: Path | None, as_json: bool) -> None:
    """Go back to the version that was live before."""
    from pandora_core import bootstrap

    done = registry_of(data).rollback(*_who(), bootstrap.now_us())
    emit(_promotion(done), as_json, lambda: f"model {done.number} is live again")


@models.command()
@click.argument("number", type=int)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@click.pass_obj
def export(data: Path | None, number: int, path: Path, as_json: bool) -> None:
    """Write a version with its card and signature into a new zip file."""
    registry_of(data).export(number, path)
    emit({"model": number, "path": str(path)}, as_json, lambda: f"model {number} is in {path}")


@models.command("import")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@json_option
@click.pass_obj
def import_(data: Path | None, path: Path, as_json: bool) -> None:
    """Add a version that was exported elsewhere.

    To be promoted it must be signed by the key trusted here; pandora models sign replaces the signature of another.
    """
    version = registry_of(data).take_in(path)
    emit(shape_of(version), as_json, lambda: f"model {version.card.number} {version.card.name}, {state_of(version)}")


@models.command()
@click.argument("number", type=int)
@json_option
@click.pass_obj
def sign(data: Path | None, number: int, as_json: bool) -> None:
    """Sign a candidate with the key in the vault."""
    from pandora_core import bootstrap
    from pandora_core.errors import VaultLockedError
    from pandora_core.learn.versions import signing

    with signing.at_hand(bootstrap.settings_of(data).data) as signer:
        if signer is None:
            raise VaultLockedError(
                "the signing key is not at hand", hint="unlock the vault; pandora models key makes one"
            )
        registry_of(data).sign(number, signer)
    emit({"model": number, "signed": True}, as_json, lambda: f"model {number} is signed")


@models.command()
@click.option("--show", "shown", is_flag=True, help="Only show which key is trusted.")
@json_option
@click.pass_obj
def key(data: Path | None, shown: bool, as_json: bool) -> None:
    """Make the key that signs models, in the vault, and trust it here; or trust the one that the vault has."""
    import msgspec

    from pandora_core import bootstrap
    from pandora_core.errors import NotFoundError
    from pandora_core.learn.versions import signing

    folder, registry = bootstrap.settings_of(data).data, registry_of(data)
    if not shown:
        with signing.at_hand(folder) as signer:
            registry.trust(signer.public if signer is not None else signing.make_key(folder))
    trusted = registry.trusted()
    if trusted is None:
        raise NotFoundError("no signing key is trusted here", hint="pandora models key")
    emit(msgspec.to_builtins(trusted), as_json, lambda: f"{trusted.algorithm} {trusted.key[:32]}…")


def _who() -> tuple[str, str]:
    import socket

    from pandora_core import bootstrap

    return bootstrap.actor(), socket.gethostname()


def _promotion(done: Promotion) -> dict[str, Any]:
    from pandora_core.model import iso

    return {
        "model": done.number,
        "by": done.by,
        "host": done.host,
        "at": iso(done.at_us),
        "rollback": done.rollback,
        "as_trained": done.as_trained,
    }


def _table(found: list[Version]) -> str:
    headings = ("no", "name", "state", "features", "ROC-AUC", "TPR at 1 % FPR", "new types at 1 %", "trained on")
    rows = []
    for version in found:
        figures, card = _newest(version), version.card
        rows.append(
            (
                card.number,
                card.name,
                state_of(version),
                card.schema,
                told(figures.roc_auc) if figures else "–",
                told(figures.tpr_at_1_fpr) if figures else "–",
                told(figures.new_recall_at_1_fpr) if figures else "–",
                ", ".join(card.datasets),
            )
        )
    return table(headings, rows, empty="nothing yet: pandora models train --dataset FILE")


def _newest(version: Version) -> Any:
    return version.evaluations[-1].figures if version.evaluations else version.card.figures


def _text(version: Version) -> str:
    card = version.card
    rehearsed = [each.new_recall_at_1_fpr for each in card.rehearsals if each.new_recall_at_1_fpr is not None]
    rows = [
        ("model", f"{card.number} {card.name}, {state_of(version)}, made by {card.made_by} on {card.host}"),
        ("features", f"{card.schema}, {len(card.columns)} columns"),
        ("members", ", ".join(f"{name} {parameters}" for name, parameters in card.training.recipe.members.items())),
        ("threshold", f"{card.threshold:.6g}, where {card.false_positive_rate:.1%} of benign training rows alert"),
        ("rehearsed", f"{len(card.rehearsals)} times; new types found at 1 % FPR: "
         + (", ".join(f"{value:.2f}" for value in rehearsed) or "no types to leave out")),
        ("judged by", f"{card.divided_by}: " + (told(card.figures.roc_auc) if card.figures else "rehearsals alone")),
        ("artefact", f"{card.artefact_bytes:,} bytes, sha384 {card.artefact_sha384[:24]}…"),
        *((f"· {member}", step) for member, steps in card.steps.items() for step in steps),
    ]  # fmt: skip
    return "\n".join(f"{name:<18} {value}" for name, value in rows)
