"""The commands of ``pandora vault`` that show entries: get, list, history."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack

import click

from pandora_core.cli import clipboard, vault_shapes
from pandora_core.cli.output import emit, json_option, plain, say, table
from pandora_core.cli.secret_input import write_secret
from pandora_core.errors import ConfigError
from pandora_core.vault.agent.answers import EntryView, Opened
from pandora_core.vault.agent.client import Client
from pandora_core.vault.crypto import totp
from pandora_core.vault.crypto.secret import Secret

_MASK = "••••••••"


@click.command(short_help="Show an entry, or one of its values.")
@click.argument("name")
@click.option("--field", metavar="FIELD", help="Print this value alone, and nothing else.")
@click.option(
    "--clip", is_flag=True, help="Copy it to the terminal's clipboard (OSC 52), and clear that after a time."
)
@click.option(
    "--clear-after",
    type=click.IntRange(0, 3600),
    default=clipboard.CLEAR_AFTER_S,
    show_default=True,
    metavar="SECONDS",
    help="For --clip.",
)
@click.option("--code", is_flag=True, help="The one-time password of the moment (TOTP), instead of its seed.")
@click.option("--version", type=int, help="An older version.")
@json_option
@click.pass_obj
def get(
    client: Client,
    name: str,
    field: str | None,
    clip: bool,
    clear_after: int,
    code: bool,
    version: int | None,
    as_json: bool,
) -> None:
    """Show an entry, its secrets masked; --field, --code and --json give the values themselves."""
    if as_json and (clip or code or field is not None):
        raise ConfigError("--json gives all fields", hint="leave --field, --code and --clip out")
    with client.get(name, version) as opened, ExitStack() as held:
        if clip or code or field is not None:
            value = opened.value(field or "")
            chosen = held.enter_context(_one_time(value)) if code else value
            _copy(chosen, clear_after) if clip else write_secret(chosen)
        else:
            emit(vault_shapes.opened(opened) if as_json else {}, as_json, lambda: _masked(opened))


@click.command("list", short_help="Entries by name, kind or tag.")
@click.argument("words", nargs=-1)
@json_option
@click.pass_obj
def list_(client: Client, words: tuple[str, ...], as_json: bool) -> None:
    """Entries whose name, kind or tags hold all of these words; no values."""
    found = [entry for entry in client.entries() if _matches(entry, words)]
    rows = [(each.name, each.kind, ", ".join(each.tags), vault_shapes.at(each.changed_ms)[:16]) for each in found]
    emit(
        vault_shapes.listing(map(vault_shapes.entry, found)),
        as_json,
        lambda: table(("name", "kind", "tags", "changed"), rows, "no entries"),
    )


@click.command()
@click.argument("name")
@json_option
@click.pass_obj
def history(client: Client, name: str, as_json: bool) -> None:
    """The versions of an entry, newest first."""
    found = client.history(name)
    rows = [(each.version, vault_shapes.at(each.changed_ms)[:19], ", ".join(each.fields)) for each in found]
    emit(
        vault_shapes.listing(map(vault_shapes.entry, found)),
        as_json,
        lambda: table(("version", "changed", "fields"), rows),
    )


def _copy(secret: Secret, clear_after_s: int) -> None:
    clipboard.copy(secret, clear_after_s)
    say(f"copied; the clipboard is cleared in {clear_after_s} s")
    if said := clipboard.warning(os.environ):
        say(said)


def _one_time(written: Secret) -> Secret:
    recipe, seed = totp.read_seed(written)
    with seed:
        return Secret.copy_of(recipe.code(seed, time.time()).digits.encode())


def _masked(opened: Opened) -> str:
    entry = opened.entry
    lines = [f"{plain(entry.name)}  ({entry.kind}, version {entry.version})"]
    if entry.tags:
        lines.append(f"tags: {plain(', '.join(entry.tags))}")
    if entry.note:
        lines.append(f"note: {plain(entry.note)}")
    for name, value in opened.fields:
        text = _MASK if name in entry.hidden else plain(value.reveal().decode("utf-8", "replace"))
        lines.append(f"{plain(name)}: {text}")
    return "\n".join(lines)


def _matches(entry: EntryView, words: Sequence[str]) -> bool:
    text = " ".join((entry.name, entry.kind, *entry.tags)).casefold()
    return all(word.casefold() in text for word in words)


COMMANDS = (get, list_, history)
