"""Owns the catalogue of attacks that a scenario can contain."""

from __future__ import annotations

from pandora_core.errors import ConfigError
from pandora_core.scenario.attacks.chain import Campaign
from pandora_core.scenario.attacks.chains import CHAINS
from pandora_core.scenario.world import World


def attacks() -> list[str]:
    """The names of all attacks."""
    return sorted(CHAINS)


def about(name: str) -> str:
    """What an attack is, in a line."""
    return CHAINS[name].about


def campaign(world: World) -> Campaign | None:
    """The attack of the world's plan, set into it; ``None`` where the plan wants none.

    Raises:
        ConfigError: there is no attack of that name.
    """
    name = world.plan.attack
    if name is None:
        return None
    if name not in CHAINS:
        raise ConfigError(f"no attack named {name!r}", where="scenario", hint=f"known: {', '.join(attacks())}")
    return Campaign.of(world, CHAINS[name])
