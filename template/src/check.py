"""check: are the gradients right? Training does not start if they are not."""

from common import functions, read_params, save, seeded  # isort: skip  first: NumPy then reads its variables

from functools import partial

import numpy as np

import rnncheck

TOLERANCE = 1e-4  # of the relative error of a central difference


def is_vanilla(weights, K):
    """Return whether the weights are those of the network that rnncheck knows: W, U, V, b and c."""
    m = len(next(iter(weights.values())))
    shapes = {"W": (m, m), "U": (m, K), "V": (K, m), "b": (m,), "c": (K,)}
    return {name: np.shape(w) for name, w in weights.items()} == shapes


def wrong_gradients(model, weights, state, x, y, rng):
    """Return a line for each gradient that is not the slope of the loss along a random direction.

    The weights are moved first, and the state is one of training: at zeros, some wrong gradients look right.
    """
    weights = {name: w + 0.1 * rng.normal(size=np.shape(w)) for name, w in weights.items()}
    state, wrong = model.gradients(weights, state, x, y)[2], []
    for name, g in model.gradients(weights, state, x, y)[1].items():
        direction = rng.normal(size=np.shape(g))
        direction *= 1e-5 / np.linalg.norm(direction)
        moved = (weights | {name: weights[name] + sign * direction} for sign in (1, -1))
        high, low = (model.gradients(each, state, x, y)[0] for each in moved)
        numeric, own = (high - low) / 2e-5, (g * direction).sum() / 1e-5
        if not abs(numeric - own) <= TOLERANCE * (abs(numeric) + abs(own) + 1e-3):
            wrong.append(f"gradients: {name} has the slope {numeric:.6g} along a random direction, not {own:.6g}")
    return wrong


def wrong_parts(params, data):
    """Return what is wrong with the model: one line each."""
    model = functions(params, ("seed", "seq_length"), "start", "gradients", "step", "loss", "write")
    K, T, rng = len(data["vocabulary"]), params["seq_length"], seeded(params["seed"])
    x, y = data["x"][:T], data["y"][:T]
    weights, state = model.start(K, x, rng)
    (head, middle), whole = model.loss(weights, state, x[: T // 2], y[: T // 2]), model.loss(weights, state, x, y)[0]
    tail = model.loss(weights, middle, x[T // 2 :], y[T // 2 :])[0]
    wrong = [] if np.isclose(head + tail, whole) else [f"loss: {whole}, but {head} + {tail} for two parts: no sum"]
    if not is_vanilla(weights, K):
        print(f"rnncheck does not know this network: its weights are {', '.join(weights)}; compared with differences")
        return wrong + wrong_gradients(model, weights, state, x, y, rng)
    plain = {"clip": None, "initial_accumulator_value": 0}  # the step that rnncheck knows
    step = partial(model.step, **{name: plain[name] for name in plain if name in model.step.keywords})

    def sample(weights, h, x, n, rng):
        return partial(model.write, length=n)(weights, h, np.array([x]), rng)

    report = rnncheck.check(gradients=model.gradients, step=step, sample=sample, eta=params.get("eta"))
    results = {verdict.part: verdict.result for verdict in report.parts}
    right = report.right and results["gradients"] == "right"  # the others may be unknown to rnncheck
    return wrong + ([] if right else ["the model does not pass rnncheck: see above"])


if __name__ == "__main__":
    if wrong := wrong_parts(read_params("check"), np.load("data/prepared.npz")):
        raise SystemExit("\n".join(wrong))
    save("metrics/check.json", '{"right": true}\n')
