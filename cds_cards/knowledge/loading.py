"""Parsed TOML → the frozen types of `cds_cards.guideline`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast, get_args

from cds_cards.guideline import (
    ATC,
    RXNORM,
    Agent,
    AgentClass,
    Caution,
    Code,
    Concept,
    Guideline,
    Number,
    ObservationConcept,
    Product,
    Recommendation,
    Regimen,
    RiskFactorRule,
    Study,
)
from cds_cards.knowledge import checks, names, site_policy
from cds_cards.knowledge.fields import Fields

Knowledge = Mapping[str, Mapping[str, object]]
_NO_CODE = Code("", "", "")


def guideline(knowledge: Knowledge, site: Mapping[str, object], faults: list[str]) -> Guideline:
    """Reads all files and checks them against each other; what is wrong is added to `faults`."""
    named = {name: Fields(knowledge.get(name), name, faults) for name in names.FILES}
    about = Fields(named["recommendations"].get("guideline"), "recommendations.guideline", faults)
    observations = {key: _observation(key, row) for key, row in _rows(named["observations"])}
    read = Guideline(
        knowledge_version=about.text("knowledge_version"),
        title=about.text("title"),
        citation=about.text("citation"),
        doi=about.text("doi"),
        url=about.text("url"),
        search_limit=about.text("search_limit"),
        recommendations={
            key: _recommendation(key, row) for key, row in _part(named["recommendations"], "recommendation")
        },
        risk_factors={key: _risk_factor(key, row) for key, row in _part(named["recommendations"], "risk_factor")},
        studies=tuple(_study(row) for row in named["evidence"].tables("study")),
        agents={key: _agent(key, row) for key, row in _rows(named["agents"])},
        observations=observations,
        conditions={key: _concept(key, row) for key, row in _part(named["conditions"], "conditions")},
        procedures={key: _concept(key, row) for key, row in _part(named["conditions"], "procedures")},
        services={key: _concept(key, row) for key, row in _part(named["conditions"], "services")},
        policy=site_policy.policy(named["policy"].table, site, tuple(observations), faults),
        products=dict(products(named["products"])),
    )
    about.done()
    named["evidence"].done()
    named["recommendations"].done()
    named["conditions"].done()
    faults.extend(checks.faults(read))
    return read


def _rows(fields: Fields) -> list[tuple[str, Fields]]:
    return [(key, Fields(row, f"{fields.place}.{key}", fields.faults)) for key, row in fields.table.items()]


def _part(fields: Fields, name: str) -> list[tuple[str, Fields]]:
    return _rows(Fields(fields.get(name), f"{fields.place}.{name}", fields.faults))


def _recommendation(key: str, row: Fields) -> Recommendation:
    parts = row.get("parts") or {}
    read = Recommendation(
        id=key,
        title=row.text("title"),
        grades=row.texts("grades"),
        evidence_level=row.text("evidence_level"),
        advice=row.text("advice"),
        section=row.text("section"),
        differs=row.text("differs", ""),
        parts=tuple((str(what), str(grade)) for what, grade in Fields(parts, row.place, row.faults).table.items()),
    )
    row.done()
    return read


def _risk_factor(key: str, row: Fields) -> RiskFactorRule:
    read = RiskFactorRule(
        id=key,
        concept=row.text("concept"),
        threshold=row.number("threshold"),
        unit=row.text("unit"),
        label=row.text("label"),
        source=row.text("source"),
    )
    row.done()
    return read


def _study(row: Fields) -> Study:
    read = Study(
        recommendations=row.texts("recommendations"),
        name=row.text("name"),
        patients=row.text("patients"),
        outcome=row.text("outcome"),
        indirect=row.flag("indirect"),
        differs=row.text("differs", ""),
        not_shown=row.text("not_shown", ""),
    )
    row.done()
    return read


def _agent(key: str, row: Fields) -> Agent:
    codes = row.codes("codes")
    stated = row.texts("atc")
    atc = Code(ATC, *stated) if len(stated) == 2 else _first(codes, ATC)
    read = Agent(
        id=key,
        name=row.text("name"),
        agent_class=_agent_class(row),
        roles=frozenset(row.texts("roles")),
        ingredient=_first(codes, RXNORM) or atc or _NO_CODE,
        atc=atc,
        codes=codes,
        words=row.texts("words"),
        regimens=tuple(_regimen(each) for each in row.tables("regimens")),
        cautions=tuple(_caution(each) for each in row.tables("cautions")),
        prednisone_equivalent=_equivalent(row),
    )
    row.done()
    return read


def _first(codes: tuple[Code, ...], system: str) -> Code | None:
    return next((code for code in codes if code.system == system and code.variant != "local"), None)


def _agent_class(row: Fields) -> AgentClass:
    name = row.text("class")
    if name not in get_args(AgentClass):
        row.fault(f"class {name!r} is none of {', '.join(get_args(AgentClass))}")
    return cast(AgentClass, name)


def _equivalent(row: Fields) -> Number | None:
    stated = row.get("prednisone_equivalent")
    if stated is None:
        return None
    inner = Fields(stated, f"{row.place}.prednisone_equivalent", row.faults)
    read = Number(inner.number("value"), inner.text("unit"), inner.text("source"), inner.text("why"))
    inner.done()
    return read


def _regimen(row: Fields) -> Regimen:
    schedule = row.text("schedule")
    if schedule not in ("daily", "pulse"):
        row.fault(f"schedule {schedule!r} is neither daily nor pulse")
    read = Regimen(
        id=row.text("id"),
        low=row.number("low", zero=True),
        high=row.number("high"),
        unit=row.text("unit"),
        route=row.texts("route"),
        schedule="daily" if schedule == "daily" else "pulse",
        text=row.text("text"),
        cycle=row.text("cycle", ""),
        source=row.text("source"),
        differs=row.text("differs", ""),
        course=_stated(row, "course"),
        days_apart=_stated(row, "days_apart"),
    )
    row.done()
    return read


def _stated(row: Fields, key: str) -> float | None:
    return None if row.get(key) is None else row.number(key)


def _caution(row: Fields) -> Caution:
    read = Caution(row.text("id"), row.text("text"), row.text("source"))
    row.done()
    return read


def _observation(key: str, row: Fields) -> ObservationConcept:
    canonical = row.get("canonical")
    read = ObservationConcept(
        id=key,
        label=row.text("label"),
        canonical=canonical if isinstance(canonical, str) else row.text("canonical"),
        codes=row.codes("codes"),
        words=row.texts("words"),
        not_words=row.texts("not_words"),
        answers=row.codes("answers"),
    )
    row.done()
    return read


def _concept(key: str, row: Fields) -> Concept:
    read = Concept(key, row.text("label"), row.codes("codes"), row.texts("words"), row.texts("not_words"))
    row.done()
    return read


def products(fields: Fields) -> list[tuple[str, Product]]:
    """The products: per agent and route a block of lines `code | strength | form | name` (see `products.toml`)."""
    found: list[tuple[str, Product]] = []
    for agent, row in _rows(fields):
        for route, block in row.table.items():
            where = Fields({"lines": block}, f"{row.place}.{route}", fields.faults)
            for line in where.text("lines").strip().splitlines():
                if (read := _product(agent, "" if route == "systemic" else route, line, where)) is not None:
                    found.append(read)
    seen: set[str] = set()
    for code, _ in found:
        if code in seen:
            fields.fault(f"code {code} stands twice")
        seen.add(code)
    return found


def _product(agent: str, route: str, line: str, where: Fields) -> tuple[str, Product] | None:
    cells = [cell.strip() for cell in line.split("|")]
    if len(cells) != 4 or not (cells[0].isascii() and cells[0].isdigit()):
        where.fault(f"{line!r} is no line `code | strength | form | name`")
        return None
    code, strength, form, name = cells
    amount = strength.removesuffix("/mL")
    try:
        mg = float(amount) if amount else None
    except ValueError:
        where.fault(f"{strength!r} is no strength in mg")
        return None
    return code, Product(agent, route, mg, form, name, per_ml=strength.endswith("/mL"))
