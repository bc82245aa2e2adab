"""Whatever a server answers, a command that sends a run or asks for a model prints one line, and acts on nothing."""

import re
import time
from contextlib import chdir

import pytest
from hostile import Asked, Mlflow, answered, hostile
from mlflow_project import this_run
from projects import copied

from charloom.core.base.errors import CharloomError
from charloom.core.model.model_file import read_model
from charloom.tracking.collect import put_run
from charloom.tracking.queries import fetch
from charloom.tracking.sending import send_all

ESCAPES = "\x1b]0;owned\x07\x1b[31mred\u202e\nwarning: all is well"
ACTS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202e]|^warning: all|Traceback", re.MULTILINE)
SECONDS = 30  # to be refused, on a busy machine


def said(*arguments, **options):
    """Answer so whatever is asked."""
    return lambda _: answered(*arguments, **options)


def of_artifacts(answer: dict):
    """Answer so to whoever asks which artifacts there are, and like MLflow otherwise."""

    def behaviour(asked: Asked):
        listed = "/mlflow-artifacts/artifacts" in asked.path and asked.method == "GET"
        return answered(answer) if listed else None

    return behaviour


def presigned(asked: Asked):
    """Send whoever wants a model to another address for it, for a file of a terabyte."""
    if "server-info" in asked.path:
        return answered({"multipart_downloads_enabled": True, "multipart_uploads_enabled": True})
    if "presigned" in asked.path:
        return answered({"url": "http://127.0.0.1:9/evil", "headers": {}, "file_size": 10**12})
    return answered(b"not a model") if "mlflow-artifacts/artifacts" in asked.path else None


REFUSED = {
    "deep nesting": said(b'{"a":' * 200_000 + b"1" + b"}" * 200_000),
    "wrong types": said({"experiment": [1, {"experiment_id": {"a": []}}], "runs": 7, "model_version": "no"}),
    "a sign-in page": said(b"<html><h1>Sign in</h1></html>", headers=["Content-Type: text/html"]),
    "301 in a circle": lambda asked: answered(b"", 301, [f"Location: {asked.address}{asked.path}"]),
    "401": said(b"who are you?", 401),
    "403 in colours": said({"error_code": "PERMISSION_DENIED", "message": ESCAPES}, 403),
    "500": said(b"x" * 10_000_000, 500),
    "503 for an hour": said(b"", 503, ["Retry-After: 3600"]),
    "cut off in the body": lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b'{"experi'],
    "no HTTP": lambda _: [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)],
    "artifacts in a file": Mlflow(artifacts="file:///etc"),
}
TAKEN = {  # the run is sent; no model is fetched
    "a run named in colours": Mlflow(name=ESCAPES),
    "artifacts above": Mlflow(artifacts="mlflow-artifacts:/../../../../evil"),
    "folders without end": of_artifacts({"files": [{"path": f"d{n}", "is_dir": True} for n in range(1000)]}),
    "names above the folder": of_artifacts({"files": [{"path": "../../../evil", "is_dir": False, "file_size": 4}]}),
    "a model elsewhere, of a terabyte": presigned,
}


def fetched(file) -> None:
    """Fetch a model into the file and read it, as `charloom sample --model` does."""
    fetch("models:/charloom-fox@best", file)
    read_model(file)


@pytest.mark.parametrize("name", [*REFUSED, *TAKEN])
def test_an_answer_of_any_kind_is_a_line(name, finished, tmp_path, monkeypatch, capsys):
    sending = copied(finished, tmp_path / "project")
    files, began = sending.contents(), time.monotonic()
    with hostile((REFUSED | TAKEN)[name], Mlflow()) as address, chdir(sending.folder):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        entry, reasons = put_run(this_run()), []
        try:
            send_all(entry)
        except CharloomError as error:
            reasons.append(str(error))
        with pytest.raises(CharloomError) as refused:
            fetched(tmp_path / "model.npz")
    print(reasons)
    assert time.monotonic() - began < SECONDS
    printed = "".join(capsys.readouterr())
    assert ("MLflow run" in printed, entry.exists()) == ((True, False) if name in TAKEN else (False, True))
    assert len(reasons) == (name not in TAKEN)
    for line in (*reasons, str(refused.value)):
        assert (len(line) < 600, "\n" in line) == (True, False)
    assert not ACTS.search(f"{printed}\n{refused.value}")
    assert sending.contents() == files
    assert {path.name for path in tmp_path.iterdir()} <= {"project", "model.npz"}
