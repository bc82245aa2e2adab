"""The page that trains in a browser: the compiler's bytes, any setting, any text, planted faults, a real browser."""

import json
import random
import re
import shutil
import subprocess

import pytest
from axe_playwright_python.sync_playwright import Axe
from live import asked, first_difference, in_kernel, in_page, needs_node, params_with, start_request
from pages.conftest import results  # noqa: F401  a fixture
from pages.test_live_script import NOVEL, written  # noqa: F401  a fixture
from projects import ROOT, copied

from charloom.core.base.errors import Diverged
from charloom.core.model.model_file import read_model
from charloom.pages.live.live_page import KERNEL
from charloom.sampling.request import continue_primes

FUSED = "total = __builtin_elementwise_fma(*(block *)row, (block){} + *factor, total);"
GIVEN = {"temperature": 0.7, "top_k": 0, "top_p": 0.9, "length": 400, "seed": 1}  # what the page asks of `Write`
TRAINING = ("#training", "Train with this change", "change")
EMOJI = "👩‍🚀 ist da — déjà vu; ñandú, 漢字 😀\r\n"
TEXTS = {
    "novel": NOVEL[:200_000],
    "emoji": EMOJI * 300,
    "byte-order mark": "\ufeff" + "one line\r\nand one\rmore\n" * 50,
    "one letter": "a" * 500,
    "5 MB": (NOVEL * 5)[:5_000_000],
}


def settings(rng):
    """Return a random text's name and random params."""
    adam = rng.random() < 0.4
    changes = {
        "m": rng.choice([1, 2, 15, 16, 17, 64, 100, 130, 256]),
        "seq_length": rng.choice([1, 2, 7, 24, 25, 60]),
        "eta": (0.01 if adam else 0.1) * rng.choice([0.1, 1, 3]),
        "sigma": rng.choice(["fan_in", 0.01, 0.5, 3e-5]),
        "seed": rng.choice([rng.randrange(10), rng.randrange(2**53), rng.randrange(2**64)]),
        "optimizer": "adam" if adam else "adagrad",
        "train__loss": rng.choice(["sum", "mean"]),
        "train__clip": rng.choice([5.0, 0.1, None]),
        "train__initial_accumulator_value": rng.choice([0.0, 10.0]),
        "prepare__held_out": rng.choice([0.0, 0.05, 0.3]),
    }
    return rng.choice(list(TEXTS)), params_with(**changes)


@needs_node
def test_weights_after_300_updates_with_any_setting_are_the_kernel_s():
    rng = random.Random(1)  # noqa: S311  a test's
    for _ in range(20):
        name, params = settings(rng)
        text = TEXTS[name].removeprefix("\ufeff").replace("\r\n", "\n")  # as training reads it
        state = in_page(params, text, 300)
        try:
            said = first_difference(state, in_kernel(params, text, 300))
        except Diverged as diverged:
            said = "" if f"at update {len(state['losses'])}:" in str(diverged) else str(diverged)
        assert not said, (name, params)


@needs_node
def test_the_whole_committed_training_ends_with_the_committed_hash():
    params = params_with()
    _, answers = asked([start_request(params, NOVEL), {"kind": "finish"}])
    assert answers[-1]["results"] == json.loads((ROOT / "metrics/results.json").read_text())["results"]
    metrics = json.loads((ROOT / "metrics/train.json").read_text())
    assert answers[-1]["held_out"] == metrics["held_out_bits_per_character"]


def compiled(folder, old="", new=""):
    """Return the kernel, compiled in the folder after an edit of its source."""
    for name in ("kernel.c", "sha256.zig"):
        shutil.copy(KERNEL.with_name(name), folder)
    source = (folder / "kernel.c").read_text(encoding="utf-8")
    assert old in source
    (folder / "kernel.c").write_text(source.replace(old, new, 1), encoding="utf-8")
    subprocess.run(["make", "-s", "live", f"FROM={folder}"], cwd=ROOT, check=True)
    return folder / "kernel.wasm"


def test_the_committed_wasm_is_what_the_compiler_makes_of_its_source(tmp_path):
    assert compiled(tmp_path).read_bytes() == KERNEL.read_bytes()


@needs_node
@pytest.mark.parametrize(("old", "new"), [
    ("begin = step % 2 ? n - 1 : 0, direction = step % 2 ? -1 : 1", "begin = 0, direction = 1"),
    ("total += *(block *)row * *factor;", FUSED),
    ("2.2e-16", "2.3e-16"),
], ids=["order of additions", "fused multiply-add", "epsilon"])  # fmt: skip
def test_a_planted_fault_is_named_with_its_update(tmp_path, old, new):
    params = params_with()
    said = first_difference(in_page(params, NOVEL, 200, compiled(tmp_path, old, new)), in_kernel(params, NOVEL, 200))
    print(said)
    assert re.match(r"loss at update \d+: ", said)


@pytest.fixture
def live(opened, written, tmp_path):  # noqa: F811  a fixture
    """Return a function that opens the page; afterwards no page has made a request or complained."""
    (tmp_path / "live.html").write_text(written(), encoding="utf-8")
    pages = []

    def show(**options):
        pages.append(opened((tmp_path / "live.html").as_uri(), **options))
        return pages[-1][0]

    yield show
    assert {line.partition(":")[0] for _, said in pages for line in said} <= {"file", "data", "blob"}


def ended(window):
    """Start a training, and return what the page says at its end."""
    window.locator("[name=start]").click()
    window.locator("output:not(:empty)").wait_for()
    return window.locator("output").inner_text()


def test_chromium_ends_a_training_with_the_published_hash(live, results):  # noqa: F811  a fixture
    window = live()
    said = ended(window)
    assert said.startswith("EQUAL")
    with window.expect_download() as download:
        window.locator("#save").click()
    with open(download.value.path(), encoding="utf-8") as file:  # noqa: PTH123  Playwright's
        statement = json.load(file)
    assert statement["outcome"] == said
    assert statement["results"] == statement["published"] == results.results


def test_chromium_names_the_first_published_value_that_differs(live):
    window = live()
    for fault, named in (
        ("data.results = 'ab'", "SHA-256 of weights and trace after 400 updates: "),
        ("data.checkpoints[200][1] += 'x'", "text after 200 updates: "),
        ("data.checkpoints[200][0] = 'ab'", "SHA-256 of the weights after 200 updates: "),
        ("data.curve[100] += 1e-12", "smooth loss after 100 updates: "),
    ):
        window.evaluate(fault)
        assert f"First difference: {named}" in ended(window)


def test_chromium_trains_a_changed_setting_with_the_results_of_the_pipeline(live, finished, results, tmp_path):  # noqa: F811  a fixture
    window = live()
    window.locator("#change summary").click()
    window.locator("[name=eta]").fill("5e-2")
    window.locator("[name=m]").fill("9")
    assert window.locator("#change-command").inner_text() == "dvc exp run -S eta=0.05 -S m=9"
    said = ended(window)
    project = copied(finished, tmp_path / "changed")
    project.run("dvc", "exp", "run", "-S", "eta=0.05", "-S", "m=9")
    assert json.loads((project.folder / "metrics/results.json").read_text())["results"] in said
    bits = json.loads((project.folder / "metrics/train.json").read_text())["held_out_bits_per_character"]
    published = results.train.held_out_bits_per_character
    assert f"Held-out bits per character: {bits:.4f} here, {published:.4f} in the project’s run. " in said
    assert "eta=0.05 (the project’s run: 0.1). m=9 (the project’s run: 8). " in said
    updates = [int(title.split()[1]) for title in window.locator("#checkpoints h3").all_inner_texts()]
    assert updates == sorted(updates)
    assert len(updates) > 1
    for model, best in (("1", read_model(project.folder / "models/best.npz")), ("0", results.best)):
        window.locator("[name=model]").select_option(model)
        window.get_by_role("button", name="Write").click()
        window.wait_for_function(
            "text => written.textContent === text", arg=continue_primes(best, ["the quick"], GIVEN)[0]
        )
    assert window.locator("#write-command").inner_text().startswith("charloom sample --prime='the quick'")
    window.locator("[name=model]").select_option("1")
    assert window.locator("#write-command").inner_text().startswith("dvc exp run -S eta=0.05 -S m=9 && charloom sample")


def test_chromium_trains_on_a_custom_text(live, tmp_path):
    window = live()
    (tmp_path / "own text.txt").write_bytes(("\ufeff" + EMOJI * 40).encode())
    window.locator("[type=file]").set_input_files(tmp_path / "own text.txt")
    assert window.locator("#change-command").text_content() == "dvc exp run -S prepare.text='data/own text.txt'"
    levels = window.get_by_text("trigram ")
    assert levels.is_visible()
    assert "SHA-256" in ended(window)
    assert not levels.is_visible()  # counted in the project's text
    (tmp_path / "no text.txt").write_bytes(b"\xff\xfe\x00" * 100)
    window.locator("[type=file]").set_input_files(tmp_path / "no text.txt")
    assert ended(window) == "Cannot train: prepare.text: no text.txt is not UTF-8; save it as UTF-8."


@pytest.mark.parametrize("locale", ["en", "sv"])
@pytest.mark.parametrize(("name", "text", "allowed"), [
    ("eta", "0,05", "a number above 0, such as 0.05; a decimal has a point: 0.05"),
    ("eta", "-1", "a number above 0, such as 0.05"),
    ("eta", "1e999", "a number above 0, such as 0.05"),
    ("seed", "1e30", "a whole number from 0 to 2^64 - 1"),
    ("seed", str(2**64), "a whole number from 0 to 2^64 - 1"),
    ("m", "2.5", "a whole number from 1 to 256"),
    ("sigma", "fan", "a number above 0, such as 0.01, or fan_in"),
    ("top_p", "0,9", "a number above 0 and up to 1, such as 0.9; a decimal has a point: 0.9"),
    ("length", "", "a whole number from 0 to 100000"),
])  # fmt: skip
def test_chromium_rejects_a_text_with_one_line_and_no_command(live, locale, name, text, allowed):
    window = live(locale=locale)
    window.locator("#change summary").click()
    form, button, about = ("#write-form", "Write", "write") if name in GIVEN and name != "seed" else TRAINING
    field = window.locator(f"{form} [name={name}]")
    field.clear()
    field.press_sequentially(text)
    line = f"{name}: {text or 'an empty value'} is not allowed; it has to be {allowed}"
    assert window.locator(f"#{about}-refused").inner_text() == line
    assert not window.locator(f"#{about}-command").is_visible()
    window.locator(form).get_by_role("button", name=button).click()
    assert window.evaluate("document.activeElement.name") == name
    assert window.locator("#progress").inner_text() == "Not started."
    assert window.locator("#written").inner_text() == "Press “Write”."


def test_chromium_strips_spaces_around_the_values_of_an_address(live):
    window = live()
    window.evaluate("location.hash = '#eta=0.02%20& m =%209&seed=7 '")
    window.wait_for_function("form.elements.eta.value === '0.02'")
    assert window.locator("#change-refused").inner_text() == ""
    assert window.locator("#change-command").inner_text() == "dvc exp run -S eta=0.02 -S m=9 -S seed=7"


def test_chromium_writes_the_text_of_the_displayed_command(live, results):  # noqa: F811  a fixture
    window = live()
    window.locator("[name=prime]").fill("the quick ☃ fox")
    window.get_by_role("button", name="Write").click()
    window.locator("#written span").first.wait_for()
    assert window.locator("#written").text_content() == continue_primes(results.best, ["the quick ☃ fox"], GIVEN)[0]
    assert window.locator("#skipped").inner_text().endswith("skipped: ☃")
    command = "charloom sample --prime='the quick ☃ fox' --temperature=0.7 --top-k=0 --top-p=0.9 --length=400 --seed=1"
    assert window.locator("#write-command").inner_text() == command


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (360, "light")])
def test_axe_finds_no_violation_and_nothing_scrolls_sideways_before_and_after_a_run(live, width, scheme):
    window = live(viewport={"width": width, "height": 740}, color_scheme=scheme)
    window.locator("#change summary").click()
    for _ in range(2):
        found = Axe().run(window)
        assert found.violations_count == 0, found.generate_report()
        assert window.evaluate("document.documentElement.scrollWidth") <= width
        ended(window)
        window.get_by_role("button", name="Write").click()
        window.locator("#shade").check()
