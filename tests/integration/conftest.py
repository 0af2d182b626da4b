"""Fixtures of the tests with real processes."""

from __future__ import annotations

from vaulting import place, vault_template

__all__ = ["place", "vault_template"]
