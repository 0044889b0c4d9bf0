package httpapi

import (
	"context"
	"errors"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"tallyman/internal/fault"
	"tallyman/internal/pairing"
	"tallyman/internal/session"
	"tallyman/internal/turn"
	"tallyman/internal/watch"
)

// Turn begins the turn on the processors of work for an owner that no request asks for: it
// has its place among the owner's requests. It fails with fault.Busy if too many of them
// wait, and with fault.Cancelled.
func (s *Server) Turn(ctx context.Context, owner session.Owner) (_ context.Context, end func(), err error) {
	ctx, t, err := s.begin(ctx, owner)
	return ctx, t.End, err
}

// begin begins a turn; that of an owner without a key is nil, which waits for nothing.
func (s *Server) begin(ctx context.Context, owner session.Owner) (context.Context, *turn.Turn, error) {
	if owner == session.Local {
		return ctx, nil, nil
	}
	own, t, err := s.turns.Begin(ctx, string(owner))
	switch {
	case errors.Is(err, turn.ErrFull):
		seconds := session.Seconds(s.turns.Wait(string(owner)))
		return ctx, nil, fault.New(fault.Busy, "too many of your requests are waiting; try again in %d seconds", seconds).
			With(session.RetryAfter{Seconds: seconds})
	case err != nil:
		return ctx, nil, fault.Ended(err)
	}
	return own, t, nil
}

// folders measures the watched folders.
func folders(states func() []watch.State) scraped {
	files := prometheus.NewDesc("tallyman_folder_files", "Files in a watched folder: arriving (not read yet), or waiting for bills or an order export.", []string{"folder", "state"}, nil)
	outcomes := prometheus.NewDesc("tallyman_folder_outcomes_total", "Inputs of a watched folder by outcome (done, again, failed).", []string{"folder", "outcome"}, nil)
	retries := prometheus.NewDesc("tallyman_folder_retries_total", "How often something in a watched folder did not work, and was tried again.", []string{"folder"}, nil)
	away := prometheus.NewDesc("tallyman_folder_away", "1 while a watched folder cannot be used.", []string{"folder"}, nil)
	return scraped{[]*prometheus.Desc{files, outcomes, retries, away}, func(gauge, count measurement) {
		for _, st := range states() {
			dir := strings.ToValidUTF8(st.Dir, "�")
			gauge(files, float64(st.Arriving), dir, "arriving")
			gauge(files, float64(st.Waiting), dir, "waiting")
			for _, o := range pairing.Outcomes {
				count(outcomes, float64(st.Outcomes[o]), dir, string(o))
			}
			count(retries, float64(st.Retries), dir)
			gauge(away, flag(st.Away), dir)
		}
	}}
}
