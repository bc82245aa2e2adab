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
    """A point of a published curve; smooth_loss is in nats per sequence."""

    update: int
    smooth_loss: float


class ReportFigures(Published):
    """The result of a public report of the assignment: smooth loss, in nats per sequence, after `update` updates.

    year        the edition of the assignment
    repository  where the report is published
    """

    year: int
    repository: str


class EditionFigures(records.Schema):
    """An edition of the assignment.

    params    its recipe: params by dotted names
    lecturer  the lecturer's smooth losses, in nats per sequence, by updates
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
    smooth_loss     the published curve, by updates, in nats per sequence; `best` is its lowest point
    samples         lengths of the published samples in characters, and updates between two samples
    novel           characters and K of the text on which all published networks were trained
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
    """The outputs of the earlier stages, and figures that are compared with them.

    text       facts about the text
    train      metrics of the training
    gradcheck  errors of the gradient check
    published  figures of the published report and of others
    curves     the run's curves by name; each has its values by update
    samples, quality, marks   the samples, measures of their quality, and what is marked in them
    study      held-out bits per character of the study initial_accumulator's trials, by the initial accumulator,
               ascending: those that differ from this run only in the accumulator and the seed
    seeds      held-out bits per character by seed, of the trials in the study with this run's settings and text
    corpus     the prepared text
    best       the model with the lowest smooth loss
    results    the hash of weights and trace
    network    see ResultsRecord
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
        """Return how many times training has read the training text."""
        return self.train.updates / self.train.updates_per_epoch

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

        None if this run's text is not that novel, or nobody is listed with this recipe. A param that an edition does
        not list has its silent value there.
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

    path  the stage's files by key
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
    """Yield params and held-out bits per character of a study's trials on this run's text, with this run's settings.

    Trials without a held-out cost are left out.

    question_file  the study's asked.json; its tables are in the same folder
    free   dotted names of params that may differ from this run's, as the seed may
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
