"""Owns what an attacker can do to the features of a flow: make it longer, larger, slower. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pandora_core.learn.data.flows import FLOW, rederived
from pandora_core.learn.table import Cells, Reals, Schema, Table

FACTORS = (1.0, 1.5, 2.0, 4.0, 8.0)
"""By how much padded columns are multiplied (a flow can be made longer, larger, slower; not smaller)."""


def padded_copies(table: Table, share: float, seed: int) -> Table:
    """The table with padded copies of a share of its attacks: adversarial training."""
    rng = np.random.default_rng(seed)
    chosen = np.flatnonzero(table.is_attack & (rng.random(len(table)) < share))
    copies = table.take(chosen)
    cells = padded(copies.cells(), table.schema, rng)
    made = replace(copies, numbers=cells[:, : len(table.schema.numbers)].astype(np.float64))
    times = None if table.at_us is None or made.at_us is None else np.concatenate([table.at_us, made.at_us])
    return replace(
        table,
        numbers=np.concatenate([table.numbers, made.numbers]),
        categories=np.concatenate([table.categories, made.categories]),
        kinds=np.concatenate([table.kinds, made.kinds]),
        at_us=times,
    )


def padded(cells: Cells, schema: Schema, rng: np.random.Generator) -> Cells:
    """Each controlled column multiplied by a factor of its own; what follows from it follows."""
    made = cells.copy()
    columns = controlled(schema)
    factors = rng.choice(FACTORS, (len(cells), len(columns)))
    for place, column in enumerate(columns):
        made[:, column] = grown(cells[:, column].astype(np.float64), factors[:, place])
    return followed(made, schema)


def grown(values: Reals, factor: Reals | float) -> Reals:
    """A column multiplied; what is zero becomes as much as the factor adds to one."""
    made: Reals = np.where(values > 0, values * factor, np.asarray(factor) - 1.0)
    return made


def followed(cells: Cells, schema: Schema) -> Cells:
    """The cells, changed in place, with what follows from the columns that were padded."""
    if schema.name == FLOW.name:
        width = len(schema.numbers)
        cells[:, :width] = rederived(cells[:, :width].astype(np.float64))
    return cells


def controlled(schema: Schema) -> list[int]:
    """Places of the columns that are the attacker's own."""
    return [schema.numbers.index(name) for name in schema.padded]
