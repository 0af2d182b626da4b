"""Owns one version of a model at work on live flows: scores, warming up and calibration, drift, reasons.

It is loaded when a model is promoted and not before, since it needs NumPy, scikit-learn and the artefact. Everything
is decided by the flows and their order: how they are batched changes nothing.

A further opinion on the flows that the model does not call attacks (:attr:`Judged.is_open`) belongs behind
:meth:`Stage.judge`: it has their features, evidence and events there, and gives hits of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from pandora_core.learn.data.drift import CALIBRATION, FEWEST_FLOWS, Meter, reference_of
from pandora_core.learn.data.feature_words import said_of
from pandora_core.learn.data.flows import FLOW, FlowBlock
from pandora_core.learn.data.origin import Origin, Origins
from pandora_core.learn.fitting.models import Model, combine
from pandora_core.learn.fitting.surprise import SurpriseTree
from pandora_core.learn.scoring.calibration import HOME, Calibration, calibrate
from pandora_core.learn.scoring.compiled import Compiled, LiveMember, Scored, compiled_tree
from pandora_core.learn.scoring.guard import Guard
from pandora_core.learn.scoring.hits import Hit
from pandora_core.learn.scoring.hits import Model as Teller
from pandora_core.learn.scoring.warm_up import WarmUp
from pandora_core.learn.table import Flags, Reals
from pandora_core.learn.versions.registry import Promotion, Registry, Version
from pandora_core.model import Event
from pandora_core.store.rows import Drift

MOST_RATE = 0.01
"""The share of a network's benign flows that may lie above the threshold, at most: what suits labelled data may be
several times that, and be a thousand detections a day here."""

FEWEST_TO_CONCLUDE = 100
"""From so many flows on something is said of them where the input ends before the warm-up does."""

_TOLD_PARTS = 3


class Judged(NamedTuple):
    """Flows that were judged, in the order of events."""

    origins: Sequence[Origin]
    block: FlowBlock
    evidence: Reals
    """In nats, on the scale that the threshold is on."""
    teller: Teller
    """Its threshold is of evidence: what lies above it is a hit."""
    home: LiveMember | None = None
    """What was learned here and had its say too."""

    @property
    def is_open(self) -> Flags:
        """The flows that are no hits."""
        return np.asarray(self.evidence <= self.teller.threshold)

    def take(self, rows: slice) -> Judged:
        """Those of a run of places."""
        return self._replace(origins=self.origins[rows], block=self.block.take(rows), evidence=self.evidence[rows])

    def hits(self) -> list[Hit]:
        """The flows above the threshold."""
        found: list[int] = np.flatnonzero(~self.is_open).tolist()
        cut = self.teller.threshold
        return [
            Hit(*self.origins[place], float(self.evidence[place]), float(self.evidence[place]) - cut)
            for place in found
        ]


class _Flows(NamedTuple):
    """Flows that wait to be judged, and every member's scores of them."""

    origins: Origins
    block: FlowBlock
    own: dict[str, Reals]

    def take(self, rows: slice) -> _Flows:
        own = {name: scores[rows] for name, scores in self.own.items()}
        return _Flows(self.origins[rows], self.block.take(rows), own)


class _Memory(msgspec.Struct):
    """What a snapshot keeps of a stage."""

    calibration: Calibration | None
    warm_up: bytes
    meter: bytes
    guard: Guard
    concluded: str = ""


class Stage:
    """A version that scores flows. Until it has seen enough of them to know what is usual here, it only looks on; the
    flows that it looked at are judged then. ``as_trained`` goes without: training's threshold holds as it is.
    """

    def __init__(self, version: Version, model: Model, *, as_trained: bool) -> None:
        card = version.card
        self.number, self.name = card.number, card.name
        self._model = model
        self._compiled = Compiled(model)
        self._home: LiveMember | None = None
        self._rate = min(card.false_positive_rate, MOST_RATE)
        self._as_trained = as_trained
        self._calibration: Calibration | None = None
        self._warm_up = WarmUp(self._rate)
        self._meter = Meter(card.reference) if card.reference is not None else None
        self._guard = Guard()
        self._concluded = ""

    @classmethod
    def open(cls, registry: Registry, number: int, *, as_trained: bool) -> Stage:
        """A version of the registry, after all checks.

        Raises:
            RefusedError: it is unsigned, changed, of other features, or not what it says.
            NotFoundError: there is none of this number.
        """
        return cls(registry.version(number), registry.open(number, schema=FLOW.id), as_trained=as_trained)

    @property
    def is_warming_up(self) -> bool:
        return not (self._warm_up.is_over or self._as_trained)

    @property
    def told(self) -> str:
        """How far it is, in words."""
        if self._as_trained:
            return "with the threshold of training"
        if self.is_warming_up or self._calibration is None:
            return self._warm_up.told + self._concluded
        return self._calibration.told

    def is_of(self, promotion: Promotion) -> bool:
        """Whether it is what a promotion asks for."""
        return (self.number, self._as_trained) == (promotion.number, promotion.as_trained)

    def calibration(self) -> bytes:
        """What was found out about this network, to be kept beside the version's number; empty if nothing."""
        is_found = self._calibration is not None and self._warm_up.is_over
        return msgspec.msgpack.encode(self._calibration) if is_found else b""

    def recall(self, calibration: bytes) -> None:
        """Goes on with what was found out about this network before."""
        self._calibrate(msgspec.msgpack.decode(calibration, type=Calibration))
        self._warm_up.done()

    def judge(self, events: Sequence[tuple[int, Event]], block: FlowBlock) -> tuple[list[Judged], list[Drift]]:
        """Scores flows; gives those that are judged now, and the drift after each bucket of flows that was filled."""
        judged: list[Judged] = []
        drifts: list[Drift] = []
        flows = _Flows(Origins(events), block, self._compiled.member_scores(block))
        while len(flows.block):
            if self.is_warming_up:
                size = min(len(flows.block), self._warm_up.room)
                part = flows.take(slice(0, size))
                drifts += self._metered(part)
                self._warm_up.hold(list(part.origins), part.block)
                self._concluded = ""
                judged += [] if self._warm_up.room else self._warmer()
            else:
                found = self._judged(*flows)
                size = self._guarded(found)
                drifts += self._metered(flows.take(slice(0, size)))
                judged.append(found.take(slice(0, size)))
            flows = flows.take(slice(size, None))
        return judged, drifts

    def conclude(self) -> Judged | None:
        """What the flows are that it only looked at, where no more will come: by what they show, and provisional.

        Nothing, where they are too few, or where too many are above the scale: what is common cannot be told from
        custom by so few. They stay held: if more comes after all, the warm-up goes on.
        """
        if not self.is_warming_up or self._warm_up.flows < FEWEST_TO_CONCLUDE:
            return None
        origins, block = self._warm_up.held()
        own, sources, guard = self._compiled.member_scores(block), _sources(origins), Guard()
        found = calibrate(self._model, own, sources, rate=self._rate)
        teller = Teller(self.number, self.name, found.cut, provisional=found.flows)
        judged = Judged(origins, block, found.evidence(self._model, own), teller)
        _note(guard, sources, ~judged.is_open)
        if found.is_poor_fit or guard.is_flooded():
            self._concluded = (
                f"; at the end of the input none of {len(block):,} was judged: the model fits them poorly"
            )
            return None
        above = int((~judged.is_open).sum())
        self._concluded = f"; at the end of the input {above:,} of {len(block):,} were above a provisional scale"
        fresh = slice(self._warm_up.judged, None)
        self._warm_up.judged = len(block)
        return judged.take(fresh)

    def reasons(self, judged: Judged, places: Sequence[int]) -> list[tuple[str, ...]]:
        """What made each of some hits score as it did: a sentence for each member, its parts summing to its score."""
        block = judged.block.take(np.flatnonzero(~judged.is_open)[list(places)])
        apart = self._compiled.taken_apart(block)
        if judged.home is not None and (home := judged.home.taken_apart(block)) is not None:
            apart[HOME] = home
        words = block.words()
        told = [
            [_sentence(name, scored, block.numbers[row], words[row], row) for name, scored in apart.items()]
            for row in range(len(block))
        ]
        return [tuple(sentence for sentence in each if sentence) for each in told]

    def drift(self) -> Drift:
        """How far flows of late are from those that it is used to."""
        return self._meter.drift() if self._meter is not None else Drift()

    def dump(self) -> bytes:
        """Everything that flows have changed, for a snapshot."""
        meter = self._meter.dump() if self._meter is not None else b""
        return msgspec.msgpack.encode(
            _Memory(self._calibration, self._warm_up.dump(), meter, self._guard, self._concluded)
        )

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`.

        Raises:
            ValueError: it is no such state.
        """
        memory = msgspec.msgpack.decode(state, type=_Memory)
        if memory.calibration is not None:
            self._calibrate(memory.calibration)
        self._warm_up.load(memory.warm_up)
        if memory.meter:
            self._meter = Meter.restored(memory.meter)
        self._guard, self._concluded = memory.guard, memory.concluded

    def _calibrate(self, calibration: Calibration) -> None:
        self._calibration = calibration
        if calibration.home is not None:
            self._home = compiled_tree(SurpriseTree.of(calibration.home))

    def _judged(self, origins: Sequence[Origin], block: FlowBlock, own: dict[str, Reals]) -> Judged:
        if self._calibration is None:
            evidence = combine(own, self._model.tails, self._model.weights)
            return Judged(origins, block, evidence, Teller(self.number, self.name, self._model.cut))
        if self._home is not None:
            own = own | {HOME: self._home.scores(block)}
        found = self._calibration
        teller = Teller(self.number, self.name, found.cut, found.is_poor_fit)
        return Judged(origins, block, found.evidence(self._model, own), teller, self._home)

    def _metered(self, flows: _Flows) -> list[Drift]:
        if self._meter is None:
            return []
        return self._meter.add(flows.block, combine(flows.own, self._model.tails, self._model.weights))

    def _guarded(self, judged: Judged) -> int:
        """How many of the flows hold before too much of the network would be attacks: then it looks on again."""
        sources, is_hit, taken = _sources(judged.origins), ~judged.is_open, 0
        while taken < len(sources):
            rows = slice(taken, taken + self._guard.room)
            _note(self._guard, sources[rows], is_hit[rows])
            taken = min(rows.stop, len(sources))
            if self._guard.room:
                break
            guard, self._guard = self._guard, Guard()
            if guard.is_flooded() and not self._as_trained:
                self._begin_anew(guard)
                break
        return taken

    def _begin_anew(self, guard: Guard) -> None:
        self._calibration = self._home = None
        self._warm_up.begin_anew(guard.told)

    def _warmer(self) -> list[Judged]:
        """Finds the scale of this network in the flows that were held, or sees whether those after them bear it out:
        then all of them are judged by it.
        """
        origins, block = self._warm_up.held()
        own = self._compiled.member_scores(block)
        if self._warm_up.is_looking:
            self._calibrate(calibrate(self._model, own, _sources(origins), rate=self._rate, cells=block.cells()))
            self._warm_up.scaled()
            return []
        judged, guard = self._judged(origins, block, own), Guard()
        proof = judged.take(slice(self._warm_up.looked, None))
        _note(guard, _sources(proof.origins), ~proof.is_open)
        if guard.is_flooded():
            self._begin_anew(guard)
            return []
        fresh = slice(self._warm_up.judged, None)
        self._warm_up.done()
        if len(block) >= FEWEST_FLOWS:
            evidence = combine(own, self._model.tails, self._model.weights)
            self._meter = Meter(reference_of(block, evidence, CALIBRATION))
        return [judged.take(fresh)]


def _note(guard: Guard, sources: list[str], is_hit: Flags) -> None:
    guard.add(sources, [sources[place] for place in np.flatnonzero(is_hit)])


def _sources(origins: Sequence[Origin]) -> list[str]:
    return origins.sources() if isinstance(origins, Origins) else [origin.source for origin in origins]


def _sentence(member: str, scored: Scored, numbers: Reals, words: Sequence[str], row: int) -> str:
    """One member's score of a flow: its largest parts in words, what all others add, and what they sum to.

    Empty where nothing speaks for an attack.
    """
    parts = scored.parts[row]
    largest = [int(place) for place in np.argsort(-parts, kind="stable")[:_TOLD_PARTS] if parts[place] > 0]
    if not largest:
        return ""
    values = [*numbers.tolist(), *words]
    said = [f"{said_of(FLOW.columns[place], values[place])} ({parts[place]:+.2f})" for place in largest]
    rest = scored.bias + float(parts.sum()) - float(parts[largest].sum())
    if abs(rest) >= 0.005:
        said.append(f"all else ({rest:+.2f})")
    return f"{member} {scored.totals[row]:.2f} {scored.unit}: {'; '.join(said)}"
