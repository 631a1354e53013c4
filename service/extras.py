"""What is not in every installation: the libraries of the optional extra `sandbox`."""

from __future__ import annotations

from importlib.util import find_spec

PLOT = ("vl_convert",)
PAGE = (*PLOT, "markdown_it", "linkify_it", "nh3")


class MissingExtra(Exception):
    """An option needs libraries that this installation goes without; the message names the option and the extra."""


def need_sandbox(option: str, libraries: tuple[str, ...]) -> None:
    """Raises MissingExtra unless the libraries are installed. Loads none of them."""
    if all(find_spec(library) for library in libraries):
        return
    raise MissingExtra(
        f"{option} needs libraries that are not installed here: those of the extra `sandbox` "
        "(pip install 'mda5-cds[sandbox]'; the container image goes without them)"
    )
