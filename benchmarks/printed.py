"""The style of the benchmarks' pictures, and the PNG file of a picture."""

import io

import matplotlib as mpl
from matplotlib.figure import Figure

STYLE = {
    "font.family": "serif",
    "font.serif": ["STIXGeneral"],
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.handlelength": 1.4,
}
BLUE, VERMILION = "#0072B2", "#D55E00"  # distinguishable for colour-blind readers


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG file. Equal figures give equal bytes."""
    content = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
