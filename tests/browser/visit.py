"""One visitor's window onto the sandbox, and what must not happen in it."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Dialog,
    FilePayload,
    Locator,
    Page,
    Request,
    Response,
    TimeoutError,
    expect,
)

from tests.log_watch import sensitive, told
from tests.server import ROOT

Json = dict[str, Any]
PATIENT_VIEW = "/cds-services/mda5-rpild-patient-view"
EXAMINATION = "/sandbox/examination"
# a busy machine may be slow; nothing here waits that long on one that works
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)
_SAID = re.compile(r"cards? in \d+ ms|No answer|Not sent")
_LISTEN = """addEventListener("securitypolicyviolation", (event) =>
  policyBroken(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`), true);"""


class Visit:
    """A page in a context of its own; `options` are those of Playwright's `new_context`."""

    def __init__(self, browser: Browser, origin: str, **options: Any) -> None:
        self.origin = origin
        self.requested: list[Request] = []
        self.answered: list[Response] = []
        self._happened: list[str] = []
        self._expected: list[str] = []
        self._context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB"} | options)
        self._context.set_default_timeout(PATIENCE)
        self._context.expose_function("policyBroken", lambda what: self._happened.append(f"policy: {what}"))
        self._context.add_init_script(_LISTEN)
        self._context.on("request", self._watch)
        self._context.on("response", lambda response: self.answered.append(response))
        self._context.on("console", self._listen)
        self._context.on("dialog", self._dismiss)
        self._context.on("weberror", lambda error: self._happened.append(f"error: {error.error}"))
        self.page: Page = self._context.new_page()

    def open(self, story: str = "") -> Page:
        """The page with a story (without: its first), sent and answered; `answered` starts there."""
        self.page.goto(f"{self.origin}/" + (f"?story={story}" if story else ""))
        self.settled()
        return self.page

    def settled(self) -> None:
        """Returns when the page waits for nothing more and has said what came."""
        expect(self.page.locator("#status")).to_have_text(_SAID)
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    def send(self, request: object) -> None:
        """Puts a request (text, or what becomes JSON) into the editor and sends it."""
        self.page.locator("#request").fill(request if isinstance(request, str) else json.dumps(request, indent=1))
        self.resend()

    def resend(self) -> None:
        """Sends what stands in the editor, and waits for what comes of it; `answered` starts anew."""
        self.answered.clear()
        with self.page.expect_response(lambda response: "/cds-services/" in response.url):
            self.page.locator("#send").click()
        self.settled()

    def upload(self, name: str, content: bytes) -> None:
        """Gives a file to the page."""
        payload: FilePayload = {"name": name, "mimeType": "application/json", "buffer": content}
        self.page.get_by_label("Upload a request").set_input_files(payload)

    def edited(self) -> Json:
        """The request that stands in the editor."""
        request: Json = json.loads(self.page.locator("#request").input_value())
        return request

    def answer(self, path: str = PATIENT_VIEW) -> Json:
        """The latest answer to a call of that path, as it came over the wire."""
        body: Json = json.loads(self.wire(path).text())
        return body

    def wire(self, path: str) -> Response:
        """The latest response to a POST of that path."""
        return [each for each in self.answered if each.request.method == "POST" and _path(each.url) == path][-1]

    def cards(self) -> Locator:
        """The cards, in their order."""
        return self.page.locator("#cards article.card")

    def card(self, topic: str) -> Locator:
        """The card of a topic."""
        return self.page.locator(f'#cards article.card[data-topic="{topic}"]')

    def open_all(self) -> None:
        """Opens everything that can be unfolded."""
        self.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")

    def expects(self, pattern: str) -> None:
        """The console or the policy will say this, once or more; that it does not is a failure as well."""
        self._expected.append(pattern)

    def keep(self, name: str, **options: Any) -> None:
        """Keeps a picture among the run's artefacts, where that is possible; `options` of Playwright's `screenshot`."""
        # a picture is for looking at: a machine too busy to take it fails no test
        with suppress(TimeoutError):
            self.keep_bytes(f"{name}.png", self.page.screenshot(**options))

    @staticmethod
    def keep_bytes(name: str, content: bytes) -> None:
        """Keeps a file among the run's artefacts. They are for looking at: without a folder for them no test fails."""
        folder = Path(os.environ.get("MDA5_CDS_ARTIFACTS") or ROOT / "build" / "screenshots")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        except OSError:
            return

    def close(self) -> None:
        """Closes the window; fails when something happened that must not."""
        # what the policy stopped went nowhere; it is told in the console
        gone = [each.url for each in self.requested if not (each.failure or "").startswith("csp")]
        strangers = [url for url in gone if not url.startswith((self.origin + "/", "data:"))]
        self._context.close()
        assert not strangers, "left the origin"
        unexpected = [each for each in self._happened if not any(re.search(one, each) for one in self._expected)]
        assert not unexpected
        missed = [one for one in self._expected if not any(re.search(one, each) for each in self._happened)]
        assert not missed

    def _watch(self, request: Request) -> None:
        self.requested.append(request)
        if request.method == "POST":
            _hide(request.post_data)

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            self._happened.append(f"console: {message.text}")

    def _dismiss(self, dialog: Dialog) -> None:
        self._happened.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def _path(url: str) -> str:
    return urlsplit(url).path


def _hide(body: str | None) -> None:
    """What goes through the browser must not stand in the service's log."""
    try:
        sensitive(*told(json.loads(body or "null")))
    except ValueError:
        return
