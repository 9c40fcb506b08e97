"""Makes the files beside it with Hugging Face's tokenizers (pip install tokenizers==0.23.3), the oracle of the tests:

bytelevel/  a byte-level BPE tokenizer trained on the repository's LICENSE, as tokenizer.json and as vocab.json + merges.txt
sentence/   one in SentencePiece's manner, with ▁ and byte fallback
cases.json  these two with other components, and what the library makes of texts and of ids

Usage: python make.py, in this folder.
"""
import copy, json, os, random
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

random.seed(20)
text = open("../../../LICENSE", encoding="utf-8").read()
extra = ["déjà vu, naïve café; Grüße aus Köln", "привет мир", "你好，世界", "🙂🙂 👍🏽", "don't we'll I'VE they're", "x = 12345 + 67", "ﬁn ½ ①"]


def save(tok, folder):
    os.makedirs(folder, exist_ok=True)
    tok.save(f"{folder}/tokenizer.json", pretty=False)
    return json.loads(tok.to_str())


tok = Tokenizer(models.BPE())
tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tok.decoder = decoders.ByteLevel()
tok.train_from_iterator([text] + extra, trainers.BpeTrainer(
    vocab_size=700, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
bytelevel = save(tok, "bytelevel")
tok.model.save("bytelevel")

tok = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
tok.pre_tokenizer = pre_tokenizers.Metaspace()
tok.train_from_iterator([text], trainers.BpeTrainer(
    vocab_size=700, special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)], show_progress=False))
sentence = json.loads(tok.to_str())
sentence["added_tokens"] = sentence["added_tokens"][:3]
sentence["normalizer"] = {"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
sentence["pre_tokenizer"] = None
sentence["post_processor"] = {"type": "TemplateProcessing", "single": [
    {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [
    {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
sentence["decoder"] = {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
sentence = save(Tokenizer.from_str(json.dumps(sentence)), "sentence")

pieces = list("aeiostn THE,.'-_  \t\n\r12½٣éßΣςſİK中文かа🙂\u0301\u00a0\u2003\u200d") + [
    " the", "License", "'s", "'LL", "'ſ", "  ", "\r\n", "\n\n", "<s>", "</s>", "<|endoftext|>", "<tag>", "<tags>", "tag",
    "▁", "ﬁ", "…", "「", "$1,000.50", "e\u0301", "Å", "&&", "##"]
texts = ["", " ", "Hello world", text[200:320]] + extra + [
    "".join(random.choice(pieces) for _ in range(random.randrange(1, 28))) for _ in range(24)]


def split(pattern, behavior="Isolated", invert=False):
    kind = "String" if len(pattern) <= 2 else "Regex"
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def seq(kind, *parts):
    return {"type": "Sequence", kind: list(parts)}


def added(content, id=900, **flags):
    return dict({"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}, **flags)


level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
llama3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
o200k = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def pre(*parts):
    return {"pre_tokenizer": seq("pretokenizers", *parts) if len(parts) > 1 else parts[0]}


def norm(*parts):
    return {"normalizer": seq("normalizers", *parts) if len(parts) > 1 else parts[0]}


def deco(*parts):
    return {"decoder": seq("decoders", *parts) if len(parts) > 1 else parts[0]}


B, S = "bytelevel", "sentence"
cases = [
    (B, "as it is", {}),
    (B, "prefix space", pre(dict(level, add_prefix_space=True, use_regex=True))),
    (B, "no regex", pre(level)),
    (B, "llama 3", pre(split(llama3), level)),
    (B, "qwen", pre(split(llama3.replace("{1,3}", "")), level) | norm({"type": "NFC"})),
    (B, "o200k", pre(split(o200k), level)),
    (B, "digits alone", pre({"type": "Digits", "individual_digits": True}, dict(level, use_regex=True))),
    (B, "digits", pre({"type": "Digits", "individual_digits": False}, level)),
    (B, "bytes not last", pre(level, {"type": "Digits", "individual_digits": False})),
    (B, "punctuation", pre({"type": "Punctuation"}, level)),
    (B, "punctuation, previous", pre({"type": "Punctuation", "behavior": "MergedWithPrevious"}, level)),
    (B, "punctuation, contiguous", pre({"type": "Punctuation", "behavior": "Contiguous"}, level)),
    (B, "whitespace", pre({"type": "Whitespace"}, level)),
    (B, "whitespace split", pre({"type": "WhitespaceSplit"}, level)),
    (B, "delimiter", pre({"type": "CharDelimiterSplit", "delimiter": "e"}, level)),
    (B, "bert", pre({"type": "BertPreTokenizer"}, level)),
] + [(B, f"split {b} {inv}", pre(split(p, b, inv), level))
     for b in ["Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext"] for inv, p in [(False, " "), (True, r"\s|[a-e]")]] + [
    (B, "ignore merges", {"model": {"ignore_merges": True}}),
    (B, "roberta", {"post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 5], "cls": ["<s>", 4], "trim_offsets": True, "add_prefix_space": False}}),
    (B, "sequence of post-processors", {"post_processor": seq("processors", level, {"type": "TemplateProcessing", "single": [
        {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}}})}),
    (B, "nfkc lowercase", norm({"type": "NFKC"}, {"type": "Lowercase"})),
    (B, "nfd accents", norm({"type": "NFD"}, {"type": "StripAccents"})),
    (B, "nfkd", norm({"type": "NFKD"})),
    (B, "strip", norm({"type": "Strip", "strip_left": True, "strip_right": True})),
    (B, "strip left", norm({"type": "Strip", "strip_left": True, "strip_right": False})),
    (B, "replace regex", norm({"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "})),
    (B, "added longest", {"added_tokens": [added("<tag>", 700), added("<tags>", 701), added("tag", 702), added("<", 703)]}),
    (B, "added lstrip", {"added_tokens": [added("<tag>", 700, lstrip=True), added("tag", 701, rstrip=True)]}),
    (B, "added both strips", {"added_tokens": [added("the", 700, lstrip=True, rstrip=True, special=True)]}),
    (B, "added single word", {"added_tokens": [added("the", 700, single_word=True), added("s", 701, single_word=True, lstrip=True)]}),
    (B, "added normalized", {"added_tokens": [added("THE", 700, normalized=True), added("License", 701)]} | norm({"type": "Lowercase"})),
    (S, "as it is", {}),
    (S, "no byte fallback", {"model": {"byte_fallback": False}}),
    (S, "no byte fallback, unknown alone", {"model": {"byte_fallback": False, "fuse_unk": False}}),
    (S, "no unknown", {"model": {"byte_fallback": False, "unk_token": None}}),
    (S, "added normalized", {"added_tokens": [added("<tag>", 700, normalized=True), added("▁the", 701, normalized=True)]}),
    (S, "without decoder", {"decoder": None}),
    (S, "strip both ends", deco({"type": "Strip", "content": "t", "start": 2, "stop": 1})),
    (S, "strip the joined", deco({"type": "Fuse"}, {"type": "Strip", "content": "▁", "start": 3, "stop": 2})),
    (S, "replace regex", deco({"type": "Replace", "pattern": {"Regex": "[▁e]"}, "content": "-"}, {"type": "ByteFallback"})),
    (S, "word ends", deco({"type": "BPEDecoder", "suffix": "e"})),
] + [(S, f"metaspace {scheme} {cut}", dict(
    {"normalizer": None, "added_tokens": [added("<tag>", 700)]}, pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cut},
    decoder={"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cut}))
    for scheme in ["always", "first", "never"] for cut in [True, False]]


def decoded(tok, ids):
    """What the library makes of ids, in a list; none where it panics, as its Strip does on what it has stripped to nothing."""
    try:
        return [{"ids": ids, "text": tok.decode(ids, skip_special_tokens=False), "skipped": tok.decode(ids, skip_special_tokens=True)}]
    except BaseException as e:
        if type(e).__name__ != "PanicException":
            raise
        return []


out = {"texts": texts, "cases": []}
for base, name, patch in cases:
    spec = copy.deepcopy(bytelevel if base == B else sentence)
    for key, value in patch.items():
        if key == "model":
            spec["model"].update(value)
        elif key == "added_tokens":
            for i, a in enumerate(value):  # ids follow the vocabulary's
                a["id"] = len(spec["model"]["vocab"]) + i if a["content"] not in spec["model"]["vocab"] else spec["model"]["vocab"][a["content"]]
            spec[key] = spec[key] + value
        else:
            spec[key] = value
    tok = Tokenizer.from_str(json.dumps(spec))
    ids = [tok.encode(t).ids for t in texts]
    size = tok.get_vocab_size() + 2
    lists = ids[4:14] + [[random.randrange(size) for _ in range(random.randrange(12))] for _ in range(8)] + [
        [random.randrange(3, 259) if random.random() < 0.8 else random.randrange(size) for _ in range(12)] for _ in range(4)]
    out["cases"].append({"base": base, "name": name, "patch": patch, "ids": ids, "decode": [
        d for l in lists for d in decoded(tok, l)]})
with open("cases.json", "w", encoding="utf-8") as f:
    f.write("{\n\"texts\": " + json.dumps(texts, ensure_ascii=True) + ",\n\"cases\": [\n")
    f.write(",\n".join(json.dumps(c, ensure_ascii=True, separators=(",", ":")) for c in out["cases"]) + "\n]}\n")
