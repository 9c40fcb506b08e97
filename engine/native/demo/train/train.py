"""Trains the demo model: an OPT of about three million parameters, on one GPU.

    python3 train.py --data DIR --out OUT --steps 12000

DIR is what corpus.py wrote. OUT gets the model folder (model.safetensors in float16, config.json, tokenizer files), expected.json
for the Go test, and log.json with losses and samples. The learning rate warms up, then follows a cosine to zero.
--seconds S instead of --steps measures the speed first and takes as many steps as fit.
"""
import argparse
import json
import math
import os
import shutil
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer

PROMPTS = ["Hello, my name is", "The president of the United States is", "The capital of France is", "The future of AI is"]
OTHER = ["Once upon a time", "Water is", "The capital of Germany is", "My favourite food is", "In 1969", "The cat",
         "Yesterday, we", "I think that", "A computer is", "What is the capital of Japan?", "The weather"]
EOS = 2


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        h, f = c["hidden_size"], c["ffn_dim"]
        self.heads = c["num_attention_heads"]
        self.self_attn_layer_norm, self.final_layer_norm = nn.LayerNorm(h), nn.LayerNorm(h)
        self.qkv, self.out_proj = nn.Linear(h, 3 * h), nn.Linear(h, h)
        self.fc1, self.fc2 = nn.Linear(h, f), nn.Linear(f, h)

    def forward(self, x):
        b, t, h = x.shape
        q, k, v = self.qkv(self.self_attn_layer_norm(x)).view(b, t, 3, self.heads, h // self.heads).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out_proj(a.transpose(1, 2).reshape(b, t, h))
        return x + self.fc2(F.relu(self.fc1(self.final_layer_norm(x))))


class OPT(nn.Module):
    """OPTForCausalLM with pre-LN, ReLU, learned positions (offset 2) and the embedding tied to the head."""

    def __init__(self, c):
        super().__init__()
        self.c = c
        h, n = c["hidden_size"], c["num_hidden_layers"]
        self.tokens = nn.Embedding(c["vocab_size"], h)
        self.positions = nn.Embedding(c["max_position_embeddings"] + 2, h)
        self.layers = nn.ModuleList(Block(c) for _ in range(n))
        self.final_layer_norm = nn.LayerNorm(h)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                deep = name.endswith("out_proj.weight") or name.endswith("fc2.weight")
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * n) if deep else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions.weight[2:2 + ids.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return F.linear(self.final_layer_norm(x), self.tokens.weight)

    def hf_tensors(self):
        """The weights under Hugging Face's names."""
        d = "model.decoder."
        out = {d + "embed_tokens.weight": self.tokens.weight, d + "embed_positions.weight": self.positions.weight,
               d + "final_layer_norm.weight": self.final_layer_norm.weight, d + "final_layer_norm.bias": self.final_layer_norm.bias}
        for i, l in enumerate(self.layers):
            p = f"{d}layers.{i}."
            for kind in ("weight", "bias"):
                for name, part in zip("qkv", getattr(l.qkv, kind).chunk(3)):
                    out[f"{p}self_attn.{name}_proj.{kind}"] = part
                out[f"{p}self_attn.out_proj.{kind}"] = getattr(l.out_proj, kind)
                for name in ("self_attn_layer_norm", "final_layer_norm", "fc1", "fc2"):
                    out[f"{p}{name}.{kind}"] = getattr(getattr(l, name), kind)
        return out


@torch.no_grad()
def generate(model, ids, n, temperature=0.0, top_p=1.0, seeds=1):
    """n tokens after ids for each of `seeds` rows; stops nowhere, the caller cuts at </s>."""
    dev = next(model.parameters()).device
    gen = torch.Generator(device=dev).manual_seed(1234)
    x = torch.tensor([ids] * seeds, device=dev)
    for _ in range(n):
        logits = model(x[:, -model.c["max_position_embeddings"]:])[:, -1].float()
        if temperature == 0:
            nxt = logits.argmax(-1, keepdim=True)
        else:
            p, order = torch.softmax(logits / temperature, -1).sort(-1, descending=True)
            p[p.cumsum(-1) - p > top_p] = 0
            nxt = order.gather(1, torch.multinomial(p, 1, generator=gen))
        x = torch.cat([x, nxt], 1)
    return x[:, len(ids):].tolist()


def text(tok, ids):
    cut = ids.index(EOS) if EOS in ids else len(ids)
    return tok.decode(ids[:cut], skip_special_tokens=False) + ("<end>" if EOS in ids else "")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--steps", type=int, default=0)
    ap.add_argument("--seconds", type=float, default=0)
    ap.add_argument("--batch", type=int, default=256)
    ap.add_argument("--lr", type=float, default=3e-3)
    ap.add_argument("--hidden", type=int, default=192)
    ap.add_argument("--layers", type=int, default=6)
    ap.add_argument("--heads", type=int, default=4)
    ap.add_argument("--ffn", type=int, default=704)
    ap.add_argument("--context", type=int, default=512)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    began = time.time()
    os.makedirs(a.out, exist_ok=True)
    dev = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(a.seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    tok = Tokenizer.from_file(os.path.join(a.data, "tokenizer.json"))
    config = {
        "architectures": ["OPTForCausalLM"], "model_type": "opt", "activation_function": "relu", "attention_dropout": 0.0,
        "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "do_layer_norm_before": True, "dropout": 0.0, "enable_bias": True,
        "ffn_dim": a.ffn, "hidden_size": a.hidden, "layer_norm_elementwise_affine": True, "layerdrop": 0.0,
        "max_position_embeddings": a.context, "num_attention_heads": a.heads, "num_hidden_layers": a.layers,
        "tie_word_embeddings": True, "torch_dtype": "float16", "vocab_size": tok.get_vocab_size(),
        "word_embed_proj_dim": a.hidden}

    ids = torch.from_numpy(np.load(os.path.join(a.data, "tokens.npy")).astype(np.int16)).to(dev)  # ids stay below 32768
    starts = (ids == EOS).nonzero()[:, 0]
    split = starts[int(len(starts) * 0.99)].item()
    row = torch.arange(a.context + 1, device=dev)
    train_starts = starts[starts < split - a.context - 1]
    held = ids[split:]
    held = held[:len(held) // (a.context + 1) * (a.context + 1)].view(-1, a.context + 1).long()

    model = OPT(config).to(dev)
    params = sum(p.numel() for p in model.parameters())
    decay = [p for p in model.parameters() if p.dim() == 2]
    plain = [p for p in model.parameters() if p.dim() != 2]
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}],
                            lr=a.lr, betas=(0.9, 0.95), fused=dev == "cuda")

    def loss_of(x):
        with torch.autocast(dev, torch.bfloat16, enabled=dev == "cuda"):
            logits = model(x[:, :-1])
        return F.cross_entropy(logits.float().view(-1, logits.shape[-1]), x[:, 1:].reshape(-1))
    fast = torch.compile(loss_of) if dev == "cuda" else loss_of

    def held_out():
        with torch.no_grad():
            losses = [loss_of(held[i:i + 64]).item() * len(held[i:i + 64]) for i in range(0, len(held), 64)]
        return sum(losses) / len(held)

    steps, step, log, mark = a.steps, 0, {"losses": []}, None
    print(f"{params} parameters, {len(ids)} tokens, {len(held)} held-out rows", flush=True)
    while step < (steps or 10**9):
        total = steps or 10**9
        warm = 300
        lr = a.lr * min(1, (step + 1) / warm) * (0.5 + 0.5 * math.cos(math.pi * min(1, step / total)))
        for g in opt.param_groups:
            g["lr"] = lr
        at = train_starts[torch.randint(len(train_starts), (a.batch,), device=dev)]
        loss = fast(ids[at[:, None] + row].long())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        opt.zero_grad(set_to_none=True)
        step += 1
        if step == 20:
            if dev == "cuda":
                torch.cuda.synchronize()
            mark = time.time()
        if step == 120 and not steps:  # speed is known: choose the number of steps
            if dev == "cuda":
                torch.cuda.synchronize()
            per = (time.time() - mark) / 100
            steps = max(200, int((a.seconds - (time.time() - began)) / per))
            print(f"{a.batch * a.context / per:.3g} tokens/s, {steps} steps", flush=True)
        if step % 500 == 0 or step == steps:
            log["losses"].append([step, loss.item()])
            print(f"step {step} loss {loss.item():.4f} {time.time() - began:.0f} s", flush=True)

    log.update(parameters=params, steps=steps, batch=a.batch, lr=a.lr, seed=a.seed, tokens_seen=steps * a.batch * a.context,
               seconds=time.time() - began, torch=torch.__version__)
    model.eval()
    log["held_out_loss"] = held_out()
    log["held_out_first_position_tokens"] = int(held.numel())
    exact = {p: generate(model, tok.encode(p).ids, 64) for p in PROMPTS + OTHER}
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p.half().float())
    log["held_out_loss_float16"] = held_out()
    save_file({k: v.detach().half().contiguous().cpu() for k, v in model.hf_tensors().items()},
              os.path.join(a.out, "model.safetensors"), metadata={"format": "pt"})
    shutil.copy(os.path.join(a.data, "tokenizer.json"), a.out)
    for name, body in {
        "config.json": config,
        "generation_config.json": {"bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1},
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "</s>", "eos_token": "</s>",
                                  "pad_token": "<pad>", "unk_token": "<unk>", "model_max_length": a.context,
                                  "clean_up_tokenization_spaces": False}}.items():
        with open(os.path.join(a.out, name), "w") as f:
            f.write(json.dumps(body, indent=2) + "\n")
    samples = []
    for p in PROMPTS + OTHER:
        greedy = generate(model, tok.encode(p).ids, 64)
        drawn = generate(model, tok.encode(p).ids, 64, 0.8, 0.95, seeds=8)
        samples.append({"prompt": p, "greedy": text(tok, greedy[0]), "same_before_rounding": greedy == exact[p],
                        "sampled": [text(tok, r) for r in drawn]})
        s = samples[-1]
        print(f"\n{p!r} same={s['same_before_rounding']}\n  GREEDY{s['greedy']}")
        for r in s["sampled"]:
            print("   -" + r)
    log["samples"] = samples
    print(f"held-out loss {log['held_out_loss']:.4f}, float16 {log['held_out_loss_float16']:.4f}, {log['seconds']:.0f} s")
    json.dump(log, open(os.path.join(a.out, "log.json"), "w"), indent=1)


if __name__ == "__main__":
    main()
