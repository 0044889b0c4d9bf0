// Package span records what a request spends its time on, for traces. Code that works
// for a request starts a span with the request's context:
//
//	ctx, s := span.Start(ctx, "sheet.make")
//	defer func() { s.End(err) }()
//	s.Int("lines", n)
//
// Without a span in the context (tracing is off, or this request is not sampled)
// these calls do nothing.
//
// Spans leave the machine: they must not contain anything that a caller sent, nor a
// session ID, key, file name or text of a document. They hold figures, and texts from
// our own code.
package span

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"tallyman/internal/fault"
)

// Scope is the name of the tracer, and the prefix of the attributes' names.
const Scope = "tallyman"

// Span is a period of time. The zero Span does nothing.
type Span struct{ of trace.Span }

// Start begins a span below the one in ctx, if there is one.
func Start(ctx context.Context, name string) (context.Context, Span) {
	above := trace.SpanFromContext(ctx)
	if !above.IsRecording() {
		return ctx, Span{}
	}
	ctx, s := above.TracerProvider().Tracer(Scope).Start(ctx, name)
	return ctx, Span{s}
}

// Int records a figure.
func (s Span) Int(name string, n int64) {
	if s.of != nil {
		s.of.SetAttributes(attribute.Int64(Scope+"."+name, n))
	}
}

// Text records a text of our own code; see the package comment for what is forbidden.
func (s Span) Text(name, word string) {
	if s.of != nil {
		s.of.SetAttributes(attribute.String(Scope+"."+name, word))
	}
}

// End ends the span, with the error's code as its outcome. The error's message is
// left out, since it may contain a file name.
func (s Span) End(err error) {
	if s.of == nil {
		return
	}
	outcome := Outcome(err)
	s.of.SetAttributes(attribute.String(Scope+".outcome", outcome))
	if err != nil {
		s.of.SetStatus(codes.Error, outcome)
	}
	s.of.End()
}

// Outcome is "ok", or the code of a fault.
func Outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return string(fault.CodeOf(err))
}
