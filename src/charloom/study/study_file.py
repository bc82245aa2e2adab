"""A study's file: settings, seeds, baseline and looks, as YAML.

    text: data/my.txt                                      # default: the text of params.yaml
    title: Does a start at 10 help?                        # the heading of the answer; default: made from the settings
    vary: {train.initial_accumulator_value: [0.0, 10.0]}   # all combinations; or `settings:`, a list of such mappings
    baseline: {train.initial_accumulator_value: 0.0}
    seeds: 10                                              # 1 to 10; or a list
    measure: held_out_bits_per_character
    looks: [3, 5, 10]                                      # numbers of seeds; default: one look, at the end
    smallest_difference: 0.01                              # smaller differences do not matter
    names: {AdaGrad from 10: {train.initial_accumulator_value: 10.0}}  # shown for these settings, instead of params

All other params are those of params.yaml at the first start: freeze.py records them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain, product
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

from pydantic import Field, field_validator, model_validator

from charloom.core.base.errors import WrongInput, allowed_are
from charloom.core.base.words import in_line
from charloom.core.base.yaml12 import parse_as_texts
from charloom.core.config.params import VARIED, Params, ParamSection, Positive, Seed
from charloom.core.config.reading import read_mapping, validated, with_overrides
from charloom.core.config.records import DEFAULT_MEASURE, NATS, Measure
from charloom.results.keys import differing, setting_key, short_digest
from charloom.results.study_table import FrozenQuestion, Runs
from charloom.study.setting_names import given_names, levels_of
from seedpairs.names import setting_name

TRIALS_LIMIT = 1_000_000
ZERO_FIRST = re.compile("(^|,)0[0-9]")  # such as the 05 of 0,05: the second half of a decimal, or no number
CHECKPOINT_EVERY = "train.checkpoint_every"  # a study may set it, for all settings alike

Overrides = dict[str, Any]  # dotted name of a param to its value


class StudyFile(ParamSection):
    """The content of a study's file. The module's docstring describes the keys.

    An optional key that is missing is None; without looks, `looks` is [].
    """

    text: Annotated[str, Field(min_length=1)] | None = None
    vary: dict[str, Annotated[list[Any], Field(min_length=1)]] | None = None
    settings: list[Overrides] | None = None
    baseline: Overrides
    seeds: Annotated[list[Seed], Field(min_length=1)]
    measure: Annotated[Measure, Field(strict=False)]  # from its name
    looks: list[int] = Field(default_factory=list)
    smallest_difference: Positive | None = None
    title: str | None = None
    names: dict[str, Overrides] = Field(default_factory=dict)

    @field_validator("seeds", mode="before")
    @classmethod
    def _number_of_seeds(cls, value: Any) -> Any:
        """Return the seeds 1 to n for a whole number n, at most TRIALS_LIMIT seeds; return another value unchanged."""
        return list(range(1, min(value, TRIALS_LIMIT) + 1)) if type(value) is int else value

    @model_validator(mode="after")
    def _fit_together(self) -> "StudyFile":
        lines = [("title", 120, text) for text in [self.title] if text is not None]
        for key, longest, text in [*lines, *(("names", 60, name) for name in self.names)]:
            if not (text.isprintable() and text.strip() and len(text) <= longest):
                allowed = f"one line of 1 to {longest} printable characters"
                raise ValueError(f"{key}: {in_line(text)[:80] or 'nothing'} is not allowed; allowed is {allowed}")
        if (self.vary is None) == (self.settings is None):
            raise ValueError("vary, settings: give one of these two keys, such as `vary: {eta: [0.05, 0.1]}`")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds: {self.seeds} is not allowed; each seed may occur only once")
        if (looks := self.looks) and (sorted(set(looks)) != looks or looks[0] < 2 or looks[-1] != len(self.seeds)):
            allowed = f"increasing numbers of seeds from 2 to {len(self.seeds)}; the last look is at all seeds"
            raise ValueError(f"looks: {looks} is not allowed; allowed are {allowed}")
        if self.vary and prod(map(len, self.vary.values())) * len(self.seeds) > TRIALS_LIMIT:
            raise ValueError(f"vary: settings and seeds make more than {TRIALS_LIMIT:,} trials, the maximum")
        return self

    @property
    def all_looks(self) -> list[int]:
        """Return the looks, as numbers of seeds; if none is declared, one look at all seeds."""
        return self.looks or [len(self.seeds)]

    @property
    def recorded(self) -> dict[str, Any]:
        """Return the value of `question` for asked.json: the keys of the study's file without those that are None.

        The title and the names are left out, too, because they may change.
        """
        return self.model_dump(mode="json", exclude={"title", "names"}, exclude_none=True)

    def overrides(self) -> list[Overrides]:
        """Return, for each setting, the values that replace those of params.yaml, by the params' dotted names."""
        if self.vary is not None:
            return [dict(zip(self.vary, values, strict=True)) for values in product(*self.vary.values())]
        return self.settings or []


class Trial(NamedTuple):
    """A training to run: the setting's name and the seed in words, the full params, and the key of its row."""

    name: str
    params: Params
    key: str


class Study(NamedTuple):
    """A study: its question, and the runs of its trials so far.

    path      the study's file
    question  the content of the file
    settings  full params of each setting by name, in the order of the file
    baseline  name of the setting that the others are compared with
    frozen    the content of asked.json: text and params of the first start
    runs      the runs in the table by the trials' keys
    names     the file's names for settings: setting to its shown name
    """

    path: Path
    question: StudyFile
    settings: dict[str, Params]
    baseline: str
    frozen: FrozenQuestion
    runs: Runs
    names: Mapping[str, str] = MappingProxyType({})

    def trials(self) -> dict[str, list[Trial]]:
        """Return the trials of each setting, in the order of the seeds, whether they have run or not."""

        def trial(setting: str, seed: int) -> Trial:
            params = self.settings[setting].model_copy(update={"seed": seed})
            return Trial(f"{setting}, seed {seed}", params, self.frozen.key(params, self.folder))

        return {setting: [trial(setting, seed) for seed in self.question.seeds] for setting in self.settings}

    def trained(self) -> list[Trial]:
        """Return the trials that have run."""
        return [trial for trials in self.trials().values() for trial in trials if trial.key in self.runs]

    @property
    def columns(self) -> list[str]:
        """Return the dotted names of the params that are columns of the table.

        These are the params in which the settings differ from each other, or from the params in asked.json.
        """
        return differing([self.frozen.params, *self.settings.values()])

    def with_analysis_at(self, *seeds: int) -> "Study":
        """Return the study with these numbers of seeds added to its answers."""
        return self._replace(frozen=self.frozen.model_copy(update={"answers": sorted({*self.frozen.answers, *seeds})}))

    @property
    def first_analysis(self) -> int | None:
        """Return the number of seeds of the first answer, if no looks are declared and the study has more seeds now.

        Otherwise return None. That answer has used the whole 5 % of false claims, so no later seed can support a claim.
        """
        looked_at, seeds = self.frozen.answers, len(self.question.seeds)
        return looked_at[0] if looked_at and looked_at[0] < seeds and not self.question.looks else None

    @property
    def question_key(self) -> str:
        """Return the question's key: a digest of text, settings, baseline, measure, smallest difference and first seed.

        It does not depend on the file's name, or on seeds that are added later. A first seed of 1 is left out.
        """
        first = [seed for seed in self.question.seeds[:1] if seed != 1]
        declared = [self.question.measure, self.question.smallest_difference, *first]
        keys = {
            x: setting_key(params, self.frozen.sha256, self.frozen.network(params))
            for x, params in self.settings.items()
        }
        return short_digest([keys[self.baseline], sorted(keys.values()), declared])

    @property
    def folder(self) -> Path:
        """Return the folder of the study's tables: `studies/x/` for `studies/x.yaml`."""
        return self.path.with_suffix("")


def read_question(path: Path, values: Overrides | None = None) -> StudyFile:
    """Read and check the study's file; return its content. `values`, if given, are checked in place of the file.

    Raises WrongInput if the file is missing, its name does not end in .yaml or .yml, or a key is invalid. The message
    names the file, the key and what is allowed.
    """
    if path.suffix not in {".yaml", ".yml"}:
        raise WrongInput(f"{path}: not a study's file; allowed is a name that ends in .yaml, such as studies/eta.yaml")
    if values is not None:
        return validated(StudyFile, values, path)
    question = validated(StudyFile, read_mapping(path, StudyFile.model_fields), path)
    for name, varied in (parse_as_texts(path.read_text(encoding="utf-8"))["vary"] if question.vary else {}).items():
        ensure_points(",".join(map(str, varied)), f"{path}: vary: {in_line(name)}")
    return question


def ensure_points(listed: str, where: str) -> None:
    """Raise WrongInput, with the place `where`, if a decimal in the list of values has a comma: `0,05,0.1`."""
    if ZERO_FIRST.search(listed):
        points = re.sub(r"(^|,)([0-9]+),([0-9]+)(?=,|$)", r"\1\2.\3", listed)
        like = "" if ZERO_FIRST.search(points) else f": {points}"
        raise WrongInput(f"{where}: a comma separates two values; a decimal has a point{like}")


def study_of(path: Path, question: StudyFile, frozen: FrozenQuestion, runs: Runs) -> Study:
    """Return the study with the file's question, the text and params in `frozen`, and the runs.

    Raises WrongInput if the question does not fit the params: a param cannot vary, a value is invalid, two settings are
    equal, no setting differs from the baseline, the measure cannot compare the settings, or `names` does not give each
    name to one setting.
    """
    usual, allowed = frozen.params, [*VARIED, CHECKPOINT_EVERY]
    for name in chain(question.baseline, *question.overrides(), *question.names.values()):
        if name not in allowed:
            raise WrongInput(f"{path}: {name}: not a param that a study can vary; {allowed_are(allowed, name)}")
    if question.measure not in frozen.measures:
        why = f"the study's rows have no {question.measure}; `--anew` trains the study again"
        raise WrongInput(f"{path}: measure: {why}")
    baseline = with_overrides(usual, question.baseline, path)
    settings = [with_overrides(usual, values, path) for values in question.overrides()]
    settings = settings if baseline in settings else [baseline, *settings]
    varied = differing(settings)
    names = [*map(setting_name, levels_of(settings))]
    ensure_comparable(question.measure, settings, f"{path}: measure")
    if CHECKPOINT_EVERY in varied:
        raise WrongInput(f"{path}: {CHECKPOINT_EVERY}: all settings need the same value, as it sets the curves' points")
    ((name, count),) = Counter(names).most_common(1)
    if count > 1 or not varied:
        why = f"{name} occurs twice" if varied else "no setting differs from the baseline"
        cure = "params without effect do not make settings different: vary another param"
        raise WrongInput(f"{path}: {'vary' if question.vary else 'settings'}: {why}; {cure}")
    by_name = dict(zip(names, settings, strict=True))
    study = Study(path, question, by_name, names[settings.index(baseline)], frozen, runs)
    return study._replace(names=given_names(question.names, by_name, usual, f"{path}: names"))


def ensure_comparable(measure: Measure, settings: Iterable[Params], where: str) -> None:
    """Raise WrongInput, with the place `where`, if the settings measure different losses or parts of the text."""
    differs = ""
    if measure.unit == NATS and len({params.loss_of for params in settings}) > 1:
        differs = "seq_length, batch or train.order"
    if measure == Measure.LOWEST_HELD_OUT and len({params.part_length for params in settings}) > 1:
        differs = "seq_length, batch or train.checkpoint_every"
    if differs:
        cannot = f"{measure} cannot compare settings that differ in {differs}"
        raise WrongInput(f"{where}: {cannot}; {DEFAULT_MEASURE} can")
