"""What the command line tells of the store: the report as a table or as JSON, and what a purge deleted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime

import orjson

from service.settings import Settings, SettingsError
from service.store import Store, StoreLost
from service.store.purge import purge
from service.store.report import Mode, Report, TopicReport, report
from service.variables import PREFIX


def print_report(settings: Settings, mode: Mode, *, as_json: bool) -> None:
    """Prints the report. SystemExit 1, with the reason on stderr, when the database cannot be used."""
    with _store(settings) as store:
        found = report(store, mode)
    if as_json:
        print(orjson.dumps(report_json(found), option=orjson.OPT_INDENT_2).decode())
    else:
        print("\n".join(report_lines(found)))


def purge_and_tell(settings: Settings, before: datetime) -> None:
    """Deletes what is older than `before`, and prints how much that was. SystemExit 1 as above."""
    with _store(settings) as store:
        gone = purge(store, before)
    print(f"deleted: calls {gone.calls}, cards {gone.cards}, feedback {gone.feedback}, used tokens {gone.tokens}")


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    try:
        store = Store(settings.database_url)
    except ValueError as error:
        raise SettingsError((f"{PREFIX}DATABASE_URL: {error}",)) from None
    try:
        with closing(store):
            yield store
    except StoreLost as lost:
        print(f"mda5-cds: the database cannot be used: {lost.why}", file=sys.stderr)
        raise SystemExit(1) from None


def report_json(found: Report) -> dict[str, object]:
    """The report as the contract writes it."""
    topics = [
        {
            "topic": topic.topic,
            "shown": topic.shown,
            "accepted": topic.accepted,
            "overridden": topic.overridden,
            "noAnswer": topic.no_answer,
            "reasons": dict(topic.reasons),
        }
        for topic in found.topics
    ]
    return {"topics": topics, "orphans": found.orphans}


def report_lines(found: Report) -> Iterator[str]:
    """The report as a table; below each topic its reasons."""
    cards = "Cards that silent calls composed and nobody saw" if found.mode == "silent" else "Cards shown"
    yield f"{cards}, each once, and what was done with them."
    yield "A card that was overridden and later accepted counts as both. Override rate: overridden of shown."
    yield "Below a topic stand the reasons with the number of cards overridden for each; comment: in words only."
    yield ""
    width = max((len(topic.topic) for topic in found.topics), default=5)
    yield f"{'topic':<{width}}  {'shown':>7}  {'accepted':>8}  {'overridden':>10}  {'no answer':>9}  override rate"
    for topic in found.topics:
        yield from _topic_lines(topic, width)
    if not found.topics:
        yield "none"
    yield ""
    yield f"Feedback for cards that were never shown (orphans): {found.orphans}"


def _topic_lines(topic: TopicReport, width: int) -> Iterator[str]:
    rate = f"{100 * topic.overridden / topic.shown:.0f} %"
    counts = f"{topic.shown:>7}  {topic.accepted:>8}  {topic.overridden:>10}  {topic.no_answer:>9}  {rate:>13}"
    yield f"{topic.topic:<{width}}  {counts}"
    for code, cards in topic.reasons:
        yield f"{'':<{width}}  {'':>7}  {'':>8}  {cards:>10}  {code}"
