#!/usr/bin/env python3
"""The peers' side of `bench`: one measurement, one JSON line on stdout.

    python3 Scripts/bench/peer.py train   --hidden 256 --layers 8 --heads 8 --kv-heads 4 --head-dim 32 \
                                          --feed-forward 688 --vocab 4096 --batch 8 --time 256
    python3 Scripts/bench/peer.py decode  --hidden 256 ... --prompt 32 --new 224
    python3 Scripts/bench/peer.py llama-cpp --hidden 256 ... --type f32 --prompt 32 --new 224
    python3 Scripts/bench/peer.py convert --hidden 2048 --heads 32 --kv-heads 8 --head-dim 64 --layers 16
    python3 Scripts/bench/peer.py lm-eval --model experiments/teachers/nano-1b-seed1 --items items.jsonl
    python3 Scripts/bench/peer.py serve

`serve` stays loaded and answers requests, one line of the arguments above per request: `bench` interleaves
its own runs with these, and importing PyTorch takes longer than a step. Needs torch; decode also needs
transformers, llama-cpp needs gguf and xllamacpp, lm-eval lm_eval and transformers. Users of Upcycle need none of them.
"""

import argparse
import importlib.metadata
import json
import os
import shlex
import sys
import tempfile
import time

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.heads, self.kv_heads, self.width = a.heads, a.kv_heads, a.head_dim
        self.q_proj = nn.Linear(a.hidden, a.heads * a.head_dim, bias=False)
        self.k_proj = nn.Linear(a.hidden, a.kv_heads * a.head_dim, bias=False)
        self.v_proj = nn.Linear(a.hidden, a.kv_heads * a.head_dim, bias=False)
        self.o_proj = nn.Linear(a.heads * a.head_dim, a.hidden, bias=False)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        q = rotate(self.q_proj(x).view(b, t, self.heads, self.width).transpose(1, 2), cos, sin)
        k = rotate(self.k_proj(x).view(b, t, self.kv_heads, self.width).transpose(1, 2), cos, sin)
        v = self.v_proj(x).view(b, t, self.kv_heads, self.width).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.heads != self.kv_heads)
        return self.o_proj(mixed.transpose(1, 2).reshape(b, t, self.heads * self.width))


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Layer(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(a.hidden, eps=1e-5), nn.RMSNorm(a.hidden, eps=1e-5)
        self.attention = Attention(a)
        self.gate_proj = nn.Linear(a.hidden, a.feed_forward, bias=False)
        self.up_proj = nn.Linear(a.hidden, a.feed_forward, bias=False)
        self.down_proj = nn.Linear(a.feed_forward, a.hidden, bias=False)

    def forward(self, x, cos, sin):
        x = x + self.attention(self.norm1(x), cos, sin)
        y = self.norm2(x)
        return x + self.down_proj(F.silu(self.gate_proj(y)) * self.up_proj(y))


class Llama(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.embedding = nn.Embedding(a.vocab, a.hidden)
        self.layers = nn.ModuleList(Layer(a) for _ in range(a.layers))
        self.norm = nn.RMSNorm(a.hidden, eps=1e-5)
        self.head = nn.Linear(a.hidden, a.vocab, bias=False)
        if a.tied:
            self.head.weight = self.embedding.weight
        angles = torch.arange(a.time)[:, None] / 10000 ** (torch.arange(0, a.head_dim, 2) / a.head_dim)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, ids):
        x = self.embedding(ids)
        for layer in self.layers:
            x = layer(x, self.cos[: ids.shape[1]], self.sin[: ids.shape[1]])
        return self.head(self.norm(x))


def train(a, made):
    """Seconds of each training step: forward, backward, AdamW. As it comes, or compiled with the fused optimiser."""
    key = ("train", a.compiled, *shape(a))
    if key not in made:
        torch.manual_seed(1)
        model = Llama(a)
        made[key] = (
            torch.compile(model) if a.compiled else model,
            torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), fused=a.compiled or None))
        a.warmup += 2
    model, optimizer = made[key]
    ids = torch.randint(a.vocab, (a.batch, a.time + 1))

    def step():
        optimizer.zero_grad(set_to_none=True)
        logits = model(ids[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, a.vocab), ids[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        return loss.item()

    return repeat(step, a), "tokens/s", a.batch * a.time


def decode(a, made):
    """Seconds of greedy generation by transformers' generate, prompt included."""
    key = ("decode", *shape(a))
    if key not in made:
        import transformers

        transformers.logging.set_verbosity_error()
        config = transformers.LlamaConfig(
            hidden_size=a.hidden, num_hidden_layers=a.layers, num_attention_heads=a.heads,
            num_key_value_heads=a.kv_heads, head_dim=a.head_dim, intermediate_size=a.feed_forward,
            vocab_size=a.vocab, tie_word_embeddings=a.tied, max_position_embeddings=512,
            bos_token_id=None, eos_token_id=None, pad_token_id=0)
        torch.manual_seed(1)
        made[key] = transformers.LlamaForCausalLM(config).eval()
        a.warmup += 1
    model = made[key]
    prompt = torch.randint(1, a.vocab, (1, a.prompt))

    def generate():
        with torch.inference_mode():
            out = model.generate(
                prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=a.new, min_new_tokens=a.new,
                do_sample=False)
        assert out.shape[1] == a.prompt + a.new

    return repeat(generate, a), "tokens/s", a.new


def llama_cpp(a, made):
    """Seconds of llama.cpp's greedy text, prompt included; with --prefill of the prompt alone. A GGUF file of random
    weights is written to the temporary folder and removed once it is loaded (it stays mapped)."""
    key = ("llama-cpp", a.type, *shape(a))
    if key not in made:
        import xllamacpp

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.gguf")
            write_gguf(a, path)
            parameters = xllamacpp.CommonParams()
            parameters.model.path, parameters.n_ctx, parameters.n_parallel = path, 1024, 1
            parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = a.threads
            parameters.verbosity, parameters.warmup, parameters.cache_prompt = -1, False, False
            made[key] = xllamacpp.Server(parameters)
        a.warmup += 1
    server = made[key]

    def complete(first):
        answer = server.handle_completions({
            "prompt": [10 + (first + 7 * i) % (a.vocab - 10) for i in range(a.prompt)], "n_predict": a.new,
            "temperature": 0.0, "top_k": 1, "ignore_eos": True, "cache_prompt": False})
        timings = (answer if isinstance(answer, dict) else json.loads(answer))["timings"]
        assert timings["predicted_n"] == a.new and timings["prompt_n"] == a.prompt, timings
        return (timings["prompt_ms"] + (0 if a.prefill else timings["predicted_ms"])) / 1000

    for i in range(a.warmup):
        complete(i)
    return [complete(100 + i) for i in range(a.repeats)], "tokens/s", a.prompt if a.prefill else a.new


def write_gguf(a, path):
    """A Llama of this shape with random weights and a vocabulary of made-up words."""
    import gguf
    import numpy

    kind = {"f32": gguf.GGMLQuantizationType.F32, "bf16": gguf.GGMLQuantizationType.BF16,
            "q8_0": gguf.GGMLQuantizationType.Q8_0}[a.type]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(a.hidden)
    writer.add_block_count(a.layers)
    writer.add_feed_forward_length(a.feed_forward)
    writer.add_head_count(a.heads)
    writer.add_head_count_kv(a.kv_heads)
    writer.add_key_length(a.head_dim)
    writer.add_value_length(a.head_dim)
    writer.add_rope_dimension_count(a.head_dim)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(a.vocab)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>"] + [f"\u2581w{i}" for i in range(a.vocab - 3)])
    writer.add_token_scores([0.0] * a.vocab)
    writer.add_token_types([2, 3, 3] + [1] * (a.vocab - 3))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    numbers = numpy.random.default_rng(1).standard_normal(1 << 20, numpy.float32) * numpy.float32(0.02)

    def matrix(name, rows, columns):
        data = numpy.resize(numbers, (rows, columns))
        if kind == gguf.GGMLQuantizationType.F32:
            writer.add_tensor(name, data)
        else:
            writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)

    def ones(name):
        writer.add_tensor(name, numpy.ones(a.hidden, numpy.float32))

    matrix("token_embd.weight", a.vocab, a.hidden)
    for i in range(a.layers):
        ones(f"blk.{i}.attn_norm.weight")
        ones(f"blk.{i}.ffn_norm.weight")
        matrix(f"blk.{i}.attn_q.weight", a.heads * a.head_dim, a.hidden)
        matrix(f"blk.{i}.attn_k.weight", a.kv_heads * a.head_dim, a.hidden)
        matrix(f"blk.{i}.attn_v.weight", a.kv_heads * a.head_dim, a.hidden)
        matrix(f"blk.{i}.attn_output.weight", a.hidden, a.heads * a.head_dim)
        matrix(f"blk.{i}.ffn_gate.weight", a.feed_forward, a.hidden)
        matrix(f"blk.{i}.ffn_up.weight", a.feed_forward, a.hidden)
        matrix(f"blk.{i}.ffn_down.weight", a.hidden, a.feed_forward)
    ones("output_norm.weight")
    if not a.tied:
        matrix("output.weight", a.vocab, a.hidden)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def shape(a):
    return a.hidden, a.layers, a.heads, a.kv_heads, a.head_dim, a.feed_forward, a.vocab, a.tied


def convert(a, made):
    """Seconds of the two decompositions of one layer as the official code makes them: the query projection,
    and keys over values with the KV heads repeated to all heads, both by torch.linalg.svd's default
    (full_matrices=True, float32). Multiplied by the number of layers: they cost the same."""
    torch.manual_seed(1)
    inner = a.heads * a.head_dim
    query = torch.randn(inner, a.hidden) / a.hidden**0.5
    key = torch.randn(a.kv_heads, a.head_dim, a.hidden) / a.hidden**0.5
    value = torch.randn(a.kv_heads, a.head_dim, a.hidden) / a.hidden**0.5

    def layer():
        torch.linalg.svd(query)
        repeats = a.heads // a.kv_heads
        joint = torch.cat([w.repeat_interleave(repeats, 0).reshape(inner, a.hidden) for w in (key, value)])
        torch.linalg.svd(joint)

    return [a.layers * s for s in repeat(layer, a)], "s", 1


def lm_eval(a, made):
    """Seconds of lm-evaluation-harness's log-likelihoods (transformers below) of every choice of a task file."""
    key = ("lm-eval", a.model, a.items)
    if key not in made:
        from lm_eval.api.instance import Instance
        from lm_eval.models.huggingface import HFLM

        with open(a.items) as lines:
            items = [json.loads(line) for line in lines]
        pairs = [
            (context, choice) for item in items
            for context in item.get("contexts") or [item["context"]] for choice in item["choices"]]
        made[key] = (
            HFLM(pretrained=a.model, device="cpu", dtype="float32", batch_size=a.batch), len(items),
            [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)])
    model, count, requests = made[key]
    return repeat(lambda: model.loglikelihood(requests, disable_tqdm=True), a), "items/s", count


def repeat(work, a):
    for _ in range(a.warmup):
        work()
    seconds = []
    for _ in range(a.repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return seconds


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "decode", "llama-cpp", "convert", "lm-eval", "serve"])
    for name, default in dict(
        hidden=256, layers=8, heads=8, kv_heads=4, head_dim=32, feed_forward=688, vocab=4096, batch=8, time=256,
        prompt=32, new=224, threads=2, repeats=1, warmup=0,
    ).items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=default)
    parser.add_argument("--tied", action="store_true")
    parser.add_argument("--compiled", action="store_true", help="torch.compile and fused AdamW")
    parser.add_argument("--type", choices=["f32", "bf16", "q8_0"], default="f32")
    parser.add_argument("--prefill", action="store_true", help="the prompt alone")
    parser.add_argument("--model", help="lm-eval: a model folder")
    parser.add_argument("--items", help="lm-eval: a task file, JSON Lines")
    return parser.parse_args(arguments)


def measure(a, made):
    torch.set_num_threads(a.threads)
    work = {"train": train, "decode": decode, "llama-cpp": llama_cpp, "convert": convert, "lm-eval": lm_eval}[a.what]
    seconds, unit, amount = work(a, made)
    versions = {"torch": torch.__version__}
    if a.what == "lm-eval":
        versions["lm_eval"] = importlib.metadata.version("lm_eval")
    if a.what in ("decode", "lm-eval"):
        versions["transformers"] = sys.modules["transformers"].__version__
    if a.what == "llama-cpp":
        versions["xllamacpp"] = importlib.metadata.version("xllamacpp")
    print(json.dumps({"seconds": seconds, "amount": amount, "unit": unit, "versions": versions}), flush=True)


def main():
    a = parse(sys.argv[1:])
    made = {}
    if a.what != "serve":
        measure(a, made)
        return
    print(json.dumps({"ready": True, "versions": {"torch": torch.__version__}}), flush=True)
    for line in sys.stdin:
        try:
            measure(parse(shlex.split(line)), made)
        except Exception as error:  # a package is missing: the others go on
            print(json.dumps({"error": str(error)}), flush=True)


if __name__ == "__main__":
    main()
