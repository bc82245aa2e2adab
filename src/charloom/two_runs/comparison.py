"""Compare two runs: their params, code and costs of the held-out text, and chance. Print this as text."""

import textwrap
from pathlib import Path
from typing import NamedTuple

from charloom.core.base.terminal import visible
from charloom.core.base.types import Array
from charloom.core.base.words import in_line, listed
from charloom.core.config.params import as_yaml, flat_of
from charloom.core.config.pipeline import ensure_repository
from charloom.core.model.model_file import Model, read_model
from charloom.core.model.scoring import score
from charloom.core.network.logarithm import LN2
from charloom.core.text.corpus import read_prepared
from charloom.results.keys import differing
from charloom.two_runs.costs import FEWEST, KINDS, Shares, Spread, by_kind, by_position, half_width, shares
from charloom.two_runs.seeds import in_studies, models_at_hand, train_models
from charloom.two_runs.sides import Side, at_hand, code_patch, read_side
from seedpairs.data_types import CANNOT_TELL

FETCH = "`dvc fetch --all-commits` brings it if a remote has it."


class Comparison(NamedTuple):
    """Two runs and how they differ.

    a, b       the runs
    params     (name, value in A, value in B) of each param that differs and can change a result
    patch      the difference of src, dvc.yaml and requirements.lock between A and B, as a patch
    bits       B's held-out cost minus A's, in bits per character; None if the runs are not comparable
    unlike     a phrase that says why the runs are not comparable; "" if they are
    chance     sentences on whether the difference may be chance
    half       the half width of the band of chance: see costs.half_width; None if too few seeds are known
    kinds      the parts of the difference by kind of character; [] if a model or the text is missing
    positions  the parts of the difference by position in the text
    missing    a sentence that says why there are no parts; "" if there are some
    """

    a: Side
    b: Side
    params: list[tuple[str, str, str]]
    patch: str
    bits: float | None = None
    unlike: str = ""
    chance: tuple[str, ...] = ()
    half: float | None = None
    kinds: Shares = ()
    positions: Shares = ()
    missing: str = ""

    @property
    def headline(self) -> str:
        """Return a sentence on which run costs less, and by how much, or why the runs are not comparable."""
        if self.bits is None:
            return f"Not comparable: {self.unlike}."
        a, b = _bits(self.a), _bits(self.b)
        if self.a.run.results == self.b.run.results != "":
            return f"A and B are the same to the last bit: {a:.3f} bits per character of the held-out text."
        if not self.bits:
            return f"A and B cost the same: {a:.3f} bits per character of the held-out text."
        sure, kind = "" if self.half is None else f" ± {self.half:.3f}", "less" if self.bits < 0 else "more"
        return (
            f"B costs {abs(self.bits):.3f}{sure} bits {kind} per character of the held-out text ({b:.3f}, A {a:.3f})."
        )

    @property
    def about(self) -> list[str]:
        """Return sentences with the params, text and code that differ, and the inputs newer than the results."""
        rows = [f"{name} is {a} in A and {b} in B" for name, a, b in self.params]
        lines = [f"Params that differ: {'; '.join(rows)}." if rows else "All params of the training are equal."]
        lines += ["The texts differ."] if self.a.run.text_sha256 != self.b.run.text_sha256 else []
        files = [line.split(" b/")[-1] for line in self.patch.splitlines() if line.startswith("diff --git ")]
        lines.append(f"Files of the code that differ: {listed(files)}." if files else "The code is equal.")
        for side in (self.a, self.b):
            if side.newer:
                what = f"{in_line(side.name)}: newer than its results: {listed(side.newer)}"
                lines.append(f"{what}; `dvc repro` makes the results again.")
        return lines

    @property
    def where(self) -> str:
        """Return a sentence on the kinds of characters that differ by more than chance; "" if no parts are known."""
        if not self.kinds or not self.bits:
            return ""
        if self.kinds[0].half is None:
            return "Whether a part of the difference is more than chance is not known: too few seeds have models."
        parts = [f"{row.name} {row.difference:+.4f} ± {row.half:.4f}" for row in self.kinds if row.beyond_chance]
        if not parts:
            return "No kind of character differs by more than chance."
        return f"More than chance, in bits per character: {'; '.join(parts)}."


def _bits(side: Side) -> float:
    return side.run.text_and_metrics[1].held_out_bits_per_character or 0.0


def compare_runs(runs: list[str], seeds: int, folder: Path) -> Comparison:
    """Compare two runs.

    runs    names of the two runs, as the user typed them
    seeds   number of other seeds of each setting to compare with; those without a model are trained. 0: train none
    folder  an empty folder for the files of runs in MLflow

    Raises WrongInput if a name is wrong, or `seeds` cannot be trained.
    """
    ensure_repository()
    a, b = (read_side(name, folder / label) for name, label in zip(runs, "ab", strict=True))
    values = [flat_of(side.run.params) for side in (a, b)]
    names = differing([a.run.params, b.run.params])
    params = [(name, as_yaml(values[0][name]), as_yaml(values[1][name])) for name in names]
    own = Comparison(a, b, params, code_patch(a, b))
    both = [side.run.text_and_metrics[1].held_out_bits_per_character for side in (a, b)]
    if a.run.text_sha256 != b.run.text_sha256:
        return own._replace(unlike="the texts differ")
    if a.run.measured_on != b.run.measured_on:
        return own._replace(unlike="the held-out parts differ")
    if None in both:
        return own._replace(unlike="no text is held out")
    own = own._replace(bits=_bits(b) - _bits(a))
    if not own.bits:
        return own
    verdict, known = in_studies(a, b)
    try:
        own, of_models = _with_parts(own, seeds)
        known = [costs | more for costs, more in zip(known, of_models, strict=True)]
    except _Missing as missing:
        own = own._replace(missing=str(missing))
    spread = [*known[0].values()], [*known[1].values()]
    return own._replace(half=half_width(spread), chance=_chance(own, verdict, spread))


class _Missing(Exception):
    """A model or the text is missing; the message says which and why."""


def _with_parts(own: Comparison, seeds: int) -> tuple[Comparison, list[dict[int, float]]]:
    """Read the held-out text with all models; return the comparison with its parts, and costs by other seed.

    The costs are in bits per character, for A's and for B's setting. Raises _Missing, with a sentence, if a model or
    the text is missing.
    """
    a, b = own.a, own.b
    prepared = at_hand(a, "prepared/text") or at_hand(b, "prepared/text")
    if prepared is None:
        raise _Missing(f"The prepared text is neither in this folder nor in DVC’s cache. {FETCH}")
    text = read_prepared(prepared)
    models = [_model(side, label) for side, label in ((a, "A"), (b, "B"))]
    ids = text.held_out[: a.run.params.train.held_out_characters]
    others = [train_models(x, [a, b], prepared, seeds) if seeds else models_at_hand(x, [a, b]) for x in (a, b)]

    def nats(model: Model) -> tuple[float, Array]:
        read = score(model.theta, ids, model.h, model.backend)
        return read.total / len(read.nats) / LN2, read.nats

    scores = [nats(model) for model in models]
    for side, label, (bits, _) in zip((a, b), "AB", scores, strict=True):
        if bits != _bits(side):
            raise _Missing(f"The code in this folder computes another cost for {label}’s model than was recorded.")
    by_seed = [{seed: nats(model) for seed, model in own_models.items()} for own_models in others]
    held_out, (blocks, position) = text.vocabulary.decode(ids), by_position(len(ids) - 1)
    both, spreads = [costs for _, costs in scores], [[costs for _, costs in x.values()] for x in by_seed]
    own = own._replace(
        kinds=shares(KINDS, by_kind(held_out), both, spreads),
        positions=shares(blocks, position, both, spreads),
    )
    return own, [{seed: bits for seed, (bits, _) in x.items()} for x in by_seed]


def _model(side: Side, label: str) -> Model:
    if (path := at_hand(side, "models/last")) is None:
        raise _Missing(f"The model of {label} is neither in this folder nor in DVC’s cache. {FETCH}")
    return read_model(path)


def _chance(own: Comparison, verdict: str, spread: Spread) -> tuple[str, ...]:
    """Return sentences on whether the difference between A and B may be chance.

    verdict  a study's verdict on the two settings, as a sentence; "" if there is none
    spread   held-out costs by other seeds of A's and of B's setting, in bits per character
    """
    half, bits, sentences = half_width(spread), own.bits or 0.0, (verdict,) * bool(verdict)
    if verdict and CANNOT_TELL not in verdict:
        return sentences
    counts = " and ".join(f"{len(values)} of {label}’s" for label, values in zip("AB", spread, strict=True))
    if half is not None:
        more = "is larger, so it is hardly chance" if abs(bits) > half else "is smaller, so it can be chance"
        often = f"differ by less than {half:.3f} bits in 95 % of all cases (from other seeds: {counts} setting)"
        sentences += (f"Two runs of equally good settings {often}. This difference {more}.",)
    elif not verdict:
        have = f"other seeds are known: {counts} setting; a band needs {FEWEST} of each"
        sentences += (f"One seed each, so this can be chance ({have}). `--seeds {FEWEST}` trains them.",)
    return sentences


def as_text(own: Comparison, width: int) -> str:
    """Return the names of the runs, the difference and its explanation as text for a terminal with `width` columns."""
    lines = [f"A  {named(own.a)}", f"B  {named(own.b)}", "", own.headline, *own.chance, *own.about]
    lines += [line for line in (own.where, own.missing) if line]
    return "".join(f"{textwrap.fill(visible(in_line(line)), max(width, 40))}\n" for line in lines)


def named(side: Side) -> str:
    """Return the run's name with its commit and its seed."""
    return f"{side.name}, commit {side.commit[:7]}, seed {side.run.params.seed}"
