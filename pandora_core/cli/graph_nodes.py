"""The commands of ``pandora graph`` that have hosts, users and services as nodes: a list of them, and one's ties."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pandora_core import bootstrap
from pandora_core.cli.moments import at_option, moment_us
from pandora_core.cli.output import emit, json_option, plain, table
from pandora_core.model import iso

if TYPE_CHECKING:
    from pandora_core.graph.nodes import Node, Tie, TypedGraph

KINDS = ("host", "user", "service")


def add_to(group: click.Group) -> None:
    """Hangs these commands onto ``pandora graph``."""
    for command in (nodes, ties):
        group.add_command(command)


@click.command()
@click.option("--kind", type=click.Choice(KINDS), help="Only nodes of this kind.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@at_option
@json_option
@click.pass_obj
def nodes(data: Path | None, kind: str | None, limit: int, at: str | None, as_json: bool) -> None:
    """Hosts, users and services, those with most ties first."""
    from pandora_core import graph_shapes, shapes
    from pandora_core.graph.nodes import counted

    graph = _typed(data, at)
    around = [(node, graph.around(node)) for node in graph.nodes if kind in (None, node.kind)]
    around.sort(key=lambda pair: (-len(pair[1]), pair[0]))
    chosen = around[:limit]
    shape = {
        **shapes.listing(graph_shapes.node(node, ties) for node, ties in chosen),
        "at": iso(graph.at_us),
        "counts": counted(graph.nodes),
    }
    emit(shape, as_json, lambda: _nodes(chosen))


@click.command()
@click.argument("name", metavar="NODE")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@at_option
@json_option
@click.pass_obj
def ties(data: Path | None, name: str, limit: int, at: str | None, as_json: bool) -> None:
    """What joins NODE to others, the heaviest first: a host, user:anna, or 'service:smb on FS-1'."""
    from pandora_core import graph_shapes, shapes

    graph = _typed(data, at)
    node = graph.node(name)
    found = graph.around(node)
    shape = {
        "node": node.key,
        "kind": str(node.kind),
        "at": iso(graph.at_us),
        "count": len(found),
        **shapes.listing(map(graph_shapes.tie, found[:limit])),
    }
    emit(shape, as_json, lambda: f"{plain(node.key)}\n{_ties(found[:limit])}")


def _typed(data: Path | None, at: str | None) -> TypedGraph:
    from pandora_core.graph.nodes import typed

    with bootstrap.graphing(data) as graph:
        return typed(graph.moment(moment_us(at, "--at")))


def _nodes(chosen: list[tuple[Node, tuple[Tie, ...]]]) -> str:
    rows = []
    for node, around in chosen:
        first_us, last_us = min((t.first_us for t in around), default=0), max((t.last_us for t in around), default=0)
        seen = (iso(first_us)[:19], iso(last_us)[:19]) if around else ("", "")
        rows.append((node.kind, node.name, len(around), sum(tie.count for tie in around), *seen))
    headings = ("kind", "name", "ties", "uses", "first seen (UTC)", "last seen (UTC)")
    return table(headings, rows, "no log-on is known")


def _ties(found: tuple[Tie, ...]) -> str:
    rows = [
        (
            tie.kind,
            tie.source.key,
            tie.target.key,
            tie.count,
            f"{tie.weight:.1f}",
            "yes" if tie.is_elevated else "",
            iso(tie.first_us)[:19],
            iso(tie.last_us)[:19],
        )
        for tie in found
    ]
    headings = ("kind", "from", "to", "times", "weight", "admin", "first seen (UTC)", "last seen (UTC)")
    return table(headings, rows, "no log-on is known")
