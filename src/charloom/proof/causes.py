"""Why a commit's results are not those that it comes to, in sentences, as far as its files tell that themselves."""

from collections.abc import Iterator

from charloom.proof.contradictions import Contradiction
from charloom.proof.outputs import Made
from charloom.settings.dvc_lock import LOCK

NAMED = 3  # files of a sentence
NOT_FOUND = (
    "{stage} comes to other results, and no file says why: they were made by other sources, params or text than the "
    "committed ones, or on a machine that computes otherwise"
)


def causes(against: list[Contradiction], made: list[Made]) -> list[str]:
    """Return the sentences: what the commit says against itself, then what its outputs tell, stage by stage."""
    made = [each for each in made if not each.output.varies]
    found, blamed = [str(each) for each in against], {stage for each in against for stage in each.stages}
    first = next((each.output.stage for each in made if not each.same), None)
    for stage in dict.fromkeys(each.output.stage for each in made):
        of_stage = [each for each in made if each.output.stage == stage]
        # What is made of other inputs, or of what came out otherwise before, comes out otherwise.
        found += _edited(stage, of_stage)
        if stage == first and stage not in blamed:
            found += _replaced(stage, of_stage, explained=bool(found))
    return found


def _edited(stage: str, made: list[Made]) -> Iterator[str]:
    """Yield which files are not those that dvc.lock has the hash of."""
    other = [each for each in made if each.output.in_git and not each.content_same and not each.locked_is_committed]
    edited, removed = ([each for each in other if bool(each.committed) is there] for there in (True, False))
    relocked = [each for each in made if each.content_same and not each.hash_same]
    if edited:
        whose = "the hash of what was rebuilt" if all(each.hash_same for each in edited) else "another hash"
        yield f"{_paths(edited)}: edited after {stage} made {_it(edited)}: {LOCK} has {whose}"
    if removed:
        yield f"{_paths(removed)}: not committed, or under another name"
    if relocked:
        unknown = [each for each in made if not each.same and not each.committed]
        yield f"{LOCK} is old, edited or made up: {stage} makes {_paths(relocked + unknown)} of another hash"


def _replaced(stage: str, made: list[Made], *, explained: bool) -> Iterator[str]:
    """Yield which files are not what the first stage that differs makes, while dvc.lock has their hash."""
    agreeing = [each for each in made if not each.same and not each.content_same]
    replaced = [each for each in agreeing if each.locked_is_committed or not each.output.in_git]
    known = all(each.committed for each in replaced)
    if len(replaced) == len(made):
        yield NOT_FOUND.format(stage=stage)
    elif replaced and (known or not explained):
        how = f"edited or replaced, and {LOCK} with {_it(replaced)}" if known else f"replaced, or {LOCK} edited"
        yield f"{_paths(replaced)}: {how}: all else that {stage} makes is the same"


def _paths(made: list[Made]) -> str:
    more = f" and {len(made) - NAMED} more" if len(made) > NAMED else ""
    return ", ".join(each.output.path for each in made[:NAMED]) + more


def _it(made: list[Made]) -> str:
    return "it" if len(made) == 1 else "them"
