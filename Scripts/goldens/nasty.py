"""Nasty strings by seed: the same in Python here and in Swift (Tests/TokenDataTests/NastyStrings.swift)."""
import json, os

FOLDER = os.path.join(os.path.dirname(__file__), "../../Tests/TokenDataTests/Goldens")
MASK = (1 << 64) - 1

PIECES = [
    " ", "  ", "   ", "\n", "\n\n", "\r\n", "\r", "\t", " \n", "\t ", "\u00a0", "\u3000", "\u2028", "\u0085", "\u200b", "\u200d",
    "\u000b", "\u001c", "\0", "\ufeff", "\u2581", "\u2581\u2581", "the", " the", "The", "THE", "hello", " world", "don't", "I'LL", "we'Ve",
    "'s", "'S", "'\u017f", "it\u2019s", "O'Neil", "foxes", "fox", "camelCaseWord", "XMLHttpRequest", "snake_case", "naïve", "Straße",
    "ﬁne", "ﬀ", "Å", "A\u030a", "\u212b", "e\u0301", "é", "q\u0307\u0323", "q\u0323\u0307", "a\u0301\u0323\u0308\u0327", "\u0344", "\u0958",
    "\u0f40\u0f75\u0f75", "q\u0f71\u0f72\u0323", "\u0f73\u0323", "\u0f81\u0307", "\uac00\u11a8", "\uac01", "\u1100\u1161\u11a7",
    "\u1100\u1161\u11a8", "\u1112\u1161\u11ab", "\uc8e0\u11a7", "한국어", "日本語", "テスト", "ﾊﾟ", "か\u3099", "が", "中文", "你好，世界", "丽",
    "नमस्ते", "कि", "மொழி", "ภาษาไทย", "שלום", "עִבְרִית", "مرحبا", "الْعَرَبِيَّة", "\u202eabc\u202c", "Привет", "ёлка", "Ωμέγα", "ǅ", "İi", "ß", "ẞ",
    "🙂", "👩‍👩‍👧", "👍🏽", "🇩🇪", "🏳️‍🌈", "🦙", "0", "7", "42", "123", "1234", "1234567890", "3.14159", "1,000,000", "٣٤٥", "½", "²", "Ⅻ", "१२३",
    "!", "!!", "...", "…", "—", "“q”", "(x)", "[y]", "{z}", "a/b", "//", "/\n", "#!", "$5", "€", "@me", "a_b", "_", "\\n", "\\", "`", "~", "^", "|",
    "if (a<b) {\n", "  return x;\n", "}\n", "def f(x):\n    ", "http://a.b/c?d=e&f", "x=y+z", "<b>", "&amp;", "C++", "--", "->", "==",
    "<s>", "</s>", "<unk>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|eot_id|>", "<bos>", "<start_of_turn>",
    "<|user|>", "<|", "|>", "<0x0A>", "<left>", "<right>", " <left> ", " <right> ", "Lorem", " ipsum", "ing", "ed", "zzzz", "aaaaaaaa",
]
RANGES = [
    (0x20, 0x7E), (0x20, 0x7E), (0xA0, 0x17F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x5FF), (0x600, 0x6FF),
    (0x900, 0x97F), (0xB80, 0xBFF), (0xE00, 0xE7F), (0xF00, 0xFBC), (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F),
    (0x2070, 0x209F), (0x2100, 0x214F), (0x3040, 0x30FF), (0x3130, 0x318F), (0x4E00, 0x4FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFE20, 0xFE2F),
    (0xFF00, 0xFFEF), (0x1D400, 0x1D7FF), (0x1F300, 0x1F6FF), (0x1F1E6, 0x1F1FF), (0x2F800, 0x2FA1D),
]
COUNT = 3000
LONG = 1 << 20


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        return self.next() % n


def part(random):
    kind = random.below(10)
    if kind < 6:
        return PIECES[random.below(len(PIECES))]
    if kind < 9:
        low, high = RANGES[random.below(len(RANGES))]
        return chr(low + random.below(high - low + 1))
    piece = PIECES[random.below(len(PIECES))]
    return piece * (1 + random.below(20))


def text(index):
    """String `index`; the last one is a line of 1 MB, mostly words."""
    random = Random(index)
    if index == COUNT - 1:
        out, size = [], 0
        while size < LONG:
            piece = PIECES[random.below(len(PIECES))].replace("\n", " ").replace("\r", " ")
            out.append(piece)
            size += len(piece.encode())
        return "".join(out)
    return "".join(part(random) for _ in range(1 + random.below(24)))


def digest(ids, text):
    """FNV-1a over the ids (little-endian, 32 bits) and the text, folded to 32 bits."""
    value = 0xCBF29CE484222325
    for byte in b"".join(i.to_bytes(4, "little") for i in ids) + text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return (value ^ (value >> 32)) & 0xFFFFFFFF


def write(name, answers):
    lines = [f"{digest(ids, text):08x}" for ids, text in answers]
    with open(os.path.join(FOLDER, name + ".digests"), "w") as file:
        for start in range(0, len(lines), 12):
            file.write("".join(lines[start:start + 12]) + "\n")


def write_alphabet():
    with open(os.path.join(FOLDER, "nasty.json"), "w") as file:
        json.dump({"count": COUNT, "long": LONG, "pieces": PIECES, "ranges": RANGES}, file, indent=0)
        file.write("\n")
