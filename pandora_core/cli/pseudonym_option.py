"""Owns the options that give out pseudonyms in place of people's and hosts' names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import click

from pandora_core import bootstrap
from pandora_core.cli.output import say
from pandora_core.errors import ConfigError, NotFoundError

Command = TypeVar("Command", bound=Callable[..., Any])


class Naming(NamedTuple):
    """How people and hosts are named in what is given out."""

    data: Path | None
    pseudonyms: bool
    names_to: Path | None

    def apply(self, shape: Any, *, as_json: bool = True) -> Any:
        """The shape, under pseudonyms if that was asked for.

        Raises:
            ConfigError: it was asked for of what is not JSON, or the key is too short.
            VaultLockedError: the key is in the vault, which is locked.
            NotFoundError: there is no key.
        """
        if not self.pseudonyms:
            if self.names_to is not None:
                raise ConfigError("--names-to tells whom pseudonyms stand for", hint="give --pseudonyms with it")
            return shape
        if not as_json:
            raise ConfigError("pseudonyms are for what is given out as JSON", hint="give --json with --pseudonyms")
        from pandora_core.pseudonyms import Pseudonyms
        from pandora_core.vault.agent import credentials

        try:
            key = credentials.lease(bootstrap.settings_of(self.data).data, credentials.PSEUDONYM_KEY)
        except NotFoundError as error:
            raise NotFoundError(
                "there is no pseudonym key", where=error.where, hint="pandora vault put pseudonym-key --generate"
            ) from None
        with key:
            pseudonyms = Pseudonyms(key.reveal())
        replaced = pseudonyms.replace(shape)
        if self.names_to is not None:
            bootstrap.write_private(self.names_to, bootstrap.to_json(pseudonyms.names) + "\n")
            say(f"whom they stand for is in {self.names_to}: keep it here")
        return replaced


def pseudonym_options(command: Command) -> Command:
    """``--pseudonyms`` and ``--names-to`` as one argument ``naming``; goes under ``click.pass_obj``."""

    @functools.wraps(command)
    def gathered(data: Path | None, *args: Any, pseudonyms: bool, names_to: Path | None, **options: Any) -> Any:
        return command(data, *args, naming=Naming(data, pseudonyms, names_to), **options)

    wrapped: Any = gathered
    for option in (
        click.option(
            "--names-to", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
            help="With --pseudonyms: write whom they stand for into a private file.",
        ),
        click.option(
            "--pseudonyms", is_flag=True,
            help="Name people and hosts by keyed pseudonyms (the vault's pseudonym-key); raw lines are left out.",
        ),
    ):  # fmt: skip
        wrapped = option(wrapped)
    return cast(Command, wrapped)
