"""Owns age v1 files: header, MAC and payload, read and written as streams (c2sp.org/age)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from pandora_core.errors import OpenFailedError, VaultFormatError
from pandora_core.vault.age.armor import BEGIN, ArmorReader, ArmorWriter
from pandora_core.vault.age.error import AgeError, Failure
from pandora_core.vault.age.keys import (
    FILE_KEY_BYTES,
    AgeIdentity,
    Stanza,
    check_together,
    decode_base64,
    encode_base64,
    hkdf_sha256,
    wrap,
)
from pandora_core.vault.crypto.lines import LineSource
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.recipients import Recipient
from pandora_core.vault.crypto.secret import Octets, Secret, random_bytes
from pandora_core.vault.crypto.stream import ChunkOpener, ChunkSealer, Sink, Source, fill

VERSION_LINE = b"age-encryption.org/v1"
HEADER_LIMIT_BYTES = 256 * 1024
PAYLOAD_NONCE_BYTES = 16
_BODY_LINE_CHARACTERS = 64
_MAC_MARK = b"---"
_SHA256 = hashes.SHA256()


class Writer:
    """A sink that encrypts to post-quantum recipients; ``close`` makes the file whole."""

    def __init__(
        self, provider: Provider, recipients: Sequence[Recipient], sink: Sink, *, armored: bool = False
    ) -> None:
        """Write the header.

        Raises:
            VaultFormatError: no recipient, or one that is not ``age1pq1…``.
        """
        if not recipients:
            raise VaultFormatError("an age file needs a recipient")
        self._armor = ArmorWriter(sink) if armored else None
        nonce = random_bytes(PAYLOAD_NONCE_BYTES)
        with Secret.random(FILE_KEY_BYTES) as file_key:
            stanzas = [wrap(provider, recipient, file_key) for recipient in recipients]
            header = _encode_header(stanzas)
            target = self._armor or sink
            target.write(memoryview(header + b" " + _encoded_mac(file_key, header) + b"\n" + nonce))
            with hkdf_sha256(file_key, nonce, b"payload") as key:
                self._sealer = ChunkSealer(ChaCha20Poly1305(key.view), target)

    def write(self, octets: Octets, /) -> int:
        return self._sealer.write(octets)

    def write_from(self, source: Source) -> int:
        """Encrypt all of a source; how many bytes it had."""
        return self._sealer.write_from(source)

    def close(self) -> None:
        self._sealer.close()
        if self._armor:
            self._armor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._sealer.wipe()


class Reader:
    """A source of the plaintext of an age file, armoured or not."""

    def __init__(self, source: Source, identities: Iterable[AgeIdentity]) -> None:
        """Read the header and find the file key.

        Raises:
            AgeError: the header is malformed, none of the identities fits, or its MAC does not.
        """
        lines = LineSource(source)
        if lines.begins_with(BEGIN):
            lines = LineSource(ArmorReader(lines))
        header = _read_header(lines)
        with _file_key(header.stanzas, identities) as file_key:
            _verify(file_key, header)
            nonce = bytearray(PAYLOAD_NONCE_BYTES)
            if fill(lines, memoryview(nonce)) != PAYLOAD_NONCE_BYTES:
                raise AgeError(Failure.HEADER)
            with hkdf_sha256(file_key, bytes(nonce), b"payload") as key:
                self._opener = ChunkOpener(ChaCha20Poly1305(key.view), lines)

    def readinto(self, buffer: memoryview, /) -> int:
        """The next bytes; zero at the end.

        Raises:
            AgeError: the payload was changed, cut or prolonged.
        """
        try:
            return self._opener.readinto(buffer)
        except AgeError:
            raise
        except OpenFailedError:
            raise AgeError(Failure.PAYLOAD) from None

    def wipe(self) -> None:
        self._opener.wipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.wipe()


class _Header(NamedTuple):
    stanzas: list[Stanza]
    covered: bytes
    mac: bytes


def _encode_header(stanzas: Iterable[Stanza]) -> bytes:
    lines = [VERSION_LINE.decode()]
    for stanza in stanzas:
        lines.append(" ".join(("->", stanza.type, *stanza.arguments)))
        body = encode_base64(stanza.body)
        # The last line of a body is always short, be it empty.
        lines += [body[at : at + _BODY_LINE_CHARACTERS] for at in range(0, len(body) + 1, _BODY_LINE_CHARACTERS)]
    return "\n".join(lines).encode() + b"\n" + _MAC_MARK


def _read_header(lines: LineSource) -> _Header:
    covered = bytearray()
    stanzas: list[Stanza] = []
    if _line(lines, covered) != VERSION_LINE:
        raise AgeError(Failure.HEADER)
    while not (line := _line(lines, covered)).startswith(_MAC_MARK):
        stanzas.append(_read_stanza(line, lines, covered))
    mark, _, mac = line.partition(b" ")
    if mark != _MAC_MARK or not stanzas:
        raise AgeError(Failure.HEADER)
    decoded = decode_base64(_ascii(mac))
    if len(decoded) != _SHA256.digest_size:
        raise AgeError(Failure.HEADER)
    del covered[-len(line) - 1 + len(_MAC_MARK) :]
    return _Header(stanzas, bytes(covered), decoded)


def _read_stanza(line: bytes, lines: LineSource, covered: bytearray) -> Stanza:
    arrow, *arguments = _ascii(line).split(" ")
    if arrow != "->" or not arguments or not all(arguments):
        raise AgeError(Failure.HEADER)
    body = bytearray()
    while True:
        encoded = _line(lines, covered)
        if len(encoded) > _BODY_LINE_CHARACTERS:
            raise AgeError(Failure.HEADER)
        body += decode_base64(_ascii(encoded))
        if len(encoded) < _BODY_LINE_CHARACTERS:
            return Stanza(arguments[0], tuple(arguments[1:]), bytes(body))


def _line(lines: LineSource, covered: bytearray) -> bytes:
    """The next whole line of the header, which is also added to what the MAC covers."""
    line = lines.next_line(HEADER_LIMIT_BYTES - len(covered))
    if line is None or len(covered) + len(line) >= HEADER_LIMIT_BYTES:
        raise AgeError(Failure.HEADER)
    covered += line + b"\n"
    return line


def _ascii(octets: bytes) -> str:
    if any(not 0x20 <= octet <= 0x7E for octet in octets):
        raise AgeError(Failure.HEADER)
    return octets.decode("ascii")


def _file_key(stanzas: Sequence[Stanza], identities: Iterable[AgeIdentity]) -> Secret:
    check_together(stanzas)
    for identity in identities:
        for stanza in stanzas:
            if (file_key := identity.unwrap(stanza)) is not None:
                return file_key
    raise AgeError(Failure.NO_MATCH)


def _mac(file_key: Secret, covered: bytes) -> hmac.HMAC:
    with hkdf_sha256(file_key, None, b"header") as key:
        mac = hmac.HMAC(key.view, _SHA256)
    mac.update(covered)
    return mac


def _encoded_mac(file_key: Secret, covered: bytes) -> bytes:
    return encode_base64(_mac(file_key, covered).finalize()).encode()


def _verify(file_key: Secret, header: _Header) -> None:
    try:
        _mac(file_key, header.covered).verify(header.mac)
    except InvalidSignature:
        raise AgeError(Failure.HMAC) from None
