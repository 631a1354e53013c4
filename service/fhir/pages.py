"""The pages of a Bundle: what it holds and what its `next` links lead to, as one Bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from service.fhir.client import FhirClient, FhirFailure, Json
from service.prefetch import SEARCHED


def announces_more(bundle: Mapping[str, object]) -> bool:
    """Whether a Bundle, or one within it, says that another page follows."""
    return bool(_next_links(bundle)) or any(announces_more(inner) for inner in _bundles_in(bundle))


class Pages:
    """Follows the `next` links of one prefetch key, `limit` pages at most."""

    def __init__(self, client: FhirClient, key: str, limit: int) -> None:
        self._client = client
        self._key = key
        self._left = limit
        self._seen: set[str] = set()

    def all_of(self, first: Mapping[str, object]) -> Json:
        """The Bundle with the entries of its pages. A `next` link stays where a page could not be fetched."""
        entries: list[object] = []
        page, page_url = first, None
        while True:
            entries += [self._whole(entry) for entry in _listed(page.get("entry"))]
            links = _next_links(page)
            if not links:
                others = [link for link in _listed(first.get("link")) if link not in _next_links(first)]
                return {**first, "entry": entries, "link": others}
            try:
                page_url = self._unseen(links, page_url)
                page = self._client.page(self._key, page_url)
            except FhirFailure:
                return {**first, "entry": entries, "link": links}

    def _unseen(self, links: list[Mapping[str, object]], page_url: str | None) -> str:
        """Where the page leads on. FhirFailure: nowhere, in a circle, or further than is followed."""
        stated = links[0].get("url")
        if len(links) > 1 or not isinstance(stated, str):
            raise FhirFailure("bad-answer", "the next page cannot be told")
        url = self._client.next_url(stated.strip(), SEARCHED[self._key], page_url)
        if url in self._seen or self._left <= 0:
            raise FhirFailure("bad-answer", "there are more pages than are followed")
        self._seen.add(url)
        self._left -= 1
        return url

    def _whole(self, entry: object) -> object:
        """The entry; a Bundle in it with its own pages."""
        inner = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and isinstance(inner, dict) and _is_bundle(inner) and announces_more(inner):
            return {**entry, "resource": self.all_of(inner)}
        return entry


def _next_links(bundle: Mapping[str, object]) -> list[Mapping[str, object]]:
    return [link for link in _listed(bundle.get("link")) if isinstance(link, dict) and link.get("relation") == "next"]


def _bundles_in(bundle: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for entry in _listed(bundle.get("entry")):
        inner = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(inner, dict) and _is_bundle(inner):
            yield inner


def _is_bundle(resource: Mapping[str, object]) -> bool:
    return resource.get("resourceType") == "Bundle" or ("resourceType" not in resource and "entry" in resource)


def _listed(value: object) -> list[object]:
    """The members; an object where a list belongs counts as a list of one."""
    return value if isinstance(value, list) else [] if value is None else [value]
