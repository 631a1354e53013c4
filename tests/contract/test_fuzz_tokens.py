"""Whatever stands in Authorization but a good token: 401 with an OperationOutcome, and nothing of it comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.app import create_app
from service.routes_operations import FRONT
from service.settings import Settings
from tests.conftest import NOW
from tests.contract.conformance import check_error
from tests.unit.service.security.issuer import (
    PATH,
    PUBLIC_URL,
    URL,
    claims,
    clients_file,
    compact,
    header,
    member,
    private_key,
    token,
)

pytestmark = pytest.mark.load

FEW = settings(max_examples=150)
CALL = {"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "p1", "userId": "Practitioner/1"}}
ROUTES = {
    "/cds-services": None,
    PATH: CALL,
    f"{PATH}/feedback": {"feedback": [{}]},
}
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
# what a header can carry over the wire
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=80)
SCHEMES = st.sampled_from(["", "Bearer ", "bearer  ", "Basic ", "Bearer\t", "Bearer Bearer ", "BearerToken ", "DPoP "])


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A service that identifies its callers."""
    clients = clients_file(tmp_path_factory.mktemp("clients"), member())
    app = create_app(Settings(auth="jwt", public_url=PUBLIC_URL, trusted_clients=clients), clock=lambda: NOW)
    yield app
    app.extensions[FRONT].close()


def answered(app: Flask, *authorizations: str, path: str = PATH) -> Any:
    """The answer to a call with these Authorization headers."""
    headers = [("Authorization", value) for value in authorizations]
    if ROUTES[path] is None:
        return app.test_client().get(path, headers=headers)
    return app.test_client().post(path, json=ROUTES[path], headers=headers)


def assert_refused(answer: Any, *secrets: str) -> None:
    assert answer.status_code == 401, answer.text
    assert check_error(401, answer.headers, answer.data) == []
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    told = answer.text + str(answer.headers)
    assert not [secret for secret in secrets if len(secret) > 8 and secret in told]


def test_a_good_token_is_admitted(closed: Flask) -> None:
    for path, status in zip(ROUTES, (200, 412, 400), strict=True):
        good = token(aud=f"{PUBLIC_URL}{path}")
        assert answered(closed, f"Bearer {good}", path=path).status_code == status
        assert_refused(answered(closed, f"Bearer {good}", path=path), good)


@given(scheme=SCHEMES, text=TEXTS, path=st.sampled_from(list(ROUTES)))
@FEW
def test_any_text(closed: Flask, scheme: str, text: str, path: str) -> None:
    assert_refused(answered(closed, scheme + text, path=path))


@given(data=st.data())
@FEW
def test_a_token_with_a_character_changed_added_or_lost(closed: Flask, data: st.DataObject) -> None:
    good = token(jti="the same in every example, so that its length is")
    place = data.draw(st.integers(0, len(good) - 1), label="place")
    sign = data.draw(st.sampled_from(["", *"AZaz09-_.=+/ ,\t", "é"]), label="sign")
    length = data.draw(st.integers(0, 1), label="replaced")
    damaged = good[:place] + sign + good[place + length :]
    # a blank before or after it is none of it
    if damaged.strip() != good:
        assert_refused(answered(closed, f"Bearer {damaged}"), good.rpartition(".")[2])


@given(parts=st.lists(st.integers(0, 2), max_size=5).filter(lambda parts: parts != [0, 1, 2]))
@FEW
def test_the_parts_of_a_token_in_another_order(closed: Flask, parts: list[int]) -> None:
    pieces = token().split(".")
    assert_refused(answered(closed, "Bearer " + ".".join(pieces[part] for part in parts)), pieces[2])


@given(name=st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "jku"]), value=VALUES)
@FEW
def test_a_signed_token_with_anything_in_its_header(closed: Flask, name: str, value: Any) -> None:
    assume((name, value) != ("jku", None))  # it names no key set, and is as good as none
    sent = compact(header(**{name: value}), claims(), private_key("P-384", 0), "ES384")
    assert_refused(answered(closed, f"Bearer {sent}"), sent)


@given(name=st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "jti"]), value=VALUES)
@FEW
def test_a_signed_token_with_anything_in_its_claims(closed: Flask, name: str, value: Any) -> None:
    sent = compact(header(), claims(**{name: value}), private_key("P-384", 0), "ES384")
    answer = answered(closed, f"Bearer {sent}")
    if name == "jti" and isinstance(value, str) and answer.status_code != 401:
        # any text will do, once
        assert value
        answer = answered(closed, f"Bearer {sent}")
    if name == "nbf" and is_time(value):
        assert answer.status_code == 412
    else:
        assert_refused(answer, sent)


def is_time(value: Any) -> bool:
    """Whether it is a number of seconds that lies in the past: then the token is valid."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value <= NOW.timestamp() + 60


@given(whole=st.sampled_from(["header", "claims"]), value=VALUES)
@FEW
def test_a_signed_token_of_anything(closed: Flask, whole: str, value: Any) -> None:
    parts = (value, claims()) if whole == "header" else (header(), value)
    assert_refused(answered(closed, f"Bearer {compact(*parts, private_key('P-384', 0), 'ES384')}"))


@pytest.mark.parametrize("second", ["Bearer nobody", "", "Basic YTpi"])
@pytest.mark.parametrize("first", [True, False])
def test_two_authorization_headers(closed: Flask, second: str, first: bool) -> None:
    good = f"Bearer {token()}"
    assert_refused(answered(closed, *((good, second) if first else (second, good))), good)
    assert_refused(answered(closed, good, good), good)


@pytest.mark.parametrize("path", ROUTES)
def test_a_token_for_another_route(closed: Flask, path: str) -> None:
    for audience in (PUBLIC_URL, f"{URL}/feedback/x", *(f"{PUBLIC_URL}{route}" for route in ROUTES if route != path)):
        assert_refused(answered(closed, f"Bearer {token(aud=audience)}", path=path))
