package python

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Diagnoses. An engine that fails prints a hundred lines, of which one says why, and that one in words for the engine's
// authors. Each diagnosis below knows such a line, says in one sentence what it means, and what to do next.
//
// Causes come first: that the engine died is a consequence, and is told only if nothing else explains it. Of causes the
// first two in the order of the table are told, since one line often draws others after it.

// diagnosis knows one way to go wrong.
type diagnosis struct {
	name    string // in docs/diagnoses.md
	pattern *regexp.Regexp
	says    string // %s, if it is there, is the pattern's group
	next    string // what to do about it
	symptom bool   // of something else
	always  bool   // worth a warning even if every trace is whole
}

var diagnoses = []diagnosis{
	{name: "no-vllm", pattern: regexp.MustCompile(`No module named '(vllm)'`),
		says: "%s is not installed in this Python", next: "name the Python that has it with --python, or activate its environment"},
	{name: "no-module", pattern: regexp.MustCompile(`ModuleNotFoundError: No module named '([\w.]+)'`),
		says: "the Python module %s is missing", next: "install it in the engine's environment, or name another Python with --python"},
	{name: "no-package", pattern: regexp.MustCompile("(?:requires|is required|need to install)[^\\n]*pip install (?:-U |--upgrade )?['`]?([\\w.-]+)"),
		says: "the Python package %s is missing", next: "install it in the engine's environment with pip install"},
	{name: "cuda-library", pattern: regexp.MustCompile(`(?:ImportError|OSError): (lib(?:cu|nv|nccl)[\w.-]+): cannot open shared object file`),
		says: "%s is not here: the engine was built for another CUDA, or for a machine with a GPU", next: "install the build that fits this machine"},
	{name: "binary-mismatch", pattern: regexp.MustCompile(`(?:ImportError|OSError|RuntimeError)(?:: |\(").*?(undefined symbol: \w+|version .\w+_[\d.]+. not found|operator \w+::\w+ does not exist)`),
		says: "a compiled part of the engine does not fit what is installed (%s)", next: "reinstall the engine together with the PyTorch that it was built for"},
	{name: "gated-model", pattern: regexp.MustCompile(`GatedRepoError|Access to model \S+ is restricted|40[13] Client Error`),
		says: "the hub refuses to give the model", next: "accept its licence there, and log in with huggingface-cli login or HF_TOKEN"},
	{name: "no-hub", pattern: regexp.MustCompile(`LocalEntryNotFoundError|OfflineModeIsEnabled|couldn't connect to 'https://huggingface\.co'|outgoing traffic has been disabled`),
		says: "the hub cannot be reached, and the model is not in the cache", next: "download it first, or name a folder with --model"},
	{name: "no-model", pattern: regexp.MustCompile(`RepositoryNotFoundError|is not a local folder and is not a valid model identifier|Repo id must be in the form|Invalid repository ID or local directory specified`),
		says: "there is no such model", next: "check --model: a folder with a config.json, or a name on the hub such as facebook/opt-125m"},
	{name: "remote-code", pattern: regexp.MustCompile(`contains custom code which must be executed|set the option .trust_remote_code=True`),
		says: "the model brings code of its own", next: "if you trust it, add --engine-arg trust_remote_code=true"},
	{name: "no-tokenizer", pattern: regexp.MustCompile(`Couldn't instantiate the backend tokenizer|Can't load tokenizer for`),
		says: "the model comes without a tokenizer", next: "put its files into the model's folder; prompts of token ids (--random-input-len) need none, with --engine-arg skip_tokenizer_init=true"},
	{name: "architecture", pattern: regexp.MustCompile(`Model architectures \[(.*?)\] (?:are not supported|failed to be inspected)|does not recognize this architecture`),
		says: "this version of the engine does not know the model's architecture %s", next: "use a newer version, or another model"},
	{name: "not-quantized", pattern: regexp.MustCompile(`Cannot find the config file for (\w+)|Quantization method specified in the model config`),
		says: "the model is not quantized in the way that was asked for", next: "leave --quantization out, or name a model that is"},
	{name: "bfloat16", pattern: regexp.MustCompile(`Bfloat16 is only supported on GPUs with compute capability`),
		says: "this GPU cannot compute in bfloat16", next: "add --dtype float16"},
	{name: "gpu-taken", pattern: regexp.MustCompile(`(Free memory on device .*?) is less than desired GPU memory utilization`),
		says: "something else uses the GPU's memory", next: "end it (nvidia-smi shows it), or lower --engine-arg gpu_memory_utilization=0.5"},
	{name: "no-kv-cache", pattern: regexp.MustCompile(`No available memory for the cache blocks|larger than the available KV cache memory|larger than the maximum number of tokens that can be stored in KV cache`),
		says: "beside the weights no memory is left for keys and values of the longest sequence", next: "lower --max-model-len, or raise --engine-arg gpu_memory_utilization=0.95 (on a CPU: VLLM_CPU_KVCACHE_SPACE)"},
	{name: "gpu-memory", pattern: regexp.MustCompile(`CUDA out of memory|OutOfMemoryError|CUDA error: out of memory|HIP out of memory`),
		says: "the GPU's memory is full", next: "lower --max-num-seqs, --max-model-len or gpu_memory_utilization, split the model with --tensor-parallel-size, or end what else runs there"},
	{name: "no-gpu", pattern: regexp.MustCompile(`Failed to infer device type|No CUDA GPUs are available|Found no NVIDIA driver|libcuda\.so\.1: cannot open|Torch not compiled with CUDA enabled|CUDA driver version is insufficient|no NVIDIA GPU detected`),
		says: "the engine finds no GPU that it can use", next: "check nvidia-smi (or rocm-smi), CUDA_VISIBLE_DEVICES and the container's --gpus; for a machine without a GPU use the engine's build for CPUs"},
	{name: "too-few-gpus", pattern: regexp.MustCompile(`invalid device ordinal|larger than the number of available GPUs|World size \(?\d+\)? (?:is|exceeds).*?GPUs`),
		says: "there are fewer GPUs than ranks", next: "lower --tensor-parallel-size, or make more GPUs visible (CUDA_VISIBLE_DEVICES)"},
	{name: "numa", pattern: regexp.MustCompile(`Not enough allowed NUMA nodes`),
		says: "vLLM wants a NUMA node for each rank", next: `say which processors each rank gets, such as VLLM_CPU_OMP_THREADS_BIND="0|1" for two`},
	{name: "heads", pattern: regexp.MustCompile(`(Total number of attention heads \(?\d+\)? must be divisible by tensor parallel size \(?\d+\)?)`),
		says: "the model cannot be split so: %s", next: "choose another --tensor-parallel-size"},
	{name: "data-parallel", pattern: regexp.MustCompile(`LLM\(data_parallel_size=\d+\) is not supported`),
		says: "vLLM runs data-parallel copies of a model behind its server alone", next: "start that with --data-parallel-size and a --profiler-config, and profile it with --url"},
	{name: "max-model-len", pattern: regexp.MustCompile(`User-specified max_model_len \((\d+)\) is greater than`),
		says: "--max-model-len %s is longer than the model was made for", next: "lower it"},
	{name: "port-taken", pattern: regexp.MustCompile(`Address already in use|EADDRINUSE|errno: 98`),
		says: "a port that the engine's processes talk through is taken", next: "end the engine that has it, or choose another with VLLM_PORT or MASTER_PORT"},
	{name: "rendezvous", pattern: regexp.MustCompile(`connectFullMesh failed|The client socket has (?:timed out|failed)|DistStoreError|DistNetworkError`),
		says: "the ranks did not find each other", next: "check that the machine's name resolves; or set VLLM_HOST_IP, and GLOO_SOCKET_IFNAME or NCCL_SOCKET_IFNAME"},
	{name: "shared-memory", pattern: regexp.MustCompile(`creating shared memory segment|unable to (?:open|allocate) shared memory|/dev/shm.*No space left`),
		says: "/dev/shm is too small for the ranks to talk through", next: "enlarge it (docker: --shm-size 16g, or --ipc host)"},
	{name: "disk-full", pattern: regexp.MustCompile(`No space left on device|Disk quota exceeded`), always: true,
		says: "a disk is full", next: "free some space: PyTorch writes each trace uncompressed into the temporary directory (TMPDIR) before it compresses it into the profile's"},
	{name: "cupti-taken", pattern: regexp.MustCompile(`CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED|CUPTI.*?code:? ?39`), always: true,
		says: "another profiler has the GPU", next: "end nsys, ncu or DCGM's profiling (dcgmi profile --pause) and capture again"},
	{name: "cupti-rights", pattern: regexp.MustCompile(`CUPTI_ERROR_INSUFFICIENT_PRIVILEGES|CUPTI.*?code:? ?35`), always: true,
		says: "the driver lets only administrators profile the GPU", next: "set NVreg_RestrictProfilingToAdminUsers=0, or run with CAP_SYS_ADMIN"},
	{name: "empty-stack", pattern: regexp.MustCompile(`Python replay stack is empty`), always: true,
		says: "PyTorch's profiler lost track of the Python stacks", next: "capture without --with-stack"},
	{name: "preload", pattern: regexp.MustCompile(`RuntimeError: (lib\w+) is not found in LD_PRELOAD`),
		says: "vLLM on a CPU wants %s loaded before everything else", next: "install it (libtcmalloc-minimal4 of the system, intel-openmp of pip for libiomp5), and name its file in LD_PRELOAD"},
	{name: "vllm-0.12-cpu", pattern: regexp.MustCompile(`'profile' object has no attribute 'annotate_context_manager'`),
		says: "this version of vLLM cannot profile on a CPU", next: "use vLLM 0.13 or newer"},
	{name: "not-running", pattern: regexp.MustCompile(`Can't disable Kineto profiler when it's not running`), always: true,
		says: "a rank's profiler was stopped without having been started", next: "look above that line in the log for why it did not start"},
	{name: "not-enabled", pattern: regexp.MustCompile(`Profiling is not enabled|Profiler is not enabled`),
		says: "the engine was started without its profiler", next: "check that torch_profiler_dir reaches it"},
	{name: "profiler-start", pattern: regexp.MustCompile(`Failed to start profiler: (.+)`), always: true,
		says: "a rank's profiler did not start: %s", next: "its trace is missing or empty"},
	{name: "profiler-stop", pattern: regexp.MustCompile(`Failed to stop profiler: (.+)`), always: true,
		says: "a rank's profiler did not stop: %s", next: "its trace is missing or cut off"},
	{name: "rpc-timeout", pattern: regexp.MustCompile(`RPC call to \w+ timed out|Timeout waiting for (?:response|RPC)`),
		says: "writing the traces took longer than the engine waits", next: "record fewer steps (--max-iterations), without stacks, or set VLLM_RPC_TIMEOUT=3600000"},
	{name: "assertion", pattern: regexp.MustCompile(`CUDA error: (an illegal memory access was encountered|device-side assert triggered|misaligned address)`),
		says: "a GPU kernel crashed: %s", next: "run again with CUDA_LAUNCH_BLOCKING=1 to see which one"},
	{name: "nccl", pattern: regexp.MustCompile(`NCCL error[^:]*: (.+)|ncclUnhandledCudaError|ncclSystemError`),
		says: "the ranks' communication failed", next: "run again with NCCL_DEBUG=INFO; in containers check /dev/shm and --ipc host"},
	{name: "worker-died", pattern: regexp.MustCompile(`Worker ?[Pp]roc \S+ died unexpectedly|EngineDeadError|EngineCore died|Engine core proc\S* .*died unexpectedly|Engine core initialization failed`), symptom: true,
		says: "a process of the engine died", next: "if the log does not say why, the system may have ended it for want of memory (see dmesg)"},
}

// diagnose finds the causes that a log tells, or else the symptoms: two at most, and one for the same words.
func diagnose(log []byte) []string {
	if found := diagnosed(log, false); len(found) > 0 {
		return found
	}
	return diagnosed(log, true)
}

// diagnosed finds the causes, or the symptoms.
func diagnosed(log []byte, symptoms bool) []string {
	var found []string
	var told []int // begin and end of the words that the first one is about
	for _, d := range diagnoses {
		at := d.pattern.FindIndex(log)
		if at == nil || d.symptom != symptoms || len(found) == 2 || told != nil && at[0] < told[1] && told[0] < at[1] {
			continue
		}
		text, _ := d.match(log)
		found, told = append(found, text), at
	}
	return found
}

// warningsIn finds what is to be known of a capture even if it looks well.
func warningsIn(log []byte) []string {
	var found []string
	for _, d := range diagnoses {
		if text, ok := d.match(log); ok && d.always && !slices.Contains(found, text) {
			found = append(found, text)
		}
	}
	return found
}

// match says the diagnosis if a log has its line.
func (d diagnosis) match(log []byte) (text string, ok bool) {
	m := d.pattern.FindSubmatch(log)
	if m == nil {
		return "", false
	}
	text = d.says
	if strings.Contains(text, "%s") {
		group := ""
		if len(m) > 1 {
			group = firstLine(string(m[1]))
		}
		text = strings.TrimSpace(fmt.Sprintf(text, group))
	}
	return text + ": " + d.next, true
}
