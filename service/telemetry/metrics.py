"""What is counted and timed, as Prometheus reads it; right across the processes of one server."""

from __future__ import annotations

import os
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from service.telemetry.folder import FOLDER_VARIABLE

OTHER = "other"
# from a constant answer to the end of a FHIR budget that somebody made long
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 10.0)
# more different values than this of one label are no label any more
_MOST_VALUES = 200


class _Label:
    """The values of one label, bounded: what comes after the first `_MOST_VALUES` is counted as `other`."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        if value in self._seen:
            return value
        if len(self._seen) >= _MOST_VALUES:
            return OTHER
        self._seen.add(value)
        return value


_Metric = TypeVar("_Metric", Counter, Histogram)


class _Family(Generic[_Metric]):
    """A metric with labels, found again by its labels' values as they were given; a label may be bounded."""

    def __init__(self, metric: _Metric, *labels: _Label | None) -> None:
        self._metric: _Metric = metric
        self._labels = labels
        self._found: dict[tuple[str, ...], _Metric] = {}

    def of(self, *values: str) -> _Metric:
        """What counts for these values of the labels."""
        found = self._found.get(values)
        if found is None:
            counted = tuple(label(value) if label else value for label, value in zip(self._labels, values, strict=True))
            found = self._metric.labels(*counted)
            if counted == values:  # not what counts as `other`: nobody knows how much of that will come
                self._found[values] = found
        return found


class Metrics:
    """The service's counters. Times in seconds; every label is a word of ours or a client of the trusted-clients file.

    Each instance counts for itself, unless `prepare_metrics_folder` was called before it was made: then all instances
    of all processes of this server count together.
    """

    def __init__(self, version: str = "", knowledge: str = "") -> None:
        registry = self._registry = CollectorRegistry()
        client, key, outcome, service = _Label(), _Label(), _Label(), _Label()
        calls = Counter(
            "mda5_cds_calls",
            "Calls answered, by CDS service or route, client and HTTP status.",
            ("service", "client", "status"),
            registry=registry,
        )
        self._calls = _Family(calls, service, client, None)
        call_seconds = Histogram(
            "mda5_cds_call_seconds",
            "Time from a call's arrival to its answer.",
            ("service",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._call_seconds = _Family(call_seconds, service)
        refused = Counter(
            "mda5_cds_refusals", "Calls refused, by HTTP status and reason.", ("status", "kind"), registry=registry
        )
        self._refused = _Family(refused, None, _Label())
        cards = Counter(
            "mda5_cds_cards",
            "Cards composed, by topic, indicator and mode (silent: composed, not shown).",
            ("topic", "indicator", "mode"),
            registry=registry,
        )
        self._cards = _Family(cards, _Label(), None, None)
        prefetch = Counter(
            "mda5_cds_prefetch_keys",
            "What calls carried for each prefetch key; only `missing` means that the client never sends it.",
            ("client", "key", "state"),
            registry=registry,
        )
        self._prefetch = _Family(prefetch, client, key, None)
        fhir_seconds = Histogram(
            "mda5_cds_fhir_fetch_seconds",
            "Time of what was fetched from FHIR servers, by prefetch key and outcome.",
            ("key", "outcome"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._fhir_seconds = _Family(fhir_seconds, key, outcome)
        feedback = Counter(
            "mda5_cds_feedback_entries", "Feedback entries received, by outcome.", ("outcome",), registry=registry
        )
        self._feedback = _Family(feedback, outcome)
        self._audit_lost = Counter("mda5_cds_audit_rows_lost", "Audit rows that were dropped.", registry=registry)
        self._audit_waiting = Gauge(
            "mda5_cds_audit_rows_waiting",
            "Audit rows waiting for the store.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._token_unshared = Counter(
            "mda5_cds_tokens_unshared",
            "Tokens whose single use was remembered by one process only, the store being lost.",
            registry=registry,
        )
        self._keys_stale = Counter(
            "mda5_cds_key_set_failures", "Times that a client's key set could not be fetched anew.", registry=registry
        )
        self._store_lost = Gauge(
            "mda5_cds_store_lost",
            "1 while the store cannot be used.",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        Gauge(
            "mda5_cds_build_info",
            "Always 1; the labels say what runs.",
            ("version", "knowledge"),
            registry=registry,
            multiprocess_mode="max",
        ).labels(version, knowledge).set(1)

    def call(self, service: str, client: str, status: int, seconds: float) -> None:
        """A call was answered. `service`: the id of a CDS service, or the rule of another route."""
        self._calls.of(service, client, str(status)).inc()
        self._call_seconds.of(service).observe(seconds)

    def refused(self, status: int, kind: str) -> None:
        """A call was refused. `kind`: the class of the error."""
        self._refused.of(str(status), kind).inc()

    def card(self, topic: str, indicator: str, mode: str) -> None:
        """A card was composed. `mode`: live or silent."""
        self._cards.of(topic, indicator, mode).inc()

    def prefetch(self, client: str, key: str, state: str) -> None:
        """What a call carried for one prefetch key. `state`: given, empty, missing or failed."""
        self._prefetch.of(client, key, state).inc()

    def fhir_fetch(self, key: str, outcome: str, seconds: float) -> None:
        """One prefetch key was fetched, or could not be. `outcome`: a word for how it ended."""
        self._fhir_seconds.of(key, outcome).observe(seconds)

    def feedback(self, outcome: str, n: int = 1) -> None:
        """Feedback entries: accepted, overridden, or refused."""
        self._feedback.of(outcome).inc(n)

    def audit_lost(self, n: int = 1) -> None:
        """Audit rows were dropped."""
        self._audit_lost.inc(n)

    def audit_waiting(self, n: int) -> None:
        """So many audit rows wait in this process."""
        self._audit_waiting.set(n)

    def token_unshared(self) -> None:
        """A token's single use could not be shared with the other processes."""
        self._token_unshared.inc()

    def keys_stale(self) -> None:
        """A client's key set could not be fetched anew; its old keys serve on for a while."""
        self._keys_stale.inc()

    def store_lost(self, lost: bool) -> None:
        """Whether this process cannot use the store."""
        self._store_lost.set(lost)

    def exposition(self) -> tuple[bytes, str]:
        """All counts in Prometheus' text format, and its content type."""
        encode, content_type = choose_encoder("")
        return encode(self._shared() or self._registry), content_type

    def _shared(self) -> CollectorRegistry | None:
        """The counts of all processes, where they are shared."""
        if not os.environ.get(FOLDER_VARIABLE):
            return None
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return registry
