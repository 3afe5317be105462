"""What several values are worth together that vary together."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from scipy.special import polygamma

from floodfuse.harmonize.classes import EvidenceClass
from floodfuse.harmonize.densities import class_sd_db

TEXTURE_CORRELATION = 0.6  # of class texture between polarizations of one pass: .5 to .7 (harmonization.md 6)
_OPEN_GROUND = (EvidenceClass.OPEN_WATER, EvidenceClass.DRY_LOW_VEG, EvidenceClass.BARE_SOIL)


def channel_correlation(names: Sequence[str], looks: float) -> float:
    """Correlation between polarizations of one pass, as measured: their texture is shared, their speckle is not.

    rho s^2 / (s^2 + (10/ln10)^2 psi1(L)), with rho = 0.6 and s the mean spread of open ground in these channels, 2.5 dB
    at C band and 3.1 dB at L band: 0.35 at C band and 4.4 looks, 0.6 at infinitely many.
    """
    texture = float(np.mean([class_sd_db(name, k) for name in names for k in _OPEN_GROUND])) ** 2
    speckle = (10.0 / np.log(10.0)) ** 2 * float(polygamma(1, looks))
    return TEXTURE_CORRELATION * texture / (texture + speckle)


def channel_weights(names: Sequence[str], leading: Collection[str], looks: float) -> list[float]:
    """What each channel of one pass counts in a question, given that they share their texture.

    n channels of correlation rho are worth n_eff = n / (1 + (n - 1) rho) together (harmonization.md 6). Those that lead
    in the question count what they are worth among themselves; the others share what they add to that.
    """
    rho = channel_correlation(names, looks)

    def worth(n: int) -> float:
        return n / (1.0 + (n - 1) * rho)

    leaders = sum(name in leading for name in names)
    rest = worth(len(names)) - worth(leaders)
    return [worth(leaders) / leaders if name in leading else rest / (len(names) - leaders) for name in names]
