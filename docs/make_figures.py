"""The figures of docs/physics.md, drawn from the physics as it is in the code.

python docs/make_figures.py [FOLDER]        into docs/images, or a folder of your choice
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray
from scipy.special import logsumexp

from floodfuse.harmonize import joint, wind
from floodfuse.harmonize.classes import DRY, LEGEND, EvidenceClass, MapClass
from floodfuse.harmonize.densities import class_mean_db, class_sd_db
from floodfuse.harmonize.dielectric import (
    reflectivity,
    soil_permittivity,
    vegetation_permittivity,
    water_permittivity,
)
from floodfuse.harmonize.double_bounce import Ground, Stand, trunk_ground
from floodfuse.harmonize.likelihood import make_monotone
from floodfuse.harmonize.push_forward import INCIDENCE_DEG, flooding_change_db, model_levels
from floodfuse.harmonize.radiometry import PALSAR2_GHZ, SENTINEL1_GHZ, to_db, wavenumber_rad_m
from floodfuse.harmonize.soil import oh_1992
from floodfuse.harmonize.vegetation import canopy_volume, two_way_transmissivity
from floodfuse.harmonize.water import (
    COMPACT_SD_DB,
    Polarization,
    cmod5n,
    cmod5n_mean,
    flood_line_db,
    l_water_db,
)
from floodfuse.harmonize.waves import SpectrumName, two_scale_mean

Float = NDArray[np.floating]

IMAGES = Path(__file__).parent / "images"
STYLE = Path(__file__).parent / "figures.mplstyle"
INK, FAINT, PALE = "#24323d", "#7d8a94", "#dfe4e8"
MIDDLE_DEG = 38.0
SENTINEL1_DEG, PALSAR2_DEG = (29.0, 46.0), (28.0, 43.0)
LOOKS = 20.0  # after averaging to the resolution of a map

W, FF, FH, FU, DF, DV, BS, U = EvidenceClass


def _legend_colour(k: MapClass) -> str:
    return "#{:02x}{:02x}{:02x}".format(*LEGEND[k].rgba[:3])


COLOUR = {
    W: _legend_colour(MapClass.OPEN_FLOOD_WATER),
    FF: _legend_colour(MapClass.FLOODED_VEGETATION),
    FH: "#7fae3c",
    FU: _legend_colour(MapClass.FLOODED_URBAN),
    DF: "#6d5b3f",
    DV: "#c79a2b",
    BS: "#b4623a",
    U: "#8d8d8d",
}
NAME = {
    W: "open water",
    FF: "flooded forest",
    FH: "flooded herbs",
    FU: "flooded town",
    DF: "dry forest",
    DV: "dry low plants",
    BS: "bare soil",
    U: "town",
}
CHANNEL_NAME = {
    "C_VV": "C-VV",
    "C_VH": "C-VH",
    "C_HH": "C-HH",
    "L_HH": "L-HH",
    "L_HV": "L-HV",
    "L_VV": "L-VV",
}
CHANNEL_COLOUR = {"L_HH": COLOUR[FF], "L_VV": "#8cc9ae", "C_HH": "#e8a679", "C_VV": "#c0552b"}


def _swath(axis: Axes, band: str) -> None:
    """Shade the angles at which the satellite looks."""
    axis.axvspan(
        *(SENTINEL1_DEG if band == "C" else PALSAR2_DEG), color=PALE, alpha=0.45, linewidth=0, zorder=0
    )


def class_levels() -> Figure:
    """Means and spreads of classes against angle: those used, and those of the models alone."""
    groups = (("Open ground", (BS, W)), ("Trees", (FF, DF)), ("Low plants", (DV, FH)))
    figure, axes = plt.subplots(2, 3, figsize=(10, 6.2), sharex=True, sharey=True)
    theta = INCIDENCE_DEG[(INCIDENCE_DEG >= 20) & (INCIDENCE_DEG <= 55)]
    inside = np.isin(INCIDENCE_DEG, theta)
    for row, channel in zip(axes, ("C_VV", "L_HH"), strict=True):
        levels = model_levels(channel)
        for axis, (title, classes) in zip(row, groups, strict=True):
            for k in classes:
                mean, sd = class_mean_db(channel, k, theta), class_sd_db(channel, k)
                axis.fill_between(theta, mean - sd, mean + sd, color=COLOUR[k], alpha=0.16, linewidth=0)
                axis.plot(theta, mean, color=COLOUR[k], linewidth=2.4)
                axis.plot(
                    theta, levels.mean_db[inside, k], color=COLOUR[k], linewidth=1.3, linestyle=(0, (4, 2))
                )
            axis.set_title(f"{CHANNEL_NAME[channel]}   {title}")
            axis.set_ylim(-33, 3)
            axis.set_xlim(20, 55)
            _swath(axis, channel[0])
    for axis, (_, classes) in zip(axes[0], groups, strict=True):
        handles = [Line2D([], [], color=COLOUR[k], linewidth=2.4, label=NAME[k]) for k in classes]
        axis.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.0, 0.04))
    axes[1, 1].legend(
        handles=[
            Line2D([], [], color=INK, linewidth=2.4, label="used: mean ± spread"),
            Line2D([], [], color=INK, linewidth=1.3, linestyle=(0, (4, 2)), label="models alone"),
            Line2D([], [], color=PALE, linewidth=7, label="angles of the satellite"),
        ],
        loc="lower left", bbox_to_anchor=(0.0, 0.04),
    )  # fmt: skip
    for axis in axes[:, 0]:
        axis.set_ylabel("gamma nought [dB]")
    for axis in axes[1]:
        axis.set_xlabel("incidence angle [deg]")
    return figure


def _stand_change_db(channel: str, depth_l: Float) -> Float:
    """Change of the stand of section 7 at 38 deg when it is flooded, against its crowns' optical depth at L band."""
    at_c = channel.startswith("C")
    f, volume = (SENTINEL1_GHZ, 0.178) if at_c else (PALSAR2_GHZ, 0.22)
    depth = depth_l * (3.0 if at_c else 1.0)
    wood = reflectivity(vegetation_permittivity(f, 0.5), 90.0 - MIDDLE_DEG)
    soil, water = soil_permittivity(f, 0.25), water_permittivity(f)
    slant, wet = reflectivity(soil, MIDDLE_DEG), reflectivity(water, MIDDLE_DEG)
    floor = oh_1992(MIDDLE_DEG, wavenumber_rad_m(f) * 0.02, reflectivity(soil, 0.0).v, slant.v, slant.h)
    v = channel.endswith("VV")
    stand, trunk = Stand(0.06, 0.12, 8.0, 5.0), wood.v if v else wood.h
    bounce = [
        trunk_ground(f, MIDDLE_DEG, stand, trunk, Ground(g.v if v else g.h, rms_m), depth)
        for g, rms_m in ((slant, 0.03), (wet, 0.003))
    ]
    crowns = canopy_volume(MIDDLE_DEG, depth, volume)
    dry = crowns + two_way_transmissivity(depth, MIDDLE_DEG) * (floor.vv if v else floor.hh) + bounce[0]
    return to_db((crowns + bounce[1]) / dry)


def flooded_forest() -> Figure:
    """Forest at both bands: dry and flooded against angle, the change, and what crowns leave of it."""
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.9), width_ratios=(1.15, 1, 1))
    theta = np.arange(20.0, 50.1, 1.0)
    inside = np.isin(INCIDENCE_DEG, theta)
    for channel, style in (("C_VV", (0, (4, 2))), ("L_HH", "-")):
        levels = model_levels(channel)
        for k in (DF, FF):
            mean, sd = levels.mean_db[inside, k], levels.sd_db[inside, k]
            axes[0].fill_between(theta, mean - sd, mean + sd, color=COLOUR[k], alpha=0.13, linewidth=0)
            axes[0].plot(theta, mean, color=COLOUR[k], linestyle=style, linewidth=2.2)
    axes[0].legend(
        handles=[
            Line2D([], [], color=COLOUR[FF], linewidth=2.2, label="flooded"),
            Line2D([], [], color=COLOUR[DF], linewidth=2.2, label="dry"),
            Line2D([], [], color=INK, linewidth=2.2, label="L-HH"),
            Line2D([], [], color=INK, linewidth=2.2, linestyle=(0, (4, 2)), label="C-VV"),
        ],
        loc="lower left", ncol=2, columnspacing=1.2,
    )  # fmt: skip
    axes[0].set(
        title="Level of forest", ylim=(-12.5, 0), xlabel="incidence angle [deg]", ylabel="gamma nought [dB]"
    )
    depth = np.linspace(0.0, 1.6, 81)
    for channel, colour in CHANNEL_COLOUR.items():
        low, middle, high = flooding_change_db(channel, theta).T
        if channel in ("L_HH", "C_VV"):
            axes[1].fill_between(theta, low, high, color=colour, alpha=0.15, linewidth=0)
        axes[1].plot(theta, middle, color=colour, linewidth=2.2)
        axes[2].plot(
            depth, _stand_change_db(channel, depth), color=colour, linewidth=2.2, label=CHANNEL_NAME[channel]
        )
    axes[1].set(
        title="Change by flooding",
        ylim=(-2.5, 7.5),
        xlabel="incidence angle [deg]",
        ylabel="flooded less dry [dB]",
    )
    axes[2].set(
        title="What crowns leave of it, 38 deg",
        ylim=(-2.5, 7.5),
        xlabel="optical depth of crowns at L band, nadir",
    )
    axes[2].legend(loc="upper right")
    axes[1].text(20.5, 6.9, "median, 90 % of stands", fontsize=8, color=FAINT)
    for axis in axes[1:]:
        axis.axhline(0.0, color=INK, linewidth=0.8)
    axes[2].axvspan(0.3, 0.9, color=PALE, alpha=0.5, linewidth=0, zorder=0)
    axes[2].text(0.6, -2.3, "forests of the prior", ha="center", fontsize=8, color=FAINT)
    return figure


def _evidence(channel: str, nesz_db: float) -> tuple[Float, Float]:
    """Evidence [nats] along the axis of total power: water against ground in equal shares, flooded against dry forest."""
    floors = (joint.Floor(channel, nesz_db),)
    water = np.tensordot(wind.usual_weights(), joint.water_densities(floors, LOOKS, MIDDLE_DEG), 1)
    ground = [joint.ground_density(floors, k, LOOKS, MIDDLE_DEG) for k in list(EvidenceClass)[1:]]
    curves = make_monotone(joint.robust(np.stack([water, *ground], axis=-1))[:-1, -1])
    dry = [k for k in DRY if k is not U]
    return curves[:, W] - logsumexp(curves[:, dry], axis=1) + np.log(len(dry)), curves[:, FF] - curves[:, DF]


def evidence() -> Figure:
    """What a value says, channel by channel, under several noise floors."""
    channels = ("C_VV", "C_VH", "L_HH", "L_HV")
    floors = (-18.0, -22.0, -26.0, -32.0)
    shades = plt.get_cmap("viridis")(np.linspace(0.85, 0.1, len(floors)))
    figure, axes = plt.subplots(2, 4, figsize=(10, 5.0), sharex="col", sharey=True)
    for column, channel in zip(axes.T, channels, strict=True):
        for nesz_db, shade in zip(floors, shades, strict=True):
            for axis, nats in zip(column, _evidence(channel, nesz_db), strict=True):
                axis.plot(joint.POWER_AXIS_DB, nats, color=shade, linewidth=1.8, label=f"{nesz_db:.0f} dB")
        column[0].set_title(CHANNEL_NAME[channel])
        column[1].set(xlabel="total power [dB]", xlim=(-33, 2))
    for axis in axes.flat:
        axis.axhline(0.0, color=INK, linewidth=0.8)
        axis.set_ylim(-6.2, 6.2)
    axes[0, 0].set_ylabel("open water : dry ground [nats]")
    axes[1, 0].set_ylabel("flooded : dry forest [nats]")
    axes[1, 3].legend(title="noise floor, sigma nought", title_fontsize=8.5, loc="lower left", fontsize=8)
    return figure


def _spectra(axis: Axes, frequency_ghz: float, polarization: Polarization, winds: Float) -> None:
    names: tuple[tuple[SpectrumName, str], ...] = (
        ("romeiser", "Romeiser"), ("elfouhaily", "Elfouhaily"), ("durden_vesecky", "Durden-Vesecky"),
    )  # fmt: skip
    styles: Sequence[tuple[int, tuple[float, ...]]] = ((0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
    for (name, label), style in zip(names, styles, strict=True):
        sigma0 = to_db(two_scale_mean(frequency_ghz, MIDDLE_DEG, winds, polarization, name))
        axis.plot(
            winds, sigma0, color=INK, linewidth=1.2, linestyle=style, zorder=3, label=f"two-scale, {label}"
        )


def water() -> Figure:
    """Open water against wind at both bands, and how hard wind may blow."""
    figure, axes = plt.subplots(1, 3, figsize=(10, 4.0), width_ratios=(1, 1, 0.85))
    winds, blue = np.linspace(2.0, 15.0, 53), COLOUR[W]
    to_gamma = float(to_db(np.cos(np.deg2rad(MIDDLE_DEG))))
    _spectra(axes[0], SENTINEL1_GHZ, "VV", winds)
    around = to_db(cmod5n(MIDDLE_DEG, winds[:, None], np.arange(0.0, 181.0, 5.0)))
    axes[0].fill_between(winds, around.min(axis=1), around.max(axis=1), color=blue, alpha=0.2, linewidth=0)
    axes[0].plot(
        winds,
        to_db(cmod5n_mean(MIDDLE_DEG, winds)),
        color=blue,
        linewidth=2.6,
        label="CMOD5.N, all directions",
    )
    cross = wind.water_level_db("C_VH", MIDDLE_DEG, winds) + to_gamma
    axes[0].plot(winds, cross, color="#1f5f8b", linewidth=1.6, label="C-VH")
    axes[0].axhline(flood_line_db(MIDDLE_DEG), color=COLOUR[U], linewidth=1.0)
    axes[0].text(
        14.9,
        flood_line_db(MIDDLE_DEG) - 0.2,
        "flood service's mean",
        fontsize=7.5,
        color=FAINT,
        va="top",
        ha="right",
    )
    axes[0].set_title("C-VV")
    _spectra(axes[1], PALSAR2_GHZ, "HH", winds)
    compact = l_water_db(MIDDLE_DEG, winds, "HH")
    axes[1].fill_between(
        winds, compact - COMPACT_SD_DB, compact + COMPACT_SD_DB, color=blue, alpha=0.2, linewidth=0
    )
    axes[1].plot(winds, compact, color=blue, linewidth=2.6, label="compact function ± 2 dB")
    axes[1].set_title("L-HH")
    for axis, floor_db in ((axes[0], (-26.0, -22.0)), (axes[1], (-29.0, -26.0))):
        axis.axhspan(*floor_db, color=PALE, alpha=0.7, linewidth=0, zorder=0)
        axis.text(2.1, floor_db[0] + 0.25, "noise floor", fontsize=7.5, color=FAINT)
        axis.set(ylim=(-38, -8), xlim=(2, 15), xlabel="wind at 10 m [m/s]")
        axis.legend(loc="lower right", fontsize=7.5, handlelength=2.6, labelspacing=0.3)
    axes[0].set_ylabel("sigma nought at 38 deg [dB]")
    _regimes(axes[2])
    return figure


def _regimes(axis: Axes) -> None:
    """Wind over open water under each regime, and on the whole."""
    speed = np.linspace(0.0, 20.0, 201)
    weights = np.reshape(wind.usual_weights(), (len(wind.WIND_SCALES_M_S), -1)).sum(axis=1)
    density = [2.0 * speed / s**2 * np.exp(-((speed / s) ** 2)) for s in wind.WIND_SCALES_M_S]
    shades = plt.get_cmap("Blues")(np.linspace(0.35, 0.95, len(density)))
    for curve, scale, weight, shade in zip(density, wind.WIND_SCALES_M_S, weights, shades, strict=True):
        axis.plot(speed, curve, color=shade, linewidth=1.4, label=f"{scale:g} m/s, {100 * weight:.0f} %")
    axis.plot(speed, np.tensordot(weights, density, 1), color=INK, linewidth=2.4, label="mixture")
    axis.set(
        title="Wind", xlabel="wind at 10 m [m/s]", ylabel="density [per m/s]", xlim=(0, 20), ylim=(0, None)
    )
    axis.legend(
        loc="upper right", fontsize=7.5, title="regime, prior weight", title_fontsize=8, labelspacing=0.3
    )


def _contours(axis: Axes, density: Float, colour: str, label: str, at: tuple[float, float]) -> None:
    """Regions of highest density that hold 50 and 90 % of a joint density of VV and VH."""
    p = density[:-1, :-1].T
    ordered = np.sort(p.ravel())[::-1]
    held = np.cumsum(ordered) / ordered.sum()
    half, most = (float(ordered[np.searchsorted(held, share)]) for share in (0.5, 0.9))
    x = joint.POWER_AXIS_DB
    axis.contourf(x, x, p, levels=[most, half, float(p.max()) * 1.01], colors=[colour, colour], alpha=0.12)
    axis.contour(x, x, p, levels=[most, half], colors=[colour], linewidths=[1.0, 2.0])
    axis.text(*at, label, color=colour, fontsize=9, fontweight="bold", ha="center")


def both_polarizations() -> Figure:
    """VV and VH of one pass together: classes, and water under three winds."""
    floors = (joint.Floor("C_VV", -24.0), joint.Floor("C_VH", -26.0))
    regimes = joint.water_densities(floors, LOOKS, MIDDLE_DEG)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), sharex=True, sharey=True)
    ground = {k: joint.ground_density(floors, k, LOOKS, MIDDLE_DEG) for k in (BS, DV, DF)}
    _contours(axes[0], np.tensordot(wind.usual_weights(), regimes, 1), COLOUR[W], NAME[W], (-19.0, -26.6))
    for k, at in ((BS, (-3.1, -20.6)), (DV, (-15.2, -12.4)), (DF, (-6.2, -8.4))):
        _contours(axes[0], ground[k], COLOUR[k], NAME[k], at)
    axes[0].set_title("Classes, wind not known")
    shades = plt.get_cmap("Blues")((0.45, 0.68, 0.95))
    middle = wind.CROSS_OFFSETS_DB.index(0.0)
    names = ((0, (-22.6, -26.8)), (3, (-16.0, -26.8)), (6, (-3.2, -23.2)))
    for (r, at), shade in zip(names, shades, strict=True):
        _contours(
            axes[1],
            regimes[r * len(wind.CROSS_OFFSETS_DB) + middle],
            matplotlib.colors.to_hex(shade),
            f"{wind.WIND_SCALES_M_S[r]:g} m/s",
            at,
        )
    _contours(axes[1], ground[BS], COLOUR[BS], NAME[BS], (-11.8, -13.6))
    axes[1].set_title("Open water by the wind of the day (Weibull scale)")
    floor_db = -26.0 - float(to_db(np.cos(np.deg2rad(MIDDLE_DEG))))
    for axis in axes:
        axis.xaxis.set_major_locator(MultipleLocator(5))
        axis.yaxis.set_major_locator(MultipleLocator(5))
        axis.axhline(floor_db, color=FAINT, linewidth=1.0, linestyle=(0, (2, 2)))
        axis.text(-1.2, floor_db - 0.2, "noise floor of VH", fontsize=8, color=FAINT, va="top", ha="right")
        axis.set(xlim=(-25, -1), ylim=(-28, -7.5), xlabel="VV, total power [dB]", aspect="equal")
    axes[0].set_ylabel("VH, total power [dB]")
    return figure


FIGURES = {
    "physics_class_levels": class_levels,
    "physics_flooded_forest": flooded_forest,
    "physics_evidence": evidence,
    "physics_water": water,
    "physics_both_polarizations": both_polarizations,
}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    with plt.style.context(STYLE):
        for name, draw in FIGURES.items():
            figure = draw()
            figure.tight_layout()
            file = folder / f"{name}.png"
            figure.savefig(file, metadata={"Software": None})  # the same bytes every time
            plt.close(figure)
            print(file)


if __name__ == "__main__":
    main()
