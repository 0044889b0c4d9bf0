package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tallyman/internal/testing/api"
	"tallyman/internal/testing/tracingtest"
)

// The program sends its spans to the collector before it ends.
func TestServeSendsTracesAndFlushesThem(t *testing.T) {
	c := tracingtest.New(t)
	bills, _ := documents(t)
	s := startServer(t, t.TempDir(), []string{"OTEL_SERVICE_NAME=depot-tallyman"}, "--listen", "127.0.0.1:0", "--traces", c.URL)
	s.ask(t, api.Request{Method: "POST", Path: "/upload", SID: "secret-name", Kind: "application/pdf", Body: bills}, nil)
	if got := s.stacks(t); !strings.Contains(got, "go.opentelemetry.io/otel/sdk") {
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

// begin begins a session.
var begin = api.Request{Method: "POST", Path: "/new-session", SID: "x"}

// Without --traces no tracing runs, whatever the environment says.
func TestServeSendsNoTracesByDefault(t *testing.T) {
	c := tracingtest.New(t)
	s := startServer(t, t.TempDir(), []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL, "OTEL_TRACES_SAMPLER=always_on"}, "--listen", "127.0.0.1:0")
	s.ask(t, begin, nil)
	if got := s.stacks(t); strings.Contains(got, "opentelemetry") {
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
		s.ask(t, begin, nil)
	}
	how, said := s.EndWithin(time.Hour), 0
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, "traces") {
			said++
		}
	}
	if how == nil || !how.Success() || said == 0 || said > 2 {
		t.Errorf("the server ended with %v, and logged %d messages about it", how, said)
	}
}

// stacks returns the stacks of the server's goroutines.
func (s *server) stacks(t *testing.T) string {
	t.Helper()
	b := s.ask(t, api.Request{Method: "GET", Path: "/debug/pprof/goroutine?debug=1"}, nil)
	if !bytes.Contains(b, []byte("net/http")) {
		t.Fatalf("%s", b)
	}
	return string(b)
}
