// Service measures a server as its users see it: whole workflows, new sessions,
// status while PDFs are being read, memory, and the time to the first answer. It
// builds the program, starts it on a free port of this machine, and ends it.
//
//	go run ./bench/service [--bol FILE --orders FILE] [--time 5s]
//
// Without files it uses an invented document of 86 pages. Client and server share the
// processors in all figures.
package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"tallyman/client"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/program"
)

func main() {
	err := run()
	program.Forget()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/service:", err)
		os.Exit(1)
	}
}

// server is the running program.
type server struct{ *program.Server }

// start starts the program and waits for its first answer.
func start(path, dir string) (server, time.Duration, error) {
	began := time.Now()
	s := program.New(path, "--data", filepath.Join(dir, "data"))
	if err := s.Start(); err != nil {
		return server{}, 0, err
	}
	resp, err := http.Get(s.URL() + "/ping")
	if err != nil {
		return server{}, 0, err
	}
	resp.Body.Close()
	return server{s}, time.Since(began), nil
}

func (s server) workflow(ctx context.Context, sid string, d load.Documents) error {
	return d.Workflow(ctx, &client.Client{URL: s.URL(), Session: sid, Retries: 100})
}

func run() error {
	d, each, err := load.Parse()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tallyman-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	built, err := program.Path()
	if err != nil {
		return err
	}
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	ctx := context.Background()
	fmt.Printf("%d processors, %s, document of %d kB, %v for each figure\n\n", runtime.NumCPU(), runtime.Version(), len(d.Bills)>>10, each)

	s, cold, err := start(built, dir)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := s.workflow(ctx, "first", d); err != nil {
		return err
	}
	fmt.Printf("%-52s %8.0f ms, first workflow after %.0f ms (compiles the PDF engine)\n", "start to first answer, cold", ms(cold), ms(time.Since(began)))
	s.End(0)
	s, warm, err := start(built, dir)
	if err != nil {
		return err
	}
	defer s.End(0)
	began = time.Now()
	if err := s.workflow(ctx, "first", d); err != nil {
		return err
	}
	fmt.Printf("%-52s %8.0f ms, first workflow after %.0f ms\n", "start to first answer, warm cache", ms(warm), ms(time.Since(began)))
	rest, processes := load.Memory(s.PID())
	fmt.Printf("%-52s %8.0f MB in %d processes\n", "memory at rest, after one workflow", rest, processes)

	if err := uploads(ctx, s, dir, d); err != nil {
		return err
	}
	for _, n := range []int{1, 4, 32} {
		stop := load.Peak(s.PID())
		rate, err := load.Clients(n, each, func(client, round int) error { return s.workflow(ctx, fmt.Sprint("w", client), d) })
		peak := stop()
		if err != nil {
			return err
		}
		fmt.Printf("%-52s %8.1f /s, memory up to %.0f MB\n", fmt.Sprintf("whole workflows, %d clients", n), rate, peak)
	}
	for _, n := range []int{1, 16, 64} {
		rate, err := load.Rate([]string{s.URL()}, n, each, func(client, round int) string { return fmt.Sprintf("POST /new-session?_sid=n%d.%d", client, round%50) })
		if err != nil {
			return err
		}
		fmt.Printf("%-52s %8.0f /s\n", fmt.Sprintf("new-session, durable, %d connections", n), rate)
	}
	if err := d.Fill(ctx, &client.Client{URL: s.URL(), Session: "full"}); err != nil {
		return err
	}
	for _, sid := range []string{"n0.0", "full"} {
		rate, err := load.Rate([]string{s.URL()}, 16, each, func(int, int) string { return "GET /status?_sid=" + sid })
		if err != nil {
			return err
		}
		what := map[string]string{"n0.0": "an empty session", "full": "a session with a sheet"}[sid]
		fmt.Printf("%-52s %8.0f /s\n", "status of "+what+", 16 connections", rate)
	}
	wrk(s.URL()+"/status?_sid=n0.0", each)
	return latency(ctx, s, d, each)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// uploads compares an upload with pdftotext -layout on the same file.
func uploads(ctx context.Context, s server, dir string, d load.Documents) error {
	var took []time.Duration
	c := &client.Client{URL: s.URL(), Session: "u"}
	for range 7 {
		began := time.Now()
		if _, err := c.UploadBills(ctx, false, client.Upload{Name: "b.pdf", Content: bytes.NewReader(d.Bills)}); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	fmt.Printf("%-52s %8.0f ms (median of 7; fastest %.0f)\n", "upload of the document, answered", ms(took[3]), ms(took[0]))
	path := filepath.Join(dir, "bol.pdf")
	if err := os.WriteFile(path, d.Bills, 0o600); err != nil {
		return err
	}
	if _, err := exec.LookPath("pdftotext"); err != nil {
		fmt.Println("pdftotext is missing (apt-get install poppler-utils), so there is no comparison")
		return nil
	}
	var theirs []time.Duration
	for range 7 {
		began := time.Now()
		if err := exec.Command("pdftotext", "-layout", path, os.DevNull).Run(); err != nil {
			return fmt.Errorf("pdftotext: %w", err)
		}
		theirs = append(theirs, time.Since(began))
	}
	slices.Sort(theirs)
	fmt.Printf("%-52s %8.0f ms, the upload takes %.2f times that\n", "pdftotext -layout of the same file", ms(theirs[3]), ms(took[3])/ms(theirs[3]))
	return nil
}

// latency measures status while all workers are busy with PDFs.
func latency(ctx context.Context, s server, d load.Documents, each time.Duration) error {
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
	w, err := load.Dial(s.URL())
	if err != nil {
		return err
	}
	defer w.Close()
	var took []time.Duration
	for ctx.Err() == nil {
		began := time.Now()
		if err := w.Ask([]byte("GET /status?_sid=full HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
			return err
		}
		took = append(took, time.Since(began))
		time.Sleep(time.Millisecond)
	}
	busy.Wait()
	slices.Sort(took)
	at := func(part float64) float64 { return ms(took[int(part*float64(len(took)-1))]) }
	fmt.Printf("%-52s %8.2f ms median, %.1f ms 99 of 100, %.1f ms longest\n", "status while 4 clients upload without a pause", at(.5), at(.99), at(1))
	return nil
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
