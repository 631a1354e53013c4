"""The command `mda5-cds`. Exit codes: 0 done, 2 bad usage or input (message on stderr), 1 anything else."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import fixtures
from service.build_sheet import build_sheet, build_sheet_json
from service.cli_migrate import add_migrate
from service.cpus import FEWEST_WORKERS, MOST_WORKERS, workers_for_cpus
from service.demo import DemoError, run_demo
from service.errors import ServiceError
from service.evaluate import UsageError, add_evaluate, json_text
from service.extras import PAGE, MissingExtra, need_sandbox
from service.feedback.command import add_feedback
from service.parts import load_parts, utc_now
from service.settings import Settings, SettingsError, read_settings

Command = Callable[[argparse.Namespace, Settings], None]
# asked for by number; nobody means more
MOST_ASKED_WORKERS = 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = _parser().parse_args(arguments)
    command: Command | None = options.command
    try:
        if command is None:
            return _doctor()
        command(options, read_settings(os.environ))
    except (UsageError, MissingExtra, SettingsError, ServiceError) as error:
        print(f"mda5-cds: {error}", file=sys.stderr)
        return 2
    except DemoError as error:
        print(f"mda5-cds: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # the reader went away (`| head`): nothing to report, and nothing more to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mda5-cds", description="CDS Hooks service for anti-MDA5 dermatomyositis with rapidly progressive ILD."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands.add_parser("serve", help="answer CDS Hooks calls"))
    add_evaluate(commands.add_parser("evaluate", help="evaluate one CDS Hooks request, without a server"))
    demo = commands.add_parser("demo", help="start on loopback, send fixtures as an EHR would, print the cards, stop")
    demo.add_argument("names", nargs="*", metavar="NAME", help="fixtures to send (default: a selection)")
    demo.set_defaults(command=_demo)
    _add_fixtures(commands.add_parser("fixtures", help="the patients that the demo and the tests use"))
    add_feedback(commands.add_parser("feedback", help="what clinicians did with the cards"))
    add_migrate(commands.add_parser("migrate", help="bring the database's schema to this version"))
    doctor = commands.add_parser("doctor", help="check the configuration, and say in plain words what is wrong")
    doctor.set_defaults(command=None)
    sheet = commands.add_parser("build-sheet", help="what an EHR team has to type into its build")
    sheet.add_argument("--format", choices=("text", "json"), default="text")
    sheet.set_defaults(command=_build_sheet)
    return parser


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_number(0, 65_535), default=8000, help="default: %(default)s; 0: any free one")
    parser.add_argument(
        "--workers",
        type=_number(1, MOST_ASKED_WORKERS),
        help=f"processes (default: one for each CPU that may be used, from {FEWEST_WORKERS} to {MOST_WORKERS}; "
        f"with --sandbox {FEWEST_WORKERS})",
    )
    parser.add_argument(
        "--sandbox", action="store_true", help="also a page at / for trying the service; not for patients"
    )
    parser.set_defaults(command=_serve)


def _add_fixtures(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_list_fixtures)
    commands = parser.add_subparsers(metavar="COMMAND")
    commands.add_parser("list", help="names and stories (default)").set_defaults(command=_list_fixtures)
    show = commands.add_parser("show", help="the request as JSON, dated relative to now")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(command=_show_fixture)
    write = commands.add_parser("write", help="every request as a file")
    write.add_argument("directory", type=Path, metavar="DIR")
    write.set_defaults(command=_write_fixtures)


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}")

    return number


def _serve(options: argparse.Namespace, settings: Settings) -> None:
    # until the server listens to it: the first process of a container would be deaf, and be killed after its grace
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    if options.sandbox:
        need_sandbox("--sandbox", PAGE)
    # imported late, as other commands need neither its libraries nor the time that they take to load
    from service.server import Address, serve

    workers = options.workers or (FEWEST_WORKERS if options.sandbox else workers_for_cpus())
    serve(replace(settings, sandbox=options.sandbox), Address(options.host, options.port), workers)


def _doctor() -> int:
    """Takes the environment as it is: it looks at settings that cannot be used, too."""
    from service.doctor.examination import run_doctor

    return 0 if run_doctor(os.environ, sys.stdout) else 1


def _build_sheet(options: argparse.Namespace, settings: Settings) -> None:
    guideline = load_parts(settings).guideline
    as_json = options.format == "json"
    print(json_text(build_sheet_json(settings, guideline)) if as_json else build_sheet(settings, guideline), end="")


def _demo(options: argparse.Namespace, settings: Settings) -> None:
    unknown = sorted(set(options.names) - set(fixtures.names()))
    if unknown:
        raise UsageError(f"there is no fixture {', '.join(unknown)}; see: mda5-cds fixtures list")
    run_demo(options.names, sys.stdout)


def _list_fixtures(options: argparse.Namespace, settings: Settings) -> None:
    width = max(map(len, fixtures.names()))
    for name in fixtures.names():
        print(f"{name:<{width}}  {fixtures.story(name).story}")


def _show_fixture(options: argparse.Namespace, settings: Settings) -> None:
    if options.name not in fixtures.names():
        raise UsageError(f"there is no fixture {options.name}; see: mda5-cds fixtures list")
    print(json_text(fixtures.story(options.name).render(utc_now())), end="")


def _write_fixtures(options: argparse.Namespace, settings: Settings) -> None:
    now = utc_now()
    try:
        options.directory.mkdir(parents=True, exist_ok=True)
        for name in fixtures.names():
            (options.directory / f"{name}.json").write_text(
                json_text(fixtures.story(name).render(now)), encoding="utf-8"
            )
    except OSError as error:
        raise UsageError(f"cannot write to {options.directory}: {error.strerror}") from error
