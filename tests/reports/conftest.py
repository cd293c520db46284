"""Pages in a real browser, which has no network and may report no error."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium. Its event loop ends with the module: other tests run loops too."""
    api = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("needs Chromium: install the package `chromium`")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def open_page(browser):
    """Opens a file; in the end nothing was loaded but it, and nothing was complained of."""
    contexts, loaded, complaints = [], [], []

    def opened(path: Path, **options):
        context = browser.new_context(**{"viewport": {"width": 1100, "height": 900}} | options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: loaded.append(request.url))
        page.on("pageerror", lambda error: complaints.append(f"{error}"))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("console", lambda said: complaints.append(said.text) if bad(said) else None)
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
    assert {url.partition(":")[0] for url in loaded} <= {"file", "blob", "data"}
    assert sum(url.startswith("file") for url in loaded) == len(contexts)


def bad(said) -> bool:
    return said.type in ("error", "warning")


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Iterator:
    """Writes the page of a result once, by a name."""
    folder, written = tmp_path_factory.mktemp("pages"), {}

    def page_of(name: str, make) -> Path:
        if name not in written:
            written[name] = folder / f"{name}.html"
            make(written[name])
        return written[name]

    return page_of
