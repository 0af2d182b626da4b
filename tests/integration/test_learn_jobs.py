"""Training in processes of its own: killed without warning, and spread over a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pandora_core.learn.card import Recipe, Training
from pandora_core.learn.fitting.training import train, workers
from pandora_core.learn.versions.registry import Registry
from tests.unit.learn_samples import made_file, made_table


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return made_file(tmp_path / "made.csv", 300)


def start(data: Path, made: Path, trees: int) -> subprocess.Popen[str]:
    words = ["--dataset", str(made), "--label", "label", "--recipe", "forest", "--rehearsals", "2"]
    return subprocess.Popen(
        [sys.executable, "-m", "pandora_core.cli", "--data", str(data), "models", "train", *words,
         "--set", f"forest.n_estimators={trees}"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("step", [0, 2])
def test_a_training_that_is_killed_at_any_step_leaves_the_registry_byte_for_byte(tmp_path, made, step):
    data = tmp_path / "data"
    with start(data, made, 5) as whole:
        assert whole.stderr is not None
        whole.stderr.read()
    assert whole.returncode == 0
    before = files(data / "models")
    with start(data, made, 400) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if line.startswith(f"[{step}/3]"):
                break
        child.kill()
    assert child.returncode != 0
    assert files(data / "models") == before
    assert [version.card.number for version in Registry(data).versions()] == [1]


def test_a_cluster_gives_the_model_that_one_process_gives():
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    table = made_table(600)
    how = Training(Recipe({"forest": {"n_estimators": 20}, "surprise": {"bins": 8}}), seed=3, rehearsals=2)
    alone = train(table, how).model
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
        ) as cluster,
        workers(dask=cluster.scheduler_address),
    ):
        spread = train(table, how).model
    assert np.array_equal(alone.scores(table.cells()), spread.scores(table.cells()))
    assert alone.threshold == spread.threshold
