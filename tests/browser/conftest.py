"""A real installation as `make run` starts it (web server and worker, the demo's data) and a real Chromium."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)
    # The longest begin first, so that no browser is left alone with one at the end.
    items.sort(key=lambda item: not item.path.name.startswith("test_every"))


class Server:
    """An installation of its own, in a folder of its own."""

    def __init__(self, **environment):
        self.folder = tempfile.mkdtemp(prefix="lotse-browser-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}, "LOTSE_PROFILE": "local", "LOTSE_VAR": self.folder, "PORT": str(self.port), "PYTHONUNBUFFERED": "1",
            **environment,
        }  # fmt: skip
        self.log = Path(self.folder, "log")

    def start(self, patience=180):
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        ends = time.monotonic() + patience
        while time.monotonic() < ends:
            if self.process.poll() is not None:
                raise RuntimeError(f"The server ended:\n{self.log.read_text()}")
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return self
            time.sleep(0.3)
        raise RuntimeError(f"The server did not become ready:\n{self.log.read_text()}")

    def manage(self, *arguments):
        """Run one of its commands and return what it prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *map(str, arguments)], cwd=ROOT, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def password(self, name):
        signins = json.loads(Path(self.folder, "demo.json").read_text())
        return next(entry["password"] for entry in signins if entry["username"] == name)

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server():
    """The demo installation; on PostgreSQL where DATABASE_URL says so."""
    server = Server()
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def browser():
    # Playwright's sync API runs an event loop in our thread; Django is only asked through HTTP here.
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, server):
    """Return a function(user, language=…, dark=…, phone=…) that opens a signed-in page.

    After the test no page may have logged an error or broken the content security policy.
    """
    contexts, problems = [], []

    def open_(user=None, *, language="en", dark=False, width=1440, height=900, touch=False):
        context = browser.new_context(
            base_url=server.url, locale={"en": "en-GB", "de": "de-DE"}[language], color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": height}, has_touch=touch, reduced_motion="reduce", accept_downloads=True,
        )  # fmt: skip
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        # A refused form or a conflict is an answer (4xx), not an error of the page.
        page.on("console", lambda message: problems.append(message.text) if is_problem(message) else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(request.url) if is_foreign(request.url, server.url) else None)
        if user:
            sign_in(page, user, server.password(user))
            speak(page, language)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not problems


def is_problem(message):
    expected = re.search(r"status of (4(00|01|03|04|09|22|28))|Response Status Error Code 4", message.text)
    return message.type == "error" and not expected


def is_foreign(url, own):
    return not url.startswith((own, "data:", "blob:", "about:"))


def sign_in(page, user, password):
    page.goto("/accounts/login/")
    page.fill("input[name=login]", user)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/accounts/login" not in url)


def speak(page, language):
    """Let the signed-in user have this language, as the user menu does."""
    if page.get_attribute("html", "lang") != language:
        token = page.get_attribute("meta[name=csrf-token]", "content")
        answer = page.request.post("/settings/language/", form={"language": language}, headers={"X-CSRFToken": token})
        assert answer.ok, answer.status
        page.reload()


def settle(page):
    """Wait until all that a page fetches for itself has come."""
    page.wait_for_load_state("load")
    expect(page.locator(".htmx-request")).to_have_count(0)


def said(page, text):
    """Wait for a message, and return it."""
    line = page.locator(".toast-line", has_text=text).last
    expect(line).to_be_visible()
    return line


def names(page):
    """Return the names of a list's rows, each the link to its card."""
    return page.locator("tbody tr[data-row] a.name")


# A machine that runs two of these at once is slower than a rep's.
expect.set_options(timeout=10_000)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(page, rules=WCAG, opened=False):
    """Return what axe-core finds wrong for WCAG 2.2 A and AA (or by these rules or groups of rules), in short.

    `opened` looks at the dialog or menu that is open alone: the page behind it is looked at without.
    """
    settle(page)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE + ";0")
    # What is right would be told of every element, at three times the cost.
    run = """async ([rules, opened]) => {
      const place = (opened && document.querySelector("dialog[open], .panel:popover-open")) || document;
      return (await axe.run(place, {runOnly: rules, resultTypes: ["violations"]})).violations;
    }"""
    found = page.evaluate(run, [rules, opened])
    return [
        f"{item['id']}: {node['html'][:160]} – {node['failureSummary'][:300]}" for item in found for node in item["nodes"][:3]
    ]
