"""What the engine sees in the real log sets, and what it cries out for nothing there, in one run of one version.

    python -m tests.benchmarks.bench_sets [DATA] [--only WORD] [--skip WORD]

DATA is the folder with the sets as ``NAME.tar.xz`` (default: ``PANDORA_SHARED_DATA``, else ``../shared/data``). Every
set goes through the real engine into a store of its own. Printed are: what must be seen and whether it was, the
samples that were missed, every alert of severity high or critical about what is benign, and how many those are a
host-day: a day on which a host was heard of.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pandora_core import bootstrap
from pandora_core.detect.pipeline import Pipeline
from pandora_core.evaluate import Truth, replay, wilson
from pandora_core.evaluate.truth import Stage
from pandora_core.model import Alert, Severity, iso
from tests.benchmarks.shared_sets import CAPTURES, CASES, LEAST_SHARE, SAMPLES, Case, Samples, Seen

REPOSITORY = Path(__file__).resolve().parents[2]
WIDTH = 44


class Benign(NamedTuple):
    """A stretch in which nothing bad happened, and what was cried out all the same."""

    name: str
    host_days: int
    alerts: int
    false: list[Alert]


class Sets:
    """The sets, unpacked where they are needed for the first time."""

    def __init__(self, data: Path, scratch: Path) -> None:
        self._data, self._scratch = data, scratch

    def files(self, archive: str, patterns: Iterable[str]) -> list[Path]:
        """The files of a set that fit any of some patterns below its one folder.

        Raises:
            FileNotFoundError: there is no such set, or nothing fits.
        """
        folder = self._scratch / archive
        if not folder.exists():
            with tarfile.open(self._data / f"{archive}.tar.xz") as tar:
                tar.extractall(folder, filter="data")
        found = sorted(path for pattern in patterns for path in folder.rglob(pattern) if path.is_file())
        if not found:
            raise FileNotFoundError(f"{archive} has nothing like {', '.join(patterns)}")
        return found

    def seen(self, files: Sequence[Path], case: Case | None = None) -> Seen:
        """What the engine makes of some files that are read together."""
        with tempfile.TemporaryDirectory(prefix="pandora-sets-", dir=self._scratch) as place:
            logs, data, truth = Path(place) / "logs", Path(place) / "data", Truth()
            data.mkdir(mode=0o700)
            for path in files:
                copy = logs / path.parent.name / path.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copy)
                if case is not None and case.labels is not None:
                    label(truth, str(copy.relative_to(logs)), case.labels(path))
            run = replay(logs, truth, data, bootstrap.now_us)
        alerts = sorted((outcry.alert for outcry in run.outcries.values()), key=lambda alert: (-alert.risk, alert.id))
        counted = [sighting.detection for sighting in run.sightings.values() if sighting.detection.points > 0]
        return Seen(run, alerts, counted)


def label(truth: Truth, file: str, lines: Iterable[tuple[int, str]]) -> None:
    """Notes which lines of a file belong to which phase of its one attack."""
    stages: dict[str, Stage] = {}
    for line, phase in lines:
        stage = stages.get(phase)
        if stage is None:
            stage = stages[phase] = Stage("1", len(truth.stages) + 1, phase)
            truth.stages.append(stage)
        truth.lines[file][line] = stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Path(os.environ.get("PANDORA_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    parser.add_argument("data", nargs="?", type=Path, default=usual)
    parser.add_argument("--only", default="", help="sets whose name has this word")
    parser.add_argument("--skip", default="\0", help="no sets whose name has this word")
    options = parser.parse_args()
    bootstrap.raise_file_limit()
    print(f"detectors of version {Pipeline.VERSION}\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="pandora-sets-") as scratch:
        sets = Sets(options.data, Path(scratch))
        cases = [case for case in (*CASES, CAPTURES) if options.only in case.name and options.skip not in case.name]
        benign = [found for case in cases for found in look_at(sets, case)]
        for samples in SAMPLES if options.only in "evtx-attack-samples" else ():
            print_samples(sets, samples)
    print_benign(benign)


def look_at(sets: Sets, case: Case) -> Iterator[Benign]:
    """Prints what was seen of a case; gives its benign stretch, if it has one."""
    files = sets.files(case.archive, case.patterns)
    for group in ([path] for path in files) if case is CAPTURES else [files]:
        seen = sets.seen(group, case)
        name = f"{case.name} {group[0].stem}" if case is CAPTURES else case.name
        wrong = case.judge(seen) if case.judge is not None else None
        verdict = "" if wrong is None else ("as it should be" if not wrong else f"WRONG: {wrong}")
        print(f"{name:<{WIDTH}} {seen.run.events:>8,} events  {top(seen):<70} {verdict}", flush=True)
        if case.is_benign:
            yield benign_of(name, seen)


def top(seen: Seen) -> str:
    worst = seen.worst
    if worst is None:
        return "no alert"
    counts = f"{len(seen.alerts)} alert{'s' if len(seen.alerts) > 1 else ''}"
    return f"{counts}, on top {worst.severity.word} {worst.risk:.0f} {worst.entity.name}"


def benign_of(name: str, seen: Seen) -> Benign:
    """The alerts of a stretch that show nothing of an attack."""
    run = seen.run
    true = {number for number, sighting in run.sightings.items() if sighting.stages}
    harmless = [alert for alert in seen.alerts if not true & set(alert.detection_ids)]
    high = [alert for alert in harmless if alert.severity >= Severity.HIGH]
    return Benign(name, len(run.host_days), len(harmless), high)


def print_samples(sets: Sets, samples: Samples) -> None:
    """How many samples of a tactic are told as that tactic, and which are not."""
    files = sets.files(samples.archive, [samples.pattern])
    missed = [path.name for path in files if not is_told(sets.seen([path]), samples.tactic)]
    told = len(files) - len(missed)
    low, high = wilson(told, len(files))
    verdict = "as it should be" if told >= LEAST_SHARE * len(files) else "WRONG: too few"
    share = f"{told}/{len(files)} {told / len(files):.0%} ({low:.0%}-{high:.0%})"
    print(f"{f'evtx-attack-samples {samples.tactic}':<{WIDTH}} {share}  {verdict}", flush=True)
    for name in missed:
        print(f"    missed: {name}", flush=True)


def is_told(seen: Seen, tactic: str) -> bool:
    return any(tactic in detection.tactics for detection in seen.detections)


def print_benign(stretches: Sequence[Benign]) -> None:
    """Every false high alert, and how many there are a host-day in each stretch."""
    print(f"\n{'benign stretch':<{WIDTH}} {'host-days':>10} {'alerts':>8} {'high':>6} {'a host-day':>12}")
    for stretch in stretches:
        rate = len(stretch.false) / max(stretch.host_days, 1)
        verdict = "" if rate <= 1 else "  WRONG: more than 1"
        print(
            f"{stretch.name:<{WIDTH}} {stretch.host_days:>10,} {stretch.alerts:>8} {len(stretch.false):>6} "
            f"{rate:>12.4f}{verdict}"
        )
    print("\nhigh and critical alerts about what is benign, all of them:")
    for stretch in stretches:
        for alert in stretch.false:
            print(f"{alert.risk:5.1f}  {stretch.name}  {iso(alert.first_seen_us)}  {alert.entity}  {alert.title}")
            for part in alert.contributions:
                print(f"         {part.points:5.1f}  {part.detector}: {part.title}")
    if not any(stretch.false for stretch in stretches):
        print("none")


if __name__ == "__main__":
    main()
