"""Photograph parts of reports/report.html and live.html for docs/gallery.md and README: `python docs/gallery.py`.

For the last picture, `charloom compare HEAD EXPERIMENT --seeds 5 --page reports/two_runs.html` comes first, with an
experiment from `dvc exp run -S train.initial_accumulator_value=10`. It needs a Chromium. The pictures are in Git: take
them again where the page's look or the results change.
"""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
PARTS = {"first_updates": "#first-updates .pair >> nth=0", "expected": "figure:has(.expected)"}
MARGIN = 16  # pixels


def main() -> None:
    """Write docs/first_updates.png, docs/expected.png, docs/two_runs.png and docs/live.png."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 1200}, device_scale_factor=1.25)
        page.goto((HERE.parent / "reports/report.html").as_uri())
        page.add_style_tag(content=".save { display: none }")  # a photograph has no buttons
        for name, part in PARTS.items():
            box = page.locator(part).bounding_box()
            clip = {side: box[side] - MARGIN for side in ("x", "y")}
            clip |= {side: box[side] + 2 * MARGIN for side in ("width", "height")}
            page.screenshot(path=HERE / f"{name}.png", full_page=True, clip=clip)
        page.goto((HERE.parent / "reports/two_runs.html").as_uri())
        first, last = (page.locator(part).bounding_box() for part in ("#bits .key", "#bits table >> nth=1"))
        clip = {"x": last["x"] - MARGIN, "y": first["y"] - MARGIN, "width": last["width"] + 2 * MARGIN}
        clip["height"] = last["y"] + last["height"] - clip["y"] + MARGIN
        page.screenshot(path=HERE / "two_runs.png", full_page=True, clip=clip)
        page.goto((HERE.parent / "reports/live.html").as_uri())
        page.locator("[name=start]").click()
        page.get_by_text("After 30,000 updates").wait_for(timeout=0)
        page.locator("[name=pause]").check()
        box, curves = (page.locator(part).bounding_box() for part in ("#training", "#training .pair"))
        clip = {"x": box["x"] - MARGIN, "y": box["y"] - MARGIN, "width": box["width"] + 2 * MARGIN}
        clip["height"] = curves["y"] + curves["height"] - clip["y"] + MARGIN
        page.screenshot(path=HERE / "live.png", full_page=True, clip=clip)
        browser.close()


if __name__ == "__main__":
    main()
