"""The detail of a card as an EHR shows it: GitHub-flavoured Markdown as HTML in which nothing can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from service.errors import InvalidField

MOST_BYTES = 256 * 1024
MOST_TEXTS = 200
LONGEST_TEXT = 10_000
"""Characters of one text: a card's detail has a few thousand. The worst that can be written takes half a second."""

_TAGS = {
    *("p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "a", "ul", "ol", "li"),
    *("table", "thead", "tbody", "tr", "th", "td", "h4", "h5", "h6"),
}
_ATTRIBUTES: dict[str, set[str]] = {"*": set(), "a": {"href"}, "ol": {"start"}, "th": {"align"}, "td": {"align"}}
# the page's own headings end at h3, the summary of a card
_HEADINGS = {"h1": "h4", "h2": "h5"}
_STYLE = "text-align:"


def html_of(body: Mapping[str, object]) -> list[str]:
    """The HTML of each of `{"texts": […]}`. Raises InvalidField when there is too much, or something else."""
    texts = body.get("texts")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidField("texts must be an array of strings")
    if len(texts) > MOST_TEXTS:
        raise InvalidField(f"texts has more than {MOST_TEXTS} members")
    if any(len(text) > LONGEST_TEXT for text in texts):
        raise InvalidField(f"a text has more than {LONGEST_TEXT} characters")
    return [render(text) for text in texts]


def render(text: str) -> str:
    """One text as HTML. HTML within it is shown as text; images are their words; links open a page of their own."""
    return nh3.clean(
        _MARKDOWN.render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    """Nothing leads into this page itself: a link is an absolute one, or none."""
    absolute = value.lower().startswith(("https://", "http://"))
    return None if name == "href" and not absolute else value


def _image(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: OptionsDict, env: object) -> str:
    return escapeHtml(tokens[place].content)


def _fit(state: object) -> None:
    """Headings below those of the page; the alignment of a cell as an attribute, for a style would not be allowed."""
    for token in getattr(state, "tokens", ()):
        if token.type in ("heading_open", "heading_close"):
            token.tag = _HEADINGS.get(token.tag, "h6")
        style = token.attrs.pop("style", "")
        if isinstance(style, str) and style.startswith(_STYLE):
            token.attrs["align"] = style.removeprefix(_STYLE)


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("gfm-like", {"html": False})
    markdown.add_render_rule("image", _image)
    markdown.core.ruler.push("fit", _fit)
    return markdown


_MARKDOWN = _markdown()
