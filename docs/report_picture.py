"""Photograph a part of a report with images, for README.md, in Debian's chromium.

`skorchless compare mnist --report report.html`, then
`python docs/report_picture.py report.html docs/report.png`.
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

# From the coefficients to the first mistakes: digits that one sees, and no seconds of a machine.
FIRST, LAST = "Coefficients", "What each model alone gets wrong"
WIDTH, MARGIN = 1184, 12


def photograph(report: Path, picture: Path) -> None:
    """Write the picture of `FIRST`, and of the first row below `LAST`."""
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": 800})
        page.goto(report.as_uri())
        top = page.locator("section", has_text=FIRST).first.bounding_box()["y"] + MARGIN
        last = page.locator("section", has_text=LAST).locator("figure").first.bounding_box()
        height = last["y"] + last["height"] - top + MARGIN
        box = {"x": 0, "y": top, "width": WIDTH, "height": height}
        page.screenshot(path=picture, clip=box, full_page=True)
        browser.close()


if __name__ == "__main__":
    photograph(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
