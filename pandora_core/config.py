"""Owns the settings: defaults, then ``pandora.toml``, then the environment's ``PANDORA_*``, then the command line."""

from __future__ import annotations

import dataclasses
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from pandora_core.errors import ConfigError

FILE_NAME = "pandora.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. Each field's name is its key in the file and, upper-cased, its variable."""

    data: Path = field(default_factory=lambda: default_data_dir(os.environ))
    """Folder of the store, the lock and the logs (PANDORA_DATA); made 0700."""

    batch_size: int = 1000
    """Most events in one transaction (1–10,000). Results do not depend on it."""

    poll_s: float = 0.2
    """How long the engine sleeps when no source has anything new."""

    scan_s: float = 1.0
    """How often the engine looks for new, rotated and vanished files."""

    silent_after_s: float = 900.0
    """A followed file that has brought nothing for this long is shown as silent."""

    retain_days: float = 90.0
    """Events older than this, counted back from the newest, are deleted; 0 keeps all."""

    retain_gb: float = 50.0
    """The oldest events are deleted when the store is larger than this; 0 sets no limit."""

    air_gapped: bool = False
    """No network at all: nothing of IBM Quantum is loaded, remote jobs wait. Remote jobs need this to be off."""

    jobs_slots: int = 0
    """How many quantum jobs run at once on this machine; 0 is one fewer than there are cores."""

    jobs_memory_gb: float = 0.0
    """What all running quantum jobs may take, and one at most; 0 is half of the machine's memory."""

    escalation: bool = True
    """High and critical alerts are also given to the quantum model, once one is in use (``pandora quantum tier``)."""

    escalation_backend: str = "aer"
    """Where: ``aer``, ``aer:FakeManilaV2``, ``statevector``, ``local:…``; with consent ``ibm`` or ``ibm:NAME``."""

    escalation_ibm_consent: bool = False
    """Yes, rows computed from our logs may be sent to IBM Quantum. Without it nothing of an alert ever is."""

    escalation_deadline_s: float = 300.0
    """How long an answer is waited for (5–86,400); then the classical result stands, and the alert says so."""

    escalation_per_hour: int = 20
    """Most escalations in an hour (0–3,600); what comes after is not escalated, and the alert says so."""

    escalation_uncertain_points: float = 0.0
    """Alerts so many points of risk below *high* are escalated too (0–70); 0 escalates none of them."""

    escalation_shots: int = 1024
    """Shots of every circuit of an escalation (1–100,000)."""

    novelty_per_day: int = 20
    """Most alerts that the novelty tier raises in a day of the logs' own time (0–10,000)."""

    ibm_instance: str = ""
    """IBM Quantum: the instance (CRN or name) to be used; empty lets the client choose."""

    ibm_url: str = ""
    """IBM Quantum: another address of the service."""

    ibm_proxy: str = ""
    """IBM Quantum: an HTTP proxy, such as ``http://proxy:3128``."""

    theme: str = ""
    """Colours of the console: ``pandora-dark``, ``pandora-light`` or ``ansi``; empty chooses."""

    refresh_hz: float = 5.0
    """How often the console looks for changes (1–20)."""


def load(data: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings for a data folder (``None``: by environment or XDG).

    Raises:
        ConfigError: the file is not TOML, or a value is of the wrong type, unknown or out of bounds.
    """
    environment = os.environ if environment is None else environment
    folder = (data or default_data_dir(environment)).expanduser().absolute()
    values: dict[str, Any] = {"data": folder}
    values |= _from_file(folder / FILE_NAME)
    values |= _from_environment(environment)
    values["data"] = folder
    settings = dataclasses.replace(Settings(data=folder), **values)
    _check_bounds(settings)
    return settings


def default_data_dir(environment: Mapping[str, str]) -> Path:
    """``PANDORA_DATA``, else the user's data folder by the XDG rules (or the platform's own)."""
    if environment.get("PANDORA_DATA"):
        return Path(environment["PANDORA_DATA"])
    if environment.get("XDG_DATA_HOME"):
        return Path(environment["XDG_DATA_HOME"]) / "pandora"
    import platformdirs

    return Path(platformdirs.user_data_dir("pandora", appauthor=False))


def prepare_data_dir(folder: Path) -> Path:
    """Make the data folder if need be, with mode 0700.

    Raises:
        ConfigError: it is no folder, cannot be made, belongs to somebody else, or is open to everybody.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise ConfigError(
            f"cannot use the data folder: {error.strerror}", where=str(folder), hint="choose another with --data DIR"
        ) from error
    if not stat.S_ISDIR(status.st_mode):
        raise ConfigError("the data folder is not a folder", where=str(folder), hint="choose another with --data DIR")
    if status.st_uid != os.geteuid():
        raise ConfigError(
            "the data folder belongs to somebody else", where=str(folder), hint="choose another with --data DIR"
        )
    if status.st_mode & 0o007:
        raise ConfigError(
            f"the data folder is open to everybody (mode {stat.S_IMODE(status.st_mode):o})",
            where=str(folder),
            hint=f"chmod 700 {folder}",
        )
    return folder


def asset(*parts: str) -> Path:
    """A file of the project's ``assets``, in a checkout as in an installed wheel.

    Raises:
        ConfigError: the installation is incomplete.
    """
    package = Path(__file__).resolve().parent
    for root in (package / "_assets", package.parent / "assets"):
        candidate = root.joinpath(*parts)
        if candidate.exists():
            return candidate
    raise ConfigError(f"the asset {'/'.join(parts)} is missing", where=str(package), hint="reinstall Pandora")


def _from_file(path: Path) -> dict[str, Any]:
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path), hint="mend or remove the file") from error
    return {name: _typed(name, value, f"{path}: {name}") for name, value in raw.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    known = {f"PANDORA_{f.name.upper()}": f.name for f in dataclasses.fields(Settings)}
    return {
        known[name]: _typed(known[name], text, name) for name, text in environment.items() if name in known and text
    }


def _typed(name: str, value: Any, where: str) -> Any:
    kind = get_type_hints(Settings).get(name)
    if kind is None:
        names = ", ".join(f.name for f in dataclasses.fields(Settings))
        raise ConfigError("there is no such setting", where=where, hint=f"known: {names}")
    if kind is bool:
        return _truth(value, where)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ConfigError(f"expected {kind.__name__}", where=where)
    try:
        return kind(value)
    except ValueError:
        raise ConfigError(f"{value!r} is no {kind.__name__}", where=where) from None


def _truth(value: Any, where: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    found = value if isinstance(value, bool) else words.get(str(value).lower())
    if found is None:
        raise ConfigError(f"{value!r} is neither true nor false", where=where)
    return found


def _check_bounds(settings: Settings) -> None:
    bounds = {"batch_size": (1, 10_000), "poll_s": (0.01, 10), "scan_s": (0.05, 60), "refresh_hz": (1, 20)}
    bounds |= {"jobs_slots": (0, 256), "jobs_memory_gb": (0, 4096), "escalation_deadline_s": (5, 86_400)}
    bounds |= {"escalation_per_hour": (0, 3_600), "escalation_uncertain_points": (0, 70)}
    bounds |= {"escalation_shots": (1, 100_000), "novelty_per_day": (0, 10_000)}
    for name, (low, high) in bounds.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            raise ConfigError(f"{value} is not between {low} and {high}", where=name, hint="correct the setting")
