// Package native is the embedded engine behind inferprof's engine interface: it runs language models on the CPU, in this
// process, and profiles itself.
//
// Generate is a loop of steps. A step is planned by the scheduler, computed by all ranks at once, and ends with the
// choice of the next tokens (generate.go, rank.go). While a profile is recorded each rank has a recorder that keeps what
// its ops report (record.go); StopProfile turns that into one trace per rank (profile.go, build.go).
package native

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/internal/version"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/llm/kvcache"
	"github.com/inferprof/inferprof/llm/model"
	"github.com/inferprof/inferprof/llm/parallel"
	"github.com/inferprof/inferprof/llm/schedule"
	"github.com/inferprof/inferprof/llm/tensor"
	"github.com/inferprof/inferprof/llm/tokenizer"
)

// Name is what the engine is registered as.
const Name = "native"

func init() {
	engine.Register(Name, func(ctx context.Context, c engine.Config) (engine.Engine, error) { return Open(ctx, c) })
}

// vLLM's defaults, but for the context: models that could see 128 Ki tokens would reserve gigabytes that nobody asked for.
const (
	defaultMaxNumSeqs          = 256
	defaultMaxNumBatchedTokens = 2048
	defaultMaxModelLen         = 8192
	defaultKVBytes             = 1 << 30
)

// Engine is a loaded model on its ranks.
type Engine struct {
	config    engine.Config
	model     *model.Config
	precision precision
	tokenizer *tokenizer.Tokenizer
	readable  bool // the tokenizer is the model's own
	info      engine.Info
	warnings  []string // not told yet

	ranks     []*rank
	scheduler *schedule.Scheduler
	live      map[*schedule.Sequence]*generation // what is being answered
	batch     model.Batch
	logits    []float32
	others    sync.WaitGroup // the ranks but the first, in a step
	profile   *profile       // nil unless one is being recorded
}

// Open loads a model.
func Open(ctx context.Context, c engine.Config) (*Engine, error) {
	if err := check(&c); err != nil {
		return nil, err
	}
	s, err := resolve(ctx, c)
	if err != nil {
		return nil, err
	}
	defer s.weights.Close()
	if err := s.config.CheckSplit(c.TensorParallelSize); err != nil {
		return nil, usagef("%v", err)
	}
	switch {
	case c.MaxModelLen == 0:
		c.MaxModelLen = min(s.config.MaxLen, defaultMaxModelLen)
	case c.MaxModelLen > s.config.MaxLen:
		return nil, usagef("max model len %d: the model was made for at most %d tokens", c.MaxModelLen, s.config.MaxLen)
	}
	p, err := precisionOf(c, s.config)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		config: c, model: s.config, precision: p, tokenizer: s.tokenizer, readable: s.readable,
		live: map[*schedule.Sequence]*generation{},
	}
	blocks, err := e.kvBlocks()
	if err != nil {
		return nil, err
	}
	if err := e.precision.checkMemory(c.Model, e.model); err != nil {
		return nil, err
	}
	e.precision.store(s.weights)
	e.scheduler = schedule.New(kvcache.NewBlocks(blocks), schedule.Options{
		MaxSequences: c.MaxNumSeqs, MaxTokens: c.MaxNumBatchedTokens, PrefixCaching: c.EnablePrefixCaching,
	})
	if err := e.load(ctx, s.weights, blocks); err != nil {
		e.Close()
		return nil, err
	}
	e.describe()
	e.info.Revision = s.commit
	if s.note != "" {
		e.warnings = append(e.warnings, s.note)
	}
	return e, nil
}

// check fills in defaults and refuses what the engine cannot do.
func check(c *engine.Config) error {
	for _, n := range []struct {
		name      string
		value     *int
		otherwise int
	}{
		{"tensor parallel size", &c.TensorParallelSize, 1},
		{"max num seqs", &c.MaxNumSeqs, defaultMaxNumSeqs},
		{"max num batched tokens", &c.MaxNumBatchedTokens, defaultMaxNumBatchedTokens},
		{"max model len", &c.MaxModelLen, 0},
		{"threads", &c.Threads, 0},
	} {
		if *n.value < 0 {
			return usagef("%s %d: must be 1 or more", n.name, *n.value)
		}
		if *n.value == 0 {
			*n.value = n.otherwise
		}
	}
	switch {
	case c.KVCacheMemoryBytes < 0:
		return usagef("KV cache memory of %d bytes: must be 1 or more", c.KVCacheMemoryBytes)
	case c.SlowBy < 0 || c.SlowBy > 0 && (c.SlowRank < 0 || c.SlowRank >= c.TensorParallelSize):
		return usagef("slow rank %d, late by %v: there are ranks 0 to %d", c.SlowRank, c.SlowBy, c.TensorParallelSize-1)
	}
	if c.Threads == 0 {
		c.Threads = max(1, runtime.GOMAXPROCS(0)/c.TensorParallelSize)
	}
	if err := checkForeign(c); err != nil {
		return err
	}
	return c.Profiler.Validate()
}

// checkForeign refuses what only other engines have.
func checkForeign(c *engine.Config) error {
	switch {
	case len(c.EngineArgs) > 0:
		return usagef("engine arguments: the embedded engine has none beside its flags; they are for --engine vllm and transformers")
	case c.PipelineParallelSize > 1 || c.DataParallelSize > 1:
		return usagef("the embedded engine splits a model by --tensor-parallel-size alone, not by pipeline or data parallelism")
	case c.Python != "":
		return usagef("python %s: the embedded engine needs none; it is for --engine vllm and transformers", c.Python)
	}
	return c.Profiler.CheckExtra()
}

// kvBlocks is how many blocks of keys and values each rank sets aside: enough for every sequence at its longest, within
// the budget of bytes. It fails if that does not hold one sequence.
func (e *Engine) kvBlocks() (int, error) {
	one := kvcache.Needed(e.config.MaxModelLen)
	ranks := e.config.TensorParallelSize
	perBlock := kvcache.BlockBytes(e.model.Layers, max(1, e.model.KVHeads/ranks), e.model.HeadDim)
	budget := e.config.KVCacheMemoryBytes
	if budget == 0 {
		return max(one, min(one*e.config.MaxNumSeqs, int(defaultKVBytes/int64(ranks)/perBlock))), nil
	}
	blocks := int(min(budget/perBlock, int64(one*e.config.MaxNumSeqs)))
	if blocks < one {
		return 0, usagef("KV cache memory of %d bytes: one request of %d tokens needs %d on each rank: allow more or lower --max-model-len",
			budget, e.config.MaxModelLen, int64(one)*perBlock)
	}
	if free, known := host.AvailableMemory(); known && float64(blocks)*float64(perBlock)*float64(ranks) > float64(free) {
		return 0, usagef("KV cache memory of %d bytes on each of %d ranks: %s of memory are free: allow less, or fewer requests by --max-num-seqs",
			int64(blocks)*perBlock, ranks, words.Size(free))
	}
	return blocks, nil
}

// load builds all ranks' shards at once.
func (e *Engine) load(ctx context.Context, w *model.Weights, blocks int) error {
	n := e.config.TensorParallelSize
	group := parallel.NewGroup(n, e.config.Threads)
	e.ranks = make([]*rank, n)
	errs := make([]error, n)
	var loading sync.WaitGroup
	for i := range n {
		loading.Go(func() {
			pool := tensor.NewPool(e.config.Threads)
			shard, err := model.NewShard(w, i, group, pool, blocks, e.config.MaxModelLen)
			if err != nil {
				pool.Close()
				errs[i] = err
				return
			}
			e.ranks[i] = newRank(i, shard, pool, e.lateness(i))
		})
	}
	loading.Wait()
	return errors.Join(ctx.Err(), errors.Join(errs...))
}

// lateness is by how much a rank is made late in every step: 0 but in a test of what finds slow ranks.
func (e *Engine) lateness(rank int) time.Duration {
	if rank == e.config.SlowRank {
		return e.config.SlowBy
	}
	return 0
}

func (e *Engine) describe() {
	e.info = engine.Info{
		Engine: Name, Version: version.String(), Model: e.config.Model, Architecture: e.model.Architecture,
		Parameters: e.model.Parameters(), Dtype: e.precision.format.String(),
		Quantization: e.precision.quantization, QuantizedOnLoad: e.precision.rounded, Activations: e.precision.activations(),
		TensorParallelSize: len(e.ranks), Ranks: len(e.ranks), MaxModelLen: e.config.MaxModelLen,
		ThreadsPerRank: e.config.Threads, Kernels: tensor.KernelSet(), Device: host.CPU(),
	}
	if e.info.Model == "" {
		e.info.Model = DemoModel
	}
	for _, r := range e.ranks {
		e.info.WeightBytes += r.shard.WeightBytes()
	}
}

// Warnings returns why a profile may mislead: what there is to say since the last call.
func (e *Engine) Warnings() []string {
	w := e.warnings
	e.warnings = nil
	return w
}

// Info tells what runs.
func (e *Engine) Info() engine.Info { return e.info }

// Close stops the ranks. A profile that is still being recorded is written first.
func (e *Engine) Close() error {
	var err error
	if e.profile != nil {
		err = e.StopProfile(context.Background())
	}
	for _, r := range e.ranks {
		if r != nil {
			r.close()
		}
	}
	e.ranks = nil
	return err
}
