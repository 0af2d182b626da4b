"""Escalations and IBM Quantum, with the real client against a stand-in on loopback: with consent and not without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from escalating import Scene, flow
from queueing import Desk, now_us
from remoting import remote_of

from pandora_core.detect.incidents.assessment import Outcome
from pandora_core.quantum.ibm.remote import RemoteDesk
from tests.ibm_stand_in import Platform, Server


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    made.now_us = now_us()
    yield made
    made.store.close()


@pytest.fixture
def remote(scene: Scene, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteDesk]:
    server.platform = Platform()
    made = remote_of(scene.jobs, scene.data, server, monkeypatch)
    yield made
    made.close()


def run(scene: Scene, remote: RemoteDesk) -> None:
    desk = Desk(scene.data)
    with desk.queue(remote=remote) as queue:
        desk.finished(queue, scene.job())
    desk.store.close()
    scene.now_us = now_us()


def test_with_consent_the_figure_of_hardware_stands_beside_the_control(
    scene: Scene, remote: RemoteDesk, server: Server
) -> None:
    alert = scene.alert(flow(1), flow(2))
    scene.escalator(backend="ibm", ibm_consent=True).tend()
    run(scene, remote)
    scene.escalator(backend="ibm", ibm_consent=True).tend()
    (found,) = scene.assessments(alert.id)
    assert found.outcome is Outcome.DONE, found
    assert found.label == "hardware: ibm_manila"
    assert found.quantum is not None
    assert found.control is not None
    assert len(found.events) == 1
    assert len(server.platform.jobs) == 1


def test_without_consent_nothing_reaches_ibm(scene: Scene, remote: RemoteDesk, server: Server) -> None:
    alert = scene.alert(flow(1))
    scene.escalator(backend="ibm").tend()
    run(scene, remote)
    scene.escalator(backend="ibm").tend()
    (found,) = scene.assessments(alert.id)
    assert found.outcome is Outcome.DONE, found
    assert found.label.startswith("simulated")
    assert "consented" in found.why
    assert server.platform.requests == []
