"""A class of students, one server with PostgreSQL and passwords: processes, and threads with the sender's own code.

STUDENTS is their number. For a lecture hall: `STUDENTS=60 python -m pytest -n 0 -s tests/all/test_lecture_hall.py`.
"""

import os
import random
import re
import shutil
import threading
import time
from contextlib import chdir
from pathlib import Path

import psutil
import pytest
from mlflow.exceptions import MlflowException
from mlflow_project import curve, model_names, trainings
from projects import copied
from team import Team

from charloom.core.training.record import Recording
from charloom.tracking.collect import put, this_run
from charloom.tracking.completion import complete, show
from charloom.tracking.entries import Entry
from charloom.tracking.rounds import RETRY_PAUSE
from charloom.tracking.store import ONCE, Store

STUDENTS = int(os.environ.get("STUDENTS", "12"))
PROCESSES = max(2, STUDENTS // 10)  # the others are threads
LONGEST = 600  # seconds
TRAINING = "charloom.training."


class Student(threading.Thread):
    """A student whose training is recorded in the folder: shown from its start on, and completed after its end."""

    def __init__(self, folder: Path, gate: threading.Barrier):
        super().__init__(name=folder.name, daemon=True)
        self.entry, self.gate, self.failed, self.seconds, self.retries = Entry(folder), gate, None, 0.0, 0

    def run(self) -> None:
        try:
            store = Store()
            store.user = self.name
            self.gate.wait(LONGEST)
            began = time.monotonic()
            self.patient(store, lambda: show(store, self.entry, ended=False))
            time.sleep(random.uniform(0, 3))  # noqa: S311
            self.patient(store, lambda: complete(store, self.entry, self.entry.tracked))
            self.seconds = time.monotonic() - began
        except Exception as error:  # noqa: BLE001  the test raises it
            self.failed = error

    def patient(self, store: Store, work) -> None:
        """Try until the server answers in time, with the pauses of a sender."""
        end = time.monotonic() + LONGEST
        while True:
            try:
                store.connect()
                return work()
            except MlflowException:
                if time.monotonic() > end:
                    raise
                self.retries += 1
                time.sleep(RETRY_PAUSE)


class Use:
    """Measure a server: its requests, and the most bytes of memory that all its processes take together."""

    def __init__(self, team: Team):
        self.team, self.memory = team, 0
        self.before = self.requests()

    def requests(self) -> int:
        return len(re.findall(r'"(?:GET|POST|PUT|PATCH|DELETE) /', (self.team.data / "mlflow.log").read_text()))

    def look(self) -> None:
        server = psutil.Process(self.team.process.pid)
        whole = [server, *server.children(recursive=True), *self.team.databases()]
        self.memory = max(self.memory, sum(process.memory_info().rss for process in {*whole} if process.is_running()))

    def __str__(self) -> str:
        return f"{self.requests() - self.before} requests, at most {self.memory / 2**20:.0f} MB"


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    team = Team(tmp_path_factory.mktemp("t"), "NAMES=mlflow.example.org")
    for number in range(PROCESSES):
        team.let_in(f"process{number}")
    team.let_in("owner")
    team.let_in("thread")
    yield team
    team.end()


@pytest.mark.filterwarnings("ignore")  # `catch_warnings` is for a process, and the students are its threads
@pytest.mark.parametrize("seeds", ["one seed", "a seed each"])
def test_each_training_of_a_class_at_once_is_counted_once(finished, tmp_path, team, monkeypatch, seeds):
    first = 1000 if seeds == "a seed each" else 0
    people = [copied(finished, tmp_path / f"p{number}") for number in range(PROCESSES)]
    for number, project in enumerate(people):
        project.set(updates=150000, checkpoint_every=50000, save_every=50000, seed=first + number)
    source = people[0]
    source.run("dvc", "repro", MLFLOW_TRACKING_URI="sqlite:///elsewhere.db")
    with chdir(source.folder):
        run = this_run()
    folders = []
    for number in range(PROCESSES, STUDENTS):
        params = run.params.model_copy(update={"seed": first + number if first else run.params.seed})
        result = f"{number:064x}" if first else run.results
        with chdir(source.folder):
            with Recording(f"{number}", params, run.text_sha256) as record:
                record.points(curve(run))
                record.results = result
            folders.append(Path(shutil.move(put(run._replace(params=params, results=result)), tmp_path / f"s{number}")))
    if not first:
        for project in people:
            project.set(seed=run.params.seed)

    had = set(team.runs(monkeypatch, "thread"))  # the threads' login, in this process
    use, gate = Use(team), threading.Barrier(STUDENTS)
    students = [Student(folder, gate) for folder in folders]

    def train(number: int) -> None:
        gate.wait(LONGEST)
        said = team.said(f"process{number}", people[number], "dvc", "repro", "--force")
        while "MLflow run" not in said and time.monotonic() < began + LONGEST:  # it is sent later: see `patient`
            said = team.said(f"process{number}", people[number], "charloom", "track", expect=None)
        assert "MLflow run" in said, said

    failed = []
    monkeypatch.setattr(threading, "excepthook", lambda error: failed.append(error.exc_value))
    at_work = [*students, *(threading.Thread(target=train, args=[number]) for number in range(PROCESSES))]
    began = time.monotonic()
    with monkeypatch.context() as threads:
        for name, value in ONCE.items():  # `create_once` sets them for a process, and the threads share this one
            threads.setenv(name, value)
        for thread in at_work:
            thread.start()
        while any(thread.is_alive() for thread in at_work):
            use.look()
            time.sleep(0.5)
    slowest, retries = max(student.seconds for student in students), sum(student.retries for student in students)
    print(f"{seeds}: {time.monotonic() - began:.0f} s, {use}, the slowest {slowest:.0f} s, {retries} retries")
    assert not [*failed, *filter(None, (student.failed for student in students))]

    runs = {key: student_run for key, student_run in team.runs(monkeypatch, "thread").items() if key not in had}
    assert_counted_once(source, runs.values(), STUDENTS if first else 0)


def assert_counted_once(source, runs, number: int) -> None:
    """Each training is a tag of one run, which is complete; of so many runs, unless 0, each has models."""
    models = [student_run for student_run in runs if "charloom.same_as" not in student_run.data.tags]
    print(f"{len(runs)} runs, {len(models)} with models")
    assert len(models) == len(runs) == number if number else 1 <= len(models) <= len(runs) <= STUDENTS
    assert {student_run.info.status for student_run in runs} == {"FINISHED"}
    records = [tag for student_run in runs for tag in student_run.data.tags if tag.startswith(TRAINING)]
    assert len(records) == len({*records}) == STUDENTS
    client = source.client(os.environ["MLFLOW_TRACKING_URI"])
    for student_run in runs:
        if student_run in models:
            count = int(student_run.data.tags["charloom.reproductions"])
            assert count == len(trainings(student_run)) - 1
        of_it = f"source_run_id = '{student_run.info.run_id}'"
        has_models = client.search_logged_models([student_run.info.experiment_id], of_it)
        assert len(has_models) == len(model_names(source)) * (student_run in models)
        for name in student_run.data.metrics:
            points = client.get_metric_history(student_run.info.run_id, name)
            assert len({point.step for point in points}) == len(points), name
