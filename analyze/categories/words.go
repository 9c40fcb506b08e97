package categories

import "strings"

// The names of kernels are written by a dozen hands: rmsnorm2d_fwd, RMSNormKernel, rms_norm_kernel. Looking for letters
// anywhere in them finds "rope" in GatherOperation, "conv" in convert, "pool" in the pool of requests' tokens, and "gemm" in the
// template arguments of a convolution. So a name is first taken apart, as its author put it together:
//
//	void vllm::moe::topkGatingSoftmax<8, float>(float const*, …)
//	     namespaces: vllm, moe     own name: topk gating softmax     arguments: 8, float
//
// The own name is the function's; the arguments are those of its templates, and often the only place that says what a
// kernel does (cutlass::device_kernel<flash::FlashAttnFwdSm90<…>>). What a function takes and returns is left out. Names that
// the compiler has mangled (_ZN2ck…) are taken apart too, so far as their identifiers are spelled out.
//
// Words end where letters meet digits, at a change of case (RMSNorm is rms norm, splitKreduce is split kreduce) and at everything
// that is neither letter nor digit. Nobody agrees on where: topk, top_k and TopK are one thing. So words are compared as runs:
// the letters of one or several words in a row. "topk" is in TopKGating, and it is not in stopkernel.

// How demanglers write a namespace without a name: binutils' and LLVM's; that of Nsight Systems.
const (
	anonymous = "(anonymous namespace)"
	unnamed   = "<unnamed>"
)

// parts are those of a name.
type parts struct {
	scopes    []string // the namespaces and classes that the function is in, from the outside
	own       string   // the function
	arguments string   // of templates, as they stand; "": none
	mangled   bool     // arguments are in the compiler's spelling
}

// partsOf takes a name apart. It may be cut off anywhere. scopes is room for those.
func partsOf(name string, scopes []string) parts {
	if rest, ok := strings.CutPrefix(name, "_Z"); ok {
		if p, ok := mangledParts(rest, scopes); ok {
			return p
		}
	}
	if rest, ok := strings.CutPrefix(name, cuteDSL); ok {
		return cuteParts(rest, scopes)
	}
	p := parts{scopes: scopes[:0]}
	name = WithoutResult(name)
	head, from, depth, open, end := 0, 0, 0, -1, len(name)
	scope := func(to int) { // what stands between from and to, outside of templates
		if s := strings.TrimSpace(name[from:to]); s != "" && s != anonymous && s != unnamed {
			p.scopes = append(p.scopes, s)
		}
	}
	ownEnd := -1
scan:
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '<' && strings.HasPrefix(name[i:], unnamed):
			i += len(unnamed) - 1
		case c == '<' && i > 0 && isWordByte(name[i-1]):
			if depth == 0 {
				ownEnd = i
				if open < 0 {
					open = i + 1
				}
			}
			depth++
		case c == '>' && depth > 0 && name[i-1] != '-':
			if depth--; depth == 0 {
				end = i
			}
		case depth > 0:
		case c == '(' && strings.HasPrefix(name[i:], anonymous):
			i += len(anonymous) - 1
		case c == '(' && i > 0 && (isWordByte(name[i-1]) || name[i-1] == '>'):
			head = i
			break scan
		case c == ':' && i+1 < len(name) && name[i+1] == ':':
			if ownEnd < 0 {
				ownEnd = i
			}
			scope(ownEnd)
			i++
			from, ownEnd = i+1, -1
		}
	}
	if head == 0 {
		head = len(name)
	}
	if ownEnd < 0 {
		ownEnd = head
	}
	p.own = name[from:ownEnd]
	if open >= 0 {
		if end < open || depth > 0 {
			end = len(name)
		}
		p.arguments = name[open:end]
	}
	return p
}

// cuteDSL begins the names that CUTLASS' Python gives its kernels: then come the function (a method has its class before it, and the
// module before that, without dots), and what it is called with: kernel_cutlass_kernel_…RMSNormKernel_object_at__tensorptrbf16….
const cuteDSL = "kernel_cutlass_"

// cuteArguments begin what such a kernel is called with.
var cuteArguments = []string{"_object_at_", "_tensorptr", "_tensor0", "_TiledMMA", "_CopyAtom"}

// cuteParts takes apart what follows cuteDSL.
func cuteParts(name string, scopes []string) parts {
	end := len(name)
	for _, a := range cuteArguments {
		if i := strings.Index(name[:end], a); i > 0 {
			end = i
		}
	}
	return parts{scopes: scopes[:0], own: name[:end], arguments: name[end:]}
}

// WithoutResult is a kernel's name without what the function returns, which the demangled name of a template begins with.
func WithoutResult(name string) string {
	if rest, ok := strings.CutPrefix(name, "void "); ok {
		return rest
	}
	if strings.HasPrefix(name, "std::enable_if<") {
		if _, rest, ok := strings.Cut(name, "::type "); ok {
			return rest
		}
	}
	return name
}

// mangledParts takes apart what follows _Z in a name as the Itanium ABI spells it: identifiers with their length before them.
// Substitutions (S_, S1_) are left out: what they stand for has been there before. ok is false if it starts with no identifier.
func mangledParts(s string, scopes []string) (p parts, ok bool) {
	p = parts{scopes: scopes[:0], mangled: true}
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c >= '1' && c <= '9':
			id, next := identifier(s, i)
			if next == 0 {
				return p, p.own != ""
			}
			if i = next; strings.HasPrefix(id, "_GLOBAL__N") { // a namespace without a name
				continue
			}
			if p.own != "" {
				p.scopes = append(p.scopes, p.own)
			}
			p.own = id
		case c == 'I':
			p.arguments = s[i+1:]
			return p, p.own != ""
		case c == 'N' || c == 'K' || c == 'L':
			i++
		case c == 'S' && i+1 < len(s) && s[i+1] == 't':
			i += 2
		default:
			return p, p.own != ""
		}
	}
	return p, p.own != ""
}

// identifier is what a length at i announces, and where it ends; 0 if s has not as much.
func identifier(s string, i int) (string, int) {
	n := 0
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9' && n < 1<<16; i++ {
		n = 10*n + int(s[i]-'0')
	}
	if n == 0 || n > len(s)-i {
		return "", 0
	}
	return s[i : i+n], i + n
}

// eachIdentifier calls f with the identifiers that arguments of templates are made of.
func (p *parts) eachIdentifier(f func(string)) {
	s := p.arguments
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case p.mangled && c == 'L' && i+2 < len(s) && s[i+1] >= 'a' && s[i+1] <= 'z': // a number: Li128E
			end := strings.IndexByte(s[i:], 'E')
			if end < 0 {
				return
			}
			i += end + 1
		case p.mangled && c >= '1' && c <= '9':
			id, next := identifier(s, i)
			if next == 0 {
				return
			}
			f(id)
			i = next
		case p.mangled || !isWordByte(c):
			i++
		default:
			from := i
			for i < len(s) && isWordByte(s[i]) {
				i++
			}
			if s[from] > '9' { // numbers alone say nothing
				f(s[from:i])
			}
		}
	}
}

func isWordByte(c byte) bool { return c == '_' || isLetter(c) || isDigit(c) }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isUpper(c byte) bool  { return c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// words are those of an identifier: its letters and digits in lower case, and where each word starts.
type words struct {
	letters []byte
	starts  []int32 // and, last, len(letters)
}

// split takes an identifier apart; the room of w is used again.
func (w *words) split(s string) {
	w.letters, w.starts = w.letters[:0], w.starts[:0]
	for i := range len(s) {
		c := s[i]
		if !isLetter(c) && !isDigit(c) {
			continue
		}
		if i == 0 || startsWord(s, i) {
			w.starts = append(w.starts, int32(len(w.letters)))
		}
		if isUpper(c) {
			c |= 0x20
		}
		w.letters = append(w.letters, c)
	}
	w.starts = append(w.starts, int32(len(w.letters)))
}

// startsWord reports whether the letter or digit at i > 0 is the first of a word.
func startsWord(s string, i int) bool {
	before, c := s[i-1], s[i]
	switch {
	case !isLetter(before) && !isDigit(before), isDigit(before) != isDigit(c):
		return true
	case !isUpper(c):
		return false
	case !isUpper(before):
		return true
	}
	return i+1 < len(s) && isLetter(s[i+1]) && !isUpper(s[i+1]) // the last capital of RMSNorm's four
}

// len is the number of words.
func (w *words) len() int { return len(w.starts) - 1 }

// run is the words from the i-th to before the j-th.
func (w *words) run(i, j int) []byte { return w.letters[w.starts[i]:w.starts[j]] }
