"""Bytes of `.charloom` are damaged: what is read is as it was, or a line names the file."""

import random
import re
import shutil
from contextlib import chdir, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from projects import copied
from states import EPOCH, SETTINGS, START, after, flat

from charloom.base import terminal
from charloom.base.errors import CharloomError
from charloom.results.spool import spool
from charloom.settings.dvc_lock import ensure_recorded, note_used
from charloom.settings.params import read_params
from charloom.tracking import completion, entries, rounds
from charloom.tracking.entries import Entry
from charloom.tracking.tag import RESULTS
from charloom.training import resume

DAMAGES = 44  # of each file; 500 find no other kind of answer
KINDS = ("flip", "digit", "cut", "doubled", "empty", "no UTF-8", "folder", "huge", "deep", "nan")
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:e-?\d+)?")
IN_PLACE = {"huge": b"7" * 5000, "deep": b"[" * 100_000, "nan": b"NaN"}
LONGEST = 2000  # characters of a line that somebody has to read


def damaged(content: bytes, kind: str, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    if kind in {"digit", *IN_PLACE}:
        found = chance.choice(list(NUMBER.finditer(content)))
        other = b"%d" % ((found[0][-1] - 48 + chance.randrange(1, 10)) % 10)
        return content[: found.start()] + IN_PLACE.get(kind, found[0][:-1] + other) + content[found.end() :]
    return {
        "flip": content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :],
        "cut": content[:at],
        "doubled": content[: at + chance.randrange(1, 200)] + content[at:],
        "empty": b"",
        "no UTF-8": content[:at] + b"\xff" + content[at:],
    }[kind]


@contextmanager
def hurt(file: Path, kind: str, chance: random.Random):
    """Damage the file; afterwards whatever lies around it is as it was."""
    content = file.read_bytes()
    if kind == "folder":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(damaged(content, kind, chance))
    try:
        yield
    finally:
        if file.is_dir():
            file.rmdir()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_bytes(content)


def wrong(files, read, capsys, number=DAMAGES) -> dict[str, str]:
    """Return what was not allowed, an example of each; `read` returns all that was read or told."""
    files, found = list(files), {}

    def named(file: Path, words: str) -> bool:
        return file.name in words or (len(file.parent.name) > 20 and file.parent.name in words)  # an experiment's key

    capsys.readouterr()
    before = read()
    for seed in range(number):
        chance, kind = random.Random(seed), KINDS[seed % len(KINDS)]  # noqa: S311  no secret
        file, what, words = chance.choice(files), "", ""
        terminal._warned.clear()
        with hurt(file, kind, chance):
            try:
                now = read()
                words = "".join(capsys.readouterr())
                if now != before and not named(file, words):
                    what = "silently another"
            except CharloomError as error:
                words = str(error)
                what = "" if named(file, words) and len(words) < LONGEST else "a line that names no file, or is endless"
            except Exception as error:  # noqa: BLE001  it is what we look for
                what, words = f"a traceback: {type(error).__name__}", str(error)
        if what:
            found.setdefault(f"{kind}: {what}", f"seed {seed}, {file.name}: {words[:200]}")
    return found


class Told:
    """In place of an MLflow store that has the run of these results: what it is told."""

    user = "a test"

    def __init__(self, experiment: str, results: str):
        self.all, self.experiments, self.complete, self.results = [], {}, experiment, results

    def run(self, **tags):
        info = SimpleNamespace(run_id="r", run_name="a", status="RUNNING", artifact_uri="file:/x", start_time=1)
        return SimpleNamespace(info=info, data=SimpleNamespace(tags=tags, params={}))

    def runs_of(self, experiment):
        return [self.run(**{RESULTS: self.results})] if experiment == self.complete else []

    def where_shown(self, _):
        return ""

    def __getattr__(self, name):
        return lambda *what: self.all.append((name, re.sub(r"namespace\(.*?\)\)", "", repr(what))))


@pytest.fixture(scope="module")
def trained(finished, tmp_path_factory):
    """A project with the record of a training and the notes of its stages."""
    project = copied(finished, tmp_path_factory.mktemp("damage") / "project")
    project.clear()
    project.stage("train")
    with chdir(project.folder):
        project.log = next(spool().glob("*/run.jsonl"))
    return project


def test_a_record_is_told_as_it_was_written_or_named(trained, monkeypatch, capsys):
    content, entry = trained.log.read_bytes(), Entry(trained.log.parent)
    monkeypatch.setattr(entries, "process_ended", lambda _: True)  # stages of tests run in this process
    monkeypatch.setattr(rounds, "TRACK_TIMEOUT", 0)

    def read():
        told = Told(entry.first.experiment, entry.end.results)
        monkeypatch.setattr(rounds, "connected", lambda: nullcontext(told))
        monkeypatch.setattr(completion, "experiment_lock", lambda *_: nullcontext())
        with chdir(trained.folder):
            rounds.run_round("", {})
        (trained.log.parent / "told").unlink(missing_ok=True)
        if not trained.log.exists():  # it was counted
            trained.log.parent.mkdir()
            trained.log.write_bytes(content)
        return told.all

    assert wrong([trained.log], read, capsys) == {}


def test_a_record_loses_no_line_but_the_damaged_one(trained):
    lines = [line for line in trained.log.read_bytes().splitlines(keepends=True) if line.strip()]
    before = Entry(trained.log.parent)
    path = trained.log.parent.with_name("another") / trained.log.name
    path.parent.mkdir()
    path.write_bytes(b"".join([*lines[:3], lines[3].replace(b"0.", b"9.", 1).replace(b"1", b"2", 1), *lines[4:]]))
    after_it = Entry(path.parent)
    shutil.rmtree(path.parent)
    points = list(before.points.items())
    assert list(after_it.points.items()) == points[:2] + points[3:]
    assert (after_it.first, after_it.end) == (before.first, before.end)


def test_a_note_of_a_stage_is_as_it_was_or_named(trained, capsys):
    def read():
        with chdir(trained.folder):
            ensure_recorded(read_params())

    with chdir(trained.folder):
        note_used("prepare")
    assert wrong([trained.folder / ".charloom/used/prepare.json"], read, capsys) == {}


def test_a_state_is_as_it_was_or_the_one_before_is_taken_and_it_is_named(tmp_path, capsys):
    folder, whole = tmp_path / "states", {}

    def read():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "kept", folder, ignore_dangling_symlinks=True)
        state, trace, _ = resume.load(folder, SETTINGS, START, EPOCH)
        return flat([state, trace]) == whole[state.update] or "another"

    state, trace = after(2)
    for _ in range(2):
        resume.save(tmp_path / "kept", SETTINGS, state, trace, {})
        whole[state.update] = flat([state, trace])
        state, trace = after(2, state, trace)
    assert wrong((tmp_path / "kept").glob("*.state"), read, capsys) == {}
