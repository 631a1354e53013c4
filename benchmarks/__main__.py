"""The command line: `python -m benchmarks` measures, `python -m benchmarks profile` shows where the time goes."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from benchmarks.profile import print_functions, print_stages
from benchmarks.runner import report
from benchmarks.runner.everything import NAMES, measured
from benchmarks.runner.measures import WAITING
from benchmarks.runner.run import Run
from benchmarks.runner.servers import ServerFailed

_BUSY_PERCENT = 10.0
_SECONDS, _QUICK_SECONDS = 12.0, 0.3


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; 0, or 1 when an answer was wrong, a server failed or (--check) a target was missed."""
    options = _parser().parse_args(arguments)
    if options.command == "profile":
        print_functions() if options.functions else print_stages(options.rounds)
        return 0
    try:
        with tempfile.TemporaryDirectory(prefix="mda5-cds-bench-") as home:
            run = Run(Path(home), _QUICK_SECONDS if options.quick else options.seconds, options.quick)
            rows = []
            for row in measured(run, options.only or NAMES):
                rows.append(row)
                print(f"{row.measure}: {row.value:.3g} {row.unit}", file=sys.stderr)
    except ServerFailed as failure:
        print(f"the run is worth nothing: {failure}", file=sys.stderr)
        return 1
    print(report.table(rows))
    if any(row.measure == WAITING and max(row.value, row.other or 0) > _BUSY_PERCENT for row in rows):
        print("the machine was busy with other things: compare CPU a request, and trust no time")
    print(
        f"{run.answers.checked} answers were looked at, {run.answers.compared} of them compared with those in process"
    )
    if not options.no_save:
        content = report.as_json(rows, datetime.now().astimezone(), run.answers.checked, run.answers.compared)
        print(f"written to {report.save(content, options.results)}")
    return int(options.check and any(row.verdict == "not met" for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="for each comparison (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a few requests of each: does it run? Proves no number")
    parser.add_argument("--only", nargs="+", choices=NAMES, help="some of the measures")
    parser.add_argument("--no-save", action="store_true", help="write no file")
    parser.add_argument("--results", type=Path, default=report.RESULTS, help="folder for the file")
    parser.add_argument("--check", action="store_true", help="exit code 1 when a target is missed")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    profile = commands.add_parser("profile", help="CPU by stage, in process")
    profile.add_argument("--functions", action="store_true", help="the dearest functions instead")
    profile.add_argument("--rounds", type=int, default=7, help="of which the least counts (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
