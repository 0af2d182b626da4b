"""The command ``pandora graph``: moves, one host, one way, walks. Others: ``graph_nodes``, ``graph_plans``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pandora_core import bootstrap
from pandora_core.cli.moments import at_option, moment_us
from pandora_core.cli.output import emit, json_option, plain, table
from pandora_core.model import iso

if TYPE_CHECKING:  # scipy is imported when a command runs, not for the help page
    from pandora_core.graph.moment import GraphEdge
    from pandora_core.graph.ranking import RankedMove, Ranking
    from pandora_core.quantum.jobs.work import RunOptions, WalkWork


@click.group()
def graph() -> None:
    """Log-ons as a graph: what is unusual, where it may lead, and what to cut."""


@graph.command("rank")
@click.option("--since", metavar="TIME", help="Only moves that were first seen at or after this time.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@at_option
@json_option
@click.pass_obj
def rank_(data: Path | None, since: str | None, limit: int, at: str | None, as_json: bool) -> None:
    """Moves from host to host by how much speaks for an intruder, each part in bits and words."""
    from pandora_core import atlas, graph_shapes

    at_us, since_us = moment_us(at, "--at"), moment_us(since, "--since") or 0
    with bootstrap.graphing(data) as graph_:
        moment = graph_.moment(at_us)
    ranking = atlas.ranking_of(moment, since_us)
    emit(graph_shapes.ranking(ranking, moment, limit), as_json, lambda: _ranking(ranking, limit))


@graph.command()
@click.argument("name", metavar="HOST")
@at_option
@json_option
@click.pass_obj
def host(data: Path | None, name: str, at: str | None, as_json: bool) -> None:
    """One host: its ways in and out, what is unusual about them, and where walks from it lead."""
    from pandora_core import atlas, graph_shapes, shapes
    from pandora_core.quantum.walks.spreading import beside

    with bootstrap.graphing(data) as graph_:
        moment = graph_.moment(moment_us(at, "--at"))
        here = atlas.host_of(moment, name)
        jewel = next((jewel for jewel in graph_.jewels(moment) if jewel.host == here), None)
    ranking = atlas.ranking_of(moment)
    edges = [edge for edge in moment.edges if here in (edge.source, edge.target)]
    moves = [one for one in ranking.moves if here in (one.move.source, one.move.target)]
    ranked = next((one for one in ranking.hosts if one.host == here), None)
    walks = beside(moment, here)
    shape = {
        "host": here,
        "at": iso(moment.at_us),
        "controller": here in moment.controllers,
        "jewel": jewel.why if jewel else None,
        "bits": ranked.bits if ranked else 0.0,
        "standing": dict(ranked.standing) if ranked else {},
        "moves": [graph_shapes.ranked_move(one) for one in moves],
        "walks": graph_shapes.walks(walks),
        "contest": graph_shapes.contest(ranking.contest),
        **shapes.listing(map(graph_shapes.edge, edges)),
    }
    why = f"must not fall: {jewel.why}" if jewel else ""
    said = (*_moves_lines(moves[:5]), *walks.words(), ranking.contest.words)
    emit(shape, as_json, lambda: "\n".join((plain(f"{here}  {why}".rstrip()), _edges(edges), "", *map(plain, said))))


@graph.command()
@click.argument("source")
@click.argument("target")
@at_option
@json_option
@click.pass_obj
def edge(data: Path | None, source: str, target: str, at: str | None, as_json: bool) -> None:
    """The ways from SOURCE to TARGET: who took them, how, since when, and what is unusual about it."""
    from pandora_core import atlas, graph_shapes, shapes

    with bootstrap.graphing(data) as graph_:
        moment = graph_.moment(moment_us(at, "--at"))
    ends = atlas.host_of(moment, source), atlas.host_of(moment, target)
    ranking = atlas.ranking_of(moment)
    edges = [edge for edge in moment.edges if (edge.source, edge.target) == ends]
    moves = [one for one in ranking.moves if (one.move.source, one.move.target) == ends]
    shape = {
        "source": ends[0],
        "target": ends[1],
        "at": iso(moment.at_us),
        "moves": [graph_shapes.ranked_move(one) for one in moves],
        "contest": graph_shapes.contest(ranking.contest),
        **shapes.listing(map(graph_shapes.edge, edges)),
    }
    said = (*_moves_lines(moves), ranking.contest.words)
    emit(shape, as_json, lambda: "\n".join((_edges(edges), "", *map(plain, said))))


@graph.command()
@click.argument("name", metavar="HOST")
@click.option("--circuit", is_flag=True, help="Also as a quantum circuit on a local simulator (at most 16 hosts).")
@click.option("--queue", metavar="BACKEND", help="Put that circuit into the queue of jobs, for any backend.")
@click.option("--shots", type=click.IntRange(1, 1_000_000), default=4096, show_default=True)
@click.option("--steps", type=click.IntRange(1, 64), default=4, show_default=True, help="Trotter steps.")
@click.option("--seed", type=int, default=0, show_default=True)
@at_option
@json_option
@click.pass_obj
def walk(
    data: Path | None, /, name: str, circuit: bool, queue: str | None, steps: int, at: str | None, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Where a quantum and a random walker from HOST are found, on the same graph."""
    from pandora_core import atlas, graph_shapes
    from pandora_core.quantum.jobs.walk_task import run_apart, task_of, work_of
    from pandora_core.quantum.jobs.work import RunOptions
    from pandora_core.quantum.walks.spreading import beside

    with bootstrap.graphing(data) as graph_:
        moment = graph_.moment(moment_us(at, "--at"))
    here = atlas.host_of(moment, name)
    walks = beside(moment, here)
    shape: dict[str, Any] = {"host": here, "at": iso(moment.at_us), "walks": graph_shapes.walks(walks)}
    lines = list(walks.words())
    if circuit:
        outcome = run_apart(task_of(moment, here, steps=steps, **options))
        shape["circuit"] = outcome.shape()
        lines += outcome.words()
    if queue is not None:
        work = work_of(task_of(moment, here, steps=steps, **options))
        shape["job"] = _queue(data, work, RunOptions(**options), queue, f"walk from {here}")
        lines.append(f"queued: pandora jobs show {shape['job']}")
    emit(shape, as_json, lambda: "\n".join(map(plain, lines)))


@graph.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@at_option
@json_option
@click.pass_obj
def export(data: Path | None, file: Path, at: str | None, as_json: bool) -> None:
    """Write the graph as JSON to a new FILE: nodes and ties, and edges with the hours of their use."""
    from pandora_core import graph_shapes

    with bootstrap.graphing(data) as graph_:
        moment = graph_.moment(moment_us(at, "--at"))
    bootstrap.write_private(file, bootstrap.to_json(graph_shapes.graph(moment)) + "\n")
    done = {"path": str(file), "hosts": len(moment.hosts), "edges": len(moment.edges), "at": iso(moment.at_us)}
    emit(done, as_json, lambda: f"{file}: {len(moment.hosts):,} hosts, {len(moment.edges):,} edges")


def _queue(data: Path | None, work: WalkWork, options: RunOptions, backend: str, label: str) -> str:
    """Puts a walk into the queue of jobs; the id of the job."""
    from pandora_core import jobdesk
    from pandora_core.quantum.jobs.work import Payload

    settings = bootstrap.settings_of(data)
    new = jobdesk.prepared(settings, Payload(work, options, backend), label=label)
    with jobdesk.opened(data) as jobs:
        return jobdesk.submit(jobs, new).id


def _ranking(ranking: Ranking, limit: int) -> str:
    if ranking.verdict:
        return f"{ranking.verdict}\n\n{ranking.contest.words}"
    names = [score.walk for score in ranking.contest.scores] or sorted(ranking.moves[0].walk_bits)
    headings = ("bits", "from", "to", "account", "first seen (UTC)", *names, "why")
    rows = [
        (
            f"{one.bits:.1f}",
            one.move.source,
            one.move.target,
            one.move.user or "?",
            iso(one.move.first_us)[:19],
            *(f"{one.walk_bits[name]:.1f}" if name in one.walk_bits else "-" for name in names),
            one.reasons[0] if one.reasons else "",
        )
        for one in ranking.moves[:limit]
    ]
    chains = [plain(f"{one.words}  ({one.by_chance:.2g} expected by chance)") for one in ranking.chains[:limit]]
    return "\n".join((table(headings, rows), "", *chains, *([""] if chains else []), ranking.contest.words))


def _moves_lines(moves: list[RankedMove]) -> list[str]:
    lines = []
    for one in moves:
        walks = ", ".join(f"{name} {bits:.1f}" for name, bits in one.walk_bits.items())
        lines.append(f"{one.move.source} → {one.move.target} as {one.move.user or '?'}: {one.bits:.1f} bits")
        lines += [f"  {reason}" for reason in one.reasons]
        lines += [f"  how far the target was, in bits: {walks}"] if walks else []
    return [*lines, ""] if lines else ["nothing about it is unusual", ""]


def _edges(edges: list[GraphEdge]) -> str:
    rows = [
        (
            edge.kind,
            edge.source or "(itself)",
            edge.target,
            edge.user or "?",
            edge.count,
            "yes" if edge.is_elevated else "",
            iso(edge.first_us)[:19],
            iso(edge.last_us)[:19],
        )
        for edge in edges
    ]
    headings = ("kind", "from", "to", "account", "times", "admin", "first seen (UTC)", "last seen (UTC)")
    return table(headings, rows, "no log-on is known")


def _load_others() -> None:
    """The other commands hang themselves onto the group."""
    from pandora_core.cli import graph_nodes, graph_plans

    graph_nodes.add_to(graph)
    graph_plans.add_to(graph)


_load_others()
