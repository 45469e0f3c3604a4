"""Loads model folders with transformers; prints the logits of each for a list of ids and what it writes behind them
greedily, a line each. Loading torch takes longer than a small model's answer.

  transformers_logits.py FOLDER '[1, 2, 3]' NEW_TOKENS [FOLDER IDS NEW_TOKENS ...]  ->  {"logits": [[...], ...], "greedy": [...]}
"""
import json, os, sys
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def answer(folder, ids, new):
    import torch
    from transformers import AutoModelForCausalLM
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, dtype="float32").eval()
    ids = torch.tensor([ids])
    with torch.no_grad():
        logits = model(ids).logits[0]
        # No token ends the text, and none of the ids is padding.
        options = dict(
            attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=new, eos_token_id=-1, pad_token_id=0)
        texts = [model.generate(ids, use_cache=cache, **options)[0, ids.shape[1] :].tolist() for cache in (True, False)]
    assert texts[0] == texts[1], "with and without a cache differ"
    return {"class": type(model).__name__, "logits": logits.tolist(), "greedy": texts[0]}


if __name__ == "__main__":
    for folder, ids, new in zip(*(sys.argv[start::3] for start in (1, 2, 3))):
        print(json.dumps(answer(folder, json.loads(ids), int(new))))
