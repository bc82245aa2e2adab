"""Run the command `dvc-proof` as `python -m dvc_proof`."""

from dvc_proof.cli import main

main()
