"""The commands of ``pandora vault`` that show whether it can be trusted: verify, audit, witness, selftest."""

from __future__ import annotations

import os
import syslog
from pathlib import Path

import click

from pandora_core.cli import vault_shapes
from pandora_core.cli.output import counted, emit, json_option, plain, table
from pandora_core.errors import ConfigError, ProviderError, TamperedError
from pandora_core.vault.agent.answers import AuditView
from pandora_core.vault.agent.client import Client

_PATH = click.Path(path_type=Path)


@click.command(short_help="Check everything that is signed.")
@click.option("--witness", metavar="CODE", help="A witness: its code, or its line.")
@click.option("--witness-file", type=_PATH, metavar="FILE", help="The last witness of a file (as --save wrote it).")
@json_option
@click.pass_obj
def verify(client: Client, witness: str | None, witness_file: Path | None, as_json: bool) -> None:
    """Check every signature, row and audit record; with a witness also that the file was not rolled back."""
    text = witness or (_last_witness(witness_file) if witness_file else "")
    report = client.verify(text)
    emit(
        vault_shapes.plain(report),
        as_json,
        lambda: "\n".join([*report.problems, f"integrity {report.integrity}, freshness {report.freshness}"]),
    )
    if not report.sound:
        raise TamperedError(
            counted(len(report.problems), "problem"), hint="keep the file as it is; restore a backup elsewhere"
        )


@click.command()
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="How many, newest first."
)
@json_option
@click.pass_obj
def audit(client: Client, limit: int, as_json: bool) -> None:
    """Who did what, and when, newest first."""
    found = client.audit(limit)
    rows = [
        (each.sequence, vault_shapes.at(each.at_ms)[:19], f"{each.actor}@{each.host}", each.kind, _subject(each))
        for each in found
    ]
    emit(
        vault_shapes.listing(map(vault_shapes.audit, found)),
        as_json,
        lambda: table(("number", "at", "who", "what", "subject"), rows, "no records"),
    )


@click.command(short_help="What shows later that it was rolled back.")
@click.option("--save", type=_PATH, metavar="FILE", help="Add the line to a file, on another machine or medium.")
@click.option("--syslog", "to_syslog", is_flag=True, help="Send the line to syslog.")
@json_option
@click.pass_obj
def witness(client: Client, save: Path | None, to_syslog: bool, as_json: bool) -> None:
    """The vault's present head, to be kept outside of it: only that shows that the whole file was rolled back."""
    found = client.witness()
    if save is not None:
        _append(save, found.line)
    if to_syslog:
        syslog.syslog(syslog.LOG_NOTICE | syslog.LOG_AUTH, found.line)
    emit(vault_shapes.plain(found), as_json, lambda: f"{found.line}\n{found.code}")


@click.command(short_help="Let the providers answer known questions.")
@json_option
@click.pass_obj
def selftest(client: Client, as_json: bool) -> None:
    """Let every provider of ML-KEM and ML-DSA answer known questions, and check the others."""
    found = client.selftest()
    rows = [(each.provider, each.algorithm, "passed" if each.passed else "FAILED", each.detail) for each in found]
    passed = all(each.passed for each in found)
    shape = {"passed": passed, "checks": [vault_shapes.plain(each) for each in found]}
    emit(shape, as_json, lambda: table(("provider", "algorithm", "result", "detail"), rows))
    if not passed:
        raise ProviderError("a provider answered wrong", hint="do not use it; reinstall it")


def _subject(record: AuditView) -> str:
    """What a record is about, and for what; several reads share one, which counts them by name."""
    reads, purpose = record.details.get("reads"), record.details.get("purpose")
    if not isinstance(reads, dict):
        return f"{record.subject}: {purpose}" if purpose else record.subject
    return ", ".join(name if count == 1 else f"{name} ({count} times)" for name, count in reads.items())


def _last_witness(path: Path) -> str:
    try:
        lines = [line for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
    except OSError as error:
        raise ConfigError(f"cannot read: {error.strerror}", where=str(path)) from None
    if not lines:
        raise ConfigError("there is no witness in it", where=str(path), hint="pandora vault witness --save FILE")
    return lines[-1]


def _append(path: Path, line: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(path, flags, 0o600), "a", encoding="utf-8") as file:
            file.write(f"{plain(line, 500)}\n")
    except OSError as error:
        raise ConfigError(f"cannot write: {error.strerror}", where=str(path)) from None


COMMANDS = (verify, audit, witness, selftest)
