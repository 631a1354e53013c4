"""The story patients, and what the page has to know of the service that it runs on."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version

import fixtures
from service.discovery import SERVICES
from service.sandbox.errors import NotHere
from service.settings import Settings

FIRST = "refractory"


def stories_json(settings: Settings) -> dict[str, object]:
    """All stories, the services by hook, and how this service is set."""
    told = [fixtures.story(name) for name in fixtures.names()]
    return {
        "stories": [{"name": s.name, "title": s.title, "story": s.story, "hook": s.hook} for s in told],
        "services": {service.hook: f"/cds-services/{service.id}" for service in SERVICES.values()},
        "auth": settings.auth,
        "mode": settings.mode,
        "topicsOff": sorted(settings.topics_off),
        "first": FIRST,
        "version": version("mda5-cds"),
    }


def story_request(name: str, now: datetime) -> dict[str, object]:
    """The CDS Hooks request of one story, dated relative to `now`. Raises NotHere."""
    if name not in fixtures.names():
        raise NotHere("there is no story of this name")
    return fixtures.story(name).render(now)
