"""`charloom new`: a small project in Git and DVC around one's own program."""

import argparse

from charloom.core.base.errors import WrongInput


def new(arguments: argparse.Namespace) -> None:
    """Raise WrongInput: a template replaces this command."""
    raise WrongInput("new: not available in this version")
