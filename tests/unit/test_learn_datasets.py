"""Labelled data of every layout, and what is told of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pandora_core.errors import SourceError
from pandora_core.learn.data import derived
from pandora_core.learn.data.datasets import Columns, is_benign, kind_of, load
from pandora_core.learn.data.profile import About, overlap, profile
from pandora_core.learn.data.unsw import UNSW_NB15
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


UNSW_HEADER = ",".join(["id", "proto", "service", "state", *UNSW_NB15.numbers, "attack_cat", "label"])


def unsw_line(number: int, kind: str, label: int) -> str:
    return ",".join([str(number), "tcp", "-", "FIN", *(["1.5"] * len(UNSW_NB15.numbers)), kind, str(label)])


def test_the_unsw_sets_of_45_columns_are_known_by_their_header(tmp_path):
    path = tmp_path / "UNSW_NB15_training-set.csv"
    rows = [unsw_line(1, "Normal", 0), unsw_line(2, "Exploits", 1), unsw_line(3, "", 1), "4,cut,short"]
    path.write_text("\ufeff" + "\n".join([UNSW_HEADER, *rows]))
    loaded = load(path)
    assert loaded.layout == "unsw-nb15"
    assert loaded.table.kinds.tolist() == ["", "Exploits", "attack"]
    assert loaded.left_out == 1
    assert len(UNSW_HEADER.split(",")) == 45
    assert "id" not in loaded.table.schema.columns
    assert not loaded.table.schema.is_live


def log_csv(path: Path) -> Path:
    rows = [
        "at,user,message,label",
        "2024-01-06T23:59:00Z,ann,Accepted password for ann port 5011,normal",
        "2024-01-06T23:59:30Z,ann,Accepted password for ann port 6022,normal",
        "2024-01-07T00:00:00Z,bob,Failed password for bob port 1,guessing",
        "2024-01-08T12:00:00Z,ann,Failed password for ann port 2,guessing",
    ]
    path.write_text("\n".join(rows))
    return path


def column(table: Table, name: str) -> list[float]:
    return table.numbers[:, table.schema.numbers.index(name)].tolist()


def test_messages_that_differ_in_numbers_alone_have_the_same_n_grams(tmp_path):
    columns = Columns("label", time="at", texts=("message",), ignored=("user",))
    table = load(log_csv(tmp_path / "log.csv"), columns=columns).table
    grams = table.numbers[:, : len(derived.ngram_names("message"))]
    assert table.schema.numbers[0] == "message~00"
    assert np.array_equal(grams[0], grams[1])
    assert not np.array_equal(grams[0], grams[2])
    assert np.linalg.norm(grams, axis=1) == pytest.approx(1.0)


def test_an_entity_has_a_window_that_slides_and_knows_nothing_of_what_comes_after(tmp_path):
    columns = Columns("label", time="at", entity="user", ignored=("message",))
    table = load(log_csv(tmp_path / "log.csv"), columns=columns).table
    assert column(table, "entity_rows_60s") == [1, 2, 1, 1]
    idle = column(table, "entity_idle_s")
    assert np.isnan(idle[0])
    assert np.isnan(idle[2])
    assert idle[1] == 30
    assert "user" not in table.schema.columns


def test_midnight_has_no_edge_and_the_weekend_is_told(tmp_path):
    columns = Columns("label", time="at", temporal=True, ignored=("message", "user"))
    table = load(log_csv(tmp_path / "log.csv"), columns=columns).table
    assert column(table, "is_weekend") == [1, 1, 1, 0]
    assert column(table, "day_cos")[0] == pytest.approx(column(table, "day_cos")[2], abs=0.01)
    assert column(table, "day_cos")[3] == pytest.approx(-1.0)


def test_a_past_without_times_is_refused(tmp_path):
    with pytest.raises(SourceError, match="what happened when"):
        load(log_csv(tmp_path / "log.csv"), columns=Columns("label", entity="user"))
    with pytest.raises(SourceError, match="no column 'text'"):
        load(log_csv(tmp_path / "log.csv"), columns=Columns("label", texts=("text",)))
