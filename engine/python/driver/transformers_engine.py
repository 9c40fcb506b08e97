"""Hugging Face transformers with PyTorch's profiler. The model is run by its own generate(), batch by batch, and each of
its steps is annotated in vLLM's grammar: execute_context_4(24)_generation_0(0) computes four prompts of 24 tokens
together, execute_context_0(0)_generation_4(4) one more token of each.

With several ranks the process forks before anything is imported, and each rank finds the environment that torchrun would
give it. Rank 0 has the pipe to inferprof; it hands each command on to the others, and all carry it out together.
"""

import datetime
import inspect
import socket

TOKENS = ("input_ids", "inputs_embeds", "decoder_input_ids")


class Transformers:
    def __init__(self, config, rank=0, ranks=1):
        import torch
        import transformers
        self.torch, self.rank, self.ranks = torch, rank, ranks
        self.settings, self.phase = config["profiler"], config.get("phase") or "all"
        for name in config["profiler_given"]:
            if name in ("detailed_trace_annotation", "capture_torch_profiler", "torch_profiler_activities") or name.startswith("proton"):
                raise UsageError(f"transformers has no profiler setting {name}")
        a = dict(config["arguments"])
        if threads := a.pop("threads", None):
            torch.set_num_threads(threads)
        a.pop("tensor_parallel_size", None)
        for name in ("max_num_batched_tokens", "enforce_eager"):
            a.pop(name, None)  # there is one batch, and no graph
        path, dummy = a.pop("model"), a.pop("load_format", "") == "dummy"
        self.batch, self.max_len, seed = a.pop("max_num_seqs", 256), a.pop("max_model_len", 0), a.pop("seed", 0)
        if method := a.pop("quantization", None):
            raise UsageError(f"--quantization {method}: transformers reads how a model is quantized from its config.json: leave it out")
        dtype = getattr(torch, a.pop("dtype", ""), None) or "auto"
        transformers.set_seed(seed)
        self.device = torch.device("cpu")
        if torch.cuda.is_available():
            self.device = torch.device("cuda", rank % torch.cuda.device_count())
            torch.cuda.set_device(self.device)
        self.model = self.load(transformers, path, dummy, dtype, a)
        self.eos = self.model.generation_config.eos_token_id
        self.model.eval()
        self.version = transformers.__version__
        self.max_len = self.max_len or getattr(self.model.config, "max_position_embeddings", 0) or 2048
        try:
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(path, padding_side="left")
            if self.tokenizer.pad_token_id is None:
                self.tokenizer.pad_token = self.tokenizer.eos_token
        except Exception as e:  # token ids can be answered without one
            print("no tokenizer:", type(e).__name__)
            self.tokenizer = None
        self.profiler, self.step = None, 0
        self.annotate()

    def load(self, transformers, path, dummy, dtype, more):
        Auto = transformers.AutoModelForCausalLM
        # The argument was named torch_dtype before transformers 4.56.
        key = "dtype" if tuple(int(x) for x in transformers.__version__.split(".")[:2]) >= (4, 56) else "torch_dtype"
        if not dummy:
            if self.ranks > 1:
                return Auto.from_pretrained(path, **self.split(), **{key: dtype}, **more)
            return Auto.from_pretrained(path, **{key: dtype}, **more).to(self.device)
        config = transformers.AutoConfig.from_pretrained(path)
        if dtype == "auto":
            dtype = getattr(config, "dtype", None) or getattr(config, "torch_dtype", None) or self.torch.float32
        if self.ranks == 1:
            with self.device:
                return Auto.from_config(config, **{key: dtype}, **more)
        # Only weights that lie in files are split over ranks as they are loaded: rank 0 writes some.
        import tempfile
        folder = [tempfile.mkdtemp(prefix="inferprof-dummy-") if self.rank == 0 else None]
        dist = self.torch.distributed
        dist.broadcast_object_list(folder, 0)
        try:
            if self.rank == 0:
                with self.device:
                    Auto.from_config(config, **{key: dtype}).save_pretrained(folder[0])
            dist.barrier()
            model = Auto.from_pretrained(folder[0], **self.split(), **{key: dtype}, **more)
            dist.barrier()
            return model
        finally:
            if self.rank == 0:
                import shutil
                shutil.rmtree(folder[0], ignore_errors=True)

    def split(self):
        """What from_pretrained is told to split a model over the ranks: from transformers 5.18 on in a configuration."""
        try:
            from transformers.distributed import DistributedConfig
            if "tp_plan" in inspect.signature(DistributedConfig).parameters:
                return {"distributed_config": DistributedConfig(tp_plan="auto")}
        except ImportError:
            pass
        return {"tp_plan": "auto"}

    def annotate(self):
        """Wraps the model's forward in a step: its name, and the profiler's beginning and end."""
        forward = self.model.forward

        def step(*args, **kwargs):
            ids = next((kwargs[n] for n in TOKENS if kwargs.get(n) is not None), args[0] if args else None)
            rows, width = ids.shape[0], ids.shape[1]
            prefill = self.prefill
            tokens = self.prompt_tokens if prefill else rows * width
            name = (f"execute_context_{rows}({tokens})_generation_0(0)" if prefill
                    else f"execute_context_0(0)_generation_{rows}({tokens})")
            self.prefill = False
            self.before_step(prefill)
            with self.torch.profiler.record_function(name):
                return forward(*args, **kwargs)

        # generate() asks for the names of forward's arguments.
        step.__signature__ = inspect.signature(forward)
        self.model.forward = step

    def before_step(self, prefill):
        """Begins and ends the recording between two steps, as delay, bound and phase say."""
        if self.profiler is None or self.phase in ("prefill", "decode") and prefill != (self.phase == "prefill"):
            self.pause()
            return
        self.step += 1
        delay, bound = self.settings.get("delay_iterations", 0), self.settings.get("max_iterations", 0)
        if self.step <= delay or bound and self.step > delay + bound:
            self.pause()
        else:
            self.resume()

    def resume(self):
        self.recorded = True
        if not self.recording:
            self.recording = True
            self.profiler.toggle_collection_dynamic(True, self.activities)

    def pause(self):
        if self.profiler is not None and self.recording:
            self.recording = False
            self.synchronize()
            self.profiler.toggle_collection_dynamic(False, self.activities)

    def synchronize(self):
        if self.device.type == "cuda":
            self.torch.cuda.synchronize()

    def info(self):
        parameters = list(self.model.parameters())
        name = "CPU" if self.device.type == "cpu" else self.torch.cuda.get_device_name(self.device)
        return {
            "version": self.version, "architecture": type(self.model).__name__,
            "parameters": self.model.num_parameters() if self.ranks == 1 else 0,
            "weight_bytes": sum(p.numel() * p.element_size() for p in parameters) if self.ranks == 1 else 0,
            "dtype": str(self.model.dtype).replace("torch.", ""),
            "tensor_parallel_size": self.ranks, "ranks": self.ranks, "max_model_len": self.max_len, "device": name,
            "gpus": 0 if self.device.type == "cpu" else self.ranks,
            "threads_per_rank": self.torch.get_num_threads() if self.device.type == "cpu" else 0,
        }

    def generate(self, requests):
        for r in requests:
            self.check(r["params"])
        arrival = time.time()
        outputs, aborted = [], False
        for i, batch in self.batches(requests):
            if aborted or self.is_aborted():
                aborted = True
                break
            answers, aborted = self.run(batch, arrival)
            outputs.extend({"index": index, "output": o} for index, o in zip(i, answers))
        return {"outputs": outputs, "aborted": aborted}

    def check(self, p):
        """Refuses what generate() cannot do, rather than leave it out."""
        for name, nothing in (("n", 1), ("presence_penalty", 0), ("frequency_penalty", 0), ("logprobs", None)):
            if p.get(name, nothing) != nothing:
                raise UsageError(f"--{name.replace('_', '-')}: not with --engine transformers: leave it out")

    def batches(self, requests):
        """Requests that are answered together: those with the same parameters, so many at once as max_num_seqs says."""
        groups = {}
        for i, r in enumerate(requests):
            groups.setdefault(json.dumps(r["params"], sort_keys=True), []).append(i)
        for group in groups.values():
            for at in range(0, len(group), self.batch):
                chosen = group[at:at + self.batch]
                yield chosen, [requests[i] for i in chosen]

    def encode(self, r):
        ids = r.get("prompt_token_ids")
        if not ids:
            if self.tokenizer is None:
                raise UsageError("the model has no tokenizer: give prompts as token ids, such as --random-input-len 128")
            ids = self.tokenizer(r["prompt"])["input_ids"]
        vocabulary = self.model.config.get_text_config().vocab_size
        if bad := next((i for i in ids if i >= vocabulary), None):
            raise UsageError(f"token id {bad} is outside the model's vocabulary of {vocabulary}")
        if len(ids) >= self.max_len:
            raise UsageError(f"a prompt has {len(ids)} tokens, the context holds {self.max_len}: shorten it or raise --max-model-len")
        return ids

    def run(self, batch, arrival):
        from transformers import StoppingCriteria, StoppingCriteriaList
        torch, p = self.torch, batch[0]["params"]
        prompts = [self.encode(r) for r in batch]
        width = max(map(len, prompts))
        pad = (self.tokenizer and self.tokenizer.pad_token_id) or 0
        ids = torch.tensor([[pad] * (width - len(x)) + list(x) for x in prompts], device=self.device)
        mask = torch.tensor([[0] * (width - len(x)) + [1] * len(x) for x in prompts], device=self.device)
        times, owner = [], self

        class Watch(StoppingCriteria):
            def __call__(self, input_ids, scores, **_):
                owner.synchronize()
                times.append(time.time())
                return torch.full((input_ids.shape[0],), owner.is_aborted(), device=input_ids.device, dtype=torch.bool)

        settings = {"max_new_tokens": min(p["max_tokens"], self.max_len - width), "do_sample": p["temperature"] > 0, "pad_token_id": pad,
                    "stopping_criteria": StoppingCriteriaList([Watch()]), "use_cache": True}
        if p["temperature"] > 0:
            settings.update(temperature=p["temperature"], top_p=p["top_p"], top_k=p["top_k"] if p["top_k"] > 0 else 0,
                            min_p=p.get("min_p"))
        if p.get("min_tokens"):
            settings["min_new_tokens"] = p["min_tokens"]
        if p.get("repetition_penalty"):
            settings["repetition_penalty"] = p["repetition_penalty"]
        settings["eos_token_id"] = self.model.generation_config.eos_token_id = sorted(self.ends(p)) or None
        if p.get("stop"):
            settings.update(stop_strings=p["stop"], tokenizer=self.tokenizer)
        if p.get("seed") is not None:
            torch.manual_seed(p["seed"])
        self.prefill, self.prompt_tokens = True, sum(map(len, prompts))
        with torch.inference_mode():
            result = self.model.generate(ids, attention_mask=mask, **settings)[:, width:].tolist()
        return [self.answer(r, x, row, p, arrival, times) for r, x, row in zip(batch, prompts, result)], self.is_aborted()

    def ends(self, p):
        """The tokens that end an output."""
        eos = self.eos if isinstance(self.eos, list) else [self.eos]
        return set([] if p.get("ignore_eos") else eos) - {None} | set(p.get("stop_token_ids") or [])

    def answer(self, r, prompt, row, p, arrival, times):
        ends = self.ends(p)
        end = next((i for i, token in enumerate(row) if token in ends), None)
        tokens = row if end is None else row[:end + 1]
        text = self.tokenizer.decode(tokens, skip_special_tokens=True) if self.tokenizer else ""
        finish, stop = "stop" if end is not None else "length", ""
        for s in p.get("stop") or []:
            if s in text:
                text, finish, stop = text[:text.index(s) + len(s) * p.get("include_stop_str_in_output", False)], "stop", s
        if finish == "length" and len(tokens) < p["max_tokens"] and self.is_aborted():
            finish = "abort"
        n = min(len(tokens), len(times))
        return output(r, prompt, tokens, text, finish, stop, arrival, times[0] if n else None, times[n - 1] if n else None)

    def is_aborted(self):
        """Whether to end early. All ranks must say the same, or some would wait for others that have ended."""
        if self.ranks == 1:
            return abort.is_set()
        flag = self.torch.tensor([int(abort.is_set())])
        self.torch.distributed.broadcast(flag, 0)
        return bool(flag.item())

    def start_profile(self):
        profiler = self.torch.profiler
        self.activities = [profiler.ProfilerActivity.CPU]
        if self.device.type == "cuda":
            self.activities.append(profiler.ProfilerActivity.CUDA)
        s = self.settings
        self.profiler = profiler.profile(
            activities=self.activities, record_shapes=s["torch_profiler_record_shapes"], with_stack=s["torch_profiler_with_stack"],
            profile_memory=s["torch_profiler_with_memory"], with_flops=s["torch_profiler_with_flops"])
        # Here, and not when the first step comes: with a GPU it takes as long as a prefill, which is measured.
        self.profiler.start()
        self.step, self.recording, self.recorded = 0, True, False
        if self.phase in ("prefill", "decode") or s.get("delay_iterations"):
            self.pause()

    def stop_profile(self):
        p, self.profiler = self.profiler, None
        self.synchronize()
        p.stop()
        if not self.recorded:
            raise RuntimeError("no step ran between start and stop of the profile that was to be recorded")
        folder = self.settings["torch_profiler_dir"]
        os.makedirs(folder, exist_ok=True)
        suffix = ".json.gz" if self.settings.get("torch_profiler_use_gzip", True) else ".json"
        p.export_chrome_trace(os.path.join(folder, f"rank{self.rank}.{time.time_ns()}.pt.trace{suffix}"))

    def close(self):
        if self.ranks > 1:
            self.torch.distributed.destroy_process_group()


def fork_ranks(ranks):
    """Makes this process rank 0 of `ranks`, and returns the rank of the process that returns. When a rank dies the others
    would wait for it for ever: rank 0 ends then, and its process group with it."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    os.environ.update(WORLD_SIZE=str(ranks), LOCAL_WORLD_SIZE=str(ranks), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    rank = 0
    for r in range(1, ranks):
        child = os.fork()
        if child == 0:
            rank = r
            break
        threading.Thread(target=watch_rank, args=(r, child), daemon=True).start()
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank))
    return rank


def watch_rank(rank, pid):
    _, status = os.waitpid(pid, 0)
    if status != 0:
        print(f"rank {rank} died", file=sys.stderr, flush=True)
        tell_end(pid, os.waitstatus_to_exitcode(status))
        os._exit(70)


def join_ranks(rank, ranks):
    import torch
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(rank % torch.cuda.device_count())
    # Commands go through gloo, and may be hours apart.
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=datetime.timedelta(days=1))
    return torch.distributed


class Ranks:
    """The engine of rank 0, whose calls the other ranks make too."""

    def __init__(self, config, ranks):
        self.dist = join_ranks(0, ranks)
        self.engine = None
        self.engine = self.everywhere("open", config, ranks)

    def everywhere(self, op, *args):
        self.dist.broadcast_object_list([(op, args)], 0)
        return carry_out(self.engine, 0, op, args)

    def info(self):
        return self.engine.info()

    def generate(self, requests):
        return self.everywhere("generate", requests)

    def start_profile(self):
        return self.everywhere("start_profile")

    def stop_profile(self):
        return self.everywhere("stop_profile")

    def close(self):
        self.everywhere("close")


def carry_out(engine, rank, op, args):
    if op == "open":
        config, ranks = args
        return Transformers(config, rank, ranks)
    return getattr(engine, op)(*args)


def follow(rank, ranks):
    """What a rank other than 0 does. An error of the caller's is everybody's, and told by rank 0."""
    dist = join_ranks(rank, ranks)
    engine, op = None, ""
    while op != "close":
        command = [None]
        dist.broadcast_object_list(command, 0)
        op, args = command[0]
        try:
            result = carry_out(engine, rank, op, args)
        except UsageError:
            continue
        if op == "open":
            engine = result


def open_engine(config):
    ranks = config["arguments"].get("tensor_parallel_size", 1)
    if ranks == 1:
        return Transformers(config)
    if (rank := fork_ranks(ranks)) == 0:
        return Ranks(config, ranks)
    try:
        follow(rank, ranks)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
