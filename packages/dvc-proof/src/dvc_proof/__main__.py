"""`python -m dvc_proof`: the command `dvc-proof`."""

from dvc_proof.cli import main

main()
