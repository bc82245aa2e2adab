"""What waits in the outbox is sent as it was put there, by whoever put it there, or a line names the folder."""

import random
import re
import shutil
from contextlib import chdir, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from projects import copied

from charloom.base.errors import CharloomError, Unavailable
from charloom.tracking import completion
from charloom.tracking.collect import put, this_run
from charloom.tracking.outbox import ensure_whole, outbox, remove, waiting

SENT = SimpleNamespace(info=SimpleNamespace(run_name="a"))


@pytest.fixture(scope="module")
def waits(finished, tmp_path_factory):
    """Return the folder of a run that waits."""
    project = copied(finished, tmp_path_factory.mktemp("outbox") / "project")
    with chdir(project.folder):
        return put(this_run())


@pytest.fixture
def sent(waits, monkeypatch):
    """Send what waits, and return which folders a store would get."""
    taken = []
    store = SimpleNamespace(close_dead=lambda: None, about="", shows=lambda _: "")
    monkeypatch.setattr(completion, "connected", lambda: nullcontext(store))
    monkeypatch.setattr(completion, "count_trainings", lambda _: ())
    monkeypatch.setattr(completion, "complete", lambda *given: taken.append(given[2].name) or SENT)

    def send():
        taken.clear()
        with chdir(waits.parents[2]):
            completion.send(*map(str, waiting()))
        return taken

    return send


def changed(file: Path, kind: str, chance: random.Random) -> None:
    content = file.read_bytes()
    at = chance.randrange(len(content))
    match kind:
        case "a bit":
            file.write_bytes(content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :])
        case "cut":
            file.write_bytes(content[:at])
        case "doubled":
            file.write_bytes(content[: at + 1] + content[at:])
        case "a folder":
            file.unlink()
            file.mkdir()
        case "gone":
            file.unlink()
        case "another beside it":
            file.with_name("x" + file.name).write_bytes(content)


@pytest.mark.parametrize("kind", ["a bit", "cut", "doubled", "a folder", "gone", "another beside it"])
def test_a_folder_of_which_a_file_has_changed_is_named_and_kept_and_the_others_are_sent(waits, sent, kind, tmp_path):
    shutil.copytree(waits, tmp_path / "kept")
    files = [file.relative_to(waits) for file in waits.rglob("*") if file.is_file()]
    try:
        for seed in range(8):
            chance = random.Random(seed)  # noqa: S311  no secret
            other = waits.with_name(chance.choice("0z"))  # before it or after it
            file = chance.choice([Path("run.json"), chance.choice(files)])
            shutil.copytree(waits, other)
            changed(waits / file, kind, chance)
            with chdir(waits.parents[2]), pytest.raises(CharloomError) as raised:
                ensure_whole(waits)
            with pytest.raises(Unavailable, match=re.escape(f"{waits}: not as it was put there: not sent; ")):
                sent()
            assert not other.exists()
            assert str(raised.value).startswith(f"{waits}: ")
            assert waits.exists()
            shutil.rmtree(waits)
            shutil.rmtree(other, ignore_errors=True)
            shutil.copytree(tmp_path / "kept", waits)
    finally:
        shutil.rmtree(waits, ignore_errors=True)
        shutil.copytree(tmp_path / "kept", waits)


def test_every_digit_of_a_run_that_waits_counts(waits):
    file = waits / "run.json"
    content = file.read_bytes()
    digits = [at for at, byte in enumerate(content) if byte in b"0123456789"]
    for at in random.Random(1).sample(digits, 46):  # noqa: S311  no secret
        file.write_bytes(content[:at] + b"%d" % ((content[at] - 47) % 10) + content[at + 1 :])
        with pytest.raises(CharloomError):
            ensure_whole(waits)
    file.write_bytes(content)
    ensure_whole(waits)


def test_a_folder_without_the_list_of_its_files_as_older_ones_are_is_not_sent(waits, sent):
    sums = (waits / "SHA256SUMS").read_bytes()
    (waits / "SHA256SUMS").unlink()
    with pytest.raises(Unavailable, match="not as it was put there"):
        sent()
    (waits / "SHA256SUMS").write_bytes(sums)


@pytest.mark.slow
def test_a_run_whose_sending_has_failed_half_way_is_whole(finished, tmp_path, monkeypatch):
    project = copied(finished, tmp_path / "project")

    def refused(*_, **__):
        raise MlflowException("no")

    with chdir(project.folder):
        folder = put(this_run())
        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, "create_model_version", refused)
            with pytest.raises(Unavailable, match=r"^no$"):
                completion.send(str(folder))
        ensure_whole(folder)
        completion.send(str(folder))
    assert not folder.exists()


@pytest.mark.usefixtures("sent")
def test_an_outbox_that_git_brought_is_not_sent(finished, tmp_path):
    project = copied(finished, tmp_path / "project")
    with chdir(project.folder):
        folder = put(this_run())
        project.run("git", "add", "-f", str(folder / "run.json"))
        with pytest.raises(Unavailable, match=r"^\.charloom/outbox/.*/run\.json: in Git, .*`git rm -r \.charloom`"):
            completion.send(str(folder))
        assert folder.exists()
        project.run("git", "rm", "-r", "-f", "-q", ".charloom/outbox")
        assert not (outbox() / folder.name / "run.json").exists()
        completion.send()


@pytest.mark.usefixtures("sent")
def test_what_another_process_has_sent_meanwhile_is_not_said_to_be_missing(waits):
    with chdir(waits.parents[2]):
        completion.send(str(waits.with_name("gone")))


def test_what_a_kill_leaves_of_a_folder_that_is_removed_is_no_run_that_waits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = outbox() / "a-b"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")

    def killed(path, **_):
        if path.exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        remove(folder)
    assert waiting() == []
