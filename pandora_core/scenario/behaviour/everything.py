"""Owns the list of all ordinary behaviours of a company."""

from __future__ import annotations

from collections.abc import Iterator

from pandora_core.scenario.behaviour import admins, machines, office, outside, upkeep
from pandora_core.scenario.happenings import Burst
from pandora_core.scenario.plan import LOGONS
from pandora_core.scenario.world import World


def ordinary_life(world: World) -> list[Iterator[Burst]]:
    """One stream of bursts for each person, machine and habit, each in order of time."""
    return [*_with_logons(world), *([] if world.plan.only == LOGONS else _without_logons(world))]


def _with_logons(world: World) -> list[Iterator[Burst]]:
    company = world.company
    return [
        *(office.desk_life(world, person) for person in company.people),
        *(admins.administration(world, person) for person in company.administrators),
        *(machines.housekeeping(world, host) for host in company.hosts),
        machines.backup(world),
        machines.replication(world),
        machines.vulnerability_scans(world),
        machines.deployment(world),
        machines.forgotten_account(world),
        *(upkeep.changed_password(world, person) for person in company.people),
        upkeep.changed_service_password(world),
        outside.ssh_knocking(world),
    ]


def _without_logons(world: World) -> list[Iterator[Burst]]:
    """What leaves no log-on anywhere: left out where a plan wants log-ons only."""
    return [
        admins.new_staff(world),
        *(machines.cron(world, host) for host in world.company.hosts if not host.is_windows),
        machines.monitoring(world),
        machines.web_checks(world),
        upkeep.updates(world),
        upkeep.browser_updates(world),
        upkeep.cloud_backup(world),
        upkeep.failures(world),
        machines.database_sessions(world),
        outside.visitors(world),
        outside.mail_flow(world),
        outside.background_scans(world),
        outside.web_probing(world),
    ]
