"""age files that are written here; reading those of others is for ``tests/vectors/test_age_testkit.py``."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vault_samples import Dribble, assert_none_opens, cuts, flips

from pandora_core.errors import VaultFormatError
from pandora_core.vault.age import file as age
from pandora_core.vault.age.armor import ArmorReader, ArmorWriter
from pandora_core.vault.age.error import AgeError, Failure
from pandora_core.vault.age.keys import PassphraseIdentity, PostQuantumIdentity
from pandora_core.vault.crypto import providers, recipients
from pandora_core.vault.crypto.profiles import BUNDLE_SUITE, HIGH
from pandora_core.vault.crypto.secret import Secret


@pytest.fixture
def mine(provider):
    return recipients.generate(provider, BUNDLE_SUITE)


def write(provider, to, data, **more):
    sink = io.BytesIO()
    with age.Writer(provider, to, sink, **more) as writer:
        writer.write(data)
    return sink.getvalue()


def read(provider, identity, source):
    data, buffer = bytearray(), memoryview(bytearray(10_000))
    with age.Reader(source, [PostQuantumIdentity(provider, identity)]) as reader:
        while count := reader.readinto(buffer):
            data += buffer[:count]
    return bytes(data)


@pytest.mark.parametrize("armored", [False, True], ids=["binary", "armoured"])
@pytest.mark.parametrize("size", [0, 1, 47, 48, 49, 65_536, 200_000])
def test_what_is_written_to_recipients_is_read_by_each(provider, mine, size, armored):
    other = recipients.generate(provider, BUNDLE_SUITE)
    data = bytes(range(251)) * (size // 251 + 1)
    content = write(provider, [other.recipient, mine.recipient], data[:size], armored=armored)
    for identity in (mine.identity, other.identity):
        assert read(provider, identity, Dribble(content)) == data[:size]


def test_the_header_is_that_of_age_v1(provider, mine):
    header, _, _ = write(provider, [mine.recipient], b"").partition(b"\n--- ")
    version, stanza, body = header.split(b"\n")
    assert version == b"age-encryption.org/v1"
    assert stanza.split(b" ")[:2] == [b"->", b"mlkem768x25519"]
    assert len(stanza.split(b" ")[2]) == -(-BUNDLE_SUITE.enc_bytes * 4 // 3)
    assert len(body) == 43


def test_every_flip_and_cut_is_refused(provider, mine):
    content = write(provider, [mine.recipient], b"small")

    def opens(data):
        return read(provider, mine.identity, io.BytesIO(data))

    assert_none_opens(flips(content[:50]), lambda head: opens(head + content[50:]))
    assert_none_opens(flips(content, step=11), opens)
    assert_none_opens(flips(content[-140:]), lambda tail: opens(content[:-140] + tail))
    assert_none_opens(cuts(content, step=41), opens)


def test_a_stranger_is_told_that_nothing_matches(provider, mine):
    content = write(provider, [mine.recipient], b"x")
    stranger = recipients.generate(provider, BUNDLE_SUITE)
    with pytest.raises(AgeError) as caught:
        read(provider, stranger.identity, io.BytesIO(content))
    assert caught.value.failure is Failure.NO_MATCH


def test_all_failures_have_one_text():
    assert len({str(AgeError(failure)) for failure in Failure}) == 1


def test_recipients_that_are_not_post_quantum_age_are_refused(provider):
    with pytest.raises(VaultFormatError):
        age.Writer(provider, [], io.BytesIO())
    with pytest.raises(VaultFormatError, match="age1pq1"):
        age.Writer(provider, [recipients.generate(provider, HIGH.suite).recipient], io.BytesIO())


def test_a_header_without_end_is_given_up(provider, mine):
    class Greasy:
        """A file of ever more stanzas."""

        def __init__(self) -> None:
            self.given = 0

        def readinto(self, buffer: memoryview, /) -> int:
            line = b"-> grease x\n\n" if self.given else b"age-encryption.org/v1\n"
            if len(buffer) < len(line):
                return 0
            self.given += len(line)
            buffer[: len(line)] = line
            return len(line)

    source = Greasy()
    with pytest.raises(AgeError) as caught:
        age.Reader(source, [PostQuantumIdentity(provider, mine.identity)])
    assert caught.value.failure is Failure.HEADER
    assert source.given < 2 * age.HEADER_LIMIT_BYTES


def test_a_line_without_end_is_given_up(provider, mine):
    class Long:
        given = 0

        def readinto(self, buffer: memoryview, /) -> int:
            buffer[:] = b"a" * len(buffer)
            Long.given += len(buffer)
            return len(buffer)

    with pytest.raises(AgeError):
        age.Reader(Long(), [PostQuantumIdentity(provider, mine.identity)])
    assert Long.given < 2 * age.HEADER_LIMIT_BYTES


def test_a_work_factor_above_the_limit_is_refused_before_scrypt_runs(monkeypatch):
    from pandora_core.vault.age import keys as age_keys

    monkeypatch.setattr(age_keys, "Scrypt", lambda *_, **__: pytest.fail("it was run"))
    identity = PassphraseIdentity(Secret.copy_of(b"x"))
    for work in ("21", "30", "99", "100", "-1", "08", "", "1e1", "٣"):
        stanza = age_keys.Stanza("scrypt", ("A" * 22, work), bytes(32))
        with pytest.raises(AgeError):
            identity.unwrap(stanza)


@given(data=st.binary(max_size=400), reads=st.integers(1, 100))
def test_armour_gives_back_what_was_put_in(data, reads):
    sink = io.BytesIO()
    writer = ArmorWriter(sink)
    writer.write(memoryview(data))
    writer.close()
    lines = sink.getvalue().decode().splitlines()
    assert all(len(line) <= 64 for line in lines)
    read, buffer = bytearray(), memoryview(bytearray(reads))
    reader = ArmorReader(Dribble(sink.getvalue(), at_most=reads))
    while count := reader.readinto(buffer):
        read += buffer[:count]
    assert read == data


@given(noise=st.binary(max_size=2000))
@settings(max_examples=200)
def test_noise_is_never_an_age_file(noise):
    identity = recipients.generate(providers.choose("pyca"), BUNDLE_SUITE).identity
    for content in (noise, b"age-encryption.org/v1\n" + noise, b"-----BEGIN AGE ENCRYPTED FILE-----\n" + noise):
        with pytest.raises(AgeError):
            age.Reader(io.BytesIO(content), [PostQuantumIdentity(providers.choose("pyca"), identity)])
