"""Owns what is said of the quantum tier's model without loading it: how it came to be, and what it is worth."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from pandora_core.errors import ConfigError, NotFoundError, TamperedError

FOLDER = "quantum-models"


class Verdict(NamedTuple):
    """Whether screening what the fast tier calls benign is worth its share of the budget, on validation divisions.

    ``gain`` is the mean of detected new attacks over the fast tier alone at the same budget, as a share, between
    ``low`` and ``high`` with 95 % confidence (Student's t over ``divisions``).
    """

    on: bool
    gain: float
    low: float
    high: float
    divisions: int
    share: float
    """The part of the budget that it was given."""

    @property
    def text(self) -> str:
        if not self.divisions:
            return "off: not validated, for there are too few types of attacks to leave some out"
        gain = f"{100 * self.gain:+.1f} points, {100 * self.low:+.1f} to {100 * self.high:+.1f}"
        return f"{'on' if self.on else 'off'}: {gain} on {self.divisions} validation divisions"


class About(msgspec.Struct, frozen=True):
    """How a model came to be."""

    dataset: str
    dataset_sha256: str
    seed: int = 0
    budget: float = 0.0
    """The share of benign rows that may alert."""
    reference_rows: int = 0
    made_by: str = ""
    made_at_us: int = 0


class MemberCard(msgspec.Struct, frozen=True):
    """One kernel's half of the model."""

    name: str
    verdict: Verdict


class TierCard(msgspec.Struct, frozen=True):
    """The model in a few words."""

    schema: str
    about: About
    quantum: MemberCard
    control: MemberCard

    @property
    def served(self) -> MemberCard | None:
        """Who screens what the fast tier calls benign, as :func:`served_of` chooses."""
        chosen = served_of(self.quantum.verdict, self.control.verdict)
        return None if chosen is None else getattr(self, chosen)


def served_of(quantum: Verdict, control: Verdict) -> str | None:
    """``quantum`` or ``control``: the one that is on; of two, the one with the larger gain, the control if equal."""
    on = [(name, verdict) for name, verdict in (("control", control), ("quantum", quantum)) if verdict.on]
    return max(on, key=lambda each: each[1].gain)[0] if on else None


def read(data: Path, number: str) -> str:
    """The text of the model of a hash.

    Raises:
        NotFoundError: there is none.
        TamperedError: the file is not what was saved under this hash.
    """
    path = data / FOLDER / f"{number}.json"
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"no model {number!r}", where=str(path), hint="pandora quantum tier train") from None
    if hash_of(text) != number:
        raise TamperedError("the model is not what was saved", where=str(path), hint="pandora quantum tier train")
    return text


def card(data: Path, number: str) -> TierCard:
    """The card of the model of a hash; raises what :func:`read` raises, and ``ConfigError`` for what is no model."""
    try:
        return msgspec.json.decode(read(data, number), type=TierCard)
    except msgspec.DecodeError as error:
        raise ConfigError(f"not a model of the quantum tier: {error}", where=number) from error


def hash_of(text: str) -> str:
    """16 hexadecimal digits of SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
