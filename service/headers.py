"""Headers of every answer: what browsers may do with it, and which origins may ask at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from flask import Flask, Response
from flask_cors import CORS

from service.sandbox.official import allowed_origins
from service.settings import Settings
from service.variables import absolute_url

SECURITY_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        # answers are about patients: nobody on the way keeps them
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        # base-uri, form-action and frame-ancestors do not fall back to default-src
        "Content-Security-Policy": ("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        # asked only where a page embeds an answer without CORS; callers that use CORS never meet it
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "X-Permitted-Cross-Domain-Policies": "none",
    }
)
# without includeSubDomains: the site's other hosts are not ours to decide about
TRANSPORT_SECURITY = "max-age=31536000"
CORS_METHODS = ("GET", "POST", "OPTIONS")
CORS_REQUEST_HEADERS = ("Authorization", "Content-Type")
CORS_EXPOSED_HEADERS = ("WWW-Authenticate", "Retry-After", "X-Request-ID")
PREFLIGHT_SECONDS = 600


def header_set(settings: Settings) -> Mapping[str, str]:
    """The headers of every answer."""
    public_url = absolute_url(settings.public_url or "")
    if public_url is None or public_url.scheme != "https":
        return SECURITY_HEADERS
    return {**SECURITY_HEADERS, "Strict-Transport-Security": TRANSPORT_SECURITY}


def protect(app: Flask, settings: Settings) -> None:
    """Sets the header set on every answer of `app` (a view's own header wins), and CORS for the allowed origins."""
    headers = header_set(settings)
    origins = allowed_origins(settings)

    def set_headers(response: Response) -> Response:
        given = {name.lower() for name, _ in response.headers}
        response.headers.extend([(name, value) for name, value in headers.items() if name.lower() not in given])
        if origins:
            # also where the origin was refused or not sent: a cache must not answer one origin with another's headers
            response.vary.add("Origin")
        return response

    app.after_request(set_headers)
    if origins:
        _allow_origins(app, origins, private_network=settings.sandbox)


def _allow_origins(app: Flask, origins: tuple[str, ...], *, private_network: bool) -> None:
    CORS(
        app,
        # compiled, because flask-cors takes the brackets of an IPv6 origin for a pattern
        origins=[re.compile(re.escape(origin) + r"\Z", re.IGNORECASE) for origin in origins],
        methods=CORS_METHODS,
        allow_headers=CORS_REQUEST_HEADERS,
        expose_headers=CORS_EXPOSED_HEADERS,
        max_age=PREFLIGHT_SECONDS,
        # a public page that calls a service on this machine: Chromium asked so before 142, where the user now decides
        allow_private_network=private_network,
        supports_credentials=False,
        always_send=False,
        vary_header=False,
        # every error is already turned into an answer, which passes here like the others
        intercept_exceptions=False,
    )
