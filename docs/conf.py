"""The documentation as a site: `make docs` writes it to build/site. Nothing in it comes from another host."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

project = "mda5-cds"
author = "mda5-cds contributors"
project_copyright = author
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_parser"]
exclude_patterns = ["generate"]
myst_heading_anchors = 4
# a fence without a language is shown as it is
highlight_language = "none"
# an option such as --sandbox keeps its two hyphens
smartquotes = False

html_theme = "furo"
html_title = f"mda5-cds {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False

# Pages of the site whose text stands at the root of the repository, where people look for it. The page in this folder
# only points there; the site shows the text itself.
AT_THE_ROOT = {"glossary": "GLOSSARY.md", "security": "SECURITY.md", "changelog": "CHANGELOG.md"}
_ON_THE_SITE = {"README.md": "index.md"} | {name: f"{page}.md" for page, name in AT_THE_ROOT.items()}
_LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s:#]+)(?P<anchor>#[^)\s]*)?(?=\))")


def site_links(text: str, folder: Path) -> str:
    """The Markdown `text`, written in `folder`, with its relative links as seen from the pages of the site."""

    def turned(link: re.Match[str]) -> str:
        target = (folder / link["path"]).resolve()
        if target.is_relative_to(DOCS):
            return f"{target.relative_to(DOCS)}{link['anchor'] or ''}"
        name = str(target.relative_to(ROOT))
        if name == "README.md":
            return _ON_THE_SITE[name]
        # other files, such as LICENSE, come along as downloads
        return f"{_ON_THE_SITE.get(name, f'../{name}')}{link['anchor'] or ''}"

    return _LINK.sub(turned, text)


def _read_source(app: Sphinx, page: str, source: list[str]) -> None:
    """Before a page is parsed: the text from the root in place of the pointer to it, and the links of the site."""
    if page in AT_THE_ROOT:
        path = ROOT / AT_THE_ROOT[page]
        app.env.note_dependency(str(path))
        source[0] = site_links(path.read_text(encoding="utf-8"), ROOT)
    else:
        source[0] = site_links(source[0], DOCS)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _read_source)
    return {"parallel_read_safe": True}
