"""`mda5-cds feedback`: what clinicians did with the cards, and forgetting what is old."""

from __future__ import annotations

import argparse
from datetime import timedelta

from service.parts import utc_now
from service.settings import Settings

LONGEST_DAYS = 36_500


def add_feedback(parser: argparse.ArgumentParser) -> None:
    """The commands `report` and `purge`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    report = commands.add_parser("report", help="per topic: shown, accepted, overridden, no answer, and the reasons")
    report.add_argument("--format", choices=("text", "json"), default="text")
    report.add_argument("--silent", action="store_true", help="of the cards that a silent service composed")
    report.set_defaults(command=_report)
    purge = commands.add_parser("purge", help="delete calls, feedback and used tokens of long ago")
    purge.add_argument("--older-than", type=_days, required=True, metavar="DAYS", help="whole days of 24 hours")
    purge.set_defaults(command=_purge)


def _days(text: str) -> int:
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= days <= LONGEST_DAYS:
        raise argparse.ArgumentTypeError(f"must be a whole number of days from 1 to {LONGEST_DAYS}")
    return days


# the database's imports cost every other command a third of a second: they wait until one of these runs


def _report(options: argparse.Namespace, settings: Settings) -> None:
    from service.feedback.printed import print_report

    print_report(settings, "silent" if options.silent else "live", as_json=options.format == "json")


def _purge(options: argparse.Namespace, settings: Settings) -> None:
    from service.feedback.printed import purge_and_tell

    purge_and_tell(settings, utc_now() - timedelta(days=options.older_than))
