"""Labelled data of every layout, and what is told of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pandora_core.errors import SourceError
from pandora_core.learn.datasets import Columns, is_benign, kind_of, load
from pandora_core.learn.profile import About, overlap, profile
from pandora_core.learn.table import Table
from tests.unit.learn_samples import flow, made_table

ZEROS = ",".join(["0"] * 37)


def nsl_line(kind: str, size: int) -> str:
    return f"0,tcp,http,SF,{size},{ZEROS.rpartition(',')[0]},{kind},21"


def test_nsl_kdd_is_known_by_its_columns(tmp_path):
    path = tmp_path / "made.txt"
    path.write_text("\n".join([nsl_line("normal", 1), nsl_line("smurf", 2), "short,line", nsl_line("smurf.", 3)]))
    loaded = load(path)
    assert (loaded.layout, loaded.table.schema.id, loaded.left_out) == ("nsl-kdd", "nsl-kdd/1", 1)
    assert loaded.table.kinds.tolist() == ["", "smurf", "smurf"]
    assert loaded.table.numbers[:, 1].tolist() == [1, 2, 3]
    assert loaded.table.categories[0].tolist() == ["tcp", "http", "SF"]


def test_a_table_of_any_columns_needs_its_label_named(tmp_path):
    path = tmp_path / "made.csv"
    path.write_text("when,size,colour,who,class\n2024-01-02,5,red,a,benign\n2024-01-01,,blue,b,worm\n")
    loaded = load(path, columns=Columns("class", "when", ("who",)))
    assert loaded.table.schema.columns == ("size", "colour")
    assert loaded.table.kinds.tolist() == ["worm", ""]
    assert loaded.table.at_us is not None
    assert loaded.table.at_us[0] < loaded.table.at_us[1]
    with pytest.raises(SourceError, match="no column 'nothing'"):
        load(path, columns=Columns("nothing"))


def test_ndjson_is_read_like_csv_and_a_bad_line_is_named(tmp_path):
    path = tmp_path / "made.ndjson"
    path.write_text('{"a": 1, "label": 0}\n{"a": 2, "label": 1}\n')
    assert load(path, columns=Columns("label")).table.kinds.tolist() == ["", "1"]
    path.write_text('{"a": 1, "label": 0}\n[broken\n')
    with pytest.raises(SourceError, match=":2"):
        load(path, columns=Columns("label"))


def test_a_labelled_zeek_log_is_flows_with_types(tmp_path):
    common = {"_path": "conn", "id.orig_h": "10.0.0.1", "id.orig_p": 5, "proto": "tcp", "conn_state": "SF"}
    common |= {"id.resp_h": "192.0.2.1", "id.resp_p": 80, "detailedlabel": "Botnet"}
    labels = ["Benign", "Malicious", "Unknown"]
    rows = [{**common, "ts": 1700000000 + n, "uid": f"C{n}", "label": label} for n, label in enumerate(labels)]
    path = tmp_path / "conn.log"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    loaded = load(path)
    assert (loaded.table.schema.id, loaded.left_out) == ("flow/1", 1)
    assert loaded.table.kinds.tolist() == ["", "Botnet"]


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"label.flow": 0, "label.attack_category": 0}, ""),
        ({"label.flow": 1, "label.attack_category": "Exploits"}, "Exploits"),
        ({"label.flow": "flow=From-Botnet-V42-TCP"}, "flow=From-Botnet-V42-TCP"),
        ({"label.flow": "flow=Background-UDP"}, ""),
        ({"label.class": "Malicious"}, "Malicious"),
        ({}, None),
    ],
)
def test_a_label_is_read_as_its_data_set_means_it(more, kind):
    assert kind_of(flow(0, **more)) == kind


def test_normal_is_a_word_and_not_a_part_of_one():
    assert is_benign(" Normal ")
    assert not is_benign("abnormal")


def test_a_folder_of_the_simulator_takes_its_labels_from_the_truth(tmp_path):
    from pandora_core.scenario import Plan, generate

    generate(Plan(hosts=10, days=0.2, attack="intrusion", seed=3), tmp_path / "company")
    loaded = load(tmp_path / "company")
    assert loaded.table.schema.id == "flow/1"
    assert 0 < loaded.table.is_attack.sum() < len(loaded.table) / 2
    assert load(tmp_path / "company").sha256 == loaded.sha256


def test_what_is_no_table_and_no_log_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear all,\nnothing to see.\n")
    with pytest.raises(SourceError, match="--label"):
        load(path)
    with pytest.raises(SourceError, match="no such file"):
        load(Path(tmp_path / "gone"))


def test_a_profile_warns_of_what_would_mislead(tmp_path):
    path = tmp_path / "made.csv"
    lines = [f"{n},{int(n > 50)},{n % 3},7,{'attack' if n > 50 else 'normal'}" for n in range(100)]
    path.write_text("id,leak,x,same,label\n" + "\n".join(lines + lines[:30]))
    row = profile(load(path, columns=Columns("label", ignored=("id",))), About("made", str(path)))
    told = " ".join(row.warnings)
    assert "same in every row: same" in told
    assert "give the label away (ROC-AUC of the column alone): leak" in told
    assert "repeat another one" in told
    assert (row.rows, row.attacks, row.types) == (130, 49, {"attack": 49, "benign": 81})
    assert {column.name: column.distinct for column in row.columns} == {"leak": 2, "x": 3, "same": 1}


def test_rows_that_two_sets_share_are_counted():
    table: Table = made_table(100)
    assert overlap(table, table) == 1.0
    assert overlap(table, made_table(100, seed=9)) == 0.0
