"""Bytes of `.charloom` are damaged: what is read is as it was, or a line names the file. States: tests/training."""

import random
import re
from contextlib import chdir

from charloom.results.spool import RECORD, spool
from charloom.settings.dvc_lock import ensure_recorded, note_used
from charloom.settings.params import read_params
from charloom.tracking.entries import Entry

DAMAGES = 44  # of each file; 500 find no other kind of answer
KINDS = ("flip", "digit", "cut", "doubled", "empty", "no UTF-8", "huge", "deep", "nan")
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:e-?\d+)?")
IN_PLACE = {"huge": b"7" * 5000, "deep": b"[" * 100_000, "nan": b"NaN"}
LONGEST = 2000  # characters of a line that somebody has to read


def damaged(content: bytes, seed: int) -> bytes:
    """Return the content with damage of a kind: every ninth seed has the same one."""
    chance, kind = random.Random(seed), KINDS[seed % len(KINDS)]  # noqa: S311  no secret
    at = chance.randrange(len(content))
    if kind in {"digit", *IN_PLACE}:
        number = chance.choice(list(NUMBER.finditer(content)))
        other = b"%d" % ((number[0][-1] - 48 + chance.randrange(1, 10)) % 10)
        return content[: number.start()] + IN_PLACE.get(kind, number[0][:-1] + other) + content[number.end() :]
    return {
        "flip": content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :],
        "cut": content[:at],
        "doubled": content[: at + chance.randrange(1, 200)] + content[at:],
        "empty": b"",
        "no UTF-8": content[:at] + b"\xff" + content[at:],
    }[kind]


def read(folder):
    """Return all that the record in the folder holds; None if it is refused."""
    try:
        entry = Entry(folder)
    except ValueError:
        return None
    return entry.first, list(entry.points.items()), entry.trainings, entry.end


def unfinished(now, whole) -> bool:
    """Return whether this is the record of the same training before its end, as a kill leaves it."""
    return now[0] == whole[0] and now[1] == whole[1][: len(now[1])] and now[2:] == ([], None)


def test_a_record_is_read_as_it_was_written_or_refused_or_named(project, tmp_path, capsys):
    project.clear()
    project.stage("train")
    with chdir(project.folder):
        log = next(spool().glob(f"*/{RECORD}"))
    content, whole, others = log.read_bytes(), read(log.parent), 0
    for seed in range(DAMAGES):
        folder = tmp_path / f"entry-{seed}"  # a folder of its own: a process warns of a file once
        folder.mkdir()
        (folder / RECORD).write_bytes(damaged(content, seed))
        capsys.readouterr()
        now, words = read(folder), "".join(capsys.readouterr())
        others += now != whole
        assert now in (whole, None) or unfinished(now, whole) or folder.name in words, seed
        assert max(map(len, words.splitlines()), default=0) < LONGEST
    assert others > DAMAGES / 2


def test_a_damaged_note_of_a_stage_is_no_note(project):
    with chdir(project.folder):
        note_used("prepare")
        note = project.folder / ".charloom/used/prepare.json"
        content = note.read_bytes()
        for seed in range(DAMAGES):
            note.write_bytes(damaged(content, seed))
            ensure_recorded(read_params())
