"""`pandora datasets` and `pandora models` as a person runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pandora_core.cli.main import root
from pandora_core.errors import ConfigError, RefusedError
from pandora_core.learn.versions import signing
from tests.unit.learn_samples import made_file


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return made_file(tmp_path / "made.csv", 400)


def run(data: Path, *words: str) -> dict:
    done = CliRunner().invoke(root, ["--data", str(data), *words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def train(data: Path, made: Path, *more: str) -> dict:
    words = ("--recipe", "surprise", "--rehearsals", "2", "--label", "label")
    return run(data, "models", "train", "--dataset", str(made), *words, *more)


def test_a_model_is_trained_judged_shown_and_exported(tmp_path, made):
    data = tmp_path / "data"
    trained = train(data, made, "--name", "mine", "--test-share", "0.3")
    assert (trained["number"], trained["state"], trained["divided_by"]) == (1, "benchmark", "random")
    assert trained["figures"]["roc_auc"]["low"] <= trained["figures"]["roc_auc"]["value"]
    judged = run(data, "models", "evaluate", "--dataset", str(made), "--label", "label", "--rounds", "10")
    assert judged["threshold"] == trained["threshold"]
    assert judged["confusion"]["true_positives"] + judged["confusion"]["false_negatives"] == judged["attacks"]
    assert len(judged["roc_curve"]["x"]) == len(judged["roc_curve"]["y"])
    assert [row["number"] for row in run(data, "models", "list")["items"]] == [1]
    assert run(data, "models", "show", "1")["evaluations"][0]["figures"]["rows"] == 400
    run(data, "models", "export", "1", str(tmp_path / "mine.zip"))
    assert (tmp_path / "mine.zip").exists()


def test_lineage_goes_back_to_the_source_and_its_privacy(tmp_path, made):
    data = tmp_path / "data"
    row = run(data, "datasets", "import", str(made), "--label", "label", "--licence", "own", "--sensitive")
    train(data, made)
    told = {(each["kind"], each["what"]) for each in run(data, "models", "lineage", "1")["items"]}
    assert ("privacy", "sensitive") in told
    assert any(kind == "source" and row["id"] in what for kind, what in told)
    assert {"feature", "transformation", "model", "statistics", "pipeline run"} <= {kind for kind, _ in told}
    features = run(data, "models", "lineage", "1", "--kind", "feature")["items"]
    assert [row["what"] for row in features] == ["size", "rate", "noise", "service", "flag"]


def test_reports_on_a_version_are_kept_for_the_screen(tmp_path, made):
    data, on = tmp_path / "data", ("--dataset", str(made), "--label", "label")
    train(data, made)
    assert run(data, "models", "report", "1") == {}
    judged = run(data, "models", "evaluate", *on, "--rounds", "5")
    needed = run(data, "models", "importance", *on)
    learnt = run(data, "models", "learning-curve", *on)
    assert needed["items"][0]["lost"] >= needed["items"][-1]["lost"]
    assert [point["rows"] for point in learnt["items"]] == sorted(point["rows"] for point in learnt["items"])
    kept = run(data, "models", "report", "1")
    assert kept == {"evaluate": judged, "importance": needed, "learning-curve": learnt}


def test_a_version_travels_as_a_file(tmp_path, made):
    train(tmp_path / "a", made, "--name", "mine")
    run(tmp_path / "a", "models", "export", "1", str(tmp_path / "mine.zip"))
    taken = run(tmp_path / "b", "models", "import", str(tmp_path / "mine.zip"))
    assert (taken["number"], taken["name"], taken["state"]) == (1, "mine", "benchmark")


def test_a_table_that_was_imported_needs_its_label_said_only_once(tmp_path, made):
    data = tmp_path / "data"
    row = run(data, "datasets", "import", str(made), "--label", "label", "--ignore", "noise")
    assert (row["meaning"]["label"], row["meaning"]["ignored"]) == ("label", ["noise"])
    run(data, "models", "train", "--dataset", "made", "--recipe", "surprise", "--rehearsals", "2")
    assert run(data, "models", "evaluate", "--dataset", "made", "--rounds", "2")["rows"] == 400


def test_the_same_seed_gives_the_same_figures(tmp_path, made):
    first, second = (train(tmp_path / name, made, "--seed", "5", "--test-share", "0.3") for name in ("a", "b"))
    assert first["figures"] == second["figures"]
    assert first["threshold"] == second["threshold"]


def test_wrong_parameters_are_refused_before_anything_is_trained(tmp_path, made):
    words = ["models", "train", "--dataset", str(made), "--label", "label"]
    for more in (["--recipe", "oracle"], ["--set", "tree.x=1"], ["--set", "preparation.crystals=1"]):
        with pytest.raises(ConfigError):
            run(tmp_path / "data", *words, *more)
    with pytest.raises(RefusedError, match="no times"):
        run(tmp_path / "data", *words, "--split", "time")


def test_a_search_and_an_attack_on_the_model_print_their_tables(tmp_path, made):
    data = tmp_path / "data"
    train(data, made)
    found = run(
        data, "models", "search", "--dataset", str(made), "--label", "label", "--recipe", "surprise",
        "--rehearsals", "2", "--grid", "surprise.bins=4,8",
    )  # fmt: skip
    assert len(found["items"]) == 2
    losses = run(data, "models", "robustness", "--dataset", str(made), "--label", "label")
    assert [row["what"] for row in losses["items"]] == ["as it is", "padded at random", "padded by search"]


def test_ctrl_c_ends_a_training_and_leaves_the_registry_as_it_was(tmp_path, made):
    data = tmp_path / "data"
    words = ["models", "train", "--dataset", str(made), "--label", "label", "--set", "forest.n_estimators=20000"]
    with subprocess.Popen(
        [sys.executable, "-m", "pandora_core.cli", "--data", str(data), *words],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as child:  # fmt: skip
        assert child.stderr is not None
        assert child.stderr.readline().startswith("[0/5]")
        child.send_signal(signal.SIGINT)
        said = child.stderr.read()
    assert child.returncode == 130
    assert "Traceback" not in said
    assert not list(data.rglob("*.skops"))
    assert not list(data.rglob(".draft-*"))


def test_a_model_is_signed_by_the_key_at_hand_and_then_held_to_it(tmp_path, made, monkeypatch):
    monkeypatch.setenv("PANDORA_SECRET_MODEL_SIGNING", "07" * 32)
    data = tmp_path / "data"
    assert run(data, "models", "key")["algorithm"] == signing.ALGORITHM
    assert train(data, made)["is_signed"] is True
    monkeypatch.setenv("PANDORA_SECRET_MODEL_SIGNING", "08" * 32)
    run(data, "models", "key")
    with pytest.raises(RefusedError, match="not trusted"):
        run(data, "models", "evaluate", "--dataset", str(made), "--label", "label")


def test_verdicts_on_alerts_become_labelled_flows(tmp_path):
    data, logs = tmp_path / "data", tmp_path / "logs"
    logs.mkdir()
    head = "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label\n"
    cells = "0.0,tcp,10.0.0.9,{from_port},  ->,10.0.0.20,{port},S_RA,0,0,2,120,60,"
    rows = [
        f"2024/05/01 10:00:{n // 10:02d}.{n % 10}00000," + cells.format(from_port=40_000 + n, port=n + 1)
        for n in range(300)
    ]
    (logs / "scan.binetflow").write_text(head + "\n".join(rows) + "\n")
    run(data, "ingest", str(logs))
    (alert, *_) = run(data, "alerts", "list")["items"]
    run(data, "alerts", "verdict", alert["id"], "true-positive")
    row = run(data, "datasets", "import", "verdicts", "--sensitive")
    assert (row["layout"], row["schema"]) == ("verdicts", "flow/1")
    assert row["attacks"] == row["rows"] > 0
