"""`charloom study --confirm`: lines of the live page, written by its Worker under Node, against the rows of a study."""

import tracemalloc
from contextlib import chdir
from pathlib import Path

import pytest
from lines import from_worker, line_of
from live import needs_node
from projects import TEXT, copied, said
from study_projects import ask, conducted

from charloom.core.config.params import PARAMS
from charloom.core.config.reading import read_params, with_overrides
from charloom.pages.live.line import determining, short
from charloom.study.freeze import read_study

pytestmark = needs_node
SEEDS = 3
# An epoch of the text has 212 updates. With the last setting, every training diverges.
QUESTION = (
    "settings: [{eta: 0.1}, {eta: 0.05}, {eta: 0.01, optimizer: adam}, {train.updates: 212}, {eta: 1.0e+307}]\n"
    f"baseline: {{eta: 0.1}}\nseeds: {SEEDS}\nmeasure: held_out_bits_per_character\n"
)


AGREEMENT = "a line shows agreement with a row, and proves no training: it can be computed from trials.csv\n"
ALLOWED = "allowed is a text in UTF-8, or - for standard input\n"


@pytest.fixture(scope="module")
def asked(finished, tmp_path_factory):
    """A project with a study that has its rows, the study, and each row's line by setting and seed."""
    project = copied(finished, tmp_path_factory.mktemp("confirmed") / "project")
    ask(project, QUESTION)
    conducted(project)
    with chdir(project.folder):
        study, base = read_study(Path("studies/a.yaml")), read_params(PARAMS)
    trials = study.trained()
    written = from_worker(base, [trial.params for trial in trials], TEXT)
    lines = {trial.name: line for trial, line in zip(trials, written, strict=True)}
    return project, study, base, lines


def checked(content: str) -> str:
    """Return the line with this content and its checksum, as somebody who forges it would write it."""
    return f"{content} check:{short(content.encode())}"


def files(project) -> dict[Path, tuple[int, int]]:
    """Return size and time of the last change of each file in the project, without what copies of it share."""
    found = (path for path in project.folder.rglob("*") if not {"__pycache__", "objects"} & {*path.parts})
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in found if path.is_file()}


def confirmed(project, text: str | bytes, code: int = 0) -> tuple[str, str]:
    """Return what `--confirm -` prints for the text; the project's files stay as they are."""
    before = files(project)
    given = text if isinstance(text, bytes) else text.encode()
    printed = said(project, "study", "studies/a.yaml", "--confirm", "-", given=given, code=code)
    assert files(project) == before
    return printed


@pytest.mark.slow
def test_each_line_of_the_page_is_what_python_computes_and_confirms_its_row(asked):
    project, study, base, lines = asked
    rows = [study.runs[trial.key] for trial in study.trained()]
    assert list(lines.values()) == [line_of(base, run) for run in rows]
    assert {run.outcome.partition(" at ")[0] for run in rows} == {"trained", "diverged"}
    assert all(len(line) <= 280 for line in lines.values())
    printed, _ = confirmed(project, "\n".join(lines.values()))
    names = list(study.settings)
    rows = "".join(f"3 of 3 rows of {name} confirmed to the last bit, by 3 lines\n" for name in names)
    assert printed == rows + AGREEMENT


@pytest.mark.slow
def test_a_line_of_a_page_with_other_params_is_compared_by_all_its_params(asked):
    """A project whose own eta is 0.05 has another line for the same training; other clipping is another setting."""
    project, study, base, _ = asked
    params = study.settings["eta=0.05 optimizer=adagrad train.updates=400"]
    other, clipped = (with_overrides(base, change, PARAMS) for change in ({"eta": 0.05, "m": 9}, {"train.clip": 1.0}))
    (same,) = from_worker(other, [params], TEXT)
    (different,) = from_worker(clipped, [with_overrides(clipped, {"eta": 0.05}, PARAMS)], TEXT)
    assert " m=8 " in same
    assert "eta" not in same
    printed, _ = confirmed(project, f"{same}\n{different}\n")
    assert printed == (
        "1 of 3 rows of eta=0.05 optimizer=adagrad train.updates=400 confirmed to the last bit, by 1 line\n"
        f"1 line of other settings or another text\n{AGREEMENT}"
    )
    there = "standard input: contains no result line of reports/live.html about studies/a.yaml; "
    assert confirmed(project, different, code=2)[1] == f"{there}1 line of other settings or another text\n"
    assert confirmed(project, same.replace("8", "9"), code=2)[1] == f"{there}1 line damaged\n"


@pytest.mark.slow
def test_a_line_shortens_the_texts_name_to_fit_280_characters(asked):
    project, _, base, _ = asked
    named = with_overrides(base, {"prepare.text": f"data/{'å b:=' * 60}.txt"}, PARAMS)
    (line,) = from_worker(named, [with_overrides(named, {"eta": 0.05}, PARAMS)], TEXT)
    assert len(line) == 280
    assert line.split()[1].startswith("__b__")
    assert "1 of 3 rows of eta=0.05 " in confirmed(project, line)[0]
    long = {"eta": 1.2345678901234567e-300, "sigma": 1.2345678901234567e-200, "seed": 2**64 - 1, "optimizer": "adam"}
    long |= {"train.initial_accumulator_value": 1.2345678901234567e-100, "train.updates": 300}
    settings = [with_overrides(base, own, PARAMS) for own in (long, long | {"m": 100, "seq_length": 11})]
    fits, too_long = from_worker(base, settings, TEXT)
    assert len(fits) == 280
    assert too_long == ""


def test_confirm_names_each_damaged_line_of_sixty(asked):
    project, study, base, lines = asked
    first, second, third = (lines[f"eta=0.1 optimizer=adagrad train.updates=400, seed {seed}"] for seed in (1, 2, 3))
    diverged = lines["eta=1e+307 optimizer=adagrad train.updates=400, seed 1"]
    content, bits = second.partition(" check:")[0], second.partition(" bits:")[2].split()[0]
    other = {name: with_overrides(base, {"eta": 0.1, "seed": 9} | change, PARAMS) for name, change in
             {"seed": {}, "setting": {"eta": 0.2}}.items()}  # fmt: skip
    lacking, setting = from_worker(base, list(other.values()), TEXT)
    (text,) = from_worker(base, [base], TEXT[::-1])
    hidden = f"{first[:40]}\u202e{first[40:]}"
    sixty = [
        *[first] * 40,
        f'2026-11-30 10:15,Åsa,"{third}"',  # a form's CSV
        f"[10:16] Bo: \u2068{third}\u2069 🎉",  # a chat
        third.replace(" ", "\u00a0"),
        f"<td onclick='alert(1)'><script>alert(1)</script>{third}</td>",
        checked(content.replace(bits, "1.2345678901234567")),  # line 45: a forged number
        checked(f"{content[:-16]}{'0' * 16}"),  # a forged hash
        checked(diverged.partition(" diverged:")[0] + " diverged:7"),
        second.replace(bits, "1.2345678901234567"),  # 48: damaged
        second[:60],
        second[60:],
        second.replace("seed=", "seed ="),
        hidden,
        f"{second[:30]} {third}",  # 53: damaged, and a whole line
        second.upper(),
        checked(content.replace(content[9:17], "0" * 8)),  # 55: another version
        checked(f"charloom:{content[9:17]} __import__('os').system('touch executed')"),
        setting,  # 57
        text,
        lacking,
        "Is this charloom? check: it works; charloom: \u202ereversed\u202c <img src=x onerror=alert(1)> \x1b[31m\0",
    ]
    assert len(sixty) == 60
    printed, complaint = confirmed(project, "\n".join(sixty).encode() + b"\n\xff\xfe\n", code=1)
    row = study.runs[next(trial.key for trial in study.trained() if trial.params.seed == 2)]
    assert printed == (
        "2 of 3 rows of eta=0.1 optimizer=adagrad train.updates=400 confirmed to the last bit, by 45 lines; "
        f"seed 2: results {'0' * 16} in a line, results {row.results[:16]} in the row; no row has seed 9\n"
        "0 of 3 rows of eta=1e+307 optimizer=adagrad train.updates=400 confirmed to the last bit, by 0 lines; "
        "seed 1: diverged at update 7 in a line, diverged at update 1 in the row\n"
        "7 lines damaged, 2 lines of another version, 2 lines of other settings or another text\n"
        f"{AGREEMENT}"
    )
    assert complaint == "2 rows of studies/a.yaml contradicted by a line\n"
    assert not (project.folder / "executed").exists()
    assert determining(base)["eta"] == "0.1"


@pytest.mark.slow_but_first
@pytest.mark.parametrize(("forged", "shown"), [
    ("1.2345678901234567", "1.23"), ("0.6399546608851", "0.6399546608851"), ("none", "no bits"),
])  # fmt: skip
def test_a_contradiction_has_the_digits_that_differ(asked, forged, shown):
    project, _, _, lines = asked
    content = lines["eta=0.1 optimizer=adagrad train.updates=400, seed 1"].partition(" check:")[0]
    bits = content.partition(" bits:")[2].split()[0]
    printed, _ = confirmed(project, checked(content.replace(bits, forged)), code=1)
    there = f"{float(bits):.{len(shown) - 2 if shown[4:] and shown[0] == '0' else 3}g}"
    assert f"; seed 1: {shown} in a line, {there} in the row\n" in printed


@pytest.mark.slow
def test_a_line_of_50_mb_is_skipped_with_little_memory(asked, tmp_path):
    project, *_, lines = asked
    first = next(iter(lines.values()))
    (tmp_path / "chat.txt").write_bytes(b"<" * 50_000_000 + f"{first}\n{first}\n".encode() + b">" * 2_000_000)
    arguments = "study", "studies/a.yaml", "--confirm", str(tmp_path / "chat.txt")
    said(project, *arguments)
    tracemalloc.start()
    printed, _ = said(project, *arguments)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert printed.splitlines() == [
        "1 of 3 rows of eta=0.1 optimizer=adagrad train.updates=400 confirmed to the last bit, by 1 line",
        "2 lines longer than 1,000 bytes",
        AGREEMENT.removesuffix("\n"),
    ]
    assert peak < 5_000_000


@pytest.mark.slow
@pytest.mark.parametrize(("text", "line"), [
    *((text, "contains no result line of reports/live.html; allowed is a text in UTF-8")
      for text in (b"", b"no line\n", "charloom:".encode("utf-16"))),
    (b"\n" * 10_001, "has more than 10,000 lines, the maximum"),
])  # fmt: skip
def test_a_text_without_lines_or_with_too_many_is_refused(asked, text, line):
    assert confirmed(asked[0], text, code=2) == ("", f"standard input: {line}\n")


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "line"), [
    ("--confirm missing.txt", f"missing.txt: No such file or directory; {ALLOWED}"),
    ("--confirm studies", f"studies: Is a directory; {ALLOWED}"),
    *((f"--confirm - {option}", f"{option.split()[0]}: cannot be combined with --confirm, which trains nothing\n")
      for option in ("--prove 1", "--anew", "--jobs 1", "--dask localhost:1")),
])  # fmt: skip
def test_a_wrong_file_or_option_gets_one_line(asked, arguments, line):
    assert said(asked[0], "study", "studies/a.yaml", *arguments.split(), code=2) == ("", line)
