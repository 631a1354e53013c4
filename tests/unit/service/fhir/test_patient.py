"""Who the patient is, and what about them cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.service.fhir.chart import PATIENT, read, without_none


def person_with(**more: Any) -> Any:
    return read(patient=without_none({**PATIENT, **more}))


@pytest.mark.parametrize(
    ("stated", "text"), [("1960-05-05", "1960-05-05"), ("1960", "1960"), ("1960-05", "1960-05"), (..., None)]
)
def test_birth(stated: Any, text: str | None) -> None:
    record = person_with(birthDate=stated)
    assert (record.person.born.text if record.person.born else None) == text
    assert record.unread == ()


@pytest.mark.parametrize("broken", ["05/05/1960", "1960-13-01", 1960, "1960-02-30", {}])
def test_a_birth_date_that_is_none_is_named_and_no_age(broken: Any) -> None:
    record = person_with(birthDate=broken)
    assert record.person.born is None
    # an empty element is as good as none
    assert [(item.key, item.source) for item in record.unread] == ([("patient", "Patient/p1")] if broken else [])


@pytest.mark.parametrize(
    ("stated", "deceased"),
    [
        ({}, False),
        ({"deceasedBoolean": False}, False),
        ({"deceasedBoolean": True}, True),
        ({"deceasedBoolean": "true"}, True),
        ({"deceasedBoolean": None}, False),
        ({"deceasedDateTime": "2026-02-01"}, True),
        ({"deceasedDateTime": "last week"}, True),
        ({"deceasedDateTime": "2026-02-01", "deceasedBoolean": False}, True),
        ({"deceasedBoolean": "perhaps"}, None),
    ],
)
def test_death(stated: Any, deceased: bool | None) -> None:
    record = person_with(**stated)
    assert record.person.deceased is deceased
    assert bool(record.unread) == (deceased is None)


def test_a_death_is_dated() -> None:
    died = person_with(deceasedDateTime="2026-02").person.died
    assert died is not None
    assert died.text == "2026-02"


@pytest.mark.parametrize(
    ("stated", "sex"),
    [
        ("male", "male"),
        ("other", "other"),
        ("unknown", "unknown"),
        ("F", None),
        (5, None),
        (["female"], "female"),
        (..., None),
    ],
)
def test_sex(stated: Any, sex: str | None) -> None:
    assert person_with(gender=stated).person.sex == sex


def test_what_does_not_decide_may_be_broken() -> None:
    record = person_with(name="John", telecom=5, multipleBirthInteger="x", vendorField={"a": 1})
    assert record.person.born is not None
    assert record.unread == ()
