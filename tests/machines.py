"""Two machines that send to one store at the same moment: two threads, without a lock of this machine between them."""

import threading
from collections.abc import Callable
from contextlib import chdir

LONG = 60  # seconds, which only a test that fails takes


class Died(BaseException):
    """A process is killed."""


class Machine(threading.Thread):
    """A machine with this work to do."""

    def __init__(self, work: Callable[[], None]):
        super().__init__(daemon=True)
        self.work, self.rests, self.failed = work, threading.Event(), None

    def run(self) -> None:
        try:
            self.work()
        except Died:
            pass
        except Exception as error:  # noqa: BLE001  the test raises it
            self.failed = error
        self.rests.set()


def at_once(project, monkeypatch, machines, where, question, condition=lambda *_, **__: True, dies=False, always=True):
    """Let the first machine work; the second begins as the first asks this question, and the condition is true.

    dies    whether the first is killed once the question is answered
    always  whether the question has to be asked; else the second begins at the end
    """
    first, second = machines
    asked = getattr(where, question)

    def stops(*given, **named):
        mine = threading.current_thread() is first and not second.ident and condition(*given, **named)
        if mine:
            second.start()
            assert second.rests.wait(LONG)
        answer = asked(*given, **named)
        if mine and dies:
            raise Died
        return answer

    monkeypatch.setattr(where, question, stops)
    with chdir(project.folder):
        first.start()
        first.join(LONG)
        assert second.ident or not always, f"nobody asked {question}"
        if not second.ident:
            second.start()
        second.join(LONG)
    assert not first.is_alive()
    assert not second.is_alive()
    for each in machines:
        if each.failed:
            raise each.failed
