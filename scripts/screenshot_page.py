"""Writes the README's picture of the interactive page, from the committed run of the demo.

python scripts/screenshot_page.py [--dark] [--width 1000] [OUT.png]
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import lrfind

DEMO = Path(__file__).parents[1] / ".github" / "demo"
HEIGHT = 972
"""From the answer to the legend of the first figure, in pixels."""


def screenshot(width: int, *, dark: bool = False) -> bytes:
    """The upper part of the page, as a PNG with few colours."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        page_file = Path(folder) / "report.html"
        lrfind.load(DEMO / "result.json").report(page_file)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(
            viewport={"width": width, "height": HEIGHT}, color_scheme="dark" if dark else "light"
        )
        page.goto(page_file.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        page.wait_for_timeout(500)  # the figure is drawn a moment later
        shot = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    out = io.BytesIO()
    shot.convert("RGB").quantize(128).save(out, format="PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=DEMO / "report.png")
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--dark", action="store_true")
    asked = parser.parse_args()
    asked.out.write_bytes(screenshot(asked.width, dark=asked.dark))


if __name__ == "__main__":
    main()
