"""Owns the tree of errors that Pandora raises on purpose.

::

    PandoraError                 exit 1  anything a person can read and act on
    ├── ConfigError              exit 2  a setting or an argument is wrong
    ├── PluginError              exit 1  an extension could not be loaded
    ├── SourceError              exit 1  a log cannot be opened or read
    │   └── UnknownFormatError   exit 1  no format recognises the content
    ├── StoreError               exit 1  the database refused or is damaged
    │   ├── StoreVersionError    exit 1  the file was written by a newer Pandora
    │   └── StoreBusyError       exit 1  another process holds the write lock too long
    ├── EngineError              exit 1  the engine cannot start, or died
    │   └── EngineRunningError   exit 3  another process holds the engine lock
    ├── VaultError               exit 1  the vault, or a file of its formats, cannot be used
    │   ├── VaultLockedError     exit 3  it is locked, and this needs it unlocked
    │   ├── OpenFailedError      exit 1  wrong key or changed data, on purpose not told apart
    │   ├── VaultFormatError     exit 1  not one of its formats, or a length or bound that is refused
    │   ├── TamperedError        exit 1  what is signed and what is stored do not agree
    │   ├── UntrustedSignerError exit 3  signed well, by a key that is not trusted here
    │   └── ProviderError        exit 1  no post-quantum provider, or one that answered wrong
    ├── NotFoundError            exit 1  no such alert, entity, source …
    └── RefusedError             exit 3  understood, and not allowed
        └── StaleActionError     exit 3  somebody acted on the subject first

Every error says what went wrong, where, and what to do next.
"""

from __future__ import annotations


class PandoraError(Exception):
    """Base of every deliberate error: ``what`` happened, ``where``, and the ``hint`` of what to do next."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}. {self.hint}" if self.hint else text


class ConfigError(PandoraError):
    """A setting, environment variable or argument cannot be used as given."""

    exit_code = 2


class PluginError(PandoraError):
    """An entry point of a ``pandora.*`` group is missing or fails to load."""


class SourceError(PandoraError):
    """A log source cannot be opened, read or followed."""


class UnknownFormatError(SourceError):
    """No registered log format recognises the content of a source."""


class StoreError(PandoraError):
    """The store could not do what was asked."""


class StoreVersionError(StoreError):
    """The store was written by a newer version than this one can read."""


class StoreBusyError(StoreError):
    """The write lock of the store was not free in time."""


class EngineError(PandoraError):
    """The engine could not be started, reached or stopped."""


class EngineRunningError(EngineError):
    """Another process already holds the engine lock of this data folder."""

    exit_code = 3


class VaultError(PandoraError):
    """The vault, or a file of one of its formats, cannot be used."""


class VaultLockedError(VaultError):
    """The vault is locked, and what was asked needs it unlocked."""

    exit_code = 3


class OpenFailedError(VaultError):
    """A cryptographic check failed: one error with one text, so that nothing is learned from which check it was."""

    def __init__(self, what: str = "it does not open: the key is wrong, or the data was changed") -> None:
        super().__init__(what)


class VaultFormatError(VaultError):
    """Not one of the vault's formats, or a version, length or bound refused; known from public bytes alone."""


class TamperedError(VaultError):
    """What is signed and what is stored do not agree."""


class UntrustedSignerError(VaultError):
    """A signature holds, but its key is not among those trusted here."""

    exit_code = 3


class ProviderError(VaultError):
    """A post-quantum provider is missing, or failed a known-answer or pairwise test. Nothing goes on with it."""


class NotFoundError(PandoraError):
    """The thing that was named does not exist in the store."""


class RefusedError(PandoraError):
    """The request was understood and is not allowed in the present state."""

    exit_code = 3


class StaleActionError(RefusedError):
    """Somebody else acted on the subject since it was last read."""
