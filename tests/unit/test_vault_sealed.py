"""Sealed files: made with public keys, opened by identities, bound from the first byte to the last."""

from __future__ import annotations

import hashlib
import io

import pytest
from vault_samples import EACH_PROFILE, OTHER_ID, VAULT_ID, Dribble, assert_none_opens, cuts, flips

from pandora_core.errors import OpenFailedError, VaultFormatError
from pandora_core.vault.crypto import hpke, kdf, recipients
from pandora_core.vault.crypto.envelope import aead
from pandora_core.vault.crypto.profiles import CNSA, HIGH, STANDARD
from pandora_core.vault.crypto.stream import CHUNK_BYTES
from pandora_core.vault.format import sealed
from pandora_core.vault.format.sealed import Content, Destination, Note, OpenedFile

NOTE = Note(name="capture.pcap", sealed_ms=1_700_000_000_000, actor="kim", host="ws-1", media="application/pcap")


def seal(provider, profile, to, data, **more):
    sink = io.BytesIO()
    made = sealed.seal_file(provider, Destination(profile, VAULT_ID, to), NOTE, io.BytesIO(data), sink, **more)
    return made, sink.getvalue()


def open_file(provider, identity, source):
    header = sealed.read_header(source)
    with sealed.unwrap_dek(provider, header, identity) as dek, OpenedFile(header, dek, source) as opened:
        sink = io.BytesIO()
        opened.data.copy_to(sink)
        return opened.note, sink.getvalue()


@EACH_PROFILE
@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 200_001])
def test_each_recipient_opens_the_file_and_its_note(provider, profile, size):
    first, second, stranger = (recipients.generate(provider, profile.suite) for _ in range(3))
    data = bytes(range(256)) * (size // 256 + 1)
    made, content = seal(provider, profile, (first.recipient, second.recipient), data[:size])
    assert made.size_bytes == size
    for mine in (first, second):
        assert open_file(provider, mine.identity, Dribble(content)) == (NOTE, data[:size])
    with pytest.raises(OpenFailedError):
        open_file(provider, stranger.identity, io.BytesIO(content))


@EACH_PROFILE
def test_the_layout_is_that_of_the_specification(provider, profile):
    mine = recipients.generate(provider, profile.suite)
    made, content = seal(provider, profile, (mine.recipient,), b"data", content=Content.ENTRY)
    assert content[:36] == b"pandora-sealed/1" + bytes((profile.id, 2, 16, 1)) + VAULT_ID
    assert content[36:52] == made.header.label.file_id
    assert content[52:84] == mine.recipient.fingerprint
    note_at = 52 + 32 + profile.suite.enc_bytes + 48
    note_bytes = int.from_bytes(content[note_at : note_at + 4])
    assert note_bytes == 328
    assert len(content) == note_at + 4 + note_bytes + 24 + 32 + len(b"data") + 16


@EACH_PROFILE
def test_a_file_can_be_opened_from_the_specification_alone(provider, profile):
    mine = recipients.generate(provider, profile.suite)
    made, content = seal(provider, profile, (mine.recipient,), b"data")
    suite, file_id = profile.suite, content[36:52]
    enc_end = 84 + suite.enc_bytes
    note_at = enc_end + 48
    dek = hpke.open_sealed(
        provider,
        suite,
        mine.identity.seed.view,
        b"pandora-vault/v1 file" + content[16:52],
        hpke.Sealed(content[84:enc_end], content[enc_end:note_at]),
    )
    assert dek == made.dek
    salt_at = note_at + 4 + 328
    salt, commitment = content[salt_at : salt_at + 24], content[salt_at + 24 : salt_at + 56]
    place = b"pandora-vault/v1" + bytes((12, profile.id)) + VAULT_ID + file_id + bytes(12)
    info = place + hashlib.sha384(content[:salt_at]).digest()
    keys = kdf.derive(dek.view, salt=salt, info=info, size_bytes=64).reveal()
    assert keys[32:] == commitment
    plain = aead(profile.aead, keys[:32]).decrypt(bytes(11) + b"\1", content[salt_at + 56 :], None)
    assert plain == b"data"


@EACH_PROFILE
def test_every_flip_and_cut_is_refused(provider, profile):
    mine = recipients.generate(provider, profile.suite)
    _, content = seal(provider, profile, (mine.recipient,), b"the evidence")

    def opens(data):
        return open_file(provider, mine.identity, io.BytesIO(data))

    assert_none_opens(flips(content[:84]), lambda head: opens(head + content[84:]))
    assert_none_opens(flips(content, step=37), opens)
    assert_none_opens(flips(content[-420:], step=3), lambda tail: opens(content[:-420] + tail))
    assert_none_opens(cuts(content, step=101), opens)


def test_a_stanza_of_another_file_does_not_open_this_one(provider):
    mine = recipients.generate(provider, CNSA.suite)
    (_, one), (_, other) = (seal(provider, CNSA, (mine.recipient,), each) for each in (b"one", b"other"))
    stanza = slice(52, 52 + 32 + CNSA.suite.enc_bytes + 48)
    with pytest.raises(OpenFailedError):
        open_file(provider, mine.identity, io.BytesIO(one[: stanza.start] + other[stanza] + one[stanza.stop :]))


def test_a_file_opens_with_the_dek_that_the_vault_kept(provider):
    mine = recipients.generate(provider, CNSA.suite)
    made, content = seal(provider, CNSA, (mine.recipient,), b"kept")
    source = io.BytesIO(content)
    header = sealed.read_header(source)
    assert header == made.header
    with OpenedFile(header, made.dek, source) as opened:
        assert opened.data.next_chunk() == b"kept"


@pytest.mark.parametrize(
    ("offset", "value"), [(16, 9), (17, 0), (17, 3), (18, 15), (19, 0), (19, 9)], ids=lambda each: str(each)
)
def test_hostile_numbers_are_refused_before_more_is_read(provider, offset, value):
    label = bytearray(b"pandora-sealed/1" + bytes((1, 1, 16, 1)) + VAULT_ID + OTHER_ID)
    label[offset] = value

    class Guarded(io.BytesIO):
        def readinto(self, buffer, /):
            assert self.tell() < 52, "read on"
            return super().readinto(buffer)

    with pytest.raises(VaultFormatError):
        sealed.read_header(Guarded(bytes(label) + bytes(10)))


def test_a_note_that_claims_gigabytes_is_refused(provider):
    mine = recipients.generate(provider, CNSA.suite)
    _, content = seal(provider, CNSA, (mine.recipient,), b"x")
    at = 52 + 32 + CNSA.suite.enc_bytes + 48
    for claimed in (0, 327, 65_609, 2**32 - 1):
        with pytest.raises(VaultFormatError, match="note"):
            sealed.read_header(io.BytesIO(content[:at] + claimed.to_bytes(4) + content[at + 4 :]))


def test_recipients_must_be_one_to_eight_of_the_profiles_suite(provider):
    mine, other = recipients.generate(provider, HIGH.suite), recipients.generate(provider, STANDARD.suite)
    for to in ((), (other.recipient,), (mine.recipient,) * 9):
        with pytest.raises(VaultFormatError):
            Destination(HIGH, VAULT_ID, to)


def test_a_note_that_is_too_long_is_refused(provider):
    mine = recipients.generate(provider, CNSA.suite)
    to = Destination(CNSA, VAULT_ID, (mine.recipient,))
    with pytest.raises(VaultFormatError):
        sealed.seal_file(provider, to, Note(name="x" * 70_000, sealed_ms=0), io.BytesIO(b""), io.BytesIO())
