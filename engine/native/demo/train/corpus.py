"""Builds the training corpus of the demo model: text -> byte-level BPE tokenizer -> token ids.

    python3 corpus.py --wordnet x/usr/share/wordnet --austen x/usr/lib/R/site-library/janeaustenr/R --out DIR

Three sources (PROVENANCE.md): passages of the grammar in grammar/, definitions and example sentences of WordNet 3.0, and the
six novels of Jane Austen. DIR gets tokenizer.json, tokens.npy (uint16, documents one after the other, each opened by </s>) and
corpus.json (counts). The held-out part is the last one percent of the shuffled documents.
"""
import argparse
import json
import multiprocessing
import os
import random
import re
import zlib

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from grammar import Grammar

HERE = os.path.dirname(os.path.abspath(__file__))
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]  # ids 0..3, as in OPT
EOS = 2
# Coarse words, slurs and names of recent politicians stay out of the example sentences.
UNWANTED = re.compile(
    r"\b(sex\w*|slur|obscene|vulgar|offensive|disparag\w*|derogat\w*|fuck\w*|shit\w*|nigg\w*|rap(e|ed|ist|ing)|penis|vagina\w*|"
    r"vulva|genital\w*|whore\w*|prostitut\w*|bitch\w*|bastard\w*|dick|cock|cunt|tits?|breasts?|nazi\w*|hitler|jews?|negro\w*|"
    r"homosexual\w*|lesbian\w*|queer|fag\w*|suicide|masturbat\w*|copulat\w*|erotic\w*|coit\w*|semen|sperm|urin\w*|feces|"
    r"excrement|anus|rectum|intercourse|drunk\w*|murder\w*|kill\w*|tortur\w*|clinton|bush|reagan|nixon|carter|obama|trump|"
    r"biden|hussein|thatcher|blair|gore|gingrich|slave\w*)\b", re.I)

# Many examples are fragments ("a coat of sheared lamb"); those that open like a clause and hold a finite verb are kept.
CLAUSE = re.compile(
    r"^(I|you|he|she|it|we|they|the|this|that|these|those|there|his|her|my|our|their|if|when|in|at|on|many|most|some|all|"
    r"children|people|please|don't)\b.*\b(is|was|are|were|has|have|had|will|would|can|could|do|does|did|must|should|may|might|"
    r"am|\w+ed|got|went|came|made|took|said|saw|gave|left|felt|found|kept|ran|told|knew|let|put|set|fell|held|brought|thought|"
    r"wrote|sat|stood|lost|won|grew|drew|broke|spoke|ate|met|seems?|likes?|wants?|needs?|works?|lives?)\b", re.I)


def wordnet(folder):
    """Documents "A lemma is a gloss. Example. Example." from the data files of WordNet."""
    tagged = set()
    for line in open(os.path.join(folder, "cntlist.rev"), encoding="latin-1"):
        tagged.add(line.split("%", 1)[0])
    docs = []
    for pos in ("noun", "verb", "adj", "adv"):
        for line in open(os.path.join(folder, "data." + pos), encoding="latin-1"):
            if line.startswith("  "):
                continue
            head, gloss = line.rstrip().split(" | ", 1)
            lemma = re.sub(r"\(.*\)", "", head.split(" ")[4])
            parts = [p.strip() for p in re.split(r";(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", gloss)]
            examples = [m[1] for p in parts if (m := re.fullmatch(r'"([^"]+)"', p))]
            sense = re.sub(r"\s*\([^)]*\)\s*", " ", parts[0]).strip()
            sentences = []
            if lemma.lower() in tagged and not lemma[0].isupper() and len(sense) < 110 and '"' not in sense:
                word = lemma.replace("_", " ")
                if pos == "noun" and re.match(r"(a|an) ", sense):
                    sentences.append(("An " if word[0] in "aeiou" else "A ") + f"{word} is {sense}")
                elif pos == "noun" and re.match(r"the ", sense):
                    sentences.append(f"{word[0].upper() + word[1:]} is {sense}")
                elif pos == "verb":
                    sentences.append(f"To {word} is to {sense}")
            for e in examples:
                if CLAUSE.match(e) and len(e.split()) >= 4 and len(e) < 140 and "--" not in e and "..." not in e:
                    sentences.append(e[0].upper() + e[1:])
            sentences = [s if s[-1] in ".!?" else s + "." for s in sentences]
            text = " ".join(sentences)
            if text and text.isascii() and not UNWANTED.search(text):
                docs.append(text)
    return docs


def austen(folder):
    """The novels' paragraphs, in documents of about a thousand characters.

    The package keeps each novel as a compressed, serialised vector of lines; the strings are cut out of the stream: a CHARSXP
    is 00 04 00 09 (or 00 00 80 09…), a big-endian length, the bytes.
    """
    blob = open(os.path.join(folder, "..", "data", "Rdata.rdb"), "rb").read()
    lines, at = [], 0
    while at + 6 < len(blob):
        if blob[at + 4] == 0x78:
            d = zlib.decompressobj()
            try:
                raw = d.decompress(blob[at + 4:])
            except zlib.error:
                at += 1
                continue
            at += 4 + len(blob[at + 4:]) - len(d.unused_data)
            for m in re.finditer(rb"\x00\x04\x00\x09(\x00\x00..)", raw, re.S):
                n = int.from_bytes(m[1], "big")
                lines.append(raw[m.end():m.end() + n].decode("ascii", "replace"))
        else:
            at += 1
    docs, para, doc = [], [], ""
    for line in lines + [""]:
        line = line.strip()
        if line:
            para.append(line)
            continue
        text = " ".join(para).replace("_", "").replace("--", ", ")
        para = []
        if len(text) < 40 or text.isupper() or "CHAPTER" in text.upper():
            continue
        doc = (doc + " " + text).strip()
        if len(doc) > 1000:
            docs.append(doc)
            doc = ""
    return [re.sub(r"\s+", " ", d) for d in docs if d.isascii() and not UNWANTED.search(d)]


def generated(job):
    seed, n = job
    g, rng = Grammar(os.path.join(HERE, "grammar")), random.Random(seed)
    return [g.passage(rng)[1] for _ in range(n)]


def train_tokenizer(docs, size):
    tok = Tokenizer(models.BPE(unk_token=None))
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(docs, trainers.BpeTrainer(
        vocab_size=size, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tok.post_processor = processors.TemplateProcessing(
        single="</s> $A", pair="</s> $A </s> $B", special_tokens=[("</s>", EOS)])
    return tok


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--wordnet", required=True)
    ap.add_argument("--austen", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--passages", type=int, default=320_000)
    ap.add_argument("--vocab", type=int, default=2048)
    ap.add_argument("--processes", type=int, default=2)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    chunk = 5000
    with multiprocessing.Pool(a.processes) as pool:
        made = [d for part in pool.map(generated, [(s, chunk) for s in range(a.passages // chunk)]) for d in part]
    made = list(dict.fromkeys(made))  # a passage counts once
    sources = {"generated": made, "wordnet": wordnet(a.wordnet) * 2, "austen": austen(a.austen)}
    docs = [d for s in sources.values() for d in s]
    random.Random(1).shuffle(docs)
    tok = train_tokenizer(docs[:60_000], a.vocab)
    tok.save(os.path.join(a.out, "tokenizer.json"), pretty=False)
    counts = {}
    for name, texts in sources.items():
        counts[name] = {"documents": len(texts), "characters": sum(map(len, texts))}
    ids = []
    for i in range(0, len(docs), 20_000):
        for e in tok.encode_batch(docs[i:i + 20_000]):
            ids.extend(e.ids)
    np.save(os.path.join(a.out, "tokens.npy"), np.array(ids, np.uint16))
    counts["tokens"] = len(ids)
    json.dump(counts, open(os.path.join(a.out, "corpus.json"), "w"), indent=1)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
