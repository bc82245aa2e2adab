"""Why a commit's results are not those that it comes to, in sentences, as far as its files tell that themselves."""

from collections.abc import Iterator

from charloom.proof.contradictions import Contradiction
from charloom.proof.outputs import Made
from charloom.tracking.lock_file import LOCK

NOT_FOUND = (
    "{stage} comes to other results, and no file says why: they were made by other sources, params or text than the "
    "committed ones, or on a machine that computes otherwise"
)


def causes(against: list[Contradiction], made: list[Made]) -> list[str]:
    """Return the sentences: what the commit says against itself, then what its outputs tell, stage by stage."""
    found = [str(each) for each in against]
    for stage in dict.fromkeys(each.output.stage for each in made):
        of_stage = [each for each in made if each.output.stage == stage]
        said = list(_of_stage(stage, of_stage))
        # What a stage makes of other inputs, or of what came out otherwise before it, needs no cause of its own.
        unknown = not said and not found and not all(each.same for each in of_stage)
        found += [NOT_FOUND.format(stage=stage)] if unknown else said
    return found


def _of_stage(stage: str, made: list[Made]) -> Iterator[str]:
    """Yield what was edited, where some of the stage's outputs contradict others; nothing where all differ alike."""
    differ = [each for each in made if not each.same]
    edited = [each for each in differ if each.output.in_git and each.hash_same]
    relocked = [each for each in differ if each.content_same]
    others = [each for each in differ if each not in edited + relocked]
    rest = f"all else that {stage} makes is the same"
    if edited:
        yield f"{_paths(edited)}: edited after {stage} made {_it(edited)}: {LOCK} has the hash of what was rebuilt"
    if relocked:
        unknown = [each for each in others if not each.committed]
        others = [each for each in others if each.committed]
        yield (
            f"{LOCK} was edited or made up: its hash of {_paths(relocked + unknown)} is not that of what {stage} "
            f"makes, and the committed {_paths(relocked)} is what it makes"
        )
    if others and len(others) < len(made):
        known = all(each.committed for each in others)
        how = f"edited or replaced, and {LOCK} with {_it(others)}" if known else f"replaced, or {LOCK} edited"
        yield f"{_paths(others)}: {how}: {rest}"


def _paths(made: list[Made]) -> str:
    return ", ".join(each.output.path for each in made)


def _it(made: list[Made]) -> str:
    return "it" if len(made) == 1 else "them"
