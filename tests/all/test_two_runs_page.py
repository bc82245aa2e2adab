"""The page of two runs in real browsers: the text at a tap and with the keyboard, without a request."""

from contextlib import chdir
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from firefox import RIGHT, shown, tab_to
from projects import copied

from charloom.two_runs.comparison import compare_runs
from charloom.two_runs.page import two_runs_page


@pytest.fixture(scope="module")
def comparison(finished, tmp_path_factory):
    """Two runs of the small project: the committed one, and one with another eta."""
    project = copied(finished, tmp_path_factory.mktemp("two runs") / "project")
    project.edit("params.yaml", "eta: 0.1", "eta: 0.05")
    project.run("dvc", "repro", "-q", "train")
    with chdir(project.folder):
        return compare_runs(["HEAD", "workspace"], 0, Path())


@pytest.fixture
def address(comparison, tmp_path):
    (tmp_path / "page.html").write_text(two_runs_page(comparison), encoding="utf-8")
    return (tmp_path / "page.html").as_uri()


@pytest.fixture(params=["chromium", "firefox"])
def window(request, address):
    with shown(request, address) as window:
        yield window


def costs(comparison, n):
    """Return how the page writes the costs of the character with this index."""
    a, b = (bits[n - 1] for bits in comparison.reading.bits)
    return f"{a:.2f} bits in A", f"{b:.2f} bits in B"


def test_each_character_of_a_passage_shows_both_costs_and_guesses_with_the_keyboard_alone(window, comparison):
    reading = comparison.reading
    passage = (*reading.gains, *reading.loses)[0]
    window.run("document.querySelector('#passage-0').children[3].click()")
    tab_to(window, "#passage-0")
    window.press(RIGHT)
    said = window.run("return document.querySelector('#passage-0').nextElementSibling.textContent")
    assert all(cost in said for cost in costs(comparison, passage.start + 4))
    character, share = reading.guesses[1][0][4][0]
    assert f"which expects {character if character != ' ' else '␣'} {100 * share:.0f} %" in said.split("\n")[1]


def test_the_whole_text_is_shown_with_the_costs_of_each_character(window, comparison):
    shown_text = window.run("return document.querySelector('#whole').textContent")
    assert comparison.reading.text.startswith(shown_text)
    window.run("document.querySelector('#whole').children[0].click()")
    assert "no cost" in window.run("return document.querySelector('#whole').nextElementSibling.textContent")
    window.run("document.querySelector('#whole').children[7].click()")
    said = window.run("return document.querySelector('#whole').nextElementSibling.textContent")
    assert all(cost in said for cost in costs(comparison, 7))


def test_the_page_fits_a_phone_and_is_accessible(opened, address):
    page, said = opened(address, viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert {line.partition(":")[0] for line in said} <= {"file", "data"}
