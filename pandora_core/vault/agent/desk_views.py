"""Owns the translation between the vault's own values and the messages of its agent."""

from __future__ import annotations

from collections.abc import Sequence

from pandora_core.errors import VaultFormatError
from pandora_core.vault.agent import answers, protocol
from pandora_core.vault.agent.protocol import Keys
from pandora_core.vault.crypto.recipients import parse_identity
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format import views
from pandora_core.vault.format.entry import Field
from pandora_core.vault.format.keyfile import KeyFile
from pandora_core.vault.format.slots import Credentials
from pandora_core.vault.format.unlocking import Shares, Way


def way(keys: Keys, secrets: Sequence[Secret]) -> Way:
    """The way in that accompanied a request; what of it is secret and new is for :func:`wipe`.

    Raises:
        VaultFormatError: it says other things than it brings, more than one way, or none.
    """
    wanted = keys.passphrase + keys.key_file + keys.identity + keys.shares
    if wanted != len(secrets) or not secrets or keys.shares < 0:
        raise VaultFormatError("a way in is missing", hint="give a passphrase, a key file, an identity or shares")
    if keys.identity or keys.shares:
        if len(secrets) != (keys.shares or 1) or (keys.identity and keys.shares):
            raise VaultFormatError("an identity or shares open a slot alone", hint="leave the others out")
        texts = tuple(text(secret) for secret in secrets)
        return parse_identity(texts[0]) if keys.identity else Shares(texts)
    key_file = KeyFile.parse(secrets[-1].view) if keys.key_file else None
    return Credentials(secrets[0] if keys.passphrase else None, key_file)


def wipe(used: Way) -> None:
    """Wipe what :func:`way` made of the secrets that came."""
    if isinstance(used, Credentials):
        if used.key_file is not None:
            used.key_file.key.wipe()
    elif not isinstance(used, Shares):
        used.seed.wipe()


def text(secret: Secret) -> str:
    """ASCII of an identity or share; a ``str``, which nothing can wipe."""
    try:
        return str(secret.view, "ascii").strip()
    except UnicodeDecodeError:
        raise VaultFormatError("an identity or share is plain ASCII") from None


def draft(asked: protocol.Draft, secrets: Sequence[Secret]) -> views.Draft:
    """An entry to be written.

    Raises:
        VaultFormatError: other values came than were named.
    """
    return views.Draft(asked.name, asked.kind, asked.tags, asked.note, fields(asked.fields, secrets), asked.hidden)


def changes(asked: protocol.Changes, secrets: Sequence[Secret]) -> views.Changes:
    """What is to be changed of an entry; raises as :func:`draft`."""
    given = fields(asked.set, secrets)
    return views.Changes(asked.name, asked.tags, asked.note, given, asked.shown, asked.removed)


def fields(names: Sequence[str], secrets: Sequence[Secret]) -> tuple[Field, ...]:
    if len(names) != len(secrets):
        raise VaultFormatError("a field came without its value, or a value without its field")
    return tuple(map(Field, names, secrets))


def named(found: Sequence[Field]) -> tuple[answers.Field, ...]:
    """Values under their names."""
    return tuple(answers.Field(*each) for each in found)


def entry(found: views.Entry) -> answers.EntryView:
    """An entry without its values."""
    meta = found.meta
    return answers.EntryView(
        id=found.id.hex(),
        name=meta.name,
        kind=meta.kind,
        version=found.version,
        created_ms=meta.created_ms,
        changed_ms=meta.changed_ms,
        tags=meta.tags,
        fields=meta.fields,
        hidden=meta.hidden,
        note=meta.note,
    )


def slot(found: views.SlotInfo) -> answers.SlotView:
    """A way in."""
    return answers.SlotView(
        id=found.id.hex(),
        type=found.type.name.lower().replace("_", " "),
        label=found.label,
        memory_mib=found.memory_kib // 1024,
        passes=found.passes,
        threshold=found.threshold,
        shares=found.shares,
        recipient=found.recipient,
    )


def custody(found: views.Custody) -> answers.Custody:
    """What was sealed or opened."""
    return answers.Custody(
        name=found.name,
        size_bytes=found.size_bytes,
        sha384=found.sha384,
        sealed_sha384=found.sealed_sha384,
        file_id=found.file_id.hex(),
        at_ms=found.at_ms,
        actor=found.actor,
        host=found.host,
        media=found.media,
    )


def audit(found: views.AuditEntry) -> answers.AuditView:
    """A record of the audit trail."""
    return answers.AuditView(
        sequence=found.sequence,
        at_ms=found.at_ms,
        actor=found.actor,
        host=found.host,
        kind=found.kind,
        subject=found.subject,
        details=found.details,
    )


def verification(found: views.Verification) -> answers.VerifyReport:
    """Whether what is stored is what was signed."""
    return answers.VerifyReport(
        sound=found.is_sound,
        problems=found.problems,
        integrity="verified" if found.is_sound else "broken",
        freshness=found.freshness,
        commit=found.commit,
        audit_records=found.audit_records,
    )


def recipients(found: views.PublicInfo) -> answers.RecipientsView:
    """The vault's public keys."""
    return answers.RecipientsView(
        vault=found.recipient,
        bundle=found.bundle_recipient,
        signer=found.signer.hex(),
        signer_fingerprint=found.signer_fingerprint,
    )


def rekeyed(found: views.Rekeyed) -> answers.RekeyReport:
    """What a rekey came to."""
    return answers.RekeyReport(
        epoch=found.epoch, generation=found.generation, removed_slots=tuple(map(slot, found.removed_slots))
    )


def imported(found: views.Imported) -> answers.ImportReport:
    """What a bundle brought."""
    return answers.ImportReport(
        signer=found.signer_fingerprint,
        added=found.added,
        updated=found.updated,
        skipped=found.skipped,
        files=found.files,
    )
