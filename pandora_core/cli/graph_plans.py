"""The commands of ``pandora graph`` that look ahead: routes, blast radius, what if, and what to cut."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from pandora_core import bootstrap
from pandora_core.cli.moments import at_option, moment_us
from pandora_core.cli.output import emit, json_option, plain, table
from pandora_core.model import iso

if TYPE_CHECKING:
    from pandora_core.graph.moment import Moment
    from pandora_core.graph.paths import Jewel, Reach, Step
    from pandora_core.quantum.plans.containing import Proposals

DAYS = (0.5, 1.0, 3.0, 7.0)

jewel_option = click.option(
    "--jewel", "named", multiple=True, metavar="HOST", help="What must not fall, besides tagged and inferred hosts."
)
hosts_argument = click.argument("names", metavar="HOST…", nargs=-1, required=True)


class _Outlook(NamedTuple):
    """The graph, who fell, and what must not."""

    moment: Moment
    fallen: tuple[str, ...]
    jewels: tuple[Jewel, ...]
    steps: tuple[Step, ...]

    @property
    def goals(self) -> list[str]:
        return [jewel.host for jewel in self.jewels if jewel.host not in self.fallen]


def add_to(group: click.Group) -> None:
    """Hangs these commands onto ``pandora graph``."""
    for command in (paths, blast, what_if, contain):
        group.add_command(command)


@click.command()
@click.argument("name", metavar="HOST")
@click.option("--limit", type=click.IntRange(1, 100), default=5, show_default=True, help="At most so many.")
@jewel_option
@at_option
@json_option
@click.pass_obj
def paths(data: Path | None, name: str, limit: int, named: tuple[str, ...], at: str | None, as_json: bool) -> None:
    """Likely routes from HOST to what must not fall, with the evidence for each hop."""
    from pandora_core import graph_shapes, shapes
    from pandora_core.graph.paths import routes
    from pandora_core.quantum.walks.spreading import beside

    seen = _look(data, (name,), named, at)
    found = routes(seen.steps, seen.fallen[0], seen.goals, limit)
    walks = beside(seen.moment, seen.fallen[0])
    shape = {
        **shapes.listing(map(graph_shapes.route, found)),
        "at": iso(seen.moment.at_us),
        "jewels": [graph_shapes.jewel(one) for one in seen.jewels],
        "walks": graph_shapes.walks(walks, seen.goals),
    }
    lines = []
    for route in found:
        lines.append(f"{route.chance:6.1%}  {route.words}")
        lines += [f"        {step.target}: {step.evidence}" for step in route.steps]
    lines = lines or [_no_route(seen)]
    emit(shape, as_json, lambda: "\n".join(map(plain, (*lines, "", *walks.words(seen.goals[:5])))))


@click.command()
@hosts_argument
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@at_option
@json_option
@click.pass_obj
def blast(data: Path | None, names: tuple[str, ...], limit: int, at: str | None, as_json: bool) -> None:
    """The blast radius: the chance of every host within half a day to a week if HOST falls."""
    from pandora_core import graph_shapes, shapes
    from pandora_core.graph.paths import blast_radius
    from pandora_core.quantum.walks.spreading import beside

    seen = _look(data, names, (), at)
    reaches = blast_radius(seen.steps, seen.fallen, DAYS)[:limit]
    walks = [beside(seen.moment, host) for host in seen.fallen]
    shape = {
        **shapes.listing(graph_shapes.reach(one, DAYS) for one in reaches),
        "at": iso(seen.moment.at_us),
        "fallen": list(seen.fallen),
        "walks": [walk for one in walks for walk in graph_shapes.walks(one)],
    }
    words = [plain(line) for one in walks for line in one.words()]
    emit(shape, as_json, lambda: "\n".join((_reaches(reaches, seen), "", *words)))


@click.command("what-if")
@hosts_argument
@jewel_option
@at_option
@json_option
@click.pass_obj
def what_if(data: Path | None, names: tuple[str, ...], named: tuple[str, ...], at: str | None, as_json: bool) -> None:
    """What it would mean if HOST fell: accounts that are found there, what they open, and what is lost when."""
    from pandora_core import graph_shapes
    from pandora_core.graph.paths import blast_radius, routes
    from pandora_core.quantum.walks.spreading import beside

    seen = _look(data, names, named, at)
    first = [step for step in seen.steps if step.source in seen.fallen and step.target not in seen.fallen]
    reaches = blast_radius(seen.steps, seen.fallen, DAYS)
    lost = [one for one in reaches if one.host in seen.goals]
    found = [route for host in seen.fallen for route in routes(seen.steps, host, seen.goals, 3)]
    walks = [beside(seen.moment, host) for host in seen.fallen]
    accounts = sorted({step.user for step in first if step.user})
    opened = sorted({step.target for step in first})
    expected = [round(sum(one.chances[n] for one in reaches), 2) for n in range(len(DAYS))]
    shape = {
        "fallen": list(seen.fallen),
        "at": iso(seen.moment.at_us),
        "accounts": accounts,
        "opens": opened,
        "expected_lost": [{"days": day, "hosts": hosts} for day, hosts in zip(DAYS, expected, strict=True)],
        "jewels": [graph_shapes.reach(one, DAYS) for one in lost],
        "routes": [graph_shapes.route(one) for one in found],
        "walks": [walk for one in walks for walk in graph_shapes.walks(one, seen.goals or None)],
    }
    lines = [
        f"accounts that could be used from there: {', '.join(accounts) or 'none known'}",
        f"hosts that they open: {', '.join(opened) or 'none'}",
        f"hosts lost, to be expected: {_within(expected)}",
        *(f"{route.chance:6.1%}  {route.words}" for route in found),
        *([] if found else [_no_route(seen)]),
    ]
    words = [line for one in walks for line in one.words(seen.goals[:5] or None)]
    head = "\n".join(map(plain, lines))
    table_ = [_reaches(lost, seen), ""] if lost else []
    emit(shape, as_json, lambda: "\n".join((head, "", *table_, *map(plain, words))))


@click.command()
@hosts_argument
@jewel_option
@click.option("--keep", multiple=True, metavar="NAME", help="A host or account that must not be touched.")
@click.option("--seed", type=int, default=0, show_default=True, help="For annealing and QAOA.")
@click.option(
    "--checklist", type=click.Path(path_type=Path, dir_okay=False), help="Write the plan to a new Markdown file."
)
@at_option
@json_option
@click.pass_obj
def contain(
    data: Path | None,
    names: tuple[str, ...],
    named: tuple[str, ...],
    keep: tuple[str, ...],
    seed: int,
    checklist: Path | None,
    at: str | None,
    as_json: bool,
) -> None:
    """What to isolate, disable or block so that no route from HOST to what must not fall is left."""
    import numpy as np

    from pandora_core import graph_shapes
    from pandora_core.graph import containment
    from pandora_core.quantum.plans.containing import propose
    from pandora_core.quantum.walks.spreading import beside

    seen = _look(data, names, named, at)
    found = propose(seen.moment, seen.steps, seen.fallen, seen.goals, keep, np.random.default_rng(seed))
    if checklist is not None and found.served is not None:
        bootstrap.write_private(checklist, containment.checklist(found.served))
    walks = [beside(seen.moment, host) for host in seen.fallen]
    shape = {
        **graph_shapes.proposals(found),
        "at": iso(seen.moment.at_us),
        "checklist": str(checklist) if checklist is not None and found.served is not None else None,
        "walks": [walk for one in walks for walk in graph_shapes.walks(one, seen.goals or None)],
    }
    words = [plain(line) for one in walks for line in one.words(seen.goals[:5] or None)]
    emit(shape, as_json, lambda: "\n".join((_plans(found), *words)))


def _look(data: Path | None, names: tuple[str, ...], named: tuple[str, ...], at: str | None) -> _Outlook:
    from pandora_core import atlas
    from pandora_core.graph.paths import steps_of

    with bootstrap.graphing(data) as graph:
        moment = graph.moment(moment_us(at, "--at"))
        jewels = graph.jewels(moment, named)
    fallen = tuple(dict.fromkeys(atlas.host_of(moment, name) for name in names))
    return _Outlook(moment, fallen, jewels, steps_of(moment))


def _within(hosts: list[float]) -> str:
    return ", ".join(f"{number:g} within {day:g} d" for number, day in zip(hosts, DAYS, strict=True))


def _no_route(seen: _Outlook) -> str:
    if not seen.goals:
        return "insufficient evidence: no host is tagged jewel, named with --jewel, or looks like one"
    return f"insufficient evidence: no log-on that is known leads from {', '.join(seen.fallen)} to what must not fall"


def _reaches(reaches: tuple[Reach, ...] | list[Reach], seen: _Outlook) -> str:
    whys = {jewel.host: jewel.why for jewel in seen.jewels}
    headings = ("host", *(f"{day:g} d" for day in DAYS), "must not fall")
    rows = [(one.host, *(f"{c:.1%}" for c in one.chances), whys.get(one.host, "")) for one in reaches]
    return table(headings, rows, "insufficient evidence: no log-on that is known leads on from there")


def _plans(found: Proposals) -> str:
    rows = [
        (
            one.solver,
            f"{one.plan.cost:.1f}" if one.plan else "-",
            "yes" if one.plan and one.plan.is_optimal else "",
            "simulated" if one.is_simulated else "",
            one.words,
        )
        for one in found.proposals
    ]
    lines = [table(("solver", "cost", "proved", "", "what it says"), rows, "")] if rows else []
    lines += [found.reason, ""]
    if found.served is not None:
        lines += [plain(f"[ ] {m.kind}: {m.name} (cost {m.cost:.1f})") for m in found.served.measures]
        lines += ["Pandora does not act on the network.", ""]
    return "\n".join(lines)
