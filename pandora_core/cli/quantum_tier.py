"""The command ``pandora quantum tier``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from pandora_core import bootstrap
from pandora_core.cli.output import emit, json_option, say
from pandora_core.errors import ConfigError
from pandora_core.model import iso

if TYPE_CHECKING:  # imported when a command runs
    from pandora_core.quantum.tier.card import MemberCard, Verdict
    from pandora_core.quantum.tier.policy import Breaker
    from pandora_core.quantum.tier.study import Rows
    from pandora_core.tier_standing import Standing


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def tier(context: click.Context, as_json: bool) -> None:
    """The model that alerts are escalated to: how it stands; train, on, off."""
    if context.invoked_subcommand is None:
        _emit_standing(context.obj, as_json)


@tier.command()
@click.option("--dataset", "names", required=True, multiple=True, metavar="FILE|NAME|verdicts",
              help="Labelled flows, several times if wanted; verdicts: what operators said of alerts.")  # fmt: skip
@click.option("--layout", default="auto", show_default=True, help="auto, flows or scenario.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--budget", type=click.FloatRange(0, 0.5, min_open=True), default=0.02, show_default=True,
              help="Share of benign flows that may alert.")  # fmt: skip
@click.option("--divisions", type=click.IntRange(3, 50), default=8, show_default=True,
              help="That decide what it is worth.")  # fmt: skip
@json_option
@click.pass_obj
def train(
    data: Path | None, /, names: tuple[str, ...], layout: str, seed: int, budget: float, divisions: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Fit the quantum kernel and its classical control to benign flows, judge both, and use them. Takes minutes."""
    from pandora_core.learn.data.flows import FLOW
    from pandora_core.quantum.tier import model as models
    from pandora_core.quantum.tier import training as tier_training
    from pandora_core.quantum.tier.card import About

    given = _labelled(data, names, layout)
    about = About(given.rows.name, given.sha256, made_by=bootstrap.actor(), made_at_us=bootstrap.now_us())
    options = tier_training.Options(seed, budget, divisions)
    made = tier_training.train(given.rows, FLOW.id, about, options, progress=say)
    _use(data, models.save(bootstrap.settings_of(data).data, made))
    _emit_standing(data, as_json)


@tier.command()
@click.argument("number", metavar="HASH")
@json_option
@click.pass_obj
def on(data: Path | None, number: str, as_json: bool) -> None:
    """Use a model that was trained before."""
    from pandora_core.quantum.tier import card as tier_card

    tier_card.card(bootstrap.settings_of(data).data, number)
    _use(data, number)
    _emit_standing(data, as_json)


@tier.command()
@json_option
@click.pass_obj
def off(data: Path | None, as_json: bool) -> None:
    """Escalate nothing from now on, and let nothing be screened; what is waited for is still taken in."""
    _use(data, "")
    _emit_standing(data, as_json)


def shape_of(found: Standing) -> dict[str, Any]:
    """How the tier stands, as every face speaks of it."""
    import msgspec

    rules, card = found.rules, found.card
    members = {} if card is None else {"quantum": _member(card.quantum), "control": _member(card.control)}
    about = None if card is None else msgspec.to_builtins(card.about)
    if about is not None:
        about["made_at"] = iso(about.pop("made_at_us"))
    return {
        "state": found.state,
        "model": found.number or None,
        "schema": card.schema if card else None,
        "about": about,
        "members": members,
        "novelty": {
            "state": found.novelty,
            "screens": found.screens.name if found.screens else None,
            "told": found.novel,
            "withheld": found.withheld,
        },
        "escalation": {
            "backend": rules.backend,
            "ibm_consent": rules.ibm_consent,
            "deadline_s": rules.deadline_s,
            "uncertain_points": rules.uncertain_points,
            "per_hour": rules.per_hour,
            "used": found.used,
            "waiting": found.waiting,
        },
        "breakers": [{"backend": name, **_breaker(each)} for name, each in found.breakers.items()],
        "outcomes": dict(found.outcomes),
    }


def _emit_standing(data: Path | None, as_json: bool) -> None:
    from pandora_core.tier_standing import standing

    settings = bootstrap.settings_of(data)
    with bootstrap.opened(data) as store:
        found = standing(store, settings.data, bootstrap.rules_of(settings), bootstrap.now_us())
    emit(shape_of(found), as_json, lambda: _text(found))


def _use(data: Path | None, number: str) -> None:
    from pandora_core.store.escalations import Escalations

    with bootstrap.opened(data) as store:
        Escalations(store).use(number)


class _Labelled(NamedTuple):
    rows: Rows
    sha256: str


def _labelled(data: Path | None, names: tuple[str, ...], layout: str) -> _Labelled:
    """Labelled flows of one or several data sets.

    Raises:
        ConfigError: one of them is of no flows.
    """
    from pandora_core.cli.datasets import load_of
    from pandora_core.learn.data.datasets import join
    from pandora_core.learn.data.flows import FLOW
    from pandora_core.quantum.tier.study import Rows

    sets = [load_of(data, name, layout=layout) for name in names]
    for name, loaded in zip(names, sets, strict=True):
        if loaded.table.schema.id != FLOW.id:
            what = f"{name} is of {loaded.table.schema.id}, the logs give {FLOW.id}"
            raise ConfigError(what, where="--dataset", hint="labelled flows")
    table, hashes = join([loaded.table for loaded in sets]), [loaded.sha256 for loaded in sets]
    whole = hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
    title = " and ".join(Path(name).name for name in names)
    return _Labelled(Rows(title, table.numbers, table.categories, table.kinds), whole)


def _member(card: MemberCard) -> dict[str, Any]:
    verdict: Verdict = card.verdict
    return {"kernel": card.name, **verdict._asdict()}


def _breaker(found: Breaker) -> dict[str, Any]:
    until = iso(found.until_us) if found.until_us else None
    return {"state": found.state.value, "failures": found.failures, "until": until}


def _text(found: Standing) -> str:
    rules, card = found.rules, found.card
    rows = [("escalation", found.state)]
    if card is not None:
        about = card.about
        made = f"{iso(about.made_at_us)[:10]} by {about.made_by}"
        rows += [
            (
                "model",
                f"{found.number}, {about.reference_rows} benign rows of {about.dataset}, seed {about.seed}, {made}",
            ),
            ("quantum", f"{card.quantum.name}; {card.quantum.verdict.text}"),
            ("control", f"{card.control.name}; {card.control.verdict.text}"),
        ]
    consent = "given" if rules.ibm_consent else "not given"
    rows += [
        ("novelty", found.novelty),
        ("budget", f"{found.used} of {rules.per_hour} in the last hour, {found.waiting} waited for"),
        ("backend", f"{rules.backend}, deadline {rules.deadline_s:g} s, consent to IBM {consent}"),
        *(("breaker", f"{name} {_breaker_text(each)}") for name, each in found.breakers.items()),
        ("last day", ", ".join(f"{name} {count}" for name, count in sorted(found.outcomes.items())) or "nothing"),
    ]
    return "\n".join(f"{name:<11} {value}" for name, value in rows)


def _breaker_text(found: Breaker) -> str:
    if not found.until_us:
        return found.state.value
    return f"{found.state.value}, {found.failures} failures in a row, tries again at {iso(found.until_us)[11:19]} UTC"
