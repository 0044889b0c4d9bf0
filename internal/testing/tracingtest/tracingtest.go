// Package tracingtest is a collector of traces for tests: it accepts OTLP over HTTP
// and keeps what it received.
package tracingtest

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Collector is a server that accepts spans.
type Collector struct {
	*httptest.Server

	mu     sync.Mutex
	spans  []Span
	raw    bytes.Buffer
	header http.Header
	paths  []string
	answer int
}

// Span is a received span.
type Span struct {
	ID, Parent, Trace string // in hexadecimal; Parent is "" for the first of a trace
	Name              string
	Attributes        map[string]any // string or int64
	Resource          map[string]any
	Failed            bool
	Start             uint64 // in nanoseconds since 1970
}

// New starts a collector.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{answer: http.StatusOK}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var data otlp.TracesData
		if err := proto.Unmarshal(body, &data); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("the collector got %s with %s, which are not spans: %v", r.Method, r.Header.Get("Content-Type"), err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.paths = append(c.paths, r.URL.Path)
		if c.answer != http.StatusOK {
			w.WriteHeader(c.answer)
			return
		}
		c.header = r.Header
		c.raw.Write(body)
		c.keep(&data)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *Collector) keep(data *otlp.TracesData) {
	for _, of := range data.ResourceSpans {
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				got := Span{
					ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId), Trace: hex.EncodeToString(s.TraceId),
					Name: s.Name, Attributes: map[string]any{}, Resource: map[string]any{}, Start: s.StartTimeUnixNano,
					Failed: s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR,
				}
				for _, a := range s.Attributes {
					switch v := a.Value.GetValue().(type) {
					case *common.AnyValue_StringValue:
						got.Attributes[a.Key] = v.StringValue
					case *common.AnyValue_IntValue:
						got.Attributes[a.Key] = v.IntValue
					}
				}
				for _, a := range of.Resource.GetAttributes() {
					got.Resource[a.Key] = a.Value.GetStringValue()
				}
				c.spans = append(c.spans, got)
			}
		}
	}
}

// Answer makes the collector answer with another status from now on. It keeps only spans
// that it answers with 200.
func (c *Collector) Answer(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = status
}

// Spans returns the received spans.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.spans...)
}

// Raw returns the received bytes.
func (c *Collector) Raw() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.raw.Bytes())
}

// Header returns the headers of the last accepted request.
func (c *Collector) Header() http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.header
}

// Paths returns the paths of all requests.
func (c *Collector) Paths() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.paths...)
}
