"""Owns the benchmark's rows, its classical answer and the figures of all that answered, on the same rows."""

from __future__ import annotations

import json
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pandora_core.quantum.jobs.work import VqcWork
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.kernels import RbfKernel
from pandora_core.quantum.models.states import Reals
from pandora_core.quantum.models.svm import train_classifier
from pandora_core.quantum.models.vqc import Ansatz, Vqc, train

Labels = NDArray[np.int64]


class Answered(NamedTuple):
    """One way of answering the test rows. Times are in seconds; what does not apply is ``None``."""

    name: str
    label: str
    accuracy: float
    submit_s: float | None
    queue_s: float | None
    execute_s: float
    total_s: float
    job: str | None = None


class Problem(NamedTuple):
    """Made-up rows of two classes that no straight line divides, and a classifier trained on them."""

    train_rows: Reals
    train_labels: Labels
    rows: Reals
    labels: Labels
    model: Vqc

    @property
    def work(self) -> VqcWork:
        """The test rows as a job."""
        return VqcWork(json.loads(self.model.to_text()), self.rows.tolist())


def problem(qubits: int, rows: int, seed: int) -> Problem:
    """Class 1 is where the product of the first two features is positive; a tenth of the labels is wrong."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.0, 1.0, (3 * rows, qubits))
    y = (x[:, 0] * x[:, 1 % qubits] > 0).astype(np.int64) ^ (rng.random(len(x)) < 0.1)
    feature_map, ansatz = FeatureMap(qubits, reps=1, bandwidth=0.5), Ansatz(qubits, reps=3)
    model = train(feature_map, ansatz, x[rows:], y[rows:].astype(np.float64), rng, iterations=200).model
    return Problem(x[rows:], y[rows:], x[:rows], y[:rows], model)


def classical(given: Problem) -> Answered:
    """A support vector machine with an RBF kernel."""
    machine = train_classifier(RbfKernel(1.0), given.train_rows, given.train_labels.astype(np.float64))
    begun = time.perf_counter()
    found = machine.scores(given.rows) > 0
    took = time.perf_counter() - begun
    return Answered("classical", "RBF support vectors", _share(found, given.labels), None, None, took, took)


def exact(given: Problem) -> Answered:
    """The classifier by exact statevectors in NumPy."""
    begun = time.perf_counter()
    found = given.model.probabilities(given.rows) > 0.5
    took = time.perf_counter() - begun
    label = "simulated: NumPy, exact statevector"
    return Answered("NumPy", label, _share(found, given.labels), None, None, took, took)


def accuracy(given: Problem, chances: list[float]) -> float:
    """The share of test rows that chances of class 1 get right."""
    return _share(np.array(chances) > 0.5, given.labels)


def _share(found: NDArray[np.bool_], labels: Labels) -> float:
    return float(np.mean(found == (labels == 1)))
