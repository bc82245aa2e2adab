"""Text on demand, as users ask for it: primes, endings, many texts, scores; and every wrong request in a line."""

import os
import pty
import re
import shlex
import subprocess
from contextlib import suppress

import numpy as np
import pytest
from projects import TEXT, Project, copied, said

from charloom.core.base.errors import WrongInput
from charloom.core.base.storage import read_json
from charloom.core.config.records import TrainMetrics
from charloom.core.model import scoring
from charloom.core.model.model_file import read_model
from charloom.core.network import rnn
from charloom.core.text import corpus
from charloom.core.text.corpus import read_prepared
from charloom.sampling import request
from charloom.sampling.options import DEFAULTS


@pytest.fixture(scope="module")
def model(finished):
    return read_model(finished.folder / "models/best.npz")


@pytest.mark.parametrize("prime", ["t", "the quick brown fox", TEXT[:700]])
def test_a_prime_leaves_the_state_that_reading_it_leaves(model, prime):
    ids = model.vocabulary.encode(prime)
    h, last = request.primed(model, prime)
    expected = rnn.forward(model.theta, ids[:-1], model.h)[0][-1]
    np.testing.assert_allclose(h, expected, rtol=0, atol=1e-12)
    assert last == ids[-1]


def test_a_request_is_refused_before_its_primes_are_read(model):
    for primes in (["fox"] * 5000 + [5], ["x" * 1_000_001], ["Ü" * 1_000_001]):  # none of them could be read
        with pytest.raises(WrongInput, match=f"length: 1 for {len(primes):,} primes: a request may"):
            request.continue_primes(model, primes, DEFAULTS | {"length": 1})
    with pytest.raises(WrongInput, match="is not allowed; allowed is a text") as refused:
        request.continue_primes(model, [list(range(1000))], DEFAULTS | {"length": 1})
    assert len(str(refused.value)) < 100


def test_a_prime_is_written_first_and_read_from_standard_input_as_it_is(finished):
    printed, _ = said(finished, "sample", "--prime", "the quick ", "--length", "30")
    assert (printed[:10], len(printed)) == ("the quick ", 10 + 30 + 1)
    assert said(finished, "sample", "--prime", "-", "--length", "30", given=b"the quick ")[0] == printed


def test_unseen_characters_are_named_and_skipped_or_refused(finished):
    printed, warning = said(finished, "sample", "--prime", "Ünthe ZZfox\udcff", "--length", "30")
    assert warning == "warning: skipped characters outside the vocabulary: 'Z' 2 times, 'Ü', '\\udcff'\n"
    assert printed == said(finished, "sample", "--prime", "nthe fox", "--length", "30")[0]
    printed, refusal = said(finished, "sample", "--prime", "Ünthe", "--strict", code=2)
    assert (printed, refusal) == ("", "--prime: --strict refuses characters outside the vocabulary: 'Ü'\n")


def test_a_text_ends_with_what_ends_it_also_across_blocks(finished):
    whole, _ = said(finished, "sample", "--length", "2000")
    for start, size in ((3, 4), (254, 6), (255, 2), (256, 1), (700, 12), (10, 258), (5, 600)):
        ending = whole[start : start + size]
        printed, _ = said(finished, "sample", "--until", ending)
        assert printed == whole[: whole.index(ending) + size] + "\n"
    assert said(finished, "sample", "--until", "nonsensequick", "--length", "300")[0] == whole[:300] + "\n"


def test_many_texts_are_the_one_alone_and_others_and_each_ends_on_its_own(finished):
    options = ("sample", "--prime", "fox", "--until", "o", "--length", "300")
    printed, _ = said(finished, *options, "--samples", "5")
    texts = re.split(r"(?:^|\n\n)==> sample [1-5] of 5 <==\n", printed.removesuffix("\n"))
    assert (texts[0], len(set(texts[1:]))) == ("", 5)
    assert texts[1] + "\n" == said(finished, *options)[0]
    assert all(text.startswith("fox") and (text.endswith("o") or len(text) == 303) for text in texts[1:])


def test_no_text_is_repeated_among_more_than_are_written_at_once(finished, monkeypatch):
    monkeypatch.setenv("CHARLOOM_THREADS", "1")  # 64 at once
    printed, _ = said(finished, "sample", "--samples", "130", "--length", "40")
    texts = re.split(r"==> sample \d+ of 130 <==\n", printed)[1:]
    assert len(texts) == len({text.strip() for text in texts}) == 130


def test_a_seed_is_a_text_and_temperature_zero_needs_none(finished):
    first, again, other = (said(finished, "sample", "--seed", seed)[0] for seed in "112")
    assert first == again != other
    cold = [said(finished, "sample", "--temperature", "0", "--seed", seed)[0] for seed in "12"]
    assert cold[0] == cold[1]
    assert cold[0] == said(finished, "sample", "--top-k", "1")[0] == said(finished, "sample", "--top-p", "1e-9")[0]


def on_terminal(project: Project, *arguments: str, **variables: str) -> str:
    ours, terminal = pty.openpty()
    environment = project.environment() | {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | variables
    subprocess.run(["charloom", *arguments], cwd=project.folder, env=environment, stdout=terminal, check=True)
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # the end
        while more := os.read(ours, 65536):
            shown += more
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def test_a_score_of_the_held_out_end_is_the_metric_and_lines_add_up_to_it(finished, tmp_path):
    held_out = read_prepared(finished.folder / "data/prepared/text.npz")
    text = held_out.vocabulary.decode(held_out.held_out[:])
    figure = read_json(finished.folder / "metrics/train.json", TrainMetrics).best_held_out_bits_per_character
    (tmp_path / "end.txt").write_text(text, encoding="utf-8")
    for place, given in (((str(tmp_path / "end.txt"),), b""), (("-",), text.encode()), ((), text.encode())):
        printed, error = said(finished, "score", *place, given=given)
        assert printed.startswith(f"{figure:.3f} bits per character\nin full             {figure!r}\n")
        assert (f"{len(text) - 1:,} scored" in printed, error) == (True, "")


def test_lines_places_and_characters_outside_the_vocabulary_are_told_apart(finished):
    text = "the quick\n\nbrown Öfox\njumps Ö\n"
    printed, _ = said(finished, "score", "--lines", "--top", "3", given=text.encode())
    summary, table, places = printed.split("\n\n")
    rows = [line.split(maxsplit=4) for line in table.splitlines()[1:]]
    assert [(row[0], row[1]) for row in rows] == [("1", "8"), ("2", "0"), ("3", "9"), ("4", "6")]
    assert rows[1][2:] == ["–", "–"]
    bits = sum(int(row[1]) * float(row[2]) for row in rows if row[1] != "0") / 23
    assert bits == pytest.approx(float(re.search(r"in full +(\S+)", summary)[1]), abs=1e-3)
    assert "23 scored" in summary
    assert "6 skipped, not in the vocabulary of this model: '\\n' 4 times, 'Ö' 2 times" in summary
    found = [line.split(maxsplit=3) for line in places.splitlines()[1:]]
    costs = [float(row[0]) for row in found]
    assert costs == sorted(costs, reverse=True)
    lines = text.split("\n")
    for _, line, place, context in found:
        assert context.endswith(f"[{lines[int(line) - 1][int(place) - 1]}]")


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_a_score_does_not_depend_on_the_pieces_in_which_the_text_is_read(finished, monkeypatch, size):
    text = f"Ö{TEXT[:700]}\r\nÜber the\n\n{TEXT[:90]} Ö\n lazy dog".encode()
    options = ("score", "--lines", "--top", "40")
    expected = said(finished, *options, given=text)
    monkeypatch.setattr(corpus, "PIECE", size)
    monkeypatch.setattr(scoring, "PIECE", 200)
    assert said(finished, *options, given=text) == expected
    assert said(finished, "score", given=text)[0] == expected[0].split("\n\n")[0] + "\n"


@pytest.mark.slow
@pytest.mark.parametrize(("closing", "said", "code"), [
    (">&-", "warning: ", 0), ("2>&-", "fox", 0), (">&- 2>&- <&-", "", 0), ("2> /dev/full", "", 5),
])  # fmt: skip
def test_nobody_has_to_listen_or_to_read_all_but_a_disk_that_is_full_ends_it(finished, closing, said, code):
    printed = finished.run("bash", "-c", f"charloom sample --prime 'Üfox' --length 20 {closing}; echo exit $?")
    assert printed.startswith(said)
    assert printed.endswith(f"exit {code}\n")
    command = "charloom sample --length 999999999999999 | head -c 2000 | wc -c; echo ${PIPESTATUS[0]}"
    assert finished.run("bash", "-c", command).split() == ["2000", "0"]


@pytest.fixture(scope="module")
def odd(finished, tmp_path_factory) -> Project:
    """The finished project with files in it that are not what they should be."""
    project = copied(finished, tmp_path_factory.mktemp("odd") / "project")
    (project.folder / "one.txt").write_text("tÜ")
    (project.folder / "mlflow.db").write_bytes(b"SQLite format 3\0\xff\xff")
    os.mkfifo(project.folder / "pipe")
    with (project.folder / "huge.npz").open("wb") as file:
        file.truncate(10**12)
    return project


@pytest.mark.parametrize(("line", "code", "words"), [
    ("sample --temperature -1", 2, "--temperature: -1 is not allowed; allowed is a number from 0"),
    ("sample --temperature 0,7", 2, "0 takes the likeliest character; a decimal has a point: 0.7\n"),
    ("sample --top-k 1,5", 2, "1,5 is not allowed; allowed is a whole number from 0; 0 leaves all characters\n"),
    ("sample --top-p 0", 2, "--top-p: 0 is not allowed; allowed is a number above 0 and at most 1"),
    ("sample --top-k -1", 2, "--top-k: -1 is not allowed; allowed is a whole number from 0"),
    (f"sample --length {'9' * 5000}", 2, "is not allowed; allowed is a whole number from 0, of at most 15 digits"),
    ("sample --samples 9 --length 99999999999999", 5, "--samples 9 of --length 99999999999999 needs about"),
    ("sample --prime ''", 2, "--prime: an empty text is not allowed"),
    ("sample --until fOx", 2, "--until: the model cannot write characters outside its vocabulary: 'O'"),
    ("sample --model params.yaml", 3, "params.yaml: not a model that charloom wrote"),
    ("sample --model /dev/zero", 2, "/dev/zero: a folder, pipe or device"),
    ("sample --model pipe", 2, "pipe: a folder, pipe or device"),
    ("sample --model huge.npz", 5, "not enough memory"),
    ("sample --prime Привет", 2, "none of these characters is in the model's vocabulary: 'П', 'в', 'е', 'и', 'р', 'т'"),
    ("sample --modal x", 2, "--modal: unknown option; allowed are --model, --prime, --strict, --length, --until"),
    ("sample fox", 2, "charloom sample: unrecognized arguments: fox; `charloom sample --help` shows what is allowed"),
    ("ui --prot 5001", 2, "--prot: unknown option; allowed are --port, --help; did you mean --port?"),
    ("sample --length", 2, "charloom sample: argument --length: expected one argument"),
    ("smaple", 2, "smaple: unknown command; allowed are sample, score, study, study new, compare, verify, "
     "again, track, doctor, ui, new; did you mean sample?"),
    ("'sam\nple'", 2, "sam\\nple: unknown command"),
    ("sample 'a\nb'", 2, "unrecognized arguments: a\\nb; "),
    ("", 2, "charloom: the following arguments are required: COMMAND"),
    ("score data", 2, "data: Is a directory"),
    ("score mlflow.db", 2, "is not UTF-8"),
    ("score", 2, "standard input: the text is empty"),
    ("score one.txt", 2, "one.txt: the vocabulary of this model has 1 of its characters"),
    ("sample --length '3\n4'", 2, "--length: '3\\n4' is not allowed"),
    ("ui --port 80", 2, "--port: 80 is not allowed; allowed is a whole number from 1024 to 65535"),
])  # fmt: skip
def test_a_wrong_request_gets_a_line_and_nothing_is_written(odd, line, code, words):
    before = odd.contents()
    printed, complaint = said(odd, *shlex.split(line), code=code)
    assert words in complaint
    assert (printed, complaint.count("\n")) == ("", 1)
    assert odd.contents() == before
