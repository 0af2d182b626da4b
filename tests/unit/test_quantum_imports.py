"""Who loads what: plain numbers load no qiskit, and nothing of this loads at the console's start."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pandora_core.quantum

FOLDER = Path(pandora_core.quantum.__file__).parent
PLAIN = [
    "jobs.mitigation",
    "jobs.work",
    "plans.optimise",
    *sorted(f"{room}.{path.stem}" for room in ("models", "tier") for path in (FOLDER / room).glob("[a-z]*.py")),
]
HEAVY = ("qiskit", "qiskit_aer", "qiskit_machine_learning", "qiskit_ibm_runtime", "scipy", "sklearn")


def loaded_by(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_the_plain_modules_load_neither_qiskit_nor_scipy_nor_scikit_learn():
    statement = "\n".join(f"import pandora_core.quantum.{name}" for name in PLAIN)
    assert not loaded_by(statement) & set(HEAVY)


def test_the_commands_and_the_console_load_nothing_of_the_quantum_tier():
    statement = "import pandora_tui.__main__, pandora_core.cli.main"
    assert not loaded_by(statement) & set(HEAVY)
    shown = loaded_by(
        statement + "\nprint(*[name for name in sys.modules if name.startswith('pandora_core.quantum')])"
    )
    assert not {name for name in shown if name.startswith("pandora_core.quantum")}


@pytest.mark.parametrize("name", PLAIN)
def test_no_plain_module_imports_qiskit_anywhere(name):
    tree = ast.parse((FOLDER / f"{name.replace('.', '/')}.py").read_text())
    found = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    found += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not [each for each in found if each.startswith("qiskit")]


def test_no_module_stores_a_model_as_a_pickle():
    for path in FOLDER.rglob("*.py"):
        words = path.read_text()
        assert not any(f"import {name}" in words for name in ("pickle", "dill", "joblib")), path
