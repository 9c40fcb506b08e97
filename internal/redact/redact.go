// Package redact takes out of results what should not leave the machine with them: prompts, outputs, host names, user names and
// paths. Each is replaced by a word, the same for the same everywhere in what one Redactor sees: host-1, path-2, prompt-1.
//
// Which fields hold such things, their structs say with a tag, redact:"host" or another kind; those are learned first. Then every
// string is rewritten: what was learned, and besides anything that looks like a path, a URL's host or a person's address. Whoever
// renders or exports the value afterwards need not know.
package redact

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"

	"github.com/inferprof/inferprof/internal/words"
)

// Kinds of secrets, as tags have them. Each is the word that stands for it.
const (
	Host    = "host"
	User    = "user"
	Path    = "path"    // of a directory or a file
	Model   = "model"   // a name on the hub, which stays, or else a path
	Source  = "source"  // where prompts came from: a file's path, which is one, or words; and how many they were
	Trace   = "trace"   // the path of a trace
	Capture = "capture" // what somebody called a capture
	Side    = "side"    // and a side of a comparison, which is named after its path
	Cell    = "cell"    // and one of a sweep, which is named after its settings: model=/m/x, dtype=float16
	Prompt  = "prompt"
	Output  = "output"
	Text    = "text" // of prompts or outputs, in parts
	setting = "setting"
)

// named are the kinds of settings, by their names; of others what looks like a secret is taken out.
var named = map[string]string{"host": Host, "model": Model, "workload": Source, "prompt": Prompt, "system-prompt": Prompt, "stop": Text}

// Redactor remembers which word stands for what.
type Redactor struct {
	words map[string]string // by secret
	count map[string]int    // by kind
	found []secret          // to be found within longer texts, the longest first
}

type secret struct {
	text  string
	word  string
	whole bool // it counts where no letter or digit stands beside it; else anywhere
}

// New makes a Redactor that knows nothing yet.
func New() *Redactor { return &Redactor{words: map[string]string{}, count: map[string]int{}} }

// Values rewrites what pointers point to, all of it. What any of them holds is taken out of each.
func (r *Redactor) Values(pointers ...any) {
	for _, p := range pointers {
		r.learn(reflect.ValueOf(p), "")
	}
	for _, p := range pointers {
		r.rewrite(reflect.ValueOf(p))
	}
}

// done are words that stand for something already: what was redacted once stays as it is.
var done = regexp.MustCompile(`^(host|user|path|trace|capture|side|prompt|output|text)-\d+$`)

// word is what stands for a secret.
func (r *Redactor) word(kind, text string) string {
	if text == "" || done.MatchString(text) {
		return text
	}
	if word, ok := r.words[text]; ok {
		return word
	}
	r.count[kind]++
	word := fmt.Sprintf("%s-%d", kind, r.count[kind])
	r.words[text] = word
	return word
}

// keep learns a secret that may stand within other texts. Of less than shortest letters too much would be taken for it.
func (r *Redactor) keep(kind, text string, whole bool) {
	if !whole && len(text) < shortest || done.MatchString(text) {
		return
	}
	r.find(secret{text, r.word(kind, text), whole})
}

// find has a secret looked for within texts.
func (r *Redactor) find(s secret) {
	i, there := slices.BinarySearchFunc(r.found, s, func(a, b secret) int {
		return cmp.Or(cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.text, b.text))
	})
	if !there {
		r.found = slices.Insert(r.found, i, s)
	}
}

var messageType = reflect.TypeFor[words.Message]()

// learn finds the strings of fields that are tagged. kind is that of the field that v is in.
func (r *Redactor) learn(v reflect.Value, kind string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			r.learn(v.Elem(), kind)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			r.learn(v.Index(i), kind)
		}
	case reflect.Map:
		for _, key := range sortedKeys(v) {
			r.learn(v.MapIndex(key), kind)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				r.learn(v.Field(i), fieldKind(v, field, kind))
			}
		}
	case reflect.String:
		r.learnText(kind, v.String())
	}
}

// fieldKind is the kind of what a field holds: of a setting's value, what its name says.
func fieldKind(v reflect.Value, field reflect.StructField, outer string) string {
	kind := cmp.Or(field.Tag.Get("redact"), outer)
	if kind != setting {
		return kind
	}
	if name := v.FieldByName("Name"); name.IsValid() {
		return named[name.String()]
	}
	return ""
}

// rewrite replaces every string in v, as far as it can be set.
func (r *Redactor) rewrite(v reflect.Value) { r.rewriteAs(v, "") }

func (r *Redactor) rewriteAs(v reflect.Value, kind string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			r.rewriteAs(v.Elem(), kind)
		}
	case reflect.Interface:
		if !v.IsNil() && v.CanSet() {
			copied := reflect.New(v.Elem().Type()).Elem()
			copied.Set(v.Elem())
			r.rewriteAs(copied, kind)
			v.Set(copied)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			r.rewriteAs(v.Index(i), kind)
		}
	case reflect.Map:
		r.rewriteMap(v, kind)
	case reflect.Struct:
		r.rewriteStruct(v, kind)
	case reflect.String:
		if v.CanSet() {
			v.SetString(r.as(kind, v.String()))
		}
	}
}

func (r *Redactor) rewriteStruct(v reflect.Value, kind string) {
	if v.Type() == messageType && v.CanSet() {
		v.Set(reflect.ValueOf(v.Interface().(words.Message).Mapped(r.Text)))
		return
	}
	for i := range v.NumField() {
		if field := v.Type().Field(i); field.IsExported() {
			r.rewriteAs(v.Field(i), fieldKind(v, field, kind))
		}
	}
}

// rewriteMap replaces keys and values: neither can be set where it is.
func (r *Redactor) rewriteMap(v reflect.Value, kind string) {
	for _, key := range sortedKeys(v) {
		value := reflect.New(v.Type().Elem()).Elem()
		value.Set(v.MapIndex(key))
		r.rewriteAs(value, kind)
		to := reflect.New(key.Type()).Elem()
		to.Set(key)
		r.rewriteAs(to, "")
		v.SetMapIndex(key, reflect.Value{})
		v.SetMapIndex(to, value)
	}
}

// sortedKeys are a map's keys in the order of how they are written.
func sortedKeys(v reflect.Value) []reflect.Value {
	return slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int {
		return cmp.Compare(fmt.Sprint(a.Interface()), fmt.Sprint(b.Interface()))
	})
}
