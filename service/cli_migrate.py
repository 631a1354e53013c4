"""`mda5-cds migrate`: the schema brought to this version before any service of it starts."""

from __future__ import annotations

import argparse
import sys

from service.settings import Settings, SettingsError
from service.variables import PREFIX


def add_migrate(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--allow-lost",
        action="store_true",
        help="exit 0 also when the database cannot be used: the service answers cards without it",
    )
    parser.set_defaults(command=_migrate)


def _migrate(options: argparse.Namespace, settings: Settings) -> None:
    """Prints what was there and what is there now. SystemExit 1, with the reason on stderr, when the store is lost."""
    # the database's imports cost every other command a third of a second
    from service.store import StoreLost

    try:
        before, now = _brought_to_head(settings.database_url)
    except StoreLost as lost:
        print(f"mda5-cds: the database cannot be brought up to date: {lost.why}", file=sys.stderr)
        if not options.allow_lost:
            raise SystemExit(1) from None
        print("mda5-cds: going on: cards come without it, and the service migrates when it is back", file=sys.stderr)
    else:
        print(f"schema: {before or 'none'} -> {now}{', nothing to do' if before == now else ''}")


def _brought_to_head(url: str) -> tuple[str | None, str]:
    from service.store import Store
    from service.store.migrate import brought_to_head

    try:
        store = Store(url)
    except ValueError as error:
        raise SettingsError((f"{PREFIX}DATABASE_URL: {error}",)) from None
    try:
        with store.begin() as connection:
            return brought_to_head(connection)
    finally:
        store.close()
