package formats

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/trace/source"
)

// What the ending of a file's name says. Content decides what a file is, but there are questions to which the name is the
// answer: whether an empty or broken file was to be a trace, and whether it is worth to look into one.

// compressions are how the names of compressed files end.
var compressions = []string{".gz", ".zst"}

// rankBehind is how TensorRT-LLM names ranks' files if it was told trace.json.gz: trace.json-rank-0.gz.
var rankBehind = regexp.MustCompile(`(\.[a-z]+)-rank-\d+$`)

// NamedAsTrace reports whether a file's name, without its directory, says that it is a trace. A file named so counts as
// one even if it is empty or broken: leaving it out would hide the damage.
func NamedAsTrace(name string) bool { return list.NamedAsTrace(name) }

// NamedAsTrace is the function NamedAsTrace for the formats of l.
func (l List) NamedAsTrace(name string) bool {
	return l.ends(name, func(f source.Format) []string { return f.Endings })
}

// MayBeTrace reports whether a file's name, without its directory, allows that it is a trace. LooksLikeTrace tells by its
// contents whether it is.
func MayBeTrace(name string) bool { return list.MayBeTrace(name) }

// MayBeTrace is the function MayBeTrace for the formats of l.
func (l List) MayBeTrace(name string) bool {
	return l.ends(name, endingsOf)
}

// NamedAsUnfinished reports whether a file's name is one that a trace has while it is written (internal/atomicfile).
func NamedAsUnfinished(name string) bool {
	return strings.HasSuffix(name, atomicfile.Suffix) && slices.ContainsFunc(list, func(f source.Format) bool {
		return slices.ContainsFunc(endingsOf(f), func(ending string) bool { return strings.Contains(name, ending) })
	})
}

// Patterns are the names that MayBeTrace allows, as people write them: *.json, *.json.gz, *.json.zst.
func Patterns() []string {
	var all []string
	add := func(pattern string) {
		if !slices.Contains(all, pattern) {
			all = append(all, pattern)
		}
	}
	for _, f := range list {
		endings := f.SharedEndings
		if len(endings) == 0 {
			endings = f.Endings
		}
		for _, e := range endings {
			add("*" + e)
			for _, c := range compressions {
				add("*" + e + c)
			}
		}
	}
	return all
}

// Title is a path's last part without the endings that say that it is a trace.
func Title(path string) string { return strings.TrimSuffix(list.stem(path), ".pt.trace") }

// endingsOf are all endings of a format's names.
func endingsOf(f source.Format) []string { return slices.Concat(f.Endings, f.SharedEndings) }

// ends tells whether a name that is not hidden has one of the endings of some format, compression aside.
func (l List) ends(name string, endings func(f source.Format) []string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	plain := uncompressed(name)
	return slices.ContainsFunc(l, func(f source.Format) bool { return hasEnding(plain, endings(f)) })
}

func hasEnding(name string, endings []string) bool {
	return slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) })
}

// uncompressed is a file's name as it would be without compression.
func uncompressed(name string) string {
	for _, c := range compressions {
		name = strings.TrimSuffix(name, c)
	}
	if at := rankBehind.FindStringSubmatchIndex(name); at != nil {
		return name[:at[3]]
	}
	return name
}

// stem is a path's last part without what tells the compression and the format.
func (l List) stem(path string) string {
	base := filepath.Base(path)
	for _, c := range compressions {
		base = strings.TrimSuffix(base, c)
	}
	for _, f := range l {
		for _, e := range slices.Concat(f.SharedEndings, f.Endings) { // .json, so that .trace stays
			if rest, ok := strings.CutSuffix(base, e); ok {
				return rest
			}
		}
	}
	return base
}
