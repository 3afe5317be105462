"""What a pixel is called: water where it is likelier than not, by its likeliest kind, else its likeliest dry class.

Classes that a map shows as one, such as flooded trees and flooded herbs, are one kind: they speak together, and not one against the other.
Maps and scores call pixels by this one rule. The likeliest of all classes is another: water of several kinds that are each less likely than
one dry class would be called dry.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WET_FROM = 0.5
"""Probability of water in any form above which a pixel is called wet."""

Classes = Sequence[int]
Floats = NDArray[np.floating]


def called(share: Floats, flooded: Classes, kinds: Sequence[Classes] = ()) -> NDArray[np.intp]:
    """The class that each pixel is called.

    Parameters
    ----------
    share : (class, ...), probability
    flooded : numbers of the classes that are water; where they are all or none, the likeliest kind of all
    kinds : classes that are one kind, each all wet or all dry; every other class is a kind of its own
    """
    dry = [k for k in range(len(share)) if k not in flooded]
    if not dry or not len(flooded):
        return likeliest(share, range(len(share)), kinds)
    wet = share[list(flooded)].sum(axis=0) > WET_FROM
    return np.where(wet, likeliest(share, flooded, kinds), likeliest(share, dry, kinds))


def likeliest(share: Floats, among: Classes, kinds: Sequence[Classes] = ()) -> NDArray[np.intp]:
    """The likeliest class of the likeliest kind among some classes; the first of equals."""
    together = [list(kind) for kind in kinds if set(kind) <= set(among)]
    alone = [[k] for k in among if not any(k in kind for kind in together)]
    parts = sorted(together + alone)
    kind = np.stack([share[part].sum(axis=0) for part in parts]).argmax(axis=0)
    best = np.stack([np.asarray(part)[share[part].argmax(axis=0)] for part in parts])
    return np.take_along_axis(best, kind[None], axis=0)[0]
