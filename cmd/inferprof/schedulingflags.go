package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/inferprof/inferprof/engine"
)

// defineScheduling adds the flags that say how the embedded engine shares its steps and its KV cache, under vLLM's names.
func defineScheduling(set *pflag.FlagSet, c *engine.Config, prefixCaching bool) {
	set.IntVar(&c.MaxNumSeqs, "max-num-seqs", 0, "most `requests` in one step (default: the engine's)")
	set.IntVar(&c.MaxNumBatchedTokens, "max-num-batched-tokens", 0, "most `tokens` in one step; longer prompts are computed in pieces (default: the engine's)")
	set.Var((*byteSize)(&c.KVCacheMemoryBytes), "kv-cache-memory-bytes", "`bytes` for the KV cache of each rank, such as 512M (default: the engine's)")
	set.BoolVar(&c.EnablePrefixCaching, "enable-prefix-caching", prefixCaching, "begin a prompt where an earlier one that began alike has been; also --no-enable-prefix-caching")
	set.Var(&slowRank{c}, "slow-rank", "make a rank late in every step, to see whether the report finds it: `RANK:TIME`, such as 1:3ms")
	set.Lookup("slow-rank").Hidden = true
}

// slowRank is a flag for a rank and how late it is.
type slowRank struct{ c *engine.Config }

func (f *slowRank) String() string {
	if f.c == nil || f.c.SlowBy == 0 {
		return ""
	}
	return fmt.Sprintf("%d:%v", f.c.SlowRank, f.c.SlowBy)
}

func (f *slowRank) Type() string { return "RANK:TIME" }

func (f *slowRank) Set(s string) error {
	rank, late, ok := strings.Cut(s, ":")
	r, rankErr := strconv.Atoi(rank)
	d, lateErr := time.ParseDuration(late)
	if !ok || rankErr != nil || lateErr != nil || d <= 0 || r < 0 {
		return errors.New("must be a rank and a time, such as 1:3ms")
	}
	f.c.SlowRank, f.c.SlowBy = r, d
	return nil
}
