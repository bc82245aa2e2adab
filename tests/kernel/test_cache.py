"""Compiled code is kept under the hash of all its sources, so none is ever used after one was edited."""

import shutil

from charloom.kernel import cache


def key(monkeypatch, room):
    monkeypatch.setattr(cache, "ROOM", room)
    return cache.ByContent(key, __file__).key


def test_an_edit_of_any_file_of_the_room_and_a_new_file_give_another_key(monkeypatch, tmp_path):
    room = shutil.copytree(cache.ROOM, tmp_path / "kernel", ignore=shutil.ignore_patterns("__pycache__"))
    sources = sorted(room.glob("*.py"))
    assert {source.name for source in sources} >= {"update.py", "products.py", "vector.py", "plain.py"}
    keys = [key(monkeypatch, room)]
    assert keys[0] == key(monkeypatch, cache.ROOM)
    for source in [*sources, room / "new.py"]:
        with source.open("a") as file:
            file.write("# edited\n")
        keys.append(key(monkeypatch, room))
    assert len(set(keys)) == len(sources) + 2
