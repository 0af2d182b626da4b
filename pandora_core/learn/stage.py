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

from pandora_core.learn.calibration import HOME, Calibration, calibrate, flows_wanted
from pandora_core.learn.compiled import Compiled, LiveMember, Scored, compiled_tree
from pandora_core.learn.drift import CALIBRATION, FEWEST_FLOWS, Meter, reference_of
from pandora_core.learn.feature_words import said_of
from pandora_core.learn.flows import FLOW, FlowBlock
from pandora_core.learn.guard import Guard
from pandora_core.learn.hits import Hit
from pandora_core.learn.hits import Model as Teller
from pandora_core.learn.models import Model, combine
from pandora_core.learn.registry import Promotion, Registry, Version
from pandora_core.learn.surprise import SurpriseTree
from pandora_core.learn.table import Flags, Reals
from pandora_core.model import Event
from pandora_core.store.rows import Drift

_TOLD_PARTS = 3
_MOST_WANTED = 12_800


class Origin(NamedTuple):
    """Which event a flow is, and from where to where."""

    event_id: int
    at_us: int
    source: str
    destination: str
    port: int

    @classmethod
    def of(cls, event_id: int, event: Event) -> Origin:
        source, destination = event.source_ip or "", event.destination_ip or ""
        return cls(event_id, event.at_us, source, destination, event.destination_port or 0)


class Judged(NamedTuple):
    """Flows that were judged, in the order of events."""

    origins: list[Origin]
    block: FlowBlock
    evidence: Reals
    """In nats, on the scale that the threshold is on."""
    cut: float
    """Of evidence: what lies above it is a hit."""

    @property
    def is_open(self) -> Flags:
        """The flows that are no hits."""
        return np.asarray(self.evidence <= self.cut)

    def hits(self) -> list[Hit]:
        """The flows above the threshold."""
        found: list[int] = np.flatnonzero(~self.is_open).tolist()
        return [
            Hit(*self.origins[place], float(self.evidence[place]), float(self.evidence[place]) - self.cut)
            for place in found
        ]


class _Memory(msgspec.Struct):
    """What a snapshot keeps of a stage."""

    calibration: Calibration | None
    held: list[Origin]
    numbers: bytes
    codes: bytes
    meter: bytes
    guard: Guard
    tries: int
    flood: str


class Stage:
    """A version that scores flows. Until it has seen enough of them to know what is usual here, it only looks on;
    the flows that it looked at are judged then. ``as_trained`` goes without: training's threshold holds as it is.
    """

    def __init__(self, version: Version, model: Model, *, as_trained: bool) -> None:
        card = version.card
        self.number, self.name = card.number, card.name
        self._model = model
        self._compiled = Compiled(model)
        self._home: LiveMember | None = None
        self._rate = card.false_positive_rate
        self._as_trained = as_trained
        self._calibration: Calibration | None = None
        self._held: list[tuple[list[Origin], FlowBlock]] = []
        self._meter = Meter(card.reference) if card.reference is not None else None
        self._guard = Guard()
        self._tries, self._flood = 0, ""

    @classmethod
    def open(cls, registry: Registry, number: int, *, as_trained: bool) -> Stage:
        """A version of the registry, after all checks.

        Raises:
            RefusedError: it is unsigned, changed, of other features, or not what it says.
            NotFoundError: there is none of this number.
        """
        return cls(registry.version(number), registry.open(number, schema=FLOW.id), as_trained=as_trained)

    @property
    def teller(self) -> Teller:
        """What detections say of this version."""
        return Teller(self.number, self.name, self._cut)

    @property
    def is_warming_up(self) -> bool:
        return self._calibration is None and not self._as_trained

    @property
    def told(self) -> str:
        """How far it is, in words."""
        if self._as_trained:
            return "with the threshold of training"
        if self._calibration is None:
            again = f"; calibrated anew, since {self._flood}" if self._flood else ""
            return f"{self._held_flows():,} of {self._wanted:,} flows seen{again}"
        return self._calibration.told

    def is_of(self, promotion: Promotion) -> bool:
        """Whether it is what a promotion asks for."""
        return (self.number, self._as_trained) == (promotion.number, promotion.as_trained)

    def calibration(self) -> bytes:
        """What was found out about this network, to be kept beside the version's number; empty if nothing."""
        return msgspec.msgpack.encode(self._calibration) if self._calibration is not None else b""

    def recall(self, calibration: bytes) -> None:
        """Goes on with what was found out about this network before."""
        self._calibrate(msgspec.msgpack.decode(calibration, type=Calibration))

    def judge(self, events: Sequence[tuple[int, Event]], block: FlowBlock) -> tuple[list[Judged], list[Drift]]:
        """Scores flows; gives those that are judged now, and the drift after each bucket of flows that was filled."""
        judged: list[Judged] = []
        drifts: list[Drift] = []
        origins = [Origin.of(event_id, event) for event_id, event in events]
        while len(block):
            size = min(len(block), self._room)
            part, block = block.take(slice(0, size)), block.take(slice(size, None))
            now, origins = origins[:size], origins[size:]
            own = self._compiled.member_scores(part)
            if self._meter is not None:
                drifts += self._meter.add(part, combine(own, self._model.tails, self._model.weights))
            if self.is_warming_up:
                self._held.append((now, part))
                judged += [self._warm()] if self._held_flows() >= self._wanted else []
            else:
                judged.append(self._judged(now, part, own))
                self._guarded(judged[-1])
        return judged, drifts

    def reasons(self, judged: Judged, places: Sequence[int]) -> list[tuple[str, ...]]:
        """What made each of some hits score as it did: a sentence for each member, its parts summing to its score."""
        block = judged.block.take(np.flatnonzero(~judged.is_open)[list(places)])
        apart = self._compiled.taken_apart(block)
        if self._home is not None and (home := self._home.taken_apart(block)) is not None:
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
        held = FlowBlock.joined([block for _, block in self._held]) if self._held else None
        return msgspec.msgpack.encode(
            _Memory(
                self._calibration,
                [origin for origins, _ in self._held for origin in origins],
                held.numbers.tobytes("C") if held is not None else b"",
                held.codes.tobytes("C") if held is not None else b"",
                self._meter.dump() if self._meter is not None else b"",
                self._guard,
                self._tries,
                self._flood,
            )
        )

    def load(self, state: bytes) -> None:
        """Inverse of :meth:`dump`.

        Raises:
            ValueError: it is no such state.
        """
        memory = msgspec.msgpack.decode(state, type=_Memory)
        if memory.calibration is not None:
            self._calibrate(memory.calibration)
        if memory.held:
            numbers = np.frombuffer(memory.numbers).reshape(len(memory.held), -1)
            codes = np.frombuffer(memory.codes, np.int16).reshape(len(memory.held), -1)
            self._held = [(memory.held, FlowBlock(np.asfortranarray(numbers), np.asfortranarray(codes)))]
        if memory.meter:
            self._meter = Meter.restored(memory.meter)
        self._guard, self._tries, self._flood = memory.guard, memory.tries, memory.flood

    @property
    def _cut(self) -> float:
        return self._calibration.cut if self._calibration is not None else self._model.cut

    @property
    def _wanted(self) -> int:
        """How many flows to warm up with: more after each time that they were too few to tell what is usual."""
        wanted = flows_wanted(self._rate)
        return max(wanted, min(wanted << 2 * min(self._tries, 8), _MOST_WANTED))

    @property
    def _room(self) -> int:
        """How many flows are judged alike, before something may change."""
        return self._wanted - self._held_flows() if self.is_warming_up else self._guard.room

    def _held_flows(self) -> int:
        return sum(len(origins) for origins, _ in self._held)

    def _calibrate(self, calibration: Calibration) -> None:
        self._calibration = calibration
        if calibration.home is not None:
            self._home = compiled_tree(SurpriseTree.of(calibration.home))

    def _judged(self, origins: list[Origin], block: FlowBlock, own: dict[str, Reals]) -> Judged:
        if self._calibration is None:
            evidence = combine(own, self._model.tails, self._model.weights)
        else:
            if self._home is not None:
                own = own | {HOME: self._home.scores(block)}
            evidence = self._calibration.evidence(self._model, own)
        return Judged(origins, block, evidence, self._cut)

    def _guarded(self, judged: Judged) -> None:
        """Goes back to looking on where too much of the network would be attacks."""
        suspects = [judged.origins[place].source for place in np.flatnonzero(~judged.is_open)]
        self._guard.add((origin.source for origin in judged.origins), suspects)
        if self._guard.room:
            return
        if self._guard.is_flooded() and not self._as_trained:
            self._calibration = self._home = None
            self._tries, self._flood = self._tries + 1, self._guard.told
        self._guard = Guard()

    def _warm(self) -> Judged:
        """Finds the scale of this network in the flows that were held, and judges them by it."""
        origins = [origin for each, _ in self._held for origin in each]
        block = FlowBlock.joined([each for _, each in self._held])
        own = self._compiled.member_scores(block)
        sources = [origin.source for origin in origins]
        self._calibrate(calibrate(self._model, own, sources, rate=self._rate, cells=block.cells()))
        self._held = []
        if len(block) >= FEWEST_FLOWS:
            evidence = combine(own, self._model.tails, self._model.weights)
            self._meter = Meter(reference_of(block, evidence, CALIBRATION))
        return self._judged(origins, block, own)


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
