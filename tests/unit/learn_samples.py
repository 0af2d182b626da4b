"""Made-up tables and events to learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pandora_core.learn.data.flows import FLOW, WORDS, FlowBlock
from pandora_core.learn.table import Schema, Table
from pandora_core.model import SECOND_US, Event

SCHEMA = Schema("made", 1, ("size", "rate", "noise"), ("service", "flag"), is_live=True, padded=("size",))


def made_table(rows: int = 600, seed: int = 0, *, timed: bool = False) -> Table:
    """Benign rows whose size follows from the service, and three types of attacks that break this in three ways."""
    rng = np.random.default_rng(seed)
    kinds = np.array(["", "", "", "flood", "scan", "theft"])[rng.integers(0, 6, rows)]
    service = np.array(["web", "mail"])[rng.integers(0, 2, rows)]
    flag = np.full(rows, "ok", dtype="<U4")
    size = np.where(service == "web", rng.normal(100, 5, rows), rng.normal(1000, 20, rows))
    rate = rng.random(rows)
    size[kinds == "theft"] = np.where(service[kinds == "theft"] == "web", 1000.0, 100.0)
    rate[kinds == "flood"] += 5.0
    flag[kinds == "scan"] = "rst"
    numbers = np.column_stack([size, rate, rng.random(rows)])
    at_us = np.arange(rows, dtype=np.int64) * SECOND_US if timed else None
    return Table(SCHEMA, numbers, np.column_stack([service, flag]).astype(np.str_), kinds.astype(np.str_), at_us)


def flow(
    at_s: int, port: int = 443, *, source: str = "10.0.0.1", destination: str = "192.0.2.1", **more: object
) -> Event:
    """A connection as any format gives it."""
    fields = {"source.bytes": 100, "destination.bytes": 300, "source.packets": 2, "destination.packets": 2}
    outcome = str(more.pop("outcome", "success"))
    return Event(
        at_us=at_s * SECOND_US, dataset="flows.netflow", category="network", action="connection", outcome=outcome,
        source_ip=source, destination_ip=destination, destination_port=port, transport="tcp",
        more={**fields, "event.duration": 500_000_000, **more},
    )  # fmt: skip


def flow_block(rows: int, seed: int = 0) -> FlowBlock:
    """Features of made-up flows, some of them missing."""
    rng = np.random.default_rng(seed)
    numbers = np.exp(rng.normal(4.0, 3.0, (rows, len(FLOW.numbers))))
    numbers[:, FLOW.numbers.index("recent_failed") :] = rng.random((rows, 5))
    numbers[rng.random(numbers.shape) < 0.05] = np.nan
    codes = np.column_stack([rng.integers(0, len(words), rows) for words in WORDS])
    return FlowBlock(numbers, codes.astype(np.int16))


def flow_table(rows: int, seed: int = 0) -> Table:
    """Made-up flows: who fails often at other ports than before scans, who sends much to a strange service steals."""
    block = flow_block(rows, seed)
    named = dict(zip(FLOW.numbers, block.numbers.T, strict=True))
    words = block.words()
    kinds = np.where((named["recent_failed"] > 0.6) & (named["recent_ports"] > 0.5), "scan", "").astype("<U5")
    kinds[(named["source_bytes"] > 500) & (words[:, 1] > "m")] = "theft"
    times = np.arange(rows, dtype=np.int64) * SECOND_US
    return Table(FLOW, block.numbers, words, kinds.astype(np.str_), times)


def made_file(path: Path, rows: int) -> Path:
    """:func:`made_table` as a file with a column ``label``."""
    table = made_table(rows)
    lines = ["size,rate,noise,service,flag,label"]
    for numbers, words, kind in zip(table.numbers, table.categories, table.kinds, strict=True):
        lines.append(",".join([*(f"{x:.6f}" for x in numbers), *words, str(kind) or "normal"]))
    path.write_text("\n".join(lines))
    return path
