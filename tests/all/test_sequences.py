"""No setting differs from another: the commands, typed in turn, claim a difference in one of twenty cases."""

import hashlib
from contextlib import chdir
from pathlib import Path

import numpy as np
from projects import SMALL, make
from promises import error
from study_projects import ask

from charloom.core.config.records import TrainMetrics
from charloom.core.training.headline import TRAINED
from charloom.results.run import Run
from charloom.results.study_table import METRIC_NAMES
from charloom.study import conduct as module
from charloom.study.freeze import read_study
from charloom.study.seeds import free_seeds
from seedpairs.data_types import BETTER, WORSE

COUNT = 100  # projects without any difference
METRICS = TrainMetrics.model_validate(
    {name: 0 if {"update", "updates", "read"} & {*name.split("_")} else 0.0 for name in METRIC_NAMES}
)
QUESTION = "vary: {{eta: [0.1, {eta}]}}\nbaseline: {{eta: 0.1}}\nseeds: {seeds}\nmeasure: held_out_bits_per_character\n"


def cost(project: int, eta: float, seed: int) -> float:
    """Return what a training costs: an effect of its seed, and noise, which depends on the setting."""

    def normal(*of: object) -> float:
        digest = hashlib.sha256(repr((project, *of)).encode()).digest()
        return float(np.random.default_rng(np.frombuffer(digest, np.uint64)).normal())

    return normal(seed) + normal(eta, seed)


def test_each_answer_claims_in_one_of_twenty_cases(tmp_path, monkeypatch, capsys):
    project, claims = make(tmp_path / "project", SMALL), dict[str, list[bool]]()
    project.commit()

    def conducted(number: int, name: str, file: str, **options: bool) -> None:
        def outcomes(trials, *_):
            for trial in trials:
                value = cost(number, trial.params.eta, trial.params.seed)
                metrics = METRICS.model_copy(update={"held_out_bits_per_character": value})
                digest = hashlib.sha256(repr((number, trial.key)).encode()).hexdigest()
                curves = {"smooth_loss": {}, "held_out_part_bits_per_character": {}}
                yield trial, Run(trial.params, "", TRAINED, metrics, curves, digest)

        monkeypatch.setattr(module, "outcomes", outcomes)
        _, analysis = module.conduct(Path(f"studies/{file}.yaml"), 1, None, **options)
        verdicts = {contrast.verdict for contrast in analysis.comparisons}
        claims.setdefault(name, []).append(bool(verdicts & {BETTER, WORSE}))

    with chdir(project.folder):
        for number in range(COUNT):
            project.run("git", "clean", "-xdfq", "studies")
            ask(project, QUESTION.format(eta=0.05, seeds=5))
            conducted(number, "study", "a")
            ask(project, QUESTION.format(eta=0.05, seeds=6))
            conducted(number, "one more seed", "a")
            ask(project, QUESTION.format(eta=0.2, seeds=5), "b")
            seeds, _ = free_seeds(read_study(Path("studies/b.yaml")))
            assert seeds == [7, 8, 9, 10, 11]
            ask(project, QUESTION.format(eta=0.2, seeds=seeds), "b")
            conducted(number, "another question, free seeds", "b")
            conducted(number, "--anew", "a", anew=True)
            ask(project, QUESTION.format(eta=0.3, seeds=5), "c")
            conducted(number, "--reuse-seeds", "c", reuse=True)
    capsys.readouterr()
    shares = {name: np.mean(row) for name, row in claims.items()}
    with capsys.disabled():
        print(shares)
    assert shares.pop("--reuse-seeds") == 0
    assert shares["study"] == shares["one more seed"] == shares["--anew"]
    assert all(0 < share < 0.05 + error(0.05, COUNT) for share in shares.values())
