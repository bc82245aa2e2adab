"""The reports: pages in HTML, and their pictures as SVG files.

Pages show the content of result files. Figures that no file holds are computed from the models and the text.
"""
