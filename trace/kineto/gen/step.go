package gen

import "fmt"

// The times inside a step, from its start. A layer's CPU side takes cpuLayerNs, its device side deviceLayerNs; the
// device lags behind.
const (
	deviceLagNs   = 300_000
	overlapNs     = 200 // every sixteenth kernel starts before the one before has ended
	overlapsEvery = 16
)

var (
	frameNames  = names(700, "/usr/lib/python3/dist-packages/vllm/model_executor/layers/module_%d.py(%d): forward")
	moduleNames = names(120, "nn.Module: QKVParallelLinear_%d_%d")
	kernelNames = names(24, "void cutlass::device_kernel<flash::enable_sm90<flash::FlashAttnFwdSm90<cute::tuple<cute::C<%d>, cute::C<%d> > > > >(Params)")
	opNames     = []string{"aten::linear", "aten::addmm", "_C::rms_norm", "_C::silu_and_mul", "vllm::unified_attention_with_output", "aten::copy_"}
	shapes      = []string{
		`"Concrete Inputs": ["", "", ""], "Input type": ["c10::BFloat16", "c10::BFloat16", ""], "Input Strides": [[4096, 1], [4096, 1], []], "Input Dims": [[32, 4096], [6144, 4096], []]`,
		`"Concrete Inputs": ["", "", "1.0000000000000001e-05"], "Input type": ["c10::BFloat16", "c10::BFloat16", "Scalar"], "Input Strides": [[4096, 1], [1], []], "Input Dims": [[32, 4096], [4096], []]`,
		`"Concrete Inputs": ["", ""], "Input type": ["c10::BFloat16", "c10::BFloat16"], "Input Strides": [[28672, 1], [14336, 1]], "Input Dims": [[32, 28672], [32, 14336]]`,
	}
)

func names(n int, format string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, i, i*37%2000)
	}
	return out
}

// number counts something over all steps: the k-th of layer l of a step that has per of them in each layer.
func (g *generator) number(step, layer, per, k int) int64 {
	return int64((step*g.o.Layers+layer)*per + k + 1)
}

func (g *generator) layerNs() int64 { return (stepNs - 2*deviceLagNs) / int64(g.o.Layers+1) }

// cpu writes the CPU side of a step: its annotation, and for each layer Python frames around ops.
func (g *generator) cpu(step int) {
	start := g.startNs(step)
	g.complete("user_annotation", "execute_context_0(0)_generation_32(32)", start, stepNs-deviceLagNs)
	g.text(",\n    \"args\": {\n      \"External id\": ")
	g.int(int64(step)*int64(g.o.Layers)*opsPer + 1)
	g.text(",\"Record function id\": 0, \"Ev Idx\": ")
	g.evIdx()
	layerNs := g.layerNs()
	for layer := range g.o.Layers {
		at := start + 1000 + int64(layer)*layerNs
		if !g.o.NoStacks {
			for k := range framesPer {
				name := frameNames[(layer*framesPer+k*k)%len(frameNames)]
				if k == framesPer-1 {
					name = moduleNames[layer%len(moduleNames)]
				}
				g.complete("python_function", name, at+int64(k)*137, layerNs-1000-int64(k)*271)
				id := g.number(step, layer, framesPer, k)
				g.text(",\n    \"args\": {\n      \"Python parent id\": ")
				if k == 0 {
					g.text("null")
				} else {
					g.int(id - 1)
				}
				g.text(", \"Python id\": ")
				g.int(id)
				g.text(", \"Ev Idx\": ")
				g.evIdx()
				g.totals.Frames++
			}
		}
		for k := range opsPer {
			g.complete("cpu_op", opNames[(layer+k)%len(opNames)], at+5000+int64(k)*40_001, 39_000+int64(layer*7+k))
			g.text(",\n    \"args\": {\n      \"External id\": ")
			g.int(g.number(step, layer, opsPer, k))
			g.text(",\"Record function id\": 0, ")
			g.text(shapes[k%len(shapes)])
			g.text(", \"Ev Idx\": ")
			g.evIdx()
			g.totals.CPUOps++
		}
	}
}

// device writes what a step runs on the device, and the calls that launch it.
func (g *generator) device(step int) {
	layerNs := g.layerNs()
	start := g.startNs(step)
	for layer := range g.o.Layers {
		for k := range kernels {
			n := g.number(step, layer, kernels, k)
			external := g.number(step, layer, opsPer, k)
			launch := start + 7000 + int64(layer)*layerNs + int64(k)*40_001
			at := start + deviceLagNs + int64(layer)*layerNs + int64(k)*layerNs/kernels
			dur := layerNs/kernels - 5_003 - int64(layer*11)
			if n%overlapsEvery == 0 {
				at -= 5_003 + overlapNs + 600
			}
			g.kernel(n, external, at, dur, layer+k)
			g.flow('f', n, 0, stream, at)
			g.complete("cuda_runtime", "cudaLaunchKernelExC", launch, 8_123)
			g.text(",\n    \"args\": {\n      \"External id\": ")
			g.int(external)
			g.text(",      \"cbid\": 652, \"correlation\": ")
			g.int(n)
			g.closeArgs()
			g.flow('s', n, pid, pid, launch)
			g.totals.Launches++
		}
	}
}

func (g *generator) kernel(n, external, at, dur int64, which int) {
	g.begin()
	g.text("{\n    \"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"")
	g.text(kernelNames[which%len(kernelNames)])
	g.text("\", \"pid\": 0, \"tid\": 7,\n    \"ts\": ")
	g.micros(at)
	g.text(", \"dur\": ")
	g.micros(dur)
	g.text(",\n    \"args\": {\n      \"External id\": ")
	g.int(external)
	g.text(",      \"queued\": 0, \"device\": 0, \"context\": 1,      \"stream\": 7, \"correlation\": ")
	g.int(n)
	g.text(",      \"registers per thread\": 168,      \"shared memory\": 213248,      \"blocks per SM\": 0.969697,      \"warps per SM\": 11.636364," +
		"      \"grid\": [132, 1, 1],      \"block\": [384, 1, 1],      \"est. achieved occupancy %\": 19")
	g.closeArgs()
	t := &g.totals
	t.Events++
	if t.Kernels == 0 {
		t.FirstNs, g.busyTo = at, at
	}
	t.Kernels++
	t.KernelNs += dur
	t.BusyNs += max(0, at+dur-max(at, g.busyTo))
	g.busyTo = max(g.busyTo, at+dur)
	t.LastEndNs = g.busyTo
}

// complete begins an event on the main thread, up to its args.
func (g *generator) complete(category, name string, ns, dur int64) {
	g.begin()
	g.text("{\n    \"ph\": \"X\", \"cat\": \"")
	g.text(category)
	g.text("\", \"name\": \"")
	g.text(name)
	g.text("\", \"pid\": 745, \"tid\": 745,\n    \"ts\": ")
	g.micros(ns)
	g.text(", \"dur\": ")
	g.micros(dur)
	g.totals.Events++
}

// evIdx ends the args of an event on the CPU.
func (g *generator) evIdx() {
	g.int(int64(g.ev))
	g.ev++
	g.closeArgs()
}

func (g *generator) closeArgs() {
	g.text("\n    }\n  }")
	g.flush()
}

func (g *generator) flow(phase byte, id, process, thread, ns int64) {
	g.begin()
	g.text("{\n    \"ph\": \"")
	g.line = append(g.line, phase)
	g.text("\", \"id\": ")
	g.int(id)
	g.text(", \"pid\": ")
	g.int(process)
	g.text(", \"tid\": ")
	g.int(thread)
	g.text(", \"ts\": ")
	g.micros(ns)
	g.text(",\n    \"cat\": \"ac2g\", \"name\": \"ac2g\"")
	if phase == 'f' {
		g.text(", \"bp\": \"e\"")
	}
	g.text("\n  }")
	g.flush()
	g.totals.Events++
}
