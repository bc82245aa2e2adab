"""Any table becomes what was measured, or a line says what is wrong with it."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charloom.base.errors import WrongInput
from charloom.study.baseline import setting_name
from charloom.study.from_table import table_measured
from paired import Measured, Measurement

TABLE = """lr,opt,seed,loss
0.1,sgd,1,2.5
0.1,sgd,2,2.6
0.1,adam,1,2.4
0.1,adam,2,2.3
"""


def read(path, text: str | bytes = TABLE, setting=("lr", "opt"), **options) -> Measured:
    path = path / "results.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return table_measured(path, setting=setting, **{"seed": "seed", "measure": "loss", "better": "lower"} | options)


def refusal(path, text: str | bytes = TABLE, **options) -> str:
    with pytest.raises(WrongInput) as refused:
        read(path, text, **options)
    line = str(refused.value)
    assert "\n" not in line
    return line.replace(f"{path}/", "")


def test_settings_and_seeds_are_those_of_the_table_in_its_order_and_the_first_is_the_baseline(tmp_path):
    found = read(tmp_path)
    assert list(found.settings) == ["lr=0.1 opt=sgd", "lr=0.1 opt=adam"]
    assert found.baseline == "lr=0.1 opt=sgd"
    assert found.settings["lr=0.1 opt=adam"] == {1: Measurement(2.4), 2: Measurement(2.3)}
    assert found.warnings == ()


@pytest.mark.parametrize("given", ["lr=0.1 opt=adam", "lr=0.1,opt=adam", "opt=adam,lr=0.1"])
def test_the_baseline_may_be_written_in_any_order(tmp_path, given):
    assert read(tmp_path, baseline=given).baseline == "lr=0.1 opt=adam"


def test_with_one_column_the_value_alone_names_the_baseline(tmp_path):
    text = "model,seed,loss\nbig, gated,1,2\n".replace("big, gated", '"big, gated"') + "small,1,3\n"
    assert read(tmp_path, text, setting=["model"], baseline="small").baseline == "model=small"
    assert read(tmp_path, text, setting=["model"], baseline="big, gated").baseline == 'model="big, gated"'


@pytest.mark.parametrize("how", ["\r\n", "\ufeff", " "])
def test_line_ends_a_mark_and_spaces_change_nothing(tmp_path, how):
    text = {"\r\n": TABLE.replace("\n", "\r\n"), "\ufeff": "\ufeff" + TABLE, " ": TABLE.replace(",", " , ")}[how]
    assert read(tmp_path, text) == read(tmp_path)


LONG = "9" * 5000  # Python refuses to read it as a number


def test_values_are_texts_so_that_versions_stay_apart_and_so_are_odd_seeds(tmp_path):
    found = read(tmp_path, f"v,seed,loss\n3.1,01,1\n3.10,1,1\n3.1,1,2\n3.10,a,1\n3.1,{LONG},1\n", setting=["v"])
    seeds = {name: list(group) for name, group in found.settings.items()}
    assert seeds == {"v=3.1": ["01", 1, LONG], "v=3.10": [1, "a"]}


@pytest.mark.parametrize("written", ["", "nan", "NaN", "inf", "-inf", "NA", "-nan", "None", "null"])
def test_a_run_without_a_value_failed_and_is_not_left_out(tmp_path, written):
    found = read(tmp_path, TABLE.replace("2.3", written))
    assert found.settings["lr=0.1 opt=adam"][2] == Measurement(None, exploded=True)
    assert found.warnings == (f"1 trial has no loss (line 5: {written or 'empty'}): counted as failed, not left out",)


def test_a_seed_that_is_there_twice_names_the_column_that_tells_the_two_apart(tmp_path):
    assert refusal(tmp_path, setting=["lr"]).endswith("for lr=0.1, after line 2; does opt belong to --setting?")


@pytest.mark.parametrize("options", [{"text": TABLE.replace("opt", "loss")}, {"measure": "seed"}, {"seed": "lr"}])
def test_a_column_is_one_thing_and_there_once(tmp_path, options):
    assert refusal(tmp_path, **{"setting": ["lr"]} | options).endswith("is there, or is named, twice; once is allowed")


def test_a_baseline_that_is_not_there_gets_those_that_are(tmp_path):
    said = refusal(tmp_path, baseline="lr=0.1,opt=adm")
    assert said.startswith("results.csv: no setting lr=0.1,opt=adm; allowed are lr=0.1 opt=sgd, lr=0.1 opt=adam")
    many = "a,seed,loss\n" + "".join(f"{n},1,{n}\n" for n in range(1000))
    assert len(refusal(tmp_path, many, setting=["a"], baseline="x")) < 200


def test_what_is_no_file_is_refused_and_a_pipe_is_read(tmp_path):
    for name, why in (("none.csv", "No such file"), ("folder", "not a file"), ("zero", "not a file")):
        path = tmp_path / name
        if name == "folder":
            path.mkdir()
        elif name == "zero":
            path.symlink_to("/dev/zero")
        with pytest.raises(WrongInput, match=why):
            table_measured(path, setting=["a"], seed="seed", measure="loss", better="lower")
    ours, theirs = os.pipe()
    os.write(theirs, TABLE.encode())
    os.close(theirs)
    piped = table_measured(
        tmp_path / f"/dev/fd/{ours}", setting=["lr", "opt"], seed="seed", measure="loss", better="lower"
    )
    os.close(ours)
    assert piped == read(tmp_path)


def test_two_settings_never_have_one_name(tmp_path):
    text = 'a,b,seed,loss\n"1 b=2",3,1,2\n1,"2 b=3",1,5\n'
    found = read(tmp_path, text, setting=["a", "b"])
    assert list(found.settings) == ['a="1 b=2" b=3', 'a=1 b="2 b=3"']


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), min_size=2, max_size=2, unique=True))
def test_names_of_settings_are_as_many_as_the_settings(values):
    assert len({setting_name(["a", "b"], each) for each in values}) == 2
