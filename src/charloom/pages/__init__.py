"""The reports: pages in HTML, and their pictures as SVG files.

Pages show the content of result files. Figures that no file holds are computed from the models and the text.
"""

from matplotlib.artist import Artist

# A third of matplotlib's import is the documentation of `set` for each of its classes, which nobody reads here.
Artist._update_set_signature_and_docstring = classmethod(lambda _: None)  # type: ignore[attr-defined]
