"""Measure how often an answer claims a difference, in sequences of questions that charloom admits.

`python benchmarks/seeds.py` writes benchmarks/seeds.md; `python benchmarks/seeds.py 200` simulates fewer sequences. No
setting differs from another, so each claim is false. Each question after the first is chosen after a look at all
earlier answers. The functions that `charloom study` calls decide which seeds are used, and answer.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from charloom.core.config.params import Params
from charloom.core.config.reading import read_params
from charloom.core.config.records import DEFAULT_MEASURE, PART_MEASURE, TrainMetrics
from charloom.core.training.headline import TRAINED
from charloom.results.keys import arithmetic_of
from charloom.results.run import Run
from charloom.results.study_table import METRIC_NAMES, FrozenQuestion, Runs
from charloom.study.freeze import read_study
from charloom.study.measuring import study_measurements
from charloom.study.seeds import is_same_question, used_seeds, with_seeds
from charloom.study.study_file import Study, StudyFile, study_of
from seedpairs import answered
from seedpairs.data_types import BETTER, WORSE, Analysis

ROOT = Path(__file__).parent.parent
USUAL = read_params(ROOT / "params.yaml")
ARITHMETIC = {USUAL.recipe.kind: arithmetic_of(USUAL.recipe.kind)}
SHA256, FIVE = "0" * 64, [1, 2, 3, 4, 5]
METRICS_OF_NOBODY = TrainMetrics.model_validate(
    {name: 0 if {"update", "updates", "read"} & {*name.split("_")} else 0.0 for name in METRIC_NAMES}
)


class Project:
    """A project without any difference between settings, and its answers so far.

    A training costs the sum of an effect of its seed and of noise. The noise depends on the setting, except for its
    number of updates, for the greater part: a short training is the beginning of a long one.
    """

    def __init__(self, number: int):
        """Set the project's number, from which its noise is drawn."""
        self.number, self.answers = number, list[Study]()

    def noise(self, *of: object) -> float:
        """Return a normal number, the same for equal arguments."""
        digest = hashlib.sha256(repr((self.number, *of)).encode()).digest()
        return float(np.random.default_rng(np.frombuffer(digest, np.uint64)).normal())

    def cost(self, params: Params) -> float:
        """Return what a training costs."""
        line, updates = (params.eta, params.sigma, params.seed), params.train.updates
        return self.noise(params.seed) + self.noise(*line) + 0.5 * self.noise(*line, updates)

    def study(
        self, values: list[float], seeds: list[int], baseline: float = 0.1, measure: str = DEFAULT_MEASURE
    ) -> Study:
        """Return the question whether a learning rate is better than the baseline's."""
        content = {"settings": [{"eta": value} for value in values], "baseline": {"eta": baseline}, "seeds": seeds}
        file = StudyFile.model_validate(content | {"measure": measure})
        asked = FrozenQuestion(
            text="-", sha256=SHA256, arithmetic=ARITHMETIC, question=file.recorded, measures=METRIC_NAMES, params=USUAL
        )
        return study_of(Path(f"studies/{len(self.answers)}.yaml"), file, asked, Runs())

    def free(self, study: Study, number: int) -> list[int]:
        """Return the first `number` seeds that no answer uses with the study's settings."""
        taken = used_seeds(with_seeds(study, []), self.answers)
        return [seed for seed in range(1, 200) if seed not in taken][:number]

    def answer(self, study: Study, *, ruled: bool = True) -> Analysis | None:
        """Return the answer as `charloom study` gives it; None if a seed is used. Without the rule, no seed is."""
        same = [other for other in self.answers if is_same_question(study, other)]
        if ruled and not same and used_seeds(study, self.answers).keys() & {*study.question.seeds}:
            return None
        study = study.with_analysis_at(len(study.question.seeds), *(n for other in same for n in other.frozen.answers))
        for own in study.trials().values():
            for trial in own:
                metrics = METRICS_OF_NOBODY.model_copy(update={DEFAULT_MEASURE: self.cost(trial.params)})
                study.runs[trial.key] = Run(trial.params, SHA256, TRAINED, metrics, {}, "")
        self.answers.append(study)
        return answered(study_measurements(study))

    def ensure_refused(self, study: Study) -> None:
        """Raise ValueError if the question is not refused."""
        if self.answer(study) is not None:
            raise ValueError(f"{study.question} is not refused")

    def claims(self, study: Study, *, ruled: bool = True) -> bool:
        """Return whether the answer claims a difference. The question must not be refused."""
        return any(one.verdict in {BETTER, WORSE} for one in self.answer(study, ruled=ruled).comparisons)


def asked_until_it_succeeds(project: Project) -> list[bool]:
    """The same question four times, on free seeds."""
    return [project.claims(project.study([0.05], project.free(project.study([0.05], FIVE), 5))) for _ in range(4)]


def with_more_seeds(project: Project) -> list[bool]:
    """More seeds after each answer: the first answer decides."""
    return [project.claims(project.study([0.05], [*range(1, n + 1)])) for n in (3, 5, 10, 20)]


def best_of_ten(project: Project) -> list[bool]:
    """Ten settings, each in a study of its own; then the best one again, on free seeds."""
    means = {}
    for n in range(10):
        study = project.study([value := 0.2 + n / 100], FIVE)
        if n:
            project.ensure_refused(study)  # the baseline has been shown with these seeds
        answer = project.answer(project.study([value], project.free(study, 5)))
        means[value] = answer.comparisons[0].mean_difference
    best = project.study([min(means, key=means.get)], FIVE)
    return [project.claims(with_seeds(best, project.free(best, 5)))]


def where_the_baseline_was_worst(project: Project) -> list[bool]:
    """A new setting on the seeds where the known baseline was worst is refused; on free seeds it is not."""
    answer = project.answer(project.study([0.05], [*range(1, 13)]))
    costs = {seed: trial.value for seed, trial in answer.settings[answer.baseline].items()}
    study = project.study([0.2], sorted(costs, key=costs.get)[-5:])
    project.ensure_refused(study)
    return [project.claims(with_seeds(study, project.free(study, 5)))]


def after_a_short_study(project: Project) -> list[bool]:
    """The seeds that a short study would choose for the long one are refused."""
    values, base = [{"eta": 0.05, "train.updates": 10_000}], {"eta": 0.1, "train.updates": 10_000}
    short = project.study([0.05], [*range(1, 13)])
    content = short.question.model_copy(update={"settings": values, "baseline": base})
    answer = project.answer(study_of(short.path, content, short.frozen, Runs()))
    differences = answer.comparisons[0].differences
    study = project.study([0.05], sorted(differences, key=differences.get)[:5])
    project.ensure_refused(study)
    return [project.claims(with_seeds(study, project.free(study, 5)))]


def other_settings_on_the_same_seeds(project: Project) -> list[bool]:
    """Three questions without a common setting, on the same seeds."""
    return [project.claims(project.study([low], FIVE, high)) for low, high in ((0.05, 0.1), (0.06, 0.2), (0.07, 0.3))]


def after_another_measure_was_refused(project: Project) -> list[bool]:
    """Another measure, another baseline and fewer seeds are refused; on free seeds each is a question of its own."""
    project.answer(project.study([0.05], FIVE))
    claims = []
    for study in (
        project.study([0.05], FIVE, measure="best_smooth_loss"), project.study([0.1], FIVE, 0.05),
        project.study([0.05], FIVE[:3]), project.study([0.05, 0.2], FIVE),
    ):  # fmt: skip
        project.ensure_refused(study)
        if study.question.measure == DEFAULT_MEASURE:
            claims.append(project.claims(with_seeds(study, project.free(study, 5))))
    return claims


def best_against_worst(project: Project) -> list[bool]:
    """Without the rule: ten settings, each in a study of its own; then the best against the worst, on these seeds."""
    answers = [project.answer(project.study([0.2 + n / 100], FIVE), ruled=False) for n in range(10)]
    means = {0.2 + n / 100: answer.comparisons[0].mean_difference for n, answer in enumerate(answers)}
    study = project.study([min(means, key=means.get)], FIVE, max(means, key=means.get))
    return [project.claims(study, ruled=False)]


SEQUENCES: dict[str, Callable[[Project], list[bool]]] = {
    "the same question four times, each on free seeds": asked_until_it_succeeds,
    "more seeds after each answer: 3, 5, 10, 20": with_more_seeds,
    "the best of ten settings of ten studies, again on free seeds": best_of_ten,
    "a new setting, where the baseline was worst: refused; on free seeds": where_the_baseline_was_worst,
    "the seeds of a short study for a long one: refused; on free seeds": after_a_short_study,
    "three questions without a common setting, on the same seeds": other_settings_on_the_same_seeds,
    "another baseline, fewer seeds, more settings: refused; on free seeds": after_another_measure_was_refused,
}


def shares(sequence: Callable[[Project], list[bool]], count: int) -> np.ndarray:
    """Return, for each answer of the sequence, the share of `count` projects in which it claims a difference."""
    return np.mean([sequence(Project(number)) for number in range(count)], axis=0)


def prefix_correlation() -> dict[str, float]:
    """Return, by setting, the correlation over seeds of the held-out cost after 10,000 and after all updates."""
    study = read_study(ROOT / "studies/initial_accumulator.yaml")
    correlations = {}
    for setting, trials in study.trials().items():
        curves = [study.runs[trial.key].curves[PART_MEASURE] for trial in trials]
        costs = [[curve[10_000], curve[max(curve)]] for curve in curves]
        correlations[setting] = float(np.corrcoef(np.transpose(costs))[0, 1])
    return correlations


def page(count: int) -> Iterator[str]:
    """Yield the lines of the page."""
    error = 1.96 * (0.05 * 0.95 / count) ** 0.5
    argument = "" if count == 2000 else f" {count}"
    yield "# False claims in sequences of questions\n"
    yield (
        f"Written by `python benchmarks/seeds.py{argument}`: {count:,} simulated sequences per row. No setting differs "
        "from another, so each claim is false. Each question is chosen after a look at all earlier answers. *Refused* "
        "means that `charloom study` refuses the question, in every sequence. "
        f"A share of 0.05 has a sampling error of ±{error:.3f} (95 % interval). "
        "[The rule](../docs/studies.md#a-seed-answers-one-question).\n"
    )
    yield "| sequence | share of claims, for each answer |"
    yield "|---|---|"
    without = {"**without the rule:** the best of ten settings of ten studies against the worst": best_against_worst}
    for name, sequence in (SEQUENCES | without).items():
        yield f"| {name} | {', '.join(f'{share:.3f}' for share in shares(sequence, count))} |"
    yield "\n## A short training is the beginning of a long one\n"
    yield "Correlation of the held-out costs after 10,000 and after 100,000 updates (`studies/initial_accumulator`):\n"
    yield from (f"- {setting}: {correlation:.2f}" for setting, correlation in prefix_correlation().items())


if __name__ == "__main__":
    lines = page(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
