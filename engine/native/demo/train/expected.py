"""Writes testdata/expected.json: what transformers computes with the finished model, in float32 on the CPU.

    python3 expected.py --model ../model --out ../testdata/expected.json

For each prompt: its ids (with the leading </s>), the 16 greedy token ids, the text, and the logits of the last prompt position, rounded to three decimals.
"""
import argparse
import json

import torch
from transformers import AutoTokenizer, OPTForCausalLM

PROMPTS = ["Hello, my name is", "The president of the United States is", "The capital of France is", "The future of AI is"]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", required=True)
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    tok = AutoTokenizer.from_pretrained(a.model)
    model = OPTForCausalLM.from_pretrained(a.model, dtype=torch.float32).eval()
    out = []
    for p in PROMPTS:
        ids = tok(p).input_ids
        assert ids[0] == 2 and ids.count(2) == 1, ids
        x = torch.tensor([ids])
        with torch.no_grad():
            logits = model(x).logits[0, -1]
            for _ in range(16):
                x = torch.cat([x, model(x).logits[:, -1].argmax(-1, keepdim=True)], 1)
        greedy = x[0, len(ids):].tolist()
        out.append({"prompt": p, "prompt_ids": ids, "greedy_ids": greedy, "greedy_text": tok.decode(greedy),
                    "last_logits": [round(v, 3) for v in logits.tolist()]})
    with open(a.out, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(o, separators=(",", ":")) for o in out) + "\n]\n")
    for o in out:
        print(o["prompt"], "|", o["greedy_text"], o["greedy_ids"])


if __name__ == "__main__":
    main()
