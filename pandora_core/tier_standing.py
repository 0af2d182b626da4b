"""Owns how the quantum tier stands: its model and what that is worth, the budget used, breakers, what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pandora_core.detect.words import amount
from pandora_core.errors import PandoraError
from pandora_core.escalator import attempt_of
from pandora_core.model import DAY_US
from pandora_core.quantum.tier import card as tier_card
from pandora_core.quantum.tier.card import MemberCard, TierCard
from pandora_core.quantum.tier.policy import LOCAL, Breaker, Rules, breaker, used
from pandora_core.store.escalations import Escalations
from pandora_core.store.reader import Reader
from pandora_core.store.rows import WAITING, ModelStatus
from pandora_core.store.store import Store

NOBODY = "off: neither kernel is shown to find more than the fast tier alone at the same budget"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the tier stands. Without a model nothing is escalated."""

    number: str
    """The model's hash; empty where none is in use."""
    card: TierCard | None
    trouble: str
    """Why the model cannot be used."""
    rules: Rules
    used: int
    """Of the budget of the last hour."""
    waiting: int
    breakers: Mapping[str, Breaker]
    outcomes: Mapping[str, int]
    """What came of escalations, and of what was not escalated, in the last day."""
    novel: int = 0
    """Flows that the novelty tier found and told of; ``withheld`` were over the budget of their day."""
    withheld: int = 0

    @property
    def is_escalating(self) -> bool:
        return self.card is not None and self.rules.is_on

    @property
    def state(self) -> str:
        """On, or why it is not."""
        if not self.number:
            return "off: no model is in use (pandora quantum tier train)"
        if self.trouble:
            return f"off: {self.trouble}"
        return "on" if self.rules.is_on else "off: escalation = false"

    @property
    def screens(self) -> MemberCard | None:
        """Who screens what the fast tier calls benign."""
        return None if self.card is None else self.card.served

    @property
    def novelty(self) -> str:
        """The novelty tier: who screens, or why nobody does."""
        if self.card is None:
            return "off: no model is in use"
        if self.screens is None:
            return NOBODY
        found = f"{amount(self.novel, 'flow')} told of, {self.withheld:,} withheld over budget"
        return f"on: {self.screens.name}; {found}"


def standing(store: Store, data: Path, rules: Rules, now_us: int) -> Standing:
    """How it stands now; reads, and changes nothing."""
    escalations, scoring = Escalations(store), Reader(store).model() or ModelStatus()
    number, card, trouble = escalations.model(), None, ""
    if number:
        try:
            card = tier_card.card(data, number)
        except PandoraError as error:
            trouble = str(error)
    attempts = [attempt_of(each) for each in escalations.attempts(now_us)]
    backends = dict.fromkeys((rules.backend, LOCAL, *(attempt.backend for attempt in attempts)))
    return Standing(
        number,
        card,
        trouble,
        rules,
        used(attempts, now_us),
        len(escalations.waiting()),
        {backend: breaker(backend, attempts, rules, now_us) for backend in backends},
        Counter(each.state for each in escalations.since(now_us - DAY_US) if each.state != WAITING),
        scoring.novel,
        scoring.withheld,
    )
