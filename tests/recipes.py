"""Recipes for tests: what a test does not name is as in the report."""

from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.recipe import Recipe


def recipe(m=4, seq_length=3, sigma=0.1, clip=5.0, dtype="float64", eta=0.1, accumulator=0.0):
    """Return a recipe with AdaGrad."""
    return Recipe(m, seq_length, sigma, clip, dtype, AdaGrad(eta, accumulator))
