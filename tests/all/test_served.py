"""A model behind MLflow's own server, asked over HTTP."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from projects import ROOT, Project, said, started, until
from stores import free_port, listening

MODEL = "models:/charloom-fox@best"
LOAD = """
import sys, mlflow.pyfunc, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
print(model.predict(pd.DataFrame({"prime": ["fox"]}), params={"length": 20})[0])
import charloom
print(charloom.__file__)
"""


@pytest.fixture(scope="module")
def ask(finished, tmp_path_factory):
    """A function that posts JSON to the served model and returns the status and the answer."""
    port = free_port()
    address, served = f"http://127.0.0.1:{port}", Project(tmp_path_factory.mktemp("served"))
    command = ["models", "serve", "-m", MODEL, "--env-manager", "local", "-h", "127.0.0.1", "-p", str(port)]
    process = started(served, "mlflow", *command, MLFLOW_TRACKING_URI=f"sqlite:///{finished.folder}/mlflow.db")

    def post(content: bytes | dict) -> tuple[int, dict]:
        body = content if isinstance(content, bytes) else json.dumps(content)
        answer = requests.post(f"{address}/invocations", body, headers={"Content-Type": "application/json"}, timeout=60)
        return answer.status_code, answer.json()

    try:
        until(lambda: process.poll() is not None or listening(port), 90, every=0.2)
        yield post
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def test_a_model_brings_the_code_that_writes(finished):
    store = f"sqlite:///{finished.folder}/mlflow.db"
    command = ("python", "-W", "error::FutureWarning", "-c", LOAD, MODEL)
    *_, written, where = finished.run(*command, cwd=Path("/"), MLFLOW_TRACKING_URI=store).splitlines()
    assert written + "\n" == said(finished, "sample", "--prime", "fox", "--length", "20")[0]
    assert where.endswith("/charloom/__init__.py")
    assert not where.startswith((str(ROOT), str(finished.folder)))  # unpacked from what it brings


def test_json_goes_in_and_the_text_of_the_command_comes_out_with_its_defaults(ask, finished):
    given = {"length": 90, "temperature": 0.7, "top_k": 9, "top_p": 0.9, "seed": 4}
    for options in (given, {}):
        words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        expected, _ = said(finished, "sample", "--prime", "fox", *words)
        for inputs in ({"inputs": ["fox"]}, {"dataframe_split": {"columns": ["prime"], "data": [["fox"]]}}):
            assert ask(inputs | {"params": options}) == (200, {"predictions": [expected.removesuffix("\n")]})


def test_a_name_that_mlflow_does_not_know_never_reaches_the_model(ask):
    """README says so. Where this fails, MLflow shows the model such names, and served.py can refuse them."""
    right = ask({"inputs": ["fox"]})
    for wrong in ({"params": {"lenght": 3}}, {"lenght": 3}, {"inputs": [{"prime": "fox", "n": 3}]}):
        assert ask({"inputs": ["fox"]} | wrong) == right


def test_a_batch_is_the_samples_of_the_command(ask, finished):
    _, answer = ask({"inputs": ["fox"] * 2, "params": {"length": 300}})
    printed, _ = said(finished, "sample", "--prime", "fox", "--length", "300", "--samples", "2")
    headed = (f"==> sample {n} of 2 <==\n{text}\n" for n, text in enumerate(answer["predictions"], 1))
    assert "\n".join(headed) == printed
    assert ask({"inputs": []}) == (200, {"predictions": []})


def test_twenty_at_once_get_what_each_would_get_alone(ask):
    requests = [{"inputs": [{"prime": "the "}], "params": {"length": 2000, "seed": n % 7}} for n in range(20)]
    with ThreadPoolExecutor(20) as pool:
        together = list(pool.map(ask, requests))
    alone = [ask(request) for request in requests[:7]]
    assert together == (3 * alone)[:20]
    assert {code for code, _ in together} == {200}
    assert len({answer["predictions"][0] for _, answer in together}) == 7


def test_a_wrong_request_is_a_400_that_says_why(ask):
    for content, words in (
        ({"inputs": [{"prime": 5}]}, "prime: 5 is not allowed; allowed is a text"),
        ({"inputs": ["ÜÜ"]}, "prime: none of these characters is in the model's vocabulary: 'Ü' 2 times"),
        ({"inputs": [{"text": "fox"}]}, "missing inputs ['prime']"),
        ({"inputs": ["fox"], "params": {"length": "many"}}, "'length': long"),
        ({"inputs": ["fox"], "params": {"length": None}}, "length: None is not allowed; allowed is a whole number"),
        ({"inputs": ["fox"] * 100, "params": {"length": 10_001}}, "up to 1,000,000 characters"),
        ({"inputs": ["fox"] * 5000, "params": {"length": 1}}, "a length below 256 counts as 256"),
        (b'{"inputs": ["fox"], "params": {"temperature": NaN}}', "temperature: nan is not allowed"),
        ({"prime": "fox"}, "exactly one of the input fields"),
        (b"fox", "Expecting value"),
    ):
        code, answer = ask(content)
        assert (code, words in answer["message"], "Traceback" in json.dumps(answer)) == (400, True, False)
    assert ask({"inputs": ["fox"], "params": {"length": 1}})[0] == 200
