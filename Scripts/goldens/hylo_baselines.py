#!/usr/bin/env python3
"""Writes Tests/Goldens/hylo-baselines.json: the systems that HyLo is compared with, from their papers' equations.

JetBlock (arXiv 2508.15884, section 2.3): one layer token by token, and the slopes of a weighted sum of its output. Run by
hand (python3 with numpy); the tests read the committed file.
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


def slopes(name):
    """Of sum(seed * output), by central differences in float64."""
    target = x if name == "x" else weights[name]
    result = np.zeros_like(target)
    for index in np.ndindex(*target.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = target.copy()
            moved[index] += step
            ends.append(
                (seed * (jet_block(weights, moved) if name == "x" else jet_block({**weights, name: moved}, x))).sum())
        result[index] = (ends[0] - ends[1]) / 2e-5
    return result


def flat(array):
    return [float(f"{value:.7g}") for value in np.asarray(array, dtype=float).ravel()]


golden = {
    "jet_block": {
        "shape": {
            "hidden": D, "tokens": T, "heads": H, "key": K, "value": V, "taps": TAPS, "reduction": REDUCTION, "eps": EPS,
        },
        "weights": {name: flat(value) for name, value in weights.items()}, "x": flat(x), "seed": flat(seed),
        "output": flat(jet_block(weights, x)),
        "slopes": {name: flat(slopes(name)) for name in ["x", *weights]},
    }
}
target = pathlib.Path(__file__).resolve().parents[2] / "Tests/Goldens/hylo-baselines.json"
target.write_text(json.dumps(golden) + "\n")
