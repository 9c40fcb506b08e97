package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inferprof/inferprof/analyze"
)

// The page in a real browser. The test adds two scripts to the page and their hashes to its policy: one that takes note
// of every error and every breach of the policy from the start, and one that uses the page as a reader would and leaves
// what it saw in the document, which the browser prints.

const watch = `
window.seen = {errors: [], blocked: []};
addEventListener("error", (e) => seen.errors.push(String(e.message)));
addEventListener("unhandledrejection", (e) => seen.errors.push(String(e.reason)));
document.addEventListener("securitypolicyviolation", (e) => seen.blocked.push(e.violatedDirective + " " + e.blockedURI));
for (const f of ["error", "warn"]) { const was = console[f]; console[f] = (...a) => { seen.errors.push(a.join(" ")); was(...a); }; }
`

const drive = `
addEventListener("load", () => {
  const box = document.querySelector("#kernel .table"), body = box.querySelector("tbody");
  const column = (name) => [...box.querySelectorAll("th")].findIndex((h) => h.textContent === name);
  const shown = () => [...body.rows].filter((r) => r.getClientRects().length);
  const cells = (c) => shown().map((r) => r.cells[c].textContent);
  const click = (name) => box.querySelectorAll("th")[column(name)].querySelector("button").click();
  seen.rows = [shown().length];
  click("kernel"); seen.names = cells(column("kernel")); seen.sort = box.querySelectorAll("th")[column("kernel")].getAttribute("aria-sort");
  click("count"); seen.counts = [...body.rows].map((r) => Number(r.cells[column("count")].dataset.v));
  click("count"); seen.countsUp = [...body.rows].map((r) => Number(r.cells[column("count")].dataset.v));
  document.querySelector("#kernel .all").click(); seen.rows.push(shown().length);
  const filter = document.querySelector("#kernel input");
  filter.value = "KERNEL_7"; filter.dispatchEvent(new Event("input")); seen.filtered = cells(column("kernel"));
  filter.value = ""; filter.dispatchEvent(new Event("input"));
  const bar = document.querySelector("#breakdown rect[data-tip]"), at = bar.getBoundingClientRect();
  bar.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX: at.x + 2, clientY: at.y + 2}));
  seen.tip = document.getElementById("tip").hidden ? "" : document.getElementById("tip").textContent;
  seen.requests = performance.getEntriesByType("resource").map((e) => e.name);
  seen.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const prose = [...document.querySelectorAll("td.text")].filter((c) => c.getClientRects().length);
  seen.prose = prose.length;
  seen.hidden = prose.filter((c) => c.getBoundingClientRect().right > c.closest(".table").getBoundingClientRect().right + 1).map((c) => c.textContent);
  const out = document.createElement("pre"); out.id = "seen"; out.textContent = JSON.stringify(seen); document.body.append(out);
});
`

// browser finds Chromium or Chrome; without one, a test is skipped.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium or Chrome here: install one to test the page in it")
	return ""
}

func TestHTMLInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	program := browser(t)
	r := manyRanks(3, 20)
	r.Kernels, r.Categories = r.Kernels[:60], r.Categories[:5]
	r.Idle = &analyze.IdleTotals{Host: analyze.Gap{Count: 60, Ns: 20_000_000}, HeldUp: analyze.Gap{Count: 20, Ns: 9_000_000}}
	for i := range r.Kernels {
		r.Kernels[i].Name, r.Kernels[i].Count = "kernel_"+string(rune('0'+i%10))+"_"+string(rune('a'+i/10)), (i*37)%101
	}
	text := pageOf(t, r)
	hash := func(script string) string {
		sum := sha256.Sum256([]byte(script))
		return " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	text = strings.Replace(text, "; base-uri", hash(watch)+hash(drive)+"; base-uri", 1)
	text = strings.Replace(text, "<style>", "<script>"+watch+"</script><style>", 1)
	text = strings.Replace(text, "</body>", "<script>"+drive+"</script></body>", 1)
	for _, size := range []string{"1240,900", "360,800"} {
		t.Run(size, func(t *testing.T) { inBrowser(t, program, text, size) })
	}
}

func inBrowser(t *testing.T, program, text, size string) {
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--window-size="+size, "--dump-dom", (&url.URL{Scheme: "file", Path: file}).String())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	dom, err := cmd.Output()
	if err != nil {
		t.Skipf("%s does not run here: %v: %.300s", program, err, stderr.String())
	}
	m := regexp.MustCompile(`(?s)<pre id="seen">(.*?)</pre>`).FindSubmatch(dom)
	if m == nil {
		t.Fatalf("the page's script did not get to the end:\n%.2000s", dom[max(0, len(dom)-2000):])
	}
	var seen struct {
		Errors, Blocked, Names, Filtered, Requests, Hidden []string
		Rows, Counts, CountsUp                             []int
		Sort, Tip                                          string
		Overflow, Prose                                    int
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &seen); err != nil {
		t.Fatal(err)
	}
	if len(seen.Errors)+len(seen.Blocked)+len(seen.Requests) > 0 {
		t.Errorf("errors %q, blocked %q, requests %q", seen.Errors, seen.Blocked, seen.Requests)
	}
	if !slices.Equal(seen.Rows, []int{htmlRowsShown, 60}) {
		t.Errorf("rows shown at first and in all: %v", seen.Rows)
	}
	if !slices.IsSorted(seen.Names) || len(seen.Names) != htmlRowsShown || seen.Sort != "ascending" {
		t.Errorf("sorted by name, %s: %q", seen.Sort, seen.Names)
	}
	if slices.Reverse(seen.Counts); !slices.IsSorted(seen.Counts) || !slices.IsSorted(seen.CountsUp) || len(seen.CountsUp) != 60 {
		t.Errorf("sorted by count: %v, then %v", seen.Counts, seen.CountsUp)
	}
	if len(seen.Filtered) != 6 || slices.ContainsFunc(seen.Filtered, func(s string) bool { return !strings.HasPrefix(s, "kernel_7_") }) {
		t.Errorf("filtered: %q", seen.Filtered)
	}
	if !strings.Contains(seen.Tip, "computation") {
		t.Errorf("what a bar says when it is pointed at: %q", seen.Tip)
	}
	if narrow := strings.HasPrefix(size, "360"); seen.Prose == 0 || len(seen.Hidden) > 0 && !narrow { // where a narrow table is swiped
		t.Errorf("of %d cells of prose these lie beyond their table's edge: %q", seen.Prose, seen.Hidden)
	}
	if seen.Overflow > 0 {
		t.Errorf("the page is %d pixels wider than the window", seen.Overflow)
	}
}
