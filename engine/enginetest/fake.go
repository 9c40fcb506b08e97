// Package enginetest has an engine for tests of what stands around an engine: it answers at once, writes small real
// traces, and goes wrong in whatever way a test asks for.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/inferprof/inferprof/engine"
)

// Script says how a fake engine behaves. The zero Script is an engine that works.
type Script struct {
	OpenErr  error
	StartErr error
	StopErr  error // after the traces are written
	CloseErr error

	// Generate, if set, is called in the middle of round n (counted from 0) of generating; its error is that round's.
	Generate func(ctx context.Context, round int) error
	// Took, if set, is how long round n takes, and its requests wait for their last tokens. It sleeps: for tests with synctest.
	Took func(round int) time.Duration
	// Stop, if set, is called by StopProfile before it writes.
	Stop func()
	// Trace, if set, replaces the text of rank's trace; nil text means that the rank writes none.
	Trace func(rank int) []byte

	// Settle, if set, is called by SettleTime, with how often it was before. A trace can be written in it, late.
	Settle func(call int) time.Duration
	// Late leaves writing the traces to Settle.
	Late bool
	// Rest, if set, is called when what the end of a profile takes is waited for.
	Rest func(ctx context.Context) error
	// Diagnoses are what the engine says of what went wrong.
	Diagnoses []string
	// Log is what the engine prints into its log when it is opened.
	Log string

	Opened, Closed atomic.Int32 // how often it was
}

var names atomic.Int64

// Register registers an engine that follows the script, under a new name, which it returns.
func (s *Script) Register() string {
	name := fmt.Sprintf("fake-%d", names.Add(1))
	engine.Register(name, s.Open)
	return name
}

// Open is an engine.Opener.
func (s *Script) Open(_ context.Context, c engine.Config) (engine.Engine, error) {
	if s.Log != "" {
		if err := os.WriteFile(c.LogPath, []byte(s.Log), 0o666); err != nil {
			return nil, err
		}
	}
	if s.OpenErr != nil {
		return nil, s.OpenErr
	}
	s.Opened.Add(1)
	return &fake{script: s, config: c}, nil
}

// fake is an engine without a model. It answers every request with the request's words in reverse.
type fake struct {
	script    *Script
	config    engine.Config
	round     int
	profiling bool
	steps     int // generated while profiling
	settles   int
	rested    bool
}

// SettleTime makes it an engine.Settler.
func (f *fake) SettleTime(context.Context) time.Duration {
	if f.script.Settle == nil {
		return 0
	}
	f.settles++
	return f.script.Settle(f.settles - 1)
}

// Resting makes it an engine.Rester: it rests if the script says for how long.
func (f *fake) Resting() []string {
	if f.script.Rest == nil || f.rested {
		return nil
	}
	return []string{"fake"}
}

// Rest waits for as long as the script says.
func (f *fake) Rest(ctx context.Context) error {
	if f.script.Rest == nil {
		return nil
	}
	err := f.script.Rest(ctx)
	f.rested = err == nil
	return err
}

func (f *fake) Diagnose() []string { return f.script.Diagnoses }

func (f *fake) ranks() int { return max(f.config.TensorParallelSize, 1) }

func (f *fake) Info() engine.Info {
	return engine.Info{
		Engine: "fake", Version: "1", Model: f.config.Model, Architecture: "ReverseForCausalLM",
		Parameters: 1000, WeightBytes: 4000, Dtype: "float32",
		TensorParallelSize: f.ranks(), Ranks: f.ranks(), MaxModelLen: 128, Device: "CPU",
	}
}

func (f *fake) Generate(ctx context.Context, requests []engine.Request) ([]engine.Output, error) {
	round := f.round
	f.round++
	if f.script.Generate != nil {
		if err := f.script.Generate(ctx, round); err != nil {
			outputs := f.answer(requests[:len(requests)/2])
			for i := range outputs {
				outputs[i].Finish = engine.FinishAborted
			}
			return outputs, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	outputs := f.answer(requests)
	if f.script.Took != nil {
		took := f.script.Took(round)
		time.Sleep(took)
		for i := range outputs {
			outputs[i].LastToken = outputs[i].Arrival.Add(took)
		}
	}
	return outputs, nil
}

func (f *fake) answer(requests []engine.Request) []engine.Output {
	start := time.Unix(1_795_000_000, 0)
	var outputs []engine.Output
	for _, r := range requests {
		words := strings.Fields(r.Prompt)
		o := engine.Output{
			ID: r.ID, Prompt: r.Prompt, Finish: engine.FinishLength, Arrival: start,
			PromptTokenIDs: r.PromptTokenIDs,
			FirstToken:     start.Add(2 * time.Millisecond),
		}
		if o.PromptTokenIDs == nil {
			o.PromptTokenIDs = make([]int32, len(words))
		}
		for i := range min(len(words), r.Params.MaxTokens) {
			o.Text += " " + words[len(words)-1-i]
			o.TokenIDs = append(o.TokenIDs, int32(i))
		}
		o.LastToken = o.FirstToken.Add(time.Duration(len(o.TokenIDs)-1) * time.Millisecond)
		outputs = append(outputs, o)
		if f.profiling {
			f.steps = max(f.steps, len(o.TokenIDs))
		}
	}
	return outputs
}

func (f *fake) StartProfile(context.Context) error {
	switch {
	case f.script.StartErr != nil:
		return f.script.StartErr
	case f.profiling:
		return engine.ErrProfiling
	}
	f.profiling, f.steps = true, 0
	return nil
}

func (f *fake) StopProfile(context.Context) error {
	if !f.profiling {
		return engine.ErrNotProfiling
	}
	f.profiling = false
	if f.script.Stop != nil {
		f.script.Stop()
	}
	if err := os.MkdirAll(f.config.Profiler.Dir, 0o777); err != nil {
		return err
	}
	if f.script.Late {
		return f.script.StopErr
	}
	for rank := range f.ranks() {
		text := Trace(rank, f.ranks(), f.steps)
		if f.script.Trace != nil {
			text = f.script.Trace(rank)
		}
		if text == nil {
			continue
		}
		path := filepath.Join(f.config.Profiler.Dir, fmt.Sprintf("rank%d.%d.pt.trace.json", rank, time.Now().UnixNano()))
		if err := os.WriteFile(path, text, 0o666); err != nil {
			return err
		}
	}
	return f.script.StopErr
}

// Exports are the traces of the ranks.
func (f *fake) Exports() []engine.Export {
	return []engine.Export{{Place: engine.Directory(f.config.Profiler.Dir), Ranks: f.ranks()}}
}

func (f *fake) Close() error {
	f.script.Closed.Add(1)
	var err error
	if f.profiling {
		err = f.StopProfile(context.Background())
	}
	return errors.Join(err, f.script.CloseErr)
}

// Trace is the text of a small trace: one prefill step and steps-1 decode steps of 1 ms, one op in each.
func Trace(rank, ranks, steps int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"schemaVersion":1,"deviceProperties":[],"distributedInfo":{"backend":"gloo","rank":%d,"world_size":%d},`+
		`"displayTimeUnit":"ms","baseTimeNanoseconds":1794999000000000000,"traceEvents":[`+"\n", rank, ranks)
	fmt.Fprintf(&b, `{"ph":"M","name":"process_name","pid":%d,"tid":0,"ts":0,"args":{"name":"fake"}}`, 100+rank)
	for i := range steps {
		name := "execute_context_0(0)_generation_4(4)"
		if i == 0 {
			name = "execute_context_4(24)_generation_0(0)"
		}
		fmt.Fprintf(&b, ",\n"+`{"ph":"X","cat":"user_annotation","name":%q,"pid":%d,"tid":1,"ts":%d.000,"dur":900.000,"args":{"External id":%d}}`,
			name, 100+rank, 1000*i, 2*i+1)
		fmt.Fprintf(&b, ",\n"+`{"ph":"X","cat":"cpu_op","name":"aten::linear","pid":%d,"tid":1,"ts":%d.500,"dur":700.250,"args":{"External id":%d}}`,
			100+rank, 1000*i+10, 2*i+2)
	}
	b.WriteString("\n" + `],"traceName":"fake"}` + "\n")
	return []byte(b.String())
}
