"""Owns the finding and loading of extensions through entry points of the groups ``pandora.*``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pandora_core.errors import PluginError


def names(group: str) -> list[str]:
    """Names registered in ``pandora.<group>``, sorted, without importing any of them."""
    return sorted(_points(group))


def load(group: str, name: str) -> Any:
    """Import one extension of ``pandora.<group>``.

    Raises:
        PluginError: nothing of that name is registered, or its import failed.
    """
    point = _points(group).get(name)
    if point is None:
        raise PluginError(
            f"no {group} named {name!r}", where=f"pandora.{group}", hint=f"known: {', '.join(names(group)) or 'none'}"
        )
    try:
        return point.load()
    except Exception as error:
        raise PluginError(
            f"{name!r} failed to load: {type(error).__name__}: {error}",
            where=f"{point.group} = {point.value}",
            hint="reinstall or remove the package that registers it",
        ) from error


def load_all(group: str) -> dict[str, Any]:
    """Import every extension of ``pandora.<group>``; the first that fails raises :class:`PluginError`."""
    return {name: load(group, name) for name in names(group)}


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"pandora.{group}")}
