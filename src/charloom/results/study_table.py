"""The tables of a study: a row for each trial, and its curves; beside them what was asked.

    studies/x/asked.json  text, params and question, as they were at the first start: see Asked
    studies/x/trials.csv  the params that vary, seed, outcome, metrics, hash of the results, key of the trial
    studies/x/curves.csv  key of the trial, update, and each curve's value, empty where it has none

There is no time and no host in them: the same study gives the same bytes, wherever it was trained and however often it
was stopped. A row whose key is not that of its own params is damage, and so is one that contradicts itself.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator

from charloom.base.errors import CharloomError, Damaged
from charloom.base.storage import read_json, write
from charloom.base.terminal import in_line
from charloom.base.yaml_text import NO_YAML, plain
from charloom.network.recipe import KINDS
from charloom.results.identity import EarlierParams, trial_key, trial_key_0_1
from charloom.results.records import Record, TrainMetrics
from charloom.results.run import DIVERGED, POINTS, TRAINED, WORSE, Run
from charloom.settings.params import IN_ROWS, Params, as_yaml, flat_of, overridden

METRICS = tuple(TrainMetrics.model_fields)
FIRST_METRICS = tuple(name for name, field in TrainMetrics.model_fields.items() if field.is_required())
CURVES = ("trial", "update", *POINTS)
ENDED = re.compile(rf"{TRAINED}|{WORSE}|{DIVERGED} at update ([0-9]+)")
HASH = re.compile(r"[0-9a-f]{64}")
CELL = re.compile("[ -~]{0,80}")  # so that a message may quote it
WHOLE = re.compile("[0-9]{1,16}")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")
AGAIN = "`git restore` brings it back; without it `charloom study` trains all again"
OR_ASKED = "or asked.json beside it is damaged"

Runs = dict[str, Run]  # by the keys of trials


class Asked(Record):
    """What a study asks, in full: written at its first start, and read ever after in place of params.yaml.

    text        its file, and the SHA-256 of its content
    arithmetic  the digest by which its rows are named, for each kind of recipe
    question    what the study's file said
    measures    the metrics that a row says: those that there were when it was asked
    left_open   in what params.yaml, which says all that the question does not, differed from HEAD's; empty: in nothing
    answers     numbers of seeds at which an answer was given
    small_trials  of each kind of recipe a digest of all that a row would say of a small training, by the rows' sources
    params      all of them; a setting has others in their place
    """

    text: str
    sha256: str
    arithmetic: dict[str, str]
    question: dict[str, Any]
    measures: tuple[str, ...] = FIRST_METRICS
    left_open: str = ""
    answers: list[int] = []  # noqa: RUF012  pydantic copies it
    small_trials: dict[str, str] = {}  # noqa: RUF012  likewise
    params: EarlierParams

    @model_validator(mode="after")
    def _kinds(self) -> "Asked":
        """Refuse a kind of recipe that is none, and the lack of the usual one: trials have no keys then."""
        if not {self.params.recipe.kind, *self.small_trials} <= self.arithmetic.keys() <= KINDS:
            raise ValueError("arithmetic, small_trials: not of the kinds of recipe that are asked of")
        return self

    def key(self, params: Params) -> str:
        """Return the key of a trial with these params."""
        return trial_key(params, self.sha256, self._arithmetic(params))

    def key_0_1(self, params: Params) -> str:
        """Return the key that it had in charloom 0.1."""
        return trial_key_0_1(params, self.sha256, self._arithmetic(params))

    def _arithmetic(self, params: Params) -> str:
        if (kind := params.recipe.kind) not in self.arithmetic:
            raise Damaged(f"asked.json: arithmetic: nothing of {kind}")
        return self.arithmetic[kind]


def read_asked(file: Path) -> Asked:
    """Return what was asked. Raises Damaged, naming the file, where it is not what `charloom study` wrote."""
    return read_json(file, Asked, f"`git restore {file}` brings it back")


def read_runs(folder: Path, asked: Asked, *, others_left_out: bool = False, curves: bool = True) -> Runs:
    """Return what the tables in the folder hold; nothing where there are none. Without `curves`, trials.csv alone.

    Raises Damaged, naming file and line, where a row is none. One that has another key than what was asked gives it
    is left out where that is wanted, and else damage.
    """
    file, runs, older, seeds = folder / "trials.csv", Runs(), dict[str, str](), dict[str, int]()
    for line, row in _rows(file, ("seed", "outcome", *asked.measures, "results", "trial")):
        where = f"{file}: line {line}"
        try:
            run = from_row(row, asked)
            key = asked.key(run.params)
        except ValidationError as error:
            first = error.errors()[0]
            raise Damaged(f"{where}: {first['loc'][0]}: {first['input']!r} is no number; {AGAIN}") from None
        except (CharloomError, *NO_YAML) as error:
            raise Damaged(f"{where}: {error}; {AGAIN}") from None
        if row["trial"] not in {key, asked.key_0_1(run.params)}:
            if others_left_out:
                continue
            raise Damaged(f"{where}: trial {row['trial']} is not the key of its own params, {key}, {OR_ASKED}; {AGAIN}")
        if key in runs:
            raise Damaged(f"{where}: a second row of trial {row['trial']}; {AGAIN}")
        if run.results and seeds.setdefault(run.results, run.seed) != run.seed:
            raise Damaged(f"{where}: seed {run.seed} has the results of seed {seeds[run.results]}; {AGAIN}")
        runs[key], older[row["trial"]] = run, key
    for _, row in _rows(folder / "curves.csv", CURVES) if curves else ():
        if row["trial"] not in older:
            continue  # it is written first: a kill came between the two
        if not _joins(row, runs[older[row["trial"]]]):
            raise Damaged(f"{folder / 'curves.csv'}: trial {row['trial']}, update {row['update']}: {AGAIN}")
    return runs


def _joins(row: dict[str, str], run: Run) -> bool:
    """Add the points of a row of curves.csv to the run's; return whether they are finite, of its updates, and new."""
    update = int(row["update"]) if WHOLE.fullmatch(row["update"]) else run.params.train.updates + 1
    for name in filter(row.get, POINTS):
        value = float(row[name]) if NUMBER.fullmatch(row[name]) else math.nan
        if update > run.params.train.updates or update in run.curves[name] or not math.isfinite(value):
            return False
        run.curves[name][update] = value
    return True


def keys_in(folder: Path) -> list[str]:
    """Return the keys that the table's rows have, whatever they say."""
    return [row["trial"] for _, row in _rows(folder / "trials.csv", ("trial",))]


def from_row(row: dict[str, str], asked: Asked) -> Run:
    """Return what a row of trials.csv says, without curves.

    Raises ValidationError where a metric is no number, CharloomError where a param is not allowed, ValueError where
    the row contradicts itself.
    """
    varied = {name: plain(row[name]) for name in list(row)[: list(row).index("seed")]}
    if others := varied.keys() - IN_ROWS:  # its key would not say so
        raise ValueError(f"{min(others)}: no param that a study can vary")
    params = overridden(asked.params, varied | {"seed": plain(row["seed"])}, Path("a param"))
    # 1_0 is 10 to Python, and to nobody who reads a table
    if odd := [name for name, value in row.items() if name in METRICS and "_" in value]:
        raise ValueError(f"{odd[0]}: {row[odd[0]]!r} is no number")
    outcome, results, values = row["outcome"], row["results"], {name: row.get(name) or None for name in METRICS}
    if not (ended := ENDED.fullmatch(outcome)) or int(ended[1] or 0) > params.train.updates:
        raise ValueError(f"outcome: {outcome!r} is none; allowed are {TRAINED}, {WORSE}, {DIVERGED} at update N")
    diverged = outcome.startswith(DIVERGED)
    if diverged != (not results) or (results and not HASH.fullmatch(results)):
        raise ValueError(f"{outcome}, and its results are {results or 'missing'}")
    if diverged and any(value is not None for value in values.values()):
        raise ValueError(f"{outcome}, and it has metrics")
    metrics = None if diverged else TrainMetrics.model_validate(values)
    if metrics and (wrong := [name for name, holds in _relations(metrics, params) if not holds]):
        raise ValueError(f"{wrong[0]}: {row[wrong[0]] or 'missing'} contradicts its params or the rest of the row")
    return Run(params, asked.sha256, outcome, metrics, {name: {} for name in POINTS}, results)


def _relations(metrics: TrainMetrics, params: Params) -> Iterator[tuple[str, bool]]:
    """Yield what holds of each training, under the name of a metric."""
    read, part = metrics.held_out_characters_read, "lowest_held_out_part_bits_per_character"
    lowest, at, below = getattr(metrics, part), metrics.lowest_held_out_part_update, metrics.first_update_below_target
    yield "updates", metrics.updates == params.train.updates
    yield "updates_per_epoch", metrics.updates_per_epoch > 0
    yield "held_out_characters_read", 0 <= read <= params.train.held_out_characters
    for name in ("held_out_bits_per_character", "best_held_out_bits_per_character", part):
        bits = getattr(metrics, name)
        yield name, (bits is not None and bits >= 0 and read > 1) or (bits is None and (read < 2 or name == part))
    yield "lowest_held_out_part_update", (at is None) == (lowest is None) and 0 <= (at or 0) <= metrics.updates
    yield "best_smooth_loss", 0 <= metrics.best_smooth_loss <= metrics.smooth_loss
    yield "best_update", 0 <= metrics.best_update <= metrics.updates
    reached = metrics.best_smooth_loss < params.train.target_smooth_loss
    yield "first_update_below_target", (below is not None) == reached and 0 <= (below or 0) <= metrics.best_update


def write_runs(
    folder: Path, varied: Sequence[str], runs: Iterable[tuple[str, Run]], measures: Sequence[str] = METRICS
) -> None:
    """Write the tables of the runs, each with its key.

    varied    the params that a row says, by dotted names
    measures  the metrics that it says
    """
    rows: list[list[Any]] = [[*varied, "seed", "outcome", *measures, "results", "trial"]]
    points: list[list[Any]] = [list(CURVES)]
    for key, run in runs:
        values = flat_of(run.params)
        metrics = run.metrics.model_dump() if run.metrics else dict.fromkeys(METRICS)
        setting = [as_yaml(values[name]) for name in varied]
        rows.append([*setting, run.seed, run.outcome, *(metrics[name] for name in measures), run.results, key])
        for update in sorted({update for curve in run.curves.values() for update in curve}):
            points.append([key, update, *(run.curves[name].get(update) for name in POINTS)])
    for name, table in (("curves.csv", points), ("trials.csv", rows)):  # a row is written when its curves are there
        content = io.StringIO()
        csv.writer(content, lineterminator="\n").writerows(table)  # floats in full, None as nothing
        write(folder / name, content.getvalue())


def _rows(path: Path, names: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number of each row's line, and its cells by column."""
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if missing := set(names) - set(reader.fieldnames or ()):
                raise ValueError(f"no column {', '.join(sorted(missing))}")
            if len(set(head := reader.fieldnames or ())) < len(head):
                raise ValueError("a column is there twice")
            for row in reader:
                if None in row or None in row.values():
                    raise ValueError(f"line {reader.line_num}: not one value for each column")
                if odd := [cell for pair in row.items() for cell in pair if not CELL.fullmatch(cell)]:
                    raise ValueError(f"line {reader.line_num}: {in_line(odd[0][:80])} is in no table of ours")
                yield reader.line_num, row
    except (OSError, ValueError, csv.Error) as error:
        raise Damaged(f"{path}: {error}; {AGAIN}") from None
