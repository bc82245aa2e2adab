"""Find used seeds: a seed whose training of one of the question's settings was in the answer to another question.

Two settings are equal if their keys (weights_key: the params that change weights, the text and the code) are equal. The
known answers are those in studies/, in the working folder and in HEAD. docs/statistics.md says what this does not find.
"""

from collections.abc import Collection
from contextlib import suppress
from itertools import count, islice
from pathlib import Path

from charloom.core.backend.by_numpy import network_digest
from charloom.core.base.errors import CharloomError, Unavailable, WrongInput
from charloom.core.base.git import git
from charloom.core.base.words import in_line
from charloom.results.git import objects
from charloom.results.keys import weights_key
from charloom.results.study_table import QUESTION_FILE, FrozenQuestion
from charloom.study.freeze import study_of_frozen
from charloom.study.study_file import Study
from charloom.study.trial import computes_like_kernel
from seedpairs import sentences

STUDIES = Path("studies")
SHOWN = 100  # seeds in a message, which may be copied


def known_analyses() -> list[Study]:
    """Return the studies with an answer in studies/, in the working folder and in HEAD, without runs.

    Damaged files are left out.
    """
    contents = {file.read_bytes(): file for file in sorted(STUDIES.glob(f"*/{QUESTION_FILE}")) if file.is_file()}
    with suppress(Unavailable):  # no repository, or no commit
        rows = [row.partition("\t") for row in git("ls-tree", "-rz", "HEAD", f"./{STUDIES}/").split("\0") if row]
        ids = {Path(name): about.split()[-1] for about, _, name in rows if Path(name).name == QUESTION_FILE}
        for file, (_, content) in zip(ids, objects(ids.values()), strict=True):
            contents.setdefault(content, file)
    studies = list[Study]()
    for content, file in contents.items():
        with suppress(CharloomError, ValueError):
            studies.append(study_of_frozen(file.parent, FrozenQuestion.model_validate_json(content)))
    return [study for study in studies if study.frozen.answers]


def with_seeds(study: Study, seeds: list[int]) -> Study:
    """Return the study with these seeds."""
    return study._replace(question=study.question.model_copy(update={"seeds": seeds}))


def is_same_question(study: Study, other: Study) -> bool:
    """Return whether `study` and `other`, which has an answer, ask the same question with the same first seeds."""
    n = other.frozen.answers[0]
    return study.question_key == other.question_key and study.question.seeds[:n] == other.question.seeds[:n]


def used_seeds(study: Study) -> dict[int, str]:
    """Return the used seeds, each with what was shown: `studies/eta has shown eta=0.1`.

    An answer to the question of `study` itself uses no seed.
    """
    own, seeds = {_key(study, name): name for name in study.settings}, dict[int, str]()
    for other in known_analyses():
        shown = [own[key] for key in (_key(other, name) for name in other.settings) if key in own]
        if shown and not is_same_question(study, other):
            reason = f"{in_line(str(other.folder))} has shown {shown[0]}"
            seeds = dict.fromkeys(other.question.seeds[: max(other.frozen.answers)], reason) | seeds
    return seeds


def _key(study: Study, setting: str) -> str:
    """Return the key of the setting's weights. A network/ that computes what the kernel computes is no other code."""
    params = study.settings[setting]
    network, kind = study.frozen.network(params), params.recipe.kind
    unedited = network == network_digest(kind) and computes_like_kernel(kind)
    return weights_key(params, study.frozen.sha256, "" if unedited else network)


def why_used(study: Study) -> str:
    """Return which seeds of the study are used: `studies/eta has shown eta=0.1 with seeds 1 to 5`; "" if none is."""
    used = used_seeds(study)
    return reasons({seed: used[seed] for seed in study.question.seeds if seed in used})


def reasons(used: dict[int, str]) -> str:
    """Return in words which seeds are used, and why."""
    by_reason = {reason: [seed for seed in used if used[seed] == reason] for reason in used.values()}
    return "; ".join(f"{reason} with {seed_range(seeds)}" for reason, seeds in by_reason.items())


def free_seeds(study: Study) -> tuple[list[int], str]:
    """Return the smallest free seeds, as many as the study has, and why smaller ones are not free; "" if all are."""
    used = used_seeds(with_seeds(study, []))  # without seeds, the study asks no answered question
    seeds = list(islice((seed for seed in count(1) if seed not in used), len(study.question.seeds)))
    return seeds, reasons({seed: used[seed] for seed in range(1, seeds[-1]) if seed in used})


def with_known_analyses(study: Study, *, reuse: bool) -> Study:
    """Return the study with three fields of `frozen` set from the known studies.

    answers  the numbers of seeds at which the study's question has been answered
    earlier  the number of other questions with the same baseline that were answered before
    reused   which seeds are used; "" if none is

    reuse    whether used seeds are allowed: the answer makes no claim then

    Raises WrongInput with free seeds if a seed is used, unless `reuse` is set or an earlier start has allowed it.
    """
    known = known_analyses()
    own = [other for other in known if is_same_question(study, other)]
    reused = study.frozen.reused or ("" if own else why_used(study))
    if reused and not (reuse or study.frozen.reused):
        new = yaml_of(free_seeds(study)[0])
        cure = "other seeds test again, `--reuse-seeds` answers without a claim"
        raise WrongInput(f"{study.path}: {reused}; {cure}: write {new}")
    baseline = _key(study, study.baseline)
    about_it = {other.question_key for other in known if _key(other, other.baseline) == baseline}
    answers = {n for other in own for n in other.frozen.answers if n <= len(study.question.seeds)}
    earlier = min((other.frozen.earlier for other in own), default=len(about_it - {study.question_key}))
    update = {"answers": sorted({*answers, *study.frozen.answers}), "earlier": earlier, "reused": reused}
    return study._replace(frozen=study.frozen.model_copy(update=update))


def seed_range(seeds: Collection[int]) -> str:
    """Return `seed 3`, `seeds 1 to 5` or `seeds 3, 4 and 7`."""
    first, last = min(seeds), max(seeds)
    if len(seeds) > 2 and last - first == len(seeds) - 1:
        return f"seeds {first} to {last}"
    return f"{'seeds' if len(seeds) > 1 else 'seed'} {sentences.listed(map(str, sorted(seeds)))}"


def yaml_of(seeds: list[int]) -> str:
    """Return the line of a study's file with the seeds; if there are more than SHOWN, the first two and the last."""
    return f"`seeds: {seeds if len(seeds) <= SHOWN else f'[{seeds[0]}, {seeds[1]}, …, {seeds[-1]}]'}`"
