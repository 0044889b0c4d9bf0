package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"tallyman/internal/testing/must"
	"tallyman/internal/testing/tracingtest"
)

// The program sends its spans to the collector before it ends.
func TestServeSendsTracesAndFlushesThem(t *testing.T) {
	c := tracingtest.New(t)
	bills, _ := documents(t)
	s := startServer(t, t.TempDir(), []string{"OTEL_SERVICE_NAME=depot-tallyman"}, "--listen", "127.0.0.1:0", "--traces", c.URL)
	resp, err := http.Post(s.url+"/upload?_sid=secret-name", "application/pdf", bytes.NewReader(bills))
	must.OK(t, err)
	resp.Body.Close()
	if got := stacks(t, s.url); !strings.Contains(got, "go.opentelemetry.io/otel/sdk") {
		t.Error("nothing sends traces") // otherwise the next test would prove nothing
	}
	s.end(t)
	names := map[string]bool{}
	for _, sp := range c.Spans() {
		names[sp.Name] = true
		if sp.Resource["service.name"] != "depot-tallyman" {
			t.Errorf("they are of %v", sp.Resource)
		}
	}
	if !names["POST /upload"] || !names["worker.call"] || !names["sessions.attach"] {
		t.Errorf("the spans are %v", names)
	}
	if bytes.Contains(c.Raw(), []byte("secret-name")) {
		t.Error("the collector knows the session's ID")
	}
}

// Without --traces no tracing runs, whatever the environment says.
func TestServeSendsNoTracesByDefault(t *testing.T) {
	c := tracingtest.New(t)
	s := startServer(t, t.TempDir(), []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL, "OTEL_TRACES_SAMPLER=always_on"}, "--listen", "127.0.0.1:0")
	resp, err := http.Post(s.url+"/new-session?_sid=x", "", nil)
	must.OK(t, err)
	resp.Body.Close()
	if got := stacks(t, s.url); strings.Contains(got, "opentelemetry") {
		t.Errorf("tracing runs:\n%s", got)
	}
	s.end(t)
	if len(c.Paths()) > 0 {
		t.Error("the collector received a request")
	}
}

// A collector that hangs delays neither requests nor the end of the program.
func TestServeGoesOnWhileTheCollectorHangs(t *testing.T) {
	release := make(chan struct{})
	hung := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer hung.Close()
	defer close(release)
	s := startServer(t, t.TempDir(), []string{"OTEL_BSP_MAX_QUEUE_SIZE=8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4"}, "--listen", "127.0.0.1:0", "--traces", hung.URL)
	for range 200 {
		resp, err := http.Post(s.url+"/new-session?_sid=x", "", nil)
		must.OK(t, err)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	said := 0
	for s.lines.Scan() {
		if strings.Contains(s.lines.Text(), "traces") {
			said++
		}
	}
	if err := s.cmd.Wait(); err != nil || said == 0 || said > 2 {
		t.Errorf("the server ended with %v, and logged %d messages about it", err, said)
	}
}

// stacks returns the stacks of the server's goroutines.
func stacks(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url + "/debug/pprof/goroutine?debug=1")
	must.OK(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || !bytes.Contains(b, []byte("net/http")) {
		t.Fatalf("%s %v", resp.Status, err)
	}
	return string(b)
}
