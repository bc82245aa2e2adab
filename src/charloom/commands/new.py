"""`charloom new`: a small project in Git and DVC around one's own program."""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from charloom.core.base.errors import Unavailable, WrongInput
from charloom.core.base.storage import write
from charloom.core.base.terminal import typed
from charloom.grading.program import guessed, map_of
from groundwork.words import in_line

FILES = Path(__file__).with_name("starting")  # the files of a new project; `dot_` stands for a dot
NOVEL = Path(__file__).resolve().parents[3] / "data/moby_dick.txt"  # in a checkout
PROGRAM = "my_rnn.py"  # its name in FILES
COMMANDS = (
    ("git", "init", "--quiet"),
    (sys.executable, "-P", "-m", "dvc", "init", "--quiet"),
    ("git", "add", "."),
    ("git", "commit", "--quiet", "--message", "Start with charloom new"),
)


def new(arguments: argparse.Namespace) -> None:
    """Write the project's folder and commit it. The folder appears when it is complete. The program is not executed.

    Raises WrongInput if the folder exists and is not empty, or a file is missing, and Unavailable if the folder cannot
    be written, or Git or DVC fails.
    """
    folder, text = Path(arguments.folder), Path(arguments.text or NOVEL)
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise WrongInput(f"{in_line(str(folder))}: exists already; allowed is a new or an empty folder")
    if not folder.parent.is_dir():
        raise WrongInput(f"{in_line(str(folder))}: {in_line(str(folder.parent))} is no folder")
    if not text.is_file():
        raise WrongInput(f"--text: {in_line(str(text))}: no such file; allowed is a text in UTF-8")
    if arguments.map is not None and arguments.program is None:
        raise WrongInput(f"--map: {in_line(arguments.map)} needs --program, the program that it calls")
    program = Path(arguments.program or FILES / "reference.py")
    mapped = map_of(program) if arguments.map is None else Path(arguments.map)
    for option, file, endings in (("program", program, {".py", ".ipynb"}), ("map", mapped, {".py"})):
        if file is not None and not (file.is_file() and file.suffix in endings):
            allowed = f"allowed is a file that ends with {' or '.join(sorted(endings))}"
            raise WrongInput(f"--{option}: {in_line(str(file))}: no such program; {allowed}")
    # A map may import the program by its name. A name that Python cannot import, or that a stage has, is replaced.
    own = program.stem.isidentifier() and not (FILES / f"{program.stem}.py").exists()
    name = program.name if own else f"{Path(PROGRAM).stem}{program.suffix}"
    try:
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".new", dir=folder.parent) as temporary:
            place = Path(temporary, "project")
            for file in filter(Path.is_file, FILES.rglob("*")):
                content = file.read_text(encoding="utf-8").replace(PROGRAM, name)
                write(place / re.sub("dot_", ".", str(file.relative_to(FILES))), content)
            (place / "programs").mkdir()
            shutil.copyfile(program, place / "programs" / name)
            if mapped:
                shutil.copyfile(mapped, guessed(place / "programs" / name))
            (place / "data").mkdir()
            shutil.copyfile(text, place / "data/text.txt")
            for command in COMMANDS:
                done = subprocess.run(command, cwd=place, capture_output=True, text=True, errors="replace", check=False)
                if done.returncode:
                    line = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
                    raise Unavailable(
                        f"{Path(command[0]).name} {command[1]}: {in_line(''.join(line))}; nothing is written"
                    )
            place.replace(folder)
    except OSError as error:
        raise Unavailable(f"{in_line(str(folder))}: {error.strerror}; nothing is written") from None
    print(f"made {in_line(str(folder))}, and committed it; its README.md says what is in it")
    print(f"next: cd {typed(str(folder))} && dvc repro")
