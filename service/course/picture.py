"""The chart drawn: SVG or PNG. The only module that uses the drawing library, which takes a second to start."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

import vl_convert

_VERSION = "6.4"
_SCALE = 2.0
"""Pixels of the PNG for each of the picture: legible on paper."""


def svg(spec: Mapping[str, object]) -> str:
    """The chart as SVG text, one accessible image; nothing is loaded from anywhere, and recorded text is escaped."""
    drawn = vl_convert.vegalite_to_svg(dict(spec), vl_version=_VERSION, allowed_base_urls=[])
    named = f'<svg role="img" aria-label={quoteattr(str(spec.get("description", "")))} '
    return named + drawn.removeprefix("<svg ")


def png(spec: Mapping[str, object]) -> bytes:
    """The chart as PNG bytes, twice the size of the SVG; nothing is loaded from anywhere."""
    return vl_convert.vegalite_to_png(dict(spec), vl_version=_VERSION, scale=_SCALE, allowed_base_urls=[])
