"""Fixtures shared by all tests: the real log sets, unpacked once per test run."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes depends on what else the machine does; what it shows does not.
settings.register_profile("pandora", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pandora")

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("PANDORA_SLOW") == "1":
        return
    skip = pytest.mark.skip(reason="a long campaign: set PANDORA_SLOW=1 to run it")
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared_data(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Unpacks a real log set by name (``sshd``) and gives its folder; skips the test where the sets are absent."""
    folder = Path(os.environ.get("PANDORA_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    unpacked: dict[str, Path] = {}

    def unpack(name: str) -> Path:
        archive = folder / f"{name}.tar.xz"
        if not archive.exists():
            reason = f"real data set {name} is not at {archive}"
            if "realdata" in os.environ.get("PANDORA_REQUIRE", ""):
                pytest.fail(reason)
            pytest.skip(reason)
        if name not in unpacked:
            target = tmp_path_factory.mktemp(name)
            with tarfile.open(archive) as tar:
                tar.extractall(target, filter="data")
            unpacked[name] = target
        return unpacked[name]

    return unpack
