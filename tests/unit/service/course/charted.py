"""Courses for the tests, and what to look for in their specifications and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from cds_cards.assessment import assess
from cds_cards.facts import DraftOrder
from cds_cards.guideline import Guideline
from cds_cards.record import PatientRecord
from service.course import Course, course_of
from service.course.model import Panel, Value
from tests.unit.build import AS_OF, dx, given, order, proc, rec, res, unread
from tests.unit.build_assessment import knowledge

SCRIPT = "<script>alert(1)</script>"


def course(record: PatientRecord, guideline: Guideline | None = None) -> Course:
    """The course as of the tests' day, by our own policy unless the test has another."""
    guideline = guideline or knowledge()
    return course_of(record, assess(record, guideline, AS_OF), guideline)


def panel(found: Course, name: str) -> Panel:
    """One of its panels."""
    return next(each for each in found.panels if each.id == name)


def value(found: Course, name: str, source: str) -> Value:
    """One value of a panel, by the id of its Observation."""
    return next(each for each in panel(found, name).values if f"Observation/{source}" in each.sources)


def layers(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All layers of a specification."""
    for view in spec["vconcat"]:
        yield from view["layer"]


def rows(spec: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The data of the layers with this name."""
    return [row for each in layers(spec) if each["name"] == name for row in each["data"]["values"]]


def texts(spec: dict[str, Any]) -> list[str]:
    """Everything that is written in the picture."""
    return [row["text"] for each in layers(spec) if each["mark"]["type"] == "text" for row in each["data"]["values"]]


def labels(svg: str) -> list[str]:
    """What a picture tells a screen reader, mark by mark."""
    return [label for each in ElementTree.fromstring(svg).iter() if (label := each.get("aria-label"))]  # noqa: S314


def everything() -> PatientRecord:
    """All kinds of values, therapies and doubts that a picture can show."""
    return rec(
        res("ferritin", 90000, 40, comparator=">"),
        res("ferritin", 700, "2026-02", id="month"),
        res("ferritin", 820, 15, id="before"),
        res("ferritin", 1523, 2, id="newest"),
        res("ferritin", 40, 1, id="draft", preliminary=True),
        res("ferritin", 1900, "2026-03-04T08:00:00Z", id="late"),
        unread("observations", "ferritin", when=5, why=f"its unit {SCRIPT} cannot be converted"),
        res("a-a-gradient", 60, 15, id="reported"),
        res("pao2", 62, "2026-02-22T08:00:00Z", id="pao2"),
        res("paco2", 35, "2026-02-22T08:00:00Z", id="paco2"),
        res("fio2", 0.28, "2026-02-22T08:00:00Z", id="fio2"),
        res("pao2", 55, "2026-02-20T08:00:00Z", id="vein", variant="venous"),
        res("kl-6", 900, 700, id="old"),
        res("crp", 4, 10, comparator="<", id="censored"),
        res("crp", 180, 2),
        res("anti-mda5", 320, 30, code="a", unit="{titer}", titre_steps=320, recorded="1:320", limits=(None, 40)),
        res("anti-mda5", None, 25, recorded=f"Positivo µ {SCRIPT}\x00", interpretation=("POS",), id="words"),
        order("prednisone", 14),
        order("tacrolimus", 14),
        order("cyclophosphamide", 14, status="completed"),
        order("methylprednisolone", 14, 11, status="completed"),
        order("mycophenolate-mofetil", None),
        order("leflunomide", "2026-01"),
        order("tofacitinib", "2026-06-01", authored=1),
        order("azathioprine", 900, 700, status="completed"),
        DraftOrder(order("basiliximab", None, status="draft"), selected=True),
        given("cyclophosphamide", 14),
        proc("plasmapheresis", start=3, end=3),
        dx("rpild"),
    )
