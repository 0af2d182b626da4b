"""An office's flows with a scan in them, and a data folder where a model of such flows is promoted."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

from pandora_core.ingest.recognise import formats
from pandora_core.learn.card import Recipe, Training
from pandora_core.learn.data.datasets import Loaded
from pandora_core.learn.data.flows import FlowReader
from pandora_core.learn.versions.registry import Registry
from pandora_core.learn.versions.signing import SeedSigner
from pandora_core.learn.versions.work import Actor, train_version
from pandora_core.model import Event
from pandora_core.vault.crypto.secret import Secret

ACTOR = Actor("ann", "ws-1", 1_700_000_000_000_000)
RECIPE = Recipe({"forest": {"n_estimators": 8, "max_leaf_nodes": 16}, "surprise": {"bins": 6}})
RATE = 0.01
SCANNER = "10.0.0.66"
_SERVICES = ((443, "tcp", 40_000), (53, "udp", 120), (80, "tcp", 9_000), (445, "tcp", 70_000))


def office(rows: int, seed: int = 0, scans: int | None = None) -> tuple[list[bytes], list[str]]:
    """Lines of a conn.log in JSON, and the attack type of each; the scan begins after half of them."""
    rng = random.Random(seed)
    lines, kinds = [], []
    left = rows // 4 if scans is None else scans
    for number in range(rows):
        is_scan = number > rows // 2 and rng.random() < 0.6 and left > 0
        left -= is_scan
        lines.append(json.dumps(_scan(number, rng) if is_scan else _usual(number, rng)).encode())
        kinds.append("scan" if is_scan else "")
    return lines, kinds


def promoted(data: Path, *, seed: int = 0, as_trained: bool = False, recipe: Recipe = RECIPE) -> Registry:
    """A data folder whose registry has one more version, signed by the key that is trusted there, and promoted."""
    registry = trained(data, seed=seed, recipe=recipe)
    number = registry.versions()[0].card.number
    registry.promote(number, ACTOR.name, ACTOR.host, ACTOR.at_us, as_trained=as_trained)
    return registry


def trained(data: Path, *, seed: int = 0, recipe: Recipe = RECIPE, is_signed: bool = True) -> Registry:
    """One more version in a data folder, not promoted."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    registry = Registry(data)
    with Secret.absorb(bytearray(b"\x07" * 32)) as key:
        signer = SeedSigner(key)
        registry.trust(signer.public)
        lines, kinds = office(4_000, seed=100 + seed)
        loaded = Loaded(FlowReader().table(events_of(lines), kinds), f"{seed:064d}", "flows", 0)
        how = Training(recipe, seed=seed, rehearsals=2, false_positive_rate=RATE)
        train_version(registry, [loaded], how, ACTOR, name=f"office {seed}", signer=signer if is_signed else None)
    return registry


def log_of(lines: list[bytes], path: Path) -> Path:
    """The lines as a file."""
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def copy_of(template: Path, folder: Path) -> Path:
    """A data folder like another, as private."""
    shutil.copytree(template, folder)
    folder.chmod(0o700)
    return folder


def events_of(lines: list[bytes]) -> list[Event]:
    """The lines as the engine decodes them."""
    decoder = formats()["zeek"].decoder(None, filename="conn.log", modified_us=0)
    return [event for event in decoder.decode(lines) if isinstance(event, Event)]


def _usual(number: int, rng: random.Random) -> dict[str, object]:
    port, proto, size = rng.choices(_SERVICES, (6, 5, 2, 1))[0]
    sent, received = int(rng.lognormvariate(5, 0.7)), int(size * rng.lognormvariate(0, 0.6))
    source = f"10.0.0.{1 + rng.randrange(4)}"
    return _line(number, rng, source, f"10.9.0.{rng.randrange(8)}", port, proto, "SF", (sent, received))


def _scan(number: int, rng: random.Random) -> dict[str, object]:
    port = rng.randrange(1, 30_000)
    return _line(number, rng, SCANNER, f"10.9.0.{rng.randrange(30)}", port, "tcp", "REJ", (0, 0))


def _line(
    number: int, rng: random.Random, source: str, destination: str, port: int, proto: str, state: str,
    sizes: tuple[int, int],
) -> dict[str, object]:  # fmt: skip
    sent, received = sizes
    packets = 1 + (sent + received) // 900
    return {
        "_path": "conn", "ts": 1_700_000_000 + number * 0.25, "uid": f"C{number}", "id.orig_h": source,
        "id.orig_p": rng.randrange(30_000, 60_000), "id.resp_h": destination, "id.resp_p": port, "proto": proto,
        "duration": round(rng.expovariate(2), 6), "orig_bytes": sent, "resp_bytes": received, "conn_state": state,
        "orig_pkts": packets, "orig_ip_bytes": sent + 40 * packets, "resp_pkts": packets,
        "resp_ip_bytes": received + 40 * packets,
    }  # fmt: skip
