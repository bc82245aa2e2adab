"""`charloom new`: a small project in Git and DVC around one's own program."""

import argparse
import re
import subprocess
import tempfile
from pathlib import Path

from charloom.core.base.errors import Unavailable, WrongInput
from charloom.core.base.storage import write
from charloom.core.base.terminal import typed
from charloom.core.base.words import in_line
from charloom.core.text.corpus import survey
from rnncheck.program import guessed, map_of

FILES = Path(__file__).with_name("starting")  # the files of a new project: see NAMES
NOVEL = Path(__file__).resolve().parents[3] / "data/moby_dick.txt"  # in a checkout
NAMES = {"dot_": ".", "stages_dvc": "dvc"}  # Git and DVC would read the files of these names here, too
PROGRAM = re.compile(r"my_rnn(\.py)?")  # its name in FILES
NO_NAME = "Git has no name for you: `git config --global user.name …`, and user.email"
COMMANDS = (
    ("git", "init", "--quiet"),
    ("dvc", "init", "--quiet"),
    ("git", "add", "."),
    ("git", "commit", "--quiet", "--message", "Start with charloom new"),
)


def new(arguments: argparse.Namespace) -> None:
    """Write the project's folder and commit it. The folder appears when it is complete. The program is not executed.

    Raises WrongInput if the folder exists and is not empty, or a file is missing, and Unavailable if the folder cannot
    be written, or Git or DVC fails.
    """
    folder, shown = Path(arguments.folder).resolve(), in_line(arguments.folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise WrongInput(f"{shown}: exists already; allowed is a new or an empty folder")
    if not folder.parent.is_dir():
        raise WrongInput(
            f"{shown}: {in_line(str(Path(arguments.folder).parent))} is no folder; allowed is an existing one"
        )
    if arguments.map is not None and arguments.program is None:
        raise WrongInput(f"--map: {in_line(arguments.map)} needs --program, the program that it calls")
    program, text = Path(arguments.program or FILES / "reference.py"), Path(arguments.text or NOVEL)
    mapped = map_of(program) if arguments.map is None else Path(arguments.map)
    for option, file, endings in (
        ("program", program, [".py", ".ipynb"]),
        ("map", mapped, [".py"]),
        ("text", text, []),
    ):
        if file is not None and not (file.is_file() and (not endings or file.suffix in endings)):
            allowed = f"a file that ends with {' or '.join(endings)}" if endings else "a text in UTF-8"
            raise WrongInput(f"--{option}: {in_line(str(file))}: no such file; allowed is {allowed}")
    survey(text)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".new", dir=folder.parent) as temporary:
            place = Path(temporary, "project")
            own = _write(place, program, mapped, text)
            for command in COMMANDS:
                done = subprocess.run(command, cwd=place, capture_output=True, text=True, errors="replace", check=False)
                if done.returncode:
                    said = done.stderr.strip() or done.stdout.strip()
                    why = NO_NAME if "user.email" in said else said.rpartition("\n")[2]
                    raise Unavailable(f"{command[0]} {command[1]}: {in_line(why)}; nothing is written")
            place.replace(folder)
    except OSError as error:
        raise Unavailable(f"{error.filename or shown}: {error.strerror}; nothing is written") from None
    print(f"made {shown} with programs/{own}, and committed it; its README.md says what is in it")
    print(f"next: cd {typed(arguments.folder)} && dvc repro")


def _write(place: Path, program: Path, mapped: Path | None, text: Path) -> str:
    """Write the project's files, with copies of the program, its map and the text, to the folder `place`.

    Return the name of the program's copy. A map may import the program by its name. A name that Python cannot import,
    or that a stage has, is replaced.
    """
    stem = program.stem if program.stem.isidentifier() and not (FILES / f"{program.stem}.py").exists() else "my_rnn"
    copy = place / "programs" / f"{stem}{program.suffix}"
    for file in FILES.rglob("*"):
        if file.is_file() and file.suffix != ".pyc":
            content = PROGRAM.sub(lambda name: copy.name if name[1] else stem, file.read_text(encoding="utf-8"))
            name = str(file.relative_to(FILES))
            for here, there in NAMES.items():
                name = name.replace(here, there)
            write(place / name, content)
    for source, target in ((program, copy), (mapped, guessed(copy)), (text, place / "data/text.txt")):
        if source is not None:
            write(target, source.read_bytes())
    return copy.name
