"""`python -m dvc_summary` is `dvc-proof summary` now."""

import sys

from dvc_proof.cli import main

sys.argv.insert(1, "summary")
main()
