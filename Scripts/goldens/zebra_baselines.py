#!/usr/bin/env python3
"""Writes Tests/Goldens/zebra-baselines.json: the systems that Zebra-Llama is compared with, from their papers' equations.

MOHAWK's first stage (arXiv 2408.10189, section 3.1): Mamba2's mixing matrices, attention's, their distance and its slopes.
Minitron (arXiv 2407.14679, section 2.2): what activations call important, and the model that is left. Run by hand (python3
with numpy); the tests read the committed file.
"""
import json
import pathlib

import numpy as np

rng = np.random.default_rng(11)


def draw(*shape, scale=1.0):
    return np.round(scale * rng.standard_normal(shape), 3)


def flat(array):
    return np.asarray(array, dtype=float).ravel().tolist()


def softmax(scores):
    e = np.exp(scores - scores.max())
    return e / e.sum()


# MARK: MOHAWK

T, H, G, N = 9, 4, 2, 3  # tokens, heads, heads of x and B, state and head width
rows, raw = draw(T, (2 * G + H) * N), draw(T, H)  # [x | B | C], steps before softplus
bias, log_rate, skip = draw(H), draw(H, scale=0.5), draw(H)
queries, keys = draw(T, H, N), draw(T, G, N)


def parts(rows):
    """x and B by group, C by head: [T, heads, N]."""
    x, b, c = np.split(rows, [G * N, 2 * G * N], axis=1)
    return x.reshape(T, G, N), b.reshape(T, G, N), c.reshape(T, H, N)


def recurrence(rows, raw, bias, log_rate, skip):
    """Token by token: S <- e^(dt A) S + dt B x^T, y = S^T C + D x."""
    x, b, c = parts(rows)
    dt = np.log1p(np.exp(raw + bias))
    y = np.zeros((T, H, N))
    for h in range(H):
        g, state = h // (H // G), np.zeros((N, N))
        for t in range(T):
            state = np.exp(-dt[t, h] * np.exp(log_rate[h])) * state + dt[t, h] * np.outer(b[t, g], x[t, g])
            y[t, h] = state.T @ c[t, h] + skip[h] * x[t, g]
    return y


def mamba_matrices(rows, raw, bias, log_rate, skip):
    """Entry by entry."""
    _, b, c = parts(rows)
    dt = np.log1p(np.exp(raw + bias))
    m = np.zeros((H, T, T))
    for h in range(H):
        for i in range(T):
            for j in range(i + 1):
                decay = np.exp(-np.exp(log_rate[h]) * dt[j + 1 : i + 1, h].sum())
                m[h, i, j] = decay * (c[i, h] @ b[j, h // (H // G)]) * dt[j, h] + (skip[h] if i == j else 0)
    return m


attention = np.zeros((H, T, T))
for h in range(H):
    for i in range(T):
        attention[h, i, : i + 1] = softmax(keys[: i + 1, h // (H // G)] @ queries[i, h] / np.sqrt(N))

inputs = {"rows": rows, "steps": raw, "step_bias": bias, "log_rate": log_rate, "skip": skip}


def distance(**some):
    m = mamba_matrices(*{**inputs, **some}.values())
    return sum(np.linalg.norm(m[h] - attention[h]) for h in range(H))


def slopes(name):
    value, step = inputs[name], 1e-6
    result = np.zeros(value.shape)
    for index in np.ndindex(*value.shape):
        sides = []
        for sign in (1, -1):
            moved = value.copy()
            moved[index] += sign * step
            sides.append(distance(**{name: moved}))
        result[index] = (sides[0] - sides[1]) / (2 * step)
    return result


x = parts(rows)[0]
matrices = mamba_matrices(*inputs.values())
y = recurrence(*inputs.values())
for h in range(H):
    assert np.allclose(matrices[h] @ x[:, h // (H // G)], y[:, h])
mohawk = {
    "shape": {"tokens": T, "heads": H, "groups": G, "width": N},
    **{name: flat(value) for name, value in inputs.items()}, "queries": flat(queries), "keys": flat(keys),
    "matrices": flat(matrices), "mixed": flat(y), "attention": flat(attention), "distance": distance(),
    "slopes": {name: flat(slopes(name)) for name in inputs},
}

# MARK: Minitron

V, D, HEADS, GROUPS, K, F, LAYERS, TOKENS, THETA, EPS = 11, 10, 4, 2, 6, 14, 2, 7, 50.0, 1e-5
weights = {"embed_tokens": draw(V, D), "norm": 1 + draw(D, scale=0.2), "lm_head": draw(V, D, scale=0.5)}
for layer in range(LAYERS):
    weights |= {
        f"{layer}.input_layernorm": 1 + draw(D, scale=0.2), f"{layer}.post_attention_layernorm": 1 + draw(D, scale=0.2),
        f"{layer}.q_proj": draw(HEADS * K, D, scale=0.4), f"{layer}.k_proj": draw(GROUPS * K, D, scale=0.4),
        f"{layer}.v_proj": draw(GROUPS * K, D, scale=0.4), f"{layer}.o_proj": draw(D, HEADS * K, scale=0.3),
        f"{layer}.gate_proj": draw(F, D, scale=0.4), f"{layer}.up_proj": draw(F, D, scale=0.4),
        f"{layer}.down_proj": draw(D, F, scale=0.3),
    }
windows = rng.integers(0, V, (3, TOKENS))


def rms_norm(x, weight):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * weight


def rotate(heads):
    """[T, n, K]: dimensions j and j + K/2 turn as a pair."""
    half = K // 2
    angle = np.arange(len(heads))[:, None] * THETA ** (-2 * np.arange(half) / K)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    a, b = heads[..., :half], heads[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def forward(weights, ids, seen=None):
    """Logits [T, V]; `seen` collects activations by what they belong to."""
    seen = {} if seen is None else seen
    x = weights["embed_tokens"][ids]
    for layer in range(LAYERS):
        def w(name):
            return weights[f"{layer}.{name}"]
        u = rms_norm(x, w("input_layernorm"))
        q = rotate((u @ w("q_proj").T).reshape(TOKENS, -1, K))
        k = rotate((u @ w("k_proj").T).reshape(TOKENS, -1, K))
        v = (u @ w("v_proj").T).reshape(TOKENS, -1, K)
        heads = np.zeros(q.shape)
        for h in range(q.shape[1]):
            g = h // (HEADS // GROUPS)
            for t in range(TOKENS):
                heads[t, h] = softmax(k[: t + 1, g] @ q[t, h] / np.sqrt(K)) @ v[: t + 1, g]
        x = x + heads.reshape(TOKENS, -1) @ w("o_proj").T
        second = rms_norm(x, w("post_attention_layernorm"))
        gate = second @ w("gate_proj").T
        inner = gate / (1 + np.exp(-gate)) * (second @ w("up_proj").T)
        x = x + inner @ w("down_proj").T
        seen[layer, "first"], seen[layer, "second"] = np.abs(u), np.abs(second)
        seen[layer, "heads"], seen[layer, "channels"] = np.linalg.norm(heads, axis=-1), np.abs(inner)
    return rms_norm(x, weights["norm"]) @ weights["lm_head"].T


means = []
for ids in windows:
    seen = {}
    forward(weights, ids, seen)
    means.append({place: value.mean(0) for place, value in seen.items()})
score = {place: np.sqrt(sum(m[place] ** 2 for m in means)) for place in means[0]}
hidden = sum(score[layer, half] for layer in range(LAYERS) for half in ("first", "second"))
groups = [score[layer, "heads"].reshape(GROUPS, -1).sum(1) for layer in range(LAYERS)]
channels = [score[layer, "channels"] for layer in range(LAYERS)]


def largest(values, count):
    return sorted(np.argsort(-values, kind="stable")[:count].tolist())


def pruned(width, inner, left):
    d = largest(hidden, width)
    result = {"embed_tokens": weights["embed_tokens"][:, d], "norm": weights["norm"][d], "lm_head": weights["lm_head"][:, d]}
    for layer in range(LAYERS):
        f, g = largest(channels[layer], inner), largest(groups[layer], left)
        kv = [i * K + j for i in g for j in range(K)]
        q = [h * K + j for i in g for h in range(i * HEADS // GROUPS, (i + 1) * HEADS // GROUPS) for j in range(K)]
        for name in ("input_layernorm", "post_attention_layernorm"):
            result[f"{layer}.{name}"] = weights[f"{layer}.{name}"][d]
        for name, rows_, columns in (
            ("q_proj", q, d), ("k_proj", kv, d), ("v_proj", kv, d), ("o_proj", d, q),
            ("gate_proj", f, d), ("up_proj", f, d), ("down_proj", d, f),
        ):
            result[f"{layer}.{name}"] = weights[f"{layer}.{name}"][np.ix_(rows_, columns)]
    return result


minitron = {
    "shape": {
        "vocabulary": V, "hidden": D, "heads": HEADS, "groups": GROUPS, "width": K, "inner": F, "layers": LAYERS,
        "tokens": TOKENS, "theta": THETA,
    },
    "weights": {name: flat(value) for name, value in weights.items()}, "windows": windows.tolist(),
    "logits": flat(forward(weights, windows[0])), "importance": {
        "hidden": flat(hidden), "groups": [flat(g) for g in groups], "channels": [flat(c) for c in channels],
    },
    "pruned": [
        {"hidden": d, "inner": f, "groups": g, "logits": flat(forward(pruned(d, f, g), windows[0]))}
        for d, f, g in ((7, 9, 2), (10, 14, 1), (6, 5, 1))
    ],
}

target = pathlib.Path(__file__).resolve().parents[2] / "Tests/Goldens/zebra-baselines.json"


def rounded(value):
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


target.write_text(json.dumps(rounded({"mohawk": mohawk, "minitron": minitron})) + "\n")
