"""Check a vanilla RNN: say which parts are right, and which known fault explains a wrong part.

The function `check` calls an author's functions in this process. For programs in any language, the module `files`
writes the calls to cases.json and reads the results from answers.json. In both cases the modules `gradient`, `steps`,
`loop` and `sampler` judge the results. backward.py and these modules define known faults; faults.toml describes them.
"""

from rnncheck import layouts
from rnncheck.checking import check
from rnncheck.verdicts import Finding, Report, Verdict

__all__ = ["Finding", "Report", "Verdict", "check", "layouts"]
