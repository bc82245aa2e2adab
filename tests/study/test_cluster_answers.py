"""What a scheduler answers, late or never, and what is made of it; without one."""

from types import SimpleNamespace

import pytest

from charloom.base.errors import Unavailable
from charloom.study import cluster


class Client:
    """Of Dask's client what a `Cluster` uses; `seen` is when the scheduler has heard of each worker."""

    def __init__(self):
        self.status, self.seen, self.broken = "running", {"a": 1.0, "b": 1.0}, None
        self.scheduler = SimpleNamespace(identity=self.identity)

    def identity(self, n_workers):
        assert n_workers == -1  # all
        return {"workers": {name: {"last_seen": seen} for name, seen in self.seen.items()}}

    def scatter(self, given, **_):
        return {name: SimpleNamespace(status="finished") for name in given}

    def sync(self, function, callback_timeout):
        assert callback_timeout
        if self.broken:
            raise self.broken
        return function()

    def get_executor(self, workers, **_):
        return workers[0]


@pytest.fixture
def here(monkeypatch):
    """A client, what is made of it, and a function that lets seconds pass and returns the live workers."""
    clock = [1000.0]
    monkeypatch.setattr(cluster, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    client = Client()

    def later(seconds):
        clock[0] += seconds
        return workers.there()

    workers = cluster.Cluster("tcp://a:1", client, (), None, "a hash")
    return client, workers, later


def test_a_worker_that_is_not_heard_of_for_a_minute_is_left_out_until_it_is(here, capsys):
    client, _, later = here
    assert later(0) == {"a": "a", "b": "b"}
    client.seen["a"] = 2.0
    assert later(59) == {"a": "a", "b": "b"}
    for _ in range(2):
        client.seen["a"] += 1
        assert later(2) == {"a": "a"}
    assert capsys.readouterr().err == "warning: worker b is left out: no heartbeat for 60 s\n"
    client.seen["b"] = 2.0
    assert later(2) == {"a": "a", "b": "b"}


@pytest.mark.parametrize("broken", [TimeoutError(), OSError("gone"), AttributeError("no scheduler")])
def test_a_scheduler_has_ten_seconds_to_answer_again(here, broken):
    client, _, later = here
    live = later(0)
    for _ in range(2):
        client.broken = broken
        assert later(9) == live
        client.broken = None
        assert later(2) == live
    client.broken = broken
    with pytest.raises(Unavailable, match=r"^--dask tcp://a:1: no scheduler answers \(.+\); finished trials are kept$"):
        later(11)


def test_a_lost_connection_has_no_workers(here):
    client, _, later = here
    later(0)
    client.status = "connecting"
    assert later(5) == {}


def test_a_text_that_cannot_be_sent_now_is_sent_later(here, capsys):
    client, workers, _ = here
    for client.broken in (TimeoutError("No valid workers found"), ValueError("no"), KeyError("tcp://a:2")):
        assert workers.text() is None
    line = "warning: the text could not be sent to the workers; charloom tries again: No valid workers found\n"
    assert capsys.readouterr().err == line
    client.broken = None
    assert workers.text().status == "finished"
