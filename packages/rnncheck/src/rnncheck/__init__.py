"""Check a vanilla RNN: which of its parts are right, and which known fault explains a part that is wrong.

`check` calls functions in this process. `files` writes calls to a file and reads answers from one, for programs in any
language. The same four modules judge the results of both:
`gradient`, `steps`, `loop` and `sampler`. They know faults as data (backward.py, faults.toml).
"""

from rnncheck import layouts
from rnncheck.checking import check
from rnncheck.verdicts import Finding, Report, Verdict

__all__ = ["Finding", "Report", "Verdict", "check", "layouts"]
