#!/usr/bin/env python3
"""Writes Tests/Goldens/baselines.json: the systems that X-EcoMLA is compared with, computed from their papers' equations.

H2O (arXiv 2306.14048, Algorithm 1), PALU (arXiv 2407.21118, section 3) and MHA2MLA (arXiv 2502.14837, section 3) on one
small attention layer. Run by hand (python3 with numpy); the tests read the committed file.
"""
import json
import pathlib

import numpy as np

D, HEADS, GROUPS, K, T, THETA = 10, 4, 2, 6, 23, 50.0
rng = np.random.default_rng(5)


def draw(*shape, scale=1.0):
    return np.round(scale * rng.standard_normal(shape), 3)


x = draw(T, D)
x /= np.sqrt((x * x).mean(-1, keepdims=True))  # what an RMS norm leaves as it is
wq, wk, wv, wo = draw(HEADS * K, D, scale=0.6), draw(GROUPS * K, D, scale=0.6), draw(GROUPS * K, D), draw(D, HEADS * K)


def rotate(heads, pairs=range(K // 2)):
    """heads [T, n, 2 r]: dimensions j and j + r are the pair of that frequency, half-split."""
    r = len(pairs)
    angle = np.arange(len(heads))[:, None] * THETA ** (-2 * np.array(pairs) / K)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    a, b = heads[..., :r], heads[..., r:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def softmax(scores):
    e = np.exp(scores - scores.max())
    return e / e.sum()


def attend(q, k, v):
    """q [T, H, K], k and v [T, G, K]: causal attention behind the output projection."""
    out = np.zeros((T, HEADS, K))
    for h in range(HEADS):
        g = h // (HEADS // GROUPS)
        for t in range(T):
            p = softmax(k[: t + 1, g] @ q[t, h] / np.sqrt(K))
            out[t, h] = p @ v[: t + 1, g]
    return out.reshape(T, -1) @ wo.T


q_plain, k_plain, v_plain = ((x @ w.T).reshape(T, -1, K) for w in (wq, wk, wv))
q_rot, k_rot = rotate(q_plain), rotate(k_plain)
goldens = {
    "shape": {"hidden": D, "heads": HEADS, "groups": GROUPS, "width": K, "tokens": T, "theta": THETA},
    "x": x.ravel().tolist(), "query": wq.ravel().tolist(), "key": wk.ravel().tolist(), "value": wv.ravel().tolist(),
    "output": wo.ravel().tolist(), "attention": attend(q_rot, k_rot, v_plain).ravel().tolist(),
}


# H2O: S_t is the w latest tokens and those h of the others in S_{t-1} with the largest accumulated attention.
def h2o(recent, heavy):
    out, kept_by_head = np.zeros((T, HEADS, K)), []
    for g in range(GROUPS):
        kept, paid = [], {}
        for t in range(T):
            latest = list(range(max(0, t - recent + 1), t + 1))
            older = [s for s in kept if s not in latest]
            older = sorted(older, key=lambda s: (paid[s], s))[max(0, len(older) - heavy - (recent - len(latest))):]
            kept = sorted(older + latest)
            paid = {s: paid.get(s, 0.0) for s in kept}
            for h in range(g * HEADS // GROUPS, (g + 1) * HEADS // GROUPS):
                p = softmax(k_rot[kept, g] @ q_rot[t, h] / np.sqrt(K))
                out[t, h] = p @ v_plain[kept, g]
                for s, share in zip(kept, p):
                    paid[s] += share
        kept_by_head.append(kept)
    return out.reshape(T, -1) @ wo.T, kept_by_head


goldens["h2o"] = []
for percent, recent, heavy in ((35, 4, 4), (21.7, 3, 2), (4, 1, 0), (100, 12, 11)):
    output, kept = h2o(recent, heavy)
    goldens["h2o"].append(
        {"percent": percent, "recent": recent, "heavy": heavy, "output": output.ravel().tolist(), "kept": kept})


# PALU: SVD of W L with the Cholesky factor L of the inputs' second moment, group by group of heads.
def low_rank(weight, rank, factor):
    u, s, vt = np.linalg.svd(weight @ factor, full_matrices=False)
    return u[:, :rank] * s[:rank] @ vt[:rank] @ np.linalg.inv(factor)


covariance = x.T @ x / T
factor = np.linalg.cholesky(covariance)
goldens["covariance"] = covariance.ravel().tolist()
goldens["palu"] = []
for groups, key_ranks, value_ranks in ((1, [5], [7]), (2, [4, 2], [3, 6])):
    rows = GROUPS * K // groups
    parts = [
        np.concatenate([low_rank(w[j * rows:(j + 1) * rows], rank, factor) for j, rank in enumerate(ranks)])
        for w, ranks in ((wk, key_ranks), (wv, value_ranks))
    ]
    keys, values = ((x @ w.T).reshape(T, GROUPS, K) for w in parts)
    goldens["palu"].append({
        "groups": groups, "key_ranks": key_ranks, "value_ranks": value_ranks,
        "key": parts[0].ravel().tolist(), "value": parts[1].ravel().tolist(),
        "output": attend(q_rot, rotate(keys), values).ravel().tolist(),
    })

# MHA2MLA: pairs by the product of mean norms, an SVD of the other keys stacked on the values.
norms = np.zeros((GROUPS, K // 2))
for g in range(GROUPS):
    for j in range(K // 2):
        def norm(heads, h):
            return np.hypot(heads[:, h, j], heads[:, h, j + K // 2]).mean()
        norms[g, j] = sum(norm(q_plain, h) for h in (2 * g, 2 * g + 1)) * norm(k_plain, g)
goldens["pair_norms"] = norms.ravel().tolist()
goldens["mha2mla"] = []
for keep, count, rank in (("2-norm", 1, 7), ("2-norm", 2, 5), ("high", 1, 6), ("low", 2, 4), ("uniform", 1, 9)):
    half = K // 2
    pairs = {
        "2-norm": [sorted(np.argsort(-own)[:count].tolist()) for own in norms], "high": [list(range(count))] * GROUPS,
        "low": [list(range(half - count, half))] * GROUPS,
        "uniform": [[i * half // count for i in range(count)]] * GROUPS,
    }[keep]
    turned = [own + [p + half for p in own] for own in pairs]
    free = [[i for i in range(K) if i not in own] for own in turned]
    width = K - 2 * count
    stacked = np.concatenate([wk[g * K:(g + 1) * K][free[g]] for g in range(GROUPS)] + [wv])
    u, s, vt = np.linalg.svd(stacked, full_matrices=False)
    joint = x @ (u[:, :rank] * s[:rank] @ vt[:rank]).T
    q, k = np.zeros((T, HEADS, K)), np.zeros((T, GROUPS, K))
    for g in range(GROUPS):
        k[:, g, :width] = joint[:, g * width:(g + 1) * width]
        k[:, g, width:] = rotate(k_plain[:, g:g + 1, turned[g]], pairs[g])[:, 0]
        for h in (2 * g, 2 * g + 1):
            q[:, h, :width] = q_plain[:, h, free[g]]
            q[:, h, width:] = rotate(q_plain[:, h:h + 1, turned[g]], pairs[g])[:, 0]
    goldens["mha2mla"].append({
        "keep": keep, "rope": 2 * count, "rank": rank, "pairs": pairs,
        "output": attend(q, k, joint[:, GROUPS * width:].reshape(T, GROUPS, K)).ravel().tolist(),
    })

# Ranks in proportion to Fisher information: whole shares within 1 and full, then the largest remainders.
goldens["fisher_ranks"] = []
for information, full, total in (
    ([1.0, 2.0, 3.0, 4.0], 8, 16), ([0.1, 0.1, 9.0, 1.0], 6, 15), ([5.0, 1.0, 1.0, 1.0, 0.2], 12, 24),
):
    shares = np.array(information) * total / sum(information)
    ranks = [int(min(full, max(1, np.floor(s)))) for s in shares]
    order = sorted(range(len(ranks)), key=lambda i: (-(shares[i] - np.floor(shares[i])), i))
    while sum(ranks) < total:
        for i in order:
            if sum(ranks) < total and ranks[i] < full:
                ranks[i] += 1
    goldens["fisher_ranks"].append({"information": information, "full": full, "total": total, "ranks": ranks})


def rounded(value):
    if isinstance(value, float):
        return round(value, 7)
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


target = pathlib.Path(__file__).resolve().parents[2] / "Tests/Goldens/baselines.json"
target.write_text(json.dumps(rounded(goldens)) + "\n")
print(target, target.stat().st_size)
