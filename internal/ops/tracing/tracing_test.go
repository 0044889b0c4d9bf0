package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/span"
	"tallyman/internal/testing/logged"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/tracingtest"
)

func open(t *testing.T, url string) (*Tracing, *logged.Buffer) {
	t.Helper()
	log := &logged.Buffer{}
	tr, err := Open(t.Context(), Config{URL: url, Version: "1.2.3", Log: slog.New(slog.NewTextHandler(log, nil))})
	must.OK(t, err)
	return tr, log
}

// work makes a span with n spans below it.
func work(tr *Tracing, n int, err error) {
	ctx, s := tr.Tracer().Start(context.Background(), "request")
	for range n {
		_, below := span.Start(ctx, "part")
		below.Int("figure", 7)
		below.Text("word", "ours")
		below.End(err)
	}
	s.End()
}

func TestSpansReachTheCollectorWhenTheServiceEnds(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "X-Token=se%20cret, X-Other = 2")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=depot")
	c := tracingtest.New(t)
	tr, log := open(t, c.URL)
	work(tr, 3, fault.New(fault.TooSlow, "bill-of-ACME.pdf took too long"))
	work(tr, 1, errors.New("what is inside"))
	must.OK(t, tr.Close(t.Context()))
	spans := c.Spans()
	if len(spans) != 6 {
		t.Fatalf("%d spans arrived, want 6", len(spans))
	}
	roots := map[string]string{}
	outcomes := map[any]int{}
	for _, s := range spans {
		if s.Name == "request" {
			roots[s.ID] = s.Trace
		}
		if s.Resource["service.name"] != "tallyman" || s.Resource["service.version"] != "1.2.3" || s.Resource["deployment.environment"] != "depot" {
			t.Errorf("they are of %v", s.Resource)
		}
		if _, there := s.Resource["process.command_args"]; there {
			t.Error("the spans hold the command line, which may hold a password")
		}
	}
	for _, s := range spans {
		if s.Name != "part" {
			continue
		}
		if roots[s.Parent] != s.Trace {
			t.Errorf("the parent of %v is not its request", s)
		}
		if s.Attributes["tallyman.figure"] != int64(7) || s.Attributes["tallyman.word"] != "ours" || !s.Failed {
			t.Errorf("a part has %v", s.Attributes)
		}
		outcomes[s.Attributes["tallyman.outcome"]]++
	}
	if outcomes["too_slow"] != 3 || outcomes["internal"] != 1 {
		t.Errorf("outcomes are %v", outcomes)
	}
	if raw := c.Raw(); bytes.Contains(raw, []byte("ACME")) || bytes.Contains(raw, []byte("inside")) {
		t.Error("the message of an error is in a span")
	}
	if h := c.Header(); h.Get("X-Token") != "se cret" || h.Get("X-Other") != "2" {
		t.Errorf("the headers are %v", h)
	}
	if p := c.Paths(); p[0] != "/v1/traces" {
		t.Errorf("they were sent to %s", p)
	}
	if strings.Count(log.String(), "\n") > 0 {
		t.Errorf("the log says %s", log)
	}
}

func TestACollectorThatFailsIsLoggedOnce(t *testing.T) {
	c := tracingtest.New(t)
	tr, log := open(t, c.URL+"/other/path")
	flush := func() {
		work(tr, 2, nil)
		must.OK(t, tr.provider.ForceFlush(t.Context()))
	}
	c.Answer(http.StatusForbidden)
	for range 5 {
		flush()
	}
	if n := strings.Count(log.String(), "cannot be sent"); n != 1 || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("that traces cannot be sent is logged %d times: %s", n, log)
	}
	c.Answer(http.StatusOK)
	flush()
	flush()
	if strings.Count(log.String(), "sent again") != 1 || strings.Count(log.String(), "lost=15") != 1 || strings.Count(log.String(), "\n") != 2 {
		t.Errorf("the log says %s", log)
	}
	if n := len(c.Spans()); n != 6 {
		t.Errorf("%d spans arrived after that, want 6", n)
	}
	if p := c.Paths(); p[0] != "/other/path" {
		t.Errorf("they were sent to %s", p[0])
	}
	c.Answer(http.StatusForbidden)
	flush()
	if n := strings.Count(log.String(), "cannot be sent"); n != 2 {
		t.Errorf("the second failure is not logged: %s", log)
	}
	must.OK(t, tr.Close(t.Context()))
}

// A busy collector gets the batch again.
func TestABusyCollectorGetsTheSpansLater(t *testing.T) {
	c := tracingtest.New(t)
	tries := 0
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		c.Config.Handler.ServeHTTP(w, r)
	}))
	defer busy.Close()
	tr, log := open(t, busy.URL)
	work(tr, 1, nil)
	must.OK(t, tr.Close(t.Context()))
	if len(c.Spans()) != 2 || tries != 2 || strings.Count(log.String(), "\n") != 0 {
		t.Errorf("%d spans arrived in %d tries; the log says %s", len(c.Spans()), tries, log)
	}
}

// A collector that never answers blocks nothing: spans are dropped when the queue is
// full, and Close returns in time.
func TestAHungCollectorBlocksNothing(t *testing.T) {
	release := make(chan struct{})
	reached := make(chan struct{}, 100)
	hung := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		reached <- struct{}{}
		<-release
	}))
	defer hung.Close()
	defer close(release)
	tr, log := open(t, hung.URL)
	for range 10_000 { // five times the queue's length
		work(tr, 1, nil)
	}
	<-reached
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- tr.Close(ctx) }()
	work(tr, 1, nil)
	cancel()
	if err := <-done; err == nil {
		t.Error("the log claims that everything was sent")
	}
	if n := strings.Count(log.String(), "\n"); n > 1 {
		t.Errorf("the log has %d messages: %s", n, log)
	}
}

func TestInvalidSettingsAreRefused(t *testing.T) {
	for _, url := range []string{"", "localhost:4318", "collector", "ftp://x", "http://", "http://x/#y", "http://x?token=secret", "http://x/v1/traces?", "http://x#secret", "http://user:secret@x", "://secret"} {
		err := CheckURL(url)
		if fault.CodeOf(err) != fault.BadRequest || strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%q: %v", url, err)
		}
		if _, err := Open(t.Context(), Config{URL: url}); fault.CodeOf(err) != fault.BadRequest {
			t.Errorf("%q is opened: %v", url, err)
		}
	}
	for _, url := range []string{"http://user:secret@x", "http://x?token=secret", "http://x#secret"} {
		if err := CheckURL(url); !strings.Contains(fmt.Sprint(err), "OTEL_EXPORTER_OTLP_HEADERS") {
			t.Errorf("%q: the error does not say where a secret belongs: %v", url, err)
		}
	}
	for name, values := range map[string][]string{
		"OTEL_TRACES_SAMPLER":        {"sometimes"},
		"OTEL_EXPORTER_OTLP_HEADERS": {"secret", "=secret", "a b=secret", "a=%zzsecret", "a=secret%0d%0ab"},
		"OTEL_RESOURCE_ATTRIBUTES":   {"a"},
	} {
		for _, v := range values {
			t.Run(name+" "+v, func(t *testing.T) {
				t.Setenv(name, v)
				_, err := Open(t.Context(), Config{URL: "http://127.0.0.1:1"})
				if fault.CodeOf(err) != fault.BadRequest || !strings.Contains(fmt.Sprint(err), name) || strings.Contains(fmt.Sprint(err), "secret") {
					t.Errorf("%v", err)
				}
			})
		}
	}
	for _, part := range []string{"many", "-1", "1.5", "NaN"} {
		t.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
		t.Setenv("OTEL_TRACES_SAMPLER_ARG", part)
		if _, err := Open(t.Context(), Config{URL: "http://127.0.0.1:1"}); fault.CodeOf(err) != fault.BadRequest {
			t.Errorf("an invalid value of %s is accepted: %v", part, err)
		}
	}
}

// Without tracing a span does nothing.
func TestWithoutTracingNoSpansAreMade(t *testing.T) {
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		below, s := span.Start(ctx, "part")
		s.Int("figure", 1)
		s.End(nil)
		if below != ctx {
			t.Error("there is another context")
		}
	}); n != 0 {
		t.Errorf("%v allocations for a span that is none", n)
	}
}
