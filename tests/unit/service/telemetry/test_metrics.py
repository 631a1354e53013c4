"""The counters of one process, and of several together."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.settings import SettingsError
from service.telemetry.folder import FOLDER_VARIABLE, memory_folder, prepare_metrics_folder
from service.telemetry.metrics import OTHER, Metrics

ROOT = Path(__file__).parents[4]


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Values by name and label values (in the order of the labels' names); without the times of creation."""
    return {
        (sample.name.removeprefix("mda5_cds_"), *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def read(metrics: Metrics) -> dict[tuple[str, ...], float]:
    return samples(metrics.exposition()[0].decode())


def test_every_counter_counts() -> None:
    metrics = Metrics("0.1.0", "2026.11")
    metrics.call("patient-view", "https://ehr", 200, 0.3)
    metrics.card("rec-4", "warning", "live")
    metrics.prefetch("https://ehr", "allergies", "missing")
    metrics.fhir_fetch("allergies", "ok", 1.5)
    metrics.refused(412, "DataUnobtainable")
    metrics.audit_lost(3)
    metrics.audit_waiting(2)
    metrics.token_unshared()
    metrics.keys_stale()
    metrics.store_lost(True)
    metrics.feedback("accepted", 2)
    found = read(metrics)
    assert {
        ("calls_total", "https://ehr", "patient-view", "200"): 1,
        ("call_seconds_sum", "patient-view"): 0.3,
        ("call_seconds_bucket", "0.2", "patient-view"): 0,
        ("call_seconds_bucket", "0.5", "patient-view"): 1,
        ("cards_total", "warning", "live", "rec-4"): 1,
        ("prefetch_keys_total", "https://ehr", "allergies", "missing"): 1,
        ("fhir_fetch_seconds_count", "allergies", "ok"): 1,
        ("refusals_total", "DataUnobtainable", "412"): 1,
        ("audit_rows_lost_total",): 3,
        ("audit_rows_waiting",): 2,
        ("tokens_unshared_total",): 1,
        ("key_set_failures_total",): 1,
        ("store_lost",): 1,
        ("feedback_entries_total", "accepted"): 2,
        ("build_info", "2026.11", "0.1.0"): 1,
    }.items() <= found.items()


def test_what_has_not_happened_yet_is_there_as_zero() -> None:
    found = read(Metrics())
    assert [found[(name,)] for name in ("audit_rows_lost_total", "tokens_unshared_total", "store_lost")] == [0, 0, 0]


def test_every_name_is_ours_and_says_its_unit() -> None:
    families = list(text_string_to_metric_families(Metrics().exposition()[0].decode()))
    assert all(family.name.startswith("mda5_cds_") and family.documentation for family in families)
    assert all(family.name.endswith("_seconds") for family in families if family.type == "histogram")


def test_labels_are_bounded() -> None:
    metrics = Metrics()
    for number in range(300):
        metrics.call("s", f"client-{number}", 200, 0.0)
    metrics.call("s", "client-0", 200, 0.0)
    found = {key[1]: value for key, value in read(metrics).items() if key[0] == "calls_total"}
    assert (len(found), found[OTHER], found["client-0"]) == (201, 100, 2)


def test_applications_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.token_unshared()
    assert (read(first)[("tokens_unshared_total",)], read(second)[("tokens_unshared_total",)]) == (1, 0)


def test_the_format_is_prometheus_text() -> None:
    assert Metrics().exposition()[1].startswith("text/plain; version=")


SERVER = """
import os, sys
import prometheus_client  # as something else may have imported it before
from service.telemetry.folder import prepare_metrics_folder
from prometheus_client.multiprocess import mark_process_dead
prepare_metrics_folder()
from service.telemetry.metrics import Metrics
metrics = Metrics("1", "k")
for number in (1, 2):
    if (child := os.fork()) == 0:
        metrics.call("s", "c", 200, 0.1 * number)
        metrics.audit_waiting(number)
        metrics.store_lost(number == 1)
        os._exit(0)
    os.waitpid(child, 0)
    if "dead" in sys.argv:
        mark_process_dead(child)
metrics.audit_waiting(4)
sys.stdout.write(metrics.exposition()[0].decode())
"""


def counted_by_processes(folder: Path, *arguments: str) -> dict[tuple[str, ...], float]:
    command = [sys.executable, "-c", SERVER, *arguments]
    environment = os.environ | {FOLDER_VARIABLE: str(folder)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return samples(done.stdout)


def test_processes_count_together(tmp_path: Path) -> None:
    (tmp_path / "counter_1.db").write_bytes(b"left by an earlier server, and not even readable")
    found = counted_by_processes(tmp_path)
    assert found[("calls_total", "c", "s", "200")] == 2
    assert found[("call_seconds_count", "s")] == 2
    assert found[("audit_rows_waiting",)] == 1 + 2 + 4
    assert found[("store_lost",)] == 0, "the latest news of it"
    assert found[("build_info", "k", "1")] == 1


def test_the_dead_have_counted_and_wait_for_nothing(tmp_path: Path) -> None:
    found = counted_by_processes(tmp_path, "dead")
    assert (found[("calls_total", "c", "s", "200")], found[("audit_rows_waiting",)]) == (2, 4)


def test_a_folder_that_cannot_be_written_is_said_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file" / "folder"))
    with pytest.raises(SettingsError, match=f"{FOLDER_VARIABLE}: no folder .* can be written"):
        prepare_metrics_folder()


def test_memory_is_used_where_there_is_some(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_folder() in {"/dev/shm", None}  # noqa: S108
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert memory_folder() is None
