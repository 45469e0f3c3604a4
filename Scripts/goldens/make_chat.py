"""The example of a chat checkpoint: a configuration, a tokenizer and conversations in the shapes of Qwen2.5's, all our own.

Run as Scripts/goldens/README.md says. Writes examples/chat: config.json (biases on q, k and v, tied head), tokenizer.json and
tokenizer_config.json (no beginning token, ChatML), generation_config.json (sampling, several end tokens), messages.jsonl.
"""
import json, os, random
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers, AddedToken, Regex, Tokenizer

FOLDER = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "chat")
PEOPLE = "Anna Ben Clara David Emma Felix Greta Hugo Ida Jonas".split()
PLACES = "garden kitchen harbour market school library barn tower cellar mill".split()
THINGS = "key book lamp cup ball coat map ring box rope".split()
SYSTEMS = ["You are a helpful assistant.", "Answer in one sentence.", "You know everybody in the village."]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEMPLATE = (
    "{%- if messages[0].role != 'system' %}{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{%- endif %}"
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}")


def conversations():
    """Who lives where and has what, asked in a few ways, one to three questions a conversation."""
    draw = random.Random(5)
    homes, goods = draw.sample(PLACES, 10), draw.sample(THINGS, 10)
    for _ in range(300):
        messages = [{"role": "system", "content": draw.choice(SYSTEMS)}] if draw.random() < 0.5 else []
        for index in draw.sample(range(10), draw.randint(1, 3)):
            person, place, thing = PEOPLE[index], homes[index], goods[index]
            messages += [{"role": role, "content": text} for role, text in zip(("user", "assistant"), draw.choice([
                (f"Where does {person} live?", f"{person} lives in the {place}."),
                (f"What does {person} have?", f"{person} has a {thing}."),
                (f"Who has the {thing}?", f"It's {person}, who lives in the {place}."),
                (f"Tell me about {person}.", f"{person} lives in the {place} and has a {thing}.")]))]
        yield messages


def tokenizer(texts):
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    special = [AddedToken(name, special=True, normalized=False) for name in SPECIAL]
    made.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=448, special_tokens=special, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    return made


def write(name, value, indent=2):
    with open(os.path.join(FOLDER, name), "w") as file:
        json.dump(value, file, indent=indent, ensure_ascii=False)
        file.write("\n")


def make():
    os.makedirs(FOLDER, exist_ok=True)
    chats = list(conversations())
    with open(os.path.join(FOLDER, "messages.jsonl"), "w") as file:
        for messages in chats:
            file.write(json.dumps({"messages": messages}) + "\n")
    made = tokenizer(message["content"] for messages in chats for message in messages)
    write("tokenizer.json", json.loads(made.to_str()), indent=None)
    ids = {name: made.token_to_id(name) for name in SPECIAL}
    write("tokenizer_config.json", {
        "add_bos_token": False, "add_prefix_space": False, "bos_token": None, "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>", "unk_token": None, "clean_up_tokenization_spaces": False, "errors": "replace",
        "split_special_tokens": False, "model_max_length": 512, "tokenizer_class": "Qwen2Tokenizer",
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
        "added_tokens_decoder": {str(id): {
            "content": name, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
            for name, id in ids.items()},
        "chat_template": TEMPLATE})
    write("generation_config.json", {
        "bos_token_id": ids["<|endoftext|>"], "pad_token_id": ids["<|endoftext|>"], "do_sample": True,
        "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]], "repetition_penalty": 1.1, "temperature": 0.7,
        "top_p": 0.8, "top_k": 20})
    # More rows than the tokenizer has ids, as published checkpoints have.
    write("config.json", {
        "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"], "hidden_act": "silu", "hidden_size": 64, "initializer_range": 0.02,
        "intermediate_size": 128, "max_position_embeddings": 512, "max_window_layers": 4, "model_type": "qwen2",
        "num_attention_heads": 8, "num_hidden_layers": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-06,
        "rope_theta": 1000000.0, "sliding_window": 512, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
        "use_cache": True, "use_sliding_window": False, "vocab_size": (made.get_vocab_size() + 63) // 64 * 64})
    print(made.get_vocab_size(), "pieces,", len(chats), "conversations")


if __name__ == "__main__":
    make()
