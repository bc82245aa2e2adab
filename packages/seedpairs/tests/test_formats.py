"""An answer fits its terminal, stays harmless, and is whole in JSON. Its words are those of tests/paired."""

import json
import math
import re
from dataclasses import fields, replace

import pytest
from answers import OTHER, answer, comparison, summary
from comparisons import designed, measured
from harmless import OURS, Page, ensure_harmless
from markdown_it import MarkdownIt

from seedpairs import answered, sentences
from seedpairs.analysis import with_labels
from seedpairs.data_types import BETTER, CANNOT_TELL, NO_DIFFERENCE, Analysis, Band, Contrast
from seedpairs.formats import OF_EFFECTS, OF_SETTINGS, as_json, as_latex, as_markdown, as_text


def plain(said: str) -> str:
    """Return it with its line breaks undone, and without what Markdown needs."""
    return " ".join(said.replace("\\", "").split())


def both(given: Analysis, *, explain: bool = False) -> list[str]:
    return [plain(as_text(given, 80, explain=explain)), plain(as_markdown(given, explain=explain))]


def test_findings_are_said_and_the_rest_where_somebody_asks():
    given = answer(looks=(3, 10), warnings=("texts differ",))
    ((title, lines),) = sentences.comparisons(given)
    for short, long in zip(both(given), both(given, explain=True), strict=True):
        assert all(line in short and line in long for line in (title, *lines, "texts differ"))
        assert all(line not in short and line in long for line in sentences.notes(given))
        assert sentences.method(given) in short


@pytest.mark.parametrize(
    "name", ["m=100", "eta=0.1 m=100 seq_length=25 sigma=0.01 " * 5, "x" * 300, "名前=値", "[red]a[/red]"]
)
@pytest.mark.parametrize("width", [20, 28, 40, 60, 72, 80, 96, 120])
@pytest.mark.parametrize("verdict", [BETTER, NO_DIFFERENCE])
def test_it_fits_the_terminal_with_every_name_verdict_and_number_whole(name, width, verdict):
    one = comparison(
        name, verdict=verdict, tested_level=0.99, warnings=("One pair carries half of the difference. " * 5,)
    )
    text = as_text(answer(one, warnings=("a warning of many words " * 9,)), width, explain=True)
    assert max(map(len, text.splitlines())) <= width
    table = text.split("\n\n")[2]
    for cell in ("verdict", "baseline", "n", "mean", "sd", "95 % interval", verdict, "2.842", "2.820 to 2.865"):
        assert cell in plain(table)
    assert name.replace(" ", "") in "".join(table.split())


@pytest.mark.parametrize(("width", "form"), [(96, "a row"), (80, "a name and a row"), (40, "a cell a line")])
def test_a_table_that_is_too_wide_is_folded(width, form):
    name = "m=100 eta=0.05 seq_length=25 sigma=0.01"
    given = answer(comparison(name), summaries=[summary("m=50"), summary(name)], baseline="m=50")
    lines = as_text(given, width).split("\n\n")[2].splitlines()
    interval = next(line for line in lines if "2.820 to 2.865" in line)
    forms = {
        "a row": interval.startswith("m=50 "),
        "a name and a row": interval.startswith("  ") and name in lines and "2.842" in interval,
        "a cell a line": interval == "  95 % interval: 2.820 to 2.865",
    }
    assert [own for own, holds in forms.items() if holds] == [form]


def test_with_factors_settings_without_a_verdict_are_shown_on_request():
    given = designed({"a": [1, 2], "b": [1, 2]}, lambda s, a, b: a + 0.1 * b + 0.5 * ((7 * s + 3 * a + b) % 5), seeds=4)
    open_ = [each.setting for each in given.comparisons if each.verdict == CANNOT_TELL]
    assert open_
    assert f"\n{len(open_)} more settings" in as_text(given, 120)
    for setting in open_:
        assert f"\n{setting}  " not in as_text(given, 120)
        assert f"\n{setting}  " in as_text(given, 120, explain=True)


HOSTILE = "a=\x1b[31m|<b>`x`\n*y* [z](w) \u202e"


def test_a_name_moves_no_terminal_and_is_no_markup():
    given = answer(comparison(HOSTILE, warnings=(HOSTILE,)), measure=HOSTILE, warnings=(HOSTILE,))
    for said in (as_text(given, 80), as_markdown(given)):
        assert all(character.isprintable() or character == "\n" for character in said)
    marked = as_markdown(given)
    rows = [line for line in marked.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {10}
    assert "<b>" not in marked.replace("\\<b\\>", "")
    odd = "d|<img src=x onerror=alert(1)>\n\x1b[31m"  # as the name of a factor
    of_factors = designed(
        {"a": [1, 2], odd: [1, odd]}, lambda s, a, b: float((a == 1) == (b == 1)) + 0.01 * s * s, seeds=4
    )
    assert any(each.turned_by for each in of_factors.effects)
    page = Page(MarkdownIt("commonmark").enable("table").render(as_markdown(of_factors, explain=True)))
    assert page.found <= OURS
    assert "\x1b" not in as_text(of_factors, 80) + as_markdown(of_factors)


@pytest.mark.parametrize("words", [
    "@team look", "`@team`", "look (@team)", "https://example.com/a_b", "|http://example.com|`", "www.example.com.",
    "a@example.com", "as #1", "GH-1", "owner/name#1", "\\@team\\", "x=@team|y",
])  # fmt: skip
def test_a_title_and_a_name_mention_nobody_and_become_no_link(words):
    given = replace(answer(comparison(words, warnings=(words,)), warnings=(words,)), title=words)
    page = ensure_harmless(as_markdown(given, explain=True))
    assert "".join(words.split()) in "".join(page.text.split())


SPECIAL = r"""# $ % & _ { } \ ~ ^ < > | [x] − " ' ` @ x"""
TEX = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    "$-$": "−",
    "$<$": "<",
    "$>$": ">",
}
TEX |= {"$|$": "|", "{[}": "[", "{]}": "]"} | {f"\\{x}": x for x in "#$%&_{}"}
OF_ROWS = re.compile("|".join(map(re.escape, TEX)))


def test_latex_has_the_words_of_markdown_and_no_name_is_a_command():
    given = replace(answer(comparison(SPECIAL), warnings=(SPECIAL,)), title=SPECIAL)
    page = as_latex(given, explain=True)
    assert page.startswith(r"\subsection*{\# \$ \% \& \_ \{ \} \textbackslash{} \textasciitilde{} ")
    (columns,) = re.findall(r"\\begin\{tabular\}\{(l+r+l)\}", page)
    rows = page.partition("\\hline\n")[2].partition("\n\\end{tabular}")[0].splitlines()
    assert [len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows] == [len(columns)] * len(given.summaries)
    items = [line.removeprefix("\\item ") for line in page.splitlines() if line.startswith("\\item ")]
    assert not re.search(r"[#$%&_{}\\~^<>|]", "".join(OF_ROWS.sub("", line) for line in items))
    marked = [line for line in as_markdown(given, explain=True).splitlines() if line.startswith("- ")]
    assert [OF_ROWS.sub(lambda found: TEX[found[0]], line) for line in items] == [
        Page(MarkdownIt("commonmark").render(line)).text.strip() for line in marked
    ]


def test_json_holds_all_of_the_answer_in_full():
    bands = {"smooth_loss": {OTHER: Band([0, 100], [-0.1, 1 / 3], [(-1.0, 0.0), (0.1, 0.4)])}}
    given = answer(bands=bands, looks=(3, 10))
    read = json.loads(as_json(given))
    (first,) = read["comparisons"]
    assert first["setting"] == OTHER
    assert (first["n"], first["mean_difference"], first["interval"]) == (10, -0.10391, [-0.14134, -0.06648])
    assert first["verdict"] == BETTER
    assert first["differences"][9] == {"seed": 9, "difference": -0.1}
    assert read["bands"]["smooth_loss"][OTHER]["means"] == [-0.1, 1 / 3]
    assert read["summaries"][0]["mean"] == 2.84231
    assert (read["statistic"], read["level"], read["looks"]) == (sentences.STATISTIC, 0.95, [3, 10])
    inputs = {"settings", "curves", "budget", "levels", "amounts"}
    assert {field.name for field in fields(Analysis)} - inputs <= set(read)
    assert set(first) == set(Contrast._fields) - OF_EFFECTS
    with pytest.raises(ValueError, match="JSON"):
        as_json(answer(comparison(p=math.nan)))
    of_effect = json.loads(as_json(designed({"a": [1, 2], "b": [1, 2]}, lambda s, a, b: a + b * s)))["effects"][0]
    assert set(of_effect) == set(Contrast._fields) - OF_SETTINGS


def test_a_title_comes_first_and_in_markdown_stays_with_the_verdict():
    """MLflow's page shows the first block above the picture."""
    title = "Is *b* better? " + "Really? " * 12
    titled = answered(measured({"base": [1.0, 2.0, 3.0], "b": [0.0, 1.1, 2.0]}, title=title.strip()))
    assert as_text(titled, 80).startswith(f"Is *b* better? {'Really? ' * 7}Really?\n  Really? Really?")
    first = as_markdown(titled).partition("\n\n")[0]
    assert first.startswith("### Is \\*b\\* better? Really? ")
    assert first.endswith(f"\n**{sentences.told(titled)}**")
    assert json.loads(as_json(titled))["title"] == title.strip()
    assert "###" not in as_markdown(replace(titled, title=""))


def test_people_read_the_names_of_settings_and_programs_the_settings():
    names, curves = {"a=1": "One", "a=3": "Three"}, {"loss": {x: {0: {0: 1.0, 9: 2.0}} for x in ("a=1", "a=2", "a=3")}}
    settings = {"a=1": [1.0, 2.0, 3.0], "a=2": [0.0, 1.1, 2.0], "a=3": [5.0, 6.0, 7.5]}
    levels, amounts = {x: {"a": x[2:]} for x in settings}, dict.fromkeys(settings, 1.0)
    raw = answered(measured(settings, "a=1", curves=curves, levels=levels, amounts=amounts, names=names))
    for read in (as_text(with_labels(raw), 80, explain=True), as_markdown(with_labels(raw))):
        assert "Baseline: One" in read
        assert "One is a=1" in read
        assert read.count("a=1") == read.count("a=3") == 1
        assert "a=2" in read
    assert "a=1" not in as_text(with_labels(raw), 80)
    assert with_labels(with_labels(raw)) == with_labels(raw)
    read = json.loads(as_json(raw))
    assert (read["names"], read["baseline"], [row["setting"] for row in read["summaries"]]) == (
        names,
        "a=1",
        [*settings],
    )
