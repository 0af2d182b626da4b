"""The age test kit of CCTV: 143 files that say how they are to fail, and what of them is to be read."""

from __future__ import annotations

import hashlib
import io
import zlib
from dataclasses import dataclass

import pytest

from pandora_core.vault.age import file as age
from pandora_core.vault.age.armor import ArmorReader
from pandora_core.vault.age.error import AgeError
from pandora_core.vault.age.keys import PassphraseIdentity, PostQuantumIdentity, X25519Identity
from pandora_core.vault.crypto import recipients
from pandora_core.vault.crypto.secret import Secret

pytestmark = pytest.mark.realdata


@dataclass
class Case:
    name: str
    fields: list[tuple[str, str]]
    body: bytes

    @classmethod
    def read(cls, place):
        head, _, body = place.read_bytes().partition(b"\n\n")
        case = cls(place.name, [tuple(line.split(": ", 1)) for line in head.decode().split("\n")], body)
        if case.all("compressed"):
            case.body = zlib.decompress(body)
        return case

    def all(self, name):
        return [value for key, value in self.fields if key == name]

    def identities(self, provider):
        for text in self.all("identity"):
            if text.startswith("AGE-SECRET-KEY-PQ-"):
                yield PostQuantumIdentity(provider, recipients.parse_identity(text))
            else:
                yield X25519Identity.parse(text)
        for text in self.all("passphrase"):
            yield PassphraseIdentity(Secret.copy_of(text.encode()))

    def run(self, provider):
        """The class of the outcome, and what was read until then."""
        source = io.BytesIO(self.body)
        plaintext, buffer = bytearray(), memoryview(bytearray(30_000))
        try:
            inside = ArmorReader(source) if self.all("armored") else source
            with age.Reader(inside, list(self.identities(provider))) as reader:
                while count := reader.readinto(buffer):
                    plaintext += buffer[:count]
        except AgeError as error:
            return error.failure.value, plaintext
        return "success", plaintext


def test_all_143_files_open_or_fail_as_they_say(provider, vectors):
    cases = [Case.read(place) for place in sorted(vectors("age-testkit/testdata").iterdir())]
    wrong = []
    for case in cases:
        outcome, plaintext = case.run(provider)
        hashes = case.all("payload")
        if [outcome] != case.all("expect") or (hashes and hashes != [hashlib.sha256(plaintext).hexdigest()]):
            wrong.append((case.name, case.all("expect"), outcome, len(plaintext)))
    assert wrong == []
    assert len(cases) == 143


def test_armour_is_recognised_without_being_told(provider, vectors):
    case = Case.read(vectors("age-testkit/testdata/armor_hybrid"))
    with age.Reader(io.BytesIO(case.body), list(case.identities(provider))) as reader:
        buffer = memoryview(bytearray(65_536))
        size = reader.readinto(buffer)
    assert [hashlib.sha256(buffer[:size]).hexdigest()] == case.all("payload")
