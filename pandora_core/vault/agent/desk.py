"""Owns what the vault agent does for each request: one handler each, from a message to the vault and back."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple, Union

import msgspec

from pandora_core.errors import PandoraError, ProviderError, RefusedError, VaultError, VaultFormatError
from pandora_core.vault.agent import answers, desk_views, protocol
from pandora_core.vault.agent.answers import Check
from pandora_core.vault.agent.framing import Frame
from pandora_core.vault.agent.hardening import scrub_freed_memory
from pandora_core.vault.agent.keeper import Keeper
from pandora_core.vault.agent.protocol import Answer, Failure
from pandora_core.vault.crypto import providers
from pandora_core.vault.crypto.profiles import KEMS, SIGNATURES
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.providers.known_answers import check_kem, check_signer
from pandora_core.vault.crypto.recipients import Recipient, parse_recipient
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.crypto.shares import Terms
from pandora_core.vault.format.bundle import Outgoing
from pandora_core.vault.format.slots import Credentials
from pandora_core.vault.format.unlocking import NewWay, Way
from pandora_core.vault.format.views import Actor

Handler = Callable[["Desk", Any, Frame, Actor], "Reply"]


class Reply(NamedTuple):
    """What goes back: a value, and secrets that are wiped when they were sent."""

    value: Any = None
    secrets: tuple[Secret, ...] = ()


class Desk:
    """Takes requests from any thread. A deliberate error, or one of a file, is an answer; others end the thread."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.is_leaving = False

    def answer(self, frame: Frame) -> Frame:
        """The answer to a request; its secrets are the caller's to wipe."""
        try:
            request = _decode(frame.words)
            by = Actor(request.actor or Actor.present().name, socket.gethostname())
            reply = _HANDLERS[type(request)](self, request, frame, by)
        except PandoraError as error:
            return Frame(msgspec.msgpack.encode(Answer(Failure.of(error))))
        except OSError as error:
            refused = VaultError(_reason(error), hint="free some space, or choose another file")
            return Frame(msgspec.msgpack.encode(Answer(Failure.of(refused))))
        value = msgspec.Raw(msgspec.msgpack.encode(reply.value))
        return Frame(msgspec.msgpack.encode(Answer(None, value)), reply.secrets)

    def status(self, _: protocol.Status, __: Frame, by: Actor) -> Reply:
        return Reply(self.keeper.status())

    def init(self, asked: protocol.Init, frame: Frame, by: Actor) -> Reply:
        with _way(asked.keys, frame.secrets) as way:
            self.keeper.create(_credentials(way), asked.profile, by)
        return Reply(self.keeper.status())

    def unlock(self, asked: protocol.Unlock, frame: Frame, by: Actor) -> Reply:
        with _way(asked.keys, frame.secrets) as way:
            self.keeper.unlock(way, asked.lock_after_s, by)
        if asked.leases:
            self.keeper.lease(asked.leases, "asked for with the unlock", by)
        return Reply(self.keeper.status())

    def lock(self, asked: protocol.Lock, _: Frame, by: Actor) -> Reply:
        if asked.all:
            self.keeper.release(None, by)
        self.keeper.lock("asked", by)
        return Reply(self.keeper.status())

    def lease(self, asked: protocol.Lease, _: Frame, by: Actor) -> Reply:
        self.keeper.lease(asked.names, asked.purpose, by)
        return Reply(self.keeper.status())

    def release(self, asked: protocol.Release, _: Frame, by: Actor) -> Reply:
        self.keeper.release(asked.names, by)
        return Reply(self.keeper.status())

    def put(self, asked: protocol.Put, frame: Frame, by: Actor) -> Reply:
        written = self.keeper.unlocked().put(desk_views.draft(asked.draft, frame.secrets), by=by)
        return Reply(desk_views.entry(written))

    def get(self, asked: protocol.Get, _: Frame, by: Actor) -> Reply:
        opened = self.keeper.unlocked().get(asked.name, by=by, version=asked.version)
        return Reply(desk_views.entry(opened.entry), tuple(field.value for field in opened.fields))

    def token(self, asked: protocol.Token, _: Frame, by: Actor) -> Reply:
        return Reply(*self.keeper.token(asked.name, asked.purpose, by))

    def sign(self, asked: protocol.Sign, _: Frame, by: Actor) -> Reply:
        return Reply(self.keeper.sign(asked.name, asked.message, asked.context, asked.purpose, by))

    def signer(self, asked: protocol.Signer, _: Frame, by: Actor) -> Reply:
        return Reply(self.keeper.signer(asked.name))

    def make_signer(self, asked: protocol.MakeSigner, _: Frame, by: Actor) -> Reply:
        return Reply(self.keeper.make_signer(asked.name, asked.algorithm, asked.note, by))

    def list(self, _: protocol.List, __: Frame, by: Actor) -> Reply:
        return Reply([desk_views.entry(each) for each in self.keeper.unlocked().list()])

    def edit(self, asked: protocol.Edit, frame: Frame, by: Actor) -> Reply:
        changes = desk_views.changes(asked.changes, frame.secrets)
        written = self.keeper.unlocked().edit(asked.name, changes, by=by)
        if written.name != asked.name:
            self.keeper.leases.end((asked.name,))
        self.keeper.renew(written.name, by)
        return Reply(desk_views.entry(written))

    def remove(self, asked: protocol.Remove, _: Frame, by: Actor) -> Reply:
        self.keeper.unlocked().remove(asked.name, by=by)
        self.keeper.leases.end((asked.name,))
        return Reply()

    def history(self, asked: protocol.History, _: Frame, by: Actor) -> Reply:
        return Reply([desk_views.entry(each) for each in self.keeper.unlocked().history(asked.name)])

    def rekey(self, asked: protocol.Rekey, frame: Frame, by: Actor) -> Reply:
        vault = self.keeper.unlocked()
        if asked.what == "epoch":
            return Reply(desk_views.rekeyed(vault.rotate_epoch(by=by)))
        if asked.what == "signing":
            return Reply(desk_views.rekeyed(vault.rotate_signing(by=by)))
        if asked.what != "master":
            raise VaultFormatError("keys that are rotated are epoch, master or signing")
        with ExitStack() as held:
            rest, ways = list(frame.secrets), []
            for keys in asked.ways:
                taken = [rest.pop(0) for _ in range(min(keys.passphrase + keys.key_file, len(rest)))]
                ways.append(_credentials(held.enter_context(_way(keys, taken))))
            return Reply(desk_views.rekeyed(vault.rotate_master(ways, by=by)))

    def slots(self, _: protocol.Slots, __: Frame, by: Actor) -> Reply:
        return Reply([desk_views.slot(each) for each in self.keeper.vault().slots()])

    def add_slot(self, asked: protocol.SlotAdd, frame: Frame, by: Actor) -> Reply:
        vault = self.keeper.unlocked()
        with _new_way(asked, frame.secrets) as way:
            made = vault.add_slot(way, by=by, label=asked.label)
        words = tuple(Secret.copy_of(mnemonic.encode()) for mnemonic in made.mnemonics)
        return Reply(desk_views.slot(made.slot), words)

    def remove_slot(self, asked: protocol.SlotRemove, _: Frame, by: Actor) -> Reply:
        try:
            slot_id = bytes.fromhex(asked.slot)
        except ValueError:
            raise VaultFormatError("not the id of a slot", hint="pandora vault slots") from None
        self.keeper.unlocked().remove_slot(slot_id, by=by)
        return Reply()

    def recipients(self, _: protocol.Recipients, __: Frame, by: Actor) -> Reply:
        return Reply(desk_views.recipients(self.keeper.vault().public()))

    def seal(self, asked: protocol.Seal, frame: Frame, by: Actor) -> Reply:
        to = _recipients(asked.recipients)
        with self._source(frame, 2) as source, self._sink(frame, 1) as sink:
            done = self.keeper.vault().seal_file(
                source, sink, name=asked.name, by=by, media=asked.media, recipients=to
            )
        return Reply(desk_views.custody(done))

    def open(self, _: protocol.Open, frame: Frame, by: Actor) -> Reply:
        vault = self.keeper.unlocked()
        with self._source(frame, 2) as source, self._sink(frame, 1) as sink:
            return Reply(desk_views.custody(vault.open_file(source, sink, by=by)))

    def deposit(self, asked: protocol.Deposit, frame: Frame, by: Actor) -> Reply:
        self.keeper.vault().deposit(desk_views.draft(asked.draft, frame.secrets), by=by)
        return Reply()

    def export(self, asked: protocol.Export, frame: Frame, by: Actor) -> Reply:
        vault, to = self.keeper.unlocked(), _recipients(asked.recipients)
        files = _outgoing(asked.members, frame.files[1:])
        with self._sink(frame, 0) as sink:
            vault.export(asked.names, to, sink, by=by, note=asked.note, armored=asked.armored, files=files)
        return Reply()

    def import_bundle(self, asked: protocol.Import, frame: Frame, by: Actor) -> Reply:
        vault = self.keeper.unlocked()
        with self._source(frame, 1) as source:
            folder = Path(asked.folder) if asked.folder else None
            done = vault.import_bundle(source, by=by, trusted=asked.trusted, folder=folder)
        for name in done.updated:
            self.keeper.renew(name, by)
        return Reply(desk_views.imported(done))

    def verify(self, asked: protocol.Verify, _: Frame, by: Actor) -> Reply:
        return Reply(desk_views.verification(self.keeper.vault().verify(asked.witness)))

    def audit(self, asked: protocol.Audit, _: Frame, by: Actor) -> Reply:
        return Reply([desk_views.audit(each) for each in self.keeper.unlocked().audit(asked.limit)])

    def witness(self, _: protocol.Witness, __: Frame, by: Actor) -> Reply:
        forms = self.keeper.unlocked().witness(by=by)
        return Reply(answers.WitnessView(line=forms.line, code=forms.code))

    def backup(self, asked: protocol.Backup, _: Frame, by: Actor) -> Reply:
        path = Path(asked.path)
        self.keeper.vault().backup(path, by=by)
        return Reply(path.stat().st_size)

    def selftest(self, _: protocol.Selftest, __: Frame, by: Actor) -> Reply:
        return Reply(_selftest())

    def stop(self, _: protocol.Stop, __: Frame, by: Actor) -> Reply:
        self.keeper.release(None, by)
        self.keeper.lock("agent stops", by)
        self.is_leaving = True
        return Reply()

    @contextmanager
    def _source(self, frame: Frame, count: int) -> Iterator[FileIO]:
        """The first file that came, to be read; its use keeps the vault from locking itself."""
        if len(frame.files) != count:
            raise VaultFormatError("the files to read and write are missing")
        with FileIO(frame.files[0], "r", closefd=False) as file:
            yield file

    @contextmanager
    def _sink(self, frame: Frame, place: int) -> Iterator[_Sink]:
        if len(frame.files) <= place:
            raise VaultFormatError("the file to write is missing")
        yield _Sink(frame.files[place], self.keeper.touch)


class _Sink:
    """A file to write: takes all of what it is given, also where a pipe takes less, and tells that it is in use."""

    def __init__(self, descriptor: int, touch: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._touch = touch

    def write(self, octets: memoryview, /) -> int:
        rest = memoryview(octets)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self._touch()
        return len(octets)


def _reason(error: OSError) -> str:
    """In the operating system's words, not in those of the error, which could be anybody's."""
    return f"the operating system refused: {os.strerror(error.errno) if error.errno else type(error).__name__}"


def _outgoing(members: Sequence[tuple[str, str]], files: Sequence[int]) -> list[Outgoing]:
    """Files that go along in a bundle; each is read from its start twice."""
    if len(members) != len(files):
        raise VaultFormatError("the files of the bundle are missing")

    def reopened(file: int) -> FileIO:
        os.lseek(file, 0, os.SEEK_SET)
        return FileIO(file, "r", closefd=False)

    pairs = zip(members, files, strict=True)
    return [Outgoing(name, media, partial(reopened, file)) for (name, media), file in pairs]


def _decode(words: bytes) -> Any:
    try:
        return _DECODER.decode(words)
    except msgspec.MsgspecError:
        raise VaultFormatError(
            "the vault agent does not know this request", hint="it is of another version: pandora vault lock --stop"
        ) from None


@contextmanager
def _way(keys: protocol.Keys, secrets: Sequence[Secret]) -> Iterator[Way]:
    made = desk_views.way(keys, secrets)
    try:
        yield made
    finally:
        desk_views.wipe(made)
        if keys.passphrase:
            scrub_freed_memory()


@contextmanager
def _new_way(asked: protocol.SlotAdd, secrets: Sequence[Secret]) -> Iterator[NewWay]:
    if asked.recipient:
        yield parse_recipient(asked.recipient)
    elif asked.shares is not None:
        yield Terms(*asked.shares)
    else:
        with _way(asked.keys, secrets) as way:
            yield _credentials(way)


def _credentials(way: Way) -> Credentials:
    if not isinstance(way, Credentials):
        raise RefusedError("a passphrase or a key file is wanted here")
    return way


def _recipients(texts: Sequence[str]) -> tuple[Recipient, ...]:
    return tuple(map(parse_recipient, texts))


def _selftest() -> list[Check]:
    """Known answers of every provider that is present, then a signing key that all of them confirm."""
    return [_check(each, algorithm) for each in providers.present() for algorithm in (*KEMS, *_SIGNATURES)]


def _check(provider: Provider, algorithm: str) -> Check:
    try:
        if algorithm in KEMS:
            check_kem(provider.name, algorithm, provider.kem(algorithm))
        else:
            check_signer(provider.name, algorithm, provider.signer(algorithm))
            providers.new_signing_key(provider, algorithm).seed.wipe()
    except ProviderError as error:
        return Check(provider=provider.name, algorithm=algorithm, passed=False, detail=error.what)
    return Check(provider=provider.name, algorithm=algorithm, passed=True, detail=provider.version)


_SIGNATURES = tuple(name for name in SIGNATURES if name != "ML-DSA-44")  # that one is for test vectors
_HANDLERS: dict[type[protocol.Request], Handler] = {
    protocol.Status: Desk.status,
    protocol.Init: Desk.init,
    protocol.Unlock: Desk.unlock,
    protocol.Lock: Desk.lock,
    protocol.Lease: Desk.lease,
    protocol.Release: Desk.release,
    protocol.Put: Desk.put,
    protocol.Get: Desk.get,
    protocol.Token: Desk.token,
    protocol.Sign: Desk.sign,
    protocol.Signer: Desk.signer,
    protocol.MakeSigner: Desk.make_signer,
    protocol.List: Desk.list,
    protocol.Edit: Desk.edit,
    protocol.Remove: Desk.remove,
    protocol.History: Desk.history,
    protocol.Rekey: Desk.rekey,
    protocol.Slots: Desk.slots,
    protocol.SlotAdd: Desk.add_slot,
    protocol.SlotRemove: Desk.remove_slot,
    protocol.Recipients: Desk.recipients,
    protocol.Seal: Desk.seal,
    protocol.Open: Desk.open,
    protocol.Deposit: Desk.deposit,
    protocol.Export: Desk.export,
    protocol.Import: Desk.import_bundle,
    protocol.Verify: Desk.verify,
    protocol.Audit: Desk.audit,
    protocol.Witness: Desk.witness,
    protocol.Backup: Desk.backup,
    protocol.Selftest: Desk.selftest,
    protocol.Stop: Desk.stop,
}
_DECODER = msgspec.msgpack.Decoder(Union[tuple(_HANDLERS)])  # noqa: UP007
