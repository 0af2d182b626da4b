"""Owns the judgement of the engine on labelled logs: what it found, how soon, and what it cried out for nothing.

:func:`read_truth` reads what the logs hold, :func:`replay` shows them to the real engine in a store of its own, and
:func:`measure` makes the figures of what was seen.
"""

from __future__ import annotations

from pandora_core.evaluate.measures import Evaluation, measure, wilson
from pandora_core.evaluate.replay import Run, replay
from pandora_core.evaluate.truth import Truth, read_truth

__all__ = ["Evaluation", "Run", "Truth", "measure", "read_truth", "replay", "wilson"]
