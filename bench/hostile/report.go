package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/testing/load"
)

// report is the result of a run.
type report struct {
	began      time.Time
	took       time.Duration
	leftOut    []string
	documents  int
	kinds      map[string]int
	answers    map[string]int // by way, status and code
	requests   int
	slowest    []slow // at most slowMost, the slowest first
	accepted   map[string]int
	drawn      int // pictures of first pages, by workers of this program
	violations []violation
	before     state
	after      state
	warnings   map[string]int
	bad        map[string]func() ([]byte, error) // the documents of violations
	sentences  map[string][]string               // some sentences of each code
	most       float64                           // the highest memory of server and workers meanwhile, in MB
}

// slow is one slow answer.
type slow struct {
	document string
	answer
}

const slowMost = 10

// try sends documents to a server and compares its state before and after. through is
// the address to send them to: the server's own, except in tests.
func try(ctx context.Context, s *server, through string, documents []document, o options) (*report, error) {
	ctx, cancel := context.WithTimeout(ctx, o.all)
	defer cancel()
	r := &report{
		began: time.Now(), kinds: map[string]int{}, answers: map[string]int{}, accepted: map[string]int{},
		bad: map[string]func() ([]byte, error){}, sentences: map[string][]string{},
	}
	sound := invent(sample.Options{Bills: 2, Lines: 6, Seed: 3})
	client := &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: o.atOnce},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	reader := intake.New(intake.Config{Workers: o.atOnce})
	defer reader.Close()
	sender := func(d document, content []byte, n int) *sender {
		return &sender{
			url: through, client: client, reader: reader, deadline: o.deadline, sound: sound,
			name: d.name, content: content, session: fmt.Sprint("hostile-", n),
		}
	}

	// Before the state at rest is measured, every worker has read a document and
	// every page was drawn once.
	var all sync.WaitGroup
	var mu sync.Mutex
	for i := range o.warm {
		all.Go(func() {
			for j, b := range [][]byte{sound.Bills, sound.workbook} {
				warm := sender(document{name: "a sound document"}, b, -1-2*i-j)
				warm.send(ctx)
				mu.Lock()
				r.violations = append(r.violations, warm.violations...)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	client.CloseIdleConnections()
	var err error
	if r.before, err = s.settle(ctx); err != nil {
		return nil, fmt.Errorf("the server, before anything was sent: %w", err)
	}

	peak := load.Peak(s.PID())
	var next atomic.Int64
	for range o.atOnce {
		all.Go(func() {
			for ctx.Err() == nil && !s.Fell() {
				i := int(next.Add(1)) - 1
				if i >= len(documents) {
					return
				}
				d := documents[i]
				content, err := d.read()
				sent := sender(d, content, i)
				if err == nil {
					sent.send(ctx)
				}
				mu.Lock()
				if err != nil {
					r.leftOut = append(r.leftOut, fmt.Sprintf("%s: %v", d.name, err))
					r.violations = append(r.violations, violation{d.name, "it cannot be read", err.Error()})
				} else {
					r.add(d, content, sent)
				}
				if r.documents%250 == 0 && err == nil {
					fmt.Fprintf(os.Stderr, "%d of %d files after %v, %d violations\n", r.documents, len(documents), time.Since(r.began).Round(time.Second), len(r.violations))
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	r.most = peak()
	client.CloseIdleConnections()

	server := func(what, says string) { r.violations = append(r.violations, violation{"the server", what, says}) }
	if s.Fell() {
		server("it ended", s.How())
	} else if ctx.Err() != nil {
		server(fmt.Sprintf("the run was given up: %d of %d files were sent", r.documents, len(documents)), context.Cause(ctx).Error())
	} else if r.after, err = s.rest(ctx, r.before, o.growth, o.patience); err != nil {
		server("its state cannot be read", err.Error())
	} else {
		for _, h := range r.after.harm(r.before, o.growth) {
			server("it is not as it was", h)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.warnings = s.warnings.All()
	for _, line := range s.errors {
		server("its log has an internal fault", line)
	}
	r.took = time.Since(r.began)
	return r, nil
}

// add adds the results of one document.
func (r *report) add(d document, content []byte, sent *sender) {
	r.documents++
	r.kinds[kind(content)]++
	for _, a := range sent.answers {
		r.requests++
		r.answers[fmt.Sprintf("%-13s %d %s", a.way, a.status, a.code)]++
		if a.status == 200 && a.way == asPicture {
			r.drawn++
		} else if a.status == 200 && a.way != another {
			r.accepted[a.way]++
		}
		if known := r.sentences[a.code]; a.code != "" && len(known) < sentencesKept && !slices.Contains(known, a.says) {
			r.sentences[a.code] = append(known, a.says)
		}
		a.body = nil
		r.slowest = append(r.slowest, slow{d.name, a})
	}
	slices.SortStableFunc(r.slowest, func(a, b slow) int { return cmp.Compare(b.took, a.took) })
	r.slowest = slices.Clip(r.slowest[:min(len(r.slowest), slowMost)])
	r.violations = append(r.violations, sent.violations...)
	if len(sent.violations) > 0 {
		r.bad[d.name] = d.read
	}
}

// count returns the number of violations of a kind.
func (r *report) count(what string) (n int) {
	for _, v := range r.violations {
		if v.what == what {
			n++
		}
	}
	return n
}

// print prints the report.
func (r *report) print(w io.Writer) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format, args...) }
	table := func(title string, of map[string]int) {
		p("\n%s\n", title)
		for _, k := range slices.Sorted(maps.Keys(of)) {
			p("  %8d  %s\n", of[k], k)
		}
	}
	p("%d files sent, each as BOL and as order export, in %d requests, in %v\n", r.documents, r.requests, r.took.Round(time.Second))
	p("%d left out\n", len(r.leftOut))
	for _, l := range r.leftOut {
		p("  %s\n", l)
	}
	table("kinds of files", r.kinds)
	table("answers: way, status, code", r.answers)
	p("\nneither 2xx nor 4xx %d, no JSON %d, over the deadline %d\n", r.count(ours), r.count(notJSON), r.count(overDeadline))
	p("\nslowest\n")
	for _, s := range r.slowest {
		p("  %7.2f s  %s: %s, %d %s\n", s.took.Seconds(), s.document, s.request, s.status, s.code)
	}
	table("the server's warnings", r.warnings)
	p("\nworkers killed or crashed: %d\n", r.after.restarts-r.before.restarts)
	p("\n%-28s %10s %10s\n", "the server at rest", "before", "after")
	for _, row := range []struct {
		name          string
		before, after any
	}{
		{"memory, MB", int(r.before.memory), int(r.after.memory)},
		{"heap in use, MB", int(r.before.heap), int(r.after.heap)},
		{"memory of its workers, MB", int(r.before.ofWorkers), int(r.after.ofWorkers)},
		{"workers", r.before.workers, r.after.workers},
		{"goroutines", r.before.goroutines, r.after.goroutines},
		{"open files", r.before.open, r.after.open},
		{"sessions", r.before.sessions, r.after.sessions},
		{"files of sessions", r.before.contents, r.after.contents},
		{"temporary files", len(r.before.temporary), len(r.after.temporary)},
	} {
		p("%-28s %10v %10v\n", row.name, row.before, row.after)
	}
	p("server and workers together took up to %.0f MB\n", r.most)
	p("\n%d violations\n", len(r.violations))
	for _, v := range r.violations {
		p("  %s: %s\n    %s\n", v.document, v.what, v.answer)
	}
}

// sentencesKept bounds how many sentences of each code are kept.
const sentencesKept = 2000

// printSentences prints n sentences of each code, from the whole run.
func (r *report) printSentences(w io.Writer, n int) {
	for _, code := range slices.Sorted(maps.Keys(r.sentences)) {
		all := r.sentences[code]
		some := min(n, len(all))
		if some > 0 {
			fmt.Fprintf(w, "\n%s: %d different sentences\n", code, len(all))
		}
		for i := range some {
			fmt.Fprintf(w, "  %s\n", all[i*len(all)/some])
		}
	}
}

// saveBad writes the documents of violations into a folder.
func (r *report) saveBad(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for name, read := range r.bad {
		b, err := read()
		if err != nil {
			return err
		}
		name = strings.NewReplacer("/", "_", "\\", "_").Replace(name)
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}
