"""Check a vanilla RNN: which of its parts are right, and which known fault explains a part that is wrong.

`check` calls functions in this process. `files` writes calls to a file and reads answers from one, for programs in any
language. Both give the answers to the same judges: `gradient`, `steps`, `loop` and `sampler`, which know faults as
data.
"""

from rnncheck import layouts
from rnncheck.checking import check
from rnncheck.verdicts import Finding, Report, Verdict

__all__ = ["Finding", "Report", "Verdict", "check", "layouts"]
