// Package tracing sends the spans of requests (package span) to a collector, as
// OpenTelemetry's OTLP over HTTP. It is off unless it is opened, and then nothing
// of it runs.
//
// A collector that is slow or gone harms no request: spans wait in a queue of
// bounded length (OTEL_BSP_MAX_QUEUE_SIZE, 2,048), from which further ones are
// dropped. That it fails is logged once, and once that it works again.
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

// Config says where spans go.
type Config struct {
	// URL is the collector's: http://localhost:4318. Without a path it is that of
	// the standard, /v1/traces.
	URL string
	// Version is that of the program.
	Version string
	// Log hears when the collector fails. nil means nobody does.
	Log *slog.Logger
}

// Tracing makes spans and sends them.
type Tracing struct {
	provider *trace.TracerProvider
	sender   *sender
}

// CheckURL fails with fault.BadRequest if an address cannot be a collector's.
func CheckURL(address string) error {
	_, err := endpoint(address)
	return err
}

// endpoint returns where to send spans to.
func endpoint(address string) (string, error) {
	u, err := url.Parse(address)
	switch {
	case err == nil && u.User != nil:
		// It would be seen by all who see the processes of this machine.
		return "", fault.New(fault.BadRequest, "the address of a collector holds no name and password; give them in OTEL_EXPORTER_OTLP_HEADERS")
	case err == nil && (u.RawQuery != "" || u.ForceQuery || u.Fragment != ""):
		// It may be a token, and the log has the address.
		return "", fault.New(fault.BadRequest, "the address of a collector ends with its path, without ? and #; give a token in OTEL_EXPORTER_OTLP_HEADERS")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", fault.New(fault.BadRequest, "a collector's address looks like http://localhost:4318")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// Open begins to send spans. The caller closes it. What OpenTelemetry's own
// variables say of sampling (OTEL_TRACES_SAMPLER), of the resource
// (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES), of limits (OTEL_BSP_…, OTEL_SPAN_…)
// and of headers for the collector (OTEL_EXPORTER_OTLP_HEADERS) holds. It fails with
// fault.BadRequest if any of that makes no sense.
func Open(ctx context.Context, c Config) (*Tracing, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
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
	// Not the whole of what there is to know of a process: its command line may hold
	// a password.
	about, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.name", "tallyman"),
			attribute.String("service.version", c.Version),
			attribute.String("service.instance.id", rand.Text()),
		),
		resource.WithHost(), resource.WithTelemetrySDK(), resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fault.New(fault.BadRequest, "OTEL_RESOURCE_ATTRIBUTES makes no sense: %w", err)
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

// checkSampler looks for what the SDK would replace by its default in silence.
func checkSampler(name, arg string) error {
	name = strings.ToLower(strings.TrimSpace(name))
	switch name {
	case "", "always_on", "always_off", "parentbased_always_on", "parentbased_always_off":
		return nil
	case "traceidratio", "parentbased_traceidratio":
		if part, err := strconv.ParseFloat(strings.TrimSpace(arg), 64); arg != "" && (err != nil || !(part >= 0 && part <= 1)) {
			return fault.New(fault.BadRequest, "OTEL_TRACES_SAMPLER_ARG is %.40q; give the part of requests to trace, from 0 to 1", arg)
		}
		return nil
	}
	return fault.New(fault.BadRequest, "there is no OTEL_TRACES_SAMPLER %.40q; give always_on, always_off, traceidratio, or one of them after parentbased_", name)
}

// Tracer makes the spans of requests.
func (t *Tracing) Tracer() api.Tracer { return t.provider.Tracer(span.Scope) }

// Close sends what waits, until ctx ends, and stops.
func (t *Tracing) Close(ctx context.Context) error {
	stop := context.AfterFunc(ctx, t.sender.abandon)
	defer stop()
	return t.provider.Shutdown(ctx)
}

// watched tells the log when sending begins to fail, and when it works again.
type watched struct {
	trace.SpanExporter
	log *slog.Logger
	to  string

	mu      sync.Mutex
	failing bool
	lost    int
}

// ExportSpans is called for one batch at a time. What it does not bring to the
// collector is lost.
func (w *watched) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	err := w.SpanExporter.ExportSpans(ctx, spans)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil:
		w.lost += len(spans)
		if !w.failing {
			w.log.Warn("traces cannot be sent; this is not said again until they can", "to", w.to, "error", err)
		}
		w.failing = true
	case w.failing:
		w.log.Info("traces are sent again", "to", w.to, "lost", w.lost)
		w.failing, w.lost = false, 0
	}
	return nil
}

// seldom logs what the SDK has to say of itself, but not often.
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
