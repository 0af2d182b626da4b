"""The providers of post-quantum algorithms as a fixture's parameters; skips, or fails, where liboqs is absent."""

from __future__ import annotations

import os

import pytest

from pandora_core.vault.crypto import providers
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.providers.liboqs import HOW_TO_GET_IT

PROVIDERS = [pytest.param("pyca", id="pyca"), pytest.param("liboqs", marks=pytest.mark.liboqs, id="liboqs")]


def provider_named(name: str) -> Provider:
    if name == "liboqs" and not providers.is_liboqs_present():
        reason = f"liboqs: its shared library is not found; {HOW_TO_GET_IT}"
        if "liboqs" in os.environ.get("PANDORA_REQUIRE", ""):
            pytest.fail(reason)
        pytest.skip(reason)
    return providers.choose(name)
