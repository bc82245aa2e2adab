"""The experiment in a browser: a page that trains the committed run again, in WebAssembly, and gets the same bits.

kernel.c implements the update of signature/plain.py. `make live` compiles kernel.c to kernel.wasm with the compiler
that requirements.txt locks; a test compiles it again and compares the bytes. ../templates/worker.js is the rest of a
training: text, random numbers, the loop over updates, samples and hashes. ../templates/live.js is the user interface.
"""
