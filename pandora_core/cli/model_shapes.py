"""Owns how versions of models are spoken of: their shapes as JSON, their states and figures as words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported when a command runs: help needs no scikit-learn
    from pandora_core.learn.metrics import Figure
    from pandora_core.learn.versions.registry import Registry, Version


def registry_of(data: Path | None) -> Registry:
    """The registry of a data folder."""
    from pandora_core import bootstrap
    from pandora_core.learn.versions.registry import Registry

    return Registry(bootstrap.settings_of(data).data)


def shape_of(version: Version, *, whole: bool = True) -> dict[str, Any]:
    """A version as every face speaks of it."""
    import msgspec

    from pandora_core.model import iso

    shape: dict[str, Any] = msgspec.to_builtins(version.card)
    shape["made_at"] = iso(shape.pop("made_at_us"))
    shape |= {"state": state_of(version), "is_signed": version.is_signed}
    shape["evaluations"] = [
        {"dataset": each.dataset, "at": iso(each.at_us), "figures": msgspec.to_builtins(each.figures)}
        for each in version.evaluations
    ]
    if not whole:
        for name in ("columns", "steps", "training", "environment", "known_types", "evaluations"):
            del shape[name]
    return shape


def state_of(version: Version) -> str:
    """live, benchmark (its features are not live ones), candidate (unsigned) or ready."""
    if version.is_live:
        return "live"
    if not version.card.is_live:
        return "benchmark"
    return "ready" if version.is_signed else "candidate"


def told(figure: Figure | None) -> str:
    """A figure with its interval."""
    if figure is None or figure.value is None:
        return "–"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f})"


def lineage_of(registry: Registry, number: int) -> dict[str, Any]:
    """What a version comes from, kind by kind: each row has ``kind``, ``what`` and the version it belongs to."""
    known = {row.id: row for row in registry.datasets()}
    rows: list[dict[str, Any]] = []
    wanted: int | None = number
    while wanted is not None:
        card = registry.version(wanted).card
        rows += [{"kind": kind, "what": what, "model": wanted} for kind, what in _parts(card, known)]
        rows += [
            {"kind": "integration", "what": f"promoted by {each.by} on {each.host}", "model": wanted}
            for each in registry.promotions()
            if each.number == wanted
        ]
        wanted = card.parent
    return {"items": rows, "next": None}


def _parts(card: Any, known: dict[str, Any]) -> list[tuple[str, str]]:
    told_of: list[tuple[str, str]] = []
    for each in card.datasets:
        row = known.get(each)
        told_of.append(("source", f"{each} {row.name}: {row.source}" if row else f"{each}, not imported"))
        if row:
            told_of.append(("privacy", "sensitive" if row.is_sensitive else "not sensitive"))
            told_of.append(("statistics", f"{row.rows:,} rows, {row.attacks:,} attacks, {len(row.columns)} columns"))
    told_of += [("feature", column) for column in card.columns]
    told_of += [("transformation", f"{member}: {step}") for member, steps in card.steps.items() for step in steps]
    run = f"seed {card.training.seed}, {len(card.rehearsals)} rehearsals, Python {card.environment.python}"
    return [*told_of, ("pipeline run", run), ("model", f"{card.number} {card.name}, sha384 {card.artefact_sha384}")]
