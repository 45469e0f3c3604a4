"""Loads a model folder with mlx-lm; prints its logits for a list of ids and what it writes behind them greedily.

  mlx_logits.py FOLDER '[1, 2, 3]' [NEW_TOKENS]  ->  {"class": "...", "logits": [[...], ...], "greedy": [...]}
"""
import json, sys
from pathlib import Path
import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_model

model, _ = load_model(Path(sys.argv[1]))
ids, new = json.loads(sys.argv[2]), int((sys.argv + ["16"])[3])
logits = model(mx.array([ids]))[0].astype(mx.float32)
cache = make_prompt_cache(model)
row, greedy = model(mx.array([ids]), cache=cache)[0, -1], []
while len(greedy) < new:
    greedy.append(int(mx.argmax(row)))
    row = model(mx.array([[greedy[-1]]]), cache=cache)[0, -1]
print("\n" + json.dumps({"class": type(model).__module__, "logits": logits.tolist(), "greedy": greedy}))
