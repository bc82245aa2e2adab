"""The pages of an experiment and of studies in a real browser: nothing is asked for, everybody gets to everything."""

import csv
import re
from contextlib import chdir
from pathlib import Path
from xml.etree import ElementTree

import pytest
from axe_playwright_python.sync_playwright import Axe
from firefox import FIREFOX, firefox
from pages.reported import hostile
from pages.study_cases import CASES
from projects import ROOT

from charloom.core.config.pipeline import files
from charloom.core.config.reading import read_params
from charloom.pages.experiment.experiment_files import read_results
from charloom.pages.experiment.experiment_page import experiment_page
from charloom.study.freeze import read_study
from charloom.study.measuring import study_measurements
from charloom.study_pages.presentation import Presentation
from charloom.study_pages.study_page import studies_index, study_page
from seedpairs import answered

PHONE = {"width": 360, "height": 740}
OPEN = "document.querySelectorAll('details').forEach(details => details.open = true)"
SECTIONS = {"run": 7, "hostile": 7, "index": 1, "committed study": 7}
# no lesson for many settings
SECTIONS |= {"two settings": 7, "24 settings": 6, "names like markup": 6, "a target": 7, "hostile names": 7}


@pytest.fixture(scope="module")
def pages(finished, tmp_path_factory):
    """The page of a small run, and one whose samples want to do harm; those of studies."""
    folder = tmp_path_factory.mktemp("pages")
    with chdir(finished.folder):
        results = read_results(read_params(), files("plot"))
        contents = {"run": experiment_page(results)[0], "hostile": experiment_page(hostile(results))[0]}
    with chdir(ROOT):
        contents["index"] = studies_index()
        study = read_study(Path("studies/initial_accumulator.yaml"))
        contents["committed study"], *_ = study_page(study, Presentation(answered(study_measurements(study))))
    contents |= {name: CASES[name].page for name in SECTIONS.keys() & CASES.keys()}
    for name, content in contents.items():
        (folder / f"{name}.html").write_text(content, encoding="utf-8")
    return folder


@pytest.fixture
def shown(opened, pages):
    """Return a function that opens the page of this name."""
    return lambda name="run", **options: opened((pages / f"{name}.html").as_uri(), **options)


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_is_seen_and_axe_finds_nothing_and_nothing_is_asked_for(shown, pages, name):
    page, said = shown(name)
    for section in page.locator("section").all():
        section.scroll_into_view_if_needed()
        assert section.locator("h2").is_visible()
        assert len(section.inner_text()) > (200 if name in {"run", "hostile"} else 60)
    assert page.locator("section").count() == SECTIONS[name]
    assert all(picture.bounding_box()["height"] > 100 for picture in page.locator("figure svg").all())
    page.wait_for_load_state("networkidle")
    assert set(said) <= {(pages / f"{name}.html").as_uri(), "data:,"}
    page.evaluate(OPEN)
    for scheme in ("light", "dark") if name in {"run", "two settings"} else ("light",):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", SECTIONS)
def test_a_phone_shows_the_verdict_and_scrolls_nothing_sideways(shown, name):
    page, _ = shown(name, viewport=PHONE)
    if name.endswith(("settings", "names")):
        table = page.locator("#numbers .wide")
        edge = table.bounding_box()["x"] + table.bounding_box()["width"]
        for row in table.locator("tbody tr").all():
            setting, verdict = (row.locator(cell).bounding_box() for cell in ("th", "td >> nth=0"))
            assert setting["width"] > 100
            assert setting["x"] + setting["width"] - 1 <= verdict["x"]
            assert verdict["x"] + verdict["width"] <= edge
        assert page.locator("#numbers thead th >> nth=1").inner_text() == "verdict"
    for details in page.locator("details").all():
        details.locator("summary").click()
        assert details.locator("td, dd, li").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    texts = page.locator("pre, p, h1, dd, figcaption")
    assert not any(texts.evaluate_all("all => all.map(each => each.scrollWidth > each.clientWidth + 1)"))


@pytest.mark.parametrize("name", ["committed study", "two settings", "24 settings", "a target"])
def test_a_table_of_verdicts_fits_into_1280_pixels(shown, name):
    tables = shown(name)[0].locator(".verdicts")
    assert {*tables.evaluate_all("all => all.map(each => each.scrollWidth - each.clientWidth)")} == {0}


@pytest.mark.skipif(not FIREFOX, reason="no firefox here: apt install firefox-esr")
@pytest.mark.parametrize("marked", ["#samples <mark>"])
def test_firefox_draws_no_line_of_a_marked_text_outside_its_box(pages, marked):
    section, tag = marked.split(maxsplit=1)
    script = """
      const text = document.querySelector(arguments[0] + " pre")
      text.innerHTML = arguments[1] + "one\\nand two\\n\\nor three"
      text.parentNode.style.paddingLeft = "100px"
    """
    with firefox() as window:
        window.call("Navigate", url=(pages / "run.html").as_uri())
        window.run(script, section, tag)
        margin = window.picture(f"{section} :has(> pre)")[:, :100]
    assert (margin == margin[0, 0]).all()


def test_a_row_of_a_wide_table_is_named_wherever_it_is_scrolled_to(shown):
    page, _ = shown(viewport=PHONE)
    table = page.locator("#gradients .wide")
    name, cell = table.locator("tbody th").first, table.locator("tbody td").first
    before, moved = name.bounding_box(), cell.bounding_box()
    table.evaluate("table => { table.scrollLeft = table.scrollWidth }")
    assert cell.bounding_box()["x"] < moved["x"]  # it was wider than the phone
    assert name.bounding_box() == before


@pytest.mark.parametrize(
    ("name", "scheme"), [("run", "light"), ("two settings", "dark"), ("names like markup", "light")]
)
def test_each_picture_and_table_is_saved_as_a_file_without_a_request(shown, name, scheme):
    page, asked = shown(name, color_scheme=scheme)
    page.evaluate(OPEN)
    tables, pictures = page.locator(".wide").all(), page.locator("figure > svg").all()
    for kind, shown_ones in (("CSV", tables), ("SVG", pictures)):
        buttons = page.get_by_role("button", name=f"{kind}: ").all()
        assert len(buttons) == len(shown_ones) > 1
        for button, one in zip(buttons, shown_ones, strict=True):
            page.wait_for_timeout(100)  # Chromium refuses an eleventh download in less than a second
            with page.expect_download() as download:
                button.click()
            assert download.value.suggested_filename.endswith(f".{kind.lower()}")
            file = Path(download.value.path())
            if kind == "CSV":
                rows = [[*map(plain, row.locator("th, td").all_text_contents())] for row in one.locator("tr").all()]
                with file.open(newline="", encoding="utf-8") as content:
                    assert [*csv.reader(content)] == rows
            else:
                content = file.read_text(encoding="utf-8")
                root = ElementTree.fromstring(content)  # noqa: S314  our own
                assert root.tag == "{http://www.w3.org/2000/svg}svg"
                assert [text.text for text in root.iter(f"{root.tag[:-3]}text")] == one.locator(
                    "text"
                ).all_text_contents()
                assert "var(" not in "".join(re.findall("<[^>]*>", content))
                assert 'fill="#fff"' in content.partition("/>")[0]  # paper, in the dark, too
    assert {each.partition(":")[0] for each in asked} <= {"file", "data", "blob"}


def plain(cell):
    """Return a number without commas in it, and any other text; minus signs become hyphens."""
    cell = re.sub(r"−(?=\d)", "-", cell)
    return cell.replace(",", "") if cell.strip("-0123456789.,") == "" else cell


@pytest.mark.parametrize("name", ["run", "24 settings"])
def test_the_keyboard_reaches_every_link_every_number_and_every_table(shown, name):
    page, _ = shown(name)
    page.evaluate(OPEN)
    wanted = page.locator("a, button, summary, [tabindex='0']").count()
    reached = set()
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert page.evaluate("document.activeElement === document.body") or outline == "solid"
    assert len(reached) >= wanted
    page.keyboard.press("Shift+Tab")
    summary = page.locator("summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert not summary.locator("..").get_attribute("open")


def test_pictures_have_the_dark_colors_of_the_page_and_white_paper_in_print(shown):
    page, _ = shown()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        ink = page.locator("#loss-whole text").first.evaluate("text => getComputedStyle(text).fill")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        dark = [sum(map(int, color[4:-1].split(","))) < 3 * 128 for color in (ink, paper)]
        assert dark == [scheme == "light", scheme == "dark"]
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("nav").is_hidden()
