"""Tiny random checkpoints of every family that we read, and what transformers computes with them.

Run as Scripts/goldens/README.md says, with a Python that has torch and transformers. Writes Tests/Goldens/families/NAME:
config.json and model.safetensors as transformers saves them, and expected.safetensors with ids [24], their logits
[24, vocabulary] and the 64 tokens of greedy text that follow them.
"""
import os, shutil, sys, torch, transformers
from safetensors.torch import save_file

FOLDER = os.path.join(os.path.dirname(__file__), "..", "..", "Tests", "Goldens", "families")
COMMON = dict(
    vocab_size=80, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, intermediate_size=40,
    max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0, rms_norm_eps=1e-5)
ROPE = dict(rope_theta=500.0, rope_type="default")
FAMILIES = {
    "llama": ("Llama", dict(rope_parameters=ROPE)),
    "qwen2": ("Qwen2", dict(rope_parameters=ROPE)),
    "qwen2-windows": ("Qwen2", dict(rope_parameters=ROPE, use_sliding_window=True, sliding_window=10, max_window_layers=1)),
    "qwen3": ("Qwen3", dict(rope_parameters=ROPE, head_dim=8, num_key_value_heads=1)),
    "mistral": ("Mistral", dict(rope_parameters=ROPE, sliding_window=12)),
    "smollm3": ("SmolLM3", dict(rope_parameters=ROPE, no_rope_layers=[1, 0, 1])),
    "olmo2": ("Olmo2", dict(rope_parameters=ROPE)),
    "phi3": ("Phi3", dict(
        max_position_embeddings=256, original_max_position_embeddings=128, sliding_window=20, rope_parameters=dict(
            rope_theta=500.0, rope_type="longrope", partial_rotary_factor=0.5, short_factor=[1.0, 1.5],
            long_factor=[2.0, 4.0]))),
    "granite": ("Granite", dict(
        rope_parameters=ROPE, embedding_multiplier=2.5, attention_multiplier=0.2, residual_multiplier=0.6, logits_scaling=1.7)),
    "gemma2": ("Gemma2", dict(
        rope_parameters=ROPE, head_dim=8, query_pre_attn_scalar=12, sliding_window=9, attn_logit_softcapping=4.0,
        final_logit_softcapping=6.0)),
    "gemma3": ("Gemma3Text", dict(
        head_dim=8, query_pre_attn_scalar=12, sliding_window=9, layer_types=["sliding_attention"] * 2 + ["full_attention"],
        rope_parameters=dict(
            full_attention=dict(rope_theta=900.0, rope_type="linear", factor=2.0),
            sliding_attention=dict(rope_theta=300.0, rope_type="default")))),
    "gpt2": ("GPT2", dict(
        n_embd=32, n_layer=3, n_head=4, n_positions=128, n_inner=40, layer_norm_epsilon=1e-5, resid_pdrop=0.0, embd_pdrop=0.0,
        attn_pdrop=0.0)),
    "minicpm3": ("MiniCPM3", dict(
        num_key_value_heads=4, rope_parameters=ROPE, q_lora_rank=12, kv_lora_rank=8, qk_nope_head_dim=6, qk_rope_head_dim=4,
        v_head_dim=8, scale_emb=3, scale_depth=1.2, dim_model_base=20)),
    "qwen3_5": ("Qwen3_5Text", dict(
        rope_parameters=dict(rope_theta=500.0, rope_type="default", partial_rotary_factor=0.5), head_dim=8,
        linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=6, linear_value_head_dim=5,
        layer_types=["linear_attention", "full_attention", "linear_attention"])),
}


def model_class(name):
    for end in ("ForCausalLM", "LMHeadModel"):
        for stem in (name, name.removesuffix("Text")):
            if hasattr(transformers, stem + end):
                return getattr(transformers, stem + end)
    raise SystemExit(f"no class of {name}")


def randomise(model):
    """Weights of order 1, norms off their start: a small model that says different things."""
    torch.manual_seed(7)
    for name, weight in model.named_parameters():
        with torch.no_grad():
            if weight.dim() >= 2:
                inputs = 1.0 if "embed" in name or "wte" in name or "wpe" in name else weight.shape[1] if weight.dim() == 2 else weight.shape[-1]
                weight.copy_(torch.randn_like(weight) / inputs ** 0.5)
            elif name.endswith("A_log") or name.endswith("dt_bias"):
                weight.copy_(torch.rand_like(weight))
            else:
                weight.copy_(weight + 0.2 * torch.randn_like(weight))


def make(name):
    stem, own = FAMILIES[name]
    common = COMMON if "n_embd" not in own else {key: COMMON[key] for key in ("vocab_size", "bos_token_id", "eos_token_id")}
    config = getattr(transformers, stem + "Config")(**(common | own))
    config._attn_implementation = "eager"
    torch.manual_seed(7)
    model = model_class(stem)(config).float().eval()
    randomise(model)
    ids = torch.randint(3, COMMON["vocab_size"], (1, 24), generator=torch.Generator().manual_seed(11))
    with torch.no_grad():
        logits = model(ids).logits[0].float()
        text = ids
        for _ in range(64):
            scores = model(text).logits[0, -1]
            top = scores.topk(2).values
            if top[0] - top[1] < 1e-3:
                print(f"{name}: the two best tokens are {float(top[0] - top[1]):.1e} apart", file=sys.stderr)
            text = torch.cat([text, scores.argmax()[None, None]], 1)
    folder = os.path.join(FOLDER, name)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    generation = os.path.join(folder, "generation_config.json")
    if os.path.exists(generation):
        os.remove(generation)
    save_file({"ids": ids[0], "logits": logits.contiguous(), "text": text[0, 24:].contiguous()},
              os.path.join(folder, "expected.safetensors"))


if __name__ == "__main__":
    for name in sys.argv[1:] or FAMILIES:
        make(name)
