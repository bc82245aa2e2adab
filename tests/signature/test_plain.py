"""The plain loops are for readers and tests."""

import re
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "src"


def test_no_stage_has_to_compile_the_plain_loops():
    imports = re.compile(r"^\s*(from|import)\b.*\bsignature\b.*\bplain\b", re.MULTILINE)
    assert imports.search("from charloom.kernel import drawing\nfrom charloom.signature import plain\n")
    assert [path for path in SOURCES.rglob("*.py") if imports.search(path.read_text(encoding="utf-8"))] == []
