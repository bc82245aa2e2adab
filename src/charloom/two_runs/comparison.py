"""Compare two runs: their params, code and costs of the held-out text, and chance. Print this as text or JSON."""

import json
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel

from charloom.core.base.terminal import HARMFUL, visible
from charloom.core.base.types import Array
from charloom.core.base.words import in_line, listed, number_of
from charloom.core.config.params import as_yaml, flat_of
from charloom.core.config.pipeline import ensure_repository
from charloom.core.config.records import PART_MEASURE
from charloom.core.model.model_file import Model, read_model
from charloom.core.network.logarithm import LN2
from charloom.core.text.corpus import read_prepared
from charloom.results.keys import differing
from charloom.two_runs import costs
from charloom.two_runs.costs import Fork, Guesses, Passage, Share, Word
from charloom.two_runs.seeds import in_studies, models_at_hand, train_models
from charloom.two_runs.sides import Side, at_hand, code_patch, read_side
from seedpairs.data_types import CANNOT_TELL

FETCH = "`dvc fetch --all-commits` brings it if a remote has it."
TRAIN_SEEDS = "The option --seeds 5 trains further seeds."
CURVES = {PART_MEASURE: "held-out cost at the checkpoints", "smooth_loss": "smooth loss"}


class Reading(NamedTuple):
    """The costs of the held-out text by the models of A and B, and parts of the text in which the costs differ.

    text          the measured held-out text, n + 1 characters; U+FFFD stands for a character that can harm a terminal
    bits          costs by A's and by B's model of each character but the first, in bits: two arrays (n,)
    shares        parts of the text, and the share of each in both costs, by title of the division: see costs.Share
    gains, loses  passages of the text in which B's model costs less, and in which it costs more
    guesses       for A's and for B's model, the likeliest characters at each place of the passages `gains` + `loses`
    words         the words that cost less by B's model, and the words that cost more
    fork          the place at which the samples of both models begin to differ: see costs.Fork; None if they are equal
    vocabulary    the characters to which the columns of Fork.p belong
    seeds         other seeds of A's setting: the intervals are computed from models with these seeds
    """

    text: str
    bits: tuple[Array, Array]
    shares: dict[str, list[Share]]
    gains: list[Passage]
    loses: list[Passage]
    guesses: list[list[list[Guesses]]]
    words: tuple[list[Word], list[Word]]
    fork: Fork | None
    vocabulary: str
    seeds: list[int]


class Comparison(NamedTuple):
    """Two runs and how they differ.

    a, b        the runs
    params      (name, value in A, value in B) of each param that differs and can change a result
    code        paths of the training's source files that differ between A and B; [] if they are unknown
    patch       the difference of src, dvc.yaml and requirements.lock between A and B, as a patch
    bits        B's held-out cost minus A's, in bits per character; None if the runs are not comparable
    unlike      a phrase that says why the runs are not comparable; "" if they are
    chance      sentences on whether the difference may be chance
    half        two runs that differ only in the seed differ by less than `half` bits per character with a probability
                of 95 %; None if too few seeds are known
    reading     the costs by character and by part of the text: see Reading; None if a model or the text is missing
    missing     a sentence that says why there is no reading; "" if there is one
    differs_at  the first update at which a curve of A and that of B differ, by the curve's name; None if they do not
    """

    a: Side
    b: Side
    params: list[tuple[str, str, str]]
    code: list[str]
    patch: str
    bits: float | None
    unlike: str
    chance: list[str]
    half: float | None
    reading: Reading | None
    missing: str
    differs_at: dict[str, int | None]

    @property
    def headline(self) -> str:
        """Return a sentence on which run costs less, and by how much, or why the runs are not comparable."""
        if self.bits is None:
            return f"Not comparable: {self.unlike}."
        both = [side.run.text_and_metrics[1].held_out_bits_per_character for side in (self.a, self.b)]
        if not self.bits:
            return f"A and B cost the same: {both[0]:.3f} bits per character of the held-out text."
        kind = "less" if self.bits < 0 else "more"
        costs = f"{both[1]:.3f} instead of {both[0]:.3f}"
        return f"B costs {abs(self.bits):.3f} bits {kind} per character of the held-out text than A: {costs}."

    @property
    def about_params(self) -> str:
        """Return a sentence with the params that differ."""
        rows = [f"{name} is {a} in A and {b} in B" for name, a, b in self.params]
        return f"Params that differ: {'; '.join(rows)}." if rows else "All params of the training are equal."

    @property
    def about_code(self) -> str:
        """Return sentences on whether the texts and the training's source files differ."""
        text = "The texts differ. " if self.a.run.text_sha256 != self.b.run.text_sha256 else ""
        if not (self.a.code and self.b.code):
            return f"{text}Whether the code of the training differs is not recorded."
        code = f"differs: {listed(self.code)}" if self.code else "is equal"
        return f"{text}The code of the training {code}."


def compare_runs(runs: list[str], seeds: int, folder: Path) -> Comparison:
    """Compare two runs.

    runs    names of the two runs, as the user typed them
    seeds   number of other seeds of A's setting to compare with; those without a model are trained. 0: train none
    folder  an empty folder for the files of runs in MLflow

    Raises WrongInput if a name is wrong, or `seeds` cannot be trained.
    """
    ensure_repository()
    a, b = (read_side(name, folder / label) for name, label in zip(runs, "ab", strict=True))
    values = [flat_of(side.run.params) for side in (a, b)]
    names = differing([a.run.params, b.run.params])
    params = [(name, as_yaml(values[0][name]), as_yaml(values[1][name])) for name in names]
    code = sorted(path for path in a.code | b.code if a.code.get(path) != b.code.get(path)) if a.code and b.code else []
    curves = {name: [side.run.curves.get(name, {}) for side in (a, b)] for name in ("loss", *CURVES)}
    differs_at = {name: costs.first_difference(*both) for name, both in curves.items()}
    own = Comparison(a, b, params, code, code_patch(a, b), None, "", [], None, None, "", differs_at)
    both = [side.run.text_and_metrics[1].held_out_bits_per_character for side in (a, b)]
    if a.run.text_sha256 != b.run.text_sha256:
        return own._replace(unlike="the texts differ")
    if a.run.measured_on != b.run.measured_on:
        return own._replace(unlike="the held-out parts differ")
    if both[0] is None or both[1] is None:
        return own._replace(unlike="no text is held out")
    own = own._replace(bits=both[1] - both[0])
    verdict, known = in_studies(a, b)
    try:
        reading, bits_of_seeds = _reading(a, b, seeds)
        own, known = own._replace(reading=reading), known | bits_of_seeds
    except _Missing as missing:
        own = own._replace(missing=str(missing))
    half = costs.half_width([*known.values()])
    return own._replace(half=half, chance=_chance(own, verdict, known, half))


class _Missing(Exception):
    """A model or the text is missing; the message says which and why."""


def _reading(a: Side, b: Side, seeds: int) -> tuple[Reading, dict[int, float]]:
    """Read the held-out text with the models of A, B and other seeds; return the reading, and the cost by other seed.

    seeds  see compare_runs. A cost is in bits per character.

    Raises _Missing, with a sentence, if a model or the text is missing.
    """
    prepared = at_hand(a, "prepared/text") or at_hand(b, "prepared/text")
    if prepared is None:
        raise _Missing(f"The prepared text is neither in this folder nor in DVC’s cache. {FETCH}")
    text = read_prepared(prepared)
    models = [_model(side, label) for side, label in ((a, "A"), (b, "B"))]
    ids = text.held_out[: a.run.params.train.held_out_characters]
    others = train_models(a, b, prepared, seeds) if seeds else models_at_hand(a, b)
    scores = [costs.read_text(model, ids) for model in (*models, *others.values())]
    for side, label, own in zip((a, b), "AB", scores, strict=False):
        measured = side.run.text_and_metrics[1].held_out_bits_per_character
        if own.total / len(own.nats) / LN2 != measured:
            raise _Missing(f"The code in this folder computes another cost for {label}’s model than was recorded.")
    nats = [own.nats for own in scores]
    differences = (nats[1] - nats[0]) / LN2
    held_out = text.vocabulary.decode(ids)
    gains, loses = costs.passages(differences, held_out)
    divisions = costs.divisions(text, held_out)
    reading = Reading(
        text=HARMFUL.sub("\N{REPLACEMENT CHARACTER}", held_out), bits=(nats[0] / LN2, nats[1] / LN2),
        shares={title: costs.shares(labels, nats[0], nats[1], nats[2:]) for title, labels in divisions.items()},
        gains=gains, loses=loses,
        guesses=[costs.likeliest(model, ids, [*gains, *loses]) for model in models],
        words=costs.words(held_out, nats[0], nats[1], nats[2:]),
        fork=costs.fork(models[0], models[1], int(ids[0])), vocabulary=text.vocabulary.characters, seeds=[*others],
    )  # fmt: skip
    return reading, {seed: own.total / len(own.nats) / LN2 for seed, own in zip(others, scores[2:], strict=True)}


def _model(side: Side, label: str) -> Model:
    if (path := at_hand(side, "models/last")) is None:
        raise _Missing(f"The model of {label} is neither in this folder nor in DVC’s cache. {FETCH}")
    return read_model(path)


def _chance(own: Comparison, verdict: str, known: dict[int, float], half: float | None) -> list[str]:
    """Return sentences on whether the difference between A and B may be chance; [] if there is no difference.

    verdict  a study's verdict on the two settings, as a sentence; "" if there is none
    known    held-out costs of A's setting by other seeds, in bits per character
    half     see Comparison
    """
    if not own.bits:
        return []
    sentences = [verdict] if verdict else []
    if verdict and CANNOT_TELL not in verdict:
        return sentences
    if half is not None:
        often = f"by less than {half:.3f} bits in 95 % of all cases (from {len(known)} other seeds)"
        more = "is larger, so it is hardly chance" if abs(own.bits) > half else "is smaller, so it can be chance"
        pairs = "Two trainings of A’s setting that differ only in the seed differ"
        sentences.append(f"{pairs} {often}. The difference between A and B {more}.")
    elif not verdict:
        have = f"{number_of(len(known), 'other seed')} of A’s setting {'is' if len(known) == 1 else 'are'} known"
        chance = f"One seed each, so this can be chance: {have}, and an interval needs {costs.FEWEST}."
        sentences.append(f"{chance} {TRAIN_SEEDS}")
    return sentences


def as_text(own: Comparison, width: int) -> str:
    """Return the names of the runs, the difference and its explanation as text for a terminal with `width` columns."""
    lines = [f"A  {named(own.a)}", f"B  {named(own.b)}", "", own.headline, own.about_params, own.about_code]
    lines += own.chance
    lines += [own.missing] if own.missing else []
    files = [line.split(" b/")[-1] for line in own.patch.splitlines() if line.startswith("diff --git ")]
    lines += [f"Files of the code that differ: {listed(files)}"] if files else []
    return "".join(f"{textwrap.fill(visible(in_line(line)), max(width, 40))}\n" for line in lines)


def named(side: Side) -> str:
    """Return the run's name with its commit and its seed."""
    return f"{side.name}, commit {side.commit[:7]}, seed {side.run.params.seed}"


def as_json(own: Comparison) -> str:
    """Return the comparison, with all costs and curves, as JSON."""
    return json.dumps(_opened(own), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _opened(value: Any) -> Any:
    """Return the value with named tuples and records as mappings, and arrays as lists."""
    if isinstance(value, BaseModel | np.ndarray):
        return value.model_dump() if isinstance(value, BaseModel) else value.tolist()
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: _opened(part) for key, part in value._asdict().items()}
    if isinstance(value, dict):
        return {key: _opened(part) for key, part in value.items()}
    return [_opened(part) for part in value] if isinstance(value, list | tuple) else value
