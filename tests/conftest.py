"""What tests of several folders share."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a test worker has a core: torch's threads would fight for it

from collections.abc import Callable
from pathlib import Path

import pytest

REAL_DATA = Path(
    os.environ.get("FLOODFUSE_TESTDATA", Path(__file__).parents[2] / "shared" / "data")
).resolve()


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """`real_data("folder/file")`: a real file for tests, which skip with that reason where it is missing."""

    def find(name: str) -> Path:
        path = REAL_DATA / name
        if not path.exists():
            pytest.skip(f"no real data: {path} is missing (set $FLOODFUSE_TESTDATA to where it is)")
        return path

    return find
