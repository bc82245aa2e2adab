"""Results of the small run with changes, and parts of the page that shows them."""

import math
from pathlib import Path

from charloom.core.config.reading import with_overrides
from charloom.core.config.records import SampleMarks, SampleQuality
from charloom.pages.sections import rendered

HOSTILE = "<script>alert('1')</script> </pre>&amp; \x1b]0;\u202e\u2066\u200f\x00 😀 {{ 7 * 7 }} $x^2$ " + "x" * 10_000


def changed(results, **changes):
    """Return results of other params; `__` in a name stands for a dot."""
    values = {name.replace("__", "."): value for name, value in changes.items()}
    return results._replace(params=with_overrides(results.params, values, Path("-")))


def measured(results, **changes):
    """Return results with other metrics of the training."""
    return results._replace(train=results.train.model_copy(update=changes))


def reading(results, epochs):
    """Return results of a run over so many epochs, whose smooth loss swings by 2."""
    updates = int(epochs * results.train.updates_per_epoch)
    curve = {update: 30 + math.sin(update / 50) for update in range(0, updates + 1, 100)}
    curves = results.curves | {"smooth_loss": curve}
    return measured(results, updates=updates, best_update=updates - 1)._replace(curves=curves)


def part(results, *sections):
    """Return a page of these sections alone, with single spaces."""
    return " ".join(rendered("", "", [section(results) for section in sections], results=results).split())


def hostile(results, text=HOSTILE):
    """Return results whose samples are the text, and whose name and last held-out characters are as bad."""
    marks = SampleMarks(copied=(1, 4), unknown=[(1, 7), (8, 13)])
    data = [(name, text, update, loss) for name, _, update, loss in results.samples.data]
    return changed(results, prepare__text="data/<b>\u202e'; rm -rf \x07.txt")._replace(
        samples=results.samples.model_copy(update={"data": data}),
        marks=results.marks.model_copy(update={"data": [marks] * len(data)}),
        quality=results.quality.model_copy(update={"best": SampleQuality(known_words=0.5, longest_copy=3)}),
    )
