// Service measures a server as its users meet it: whole workflows, new sessions,
// status while PDFs are being read, memory, and the time to the first answer. It
// builds the program, starts it on a free port of this machine, and ends it.
//
//	go run ./bench/service [--bol FILE --orders FILE] [--time 5s]
//
// Without files it uses an invented document of 86 pages. All figures are of
// client and server on the same processors.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"tallyman/client"
	"tallyman/internal/load"
)

func main() {
	bol := pflag.String("bol", "", "the PDF of bills")
	orders := pflag.String("orders", "", "its order export")
	each := pflag.Duration("time", 5*time.Second, "how long each measurement lasts")
	pflag.Parse()
	if err := run(*bol, *orders, min(*each, time.Minute)); err != nil {
		fmt.Fprintln(os.Stderr, "bench/service:", err)
		os.Exit(1)
	}
}

// server is the program, running.
type server struct {
	cmd *exec.Cmd
	url string
}

// start starts the program and waits for its first answer.
func start(program, dir string) (*server, time.Duration, error) {
	began := time.Now()
	s := &server{cmd: exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--log", "json")}
	out, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, 0, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, 0, err
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return nil, 0, fmt.Errorf("the server did not start: %w", err)
	}
	var first struct{ URL string }
	if err := json.Unmarshal(line, &first); err != nil || first.URL == "" {
		return nil, 0, fmt.Errorf("the server said %s", line)
	}
	go io.Copy(io.Discard, lines)
	s.url = first.URL
	resp, err := http.Get(s.url + "/ping")
	if err != nil {
		return nil, 0, err
	}
	resp.Body.Close()
	return s, time.Since(began), nil
}

func (s *server) end() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.cmd.Wait()
}

// memory is the resident memory of the server and its workers, in MB.
func (s *server) memory() (total float64, processes int) { return load.Memory(s.cmd.Process.Pid) }

// peak watches memory until it is stopped.
func (s *server) peak() (stop func() float64) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan float64)
	go func() {
		most := 0.0
		for ctx.Err() == nil {
			now, _ := s.memory()
			most = max(most, now)
			time.Sleep(100 * time.Millisecond)
		}
		done <- most
	}()
	return func() float64 { cancel(); return <-done }
}

// workflow is clear, new, upload, upload-csv, download-bol, clear.
func (s *server) workflow(ctx context.Context, sid string, d load.Documents) error {
	c := &client.Client{URL: s.url, Session: sid, Retries: 100}
	_, err := c.Run(ctx, client.Upload{Name: "bol.pdf", Content: bytes.NewReader(d.Bills)},
		&client.Upload{Name: "orders.csv", Content: bytes.NewReader(d.Orders)})
	return err
}

func run(bol, orders string, each time.Duration) error {
	d, err := load.Read(bol, orders)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tallyman-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "tallyman")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/tallyman")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the program: %w", err)
	}
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	ctx := context.Background()
	fmt.Printf("%d processors, %s, document of %d kB, %v for each figure\n\n", runtime.NumCPU(), runtime.Version(), len(d.Bills)>>10, each)

	s, cold, err := start(program, dir)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := s.workflow(ctx, "first", d); err != nil {
		return err
	}
	fmt.Printf("%-52s %8.0f ms, first workflow after %.0f ms (compiles the PDF engine)\n", "start to first answer, cold", ms(cold), ms(time.Since(began)))
	s.end()
	s, warm, err := start(program, dir)
	if err != nil {
		return err
	}
	defer func() { s.end() }()
	began = time.Now()
	if err := s.workflow(ctx, "first", d); err != nil {
		return err
	}
	fmt.Printf("%-52s %8.0f ms, first workflow after %.0f ms\n", "start to first answer, warm cache", ms(warm), ms(time.Since(began)))
	rest, processes := s.memory()
	fmt.Printf("%-52s %8.0f MB in %d processes\n", "memory at rest, after one workflow", rest, processes)

	if err := uploads(ctx, s, dir, d); err != nil {
		return err
	}
	for _, n := range []int{1, 4, 32} {
		stop := s.peak()
		rate, err := load.Clients(n, each, func(client, round int) error { return s.workflow(ctx, fmt.Sprint("w", client), d) })
		peak := stop()
		if err != nil {
			return err
		}
		fmt.Printf("%-52s %8.1f /s, memory up to %.0f MB\n", fmt.Sprintf("whole workflows, %d clients", n), rate, peak)
	}
	for _, n := range []int{1, 16, 64} {
		rate, err := load.Rate([]string{s.url}, n, each, func(client, round int) string { return fmt.Sprintf("POST /new-session?_sid=n%d.%d", client, round%50) })
		if err != nil {
			return err
		}
		fmt.Printf("%-52s %8.0f /s\n", fmt.Sprintf("new-session, durable, %d connections", n), rate)
	}
	if err := s.workflowWithoutClear(ctx, d); err != nil {
		return err
	}
	for _, sid := range []string{"n0.0", "full"} {
		rate, err := load.Rate([]string{s.url}, 16, each, func(int, int) string { return "GET /status?_sid=" + sid })
		if err != nil {
			return err
		}
		what := map[string]string{"n0.0": "an empty session", "full": "a session with a sheet"}[sid]
		fmt.Printf("%-52s %8.0f /s\n", "status of "+what+", 16 connections", rate)
	}
	wrk(s.url+"/status?_sid=n0.0", each)
	return latency(ctx, s, d, each)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// uploads compares an upload with pdftotext -layout on the same file.
func uploads(ctx context.Context, s *server, dir string, d load.Documents) error {
	var took []time.Duration
	c := &client.Client{URL: s.url, Session: "u"}
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
		fmt.Println("pdftotext is not here (apt-get install poppler-utils), so there is nothing to compare with")
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

// workflowWithoutClear leaves a session called full.
func (s *server) workflowWithoutClear(ctx context.Context, d load.Documents) error {
	c := &client.Client{URL: s.url, Session: "full"}
	if _, err := c.UploadBills(ctx, false, client.Upload{Name: "b.pdf", Content: bytes.NewReader(d.Bills)}); err != nil {
		return err
	}
	_, err := c.UploadOrders(ctx, client.Upload{Name: "o.csv", Content: bytes.NewReader(d.Orders)})
	return err
}

// latency measures status while all workers are busy with PDFs.
func latency(ctx context.Context, s *server, d load.Documents, each time.Duration) error {
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
	w, err := load.Dial(s.url)
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

// wrk measures with wrk as well, if it is here.
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
