package main

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"tallyman/internal/blob"
	"tallyman/internal/ops/tracing"
	"tallyman/internal/session"
)

// traces is what --traces adds to the service: nothing without it.
type traces struct {
	log    *slog.Logger
	tracer trace.Tracer // nil without traces
	close  func()
}

// flushTime is how long the end of the service waits for the collector.
const flushTime = 5 * time.Second

// trace starts tracing, if requested.
func (o *serveOptions) trace(ctx context.Context, log *slog.Logger) (traces, error) {
	if o.traces == "" {
		return traces{log: log, close: func() {}}, nil
	}
	t, err := tracing.Open(ctx, tracing.Config{URL: o.traces, Version: version, Log: log})
	if err != nil {
		return traces{}, err
	}
	return traces{log: slog.New(tracing.Logs(log.Handler())), tracer: t.Tracer(), close: func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		defer cancel()
		if err := t.Close(ctx); err != nil {
			log.Warn("the last traces could not be sent", "error", err)
		}
	}}, nil
}

func (t traces) sessions(s session.Store) session.Store {
	if t.tracer == nil {
		return s
	}
	return tracing.Sessions(s)
}

func (t traces) contents(s blob.Store) blob.Store {
	if t.tracer == nil {
		return s
	}
	return tracing.Contents(s)
}
