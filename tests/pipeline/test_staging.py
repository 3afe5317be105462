"""Products appear whole or not at all, and a failure takes nothing with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from floodfuse.pipeline.product import RUN_FILE
from floodfuse.pipeline.staging import staged


def make(folder: Path, content: str) -> None:
    (folder / RUN_FILE).write_text(content)


def test_the_product_is_there_only_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "new" / "a"
    with staged(out, overwrite=False) as folder:
        make(folder, "whole")
        assert not out.exists()
    assert (out / RUN_FILE).read_text() == "whole"
    assert [p.name for p in out.parent.iterdir()] == ["a"]


def test_a_failure_leaves_nothing_behind_not_even_parents(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged(tmp_path / "new" / "deep" / "a", overwrite=False) as folder:
        make(folder, "half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_failure_spares_what_another_run_put_beside_it(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), staged(tmp_path / "new" / "a", overwrite=False) as folder:
        make(folder, "half")
        with staged(tmp_path / "new" / "b", overwrite=False) as other:
            make(other, "whole")
        raise RuntimeError
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["b"]
    assert (tmp_path / "new" / "b" / RUN_FILE).read_text() == "whole"


def test_an_earlier_product_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    out = tmp_path / "a"
    with staged(out, overwrite=False) as folder:
        make(folder, "old")
    with pytest.raises(KeyboardInterrupt), staged(out, overwrite=True) as folder:
        make(folder, "half")
        raise KeyboardInterrupt
    assert (out / RUN_FILE).read_text() == "old"
    with staged(out, overwrite=True) as folder:
        make(folder, "new")
        assert (out / RUN_FILE).read_text() == "old"
    assert (out / RUN_FILE).read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
