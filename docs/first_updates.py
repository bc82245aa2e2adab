"""Photograph the first updates in reports/report.html for README: `python docs/first_updates.py`. It needs Chromium."""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
PART, MARGIN = "#first-updates .pair >> nth=0", 16  # pixels

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1000, "height": 1200}, device_scale_factor=1.25)
    page.goto((HERE.parent / "reports/report.html").as_uri())
    page.add_style_tag(content=".save { display: none }")  # a photograph has no buttons
    box = page.locator(PART).bounding_box()
    clip = {side: box[side] - MARGIN for side in ("x", "y")}
    clip |= {side: box[side] + 2 * MARGIN for side in ("width", "height")}
    page.screenshot(path=HERE / "first_updates.png", full_page=True, clip=clip)
