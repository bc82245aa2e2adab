"""A page of samples, for people."""

from html import escape

from charloom.base.terminal import visible
from charloom.results.records import BEST_MODEL, SampleMetrics, SampleTable

STYLE = """
body { max-width: 42rem; margin: 2.5rem auto; padding: 0 1.25rem; font: 1rem/1.5 system-ui, sans-serif; color: #222 }
h1 { font-size: 1.4rem; margin: 0 }
h2 { font-size: 1rem; margin: 2rem 0 .4rem }
h2 span { font-weight: 400; color: #667 }
p { margin: 0; color: #667 }
pre + p { margin-top: .3rem; font-size: .9rem }
pre { margin: 0; padding: .75rem 1rem; background: #f5f5f2; border-radius: 6px; color: #222;
      font: 1rem/1.55 Georgia, serif; white-space: pre-wrap; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) {
  body { background: #16181c; color: #ddd } pre { background: #22252b; color: #e4e2dc } p, h2 span { color: #99a }
}
"""


def samples_page(table: SampleTable, sample: SampleMetrics) -> str:
    """Return the samples as one HTML page, the best model's first; nothing in a text can act as HTML."""
    parts = (
        f"<h2>After {update:,} updates <span>smooth loss {smooth_loss:.3f}"
        f"{', best model' if name == BEST_MODEL else ''}</span></h2>\n<pre>{escape(visible(text))}</pre>\n"
        f"<p>{sample.best if name == BEST_MODEL else sample.checkpoints[update]}</p>\n"
        for name, text, update, smooth_loss in sorted(table.data, key=lambda row: row[0] != BEST_MODEL)
    )
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>What it writes</title>\n<style>{STYLE}</style>\n<h1>What it writes</h1>\n"
        f"<p>Sampled one character at a time, along the way from the initial weights.</p>\n{''.join(parts)}</html>\n"
    )
