"""Guess the map of a program that has an obvious layout.

That is a function or method forward…, and backward… or compute_grad…, or one function for both, over W U V b c in a
dict, in an object, or as arguments. The names of parameters and of returned values say what they are; shapes are tried.
A guess counts only if loss and last state are right with it.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnncheck import gradient
from rnncheck.backward import forward, gradients
from rnncheck.cases import K, M, T, cases
from rnncheck.definitions import cells
from rnncheck.gradient import ALIASES
from rnncheck.process import Student, Unreadable

FUNCTIONS = {  # in the order of their calls: patterns of names in lower case, without underscores
    "forward": r"(synth)?forward.*|fwd.*|evaluate.*",
    "loss": r"(compute|calc)?(the)?(loss|cost)|crossentropy",
    "backward": r"back.*|bptt|bwd.*|(compute|calc|get)?grad.*|lossfun.*|(forward|loss)(and)?(back|grad).*",
}
ROLES = {  # of parameters
    "net": r"self|rnn|net|network|model|params?|parameters|weights|theta|w|ws",
    "X": r"xs?(0|_.*|batch|chars?|onehot)?|inputs?(_.*)?",
    "Y": r"ys?(0|_.*|batch|chars?|onehot)?|targets?(_.*)?|labels?",
    "h0": r"h|h_?0|h_?prev(ious)?|prev_?h|h_?init|hidden(_state)?|h_?state",
    "len(h)": r"m|hidden_?(size|dim|units)?|n_?hidden",
    "K": r"k|d|n_?in|n_?out|vocab(ulary)?(_?size)?|(in|out)put_?(size|dim)",
    "len(x)": r"t|tau|n|seq(uence)?_?len(gth)?",
    "0.01": r"eta|lr|learning_?rate|sig(ma)?|std|scale|seed",
}
SIZES = ("len(h)", "K", "len(x)")
SHAPES = {  # of weights and h_0
    "w.reshape(len(w), -1)": "h.reshape(-1, 1)",
    "w": "h",
    "w.T if w.ndim == 2 else w[None]": "h[None]",
    "w if w.ndim == 2 else w[None]": "h[None]",
}
INPUTS = ("np.eye(K)[ids].T", "ids", "[np.eye(K)[:, [i]] for i in ids]", "np.eye(K)[ids]")
RESULT = r"(?:np\.\w+\()?(?:self\.)?(\w+)\)?(?:\[.*\]|\.\w+\([^()]*\))*$"  # np.array(hs), self.h[:, -1], h.copy()
LAST = ("{}", "{}[-1]", "{}[:, -1]", "{}[len(x) - 1]")
LOSSES = ("-np.log({}[y, range(len(y))]).sum()", "-np.log({}[range(len(y)), y]).sum()")
HEAD = """# A guess, with which loss and last state are right. Change it; it is used in place of a map.py.
from types import SimpleNamespace

import numpy as np
import student


def gradients(weights, h, x, y):
    K = len(weights["c"])
"""


class Function(NamedTuple):
    """A function of the program: the class of a method or "", all parameters, those without default, results."""

    owner: str
    name: str
    all: list[str]
    parameters: list[str]
    results: list[str]


def found(program: Path, seconds: float) -> str:
    """Return the text of a map with which the program's forward pass is right, "" if none is guessed.

    Of several, it is the one whose gradients are nearest to the right ones: a map may pass another state than h_0.
    """
    try:
        statements = [node for label, source in cells(program) for node in ast.parse(source, label).body]
        texts = list(_candidates(statements))
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
        return ""
    if not texts:
        return ""
    case = cases(M, K, (T,))[0]
    right = forward(*case[1:])
    try:
        with Student(program, None, seconds) as student:
            answers = student.call("gradients", *[gradient.arguments(case)] * len(texts), maps=texts)
    except Unreadable:
        return ""
    exact, found_at = gradients(right, {}), dict[float, str]()
    for text, answer in zip(texts, answers, strict=True):
        with suppress(Unreadable, IndexError):
            result = gradient.returned(case, answer.values[0])
            likely = any(abs(n * result.loss - right.losses.sum()) < gradient.NEAR * right.losses.sum() for n in (1, T))
            if likely and abs(result.h - right.h[-1]).max() < gradient.NEAR:
                given, factor = result.gradients, 1 if abs(result.loss - right.losses.sum()) < 1e-3 * result.loss else T
                errors = [float(abs(factor * given[n] - exact[n]).max() / abs(exact[n]).max()) for n in exact]
                found_at.setdefault(round(max(errors), 6) if np.isfinite(errors).all() else np.inf, text)
    return found_at[min(found_at)] if found_at else ""


def _functions(statements: list[ast.stmt]) -> Iterator[Function]:
    for node in statements:
        owner = node.name if isinstance(node, ast.ClassDef) else ""
        for one in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(one, ast.FunctionDef):
                names = [a.arg for a in one.args.args]
                returns = [n.value for n in ast.walk(one) if isinstance(n, ast.Return) and n.value]
                last = returns[-1] if returns else ast.Tuple([])
                parts = last.elts if isinstance(last, ast.Tuple) else [last]
                named = [re.match(RESULT, ast.unparse(part)) for part in parts]
                results = [match[1] if match else f"r{i}" for i, match in enumerate(named)]
                yield Function(owner, one.name, names, names[: len(names) - len(one.args.defaults)], results)


def _role(name: str) -> str:
    return next((role for role, pattern in ROLES.items() if re.fullmatch(pattern, name.lower())), "")


def _candidates(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield the texts of maps to try."""
    functions = list(_functions(statements))
    chosen: dict[str, Function] = {}
    for f in functions:
        kinds = [k for k, pattern in FUNCTIONS.items() if re.fullmatch(pattern, f.name.lower().replace("_", ""))]
        chosen |= {kind: f for kind in kinds[-1:] if kind not in chosen}
    if "backward" not in chosen or any(f.name == "gradients" and len(f.all) == 4 and not f.owner for f in functions):
        return
    names = [n for statement in statements for n in ast.walk(statement)]
    attributes = sorted({n.attr for n in names if isinstance(n, ast.Attribute)})
    bound = [n for s in statements if isinstance(s, ast.Assign) for target in s.targets for n in ast.walk(target)]
    constants = sorted({n.id for n in bound if isinstance(n, ast.Name)})
    keys = sorted(
        {n.slice.value for n in names if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant)}, key=str
    )
    of_module = {ALIASES.get(n, n): n for n in constants if n in ALIASES or n in set("WUVbc")}
    aliases = {ALIASES.get(n, n): n for n in [*attributes, *keys] if n in ALIASES}
    own = aliases if len(aliases) == 5 and len(of_module) < 5 else {}  # the names of weights in an object or a dict
    named = f"{own}[name]" if own else "name"
    has_keys = set(own.values() or "WUV") <= set(keys)
    is_dict = has_keys and not any(f.owner for f in chosen.values())
    lines = [f"student.{n} = {_role(n)}" for n in constants if _role(n) in SIZES and (n in {"m", "K"} or len(n) > 3)]
    holders = [name for name in attributes if _role(name) == "net"] * has_keys
    values = {ast.unparse(n.targets[0]): ast.unparse(n.value) for n in names if isinstance(n, ast.Assign)}
    kept = [name for name in attributes if _role(name) == "h0" and _role(values.get(f"self.{name}", "")) not in SIZES]
    kept *= not is_dict
    lines += ["net = {}", "for name, w in weights.items():", f"    net[{named}] = {{shape}}"] if is_dict else [
        *_object(chosen["backward"].owner, functions, attributes),
        "for name, w in weights.items():",
        f"    net.{holders[0]}[{named}] = {{shape}}" if holders else f"    setattr(net, {named}, {{shape}})",
        *(f"net.{name} = {{h}}" for name in kept),
    ]  # fmt: skip
    if len(of_module) == 5 and not (is_dict or chosen["backward"].owner):
        lines += [f"student.{name} = net.{weight}" for weight, name in of_module.items()]
    lines += ["X, Y = ({inputs} for ids in (x, y))", "h0 = {h}"]
    for initial in (False, True):
        yield from _variants(chosen, lines, kept, keys, attributes, is_dict=is_dict, initial=initial)


def _variants(
    chosen: Mapping[str, Function], first: list[str], kept: list[str], keys: list[Any], attributes: list[str],
    *, is_dict: bool, initial: bool,
) -> Iterator[str]:  # fmt: skip
    """Yield the texts of maps that begin with these lines. `initial`: a parameter named as h_0 is the initial state."""
    known, lines = list[str](), first.copy()
    for kind in FUNCTIONS:
        if kind in chosen:
            f = chosen[kind]
            results = ["loss"] if kind == "loss" else f.results
            if not all(given := _arguments(f, known, is_dict, initial)):
                return
            called = f"{'net' if f.owner else 'student'}.{f.name}({', '.join(given)})"
            lines.append(f"{', '.join(results)} = {called}" if results else called)
            known += results
    grads = _gradients(chosen["backward"].results, attributes)
    states = [n for n in known if _kind(n) == "state"] + [f"net.{name}" for name in kept]
    strings = [key for key in keys if isinstance(key, str) and _kind(key) == "state"]
    states += [f'{n}["{key}"]' for n in known if _kind(n) == "other" for key in strings]
    loss = [n for n in known if _kind(n) == "loss"]
    loss = loss or [n for n in known if re.fullmatch(r"r\d", n)] + [
        text.format(n) for n in known if _kind(n) == "p" for text in LOSSES
    ]
    for (shape, h), inputs, state, last, cost in product(SHAPES.items(), INPUTS, states, LAST, loss):
        body = "\n".join(f"    {line}" for line in [*lines, f"return {cost}, {grads}, {last.format(state)}"])
        yield HEAD + body.replace("{shape}", shape).replace("{h}", h).replace("{inputs}", inputs) + "\n"


def _object(owner: str, functions: list[Function], attributes: list[str]) -> list[str]:
    """Return statements that make an object of the class, or of the program's first class, or a plain one."""
    made = {f.owner: f for f in functions if f.name == "__init__"}
    own = [name for name, f in made.items() if not any(_role(p) == "net" for p in f.all[1:])]  # no optimiser
    owner = owner or (own or [""])[0]
    if not owner:
        return ["net = SimpleNamespace()"]
    start = [made[owner]] if owner in made else []
    needed, optional = (start[0].parameters[1:], start[0].all[1:]) if start else ([], [])
    if all(map(_role, needed)):
        given = [f"{p}={_role(p)}" for p in optional if p in needed or _role(p) in SIZES]
        return [f"net = student.{owner}({', '.join(given)})"]
    sizes = [f"net.{name} = {_role(name)}" for name in attributes if _role(name) in SIZES]
    return [f"net = object.__new__(student.{owner})", *sizes]  # without __init__, which needs a text, for instance


def _arguments(f: Function, known: list[str], is_dict: bool, initial: bool) -> list[str]:
    """Return what the function is called with: weights, results of earlier calls, or roles; "" is unknown.

    A parameter with a default gets a value, by its name, if it is a result of an earlier call, or the initial state.
    """
    weight = 'net["{}"]' if is_dict else "net.{}"
    names = [ALIASES.get(p, p) for p in f.parameters[bool(f.owner) :]]
    reused = {p for p in f.all if p in known and not (initial and _role(p) == "h0" and p[0] == "h")}  # H: all states
    given = [weight.format(p) if p in set("WUVbc") else p if p in reused else _role(p) for p in names]
    optional = [p for p in f.all[len(f.parameters) :] if p in reused or _role(p) == "h0"]
    named = [f"{p}={p if p in reused else 'h0'}" for p in optional]
    return [*(p or (known[0] if len(known) == 1 else "") for p in given), *named]


def _gradients(results: list[str], attributes: list[str]) -> str:
    """Return the expression of the gradients: of five results, of the result that is nothing else, or of attributes."""
    matrices = {match[1]: n for n in results if (match := gradient.NAME.fullmatch(n))}
    matrices |= {weight: n for n in results for name, weight in ALIASES.items() if n in {f"d{name}", f"grad_{name}"}}
    if len(matrices) == 5:
        return f"dict({', '.join(f'{n}={value}' for n, value in matrices.items())})"
    if rest := [n for n in results if _kind(n) == "other"]:
        return rest[0]
    prefix = next((p for p in ("d", "grad_", "d_", "g") if {p + n for n in "WUVbc"} <= set(attributes)), "")
    return f'{{n: getattr(net, "{prefix}" + n) for n in weights}}'


def _kind(result: str) -> str:
    """Return what a result with this name is: loss, state, p or other."""
    kinds = {"loss": r"loss(es)?|cost|l|j", "state": r"h.*|.*_h", "p": r"p(s|_.*|robs?.*)?|y_?hats?|y_pred"}
    return next((kind for kind, pattern in kinds.items() if re.fullmatch(pattern, result.lower())), "other")
