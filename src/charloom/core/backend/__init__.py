"""The backends: code that computes with a network. `kernel` is compiled and fast, `numpy` runs core/network's files.

A backend is a module with the four functions of `backends.Backend`. All other code that computes with a network calls
these functions, so with the backend `numpy` a change of the equations is an edit of one file in network/.
"""
