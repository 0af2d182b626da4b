"""The commands of ``pandora vault`` that write entries: put, deposit, edit, rm."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import click

from pandora_core.cli import vault_shapes
from pandora_core.cli.output import emit, json_option, plain
from pandora_core.cli.secret_input import made_up, value_from
from pandora_core.errors import ConfigError
from pandora_core.vault.agent.answers import EntryView, Field
from pandora_core.vault.agent.client import Client
from pandora_core.vault.agent.protocol import Changes, Draft
from pandora_core.vault.crypto import totp
from pandora_core.vault.crypto.secret import Secret

Command = TypeVar("Command", bound=Callable[..., Any])
MAIN_FIELDS = {
    "token": "token",
    "login": "password",
    "note": "text",
    "totp": "seed",
    "key": "key",
}


class Given(NamedTuple):
    """What of an entry's content the options say."""

    shown: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    value_file: Path | None = None
    value_fd: int | None = None
    generate: bool = False


def _value_options(command: Command) -> Command:
    """The options that give values, as one argument ``given``."""

    @functools.wraps(command)
    def gathered(*args: Any, **options: Any) -> Any:
        said = {name: options.pop(name) for name in Given._fields}
        return command(*args, given=Given(**said), **options)

    wrapped: Any = gathered
    for option in (
        click.option("--generate", is_flag=True, help="Make the secret value here: 64 random hex digits, not shown."),
        click.option("--value-fd", type=int, metavar="N", help="Read the secret value from a file descriptor."),
        click.option(
            "--value-file", type=click.Path(path_type=Path), metavar="FILE", help="Read it from a file (mode 0600)."
        ),
        click.option(
            "--secret", multiple=True, metavar="FIELD", help="A field that is masked; its value is asked for."
        ),
        click.option(
            "--set",
            "shown",
            multiple=True,
            metavar="FIELD=VALUE",
            help="A field that is no secret, such as user=alice.",
        ),
    ):
        wrapped = option(wrapped)
    return cast(Command, wrapped)


def _draft_options(command: Command) -> Command:
    wrapped: Any = command
    for option in (
        click.option("--note", default="", help="Text that is no secret."),
        click.option("--tag", "tags", multiple=True, help="A word to find it by; may be given again."),
        click.option("--kind", type=click.Choice(list(MAIN_FIELDS)), default="token", show_default=True),
    ):
        wrapped = option(wrapped)
    return cast(Command, wrapped)


@click.command()
@click.argument("name")
@_draft_options
@_value_options
@json_option
@click.pass_obj
def put(client: Client, name: str, kind: str, tags: tuple[str, ...], note: str, given: Given, as_json: bool) -> None:
    """Add an entry. Its secret is asked for, unless --value-file or --value-fd gives it.

    A token has the field token, a login password, a note text, a totp seed, a key key; --secret names others.
    """
    with _fields(given, MAIN_FIELDS[kind]) as (fields, hidden):
        draft = Draft(name=name, kind=kind, tags=tags, note=note, hidden=hidden)
        _emit_entry(client.put(draft, fields), as_json)


@click.command(short_help="Leave an entry; the vault may be locked.")
@click.argument("name")
@_draft_options
@_value_options
@json_option
@click.pass_obj
def deposit(
    client: Client, name: str, kind: str, tags: tuple[str, ...], note: str, given: Given, as_json: bool
) -> None:
    """Leave an entry in a vault that may be locked; it is taken in at the next unlock."""
    with _fields(given, MAIN_FIELDS[kind]) as (fields, hidden):
        draft = Draft(name=name, kind=kind, tags=tags, note=note, hidden=hidden)
        client.deposit(draft, fields)
    emit({"deposited": name}, as_json, lambda: f"{plain(name)} waits for the next unlock")


@click.command(short_help="Change an entry.")
@click.argument("name")
@click.option("--name", "new_name", help="Another name.")
@click.option("--tag", "tags", multiple=True, help="The tags it is to have; replaces all.")
@click.option("--no-tags", is_flag=True, help="Take all tags away.")
@click.option("--note", help="Another note.")
@click.option("--drop", "removed", multiple=True, metavar="FIELD", help="Take a field away.")
@_value_options
@json_option
@click.pass_obj
def edit(
    client: Client,
    name: str,
    new_name: str | None,
    tags: tuple[str, ...],
    no_tags: bool,
    note: str | None,
    removed: tuple[str, ...],
    given: Given,
    as_json: bool,
) -> None:
    """Change an entry; the version before stays in its history."""
    with _fields(given, "") as (fields, hidden):
        shown = tuple(field.name for field in fields if field.name not in hidden)
        changes = Changes(
            name=new_name, tags=tags if tags or no_tags else None, note=note, shown=shown, removed=removed
        )
        _emit_entry(client.edit(name, changes, fields), as_json)


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def rm(client: Client, name: str, yes: bool, as_json: bool) -> None:
    """Take an entry away, with its history."""
    if not yes:
        click.confirm(f"Take {plain(name)} away, with all its versions?", abort=True, err=True)
    client.remove(name)
    emit({"removed": name}, as_json, lambda: f"{plain(name)} is gone")


@contextmanager
def _fields(given: Given, main: str) -> Iterator[tuple[list[Field], tuple[str, ...]]]:
    """The fields that are given and the names of those that are masked; the values are wiped afterwards."""
    hidden = given.secret or ((main,) if main else ())
    by_stream = given.value_file is not None or given.value_fd is not None
    if by_stream and given.generate:
        raise ConfigError("a value is either made or given", hint="leave --generate out")
    if (by_stream or given.generate) and len(hidden) != 1:
        raise ConfigError("--value-file, --value-fd and --generate are for one field", hint="name it with --secret")
    with ExitStack() as held:
        fields = []
        for pair in given.shown:
            name, equals, text = pair.partition("=")
            if not equals:
                raise ConfigError(f"--set {plain(name)} has no value", hint="--set FIELD=VALUE")
            fields.append(Field(name, held.enter_context(Secret.copy_of(text.encode()))))
        for name in hidden:
            value = made_up() if given.generate else value_from(given.value_file, given.value_fd, name.capitalize())
            fields.append(Field(name, held.enter_context(value)))
            if name == main == MAIN_FIELDS["totp"]:
                totp.read_seed(value)[1].wipe()  # what gives no codes is told of now, not when one is needed
        yield fields, hidden


def _emit_entry(entry: EntryView, as_json: bool) -> None:
    emit(vault_shapes.entry(entry), as_json, lambda: f"{plain(entry.name)}: version {entry.version}")


COMMANDS = (put, deposit, edit, rm)
