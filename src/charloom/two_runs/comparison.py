"""Compare two runs: what differs, where the bits went, and what is known about chance; print it as text or JSON."""

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
    """Both models' reading of the held-out text.

    text            the held-out text that is measured, with U+FFFD for harmful characters
    bits            of each character but the first, with A's and with B's model: two arrays (n,)
    shares          the shares of the difference by title of the division
    gains, loses    passages
    guesses         of A's and of B's model, for each of these passages, the likeliest characters at each place
    words           those that cost B less, those that cost B more
    fork            the samples' fork; None if there is none
    vocabulary      the characters of Fork.p
    seeds           seeds of the models of A's setting that the intervals are from
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

    params      name, and value in A and in B, of each param that differs and can change a result
    code        paths of the code of the training that differs
    patch       the difference of the code, as a patch
    bits        B's cost minus A's, in bits per character; None if the runs are not comparable
    unlike      why the runs are not comparable; "" if they are
    chance      sentences about chance
    half        half the width of the prediction interval of `bits`; None if it is unknown
    reading     None if a model or the text is missing
    missing     why `reading` is None, as a sentence; "" if it is not
    differs_at  the first update at which the losses differ, by curve: see costs.first_difference
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
        """Return the sentence about the difference."""
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
        """Return the sentence about params."""
        rows = [f"{name} is {a} in A and {b} in B" for name, a, b in self.params]
        return f"Params that differ: {'; '.join(rows)}." if rows else "All params are equal."

    @property
    def about_code(self) -> str:
        """Return the sentences about the text and the code."""
        text = "The texts differ. " if self.a.run.text_sha256 != self.b.run.text_sha256 else ""
        if not (self.a.code and self.b.code):
            return f"{text}Whether the code of the training differs is not recorded."
        code = f"differs: {listed(self.code)}" if self.code else "is equal"
        return f"{text}The code of the training {code}."


def compare_runs(runs: list[str], seeds: int, folder: Path) -> Comparison:
    """Compare two runs.

    runs    their names
    seeds   at least so many other seeds of A's setting are trained; 0: none
    folder  an empty folder for the files of runs in MLflow

    Raises WrongInput if a name is wrong, or `seeds` cannot be trained.
    """
    ensure_repository()
    a, b = (read_side(name, folder / label) for name, label in zip(runs, "ab", strict=True))
    values = [flat_of(side.run.params) for side in (a, b)]
    names = differing([a.run.params, b.run.params])
    params = [(name, as_yaml(values[0][name]), as_yaml(values[1][name])) for name in names]
    code = sorted(path for path in a.code | b.code if a.code.get(path) != b.code.get(path)) if a.code and b.code else []
    differs_at = {
        name: costs.first_difference(a.run.curves.get(name, {}), b.run.curves.get(name, {}))
        for name in ("loss", *CURVES)
    }
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
    """Read the held-out text with both models and those of other seeds; return the reading, and the seeds' costs.

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
            raise _Missing(f"The code in this folder does not give the cost that {label} has recorded for its model.")
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
    """Return what is known about chance, as sentences.

    verdict  that of a study, as a sentence, or ""
    known    costs of A's setting with other seeds
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
        sentences.append(
            f"One seed each, so this can be chance: {have}, and an interval needs {costs.FEWEST}. {TRAIN_SEEDS}"
        )
    return sentences


def as_text(own: Comparison, width: int) -> str:
    """Return the first part of the page as text for a terminal."""
    lines = [f"A  {_named(own.a)}", f"B  {_named(own.b)}", "", own.headline, own.about_params, own.about_code]
    lines += own.chance
    lines += [own.missing] if own.missing else []
    files = [line.split(" b/")[-1] for line in own.patch.splitlines() if line.startswith("diff --git ")]
    lines += [f"Files of the code that differ: {listed(files)}"] if files else []
    return "".join(f"{textwrap.fill(visible(in_line(line)), max(width, 40))}\n" for line in lines)


def _named(side: Side) -> str:
    return f"{side.name}, commit {side.commit[:7]}, seed {side.run.params.seed}"


def as_json(own: Comparison) -> str:
    """Return all values as JSON."""
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
