package python

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Lines that engines really print, and the diagnosis of each. Every diagnosis has one.
func TestDiagnose(t *testing.T) {
	known := map[string]bool{}
	for _, c := range []struct{ name, line, want string }{
		{"no-vllm", "ModuleNotFoundError: No module named 'vllm'", "vllm is not installed in this Python"},
		{"no-module", "ModuleNotFoundError: No module named 'regex'", "the Python module regex is missing"},
		{"no-package", "ValueError: Using a `device_map`, `tp_plan`, `torch.device` context manager or setting `torch.set_default_device(device)` requires `accelerate`. You can install it with `pip install accelerate`", "the Python package accelerate is missing"},
		{"no-package", "ImportError: Using `bitsandbytes` 8-bit quantization requires bitsandbytes: `pip install -U bitsandbytes>=0.48.0`", "the Python package bitsandbytes is missing"},
		{"no-package", "ImportError: Loading an AutoRound quantized model requires auto-round library (`pip install 'auto-round>=0.5'`)", "the Python package auto-round is missing"},
		{"no-package", "ValueError: accelerate is required when loading a GGUF file `pip install accelerate`.", "the Python package accelerate is missing"},
		{"cuda-library", "ImportError: libcudart.so.12: cannot open shared object file: No such file or directory", "libcudart.so.12 is not here"},
		{"cuda-library", "OSError: libcudart.so.13: cannot open shared object file: No such file or directory", "libcudart.so.13 is not here"},
		{"binary-mismatch", "WARNING 11-24 19:30:08 [interface.py:201] Failed to import from vllm._C: ImportError(\"/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /x/vllm/_C.abi3.so)\")", "(version `GLIBC_2.38' not found)"},
		{"binary-mismatch", "RuntimeError: operator torchvision::nms does not exist", "(operator torchvision::nms does not exist)"},
		{"binary-mismatch", "ImportError: /x/vllm/_C.abi3.so: undefined symbol: _ZN3c106detail", "undefined symbol: _ZN3c106detail"},
		{"gated-model", "huggingface_hub.errors.GatedRepoError: 403 Client Error.", "the hub refuses"},
		{"no-hub", "OSError: We couldn't connect to 'https://huggingface.co' to load the files", "the hub cannot be reached"},
		{"no-model", "ValueError: Invalid repository ID or local directory specified: 'opt/125m'.", "there is no such model"},
		{"remote-code", "ValueError: The repository ./m contains custom code which must be executed to correctly load the model.", "trust_remote_code=true"},
		{"no-tokenizer", "ValueError: Couldn't instantiate the backend tokenizer from one of: ", "skip_tokenizer_init=true"},
		{"no-tokenizer", "OSError: Can't load tokenizer for './model'. If you were trying to load it from 'https://huggingface.co/models'", "without a tokenizer"},
		{"architecture", "ValueError: Model architectures ['FooForCausalLM'] are not supported for now.", "architecture 'FooForCausalLM'"},
		{"not-quantized", "ValueError: Cannot find the config file for awq", "leave --quantization out"},
		{"not-quantized", "Quantization method specified in the model config (awq) does not match the quantization method specified in the `quantization` argument (gptq).", "leave --quantization out"},
		{"bfloat16", "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has compute capability 7.5.", "--dtype float16"},
		{"gpu-taken", "ValueError: Free memory on device cuda:0 (10.2/79.1 GiB) on startup is less than desired GPU memory utilization (0.9)", "something else uses the GPU's memory"},
		{"no-kv-cache", "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`", "no memory is left for keys and values"},
		{"gpu-memory", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.", "the GPU's memory is full"},
		{"no-gpu", "RuntimeError: Failed to infer device type, please set the environment variable", "finds no GPU"},
		{"too-few-gpus", "ValueError: World size (4) is larger than the number of available GPUs (2) in this node.", "fewer GPUs than ranks"},
		{"numa", "RuntimeError: Not enough allowed NUMA nodes to bind threads of 2 local CPUWorkers. Allowed NUMA nodes are [0].", "VLLM_CPU_OMP_THREADS_BIND="},
		{"heads", "ValueError: Total number of attention heads (9) must be divisible by tensor parallel size (2).", "split so: Total number of attention heads (9)"},
		{"data-parallel", "ValueError: LLM(data_parallel_size=2) is not supported for single-process usage and may hang.", "profile it with --url"},
		{"max-model-len", "ValueError: User-specified max_model_len (4096) is greater than the derived max_model_len (max_position_embeddings=2048", "--max-model-len 4096 is longer"},
		{"port-taken", "OSError: [Errno 98] Address already in use", "VLLM_PORT"},
		{"rendezvous", "RuntimeError: Gloo connectFullMesh failed with [../third_party/gloo/gloo/transport/tcp/pair.cc:144] no error", "VLLM_HOST_IP"},
		{"rendezvous", "torch.distributed.DistNetworkError: The client socket has timed out after 600000ms while trying to connect to (10.0.0.1, 51237).", "the ranks did not find each other"},
		{"shared-memory", "RuntimeError: unable to allocate shared memory(shm) for file </torch_7_1>: Resource temporarily unavailable (11)", "/dev/shm is too small"},
		{"disk-full", "OSError: [Errno 28] No space left on device: '/tmp/tmpab12.json'", "TMPDIR"},
		{"cupti-taken", "External init callback must run in same thread; CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED", "another profiler has the GPU"},
		{"cupti-rights", "function status failed with error CUPTI_ERROR_INSUFFICIENT_PRIVILEGES (35)", "NVreg_RestrictProfilingToAdminUsers"},
		{"empty-stack", "RuntimeError: !stack.empty() INTERNAL ASSERT FAILED at collection.cpp:1, please report a bug. Python replay stack is empty.", "without --with-stack"},
		{"preload", "RuntimeError: libtcmalloc is not found in LD_PRELOAD. For best performance, please follow the section `set LD_PRELOAD` in https://docs.vllm.ai/en/latest/getting_started/installation/cpu/ to setup required pre-loaded libraries.", "libtcmalloc loaded before everything"},
		{"vllm-0.12-cpu", "AttributeError: 'profile' object has no attribute 'annotate_context_manager'", "use vLLM 0.13 or newer"},
		{"not-running", "RuntimeError: Can't disable Kineto profiler when it's not running in this thread", "stopped without having been started"},
		{"not-enabled", "RuntimeError: Profiling is not enabled. Please set --profiler-config to enable profiling.", "check that torch_profiler_dir reaches it"},
		{"profiler-start", "Failed to start profiler: CUPTI is busy", "did not start: CUPTI is busy"},
		{"profiler-stop", "Failed to stop profiler: [Errno 13] Permission denied", "did not stop: [Errno 13] Permission denied"},
		{"rpc-timeout", "TimeoutError: RPC call to profile timed out.", "VLLM_RPC_TIMEOUT"},
		{"assertion", "torch.AcceleratorError: CUDA error: an illegal memory access was encountered", "a GPU kernel crashed: an illegal memory access"},
		{"nccl", "torch.distributed.DistBackendError: NCCL error in: ../NCCLUtils.cpp:77, unhandled system error", "NCCL_DEBUG=INFO"},
		{"worker-died", "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.", "a process of the engine died"},
		{"worker-died", "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}", "a process of the engine died"},
	} {
		known[c.name] = true
		found := diagnose([]byte("INFO before\n(Worker pid=7) ERROR " + c.line + "\nINFO after\n"))
		if len(found) == 0 || !strings.Contains(found[0], c.want) {
			t.Errorf("%s: %s: %q, want %q", c.name, c.line, found, c.want)
		}
		for _, d := range diagnoses {
			if _, ok := d.match([]byte(c.line)); d.name == c.name && !ok {
				t.Errorf("%s does not know %s", c.name, c.line)
			}
		}
	}
	for _, d := range diagnoses {
		if !known[d.name] {
			t.Errorf("no line of %s", d.name)
		}
	}
	if found := diagnose([]byte("ModuleNotFoundError: No module named 'vllm'")); len(found) != 1 {
		t.Errorf("one cause: %q", found)
	}
	if found := diagnose([]byte("INFO everything is fine\nWARNING Triton is not installed.\n")); found != nil {
		t.Errorf("a healthy log: %q", found)
	}
}

// A cause is told, and not the engine's death that followed it.
func TestCauseBeforeSymptom(t *testing.T) {
	found := diagnose([]byte("EngineDeadError: EngineCore died\nCUDA out of memory\n"))
	if len(found) != 1 || !strings.Contains(found[0], "memory is full") {
		t.Errorf("%q", found)
	}
}

func TestFirstLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"\none line\n", "one line"},
		{"first\nsecond", "first"},
		{"from one of: \n(1) a file, \n(2) an instance", "from one of: (1) a file, (2) an instance"},
		{strings.Repeat("ä", 500), strings.Repeat("ä", 400) + "…"},
	} {
		if got := firstLine(c.text); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

var diagnosisRow = regexp.MustCompile("(?m)^\\| `([\\w.-]+)`( \\*)? \\|")

// docs/diagnoses.md has every diagnosis, in this order, and no other.
func TestDiagnosesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/diagnoses.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Lines of a log")
	var documented, known []string
	for _, m := range diagnosisRow.FindAllStringSubmatch(table, -1) {
		documented = append(documented, m[1]+m[2])
	}
	for _, d := range diagnoses {
		name := d.name
		if d.always {
			name += " *"
		}
		known = append(known, name)
	}
	if !slices.Equal(documented, known) {
		t.Errorf("documented %q\nknown      %q", documented, known)
	}
}
