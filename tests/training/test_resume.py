"""Stopped or killed anywhere and started again, a training ends where an undisturbed one ends."""

import os
import shutil
import signal
import sys
import time
from contextlib import nullcontext, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from projects import ROOT, TEXT

from charloom.core.base.errors import Damaged
from charloom.core.base.signals import Stopped
from charloom.core.base.storage import exclusive
from charloom.core.config.params import Params
from charloom.core.config.reading import read_params
from charloom.core.model.model_file import read_model
from charloom.core.model.scoring import bits_per_character
from charloom.core.network.recipe import KERNEL
from charloom.core.text.corpus import Text, split
from charloom.core.text.vocabulary import Vocabulary
from charloom.core.training import protocol, resume
from charloom.core.training.protocol import Training, run_training, write_results

UPDATES = 40
PLOTS = ("smooth_loss", "first_losses", "measures", "epoch_means", "held_out")
NAMES = ("models/last", "models/best", *(f"plots/{name}" for name in PLOTS), "metrics/train", "metrics/results")


class Killed(BaseException):
    """Stands for SIGKILL: nothing that the training does after it has any effect."""


class Case:
    """A training of 40 updates on a small text, in a folder, with checkpoints every 15."""

    def __init__(self, folder: Path, save_every: int, train: dict[str, object] | None = None, **changes):
        self.folder, train = folder, train or {}
        values = read_params(ROOT / "params.yaml").model_dump() | {"m": 8, "seq_length": 10} | changes
        values["train"] |= {"updates": UPDATES, "checkpoint_every": 15, "save_every": save_every} | train
        vocabulary = Vocabulary("".join(sorted(set(TEXT))))
        text = Text(vocabulary, *np.split(vocabulary.encode(TEXT), [split(len(TEXT), 0.05)[0]]))
        settings = {**changes, **train, "data/prepared/text.npz": "0" * 64}
        save_to = folder / "train" / resume.key(settings)
        self.training = Training(Params.model_validate(values), text, save_to, settings)

    def end(self, stop_after: int = 0, by: int | None = None) -> tuple[dict[str, bytes], str]:
        """Train until so many blocks are done, then a signal or a kill; return the outputs and what is printed."""
        outputs = self.folder / "outputs"
        shutil.rmtree(outputs, ignore_errors=True)
        blocks = 0

        def report(*_):
            nonlocal blocks
            blocks += 1
            if blocks == stop_after:
                if by is None:
                    raise Killed
                os.kill(os.getpid(), by)

        printed = StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
            patch.setattr(protocol, "progress", lambda *_, **__: nullcontext(report))  # called after each block
            trained = run_training(self.training, outputs / "checkpoints")
            write_results(self.training, trained, {name: outputs / name for name in NAMES})
        resume.forget(self.training.save_to)
        return contents(outputs), printed.getvalue()

    def killed(self, stop_after: int) -> None:
        """Train until so many blocks are done and the last of them is not saved."""
        with pytest.raises(Killed):
            self.end(stop_after)

    def states(self) -> list[Path]:
        return sorted(self.training.save_to.glob("*.state"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict[str, bytes]:
    """Return the files of a training that nobody disturbed."""
    return Case(tmp_path_factory.mktemp("alone"), 7).end()[0]


def test_an_undisturbed_training_leaves_its_files_and_no_state(tmp_path, alone):
    case = Case(tmp_path, 7)
    assert case.end()[0] == alone
    assert sorted(alone)[:3] == ["checkpoints/00.npz", "checkpoints/15.npz", "checkpoints/30.npz"]
    assert len(alone) == 3 + len(NAMES)
    assert list(case.training.save_to.parent.iterdir()) == []
    assert "resumed" not in case.end()[1]  # a forced run really trains


def adam(batch, **order):
    train = order | {"loss": "mean", "clip": None}
    return {"optimizer": "adam", "eta": 0.01, "sigma": "fan_in", "batch": batch, "train": train}


@pytest.mark.slow_but_first
@pytest.mark.parametrize("changes", [
    {},
    {"eta": 1e39},  # weights so large that a forward pass could overflow, which no model file may have
    *(adam(batch) for batch in (1, 3)),
    *(adam(batch, order="chunks", chunk_length=30) for batch in (1, 3)),
    *(adam(batch, order="positions") for batch in (1, 3)),
    *({"backend": "numpy"} | changes for changes in ({}, adam(3, order="chunks", chunk_length=30, dtype="float32"))),
])  # fmt: skip
def test_a_training_killed_after_every_update_ends_with_the_same_bytes(tmp_path, changes):
    case, other = (Case(tmp_path / name, every, **changes) for name, every in (("killed", 1), ("alone", 7)))
    for update in range(UPDATES):
        case.killed(2)  # the first block is saved, the second one lost
        assert case.states()[-1].stem == f"{update + 1:012}"
    files, printed = case.end()
    assert f"resumed at update {UPDATES}\n" in printed
    assert files == other.end()[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("blocks", [1, 3, 9])
def test_a_signal_lets_the_block_end_saves_and_stops(tmp_path, alone, blocks, number):
    case = Case(tmp_path, 7)
    with pytest.raises(Stopped, match=f"stopped by {number.name}") as stopped:
        case.end(blocks, by=number)
    assert stopped.value.exit_code == 128 + number
    files, printed = case.end()
    assert f"resumed at update {[7, 14, 15, 21, 28, 30, 35, 40, 40][blocks - 1]}\n" in printed
    assert files == alone


@pytest.fixture
def stopped(tmp_path) -> Case:
    """A training that was killed in its 22nd update or later, with its two states."""
    case = Case(tmp_path, 7)
    case.killed(6)
    assert [path.stem for path in case.states()] == ["000000000021", "000000000028"]
    return case


def test_a_damaged_state_is_named_and_the_older_one_taken(stopped, alone, capsys):
    newest = stopped.states()[-1]
    damaged = bytearray(newest.read_bytes())
    damaged[1000] ^= 1
    newest.write_bytes(damaged)
    with pytest.raises(Killed):
        stopped.end(1)
    assert f"warning: not resumed from {newest}: damaged" in capsys.readouterr().err
    assert not newest.exists()
    files, printed = stopped.end()
    assert capsys.readouterr().err == ""
    assert "resumed at update 21\n" in printed
    assert files == alone


def test_two_damaged_states_are_no_silent_fresh_start(stopped, alone, capsys):
    for path in stopped.states():
        path.write_bytes(path.read_bytes()[:-1])
    before = contents(stopped.training.save_to)
    with pytest.raises(Damaged, match=f"all saved states are damaged.*to start over: rm -r {stopped.training.save_to}"):
        stopped.end()
    assert contents(stopped.training.save_to) == before
    shutil.rmtree(stopped.training.save_to)
    assert stopped.end()[0] == alone
    capsys.readouterr()


def test_a_lost_checkpoint_makes_its_states_useless_and_an_older_one_serves(tmp_path, alone, capsys):
    case = Case(tmp_path, 7)
    case.killed(5)
    (case.training.save_to / "15.npz").unlink()
    files, printed = case.end()
    assert "15.npz is damaged or missing" in capsys.readouterr().err
    assert "resumed at update 14\n" in printed
    assert files == alone


def test_a_training_with_other_params_starts_again_and_names_the_difference(stopped, alone):
    """Of params with both values, of files by name."""
    other = Case(stopped.folder, 7, eta=0.2)
    edited = {"data/prepared/text.npz": "1" * 64, "src/train.py": "0" * 64}
    other.training = other.training._replace(inputs=other.training.inputs | edited)
    files, printed = other.end()
    assert printed.startswith(
        "starting at update 0; the state of another training is kept for 30 days: eta was None, is 0.2; "
        "changed files: data/prepared/text.npz, src/train.py\n"
    )
    assert files != alone
    assert len(stopped.states()) == 2
    for path in stopped.states():
        os.utime(path, (0, 0))  # not today's: it is kept in silence
    assert "starting" not in other.end()[1]
    assert stopped.end()[0] == alone


def test_a_state_unused_for_30_days_is_removed_unless_its_training_runs(stopped):
    other, folder = Case(stopped.folder, 7, eta=0.2), stopped.training.save_to
    for days, lock in ((29, False), (31, True), (31, False)):
        assert stopped.states()
        os.utime(folder, (time.time() - days * 86_400,) * 2)
        with exclusive(folder.with_suffix(".lock"), "it") if lock else nullcontext():
            other.end()
    assert not folder.exists()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork")
@pytest.mark.parametrize("removals", [0, 1, 2, 3, 4])
def test_killed_while_it_forgets_the_way_it_trains_again_or_goes_on(tmp_path, alone, removals, capsys):
    """Were a checkpoint removed before its states, they would be damaged ones."""
    case, left = Case(tmp_path, 7), iter(range(removals))
    case.killed(9)

    def die(event, _):
        if event == "os.remove" and next(left, None) is None:
            os._exit(0)

    if not (child := os.fork()):
        sys.addaudithook(die)
        resume.forget(case.training.save_to)
        os._exit(0)
    os.waitpid(child, 0)
    assert len(contents(case.training.save_to)) == 2 + 3 - removals
    assert case.end()[0] == alone
    assert capsys.readouterr().err == ""


def test_measuring_held_out_text_takes_at_most_a_twentieth_of_the_training(tmp_path):
    case = Case(tmp_path, 7, {"held_out_characters": 5}, eta=3.0)  # so large that the lowest loss is not the last
    held_out = case.training.text.held_out
    few = 15 * 10 // 32  # characters: checkpoints are 15 updates apart, of 10 characters each
    trained = run_training(case.training, tmp_path / "checkpoints")
    models = [read_model(path) for path in sorted((tmp_path / "checkpoints").iterdir())]
    assert trained.held_out == {
        each.update: bits_per_character(each.theta, held_out[:few], each.h, KERNEL) for each in models
    }
    (tmp_path / "metrics").mkdir()
    metrics, _ = write_results(case.training, trained, {name: tmp_path / name for name in NAMES})
    last = trained.rows.state
    assert metrics.held_out_characters_read == 5
    assert metrics.best_update < last.update
    assert metrics.held_out_bits_per_character == bits_per_character(last.theta, held_out[:5], last.carried, KERNEL)
    assert metrics.lowest_held_out_part_bits_per_character == min(trained.held_out.values())
