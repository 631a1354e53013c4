"""The allow list of FHIR servers: what is listed and what lies beneath it, in any honest way of writing it."""

from __future__ import annotations

import pytest

from service.fhir.servers import FhirServers

LISTED = FhirServers(
    (
        "https://ehr.example.org/fhir",
        "https://Other.example.org:8443/",
        "http://127.0.0.1:8080/r4",
        "http://localhost:9090",
        "https://[fd00::1]/fhir",
        # what an operator may not allow
        *("http://plain.example.org/fhir", "https://169.254.169.254/fhir", "https://metadata.google.internal", "fhir"),
        *("https://ehr.example.org/a/../b", "https://0xA9FEA9FE/", "http://169.254.169.254", "https://[fe80::1]/"),
    )
)
BASE = "https://ehr.example.org/fhir"


@pytest.mark.parametrize(
    ("named", "base"),
    [
        (BASE, BASE),
        (f"{BASE}/", BASE),
        ("HTTPS://EHR.EXAMPLE.ORG:443/fhir", BASE),
        (f"{BASE}/tenant/r4", f"{BASE}/tenant/r4"),
        ("https://other.example.org:8443", "https://other.example.org:8443"),
        ("https://other.example.org:8443/any/path/", "https://other.example.org:8443/any/path"),
        ("http://127.0.0.1:8080/r4", "http://127.0.0.1:8080/r4"),
        ("http://localhost:9090/fhir", "http://localhost:9090/fhir"),
        ("https://[FD00::1]:443/fhir", "https://[fd00::1]/fhir"),
    ],
)
def test_what_is_permitted_has_one_way_of_writing(named: str, base: str) -> None:
    assert LISTED.permitted(named) == base
    assert LISTED.permitted(base) == base


@pytest.mark.parametrize(
    "named",
    [
        # another scheme, host, port or path
        *("http://ehr.example.org/fhir", "https://ehr.example.org:8443/fhir", "https://ehr.example.org"),
        *("https://ehr.example.org/fhirs", "https://ehr.example.org/FHIR", "https://ehr.example.org/other/fhir"),
        *(
            "https://xehr.example.org/fhir",
            "https://ehr.example.org.evil.example/fhir",
            "https://ehr.example.org./fhir",
        ),
        *("http://127.0.0.1:8081/r4", "http://127.0.0.2:8080/r4", "http://localhost/fhir"),
        # what could mean another path or host to somebody
        *(f"{BASE}/../admin", f"{BASE}/..", f"{BASE}/./x", f"{BASE}/%2e%2e/admin", f"{BASE}/.%2E/x", f"{BASE}/x%2fy"),
        *(
            f"{BASE}//x",
            f"{BASE}/x//",
            f"{BASE}/%5c..",
            f"{BASE}\\..\\x",
            f"{BASE}/x;y",
            "https://ehr.example.org//fhir",
        ),
        *(f"{BASE}?x=1", f"{BASE}?", f"{BASE}#x", f"{BASE}#", f"{BASE}/x?y#z"),
        *(
            "https://me@ehr.example.org/fhir",
            "https://ehr.example.org@evil.example/fhir",
            "https://me:pw@ehr.example.org/fhir",
        ),
        *(
            f" {BASE}",
            f"{BASE} ",
            f"{BASE}\n",
            f"{BASE}\t/x",
            "https://ehr.example.org\t/fhir",
            "https://ёhr.example.org/fhir",
        ),
        *(
            "",
            "fhir",
            "//ehr.example.org/fhir",
            "https:ehr.example.org/fhir",
            "https:///fhir",
            "ftp://ehr.example.org/fhir",
        ),
        *(
            "https://ehr.example.org:0/fhir",
            "https://ehr.example.org:x/fhir",
            "https://[ehr.example.org/fhir",
            "file:///fhir",
        ),
        # listed, and refused all the same
        *("http://plain.example.org/fhir", "https://169.254.169.254/fhir", "https://metadata.google.internal"),
        *(
            "https://ehr.example.org/a/../b",
            "https://ehr.example.org/b",
            "https://0xA9FEA9FE/",
            "http://169.254.169.254",
        ),
        "https://[fe80::1]/",
    ],
)
def test_what_is_not_permitted(named: str) -> None:
    assert LISTED.permitted(named) is None


def test_without_a_list_nothing_is() -> None:
    assert FhirServers(()).permitted(BASE) is None
