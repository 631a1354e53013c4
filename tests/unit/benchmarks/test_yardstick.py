"""What the service is measured against does what it says."""

from __future__ import annotations

from benchmarks.bodies import patient_view
from benchmarks.yardstick import CONSTANT, PARSE, create_yardstick


def test_it_parses_the_body() -> None:
    client = create_yardstick().test_client()
    answer = client.post(PARSE, data=patient_view(0).encoded(), content_type="application/json")
    assert (answer.status_code, answer.get_json()) == (200, {"hook": "patient-view", "keys": 8})
    assert client.post(PARSE, data=b"{", content_type="application/json").status_code == 400


def test_a_constant() -> None:
    assert create_yardstick().test_client().get(CONSTANT).get_json() == {"cards": []}
