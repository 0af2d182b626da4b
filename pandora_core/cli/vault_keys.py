"""The commands of ``pandora vault`` on keys: slots, recipients, rotate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click

from pandora_core.cli import vault_shapes
from pandora_core.cli.output import emit, json_option, plain, say, table
from pandora_core.cli.secret_input import (
    WayOptions,
    credential_options,
    made_up,
    make_identity,
    slot_options,
    value_from,
    way_of,
    write_secret,
)
from pandora_core.errors import ConfigError, NotFoundError
from pandora_core.vault.agent.answers import EntryView, Field, SlotView
from pandora_core.vault.agent.client import Client
from pandora_core.vault.agent.protocol import Changes
from pandora_core.vault.crypto.secret import Secret

_ID_DIGITS = 8
"""So many of a slot's id are to be given at least."""


@click.group(invoke_without_command=True, short_help="The ways in: list, add, rm.")
@json_option
@click.pass_context
def slots(context: click.Context, as_json: bool) -> None:
    """The ways in: list (when nothing else is said), add, rm."""
    if context.invoked_subcommand is None:
        _emit_slots(context.obj.slots(), as_json)


@slots.command("list")
@json_option
@click.pass_obj
def list_(client: Client, as_json: bool) -> None:
    """The ways in."""
    _emit_slots(client.slots(), as_json)


@slots.command()
@click.argument("label")
@click.option("--recipient", metavar="PUBLIC", help="For who holds the identity of this recipient of the profile.")
@click.option("--split", metavar="K/N", help="Recovery shares (SLIP-39): N lists of words, any K of which open it.")
@slot_options
@json_option
@click.pass_obj
def add(client: Client, label: str, recipient: str | None, split: str | None, way: WayOptions, as_json: bool) -> None:
    """Add a way in: a passphrase (asked for), a key file, both, a recipient, or recovery shares."""
    if recipient and split:
        raise ConfigError("--recipient and --split are two ways in", hint="add them one by one")
    if split:
        _add_shares(client, label, split, as_json)
        return
    if recipient:
        slot = client.add_recipient_slot(label, recipient)
    else:
        with way_of(way, is_new=True) as given:
            slot = client.add_slot(label, given)
    emit(vault_shapes.plain(slot), as_json, lambda: f"{slot.id}  {slot.type}  {plain(slot.label)}")


@slots.command()
@click.argument("slot")
@json_option
@click.pass_obj
def rm(client: Client, slot: str, as_json: bool) -> None:
    """Close a way in, by the first digits of its id. Who may have kept the key is shut out by rotate --master."""
    found = [each.id for each in client.slots() if len(slot) >= _ID_DIGITS and each.id.startswith(slot.lower())]
    if len(found) != 1:
        raise NotFoundError(f"{plain(slot)!r} is not the id of one slot", hint="pandora vault slots")
    client.remove_slot(found[0])
    emit({"removed": found[0]}, as_json, lambda: f"{found[0]} is closed")


@click.command(short_help="Its public keys: whom to seal and send to.")
@click.option(
    "--new-identity",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Make an identity of the vault's profile, and print its recipient: for slots add --recipient, or seal --to.",
)
@json_option
@click.pass_obj
def recipients(client: Client, new_identity: Path | None, as_json: bool) -> None:
    """The vault's public keys: whom to seal, deposit and send bundles to. It may be locked."""
    found = client.recipients()
    if new_identity is not None:
        recipient = make_identity(new_identity, client.status().profile)
        emit({"identity": str(new_identity), "recipient": recipient}, as_json, lambda: recipient)
        return
    emit(
        vault_shapes.plain(found),
        as_json,
        lambda: f"sealed files\n{found.vault}\n\nbundles\n{found.bundle}\n\nsigner {found.signer_fingerprint}",
    )


@click.command(short_help="A new secret for an entry, or new keys.")
@click.argument("name", required=False)
@click.option("--epoch", "what", flag_value="epoch", help="Wrap every entry's key anew.")
@click.option(
    "--master",
    "what",
    flag_value="master",
    help="A new master key: the passphrase or key file that is given stays, others are removed.",
)
@click.option("--signing-key", "what", flag_value="signing", help="A new signing key, handed over by the old one.")
@click.option(
    "--value-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Read the new secret of NAME from a file (mode 0600).",
)
@click.option("--value-fd", type=int, metavar="N", help="Read the new secret of NAME from a file descriptor.")
@click.option("--generate", is_flag=True, help="Make the new secret of NAME here: 64 random hex digits, not shown.")
@click.option(
    "--also-key-file",
    "also",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="With --master: the slot of this key file stays too.",
)
@credential_options
@json_option
@click.pass_obj
def rotate(
    client: Client,
    name: str | None,
    what: str | None,
    value_file: Path | None,
    value_fd: int | None,
    generate: bool,
    also: tuple[Path, ...],
    way: WayOptions,
    as_json: bool,
) -> None:
    """Give the entry NAME a new secret (asked for; the old stays in its history), or the vault new keys."""
    if (name is None) == (what is None):
        raise ConfigError("say what to rotate", hint="NAME, --epoch, --master or --signing-key")
    if name is not None:
        if generate and (value_file is not None or value_fd is not None):
            raise ConfigError("a value is either made or given", hint="leave --generate out")
        entry = _rotate_entry(
            client, name, lambda label: made_up() if generate else value_from(value_file, value_fd, label)
        )
        emit(vault_shapes.entry(entry), as_json, lambda: f"{plain(entry.name)}: version {entry.version}")
        return
    if what == "master":
        with ExitStack() as held:
            ways = [held.enter_context(way_of(each)) for each in (way, *(WayOptions(key_file=path) for path in also))]
            report = client.rekey("master", ways)
    else:
        report = client.rekey(what or "")
    emit(vault_shapes.plain(report), as_json, lambda: f"epoch {report.epoch}, generation {report.generation}")
    for slot in report.removed_slots:
        say(f"slot {slot.id} ({slot.type}, {plain(slot.label)}) could not be kept: add it again")


def _rotate_entry(client: Client, name: str, read: Callable[[str], Secret]) -> EntryView:
    entry = next((each for each in client.entries() if each.name == name), None)
    if entry is None or not entry.main_field:
        raise NotFoundError(f"no entry {plain(name)!r} with a secret", hint="pandora vault list")
    with read(f"New {entry.main_field}") as value:
        shown = () if entry.main_field in entry.hidden else (entry.main_field,)
        return client.edit(name, Changes(shown=shown), [Field(entry.main_field, value)])


def _add_shares(client: Client, label: str, split: str, as_json: bool) -> None:
    threshold, slash, shares = split.partition("/")
    if not (slash and threshold.isdigit() and shares.isdigit()):
        raise ConfigError(f"--split {plain(split)} is not K/N", hint="2/3: any two of three shares")
    slot, words = client.add_shares_slot(label, int(threshold), int(shares))
    if as_json:
        lists = [share.reveal().decode() for share in words]
        emit({**vault_shapes.plain(slot), "words": lists}, as_json, str)
    else:
        say(f"{shares} shares, any {threshold} of which open the vault. Write each down apart; they are shown once.")
        for share in words:
            write_secret(share)
    for share in words:
        share.wipe()


def _emit_slots(found: list[SlotView], as_json: bool) -> None:
    rows = [(each.id, each.type, each.label, _detail(each)) for each in found]
    emit(
        vault_shapes.listing(map(vault_shapes.plain, found)),
        as_json,
        lambda: table(("slot", "type", "label", "detail"), rows, "no slots"),
    )


def _detail(slot: SlotView) -> str:
    if slot.shares:
        return f"{slot.threshold} of {slot.shares}"
    return f"Argon2id {slot.memory_mib} MiB, {slot.passes} passes" if slot.memory_mib else slot.recipient[:40]


COMMANDS = (slots, recipients, rotate)
