"""The page that trains in a browser: its arithmetic is the kernel's, to the bit, and it holds the run."""

import hashlib
import json
import math
import random
import re
from base64 import b64encode
from contextlib import chdir
from dataclasses import replace

import numpy as np
import pytest
from harmless import Page
from live import asked, first_difference, in_kernel, in_page, needs_node, numbers, params_with, start_request
from pages.reported import HOSTILE, changed
from projects import ROOT
from projects import TEXT as FOX
from rendered import ensure_only_our_script

from charloom.core.config.params import VARIED
from charloom.core.config.pipeline import files
from charloom.core.kernel.advance import advance
from charloom.core.model.model_file import Model
from charloom.core.model.scoring import bits_per_character
from charloom.core.network.recipe import KERNEL, OPTIMIZERS
from charloom.core.network.state import initial_state
from charloom.core.text.vocabulary import Vocabulary
from charloom.pages.live import live_page as live
from charloom.pages.live.live_page import TRAINABLE
from charloom.pages.sections import TEMPLATES
from charloom.sampling.request import continue_primes
from charloom.sampling.writing import CHECKPOINT, Choice, blocks, random_stream
from charloom.signature.hashes import SEQ_LENGTH, SMALL_TEXT, UPDATES, M

NOVEL = (ROOT / "data/moby_dick.txt").read_text(encoding="utf-8-sig")


@pytest.fixture
def written(finished, results):
    """Return a function that writes the page of a run as the plot stage does, in the folder of the project."""

    def write(run=results):
        with chdir(finished.folder):
            return live.live_page(run, files("plot")["models/checkpoints"])

    return write


def write_request(model: Model, prime: str, choice: dict) -> dict:
    """Return the request for a text of the model after the prime."""
    of_page = {
        "m": model.theta.m, "vocabulary": list(model.vocabulary.characters), "h": model.h.tolist(),
        "first": model.first, "update": model.update, "base64": b64encode(model.theta.flat.tobytes()).decode(),
    }  # fmt: skip
    return {"kind": "write", "model": of_page, "prime": prime, **choice}


def data_of(page):
    """Return the data that the page's scripts read."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


@needs_node
def test_a_training_in_the_page_has_the_hashes_of_the_signature():
    params = params_with(m=M, seq_length=SEQ_LENGTH, train__clip=0.5, prepare__held_out=0.0)
    counts = np.diff((0, *UPDATES)).tolist()
    _, *states = asked([start_request(params, SMALL_TEXT), *({"kind": "train", "updates": each} for each in counts)])
    digest, hashes, smooth = hashlib.sha256(), {}, []
    for update, state in zip(UPDATES, states, strict=True):
        digest.update(np.array(state["losses"]).tobytes() + np.array(state["smooth"]).tobytes())
        smooth += state["smooth"]
        best = int(np.argmin(smooth))
        # As `state_bytes` of signature/hashes.py has it.
        arrays = [numbers(state[name]) for name in ("theta", "first", "h", "best", "best_h")]
        arrays.append(np.array([update, smooth[-1], best, smooth[best]]))
        content = b"".join(each.tobytes() for each in arrays)
        hashes[str(update)] = hashlib.sha256(digest.digest() + content).hexdigest()
    assert hashes == json.loads((ROOT / "signature.json").read_text())["float64"]


@pytest.mark.slow
@needs_node
def test_the_first_updates_with_adam_on_the_novel_are_the_kernel_s():
    """With AdaGrad all updates: tests/all/test_live_page.py."""
    params = params_with(m=96, optimizer="adam", eta=0.01, sigma="fan_in", train__clip=None, train__loss="mean")
    state, rows = in_page(params, NOVEL, 2000), in_kernel(params, NOVEL, 2000)
    assert not first_difference(state, rows)
    assert numbers(state["best"]).tobytes() == rows.best.theta.flat.tobytes()


@needs_node
def test_a_training_in_the_page_has_the_committed_results(written, results):
    held = data_of(written())
    _, answers = asked([start_request(results.params, held["text"]), {"kind": "finish"}])
    assert {str(100 * n): loss for n, loss in enumerate(answers[-1]["curve"])} == held["curve"]
    here = [each["checkpoint"] for each in answers if each["checkpoint"]]
    assert {str(each["update"]): [each["hash"], each["text"]] for each in here} == held["checkpoints"]
    assert answers[-1]["results"] == held["results"] == results.results
    assert answers[-1]["held_out"] == held["held_out"] == results.train.held_out_bits_per_character


@needs_node
@pytest.mark.parametrize(("updates", "limit"), [(300, 5000), (250, 101), (500, 100), (3, 2), (7, 1)])
def test_the_last_model_of_the_page_has_the_kernels_held_out_bits_and_text(updates, limit):
    """Also in whole chunks, at the end of an epoch (250 updates), and for one character, which predicts nothing."""
    changes = {"train__updates": updates, "train__checkpoint_every": updates, "train__held_out_characters": limit}
    params, text = params_with(m=17, prepare__held_out=0.3, **changes), NOVEL[:8930]
    _, answers = asked([start_request(params, text), {"kind": "finish"}])
    state, vocabulary = in_kernel(params, text, updates).after, Vocabulary("".join(sorted(set(text))))
    held_out = vocabulary.encode(text[-int(0.3 * len(text)) :])
    ids = vocabulary.encode(text[updates % 250 * params.seq_length :][:1])
    stream = random_stream(params.seed, CHECKPOINT, updates)
    written, _ = next(
        blocks(state.theta, state.carried[None], ids, [stream], Choice(params.sample.temperature), KERNEL)
    )
    assert answers[-1]["checkpoint"]["text"] == vocabulary.decode(written[0, : params.sample.length].tolist())
    assert params.recipe.epoch(len(text) - len(held_out)) == 250
    assert answers[-1]["held_out"] == bits_per_character(state.theta, held_out, state.carried, KERNEL, limit)


@needs_node
def test_the_text_of_a_checkpoint_in_the_page_is_the_kernel_s():
    changes = {"train__updates": 100, "train__checkpoint_every": 100, "sample__length": 250, "sample__temperature": 0.5}
    params, text = params_with(m=9, prepare__held_out=0.0, **changes), FOX * 10
    _, answers = asked([start_request(params, text), {"kind": "finish"}])
    after, vocabulary = in_kernel(params, text, 100).after, Vocabulary("".join(sorted(set(text))))
    ids = vocabulary.encode(text[100 * params.seq_length :][:1])
    streams = [random_stream(params.seed, CHECKPOINT, 100)]
    written, _ = next(blocks(after.theta, after.carried[None], ids, streams, Choice(0.5), KERNEL))
    assert answers[-1]["checkpoint"]["text"] == vocabulary.decode(written[0, :250].tolist())


@pytest.mark.slow
@needs_node
@pytest.mark.parametrize(("sigma", "m"), [(0.01, 30), (2.0, 17)])
def test_100_texts_in_the_page_are_those_of_charloom_sample(sigma, m):
    rng, text = random.Random(m), NOVEL[:50_000] + "déjà vu; ñandú, 漢字 😀" * 20  # noqa: S311  a test's
    vocabulary = Vocabulary("".join(sorted(set(text))))
    params = params_with(m=m, sigma=sigma, prepare__held_out=0.0)
    after = advance(initial_state(params.recipe, len(vocabulary), 1), vocabulary.encode(text), 500, params.recipe).after
    model = Model(after.theta, after.carried, 3, vocabulary, 500, 1.0)
    primes = [rng.choice(["Call me", "a", "déjà 漢 Q", text[: rng.randrange(1, 5000)]]) for _ in range(100)]
    given = [
        {
            "temperature": rng.choice([0.0, 1e-9, 0.3, 0.7, 1.0, 1.7, 1e300]),
            "top_k": rng.choice([0, 0, 1, 2, 9, 10**14]), "top_p": rng.choice([1.0, 1.0, 0.9, 0.5, 1e-9]),
            "length": rng.randrange(400), "seed": rng.choice([rng.randrange(100), rng.randrange(10**15)]),
        }
        for _ in primes
    ]  # fmt: skip
    answers = asked([write_request(model, prime, each) for prime, each in zip(primes, given, strict=True)])
    texts = [each["prime"] + each["text"] for each in answers]
    assert texts == [continue_primes(model, [prime], each)[0] for prime, each in zip(primes, given, strict=True)]


def test_the_loss_chart_has_a_line_for_each_counted_model_and_explains_the_loss(written, results):
    read = Page(written())
    for name, nats in results.text.nats_per_sequence:
        assert f"{name} {nats:.1f}" in read.text
        assert any(f"M0 {-nats}h" in path["d"] for path in read.all("path"))
    choices = math.exp(results.train.smooth_loss / results.params.seq_length)
    assert f"as if it chose among {choices:.1f} equally likely ones" in read.text


def test_the_page_holds_the_text_as_text_and_has_the_same_bytes_each_time(written, results):
    assert data_of(written())["text"] == FOX
    assert written() == written()
    characters = "".join(sorted(set(HOSTILE)))
    ids = np.array([characters.index(each) for each in HOSTILE], np.uint8)
    text = replace(results.corpus, vocabulary=Vocabulary(characters), training=ids, held_out=ids[:0])
    hostile = written(results._replace(corpus=text))
    assert data_of(hostile)["text"] == HOSTILE
    assert "<script>alert" not in hostile


@pytest.mark.parametrize(("text", "prime"), [
    (NOVEL[:5000], "Call me"), ("Litwo! Ojczyzno moja! ty jesteś zdrowie", "Litwo! Ojczyzno"), ("一二三。" * 50, ""),
], ids=["after a heading", "Polish", "no spaces"])  # fmt: skip
def test_the_prime_is_at_first_two_words_of_the_text(written, results, text, prime):
    vocabulary = Vocabulary("".join(sorted(set(text))))
    corpus = replace(results.corpus, vocabulary=vocabulary, training=vocabulary.encode(text), held_out=np.zeros(0, int))
    read = Page(written(results._replace(corpus=corpus)))
    assert "".join(text for around, text in read.texts if "textarea" in around) == prime


def test_only_our_scripts_may_run_and_nothing_may_be_asked_for(written):
    policy = next(tag["content"] for tag in Page(written()).all("meta") if "http-equiv" in tag)
    scripts = re.findall(r"<script>(.*?)</script>", written(), re.DOTALL)
    hashes = [f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts]
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {' '.join(hashes)} 'wasm-unsafe-eval'; "
        "worker-src blob:; img-src data:"
    )


def test_a_run_that_the_page_cannot_train_is_refused_by_name(written, results):
    text = replace(results.corpus, training=np.zeros(live.LONGEST + 1, np.uint8), held_out=np.zeros(0, np.uint8))
    for run, reason in (
        (changed(results, batch=8), "This run has batch: 8; the page trains runs with train.dtype: float64"),
        (changed(results, train__order="chunks", train__dtype="float32"), "train.dtype: float32, train.order: chunks;"),
        (results._replace(corpus=text), "The text has 10,000,001 characters; the page holds up to 10,000,000 bytes"),
    ):
        refused = written(run)
        ensure_only_our_script(refused)
        assert reason in refused
        assert not Page(refused).all("button")


def test_the_live_page_knows_each_param_of_the_weights_or_its_only_value():
    program = (TEMPLATES / "worker.js").read_text()
    reads = {name: f'"{name}"' if "." in name else rf"\b{name}\b" for name in VARIED}
    unknown = [name for name, read in reads.items() if name not in TRAINABLE and not re.search(read, program)]
    rates = {kind: {f"train.{rate}" for rate in OPTIMIZERS[kind]._fields} for kind in OPTIMIZERS}
    trained = set().union(*(rates[kind] for kind in TRAINABLE["optimizer"]))
    idle = {"train.chunk_length"} | set().union(*rates.values()) - trained  # with the page's only order and optimisers
    assert set(unknown) == idle
