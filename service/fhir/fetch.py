"""What the prefetch did not bring, fetched from the caller's FHIR server: missing keys, pages, Medications.

Nothing is opened and no thread is started for a call that brought everything. The Patient who came with the call is
judged before anything is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

from service.errors import Forbidden
from service.fhir.access import MEDICATION, FhirAccess
from service.fhir.client import Bounds, FhirClient, FhirFailure, in_url
from service.fhir.gather import Entry, PatientBundle, gather, with_drafts
from service.fhir.pages import Pages, announces_more
from service.fhir.read import bare_id, judge_patient, medications_to_read, names_by_reference
from service.parts import Parts
from service.prefetch import KEYS, PATIENT_ID, PATIENT_KEY, REQUIRED_KEYS, SEARCHED
from service.wire import HookRequest, PrefetchAnswer

_NO_SERVER = "the call names no fhirServer to ask"
_NO_TOKEN = "the call brings no access token for its fhirServer"  # noqa: S105  # words, no token
_OFF_LIST = "fhirServer is not on the allow list of this service"
_FAILED = "it was not asked for: the EHR failed on other required data"
_ROUNDS = 2
"""The Medications of orders, then those that these have as ingredients."""
_FoundT = TypeVar("_FoundT")


def collect(request: HookRequest, parts: Parts) -> PatientBundle:
    """All that came with the call, and what its FHIR server adds.

    Raises DataUnobtainable (412) without a Patient, and before anything is asked for NotAPatient, WrongPatient,
    Forbidden and Unavailable. Of other keys that are missing still, `read_record` speaks.
    """
    fetching = _Fetching(request, parts)
    if PATIENT_KEY not in fetching.missing:
        came = fetching.bundle(request.prefetch)
        if not fetching.is_needed(came):
            return came
        judge_patient(came, request.patient_id, parts.guideline, parts.settings.canonical)
        if came.unobtainable and fetching.why_not == _OFF_LIST:
            raise Forbidden(f"{_OFF_LIST}, and required data is missing: {', '.join(came.unobtainable)}")
    if fetching.why_not:
        return fetching.bundle(fetching.unanswered())
    with parts.fhir.slots.one(parts.fhir.budget_seconds):
        return fetching.run()


class _Fetching:
    """What one call lacks, and how it is fetched."""

    def __init__(self, request: HookRequest, parts: Parts) -> None:
        self._request = request
        self._parts = parts
        self._access = parts.fhir
        self._prefetch = request.prefetch
        self.missing = tuple(key for key in KEYS if self._prefetch[key].status == "missing")

    def bundle(self, answers: Mapping[str, PrefetchAnswer]) -> PatientBundle:
        """The answers with the drafts of the call."""
        return with_drafts(gather(answers), self._request.hook, self._request.context)

    def unanswered(self) -> Mapping[str, PrefetchAnswer]:
        """The prefetch, saying why what is missing is missing."""
        return {**self._prefetch, **{key: PrefetchAnswer("missing", why=self.why_not) for key in self.missing}}

    @cached_property
    def _server(self) -> tuple[str, str]:
        return _server(self._request, self._access)

    @property
    def why_not(self) -> str:
        """Why no server may be asked; "" when one may."""
        return self._server[1]

    def is_needed(self, came: PatientBundle) -> bool:
        """Whether a server has to add something, or it has to be said why none can. Mostly cheap looks tell."""
        if came.unobtainable:
            return True
        if not (self.missing or "partial" in came.answers.values() or names_by_reference(came)) or self.why_not:
            return False
        return bool(self.missing or self._announcing() or self._medications_of(came))

    def run(self) -> PatientBundle:
        """Everything together, within one budget of time and bytes."""
        bounds = Bounds.of(self._access.limits, self._access.budget_seconds, self._access.observe)
        token = self._request.access_token or ""
        client = FhirClient(self._access.outgoing, self._server[0], token, bounds, self._access.traceparent())
        found = self._at_once({key: self._job(client, key) for key in (*self.missing, *self._announcing())})
        bundle = self.bundle({**self._prefetch, **found})
        return bundle if bundle.unobtainable else self._with_medications(bundle, client)

    def _announcing(self) -> tuple[str, ...]:
        """The keys of prefetched Bundles that say that another page follows."""
        values = {key: self._prefetch[key].value for key in SEARCHED}
        return tuple(key for key, value in values.items() if value is not None and announces_more(value))

    def _job(self, client: FhirClient, key: str) -> Callable[[], PrefetchAnswer]:
        given = self._prefetch[key].value
        if given is not None:
            return lambda: PrefetchAnswer("given", Pages(client, key, self._access.limits.pages).all_of(given))
        return lambda: self._answer(client, key)

    def _answer(self, client: FhirClient, key: str) -> PrefetchAnswer:
        """The answer to the query of a missing key; still missing, and why, when there is none."""
        patient_id = bare_id(self._request.patient_id)
        try:
            if key == PATIENT_KEY:
                return PrefetchAnswer("given", client.read(key, "Patient", patient_id))
            query = self._access.templates[key].replace(PATIENT_ID, in_url(patient_id))
            first = client.search(key, query)
        except FhirFailure as failure:
            return PrefetchAnswer("missing", why=failure.why)
        return PrefetchAnswer("given", Pages(client, key, self._access.limits.pages).all_of(first))

    def _with_medications(self, bundle: PatientBundle, client: FhirClient) -> PatientBundle:
        """The bundle with the Medications that decide, as entries that were brought along."""
        asked: set[str] = set()
        for _ in range(_ROUNDS):
            wanted = [each for each in self._medications_of(bundle) if each not in asked]
            wanted = wanted[: self._access.limits.medications - len(asked)]
            asked.update(wanted)
            found = self._at_once({each: _reading(client, each) for each in wanted})
            entries = tuple(entry for entry in found.values() if entry is not None)
            if not entries:
                break
            medications = (*bundle.entries["medications"], *entries)
            bundle = replace(bundle, entries={**bundle.entries, "medications": medications})
        return bundle

    def _medications_of(self, bundle: PatientBundle) -> Sequence[str]:
        guideline, canonical = self._parts.guideline, self._parts.settings.canonical
        return medications_to_read(bundle, self._request.patient_id, guideline, canonical, self._server[0])

    def _at_once(self, jobs: Mapping[str, Callable[[], _FoundT]]) -> dict[str, _FoundT]:
        """What the jobs find, in their order. Each keeps to the deadline, so waiting for all of them does too."""
        if len(jobs) <= 1:
            return {name: job() for name, job in jobs.items()}
        with ThreadPoolExecutor(min(len(jobs), self._access.limits.at_once), "fhir") as threads:
            return dict(zip(jobs, threads.map(lambda job: job(), jobs.values()), strict=True))


def _server(request: HookRequest, access: FhirAccess) -> tuple[str, str]:
    """The base of the server that may be asked, or why none may."""
    if any(request.prefetch[key].status == "failed" for key in REQUIRED_KEYS):
        return "", _FAILED
    if request.fhir_server is None:
        return "", _NO_SERVER
    if not request.access_token:
        return "", _NO_TOKEN  # before the list: a server that cannot be called need not be on it
    base = access.servers.permitted(request.fhir_server)
    return (base, "") if base else ("", _OFF_LIST)


def _reading(client: FhirClient, medication_id: str) -> Callable[[], Entry | None]:
    def read() -> Entry | None:
        try:
            resource = client.read(MEDICATION, "Medication", medication_id)
        except FhirFailure:
            return None
        return Entry(resource, f"{client.base}/Medication/{medication_id}", included=True)

    return read
