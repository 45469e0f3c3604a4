"""Small tokenizers of published structures, trained on text of our own, and what `tokenizers` and `sentencepiece` answer for nasty strings.

Run as Scripts/goldens/README.md says. With UPCYCLE_SHARED the vocabularies of GPT-2, Llama-3 and Qwen2 in its data folder are done too.
"""

import io, json, os, random
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from nasty import COUNT, FOLDER, text as nasty, write, write_alphabet

TEXT = """
The quick brown fox jumps over the lazy dog; the dog doesn't mind, it's used to that. In 1984 they'd had 1,234,567 foxes!
Once upon a time there was a little girl who lived near the forest, and she was singing and walking all day long.
He said: "We've been waiting for you." She said nothing, they'll never know why. I'm sure you're right, aren't you?
def quick_sort(items):\n    if len(items) <= 1:\n        return items\n    pivot = items[0]\n    return quick_sort([x for x in items[1:] if x < pivot])
for (int i = 0; i < 10; ++i) {\n\tprintf("%d\\n", i);\n}\nhttp://www.example.org/index.html?query=tokens&page=12#top
Der schnelle braune Fuchs springt über den faulen Hund. Straße, Mädchen, größer, schön: naïve café, señor, garçon, Ångström.
Быстрая коричневая лиса прыгает через ленивую собаку. Привет, мир! Ещё одна ёлка. Γειά σου Κόσμε, ωμέγα και άλφα.
敏捷的棕色狐狸跳过懒狗。你好，世界！今天天气很好。素早い茶色の狐がのろまな犬を飛び越える。日本語のテストです。
빠른 갈색 여우가 게으른 개를 뛰어넘는다. 안녕하세요 세계. 한국어 문장입니다.
नमस्ते दुनिया, यह एक परीक्षण है। வணக்கம் உலகம். สวัสดีชาวโลก ภาษาไทย. שלום עולם. مرحبا بالعالم، هذا اختبار.
XMLHttpRequest camelCaseWord snake_case_word HTMLElement getElementById iPhone McDonald USA NASA eBay
🙂 👍 🦙 👩‍👩‍👧 🇩🇪 … — “quoted” ‘single’ €100 £5 50% 3.14159 2024-01-31 10:45 (see [1], {2}) a/b C++ -> == != <= >=
"""


def corpus():
    lines = [line for line in TEXT.strip().split("\n") if line]
    draw = random.Random(1)
    for _ in range(400):
        words = draw.choice(lines).replace("\\n", "\n").split(" ")
        start = draw.randrange(len(words))
        yield " ".join(words[start:] + draw.choice(lines).split(" ")[:start + 3])


GPT2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN = LLAMA3.replace("{1,3}", "")
QWEN35 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA4 = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
DEEPSEEK = [
    r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""]


def special(*names):
    return [AddedToken(name, special=True, normalized=False) for name in names]


def byte_level(splits, names, normalizer=None, alphabet=True, size=700, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(splits)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=size, special_tokens=special(*names), show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()) if alphabet else []))
    return tokenizer


def split(expression):
    return pre_tokenizers.Split(Regex(expression), "isolated")


def pieces(name, **settings):
    """A SentencePiece model trained on the corpus."""
    out = io.BytesIO()
    arguments = dict(model_type="bpe", vocab_size=800, byte_fallback=True, character_coverage=0.995, normalization_rule_name="identity",
                     remove_extra_whitespaces=False, minloglevel=2, unk_surface="")
    arguments.update(settings)
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=(line for text in corpus() for line in text.split("\n")), model_writer=out, **arguments)
    folder(name)
    with open(os.path.join(FOLDER, name, "tokenizer.model"), "wb") as file:
        file.write(out.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())


def converted(model, normalizer, pre_tokenizer, decoder, extra=()):
    """The tokenizer.json that is made from a SentencePiece model: merges in order of score."""
    vocabulary = {model.id_to_piece(i): i for i in range(model.get_piece_size())}
    score = {piece: model.get_score(i) for piece, i in vocabulary.items()}
    plain = {p for p, i in vocabulary.items() if not (model.is_byte(i) or model.is_control(i) or model.is_unknown(i))}
    merges = []
    for piece in plain:
        parts = [(piece[:k], piece[k:]) for k in range(1, len(piece)) if piece[:k] in plain and piece[k:] in plain]
        merges += [(-score[piece], vocabulary[piece], vocabulary[a], vocabulary[b], (a, b)) for a, b in parts]
    tokenizer = Tokenizer(models.BPE(
        vocabulary, [m[-1] for m in sorted(merges)], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    tokenizer.add_special_tokens(special("<unk>", "<s>", "</s>", *extra))
    return tokenizer


def folder(name):
    os.makedirs(os.path.join(FOLDER, name), exist_ok=True)


def keep(name, tokenizer, configuration=None):
    folder(name)
    with open(os.path.join(FOLDER, name, "tokenizer.json"), "w") as file:
        json.dump(json.loads(tokenizer.to_str()), file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")
    if configuration is not None:
        with open(os.path.join(FOLDER, name, "tokenizer_config.json"), "w") as file:
            json.dump(configuration, file)
            file.write("\n")
    answer(name, tokenizer)


def answer(name, tokenizer):
    answers = []
    for index in range(COUNT):
        ids = tokenizer.encode(nasty(index), add_special_tokens=False).ids
        answers.append((ids, tokenizer.decode(ids, skip_special_tokens=True)))
    write(name, answers)
    print(name, tokenizer.get_vocab_size())


def answer_pieces(name, model):
    """Ids of sentencepiece, and its text."""
    answers = []
    for index in range(COUNT):
        ids = model.encode(nasty(index).replace("\0", ""))
        answers.append((ids, model.decode(ids)))
    write(name, answers)
    print(name, model.get_piece_size())


def small():
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    llama3 = byte_level([split(LLAMA3), plain], ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"], ignore_merges=True)
    llama3.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|> $B", special_tokens=[("<|begin_of_text|>", 0)])])
    keep("llama3-like", llama3, {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"})
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    keep("qwen2-like", byte_level([split(QWEN), plain], names, normalizers.NFC()), {"bos_token": None, "eos_token": "<|im_end|>", "add_bos_token": False})
    keep("qwen3.5-like", byte_level([split(QWEN35), plain], names, normalizers.NFC()))
    keep("llama4-like", byte_level([split(LLAMA4), plain], ["<|begin_of_text|>", "<|eot_id|>"]))
    keep("deepseek3-like", byte_level([*map(split, DEEPSEEK), plain], ["<|begin_of_text|>", "<|endoftext|>"]))
    smol = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    keep("smollm2-like", byte_level([pre_tokenizers.Digits(individual_digits=True), smol], names), {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>"})
    keep("some-bytes", byte_level([split(GPT2), plain], ["<|endoftext|>"], alphabet=False))
    flags = byte_level([split(GPT2), plain], ["<|endoftext|>"], normalizers.NFC())
    flags.add_tokens([AddedToken("<left>", lstrip=True, normalized=False), AddedToken("<right>", rstrip=True, normalized=True),
                      AddedToken("fox", single_word=True, normalized=False), AddedToken("με\u0301", normalized=True)])
    flags.add_special_tokens([AddedToken("<|user|>", lstrip=True, rstrip=True, special=True, normalized=False)])
    keep("added-flags", flags)

    llama2 = pieces("llama2-like")
    legacy = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    keep("llama2-like", converted(llama2, normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None, legacy),
         {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>"})
    keep("mistral-like", converted(llama2, None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), legacy))
    keep("metaspace-split", converted(llama2, None, pre_tokenizers.Metaspace(prepend_scheme="always", split=True), decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always", split=True)])))
    gemma = pieces("gemma-like", add_dummy_prefix=False, user_defined_symbols=["\n", "\n\n", "▁▁", "▁▁▁", "\t", "<start_of_turn>"], bos_piece="<bos>")
    keep("gemma-like", converted(gemma, normalizers.Replace(" ", "▁"), pre_tokenizers.Split(" ", "merged_with_previous"), decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]), extra=["<bos>", "<start_of_turn>"]))

    answer_pieces("sentencepiece-identity", pieces("sentencepiece-identity"))
    answer_pieces("sentencepiece-nfkc", pieces("sentencepiece-nfkc", normalization_rule_name="nmt_nfkc", remove_extra_whitespaces=True, vocab_size=900))
    answer_pieces("sentencepiece-suffix", pieces("sentencepiece-suffix", treat_whitespace_as_suffix=True))
    answer_pieces("sentencepiece-symbols", pieces("sentencepiece-symbols", user_defined_symbols=["<left>", "foxes", "▁▁"], add_dummy_prefix=False))
    answer_pieces("sentencepiece-unknown", pieces("sentencepiece-unknown", byte_fallback=False, remove_extra_whitespaces=True))


def real(data):
    def pair(vocabulary, merges):
        lines = [line.rstrip("\r\n") for line in open(f"{data}/{merges}", encoding="utf-8")]
        lines = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
        return json.load(open(f"{data}/{vocabulary}", encoding="utf-8")), lines

    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    for name, files, expression, normalizer, model in [
        ("gpt2", ("gpt2_encoder.json", "gpt2_vocab.bpe"), GPT2, None, {}),
        ("llama3", ("llama3.2_encoder.json", "llama3.2_vocab.bpe"), LLAMA3, None, {"ignore_merges": True}),
        ("qwen2", ("qwen_vocab.json", "qwen_merges.txt"), QWEN, normalizers.NFC(), {})]:
        vocabulary, merges = pair(*files)
        tokenizer = Tokenizer(models.BPE(vocabulary, merges, **model))
        if normalizer:
            tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split(expression), plain])
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens(special(*[t for t in vocabulary if t.startswith("<|") and t.endswith("|>") and len(t) > 4]))
        answer(name, tokenizer)


if __name__ == "__main__":
    write_alphabet()
    small()
    if os.environ.get("UPCYCLE_SHARED"):
        real(os.environ["UPCYCLE_SHARED"] + "/data/tokenizers")
