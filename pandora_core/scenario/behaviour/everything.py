"""Owns the list of all ordinary behaviours of a company."""

from __future__ import annotations

from collections.abc import Iterator

from pandora_core.scenario.behaviour import admins, machines, office, outside
from pandora_core.scenario.happenings import Burst
from pandora_core.scenario.world import World


def ordinary_life(world: World) -> list[Iterator[Burst]]:
    """One stream of bursts for each person, machine and habit, each in order of time."""
    company = world.company
    return [
        *(office.desk_life(world, person) for person in company.people),
        *(admins.administration(world, person) for person in company.administrators),
        admins.new_staff(world),
        *(machines.housekeeping(world, host) for host in company.hosts),
        *(machines.cron(world, host) for host in company.hosts if not host.is_windows),
        machines.monitoring(world),
        machines.web_checks(world),
        machines.database_sessions(world),
        machines.backup(world),
        machines.replication(world),
        machines.vulnerability_scans(world),
        machines.deployment(world),
        machines.forgotten_account(world),
        outside.visitors(world),
        outside.mail_flow(world),
        outside.background_scans(world),
        outside.ssh_knocking(world),
        outside.web_probing(world),
    ]
