"""What a commit's files may hold: a fetched branch is read before anybody has looked at it."""

from contextlib import chdir
from pathlib import Path

import pytest
from projects import ROOT, Project

from charloom.core.base.errors import WrongInput
from charloom.core.config.reading import read_params
from charloom.results.commits import from_commits
from charloom.results.keys import run_name_at
from charloom.study.study_file import read_question

# Ten lines that expand to 9 ** 9 values.
ALIASES = "\n".join(
    ["a0: &0 x", *(f"a{n}: &{n} {{{', '.join(f'{k}: *{n - 1}' for k in 'abcdefghi')}}}" for n in range(1, 10))]
)


def test_aliases_are_refused_at_once_by_each_reader(tmp_path):
    project = Project(tmp_path)
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    usual = read_params(tmp_path / "params.yaml")
    with (tmp_path / "params.yaml").open("a") as file:
        file.write(ALIASES)
    (tmp_path / "a.yaml").write_text(f"vary: {{eta: [0.1, 0.2]}}\n{ALIASES}\n")
    for command in ("git init -q", "git config user.name t", "git config user.email t@example.invalid"):
        project.run(*command.split())
    project.commit()
    with chdir(tmp_path):
        (committed,) = from_commits(["HEAD"])
        assert committed.run == "params.yaml of another version of charloom"
        assert run_name_at(usual, "HEAD").endswith("seed 1")
        for read, path in ((read_params, "params.yaml"), (read_question, "a.yaml")):
            with pytest.raises(WrongInput, match=rf"^{path}: line \d+: an alias refers to this value; "):
                read(Path(path))
