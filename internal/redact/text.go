package redact

import (
	"path"
	"regexp"
	"strings"
)

// Within a text a secret is found by what it looks like, or by having been learned. What could be any word is not looked for
// there: a machine that is called max would take its letters out of every "max". So of hosts only those are that have a digit, a
// dot or a hyphen in them, or many letters; and of users only what stands in a path or before an @.

// manyLetters make a host's name one that is no word of ours.
const manyLetters = 12

var (
	// torchTrace is how PyTorch calls traces by itself: the host, the process, the time.
	torchTrace = regexp.MustCompile(`^([A-Za-z0-9][\w.-]*)_\d+\.\d{10,}\.pt\.trace\.json`)
	// place ends what stands there in other tools' names: trace_rank_0.
	place = regexp.MustCompile(`(?i)(rank|worker|[tpde]p|step|trace|device)$`)
	// url is a URL up to the end of its path.
	url = regexp.MustCompile(`\b([a-z][a-z0-9+.-]*://)(?:[^\s/@"'<>]+@)?(\[[0-9a-fA-F:.]+\]|[^\s/:"'<>()\[\],;]+)(:\d+)?(/[^\s"'<>)]*)?`)
	// absolute is a path from a root, of Windows too, or from a home. What stands before it must be no part of a word.
	absolute = regexp.MustCompile(`(^|[\s"'=:,;(\[{<>|_` + "`" + `@])((?:[A-Za-z]:[\\/]|\\\\|~[\w.-]*/|/[^/\s"'<>|*?:;,()\[\]{}])[^\s"'<>|*?:;,()\[\]{}` + "`" + `]+)`)
	// spaced is a text that is nothing but a path from a root, in which there may be spaces, and the line and function of a frame.
	spaced = regexp.MustCompile("^((?:/[^/\\s]|~[\\w.-]*/|[A-Za-z]:[\\\\/]|\\\\\\\\)[^\"'<>|*?:;,()\\n`]*)($|\\(\\d+\\): )")
	// hub is how a hub names models; shapes and what lies in the working directory look the same.
	hub = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$`)
	// asked is where prompts came from, and how many they were.
	asked = regexp.MustCompile(`^(.*?)(, [\d,]+ requests?(?:, .*)?)?$`)
	// file is a file's name or path, and no description.
	file = regexp.MustCompile(`[/\\]|\.[A-Za-z]\w{0,7}$`)
	// address is a person at a machine, or several of both: a@b@c.example.
	address = regexp.MustCompile(`\b(?:[A-Za-z0-9][\w.+-]*@)+(?:[A-Za-z0-9][\w-]*(?:\.[\w-]+)+|[A-Za-z][\w-]*\d[\w-]*)\b`)
	// code are files of programs: their names stay, since whoever reads a profile wants to know which function ran.
	code = regexp.MustCompile(`\.(py|pyx|pyc|so(\.\d+)*|c|cc|cpp|cu|cuh|h|hpp|go|rs|js|ts)$`)
	// local are hosts that name no machine.
	local = regexp.MustCompile(`^(localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\])$`)
)

// learnText keeps a string of a field of a kind.
func (r *Redactor) learnText(kind, text string) {
	switch kind {
	case "":
	case Host:
		r.learnHost(text)
	case Trace:
		r.word(Trace, text)
		if m := torchTrace.FindStringSubmatch(base(text)); m != nil && !place.MatchString(m[1]) {
			r.learnHost(m[1])
		}
		r.keep(Trace, text, false)
		if b := base(text); strings.Contains(b, ".") { // a file's name, which no word is
			r.words[b] = r.word(Trace, text)
			r.keep(Trace, b, false)
		}
	case Path:
		r.word(Path, text)
		if strings.ContainsAny(text, `/\`) {
			r.keep(Path, text, false)
		}
	case Model:
		if !hub.MatchString(text) {
			r.keep(Path, text, false)
		}
	case Source:
		if m := asked.FindStringSubmatch(text); m != nil && file.MatchString(m[1]) && !done.MatchString(m[1]) {
			r.words[text] = r.word(Path, m[1]) + m[2]
			r.find(secret{text: text, word: r.words[text]})
		}
	case Cell:
		if text != "" {
			r.words[text] = r.cell(text)
		}
	default:
		r.word(kind, text)
	}
}

// cell is the name of a sweep's cell, without what is secret in its settings.
func (r *Redactor) cell(text string) string {
	settings := strings.Split(text, ", ")
	for i, s := range settings {
		if name, value, ok := strings.Cut(s, "="); ok {
			r.learnText(named[name], value)
			settings[i] = name + "=" + r.as(named[name], value)
		} else {
			settings[i] = r.Text(s)
		}
	}
	return strings.Join(settings, ", ")
}

// base is the last part of a path of any system.
func base(p string) string { return path.Base(strings.ReplaceAll(p, `\`, "/")) }

func (r *Redactor) learnHost(name string) {
	if name == "" || local.MatchString(name) {
		return
	}
	r.word(Host, name)
	if strings.ContainsAny(name, "0123456789.-") && len(name) > 2 || len(name) >= manyLetters {
		r.keep(Host, name, true)
	}
}

// as is what stands for a string of a field of a kind.
func (r *Redactor) as(kind, text string) string {
	switch kind {
	case "":
		return r.Text(text)
	case Host:
		if local.MatchString(text) {
			return text
		}
	case Source:
		return r.Text(text)
	case Model:
		if hub.MatchString(text) {
			return r.Text(text)
		}
		kind = Path
	}
	return r.word(kind, text)
}

// Text is a text without what was learned and what looks like a secret.
func (r *Redactor) Text(text string) string {
	if text == "" || done.MatchString(text) {
		return text
	}
	if word, ok := r.words[text]; ok {
		return word
	}
	for range mostPasses {
		next := r.once(text)
		if next == text {
			break
		}
		text = next
	}
	return text
}

// mostPasses bounds how often a text is gone through. What was put in may make an address of what it stands beside, so that a second
// pass finds more; what stands for something stays, so that few are needed.
const mostPasses = 10

// once replaces what looks like a secret at first sight.
func (r *Redactor) once(text string) string {
	if m := spaced.FindStringSubmatch(text); m != nil {
		text = r.redactPath(m[1]) + text[len(m[1]):]
	}
	text = url.ReplaceAllStringFunc(text, r.redactURL)
	text = address.ReplaceAllStringFunc(text, func(s string) string {
		parts := strings.Split(s, "@")
		for i := range parts {
			kind := User
			if i == len(parts)-1 {
				kind = Host
			}
			parts[i] = r.word(kind, parts[i])
		}
		return strings.Join(parts, "@")
	})
	for _, s := range r.found {
		text = s.replace(text)
	}
	return absolute.ReplaceAllStringFunc(text, func(s string) string {
		m := absolute.FindStringSubmatch(s)
		return m[1] + r.redactPath(m[2])
	})
}

// replace puts a secret's word in its place.
func (s *secret) replace(text string) string {
	if !s.whole {
		return strings.ReplaceAll(text, s.text, s.word)
	}
	var out strings.Builder
	for from := 0; ; {
		i := strings.Index(text[from:], s.text)
		if i < 0 {
			return out.String() + text
		}
		i += from
		end := i + len(s.text)
		if i > 0 && alphanumeric(text[i-1]) || end < len(text) && alphanumeric(text[end]) {
			from = i + 1
			continue
		}
		out.WriteString(text[:i])
		out.WriteString(s.word)
		text, from = text[end:], 0
	}
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// redactURL replaces a URL's host and path.
func (r *Redactor) redactURL(s string) string {
	m := url.FindStringSubmatch(s)
	host := m[2]
	if !local.MatchString(host) {
		host = r.word(Host, host)
	}
	rest := m[4]
	if rest != "" && rest != "/" && !done.MatchString(rest[1:]) {
		rest = "/" + r.word(Path, rest)
	}
	return m[1] + host + m[3] + rest
}

// shortest is how many letters a path has at least: of less, such as a unit behind a stroke, nobody can tell.
const shortest = 4

// redactPath replaces a path; of a program's file its directory alone.
func (r *Redactor) redactPath(p string) string {
	whole := strings.TrimRight(p, ".")
	if len(whole) < shortest {
		return p
	}
	if word, ok := r.words[whole]; ok {
		return word + p[len(whole):]
	}
	if b := base(whole); code.MatchString(b) {
		return r.word(Path, strings.TrimSuffix(whole, b)) + "/" + b + p[len(whole):]
	}
	return r.word(Path, whole) + p[len(whole):]
}
