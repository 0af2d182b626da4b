"""A disk that forgets: a VFS of SQLite that logs every write, and what a power cut could have left of them.

It is registered in front of SQLite's own VFS, so that the code under test is the one in use, and what it writes can
be replayed up to any call: with writes that were not synced dropped, torn at sectors of 512 bytes, or kept.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SECTOR_BYTES = 512
_OPEN = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int)
)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class _Vfs(ctypes.Structure):
    """``struct sqlite3_vfs`` of sqlite3.h; what is not replaced is copied."""

    _fields_ = [
        ("version", ctypes.c_int),
        ("file_bytes", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
        ("delete", ctypes.c_void_p),
        ("others", ctypes.c_void_p * 14),
    ]


class _Methods(ctypes.Structure):
    """``struct sqlite3_io_methods`` of sqlite3.h."""

    _fields_ = [
        ("version", ctypes.c_int),
        ("close", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("write", ctypes.c_void_p),
        ("truncate", ctypes.c_void_p),
        ("sync", ctypes.c_void_p),
        ("others", ctypes.c_void_p * 13),
    ]


class Call(NamedTuple):
    """One thing that was done to a file: write, truncate, sync, delete or link; ``mark`` is the test's own."""

    what: str
    path: str
    offset: int = 0
    data: bytes = b""


@dataclass
class Log:
    """What was done to files below a folder."""

    calls: list[Call] = field(default_factory=list)

    def mark(self) -> None:
        """Everything before was promised to last."""
        self.calls.append(Call("mark", ""))


class Recorder:
    """The VFS; while it is installed, every connection of this process goes through it, and nothing is synced."""

    def __init__(self) -> None:
        self.log: Log | None = None
        self._library: Any = ctypes.CDLL(_sqlite3.__file__)
        self._library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        self._original = self._library.sqlite3_vfs_find(None)
        self._paths: dict[int, str] = {}
        self._kept: list[object] = []
        self._methods: dict[int, tuple[_Methods, _Methods]] = {}
        self._vfs = _Vfs.from_buffer_copy(self._original.contents)
        self._vfs.name = b"forgetful"
        self._vfs.open = self._keep(_OPEN(self._open))
        self._vfs.delete = self._keep(_DELETE(self._delete))

    @contextmanager
    def installed(self) -> Iterator[Recorder]:
        self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1)
        try:
            yield self
        finally:
            self._library.sqlite3_vfs_register(self._original, 1)
            self._library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))

    @contextmanager
    def recording(self) -> Iterator[Log]:
        self.log = Log()
        try:
            yield self.log
        finally:
            self.log = None

    def add(self, call: Call) -> None:
        if self.log is not None:
            self.log.calls.append(call)

    def _keep(self, callback: Any) -> int | None:
        self._kept.append(callback)
        return ctypes.cast(callback, ctypes.c_void_p).value

    def _open(self, _vfs: int, name: int | None, file: int, flags: int, out: Any) -> int:
        # The name is handed on as a pointer: SQLite's own VFS keeps it, and what follows it in memory.
        original = _OPEN(self._original.contents.open)
        status = original(ctypes.addressof(self._original.contents), name, file, flags, out)
        methods = ctypes.c_void_p.from_address(file)
        if status == 0 and methods.value:
            self._paths[file] = ctypes.string_at(name).decode() if name else ""
            methods.value = ctypes.addressof(self._wrapped(methods.value))
        return status

    def _delete(self, _vfs: int, name: bytes, sync: int) -> int:
        status = _DELETE(self._original.contents.delete)(ctypes.addressof(self._original.contents), name, 0)
        if status == 0:
            self.add(Call("delete", name.decode(), sync))
        return status

    def _wrapped(self, address: int) -> _Methods:
        if address not in self._methods:
            original = _Methods.from_address(address)
            wrapped = _Methods.from_buffer_copy(original)
            wrapped.write = self._keep(_WRITE(self._writer(_WRITE(original.write))))
            wrapped.truncate = self._keep(_TRUNCATE(self._truncater(_TRUNCATE(original.truncate))))
            wrapped.sync = self._keep(_SYNC(self._syncer))
            self._methods[address] = (original, wrapped)
        return self._methods[address][1]

    def _writer(self, original: Any) -> Callable[[int, int, int, int], int]:
        def write(file: int, data: int, size: int, offset: int) -> int:
            self.add(Call("write", self._paths[file], offset, ctypes.string_at(data, size)))
            return int(original(file, data, size, offset))

        return write

    def _truncater(self, original: Any) -> Callable[[int, int], int]:
        def truncate(file: int, size: int) -> int:
            self.add(Call("truncate", self._paths[file], size))
            return int(original(file, size))

        return truncate

    def _syncer(self, file: int, _flags: int) -> int:
        self.add(Call("sync", self._paths[file]))
        return 0


def after_power_cut(
    before: dict[str, bytes], calls: list[Call], fate: Callable[[Call], Call | None]
) -> dict[str, bytes]:
    """The files after these calls; ``fate`` says what becomes of a call that no sync of its file followed."""
    synced: dict[str, int] = {}
    for at, call in enumerate(calls):
        if call.what in ("sync", "link") or (call.what == "delete" and call.offset):
            synced[call.path] = at
    files = {path: bytearray(data) for path, data in before.items()}
    for at, call in enumerate(calls):
        outcome: Call | None = call
        if call.what in ("write", "truncate", "delete") and at > synced.get(call.path, -1):
            outcome = fate(call)
        if outcome is not None:
            _apply(files, outcome)
    return {path: bytes(data) for path, data in files.items()}


def kept(call: Call) -> Call:
    """The process was killed, the machine went on: nothing is lost."""
    return call


def dropped(_call: Call) -> None:
    """Nothing that was not synced is there."""


def torn(chance: random.Random) -> Callable[[Call], Call | None]:
    """Each call is there, is not, or, of a write, some sectors are."""

    def fate(call: Call) -> Call | None:
        kind = chance.randrange(3)
        if kind == 0:
            return None
        if kind == 1 or call.what != "write":
            return call
        whole = -(-len(call.data) // SECTOR_BYTES)
        stop = chance.randrange(whole + 1) * SECTOR_BYTES
        return call._replace(data=call.data[:stop])

    return fate


def _apply(files: dict[str, bytearray], call: Call) -> None:
    if call.what == "delete":
        files.pop(call.path, None)
        return
    if call.what == "link":
        files[call.path] = bytearray(files.get(call.data.decode(), b""))
        return
    if call.what not in ("write", "truncate"):
        return
    data = files.setdefault(call.path, bytearray())
    if call.what == "truncate":
        del data[call.offset :]
        data.extend(bytes(call.offset - len(data)))
        return
    if len(data) < call.offset:
        data.extend(bytes(call.offset - len(data)))
    data[call.offset : call.offset + len(call.data)] = call.data
