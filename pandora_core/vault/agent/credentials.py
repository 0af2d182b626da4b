"""Owns the credentials that Pandora itself uses: under which names they are kept, and where each is looked for.

Whoever needs one asks for it with one call, ``credentials.lease(data, "otx")``, right before use, and wipes it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pandora_core.errors import ConfigError
from pandora_core.vault.agent.client import Client
from pandora_core.vault.agent.secret_sources import read_secret_file
from pandora_core.vault.crypto.secret import Secret

IBM_QUANTUM = "ibm-quantum"
PSEUDONYM_KEY = "pseudonym-key"
OTX = "otx"

PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        IBM_QUANTUM: "jobs on IBM Quantum",
        PSEUDONYM_KEY: "pseudonyms of people and hosts",
        OTX: "indicators from AlienVault OTX",
    }
)
FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "taxii-": "indicators from the TAXII server {}",
        "api-": "{} as a client of the API",
    }
)
"""What a name begins with that goes on with the name of a server or client."""


def lease(data: Path, name: str, *, purpose: str = "", environment: Mapping[str, str] | None = None) -> Secret:
    """A credential by its entry's name: ``ibm-quantum``, ``pseudonym-key``, ``otx``, ``taxii-NAME``, ``api-NAME``.

    Looked for in this order: the file named by ``PANDORA_SECRET_IBM_QUANTUM_FILE``, or ``secrets/ibm-quantum`` in the
    data folder (mode 0600, yours; one line end is cut); the variable ``PANDORA_SECRET_IBM_QUANTUM``; a lease or the
    unlocked vault, whose audit trail keeps who used it and for which ``purpose``.

    Raises:
        VaultLockedError: nowhere, and the vault is locked.
        NotFoundError: nowhere, and the vault is unlocked, or there is none.
        ConfigError: a secret file is open to others, or cannot be read; or no credential of Pandora is called so.
    """
    default = purpose_of(name)
    return find_outside(data, name, environment) or Client(data).token(name, purpose or default)


def find_outside(data: Path, name: str, environment: Mapping[str, str] | None = None) -> Secret | None:
    """A secret of that name from a file or the environment, which go before the vault; ``None`` without any.

    Raises:
        ConfigError: a secret file is open to others, or cannot be read.
    """
    environment = os.environ if environment is None else environment
    variable = "PANDORA_SECRET_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
    named_file = environment.get(f"{variable}_FILE")
    path = Path(named_file) if named_file else data / "secrets" / name
    if named_file or path.exists():
        return read_secret_file(path)
    if environment.get(variable):
        return Secret.absorb(environment[variable].encode())
    return None


def purpose_of(name: str) -> str:
    """What a credential is for.

    Raises:
        ConfigError: Pandora looks for none of that name.
    """
    if name in PURPOSES:
        return PURPOSES[name]
    for prefix, purpose in FAMILIES.items():
        rest = name.removeprefix(prefix)
        if rest != name and re.fullmatch(r"[\w.-]{1,64}", rest):
            return purpose.format(rest)
    families = (f"{prefix}NAME" for prefix in FAMILIES)
    raise ConfigError(f"no credential is called {name!r}", hint=f"known: {', '.join((*PURPOSES, *families))}")
