"""prepare: the text as rows of inputs x and targets y, in a part for training and a held-out end."""

from common import read_params  # isort: skip  first: NumPy then reads its variables

from pathlib import Path

import numpy as np


def prepared(text, held_out):
    """Return arrays by name. An update reads seq_length rows of x and y; y has ids of `vocabulary`, the classes."""
    try:
        characters = Path(text).read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"params.yaml: text: {text}: {error}; allowed is a text in UTF-8") from None
    vocabulary, ids = np.unique(np.array(list(characters), "U1"), return_inverse=True)
    ids, end = ids.astype(np.int32), len(ids) - int(held_out * len(ids))
    if not 2 <= end <= len(ids) - 2:
        raise SystemExit(f"params.yaml: held_out: {held_out} leaves {end} of {len(ids)} characters for training")
    training, rest = ids[:end], ids[end:]
    held = {"held_out_x": rest[:-1], "held_out_y": rest[1:]}
    return {"x": training[:-1], "y": training[1:], "vocabulary": vocabulary} | held


if __name__ == "__main__":
    data = prepared(**read_params("prepare"))
    np.savez("data/prepared.npz", **data)
    print(f"{len(data['x']):,} rows for training, {len(data['held_out_x']):,} held out, K = {len(data['vocabulary'])}")
