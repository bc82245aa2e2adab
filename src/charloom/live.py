"""Smooth loss on its way to MLflow while training runs, in a thread of its own: no store can hold training up.

MLflow is imported there too, beside the first updates. What does not arrive, `track` sends from the files.
"""

import queue
import sys
import threading
import time

from charloom.params import Params

SECONDS_BETWEEN_BATCHES = 2.0
WAITING = 100_000  # points; a store that falls further behind is given up


class Live:
    """Takes points at any speed. The first failure of the store ends it with a warning."""

    def __init__(self, fingerprint: str, params: Params, name: str):
        """Start to find or create the run; one that is complete already is left alone."""
        self.imported = threading.Event()
        self.points: queue.Queue[tuple[int, float] | str] = queue.Queue(WAITING)
        self.thread = threading.Thread(target=self._send, args=(fingerprint, params, name), daemon=True)
        self.thread.start()

    def point(self, step: int, value: float) -> None:
        """Take a point."""
        if self.thread.is_alive() and not self.points.full():
            self.points.put((step, value))

    def end(self, status: str, seconds: float, *, at_once: bool = False) -> None:
        """Send what waits and leave the run with this status, in that many seconds or not at all.

        They count from when MLflow is imported and its database there, which takes up to a minute; a process that
        has to end at once does not wait for that.
        """
        if self.points.full() or not self.imported.wait(0 if at_once else 60):
            return
        self.points.put(status)
        self.thread.join(seconds)
        if self.thread.is_alive():
            warn(f"no answer within {seconds:g} s")

    def _send(self, fingerprint: str, params: Params, name: str) -> None:
        try:
            self._mirror(fingerprint, params, name)
        except Exception as error:  # noqa: BLE001  whatever it is, training goes on
            warn(str(error))
        finally:
            self.imported.set()

    def _mirror(self, fingerprint: str, params: Params, name: str) -> None:
        from charloom.tracking import RESULTS, Store, create  # noqa: PLC0415  takes seconds: training need not wait

        create()
        self.imported.set()
        store = Store()
        run = store.run(fingerprint, params)
        if RESULTS in run.data.tags:
            return
        store.client.update_run(run.info.run_id, "RUNNING")
        status = None
        while status is None:
            batch, status = self._batch()
            store.send(run, name, batch)
        if status != "RUNNING":
            store.client.set_terminated(run.info.run_id, status)

    def _batch(self) -> tuple[dict[int, float], str | None]:
        """Return the points of the next seconds, and the status that ends them, if it has come."""
        batch, end = dict[int, float](), time.monotonic() + SECONDS_BETWEEN_BATCHES
        while (left := end - time.monotonic()) > 0:
            try:
                item = self.points.get(timeout=left)
            except queue.Empty:
                break
            if isinstance(item, str):
                return batch, item
            batch[item[0]] = item[1]
        return batch, None


def warn(reason: str) -> None:
    """Say in one line that the store did not answer."""
    first = (reason.splitlines() or ["no reason given"])[0]
    sys.stderr.write(f"warning: MLflow not updated ({first}); `make track` sends it later\n")
