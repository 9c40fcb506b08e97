package plants

import (
	"math/rand/v2"
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// List is every plant. Names say what was done, where, and by how much.
var List = slices.Concat(hostPlants, devicePlants, damagePlants, rankPlants)

// NotChecked and the name of a check, among what is right to say, stand for saying that it could not be made.
const NotChecked = "not checked: "

// Ids of findings and problems, by what is planted. Of several, each names the cause.
var (
	hostIsLate   = []string{"host_idle", "launch_bound_decode", "outside_ops"}
	pauses       = []string{"periodic_pauses", "outlier_steps", "one_long_gap", "host_idle"}
	waitsForGPU  = []string{"sync_in_step", "pageable_copies"}
	lostWork     = []string{"rank_lost_work", "replays_differ", "empty_graphs", "graph_underrecorded", "empty_launches", "lost_kernels", "lost_copies", "gpu_ends_early"}
	firstToo     = append([]string{"first_step_skew"}, hostIsLate...) // where it is the first step that ends with a pause
	partial      = []string{"host_idle"}                              // what is left may be the steps that wait
	lostLaunches = []string{"unlinked", "unlinked_kernels", "lost_launches", NotChecked + "launches"}
)

var hostPlants = []Plant{
	{"host pauses between decode steps, 30 % of one", pausing(hostIsLate, nil, betweenSteps(0.3), nil)},
	{"host pauses between decode steps, 100 % of one", pausing(hostIsLate, nil, betweenSteps(1), nil)},
	{"host pauses in an op of decode steps, 40 % of one", pausing(hostIsLate, nil, insideOps(0.4), nil)},
	{"host pauses before every 5th step, 3 steps long", pausing(pauses, firstToo, every(5, 3), nil)},
	{"host pauses at random 3 times, 6 steps long", pausing(pauses, firstToo, nowAndThen(3, 6), nil)},
	{"host pauses once, 40 steps long", pausing([]string{"one_long_gap"}, pauses, nowAndThen(1, 40), nil)},
	{"host pauses before prefill, 10 % of the window", pausing(pauses, hostIsLate, inPrefill(0.1), nil)},
	{"host pauses while it is ahead", pausing(nil, nil, whileAhead, nil)},
	{"launches take 20 µs longer", pausing(hostIsLate, nil, slowLaunches(20_000), nil)},
	{"the device is waited for before each decode step", pausing(waitsForGPU, hostIsLate, synchronising, nil)},
	{"a past event is asked for before each decode step", pausing(nil, nil, askingWhetherDone, nil)},
	{"another thread waits for the device", waitingBeside},
	{"pageable copies before each decode step", blockingCopies},
	{"host pauses between decode steps, 12 % of one", pausing(hostIsLate, nil, betweenSteps(0.12), nil)},
	{"host pauses before every 4th step, 1.5 steps long", pausing(pauses, firstToo, every(4, 1.5), nil)},
	{"host pauses at random once, 4 steps long", pausing(pauses, firstToo, nowAndThen(1, 4), nil)},
	{"host pauses in decode steps, for a random time", pausing(hostIsLate, pauses, betweenAtRandom(0.5), nil)},
	{"launches take 5 µs longer", pausing(hostIsLate, nil, slowLaunches(5_000), nil)},
	{"launches take 1 µs longer", pausing(nil, hostIsLate, slowLaunches(1_000), nil)},
	{"the device is waited for in the middle of each decode step", pausing(waitsForGPU, hostIsLate, synchronisingInside, nil)},
	{"a megabyte from pageable memory before each decode step", copyingBlocked("Memcpy HtoD (Pageable -> Device)", 90_000, 1<<20)},
}

var devicePlants = []Plant{
	{"decode kernels slow down over time", scaling([]string{"throttling", "step_drift"}, nil,
		decoding(func(part float64, _ int, _ *Work) float64 { return 1 + 0.6*part }))},
	{"attention grows fourfold over decode", scaling([]string{"attention_growth"}, nil,
		decoding(func(part float64, _ int, w *Work) float64 {
			if named(w, attentionNames...) {
				return 1 + 9*part
			}
			return 1
		}))},
	{"every other decode step takes twice as long", scaling([]string{"bimodal_steps"}, nil,
		decoding(func(_ float64, nth int, _ *Work) float64 { return 1 + float64(nth%2) }))},
	{"one decode step takes six times as long", scaling([]string{"outlier_steps"}, nil,
		decoding(func(_ float64, nth int, _ *Work) float64 {
			if nth == 5 {
				return 6
			}
			return 1
		}))},
	{"sampling takes ten times as long", scaling([]string{"sampling_share"}, nil,
		called(10, "argmax", "ArgMax", "topk_topp", "_sample", "softmax_warp", "cunn_SoftMax"))},
	{"all kernels take 10 % longer", scaling(nil, nil, called(1.1, ""))},
	{"graphs have 4 µs between kernels", apart(4_000)},
	{"another process has the device in each decode step, for 40 % of one", takingTurns(0.4)},
	{"another process has the device in each decode step, for 10 % of one", takingTurns(0.1)},
	{"30 tiny copies in each decode step", adding([]string{"tiny_copies"}, hostIsLate, "cudaMemcpyAsync",
		atStepsFirst(30, addition{name: "Memcpy HtoD (Pinned -> Device)", category: trace.CategoryMemcpy, ns: 1_500, bytes: 64}))},
	{"a pinned copy of 1 ms in each decode step", adding([]string{"exposed_copies"}, hostIsLate, "cudaMemcpyAsync",
		atStepsFirst(1, addition{name: "Memcpy HtoD (Pinned -> Device)", category: trace.CategoryMemcpy, ns: 1_000_000, bytes: 40 << 20}))},
	{"activations are quantized before each matrix multiplication", adding([]string{"activation_quantization"}, []string{"graph_gaps"}, "cudaLaunchKernel",
		beforeEach("void vllm::scaled_fp8_quant_kernel_strided<c10::Half, c10::Float8_e4m3fn>(c10::Float8_e4m3fn*, c10::Half const*, float const*)",
			8_000, "gemm", "nvjet", "Marlin", "cutlass"))},
	{"decode kernels slow down over time, by a quarter", scaling([]string{"throttling", "step_drift"}, nil,
		decoding(func(part float64, _ int, _ *Work) float64 { return 1 + 0.25*part }))},
	{"every other decode step takes 1.4 times as long", scaling([]string{"bimodal_steps"}, nil,
		decoding(func(_ float64, nth int, _ *Work) float64 { return 1 + 0.4*float64(nth%2) }))},
	{"one decode step takes three times as long", scaling([]string{"outlier_steps"}, nil,
		decoding(func(_ float64, nth int, _ *Work) float64 {
			if nth == 4 {
				return 3
			}
			return 1
		}))},
	{"kernels take 2 % more or less, at random", jittering(0.02)},
	{"attention takes twice as long, always", scaling(nil, nil, called(2, attentionNames...))},
	{"matrix multiplications take 1.5 times as long", scaling(nil, nil, called(1.5, "gemm", "nvjet", "Marlin", "cutlass"))},
	{"graphs have 1.5 µs between kernels", apart(1_500)},
	{"3 small copies in each decode step", adding(nil, nil, "cudaMemcpyAsync",
		atStepsFirst(3, addition{name: "Memcpy HtoD (Pinned -> Device)", category: trace.CategoryMemcpy, ns: 1_500, bytes: 64}))},
	{"activations are quantized before each matrix multiplication, in 4 µs", adding([]string{"activation_quantization"}, []string{"graph_gaps"}, "cudaLaunchKernel",
		beforeEach("void vllm::dynamic_scaled_int8_quant_kernel<c10::BFloat16, float>(c10::BFloat16 const*, signed char*, float*, int)",
			4_000, "gemm", "nvjet", "Marlin", "cutlass"))},
}

var damagePlants = []Plant{
	{"2 % of graphs' kernels are lost", editing(-1, lostWork, nil, dropWork(ofReplays(0.02)))},
	{"20 % of graphs' kernels are lost", editing(-1, lostWork, nil, dropWork(ofReplays(0.2)))},
	{"the last third of the device's work is lost", editing(-1, lostWork, partial, dropWork(ofTheTail(0.33)))},
	{"all runtime calls are lost", editing(-1, lostLaunches, nil, dropRows(anyCall))},
	{"10 % of launches are lost", editing(-1, lostLaunches, nil, someLaunches(0.1))},
	{"every other mark of a step is lost", editing(-1, []string{"lost_steps"}, nil, everyOtherMark)},
	{"3 % of the device's work is there twice", editing(-1, []string{"duplicates"}, nil, duplicate(0.03))},
	{"5 % of kernels take 0 ns", editing(-1, []string{"no_duration"}, nil, lastingNothing(0.05))},
	{"1 % of kernels end before they begin", editing(-1, []string{"damaged"}, nil, endingEarlier(0.01))},
	{"0.2 % of graphs' kernels are lost", editing(-1, lostWork, nil, dropWork(ofReplays(0.002)))},
	{"the last tenth of the device's work is lost", editing(-1, lostWork, partial, dropWork(ofTheTail(0.1)))},
	{"2 % of launches are lost", editing(-1, lostLaunches, nil, someLaunches(0.02))},
	{"0.5 % of the device's work is there twice", editing(-1, []string{"duplicates"}, nil, duplicate(0.005))},
	{"1 % of kernels take 0 ns", editing(-1, []string{"no_duration"}, nil, lastingNothing(0.01))},
	{"the profile is of steps in the middle", editing(-1, nil, partial, outside(0.3, 0.8))},
	{"a tenth of the device's work is lost, in the middle", editing(-1, lostWork, partial, dropWork(ofTheMiddle(0.45, 0.55)))},
	{"calls of the driver are lost", editing(-1, lostLaunches, nil, dropRows(anyDriverCall))},
	{"the file ends at 70 % of the time", editing(-1, []string{"damaged"}, append(partial[:1:1], lostWork...), truncated(0.7))},
}

var rankPlants = []Plant{
	{"rank 1 computes 40 % slower", onRank(1, []string{"straggler_rank"}, nil, 1.4)},
	{"rank 1 has a slower host", pausingOne(1, []string{"straggler_rank"}, hostIsLate)},
	{"rank 1 ends at 60 %", editing(1, []string{"early_rank", "gpu_ends_early"}, partial, outside(0, 0.6))},
	{"rank 1 begins at 40 %", beginning(1, 0.4, []string{"late_rank", "rank_start_skew"})},
	{"rank 1's clock is an hour off", clockOff(1, 3_600_000_000_000, []string{"clock_skew"})},
	{"rank 1's clock is 20 ms off", clockOff(1, 20_000_000, []string{"clock_skew"})},
	{"rank 1 is another run's", otherRun(1)},
	{"rank 1 lost 30 % of the device's work", editing(1, lostWork, nil,
		dropWork(func(_ *Rank, _ *Work, random *rand.Rand) bool { return random.Float64() < 0.3 }))},
	{"rank 0 computes 40 % slower", onRank(0, []string{"straggler_rank"}, nil, 1.4)},
	{"rank 1 computes 15 % slower", onRank(1, []string{"straggler_rank"}, nil, 1.15)},
	{"rank 0 has a slower host", pausingOne(0, []string{"straggler_rank"}, hostIsLate)},
	{"rank 0 ends at 75 %", editing(0, []string{"early_rank", "gpu_ends_early"}, partial, outside(0, 0.75))},
	{"rank 1's clock is 50 µs off", clockOff(1, 50_000, nil)},
	{"rank 1 computes 40 % slower, and has lost 3 % of its collectives", slowAndLossy(1, 1.4, 0.03)},
	{"rank 1's host pauses before every 4th step, 2 steps long", pausingOneOften(1, append([]string{"straggler_rank"}, pauses...), hostIsLate)},
	{"rank 1 lost 3 % of its collectives", editing(1, lostWork, nil, dropWork(someCollectives(0.03)))},
	{"rank 1 computes 20 % slower", untimed(onRank(1, []string{"straggler_rank"}, nil, 1.2))},
	{"all of rank 0 takes 20 % longer", slowInAll(0, []string{"straggler_rank"}, hostIsLate, 1.2)},
	{"all of rank 1 takes 20 % longer", slowInAll(1, []string{"straggler_rank"}, hostIsLate, 1.2)},
	{"rank 0 begins 300 ms later", startingLate(0, 300_000_000, nil, []string{"rank_start_skew"})},
	{"rank 1 begins 2 s later", startingLate(1, 2_000_000_000, []string{"rank_start_skew"}, nil)},
	{"rank 1 begins 300 ms later, and computes 50 % slower", slowAndLate},
	{"rank 1 computes 50 % slower, and rank 0 ends at 90 %", slowBesideCut},
	{"rank 1 is a copy of rank 0", copied(1)},
	{"rank 1 lost half of all", editing(1, lostWork, append(slices.Clip(lostLaunches), "one_long_gap"), dropRows(half))},
}
