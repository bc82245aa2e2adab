"""Create an object in MLflow by a request that must not be executed twice, such as a run or a model.

MLflow repeats a request after a timeout, but a busy server may still execute the first one: then there are two objects.
"""

import os
import time
from collections.abc import Callable
from typing import TypeVar

from mlflow.exceptions import MlflowException

ONCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}  # within the sender's time limit
PAUSE = 2  # seconds after a failure: a database may have restarted
Created = TypeVar("Created")


def create_once(create: Callable[[], Created], search: Callable[[], list[Created]]) -> Created:
    """Return the object that the request `create` creates.

    MLflow does not repeat the request. If the server does not answer, or its answer is a failure of its own, the first
    object that `search` finds is returned. If `search` finds nothing, the request is sent once more.
    """
    try:
        return _without_retries(create)
    except MlflowException as error:
        if error.get_http_status_code() < 500:  # type: ignore[no-untyped-call]  # MLflow's own
            raise
        time.sleep(PAUSE)
        return next(iter(search()), None) or _without_retries(create)


def _without_retries(request: Callable[[], Created]) -> Created:
    usual = {name: os.environ[name] for name in ONCE}
    os.environ |= ONCE  # MLflow has no parameter for it
    try:
        return request()
    finally:
        os.environ |= usual
