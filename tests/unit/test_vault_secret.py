"""Secrets: memory that is locked, wiped and not shown."""

from __future__ import annotations

import copy
import ctypes
import os
import pickle
import sys
import traceback

import pytest

from pandora_core.vault.crypto.secret import Secret, protection


def test_a_wiped_secret_cannot_be_read_and_left_zeros():
    secret = Secret.copy_of(b"correct horse battery staple")
    kept = secret.view[3:9]  # what nobody should do
    secret.wipe()
    assert bytes(kept) == bytes(6)
    with pytest.raises(ValueError, match="released"):
        secret.view[0]


def test_wiping_twice_does_not_wipe_the_next_owner_of_the_memory():
    first = Secret.copy_of(b"a" * 32)
    first.wipe()
    second = Secret.copy_of(b"b" * 32)
    first.wipe()
    assert second.reveal() == b"b" * 32


@pytest.mark.parametrize("size", [32, 70_000])
def test_memory_is_zeroed_even_while_something_points_into_it(size):
    secret = Secret.copy_of(b"s" * size)
    pointer = ctypes.c_char.from_buffer(secret.view)
    assert pointer.value == b"s"
    secret.wipe()
    assert pointer.value == b"\0"


def test_a_secret_is_wiped_when_it_is_collected():
    secret = Secret.copy_of(b"x" * 32)
    kept = secret.view[:]
    del secret
    assert bytes(kept) == bytes(32)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 4096, 4097, 70_000])
def test_secrets_of_any_size_hold_what_was_put_in(size):
    content = os.urandom(size)
    with Secret.copy_of(content) as secret:
        assert secret.reveal() == content
        assert len(secret) == size


def test_neither_repr_nor_traceback_nor_comparison_shows_it():
    canary = b"canary-in-the-coal-mine"
    secret = Secret.copy_of(canary)
    try:
        raise RuntimeError(f"{secret!r} {secret}")
    except RuntimeError:
        text = "".join(traceback.TracebackException(*sys.exc_info(), capture_locals=True).format())
    assert "coal" not in text.replace(repr(canary), "")


def test_a_secret_is_neither_pickled_nor_copied_nor_hashed():
    secret = Secret(32)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy, hash):
        with pytest.raises(TypeError):
            attempt(secret)


def test_secrets_are_equal_by_content_only_with_secrets():
    assert Secret.copy_of(b"same") == Secret.copy_of(b"same")
    assert Secret.copy_of(b"same") != Secret.copy_of(b"sane")
    assert Secret.copy_of(b"same") != b"same"


def test_random_secrets_differ_even_when_long():
    first, second = Secret.random(1000), Secret.random(1000)
    assert first != second
    assert first.view[256:512] != first.view[:256]
    assert any(first.view[768:])


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_absorbing_empties_the_source(kind):
    source = kind(os.urandom(40))
    expected = bytes(bytearray(source))
    secret = Secret.absorb(source)
    assert secret.reveal() == expected
    assert source == bytes(40)


def test_absorbing_a_single_byte_leaves_pythons_shared_object_alone():
    one = bytes((7,))
    Secret.absorb(one)
    assert one == b"\x07"


def test_narrowing_shows_a_part_and_wiping_clears_the_whole():
    secret = Secret.copy_of(b"head, heart, tail")
    whole = secret.view[:]
    secret.narrow(6, 11)
    assert secret.reveal() == b"heart"
    secret.wipe()
    assert not any(whole)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells")
def test_pages_are_locked_kept_from_dumps_and_wiped_in_a_child():
    assert protection() == (True, True, True)
    secret = Secret.copy_of(b"parent only")
    child = os.fork()
    if child == 0:
        os._exit(0 if secret.reveal() == bytes(11) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert secret.reveal() == b"parent only"
