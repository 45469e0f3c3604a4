"""An Upcycle model for transformers: every layer is attention, latent attention (MLA), Mamba2 or Gated DeltaNet.

Load it with AutoModelForCausalLM.from_pretrained(FOLDER, trust_remote_code=True). Legend: B batch, T new tokens, S all
tokens, D model width, H query heads, G key/value heads, K key width, V value width, R latent rank.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.utils import ModelOutput


class UpcycleConfig(PretrainedConfig):
    model_type = "upcycle_hybrid"

    def validate_layer_type(self):
        """Our kinds of layer are not the library's."""


@dataclass
class UpcycleOutput(ModelOutput):
    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    states: list | None = None


class RMSNorm(nn.Module):
    """Its weights are differences from `offset`."""

    def __init__(self, width, eps, offset=0):
        super().__init__()
        self.weight, self.eps, self.offset = nn.Parameter(torch.ones(width)), eps, offset

    def forward(self, x):
        y = x.float()
        y = (y * torch.rsqrt(y.square().mean(-1, keepdim=True) + self.eps)).to(x.dtype)
        return y * (self.weight + self.offset if self.offset else self.weight)


def linear(inputs, outputs, bias=False):
    return nn.Linear(inputs, outputs, bias=bias)


def rotate(x, positions, rope):
    """Turns the first dimensions of every head of x [B, T, heads, K], as many as there are angles for, by position."""
    angles = positions[:, :, None, None].double() * torch.tensor(
        rope["inverse_frequencies"], dtype=torch.float64, device=x.device)
    cos, sin = ((f(angles) * rope["magnitude"]).float() for f in (torch.cos, torch.sin))
    turned, kept = x.float().split([2 * angles.shape[-1], x.shape[-1] - 2 * angles.shape[-1]], -1)
    a, b = (turned[..., ::2], turned[..., 1::2]) if rope["interleaved"] else turned.chunk(2, -1)
    a, b = a * cos - b * sin, b * cos + a * sin
    turned = torch.stack((a, b), -1).flatten(-2) if rope["interleaved"] else torch.cat((a, b), -1)
    return torch.cat((turned, kept), -1).to(x.dtype)


def capped(x, cap):
    """Bent so that it stays within -cap and cap; as it is without one."""
    return cap * torch.tanh(x / cap) if cap else x


def attend(q, k, v, mask, scale, cap=None):
    """softmax(q k^T scale) v: q [B, T, H, K], k [B, S, G, K], v [B, S, G, V], mask [B, T, S] -> [B, T, H V]."""
    k, v = (x.repeat_interleave(q.shape[2] // x.shape[2], 2) for x in (k, v))
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    if cap:
        scores = capped(q @ k.transpose(2, 3) * scale, cap).masked_fill(~mask[:, None], -torch.inf)
        return (scores.float().softmax(-1).to(v.dtype) @ v).transpose(1, 2).flatten(2)
    return F.scaled_dot_product_attention(q, k, v, mask[:, None], scale=scale).transpose(1, 2).flatten(2)


def recur(q, k, v, g, beta, state, chunk=64):
    """S_t = e^{g_t} S_{t-1} + k_t u_t^T, y_t = S_t^T q_t, where u = v, or with beta what the delta rule writes:
    beta_t (v_t - e^{g_t} S_{t-1}^T k_t). q, k [B, T, H, K], v [B, T, H, V], g, beta [B, T, H], S [B, H, K, V]."""
    outputs = []
    for start in range(0, q.shape[1], chunk):
        q_, k_, v_, g_, b_ = (
            None if x is None else x[:, start : start + chunk].float().transpose(1, 2) for x in (q, k, v, g, beta))
        total = g_.cumsum(-1)
        # Above the diagonal, where tril hides them, differences are positive: their exp, and its gradient, would be infinite.
        grown, decay = total[..., None].exp(), (total[..., :, None] - total[..., None, :]).clamp(max=0).exp().tril()
        if b_ is not None:
            known = (b_[..., None] * k_ @ k_.transpose(2, 3) * decay).tril(-1)
            known = known + torch.eye(known.shape[-1], device=known.device)
            v_ = torch.linalg.solve_triangular(known, b_[..., None] * (v_ - grown * (k_ @ state)), upper=False)
        outputs.append((grown * (q_ @ state) + (q_ @ k_.transpose(2, 3) * decay) @ v_).transpose(1, 2))
        left = (total[..., -1:] - total).exp()[..., None]
        state = total[..., -1:, None].exp() * state + (k_ * left).transpose(2, 3) @ v_
    return torch.cat(outputs, 1), state


def convolve(x, conv, past, keep):
    """silu of the causal depthwise convolution of x [B, T, C] behind the inputs `past`; padding stays nothing."""
    taps = conv.weight.shape[-1]
    if past is None:
        past = x.new_zeros(x.shape[0], taps - 1, x.shape[2])
    rows = torch.cat((past, x), 1)
    y = F.conv1d(rows.transpose(1, 2), conv.weight, conv.bias, groups=x.shape[2]).transpose(1, 2)
    return F.silu(y) * keep, rows[:, rows.shape[1] - taps + 1 :]


def depthwise(channels, taps, bias=False):
    return nn.Conv1d(channels, channels, taps, groups=channels, bias=bias)


class Attention(nn.Module):
    name = "self_attn"

    def __init__(self, c, layer):
        super().__init__()
        self.width, self.rope, self.gated = c.head_dim, c.rotary["attention"], getattr(c, "attn_output_gate", False)
        traits, self.eps = c.attention_traits, c.rms_norm_eps
        self.scale, self.cap = traits.get("scale", c.head_dim**-0.5), traits.get("score_cap")
        self.window = traits.get("windows", {}).get(str(layer))
        if str(layer) in traits.get("own_rope", []):
            self.rope = c.rotary["windowed"]
        self.rotated, self.chunk = layer not in traits["unrotated_layers"], traits["chunks"].get(str(layer))
        self.unit, self.growth = traits["norms_rotated"], None if self.rotated else traits.get("temperature")
        queries, keys = c.num_attention_heads * c.head_dim, c.num_key_value_heads * c.head_dim
        self.q_proj = linear(c.hidden_size, queries * (2 if self.gated else 1), c.qkv_bias)
        self.k_proj = linear(c.hidden_size, keys, c.qkv_bias)
        self.v_proj = linear(c.hidden_size, keys, c.qkv_bias)
        self.o_proj = linear(queries, c.hidden_size)
        self.spans = traits.get("norms_span_heads", False)  # Norms of all heads of a token at once.
        if c.qk_norm:
            offset = getattr(c, "block_traits", {}).get("norm_offset", 0)
            self.q_norm, self.k_norm = (
                RMSNorm(width if self.spans else c.head_dim, c.rms_norm_eps, offset) for width in (queries, keys))

    def forward(self, x, positions, mask, keep, state):
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        if self.spans:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k, v = (y.unflatten(-1, (-1, self.width)) for y in (q, k, v))
        if self.gated:
            q, gate = q[:, :, ::2], q[:, :, 1::2].flatten(2)
        if hasattr(self, "q_norm") and not self.spans:
            q, k = self.q_norm(q), self.k_norm(k)
        if self.growth:  # Queries of layers without positions grow with theirs.
            steps = ((positions[:, :, None, None] + 1) / self.growth["floor_scale"]).floor()
            q = (q * (torch.log(steps + 1) * self.growth["slope"] + 1)).to(q.dtype)
        if self.rotated:
            q, k = rotate(q, positions, self.rope), rotate(k, positions, self.rope)
            if self.unit:
                q, k = (y * torch.rsqrt(y.float().square().mean(-1, keepdim=True) + self.eps).to(y.dtype) for y in (q, k))
        places = positions
        if state is not None:
            k, v, places = (torch.cat(pair, 1) for pair in zip(state, (k, v, positions)))
        if self.chunk:  # A token sees its own chunk of positions.
            mask = mask & (places[:, None] // self.chunk == positions[:, :, None] // self.chunk)
        if self.window:  # A token sees the last ones.
            mask = mask & (positions[:, :, None] - places[:, None] < self.window)
        y = attend(q, k, v, mask, self.scale, self.cap)
        return self.o_proj(y * gate.sigmoid() if self.gated else y), (k, v, places)


class LatentAttention(nn.Module):
    """A sequence keeps R numbers of its latent and one rotary key for each token."""

    name = "mla"

    def __init__(self, c, layer):
        super().__init__()
        ranks = getattr(c, "layer_rank_list", {}).get(str(layer), {"q_rank": c.q_lora_rank, "kv_rank": c.kv_lora_rank})
        queries, self.rank = ranks.get("q_rank"), ranks["kv_rank"]
        self.nope, self.turned, self.value = c.qk_nope_head_dim, c.qk_rope_head_dim, c.v_head_dim
        self.scale, self.rope = c.latent_scale, c.rotary["latent"]
        self.free = getattr(c, "mla_position_free", False) or layer in c.attention_traits["unrotated_layers"]
        heads, width = c.num_attention_heads, self.nope + self.turned
        groups = heads if c.use_full_kv_head else c.num_key_value_heads
        bias = getattr(c, "mla_qkv_bias", False)
        if queries:
            self.q_a_proj, self.q_b_proj = linear(c.hidden_size, queries), linear(queries, heads * width, bias)
        else:
            self.q_proj = linear(c.hidden_size, heads * width, bias)
        self.kv_a_proj_with_mqa = linear(c.hidden_size, self.rank + self.turned, bias)
        self.kv_b_proj = linear(self.rank, groups * (self.nope + self.value), bias)
        self.out_proj = linear(heads * self.value, c.hidden_size)
        if c.use_lora_layer_norm:
            self.kv_a_layernorm = RMSNorm(self.rank, c.latent_norm_eps)
            if queries:
                self.q_a_layernorm = RMSNorm(queries, c.latent_norm_eps)
        if c.mla_qk_norm:
            self.q_norm, self.k_norm = RMSNorm(width, c.latent_norm_eps), RMSNorm(width, c.latent_norm_eps)
        if getattr(c, "mla_output_gate", False):
            self.gate_proj = linear(c.hidden_size, heads * self.value)

    def turn(self, x, positions):
        if self.free:
            return x
        kept, turned = x.split([x.shape[-1] - self.turned, self.turned], -1)
        return torch.cat((kept, rotate(turned, positions, self.rope)), -1)

    def forward(self, x, positions, mask, keep, state):
        norms = self._modules
        if "q_proj" in norms:
            q = self.q_proj(x)
        else:
            q = self.q_a_proj(x)
            q = self.q_b_proj(self.q_a_layernorm(q) if "q_a_layernorm" in norms else q)
        q = q.unflatten(-1, (-1, self.nope + self.turned))
        q = self.turn(self.q_norm(q) if "q_norm" in norms else q, positions)
        latent, key = self.kv_a_proj_with_mqa(x).split([self.rank, self.turned], -1)
        if "kv_a_layernorm" in norms:
            latent = self.kv_a_layernorm(latent)
        key = key[:, :, None]
        if "k_norm" not in norms:
            key = self.turn(key, positions)
        if state is not None:
            latent, key = torch.cat((state[0], latent), 1), torch.cat((state[1], key), 1)
            positions = torch.cat((state[2], positions), 1)
        k, v = self.kv_b_proj(latent).unflatten(-1, (-1, self.nope + self.value)).split([self.nope, self.value], -1)
        k = torch.cat((k, key.expand(-1, -1, k.shape[2], -1)), -1)
        if "k_norm" in norms:
            k = self.turn(self.k_norm(k), positions)
        y = attend(q, k, v, mask, self.scale)
        if "gate_proj" in norms:
            y = y * self.gate_proj(x).sigmoid()
        return self.out_proj(y), (latent, key, positions)


class Mamba2(nn.Module):
    """z gates, x is written, B and C are keys and queries; in the grouped variant x and B have fewer heads than C."""

    name = "mamba"

    def __init__(self, c, layer):
        super().__init__()
        self.heads, self.width, self.size, self.groups = c.mamba_n_heads, c.mamba_d_head, c.mamba_d_state, c.mamba_n_groups
        shared, self.eps = getattr(c, "mamba_d_xb", None), c.mamba_norm_eps
        inner = self.heads * self.width
        self.parts = [shared, shared, inner] if shared else [inner] + 2 * [self.groups * self.size]
        self.in_proj = linear(
            c.hidden_size, inner + sum(self.parts) + self.heads, getattr(c, "mamba_in_proj_bias", False))
        self.conv1d = depthwise(sum(self.parts), c.mamba_d_conv, bias=True)
        self.dt_bias, self.A_log, self.D = (nn.Parameter(torch.zeros(self.heads)) for _ in range(3))
        self.norm = RMSNorm(inner, self.eps)
        self.out_proj = linear(inner, c.hidden_size)

    def forward(self, x, positions, mask, keep, state):
        past, memory = state or (None, x.new_zeros(x.shape[0], self.heads, self.size, self.width, dtype=torch.float))
        z, rows, dt = (self.in_proj(x) * keep).split([self.norm.weight.shape[0], sum(self.parts), self.heads], -1)
        rows, past = convolve(rows, self.conv1d, past, keep)
        u, b, c = (
            y.unflatten(-1, (-1, width)).repeat_interleave(self.heads * width // y.shape[-1], 2).float()
            for y, width in zip(rows.split(self.parts, -1), (self.width, self.size, self.size)))
        dt = F.softplus(dt.float() + self.dt_bias.float())
        y, memory = recur(c, b, dt[..., None] * u, -self.A_log.float().exp() * dt, None, memory)
        y = ((y + self.D.float()[:, None] * u).flatten(2) * F.silu(z.float())).unflatten(-1, (self.groups, -1))
        y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + self.eps)
        return self.out_proj(y.flatten(2).to(x.dtype) * self.norm.weight), (past, memory)


class GatedDeltaNet(nn.Module):
    name = "gdn"

    def __init__(self, c, layer):
        super().__init__()
        self.heads, keys = c.linear_num_value_heads, c.linear_num_key_heads * c.linear_key_head_dim
        self.key, self.value = c.linear_key_head_dim, c.linear_value_head_dim
        values, taps = self.heads * self.value, c.linear_conv_kernel_dim
        bias = getattr(c, "linear_qkv_bias", False)
        self.q_proj, self.k_proj, self.v_proj = (linear(c.hidden_size, width, bias) for width in (keys, keys, values))
        self.q_conv1d, self.k_conv1d, self.v_conv1d = (depthwise(width, taps) for width in (keys, keys, values))
        self.g_proj, self.o_proj = linear(c.hidden_size, values), linear(values, c.hidden_size)
        self.a_proj, self.b_proj = linear(c.hidden_size, self.heads), linear(c.hidden_size, self.heads)
        self.A_log, self.dt_bias = nn.Parameter(torch.zeros(self.heads)), nn.Parameter(torch.zeros(self.heads))
        self.o_norm = RMSNorm(self.value, c.linear_norm_eps)

    def forward(self, x, positions, mask, keep, state):
        past, memory = state or (3 * [None], x.new_zeros(x.shape[0], self.heads, self.key, self.value, dtype=torch.float))
        rows, past = zip(*(
            convolve(project(x) * keep, conv, p, keep)
            for project, conv, p in zip(
                (self.q_proj, self.k_proj, self.v_proj), (self.q_conv1d, self.k_conv1d, self.v_conv1d), past)))
        q, k, v = (y.unflatten(-1, (-1, width)).float() for y, width in zip(rows, (self.key, self.key, self.value)))
        q, k = (y * torch.rsqrt(y.square().sum(-1, keepdim=True) + 1e-6) for y in (q, k))
        q, k = (y.repeat_interleave(self.heads // y.shape[2], 2) for y in (q * self.key**-0.5, k))
        g = -self.A_log.float().exp() * F.softplus(self.a_proj(x).float() + self.dt_bias.float())
        y, memory = recur(q, k, v, g, self.b_proj(x).float().sigmoid(), memory)
        gate = F.silu(self.g_proj(x).float()).unflatten(-1, (-1, self.value))
        return self.o_proj((self.o_norm(y) * gate).flatten(2).to(x.dtype)), (past, memory)


MIXERS = {
    "full_attention": Attention, "latent_attention": LatentAttention, "mamba2": Mamba2, "linear_attention": GatedDeltaNet}


class FeedForward(nn.Module):
    def __init__(self, outer, inner, activation="silu"):
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = linear(outer, inner), linear(outer, inner), linear(inner, outer)
        self.bends = activation

    def forward(self, x):
        gate = self.gate_proj(x)
        gate = F.silu(gate) if self.bends == "silu" else F.gelu(gate, approximate="tanh")
        return self.down_proj(gate * self.up_proj(x))


class Experts(nn.Module):
    """Routed experts: the sum over a token's experts of g E(u), or of E(g u); shared ones, which every token goes to."""

    def __init__(self, c):
        super().__init__()
        self.rule = rule = c.routing
        self.gate = linear(c.hidden_size, rule["experts"])
        if rule["has_bias"]:
            self.gate.e_score_correction_bias = nn.Parameter(torch.zeros(rule["experts"]))
        self.experts = nn.ModuleList(FeedForward(c.hidden_size, rule["width"]) for _ in range(rule["experts"]))
        if rule["shared_width"]:
            self.shared_experts = FeedForward(c.hidden_size, rule["shared_width"])

    def choose(self, u):
        rule, scores = self.rule, F.linear(u.float(), self.gate.weight.float())
        scores = scores.sigmoid() if rule["score"] == "sigmoid" else scores.softmax(-1)
        ranked = scores + self.gate.e_score_correction_bias.float() if rule["has_bias"] else scores
        if rule["groups"] > 1:
            worth = ranked.unflatten(-1, (rule["groups"], -1)).topk(rule["group_best"], -1)[0].sum(-1)
            closed = torch.ones_like(worth, dtype=torch.bool).scatter(-1, worth.topk(rule["kept_groups"], -1)[1], False)
            ranked = ranked.masked_fill(closed.repeat_interleave(rule["experts"] // rule["groups"], -1), -torch.inf)
        chosen = ranked.topk(rule["per_token"], -1)[1]
        weights = scores.gather(-1, chosen)
        if rule["normalized"]:
            weights = weights / weights.sum(-1, keepdim=True)
        return chosen, weights * rule["scale"]

    def forward(self, u):
        rows = u.flatten(0, -2)
        chosen, weights = self.choose(rows)
        out = torch.zeros_like(rows)
        for index, expert in enumerate(self.experts):
            token, slot = (chosen == index).nonzero(as_tuple=True)
            g = weights[token, slot, None].to(u.dtype)
            y = expert(rows[token] * g) if self.rule["weighs_input"] else expert(rows[token]) * g
            out.index_add_(0, token, y)
        return out.view_as(u)


class Layer(nn.Module):
    def __init__(self, c, layer):
        super().__init__()
        mixer = MIXERS[c.mixer_types[layer]]
        self.mixer = mixer.name
        self.add_module(mixer.name, mixer(c, layer))
        block = getattr(c, "block_traits", {})
        placement, self.factor = block.get("norms", "before"), block.get("residual_multiplier", 1)

        def norm(stands):
            return RMSNorm(c.hidden_size, c.rms_norm_eps, block.get("norm_offset", 0)) if stands else nn.Identity()

        self.input_layernorm, self.mixer_output_layernorm = norm(placement != "after"), norm(placement != "before")
        if c.intermediate_size:
            self.post_attention_layernorm = norm(placement != "after")
            self.post_feedforward_layernorm = norm(placement != "before")
            routed = layer in getattr(c, "routing", {}).get("layers", [])
            self.mlp = Experts(c) if routed else FeedForward(c.hidden_size, c.intermediate_size, c.hidden_act)
        kind = getattr(c, "farskip_connectivity", {}) and c.farskip_connectivity[layer]
        self.skips_routed = kind in ("farskip", "attention-only")
        self.skips_attention = kind in ("farskip", "mlp-only")

    def forward(self, x, routed_free, positions, mask, keep, state):
        """x is the residual; routed_free the same without the routed experts of the layer before (FarSkip)."""
        inputs = self.input_layernorm(routed_free if self.skips_routed else x)
        mixed, state = getattr(self, self.mixer)(inputs, positions, mask, keep, state)
        attended = x + self.mixer_output_layernorm(mixed) * self.factor
        if not hasattr(self, "mlp"):
            return attended, attended, state
        u = self.post_attention_layernorm(x if self.skips_attention else attended)
        if not isinstance(self.mlp, Experts):
            x = attended + self.post_feedforward_layernorm(self.mlp(u)) * self.factor
            return x, x, state
        free = attended + self.mlp.shared_experts(u) if hasattr(self.mlp, "shared_experts") else attended
        x = free + self.mlp(u)
        return x, free if self.skips_routed else x, state


COMPARED = ("position_ids", "cache_position", "token_type_ids")  # They pass where they say no more than the mask.
HINTS = {"past_key_values": "; its `states` go from one call to the next", "inputs_embeds": "; it takes input_ids"}


class UpcycleForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = UpcycleConfig
    base_model_prefix = "model"
    _supports_sdpa = True
    _no_split_modules = ["Layer"]
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}

    def __init__(self, config):
        super().__init__(config)
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.model.layers = nn.ModuleList(Layer(config, layer) for layer in range(config.num_hidden_layers))
        block = getattr(config, "block_traits", {})
        self.model.norm = RMSNorm(config.hidden_size, config.rms_norm_eps, block.get("norm_offset", 0))
        self.embedding_factor, self.logit_cap = block.get("embedding_multiplier", 1), block.get("logit_cap")
        self.logit_divisor = block.get("logit_divisor", 1)
        self.lm_head = linear(config.hidden_size, config.vocab_size)
        self.post_init()

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def get_output_embeddings(self):
        return self.lm_head

    def forward(
        self, input_ids=None, attention_mask=None, labels=None, states=None, use_cache=False, logits_to_keep=0,
        return_dict=None, num_items_in_batch=None, **others):
        """`attention_mask` [B, S] is 0 where a prompt is padded; `states` go from one call to the next.
        `num_items_in_batch`: what the sum of the losses is divided by. What is not computed is refused by name."""
        self.refuse(others)
        if input_ids is None:
            raise ValueError("input_ids are needed")
        B, T = input_ids.shape
        if attention_mask is None:
            attention_mask = input_ids.new_ones(B, T if states is None else states[0] + T)
        if attention_mask.dim() != 2:
            raise ValueError("attention_mask: this model takes a row of 0 and 1 for every sequence, of two dimensions")
        S = attention_mask.shape[1]
        positions = (attention_mask.long().cumsum(1) - 1).clamp(min=0)[:, S - T :]
        order = torch.arange(S, device=input_ids.device)
        self.compare(others, positions, order[S - T :], attention_mask[:, S - T :].bool())
        mask = (order <= order[S - T :, None]) & (attention_mask.bool()[:, None] | (order == order[S - T :, None]))
        x = free = self.model.embed_tokens(input_ids) * self.embedding_factor
        keep, kept = attention_mask[:, S - T :, None].to(x.dtype), [S]
        for index, layer in enumerate(self.model.layers):
            x, free, state = layer(x, free, positions, mask, keep, None if states is None else states[index + 1])
            kept.append(state)
        x = self.model.norm(x[:, -logits_to_keep:] if logits_to_keep else x)
        logits = capped(self.lm_head(x / self.logit_divisor), self.logit_cap)
        loss = None
        if labels is not None:
            rows, answers = logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten()
            if num_items_in_batch is None:
                loss = F.cross_entropy(rows, answers)
            else:
                loss = F.cross_entropy(rows, answers, reduction="sum") / num_items_in_batch
        output = UpcycleOutput(loss=loss, logits=logits, states=kept if use_cache else None)
        if return_dict is None:
            return_dict = getattr(self.config, "return_dict", True)
        return output if return_dict else output.to_tuple()

    def refuse(self, others):
        """Refuses what is asked for and not computed."""
        asked = {name: getattr(self.config, name, None) for name in ("output_attentions", "output_hidden_states")}
        asked.update((name, value) for name, value in others.items() if value is not None)
        for name, value in asked.items():
            if value is not None and value is not False and name not in COMPARED:
                raise NotImplementedError(f"{name}: this model does not compute it{HINTS.get(name, '')}")

    def compare(self, others, positions, order, real):
        """Refuses positions that are not those of the mask, where there is no padding."""
        for name, own in (("position_ids", positions), ("cache_position", order)):
            given = others.get(name)
            if given is None:
                continue
            if given.dim() > 2 or given.shape[-1] != own.shape[-1] or ((given.to(own) != own) & real).any():
                raise ValueError(f"{name}: positions follow from attention_mask, and these are others")
        types = others.get("token_type_ids")
        if types is not None and types.any():
            raise NotImplementedError("token_type_ids: this model has one type of token")

    @classmethod
    def _supports_default_dynamic_cache(cls):
        return False

    def prepare_inputs_for_generation(
        self, input_ids, attention_mask=None, states=None, use_cache=True, position_ids=None, **ignored):
        self.refuse({name: ignored.get(name) for name in ("output_attentions", "output_hidden_states")})
        new = input_ids if states is None else input_ids[:, states[0] :]
        if states is not None or position_ids is not None and position_ids.shape[-1] != new.shape[1]:
            position_ids = None  # A prompt's are compared with the mask's, which all others follow from.
        return {
            "input_ids": new, "attention_mask": attention_mask, "states": states, "use_cache": use_cache,
            "position_ids": position_ids, "logits_to_keep": 1}

    def _update_model_kwargs_for_generation(self, outputs, model_kwargs, **kwargs):
        model_kwargs = super()._update_model_kwargs_for_generation(outputs, model_kwargs, **kwargs)
        return {**model_kwargs, "states": outputs.states}

    def _beam_search(self, *args, **kwargs):
        """Beams change places, their states would not: each step reads the whole text."""
        return super()._beam_search(*args, **{**kwargs, "use_cache": False})
