"""The page that looks inside, in a real browser, with the keyboard alone."""

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from firefox import ENTER, RIGHT, shown, tab_to
from pages.conftest import results  # noqa: F401  a fixture
from pages.test_inside_script import page  # noqa: F401  a fixture
from pages.test_live_script import data_of
from projects import until

from charloom.core.model.scoring import score
from charloom.core.network.logarithm import LN2
from charloom.core.network.recipe import KERNEL
from charloom.core.network.rnn import forward, log_softmax
from rnncheck import backward

NEXT = "Next fault that the assignment’s check misses"
POINTS = 201  # of a finished curve


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


def test_chromium_shows_a_wrong_gradient_that_passes_the_assignments_check(inside):
    window, seen = inside(), set()
    assert window.locator("#assignment.passes, #grade.passes").count() == 2
    trained(window)
    assert window.locator("#broken-end").inner_text() == window.evaluate("run('').last.toFixed(2)")
    while window.evaluate("document.activeElement.name") != "fault":
        window.keyboard.press("Tab")
    window.keyboard.press("Tab")
    assert window.evaluate("document.activeElement.innerText") == NEXT
    for _ in range(window.evaluate("missed.length")):
        window.keyboard.press("Enter")
        assert window.locator("#assignment .result").inner_text() == "✓ passes, although the gradient is wrong"
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


def test_chromium_scores_a_typed_text_as_charloom_score_does_with_guesses(inside, results):  # noqa: F811
    window, best = inside(), results.best
    field = window.locator("[name=text]")
    field.fill("")
    assert window.locator("#cost").inner_text().startswith("Type two or more characters")
    field.press_sequentially("zzzz")
    uniform = f"{np.log2(len(results.best.vocabulary)):.3f}, among {len(results.best.vocabulary)}."
    assert window.locator("#cost").inner_text().endswith(f" bits per character, worse than a uniform guess: {uniform}")
    field.fill("")
    field.press_sequentially("the quick ☃ fox")
    ids = best.vocabulary.encode("the quick  fox")
    own = score(best.theta, ids, best.h, KERNEL)
    bits = own.total / len(own.nats) / LN2
    assert window.evaluate("reading.bits") == pytest.approx(bits, abs=1e-9)
    assert window.locator("#cost").inner_text().startswith(f"{bits:.3f} bits per character, as if")
    assert window.locator("#cost").inner_text().endswith("Skipped, not in the training text: ☃")
    h, o = forward(best.theta, ids, best.h)
    for steps in (0, 5):
        for _ in range(steps):
            field.press("ArrowLeft")
        at = len(ids) - 1 - steps + (steps > 4)  # the skipped character is passed, too
        p = np.exp(log_softmax(o[at]))
        likeliest = [int(i) for i in np.argsort(-p, kind="stable")[:5]]
        guesses = [f"{100 * p[i]:.1f} %" for i in likeliest]
        window.wait_for_function("text => guesses.innerText.includes(text)", arg=guesses[0])
        assert window.locator("#guesses span:nth-child(2)").all_inner_texts() == guesses
        for unit in (1, 2):
            window.locator("#unit").fill(str(unit))
            assert (
                f"Unit {unit}: {h[at + 1][unit - 1]:.4f} at".replace("-", "−")
                in window.locator("#unit-number").inner_text()
            )
        field.focus()


def walk(page, results):  # noqa: F811
    """Return the pass over the page's sequence, ∂loss/∂a, and the latter for the loss of the last character alone."""
    best, ids = results.best, np.array(data_of(page)["passage"])
    assert best.vocabulary.decode(ids.tolist()) in best.vocabulary.decode(results.corpus.training)
    s = backward.forward({name: getattr(best.theta, name) for name in "WUVbc"}, best.h, ids[:-1], ids[1:])
    g, slope, carry = backward.STAGES["g"][""](s), backward.STAGES["slope"][""], backward.STAGES["carry"][""]
    d, alone = (backward.chain(s, sent, slope, carry) for sent in (g, backward.STAGES["g"]["last_step"](s)))
    return s, d, alone


def test_chromium_computes_losses_and_gradients_of_the_equations(inside, page, results):  # noqa: F811
    window, (s, d, alone) = inside(), walk(page, results)
    losses, here, norms = window.evaluate("[walk.losses, d.map(row => [...row]), alone]")
    assert losses == pytest.approx(s.losses, abs=1e-9)
    assert np.array(here) == pytest.approx(d, abs=1e-9)
    assert norms == pytest.approx(np.linalg.norm(alone, axis=1), abs=1e-9)


@pytest.fixture(params=["chromium", "firefox"])
def window(request, tmp_path, page):  # noqa: F811  a fixture
    """The page in a window."""
    (tmp_path / "inside.html").write_text(page, encoding="utf-8")
    with shown(request, (tmp_path / "inside.html").as_uri()) as browser:
        yield browser


def text_of(window, selector):
    return window.run(f"return document.querySelector('{selector}').innerText")


def test_the_keyboard_alone_chooses_a_fault_and_types_a_text(window, results):  # noqa: F811
    ended = "return document.getElementById('broken').points.length"
    until(lambda: window.run(ended) == POINTS)
    tab_to(window, "[name=next]")
    window.press(ENTER)
    assert text_of(window, "#assignment .result").startswith("✓ passes")
    assert text_of(window, "#grade .result").startswith("✗ fails: d")
    until(lambda: window.run(ended) == POINTS)
    first, *_, last = window.run("return document.getElementById('broken').getAttribute('points')").split()
    assert float(last.split(",")[1]) > float(first.split(",")[1]) + 20  # the loss falls; y is its negative
    tab_to(window, "[name=text]")
    window.press(" and fox")
    text = window.run("return document.querySelector('[name=text]').value")
    assert text.endswith(" and fox")
    ids = results.best.vocabulary.encode("".join(c for c in text if c in results.best.vocabulary.characters))
    own = score(results.best.theta, ids, results.best.h, KERNEL)
    assert text_of(window, "#cost").startswith(f"{own.total / len(own.nats) / LN2:.3f} bits")


def test_every_column_of_an_update_is_drawn_at_once_and_pale_until_reached(window, page):  # noqa: F811
    T = len(data_of(page)["passage"]) - 1
    count = (
        "return [...document.querySelectorAll('#{} path')].map(path => path.getAttribute('d').split('M').length - 1)"
    )
    of_step = {  # pale, grey and orange columns
        0: [[T - 1, 0, 1], [T, 0, 0], [T, 0, 0]],
        T: [[0, T - 1, 1], [T - 1, 0, 1], [T - 1, 0, 1]],
        2 * T - 1: [[0, T - 1, 1]] * 3,
    }
    for step, counts in of_step.items():
        window.run(f"const range = document.querySelector('[name=step]'); range.value = {step}; range.oninput()")
        assert [window.run(count.format(name)) for name in ("losses", "arrives", "alone")] == counts


def test_the_keyboard_alone_steps_an_update_forward_and_backward(window, page, results):  # noqa: F811
    s, d, _ = walk(page, results)
    unit, T = int(window.run("return document.getElementById('of').value")) - 1, len(d)
    tab_to(window, "[name=step]")
    for n in range(2 * T):
        t = min(n, 2 * T - 1 - n)
        assert f"{'Forward' if n < T else 'Backward'}, t = {t}: " in text_of(window, "#where")
        assert text_of(window, "#where").endswith(f" {s.losses[t]:.2f} nats.")
        value = (d[t] if n >= T else s.h[t + 1])[unit]
        assert text_of(window, "#equation").endswith(f" = {value:.4f}".replace("-", "−"))
        window.press(RIGHT)
    assert f"|d_t| = {np.linalg.norm(d[0]):.3f}. Of" in text_of(window, "#fades")
    tab_to(window, "#of")
    window.press(RIGHT)
    assert text_of(window, "#equation").startswith(f"Unit {unit + 2 if unit + 1 < d.shape[1] else unit + 1}: d_t = ")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (360, "light")])
def test_axe_finds_nothing_and_nothing_is_scrolled_sideways(inside, width, scheme):
    window = inside(viewport={"width": width, "height": 740}, color_scheme=scheme)
    for fault in ("", "slope.tanh_of_square", "g.sign"):  # the loss of the last one leaves the chart
        window.locator("[name=fault]").select_option(fault)
        trained(window)
        found = Axe().run(window)
        assert found.violations_count == 0, found.generate_report()
        assert window.evaluate("document.documentElement.scrollWidth") <= width
