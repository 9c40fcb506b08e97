#!/usr/bin/env bash
# usage: bash bench/llamacpp/run.sh [DIRECTORY]
# Gets llama.cpp (node-llama-cpp's prebuilt binary for this CPU, from npm) and makes its models in DIRECTORY, once; then
# compares. Needs Go, Node.js and Python 3.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mkdir -p "${1:-${XDG_CACHE_HOME:-$HOME/.cache}/inferprof-llamacpp}" && cd "${1:-${XDG_CACHE_HOME:-$HOME/.cache}/inferprof-llamacpp}" && pwd)
if [ ! -d "$dir/node_modules/node-llama-cpp" ]; then
  (cd "$dir" && npm init -y >/dev/null && npm install --ignore-scripts --no-audit --no-fund --omit=optional node-llama-cpp@3.22.1 @node-llama-cpp/linux-x64@3.22.1)
fi
if [ ! -f "$dir/models/q4_0.gguf" ]; then
  python3 -m venv "$dir/venv"
  "$dir/venv/bin/pip" install --quiet gguf==0.17.1 numpy
  "$dir/venv/bin/python" "$here/make_gguf.py" "$dir/models"
fi
cp "$here/peer.mjs" "$dir/"
cd "$here/../.." && CGO_ENABLED=0 go run ./bench/llamacpp -peer "$dir"
