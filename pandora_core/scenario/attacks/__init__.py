"""Owns the catalogue of attacks that a scenario can contain."""

from __future__ import annotations

from pandora_core.errors import ConfigError
from pandora_core.scenario.attacks.chain import Campaign, Chain
from pandora_core.scenario.attacks.chains import CHAINS
from pandora_core.scenario.world import World


def attacks() -> list[str]:
    """The names of all attacks."""
    return sorted(CHAINS)


def about(name: str) -> str:
    """What an attack is, in a line."""
    return CHAINS[name].about


def campaigns(world: World) -> tuple[Campaign, ...]:
    """The attacks of the world's plan, set into it.

    Raises:
        ConfigError: there is no attack of that name.
    """
    return tuple(
        Campaign.of(world, _chain(wanted.name), wanted, number)
        for number, wanted in enumerate(world.plan.attacks, start=1)
    )


def _chain(name: str) -> Chain:
    if name not in CHAINS:
        raise ConfigError(f"no attack {name!r}", where="scenario", hint=f"known: {', '.join(attacks())}")
    return CHAINS[name]
