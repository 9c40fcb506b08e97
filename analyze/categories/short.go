package categories

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Names of C++ kernels are types written out: hundreds of characters of template arguments, of which one says what the
// kernel does. ShortKernel keeps the function and that one:
//
//	void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<int>, …>(int, …)
//	→ vectorized_elementwise_kernel<FillFunctor>
//
// It reads tokens rather than the grammar, so that a name cut off or mangled comes out no worse than it went in.

// plumbing are identifiers of template arguments that say nothing of the work.
var plumbing = []string{
	"void", "bool", "char", "short", "int", "long", "unsigned", "signed", "float", "double", "half", "size_t", "const", "true", "false",
	"int8_t", "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t", "nv_bfloat16", "__nv_bfloat16", "__half",
	"c10", "at", "std", "cuda", "cub", "thrust", "native", "detail", "anonymous", "namespace", "operator", "lambda", "typename", "struct", "enum",
	"Half", "BFloat16", "complex", "Float8_e4m3fn", "Float8_e4m3fnuz", "Float8_e5m2", "array", "Array", "tuple", "cute", "C",
	"TensorIteratorBase", "TensorIterator", "TrivialOffsetCalculator", "OffsetCalculator", "LoadWithoutCast", "StoreWithoutCast",
	"LoadWithCast", "StoreWithCast", "gpu_kernel_impl", "gpu_kernel_impl_nocast", "gpu_kernel", "opmath_gpu_kernel_with_scalars",
	"memory", "policies", "ReduceOp", "Tensor", "unrolled", "ignore_t", "enable_if", "integral_constant", "invoke_result",
	"GemmUniversal", "enable_sm90_or_later", "enable_sm80_to_sm89", "enable_sm90", "enable_sm100_or_later",
	"Fp8KVCacheDataType", "cutlass", "bfloat16_t", "half_t", "arch", "layout", "kernel",
}

// ShortKernel is a kernel's name as people can read it: without types, but for what tells it from others.
func ShortKernel(name string) string {
	if strings.HasPrefix(name, "Mem") || strings.HasPrefix(name, "execute_") { // Memcpy HtoD (Pinned -> Device); a step's mark
		return name
	}
	if m := tensile.FindStringSubmatch(name); m != nil {
		return m[1] + " " + m[2] + " " + m[3]
	}
	if strings.HasPrefix(name, "_ZN") {
		return mangledName(name)
	}
	for _, n := range noise {
		name = strings.ReplaceAll(name, n, "")
	}
	base, arguments := splitTemplate(WithoutResult(name))
	short := lastComponent(base)
	if short == "" {
		return name
	}
	hint := telling(arguments, short)
	switch {
	case hint == "":
	case slices.Contains(wrappers, short):
		short = hint
	default:
		short += "<" + hint + ">"
	}
	if t := tile.FindStringSubmatch(arguments); t != nil {
		short += " " + t[1] + "x" + t[2] + "x" + t[3]
	}
	return short
}

// mostAlike kernels of one short name are told apart, by their first mostTokens words: real ones are a few dozen, of a
// hundred words, and the work is the product of the two.
const mostAlike, mostTokens = 500, 400

// ShortKernels are the short names of kernels. Those that would come out the same carry what tells them apart, a type or
// a number among their arguments: vectorized_elementwise_kernel<FillFunctor> (float).
func ShortKernels(full []string) []string {
	out := make([]string, len(full))
	same := map[string][]int{}
	for i, name := range full {
		out[i] = ShortKernel(name)
		same[out[i]] = append(same[out[i]], i)
	}
	for _, rows := range same {
		if len(rows) < 2 || len(rows) > mostAlike {
			continue
		}
		tokens := make([][]string, len(rows))
		most := 0
		for n, i := range rows {
			tokens[n] = nameTokens(full[i])
			most = min(max(most, len(tokens[n])), mostTokens)
		}
		labels := make([]string, len(rows))
		for range 3 { // tokens in a label, at most
			apart, next := distinct(labels), []string(nil)
			for at := range most {
				with := make([]string, len(rows))
				for n, t := range tokens {
					if with[n] = labels[n]; at < len(t) && telltale(t[at]) {
						with[n] = strings.TrimPrefix(labels[n]+", "+t[at], ", ")
					}
				}
				if d := distinct(with); d > apart {
					apart, next = d, with
				}
			}
			if next == nil {
				break
			}
			labels = next
		}
		for n, i := range rows {
			if labels[n] != "" {
				out[i] += " (" + labels[n] + ")"
			}
		}
	}
	return out
}

// telltale tells words that say something beside a name: numbers, and words that are neither a letter nor another name.
func telltale(word string) bool {
	return word[0] >= '0' && word[0] <= '9' || len(word) > 2 && len(word) <= 24
}

// nameTokens are the words and numbers of a name, without the namespaces that all names share.
func nameTokens(name string) []string {
	if strings.HasPrefix(name, "_ZN") {
		var out []string
		for _, m := range mangledLiteral.FindAllStringSubmatch(name, -1) {
			out = append(out, m[1])
		}
		return append(out, mangledWords(name[len("_ZN"):])...)
	}
	return slices.DeleteFunc(strings.FieldsFunc(name, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	}), func(word string) bool {
		return slices.Contains([]string{"at", "native", "c10", "std", "void", "cuda", "cute", "cutlass", "detail"}, word)
	})
}

// distinct is how many different texts there are.
func distinct(texts []string) int {
	seen := map[string]bool{}
	for _, t := range texts {
		seen[t] = true
	}
	return len(seen)
}

// tensile are the GEMMs of AMD's hipBLASLt and rocBLAS: operands and types, the tile, the work group, and some thirty
// settings around them.
var tensile = regexp.MustCompile(`^(Cijk_[A-Za-z]+_[A-Za-z]+_[A-Z0-9]+)_.*_(MT\d+x\d+x\d+)_.*_(WG\d+_\d+_\d+)`)

// tile is the shape of the piece that one block of a CUTLASS kernel works on. The cluster, also of three, has smaller
// numbers.
var tile = regexp.MustCompile(`tuple<cute::C<(\d{2,})>, cute::C<(\d+)>, cute::C<(\d+)>`)

// noise are parts of generated names that every kernel of their library has.
var noise = []string{
	"(anonymous namespace)::", "_execute_segment_k_off_kernel__5x_cublas", "_execute_kernel__5x_cublas", "_warpgroupsize1x1x1",
}

// wrappers are functions that only run the type they are given.
var wrappers = []string{"Kernel", "Kernel2", "device_kernel", "kernel", "DeviceKernel", "kernel_entry", "global_kernel", "kentry"}

// mangledName is the function of a mangled C++ name: _ZN5aiter10rms_kernelIfEEvPT_ is rms_kernel. Of a function that only
// runs the type that it is given, it is that type.
func mangledName(name string) string {
	last, rest := "", name[len("_ZN"):]
	for rest != "" {
		word, after := mangledWord(rest)
		if word == "" {
			break
		}
		last, rest = word, after
	}
	if last == "" {
		return name
	}
	if slices.Contains(wrappers, last) {
		for _, word := range mangledWords(rest) {
			if len(word) >= 4 && !slices.Contains(plumbing, word) {
				return word
			}
		}
	}
	return last
}

// mangledWord is the identifier that a mangled text begins with, behind its length, and what follows it; "" if it begins
// with none.
func mangledWord(s string) (word, rest string) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	n, err := strconv.Atoi(s[:digits])
	if err != nil || n <= 0 || n > len(s)-digits {
		return "", s
	}
	return s[digits : digits+n], s[digits+n:]
}

// mangledLiteral is a number or truth among template arguments: Li128E, Lb0E.
var mangledLiteral = regexp.MustCompile(`L[a-z](n?\d+)E`)

// mangledNoise is what else has digits in mangled names: literals, built-in types and back references.
var mangledNoise = regexp.MustCompile(`^(L[a-z]n?\d+E|DF\d+[b_]|[ST][0-9A-Z]*_)`)

// mangledWords are the identifiers in mangled template arguments.
func mangledWords(s string) []string {
	var out []string
	for s != "" {
		if n := len(mangledNoise.FindString(s)); n > 0 {
			s = s[n:]
		} else if word, rest := mangledWord(s); word != "" {
			out, s = append(out, word), rest
		} else {
			s = s[1:]
		}
	}
	return out
}

// splitTemplate parts "ns::f<a, b>(int)" into "ns::f" and "a, b".
func splitTemplate(name string) (base, arguments string) {
	for i, c := range name {
		switch c {
		case '(':
			if i > 0 {
				return name[:i], ""
			}
		case '<':
			depth := 0
			for j := i; j < len(name); j++ {
				switch name[j] {
				case '<':
					depth++
				case '>':
					if depth--; depth == 0 {
						return name[:i], name[i+1 : j]
					}
				}
			}
			return name[:i], name[i+1:] // cut off
		}
	}
	return name, ""
}

// lastComponent drops namespaces: at::native::f is f.
func lastComponent(base string) string {
	base = strings.TrimSpace(base)
	if i := strings.LastIndex(base, "::"); i >= 0 {
		return base[i+2:]
	}
	return base
}

// telling is the first identifier among template arguments that names something: no namespace, no number, no plumbing.
func telling(arguments, base string) string {
	isWord := func(c byte) bool {
		return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	for i := 0; i < len(arguments); {
		if !isWord(arguments[i]) {
			i++
			continue
		}
		j := i
		for j < len(arguments) && isWord(arguments[j]) {
			j++
		}
		word := arguments[i:j]
		i = j
		switch {
		case strings.HasPrefix(arguments[j:], "::") && !strings.HasPrefix(arguments[j:], "::{"):
		case word[0] >= '0' && word[0] <= '9', len(word) < 4, word == base, slices.Contains(plumbing, word):
		default:
			return word
		}
	}
	return ""
}

// ShortOp is the name of an op, a step or a Python frame without the directories of its file.
func ShortOp(name string) string {
	if path, function, ok := strings.Cut(name, "): "); ok {
		if i := strings.LastIndexAny(path, `/\`); i >= 0 {
			return path[i+1:] + "): " + function
		}
	}
	return name
}

// Readable is a category as people read it.
func Readable(category string) string {
	if category == Python { // in steps and scopes and in no op of their thread, whatever other threads do
		return "in no op"
	}
	return strings.ReplaceAll(category, "_", " ")
}
