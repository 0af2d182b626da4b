"""Owns the attacks: each a timeline that can be read from top to bottom, hours after its beginning at the left."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

from pandora_core.scenario.attacks import entry, goals, reach
from pandora_core.scenario.attacks.cast import (
    Cast,
    Ground,
    on_controller,
    on_deploy,
    on_entry,
    on_first,
    on_hop,
    on_last,
    on_outside,
    on_second,
    on_victim,
)
from pandora_core.scenario.attacks.chain import Chain, Step
from pandora_core.scenario.attacks.hops import Hop, Way
from pandora_core.scenario.dice import Dice

_WAYS_TO_CREDENTIALS = (
    ("T1110.003", reach.spray_password),
    ("T1558.003", reach.ask_for_weak_tickets),
    ("T1003.001", reach.read_logon_secrets),
)
_WAYS_TO_MOVE = (Way.SERVICE, Way.TASK, Way.WMI, Way.WINRM, Way.WINRM, Way.DESKTOP)
_WAYS_WITH_A_HASH = (Way.SERVICE, Way.SERVICE, Way.TASK, Way.WMI)
"""What the tools that take a hash instead of a password do."""
_HOP_H = 0.6
_stolen, _service, _made = attrgetter("stolen"), attrgetter("service"), attrgetter("made")
_keys = ("root", entry.WEAK_LOGIN, "git")
"""Whose ssh keys lie about on servers."""


def _way_in(dice: Dice) -> tuple[Step, ...]:
    """From a mail to a program that takes orders."""
    return (
        Step(0.00, "initial-access", "T1566.002", on_victim, entry.open_lure),
        Step(0.10, "execution", "T1059.001", on_victim, entry.run_loader),
        Step(0.15, "command-and-control", "T1071.001", on_victim, entry.beacon),
        Step(0.60, "discovery", "T1087.002", on_victim, reach.ask_around),
    )


def _hops(
    dice: Dice,
    after_h: float,
    numbers: range,
    account: Callable[[Cast], str],
    ways: tuple[Way, ...] = _WAYS_TO_MOVE,
    *,
    by_hash: bool = False,
) -> tuple[Step, ...]:
    """One host after the other, each from the one before."""
    hops = [(n, Hop(n, dice.pick(ways), account, by_hash=by_hash)) for n in numbers]
    return tuple(
        Step(after_h + _HOP_H * place, "lateral-movement", hop.technique, on_hop(n), hop, hop.moves)
        for place, (n, hop) in enumerate(hops)
    )


def _foothold(dice: Dice, hops: int) -> tuple[Step, ...]:
    """From a mail to the last host of the path: how intrusions and ransomware begin alike."""
    first_way, second_way = dice.sample(_WAYS_TO_CREDENTIALS, 2)
    return (
        *_way_in(dice),
        Step(1.10, "discovery", "T1046", on_victim, reach.scan_from_victim),
        Step(2.10, "credential-access", first_way[0], on_victim, first_way[1]),
        Step(3.00, "credential-access", second_way[0], on_victim, second_way[1]),
        *_hops(dice, 3.9, range(hops), _stolen),
    )


def _intrusion(dice: Dice, hops: int) -> tuple[Step, ...]:
    end_h = 3.9 + _HOP_H * hops
    return (
        *_foothold(dice, hops),
        Step(end_h, "persistence", "T1136.002", on_controller, reach.make_account),
        Step(end_h + 0.4, "collection", "T1039", on_first, goals.gather_with_stolen_account),
        Step(end_h + 1.6, "exfiltration", "T1041", on_first, goals.upload_from_first),
    )


def _ransomware(dice: Dice, hops: int) -> tuple[Step, ...]:
    end_h = 3.9 + _HOP_H * hops
    return (
        *_foothold(dice, hops),
        Step(end_h, "defense-evasion", "T1070.001", on_first, reach.clear_logs),
        Step(end_h + 0.4, "impact", "T1490", on_first, goals.prevent_recovery),
        Step(end_h + 0.6, "impact", "T1486", on_second, goals.encrypt_shares),
    )


def _ssh_bruteforce(dice: Dice, hops: int) -> tuple[Step, ...]:
    return (
        Step(0.00, "reconnaissance", "T1595.001", on_outside, entry.look_at_dmz),
        Step(0.40, "credential-access", "T1110.001", on_outside, entry.guess_passwords),
        Step(1.60, "initial-access", "T1078", on_entry, entry.log_in_with_guess, entry.guess_moves),
        Step(1.80, "privilege-escalation", "T1548.003", on_entry, entry.become_root),
        Step(2.10, "command-and-control", "T1105", on_entry, entry.fetch_tools),
        Step(2.60, "discovery", "T1046", on_entry, reach.scan_from_entry),
        Step(3.60, "lateral-movement", "T1021.004", on_entry, reach.move_by_ssh),
        Step(4.80, "exfiltration", "T1041", on_entry, goals.upload_from_entry),
    )


def _insider(dice: Dice, hops: int) -> tuple[Step, ...]:
    return (
        Step(0.00, "initial-access", "T1078.002", on_victim, goals.stay_late),
        Step(0.30, "credential-access", "T1110.001", on_victim, reach.use_colleagues_account),
        Step(0.80, "collection", "T1039", on_victim, goals.gather_as_victim),
        Step(2.40, "exfiltration", "T1567.002", on_victim, goals.upload_to_file_drop),
    )


def _supply_chain(dice: Dice, hops: int) -> tuple[Step, ...]:
    return (
        Step(0.00, "initial-access", "T1195.002", on_deploy, entry.take_poisoned_update),
        Step(0.10, "command-and-control", "T1071.001", on_deploy, entry.beacon_from_server),
        Step(1.20, "lateral-movement", "T1072", on_victim, entry.push_poisoned_agent),
        Step(1.60, "command-and-control", "T1071.004", on_victim, entry.beacon_by_dns),
        Step(2.50, "discovery", "T1087.002", on_victim, reach.ask_around),
        Step(3.40, "credential-access", "T1003.006", on_controller, reach.copy_directory, reach.copy_moves),
        Step(4.30, "persistence", "T1136.002", on_controller, reach.make_account),
        Step(5.50, "exfiltration", "T1048.003", on_victim, goals.carry_off_by_dns),
    )


def _stolen_admin(dice: Dice, hops: int) -> tuple[Step, ...]:
    return (
        *_way_in(dice),
        Step(1.20, "credential-access", "T1003.001", on_victim, reach.read_logon_secrets),
        *_hops(dice, 1.8, range(hops), _stolen),
        Step(2.0 + _HOP_H * hops, "exfiltration", "T1041", on_last, goals.upload_from_last),
    )


def _new_account(dice: Dice, hops: int) -> tuple[Step, ...]:
    return (
        *_way_in(dice),
        Step(1.20, "credential-access", "T1003.001", on_victim, reach.read_logon_secrets),
        *_hops(dice, 1.8, range(1), _stolen),
        Step(2.60, "persistence", "T1136.002", on_controller, reach.make_account),
        *_hops(dice, 3.2, range(1, hops), _made),
        Step(3.0 + _HOP_H * hops, "exfiltration", "T1041", on_last, goals.upload_from_last),
    )


def _service_account(dice: Dice, hops: int) -> tuple[Step, ...]:
    return (
        *_way_in(dice),
        Step(1.20, "credential-access", "T1558.003", on_victim, reach.ask_for_weak_tickets),
        *_hops(dice, 3.0, range(hops), _service),
        Step(3.2 + _HOP_H * hops, "exfiltration", "T1041", on_last, goals.upload_from_last),
    )


def _pass_the_hash(dice: Dice, hops: int) -> tuple[Step, ...]:
    return (
        *_way_in(dice),
        Step(1.20, "credential-access", "T1003.001", on_victim, reach.read_logon_secrets),
        *_hops(dice, 1.8, range(hops), _stolen, _WAYS_WITH_A_HASH, by_hash=True),
        Step(2.0 + _HOP_H * hops, "exfiltration", "T1041", on_last, goals.upload_from_last),
    )


def _ssh_hops(dice: Dice, hops: int) -> tuple[Step, ...]:
    login = dice.pick(_keys)
    return (
        *_way_in(dice),
        Step(1.20, "credential-access", "T1552.004", on_victim, reach.look_for_keys),
        *_hops(dice, 1.8, range(1), _stolen, (Way.SSH,)),
        *_hops(dice, 2.4, range(1, hops), lambda cast: login, (Way.SSH,)),
        Step(2.2 + _HOP_H * hops, "exfiltration", "T1041", on_last, goals.upload_from_last),
    )


CHAINS = {
    chain.name: chain
    for chain in (
        Chain(
            "intrusion",
            "a phished desk, stolen credentials, servers taken one by one, files carried off",
            9.5,
            _intrusion,
        ),
        Chain("ransomware", "the same way in; then backups deleted and shared files encrypted", 10.0, _ransomware),
        Chain(
            "ssh-bruteforce",
            "passwords guessed on a DMZ host from the internet, then inside by ssh",
            3.0,
            _ssh_bruteforce,
            needs_victim_at_work=False,
        ),
        Chain("insider", "somebody of the staff stays late and takes shared files along", 18.7, _insider),
        Chain("supply-chain", "a poisoned update of the deployment tool, low and slow over DNS", 9.0, _supply_chain),
        Chain(
            "stolen-admin",
            "a phished desk, an administrator's password read there, host after host with it",
            9.2,
            _stolen_admin,
            ground=Ground.ANYWHERE,
        ),
        Chain(
            "new-account",
            "a phished desk, an account of its own made for the domain, host after host with it",
            9.2,
            _new_account,
            ground=Ground.ANYWHERE,
        ),
        Chain(
            "service-account",
            "a phished desk, a service's password guessed from its tickets, host after host with it",
            9.2,
            _service_account,
            ground=Ground.ANYWHERE,
        ),
        Chain(
            "pass-the-hash",
            "a phished desk, an administrator's hash used without the password, host after host",
            9.2,
            _pass_the_hash,
            ground=Ground.ANYWHERE,
        ),
        Chain(
            "ssh-hops",
            "a phished desk, an administrator's ssh key, Linux server after Linux server",
            9.2,
            _ssh_hops,
            ground=Ground.LINUX,
        ),
    )
}
