"""Owns the promoted model's place in the engine: which version is at work, its hot swap, and what it says of itself.

It is a behaviour beside the others (:mod:`pandora_core.detect.behaviour`), fed by the same pipeline, its state in the
same snapshot. It looks at the registry's list of promotions, and what needs NumPy, scikit-learn or the artefact is
imported once there is one. Flows are scored together when a batch ends: with all that came with it, and never a flow
later than the transaction that stores it. A model that cannot be used is not: the engine goes on, and the state says
why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pandora_core.detect.behaviour import Context, Fired, Route
from pandora_core.learn.scoring.hits import NAME, Hits
from pandora_core.learn.scoring.novel_flows import NovelFlows
from pandora_core.model import SECOND_US, Event
from pandora_core.store.rows import Drift, DriftRow, ModelStatus

if TYPE_CHECKING:  # loaded with the first model that is promoted
    from pandora_core.learn.data.flows import FlowBlock, FlowReader
    from pandora_core.learn.scoring.stage import Judged, Stage

log = logging.getLogger(__name__)

LOOK_US = SECOND_US
"""How often the list of promotions is looked at."""

MOST_WAITING = 4_000
"""Flows that wait for the end of the batch; more are scored before it. Memory, no meaning."""

FOLDER, PROMOTIONS = "models", "promotions.ndjson"

_VERSION = 1
_KEPT_CALIBRATIONS = 8


class _State(msgspec.Struct):
    """What a snapshot holds: which version was at work, and all that flows have changed."""

    version: int
    number: int | None = None
    reader: bytes = b""
    stage: bytes = b""
    hits: bytes = b""
    novel: bytes = b""
    calibrations: dict[int, bytes] = {}
    since_us: int = 0
    scored: int = 0
    fired: int = 0


class LiveModel:
    """Scores the flows that the engine reads with the version that is promoted in a data folder."""

    name = NAME
    routes = (Route("network", "connection"),)

    def __init__(self, context: Context, data: Path, novel: Callable[[Context], NovelFlows] | None = None) -> None:
        """``novel`` makes what looks again at the flows that the version does not call attacks."""
        self._data = data
        self._context = context
        self._hits = Hits(context)
        self._make_novel = novel or (lambda context: NovelFlows(context, lambda: "", lambda number: None, 0))
        self._novel = self._make_novel(context)
        self._stage: Stage | None = None
        self._reader: FlowReader | None = None
        self._calibrations: dict[int, bytes] = {}
        self._waiting: list[tuple[int, Event]] = []
        self._looked_us = -LOOK_US
        self._seen: tuple[int, int] | None = None
        self._problem = ""
        self._since_us = self._scored = self._fired = 0
        self._drift = Drift()
        self._drifts: list[DriftRow] = []
        self._told: ModelStatus | None = None
        self._told_us = 0

    def observe(self, event_id: int, event: Event) -> None:
        if self._reader is None or event.source_ip is None:
            return
        self._waiting.append((event_id, event))
        if len(self._waiting) >= MOST_WAITING:
            self._judge()

    def changed(self) -> list[Fired]:
        self._judge()
        return self._hits.changed() + self._novel.changed()

    def conclude(self) -> bool:
        """At the end of the input: whether there is anything to be said of flows that were only looked at."""
        self._judge()
        if self._stage is None or not self._stage.is_warming_up:
            return False
        self._at_work(self._concluded)
        return True

    def renamed(self, place: str) -> None:
        self._hits.renamed(place)
        self._novel.renamed(place)

    def refresh(self, now_us: int) -> bool:
        """Looks for a promotion; whether another version is at work from now on. Between batches only."""
        if 0 <= now_us - self._looked_us < LOOK_US:
            return False
        self._looked_us = now_us
        is_other = self._novel.refresh()
        seen = _stamp(self._data)
        if seen is None or seen == self._seen:
            return is_other
        self._seen = seen
        stage = self._opened()
        if stage is not None:
            self._put_to_work(stage, now_us)
        return is_other or stage is not None

    def replayed(self) -> None:
        self._drifts.clear()

    def news(self, now_us: int) -> tuple[ModelStatus | None, list[DriftRow]]:
        """What is to be written with the present batch: the status where it is news, and rows of drift."""
        drifts, self._drifts = self._drifts, []
        if self._stage is None and not self._problem:
            return None, drifts
        status = self._status()
        is_due = self._told is None or bool(drifts) or _differs(self._told, status)
        if not is_due and (status == self._told or 0 <= now_us - self._told_us < SECOND_US):
            return None, drifts
        self._told, self._told_us = status, now_us
        return status, drifts

    def snapshot(self) -> bytes:
        if self._reader is None:
            return msgspec.msgpack.encode(_State(_VERSION))
        self._judge()
        self._told = None  # what is written beside a snapshot is of the same moment
        return msgspec.msgpack.encode(
            _State(
                version=_VERSION,
                number=self._stage.number if self._stage is not None else None,
                reader=self._reader.dump(),
                stage=self._stage.dump() if self._stage is not None else b"",
                hits=self._hits.snapshot(),
                novel=self._novel.snapshot(),
                calibrations=self._known_calibrations(),
                since_us=self._since_us,
                scored=self._scored,
                fired=self._fired,
            )
        )

    def restore(self, state: bytes) -> None:
        """Goes on where a snapshot was taken. Of a state that cannot be read nothing is used: windows fill anew."""
        try:
            self._go_on_from(msgspec.msgpack.decode(state, type=_State))
        except ValueError as error:  # msgspec's errors are ValueErrors too
            log.warning("the state of the model that scores flows cannot be read: %s", error)
            self._stage = self._reader = None
            self._hits, self._novel = Hits(self._context), self._make_novel(self._context)

    def _go_on_from(self, state: _State) -> None:
        """The events after the snapshot come again now. Where the version that judged them is not promoted any more,
        they only fill the windows: what it said of them is written.
        """
        if state.version != _VERSION:
            raise ValueError(f"it is of version {state.version}, this is {_VERSION}")
        self._calibrations = state.calibrations
        if state.number is None:
            return
        from pandora_core.learn.data.flows import FlowReader

        self._reader = FlowReader()
        self._reader.load(state.reader)
        stage = self._opened()
        if stage is None or stage.number != state.number:
            return
        stage.load(state.stage)
        self._hits.restore(state.hits)
        if state.novel:
            self._novel.restore(state.novel)
        self._seen = _stamp(self._data)
        self._stage, self._drift = stage, stage.drift()
        self._since_us, self._scored, self._fired = state.since_us, state.scored, state.fired

    def _opened(self) -> Stage | None:
        """The promoted version, if it is not at work already. Its artefact and the libraries for it come from
        elsewhere: whatever goes wrong with them is said and not passed on (the door of a plugin).
        """
        from pandora_core.learn.versions.registry import Registry

        number = 0
        try:
            registry = Registry(self._data)
            promotion = registry.promotions()[-1]
            number, self._problem = promotion.number, ""
            if self._stage is not None and self._stage.is_of(promotion):
                return None
            from pandora_core.learn.scoring.stage import Stage

            return Stage.open(registry, number, as_trained=promotion.as_trained)
        except Exception as error:  # noqa: BLE001 - a door, as its docstring says
            log.warning("model %s cannot be used: %s", number, error)
            stays = f"; model {self._stage.number} stays at work" if self._stage is not None else ""
            self._problem = f"{error}{stays}"
            return None

    def _put_to_work(self, stage: Stage, now_us: int) -> None:
        from pandora_core.learn.data.flows import FlowReader

        self._calibrations = self._known_calibrations()
        if stage.number in self._calibrations and stage.is_warming_up:
            stage.recall(self._calibrations[stage.number])
        self._stage, self._drift = stage, stage.drift()
        self._reader = self._reader or FlowReader()
        self._since_us, self._scored, self._fired = now_us, 0, 0

    def _known_calibrations(self) -> dict[int, bytes]:
        """What was found out about this network, by version: the newest versions' alone."""
        known = dict(self._calibrations)
        if self._stage is not None and (calibration := self._stage.calibration()):
            known[self._stage.number] = calibration
        return {number: known[number] for number in sorted(known)[-_KEPT_CALIBRATIONS:]}

    def _judge(self) -> None:
        """Scores what waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting or self._reader is None:
            return
        block = self._reader.block([event for _, event in waiting])
        self._at_work(lambda stage: self._take(stage, waiting, block))

    def _at_work(self, work: Callable[[Stage], None]) -> None:
        """Whatever goes wrong in it costs the model and not the engine (the door of a batch)."""
        stage = self._stage
        if stage is None:
            return
        try:
            work(stage)
        except Exception as error:
            log.exception("model %s cannot score flows", stage.number)
            self._stage, self._problem = None, f"it failed: {type(error).__name__}: {error}"

    def _take(self, stage: Stage, waiting: list[tuple[int, Event]], block: FlowBlock) -> None:
        judged, drifts = stage.judge(waiting, block)
        for part in judged:
            self._told_of(stage, part)
        for drift in drifts:
            self._drift = drift
            self._drifts.append(DriftRow(stage.number, waiting[-1][1].at_us, drift))
        self._scored += len(waiting)

    def _concluded(self, stage: Stage) -> None:
        if (found := stage.conclude()) is not None:
            self._told_of(stage, found)

    def _told_of(self, stage: Stage, part: Judged) -> None:
        hits = part.hits()
        if hits:
            self._hits.take(part.teller, hits, partial(stage.reasons, part))
            self._fired += len(hits)
        self._novel.look(part.origins, part.block, part.is_open)

    def _status(self) -> ModelStatus:
        stage = self._stage
        if stage is None:
            return ModelStatus(state="refused", detail=self._problem)
        state = "refused" if self._problem else "warming-up" if stage.is_warming_up else "live"
        return ModelStatus(
            number=stage.number,
            name=stage.name,
            state=state,
            detail=self._problem or stage.told,
            since_us=self._since_us,
            scored=self._scored,
            fired=self._fired,
            drift=self._drift,
            novel=self._novel.told,
            withheld=self._novel.withheld,
        )


def _stamp(data: Path) -> tuple[int, int] | None:
    """What changes when somebody promotes."""
    try:
        found = (data / FOLDER / PROMOTIONS).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _differs(told: ModelStatus, now: ModelStatus) -> bool:
    """Whether there is news that belongs into this very transaction, and not only other counts."""
    return (told.number, told.state, told.fired, told.drift) != (now.number, now.state, now.fired, now.drift)
