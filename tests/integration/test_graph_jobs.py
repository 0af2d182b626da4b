"""The walk around a host as a job on IBM's machines, with the real client against a stand-in on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from queueing import Desk
from remoting import remote_of

from pandora_core.quantum.jobs.walk_task import task_of, work_of
from pandora_core.store.job_rows import JobState
from tests.ibm_stand_in import Platform, Server
from tests.unit.graph_samples import graph_of, intrusion, office


def test_the_walk_around_a_host_comes_back_with_its_distance_to_the_exact_walk(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.platform = Platform()
    desk = Desk(tmp_path)
    remote = remote_of(desk.jobs, desk.data, server, monkeypatch)
    moment = graph_of([*office(), *intrusion()]).at()
    job = desk.submit(work_of(task_of(moment, "WS-2")), backend="ibm")
    with desk.queue(remote=remote) as queue:
        (done,) = desk.finished(queue, job)
    result = json.loads(desk.jobs.result(job.id) or b"")
    remote.close()
    desk.store.close()
    assert (done.state, done.facts.simulated) == (JobState.DONE, False)
    assert done.facts.label.startswith("hardware: ")
    assert 0 <= result["values"]["distance"] <= 1
    assert set(result["values"]["chances"]) <= set(moment.hosts)
