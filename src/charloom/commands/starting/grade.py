"""grade: the gate. A program of which a part is wrong, or cannot be graded, is not trained."""

from pathlib import Path

from charloom.core.runtime.program import run_command
from charloom.core.base.errors import CheckFailed, WrongInput
from charloom.core.base.storage import write_json
from charloom.grading.program import graded, map_of
from charloom.grading.verdicts import RIGHT, WRONG

from params import read_params

SECONDS = 60  # limit for the calls of a part


def main():
    """Grade the program, and write metrics/grade.json. Raises CheckFailed if the gate is closed."""
    params = read_params()
    program = Path(params.program)
    if not program.is_file():
        raise WrongInput(f"{program}: no such file (params.yaml: program)")
    verdicts, problems = graded(program.resolve(), map_of(program), SECONDS), []
    for v in verdicts:
        has = f"; reference.py has a {v.part}" if v.about == "not defined" and v.part in {"step", "following"} else ""
        print(f"{v.part:<9}  {v.result}{': ' * bool(v.about)}{v.about}{has}")
        is_optional = v.part == "losses" or (v.part != "gradients" and v.about.startswith("not defined"))
        if v.result == WRONG or (v.result != RIGHT and not is_optional):
            problems += [f"{v.part}: {finding}" for finding in v.findings] or [f"{v.part}: {v.result}: {v.about}"]
    if problems and params.only_if_right:
        raise CheckFailed(f"{program}: {' '.join(problems)} See docs/grading.md; params.yaml: only_if_right")
    write_json(Path("metrics/grade.json"), {v.part: v.result for v in verdicts} | {"passed": not problems})


if __name__ == "__main__":
    run_command(main)
