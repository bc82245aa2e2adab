"""The files of a study: its question, a row for each trial (a training of a setting with a seed), and the curves.

    studies/x/asked.json  text, params and question, as they were at the first start: see FrozenQuestion
    studies/x/trials.csv  the params that vary, seed, outcome, metrics, hash of the results, key of the trial
    studies/x/curves.csv  key of the trial, update, and the value of each curve; a cell is empty if the curve has no
                          point at this update
    studies/x/passages.csv  key of the trial, and the cost of each passage of the held-out text; missing in studies that
                          an earlier version trained

The files contain no time and no host name: the same study gives the same bytes on every machine, and also if it was
stopped and resumed. A row is damaged if its key differs from the key of its params.
"""

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from charloom.core.base.errors import CharloomError, Damaged
from charloom.core.base.storage import Cells, csv_rows, read_json, write
from charloom.core.base.yaml12 import NO_YAML, scalar_value
from charloom.core.config.params import EarlierParams, Params, as_yaml, flat_of
from charloom.core.config.reading import validated, with_overrides
from charloom.core.config.records import PASSAGES, Schema, TrainMetrics
from charloom.core.network.recipe import NUMPY
from charloom.core.training.headline import DIVERGED, TRAINED, WORSE
from charloom.results.keys import trial_key
from charloom.results.run import POINTS, Run

QUESTION_FILE, TRIALS_FILE = "asked.json", "trials.csv"
METRIC_NAMES = tuple(TrainMetrics.model_fields)
FIRST_METRIC_NAMES = tuple(name for name, field in TrainMetrics.model_fields.items() if field.is_required())
CURVE_COLUMNS = ("trial", "update", *POINTS)
PASSAGE_COLUMNS = ("trial", *(f"passage {n}" for n in range(1, PASSAGES + 1)))
OUTCOME = re.compile(rf"{TRAINED}|{WORSE}|{DIVERGED} at update ([0-9]+)")
QUOTED = 80  # characters of a cell in a message, at most
RESTORE_HINT = "`git restore` brings the file back; if trials.csv is deleted, `charloom study` trains all trials again"
DAMAGE_HINT = "the row, or asked.json in its folder, is damaged"

Runs = dict[str, Run]  # by the keys of trials


class FrozenQuestion(Schema):
    """The content of asked.json: the question and all params of a study. Only the first start reads params.yaml.

    text          path of the text file
    sha256        SHA-256 of the text
    arithmetic    {kind of recipe: digest of the kernel's arithmetic}: see keys.arithmetic_of; part of the key of a row
    question      the content of the study's file
    measures      names of the metrics in a row: those of the charloom version that started the study
    left_open     a text for readers: uncommitted changes of params that the question does not set; "" if there are none
    answers       the numbers of seeds at which an answer was given
    reused        which seeds other answers have shown, so that this one makes no claim; "" if there are none
    earlier       number of answered questions about this baseline on this text that were known at the first start
    small_trials  {kind of recipe: digest}: see trial.small_trial; computed by the sources that trained the rows
    params        all params; a setting of the study replaces some of these values
    """

    text: str
    sha256: str
    arithmetic: dict[str, str]
    question: dict[str, Any]
    measures: tuple[str, ...] = FIRST_METRIC_NAMES
    left_open: str = ""
    answers: list[int] = []  # noqa: RUF012  pydantic copies it
    reused: str = ""
    earlier: int = 0
    small_trials: dict[str, str] = {}  # noqa: RUF012  pydantic copies it
    params: EarlierParams

    def network(self, params: Params) -> str:
        """Return the digest of the code that trains with these params by the backend `numpy`, else ""."""
        return self.arithmetic.get(params.recipe.kind, "") if params.backend == NUMPY else ""

    def key(self, params: Params, folder: Path) -> str:
        """Return the key of a trial with these params. Raises Damaged if their kind has no entry in `arithmetic`.

        folder  the study's folder, which the message names
        """
        if (kind := params.recipe.kind) not in self.arithmetic:
            file = folder / QUESTION_FILE
            raise Damaged(f"{file}: damaged: `arithmetic` has no entry for {kind}; `git restore {file}` brings it back")
        return trial_key(params, self.sha256, self.arithmetic[kind])


def read_frozen_question(file: Path) -> FrozenQuestion:
    """Return the content of an asked.json. Raises Damaged, with the path, if the file is missing or invalid."""
    return read_json(file, FrozenQuestion, f"`git restore {file}` brings it back")


def read_runs(folder: Path, frozen: FrozenQuestion, *, curves: bool = True) -> Runs:
    """Return {key of a trial: run} from the tables in the study's folder; {} if the folder has no trials.csv.

    curves  whether to read curves.csv and passages.csv, too; if False, curves and passages are empty

    Rows of curves.csv and passages.csv without a row in trials.csv are ignored: the study was killed between the
    writes of the files. Raises Damaged, with the file and the line, if a row is invalid.
    """
    runs, seeds = Runs(), dict[str, int]()

    def add(row: Cells) -> None:
        run = from_row(row, frozen)
        key = frozen.key(run.params, folder)
        if row["trial"] != key:
            raise ValueError(f"trial is {row['trial'][:QUOTED]}, but its params have the key {key}: {DAMAGE_HINT}")
        if key in runs:
            raise ValueError(f"trial {key} occurs a second time")
        if run.results and seeds.setdefault(run.results, run.params.seed) != run.params.seed:
            raise ValueError(f"seed {run.params.seed} has the same results as seed {seeds[run.results]}")
        runs[key] = run

    _read(folder / TRIALS_FILE, ("seed", "outcome", *frozen.measures, "results", "trial"), add)
    if curves:
        _read(folder / "curves.csv", CURVE_COLUMNS, lambda row: _add_points(runs, row))
        _read(folder / "passages.csv", PASSAGE_COLUMNS, lambda row: _add_passages(runs, row))
    return runs


def _read(path: Path, names: tuple[str, ...], use: Callable[[Cells], None]) -> None:
    """Call `use` with the cells, by column, of each row of the table. Does nothing if the file does not exist.

    names  the columns that the table must have; it may have more

    Raises Damaged, with the path, if the file cannot be read or is not a CSV table with these columns. Raises Damaged
    also if `use` raises an exception for an invalid row, with the line of the row.
    """
    where = str(path)
    try:
        for line, row in csv_rows(path.read_bytes(), names).items() if path.exists() else ():
            where = f"{path}: line {line}"
            use(row)
    except (OSError, CharloomError, *NO_YAML) as error:
        raise Damaged(f"{where}: {' '.join(str(error).split())}; {RESTORE_HINT}") from None


def _add_points(runs: Runs, row: Cells) -> None:
    """Add the points in a row of curves.csv to the curves of its run, if the runs contain it.

    Raises ValueError if a value is not a finite number, the update is not a number from 0 to the run's last update, or
    a curve already has a point at this update.
    """
    if run := runs.get(row["trial"]):
        update = int(row["update"])
        for name in filter(row.get, POINTS):
            value = float(row[name])
            if not 0 <= update <= run.params.train.updates or update in run.curves[name] or not math.isfinite(value):
                raise ValueError(f"trial {row['trial']}, update {update}: a point is invalid or occurs twice")
            run.curves[name][update] = value


def _add_passages(runs: Runs, row: Cells) -> None:
    """Add the costs in a row of passages.csv to its run, if the runs contain it. Raises ValueError as `float` does."""
    if run := runs.get(row["trial"]):
        runs[row["trial"]] = run._replace(passages=tuple(float(row[name]) for name in PASSAGE_COLUMNS[1:]))


def from_row(row: Cells, frozen: FrozenQuestion) -> Run:
    """Return the run in a row of trials.csv, with empty curves. The stored key is not checked.

    row  cells by column; the columns before `seed` are params

    Raises CharloomError or an exception in NO_YAML (such as ValueError) if a cell is not allowed, or the outcome
    contradicts the results.
    """
    names, outcome, results = list(row), row["outcome"], row["results"]
    replaced = {name: scalar_value(row[name]) for name in names[: names.index("seed") + 1]}
    params = with_overrides(frozen.params, replaced, Path("params"))
    if not (ended := OUTCOME.fullmatch(outcome)) or int(ended[1] or 0) > params.train.updates:
        allowed = f"allowed are {TRAINED}, {WORSE}, {DIVERGED} at update N"
        raise ValueError(f"outcome: {outcome[:QUOTED]!r} is not allowed; {allowed}")
    diverged = outcome.startswith(DIVERGED)
    if not re.fullmatch("" if diverged else "[0-9a-f]{64}", results):
        raise ValueError(f"outcome {outcome} contradicts the hash in results: {results[:QUOTED] or 'missing'}")
    values = {name: row.get(name) or None for name in METRIC_NAMES}
    metrics = None if diverged else validated(TrainMetrics, values, Path("metrics"), strict=False)
    return Run(params, frozen.sha256, outcome, metrics, {name: {} for name in POINTS}, results)


def write_runs(
    folder: Path, varied: Sequence[str], runs: Iterable[tuple[str, Run]], measures: Sequence[str] = METRIC_NAMES
) -> None:
    """Write trials.csv, curves.csv and, if a run has passages, passages.csv, each atomically.

    varied    dotted names of the params in a row
    runs      pairs (key, run), in the order of the rows
    measures  names of the metrics in a row

    Raises Unavailable if a file cannot be written.
    """
    rows: list[list[Any]] = [[*varied, "seed", "outcome", *measures, "results", "trial"]]
    points, passages = [list[Any](CURVE_COLUMNS)], [list[Any](PASSAGE_COLUMNS)]
    for key, run in runs:
        values = flat_of(run.params)
        metrics = run.metrics.model_dump() if run.metrics else dict.fromkeys(METRIC_NAMES)
        setting = [as_yaml(values[name]) for name in varied]
        rows.append([*setting, run.params.seed, run.outcome, *(metrics[name] for name in measures), run.results, key])
        for update in sorted({update for curve in run.curves.values() for update in curve}):
            points.append([key, update, *(run.curves[name].get(update) for name in POINTS)])
        passages += [[key, *run.passages]] if run.passages else []
    tables = {"curves.csv": points} | ({"passages.csv": passages} if len(passages) > 1 else {}) | {TRIALS_FILE: rows}
    for name, table in tables.items():  # trials.csv comes last: a row promises its curves and passages
        content = io.StringIO()
        csv.writer(content, lineterminator="\n").writerows(table)  # floats with all digits, None as an empty cell
        write(folder / name, content.getvalue())
