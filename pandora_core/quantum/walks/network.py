"""Owns which walks the network is ranked with: the quantum ones beside the classical one, on the same graph."""

from __future__ import annotations

from pandora_core.graph.closeness import Walks
from pandora_core.graph.ranking import CLASSICAL, PAGERANK
from pandora_core.quantum.walks.walk import QuantumWalk, SzegedyWalk

WALKS: Walks = {**CLASSICAL, "quantum walk": QuantumWalk}
"""By the name under which each is shown; where neither is clearly better the first, the classical one, is used."""

STANDINGS: Walks = {**PAGERANK, "quantum PageRank": SzegedyWalk}
"""What hosts mean to the network, by a random walk and by Szegedy's walk of the same Google matrix."""
