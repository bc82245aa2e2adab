"""The reports: pages in HTML, and their pictures as SVG files.

Pages show the content of result files. Numbers that no file has are computed from the saved models and the text.
"""
