package categories

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// What people know of their own kernels they say in a file, a rule a line: the category, then a pattern as the built-in rules
// have them. The category may be one that the tool has, or a new one.
//
//	# ours
//	attn        tree_mask_attention | acme::
//	moe_gemm    wide_experts <grouped>
//
// Rules count from the top, for kernels and ops alike, and before those of the tool.

// mostLine is how long a line may be: far more than a rule needs, so that what is no such file is not read whole.
const mostLine = 64 << 10

// Read reads rules of one's own. name is what errors call the file.
func Read(name string, r io.Reader) (*Table, error) {
	t, atoms := &Table{}, map[atom]int32{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, mostLine)
	n := 0
	for lines.Scan() {
		n++
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(strings.ReplaceAll(line, " | ", "|"))
		if len(fields) == 0 {
			continue
		}
		category, pattern := fields[0], strings.Join(fields[1:], " ")
		if !isCategory(category) {
			return nil, fmt.Errorf("%s:%d: %q is no category: lower-case letters, digits and underscores, such as moe_gemm", name, n, category)
		}
		if err := t.add(Rule{Category: category, Pattern: pattern}, atoms); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("%s:%d: a line of more than %d KiB: a rule is a category and a pattern", name, n+1, mostLine>>10)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(t.rules) == 0:
		return nil, fmt.Errorf("%s: no rules: a line is a category and a pattern, such as: attn tree_mask_attention", name)
	}
	return t, nil
}

func isCategory(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || i > 0 && (isDigit(c) || c == '_')) {
			return false
		}
	}
	return s != ""
}
