"""The command: `python -m dvc_verify [--twice] [--json]`."""

import argparse
import json
import sys

from dvc_verify.differences import SAME
from dvc_verify.verify import verify
from groundwork.git import Refused
from groundwork.words import in_line


def main() -> None:
    """Verify HEAD of the project in this folder, and print the comparison as lines, or as JSON with --json.

    Exit with 1 if something differs, and with 2 and a reason on standard error if verification is impossible.
    """
    parser = argparse.ArgumentParser(prog="dvc_verify", description="Rebuild HEAD's results and compare them.")
    parser.add_argument(
        "--twice", action="store_true", help="run every stage twice, and name what differs between runs"
    )
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON; lines go to standard error")
    arguments = parser.parse_args()
    out = sys.stderr if arguments.json else sys.stdout

    def say(what: object) -> None:
        print(in_line(str(what)), file=out, flush=True)  # the commit's author chose its file names

    try:
        verified = verify(say, arguments.twice)
    except Refused as refused:
        sys.stderr.write(f"{in_line(str(refused))}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    for cause in verified.causes:
        say(f"cause  {cause}")
    if arguments.json:
        files = [row._asdict() | {"result": "different" if row.what else SAME} for row in verified.rows]
        content = {"commit": verified.commit, "last": verified.last, "files": files, "causes": verified.causes}
        print(json.dumps(content, indent=2, ensure_ascii=False))
    say(verified.last)
    sys.exit(verified.last != SAME)


if __name__ == "__main__":
    main()
