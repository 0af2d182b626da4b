"""Owns the model of the quantum tier: a quantum kernel and its classical control, fitted to the same benign rows.

Both are one-class support vector machines on the same columns, rows and seed. The reference rows that they compare
with are part of the model, which is plain data under its own hash: what was said of an alert can be reckoned again.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pandora_core.errors import ConfigError
from pandora_core.quantum.models import kernels
from pandora_core.quantum.models.kernels import Encoded, FidelityKernel, Kernel
from pandora_core.quantum.models.states import Reals
from pandora_core.quantum.tier.card import FOLDER, About, Verdict, hash_of, read, served_of
from pandora_core.quantum.tier.novelty import Projection
from pandora_core.quantum.tier.preparation import Preparation, Words

MAX_REFERENCE_ROWS = 400
VERSION = 1
_DIGITS = 9
"""Of scores: equal rows score alike whatever else is in their batch, which a matrix product alone does not give."""


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One kernel's half of the model. A score is larger the stranger a row is; a threshold belongs to its kernel."""

    kernel: Kernel
    projection: Projection
    support: Reals
    """Reference rows as the kernel takes them: (rows, dimensions), between 0 and 1."""
    weights: Reals
    threshold: float
    benign: Reals
    """Scores of benign rows that it was not fitted to, ascending."""
    verdict: Verdict
    _encoded: Encoded = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_encoded", self.kernel.encode(self.support))

    @property
    def name(self) -> str:
        return self.kernel.name

    def scores(self, x: Reals) -> Reals:
        """The exact score of prepared rows: (rows,)."""
        return self.scores_of(self.kernel.between(self.kernel.encode(self.projection.apply(x)), self._encoded))

    def scores_of(self, likenesses: Reals) -> Reals:
        """From the kernel of every row with the reference rows, measured or computed."""
        made: Reals = np.round(-(likenesses @ self.weights), _DIGITS)
        return made

    def rarities(self, scores: Reals) -> Reals:
        """The share of benign rows that score as high; never 0, for there are only so many."""
        above = len(self.benign) - np.searchsorted(self.benign, scores, side="left")
        made: Reals = (above + 1.0) / (len(self.benign) + 1.0)
        return made

    def as_json(self) -> dict[str, Any]:
        """The same as plain data; :meth:`from_json` reads it back."""
        projection = {name: getattr(self.projection, name).tolist() for name in ("mean", "axes", "low", "high")}
        return {
            "name": self.name,
            "kernel": kernels.as_json(self.kernel),
            "projection": projection,
            "support": self.support.tolist(),
            "weights": self.weights.tolist(),
            "threshold": self.threshold,
            "benign": self.benign.tolist(),
            "verdict": list(self.verdict),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Member:
        """Raises ``KeyError``, ``TypeError`` or ``ValueError`` for what :meth:`as_json` did not write."""
        arrays = {name: np.array(data[name], np.float64) for name in ("support", "weights", "benign")}
        projection = Projection(**{name: np.array(part, np.float64) for name, part in data["projection"].items()})
        support = arrays["support"]
        if support.shape != (len(arrays["weights"]), len(projection.low)) or not len(arrays["benign"]):
            raise ValueError(f"reference rows of {support.shape} for {arrays['weights'].shape} weights")
        verdict = Verdict(*data["verdict"])
        return cls(
            kernels.from_json(data["kernel"]), projection, threshold=data["threshold"], verdict=verdict, **arrays
        )


@dataclass(frozen=True, slots=True, eq=False)
class TierModel:
    """A quantum kernel and its classical control."""

    schema: str
    """The feature schema of its rows, such as ``flow/1``."""
    preparation: Preparation
    quantum: Member
    control: Member
    about: About

    @property
    def feature_map(self) -> dict[str, Any]:
        """The quantum kernel's circuit, as a job takes it."""
        kernel = self.quantum.kernel
        assert isinstance(kernel, FidelityKernel)
        return kernel.feature_map.as_json()

    @property
    def hash(self) -> str:
        """Of all that it is, 16 hexadecimal digits."""
        return hash_of(self.to_text())

    @property
    def served(self) -> Member | None:
        """Who screens what the fast tier calls benign, if anybody does."""
        chosen = served_of(self.quantum.verdict, self.control.verdict)
        return {"quantum": self.quantum, "control": self.control}.get(chosen or "")

    def prepared(self, numbers: Reals, words: Words) -> Reals:
        """Rows of its schema as its members take them."""
        return self.preparation.apply(numbers, words)

    def to_text(self) -> str:
        """JSON of everything that it takes to score again; the same model gives the same text."""
        plain = {
            "version": VERSION,
            "schema": self.schema,
            "preparation": self.preparation.as_json(),
            "quantum": self.quantum.as_json(),
            "control": self.control.as_json(),
            "about": msgspec.to_builtins(self.about),
        }
        return json.dumps(plain, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> TierModel:
        """Reads what :meth:`to_text` wrote.

        Raises:
            ConfigError: it is anything else.
        """
        try:
            plain = json.loads(text)
            if plain["version"] != VERSION:
                raise ValueError(f"version {plain['version']}, this is {VERSION}")
            quantum, control = Member.from_json(plain["quantum"]), Member.from_json(plain["control"])
            if not isinstance(quantum.kernel, FidelityKernel):
                raise ValueError(f"{quantum.name} is no quantum kernel")
            preparation = Preparation.from_json(plain["preparation"])
            return cls(str(plain["schema"]), preparation, quantum, control, msgspec.convert(plain["about"], About))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(f"not a model of the quantum tier: {error}", where="quantum tier") from error


def save(data: Path, model: TierModel) -> str:
    """Keep a model in a data folder; returns its hash. One that is there already stays as it is."""
    folder = data / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path, text = folder / f"{model.hash}.json", model.to_text()
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as sink:
        sink.write(text)
        sink.flush()
        os.fsync(sink.fileno())
    part.rename(path)
    return model.hash


def load(data: Path, number: str) -> TierModel:
    """The model of a hash.

    Raises:
        NotFoundError: there is none.
        TamperedError: the file is not what was saved under this hash.
        ConfigError: it is no model.
    """
    return TierModel.from_text(read(data, number))
