"""A vLLM without a model, for tests: it has the names that the driver uses, answers with the prompt's letters, writes
small traces, and behaves as the words in FAKE_VLLM say (separated by spaces, some with =value):

  old           as before 0.13: no ProfilerConfig, environment variables instead
  v0-metrics    requests have the metrics of the first engine; no-metrics: none
  refuse=TEXT   LLM(...) raises RuntimeError(TEXT), with _ for blanks
  say=TEXT      prints TEXT at the start
  exit=N        LLM(...) ends the process with code N; kill: with SIGKILL
  wait          a step takes until it is aborted
  die-step      the process is killed in the middle of generating
  lose=R        rank R writes no trace; empty=R: an empty one; cut=R: half of one
  late          the traces are written by a thread, in pieces, after stop_profile has returned
  die-stop      the process is killed while rank 1's trace is written
  once          the second profile of a process writes nothing, without a word
  log-start     the profiler does not start, which is only logged
  leftover      rank 1 writes no trace, but what PyTorch writes into the temporary directory before it
  gpu           there is a GPU, and no event of it in the traces
  worker        starts a process that would run for ever, and prints its number
  core          starts a process with the title VLLM::EngineCore
  rank          has multiprocessing start one without a title, as ranks are
  core-dies=C   kill -9 of them in the call C (open, warmup, start, generate, stop, written: stop, with the traces written);
                nobody takes notice, and the call is never answered, as in vLLM 0.32; core-leaves=C: it ends with code 3
  shared        has shared memory, and says its name
  reap          the engine asks how they ended; until then they are zombies
  notices       the call fails, as where vLLM notices
  answers       the call goes on as if nothing had happened
  deaf=C        the call C is never answered; held=C: not before whom tell names lets go
  tell=PORT     somebody listens there for when a call has become deaf, or is held
  early         the traces are written before generating ends
"""

import dataclasses
import gzip
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

behaviour = dict(w.partition("=")[::2] for w in os.environ.get("FAKE_VLLM", "").split())
__version__ = "0.8.5" if "old" in behaviour else "0.32.0"

from . import config  # noqa: E402


@dataclasses.dataclass
class SamplingParams:
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    max_tokens: int = 16
    seed: int = None
    stop: list = None
    ignore_eos: bool = False
    n: int = 1
    min_p: float = 0.0
    min_tokens: int = 0
    stop_token_ids: list = None
    repetition_penalty: float = 1.0
    logprobs: int = None


@dataclasses.dataclass
class EngineArgs:
    model: str = ""
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    data_parallel_size: int = 1
    dtype: str = "auto"
    load_format: str = "auto"
    max_model_len: int = None
    max_num_seqs: int = None
    enforce_eager: bool = False
    enable_prefix_caching: bool = True
    gpu_memory_utilization: float = 0.9
    seed: int = 0
    disable_log_stats: bool = True


if "old" not in behaviour:
    EngineArgs = dataclasses.make_dataclass("EngineArgs", [("profiler_config", object, None)], bases=(EngineArgs,))


core, rank, shared = [], [], []  # processes of the engine, and memory


def start_processes():
    if "core" in behaviour:
        core.append(subprocess.Popen(["VLLM::EngineCore", "-c", "read x; exit 3"], executable="/bin/sh", stdin=subprocess.PIPE))
    if "rank" in behaviour:
        rank.append(multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,)))
        rank[0].start()
    if "shared" in behaviour:
        from multiprocessing import shared_memory
        shared.append(shared_memory.SharedMemory(create=True, size=4096))
        print("shared", shared[0].name, flush=True)


def reached(call):
    """What happens in a call."""
    if behaviour.get("deaf") == call:
        if "tell" in behaviour:
            socket.create_connection(("127.0.0.1", int(behaviour["tell"]))).close()
        time.sleep(1000)
    if behaviour.get("held") == call:
        socket.create_connection(("127.0.0.1", int(behaviour["tell"]))).recv(1)  # until it is closed
    if behaviour.get("core-leaves") == call:
        core[0].stdin.close()
    elif behaviour.get("core-dies") == call:
        if call == "open" or rank:  # else they were seen when the engine was open
            time.sleep(2)  # by one of twenty looks
        for p in core + rank:
            os.kill(p.pid, signal.SIGKILL)
            os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOWAIT)
    else:
        return
    if "reap" in behaviour:
        for p in core:
            p.wait()
        for p in rank:
            p.join()
    if "notices" in behaviour:
        raise EngineDeadError("EngineCore encountered an issue. See stack trace (above) for the root cause.")
    if "answers" not in behaviour:
        time.sleep(1000)


class EngineDeadError(Exception):
    pass


class Namespace:
    def __init__(self, **values):
        self.__dict__.update(values)


class Engine:
    def __init__(self, args):
        self.args = args
        world = args.tensor_parallel_size * args.pipeline_parallel_size
        self.vllm_config = Namespace(
            model_config=Namespace(hf_config=Namespace(architectures=["FakeForCausalLM"]), dtype="torch.bfloat16", quantization="auto_gptq",
                                   max_model_len=args.max_model_len or 128),
            parallel_config=Namespace(world_size=world, data_parallel_size=args.data_parallel_size,
                                      tensor_parallel_size=args.tensor_parallel_size),
        )
        self.ranks = world * args.data_parallel_size
        self.waiting, self.profiling, self.profiles = [], False, 0
        if "old" not in behaviour:
            self.output_processor = Namespace(request_states={})
        if "old" in behaviour:
            self.settings = Namespace(torch_profiler_dir=os.environ["VLLM_TORCH_PROFILER_DIR"], max_iterations=0,
                                      torch_profiler_use_gzip=True)
        else:
            self.settings = args.profiler_config

    def add_request(self, request_id, prompt, params):
        self.waiting.append((request_id, prompt, params, []))
        if "old" not in behaviour:
            self.output_processor.request_states[request_id] = Namespace(is_prefilling=True)

    def abort_request(self, ids):
        self.waiting = [r for r in self.waiting if r[0] not in ids]

    def has_unfinished_requests(self):
        return bool(self.waiting)

    def step(self):
        if "wait" in behaviour:
            time.sleep(0.01)
            return []
        if "die-step" in behaviour and self.profiling:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.profiling and self.settings.max_iterations and len(self.steps) == self.settings.max_iterations:
            self.stop_profile()
        if self.profiling:
            self.steps.append(any(not tokens for _, _, _, tokens in self.waiting))
        finished = []
        for request in self.waiting:
            request_id, prompt, params, tokens = request
            tokens.append(len(tokens))
            if "old" not in behaviour:
                self.output_processor.request_states[request_id].is_prefilling = False
            if len(tokens) == params.max_tokens:
                finished.append(self.output(*request))
                if "old" not in behaviour:
                    del self.output_processor.request_states[request_id]
        self.waiting = [r for r in self.waiting if len(r[3]) < r[2].max_tokens]
        return finished

    def output(self, request_id, prompt, params, tokens):
        text = prompt.get("prompt", "")
        ids = prompt.get("prompt_token_ids") or list(range(len(text)))
        now = time.time()
        metrics = Namespace(arrival_time=now - 0.01, queued_ts=5.0, first_token_ts=5.004, last_token_ts=5.009,
                            first_token_latency=0.004)
        if "v0-metrics" in behaviour:
            metrics = Namespace(arrival_time=now - 0.01, first_token_time=now, last_token_time=now + 0.005)
        if "no-metrics" in behaviour:
            metrics = None
        return Namespace(request_id=request_id, finished=True, prompt=text, prompt_token_ids=ids, metrics=metrics,
                         outputs=[Namespace(text=text[::-1] + "'" * i, token_ids=tokens, finish_reason="length", stop_reason=None,
                                            logprobs=self.logprobs(params, tokens)) for i in range(params.n)])

    def logprobs(self, params, tokens):
        if params.logprobs is None:
            return None
        likely = {1000 + i: Namespace(logprob=-0.5 - i, rank=i + 1, decoded_token="") for i in range(params.logprobs)}
        return [{token: Namespace(logprob=float("-inf"), rank=77, decoded_token=""), **likely} for token in tokens]

    def start_profile(self):
        if "log-start" in behaviour:
            print("(Worker pid=1) ERROR Failed to start profiler: CUPTI is busy")
            return
        self.profiling, self.steps = True, []

    def stop_profile(self):
        if not self.profiling:
            return
        self.profiling = False
        self.profiles += 1
        if "once" in behaviour and self.profiles > 1:
            return
        if "late" in behaviour:
            threading.Thread(target=self.export, args=(0.02,)).start()
        else:
            self.export(0)

    def export(self, pause):
        os.makedirs(self.settings.torch_profiler_dir, exist_ok=True)
        for rank in range(self.ranks):
            if behaviour.get("lose") == str(rank):
                continue
            text = trace(rank, self.ranks, self.steps)
            if "leftover" in behaviour and rank == 1:
                with open(os.path.join(tempfile.gettempdir(), "tmpfake1.json.tmp"), "wb") as f:
                    f.write(text[:100])
                continue
            suffix = ".json"
            if self.settings.torch_profiler_use_gzip:
                text, suffix = gzip.compress(text), ".json.gz"
            if behaviour.get("empty") == str(rank):
                text = b""
            if behaviour.get("cut") == str(rank):
                text = text[:len(text) // 2]
            path = os.path.join(self.settings.torch_profiler_dir, f"rank{rank}.{time.time_ns()}.pt.trace{suffix}")
            with open(path, "wb") as f:
                for i in range(0, max(len(text), 1), 64):
                    time.sleep(pause)
                    f.write(text[i:i + 64])
                    f.flush()
                    if "die-stop" in behaviour and rank == 1 and i > len(text) // 2:
                        os.kill(os.getpid(), signal.SIGKILL)


def trace(rank, ranks, steps):
    events = [{"ph": "M", "name": "process_name", "pid": 100 + rank, "tid": 0, "ts": 0, "args": {"name": "fake"}}]
    for i, prefill in enumerate(steps):
        name = "execute_context_4(24)_generation_0(0)" if prefill else "execute_context_0(0)_generation_4(4)"
        events.append({"ph": "X", "cat": "user_annotation", "name": name, "pid": 100 + rank, "tid": 1, "ts": 1000 * i, "dur": 900})
        events.append({"ph": "X", "cat": "cpu_op", "name": "aten::linear", "pid": 100 + rank, "tid": 1, "ts": 1000 * i + 10, "dur": 700})
    return json.dumps({"schemaVersion": 1, "deviceProperties": [],
                       "distributedInfo": {"backend": "gloo", "rank": rank, "world_size": ranks},
                       "baseTimeNanoseconds": 1794999000000000000, "traceEvents": events, "traceName": "fake"}).encode()


class LLM:
    def __init__(self, **arguments):
        print("Processed with fake vLLM")  # on standard output, where vLLM prints too
        if "say" in behaviour:
            print(behaviour["say"].replace("_", " "), file=sys.stderr)
        fork = multiprocessing.get_context("fork").Process(target=int)  # as vLLM starts its engine
        fork.start()
        fork.join()
        if "worker" in behaviour:
            print("worker", subprocess.Popen(["sleep", "1000"]).pid, flush=True)
        start_processes()
        reached("open")
        if "refuse" in behaviour:
            raise RuntimeError(behaviour["refuse"].replace("_", " "))
        if "exit" in behaviour:
            os._exit(int(behaviour["exit"]))
        if "kill" in behaviour:
            os.kill(os.getpid(), signal.SIGKILL)
        self.llm_engine = Engine(EngineArgs(**arguments))
        self.requests = 0

    def generate(self, prompts, params, use_tqdm=True):
        for prompt, p in zip(prompts, params):
            self.llm_engine.add_request(str(self.requests), prompt, p)
            self.requests += 1
        profiling = self.llm_engine.profiling
        if "early" in behaviour and profiling:
            self.llm_engine.step()
            self.llm_engine.stop_profile()
        reached("generate" if profiling else "warmup")
        outputs = []
        while self.llm_engine.has_unfinished_requests():
            outputs.extend(self.llm_engine.step())
        return sorted(outputs, key=lambda o: int(o.request_id))

    def start_profile(self):
        reached("start")
        self.llm_engine.start_profile()

    def stop_profile(self):
        reached("stop")
        self.llm_engine.stop_profile()
        reached("written")
