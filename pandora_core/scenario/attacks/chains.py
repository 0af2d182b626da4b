"""Owns the attacks: each a timeline that can be read from top to bottom, hours after its beginning at the left."""

from __future__ import annotations

from pandora_core.scenario.attacks import entry, goals, reach
from pandora_core.scenario.attacks.chain import (
    Chain,
    Step,
    on_controller,
    on_deploy,
    on_entry,
    on_first,
    on_outside,
    on_second,
    on_victim,
)
from pandora_core.scenario.dice import Dice

_WAYS_TO_CREDENTIALS = (
    ("T1110.003", reach.spray_password),
    ("T1558.003", reach.ask_for_weak_tickets),
    ("T1003.001", reach.read_logon_secrets),
)
_WAYS_TO_MOVE = (
    ("T1021.002", reach.move_by_service),
    ("T1053.005", reach.move_by_task),
    ("T1047", reach.move_by_wmi),
)


def _foothold(dice: Dice) -> tuple[Step, ...]:
    """From a mail to the first server: how intrusions and ransomware begin alike."""
    first_way, second_way = dice.sample(_WAYS_TO_CREDENTIALS, 2)
    movement = dice.pick(_WAYS_TO_MOVE)
    return (
        Step(0.00, "initial-access", "T1566.002", on_victim, entry.open_lure),
        Step(0.10, "execution", "T1059.001", on_victim, entry.run_loader),
        Step(0.15, "command-and-control", "T1071.001", on_victim, entry.beacon),
        Step(0.60, "discovery", "T1087.002", on_victim, reach.ask_around),
        Step(1.10, "discovery", "T1046", on_victim, reach.scan_from_victim),
        Step(2.10, "credential-access", first_way[0], on_victim, first_way[1]),
        Step(3.00, "credential-access", second_way[0], on_victim, second_way[1]),
        Step(3.90, "lateral-movement", movement[0], on_first, movement[1]),
        Step(4.60, "lateral-movement", "T1021.006", on_second, reach.move_on),
    )


def _intrusion(dice: Dice) -> tuple[Step, ...]:
    return (
        *_foothold(dice),
        Step(5.40, "persistence", "T1136.002", on_controller, reach.make_account),
        Step(5.80, "collection", "T1039", on_first, goals.gather_with_stolen_account),
        Step(7.00, "exfiltration", "T1041", on_first, goals.upload_from_first),
    )


def _ransomware(dice: Dice) -> tuple[Step, ...]:
    return (
        *_foothold(dice),
        Step(5.60, "defense-evasion", "T1070.001", on_first, reach.clear_logs),
        Step(6.00, "impact", "T1490", on_first, goals.prevent_recovery),
        Step(6.20, "impact", "T1486", on_second, goals.encrypt_shares),
    )


def _ssh_bruteforce(dice: Dice) -> tuple[Step, ...]:
    return (
        Step(0.00, "reconnaissance", "T1595.001", on_outside, entry.look_at_dmz),
        Step(0.40, "credential-access", "T1110.001", on_outside, entry.guess_passwords),
        Step(1.60, "initial-access", "T1078", on_entry, entry.log_in_with_guess),
        Step(1.80, "privilege-escalation", "T1548.003", on_entry, entry.become_root),
        Step(2.10, "command-and-control", "T1105", on_entry, entry.fetch_tools),
        Step(2.60, "discovery", "T1046", on_entry, reach.scan_from_entry),
        Step(3.60, "lateral-movement", "T1021.004", on_entry, reach.move_by_ssh),
        Step(4.80, "exfiltration", "T1041", on_entry, goals.upload_from_entry),
    )


def _insider(dice: Dice) -> tuple[Step, ...]:
    return (
        Step(0.00, "initial-access", "T1078.002", on_victim, goals.stay_late),
        Step(0.30, "credential-access", "T1110.001", on_victim, reach.use_colleagues_account),
        Step(0.80, "collection", "T1039", on_victim, goals.gather_as_victim),
        Step(2.40, "exfiltration", "T1567.002", on_victim, goals.upload_to_file_drop),
    )


def _supply_chain(dice: Dice) -> tuple[Step, ...]:
    return (
        Step(0.00, "initial-access", "T1195.002", on_deploy, entry.take_poisoned_update),
        Step(0.10, "command-and-control", "T1071.001", on_deploy, entry.beacon_from_server),
        Step(1.20, "lateral-movement", "T1072", on_victim, entry.push_poisoned_agent),
        Step(1.60, "command-and-control", "T1071.004", on_victim, entry.beacon_by_dns),
        Step(2.50, "discovery", "T1087.002", on_victim, reach.ask_around),
        Step(3.40, "credential-access", "T1003.006", on_controller, reach.copy_directory),
        Step(4.30, "persistence", "T1136.002", on_controller, reach.make_account),
        Step(5.50, "exfiltration", "T1048.003", on_victim, goals.carry_off_by_dns),
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
        ),
        Chain("insider", "somebody of the staff stays late and takes shared files along", 18.7, _insider),
        Chain("supply-chain", "a poisoned update of the deployment tool, low and slow over DNS", 9.0, _supply_chain),
    )
}
