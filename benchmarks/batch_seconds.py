"""Time a training of each setting of studies/batch.yaml and studies/batch_updates.yaml on one thread, one by one.

python benchmarks/batch_seconds.py    prints seconds on the wall; nothing else may run
"""

import time
from pathlib import Path

from charloom.study.asking import read_study
from charloom.study.trial import train_trial
from charloom.text.corpus import read_prepared

TEXT = Path("data/prepared/text.npz")


def main() -> None:
    """Measure and print."""
    text = read_prepared(TEXT)
    for name in ("batch", "batch_updates"):
        study = read_study(Path(f"studies/{name}.yaml"))
        for setting, params in study.settings.items():
            short = params.model_copy(update={"train": params.train.model_copy(update={"updates": 2})})
            train_trial(short, text, study.asked.sha256, 1)  # compiles
            began = time.perf_counter()
            train_trial(params, text, study.asked.sha256, 1)
            print(f"{name}: {setting}: {time.perf_counter() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
