"""Read the files that the experiment's page shows."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.storage import read_json
from charloom.model.model_file import Model, read_model
from charloom.network.order import AS_IT_STANDS
from charloom.pages.along_updates import Curve
from charloom.pages.experiment.published import EditionFigures, PublishedFigures, read_published
from charloom.results.identity import setting_params, trial_params
from charloom.results.records import AllMarks, GradcheckErrors, SampleMetrics, SampleTable, TextMetrics, TrainMetrics
from charloom.results.run import Run, from_folder
from charloom.results.study_table import read_asked, read_runs
from charloom.settings.params import PARAMS, Params, overridden
from charloom.text.corpus import Text, read_prepared

START = "train.initial_accumulator_value"


class StudyRow(NamedTuple):
    """A trial of a study: its seed, its held-out loss at the end, and its smooth loss (nats per sequence) by update."""

    seed: int
    held_out_bits_per_character: float
    smooth_loss: Curve


Study = dict[float, list[StudyRow]]  # trials by the initial value of AdaGrad's accumulator, in ascending order


class Results(NamedTuple):
    """The outputs of the earlier stages, and figures that are compared with them.

    text       facts about the text
    train      metrics of the training
    gradcheck  errors of the gradient check
    published  figures of the published report and of others
    curves     the run's curves by name; each has its values by update
    samples, quality, marks   the samples, measures of their quality, and what is marked in them
    study      the committed study's trials by the initial accumulator; empty if the study has another text
    seeds      held-out bits per character by seed, of all trials in committed studies with this run's settings and text
    corpus     the prepared text
    best       the model with the lowest smooth loss
    results    the hash of weights and trace
    """

    params: Params
    text: TextMetrics
    train: TrainMetrics
    gradcheck: GradcheckErrors
    published: PublishedFigures
    curves: dict[str, Curve]
    samples: SampleTable
    quality: SampleMetrics
    marks: AllMarks
    study: Study
    seeds: dict[int, float]
    corpus: Text
    best: Model
    results: str

    @property
    def epochs(self) -> float:
        """Return how many times training has read the training text."""
        return self.train.updates / self.train.updates_per_epoch

    @property
    def has_published_recipe(self) -> bool:
        """Return whether the recipe is the published report's.

        The initial value of AdaGrad's accumulator may differ, because a larger one cures the jump of the loss.
        """
        own, report = self.params, self.published.editions.get(2021)
        other = {START: own.train.initial_accumulator_value, "train.dtype": "float64"}
        return report is not None and overridden(own, report.params | other, PARAMS).recipe == own.recipe

    @property
    def published_curve(self) -> Curve:
        """Return the published smooth loss if it can be compared with this run's, else an empty curve.

        The two can be compared if an update reads the same number of characters from front to back, and this run's text
        is listed as similar to the published one (`drawn_beside`).
        """
        same = self.params.loss_of == (self.published.settings["seq_length"], 1, AS_IT_STANDS)
        return self.published.smooth_loss if same and self.text.sha256 in self.published.drawn_beside else {}

    @property
    def edition(self) -> EditionFigures | None:
        """Return the results of others with this recipe on the assignment's novel.

        None if this run's text is not that novel, or nobody is listed with this recipe.
        """
        if self.published.novel != {"characters": self.text.characters, "K": self.text.K}:
            return None
        own, editions = self.params, self.published.editions.values()
        return next((row for row in editions if overridden(own, row.params, PARAMS).recipe == own.recipe), None)


def read_results(params: Params, path: dict[str, Path]) -> Results:
    """Return the content of the files that the stage `plot` reads.

    path  the stage's files by key
    Raises Damaged, with the file's name, if a file is not in the format that a stage writes.
    """
    run, published = from_folder(params, path), read_published(path["data/dd2424_report"])
    text, train = run.facts
    return Results(
        params=params,
        text=text,
        train=train,
        gradcheck=read_json(path["reports/gradcheck"], GradcheckErrors),
        published=published,
        curves=run.curves,
        samples=read_json(path["reports/sample_table"], SampleTable),
        quality=read_json(path["metrics/sample"], SampleMetrics),
        marks=read_json(path["reports/sample_marks"], AllMarks),
        study=study_rows(run, published.settings, path["initial_accumulator/asked"]),
        seeds=seeds_of(run, (file for name, file in path.items() if name.endswith("/asked"))),
        best=read_model(path["models/best"]),
        results=run.results,
        corpus=read_prepared(path["prepared/text"]),
    )


def study_rows(run: Run, published: dict[str, float], asked: Path) -> Study:
    """Return the study's trials with this run's text and params; {} if the study has another text.

    The params in `published`, the initial accumulator and the seed may differ from the run's. Trials without a held-out
    loss are left out.

    published  params of the published recipe, with which the study was run
    asked      the study's asked.json; its tables are in the same folder
    Raises Damaged, with the file's name, if a file is invalid.
    """

    def other_params(params: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in params.items() if name not in {*published, START, "seed"}}

    study: Study = {}
    for trial, bits in _measured_trials(run, asked, curves=True):
        if other_params(trial_params(trial.params)) == other_params(trial_params(run.params)):
            row = StudyRow(trial.seed, bits, trial.curves["smooth_loss"])
            study.setdefault(trial.params.train.initial_accumulator_value, []).append(row)
    return dict(sorted(study.items()))


def seeds_of(run: Run, questions: Iterable[Path]) -> dict[int, float]:
    """Return the held-out bits per character, by seed, of all trials with this run's settings and text.

    questions  the asked.json of each study; a study's tables are in the same folder
    Raises Damaged, with the file's name, if a file is invalid.
    """
    own = setting_params(run.params)
    trials = [pair for asked in questions for pair in _measured_trials(run, asked, curves=False)]
    return {trial.seed: bits for trial, bits in trials if setting_params(trial.params) == own}


def _measured_trials(run: Run, asked: Path, *, curves: bool) -> Iterator[tuple[Run, float]]:
    """Yield the study's trials with a held-out loss, and this loss; none if the study has another text than the run."""
    question = read_asked(asked)
    if question.sha256 == run.text_sha256:
        for trial in read_runs(asked.parent, question, curves=curves).values():
            if trial.metrics and (bits := trial.metrics.held_out_bits_per_character) is not None:
                yield trial, bits


def bits_of(study: Study) -> dict[float, list[float]]:
    """Return the trials' held-out bits per character by the initial accumulator."""
    return {start: [row.held_out_bits_per_character for row in rows] for start, rows in study.items()}
