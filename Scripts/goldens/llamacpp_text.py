"""Loads a GGUF file with llama.cpp (the xllamacpp wheel); prints what it writes greedily behind a prompt.

  llamacpp_text.py FILE PROMPT [NEW_TOKENS]  ->  {"text": "..."}
"""
import json, sys
import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.n_ctx, parameters.n_parallel, parameters.warmup = sys.argv[1], 256, 1, False
parameters.cpuparams.n_threads, parameters.verbosity = 1, -1
answer = xllamacpp.Server(parameters).handle_completions({
    "prompt": sys.argv[2], "n_predict": int((sys.argv + ["30"])[3]), "temperature": 0.0, "top_k": 1, "ignore_eos": True})
answer = answer if isinstance(answer, dict) else json.loads(answer)
print("\n" + json.dumps({"text": answer.get("content") or answer["choices"][0]["text"]}))
