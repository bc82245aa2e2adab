"""A program that reads cases.json and writes answers.json, as one in another language does, with 15 digits."""

import json

import numpy as np

from rnncheck.cases import About
from rnncheck.files import answers_report, cases_file


def array(value):
    return np.array(value["data"]).reshape(value["shape"])


def plain(value):
    if hasattr(value, "keys"):
        return {name: plain(value[name]) for name in value}
    value = np.asarray(value)
    return {"shape": list(value.shape), "data": [float(f"{number:.15g}") for number in value.ravel().tolist()]}


def weights_of(value):
    return {name: array(item) for name, item in value.items()}


def answer(part, function, call, rng):
    weights = weights_of(call["weights"])
    if part == "gradients":
        loss, grads, h = function(weights, array(call["h"]), array(call["x"]), array(call["y"]))
        grads = grads if hasattr(grads, "keys") else vars(grads)
        return {"loss": float(f"{np.asarray(loss).item():.15g}"), "gradients": plain(grads), "h": plain(h)}
    if part == "following":
        p, h = function(weights, array(call["h"]), call["x"])
        return {"p": plain(p), "h": plain(h)}
    if part == "sample":
        n = call["n"]
        return plain([function(weights, array(call["h"]).copy(), call["x"], n, rng) for _ in range(call["texts"])])
    if part == "losses":
        return plain(function(weights, array(call["ids"]), call["n"]))
    memory, after = None, []
    for n, gradients in enumerate(call["gradients"], 1):
        value = function(weights, weights_of(gradients), memory, n)
        weights, memory = value if isinstance(value, tuple) else (value or weights, None)
        after.append(plain(weights))
    return after


def answers(functions, about=About(), **more):  # noqa: B008  immutable
    """Return the answers of the functions as JSON."""
    cases, rng = json.loads(cases_file(about)), np.random.default_rng(1)
    content = {"cases": cases["cases"], **more}
    with np.errstate(all="ignore"):
        for part, function in functions.items():
            content[part] = [answer(part, function, call, rng) for call in cases[part]]
    return json.dumps(content)


def report(path, functions, about=About(), **more):  # noqa: B008
    """Write the answers of the functions, and return the report on them."""
    path.write_text(answers(functions, about, **more))
    return answers_report(path)[1]
