"""Measures how well chains of log-ons are found in a large simulated company, and what each method ranks them at.

Run with ``python -m tests.benchmarks.bench_chains [companies] [hosts] [days] [first seed]`` (default 5, 500, 21,
100). Seeds below 1000 may have been seen while the parts were made: a figure needs others. A company has ten attacks
of 2–5 hops (stolen administrator, new account, service account, pass-the-hash, ssh; fast to slow), after a week of
history. A chain counts as found when a reported chain holds one of its moves, and entirely found when all are in
reported chains. An alert is a reported chain; a false one holds none. Intervals are 95 %: Wilson's for shares,
bootstrap over companies for average precision.
"""

from __future__ import annotations

import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pandora_core.detect.addresses import is_address
from pandora_core.detect.names import Names, short_name
from pandora_core.graph.closeness import Closeness
from pandora_core.graph.history import History, Move
from pandora_core.graph.moment import Moment
from pandora_core.graph.network import NetworkGraph
from pandora_core.graph.ranking import Ranking, rank
from pandora_core.ingest.formats.sshd import SshdFormat
from pandora_core.ingest.formats.windows import WindowsFormat
from pandora_core.model import DAY_US, Event
from pandora_core.quantum.walks.network import STANDINGS, WALKS
from pandora_core.scenario.plan import LOGONS, Plan
from pandora_core.scenario.simulate import Scenario

ATTACKS = ("stolen-admin", "new-account", "service-account", "pass-the-hash", "ssh-hops")
TEMPOS = ("fast", "usual", "slow")
USUAL = (5, 500, 21, 100)
BATCH = 1000
BOOTSTRAPS = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one company."""

    log_ons: int
    found: tuple[tuple[str, bool, bool], ...]
    """For each attack its name, whether it was found, and whether entirely."""
    alerts: int
    false_alerts: int
    precision: dict[str, float]
    contest: str


def main(arguments: Sequence[str]) -> None:
    companies, hosts, days, first_seed = [int(text) for text in arguments] + list(USUAL[len(arguments) :])
    outcomes = []
    for number in range(companies):
        start = time.process_time()
        outcome = one_company(first_seed + number, hosts, days)
        outcomes.append(outcome)
        missed = [name for name, is_found, _ in outcome.found if not is_found]
        print(
            f"seed {first_seed + number}: {outcome.log_ons:,} log-ons, "
            f"{time.process_time() - start:.0f} s; missed {missed}"
        )
        print(f"  false alerts {outcome.false_alerts}; {outcome.contest}", flush=True)
    report(outcomes)


def report(outcomes: Sequence[Outcome]) -> None:
    found = [one for outcome in outcomes for one in outcome.found]
    for words, place in (("found", 1), ("entirely", 2)):
        hits = sum(bool(one[place]) for one in found)
        low, high = wilson(hits, len(found))
        print(f"chains {words}: {hits} of {len(found)}, {hits / len(found):.3f} ({low:.3f} to {high:.3f})")
    false, log_ons = sum(o.false_alerts for o in outcomes), sum(o.log_ons for o in outcomes)
    print(f"false alerts: {false} in {log_ons:,} log-ons, {false * 200_000 / log_ons:.2f} per 200,000")
    alerts = sum(outcome.alerts for outcome in outcomes)
    print(f"alerts, the true ones among them: {alerts}, {alerts * 200_000 / log_ons:.2f} per 200,000")
    for word in (*ATTACKS, *TEMPOS):
        of_it = [is_found for name, is_found, _ in found if word in name.split()]
        print(f"  {word}: {sum(of_it)} of {len(of_it)}")
    print(f"{'method':<16}{'average precision':>20}")
    for method in outcomes[0].precision:
        values = np.array([outcome.precision[method] for outcome in outcomes])
        rng = np.random.default_rng(0)
        means = [rng.choice(values, len(values)).mean() for _ in range(BOOTSTRAPS)]
        low, high = np.quantile(means, [0.025, 0.975])
        print(f"{method:<16}{values.mean():>8.3f} ({low:.3f} to {high:.3f})")


def one_company(seed: int, hosts: int, days: int) -> Outcome:
    scenario = Scenario(plan_of(seed, hosts, days))
    graph, log_ons = watched(scenario)
    moment = graph.at()
    ranking = rank(moment, WALKS, STANDINGS)
    truth = {c.number: {(m.source, m.target, m.user) for m in c.moves} for c in scenario.campaigns}
    tempos = [text.split(":")[1] for text in (scenario.plan.attack or "").split(",")]
    names = {c.number: f"{c.chain.name} {tempos[c.number - 1]} {len(c.moves)}" for c in scenario.campaigns}
    true = set().union(*truth.values())
    reported = {key_of(move, true) for chain in ranking.chains for move in chain.moves}
    found = tuple((names[number], bool(moves & reported), moves <= reported) for number, moves in truth.items())
    false = sum(not any(key_of(move, true) in true for move in chain.moves) for chain in ranking.chains)
    since_us = scenario.plan.start_us + int(scenario.plan.quiet_days * DAY_US)
    precision = precisions(moment, ranking, true, since_us)
    return Outcome(log_ons, found, len(ranking.chains), false, precision, ranking.contest.words)


def plan_of(seed: int, hosts: int, days: int) -> Plan:
    wanted = [f"{ATTACKS[n % 5]}:{TEMPOS[(n + seed) % 3]}:{2 + (n + seed) % 4}" for n in range(2 * len(ATTACKS))]
    quiet = min(7.0, days / 2)
    return Plan(hosts=hosts, days=days, seed=seed, attack=",".join(wanted), quiet_days=quiet, only=LOGONS)


def watched(scenario: Scenario) -> tuple[NetworkGraph, int]:
    """The graph of all events, and how many of them were log-ons."""
    names = Names()
    graph, log_ons = NetworkGraph(names), 0
    for event in events_of(scenario):
        names.learn(event)
        graph.observe(event)
        log_ons += event.action == "logon"
    return graph, log_ons


def events_of(scenario: Scenario) -> Iterator[Event]:
    waiting: dict[str, list[bytes]] = defaultdict(list)
    decoders = {}
    for record in scenario.records():
        if record.file not in decoders:
            made = WindowsFormat() if record.file.startswith("windows") else SshdFormat()
            decoders[record.file] = made.decoder(None, filename=record.file, modified_us=scenario.plan.end_us)
        lines = waiting[record.file]
        lines.append(record.line.encode())
        if len(lines) >= BATCH:
            yield from (event for event in decoders[record.file].decode(lines) if isinstance(event, Event))
            lines.clear()
    for file, lines in waiting.items():
        yield from (event for event in decoders[file].decode(lines) if isinstance(event, Event))


def precisions(moment: Moment, ranking: Ranking, true: set[tuple[str, str, str]], since_us: int) -> dict[str, float]:
    """Average precision of each method over all moves first seen after the week of history."""
    history = History(moment)
    moves = [move for move in history.moves if move.first_us >= since_us]
    combined = {key_of(one.move): one.bits for one in ranking.moves}
    volume: Counter[tuple[str, str]] = Counter()
    for edge in moment.edges:
        volume[edge.source, edge.target] += edge.count
    closeness = Closeness(history, WALKS)
    walked = {key_of(move): closeness.bits(move) for move in sorted(moves, key=lambda move: (move.day, move.source))}
    standing = {host.host: host.standing for host in ranking.hosts}
    scores = {
        "combined": [combined.get(key_of(move), 0.0) for move in moves],
        "volume": [float(volume[move.source, move.target]) for move in moves],
        "rarity": [-float(volume[move.source, move.target]) for move in moves],
        **{name: [walked[key_of(move)].get(name, 0.0) for move in moves] for name in WALKS},
        **{name: [standing.get(move.target, {}).get(name, 0.0) for move in moves] for name in STANDINGS},
    }
    labels = np.array([key_of(move, true) in true for move in moves])
    return {name: average_precision(np.array(values), labels) for name, values in scores.items()}


def average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean over the true ones of the precision at their place; equal scores count as if in the worst order."""
    order = np.lexsort((labels, -scores))
    hits = labels[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].sum() / max(labels.sum(), 1))


def key_of(move: Move, true: Collection[tuple[str, str, str]] = ()) -> tuple[str, str, str]:
    """Source, target and account; for an address whose host no log names, the known move it can be."""
    source, target = short_name(move.source).casefold(), short_name(move.target).casefold()
    if is_address(source):
        for known in true:
            if known[1:] == (target, move.user):
                return known
    return source, target, move.user


def wilson(hits: int, trials: int) -> tuple[float, float]:
    share, z = hits / trials, 1.96
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    return max(middle - half, 0.0), min(middle + half, 1.0)


if __name__ == "__main__":
    main(sys.argv[1:])
