"""Read the files that the experiment's page shows, and the published figures with which it compares the run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from yaml import YAMLError

from charloom.core.base.errors import Damaged
from charloom.core.base.storage import read_json
from charloom.core.base.yaml12 import parse_yaml
from charloom.core.config import records
from charloom.core.config.params import PARAMS, SILENT, VARIED, Params
from charloom.core.config.reading import with_overrides
from charloom.core.model.model_file import Model, read_model
from charloom.core.network.order import AS_IT_STANDS
from charloom.core.text.corpus import Text, read_prepared
from charloom.results.keys import setting_params
from charloom.results.run import Curve, Run, from_folder
from charloom.results.study_table import read_frozen_question, read_runs

START = "train.initial_accumulator_value"


class Published(records.Schema):
    """A point of a published curve: smooth loss, in nats per sequence, after `update` updates."""

    update: int
    smooth_loss: float


class ReportFigures(Published):
    """The result of another public report on the assignment: smooth loss, in nats per sequence, after `update` updates.

    year        the year of the course for which the report was written
    repository  where the report is published
    """

    year: int
    repository: str


class EditionFigures(records.Schema):
    """Published figures for one edition of the assignment, that is, for one recipe.

    params    the recipe of this edition: params by dotted names
    lecturer  the smooth losses of the lecturer's run, in nats per sequence, by update
    reports   results of public reports
    """

    params: dict[str, Any]
    lecturer: dict[int, float]
    reports: list[ReportFigures]


class PublishedFigures(records.Schema, extra="ignore"):
    """data/dd2424_report.yaml: the published figures that a picture or a table shows.

    text            name of the text of the published report, with a remark in parentheses
    drawn_beside    SHA-256 of the texts whose curve may be drawn together with the published curve
    settings        params of the published training
    gradient_check  relative errors of the published gradient check
    smooth_loss     the published curve, in nats per sequence, by update; `best` is the lowest point of this curve
    samples         lengths of the published samples in characters, and the number of updates between two samples
    novel           length in characters, and K, of the text on which all networks in `editions` were trained
    editions        editions of the assignment, by year
    """

    text: str
    drawn_beside: list[str]
    settings: dict[str, float]
    gradient_check: records.Matrices[float]
    smooth_loss: dict[int, float]
    best: Published
    samples: dict[str, int]
    novel: dict[str, int]
    editions: dict[int, EditionFigures]

    @property
    def title(self) -> str:
        """Return the name of the text, without the remark in parentheses."""
        return self.text.partition(" (")[0]


class Results(NamedTuple):
    """The outputs of the stages before `plot`, and figures with which the page compares them.

    text       facts about the text
    train      metrics of the training
    gradcheck  errors of the gradient check
    published  results that other people have published: see PublishedFigures
    curves     the run's curves by name; a curve maps updates to values
    samples, quality, marks   the samples, measures of their quality, and the passages that the page marks in them
    study      from the study initial_accumulator: the held-out bits per character of several seeds, by the initial
               accumulator, ascending. All other params of these trials, and their text, are those of this run
    seeds      from the same study: held-out bits per character, by seed, of the trials with this run's settings
    corpus     the prepared text
    best       the model with the lowest smooth loss
    results    the hash of weights and trace: see records.ResultsRecord
    network    digest of what network/ computes, or "": see records.ResultsRecord
    """

    params: Params
    text: records.TextMetrics
    train: records.TrainMetrics
    gradcheck: records.GradcheckErrors
    published: PublishedFigures
    curves: dict[str, Curve]
    samples: records.SampleTable
    quality: records.SampleMetrics
    marks: records.AllMarks
    study: dict[float, list[float]]
    seeds: dict[int, float]
    corpus: Text
    best: Model
    results: str
    network: str

    @property
    def epochs(self) -> float:
        """Return the number of epochs: how many times training has read the training text."""
        return self.train.updates / self.train.updates_per_epoch

    @property
    def published_curve(self) -> Curve:
        """Return the published smooth loss if it can be compared with that of this run, else an empty curve.

        The two can be compared if an update reads the same number of characters from front to back, and this run's text
        is listed as similar to the published text (`drawn_beside`).
        """
        same = self.params.loss_of == (self.published.settings["seq_length"], 1, AS_IT_STANDS)
        return self.published.smooth_loss if same and self.text.sha256 in self.published.drawn_beside else {}

    @property
    def edition(self) -> EditionFigures | None:
        """Return the published figures of the edition of the assignment that has this run's recipe, on the same novel.

        None if this run's text is not that novel, or if no edition has this recipe. A param that an edition does not
        list has its silent value there: see params.SILENT.
        """
        if self.published.novel != {"characters": self.text.characters, "K": self.text.K}:
            return None
        usual = {name: value for name, value in SILENT.items() if name in VARIED}  # of params that are younger
        for row in self.published.editions.values():
            if with_overrides(self.params, usual | row.params, PARAMS).recipe == self.params.recipe:
                return row
        return None


def read_results(params: Params, path: dict[str, Path]) -> Results:
    """Return the content of the files that the stage `plot` reads.

    path  the files of the stage by key, such as `reports/gradcheck`
    Raises Damaged, with the file's name, if a file is not in the format that a stage writes.
    """
    run = from_folder(params, path)
    text, train = run.text_and_metrics
    study: dict[float, list[float]] = {}
    asked = path["initial_accumulator/asked"]
    for trial, bits in trials_like(run, asked, START):
        study.setdefault(trial.train.initial_accumulator_value, []).append(bits)
    return Results(
        params=params, text=text, train=train, curves=run.curves, results=run.results, network=run.network,
        study=dict(sorted(study.items())), seeds={trial.seed: bits for trial, bits in trials_like(run, asked)},
        gradcheck=read_json(path["reports/gradcheck"], records.GradcheckErrors),
        published=read_published(path["data/dd2424_report"]),
        samples=read_json(path["reports/sample_table"], records.SampleTable),
        quality=read_json(path["metrics/sample"], records.SampleMetrics),
        marks=read_json(path["reports/sample_marks"], records.AllMarks),
        best=read_model(path["models/best"]), corpus=read_prepared(path["prepared/text"]),
    )  # fmt: skip


def trials_like(run: Run, question_file: Path, *free: str) -> Iterator[tuple[Params, float]]:
    """Yield the params and the held-out bits per character of each trial of a study that has this run's settings.

    The seed may differ. Nothing is yielded if the study's text is not that of this run. Trials without a held-out cost
    are left out.

    question_file  the study's asked.json; the study's tables are in the same folder
    free           dotted names of further params that may differ
    Raises Damaged, with the file's name, if a file is invalid.
    """

    def setting(params: Params) -> dict[str, Any]:
        return {name: value for name, value in setting_params(params).items() if name not in free}

    question = read_frozen_question(question_file)
    if question.sha256 == run.text_sha256:
        for trial in read_runs(question_file.parent, question, curves=False).values():
            bits = trial.metrics.held_out_bits_per_character if trial.metrics else None
            if bits is not None and setting(trial.params) == setting(run.params):
                yield trial.params, bits


def read_published(path: Path) -> PublishedFigures:
    """Return the published figures. Raises Damaged, with the file's name, if the file is missing or invalid."""
    try:
        return PublishedFigures.model_validate(parse_yaml(path.read_text(encoding="utf-8")))
    except (OSError, YAMLError, ValueError) as error:
        raise Damaged(f"{path}: {' '.join(str(error).split())}; `git checkout {path}` restores it") from None
