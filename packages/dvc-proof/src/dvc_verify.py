"""`python -m dvc_verify` is `dvc-proof verify` now."""

import sys

from dvc_proof.cli import main

sys.argv.insert(1, "verify")
main()
