"""Any table becomes what was measured, or a line says what is wrong with it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedpairs import Measured, Measurement
from seedpairs.names import setting_name
from seedpairs.table import read_measurements
from seedpairs.words import WrongInput

TABLE = """lr,opt,seed,loss
0.1,sgd,1,2.5
0.1,sgd,2,2.6
0.1,adam,1,2.4
0.1,adam,2,2.3
"""


def read(path, text: str | bytes = TABLE, setting=("lr", "opt"), **options) -> Measured:
    path = path / "results.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_measurements(path, setting=setting, **{"seed": "seed", "measure": "loss", "better": "lower"} | options)


def refusal(path, text: str | bytes = TABLE, **options) -> str:
    with pytest.raises(WrongInput) as refused:
        read(path, text, **options)
    line = str(refused.value)
    assert "\n" not in line
    return line.replace(f"{path}/", "")


@pytest.mark.parametrize("replaced", [("", ""), ("\n", "\r\n"), ("lr,opt", "\ufefflr,opt"), (",", " , ")])
def test_settings_keep_the_order_of_the_table_and_the_first_is_the_baseline(tmp_path, replaced):
    """Line ends, a mark and spaces change nothing; nor does a pipe in place of a file."""
    text = TABLE.replace(*replaced)
    own = read(tmp_path, text)
    assert list(own.settings) == ["lr=0.1 opt=sgd", "lr=0.1 opt=adam"]
    assert own.baseline == "lr=0.1 opt=sgd"
    assert own.settings["lr=0.1 opt=adam"] == {1: Measurement(2.4), 2: Measurement(2.3)}
    assert own.warnings == ()
    ours, theirs = os.pipe()
    os.write(theirs, text.encode())
    os.close(theirs)
    piped = read_measurements(
        Path(f"/dev/fd/{ours}"), setting=["lr", "opt"], seed="seed", measure="loss", better="lower"
    )
    os.close(ours)
    assert piped == own


LONG = "9" * 5000  # Python refuses to read it as a number


def test_values_are_texts_so_that_versions_stay_apart_and_so_are_odd_seeds(tmp_path):
    table = f"v,seed,loss\n3.1,02,1\n3.10,1.0,1\n3.1,1,2\n3.10,a,1\n3.1,{LONG},1\n3.1,nan,1\n3.1,1e9999999,1\n"
    seeds = {name: list(group) for name, group in read(tmp_path, table, setting=["v"]).settings.items()}
    assert seeds == {"v=3.1": [2, 1, LONG, "nan", "1e9999999"], "v=3.10": [1, "a"]}


@pytest.mark.parametrize("other", ["1.0", "01", "1e0"])
def test_one_seed_that_is_spelled_in_two_ways_is_one(tmp_path, other):
    """Two tables of the same runs are one below the other: each run would count twice."""
    said = refusal(tmp_path, f"v,seed,loss\na,1,1\nb,1,2\na,{other},1\n", setting=["v"])
    assert said == f"results.csv: line 4: seed {other} occurs a second time for v=a, after line 2; allowed is once"


@pytest.mark.parametrize("odd", ["a\u00a0", "a\u2028", "a\x1f", "\u3000a"])
def test_a_character_that_is_no_space_keeps_settings_apart(tmp_path, odd):
    assert len(read(tmp_path, f'v,seed,loss\na,1,2\n"{odd}",3,1\nb,1,1\n', setting=["v"]).settings) == 3


ADAM = "lr=0.1 opt=adam"
BASELINES = [  # a table, its settings, and of what is written the setting that is meant: "" for none
    (TABLE, ["lr", "opt"], {ADAM: ADAM, "lr=0.1,opt=adam": ADAM, "opt=adam,lr=0.1": ADAM}),
    ('a,seed,loss\n"big, gated",1,2\nsmall,1,3\n', ["a"], {"small": "a=small", "big, gated": 'a="big, gated"'}),
    ('a,b,seed,loss\n"1 x","2 y",1,5\n"1 y","2 x",1,1\n"p,q",r,1,5\n"p q",r,1,1\n', ["a", "b"], {
        'a="1 y",b="2 x"': 'a="1 y" b="2 x"', 'b=r, a="p q"': 'a="p q" b=r', "a=1 y,b=2 x": "", 'a="1 y"': "",
        'a="1 y" a="1 y" b="2 x"': "", 'a="\\q" b=r': "", "a=p q,b=r": "",
    }),
    ('a,seed,loss\n3,1,1\na=3,1,2\n"""a""=3",1,2\n', ["a"], {"a=3": "a=3", 'a="a=3"': 'a="a=3"'}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "setting", "baselines"), BASELINES)
def test_a_baseline_is_found_in_any_order_of_its_values_and_never_confused(tmp_path, text, setting, baselines):
    for said, meant in baselines.items():
        if meant:
            assert read(tmp_path, text, setting=setting, baseline=said).baseline == meant
        else:
            assert "no setting " in refusal(tmp_path, text, setting=setting, baseline=said)


def test_a_missing_or_ambiguous_baseline_lists_the_settings(tmp_path):
    said = refusal(tmp_path, 'a,seed,loss\n3,1,1\n"a=3,",1,2\n', setting=["a"], baseline="a=3,")
    assert said == 'results.csv: more than one setting could be a=3,; allowed are a=3, a="a=3,"; did you mean a=3?'
    said = refusal(tmp_path, baseline="lr=0.1,opt=adm")
    assert said.startswith("results.csv: no setting lr=0.1,opt=adm; allowed are lr=0.1 opt=sgd, lr=0.1 opt=adam")
    many = "a,seed,loss\n" + "".join(f"{n},1,{n}\n" for n in range(1000))
    assert len(refusal(tmp_path, many, setting=["a"], baseline="x")) < 200


@pytest.mark.parametrize("written", ["", "nan", "NaN", "inf", "-inf", "NA", "-nan", "None", "null"])
def test_a_run_without_a_value_failed_and_is_not_left_out(tmp_path, written):
    own = read(tmp_path, TABLE.replace("2.3", written))
    assert own.settings["lr=0.1 opt=adam"][2] == Measurement(None, exploded=True)
    assert own.warnings == (f"no loss in 1 trial (line 5: {written or 'empty'}): counted as failed, not left out",)


def test_a_seed_that_is_there_twice_names_the_column_that_tells_the_two_apart(tmp_path):
    assert refusal(tmp_path, setting=["lr"]).endswith("for lr=0.1, after line 2; does opt belong to --setting?")


@pytest.mark.parametrize("options", [{"text": TABLE.replace("opt", "loss")}, {"measure": "seed"}, {"seed": "lr"}])
def test_a_column_is_one_thing_and_there_once(tmp_path, options):
    place = "the file twice" if "text" in options else "two options"
    assert refusal(tmp_path, **{"setting": ["lr"]} | options).endswith(f" is in {place}; allowed is once")


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "|")])
def test_a_table_with_another_separator_is_refused_and_the_option_is_named(tmp_path, separator, name):
    """Programs write such files where decimals have a comma."""
    said = refusal(tmp_path, TABLE.replace(",", separator).replace("0.1", "0,1").replace("2.", "2,"))
    allowed = "allowed is a comma, and a point in decimals"
    assert said == f"results.csv: the columns are separated by {name}; {allowed}"


@pytest.mark.parametrize("number", ["1e-330", "0.0001e-330", f"0.{'0' * 330}1"])
def test_a_number_that_would_be_rounded_to_0_is_refused_and_0_is_not(tmp_path, number):
    """Otherwise, settings with such values would be equal."""
    assert "is not allowed; allowed is a number such as 2.81" in refusal(tmp_path, TABLE.replace("2.3", number))
    zeros = read(tmp_path, TABLE.replace("2.3", "0.0e5").replace("2.4", "-0"))
    assert [own.value for own in zeros.settings["lr=0.1 opt=adam"].values()] == [0.0, 0.0]


@pytest.mark.parametrize(("name", "why"), [("none.csv", "No such file"), ("", "Is a directory")])
def test_a_missing_file_is_refused(tmp_path, name, why):
    with pytest.raises(WrongInput, match=why):
        read_measurements(tmp_path / name, setting=["a"], seed="seed", measure="loss", better="lower")


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), min_size=2, max_size=2, unique=True))
def test_names_of_settings_are_as_many_as_the_settings(values):
    assert len({setting_name(dict(zip("ab", each, strict=True))) for each in values}) == 2
