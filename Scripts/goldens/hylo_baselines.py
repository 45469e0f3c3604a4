#!/usr/bin/env python3
"""Writes Tests/Goldens/hylo-baselines.json: the systems that HyLo is compared with, from their papers' equations.

JetBlock (arXiv 2508.15884, section 2.3) and HypeNet's Lightning Attention (arXiv 2601.22156, section 4): one layer of each
token by token, and the slopes of a weighted sum of its output. Run by hand (python3 with numpy); the tests read the
committed file.
"""
import json
import pathlib

import numpy as np

rng = np.random.default_rng(17)


def draw(*shape, scale=1.0):
    return np.round(scale * rng.standard_normal(shape), 3)


def silu(x):
    return x / (1 + np.exp(-x))


D, T, H, K, V, TAPS, REDUCTION, EPS = 6, 9, 2, 3, 4, 4, 4, 1e-5
WIDTH = H * V
weights = {
    "q_proj.weight": draw(H * K, D), "k_proj.weight": draw(H * K, D), "v_proj.weight": draw(WIDTH, D),
    "g_proj.weight": draw(WIDTH, D), "a_proj.weight": draw(H, D), "b_proj.weight": draw(H, D),
    "dynamic_conv1d.kernel_generator.w1.weight": draw(WIDTH // REDUCTION, D),
    "dynamic_conv1d.kernel_generator.w2.weight": draw(WIDTH * TAPS, WIDTH // REDUCTION, scale=0.5),
    "dynamic_conv1d.kernel_generator.w2.bias": draw(WIDTH * TAPS, scale=0.5),
    "A_log": draw(H, scale=0.5), "dt_bias": draw(H), "o_norm.weight": 1 + draw(V, scale=0.3), "o_proj.weight": draw(D, WIDTH),
}
x, seed = draw(T, D), draw(T, D)


def jet_block(w, x):
    """Token by token: decay, correct, read."""
    q, k = (silu(x @ w[f"{name}_proj.weight"].T).reshape(T, H, K) for name in "qk")
    q, k = (y / np.sqrt((y * y).sum(-1, keepdims=True) + 1e-6) for y in (q, k))
    v = x @ w["v_proj.weight"].T
    generator = "dynamic_conv1d.kernel_generator"
    taps = silu(x @ w[f"{generator}.w1.weight"].T) @ w[f"{generator}.w2.weight"].T + w[f"{generator}.w2.bias"]
    taps = taps.reshape(T, WIDTH, TAPS)
    beta = 1 / (1 + np.exp(-(x @ w["b_proj.weight"].T)))
    g = -np.exp(w["A_log"]) * np.log1p(np.exp(x @ w["a_proj.weight"].T + w["dt_bias"]))
    gate = silu(x @ w["g_proj.weight"].T).reshape(T, H, V)
    state, out = np.zeros((H, K, V)), np.zeros((T, H, V))
    for t in range(T):
        z = sum(taps[t, :, j] * v[t - (TAPS - 1) + j] for j in range(TAPS) if t - (TAPS - 1) + j >= 0)
        u = silu(z).reshape(H, V)
        for h in range(H):
            decayed = np.exp(g[t, h]) * state[h]
            state[h] = decayed + beta[t, h] * np.outer(k[t, h], u[h] - decayed.T @ k[t, h])
            y = state[h].T @ q[t, h] / np.sqrt(K)
            out[t, h] = y / np.sqrt((y * y).mean() + EPS) * w["o_norm.weight"] * gate[t, h]
    return out.reshape(T, WIDTH) @ w["o_proj.weight"].T


def slopes(layer, weights, name):
    """Of sum(seed * output), by central differences in float64."""
    target = x if name == "x" else weights[name]
    result = np.zeros_like(target)
    for index in np.ndindex(*target.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = target.copy()
            moved[index] += step
            ends.append((seed * (layer(weights, moved) if name == "x" else layer({**weights, name: moved}, x))).sum())
        result[index] = (ends[0] - ends[1]) / 2e-5
    return result


# MARK: Lightning Attention

LK, THETA = 4, 10000.0
lightning = {
    "q_proj.weight": draw(H * LK, D), "k_proj.weight": draw(H * LK, D), "v_proj.weight": draw(H * LK, D),
    "z_proj.weight": draw(H * LK, D), "q_norm.weight": 1 + draw(LK, scale=0.3), "k_norm.weight": 1 + draw(LK, scale=0.3),
    "o_norm.weight": 1 + draw(H * LK, scale=0.3), "o_proj.weight": draw(D, H * LK),
}


def rms_norm(y, weight):
    return y / np.sqrt((y * y).mean(-1, keepdims=True) + EPS) * weight


def rotated(y):
    """Halves of a head turn as pairs, [T, H, K]."""
    angles = np.arange(T)[:, None, None] * THETA ** (-np.arange(LK // 2) / (LK // 2))
    a, b = np.split(y, 2, axis=-1)
    return np.concatenate([a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)], axis=-1)


def lightning_attention(w, x):
    """Token by token; the slopes of ALiBi as rates: 2^-4 and 2^-8 of two heads."""
    q, k = (rotated(rms_norm((x @ w[f"{n}_proj.weight"].T).reshape(T, H, LK), w[f"{n}_norm.weight"])) for n in "qk")
    v = (x @ w["v_proj.weight"].T).reshape(T, H, LK)
    state, out = np.zeros((H, LK, LK)), np.zeros((T, H, LK))
    for t in range(T):
        for h in range(H):
            state[h] = np.exp(-(2.0 ** (-8 * (h + 1) / H))) * state[h] + np.outer(k[t, h], v[t, h])
            out[t, h] = state[h].T @ q[t, h] / np.sqrt(LK)
    gate = 1 / (1 + np.exp(-(x @ w["z_proj.weight"].T)))
    return (rms_norm(out.reshape(T, H * LK), w["o_norm.weight"]) * gate) @ w["o_proj.weight"].T


def flat(array):
    return [float(f"{value:.7g}") for value in np.asarray(array, dtype=float).ravel()]


def golden(layer, weights, **shape):
    return {
        "shape": {"hidden": D, "tokens": T, "heads": H, "eps": EPS, **shape},
        "weights": {name: flat(value) for name, value in weights.items()}, "x": flat(x), "seed": flat(seed),
        "output": flat(layer(weights, x)), "slopes": {name: flat(slopes(layer, weights, name)) for name in ["x", *weights]},
    }


target = pathlib.Path(__file__).resolve().parents[2] / "Tests/Goldens/hylo-baselines.json"
target.write_text(
    json.dumps({
        "jet_block": golden(jet_block, weights, key=K, value=V, taps=TAPS, reduction=REDUCTION),
        "lightning": golden(lightning_attention, lightning, width=LK, theta=THETA),
    }) + "\n")
