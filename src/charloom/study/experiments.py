"""The runs that Git holds: HEAD's own and DVC's experiments."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from charloom.base.errors import Damaged, WrongInput
from charloom.results.commits import from_commits
from charloom.results.git import ensure_repository, git, objects
from charloom.results.identity import setting_params
from charloom.results.run import Run
from charloom.settings.dvc_lock import stages_in
from charloom.settings.params import Params

HEAD = "HEAD"
OTHER_PARAMS = "HEAD's own: dvc.lock says other params than params.yaml; `dvc repro` mends that"


class Experiment(NamedTuple):
    """A run as its commit holds it, and the id of the tree of its sources."""

    name: str
    commit: str
    run: Run
    sources: str


def experiments() -> tuple[Params, list[Experiment], Counter[str]]:
    """Return HEAD's params, all runs, HEAD's first and then the newest first, and why how many are left out.

    Raises WrongInput where this folder has no pipeline, no Git repository, or wrong params at its HEAD.
    """
    ensure_repository()
    named = [(HEAD, HEAD), *_named()]
    head, *others = from_commits(commit for _, commit in named)
    if head.params is None:
        raise WrongInput("HEAD: no commit with a params.yaml of this version of charloom")
    found, left_out = list[Experiment](), Counter[str]()
    for (name, commit), held in zip(named, [head._replace(run=_of_head(head.run)), *others], strict=True):
        if isinstance(held.run, str):
            left_out[held.run] += 1
        else:
            found.append(Experiment(name, commit, held.run, held.sources))
    return head.params, found, left_out


def _named() -> Iterator[tuple[str, str]]:
    """Yield name and commit of each of DVC's experiments, the newest first.

    Two of one name on two baselines have the baseline's first digits in theirs, too. DVC's other refs are its queue,
    its stash, what it works on.
    """
    refs = git("for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(refname)", "refs/exps")
    matches = [re.fullmatch(r"(\w+) refs/exps/([0-9a-f]{2}/[0-9a-f]{38,})/(.+)", line) for line in refs.split("\n")]
    found = [(match[3], match[2].replace("/", "")[:7], match[1]) for match in matches if match]
    count = Counter(name for name, _, _ in found)
    for name, baseline, commit in found:
        yield (name if count[name] == 1 and name != HEAD else f"{name} on {baseline}"), commit


def _of_head(run: Run | str) -> Run | str:
    """Return HEAD's own run, or why it does not count: DVC commits an experiment whole, here somebody may have not."""
    if isinstance(run, str):
        return "HEAD's own: no results are committed"
    ((_, lock),) = objects([f"{HEAD}:./dvc.lock"])
    try:
        stages = stages_in(lock)
        then = [stages[stage].params for stage in ("prepare", "train")]
    except (Damaged, KeyError):
        return OTHER_PARAMS
    now = setting_params(run.params) | {"seed": run.seed}
    return OTHER_PARAMS if any(now.get(name, value) != value for each in then for name, value in each.items()) else run
