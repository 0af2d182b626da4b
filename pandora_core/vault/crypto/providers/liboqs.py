"""Owns ML-KEM and ML-DSA by liboqs; nothing else imports ``oqs``.

``import oqs`` without its shared library prints, counts down, clones a repository and raises SystemExit. So the
library is looked for first, and the import happens only when it is sure to be found. Of the wrapper only the loaded
library is used: its methods pad short arguments with zeros, and copy keys into memory that nobody wipes.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pandora_core.errors import OpenFailedError, ProviderError, VaultFormatError
from pandora_core.vault.crypto.profiles import KEMS, SIGNATURES
from pandora_core.vault.crypto.providers import Encapsulated
from pandora_core.vault.crypto.secret import Octets, Secret

HOW_TO_GET_IT = "build liboqs 0.16 as a shared library and set OQS_INSTALL_PATH to where it is installed"
_SHARED_SECRET_BYTES = 32
_SUCCESS = 0
_FILE_NAME = {"darwin": "liboqs.dylib", "win32": "oqs.dll"}.get(sys.platform, "liboqs.so")
_FOLDERS = ("bin",) if sys.platform == "win32" else ("lib", "lib64")
_RandomSource = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t)
_FUNCTIONS: dict[str, tuple[Any, int]] = {
    "OQS_KEM_new": (ctypes.c_void_p, 1),
    "OQS_KEM_keypair_derand": (ctypes.c_int, 4),
    "OQS_KEM_encaps": (ctypes.c_int, 4),
    "OQS_KEM_decaps": (ctypes.c_int, 4),
    "OQS_SIG_new": (ctypes.c_void_p, 1),
    "OQS_SIG_keypair": (ctypes.c_int, 3),
    "OQS_randombytes_switch_algorithm": (ctypes.c_int, 1),
}
"""Functions whose arguments are all pointers: what they return, and how many they take."""
_NEEDED = (
    *_FUNCTIONS,
    "OQS_randombytes_custom_algorithm",
    "OQS_SIG_sign_with_ctx_str",
    "OQS_SIG_verify_with_ctx_str",
)


_SIGNATURES = tuple(name for name in SIGNATURES if name != "ML-DSA-44")  # that one is for test vectors


class Found(NamedTuple):
    """The library that ``oqs`` will load, or why there is none that can be used."""

    place: str
    problem: str


@cache
def look() -> Found:
    """Look where ``oqs`` looks, in its order, and try what it would load. Imports nothing of it, says nothing."""
    place = next(filter(_loads, _places()), None)
    if place is None:
        return Found("", "its shared library is not found")
    library = ctypes.CDLL(place)
    missing = [name for name in _NEEDED if not hasattr(library, name)]
    if not missing:
        missing += [name for name in KEMS if not library.OQS_KEM_alg_is_enabled(name.encode())]
        missing += [name for name in _SIGNATURES if not library.OQS_SIG_alg_is_enabled(name.encode())]
    return Found(place, f"{place} is too old or was built without {', '.join(missing)}" if missing else "")


@cache
def load() -> Library:
    """The library, loaded once a process.

    Raises:
        ProviderError: it is absent, too old or built without what is needed, or its Python wrapper is absent.
    """
    if problem := look().problem:
        raise ProviderError(f"liboqs: {problem}", hint=HOW_TO_GET_IT)
    return Library(_import_quietly())


class Library:
    """The C functions of liboqs, with one lock around its global source of randomness."""

    def __init__(self, oqs: Any) -> None:
        self.version: str = oqs.oqs_version()
        self._lock = threading.RLock()
        # A second CDLL of the same handle has function objects of its own: the wrapper's prototypes stay untouched.
        self.c = ctypes.CDLL(None, handle=oqs.native()._handle)
        self._declare()

    def kem(self, algorithm: str) -> OqsKem:
        return OqsKem(self, algorithm, self._new("OQS_KEM_new", algorithm))

    def signer(self, algorithm: str) -> OqsSigner:
        return OqsSigner(self, algorithm, self._new("OQS_SIG_new", algorithm))

    @contextlib.contextmanager
    def drawing(self, octets: Octets | None = None) -> Iterator[None]:
        """Let liboqs draw exactly these bytes as its randomness, or from the kernel when there are none.

        It is how an ML-DSA key is made from a seed. The source is global to the library, so every call that draws
        holds the lock; a foreign thread that does not is served by the kernel.

        Raises:
            ProviderError: other than exactly these bytes were drawn.
        """
        with self._lock:
            if octets is None:
                yield
                return
            script = _Script(octets)
            callback = _RandomSource(script.dispense)
            self.c.OQS_randombytes_custom_algorithm(callback)
            try:
                yield
            finally:
                self.c.OQS_randombytes_switch_algorithm(b"system")
        if script.drawn != len(octets):
            raise ProviderError(
                f"liboqs drew {script.drawn} random bytes where {len(octets)} are due", hint="pandora vault selftest"
            )

    def _new(self, function: str, algorithm: str) -> int:
        made: int | None = getattr(self.c, function)(algorithm.encode())
        if made is None:
            raise ProviderError(f"liboqs: {algorithm} was left out of this build", hint=HOW_TO_GET_IT)
        return made

    def _declare(self) -> None:
        for name, (returned, pointers) in _FUNCTIONS.items():
            function = getattr(self.c, name)
            function.restype, function.argtypes = returned, [ctypes.c_void_p] * pointers
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self.c.OQS_randombytes_custom_algorithm.restype = None
        self.c.OQS_randombytes_custom_algorithm.argtypes = [_RandomSource]
        self.c.OQS_SIG_sign_with_ctx_str.restype = ctypes.c_int
        self.c.OQS_SIG_sign_with_ctx_str.argtypes = [pointer, pointer, pointer, pointer, size, pointer, size, pointer]
        self.c.OQS_SIG_verify_with_ctx_str.restype = ctypes.c_int
        self.c.OQS_SIG_verify_with_ctx_str.argtypes = [pointer, pointer, size, pointer, size, pointer, size, pointer]


class _Script:
    """Randomness that is fixed beforehand, for the thread that made it. Nothing may be raised into C."""

    def __init__(self, octets: Octets) -> None:
        self.drawn = 0
        self._size = len(octets)
        self._kept = ctypes.c_char.from_buffer(octets)
        self._owner = threading.get_ident()

    def dispense(self, target: int, size: int) -> None:
        if threading.get_ident() != self._owner:
            ctypes.memmove(target, os.urandom(size), size)
            return
        if self.drawn + size <= self._size:
            ctypes.memmove(target, ctypes.addressof(self._kept) + self.drawn, size)
        self.drawn += size


class OqsKem:
    """A :class:`~pandora_core.vault.crypto.providers.Kem`; the expanded key lives for one call."""

    def __init__(self, library: Library, algorithm: str, handle: int) -> None:
        self._library = library
        self._handle = handle
        self._sizes = KEMS[algorithm]
        # FIPS 203 table 3: dk holds 384k bytes of s, then ek, H(ek) and z.
        self._expanded_bytes = 2 * self._sizes.public_key + 32

    def public_key(self, seed: Octets) -> bytes:
        with self._expand(seed) as (_, public_key):
            return public_key

    def encapsulate(self, public_key: bytes, m: Octets | None = None) -> Encapsulated:
        """``m`` [32 bytes] takes the place of randomness, for known answers."""
        ciphertext = ctypes.create_string_buffer(self._sizes.ciphertext)
        shared_secret = Secret(_SHARED_SECRET_BYTES)
        with self._library.drawing(m):
            status = self._library.c.OQS_KEM_encaps(
                self._handle, ciphertext, _pointer(shared_secret.view), _pointer(public_key)
            )
        if status != _SUCCESS:
            shared_secret.wipe()
            raise VaultFormatError("not a public key of ML-KEM")
        return Encapsulated(ciphertext.raw, shared_secret)

    def decapsulate(self, seed: Octets, ciphertext: bytes) -> Secret:
        shared_secret = Secret(_SHARED_SECRET_BYTES)
        with self._expand(seed) as (expanded, _):
            status = self._library.c.OQS_KEM_decaps(
                self._handle, _pointer(shared_secret.view), _pointer(ciphertext), _pointer(expanded.view)
            )
        if status != _SUCCESS:
            shared_secret.wipe()
            raise OpenFailedError
        return shared_secret

    @contextlib.contextmanager
    def _expand(self, seed: Octets) -> Iterator[tuple[Secret, bytes]]:
        public_key = ctypes.create_string_buffer(self._sizes.public_key)
        with Secret(self._expanded_bytes) as expanded:
            status = self._library.c.OQS_KEM_keypair_derand(
                self._handle, public_key, _pointer(expanded.view), _pointer(seed)
            )
            if status != _SUCCESS:
                raise ProviderError("liboqs made no key from a seed", hint="pandora vault selftest")
            yield expanded, public_key.raw


class OqsSigner:
    """A :class:`~pandora_core.vault.crypto.providers.Signer`; the expanded key lives for one call."""

    _EXPANDED_BYTES = {"ML-DSA-44": 2560, "ML-DSA-65": 4032, "ML-DSA-87": 4896}  # noqa: RUF012 — FIPS 204 table 2

    def __init__(self, library: Library, algorithm: str, handle: int) -> None:
        self._library = library
        self._handle = handle
        self._sizes = SIGNATURES[algorithm]
        self._expanded_bytes = self._EXPANDED_BYTES[algorithm]

    def public_key(self, seed: Octets) -> bytes:
        with self._expand(seed) as (_, public_key):
            return public_key

    def sign(self, seed: Octets, message: bytes, context: bytes, rnd: Octets | None = None) -> bytes:
        """``rnd`` [32 bytes] takes the place of randomness, for known answers; zeros sign deterministically."""
        signature = ctypes.create_string_buffer(self._sizes.signature)
        size = ctypes.c_size_t(self._sizes.signature)
        with self._expand(seed) as (expanded, _), self._library.drawing(rnd):
            status = self._library.c.OQS_SIG_sign_with_ctx_str(
                self._handle,
                signature,
                ctypes.byref(size),
                _pointer(message),
                len(message),
                _pointer(context),
                len(context),
                _pointer(expanded.view),
            )
        if status != _SUCCESS:
            raise ProviderError("liboqs made no signature", hint="pandora vault selftest")
        return signature.raw[: size.value]

    def verify(self, public_key: bytes, message: bytes, signature: bytes, context: bytes) -> None:
        status = self._library.c.OQS_SIG_verify_with_ctx_str(
            self._handle,
            _pointer(message),
            len(message),
            _pointer(signature),
            len(signature),
            _pointer(context),
            len(context),
            _pointer(public_key),
        )
        if status != _SUCCESS:
            raise OpenFailedError

    @contextlib.contextmanager
    def _expand(self, seed: Octets) -> Iterator[tuple[Secret, bytes]]:
        public_key = ctypes.create_string_buffer(self._sizes.public_key)
        with Secret.copy_of(seed) as drawn, Secret(self._expanded_bytes) as expanded:
            with self._library.drawing(drawn.view):
                status = self._library.c.OQS_SIG_keypair(self._handle, public_key, _pointer(expanded.view))
            if status != _SUCCESS:
                raise ProviderError("liboqs made no key from a seed", hint="pandora vault selftest")
            yield expanded, public_key.raw


def _places() -> Iterator[str]:
    if found := ctypes.util.find_library("oqs"):
        yield found
    root = Path(os.environ.get("OQS_INSTALL_PATH") or Path.home() / "_oqs")
    yield from (str(place) for folder in _FOLDERS if (place := root / folder / _FILE_NAME).is_file())


def _loads(place: str) -> bool:
    try:
        ctypes.CDLL(place)
    except OSError:
        return False
    return True


def _import_quietly() -> Any:
    """Import the wrapper, whose logger would write to standard output, and which warns of other versions."""
    logging.getLogger("oqs.oqs").disabled = True
    try:
        with warnings.catch_warnings(action="ignore"):
            import oqs  # type: ignore[import-untyped]
    except (ImportError, SystemExit, RuntimeError) as error:
        raise ProviderError("liboqs: its Python wrapper does not load", hint="pip install liboqs-python") from error
    return oqs


def _pointer(octets: Octets) -> Any:
    """The address of a buffer for C, in place wherever it can be written to; what cannot is no secret to be wiped."""
    if isinstance(octets, bytes) or not octets or memoryview(octets).readonly:
        return bytes(octets)
    return ctypes.byref(ctypes.c_char.from_buffer(octets))
