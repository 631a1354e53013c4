"""Every story's answer as a page to read: what stands in `approved/` was read and found right.

`make approve` writes the pages anew; what has changed is then read in the difference before it is committed. Ids that
are drawn from the rest (uuids) and the guideline's version are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

import fixtures
from service.app import create_app
from service.settings import Settings
from tests.stories.answers import ASSESSMENT, Json, answer

APPROVED = Path(__file__).with_name("approved")
# late in the site's evening: a day that is counted in another zone east of it is another day
AS_OF = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)


def page(name: str) -> str:
    """The answer to a story at a fixed moment, in Markdown: its cards in full, then the assessment line by line."""
    story = fixtures.story(name)
    body = answer(_client(), story.render(AS_OF))
    lines = [f"# {name}", "", f"{story.hook}: {story.story}", ""]
    for card in body["cards"]:
        lines += [*_card(card), ""]
    lines += [*(() if body["cards"] else ("No card.", "")), "## The assessment", "", "```"]
    assessment = {part: value for part, value in body["extension"][ASSESSMENT].items() if part != "guideline"}
    return "\n".join([*lines, *_leaves("", assessment), "```", ""])


@cache
def _client() -> FlaskClient:
    return create_app(Settings(), clock=lambda: AS_OF).test_client()


def _card(card: Json) -> Iterator[str]:
    topic, source = card["source"]["topic"], card["source"]
    yield from (f"## {topic['code']} ({card['indicator']})", "", f"Summary: {card['summary']}", "", card["detail"], "")
    yield f"Source: {source['label']}, {source['url']}"
    yield from (f"Link: {link['label']}, {link['url']} ({link['type']})" for link in card.get("links", ()))
    yield f"Reasons to decline: {', '.join(reason['code'] for reason in card['overrideReasons'])}"
    for suggestion in card.get("suggestions", ()):
        yield from ("", f"### Suggestion ({card['selectionBehavior']}): {suggestion['label']}")
        for action in suggestion["actions"]:
            yield from ("", f"{action['type']}: {action['description']}", "", "```", *_what(action), "```")


def _what(action: Json) -> Iterator[str]:
    """What is created, updated or deleted."""
    for member in ("resource", "resourceId"):
        if member in action:
            yield from _leaves("", {member: action[member]})


def _leaves(path: str, value: Any) -> Iterator[str]:
    """Each value of a JSON tree with the way to it, one a line."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _leaves(f"{path}.{name}" if path else name, member)
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from _leaves(f"{path}[{number}]", member)
    else:
        yield f"{path} = {json.dumps(value, ensure_ascii=False)}"


def main() -> None:
    """Writes all pages anew, and removes those of stories that are no longer there."""
    APPROVED.mkdir(exist_ok=True)
    for old in APPROVED.glob("*.md"):
        old.unlink()
    for name in fixtures.names():
        (APPROVED / f"{name}.md").write_text(page(name), encoding="utf-8")


if __name__ == "__main__":
    main()
