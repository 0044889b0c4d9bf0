// Package span marks what a request spends its time on, for those who look at
// traces. Whoever works for a request starts a span with the request's context:
//
//	ctx, s := span.Start(ctx, "sheet.make")
//	defer func() { s.End(err) }()
//	s.Int("lines", n)
//
// Without a span in the context (traces are off, or this request is not sampled)
// all of that does nothing.
//
// Spans leave the machine: nothing may be put into them that a caller sent, and no
// session ID, key, file name or text of a document. They hold figures, and texts
// that stand in our own code.
package span

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"tallyman/internal/fault"
)

// Scope is the name under which spans are made, and what the names of their
// attributes begin with.
const Scope = "tallyman"

// Span is a stretch of time. The zero Span is none, and does nothing.
type Span struct{ of trace.Span }

// Start begins a span under the one that ctx carries, if that is one.
func Start(ctx context.Context, name string) (context.Context, Span) {
	above := trace.SpanFromContext(ctx)
	if !above.IsRecording() {
		return ctx, Span{}
	}
	ctx, s := above.TracerProvider().Tracer(Scope).Start(ctx, name)
	return ctx, Span{s}
}

// Int notes a figure.
func (s Span) Int(name string, n int64) {
	if s.of != nil {
		s.of.SetAttributes(attribute.Int64(Scope+"."+name, n))
	}
}

// Text notes a word of ours; see the package comment for what it may not be.
func (s Span) Text(name, word string) {
	if s.of != nil {
		s.of.SetAttributes(attribute.String(Scope+"."+name, word))
	}
}

// End ends the span, with the code of what came of it as its outcome. The error's
// message is left out, since it may hold a file name.
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
