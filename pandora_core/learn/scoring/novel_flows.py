"""Owns the second opinion on flows that the promoted model does not call attacks: detections of those that are novel.

It is the novelty tier of :mod:`pandora_core.quantum`, behind the model's own judgement. A day of the logs' time has a
budget of detections; what is novel beyond it is counted and not told. Off where validation showed no gain, it costs
nothing.
"""

from __future__ import annotations

import logging
from bisect import bisect_right, insort
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from pandora_core.detect.behaviour import Context
from pandora_core.detect.sessions import Session, SessionBehaviour, Sessions
from pandora_core.detect.words import amount
from pandora_core.errors import PandoraError
from pandora_core.model import DAY_US, HOUR_US, Detection, EntityRef

if TYPE_CHECKING:  # loaded with the first model of the tier whose gate is open
    from pandora_core.learn.data.flows import FlowBlock
    from pandora_core.learn.table import Flags
    from pandora_core.quantum.tier.screening import Novelty, Screen

log = logging.getLogger(__name__)

NAME = "novel-flows"
POINTS = 12.0
"""As little as a flow just above the model's threshold: neither it nor two of them open an alert."""

PAUSE_US = 6 * HOUR_US
CAPACITY = 20_000


class Origin(Protocol):
    """Which event a flow is, and from where to where."""

    @property
    def event_id(self) -> int: ...
    @property
    def at_us(self) -> int: ...
    @property
    def source(self) -> str: ...
    @property
    def destination(self) -> str: ...
    @property
    def port(self) -> int: ...


class Key(NamedTuple):
    """Flows of one source to one destination, as one model of the tier sees them."""

    model: str
    source: str
    destination: str


class Novel(Session, kw_only=True, gc=False):
    """Novel flows, and the strangest of them by the kernel that decides."""

    count: int = 0
    kernel: str = ""
    quantum: float = 1.0
    control: float = 1.0
    port: int = 0

    @property
    def weight(self) -> int:
        return self.count


class _Memory(msgspec.Struct):
    """What is remembered besides sessions."""

    model: str = ""
    told_us: list[int] = []
    told: int = 0
    withheld: int = 0


class NovelFlows(SessionBehaviour):
    """Detections of novel flows of one host to one destination.

    ``chosen`` gives the hash of the model of the tier that is in use, or nothing; ``opened`` what screens with it, or
    nothing (:func:`screen_of`); ``per_day`` is the budget.
    """

    def __init__(
        self, context: Context, chosen: Callable[[], str], opened: Callable[[str], Screen | None], per_day: int
    ) -> None:
        self._names = context.names
        self._chosen, self._opened, self._per_day = chosen, opened, per_day
        self._model = ""
        self._screen: Screen | None = None
        self._past = _Memory()
        self._novel = Sessions(
            Key, Novel, self._render, gap_us=PAUSE_US, capacity=CAPACITY, places=lambda key: key[1:]
        )
        self.tables = (self._novel,)

    @property
    def told(self) -> int:
        """Flows that were novel and are told of, by this model of the tier."""
        return self._past.told

    @property
    def withheld(self) -> int:
        """Flows that were novel and not told, for the day's budget was spent."""
        return self._past.withheld

    def refresh(self) -> bool:
        """Looks which model of the tier is in use; whether another one screens from now on."""
        number = self._chosen()
        if number == self._model:
            return False
        self._model, before = number, self._screen
        self._screen = self._opened(number)
        self._past.told = self._past.withheld = 0
        return (before is None) != (self._screen is None) or self._screen is not None

    def look(self, origins: Sequence[Origin], block: FlowBlock, is_open: Flags) -> None:
        """Takes flows that the promoted model has judged; those that are not open it calls attacks."""
        if self._screen is None:
            return
        try:
            found = self._screen.find(block.numbers, block.words(), is_open)
        except (ValueError, LookupError, ArithmeticError, MemoryError):
            log.exception("the novelty tier cannot screen flows with model %s, and is off", self._model)
            self._screen = None
            return
        for novelty in found:
            self._take(origins[novelty.place], novelty, self._screen.name)

    def memory(self) -> bytes:
        self._past.model = self._model
        return msgspec.msgpack.encode(self._past)

    def recall(self, memory: bytes) -> None:
        self._past = msgspec.msgpack.decode(memory, type=_Memory)
        # The events after a snapshot come again: they are screened by what screened them, or by nothing.
        if self._past.model and self._past.model == self._chosen():
            self._model, self._screen = self._past.model, self._opened(self._past.model)

    def _take(self, origin: Origin, novelty: Novelty, kernel: str) -> None:
        key = Key(self._model, origin.source, origin.destination)
        session = self._novel.at(key, origin.at_us)
        session.count += 1
        session.kernel = kernel
        if min(novelty.quantum, novelty.control) < min(session.quantum, session.control):
            session.quantum, session.control, session.port = novelty.quantum, novelty.control, origin.port
        session.remember(origin.event_id, origin.at_us)
        if session.fired_event_id:
            self._past.told += 1
            self._novel.mark(key, session)
        elif self._is_within_budget(origin.at_us):
            self._past.told += 1
            self._novel.fire(key, session, origin.event_id, origin.at_us, NAME, *key, session.first_us)

    def _is_within_budget(self, at_us: int) -> bool:
        """Whether the last day of event time has room for one more detection, which then takes it."""
        told = self._past.told_us
        del told[: bisect_right(told, at_us - 2 * DAY_US)]
        if len(told) - bisect_right(told, at_us - DAY_US) >= self._per_day:
            self._past.withheld += 1
            return False
        insort(told, at_us)
        return True

    def _render(self, key: Key, session: Novel) -> Detection:
        entity = self._names.entity_at(key.source, session.last_us)
        reasons = (
            f"{amount(session.count, 'flow')} to {key.destination}, port {session.port}, unlike the benign flows "
            f"known here by {session.kernel}",
            f"as strange are {100 * session.quantum:.2g} % of benign flows by the quantum kernel (simulated), "
            f"{100 * session.control:.2g} % by its classical control",
        )
        return Detection(
            id=session.id,
            detector=NAME,
            entity=entity,
            first_seen_us=session.first_us,
            last_seen_us=session.last_us,
            count=session.count,
            points=POINTS,
            title=f"flows to {key.destination} are unlike benign ones",
            reasons=reasons,
            hosts=(entity.name,),
            related=(EntityRef("address", key.destination),) if key.destination else (),
            event_ids=session.event_ids,
        )


def screen_of(data: Path, number: str) -> Screen | None:
    """The model of a hash at work, if there is one, it is of the live features, and its gate is open."""
    if not number:
        return None
    from pandora_core.learn.data.flows import FLOW
    from pandora_core.quantum.tier import card as tier_card
    from pandora_core.quantum.tier import model as tier

    try:
        card = tier_card.card(data, number)
        if card.served is None or card.schema != FLOW.id:
            return None
        from pandora_core.quantum.tier.screening import Screen

        return Screen(tier.load(data, number))
    except PandoraError as error:
        log.warning("the novelty tier is off: %s", error)
        return None
