"""What a scheduler answers, late or never, and what is made of it; without one."""

from types import SimpleNamespace

import pytest

from charloom.base.errors import Unavailable
from charloom.study import workers as sources


class Client:
    """Of Dask's client what a `Cluster` uses."""

    def __init__(self):
        self.status, self.broken, self.cancelled, self.texts = "running", None, False, 0
        self.scheduler = SimpleNamespace(identity=self.identity)

    def identity(self, n_workers):
        assert n_workers == -1  # all
        return {"workers": {"a": {}, "b": {}}}

    def submit(self, *_, **__):
        self.texts += 1
        return SimpleNamespace(cancelled=lambda: self.cancelled)

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
    monkeypatch.setattr(sources, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    client = Client()

    def later(seconds):
        clock[0] += seconds
        return workers.there()

    workers = sources.Cluster("tcp://a:1", client, (), b"")
    return client, workers, later


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


def test_a_lost_connection_has_no_workers_and_the_text_is_sent_again(here):
    client, workers, later = here
    assert later(0) == {"a": "a", "b": "b"}
    assert workers.text is workers.text
    client.status, client.cancelled = "connecting", True
    assert later(5) == {}
    client.status = "running"
    assert workers.text
    assert client.texts == 2
