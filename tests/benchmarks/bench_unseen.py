"""Measures what the ranking of known lateral movement is worth on captures that its constants were not chosen on.

Run with ``python -m tests.benchmarks.bench_unseen [halves|perturbed|others …]``; the captures are those of
:mod:`tests.benchmarks.bench_lateral`, relabelled and mixed with decoys as there.

``halves`` chooses the constants of a move's evidence anew on a part of the captures, from 135 combinations, and
reports the others: on random halves, both ways, and on each family of captures from all other families. Of
combinations that do equally well where they are chosen the mean is reported. ``perturbed`` spoils the captures.
``others`` ranks captures of further files in ``evtx-attack-samples``, which no constant was chosen on.
"""

from __future__ import annotations

import itertools
import random
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from evtx import PyEvtxParser

from pandora_core.graph import evidence
from pandora_core.graph.moment import Moment
from pandora_core.graph.ranking import INSUFFICIENT, rank
from pandora_core.graph.reading import edge_of
from pandora_core.model import MINUTE_US, Event
from pandora_core.quantum.walks.network import WALKS
from tests.benchmarks.bench_lateral import (
    RELABELLINGS,
    Capture,
    decoys,
    evtx,
    graph_of,
    is_of_move,
    of_ranking,
    otrf,
    rank_of,
    relabel,
    told,
    unpacked,
)

SEED = 70
SPLITS = 200
CHOICES: Mapping[str, Sequence[float]] = {
    "RARE_RIGHTS": (2, 4, 8, 16, 32),
    "RARE_CONTROL": (4, 16, 64),
    "CONTROLLER_BITS": (0.0, -2.0, -4.0),
    "OVERLAP": (0.25, 0.5, 1.0),
}
OTHERS = {
    "LM_5145_Remote_FileCopy": (("10.0.2.15",), "pc01"),
    "LM_Remote_Service01_5145_svcctl": (("10.0.2.17",), "win-77ltaphiq1r"),
    "LM_ScheduledTask_ATSVC_target_host": (("10.0.2.17", "null"), "win-77ltaphiq1r"),
    "LM_WMIC_4648_rpcss": (("pc01",), "win-77ltaphiq1r"),
    "LM_xp_cmdshell_MSSQL_Events": (("10.0.2.17",), "msedgewin10"),
    "spoolsample_5145": (("10.0.2.17",), "msedgewin10"),
    "DE_RDP_Tunnel_5156": (("10.0.2.17", "pc02"), "pc01"),
    "DE_suspicious_remote_eventlog_svc_access_5145": (("172.16.66.37",), "01566s-win16-ir"),
    "remote_pwd_reset_rpc_mimikatz_postzerologon_target_DC": (("172.16.66.37", "02694w-win10"), "01566s-win16-ir"),
    "remote_sam_registry_access_via_backup_operator_priv": (
        ("172.16.66.25", "172.16.66.36", "02694w-win10"),
        "01566s-win16-ir",
    ),
    "discovery_psloggedon": (("10.0.2.17",), "win-77ltaphiq1r"),
    "CA_protectedstorage_5145_rpc_masterkey": (("172.16.66.1",), "01566s-win16-ir"),
}
"""Files in which somebody's account comes to another host, and from where: by raw records and the files' names."""

Spoil = Callable[[list[Event], Capture, random.Random], tuple[list[Event], Capture]]


@dataclass(frozen=True, slots=True)
class Case:
    """One relabelling of a capture, and the graph of it."""

    moment: Moment
    capture: Capture


def main(parts: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        captures = [*otrf(Path(folder)), *evtx(Path(folder))]
        if not parts or "halves" in parts:
            halves(captures)
        if not parts or "perturbed" in parts:
            perturbed(captures)
        if not parts or "others" in parts:
            others(list(other_captures(Path(folder))))


def halves(captures: Sequence[Capture]) -> None:
    cases = [[case(one, number) for number in range(RELABELLINGS // 2)] for one in captures]
    ranks = np.array([medians(cases, dict(zip(CHOICES, values, strict=True))) for values in combinations()])
    usual = [getattr(evidence, name) for name in CHOICES]
    print(f"constants as they are: {figures(ranks[combinations().index(tuple(usual))])}")
    print(f"the worst and best combination: {figures(ranks[worst(ranks)])}; {figures(ranks[best(ranks)[0]])}")
    rng = np.random.default_rng(SEED)
    found = []
    for _ in range(SPLITS):
        order = rng.permutation(len(captures))
        found += [held_out(ranks, half) for half in np.array_split(order, 2)]
    print(f"chosen on halves, {len(found)} times: unseen {spread(found)}")
    families = sorted({family(one) for one in captures})
    for name in families:
        away = np.array([number for number, one in enumerate(captures) if family(one) == name])
        mrr, first = held_out(ranks, away)
        print(f"  chosen without {name} ({len(away)}): there MRR {mrr:.3f}, P@1 {first:.3f}")


def perturbed(captures: Sequence[Capture]) -> None:
    for name, spoil in SPOILS.items():
        ranks, left = [], 0
        for one in captures:
            cases = [case(one, number, spoil) for number in range(RELABELLINGS)]
            found = [rank_in(c) for c in cases if holds_move(c)]
            left += len(found)
            ranks += [statistics.median(found)] if found else []
        share = left / (len(captures) * RELABELLINGS)
        print(f"{name:<34} {figures(np.array(ranks))}; the move is still told in {share:.0%}")


def others(captures: Sequence[Capture]) -> None:
    ranks = []
    for one in captures:
        alone = rank(graph_of(one.events).at(), WALKS)
        found = statistics.median(rank_in(case(one, number)) for number in range(RELABELLINGS))
        ranks += [found] if alone.moves else []
        said = f"median rank {found:g}, alone {alone.moves[0].bits:.1f} bits" if alone.moves else INSUFFICIENT
        bare = rank(graph_of([e for e in one.events if not is_of_move(e, one)]).at(), WALKS)
        silent = "says so" if bare.verdict.startswith(INSUFFICIENT) else "GUESSES"
        print(f"{one.name[:56]:<56} {said}; without the move {silent}")
    print(f"{len(ranks)} of {len(captures)} captures have evidence: {figures(ranks)}")


def combinations() -> list[tuple[float, ...]]:
    return list(itertools.product(*CHOICES.values()))


def medians(cases: Sequence[Sequence[Case]], constants: Mapping[str, float]) -> list[float]:
    before = {name: getattr(evidence, name) for name in constants}
    try:
        for name, value in constants.items():
            setattr(evidence, name, value)
        return [statistics.median(rank_in(one) for one in list_) for list_ in cases]
    finally:
        for name, value in before.items():
            setattr(evidence, name, value)


def held_out(ranks: np.ndarray, away: np.ndarray) -> tuple[float, float]:
    """MRR and P@1 on some captures of the constants that do best on all others; the mean of equally good ones."""
    here = np.setdiff1d(np.arange(ranks.shape[1]), away)
    chosen = ranks[best(ranks[:, here])][:, away]
    return float((1 / chosen).mean()), float((chosen == 1).mean())


def best(ranks: np.ndarray) -> np.ndarray:
    mrr = (1 / ranks).mean(axis=1)
    found: np.ndarray = np.flatnonzero(mrr >= mrr.max() - 1e-12)
    return found


def worst(ranks: np.ndarray) -> int:
    return int(np.argmin((1 / ranks).mean(axis=1)))


def family(capture: Capture) -> str:
    """What moves: captures of one technique are of one family."""
    words = {"wmi": "WMI", "dcom": "DCOM", "svcctl": "services", "psexec": "services", "REMCOM": "services"}
    words |= {"smb_service": "services", "task": "tasks", "psremoting": "WinRM", "smbexec": "services"}
    return next((name for word, name in words.items() if word.casefold() in capture.name.casefold()), "other")


def case(capture: Capture, number: int, spoil: Spoil | None = None) -> Case:
    rng = random.Random(f"{SEED}/{capture.name}/{number}")
    relabelled = relabel(capture, rng)
    mixed = [*relabelled.events, *decoys(relabelled, rng)]
    if spoil is not None:
        mixed, relabelled = spoil(mixed, relabelled, rng)
    return Case(graph_of(mixed).at(), relabelled)


def rank_in(one: Case) -> float:
    return rank_of(of_ranking(rank(one.moment)), one.capture)


def holds_move(one: Case) -> bool:
    ends = {(edge.source.casefold(), edge.target.casefold()) for edge in one.moment.edges if edge.source}
    return any(source in one.capture.sources and target == one.capture.target.casefold() for source, target in ends)


def dropped(share: float) -> Spoil:
    return lambda events, capture, rng: ([one for one in events if rng.random() >= share], capture)


def crowded(events: list[Event], capture: Capture, rng: random.Random) -> tuple[list[Event], Capture]:
    return [*events, *(one for _ in range(4) for one in decoys(capture, rng))], capture


def nameless(events: list[Event], capture: Capture, rng: random.Random) -> tuple[list[Event], Capture]:
    """No log-on says the name of its source."""
    changed = [
        msgspec.structs.replace(one, source_domain=None) if one.action == "logon" and one.source_ip else one
        for one in events
    ]
    return changed, capture


def translated(events: list[Event], capture: Capture, rng: random.Random) -> tuple[list[Event], Capture]:
    """All clients are behind a translator: whom they come to sees one address. Their own logs tell their own."""
    one_address = f"10.99.{rng.randrange(256)}.1"
    changed = [
        msgspec.structs.replace(one, source_ip=one_address) if one.source_ip and is_seen_from_afar(one) else one
        for one in events
    ]
    return changed, replace(capture, sources=capture.sources | {one_address})


def is_seen_from_afar(event: Event) -> bool:
    return event.action != "connection" and edge_of(event) is not None


def crooked(events: list[Event], capture: Capture, rng: random.Random) -> tuple[list[Event], Capture]:
    """Every host's clock is wrong by up to ten minutes, and 5 % of the lines come late."""
    clocks: dict[str | None, int] = {}
    off = [
        msgspec.structs.replace(one, at_us=one.at_us + clocks.setdefault(one.host, rng.randint(-10, 10) * MINUTE_US))
        for one in events
    ]
    return sorted(off, key=lambda one: one.at_us + (30 * MINUTE_US if rng.random() < 0.05 else 0)), capture


SPOILS: Mapping[str, Spoil | None] = {
    "as they are": None,
    "10 % of all events lost": dropped(0.1),
    "30 % of all events lost": dropped(0.3),
    "five times the decoys": crowded,
    "no names of sources": nameless,
    "all clients behind one address": translated,
    "clocks ±10 min, 5 % out of order": crooked,
}


def other_captures(folder: Path) -> Iterator[Capture]:
    root = unpacked("evtx-attack-samples", folder)
    for name, (sources, target) in OTHERS.items():
        (path,) = root.rglob(f"{name}.evtx")
        lines = [re.sub(r"[\r\n]", "", record["data"]).encode() for record in PyEvtxParser(str(path)).records_json()]
        yield Capture(name, told(lines), frozenset(sources), target)


def figures(ranks: Iterable[float]) -> str:
    known = [float(one) for one in ranks]
    mrr, first = statistics.mean(1 / one for one in known), statistics.mean(one == 1 for one in known)
    return f"MRR {mrr:.3f}, P@1 {first:.3f}"


def spread(found: Sequence[tuple[float, float]]) -> str:
    mrr, first = (np.array([one[place] for one in found]) for place in (0, 1))
    low, high = np.quantile(mrr, [0.025, 0.975])
    return f"MRR {mrr.mean():.3f} (95 % of splits {low:.3f} to {high:.3f}), P@1 {first.mean():.3f}"


if __name__ == "__main__":
    main(sys.argv[1:])
