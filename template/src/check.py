"""check: are the gradients right? Training does not start if they are not."""

from common import functions, read_params, save, seeded  # isort: skip  first: NumPy then reads its variables

from functools import partial

import numpy as np

import rnncheck


def is_vanilla(weights, K):
    """Return whether the weights are those of the network that rnncheck knows: W, U, V, b and c."""
    m = np.size(weights.get("b", 0))
    shapes = {"W": (m, m), "U": (m, K), "V": (K, m), "b": (m,), "c": (K,)}
    return {name: np.shape(w) for name, w in weights.items()} == shapes


def wrong_gradients(gradients, weights, state, rng):
    """Return a line for each weight whose gradient is not the slope of the loss along a random direction.

    A line says nan if the gradient is missing, or has another shape than its weight. The weights are moved first, and
    the state is one of training: at zeros, some wrong gradients look right.
    """
    weights = {name: w + 0.1 * rng.normal(size=np.shape(w)) for name, w in weights.items()}
    state, wrong = gradients(weights, state)[2], []
    for name, w in weights.items():
        g, direction = gradients(weights, state)[1].get(name, np.nan), rng.normal(size=np.shape(w))
        direction *= 1e-5 / np.linalg.norm(direction)
        high, low = (gradients(weights | {name: w + sign * direction}, state)[0] for sign in (1, -1))
        numeric = (high - low) / 2e-5
        own = (g * direction).sum() / 1e-5 if np.shape(g) == np.shape(direction) else np.nan
        if not abs(numeric - own) <= 1e-4 * (abs(numeric) + abs(own) + 1e-3):
            wrong.append(f"gradients: {name} has the slope {numeric:.6g} along a random direction, not {own:.6g}")
    return wrong


def wrong_parts(params, data):
    """Return what is wrong with the model: one line each."""
    model = functions(params, ("seed", "seq_length"), "start", "gradients", "step", "loss", "write")
    K, T, rng = len(data["vocabulary"]), params["seq_length"], seeded(params["seed"])
    x, y = data["x"][:T], data["y"][:T]
    weights, state = model.start(K, x, rng)
    first, middle = model.loss(weights, state, x, y)
    second, _ = model.loss(weights, middle, x, y)
    both, _ = model.loss(weights, state, np.concatenate((x, x)), np.concatenate((y, y)))
    wrong = [] if np.isclose(first + second, both) else [f"loss: {both}, but {first} + {second} for two parts: no sum"]
    if not is_vanilla(weights, K):
        print(f"rnncheck does not know this network: its weights are {', '.join(weights)}; compared with differences")

        def gradients(weights, state):
            seeded(params["seed"])  # a model may draw random numbers
            return model.gradients(weights, state, x, y)

        return wrong + wrong_gradients(gradients, weights, state, rng)
    plain = {"clip": None, "initial_accumulator_value": 0}  # the step that rnncheck knows
    step = partial(model.step, **{name: plain[name] for name in plain if name in model.step.keywords})

    def sample(weights, h, x, n, rng):
        return partial(model.write, length=n)(weights, h, np.array([x]), rng)

    report = rnncheck.check(gradients=model.gradients, step=step, sample=sample, eta=params.get("eta"))
    # Another optimiser than AdaGrad and Adam may be right: what rnncheck says about step is only printed.
    right = report.parts[0].result == "right" and {p.part for p in report.parts if p.result == "wrong"} <= {"step"}
    return wrong + ([] if right else ["the model does not pass rnncheck: see above"])


if __name__ == "__main__":
    if wrong := wrong_parts(read_params("check"), np.load("data/prepared.npz")):
        raise SystemExit("\n".join(wrong))
    save("metrics/check.json", '{"right": true}\n')
