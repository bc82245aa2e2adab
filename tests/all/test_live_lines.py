"""The live page in Chromium and Firefox: addresses, lines that are what Python computes to the bit, kept trainings."""

import hashlib
import json

import pytest
from firefox import DARK, ENTER, FIREFOX, Chromium, firefox, shown, tab_to
from lines import changed_between, line_of, trained
from pages.conftest import results  # noqa: F401  a fixture
from pages.test_live_script import written  # noqa: F401  a fixture
from projects import TEXT

from charloom.core.config.params import PARAMS
from charloom.core.config.reading import with_overrides
from charloom.pages.live.live_page import address

ADAM = {"optimizer": "adam", "eta": 0.01, "sigma": "fan_in"}
SETTINGS = (
    *({"seed": seed} | own for seed in (3, 17, 2**64 - 1) for own in ({"eta": 0.05, "train.updates": 300}, ADAM)),
    {"seed": 5, "train.updates": 212, "train.checkpoint_every": 100},  # the end of an epoch
    {"seed": 5, "eta": 1e307},  # diverges
    {"seed": 5, "train.initial_accumulator_value": 10.0, "m": 9, "seq_length": 7},
)
BY_FORM = ["eta", "m", "sigma", "seq_length", "seed", "optimizer", "train.initial_accumulator_value", "train.updates"]
BY_FORM += ["train.checkpoint_every"]
POINT, FROM_0, ACCUMULATOR = (
    "a decimal has a point",
    "it has to be a number from 0 on",
    "train.initial_accumulator_value",
)
REFUSED = [
    ("eta=0,05", f"eta: 0,05 is not allowed; it has to be a number above 0, such as 0.05; {POINT}: 0.05"),
    ("train.initial_accumulator_value=10,5", f"{ACCUMULATOR}: 10,5 is not allowed; {FROM_0}; {POINT}: 10.5"),
    ("train.updates=1,000", "train.updates: 1,000 is not allowed; it has to be a whole number from 1 to 400"),
    ("train.updates=10.000", "train.updates: 10.000 is not allowed; it has to be a whole number from 1 to 400"),
    ("train.updates=1.e2", "train.updates: 1.e2 is not allowed; it has to be a whole number from 1 to 400"),
    ("eta=0.05&m=1e9", "m: 1e9 is not allowed; it has to be a whole number from 1 to 256"),
    ("optimizer=sgd", "optimizer: sgd is not allowed; it has to be adagrad or adam"),
    ("train.updates=401", "train.updates: 401 is not allowed; it has to be a whole number from 1 to 400"),
    ("eta=%zz", "eta: %zz is not allowed; it has to be a number above 0, such as 0.05"),
    (f"seed={'9' * 99}", f"seed: {'9' * 40}… is not allowed; it has to be a whole number from 0 to 2^64 - 1"),
    *((f"{name}=1", f"{name} is no setting of this form; allowed are {', '.join(BY_FORM)}")
      for name in ("__proto__", "constructor", "temperature", "prepare.text", "start", "train.clip")),
    ("eta=0.05&%3Cimg%20src=x>", f"<img src is no setting of this form; allowed are {', '.join(BY_FORM)}"),
]  # fmt: skip
TRAINED = """
const output = document.querySelector("output"), field = document.getElementById("line")
return new Promise(resolve => {
  const look = () => output.value ? resolve([output.value, field.value]) : setTimeout(look, 20)
  look()
})
"""
TRAIN = f"document.querySelector('[name=start]').click(); {TRAINED}"


@pytest.fixture(params=["chromium", "firefox"])
def window(request, tmp_path, written):  # noqa: F811  a fixture
    """The page in a window."""
    (tmp_path / "live.html").write_text(written(), encoding="utf-8")
    with shown(request, (tmp_path / "live.html").as_uri()) as browser:
        yield browser


def fields(window) -> dict[str, str]:
    return dict(window.run("return [...new FormData(training)].filter(([, value]) => typeof value === 'string')"))


def go(window, fragment: str) -> str:
    """Write the fragment into the address; return what the form refuses."""
    window.run(f"location.hash = {json.dumps(fragment)}; return new Promise(resolve => setTimeout(resolve, 50))")
    return window.run("return document.getElementById('change-refused').textContent")


def test_an_address_fills_the_form_and_the_line_is_what_python_computes(window, results):  # noqa: F811  a fixture
    base, start = results.params, fields(window)
    for settings in SETTINGS:
        window.run("training.reset()")
        params = with_overrides(base, settings, PARAMS)
        fragment = address(base, params)[0].removeprefix("live.html#")
        assert go(window, fragment).startswith(
            "seed: an empty value is not allowed; it has to be a whole number from 0"
        )
        assert window.run("return document.activeElement.name") == "seed"
        assert go(window, f"{fragment}{params.seed}") == ""
        changed = {name: str(value) for name, value in changed_between(base, params)}
        assert {name: value for name, value in fields(window).items() if value != start[name]} == changed
        outcome, line = window.run(TRAIN)
        assert line == line_of(base, trained(params, TEXT)), outcome
        assert len(line) <= 280


def test_an_address_that_is_not_allowed_is_refused_and_changes_nothing(window):
    before = fields(window)
    for fragment, refused in REFUSED:
        assert go(window, fragment) == f"In the address: {refused}"
        assert fields(window) == before


def test_a_decimal_comma_in_the_form_of_a_text_is_answered_with_a_point(window):
    refused = window.run("""
      const { temperature } = document.getElementById("write-form").elements
      temperature.value = "0,7"
      temperature.form.oninput()
      return document.getElementById("write-refused").textContent
    """)
    assert refused == f"temperature: 0,7 is not allowed; {FROM_0}; {POINT}: 0.7"


@pytest.mark.skipif(not FIREFOX, reason="no firefox here: apt install firefox-esr")
def test_an_empty_progress_bar_of_firefox_is_dark_in_the_dark_scheme(tmp_path, written):  # noqa: F811
    (tmp_path / "live.html").write_text(written(), encoding="utf-8")
    with firefox(DARK) as window:
        window.call("Navigate", url=(tmp_path / "live.html").as_uri())
        empty = window.picture("#bar").mean()
        window.run("document.getElementById('bar').value = 1e9")
        assert empty < 0.3 < window.picture("#bar").mean()


def test_nothing_starts_by_itself_and_a_section_s_address_fills_nothing(window):
    before = fields(window)
    assert go(window, "write") == ""
    assert fields(window) == before
    assert go(window, "eta=1e%2B0&seed=7") == go(window, "eta=1e+0&seed=7") == ""
    assert fields(window) == before | {"eta": "1e+0", "seed": "7"}
    assert window.run("return document.getElementById('progress').textContent") == "Not started."


def test_the_keyboard_alone_starts_a_training_and_copies_its_line(window):
    go(window, "seed=")
    window.press(f"12{ENTER}")
    _, line = window.run(TRAINED)
    assert window.run("return document.activeElement.name") == "start"
    tab_to(window, "#copy")
    assert " seed=12 " in line
    window.press(ENTER)
    assert window.run("return copy.textContent") == "Copied"
    assert (
        window.run("return getSelection().toString() || line.value.slice(line.selectionStart, line.selectionEnd)")
        == line
    )


def test_the_keyboard_alone_removes_earlier_trainings_from_the_charts(window):
    def texts(selector):
        return window.run(f"return [...document.querySelectorAll('{selector}')].map(one => one.firstChild.textContent)")

    for eta in ("0.05", "0.2", "0.3"):
        go(window, f"eta={eta}&seed=")
        window.press(f"12{ENTER}")
        window.run(TRAINED)
    assert [line.partition(": ends at ")[0] for line in texts("#kept li")] == [
        "A: eta=0.05, seed=12", "B: eta=0.2, seed=12",
    ]  # fmt: skip
    assert texts(".levels .kept") == ["A", "B"] * 2
    curves = "return [...document.querySelectorAll('svg:has(#loss) polyline')].map(line => line.getAttribute('points'))"
    assert len({*window.run(curves)}) == 1 + 3
    tab_to(window, "#kept button")
    window.press(ENTER)
    assert window.run("return document.activeElement.ariaLabel") == "Remove B: eta=0.2, seed=12"
    assert texts(".levels .kept") == ["B"] * 2
    assert len(window.run(curves)) == 1 + 2
    window.press(ENTER)
    assert texts("#kept li, .kept") == []
    assert window.run("return document.activeElement.name") == "start"


def test_chromium_puts_the_hash_of_a_custom_text_into_its_line(opened, written, tmp_path):  # noqa: F811  a fixture
    (tmp_path / "live.html").write_text(written(), encoding="utf-8")
    (tmp_path / "own text.txt").write_bytes(b"\xef\xbb\xbf" + b"one line\r\nand one more\r\n" * 60)
    page, _ = opened((tmp_path / "live.html").as_uri())
    page.locator("[type=file]").set_input_files(tmp_path / "own text.txt")
    _, line = Chromium(page).run(TRAIN)
    digest = hashlib.sha256((tmp_path / "own text.txt").read_bytes()).hexdigest()
    assert line.split()[1] == f"own_text.txt:{digest[:8]}"
