"""The command ``pandora models drift``: how far the flows of late are from those that the live model is used to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pandora_core.cli.output import emit, json_option, table

if TYPE_CHECKING:  # imported when the command runs
    from pandora_core.store.rows import DriftRow, ModelStatus

_SHOWN = 20


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=500, show_default=True, help="Rows of the history.")
@json_option
@click.pass_obj
def drift(data: Path | None, limit: int, as_json: bool) -> None:
    """How far flows have drifted from those that the model at work is used to, and since when.

    Population stability indices: up to 0.1 is nothing, more than 0.25 is strong. Compared are the last 10,000 flows
    with benign flows of training, or with those that the model was calibrated on here.
    """
    from pandora_core import bootstrap

    with bootstrap.reading(data) as reader:
        model = reader.model()
        history = reader.drifts(model.number, limit) if model is not None and model.number is not None else []
    emit(_shape(model, history), as_json, lambda: _text(model, history))


def _shape(model: ModelStatus | None, history: list[DriftRow]) -> dict[str, Any]:
    import msgspec

    from pandora_core import shapes
    from pandora_core.model import iso

    items = [{"at": iso(row.at_us), **msgspec.to_builtins(row.drift)} for row in history]
    return {"model": shapes.model(model), "items": items, "next": None}


def _text(model: ModelStatus | None, history: list[DriftRow]) -> str:
    from pandora_core.model import iso

    if model is None or model.number is None:
        return f"no model scores flows: {model.detail}" if model and model.detail else "no model scores flows"
    now = model.drift
    which = f"model {model.number} {model.name}, {model.state}"
    head = f"{which}: {now.word} drift against {now.against}, {now.flows:,} flows"
    indices = ({"score": now.score} if now.score is not None else {}) | now.features
    rows = [(name, f"{index:.3f}", "drifted" if name in now.worst else "") for name, index in indices.items()]
    past = [(iso(row.at_us)[:19], row.drift.word, ", ".join(row.drift.worst[:4])) for row in history[-_SHOWN:]]
    parts = [head, table(("of", "index", ""), rows, "too few flows yet")]
    return "\n\n".join([*parts, table(("until (UTC)", "drift", "of"), past)] if past else parts)
