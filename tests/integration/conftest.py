"""Fixtures of the tests with real processes."""

from __future__ import annotations

from remoting import server
from vaulting import place, vault_template

__all__ = ["place", "server", "vault_template"]
