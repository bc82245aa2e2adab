"""Sections of the summary, from facts alone: no repository is read."""

from dvc_proof.facts import Facts, compare_outputs, not_of_lock
from dvc_proof.lock import Stage, stages_of
from dvc_proof.markdown import headline, limited
from dvc_proof.sections import changed, changes, parted, results, warnings


def facts(before: dict[str, Stage], after: dict[str, Stage]) -> Facts:
    return Facts("a", "b", {}, {}, [], {}, before, after, {}, uncommitted=False, complaints=[])


def test_a_stage_with_equal_inputs_and_other_outputs_does_not_repeat_itself():
    stage = Stage("cmd", {"a": "1"}, {}, {"b": "1"})
    assert parted(facts({"x": stage}, {"x": stage})) == "All outputs have the same bits as the base's: 1 output."
    assert "it is not deterministic" in parted(facts({"x": stage}, {"x": stage._replace(outs={"b": "2"})}))
    changed = stage._replace(outs={"b": "2"}, deps={"a": "2"})
    assert "because of <code>a</code>" in parted(facts({"x": stage}, {"x": changed}))
    assert "is new" in parted(facts({"x": stage}, {"x": stage, "y": stage}))
    assert "is gone" in parted(facts({"x": stage, "y": stage}, {"x": stage}))


def test_no_result_is_said_to_be_the_same_whose_file_differs_from_the_lock():
    stage = Stage("cmd", {}, {}, {"b": "1"})
    edited = facts({"x": stage}, {"x": stage})._replace(stale={"x": ["b"]})
    assert parted(edited).startswith("Files of <code>x</code> differ from <code>dvc.lock</code>; its hashes say: All")
    assert "<td>the same bits; files differ from <code>dvc.lock</code></td>" in "".join(results(edited))


def test_an_output_on_one_side_only_is_a_difference():
    both = Stage("cmd", {}, {}, {"a": "1", "b": "1"})
    one = both._replace(outs={"a": "1"})
    for before, after in ((both, one), (one, both)):
        (change,) = compare_outputs({"x": before}, {"x": after})
        assert (change.outs, change.same) == (["b"], 1)


def test_summary_says_first_which_facts_are_unknown():
    said = "".join(warnings(facts({}, {})._replace(uncommitted=True, complaints=["dvc plots: <no>"])))
    assert "Uncommitted changes are not included." in said
    assert "Not known: <code>dvc plots: &lt;no&gt;</code>" in said


def test_summary_claims_no_change_of_values_that_dvc_could_not_compare():
    known, failed = facts({}, {}), facts({}, {})._replace(complaints=["dvc params: x", "dvc metrics: x"])
    for given, is_claimed in ((known, True), (failed, False)):
        assert ("No metric has changed." in [*results(given)]) == is_claimed
        assert ("Nothing except results." in [*changes(given)]) == is_claimed
    assert changed(known) == "no parameter and no file except results."
    assert changed(failed) == "0 files; whether a parameter changed is not known."


def test_stages_stand_in_the_order_in_which_they_run():
    second = "second: {cmd: x, deps: [{path: out/a, md5: '2'}]}"
    first = "first: {cmd: x, outs: [{path: out, md5: '1.dir'}]}"
    assert list(stages_of({"dvc.lock": f"stages: {{{second}, {first}}}"})) == ["first", "second"]
    assert list(stages_of({"sub/dvc.lock": f"stages: {{{first}}}"})) == ["sub/dvc.yaml:first"]


def test_it_fits_into_a_comment():
    blocks = ["a" * 40_000, "b" * 40_000, "c"]
    cut = limited(blocks)
    assert len(cut) < 65_536
    assert ("Cut here" in cut, "b" * 9 in cut) == (True, False)
    assert limited(["a", "", "b"]) == "a\n\nb"
    assert headline(Reproduced="x", Better="") == "<ul>\n<li><b>Reproduced:</b> x</li>\n</ul>"


def test_summary_names_the_stage_at_which_files_first_differ_from_the_lock():
    stages = {"words": Stage("", {}, {}, {"words.txt": "1"}), "curve": Stage("", {"words.txt": "1"}, {}, {})}
    changed = {"words.txt": "modified", "text.txt": "deleted", "params.yaml": {"rate": "modified"}}
    status = {
        "words": [{"changed outs": {"words.txt": "modified", "cached.bin": "modified", "lost.txt": "deleted"}}],
        "curve": [{"changed deps": changed}, "changed command"],
        "last": [{"changed deps": {"words.txt": "modified"}}],
    }
    found = not_of_lock(status, stages, {"words.txt", "text.txt", "lost.txt"})
    assert found == {"words": ["words.txt"], "curve": ["rate", "cmd"]}
