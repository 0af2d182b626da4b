"""The command ``pandora vault``: making it, its state, unlocking and locking; its other commands stand beside it."""

from __future__ import annotations

import click

from pandora_core import config
from pandora_core.cli import vault_entries, vault_files, vault_keys, vault_shapes, vault_show, vault_trust
from pandora_core.cli.output import counted, emit, json_option, plain, say
from pandora_core.cli.secret_input import WayOptions, slot_options, unlocking_options, way_of
from pandora_core.vault.agent.answers import VaultStatus
from pandora_core.vault.agent.client import Client
from pandora_core.vault.agent.hardening import keep_quiet
from pandora_core.vault.agent.protocol import AUTO_LOCK_BOUNDS_S, AUTO_LOCK_S


@click.group()
@click.pass_context
def vault(context: click.Context) -> None:
    """Tokens, credentials, notes and evidence, sealed with post-quantum keys.

    A process of its own, the vault agent, opens the vault; it starts when it is needed. Unlock once, then scripts,
    the engine and the console can use it until it locks itself again. Secrets are asked for at the terminal, or come
    by file or file descriptor, never as an argument.
    """
    keep_quiet("pandora")
    context.obj = Client(config.prepare_data_dir(config.load(context.obj).data))


@vault.command(short_help="Make a vault.")
@click.option(
    "--profile",
    type=click.Choice(["high", "standard", "cnsa"]),
    default="high",
    show_default=True,
    help="The algorithms, for the life of the vault: high is ML-KEM-1024 with P-384 and ML-DSA-87, standard is "
    "ML-KEM-768 with X25519 (as age) and ML-DSA-65, cnsa is ML-KEM-1024 alone and ML-DSA-87.",
)
@slot_options
@json_option
@click.pass_obj
def init(client: Client, profile: str, way: WayOptions, as_json: bool) -> None:
    """Make a vault that opens with a passphrase, a key file, or both; it is unlocked afterwards."""
    with way_of(way, is_new=True) as given:
        found = client.init(given, profile)
    _emit_status(found, as_json)
    say("make recovery shares now: pandora vault slots add recovery --split 2/3")


@vault.command(short_help="Whether it is locked; what is leased.")
@json_option
@click.pass_obj
def status(client: Client, as_json: bool) -> None:
    """Whether it is locked, what is leased, and whether its integrity was verified."""
    _emit_status(client.status(), as_json)


@vault.command()
@click.option("--lease", "leases", multiple=True, metavar="NAME", help="Keep this entry readable after locking.")
@click.option(
    "--lock-after",
    type=click.FloatRange(*AUTO_LOCK_BOUNDS_S),
    default=AUTO_LOCK_S,
    show_default=True,
    metavar="SECONDS",
    help="Lock after this long without use.",
)
@unlocking_options
@json_option
@click.pass_obj
def unlock(client: Client, leases: tuple[str, ...], lock_after: float, way: WayOptions, as_json: bool) -> None:
    """Unlock, with the passphrase or another way in.

    For a machine without people: pandora vault unlock --key-file FILE --lease ibm-quantum
    """
    with way_of(way) as given:
        found = client.unlock(given, leases, lock_after)
    _emit_status(found, as_json)


@vault.command(short_help="Lock; leased entries stay readable.")
@click.option("--all", "end_leases", is_flag=True, help="End the leases too.")
@click.option("--stop", is_flag=True, help="End the leases too, and the vault agent.")
@json_option
@click.pass_obj
def lock(client: Client, end_leases: bool, stop: bool, as_json: bool) -> None:
    """Lock. Leased entries stay readable, unless --all."""
    if stop:
        client.stop()
        _emit_status(client.status(), as_json)
        return
    _emit_status(client.lock(end_leases=end_leases), as_json)


for _command in (
    *vault_entries.COMMANDS,
    *vault_files.COMMANDS,
    *vault_keys.COMMANDS,
    *vault_show.COMMANDS,
    *vault_trust.COMMANDS,
):
    vault.add_command(_command)


def _emit_status(found: VaultStatus, as_json: bool) -> None:
    emit(vault_shapes.status(found), as_json, lambda: _status_text(found))


def _status_text(found: VaultStatus) -> str:
    if found.state == "absent":
        return "there is no vault yet: pandora vault init"
    lines = [found.state]
    if found.vault_id:
        ways, waiting = counted(found.slots, "slot"), counted(found.deposits, "deposit")
        lines.append(f"profile {found.profile}, by {found.provider}; {ways}, {waiting}")
    if found.integrity:
        freshness = f", freshness {found.freshness}" if found.freshness else ""
        lines.append(f"integrity {found.integrity}{freshness}")
    if found.locks_in_s is not None:
        entries = counted(found.entries, "entry", "entries")
        lines.append(f"{entries}; locks in {found.locks_in_s:.0f} s without use")
        if found.taken_in:
            lines.append(f"taken in from deposits: {plain(', '.join(found.taken_in))}")
        if found.refused_deposits:
            lines.append(f"{counted(found.refused_deposits, 'deposit')} could not be opened, and stay where they are")
    if found.leases:
        lines.append("leased: " + ", ".join(lease.name for lease in found.leases))
    return "\n".join(lines)
