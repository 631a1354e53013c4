"""Does a test see each small change of `cds_cards/`? Mutation testing of the clinical core: `make mutants`.

    python -m tests.mutants                          everything (hours), continued where it was stopped
    python -m tests.mutants --sample 10              every tenth mutant, always the same ones: an estimate
    python -m tests.mutants cds_cards/risk.py cds_cards/orders
    python -m tests.mutants --only-report            what is known so far

Made of three steps, each kept in `build/mutants/`: the mutants of each module; what each test executes; what became of
each mutant. Exit code 1: fewer than 90 % were killed, or `equivalent.toml` lists what is not there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.mutants import cold, executed, learning, trial
from tests.mutants.executed import Executed
from tests.mutants.mutations import ROOT, Mutant, mutants_of
from tests.mutants.report import Module, report

KEPT = ROOT / "build" / "mutants"
# these look at what is loaded once, when the process starts
COLD_TESTS = (
    *("tests/test_knowledge.py", "tests/test_guideline_fidelity.py"),
    *("tests/unit/cds_cards/test_cards.py", "tests/unit/cds_cards/test_reasons.py"),
)


def main() -> int:
    """Tries the mutants that are wanted and not yet known, and reports."""
    wanted = _arguments()
    KEPT.mkdir(parents=True, exist_ok=True)
    modules = _made(wanted.parts, wanted.at_once)
    results = KEPT / "results.jsonl"
    if wanted.anew:
        results.unlink(missing_ok=True)
    if not wanted.only_report:
        known, outcomes = _learn(wanted.at_once), _outcomes(results)
        chosen = [mutant for module in modules for mutant in module.mutants if _drawn(mutant.key, wanted.sample)]
        _try([mutant for mutant in chosen if not _settled(mutant, outcomes, known)], results, known, wanted)
    # of a sample only itself counts: what else was tried before was not drawn
    drawn = {key: row for key, row in _outcomes(results).items() if _drawn(key, wanted.sample)}
    return report(modules, drawn, wanted.sample, whole=not wanted.parts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="modules or folders of cds_cards/; all of it when none"
    )
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="every N-th mutant, always the same ones")
    parser.add_argument(
        "--at-once", type=int, default=os.cpu_count() or 1, metavar="N", help="processes; as many as cores"
    )
    parser.add_argument("--anew", action="store_true", help="forget what became of the mutants")
    parser.add_argument("--only-report", action="store_true", help="try nothing, report what is known")
    return parser.parse_args()


def _drawn(key: str, sample: int) -> bool:
    return int(key, 16) % sample == 0


# ── the mutants ──


def _made(parts: Iterable[str], at_once: int) -> list[Module]:
    chosen = [ROOT / part for part in parts] or [ROOT / "cds_cards"]
    files = [file for part in chosen for file in (sorted(part.rglob("*.py")) if part.is_dir() else [part])]
    with ProcessPoolExecutor(at_once) as pool:
        return [module for module in pool.map(_module, files) if module.mutants or module.outside]


def _module(file: Path) -> Module:
    """The mutants of a module, made anew when its source or the making has changed."""
    makers = (file, Path(__file__).parent / "mutations.py")
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in makers)).hexdigest()
    name = file.relative_to(ROOT).as_posix()
    kept = KEPT / f"{name.replace('/', '.')}.json"
    made = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    if made.get("digest") != digest:
        mutants, outside = mutants_of(file)
        made = {"digest": digest, "outside": outside, "mutants": [asdict(mutant) for mutant in mutants]}
        kept.write_text(json.dumps(made), encoding="utf-8")
    mutants = tuple(Mutant(**{**each, "lines": tuple(each["lines"])}) for each in made["mutants"])
    return Module(name, mutants, made["outside"])


# ── what the tests execute ──


def _learn(at_once: int) -> Executed:
    """What each test executes; files of tests that changed are looked at anew, all when a source did."""
    missing = executed.digests().keys() - executed.load(KEPT).files.keys()
    if missing:
        print(f"{len(missing)} files of tests: which test executes what", flush=True)
        job = {"files": sorted(missing), "folder": str(KEPT), "at_once": min(at_once, len(missing))}
        run = _pytest(learning.__name__, {learning.JOB: json.dumps(job)}, sorted(missing))
        if run.returncode not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            sys.exit(f"the tests fail without any mutant:\n{run.stdout[-2000:]}{run.stderr[-4000:]}")
    return executed.load(KEPT)


def _pytest(plugin: str, settings: Mapping[str, str], tests: Iterable[str]) -> subprocess.CompletedProcess[str]:
    options = ("-p", plugin, "-p", "no:cacheprovider", "-p", "no:xdist", "-s", "-q", "-x")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=ROOT,
        # a machine's own zone is nobody's: what falls back to it must be seen to
        env={**os.environ, "TZ": "Asia/Kathmandu", **settings},
        capture_output=True,
        text=True,
        check=False,
    )


# ── the trials ──


def _try(mutants: list[Mutant], results: Path, known: Executed, wanted: argparse.Namespace) -> None:
    print(f"{len(mutants)} mutants to try", flush=True)
    if not mutants:
        return
    job = KEPT / "job.json"
    told = {"mutants": list(map(asdict, mutants)), "folder": str(KEPT), "out": str(results), "at_once": wanted.at_once}
    job.write_text(json.dumps(told), encoding="utf-8")
    run = _pytest(trial.__name__, {trial.JOB: str(job)}, executed.TESTS)
    if run.returncode != 0:
        sys.exit(f"the trial broke off:\n{run.stdout[-4000:]}\n{run.stderr[-4000:]}")
    outcomes = _outcomes(results)
    alive = [mutant for mutant in mutants if outcomes[mutant.key]["outcome"] in (trial.SURVIVED, trial.NO_TESTS)]
    early = [mutant for mutant in alive if known.early(mutant)]
    print(f"{len(early)} of {len(alive)} survivors are tried in a fresh process", flush=True)
    with ProcessPoolExecutor(wanted.at_once) as pool, results.open("a", encoding="utf-8") as out:
        for mutant, killed in zip(early, pool.map(_killed_cold, early), strict=True):
            if killed:
                row = {"key": mutant.key, "outcome": trial.KILLED, "killer": "a fresh process"}
                out.write(json.dumps({**row, "digest": known.digest_of(mutant)}) + "\n")


def _killed_cold(mutant: Mutant) -> bool:
    """Once more in a fresh process, where the mutated line runs before any test does."""
    return _pytest(cold.__name__, {cold.MUTANT: json.dumps(asdict(mutant))}, COLD_TESTS).returncode != 0


def _settled(mutant: Mutant, outcomes: Mapping[str, Mapping[str, Any]], known: Executed) -> bool:
    """Whether it need not be tried again: killed, or a survivor of the very tests that execute it now."""
    row = outcomes.get(mutant.key)
    return row is not None and (row["outcome"] == trial.KILLED or row["digest"] == known.digest_of(mutant))


def _outcomes(results: Path) -> dict[str, dict[str, Any]]:
    """What became of each mutant: the last word counts."""
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    return {row["key"]: row for row in map(json.loads, lines)}


if __name__ == "__main__":
    sys.exit(main())
