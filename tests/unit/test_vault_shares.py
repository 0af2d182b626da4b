"""Recovery shares: enough of them, and no word of them in a message."""

from __future__ import annotations

import itertools

import pytest

from pandora_core.errors import OpenFailedError, VaultError, VaultFormatError
from pandora_core.vault.crypto import shares
from pandora_core.vault.crypto.shares import Terms

SECRET = bytes(range(32))


@pytest.mark.parametrize("terms", [Terms(2, 2), Terms(2, 4), Terms(3, 5)], ids=str)
def test_any_subset_that_is_large_enough_gives_the_secret_back(terms):
    split = shares.split(SECRET, terms)
    assert len(split.mnemonics) == terms.shares
    for size in range(terms.threshold, terms.shares + 1):
        for given in itertools.combinations(split.mnemonics, size):
            assert shares.join(given).reveal() == SECRET


def test_too_few_shares_say_how_many_are_missing():
    mnemonics = shares.split(SECRET, Terms(3, 5)).mnemonics
    with pytest.raises(VaultError, match="1 more share is"):
        shares.join(mnemonics[:2])
    with pytest.raises(VaultError, match="1 more share is"):
        shares.join([mnemonics[0], mnemonics[1], mnemonics[0]])
    with pytest.raises(VaultError, match="2 more"):
        shares.join([])


def test_a_mistyped_share_is_named_by_its_number_and_not_quoted():
    first, second = shares.split(SECRET, Terms(2, 2)).mnemonics
    words = second.split()
    words[20] = "academic" if words[20] != "academic" else "acid"
    for spoiled in (" ".join(words), second.replace(words[3], "xyzzy", 1), "", " ".join(words[:30])):
        with pytest.raises(VaultFormatError, match="share 2") as caught:
            shares.join([first, spoiled])
        assert str(caught.value) == "share 2 is mistyped"
        assert caught.value.__cause__ is None


def test_shares_of_two_secrets_do_not_mix():
    one, other = (shares.split(SECRET, Terms(2, 2)).mnemonics for _ in range(2))
    with pytest.raises(OpenFailedError):
        shares.join([one[0], other[1]])


def test_shares_that_the_vault_does_not_make_are_refused():
    from shamir_mnemonic import generate_mnemonics

    for foreign in (
        generate_mnemonics(1, [(2, 2)], SECRET, iteration_exponent=1)[0],
        generate_mnemonics(1, [(2, 2)], SECRET[:16], iteration_exponent=0)[0],
        generate_mnemonics(2, [(1, 1), (1, 1)], SECRET, iteration_exponent=0)[0],
    ):
        with pytest.raises(VaultFormatError):
            shares.join(foreign)


@pytest.mark.parametrize(("threshold", "count"), [(1, 1), (1, 3), (3, 2), (2, 17), (0, 0)])
def test_terms_that_protect_nothing_are_refused(threshold, count):
    with pytest.raises(VaultFormatError):
        Terms(threshold, count)
