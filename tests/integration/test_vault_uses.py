"""What Pandora itself takes from the vault: credentials by name, signatures, and the record that each leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from vaulting import Place, put

from pandora_core.errors import (
    ConfigError,
    NotFoundError,
    OpenFailedError,
    RefusedError,
    TamperedError,
    VaultFormatError,
    VaultLockedError,
)
from pandora_core.learn.versions import signing
from pandora_core.vault.agent import credentials
from pandora_core.vault.agent.answers import AuditView, Field
from pandora_core.vault.agent.client import Client
from pandora_core.vault.agent.protocol import Changes
from pandora_core.vault.crypto import providers
from pandora_core.vault.crypto.secret import Secret

CONTEXT = b"a test/v1"


def records(client: Client, *kinds: str) -> list[AuditView]:
    """Oldest first."""
    return [each for each in reversed(client.audit()) if each.kind in kinds]


@pytest.mark.parametrize("name", ["ibm-quantum", "pseudonym-key", "otx", "taxii-cert.example", "api-siem"])
def test_each_credential_is_leased_by_one_call_and_one_record_says_who_and_why(place: Place, name: str) -> None:
    client = place.unlock()
    put(client, name, b"the value")
    with credentials.lease(place.data, name, environment={}) as secret:
        assert secret.reveal() == b"the value"
    (record,) = records(client, "use")
    assert (record.subject, record.details["purpose"]) == (name, credentials.purpose_of(name))
    assert record.actor
    assert not records(client, "get")


def test_a_locked_vault_gives_no_credential_and_says_so(place: Place) -> None:
    put(place.unlock(), "otx", b"x")
    place.client.lock()
    with pytest.raises(VaultLockedError, match="locked"):
        credentials.lease(place.data, "otx", environment={})


def test_a_credential_that_is_nowhere_is_not_found(place: Place) -> None:
    place.unlock()
    with pytest.raises(NotFoundError):
        credentials.lease(place.data, "otx", environment={})


@pytest.mark.parametrize("name", ["otxx", "taxii-", "api-../x", "/etc/shadow", "model-signing"])
def test_no_other_name_is_asked_for(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no credential is called"):
        credentials.lease(tmp_path, name, environment={})


def test_a_lease_is_one_record_for_each_entry_with_its_purpose(place: Place) -> None:
    client = place.unlock()
    put(client, "otx", b"x")
    put(client, "ibm-quantum", b"y")
    client.lease(["otx", "ibm-quantum"], "the night shift")
    client.release(["otx", "unknown"])
    found = records(client, "lease", "release", "get")
    assert [(each.kind, each.subject, each.details.get("purpose")) for each in found] == [
        ("lease", "otx", "the night shift"),
        ("lease", "ibm-quantum", "the night shift"),
        ("release", "otx", None),
    ]
    assert {each.actor for each in found} == {"alice"}


def test_uses_of_a_lease_while_locked_are_in_the_trail_after_the_next_unlock(place: Place) -> None:
    client = place.unlock()
    put(client, "otx", b"x")
    client.lease(["otx"])
    client.lock()
    for purpose in ("first", "second"):
        Client(place.data, "engine").token("otx", purpose).wipe()
    found = records(place.unlock(), "use")
    assert [(each.actor, each.details["purpose"], each.details["from"]) for each in found] == [
        ("engine", "first", "lease"),
        ("engine", "second", "lease"),
    ]
    assert all(isinstance(each.details["used_ms"], int) for each in found)


def test_a_purpose_that_is_a_book_is_refused(place: Place) -> None:
    put(place.unlock(), "otx", b"x")
    with pytest.raises(VaultFormatError):
        place.client.token("otx", "x" * 201)


def test_an_entry_signs_and_its_public_key_holds(place: Place) -> None:
    client = place.unlock()
    made = client.make_signer("release-signing", "ML-DSA-65")
    signed = client.sign("release-signing", b"message", CONTEXT, "a release")
    assert (signed.algorithm, signed.public_key) == ("ML-DSA-65", made.public_key)
    judge = providers.choose().signer("ML-DSA-65")
    judge.verify(signed.public_key, b"message", signed.signature, CONTEXT)
    for message, context in ((b"another", CONTEXT), (b"message", b"another")):
        with pytest.raises(OpenFailedError):
            judge.verify(signed.public_key, message, signed.signature, context)


def test_each_signature_is_one_record_with_what_was_signed(place: Place) -> None:
    client = place.unlock()
    client.make_signer("release-signing")
    client.sign("release-signing", b"", CONTEXT, "a release")
    (record,) = records(client, "sign")
    assert (record.subject, record.details["purpose"], record.details["context"]) == (
        "release-signing",
        "a release",
        "a test/v1",
    )
    assert str(record.details["sha384"]).startswith("38b060a751ac9638")  # of nothing


def test_a_leased_key_signs_while_the_vault_is_locked_and_is_not_given_out(place: Place) -> None:
    client = place.unlock()
    client.make_signer("release-signing")
    with pytest.raises(RefusedError, match="not given out"):
        client.token("release-signing")
    client.lease(["release-signing"])
    client.lock()
    assert client.sign("release-signing", b"message", CONTEXT).signature
    with pytest.raises(RefusedError, match="not given out"):
        client.token("release-signing")
    client.lock(end_leases=True)
    with pytest.raises(VaultLockedError):
        client.sign("release-signing", b"message", CONTEXT)


@pytest.mark.parametrize("context", [b"", b"x" * 256, b"pandora-vault/v1 manifest"])
def test_no_context_of_the_vaults_own_and_none_at_all_is_signed_for(place: Place, context: bytes) -> None:
    client = place.unlock()
    client.make_signer("release-signing")
    with pytest.raises(VaultFormatError, match="context"):
        client.sign("release-signing", b"message", context)


def test_what_is_too_long_to_sign_is_refused(place: Place) -> None:
    client = place.unlock()
    client.make_signer("release-signing")
    with pytest.raises(VaultFormatError, match="524288 bytes"):
        client.sign("release-signing", b"x" * (512 * 1024 + 1), CONTEXT)


def test_an_entry_without_a_signing_key_does_not_sign(place: Place) -> None:
    client = place.unlock()
    put(client, "otx", b"x")
    with pytest.raises(RefusedError, match="does not hold a signing key"):
        client.sign("otx", b"message", CONTEXT)


def test_a_seed_that_was_swapped_signs_nothing(place: Place) -> None:
    client = place.unlock()
    client.make_signer("release-signing")
    with Secret.random(32) as seed:
        client.edit("release-signing", Changes(), [Field("seed", seed)])
    with pytest.raises(TamperedError, match="do not belong together"):
        client.sign("release-signing", b"message", CONTEXT)
    assert not records(client, "sign")


def test_a_name_signs_for_one_key_only(place: Place) -> None:
    client = place.unlock()
    client.make_signer("release-signing")
    with pytest.raises(RefusedError, match="already"):
        client.make_signer("release-signing")
    with pytest.raises(VaultFormatError, match="ML-DSA-87"):
        client.make_signer("another", "RSA")


def test_the_agent_signs_models_and_its_trail_has_no_reading_of_the_seed(place: Place) -> None:
    client = place.unlock()
    made = signing.make_key(place.data)
    client.lease([signing.ENTRY], "unattended training")
    client.lock()
    with signing.at_hand(place.data, {}) as signer:
        assert signer is not None
        signature = signer.sign(b"a card")
    assert signer.public == made == signature.by
    signing.verify(signature, b"a card", made)
    with pytest.raises(RefusedError, match="does not hold"):
        signing.verify(signature, b"another card", made)
    trail = records(place.unlock(), "get", "use", "lease", "sign")
    assert [(each.kind, each.details["purpose"]) for each in trail] == [
        ("lease", "unattended training"),
        ("sign", "a model's card"),
    ]


def test_nobody_signs_models_while_the_vault_is_locked_or_absent(place: Place, tmp_path: Path) -> None:
    for data in (place.data, tmp_path):
        with signing.at_hand(data, {}) as signer:
            assert signer is None


def test_a_seed_outside_of_the_vault_goes_first_and_a_bad_one_is_told_of(place: Place) -> None:
    with signing.at_hand(place.data, {"PANDORA_SECRET_MODEL_SIGNING": "07" * 32}) as signer:
        assert isinstance(signer, signing.SeedSigner)
    with (
        pytest.raises(ConfigError, match="not a seed of 64 hex digits"),
        signing.at_hand(place.data, {"PANDORA_SECRET_MODEL_SIGNING": "07" * 31}),
    ):
        pass
