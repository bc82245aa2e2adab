"""A study's page: what fewer seeds would have said, and the addresses with which a browser confirms the study."""

from math import sqrt
from statistics import fmean, stdev

import pytest
from pages.study_cases import CASES, LOST, results
from rendered import cells, drawn, ensure_whole
from scipy.stats import t

from charloom.study_pages import seed_by_seed

BASE = [2.5 + 0.01 * seed for seed in range(24)]
DIFFERENCES = [(-1) ** (seed % 3) * (0.02 + 0.001 * seed) for seed in range(24)]
LESSON = results({"a": BASE, "b": [x + d for x, d in zip(BASE, DIFFERENCES, strict=True)], "c": BASE[:4]})
ABOUT = "b: the first seeds"


@pytest.mark.slow
def test_the_lesson_counts_the_seeds_and_has_the_interval_of_the_first_ones():
    texts = drawn(LESSON.page, "lesson-1")
    assert "one seed alone: 8 say better, 16 say worse" in texts
    numbers = [[cell.replace("−", "-") for cell in row] for row in cells(LESSON.page, ABOUT)]
    counts = {"the first 3 seeds": 3, "the first 5 seeds": 5, "the first 10 seeds": 10, "the first 20 seeds": 20}
    for (name, mean, interval), (expected, n) in zip(numbers, (counts | {"all 24 seeds": 24}).items(), strict=True):
        assert name == expected
        assert name in texts
        first, half = DIFFERENCES[:n], t.ppf(0.975, n - 1) * stdev(DIFFERENCES[:n]) / sqrt(n)
        assert float(mean) == pytest.approx(fmean(first), abs=1e-4)
        assert [float(end) for end in interval.split(" to ")] == pytest.approx(
            [fmean(first) - half, fmean(first) + half], abs=1e-4
        )
    assert [name for name, *_ in cells(LESSON.page, "c: the first seeds")] == ["the first 3 seeds", "all 4 seeds"]
    assert "one seed alone: 0 say better, 0 say worse" in drawn(LESSON.page, "lesson-2")


def test_each_single_difference_is_a_dot_but_an_exploded_one(monkeypatch):
    figures = []
    monkeypatch.setattr(seed_by_seed, "as_picture", lambda figure, *_: figures.append(figure))
    seed_by_seed.lesson(LESSON.compared)
    seed_by_seed.lesson(results({"a": [2.0, 2.1, 2.2, 2.3], "b": [2.5, LOST, 2.6, 2.4]}).compared)
    dots = [[list(line.get_xdata()) for line in figure.axes[0].lines if line.get_marker() == "o"] for figure in figures]
    assert dots[0] == [pytest.approx(DIFFERENCES)]
    assert dots[2] == [pytest.approx([0.5, 0.4, 0.1])]


def test_a_measure_with_higher_better_prefers_the_larger_value():
    page = results({"a": [0.1, 0.2, 0.3], "b": [0.2, 0.3, 0.2]}, better="higher").page
    assert "one seed alone: 2 say better, 1 say worse" in drawn(page, "lesson-1")


@pytest.mark.parametrize("name", ["24 settings", "one seed", "two seeds", "nothing but explosions"])
def test_there_is_no_lesson_for_many_settings_or_fewer_than_three_pairs(name):
    assert "lesson" not in ensure_whole(CASES[name].page).ids
