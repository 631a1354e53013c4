"""Contract, sections 2, 5 and 6: cards shown, answers to them, the report, the purge, and a silent service."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import create_engine, make_url, text

from service import cli
from service.app import create_app
from service.settings import Settings
from tests import database
from tests.acceptance.fhir import FERRITIN, NOW, Json, call, cards, obs, positive, rpild
from tests.server import running, until

postgres_server, postgres_url = database.postgres_server, database.postgres_url
sqlite_url, database_url = database.sqlite_url, database.database_url

VIEW = "/cds-services/mda5-rpild-patient-view"
UNTREATED = (positive(), rpild(), obs(FERRITIN, 1500, "ng/mL"))
MESSAGES = Path(__file__).parents[3] / "shared" / "real-data" / "cds-hooks-sandbox-requests"


@dataclass(frozen=True)
class Site:
    """A service with its database, and the command line on the same one."""

    url: str
    capsys: pytest.CaptureFixture[str]

    def service(self, **settings: Any) -> FlaskClient:
        return create_app(Settings(database_url=self.url, **settings), clock=lambda: NOW).test_client()

    def command(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        self.capsys.readouterr()
        try:
            code = cli.main(["feedback", *arguments])
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        told = self.capsys.readouterr()
        return code, told.out, told.err

    def report(self, *more: str) -> Json:
        code, out, err = self.command("report", "--format", "json", *more)
        assert (code, err) == (0, "")
        told: Json = json.loads(out)
        return told


@pytest.fixture
def site(database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site on each kind of database."""
    monkeypatch.setenv("MDA5_CDS_DATABASE_URL", database_url)
    return Site(database_url, capsys)


@pytest.fixture
def file_site(sqlite_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose database is a file."""
    monkeypatch.setenv("MDA5_CDS_DATABASE_URL", sqlite_url)
    return Site(sqlite_url, capsys)


def shown(client: FlaskClient, instance: str = "i1") -> dict[str, Json]:
    """The cards of an untreated patient, by topic."""
    answer = client.post(VIEW, json=call(*UNTREATED) | {"hookInstance": instance})
    assert answer.status_code == 200
    return cards(answer.get_json())


def accepted(card: Json, **changes: Any) -> Json:
    first = card["suggestions"][0]["uuid"]
    entry = {"card": card["uuid"], "outcome": "accepted", "acceptedSuggestions": [{"id": first}]}
    return {**entry, "outcomeTimestamp": "2026-03-01T10:00:30Z", **changes}


def overridden(card: Json, reason: Json | None = None, **changes: Any) -> Json:
    entry = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-03-01T10:00:30Z", **changes}
    return {**entry, "overrideReason": reason} if reason else entry


def answer(client: FlaskClient, *entries: Any) -> Any:
    return client.post(f"{VIEW}/feedback", json={"feedback": entries})


def of_topic(report: Json, topic: str) -> Json:
    found: Json = next(each for each in report["topics"] if each["topic"] == topic)
    return found


def test_the_report_of_nothing(site: Site) -> None:
    assert site.report() == {"topics": [], "orphans": 0}
    assert site.command("report")[1].endswith("none\n\nFeedback for cards that were never shown (orphans): 0\n")


def test_shown_accepted_and_reported(site: Site) -> None:
    client = site.service()
    told = shown(client)
    assert answer(client, accepted(told["rec-2"])).status_code == 200
    report = site.report()
    expected = {"topic": "rec-2", "shown": 1, "accepted": 1, "overridden": 0, "noAnswer": 0, "reasons": {}}
    assert of_topic(report, "rec-2") == expected
    assert {each["topic"] for each in report["topics"]} == set(told)
    assert of_topic(report, "risk") == {**expected, "topic": "risk", "accepted": 0, "noAnswer": 1}
    assert report["orphans"] == 0


def test_a_retried_call_and_a_replayed_batch_count_once(site: Site) -> None:
    client = site.service()
    told = shown(client)
    assert shown(client) == told
    for _ in range(3):
        assert answer(client, accepted(told["rec-2"]), accepted(told["rec-2"])).status_code == 200
    found = of_topic(site.report(), "rec-2")
    assert (found["shown"], found["accepted"], found["noAnswer"]) == (1, 1, 0)


def test_overridden_with_its_coded_reason_and_accepted_later(site: Site) -> None:
    client = site.service()
    card = shown(client)["rec-2"]
    coding = card["overrideReasons"][0]
    batch = [overridden(card, {"reason": coding}), accepted(card, outcomeTimestamp="2026-03-01T10:04:00Z")]
    assert answer(client, *batch).status_code == 200
    expected = {"shown": 1, "accepted": 1, "overridden": 1, "noAnswer": 0, "reasons": {coding["code"]: 1}}
    assert of_topic(site.report(), "rec-2") == {"topic": "rec-2", **expected}


def test_one_batch_for_several_calls_with_a_bad_entry_and_an_orphan(site: Site) -> None:
    client = site.service()
    first, second = shown(client, "i1")["rec-2"], shown(client, "i2")["rec-2"]
    entries = [
        overridden(first, {"userComment": "SECRET"}),
        {**accepted(first), "outcome": "SECRET"},
        overridden(second) | {"overrideReasons": [{"reason": {"code": "x", "system": "urn:s"}}], "extension": {"a": 1}},
        overridden({"uuid": "00000000-0000-4000-8000-00000000dead"}),
    ]
    told = answer(client, *entries)
    assert told.status_code == 200
    assert [issue["severity"] for issue in told.get_json()["issue"]] == ["information", "error"]
    assert "feedback[1].outcome" in told.text
    assert "SECRET" not in told.text
    report = site.report()
    assert of_topic(report, "rec-2")["reasons"] == {"comment": 1, "x": 1}
    assert (of_topic(report, "rec-2")["overridden"], report["orphans"]) == (2, 1)


def test_the_table_names_the_override_rate_and_the_reasons(site: Site) -> None:
    client = site.service()
    first, second, _ = (shown(client, instance)["rec-2"] for instance in ("i1", "i2", "i3"))
    answer(client, overridden(first, {"reason": {"code": "patient-refuses", "system": "s"}}), accepted(second))
    code, out, _ = site.command("report")
    assert code == 0
    assert re.search(r"^rec-2 +3 +1 +1 +1 +33 %$", out, re.MULTILINE)
    assert re.search(r"^ +1  patient-refuses$", out, re.MULTILINE)
    assert "Override rate: overridden of shown" in out


def test_a_silent_service_answers_no_cards_and_remembers_them(site: Site) -> None:
    silent = site.service(mode="silent")
    response = silent.post(VIEW, json=call(*UNTREATED))
    assert response.get_json()["cards"] == []
    assert response.get_json()["extension"]["mda5-cds.assessment"]["population"]["status"] == "in"
    assert site.report() == {"topics": [], "orphans": 0}
    composed = site.report("--silent")
    assert of_topic(composed, "rec-2")["shown"] == 1
    live = site.service()
    assert {each["topic"] for each in composed["topics"]} == set(shown(live))


def test_feedback_for_what_a_silent_service_composed_is_an_orphan(site: Site) -> None:
    site.service(mode="silent").post(VIEW, json=call(*UNTREATED) | {"hookInstance": "i1"})
    card = shown(Site("sqlite://", site.capsys).service())["rec-2"]
    assert answer(site.service(), accepted(card)).status_code == 200
    assert site.report() == {"topics": [], "orphans": 1}
    assert of_topic(site.report("--silent"), "rec-2")["accepted"] == 1


def test_a_topic_that_is_switched_off_was_not_shown(file_site: Site) -> None:
    assert "rec-2" not in shown(file_site.service(topics_off=frozenset({"rec-2"})))
    assert "rec-2" not in {each["topic"] for each in file_site.report()["topics"]}


def test_nothing_that_names_a_person_is_stored(file_site: Site, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"k" * 32)
    client = file_site.service(hash_key_file=tmp_path / "key")
    context = {"patientId": "p1", "userId": "Practitioner/known-to-all"}
    client.post(VIEW, json=call(*UNTREATED, context=context) | {"hookInstance": "instance-of-a-person"})
    engine = create_engine(make_url(file_site.url))
    with engine.connect() as connection:
        call_row = connection.execute(text("SELECT * FROM calls")).mappings().one()
    engine.dispose()
    assert {len(call_row[name]) for name in ("patient_hash", "user_hash", "instance_hash")} == {64}
    assert not {"p1", "Practitioner/known-to-all", "instance-of-a-person"} & set(map(str, call_row.values()))
    stored = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    assert b"known-to-all" not in stored
    assert b"instance-of-a-person" not in stored


def test_a_lost_store_refuses_feedback_and_lets_cards_through(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("where a folder should be")
    site = Site(f"sqlite:///{tmp_path}/file/store.sqlite3", capsys)
    client = site.service()
    told = shown(client)
    refused = answer(client, accepted(told["rec-2"]))
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.get_json()["resourceType"] == "OperationOutcome"
    monkeypatch.setenv("MDA5_CDS_DATABASE_URL", site.url)
    for arguments in (("report",), ("purge", "--older-than", "1")):
        code, out, err = site.command(*arguments)
        assert (code, out) == (1, "")
        assert "the database cannot be used" in err


def test_a_database_that_is_none_is_bad_usage(file_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDA5_CDS_DATABASE_URL", "mysql://user:SECRET@db.example.org/x")
    code, out, err = file_site.command("report")
    assert (code, out) == (2, "")
    assert "MDA5_CDS_DATABASE_URL" in err
    assert "SECRET" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("purge",),
        *(("purge", "--older-than", days) for days in ("0", "-1", "1.5", "x", "", "36501", "9" * 30, "١")),
        ("report", "--format", "html"),
    ],
)
def test_bad_usage_exits_2(file_site: Site, arguments: tuple[str, ...]) -> None:
    code, out, err = file_site.command(*arguments)
    assert (code, out) == (2, "")
    assert err


@pytest.mark.parametrize(("days", "deleted"), [("29", "calls 1"), ("31", "calls 0")])
def test_a_purge_deletes_what_is_older_and_says_how_much(file_site: Site, days: str, deleted: str) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=30)
    settings = Settings(database_url=file_site.url)
    client = create_app(settings, clock=lambda: long_ago).test_client()
    told = client.post(VIEW, json=call(positive(effectiveDateTime="2026-01-01"))).get_json()
    assert answer(client, overridden(told["cards"][0])).status_code == 200
    code, out, _ = file_site.command("purge", "--older-than", days)
    assert code == 0
    assert deleted in out
    assert bool(file_site.report()["topics"]) is (deleted == "calls 0")


def test_two_services_on_one_database_lose_nothing_that_they_acknowledged(site: Site, tmp_path: Path) -> None:
    with ExitStack() as services:
        one, two = (services.enter_context(running(tmp_path, DATABASE_URL=site.url)) for _ in range(2))
        answered = one.http.post(one.url(VIEW), json=call(positive(), rpild()), timeout=20)
        card = answered.json()["cards"][0]
        # a card is in the audit before it goes out, unless the disk takes longer than a card may wait
        until(lambda: bool(site.report()["topics"]), 20)
        entry = overridden(card, outcomeTimestamp=datetime.now(UTC).isoformat())
        for service in (two, one):
            told = service.http.post(service.url(f"{VIEW}/feedback"), json={"feedback": [entry]}, timeout=20)
            assert told.status_code == 200
            for process in (service.process.pid, *service.workers()):
                os.kill(process, signal.SIGKILL)
    report = site.report()
    found = of_topic(report, card["source"]["topic"]["code"])
    assert (found["shown"], found["overridden"], report["orphans"]) == (1, 1, 0)


@pytest.mark.skipif(not MESSAGES.is_dir(), reason="the messages of others are not here")
def test_what_the_public_sandbox_sends_is_kept(file_site: Site) -> None:
    client = file_site.service()
    files = sorted(MESSAGES.glob("*feedback*.json"))
    assert files
    for file in files:
        assert client.post(f"{VIEW}/feedback", json=json.loads(file.read_text("utf-8"))).status_code == 200
    assert file_site.report()["orphans"] == len(files)
