"""Scattering of a world as tables over angle and latents, read per pixel: what `scattering` says, at the speed of training.

A table holds ln gamma0 of every state on even axes of angle and of the logarithms of its latents; between nodes it is
linear. A pixel's latents are given as standard normal fields (`latents.Field`), so that a scene's departure and the spread
within it become one line per state and axis: node = start + step z.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv, ndtr, polygamma

from floodfuse.catalogs.simulated.latents import LATENTS, TEXTURE_DB, Departures, Latent, State
from floodfuse.catalogs.simulated.scattering import gamma0
from floodfuse.catalogs.simulated.worlds import CHANNELS, World, world_named

Float32 = npt.NDArray[np.float32]

ANGLE_DEG = (26.0, 48.0)
_ANGLE_STEP_DEG = 2.0
_NODES = (13, 7, 5)  # along the first, second and third latent of a state
_LEAST_POWER = 1e-6  # -60 dB: no product shows less
TEXTURE_REACH, TEXTURE_NODES = 4.0, 513  # standard normal on ±reach; the nearest node is within 0.02 dB


class Tables(NamedTuple):
    """A world, tabulated.

    Attributes
    ----------
    level
        ln gamma0, (state, angle, latent, latent, latent, channel).
    texture
        ln of the texture, whose mean is 1, against a standard normal on ±`TEXTURE_REACH`, (state, node).
    """

    level: Float32
    texture: Float32


class Scaling(NamedTuple):
    """How standard normal fields become positions in the tables, for one scene.

    Attributes
    ----------
    field
        Which field each axis of each state follows, (state, axis).
    start, step
        Node at z = 0, and nodes per unit of z, (state, axis).
    last
        Last node of each axis, (state, axis); 0 where the state has no such latent.
    level
        Added to ln gamma0, (state, channel).
    """

    field: npt.NDArray[np.int64]
    start: Float32
    step: Float32
    last: Float32
    level: Float32


def axis_nodes(latent: Latent, count: int) -> npt.NDArray[np.float64]:
    """Values of a latent at the nodes of its axis: even in the logarithm, `low` to `high`."""
    return np.geomspace(latent.low, latent.high, count)


@lru_cache(maxsize=4)
def tables(name: str) -> Tables:
    """Tables of the world of that name, about a second of work, once a process."""
    world = world_named(name)
    angles = np.arange(ANGLE_DEG[0], ANGLE_DEG[1] + 0.1, _ANGLE_STEP_DEG)
    level = np.zeros((len(State), len(angles), *_NODES, len(CHANNELS)), np.float32)
    for state in State:
        latents = LATENTS[state]
        axes = [axis_nodes(each, count) for each, count in zip(latents, _NODES, strict=False)]
        mesh = np.ix_(angles, *axes, *[np.zeros(1)] * (3 - len(axes)))
        for index, channel in enumerate(CHANNELS):
            power = gamma0(world, state, channel, mesh[0], *mesh[1 : 1 + len(axes)])
            level[state, ..., index] = np.log(np.maximum(power, _LEAST_POWER))
    return Tables(level, _textures(world))


def _textures(world: World) -> Float32:
    """ln of texture by state and standard normal: lognormal, or gamma of the order whose logarithm spreads as much."""
    normal = np.linspace(-TEXTURE_REACH, TEXTURE_REACH, TEXTURE_NODES)
    rows = []
    for state in State:
        sd = TEXTURE_DB[state] * np.log(10.0) / 10.0
        if world.texture == "lognormal":
            rows.append(sd * normal - 0.5 * sd**2)
        else:
            order = gamma_order(sd**2)
            rows.append(np.log(gammaincinv(order, ndtr(normal)) / order))
    return np.asarray(rows, np.float32)


def gamma_order(log_variance: float) -> float:
    """Order of the gamma distribution whose logarithm has this variance: psi1(order) = variance, by Newton's steps."""
    order = 1.0 / log_variance + 0.5
    for _ in range(30):
        order -= float((polygamma(1, order) - log_variance) / polygamma(2, order))
    return order


def scaling(departures: Departures, shifts: dict[str, float] | None = None) -> Scaling:
    """Positions in the tables for a scene.

    Parameters
    ----------
    departures
        Of the scene from the medians.
    shifts
        Added to the logarithm of latents by name: how a date differs from the scene's usual state.
    """
    shape = (len(State), 3)
    field = np.zeros(shape, np.int64)
    start, step, last = (np.zeros(shape, np.float32) for _ in range(3))
    for state, latents in LATENTS.items():
        for axis, (latent, count) in enumerate(zip(latents, _NODES, strict=False)):
            per_log = (count - 1) / np.log(latent.high / latent.low)
            offset = departures.latent[latent.name] + (shifts or {}).get(latent.name, 0.0)
            field[state, axis] = latent.field
            start[state, axis] = (np.log(latent.median / latent.low) + offset) * per_log
            step[state, axis] = latent.within * per_log
            last[state, axis] = count - 1
    return Scaling(field, start, step, last, departures.level)


def at_angle(table: Float32, incidence_deg: float) -> Float32:
    """The tables at one angle, which stays along the angle axis: (state, 1, latent, latent, latent, channel)."""
    at = (np.clip(incidence_deg, *ANGLE_DEG) - ANGLE_DEG[0]) / _ANGLE_STEP_DEG
    node = min(int(at), table.shape[1] - 2)
    part = np.float32(at - node)
    return table[:, node : node + 1] * (np.float32(1.0) - part) + table[:, node + 1 : node + 2] * part


def mean_gamma0(
    world: str,
    band: str,
    state: npt.NDArray[np.uint8],
    fields: Float32,
    texture: Float32,
    incidence_deg: Float32 | float,
    scale: Scaling,
) -> Float32:
    """Expected linear gamma0 of both polarizations of a band, (2, y, x): the copolarized first.

    Parameters
    ----------
    world
        "A" or "B".
    band
        "C" (VV, VH) or "L" (HH, HV).
    state
        `State` of each pixel, (y, x).
    fields
        Standard normal fields in the order of `Field`, (field, y, x).
    texture
        Standard normal fields of the texture of each polarization, (2, y, x).
    incidence_deg
        (y, x), or one angle for all; held within `ANGLE_DEG`.
    scale
        Of the scene.
    """
    table, log_texture = tables(world)
    first = 0 if band == "C" else 2
    part = table[..., first : first + 2]
    if isinstance(incidence_deg, float):
        part = at_angle(part, incidence_deg)
        angle = np.zeros((1, 1), np.float32)
    else:
        angle = (incidence_deg - np.float32(ANGLE_DEG[0])) / np.float32(_ANGLE_STEP_DEG)
    out = np.empty((2, *state.shape), np.float32)
    level = np.ascontiguousarray(scale.level[:, first : first + 2])
    to_node = np.float32((TEXTURE_NODES - 1) / (2.0 * TEXTURE_REACH))
    _read(
        np.ascontiguousarray(part).reshape(len(State), part.shape[1], -1, 2),
        log_texture,
        state,
        fields,
        texture * to_node + (np.float32(TEXTURE_REACH) * to_node + np.float32(0.5)),
        angle,
        scale.field,
        np.stack([scale.start, scale.step, scale.last], axis=-1),
        np.array([_NODES[1] * _NODES[2], _NODES[2], 1]),
        level,
        out,
    )
    return np.exp(out, out=out)


@numba.njit(nogil=True, cache=True)
def _node(at: np.float32, last: np.float32) -> tuple[int, np.float32]:
    """Node at or before a position held within 0 and `last`, and how far past it; never the last, unless it is 0."""
    held = min(max(at, np.float32(0.0)), last)
    node = int(held)
    if node == int(last) and node > 0:
        node -= 1
    return node, held - np.float32(node)


@numba.njit(nogil=True, cache=True)
def _between(
    table: Float32,
    at: int,
    strides: tuple[int, int, int],
    part: tuple[np.float32, np.float32, np.float32],
    axes: int,
) -> np.float32:
    """Linear interpolation along the first one, two or three axes from the node at a flat index."""
    first, second, third = strides
    a, b, c = part
    low = table[at] + a * (table[at + first] - table[at])
    if axes == 1:
        return low
    at += second
    high = table[at] + a * (table[at + first] - table[at])
    low += b * (high - low)
    if axes == 2 or c == np.float32(0.0):
        return low
    at += third
    high = table[at] + a * (table[at + first] - table[at])
    at -= second
    top = table[at] + a * (table[at + first] - table[at])
    top += b * (high - top)
    return low + c * (top - low)


@numba.njit(nogil=True, cache=True)
def _read(
    table: Float32,
    log_texture: Float32,
    state: npt.NDArray[np.uint8],
    fields: Float32,
    texture: Float32,
    angle: Float32,
    field: npt.NDArray[np.int64],
    axes: Float32,
    strides: npt.NDArray[np.int64],
    level: Float32,
    out: Float32,
) -> None:
    """ln gamma0: interpolated in angle and the state's latents, plus texture. Axes that a state lacks cost nothing."""
    zero = np.float32(0.0)
    angles, nodes = table.shape[1], table.shape[2]
    flat = table.ravel()
    steps = (2 * strides[0], 2 * strides[1], 2 * strides[2])
    last_texture = np.float32(log_texture.shape[1] - 1)
    for y in range(state.shape[0]):
        for x in range(state.shape[1]):
            s = state[y, x]
            b, c, wb, wc, count = 0, 0, zero, zero, 1
            a, wa = _node(axes[s, 0, 0] + axes[s, 0, 1] * fields[field[s, 0], y, x], axes[s, 0, 2])
            if axes[s, 1, 2] > zero:
                b, wb = _node(axes[s, 1, 0] + axes[s, 1, 1] * fields[field[s, 1], y, x], axes[s, 1, 2])
                count = 2
            if axes[s, 2, 2] > zero:
                c, wc = _node(axes[s, 2, 0] + axes[s, 2, 1] * fields[field[s, 2], y, x], axes[s, 2, 2])
                count = 3
            d, wd = 0, zero
            if angles > 1:
                d, wd = _node(angle[y, x], np.float32(angles - 1))
            at = 2 * ((s * angles + d) * nodes + a * strides[0] + b * strides[1] + c * strides[2])
            for p in range(2):
                value = _between(flat, at + p, steps, (wa, wb, wc), count)
                if angles > 1:
                    value += wd * (_between(flat, at + p + 2 * nodes, steps, (wa, wb, wc), count) - value)
                nearest = int(min(max(texture[p, y, x], zero), last_texture))
                out[p, y, x] = value + level[s, p] + log_texture[s, nearest]
