// Package tracing sends the spans of requests (package span) to a collector, as
// OpenTelemetry's OTLP over HTTP. Nothing runs before Open.
//
// A slow or missing collector harms no request: spans wait in a queue of bounded
// length (OTEL_BSP_MAX_QUEUE_SIZE, 2,048), and are dropped when it is full. A failure
// is logged once, and so is the recovery.
package tracing

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"

	"tallyman/internal/fault"
	"tallyman/internal/span"
)

// Config says where to send spans.
type Config struct {
	// URL is the collector's URL, such as http://localhost:4318. Without a path the
	// standard's is used, /v1/traces.
	URL string
	// Version is the program's version.
	Version string
	// Log receives failures of the collector; nil means no log.
	Log *slog.Logger
}

// Tracing makes spans and sends them.
type Tracing struct {
	provider *trace.TracerProvider
	sender   *sender
}

// CheckURL fails with fault.BadRequest if an address is not a valid collector URL.
func CheckURL(address string) error {
	_, err := endpoint(address)
	return err
}

// endpoint returns the URL to send spans to.
func endpoint(address string) (string, error) {
	u, err := url.Parse(address)
	switch {
	case err == nil && u.User != nil:
		// All users who can list this machine's processes would see it.
		return "", fault.New(fault.BadRequest, "the address of a collector must not contain a name and password; give them in OTEL_EXPORTER_OTLP_HEADERS")
	case err == nil && (u.RawQuery != "" || u.ForceQuery || u.Fragment != ""):
		// The text may be a token, and the log shows the address.
		return "", fault.New(fault.BadRequest, "the address of a collector must end with its path, without ? and #; give a token in OTEL_EXPORTER_OTLP_HEADERS")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", fault.New(fault.BadRequest, "a collector's address looks like http://localhost:4318")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// Open starts sending spans. The caller closes it. OpenTelemetry's own variables
// apply for sampling (OTEL_TRACES_SAMPLER), the resource (OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES), limits (OTEL_BSP_…, OTEL_SPAN_…) and headers for the
// collector (OTEL_EXPORTER_OTLP_HEADERS). It fails with fault.BadRequest if any of
// them is invalid.
func Open(ctx context.Context, c Config) (*Tracing, error) {
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	to, err := endpoint(c.URL)
	if err != nil {
		return nil, err
	}
	if err := checkSampler(os.Getenv("OTEL_TRACES_SAMPLER"), os.Getenv("OTEL_TRACES_SAMPLER_ARG")); err != nil {
		return nil, err
	}
	header, err := headers(cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS"), os.Getenv("OTEL_EXPORTER_OTLP_HEADERS")))
	if err != nil {
		return nil, err
	}
	// The resource does not include the command line, which may hold a password.
	about, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.name", "tallyman"),
			attribute.String("service.version", c.Version),
			attribute.String("service.instance.id", rand.Text()),
		),
		resource.WithHost(), resource.WithTelemetrySDK(), resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fault.New(fault.BadRequest, "OTEL_RESOURCE_ATTRIBUTES is invalid: %w", err)
	}
	s := newSender(to, header)
	exporter, err := otlptrace.New(ctx, s)
	if err != nil {
		return nil, err
	}
	otel.SetErrorHandler(&seldom{log: c.Log})
	return &Tracing{
		sender:   s,
		provider: trace.NewTracerProvider(trace.WithResource(about), trace.WithBatcher(&watched{SpanExporter: exporter, log: c.Log, to: to})),
	}, nil
}

// checkSampler refuses values that the SDK would silently replace by its default.
func checkSampler(name, arg string) error {
	name = strings.ToLower(strings.TrimSpace(name))
	switch name {
	case "", "always_on", "always_off", "parentbased_always_on", "parentbased_always_off":
		return nil
	case "traceidratio", "parentbased_traceidratio":
		if part, err := strconv.ParseFloat(strings.TrimSpace(arg), 64); arg != "" && (err != nil || !(part >= 0 && part <= 1)) {
			return fault.New(fault.BadRequest, "OTEL_TRACES_SAMPLER_ARG is %.40q; give the share of requests to trace, from 0 to 1", arg)
		}
		return nil
	}
	return fault.New(fault.BadRequest, "OTEL_TRACES_SAMPLER has the unknown value %.40q; give always_on, always_off, traceidratio, or one of them after parentbased_", name)
}

// Tracer creates the spans of requests.
func (t *Tracing) Tracer() api.Tracer { return t.provider.Tracer(span.Scope) }

// Close sends the waiting spans, until ctx ends, and stops.
func (t *Tracing) Close(ctx context.Context) error {
	stop := context.AfterFunc(ctx, t.sender.abandon)
	defer stop()
	return t.provider.Shutdown(ctx)
}

// watched logs when sending begins to fail, and when it works again.
type watched struct {
	trace.SpanExporter
	log *slog.Logger
	to  string

	mu      sync.Mutex
	failing bool
	lost    int
}

// ExportSpans is called for one batch at a time. Spans that it cannot send are lost.
func (w *watched) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	err := w.SpanExporter.ExportSpans(ctx, spans)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil:
		w.lost += len(spans)
		if !w.failing {
			w.log.Warn("traces cannot be sent; the next message follows when they can", "to", w.to, "error", err)
		}
		w.failing = true
	case w.failing:
		w.log.Info("traces are sent again", "to", w.to, "lost", w.lost)
		w.failing, w.lost = false, 0
	}
	return nil
}

// seldom logs errors of the SDK itself, but not often.
type seldom struct {
	log *slog.Logger

	mu   sync.Mutex
	last time.Time
}

// Handle implements otel.ErrorHandler.
func (s *seldom) Handle(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.last) < 10*time.Minute {
		return
	}
	s.last = time.Now()
	s.log.Warn("tracing", "error", err)
}
