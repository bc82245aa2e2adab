"""What the page of an experiment is about."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from yaml import YAMLError

from charloom.base.errors import Damaged
from charloom.base.storage import read_json
from charloom.base.yaml_text import parsed
from charloom.model.model_file import Model, read_model
from charloom.network.adagrad import AdaGrad
from charloom.network.order import AS_IT_STANDS
from charloom.network.recipe import Recipe
from charloom.pages.along_updates import Curve
from charloom.results.identity import trial_params
from charloom.results.records import (
    AllMarks,
    EditionFigures,
    GradcheckErrors,
    PublishedFigures,
    SampleMetrics,
    SampleTable,
    TextMetrics,
    TrainMetrics,
)
from charloom.results.run import Run, from_folder
from charloom.results.study_table import read_asked, read_runs
from charloom.settings.params import PARAMS, Params, overridden
from charloom.text.corpus import Text, read_prepared

START = "train.initial_accumulator_value"


class StudyRow(NamedTuple):
    """A trial: its seed, what held-out text costs it, and its smooth loss in nats per sequence."""

    seed: int
    held_out_bits_per_character: float
    smooth_loss: Curve


Study = dict[float, list[StudyRow]]  # by what AdaGrad's accumulator started at, the smallest first


class Results(NamedTuple):
    """What the stages before have written. Curves are by update.

    curves     by name, as a run has them
    study      the committed study's trials by AdaGrad's start, where they are about this text
    seeds      held-out bits per character by seed, of this run's settings and text in all committed studies
    best       the best model
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
    def has_published_recipe(self) -> bool:
        """Return whether its recipe is the report's, but for what AdaGrad's sum starts from: that is what mends it."""
        said, own = self.published.settings, self.params.recipe
        optimizer = AdaGrad(said["eta"], self.params.train.initial_accumulator_value)
        m, T = int(said["m"]), int(said["seq_length"])
        return isinstance(own.optimizer, AdaGrad) and own == Recipe(
            m, T, said["sigma"], said["clip"], "float64", optimizer
        )

    @property
    def published_curve(self) -> Curve:
        """The published smooth loss where it may stand beside this run's, else nothing.

        That is where an update reads as much, and the text is known to be English prose, as the published one is.
        """
        same = self.params.loss_of == (self.published.settings["seq_length"], 1, AS_IT_STANDS)
        return self.published.smooth_loss if same and self.text.sha256 in self.published.drawn_beside else {}

    @property
    def edition(self) -> EditionFigures | None:
        """Return what others came to with this recipe, where this run has read the novel that they have read."""
        if self.published.novel != {"characters": self.text.characters, "K": self.text.K}:
            return None
        own, editions = self.params, self.published.editions.values()
        return next((each for each in editions if overridden(own, each.params, PARAMS).recipe == own.recipe), None)


def read_results(params: Params, path: dict[str, Path]) -> Results:
    """Return what the files hold. Raises Damaged, naming the file, where one is none that a stage wrote."""
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


def read_published(path: Path) -> PublishedFigures:
    """Return the published figures. Raises Damaged, naming the file, where they are not there."""
    try:
        return PublishedFigures.model_validate(parsed(path.read_text(encoding="utf-8")))
    except (OSError, YAMLError, ValueError) as error:
        raise Damaged(f"{path}: {' '.join(str(error).split())}; `git checkout {path}` brings it back") from None


def study_rows(run: Run, published: dict[str, float], asked: Path) -> Study:
    """Return the study's trials where this run's text is theirs, and all params but those of the recipe are; else none.

    published  m, eta, seq_length and sigma, which the study has as the published recipe has them
    asked      what the study asked; its tables lie beside it
    Raises Damaged, naming the file, where one is none.
    """
    question = read_asked(asked)
    if run.text_sha256 != question.sha256:
        return {}

    def apart(params: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in params.items() if name not in {*published, START, "seed"}}

    found: Study = {}
    for each in read_runs(asked.parent, question).values():
        bits = each.metrics.held_out_bits_per_character if each.metrics else None
        if bits is not None and apart(trial_params(each.params)) == apart(trial_params(run.params)):
            row = StudyRow(each.seed, bits, each.curves["smooth_loss"])
            found.setdefault(each.params.train.initial_accumulator_value, []).append(row)
    return dict(sorted(found.items()))


def seeds_of(run: Run, questions: Iterable[Path]) -> dict[int, float]:
    """Return the held-out bits per character, by seed, of all trials with this run's settings and text.

    questions  files of what studies asked; their tables lie beside them
    Raises Damaged, naming the file, if a table is invalid.
    """

    def setting(params: Params) -> dict[str, Any]:
        return {name: value for name, value in trial_params(params).items() if name != "seed"}

    bits: dict[int, float] = {}
    for file in questions:
        question = read_asked(file)
        trials = read_runs(file.parent, question, curves=False) if question.sha256 == run.text_sha256 else {}
        for trial in trials.values():
            measured = trial.metrics.held_out_bits_per_character if trial.metrics else None
            if measured is not None and setting(trial.params) == setting(run.params):
                bits[trial.seed] = measured
    return bits


def bits_of(study: Study) -> dict[float, list[float]]:
    """Return the trials' held-out bits per character."""
    return {start: [row.held_out_bits_per_character for row in rows] for start, rows in study.items()}
