"""The experiment in a browser: a page that trains the committed run again, in WebAssembly, to the same bits.

kernel.c is the update of signature/plain.py once more, with the parts that it includes. `make live` compiles it to
kernel.wasm with the compiler that requirements.txt locks; a test compiles it again and compares bytes.
../templates/worker.js calls it, ../templates/live.js is what a reader sees and presses.
"""
