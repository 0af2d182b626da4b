"""Fixtures of the test vectors: their files, and each provider in turn."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from providing import PROVIDERS, provider_named

from pandora_core.vault.crypto.providers import Provider

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Provider:
    """Each provider in turn."""
    return provider_named(request.param)


@pytest.fixture
def vectors() -> Callable[[str], Path]:
    """Finds a file or folder of vectors by its path; skips the test where the vectors are absent."""
    folder = Path(os.environ.get("PANDORA_SHARED_VECTORS", REPOSITORY.parent / "shared" / "vectors"))

    def find(name: str) -> Path:
        found = next((place for place in (folder / name, folder / f"{name}.gz") if place.exists()), None)
        if found is None:
            reason = f"test vectors {name} are not in {folder}"
            if any(word in os.environ.get("PANDORA_REQUIRE", "") for word in ("vectors", "realdata")):
                pytest.fail(reason)
            pytest.skip(reason)
        return found

    return find


@pytest.fixture
def vector_json(vectors: Callable[[str], Path]) -> Callable[[str], Any]:
    """Reads a JSON file of vectors, compressed or not."""

    def read(name: str) -> Any:
        place = vectors(name)
        return json.loads(gzip.decompress(place.read_bytes()) if place.suffix == ".gz" else place.read_bytes())

    return read
