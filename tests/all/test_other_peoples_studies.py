"""Two people send one study: what the one has is not replaced, or hidden, by what the other has."""

import shutil
import sys
from pathlib import Path

from projects import ROOT

sys.path.insert(0, str(ROOT / "tests/tracking"))
from test_studies import a_study, in_studies, sent, sent_only


def test_the_page_of_a_study_with_more_seeds_is_not_replaced_by_somebody_with_fewer(project):
    """Two people ask the same settings, one with 2 seeds, one with 1: the second has not seen the first's table."""
    more = a_study(project, seeds=2).model_copy(update={"description": "**better**, of 2 seeds\n"})
    first, trials = sent(project, more)
    shutil.rmtree(project.folder / "studies")
    less = a_study(project, seeds=1).model_copy(update={"description": "**cannot tell**, of 1 seed\n"})
    second, after = sent(project, less)
    assert {run.info.run_id for run in after.values()} >= {run.info.run_id for run in trials.values()}
    assert first.info.run_id == second.info.run_id
    table = project.client().download_artifacts(second.info.run_id, "trials.csv", str(project.folder))
    assert len(Path(table).read_text().splitlines()) - 1 == len(after)  # one story: page, table, and trials below it


def test_a_trial_that_came_to_other_results_is_said_beside_the_older_one(project):
    """Somebody else's row of the same key has other results; ours is not hidden behind it without a word."""
    contents = a_study(project)
    forged = [
        trial.model_copy(
            update={"results": "f" * 64, "series": {n: dict.fromkeys(x, 0.001) for n, x in trial.series.items()}}
        )
        for trial in contents.trials
    ]
    sent(project, contents.model_copy(update={"trials": forged}))
    sent_only(project, contents)
    results = {run.data.tags.get("charloom.results") for run in in_studies(project)}
    assert {trial.results for trial in contents.trials} <= results
