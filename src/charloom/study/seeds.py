"""Find the free seeds of a study: a training that an answer has shown must not decide another question.

A seed is *used* if an answer to another question has shown a setting of this question with it, on the same text. Two
settings are equal if all params that change weights are equal, apart from the number of updates: a shorter training is
the beginning of a longer one. Two texts are equal if their files are equal, or if the parts that a training reads are
equal. A seed is also used if its training has the same results as a training that an answer has shown. An answer is
*void*, and uses no seed, if the kernel that made it gives other results than the present kernel. The same question
keeps the seeds of its first answer (with looks, of its last); more seeds may follow them.

The *known* answers are those in the study's folder, in studies/, in HEAD, and in .charloom/studies/, where each answer
leaves a copy with its table.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from itertools import chain, count, islice
from pathlib import Path
from shutil import copyfile

from charloom.core.base.errors import CharloomError, Damaged, Unavailable, WrongInput
from charloom.core.base.git import git
from charloom.core.base.storage import csv_rows, sha256
from charloom.core.base.words import in_line
from charloom.core.config.pipeline import CHARLOOM_FOLDER
from charloom.core.network.recipe import KERNEL
from charloom.results.git import objects
from charloom.results.keys import weights_key
from charloom.results.study_table import QUESTION_FILE, TRIALS_FILE, FrozenQuestion, read_frozen_question
from charloom.study.freeze import freeze_question, has_other_arithmetic, is_started, study_of_frozen
from charloom.study.study_file import Study, read_question
from seedpairs.sentences import listed

STUDIES = Path("studies")
# A folder for each content of asked.json, and in it one with the name of the study's file.
COPIES = CHARLOOM_FOLDER / "studies"
SHOWN = 100  # seeds in a message, which may be copied


def archive(folder: Path) -> Path:
    """Copy the study's trials.csv and asked.json to .charloom, to keep them if they change; return the new folder."""
    to = COPIES / sha256(folder / QUESTION_FILE)[:12] / folder.name
    to.mkdir(parents=True, exist_ok=True)
    for name in (name for name in (TRIALS_FILE, QUESTION_FILE) if (folder / name).exists()):
        copyfile(folder / name, to / name)
    return to


def known_analyses(folder: Path) -> Iterator[Study]:
    """Yield the known studies with an answer, without runs, but with `results`. Damaged files are left out.

    folder  another folder with studies, besides studies/
    """
    places, results = dict[bytes, Path](), defaultdict[bytes, set[str]](set)  # by the content of asked.json

    def add(content: bytes, place: Path, table: bytes) -> None:
        places[content] = place
        with suppress(ValueError):
            results[content] |= {row["results"] for row in csv_rows(table, ["results"]).values()} - {""}

    with suppress(Unavailable):  # no repository, or no commit
        entries = (entry.partition("\t") for entry in git("ls-tree", "-rz", "HEAD").split("\0") if entry)
        ids = {Path(name): about.split()[-1] for about, _, name in entries}
        folders = [path.parent for path in ids if path.name == QUESTION_FILE]
        contents = objects(ids.get(x / y, "none") for x in folders for y in (QUESTION_FILE, TRIALS_FILE))
        for place, (_, content), (_, table) in zip(folders, contents, contents, strict=True):
            add(content, place, table)
    found = (COPIES.glob("*/*"), STUDIES.glob("*"), folder.glob("*"))
    for place in (place for place in chain(*found) if (place / QUESTION_FILE).exists()):
        with suppress(OSError):
            trials = place / TRIALS_FILE
            table = trials.read_bytes() if trials.exists() else b""
            add((place / QUESTION_FILE).read_bytes(), STUDIES / place.name if COPIES in place.parents else place, table)
    for content, place in places.items():
        with suppress(CharloomError, ValueError):
            study = study_of_frozen(place, FrozenQuestion.model_validate_json(content))
            if study.frozen.answers:
                yield study._replace(results=frozenset(results[content]))


def with_seeds(study: Study, seeds: list[int]) -> Study:
    """Return the study with these seeds."""
    return study._replace(question=study.question.model_copy(update={"seeds": seeds}))


def is_same_question(study: Study, other: Study) -> bool:
    """Return whether `study` and `other`, which has an answer, ask the same question with the same first seeds.

    Compared are the seeds on which the deciding answer of `other` is based: its last answer if `other` declares looks,
    otherwise its first answer.
    """
    n = other.frozen.answers[-1 if other.question.looks else 0]
    is_equal = study.question_key == other.question_key and study.question.looks == other.question.looks
    return is_equal and study.question.seeds[:n] == other.question.seeds[:n]


def is_void(study: Study) -> bool:
    """Return whether the study's answer is void: the kernel that made it gives other results than the present kernel.

    An edit of network/ makes no answer void, because settings of the backend `kernel` may be in the same answer. An
    answer is not void if signature.json has no entry for its kind of recipe: a newer version may have given it.
    """
    with suppress(Damaged):
        return has_other_arithmetic(study.frozen, KERNEL)
    return False


def used_seeds(study: Study, others: Iterable[Study], verb: str = "has shown results of") -> dict[int, str]:
    """Return the used seeds, each with the reason: `studies/eta.yaml has shown results of eta=0.1`.

    others  studies with an answer; an answer to the question of `study` uses no seed
    verb    the words between the other study and the setting in a reason
    """
    own_settings, seeds = {key: name for name in study.settings for key in _keys(study, name)}, dict[int, str]()
    for other in others:
        shown_seeds = other.question.seeds[: max(other.frozen.answers)]
        keys = chain.from_iterable(_keys(other, name) for name in other.settings)
        shown = [f"{verb} {own_settings[key]}" for key in keys if key in own_settings]
        repeated = _repeated(study, other, shown_seeds)
        shown += [f"has shown results equal to those of {own_settings[key]}" for key in repeated]
        if shown and not is_same_question(study, other) and not is_void(other):
            which = "its earlier answer" if other.path == study.path else in_line(str(other.path))
            reason = f"{which} {shown[0]}"
            seeds = dict.fromkeys(shown_seeds, reason) | seeds
    return seeds


def _keys(study: Study, setting: str) -> set[str]:
    """Return the keys of a setting's weights: by the text's file, and by what a training reads of it, if known."""
    texts = filter(None, (study.frozen.sha256, study.frozen.training_sha256))
    return {weights_key(study.settings[setting], text) for text in texts}


def _repeated(study: Study, other: Study, seeds: Collection[int]) -> Iterator[str]:
    """Yield the setting's key of each run of `study` that has one of these seeds and results shown by `other`."""
    shown = other.results | {run.results for run in other.runs.values()}
    for run in study.runs.values():
        if run.results and run.results in shown and run.params.seed in seeds:
            yield weights_key(run.params, study.frozen.sha256)


def why_used(study: Study, known: Iterable[Study], part: slice = slice(None)) -> str:
    """Return why the study's seeds are used, such as `studies/eta.yaml has shown results of eta=0.1 with seeds 1 to 5`.

    Return "" if none is used. Only this part of the study's seeds counts.
    """
    shown = used_seeds(study, known)
    of_reason = by_reason({seed: shown[seed] for seed in study.question.seeds[part] if seed in shown})
    return "; ".join(f"{reason} with {seed_range(seeds)}" for reason, seeds in of_reason.items())


def by_reason(reasons: dict[int, str]) -> dict[str, list[int]]:
    """Return the seeds by reason. `reasons` are by seed, as `used_seeds` and `taken_seeds` return them."""
    return {reason: [seed for seed in reasons if reasons[seed] == reason] for reason in reasons.values()}


def taken_seeds(study: Study) -> dict[int, str]:
    """Return the seeds that no command proposes, with the reasons: used seeds, and seeds in other studies' files."""
    study, planned = with_seeds(study, []), list[Study]()
    for file in {*chain.from_iterable(folder.glob("[!.]*.y*ml") for folder in (STUDIES, study.path.parent))}:
        with suppress(CharloomError):
            if file.resolve() != study.path.resolve():
                folder = file.with_suffix("")
                other = (
                    study_of_frozen(folder, read_frozen_question(folder / QUESTION_FILE))
                    if (folder / QUESTION_FILE).exists()
                    else freeze_question(file, read_question(file))
                )
                planned.append(other.with_analysis_at(len(other.question.seeds)))
    return used_seeds(study, planned, "asks about") | used_seeds(study, known_analyses(study.path.parent))


def free_seeds(seeds: Collection[int], number: int) -> list[int]:
    """Return the smallest `number` positive integers that are not in `seeds`, the result of `taken_seeds`."""
    return list(islice((seed for seed in count(1) if seed not in seeds), number))


def with_known_analyses(study: Study, decides: int = 0) -> Study:
    """Return the study with two fields of `frozen` set from the known studies.

    decides  the number of seeds at the look that decides next; 0: none does

    answers  the numbers of seeds at which the study's question has been answered
    earlier  the number of other questions with the same baseline that were answered before

    Raises WrongInput if a seed is used, unless a valid answer to the question has shown it, or it does not decide. The
    message names the used seeds, what was shown with them, and free seeds.
    """
    known = list(known_analyses(study.path.parent))
    own_analyses = [other for other in known if is_same_question(study, other) and not is_void(other)]
    done = max((n for other in own_analyses for n in other.frozen.answers), default=0)
    if why := why_used(study, known, slice(done, decides if own_analyses else None)):
        new = yaml_of(free_seeds(taken_seeds(study), len(study.question.seeds)))
        anew = ", and add `--anew` to the command" if is_started(study.folder) else ""
        raise WrongInput(f"{study.path}: {why}; write {new}{anew}")
    baseline = _keys(study, study.baseline)
    about_it = {other.question_key for other in known if baseline & _keys(other, other.baseline)}
    earlier = len(about_it - {study.question_key})
    analysed_at = sorted({n for other in own_analyses for n in other.frozen.answers if n <= len(study.question.seeds)})
    update = {"answers": analysed_at, "earlier": min((other.frozen.earlier for other in own_analyses), default=earlier)}
    return study._replace(frozen=study.frozen.model_copy(update=update))


def seed_range(seeds: Collection[int]) -> str:
    """Return `seed 3`, `seeds 1 to 5` or `seeds 3, 4 and 7`."""
    first, last = min(seeds), max(seeds)
    if len(seeds) > 2 and last - first == len(seeds) - 1:
        return f"seeds {first} to {last}"
    return f"{'seeds' if len(seeds) > 1 else 'seed'} {listed(map(str, sorted(seeds)))}"


def yaml_of(seeds: list[int]) -> str:
    """Return the line of a study's file with the seeds; if there are more than SHOWN, the first two and the last."""
    return f"`seeds: {seeds if len(seeds) <= SHOWN else f'[{seeds[0]}, {seeds[1]}, …, {seeds[-1]}]'}`"
