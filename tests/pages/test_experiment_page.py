"""The experiment's page: one file that asks for nothing, in which each number is that of a result file."""

import math
import re
from contextlib import chdir
from html import unescape
from runpy import run_path
from xml.etree import ElementTree

import pytest
from harmless import Page
from mlflow_project import tracked
from pages.reported import HOSTILE, changed, hostile, part, reading
from rendered import ensure_whole

from charloom.core.config.records import PART_MEASURE, AllMarks, SampleMarks, SampleMetrics, SampleTable
from charloom.core.runtime.inputs import Inputs
from charloom.pages.experiment import loss, result
from charloom.pages.experiment.experiment_page import SECTIONS, experiment_page


@pytest.fixture(scope="module")
def made(results):
    return experiment_page(results)


@pytest.fixture(scope="module")
def page(made):
    return made[0]


def test_plot_writes_the_same_page_and_pictures_twice(finished, made):
    page, pictures = made
    assert (finished.folder / "reports/report.html").read_text(encoding="utf-8") == page
    folder = finished.folder / "reports/figures"
    assert {file.stem: file.read_text(encoding="utf-8") for file in folder.iterdir()} == pictures
    assert set(pictures) == set(Page(page).pictures)


def test_a_picture_needs_no_page(made):
    page, pictures = made
    pattern = r'<svg role="img" id="([\w-]+)".*?</svg>\s*<figcaption>(.*?)</figcaption>'
    captions = dict(re.findall(pattern, page, re.DOTALL))
    for name, picture in pictures.items():
        root = ElementTree.fromstring(picture)  # noqa: S314  our own
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(" not in picture
        assert {element.get("{http://www.w3.org/1999/xlink}href", "#")[0] for element in root.iter()} == {"#"}
        lines = [element.text for element in root if element.tag.endswith("}text")]
        assert " ".join(lines) == unescape(captions[name])


@pytest.mark.slow
def test_a_picture_that_the_page_has_not_is_no_result(project):
    left = project.folder / "reports/figures/left.svg"
    left.write_text("<svg/>")
    before = project.contents()
    with chdir(project.folder):
        run_path("src/plot.py")["main"](Inputs("plot"))
    assert project.contents() == {name: content for name, content in before.items() if not name.endswith("left.svg")}


def test_the_page_is_whole_and_has_a_way_to_every_section(page):
    read = ensure_whole(page)
    names = [section["id"] for section in read.all("section")]
    live, inside, *links = [link["href"] for link in read.all("a")]
    assert (live, inside) == ("live.html", "inside.html")
    assert [f"#{name}" for name in names] == links[: len(names)]
    assert set(links) == {f"#{name}" for name in names}
    assert len(names) == len(SECTIONS) == len(read.all("h2"))
    assert len(read.pictures) >= 10


def test_figures_are_those_of_the_files(page, results):
    train, text = results.train, results.text
    front, *_ = re.findall(r'<section id="verdict".*?</section>', page, re.DOTALL)
    for number in (train.held_out_bits_per_character, train.smooth_loss, train.best_smooth_loss):
        assert f"{number:.3f}" in front
    for level in text.bits_per_character.model_dump().values():
        assert f"<td>{level:.6f}</td>" in front
    assert text.sha256 in front
    assert results.results in front
    check = results.gradcheck
    errors = [getattr(state, name).max_relative_error for state in (check.zero, check.carried) for name in "WUVbc"]
    assert all(f"<td>{error:.1e}</td>" in page for error in errors)
    assert f"Yes: the largest relative error of all compared entries is {max(errors):.1e}." in page
    for update, nats in list(results.curves["smooth_loss"].items())[-2:]:
        assert f'<th scope="row">{update:,}</th><td>{nats:.3f}</td>' in page
    for update, bits in results.curves[PART_MEASURE].items():
        assert f'<th scope="row">{update:,}</th><td>{bits:.4f}</td>' in page
    assert ", eta 0.1, sigma 0.01, seed 1." in page


def test_a_counted_model_has_a_named_line_in_each_loss_chart_that_reaches_it(made, results):
    _, pictures = made
    for name, nats in results.text.nats_per_sequence:
        assert f"{name} {nats:.3g}" in pictures["loss-whole"]
    lines = {name: picture.count("stroke-dasharray: 2.4,1.8") for name, picture in pictures.items()}
    assert lines["loss-whole"] == 4
    text = results.text
    for name, levels in (("loss-enlarged", text.nats_per_sequence), ("held-out", text.bits_per_character)):
        assert lines[name] == sum(f"{level} {value:.3g}" in pictures[name] for level, value in levels)


def test_every_sample_is_there_with_its_loss_and_its_marks(results, page):
    text = "".join(text for _, text in Page(page).texts)
    for _, sample, update, nats in results.samples.data:
        assert sample in text
        assert f"{nats:.2f}" in page
        assert f"{update:,} updates" in page
    assert len(Page(page).all("mark")) > len(results.samples.data)


@pytest.mark.slow
def test_nothing_in_a_text_can_act(results, page):
    attacked, _ = experiment_page(hostile(results))
    before, after = Page(page), Page(attacked)
    for tag in ("script", "b", "style", "meta"):
        assert len(after.all(tag)) == len(before.all(tag))
    assert not {"\x1b", "\u202e", "\u2066", "\x00", "\x07"} & set(attacked)
    read = "".join(text for _, text in after.texts)
    assert "<script>alert('1')</script> </pre>&amp; " in read
    assert "{{ 7 * 7 }} $x^2$" in read
    assert "\\x1b]0;\\u202e\\u2066\u200f\\x00 😀" in read
    assert "x" * 5001 not in attacked  # the rest of a long line stays in its file
    assert f"of {len(HOSTILE):,} characters" in attacked


@pytest.mark.slow
def test_a_page_stays_small_however_long_the_training_and_the_samples(results):
    epoch, quality = results.train.updates_per_epoch, results.quality.best
    run = reading(results, 10_000_000 / epoch)
    *_, best = results.samples.data
    text, updates = "a wordd of it " * 1000, run.train.updates
    checkpoints = dict.fromkeys(range(0, updates, 5000), quality)
    marks = SampleMarks(copied=(0, 9), unknown=[(start, start + 5) for start in range(2, len(text), 14)])
    curves = {
        "epoch_mean": dict.fromkeys(range(epoch, updates, epoch), 30.0),
        "saturated_fraction": dict.fromkeys(range(0, updates, 1000), 0.5),
        PART_MEASURE: dict.fromkeys(checkpoints, 3.0),
    }
    samples = [*(("", text, update, 30.0) for update in checkpoints), (best[0], text, *best[2:])]
    marks, quality = AllMarks(data=[marks] * len(samples)), SampleMetrics(checkpoints=checkpoints, best=quality)
    run = run._replace(curves=run.curves | curves, marks=marks, quality=quality)
    page, _ = experiment_page(run._replace(samples=SampleTable(data=samples)))
    assert len(page.encode()) < 1_000_000
    assert "Shown are 11 of 2000 samples" in " ".join(page.split())


def test_a_page_of_adam_says_nothing_of_adagrad(results):
    adam = {"optimizer": "adam", "eta": 0.001, "sigma": "fan_in", "train__loss": "mean", "train__clip": None}
    page, _ = experiment_page(changed(results, **adam))
    assert "AdaGrad" not in page
    said = " ".join(page.split())
    assert "Adam, eta 0.001, sigma fan_in, seed" in said
    assert "So the first step moves every weight whose gradient is not zero by about eta = 0.001" in said
    assert "make the jump?" not in said  # there is none


@pytest.mark.slow_but_first
@pytest.mark.parametrize(("changes", "said"), [
    ({"train__order": "chunks"}, "in chunks of random order"), ({"train__order": "positions"}, "from random places"),
    ({"batch": 3}, "updates of 3 × 10 characters"),
], ids=["chunks", "positions", "batch"])  # fmt: skip
def test_places_in_the_text_are_shown_only_if_the_run_read_all_of_it_in_order(results, changes, said):
    page, _ = experiment_page(changed(results, **changes))
    assert (said in page, "#position" in page, 'id="position"' in page) == (True, False, False)
    assert loss.by_position(reading(results, 0.9)) is None


def test_the_triangle_and_both_curves_by_place_are_in_the_table(results):
    page, heads = part(reading(results, 10), loss.by_position), ('<th scope="col">epoch 10', '<th scope="col">pairs')
    for sentence in ("in epoch 10.", *heads):
        assert sentence in page


def test_the_reports_error_of_the_gradient_check_is_named_as_in_the_table(results):
    page = part(results, result.gradients)
    assert "So the report’s error of 1.48e-06 measures this rounding" in page
    assert "<td>1.48e-06</td>" in page


@pytest.mark.slow
@pytest.mark.parametrize("eta", ["60", "1e3", "1e10"])
def test_a_run_with_a_huge_loss_has_pages_and_a_run_in_mlflow(project, eta):
    project.set(eta=eta)
    for stage in ("train", "sample", "plot"):
        project.stage(stage)
    tracked(project)
    (run,) = project.runs()
    bits = run.data.metrics["smooth_loss"] / 10 / math.log(2)
    costs = f": {bits:.2f} bits per character. A uniform guess costs {math.log2(29):.2f}."
    assert costs in (project.folder / "reports/live.html").read_text()
