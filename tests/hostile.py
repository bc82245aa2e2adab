"""A server that answers like MLflow until it misbehaves, to the byte. It listens on 127.0.0.1."""

import itertools
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from serving import Asked, Behaviour, answered, serving

ARTIFACTS = "mlflow-artifacts:/0/a/artifacts"
MODEL = f"m-{'0' * 32}"


def slowly(content: bytes) -> Iterator[bytes]:
    for byte in itertools.cycle(content):
        yield bytes([byte])
        time.sleep(1)


class Mlflow:
    """What a store answers in which nothing was before: enough for a run to be sent and a model to be asked for."""

    def __init__(self, *, name: str = "a run", artifacts: str = ARTIFACTS, experiment: str = "0", text: str = ""):
        self.name, self.artifacts, self.experiment, self.text, self.tags = name, artifacts, experiment, text, []

    def __call__(self, asked: Asked) -> list[bytes]:
        endpoint = re.split("[?&]", asked.path.partition("/mlflow/")[2])[0]
        given = json.loads(asked.body or b"{}") if endpoint else {}
        model = {"info": {"model_id": MODEL, "experiment_id": "0", "artifact_uri": self.artifacts, "status": 1}}
        version = {"name": "x", "version": "1", "run_id": "a", "source": f"models:/{MODEL}", "model_id": MODEL}
        match endpoint:
            case "experiments/get-by-name":
                return answered({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404)
            case "experiments/create":
                self.text = given["tags"][0]["value"]
                said = {"experiment_id": self.experiment}
            case "experiments/search" | "experiments/get" if self.text:
                tags = [{"key": "charloom.text_sha256", "value": self.text}]
                own = {"experiment_id": self.experiment, "name": "charloom: fox", "tags": tags}
                said = {"experiments": [own], "experiment": own}
            case "runs/search":
                said = {"runs": [self._run()] if self.tags else []}
            case "runs/create" | "runs/get":
                self.tags = given.get("tags", self.tags)
                said = {"run": self._run()}
            case "runs/update":
                said = {"run_info": self._run()["info"]}
            case "logged-models/search":
                said = {"models": []}
            case "model-versions/search":
                said = {"model_versions": []}
            case "registered-models/alias" | "model-versions/create":
                said = {"model_version": version | {"tags": given.get("tags", [])}}
            case "model-versions/get-download-uri":
                said = {"artifact_uri": f"models:/{MODEL}"}
            case "registered-models/create" | "registered-models/get":
                said = {"registered_model": {"name": "x"}}
            case _:
                said = {"model": model} if endpoint.startswith("logged-models") else {}
        return answered(said)

    def _run(self) -> dict[str, Any]:
        info = {
            "run_id": "a", "run_uuid": "a", "experiment_id": "0", "run_name": self.name, "status": "RUNNING",
            "start_time": 1, "lifecycle_stage": "active", "artifact_uri": self.artifacts,
        }  # fmt: skip
        return {"info": info, "data": {"tags": self.tags}}


def hostile(misbehaviour: Callable[[Asked], Iterable[bytes] | None], otherwise: Behaviour) -> AbstractContextManager:
    """Serve what misbehaviour yields, and where that is None, an answer of MLflow's; yield the address."""

    def behave(asked: Asked) -> Iterable[bytes]:
        pieces = misbehaviour(asked)
        return otherwise(asked) if pieces is None else pieces

    return serving(behave)
