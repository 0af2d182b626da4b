"""Fixtures of the vault's tests."""

from __future__ import annotations

import pytest
from providing import PROVIDERS, provider_named

from pandora_core.vault.crypto.providers import Provider


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Provider:
    """Each provider in turn."""
    return provider_named(request.param)
