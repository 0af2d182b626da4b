"""Owns which walks the network is ranked with: the quantum ones beside the classical one, on the same graph."""

from __future__ import annotations

from pandora_core.graph.closeness import Walks
from pandora_core.graph.ranking import CLASSICAL
from pandora_core.quantum.walk import QuantumWalk, SzegedyWalk

WALKS: Walks = {**CLASSICAL, "quantum walk": QuantumWalk, "Szegedy walk": SzegedyWalk}
"""By the name under which each is shown; where none is clearly better the first, a classical one, is used."""
