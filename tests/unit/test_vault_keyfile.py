"""The key file: 64 bytes, every one of which counts."""

from __future__ import annotations

import hashlib

from vault_samples import assert_none_opens, cuts, flips

from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format.keyfile import KeyFile


def test_a_key_file_is_read_back_and_keeps_its_id():
    made = KeyFile.generate()
    with made.encode() as content:
        read = KeyFile.parse(content.view)
        assert len(content) == 64
    assert read.key == made.key
    assert read.id == made.id
    assert KeyFile.generate().id != made.id


def test_its_layout_is_that_of_the_specification():
    key = bytes(range(32))
    content = KeyFile(Secret.copy_of(key)).encode().reveal()
    head = b"PANDORA-KEYFILE1" + key
    assert content == head + hashlib.sha384(head).digest()[:16]
    assert KeyFile(Secret.copy_of(key)).id == hashlib.sha384(b"pandora-vault/v1 key file" + key).digest()[:16]


def test_every_flip_and_every_cut_of_a_key_file_is_refused():
    content = KeyFile.generate().encode().reveal()
    assert_none_opens(flips(content), KeyFile.parse)
    assert_none_opens(cuts(content), KeyFile.parse)


def test_a_key_file_does_not_show_its_key():
    assert repr(KeyFile(Secret.copy_of(b"k" * 32))) == "KeyFile()"
