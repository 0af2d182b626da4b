"""The real client of IBM Quantum against a stand-in on loopback, for tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from queueing import now_us

from pandora_core.quantum.ibm.remote import RemoteDesk, RemoteOptions
from pandora_core.quantum.ibm.rest import Access
from pandora_core.store.jobs import Jobs
from tests import ibm_stand_in
from tests.ibm_stand_in import Server

OPTIONS = RemoteOptions(deadline_s=10.0, poll_s=0.05, grace_s=2.0)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One a file; its platform is replaced for every test."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        os.environ.pop(name, None)
    made = ibm_stand_in.serve()
    yield made
    made.shutdown()
    made.server_close()


def remote_of(
    jobs: Jobs,
    data: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    *,
    instance: str = ibm_stand_in.CRN,
    options: RemoteOptions = OPTIONS,
) -> RemoteDesk:
    """Who takes care of remote jobs, on the way to the stand-in."""
    monkeypatch.setenv("IAM_URL", server.url)
    monkeypatch.setenv("NO_PROXY", "")
    access = Access("token", instance, "http://cloud.test", server.url)
    return RemoteDesk(jobs, lambda: access, data / "ibm.log", now_us, options)
