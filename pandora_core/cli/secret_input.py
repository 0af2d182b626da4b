"""Owns how secrets come to a command: by prompt, file descriptor or file, never as an argument."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import termios
from binascii import hexlify
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import click

from pandora_core.cli.output import say
from pandora_core.errors import ConfigError, PandoraError
from pandora_core.vault.agent.client import Way
from pandora_core.vault.agent.secret_sources import passphrase_secret, read_secret, read_secret_file
from pandora_core.vault.crypto.secret import Secret

Command = TypeVar("Command", bound=Callable[..., Any])
_SHORT_BYTES = 12
_LINE_LIMIT_BYTES = 4096


class WayOptions(NamedTuple):
    """What was said about how to unlock, or how a new slot is to be unlocked."""

    passphrase_file: Path | None = None
    passphrase_fd: int | None = None
    key_file: Path | None = None
    with_passphrase: bool = False
    identity_file: Path | None = None
    shares: bool = False
    new_key_file: Path | None = None


_FILE = click.Path(path_type=Path)
_CREDENTIALS = (
    click.option(
        "--passphrase-file", type=_FILE, metavar="FILE", help="Read the passphrase from a file (mode 0600)."
    ),
    click.option("--passphrase-fd", type=int, metavar="N", help="Read the passphrase from a file descriptor."),
    click.option("--key-file", type=_FILE, metavar="FILE", help="Use a key file, and no passphrase."),
    click.option("--with-passphrase", is_flag=True, help="Ask for a passphrase beside the key file."),
)
_OTHER_WAYS = (
    click.option("--identity-file", type=_FILE, metavar="FILE", help="Use the identity of a recipient's slot."),
    click.option("--shares", is_flag=True, help="Ask for recovery shares."),
)
_NEW_WAYS = (
    click.option("--new-key-file", type=_FILE, metavar="FILE", help="Make a key file, and use it like --key-file."),
)


def unlocking_options(command: Command) -> Command:
    """The options of a way in that exists, as one argument ``way``."""
    return _gather(command, _CREDENTIALS + _OTHER_WAYS)


def credential_options(command: Command) -> Command:
    """A passphrase or a key file that exists, as one argument ``way``."""
    return _gather(command, _CREDENTIALS)


def slot_options(command: Command) -> Command:
    """The options of a way in that is to be made, as one argument ``way``."""
    return _gather(command, _CREDENTIALS + _NEW_WAYS)


def _gather(command: Command, options: Sequence[Callable[[Any], Any]]) -> Command:
    @functools.wraps(command)
    def gathered(*args: Any, **given: Any) -> Any:
        said = {name: given.pop(name) for name in WayOptions._fields if name in given}
        return command(*args, way=WayOptions(**said), **given)

    wrapped: Any = gathered
    for option in reversed(options):
        wrapped = option(wrapped)
    return cast(Command, wrapped)


@contextlib.contextmanager
def way_of(options: WayOptions, *, is_new: bool = False) -> Iterator[Way]:
    """What the options ask for, wiped afterwards; prompts for a passphrase when nothing else is given."""
    with contextlib.ExitStack() as held:

        def keep(secret: Secret | None) -> Secret | None:
            return held.enter_context(secret) if secret is not None else None

        passphrase = keep(_passphrase(options, is_new=is_new))
        key_file = keep(_key_file(options))
        identity = keep(read_secret_file(options.identity_file)) if options.identity_file else None
        shares = tuple(held.enter_context(share) for share in _shares()) if options.shares else ()
        yield Way(passphrase, key_file, identity, shares)


def prompt(label: str, *, confirm: bool = False) -> Secret:
    """A line typed at the terminal without being shown; it never becomes a Python string.

    Raises:
        ConfigError: there is no terminal to ask at, or the two lines of a confirmation differ.
    """
    typed = _ask(label)
    if not confirm:
        return typed
    with _ask(f"{label} again") as again:
        if again == typed:
            return typed
    typed.wipe()
    raise ConfigError("the two are not the same", hint="nothing was done; try again")


def value_from(path: Path | None, descriptor: int | None, label: str) -> Secret:
    """A value from a file, a descriptor, or else by prompt."""
    if path is not None:
        return read_secret_file(path)
    if descriptor is not None:
        return _from_descriptor(descriptor)
    return prompt(label)


def made_up() -> Secret:
    """A value that nobody has to think of or see: 256 random bits as hex digits."""
    with Secret.random(32) as octets:
        return Secret.absorb(hexlify(octets.view))


def _passphrase(options: WayOptions, *, is_new: bool) -> Secret | None:
    if options.passphrase_file is not None or options.passphrase_fd is not None:
        with value_from(options.passphrase_file, options.passphrase_fd, "") as raw:
            if not len(raw):
                raise ConfigError("the passphrase is empty", hint="look at where it comes from")
            return passphrase_secret(raw.view)
    other_way = options.key_file or options.new_key_file or options.identity_file or options.shares
    if other_way and not options.with_passphrase:
        return None
    with prompt("New passphrase" if is_new else "Passphrase", confirm=is_new) as raw:
        if is_new and len(raw) < _SHORT_BYTES:
            say(f"a passphrase of under {_SHORT_BYTES} characters can be guessed; several random words are better")
        return passphrase_secret(raw.view)


def _key_file(options: WayOptions) -> Secret | None:
    if options.new_key_file is not None:
        return make_key_file(options.new_key_file)
    return read_secret_file(options.key_file, exact=True) if options.key_file is not None else None


def make_key_file(path: Path) -> Secret:
    """Write a new key file (mode 0600); its content.

    Raises:
        ConfigError: the file exists, or cannot be written.
    """
    from pandora_core.vault.format.keyfile import KeyFile

    made = KeyFile.generate()
    with made.key:
        content = made.encode()
    _write_new(path, content)
    return content


def make_identity(path: Path, profile: str) -> str:
    """Write a new identity of a profile (mode 0600); its recipient.

    Raises:
        ConfigError: the file exists, or cannot be written.
    """
    from pandora_core.vault.crypto import providers, recipients
    from pandora_core.vault.crypto.profiles import profile_by_name

    made = recipients.generate(providers.choose(), profile_by_name(profile).suite)
    with made.identity.seed, Secret.absorb(made.identity.export()) as text:
        _write_new(path, text)
    return str(made.recipient)


def _write_new(path: Path, content: Secret) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(path, flags, 0o600), "wb", buffering=0) as file:
            file.write(content.view)
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"cannot write: {error.strerror}", where=str(path), hint="choose another name") from None


def _shares() -> Iterator[Secret]:
    say("Type one share a line; an empty line ends.")
    place = 1
    while True:
        share = prompt(f"Share {place}")
        if not len(share):
            share.wipe()
            return
        yield share
        place += 1


def _from_descriptor(descriptor: int) -> Secret:
    try:
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            return read_secret(file)
    except OSError as error:
        raise ConfigError(f"cannot read file descriptor {descriptor}: {error.strerror}") from None


def _ask(label: str) -> Secret:
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        raise ConfigError(
            f"there is no terminal to ask for the {label.lower()} at",
            hint="shares are typed at one"
            if label.startswith("Share")
            else "give it by file or file descriptor; see --help",
        ) from None
    try:
        os.write(terminal, f"{label}: ".encode())
        with _without_echo(terminal):
            return _read_line(terminal)
    finally:
        os.write(terminal, b"\n")
        os.close(terminal)


@contextlib.contextmanager
def _without_echo(terminal: int) -> Iterator[None]:
    before = termios.tcgetattr(terminal)
    quiet = [*before]
    quiet[3] = quiet[3] & ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _read_line(terminal: int) -> Secret:
    """In canonical mode the terminal gives whole lines, of at most 4095 bytes."""
    with Secret(_LINE_LIMIT_BYTES) as buffer:
        with open(terminal, "rb", buffering=0, closefd=False) as file:
            count = file.readinto(buffer.view) or 0
        if not count:
            raise click.Abort
        return Secret.copy_of(buffer.view[: count - (buffer.view[count - 1] in b"\r\n")])


def write_secret(secret: Secret) -> None:
    """A secret to standard output, and a line end: no copy of it is made on the way.

    Raises:
        PandoraError: it cannot be written, or not whole.
    """
    sys.stdout.flush()
    out = sys.stdout.fileno()
    rest = secret.view
    try:
        while rest:
            rest = rest[os.write(out, rest) :]
        os.write(out, b"\n")
    except OSError as error:
        raise PandoraError(f"cannot write to standard output: {error.strerror}") from None
