"""The experiment in a browser: a page that trains the committed run again, in WebAssembly, and gets the same bits.

kernel.c implements the update of signature/plain.py, and sha256.zig exports a hash of Zig's standard library. `make
live` compiles both to kernel.wasm with the compiler that requirements.txt locks; a test compiles them again and
compares the bytes. ../templates/worker.js is the rest of a training: text, random numbers, the loop over updates, and
samples. ../templates/live.js is the user interface.

inside_page.py writes a second page, which looks inside the network. Of its scripts in ../templates, passes.js computes;
break.js and model.js are the user interface. page.js has the functions that both pages share.
"""
