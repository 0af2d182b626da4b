"""The commands of ``pandora vault`` on files: seal, open, export, import, backup."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from pandora_core.cli import vault_shapes
from pandora_core.cli.output import counted, emit, json_option, plain, say
from pandora_core.errors import ConfigError
from pandora_core.vault.agent.answers import Custody
from pandora_core.vault.agent.client import Client, Member

_PATH = click.Path(path_type=Path)


@click.command(short_help="Seal a file as evidence.")
@click.argument("file", type=_PATH)
@click.argument("target", type=_PATH, required=False)
@click.option("--to", "recipients", multiple=True, metavar="PUBLIC", help="Also to this recipient of the profile.")
@click.option("--media", default="", metavar="TYPE", help="What it is, such as application/vnd.tcpdump.pcap.")
@json_option
@click.pass_obj
def seal(
    client: Client, file: Path, target: Path | None, recipients: tuple[str, ...], media: str, as_json: bool
) -> None:
    """Seal FILE as evidence, into TARGET or FILE.sealed. The vault may be locked; the file itself stays."""
    target = target or file.with_name(f"{file.name}.sealed")
    with _reading(file) as source, _writing(target) as sink:
        done = client.seal(source, sink, file.name, media=media, to=recipients)
    _emit_custody(done, target, as_json)


@click.command("open", short_help="Open a sealed file.")
@click.argument("file", type=_PATH)
@click.argument("target", type=_PATH)
@json_option
@click.pass_obj
def open_(client: Client, file: Path, target: Path, as_json: bool) -> None:
    """Open the sealed FILE into TARGET; - is standard output. Nothing is left of a file that does not open whole."""
    if str(target) == "-":
        if as_json:
            raise ConfigError("the file itself goes to standard output", hint="leave --json out, or name a TARGET")
        with _reading(file) as source:
            done = client.open(source, sys.stdout.fileno())
        say(f"{plain(done.name)}: {done.size_bytes:,} bytes, SHA-384 {done.sha384}")
        return
    with _reading(file) as source, _writing(target) as sink:
        done = client.open(source, sink)
    _emit_custody(done, target, as_json)


@click.command(short_help="Write entries and files as a signed bundle.")
@click.argument("target", type=_PATH)
@click.argument("names", nargs=-1)
@click.option("--file", "files", multiple=True, type=_PATH, metavar="FILE", help="A file that goes along.")
@click.option("--to", "recipients", multiple=True, required=True, metavar="AGE1PQ…", help="Who opens it.")
@click.option("--note", default="", help="Text for who gets it; signed and sealed with the rest.")
@click.option("--armor", is_flag=True, help="Write text instead of bytes.")
@json_option
@click.pass_obj
def export(
    client: Client,
    target: Path,
    names: tuple[str, ...],
    files: tuple[Path, ...],
    recipients: tuple[str, ...],
    note: str,
    armor: bool,
    as_json: bool,
) -> None:
    """Write entries and files into the bundle TARGET: signed, and sealed to post-quantum age recipients."""
    if not names and not files:
        raise ConfigError("nothing to export", hint="name entries, or give --file")
    with contextlib.ExitStack() as held:
        sink = held.enter_context(_writing(target))
        members = [Member(path.name, held.enter_context(_reading(path))) for path in files]
        client.export(sink, names, recipients, note=note, armored=armor, members=members)
    shape = {"path": str(target), "names": list(names), "files": [path.name for path in files]}
    emit(
        shape, as_json, lambda: f"{target}: {counted(len(names), 'entry', 'entries')}, {counted(len(files), 'file')}"
    )


@click.command("import", short_help="Take the entries of a bundle in.")
@click.argument("file", type=_PATH)
@click.option("--trust", multiple=True, metavar="FINGERPRINT", help="Trust this signer; compare it with the sender.")
@click.option("--into", "folder", type=_PATH, metavar="DIR", help="Where files of the bundle go (a private folder).")
@json_option
@click.pass_obj
def import_(client: Client, file: Path, trust: tuple[str, ...], folder: Path | None, as_json: bool) -> None:
    """Take the entries of a bundle in, if this vault or a signer that is trusted signed it."""
    with _reading(file) as source:
        report = client.import_(source, trust, folder)
    emit(
        vault_shapes.plain(report),
        as_json,
        lambda: (
            f"{len(report.added)} added, {len(report.updated)} updated, {len(report.skipped)} there already, "
            f"{counted(len(report.files), 'file')}"
        ),
    )


@click.command(short_help="Copy the vault, sealed as it is.")
@click.argument("target", type=_PATH)
@json_option
@click.pass_obj
def backup(client: Client, target: Path, as_json: bool) -> None:
    """Copy the vault to a new file, sealed as it is, while it is in use. Its slots open the copy too."""
    size = client.backup(target)
    emit({"path": str(target), "size_bytes": size}, as_json, lambda: f"{target}: {size:,} bytes")


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[int]:
    if str(path) == "-":
        yield sys.stdin.fileno()
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"cannot read: {error.strerror}", where=str(path)) from None
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise ConfigError("it is a folder", where=str(path), hint="name a file; pack a folder first")
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[int]:
    """A new file, 0600, that gets its name only when it is whole.

    Raises:
        ConfigError: there is one of that name, or it cannot be written.
    """
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    with contextlib.ExitStack() as undo:
        # The name is taken at once, so that nothing which comes by meanwhile is written over.
        os.close(_new_file(target, undo))
        descriptor = _new_file(partial, undo)
        try:
            yield descriptor
            with contextlib.suppress(OSError):  # some descriptors and file systems cannot
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(partial, target)
        undo.pop_all()


def _new_file(path: Path, undo: contextlib.ExitStack) -> int:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise ConfigError("there is such a file already", where=str(path), hint="choose another name") from None
    except OSError as error:
        raise ConfigError(f"cannot write: {error.strerror}", where=str(path)) from None
    undo.callback(path.unlink, missing_ok=True)
    return descriptor


def _emit_custody(done: Custody, target: Path, as_json: bool) -> None:
    emit(
        {**vault_shapes.custody(done), "path": str(target)},
        as_json,
        lambda: f"{target}: {done.size_bytes:,} bytes, SHA-384 {done.sha384}",
    )


COMMANDS = (seal, open_, export, import_, backup)
