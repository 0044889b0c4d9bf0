// Service measures a server as its users see it: whole workflows, new sessions,
// status while PDFs are being read, memory, and the time to the first answer. It
// builds the program, starts it on a free port of this machine, and ends it.
//
//	go run ./bench/service [--bol FILE --orders FILE] [--time 5s]
//
// Without files it uses an invented document of 86 pages. Client and server share the
// processors in all figures. The targets at the end are ratios to what is measured in
// turn with them: "pdftotext -layout" of the document (Debian: poppler-utils), and a bare
// net/http handler in a process of its own that answers the same bytes.
package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tallyman/client"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/program"
)

func main() {
	load.RunIfBare()
	load.Main("bench/service", run)
}

// server is the running program.
type server struct{ *program.Server }

// start starts the program and waits for its first answer.
func start(path, dir string) (server, time.Duration) {
	began := time.Now()
	s := program.New(path, "--data", filepath.Join(dir, "data"))
	load.Check(s.Start())
	resp, err := http.Get(s.URL() + "/ping")
	load.Check(err)
	resp.Body.Close()
	return server{s}, time.Since(began)
}

func (s server) workflow(ctx context.Context, sid string, d load.Documents) error {
	return d.Workflow(ctx, &client.Client{URL: s.URL(), Session: sid, Retries: 100})
}

func run() {
	d, each := load.Parse()
	dir := load.Must(os.MkdirTemp("", "tallyman-bench-*"))
	defer os.RemoveAll(dir)
	built := load.Must(program.Path())
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	ctx := context.Background()
	fmt.Printf("%s\ndocument of %d kB, %v for each figure\n\n", load.Card(), len(d.Bills)>>10, each)

	s, cold := start(built, dir)
	began := time.Now()
	load.Check(s.workflow(ctx, "first", d))
	fmt.Printf("%-52s %8.0f ms, first workflow after %.0f ms (compiles the PDF engine)\n", "start to first answer, cold", ms(cold), ms(time.Since(began)))
	s.End(0)
	s, warm := start(built, dir)
	defer s.End(0)
	began = time.Now()
	load.Check(s.workflow(ctx, "first", d))
	fmt.Printf("%-52s %8.0f ms, first workflow after %.0f ms\n", "start to first answer, warm cache", ms(warm), ms(time.Since(began)))
	rest, processes := load.Memory(s.PID())
	fmt.Printf("%-52s %8.0f MB in %d processes\n", "memory at rest, after one workflow", rest, processes)

	var targets []load.Target
	text := newPoppler(dir, d)
	if text != nil {
		targets = append(targets, uploads(ctx, s, d, text))
	}
	for _, n := range []int{1, 4, 32} {
		// What is beside it is measured before, in the middle and afterwards.
		const parts = 2
		var rates, times []float64
		stop := load.Peak(s.PID())
		for part := range parts + 1 {
			if text != nil {
				times = append(times, text.times(5)...)
			}
			if part == parts {
				break
			}
			run := func(client, _ int) error { return s.workflow(ctx, fmt.Sprint("w", client), d) }
			rates = append(rates, load.Must(load.Clients(n, each/parts, run)))
		}
		peak := stop()
		rate := (rates[0] + rates[1]) / parts
		what := fmt.Sprintf("whole workflows, %d clients", n)
		fmt.Printf("%-52s %8.1f /s, memory up to %.0f MB\n", what, rate, peak)
		if text != nil && n == 4 {
			took := load.Median(times)
			targets = append(targets, load.Target{Work: what, Limit: 1.6, AtLeast: true, Ratio: rate * took / 1000,
				Value: fmt.Sprintf("%.1f /s", rate), Beside: fmt.Sprintf("%.1f /s", 1000/took)})
		}
	}
	load.Check(d.Fill(ctx, &client.Client{URL: s.URL(), Session: "full"}))
	// One after the other: the first creates the session that the second asks for.
	for _, r := range []request{
		{"new-session, durable", 0.35, func(client, round int) string { return fmt.Sprintf("POST /new-session?_sid=n%d.%d", client, round%50) }},
		{"status of an empty session", 0.7, func(int, int) string { return "GET /status?_sid=n0.0" }},
		{"status of a session with a sheet", 0.7, func(int, int) string { return "GET /status?_sid=full" }},
	} {
		targets = append(targets, beside(s, r, each))
	}
	wrk(s.URL()+"/status?_sid=n0.0", each)
	latency(ctx, s, d, each)
	load.PrintTargets(os.Stdout, targets)
	fmt.Println("load at the end", load.Busy())
}

// request is a kind of request that is measured beside a bare handler.
type request struct {
	what  string
	limit float64
	line  func(client, round int) string // its method and path
}

// beside measures requests of the server in turn with a bare handler that answers the
// same bytes.
func beside(s server, r request, each time.Duration) (t load.Target) {
	b := load.StartBare(load.AnswerOf(s.URL(), r.line(0, 0)))
	defer b.End()
	for _, n := range []int{1, 16, 64} {
		const parts = 3
		var ours, theirs, ratios []float64
		for range parts {
			rate := load.Rate([]string{s.URL()}, n, each/parts, r.line)
			bare := load.Rate([]string{b.URL}, n, each/parts, r.line)
			ours, theirs, ratios = append(ours, rate), append(theirs, bare), append(ratios, rate/bare)
		}
		what := fmt.Sprintf("%s, %d connections", r.what, n)
		rate, bare, ratio := load.Median(ours), load.Median(theirs), load.Median(ratios)
		fmt.Printf("%-52s %8.0f /s, a bare handler %.0f /s, ratio %.2f\n", what, rate, bare, ratio)
		if n == 16 {
			t = load.Target{Work: what, Limit: r.limit, AtLeast: true, Ratio: ratio,
				Value: fmt.Sprintf("%.0f /s", rate), Beside: fmt.Sprintf("%.0f /s", bare)}
		}
	}
	return t
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// poppler runs pdftotext -layout on the document.
type poppler struct{ path string }

// newPoppler returns nil if pdftotext is missing.
func newPoppler(dir string, d load.Documents) *poppler {
	if _, err := exec.LookPath("pdftotext"); err != nil {
		fmt.Println("pdftotext is missing (apt-get install poppler-utils), so some targets are not compared")
		return nil
	}
	p := &poppler{filepath.Join(dir, "bol.pdf")}
	load.Check(os.WriteFile(p.path, d.Bills, 0o600))
	return p
}

// times runs it n times, and returns the times in milliseconds.
func (p *poppler) times(n int) (took []float64) {
	for range n {
		began := time.Now()
		if err := exec.Command("pdftotext", "-layout", p.path, os.DevNull).Run(); err != nil {
			load.Fail("pdftotext: %w", err)
		}
		took = append(took, ms(time.Since(began)))
	}
	return took
}

// uploads measures an upload in turn with pdftotext on the same file.
func uploads(ctx context.Context, s server, d load.Documents, text *poppler) load.Target {
	const runs = 15
	var ours, theirs, ratios []float64
	c := &client.Client{URL: s.URL(), Session: "u"}
	for range runs {
		began := time.Now()
		load.Must(c.UploadBills(ctx, false, client.Upload{Name: "b.pdf", Content: bytes.NewReader(d.Bills)}))
		upload := ms(time.Since(began))
		took := text.times(1)
		ours, theirs, ratios = append(ours, upload), append(theirs, took[0]), append(ratios, upload/took[0])
	}
	upload, took := load.Median(ours), load.Median(theirs)
	fmt.Printf("%-52s %8.0f ms (median of %d), pdftotext %.0f ms\n", "upload of the document, answered", upload, runs, took)
	return load.Target{Work: "warm upload, answered", Limit: 0.6, Ratio: load.Median(ratios),
		Value: fmt.Sprintf("%.0f ms", upload), Beside: fmt.Sprintf("%.0f ms", took)}
}

// latency measures status while all workers are busy with PDFs.
func latency(ctx context.Context, s server, d load.Documents, each time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	var busy sync.WaitGroup
	for i := range 4 {
		busy.Go(func() {
			for ctx.Err() == nil {
				s.workflow(ctx, fmt.Sprint("busy", i), d)
			}
		})
	}
	w := load.Must(load.Dial(s.URL()))
	defer w.Close()
	var took []time.Duration
	for ctx.Err() == nil {
		began := time.Now()
		load.Check(w.Ask([]byte("GET /status?_sid=full HTTP/1.1\r\nHost: localhost\r\n\r\n")))
		took = append(took, time.Since(began))
		time.Sleep(time.Millisecond)
	}
	busy.Wait()
	slices.Sort(took)
	at := func(part float64) float64 { return ms(took[int(part*float64(len(took)-1))]) }
	fmt.Printf("%-52s %8.2f ms median, %.1f ms 99 of 100, %.1f ms longest\n", "status while 4 clients upload without a pause", at(.5), at(.99), at(1))
}

// wrk measures with wrk as well, if it is installed.
func wrk(url string, each time.Duration) {
	path, err := exec.LookPath("wrk")
	if err != nil {
		return
	}
	out, err := exec.Command(path, "-t1", "-c16", fmt.Sprintf("-d%ds", max(1, int(each.Seconds()))), url).Output()
	if err != nil {
		fmt.Println("wrk:", err)
		return
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "Requests/sec:") {
			fmt.Printf("%-52s %8s /s\n", "status of an empty session, by wrk", strings.TrimSpace(strings.TrimPrefix(line, "Requests/sec:")))
		}
	}
}
