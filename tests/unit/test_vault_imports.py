"""Who imports what: rules that import-linter cannot state, since they are about parts of an outside package."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pandora_core
import pandora_tui

ROOTS = [Path(package.__file__).parent for package in (pandora_core, pandora_tui)]
VAULT = ROOTS[0] / "vault"
PROVIDERS = VAULT / "crypto" / "providers"
POST_QUANTUM = {"mlkem", "mldsa"}


def imported(place: Path) -> set[str]:
    """Every module and name that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(place.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


ALL = {place: imported(place) for root in ROOTS for place in sorted(root.rglob("*.py"))}


def test_only_pyca_imports_the_post_quantum_classes_of_cryptography():
    users = {place for place, names in ALL.items() if any(POST_QUANTUM & set(name.split(".")) for name in names)}
    assert users == {PROVIDERS / "pyca.py"}


def test_only_liboqs_imports_oqs():
    users = {place for place, names in ALL.items() if any(name.split(".")[0] == "oqs" for name in names)}
    assert users == {PROVIDERS / "liboqs.py"}


def test_only_the_vault_imports_cryptography_and_shamir():
    for package in ("cryptography", "shamir_mnemonic"):
        users = {place for place, names in ALL.items() if any(name.split(".")[0] == package for name in names)}
        assert users
        assert all(VAULT in place.parents for place in users)


@pytest.mark.parametrize("provider", ["pyca", "liboqs"])
def test_no_module_imports_a_provider_at_its_top(provider):
    for place in ALL:
        for node in ast.parse(place.read_text()).body:
            names = imported_by(node)
            assert not any(name.endswith(f"providers.{provider}") for name in names), place


def imported_by(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()


def test_the_pure_modules_of_the_vault_know_nothing_above_the_errors():
    """Files, clock and database come in the layers above: storage and agent."""
    pure = {place for room in ("crypto", "age", "format") for place in (VAULT / room).glob("*.py")}
    assert len(pure) > 30
    for place in pure:
        ours = {each for each in ALL[place] if each.startswith("pandora_")}
        below = tuple(f"pandora_core.vault.{room}" for room in ("crypto", "age", "format"))
        assert all(each.startswith(("pandora_core.errors", *below)) for each in ours), place


def test_the_envelope_is_pure():
    names = ALL[VAULT / "crypto" / "envelope.py"]
    assert not {"os", "time", "random", "secrets", "datetime"} & {name.split(".")[0] for name in names}
    assert "pandora_core.vault.crypto.secret.random_bytes" not in names
