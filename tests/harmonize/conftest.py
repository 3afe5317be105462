"""Evidence tables, computed once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from floodfuse.harmonize.likelihood import evidence_table

Tables = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="session")
def tables() -> Tables:
    """Tables of the four main channels at 4.4 looks; noise floors of -24, -26, -28, -30 dB as sigma0."""
    floors_db = {"C_VV": -24.0, "C_VH": -26.0, "L_HH": -28.0, "L_HV": -30.0}
    return {channel: evidence_table(channel, 4.4, floor) for channel, floor in floors_db.items()}
