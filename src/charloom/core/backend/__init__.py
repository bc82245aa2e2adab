"""The backends: what computes with a network. `kernel` is compiled and fast, `numpy` runs the files of core/network.

A backend is a module with the four functions of `backends.Backend`. All other code that computes with a network calls
these functions, so a change of the equations in network/ is one file if the backend is `numpy`.
"""
