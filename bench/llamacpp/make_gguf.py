"""Writes models of GPT-2's shape with random weights, one file for each precision: make_gguf.py DIRECTORY."""
import pathlib
import sys

import gguf
import numpy as np
from gguf.quants import quantize

LAYERS, HEADS, WIDTH, INNER, VOCABULARY, POSITIONS = 12, 12, 768, 3072, 50272, 2048
Type = gguf.GGMLQuantizationType
random = np.random.default_rng(1)


def write(path, kind, head):
    w = gguf.GGUFWriter(path, "gpt2")
    w.add_name("shape")
    w.add_context_length(POSITIONS)
    w.add_embedding_length(WIDTH)
    w.add_feed_forward_length(INNER)
    w.add_block_count(LAYERS)
    w.add_head_count(HEADS)
    w.add_layer_norm_eps(1e-5)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("gpt-2")
    w.add_token_list(["<|endoftext|>"] + ["t%d" % i for i in range(1, VOCABULARY)])
    w.add_token_types([gguf.TokenType.CONTROL] + [gguf.TokenType.NORMAL] * (VOCABULARY - 1))
    w.add_token_merges(["t 1"])
    w.add_eos_token_id(0)
    w.add_bos_token_id(0)

    def matrix(name, rows, columns, kind):
        x = (random.standard_normal((rows, columns)) * columns**-0.5).astype(np.float32)
        if kind == Type.F16:
            w.add_tensor(name, x.astype(np.float16))
        elif kind == Type.F32:
            w.add_tensor(name, x)
        else:
            w.add_tensor(name, quantize(x, kind), raw_dtype=kind)

    def vectors(name, n):
        w.add_tensor(name + ".weight", np.ones(n, np.float32))
        w.add_tensor(name + ".bias", np.zeros(n, np.float32))

    matrix("token_embd.weight", VOCABULARY, WIDTH, head)
    matrix("position_embd.weight", POSITIONS, WIDTH, Type.F32)
    vectors("output_norm", WIDTH)
    for i in range(LAYERS):
        at = "blk.%d." % i
        vectors(at + "attn_norm", WIDTH)
        vectors(at + "ffn_norm", WIDTH)
        for name, rows, columns in (("attn_qkv", 3 * WIDTH, WIDTH), ("attn_output", WIDTH, WIDTH), ("ffn_up", INNER, WIDTH), ("ffn_down", WIDTH, INNER)):
            matrix(at + name + ".weight", rows, columns, kind)
            w.add_tensor(at + name + ".bias", np.zeros(rows, np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


directory = pathlib.Path(sys.argv[1])
directory.mkdir(exist_ok=True)
for name, kind, head in (("f32", Type.F32, Type.F32), ("bf16", Type.BF16, Type.BF16), ("f16", Type.F16, Type.F16), ("q4_0", Type.Q4_0, Type.F16)):
    write(directory / (name + ".gguf"), kind, head)
