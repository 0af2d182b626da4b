"""Measures how well the network graph ranks known lateral movement, and how fast it takes log-ons in.

Run with ``python -m tests.benchmarks.bench_lateral [sets|throughput …]``. ``sets`` reads the real captures
``otrf-empire`` and ``evtx-attack-samples`` from ``PANDORA_SHARED_DATA`` (default ``../shared/data``). Each capture is
relabelled 20 times: every host, account and address gets another name at random, and harmless log-ons of made-up
users, machines and an administrator are mixed in. A figure is the median over those.
"""

from __future__ import annotations

import os
import random
import re
import statistics
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from evtx import PyEvtxParser

from pandora_core.detect.names import Names, short_name
from pandora_core.graph.moment import Moment
from pandora_core.graph.network import NetworkGraph
from pandora_core.graph.pagerank import RandomWalk
from pandora_core.graph.ranking import INSUFFICIENT, Ranking, rank
from pandora_core.graph.reading import admin_action_of, edge_of
from pandora_core.ingest.formats.windows import WindowsFormat
from pandora_core.model import SECOND_US, Event
from pandora_core.quantum.walks.network import STANDINGS, WALKS
from pandora_core.quantum.walks.walk import QuantumWalk, SzegedyWalk
from tests.benchmarks.log_ons import windows_log_ons

RELABELLINGS = 20
SEED = 20
LOG_ONS = 946_000
_SETTING_UP = ("privileges-assigned", "dhcp-lease", "kerberos-tgt", "kerberos-preauth")


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture of real events and the move in it that is known; ``sources`` are one host's names and address."""

    name: str
    events: tuple[Event, ...]
    sources: frozenset[str]
    target: str


def main(parts: Sequence[str]) -> None:
    for name, part in {"sets": sets, "throughput": throughput}.items():
        if not parts or name in parts:
            part()


def sets() -> None:
    with tempfile.TemporaryDirectory() as folder:
        captures = [*otrf(Path(folder)), *evtx(Path(folder))]
    table = {}
    for capture in captures:
        ranks, sizes, unmoved = measure(capture)
        table[capture.name] = ranks
        cells = "  ".join(f"{method} {statistics.median(found):g}" for method, found in ranks.items())
        said = "says so" if unmoved == RELABELLINGS else f"GUESSES in {RELABELLINGS - unmoved}"
        print(f"{capture.name[:44]:<44} of {statistics.median(sizes):>4g} ways: {cells}; without the move {said}")
    print(
        f"{'method':<16}{'MRR':>7}{'P@1':>7}   over {len(table)} captures, median rank of {RELABELLINGS} relabellings"
    )
    for method in next(iter(table.values())):
        medians = [statistics.median(ranks[method]) for ranks in table.values()]
        mrr, first = statistics.mean(1 / rank for rank in medians), statistics.mean(rank == 1 for rank in medians)
        print(f"{method:<16}{mrr:>7.3f}{first:>7.3f}")


def measure(capture: Capture) -> tuple[dict[str, list[float]], list[int], int]:
    """Ranks of the known move by method, numbers of ways, and how often nothing is claimed without the move."""
    ranks: dict[str, list[float]] = defaultdict(list)
    sizes, unmoved = [], 0
    for number in range(RELABELLINGS):
        rng = random.Random(f"{SEED}/{capture.name}/{number}")
        relabelled = relabel(capture, rng)
        mixed = [*relabelled.events, *decoys(relabelled, rng)]
        moment = graph_of(mixed).at()
        ranked = rank(moment, WALKS, STANDINGS)
        scores = {"combined": of_ranking(ranked), **baselines(moment)}
        sizes.append(len({(edge.source, edge.target) for edge in moment.edges if edge.source}))
        for method, by_pair in scores.items():
            ranks[method].append(rank_of(by_pair, relabelled))
        bare = [event for event in relabelled.events if not is_of_move(event, relabelled)]
        unmoved += rank(graph_of(bare).at(), WALKS).verdict.startswith(INSUFFICIENT)
    return ranks, sizes, unmoved


def of_ranking(ranking: Ranking) -> dict[tuple[str, str], float]:
    scores: dict[tuple[str, str], float] = {}
    for place, one in enumerate(ranking.moves):
        scores.setdefault((one.move.source, one.move.target), -place)
    return scores


def baselines(moment: Moment) -> dict[str, dict[tuple[str, str], float]]:
    """What a way is worth by volume, by rarity, and by the target's rank in each walk, on the same graph."""
    volume: Counter[tuple[str, str]] = Counter()
    for edge in moment.edges:
        if edge.source:
            volume[edge.source, edge.target] += edge.count
    adjacency, index = moment.adjacency(), moment.index()
    by_walk = {"PageRank": RandomWalk(adjacency).average(), "quantum PageRank": SzegedyWalk(adjacency).average()}
    scores: dict[str, dict[tuple[str, str], float]] = {
        "volume": dict(volume),
        "rarity": {pair: -count for pair, count in volume.items()},
    }
    for name, chances in by_walk.items():
        scores[name] = {pair: float(chances[index[pair[1]]]) for pair in volume}
    walk, from_ = QuantumWalk(adjacency), {}
    for source, _ in volume:
        from_.setdefault(source, walk.average(index[source]))
    scores["quantum walk"] = {pair: -float(from_[pair[0]][index[pair[1]]]) for pair in volume}
    return scores


def rank_of(scores: dict[tuple[str, str], float], capture: Capture) -> float:
    """The place of the known move, the mean of equal ones; twice the number of ways if it is not there."""
    true = [score for (source, target), score in scores.items() if is_known(source, target, capture)]
    if not true:
        return 2.0 * max(len(scores), 1)
    best = max(true)
    above, equal = sum(score > best for score in scores.values()), sum(score == best for score in scores.values())
    return 1 + above + (equal - 1) / 2


def is_known(source: str, target: str, capture: Capture) -> bool:
    return source.casefold() in capture.sources and target.casefold() == capture.target


def is_of_move(event: Event, capture: Capture) -> bool:
    """Whether an event is a log-on, or a ticket for one, of the known move."""
    edge = edge_of(event)
    return edge is not None and edge.target == capture.target and edge.kind != "local log-on"


def graph_of(events: Iterable[Event]) -> NetworkGraph:
    names = Names()
    graph = NetworkGraph(names)
    for event in events:
        names.learn(event)
        graph.observe(event)
    return graph


def relabel(capture: Capture, rng: random.Random) -> Capture:
    """Other names for every host, account and address, wherever they stand in an event."""
    hosts, users, addresses = labels_of(capture.events)
    new = {host: f"h{rng.randrange(36**6):x}" for host in hosts}
    new |= {user: f"u{rng.randrange(36**6):x}" for user in users if user not in hosts}
    new |= {address: f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 254)}" for address in addresses}
    pattern = re.compile(
        r"(?<![\w.])(" + "|".join(re.escape(label) for label in sorted(new, key=len, reverse=True)) + r")(?![\w])",
        re.IGNORECASE,
    )

    def rename(text: str) -> str:
        return pattern.sub(lambda found: new[found[0].casefold()], text)

    events = tuple(renamed(event, rename) for event in capture.events)
    sources = frozenset(rename(source) for source in capture.sources)
    return Capture(capture.name, events, sources, rename(capture.target))


def labels_of(events: Iterable[Event]) -> tuple[set[str], set[str], set[str]]:
    hosts, users, addresses = set(), set(), set()
    for event in events:
        hosts.update(short_name(name).casefold() for name in (event.host, event.source_domain) if name)
        if event.user and event.user not in ("SYSTEM", "ANONYMOUS LOGON", "-"):
            users.add(event.user.partition("@")[0].rpartition("\\")[2].rstrip("$").casefold())
        for address in (event.source_ip, event.destination_ip):
            if address and address.startswith(("10.", "172.", "192.168.")) and not address.endswith(".255"):
                addresses.add(address)
    return {host for host in hosts if host}, {user for user in users if user}, addresses


def renamed(event: Event, rename: Callable[[str], str]) -> Event:
    fields = ("host", "user", "source_ip", "source_domain", "destination_ip", "destination_domain")
    changed = {field: rename(value) for field in fields if (value := getattr(event, field)) is not None}
    more = {key: rename(value) if isinstance(value, str) else value for key, value in event.more.items()}
    return msgspec.structs.replace(event, **changed, more=more)


def decoys(capture: Capture, rng: random.Random) -> Iterator[Event]:
    """Users at a file server and at each other's machines, machine accounts, an administrator at servers."""
    start_us, end_us = min(e.at_us for e in capture.events), max(e.at_us for e in capture.events)

    def log_on(source: str, target: str, user: str, elevated: bool = False) -> Event:
        more: dict[str, str | int | float | bool] = {"winlog.logon.type": 3}
        more["winlog.event_data.ElevatedToken"] = "%%1842" if elevated else "%%1843"
        return Event(
            at_us=rng.randint(start_us, end_us),
            dataset="windows.security",
            category="authentication",
            action="logon",
            outcome="success",
            code="4624",
            host=target,
            user=user,
            source_ip=source,
            more=more,  # type: ignore[arg-type]
        )

    machines = [f"10.77.{rng.randrange(256)}.{number}" for number in range(2, 2 + rng.randint(4, 8))]
    servers = [f"f{rng.randrange(36**6):x}" for _ in range(rng.randint(1, 3))]
    for number, machine in enumerate(machines):
        for server in rng.sample(servers, rng.randint(1, len(servers))):
            for _ in range(rng.randint(1, 6)):
                yield log_on(machine, server, f"d{number}")
        yield log_on(machine, servers[0], f"m{number}$")
    yield log_on(machines[0], capture.target, "d0")
    yield log_on(rng.choice(machines), f"w{rng.randrange(36**6):x}", "d1")
    for server in servers:
        yield log_on(machines[-1], server, "boss", elevated=True)


def otrf(folder: Path) -> Iterator[Capture]:
    for path in sorted(unpacked("otrf-empire", folder).rglob("empire_*.zip")):
        with zipfile.ZipFile(path) as archive:
            lines = [
                line
                for name in archive.namelist()
                if name.endswith(".json")
                for line in archive.read(name).splitlines()
            ]
        yield Capture(path.stem, told(lines), frozenset({"workstation5", "172.18.39.5"}), "workstation6")


EVTX = {
    "remote task update 4624 4702 same logonid": (("172.16.66.142", "04246w-win10"), "01566s-win16-ir"),
    "LM_WMI_4624_4688_TargetHost": (("pc01", "10.0.2.17"), "win-77ltaphiq1r"),
    "LM_REMCOM_5145_TargetHost": (("10.0.2.16",), "pc01"),
    "LM_renamed_psexecsvc_5145": (("10.0.2.16",), "iewin7"),
}


def evtx(folder: Path) -> Iterator[Capture]:
    root = unpacked("evtx-attack-samples", folder)
    for name, (sources, target) in EVTX.items():
        (path,) = root.rglob(f"{name}.evtx")
        lines = [re.sub(r"[\r\n]", "", record["data"]).encode() for record in PyEvtxParser(str(path)).records_json()]
        yield Capture(name, told(lines), frozenset(sources), target)


def told(lines: list[bytes]) -> tuple[Event, ...]:
    """The events that say anything of the graph or of names."""
    events = WindowsFormat().decoder(None, filename="", modified_us=0).decode(lines)
    return tuple(
        event
        for event in events
        if isinstance(event, Event)
        and (
            event.category == "authentication"
            or event.action in _SETTING_UP
            or edge_of(event)
            or admin_action_of(event)
        )
    )


def is_told(event: Event) -> bool:
    return edge_of(event) is not None or admin_action_of(event) is not None


def unpacked(name: str, folder: Path) -> Path:
    data = Path(os.environ.get("PANDORA_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
    with tarfile.open(data / f"{name}.tar.xz") as archive:
        archive.extractall(folder / name, filter="data")
    return folder / name


def throughput() -> None:
    """Windows JSON lines to a ranked graph, end to end: decoding, names, graph, ranking with both walks."""
    lines = list(windows_log_ons(LOG_ONS, seed=SEED))
    start = time.process_time()
    names = Names()
    graph = NetworkGraph(names)
    decoder = WindowsFormat().decoder(None, filename="log-ons.json", modified_us=0)
    for first in range(0, len(lines), 1000):
        for event in decoder.decode(lines[first : first + 1000]):
            if isinstance(event, Event):
                names.learn(event)
                graph.observe(event)
    taken_s = time.process_time() - start
    moment = graph.at()
    seen_s = time.process_time() - start - taken_s
    ranking = rank(moment, WALKS, STANDINGS)
    total_s = time.process_time() - start
    span_s = (moment.at_us - moment.since_us) / SECOND_US
    print(
        f"{len(lines):,} log-ons of {span_s / 86400:.0f} days, {len(moment.hosts):,} hosts, "
        f"{len(moment.edges):,} edges"
    )
    print(f"decode and observe {taken_s:.1f} s, look {seen_s:.1f} s, rank {total_s - taken_s - seen_s:.1f} s")
    print(f"in all {total_s:.1f} s of processor time, {len(lines) / total_s:,.0f} log-ons/s; {ranking.contest.words}")


if __name__ == "__main__":
    main(sys.argv[1:])
