"""Bundles: signed first, then read; nothing unsigned ever comes out."""

from __future__ import annotations

import hashlib
import io
from base64 import b64encode

import pytest
from vault_samples import Dribble, assert_none_opens, cuts, flips

from pandora_core.errors import OpenFailedError, TamperedError, UntrustedSignerError, VaultError, VaultFormatError
from pandora_core.vault.age import file as age
from pandora_core.vault.age.keys import PostQuantumIdentity
from pandora_core.vault.crypto import providers, recipients
from pandora_core.vault.crypto.profiles import BUNDLE_SUITE
from pandora_core.vault.crypto.stream import fill
from pandora_core.vault.format import bundle
from pandora_core.vault.format.bundle import BLOCK_BYTES, Manifest, Outgoing, SigningKey

ABOUT = Manifest(vault="00" * 16, profile="high", created_ms=1, actor="kim", host="ws-1", note="case 7")
FILES = {"empty.bin": b"", "note.txt": b"a note", "log.bin": bytes(range(256)) * 9000}


class World:
    """A signer, a recipient, and bundles between them."""

    def __init__(self, provider, algorithm="ML-DSA-65"):
        self.provider = provider
        pair = providers.new_signing_key(provider, algorithm)
        self.key = SigningKey(algorithm, pair.public_key, pair.seed)
        self.mine = recipients.generate(provider, BUNDLE_SUITE)

    def write(self, files, **more):
        sink = io.BytesIO()
        outgoing = [
            Outgoing(name, "application/octet-stream", lambda data=data: io.BytesIO(data))
            for name, data in files.items()
        ]
        self.manifest = bundle.write(self.provider, self.key, ABOUT, outgoing, [self.mine.recipient], sink, **more)
        return sink.getvalue()

    def reader(self, source, is_trusted=None):
        identities = [PostQuantumIdentity(self.provider, self.mine.identity)]
        return bundle.Reader(
            self.provider, source, identities, is_trusted or (lambda key: key == self.key.public_key)
        )

    def read(self, content):
        found = {}
        for member, source in self.reader(Dribble(content)).members():
            data = bytearray()
            buffer = memoryview(bytearray(100_000))
            while count := source.readinto(buffer):
                data += buffer[:count]
            found[member.name] = bytes(data)
        return found

    def encrypt(self, inside):
        """An age file around anything, as whoever knows the recipient can make."""
        sink = io.BytesIO()
        with age.Writer(self.provider, [self.mine.recipient], sink) as writer:
            writer.write(inside)
        return sink.getvalue()

    def decrypt(self, content):
        with age.Reader(io.BytesIO(content), [PostQuantumIdentity(self.provider, self.mine.identity)]) as reader:
            buffer = memoryview(bytearray(4_000_000))
            return buffer[: fill(reader, buffer)].tobytes()


@pytest.fixture
def world(provider):
    return World(provider)


@pytest.mark.parametrize("armored", [False, True], ids=["binary", "armoured"])
def test_members_come_back_in_order_and_whole(world, armored):
    content = world.write(FILES, armored=armored)
    assert world.read(content) == FILES
    assert list(world.read(content)) == list(FILES)
    assert world.reader(io.BytesIO(content)).manifest == world.manifest


def test_inside_is_the_layout_of_the_specification(world):
    inside = world.decrypt(world.write({"note.txt": b"a note"}))
    version, manifest, signature, data = inside.split(b"\n", 3)
    assert (version, data) == (b"pandora-bundle/v1", b"a note")
    assert manifest.startswith(b'{"vault":"')
    algorithm, _, _ = signature.split(b" ")
    assert algorithm == b"ML-DSA-65"
    assert hashlib.sha384(b"a note").hexdigest().encode() in manifest


def test_every_flip_and_cut_of_a_bundle_is_refused(world):
    content = world.write({"n": b"x"})

    assert_none_opens(flips(content, step=61), world.read)
    assert_none_opens(flips(content[-160:], step=3), lambda tail: world.read(content[:-160] + tail))
    assert_none_opens(cuts(content, step=211), world.read)


def test_every_flip_and_cut_inside_the_encryption_is_refused(world):
    """What the recipient's own public key does not protect, the signature does."""
    inside = world.decrypt(world.write({"n.txt": b"some data"}))
    head = inside.index(b"\n", 20) + 1

    def opens(data):
        return world.read(world.encrypt(data))

    assert_none_opens(flips(inside[:head], step=2), lambda first: opens(first + inside[head:]))
    assert_none_opens(flips(inside[head:], step=149), lambda rest: opens(inside[:head] + rest))
    assert_none_opens(flips(inside[-20:]), lambda tail: opens(inside[:-20] + tail))
    assert_none_opens(cuts(inside, step=151), opens)


@pytest.mark.parametrize("begin", [b"", b"PK\x03\x04", b"age-encryption.org/v2\n", b"pandora-sealed/1" + bytes(64)])
def test_what_anybody_can_see_is_no_bundle_is_told_so_and_how_one_is_made(world, begin):
    with pytest.raises(VaultFormatError, match="does not begin as an age file") as told:
        world.read(begin)
    assert told.value.hint == "pandora vault export writes bundles"


def test_a_signer_that_is_not_trusted_is_named_as_such(world):
    content = world.write({"n": b"x"})
    with pytest.raises(UntrustedSignerError):
        world.reader(io.BytesIO(content), lambda key: False)


def test_a_bundle_signed_by_another_key_in_the_name_of_ours_is_refused(world, provider):
    forger = World(provider)
    forger.mine = world.mine
    inside = world.decrypt(forger.write({"n": b"x"}))
    version, manifest, signature, data = inside.split(b"\n", 3)
    ours = world.decrypt(world.write({"m": b"y"})).split(b"\n", 3)[2].split(b" ")
    claimed = b" ".join((ours[0], ours[1], signature.split(b" ")[2]))
    with pytest.raises(OpenFailedError):
        world.reader(io.BytesIO(world.encrypt(b"\n".join((version, manifest, claimed, data)))))


def test_a_block_is_not_given_out_before_it_was_compared(world):
    data = bytes(BLOCK_BYTES) + b"x" * BLOCK_BYTES + b"third block"
    inside = bytearray(world.decrypt(world.write({"big": data})))
    inside[-20] ^= 1  # in the second
    for member, source in world.reader(io.BytesIO(world.encrypt(inside))).members():
        assert member.size == len(data)
        first = memoryview(bytearray(BLOCK_BYTES))
        assert fill(source, first) == BLOCK_BYTES
        with pytest.raises(TamperedError, match="big"):
            source.readinto(memoryview(bytearray(1)))
        break


def test_blocks_that_fit_and_a_whole_that_does_not_are_refused(world):
    """Only the signer can say so; a reader that compares both digests of the data still notices."""
    _, line, _, data = world.decrypt(world.write({"n": b"x"})).split(b"\n", 3)
    lying = line.replace(hashlib.sha384(b"x").hexdigest().encode(), hashlib.sha384(b"y").hexdigest().encode())
    signer = world.provider.signer(world.key.algorithm)
    signature = signer.sign(world.key.seed.view, lying, bundle.SIGNATURE_CONTEXT)
    last = b" ".join((b"ML-DSA-65", b64encode(world.key.public_key), b64encode(signature)))
    with pytest.raises(TamperedError, match="signed"):
        world.read(world.encrypt(b"\n".join((bundle.VERSION_LINE, lying, last, data))))


def test_members_that_are_not_read_are_checked_all_the_same(world):
    inside = bytearray(world.decrypt(world.write({"first": b"skipped", "second": b"also"})))
    inside[-8] ^= 1
    with pytest.raises(TamperedError, match="first"):
        list(world.reader(io.BytesIO(world.encrypt(inside))).members())


def test_something_behind_the_last_member_is_refused(world):
    inside = world.decrypt(world.write({"n": b"x"}))
    with pytest.raises(TamperedError):
        list(world.reader(io.BytesIO(world.encrypt(inside + b"!"))).members())


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\nb", "a\0", "x" * 256, "é" * 128, "\x7f"])
def test_names_that_are_no_plain_file_names_are_refused(world, name):
    with pytest.raises(VaultFormatError):
        world.write({name: b"x"})


@pytest.mark.parametrize("name", ["...", "a b", "naïve.txt", ".hidden", "x" * 255])
def test_plain_file_names_are_taken(world, name):
    assert world.read(world.write({name: b"x"})) == {name: b"x"}


def test_one_name_twice_is_refused(world):
    outgoing = [Outgoing("n", "", lambda: io.BytesIO(b"x"))] * 2
    with pytest.raises(VaultFormatError):
        bundle.write(world.provider, world.key, ABOUT, outgoing, [world.mine.recipient], io.BytesIO())


@pytest.mark.parametrize("second", [b"other", b"longer than before", b"short", b""])
def test_a_file_that_changes_while_it_is_bundled_is_an_error(world, second):
    contents = iter([b"before", second])
    outgoing = [Outgoing("n", "", lambda: io.BytesIO(next(contents)))]
    with pytest.raises(VaultError, match="changed"):
        bundle.write(world.provider, world.key, ABOUT, outgoing, [world.mine.recipient], io.BytesIO())


def test_a_manifest_without_end_is_given_up(world):
    inside = b"pandora-bundle/v1\n" + b"x" * (bundle.MANIFEST_LIMIT_BYTES + 10)
    with pytest.raises(VaultFormatError, match="bounds"):
        world.reader(io.BytesIO(world.encrypt(inside)))


def test_the_largest_signature_fits(provider):
    world = World(provider, "ML-DSA-87")
    assert world.read(world.write({"n": b"x"})) == {"n": b"x"}
