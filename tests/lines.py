"""Lines of the live page, as its Worker writes them under Node and as Python computes them from a run."""

import hashlib

from live import asked, start_request

from charloom.core.config.params import Params, flat_of
from charloom.core.text.corpus import Text
from charloom.core.text.vocabulary import Vocabulary
from charloom.pages.live.line import determining, digest_of_others, short, version
from charloom.pages.live.live_page import line_data
from charloom.results.run import Run
from charloom.study.trial import train_trial


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def changed_between(base: Params, params: Params) -> list[tuple[str, object]]:
    """Return the settings that differ, in the order and with the values of the page's form."""
    order = ("eta", "m", "sigma", "seq_length", "seed", "optimizer", "train.initial_accumulator_value", "train.updates")
    values, usual = flat_of(params), flat_of(base)
    differ = [(name, values[name]) for name in (*order, "train.checkpoint_every") if values[name] != usual[name]]
    return [(name, str(value) if name == "seed" else value) for name, value in differ]


def from_worker(base: Params, all_params: list[Params], text: str) -> list[str]:
    """Return the line of each training, as the page of a project with the params `base` writes it."""
    about, requests = line_data(base, sha256_of(text)), []
    for params in all_params:
        line = {"kind": "line", "about": about, "changed": changed_between(base, params)}
        requests += [start_request(params, text), {"kind": "finish"}, line]
    return asked(requests)[2::3]


def trained(params: Params, text: str) -> Run:
    """Return the run of these params, trained in Python as a study does."""
    vocabulary = Vocabulary("".join(sorted(set(text))))
    ids = vocabulary.encode(text)
    end = len(ids) - int(params.prepare.held_out * len(ids))
    return train_trial(params, Text(vocabulary, ids[:end], ids[end:]), sha256_of(text))


def line_of(base: Params, run: Run) -> str:
    """Return the line of the run, for numbers that Python and JavaScript write alike."""
    params = run.params
    settings = {name: value for name, value in changed_between(base, params) if name in determining(params)}
    of_text = f"{params.prepare.text.rpartition('/')[2]}:{run.text_sha256[:8]}"
    pairs = [f"{name}={f'{value:g}' if isinstance(value, float) else value}" for name, value in settings.items()]
    if run.metrics:
        bits = run.metrics.held_out_bits_per_character
        end = f"bits:{'none' if bits is None else f'{bits:#.17g}'} results:{run.results[:16]}"
    else:
        end = f"diverged:{run.outcome.rpartition(' ')[2]}"
    about = [f"charloom:{version()}", of_text, *pairs, f"seed={params.seed}"]
    content = " ".join([*about, f"rest:{digest_of_others(determining(params), settings)}", end])
    return f"{content} check:{short(content.encode())}"
