package httpapi

import (
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"tallyman/internal/span"
)

// trace begins the span of a request, if it is a session operation and there is a
// tracer. It is called once the caller is known: unauthenticated requests get no span.
//
// Only for a caller with a key, or on this machine and not behind a proxy, is the span
// part of the caller's trace, and does the caller decide whether it is sampled. Others
// could make the server send as much as they like, and mix their spans with those of
// others.
func (c *call) trace() {
	tracer := c.s.config.Tracer
	if tracer == nil || c.route.op == "" {
		return
	}
	ctx := c.r.Context()
	if c.caller.own {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(c.r.Header))
	}
	ctx, c.span = tracer.Start(ctx, c.r.Method+" "+c.route.path,
		trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(c.began),
		trace.WithAttributes(attribute.String("http.request.method", c.r.Method), attribute.String("http.route", c.route.path)))
	c.r = c.r.WithContext(ctx)
}

// endTrace ends the span of the request, with the figures of its line in the log. Other
// attributes are left out: they may contain what the caller sent.
func (c *call) endTrace(status int, outcome string) {
	if c.span == nil {
		return
	}
	if c.span.IsRecording() {
		attrs := []attribute.KeyValue{
			attribute.Int("http.response.status_code", status),
			attribute.String(span.Scope+".op", c.route.op),
			attribute.String(span.Scope+".outcome", outcome),
			attribute.String(span.Scope+".owner", string(c.caller.owner)),
		}
		if c.naming.id() != "" {
			attrs = append(attrs, attribute.String(span.Scope+".session", c.key().Hash()))
		}
		for _, a := range c.attrs {
			if a.Value.Kind() == slog.KindInt64 {
				attrs = append(attrs, attribute.Int64(span.Scope+"."+a.Key, a.Value.Int64()))
			}
		}
		c.span.SetAttributes(attrs...)
		if status >= http.StatusInternalServerError {
			c.span.SetStatus(otelcodes.Error, outcome)
		}
	}
	c.span.End()
}
