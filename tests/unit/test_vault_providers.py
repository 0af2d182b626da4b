"""The choice of a provider: quiet, offline, tested before use, and closed when something is wrong."""

from __future__ import annotations

import _ctypes as any_shared_object
import os
import subprocess
import sys
import threading
from dataclasses import dataclass

import pytest
from providing import provider_named

from pandora_core.errors import OpenFailedError, ProviderError, VaultFormatError
from pandora_core.vault.crypto import providers, recipients
from pandora_core.vault.crypto.profiles import KEMS, SIGNATURES, SUITES
from pandora_core.vault.crypto.providers import Encapsulated, Provider, checked, known_answers, pyca
from pandora_core.vault.crypto.providers.checked import CheckedKem, CheckedSigner
from pandora_core.vault.crypto.secret import Secret

KEM_SEED, SIGNING_SEED = bytes(range(64)), bytes(range(32))
WATCHED = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit("went to the network")
    if event == "subprocess.Popen" and {"git", "cmake"} & set(map(os.path.basename, map(str, arguments[1]))):
        raise SystemExit("started " + str(arguments[1]))
sys.addaudithook(watch)
"""


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", WATCHED + code],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environment,
        check=False,
    )


def test_without_the_library_auto_is_pyca_and_nothing_is_said_or_fetched(tmp_path):
    code = """
from pandora_core.vault.crypto import providers, recipients
provider = providers.choose("auto")
provider.kem("ML-KEM-1024"); provider.signer("ML-DSA-87")
providers.new_signing_key(provider, "ML-DSA-65")
assert "oqs" not in sys.modules
sys.exit(0 if provider.name == "pyca" and not providers.is_liboqs_present() else 1)
"""
    done = run_python(code, OQS_INSTALL_PATH=str(tmp_path), HOME=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_asking_for_the_absent_library_says_how_to_get_it(tmp_path):
    code = """
from pandora_core.errors import ProviderError
from pandora_core.vault.crypto import providers, recipients
try:
    providers.choose("liboqs")
except ProviderError as error:
    sys.exit(0 if "OQS_INSTALL_PATH" in str(error) else 1)
"""
    done = run_python(code, OQS_INSTALL_PATH=str(tmp_path), HOME=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("content", [b"", b"not a library"], ids=["empty", "noise"])
def test_a_library_that_does_not_load_is_as_good_as_absent(tmp_path, content):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "liboqs.so").write_bytes(content)
    code = "from pandora_core.vault.crypto import providers; sys.exit(0 if providers.choose().name == 'pyca' else 1)"
    done = run_python(code, OQS_INSTALL_PATH=str(tmp_path), HOME=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(sys.platform != "linux", reason="borrows a library of Linux")
def test_a_library_of_that_name_without_the_algorithms_is_as_good_as_absent(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "liboqs.so").symlink_to(any_shared_object.__file__)  # any shared object
    code = """
from pandora_core.errors import ProviderError
from pandora_core.vault.crypto import providers
assert providers.choose().name == "pyca"
try:
    providers.choose("liboqs")
except ProviderError as error:
    assert "built without OQS_KEM_new" in str(error), error
    assert "oqs" not in sys.modules
"""
    done = run_python(code, OQS_INSTALL_PATH=str(tmp_path), HOME=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.liboqs
def test_with_the_library_auto_is_liboqs_and_it_is_just_as_quiet():
    provider_named("liboqs")
    code = """
from pandora_core.vault.crypto import providers, recipients
provider = providers.choose()
provider.kem("ML-KEM-768"); provider.signer("ML-DSA-65")
sys.exit(0 if provider.name == "liboqs" else 1)
"""
    done = run_python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_of_post_quantum_is_imported_before_a_provider_is_chosen():
    code = """
import pandora_core.vault.format.slots, pandora_core.vault.format.bundle, pandora_core.vault.format.entry
where = "pandora_core.vault.crypto.providers."
heavy = {"oqs", "shamir_mnemonic", where + "pyca", where + "liboqs"}
sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)
"""
    done = run_python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_unknown_provider_or_algorithm_is_refused(provider):
    for attempt in (
        lambda: providers.choose("openssl"),
        lambda: provider.kem("ML-KEM-512"),
        lambda: provider.signer("SLH-DSA"),
    ):
        with pytest.raises(ProviderError):
            attempt()


@pytest.mark.parametrize("algorithm", list(KEMS))
@pytest.mark.parametrize("change", [-1, 1], ids=["short", "long"])
def test_every_argument_of_a_kem_is_measured(provider, algorithm, change):
    kem, sizes = provider.kem(algorithm), KEMS[algorithm]
    with pytest.raises(VaultFormatError):
        kem.public_key(bytes(64 + change))
    with pytest.raises(VaultFormatError):
        kem.encapsulate(bytes(sizes.public_key + change))
    with pytest.raises(VaultFormatError):
        kem.decapsulate(bytes(64 + change), bytes(sizes.ciphertext))
    with pytest.raises(OpenFailedError):
        kem.decapsulate(KEM_SEED, bytes(sizes.ciphertext + change))


@pytest.mark.parametrize("algorithm", list(SIGNATURES))
@pytest.mark.parametrize("change", [-1, 1], ids=["short", "long"])
def test_every_argument_of_a_signer_is_measured(provider, algorithm, change):
    signer, sizes = provider.signer(algorithm), SIGNATURES[algorithm]
    public_key = signer.public_key(SIGNING_SEED)
    signature = signer.sign(SIGNING_SEED, b"m", b"")
    with pytest.raises(VaultFormatError):
        signer.public_key(bytes(32 + change))
    with pytest.raises(VaultFormatError):
        signer.sign(bytes(32 + change), b"m", b"")
    with pytest.raises(VaultFormatError):
        signer.verify(bytes(sizes.public_key + change), b"m", signature, b"")
    with pytest.raises(OpenFailedError):
        signer.verify(public_key, b"m", (signature + b"\0")[: sizes.signature + change], b"")
    with pytest.raises(VaultFormatError):
        signer.sign(SIGNING_SEED, b"m", bytes(256))
    signer.verify(public_key, b"m", signer.sign(SIGNING_SEED, b"m", bytes(255)), bytes(255))


def test_seeds_may_lie_in_any_kind_of_buffer(provider):
    kem = provider.kem("ML-KEM-768")
    kinds = [KEM_SEED, bytearray(KEM_SEED), memoryview(bytearray(KEM_SEED)), memoryview(KEM_SEED)]
    with Secret.copy_of(KEM_SEED) as held:
        assert len({kem.public_key(kind) for kind in [*kinds, held.view]}) == 1


def test_two_providers_make_the_same_of_a_seed_and_understand_each_other(provider):
    for other in providers.present():
        for algorithm in KEMS:
            mine, theirs = provider.kem(algorithm), other.kem(algorithm)
            made = mine.encapsulate(theirs.public_key(KEM_SEED))
            assert mine.public_key(KEM_SEED) == theirs.public_key(KEM_SEED)
            assert theirs.decapsulate(KEM_SEED, made.ciphertext) == made.shared_secret


class Wrong:
    """A provider with one fault; everything else is pyca's."""

    def __init__(self, fault):
        self.fault = fault

    def kem(self, algorithm):
        right, fault = pyca.PycaKem(algorithm), self.fault

        @dataclass
        class Kem:
            def public_key(self, seed):
                made = right.public_key(seed)
                return known_answers.spoil(made) if fault == "public key" else made

            def encapsulate(self, public_key):
                made = right.encapsulate(public_key)
                return (
                    Encapsulated(known_answers.spoil(made.ciphertext), made.shared_secret) if fault == "enc" else made
                )

            def decapsulate(self, seed, ciphertext):
                if fault == "short":
                    return Secret(31)
                return Secret(32) if fault == "secret" else right.decapsulate(seed, ciphertext)

        return Kem()

    def signer(self, algorithm):
        right, fault = pyca.PycaSigner(algorithm), self.fault

        @dataclass
        class Signer:
            def public_key(self, seed):
                made = right.public_key(seed)
                return known_answers.spoil(made) if fault == "public key" else made

            def sign(self, seed, message, context):
                made = right.sign(seed, message, context)
                return known_answers.spoil(made) if fault == "signature" else made

            def verify(self, public_key, message, signature, context):
                if fault != "accepts all":
                    right.verify(public_key, message, signature, context)

        return Signer()


@pytest.mark.parametrize("fault", ["public key", "enc", "secret", "short"])
def test_a_kem_that_answers_wrong_is_not_handed_out(fault):
    provider = Provider(f"wrong-{fault}", "0", Wrong(fault).kem, Wrong(fault).signer)
    for _ in range(2):
        with pytest.raises(ProviderError):
            provider.kem("ML-KEM-1024")


@pytest.mark.parametrize("fault", ["public key", "signature", "accepts all"])
def test_a_signer_that_answers_wrong_is_not_handed_out_and_is_named(fault):
    provider = Provider(f"wrong-{fault}", "0", Wrong(fault).kem, Wrong(fault).signer)
    with pytest.raises(ProviderError, match=f"wrong-{fault} gave a wrong answer for ML-DSA-87"):
        provider.signer("ML-DSA-87")


def test_the_stand_in_without_a_fault_passes():
    provider = Provider("right", "0", Wrong(None).kem, Wrong(None).signer)
    assert isinstance(provider.kem("ML-KEM-1024"), CheckedKem)
    assert isinstance(provider.signer("ML-DSA-87"), CheckedSigner)


def test_a_new_signing_key_is_refused_when_its_signature_does_not_hold(monkeypatch):
    provider = Provider("half-right", "0", Wrong(None).kem, Wrong(None).signer)
    signer = provider.signer("ML-DSA-65")
    monkeypatch.setattr(signer.inner.__class__, "sign", lambda *_: bytes(SIGNATURES["ML-DSA-65"].signature))
    with pytest.raises(ProviderError, match="half-right"):
        providers.new_signing_key(provider, "ML-DSA-65")


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
@pytest.mark.parametrize("fault", ["enc", "secret"])
def test_a_new_identity_is_refused_and_wiped_when_it_does_not_open(suite, fault):
    class Untested:
        name = "untested"

        def kem(self, algorithm):
            return Wrong(fault).kem(algorithm)

    seed = Secret.random(suite.seed_bytes)
    with pytest.raises(ProviderError, match="untested"):
        recipients.from_seed(Untested(), suite, seed)
    with pytest.raises(ValueError, match="released"):
        seed.reveal()


def test_a_result_of_the_wrong_length_is_an_error_of_the_provider():
    with pytest.raises(ProviderError):
        checked._made(bytes(31), 32)


@pytest.mark.liboqs
class TestLiboqs:
    """Its global source of randomness."""

    @pytest.fixture
    def library(self):
        provider_named("liboqs")
        from pandora_core.vault.crypto.providers import liboqs

        return liboqs.load()

    def test_other_than_exactly_the_seed_being_drawn_is_an_error(self, library):
        kem = library.kem("ML-KEM-768")
        public_key = kem.public_key(KEM_SEED)
        for size in (31, 33):
            with pytest.raises(ProviderError, match="drew"):
                kem.encapsulate(public_key, bytearray(size))
        assert (
            kem.encapsulate(public_key, bytearray(32)).ciphertext
            == kem.encapsulate(public_key, bytearray(32)).ciphertext
        )

    def test_the_source_is_the_kernels_again_afterwards(self, library):
        kem, signer = library.kem("ML-KEM-768"), library.signer("ML-DSA-65")
        public_key = kem.public_key(KEM_SEED)
        signer.public_key(SIGNING_SEED)
        assert kem.encapsulate(public_key).ciphertext != kem.encapsulate(public_key).ciphertext
        assert signer.sign(SIGNING_SEED, b"m", b"") != signer.sign(SIGNING_SEED, b"m", b"")

    def test_keys_from_seeds_are_right_while_other_threads_draw(self, library):
        signer, kem = library.signer("ML-DSA-65"), library.kem("ML-KEM-768")
        expected, public_key = signer.public_key(SIGNING_SEED), kem.public_key(KEM_SEED)
        stop, ciphertexts = threading.Event(), []

        def draw():
            while not stop.is_set():
                ciphertexts.append(kem.encapsulate(public_key).ciphertext)

        threads = [threading.Thread(target=draw) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            assert all(signer.public_key(SIGNING_SEED) == expected for _ in range(100))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert len(set(ciphertexts)) == len(ciphertexts) > 0

    def test_an_algorithm_left_out_of_the_build_is_said(self, library):
        with pytest.raises(ProviderError, match="left out"):
            library._new("OQS_KEM_new", "BIKE-L1")
