"""The registry: what is in it is whole, signed or said not to be, and never changed."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import msgspec
import pytest

from pandora_core.errors import NotFoundError, RefusedError, VaultLockedError
from pandora_core.learn.card import Recipe, Training
from pandora_core.learn.data.datasets import Loaded
from pandora_core.learn.data.profile import About
from pandora_core.learn.versions.registry import ARTEFACT, CARD, SIGNATURE, Registry
from pandora_core.learn.versions.signing import SeedSigner, Signer
from pandora_core.learn.versions.work import (
    Actor,
    Split,
    compare_versions,
    evaluate_version,
    find,
    take_in,
    train_version,
)
from pandora_core.vault.crypto.secret import Secret
from tests.unit.learn_samples import made_table

ACTOR = Actor("ann", "ws-1", 1_700_000_000_000_000)
HOW = Training(Recipe({"surprise": {"bins": 4}}), rehearsals=2)


def signer(byte: int = 7) -> SeedSigner:
    return SeedSigner(Secret.absorb(bytes([byte]) * 32))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = Registry(tmp_path)
    made.trust(signer().public)
    return made


def loaded(table_seed: int = 0) -> Loaded:
    return Loaded(made_table(300, table_seed), f"{table_seed:064d}", "csv", 0)


def add(registry: Registry, by: Signer | None = None, how: Training = HOW) -> int:
    version, _ = train_version(registry, [loaded()], how, ACTOR, signer=by)
    return version.card.number


def folder(registry: Registry, number: int) -> Path:
    return registry.folder / "versions" / f"{number:04d}"


def test_a_version_comes_back_as_it_was_added(registry):
    number = add(registry, signer())
    card = registry.version(number).card
    assert (card.made_by, card.schema, card.datasets) == ("ann", "made/1", ("D-000000000000",))
    assert card.environment.libraries.keys() >= {"numpy", "scikit-learn", "skops"}
    table = made_table(50)
    assert registry.open(number, schema="made/1").scores(table.cells()).shape == (50,)


def test_a_changed_artefact_is_refused_before_any_of_it_is_read(registry):
    number = add(registry, signer())
    path = folder(registry, number) / ARTEFACT
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RefusedError, match="was changed"):
        registry.open(number)


def test_a_changed_card_is_refused_by_its_signature(registry):
    number = add(registry, signer())
    path = folder(registry, number) / CARD
    path.write_bytes(path.read_bytes().replace(b'"made_by":"ann"', b'"made_by":"eve"'))
    with pytest.raises(RefusedError, match="does not hold"):
        registry.open(number, unsigned=True)


def test_an_unsigned_candidate_can_be_judged_but_neither_opened_for_use_nor_promoted(registry):
    number = add(registry)
    assert registry.open(number, unsigned=True)
    with pytest.raises(RefusedError, match="unsigned candidate"):
        registry.open(number)
    with pytest.raises(RefusedError, match="unsigned candidate"):
        registry.promote(number, "ann", "ws-1", 0)
    registry.sign(number, signer())
    assert registry.promote(number, "ann", "ws-1", 0).number == number


def test_a_signature_of_a_key_that_is_not_trusted_is_refused(registry):
    number = add(registry, signer(8))
    with pytest.raises(RefusedError, match="not trusted"):
        registry.open(number, unsigned=True)


def test_a_model_of_another_feature_version_is_refused(registry):
    number = add(registry, signer())
    with pytest.raises(RefusedError, match="trained on features made/1, these are made/2"):
        registry.open(number, schema="made/2")


def test_an_artefact_with_a_type_that_is_not_allowed_is_refused_though_its_hash_and_signature_hold(registry):
    import hashlib

    import skops.io

    number = add(registry)
    path = folder(registry, number)
    evil = skops.io.dumps({"model": io.StringIO.write, "path": Path("x")})
    (path / ARTEFACT).write_bytes(evil)
    card = json.loads((path / CARD).read_bytes())
    card |= {"artefact_sha384": hashlib.sha384(evil).hexdigest(), "artefact_bytes": len(evil)}
    (path / CARD).write_bytes(msgspec.json.encode(card))
    registry.sign(number, signer())
    with pytest.raises(RefusedError, match="what no model holds"):
        registry.open(number)


def test_a_benchmark_model_is_never_promoted(registry):
    number = add(registry, signer())
    path = folder(registry, number) / CARD
    path.write_bytes(path.read_bytes().replace(b'"is_live":true', b'"is_live":false'))
    registry.sign(number, signer())
    with pytest.raises(RefusedError, match="is a benchmark"):
        registry.promote(number, "ann", "ws-1", 0)


def test_training_that_is_interrupted_leaves_the_registry_as_it_was(registry):
    add(registry, signer())
    before = sorted(path.relative_to(registry.folder) for path in registry.folder.rglob("*"))

    def interrupt(done: int, *_: object) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_version(registry, [loaded()], HOW, ACTOR, progress=interrupt)
    assert sorted(path.relative_to(registry.folder) for path in registry.folder.rglob("*")) == before


def test_a_failure_between_writing_and_renaming_adds_nothing_and_leaves_no_litter(registry, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(SeedSigner, "sign", fail)
    with pytest.raises(OSError, match="no space"):
        add(registry, signer())
    assert registry.versions() == []
    assert not list(registry.folder.glob(".draft-*"))


def test_a_model_whose_key_was_locked_away_while_it_was_trained_is_kept_as_a_candidate(registry, monkeypatch):
    def locked(*_: object) -> None:
        raise VaultLockedError("the vault is locked")

    monkeypatch.setattr(SeedSigner, "sign", locked)
    assert not registry.version(add(registry, signer())).is_signed


def test_rolling_back_goes_to_the_version_that_was_live_before(registry):
    first, second = add(registry, signer()), add(registry, signer())
    with pytest.raises(RefusedError, match="no other model"):
        registry.rollback("ann", "ws-1", 0)
    registry.promote(first, "ann", "ws-1", 1)
    registry.promote(second, "ann", "ws-1", 2)
    assert registry.live().card.number == second
    assert registry.rollback("bob", "ws-2", 3).number == first
    assert registry.live().card.number == first
    assert [row.rollback for row in registry.promotions()] == [False, False, True]


def test_half_a_line_of_promotions_does_not_count_and_is_written_over(registry):
    number = add(registry, signer())
    (registry.folder / "promotions.ndjson").write_bytes(b'{"number":1,"by"')
    assert registry.live() is None
    registry.promote(number, "ann", "ws-1", 1)
    assert registry.live().card.number == number


def test_what_is_exported_holds_card_artefact_and_signature_and_overwrites_nothing(registry, tmp_path):
    number = add(registry, signer())
    registry.export(number, tmp_path / "model.zip")
    assert set(zipfile.ZipFile(tmp_path / "model.zip").namelist()) == {CARD, ARTEFACT, SIGNATURE}
    with pytest.raises(RefusedError, match="there already"):
        registry.export(number, tmp_path / "model.zip")


def test_an_exported_version_is_taken_in_elsewhere_under_a_number_of_its_own(registry, tmp_path):
    registry.export(add(registry, signer()), tmp_path / "a.zip")
    other = Registry(tmp_path / "other")
    other.trust(signer().public)
    add(other)
    taken = other.take_in(tmp_path / "a.zip")
    assert (taken.card.number, taken.card.parent, taken.is_signed) == (2, None, True)
    table = made_table(50)
    assert (other.open(2).scores(table.cells()) == registry.open(1).scores(table.cells())).all()
    assert [version.card.number for version in other.versions()] == [2, 1]


def test_a_version_signed_by_a_stranger_is_taken_in_but_not_opened_until_it_is_signed_here(registry, tmp_path):
    registry.export(add(registry, signer(9)), tmp_path / "a.zip")
    taken = registry.take_in(tmp_path / "a.zip")
    with pytest.raises(RefusedError, match="not trusted"):
        registry.open(taken.card.number)
    registry.sign(taken.card.number, signer())
    assert registry.open(taken.card.number).threshold == taken.card.threshold


@pytest.mark.parametrize("spoilt", ["artefact", "card", "nothing", "no zip"])
def test_a_parcel_that_does_not_fit_together_adds_nothing(registry, tmp_path, spoilt):
    number, path = add(registry, signer()), tmp_path / "b.zip"
    parts = {name: (folder(registry, number) / name).read_bytes() for name in (CARD, ARTEFACT, SIGNATURE)}
    if spoilt == "artefact":
        parts[ARTEFACT] += b"more"
    elif spoilt == "card":
        parts[CARD] = parts[CARD].replace(b"artefact_sha384", b"artefact_sha255")
    elif spoilt == "nothing":
        del parts[ARTEFACT]
    if spoilt == "no zip":
        path.write_bytes(b"PK no")
    else:
        with zipfile.ZipFile(path, "w") as file:
            for name, content in parts.items():
                file.writestr(name, content)
    with pytest.raises(RefusedError):
        registry.take_in(path)
    assert [version.card.number for version in registry.versions()] == [number]
    assert not list(registry.folder.glob(".draft-*"))


def test_figures_of_a_later_judgement_are_kept_beside_the_version(registry):
    number = add(registry, signer())
    report = evaluate_version(registry, number, loaded(5), 1, rounds=10)
    assert registry.version(number).evaluations[0].figures == report.figures
    assert sum(report.confusion) == 300
    assert report.members["surprise"] > 0.5


def test_two_versions_are_compared_on_the_same_rows(registry):
    first = add(registry, signer())
    second = add(registry, signer(), Training(Recipe({"surprise": {"bins": 16, "largest": 1}}), rehearsals=2))
    same = compare_versions(registry, first, first, loaded(5), rounds=5)
    assert all((row.difference, row.low, row.high) == (0.0, 0.0, 0.0) for row in same)
    other = {row.figure: row for row in compare_versions(registry, first, second, loaded(5), rounds=20)}
    row = other["roc_auc"]
    assert row.difference == pytest.approx(row.second - row.first)
    assert row.low <= row.difference <= row.high


def test_a_random_split_of_repeated_rows_is_said_to_flatter(registry):
    table = made_table(300)
    import numpy as np

    doubled = Loaded(table.take(np.concatenate([np.arange(300)] * 2)), "f" * 64, "csv", 0)
    _, said = train_version(registry, [doubled], HOW, ACTOR, split=Split("random", 0.5))
    assert "flatter" in said[0]


def test_a_data_set_is_found_by_name_and_refused_when_its_file_was_changed(registry, tmp_path):
    path = tmp_path / "made.csv"
    path.write_text("a,b,label\n" + "1,x,normal\n2,y,attack\n" * 40)
    from pandora_core.learn.data.datasets import Columns, load

    row = take_in(registry, load(path, "csv", Columns("label")), About("mine", str(path), "own", True, 1))
    assert row.is_sensitive
    assert find(registry, "mine", columns=Columns("label")).sha256 == row.sha256
    path.write_text("a,b,label\n1,x,normal\n")
    with pytest.raises(RefusedError, match="was changed since"):
        find(registry, "mine", columns=Columns("label"))
    with pytest.raises(NotFoundError):
        find(registry, "no-such-set")


def test_the_registry_is_private(registry):
    number = add(registry, signer())
    modes = {path.stat().st_mode & 0o077 for path in [registry.folder, *folder(registry, number).iterdir()]}
    assert modes == {0}


def test_reading_the_registry_loads_no_scikit_learn():
    import subprocess
    import sys

    heavy = "[name for name in ('sklearn', 'scipy', 'skops') if name in sys.modules]"
    program = f"import sys, pandora_core.learn.versions.registry\nprint({heavy})"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
