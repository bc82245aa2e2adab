"""The page that looks inside, in a real browser, with the keyboard alone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from pages.conftest import results  # noqa: F401  a fixture
from pages.test_inside_page import page  # noqa: F401  a fixture

NEXT = "Next fault that the assignment’s check misses"


@pytest.fixture
def inside(opened, page, tmp_path):  # noqa: F811  a fixture
    """Return a function that opens the page; afterwards no page has made a request or complained."""
    (tmp_path / "inside.html").write_text(page, encoding="utf-8")
    pages = []

    def show(**options):
        pages.append(opened((tmp_path / "inside.html").as_uri(), **options))
        return pages[-1][0]

    yield show
    assert {line.partition(":")[0] for _, said in pages for line in said} <= {"file", "data"}


def trained(window):
    """Wait for the end of both trainings."""
    window.wait_for_function("() => [run(''), run(fault.value)].every(({ end }) => end)", timeout=120_000)


def test_in_chromium_a_wrong_gradient_passes_the_assignments_check_and_its_loss_falls_with_the_keyboard_alone(inside):
    window, seen = inside(), set()
    assert window.locator("#assignment.passes, #grade.passes").count() == 2
    trained(window)
    assert window.locator("#broken-end").inner_text() == window.evaluate("run('').last.toFixed(1)")
    while window.evaluate("document.activeElement.name") != "fault":
        window.keyboard.press("Tab")
    window.keyboard.press("Tab")
    assert window.evaluate("document.activeElement.innerText") == NEXT
    for _ in range(window.evaluate("missed.length")):
        window.keyboard.press("Enter")
        assert window.locator("#assignment .result").inner_text() == "✓ passes: it notices nothing"
        assert window.locator("#grade .result").inner_text().startswith("✗ fails: d")
        seen.add(window.locator("[name=fault]").input_value())
    assert {"slope.tanh_of_square", "W.zero_before_first"} <= seen
    window.keyboard.press("Enter")
    assert window.locator("[name=fault]").input_value() in seen
    trained(window)
    start, end = window.evaluate("[run(fault.value).smooth[0], run(fault.value).last]")
    assert end < start - 20
    window.locator("[name=fault]").select_option("g.sign")
    assert window.locator("#assignment .result").inner_text() == "✗ fails: dW, dU, dV, db, dc"
    trained(window)
    assert window.evaluate("run(fault.value).smooth.at(-1)") > 2 * start


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (360, "light")])
def test_axe_finds_nothing_and_nothing_is_scrolled_sideways(inside, width, scheme):
    window = inside(viewport={"width": width, "height": 740}, color_scheme=scheme)
    for _ in range(2):
        found = Axe().run(window)
        assert found.violations_count == 0, found.generate_report()
        assert window.evaluate("document.documentElement.scrollWidth") <= width
        window.get_by_role("button", name=NEXT).click()
