"""``pandora graph``: shapes of docs/cli.md, both walks in every answer, and plain words where evidence is missing."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pandora_core.cli.main import root
from pandora_core.errors import ConfigError, NotFoundError, StoreError
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer, event_tuple
from tests.unit.graph_samples import intrusion, office

BOTH = {"random walk", "quantum walk"}

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graph")
    folder.chmod(0o700)
    events = sorted([*office(), *intrusion()], key=lambda one: one.at_us)
    store = Store(folder / FILE_NAME)
    Writer(store).commit(Batch(events=[event_tuple(n, 1, 0, 1, n, one) for n, one in enumerate(events, 1)]))
    store.close()
    return folder


@pytest.fixture
def ask(data: Path) -> Ask:
    """Runs a command with ``--json`` and reads its answer."""
    return lambda *arguments: json.loads(run(data, *arguments, "--json").stdout)


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(root, ["--data", str(data), "graph", *arguments], catch_exceptions=False)


def test_rank_puts_the_intruders_moves_first_and_takes_their_bits_apart(ask: Ask) -> None:
    answer = ask("rank")
    first = answer["items"][0]
    assert (first["source"], first["target"], first["user"]) == ("WS-2", "WS-7", "boss")
    assert first["bits"] == pytest.approx(sum(part["bits"] for part in first["parts"]), abs=0.06)
    assert set(first["walks"]) == BOTH
    assert answer["contest"]["used"] == "random walk"
    assert answer["chains"][0]["words"] == "WS-2 → WS-7 → DB-1 as boss"
    assert answer["verdict"] is None
    assert {"PageRank", "quantum PageRank"} == set(answer["hosts"][0]["standing"])


def test_rank_of_an_earlier_time_knows_nothing_of_later_moves(ask: Ask) -> None:
    answer = ask("rank", "--at", "2026-03-09T00:00:00")
    assert answer["at"] == "2026-03-09T00:00:00.000000Z"
    assert all(item["first_seen"] < "2026-03-09" for item in answer["items"])


def test_rank_since_a_time_leaves_out_what_was_known_before(ask: Ask) -> None:
    assert {item["target"] for item in ask("rank", "--since", "2026-03-10T00:00:00")["items"]} == {"WS-7", "DB-1"}


def test_without_log_ons_rank_says_that_evidence_is_insufficient(data: Path) -> None:
    said = run(data, "rank", "--at", "2020-01-01").stdout
    assert said.startswith("insufficient evidence: no log-on is known")


def test_a_host_shows_its_edges_and_where_walks_from_it_lead(ask: Ask) -> None:
    answer = ask("host", "db-1")
    assert answer["host"] == "DB-1"
    assert {item["source"] for item in answer["items"]} == {"JUMP-1", "WS-7"}
    assert {walk["walk"] for walk in answer["walks"]} == BOTH


def test_an_edge_says_who_took_it_and_what_is_unusual(ask: Ask) -> None:
    answer = ask("edge", "ws-2", "ws-7")
    assert [item["user"] for item in answer["items"]] == ["boss"]
    assert answer["moves"][0]["as_strong_before"] == 0


def test_paths_lead_to_what_must_not_fall_with_evidence_for_each_hop(ask: Ask) -> None:
    answer = ask("paths", "WS-2", "--jewel", "DB-1")
    steps = answer["items"][0]["steps"]
    assert [step["target"] for step in steps] == ["WS-7", "DB-1"]
    assert all(step["evidence"] for step in steps)
    assert {walk["walk"] for walk in answer["walks"]} == BOTH
    assert all(walk["chances"][0]["host"] == "DB-1" for walk in answer["walks"])


def test_paths_without_anything_to_protect_say_so(data: Path) -> None:
    assert "insufficient evidence: no host is tagged jewel" in run(data, "paths", "WS-2").stdout


def test_the_blast_radius_grows_with_time(ask: Ask) -> None:
    answer = ask("blast", "WS-2")
    for item in answer["items"]:
        chances = [within["chance"] for within in item["within"]]
        assert chances == sorted(chances)
    assert "WS-7" in {item["host"] for item in answer["items"]}


def test_what_if_names_the_accounts_and_the_hosts_that_they_open(ask: Ask) -> None:
    answer = ask("what-if", "WS-2", "--jewel", "DB-1")
    assert "boss" in answer["accounts"]
    assert "WS-7" in answer["opens"]
    assert [item["host"] for item in answer["jewels"]] == ["DB-1"]


def test_contain_shows_exact_annealing_and_qaoa_side_by_side(ask: Ask) -> None:
    answer = ask("contain", "WS-2", "--jewel", "DB-1")
    by_solver = {item["solver"]: item for item in answer["items"]}
    assert {"exact", "blocking only", "annealing", "QAOA p=1", "QAOA p=2", "QAOA p=3"} == set(by_solver)
    exact = by_solver["exact"]["plan"]
    assert exact["optimal"]
    assert all(item["plan"]["cost"] >= exact["cost"] for item in by_solver.values() if item["plan"])
    assert by_solver["QAOA p=1"]["simulated"]
    assert answer["served"]["cost"] == exact["cost"]


def test_a_plan_is_written_as_a_private_checklist_and_never_over_another(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "plan.md"
    command = ("contain", "WS-2", "--jewel", "DB-1", "--checklist", str(target))
    run(data, *command)
    text = target.read_text()
    assert "- [ ] block log-ons:" in text
    assert "Pandora did not act on the network." in text
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with pytest.raises(StoreError, match="File exists"):
        run(data, *command)


def test_what_must_not_be_touched_is_not_in_the_plan(ask: Ask) -> None:
    plan = ask("contain", "WS-2", "--jewel", "DB-1", "--keep", "WS-7", "--keep", "boss")["served"]
    assert {"WS-7", "boss"}.isdisjoint(measure["name"] for measure in plan["measures"])


def test_export_writes_the_whole_graph(data: Path, ask: Ask, tmp_path: Path) -> None:
    done = ask("export", str(tmp_path / "graph.json"))
    written = json.loads((tmp_path / "graph.json").read_text())
    assert done["hosts"] == len(written["hosts"]) == 17
    assert done["edges"] == len(written["edges"])


def test_a_walk_tells_both_walks(data: Path) -> None:
    said = run(data, "walk", "WS-2").stdout
    assert "the random walk from WS-2: " in said
    assert "the quantum walk from WS-2: " in said


def test_a_walk_as_a_circuit_is_close_to_the_exact_walk_and_labelled_as_simulated(ask: Ask) -> None:
    pytest.importorskip("qiskit_aer")
    circuit = ask("walk", "WS-2", "--circuit", "--shots", "2000")["circuit"]
    assert circuit["simulated"]
    assert len(circuit["hosts"]) == 16
    assert circuit["trotter_distance"] < 0.05
    assert circuit["measured_distance"] < 0.15


def test_a_walk_is_queued_as_a_job_for_any_backend(ask: Ask, data: Path) -> None:
    job = ask("walk", "WS-2", "--queue", "aer", "--shots", "500")["job"]
    shown = CliRunner().invoke(root, ["--data", str(data), "jobs", "show", job, "--json"], catch_exceptions=False)
    found = json.loads(shown.stdout)
    assert (found["id"], found["state"], found["kind"]) == (job, "QUEUED", "walk")


def test_mistakes_are_explained(data: Path) -> None:
    with pytest.raises(NotFoundError, match="no host 'nobody'"):
        run(data, "host", "nobody")
    with pytest.raises(ConfigError, match="'soon' is no time"):
        run(data, "rank", "--at", "soon")


def test_nodes_lists_hosts_users_and_services_by_their_ties(ask: Ask) -> None:
    answer = ask("nodes", "--kind", "user", "--limit", "1")
    assert answer["items"][0]["node"] == "user:boss"
    assert answer["counts"] == {"host": 17, "user": 13, "service": 4}


def test_ties_tell_where_an_account_logs_on_and_from_where(ask: Ask, data: Path) -> None:
    answer = ask("ties", "user:boss")
    found = {(one["kind"], one["target"]) for one in answer["items"]}
    assert {("used at", "JUMP-1"), ("network log-on", "WS-7")} <= found
    assert {one["source"] for one in ask("ties", "service:log-on on WS-7")["items"]} == {
        "WS-2",
        "service:log-on on WS-7",
    }
    with pytest.raises(NotFoundError):
        run(data, "ties", "user:nobody")


def test_the_export_has_typed_nodes_and_ties(data: Path, tmp_path: Path) -> None:
    run(data, "export", str(tmp_path / "graph.json"))
    graph = json.loads((tmp_path / "graph.json").read_text("utf-8"))
    assert {one["kind"] for one in graph["nodes"]} == {"host", "user", "service"}
    names = {one["node"] for one in graph["nodes"]}
    assert all({one["source"], one["target"]} <= names for one in graph["ties"])
