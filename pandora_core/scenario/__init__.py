"""Owns the simulated company: logs of every format with an attack in them, from a seed, with the ground truth.

A :class:`Plan` says what is wanted. :func:`generate` writes it as files, :func:`stream` gives its lines in order of
time, :class:`Replay` writes them as time goes by. Who works there is in ``company``, what they do in ``behaviour``,
the attacks in ``attacks``, what a deed looks like in ``deeds``, and what each sensor writes of it in ``writers``.
"""

from __future__ import annotations

from pandora_core.scenario.attacks import about, attacks
from pandora_core.scenario.folder import Summary, generate
from pandora_core.scenario.load import write_conn_load
from pandora_core.scenario.plan import Plan
from pandora_core.scenario.replay import Replay
from pandora_core.scenario.simulate import Record, stream

__all__ = ["Plan", "Record", "Replay", "Summary", "about", "attacks", "generate", "stream", "write_conn_load"]
