"""Owns the registry of models: a folder of versions that are never changed, and a list of promotions that only grows.

::

    models/
    ├── versions/0007/            renamed into place when it is whole: there is no half of a version
    │   ├── card.json             parameters, features, lineage, figures, environment, parent, the artefact's hash
    │   ├── model.skops           the artefact
    │   ├── signature.json        ML-DSA over the card's bytes; a version without one is a candidate
    │   └── origin                of a version that was imported: the file that it came in
    ├── promotions.ndjson         who promoted what and when; the last line is what is live
    ├── evaluations.ndjson        figures measured later
    ├── datasets.ndjson           every import of labelled data
    └── signer.json               the public key that is trusted here

It is a folder and not a set of tables: the artefact is a file anyway, one rename makes both whole, a version crosses
an air gap by being copied, and there is no second truth to fall apart from the first.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from pandora_core.errors import NotFoundError, RefusedError, VaultError
from pandora_core.learn.card import Card
from pandora_core.learn.data.flows import FLOW
from pandora_core.learn.data.profile import Profile
from pandora_core.learn.metrics import Figures
from pandora_core.learn.versions import parcel, signing
from pandora_core.learn.versions.parcel import ARTEFACT as ARTEFACT
from pandora_core.learn.versions.parcel import CARD as CARD
from pandora_core.learn.versions.parcel import LARGEST_BYTES
from pandora_core.learn.versions.parcel import SIGNATURE as SIGNATURE
from pandora_core.learn.versions.signing import PublicKey, Signature, Signer

if TYPE_CHECKING:  # scikit-learn is loaded when an artefact is, not for a list of versions
    from pandora_core.learn.fitting.models import Model

FOLDER = "models"
ORIGIN = "origin"
_VERSIONS, _PROMOTIONS, _EVALUATIONS, _DATASETS = (
    "versions",
    "promotions.ndjson",
    "evaluations.ndjson",
    "datasets.ndjson",
)
_NAME = "pandora_core.learn.fitting."

ALLOWED = frozenset(
    {
        *(f"{_NAME}models.{name}" for name in ("Model", "Tail", "Classifier", "Novelty", "Surprise")),
        *(f"{_NAME}pipeline.{name}" for name in ("ToNumbers", "Clip", "LogScale", "Interactions", "DropCorrelated")),
        f"{_NAME}surprise.SurpriseTree",
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
    }
)
"""Every type that an artefact may hold besides those that skops itself knows to be harmless."""

Row = TypeVar("Row", bound=msgspec.Struct)


class Promotion(msgspec.Struct, frozen=True):
    """Somebody made a version the live one; ``rollback`` says that it had been before."""

    number: int
    by: str
    host: str
    at_us: int
    rollback: bool = False
    as_trained: bool = False
    """With the threshold of training, at once: the model was trained on flows of this network."""


class Evaluated(msgspec.Struct, frozen=True):
    """Figures of a version on a data set."""

    number: int
    dataset: str
    at_us: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class Version:
    """A version as it lies in the registry; its artefact is not looked at until it is opened."""

    card: Card
    is_signed: bool
    is_live: bool
    evaluations: tuple[Evaluated, ...]


class Registry:
    """The registry of a data folder. Reading needs no lock: what is there is whole."""

    def __init__(self, data: Path) -> None:
        self.folder = data / FOLDER

    def versions(self) -> list[Version]:
        """All of them, newest first."""
        promotions, evaluations = self.promotions(), self._rows(_EVALUATIONS, Evaluated)
        live = promotions[-1].number if promotions else None
        found = sorted((self.folder / _VERSIONS).glob("[0-9]*"), reverse=True)
        return [self._version(path, live, evaluations) for path in found]

    def version(self, number: int) -> Version:
        """Raises ``NotFoundError`` when there is none of that number."""
        path = self._path(number)
        if not path.is_dir():
            raise NotFoundError(f"no model {number}", where=str(self.folder), hint="pandora models list")
        promotions = self.promotions()
        return self._version(path, promotions[-1].number if promotions else None, self._rows(_EVALUATIONS, Evaluated))

    def live(self) -> Version | None:
        """The promoted version."""
        promotions = self.promotions()
        return self.version(promotions[-1].number) if promotions else None

    def promotions(self) -> list[Promotion]:
        """Oldest first."""
        return self._rows(_PROMOTIONS, Promotion)

    def datasets(self) -> list[Profile]:
        """Imports of labelled data, oldest first; one imported again is there once."""
        return list({row.id: row for row in self._rows(_DATASETS, Profile)}.values())

    def add(self, card: Card, model: Model, signer: Signer | None = None) -> Version:
        """Add a version; ``card``'s number, hash and size are set here. Signed when somebody can.

        What is written lies in a folder of its own until it is whole: whatever happens before, nothing was added.
        """
        import skops.io

        artefact = skops.io.dumps(model)
        with self._locked(), self._unfinished() as draft:
            number = self._next()
            digest = hashlib.sha384(artefact).hexdigest()
            whole = msgspec.structs.replace(card, number=number, artefact_sha384=digest, artefact_bytes=len(artefact))
            body = _encode(whole)
            _write(draft / ARTEFACT, artefact)
            _write(draft / CARD, body)
            if signer is not None:
                with contextlib.suppress(VaultError):  # locked while it was trained: a candidate, and said to be one
                    _write(draft / SIGNATURE, _encode(signer.sign(body)))
            os.rename(draft, self._path(number))
            _sync(self.folder / _VERSIONS)
        return self.version(number)

    def sign(self, number: int, signer: Signer) -> None:
        """Sign a candidate whose artefact is the one that its card tells of."""
        self._artefact(number)
        path = self._path(number)
        with self._locked():
            made = _encode(signer.sign((path / CARD).read_bytes()))
            _write(path / f".{SIGNATURE}", made)
            os.rename(path / f".{SIGNATURE}", path / SIGNATURE)

    def open(self, number: int, *, schema: str | None = None, unsigned: bool = False) -> Model:
        """Load a version's model.

        Args:
            schema: refuse a model of any other feature schema, such as ``flow/1``.
            unsigned: candidates too, to judge them; a signature that is there must hold all the same.

        Raises:
            RefusedError: it is unsigned, changed, of another schema, or holds a type that is not allowed.
        """
        card = self.version(number).card
        if schema is not None and card.schema != schema:
            raise RefusedError(
                f"model {number} was trained on features {card.schema}, these are {schema}",
                hint="train one on these: scores would mean nothing",
            )
        self._check_signature(number, unsigned)
        return _load(self._artefact(number), number)

    def promote(
        self, number: int, by: str, host: str, at_us: int, *, rollback: bool = False, as_trained: bool = False
    ) -> Promotion:
        """Make a version the live one, after all the checks that the engine will make.

        ``as_trained``: it alerts at once, above the threshold of training; else it is calibrated on live flows first.

        Raises:
            RefusedError: its features cannot be computed live, or :meth:`open` refuses it.
        """
        card = self.version(number).card
        if not card.is_live:
            raise RefusedError(
                f"model {number} is a benchmark: {card.schema} cannot be computed from live logs",
                hint="train on flows to promote",
            )
        _check_features(card)
        self.open(number)
        made = Promotion(number, by, host, at_us, rollback, as_trained)
        self._append(_PROMOTIONS, made)
        return made

    def rollback(self, by: str, host: str, at_us: int) -> Promotion:
        """Go back to the version that was live before the present one.

        Raises:
            RefusedError: there was none.
        """
        history = self.promotions()
        before = [each for each in history if each.number != history[-1].number]
        if not before:
            raise RefusedError("no other model was ever live", hint="pandora models list")
        last = before[-1]
        return self.promote(last.number, by, host, at_us, rollback=True, as_trained=last.as_trained)

    def record(self, row: Evaluated | Profile) -> None:
        """Keep figures, or what is known of a data set."""
        self._append(_EVALUATIONS if isinstance(row, Evaluated) else _DATASETS, row)

    def trust(self, key: PublicKey) -> None:
        """Trust the signatures of a key, and of no other."""
        with self._locked():
            _write(self.folder / f".{signing.PIN}", _encode(key))
            os.rename(self.folder / f".{signing.PIN}", self.folder / signing.PIN)

    def trusted(self) -> PublicKey | None:
        """The key whose signatures are trusted."""
        path = self.folder / signing.PIN
        return msgspec.json.decode(path.read_bytes(), type=PublicKey) if path.exists() else None

    def export(self, number: int, path: Path) -> None:
        """Write a version as a zip file, to be carried elsewhere.

        Raises:
            RefusedError: the file is there already, or the artefact was changed.
        """
        self._artefact(number)
        parcel.pack(self._path(number), path)

    def take_in(self, path: Path) -> Version:
        """Add a version that was exported elsewhere, under the next number here; its signature is kept as it is.

        Whether that counts is asked when it is opened: it does where the key that signed it is trusted here.

        Raises:
            RefusedError: it is no exported model, or its parts do not fit together.
        """
        came = parcel.unpack(path)
        with self._locked(), self._unfinished() as draft:
            number = self._next()
            _write(draft / ARTEFACT, came.artefact)
            _write(draft / CARD, came.card)
            _write(draft / ORIGIN, path.name.encode())
            if came.signature is not None:
                _write(draft / SIGNATURE, came.signature)
            os.rename(draft, self._path(number))
            _sync(self.folder / _VERSIONS)
        return self.version(number)

    def _next(self) -> int:
        return max([0, *(int(path.name) for path in (self.folder / _VERSIONS).glob("[0-9]*"))]) + 1

    def _path(self, number: int) -> Path:
        return self.folder / _VERSIONS / f"{number:04d}"

    def _version(self, path: Path, live: int | None, evaluations: list[Evaluated]) -> Version:
        try:
            card = msgspec.json.decode((path / CARD).read_bytes(), type=Card)
        except (OSError, msgspec.DecodeError) as error:
            raise RefusedError(
                f"its card cannot be read: {error}", where=str(path), hint="remove the folder"
            ) from error
        if (path / ORIGIN).exists():  # numbers of another registry: what is signed stays as it is
            card = msgspec.structs.replace(card, number=int(path.name), parent=None)
        own = tuple(each for each in evaluations if each.number == card.number)
        return Version(card, (path / SIGNATURE).exists(), card.number == live, own)

    def _check_signature(self, number: int, unsigned: bool) -> None:
        path, trusted = self._path(number), self.trusted()
        if not (path / SIGNATURE).exists():
            if unsigned:
                return
            raise RefusedError(
                f"model {number} is an unsigned candidate", hint="unlock the vault and run: pandora models sign"
            )
        if trusted is None:
            raise RefusedError("no signing key is trusted here", where=str(self.folder), hint="pandora models key")
        try:
            signature = msgspec.json.decode((path / SIGNATURE).read_bytes(), type=Signature)
        except msgspec.DecodeError as error:
            raise RefusedError(f"model {number} has no readable signature: {error}") from error
        signing.verify(signature, (path / CARD).read_bytes(), trusted)

    def _artefact(self, number: int) -> bytes:
        card, path = self.version(number).card, self._path(number) / ARTEFACT
        if not path.exists() or path.stat().st_size != card.artefact_bytes or card.artefact_bytes > LARGEST_BYTES:
            raise RefusedError(f"the artefact of model {number} was changed", where=str(path), hint="train it again")
        artefact = path.read_bytes()
        if hashlib.sha384(artefact).hexdigest() != card.artefact_sha384:
            raise RefusedError(f"the artefact of model {number} was changed", where=str(path), hint="train it again")
        return artefact

    def _rows(self, name: str, kind: type[Row]) -> list[Row]:
        """Whole lines of a list; one that a crash cut off does not count."""
        path = self.folder / name
        if not path.exists():
            return []
        lines = path.read_bytes().split(b"\n")[:-1]
        return [msgspec.json.decode(line, type=kind) for line in lines if line]

    def _append(self, name: str, row: msgspec.Struct) -> None:
        with self._locked():
            path = self.folder / name
            if path.exists() and (size := path.stat().st_size) and not path.read_bytes().endswith(b"\n"):
                os.truncate(path, path.read_bytes().rfind(b"\n", 0, size) + 1)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:
                file.write(_encode(row) + b"\n")
                file.flush()
                os.fsync(file.fileno())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time; the lock falls with the process."""
        for folder in (self.folder, self.folder / _VERSIONS):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _unfinished(self) -> Iterator[Path]:
        """A folder for what is not finished; gone afterwards unless it was renamed. Leftovers of a kill go first."""
        for left in self.folder.glob(".draft-*"):
            shutil.rmtree(left, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.folder))
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _check_features(card: Card) -> None:
    """Features of another version have the same name and other numbers: the engine would refuse the model."""
    if card.schema.partition("/")[0] == FLOW.name and card.schema != FLOW.id:
        raise RefusedError(
            f"model {card.number} was trained on features {card.schema}, these are {FLOW.id}",
            hint="train one on these: scores would mean nothing",
        )


def _load(artefact: bytes, number: int) -> Model:
    import skops.io

    strangers = sorted(set(skops.io.get_untrusted_types(data=artefact)) - ALLOWED)
    if strangers:
        raise RefusedError(
            f"the artefact of model {number} holds what no model holds: {', '.join(strangers[:5])}",
            hint="do not use it; train it again",
        )
    model = skops.io.loads(artefact, trusted=sorted(ALLOWED))
    from pandora_core.learn.fitting.models import Model

    if not isinstance(model, Model):
        raise RefusedError(f"the artefact of model {number} is no model", hint="train it again")
    return model


def _encode(row: msgspec.Struct) -> bytes:
    return msgspec.json.encode(row, order="deterministic")


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
