package ranks

import "github.com/inferprof/inferprof/trace"

// Metas are what traces say of themselves.
func Metas(traces []*trace.Trace) []trace.Meta {
	metas := make([]trace.Meta, len(traces))
	for i, t := range traces {
		metas[i] = t.Meta
	}
	return metas
}

// Claimed is the rank that a trace says it is, by itself or by its name; -1 if it does not say. It is the one that Numbers
// gives it unless another trace claims the same or none.
func Claimed(m *trace.Meta) int {
	own, _ := claims(m)
	return own
}

// Numbers says which rank each trace is (Rank.Rank): what the trace itself says, unless two say the same (engines that run
// data parallel count per replica), then what the files' names say if they differ, then the order of the traces: then
// the numbers are guessed. Traces of API servers are -1 and do not count.
func Numbers(metas []trace.Meta) (numbers []int, guessed bool) {
	var workers, own, named, order []int
	for i := range metas {
		if !metas[i].FrontEnd() {
			o, n := claims(&metas[i])
			own, named, order = append(own, o), append(named, n), append(order, len(order))
			workers = append(workers, i)
		}
	}
	chosen := order
	switch {
	case distinct(own):
		chosen = own
	case distinct(named):
		chosen = named
	default:
		guessed = len(workers) > 1
	}
	numbers = make([]int, len(metas))
	for i := range numbers {
		numbers[i] = -1
	}
	for k, i := range workers {
		numbers[i] = chosen[k]
	}
	return numbers, guessed
}

// claims are which rank a trace says that it is, by itself or else by its name, and by its name alone; -1 if it does not.
func claims(m *trace.Meta) (own, named int) {
	named = m.NamedRank()
	if d := m.Distributed; d != nil && d.WorldSize > 0 {
		return d.Rank, named
	}
	return named, named
}

func distinct(numbers []int) bool {
	seen := map[int]bool{}
	for _, n := range numbers {
		if n < 0 || seen[n] {
			return false
		}
		seen[n] = true
	}
	return true
}
