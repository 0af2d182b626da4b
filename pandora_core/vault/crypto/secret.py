"""Owns memory for keys and plaintext: locked pages, wiped after use, never shown.

Secrets live in anonymous pages of their own, apart from Python's heap, so that the operating system can be told not
to swap them out, not to dump them and not to hand them to a child. What Python itself copies (``bytes``, ``str``,
``int``) cannot be wiped; hence everything here works on buffers in place.
"""

from __future__ import annotations

import contextlib
import ctypes
import hmac
import mmap
import os
import sys
from functools import cache
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, Self

Octets = bytes | bytearray | memoryview
"""Anything whose bytes can be read in place."""

_MADV_DONTDUMP = 16
_MADV_WIPEONFORK = 18
_SMALLEST, _LARGEST_SHARED = 32, 4096
_GETENTROPY_LIMIT = 256


class Protection(NamedTuple):
    """What the operating system granted to every page of secrets so far."""

    locked: bool
    kept_from_dumps: bool
    wiped_on_fork: bool


class Secret:
    """A buffer of secret bytes, zeroed when it is wiped, left as a context, or collected.

    ``view`` is the way in: a writable memoryview that raises ``ValueError`` once the secret is wiped, so hold the
    secret for as long as its view. Do not keep slices of it, since the memory is used again.
    """

    __slots__ = ("__weakref__", "_cell", "_view")

    def __init__(self, size_bytes: int) -> None:
        self._cell: _Cell | None = _take(size_bytes)
        self._view = self._cell.memory[:size_bytes]

    @classmethod
    def random(cls, size_bytes: int) -> Self:
        """Fresh bytes from the kernel, written in place."""
        secret = cls(size_bytes)
        fill_random(secret._view)
        return secret

    @classmethod
    def copy_of(cls, source: Octets) -> Self:
        """A copy; the source stays as it is."""
        octets = memoryview(source)
        secret = cls(len(octets))
        secret._view[:] = octets
        return secret

    @classmethod
    def absorb(cls, source: bytes | bytearray) -> Self:
        """A copy, after which the source is overwritten.

        ``bytes`` are meant to be immutable: give only what a native call has just made and nobody else holds.
        """
        secret = cls.copy_of(source)
        if isinstance(source, bytearray):
            source[:] = bytes(len(source))
        else:
            _overwrite(source)
        return secret

    @property
    def view(self) -> memoryview:
        """The bytes, in place."""
        return self._view

    def reveal(self) -> bytes:
        """A copy that nothing can wipe: for what is no secret after all, and for the moment a person is shown it."""
        return bytes(self._view)

    def narrow(self, start: int, stop: int) -> None:
        """Keep only ``[start:stop]`` in sight; the rest stays until the whole is wiped."""
        whole, self._view = self._view, self._view[start:stop]
        whole.release()

    def wipe(self) -> None:
        """Overwrite with zeros and give the memory back. Doing it twice does no harm."""
        cell, self._cell = self._cell, None
        if cell is None:
            return
        cell.memory[:] = _zeros(len(cell.memory))
        try:
            self._view.release()
        except BufferError:
            return  # a C call is still reading it: it sees zeros, and this memory is not used again
        _give_back(cell)

    def __len__(self) -> int:
        return len(self._view)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._view, other._view)

    __hash__ = None  # type: ignore[assignment]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.wipe()

    def __del__(self) -> None:
        if hasattr(self, "_view"):  # not so when the constructor failed
            self.wipe()

    def __repr__(self) -> str:
        return "<Secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")


def fill_random(target: memoryview) -> None:
    """Fill a buffer from the kernel's generator without leaving a copy elsewhere where the C library allows it."""
    getentropy = _getentropy()
    if getentropy is None:
        target[:] = os.urandom(len(target))
        return
    for start in range(0, len(target), _GETENTROPY_LIMIT):
        part = target[start : start + _GETENTROPY_LIMIT]
        if getentropy(ctypes.byref(ctypes.c_char.from_buffer(part)), len(part)) != 0:
            raise OSError("the kernel gave no random bytes")


def random_bytes(size_bytes: int) -> bytes:
    """Random bytes that need not be secret: ids, salts, entropy of hedged salts."""
    return os.urandom(size_bytes)


def protection() -> Protection:
    """What was granted to all pages of secrets of this process; for the screen and ``pandora doctor``."""
    if not _granted:
        _map_pages(mmap.PAGESIZE).close()
    return Protection(*(all(column) for column in zip(*_granted, strict=True)))


class _Cell:
    """A stretch of protected memory, given out to one secret at a time."""

    __slots__ = ("memory", "pages")

    def __init__(self, memory: memoryview, pages: mmap.mmap | None) -> None:
        self.memory = memory
        self.pages = pages


# Lists are taken from and given back to in one step each, which threads cannot come between.
_free: dict[int, list[_Cell]] = {1 << bits: [] for bits in range(5, 13)}
_granted: set[Protection] = set()


def _take(size_bytes: int) -> _Cell:
    if size_bytes > _LARGEST_SHARED:
        pages = _map_pages(size_bytes)
        return _Cell(memoryview(pages), pages)
    size_class = _SMALLEST if size_bytes <= _SMALLEST else 1 << (size_bytes - 1).bit_length()
    cells = _free[size_class]
    while True:
        try:
            return cells.pop()
        except IndexError:
            shared = memoryview(_map_pages(4 * mmap.PAGESIZE))
            cells.extend(_Cell(shared[at : at + size_class], None) for at in range(0, len(shared), size_class))


def _give_back(cell: _Cell) -> None:
    if cell.pages is None:
        _free[len(cell.memory)].append(cell)
        return
    cell.memory.release()
    with contextlib.suppress(BufferError):  # a slice is still held: the pages, all zeros, go when it does
        cell.pages.close()


@cache
def _zeros(size: int) -> bytes:
    return bytes(size)


def _map_pages(size_bytes: int) -> mmap.mmap:
    whole = -(-size_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
    if sys.platform == "win32":
        _granted.add(Protection(locked=False, kept_from_dumps=False, wiped_on_fork=False))
        return mmap.mmap(-1, whole)
    pages = mmap.mmap(-1, whole, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    _granted.add(_protect(pages, whole))
    return pages


def _protect(pages: mmap.mmap, size: int) -> Protection:
    libc = _libc()
    start = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(pages)))
    linux = sys.platform == "linux"
    return Protection(
        locked=libc.mlock(start, ctypes.c_size_t(size)) == 0,
        kept_from_dumps=linux and libc.madvise(start, ctypes.c_size_t(size), _MADV_DONTDUMP) == 0,
        wiped_on_fork=linux and libc.madvise(start, ctypes.c_size_t(size), _MADV_WIPEONFORK) == 0,
    )


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@cache
def _getentropy() -> Any:
    function = getattr(_libc(), "getentropy", None) if os.name == "posix" else None
    if function is not None:
        function.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        function.restype = ctypes.c_int
    return function


def _overwrite(octets: bytes) -> None:
    """Zero a ``bytes`` object in place. CPython only, and only where its layout is the one we know."""
    if len(octets) < 2 or sys.implementation.name != "cpython":  # single bytes are shared objects
        return
    address = id(octets) + bytes.__basicsize__ - 1
    if ctypes.string_at(address, len(octets)) == octets:
        ctypes.memset(address, 0, len(octets))
