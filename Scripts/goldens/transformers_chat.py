"""Chats with a model folder in transformers: its own tokenizer, its chat template, greedy answers.

  transformers_chat.py FOLDER 'What is it?' [NEW_TOKENS]  ->  {"class": "...", "ids": [...], "text": "..."}
"""
import json, os, sys
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_num_threads(1)
folder, message, new = sys.argv[1], sys.argv[2], int((sys.argv + ["40"])[3])
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, dtype="float32").eval()
text = tokenizer.apply_chat_template([{"role": "user", "content": message}], tokenize=False, add_generation_prompt=True)
ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)
# The end tokens are generation_config.json's; what it says about sampling is not for greedy text.
answer = model.generate(**ids, do_sample=False, temperature=None, top_p=None, top_k=None, repetition_penalty=1.0, max_new_tokens=new)
print(json.dumps({
    "class": type(model).__name__, "ids": ids["input_ids"][0].tolist(),
    "text": tokenizer.decode(answer[0, ids["input_ids"].shape[1]:], skip_special_tokens=True)}))
