package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"tallyman/internal/fault"
	"tallyman/internal/queue"
	"tallyman/internal/session"
	"tallyman/internal/span"
)

const (
	// parallel bounds the requests to one endpoint at once.
	parallel = 4
	// lease is for how long an attempt claims its delivery: longer than it can take.
	lease = attemptTime + 45*time.Second
	// look is how often endpoints are looked for that another process has made, and
	// deliveries that are due.
	look = 5 * time.Second

	keepDelivered = 3 * 24 * time.Hour
	keepDead      = 30 * 24 * time.Hour
)

// messageID returns the webhook-id of an event: the same for one that is emitted twice.
func messageID(once string) string {
	if once == "" {
		return string(queue.NewID("msg_"))
	}
	sum := sha256.Sum256([]byte(once))
	return "msg_" + hex.EncodeToString(sum[:13])
}

// runner sends the deliveries of one endpoint.
type runner struct {
	owner session.Owner
	id    string
	wake  chan struct{}
	stop  context.CancelFunc
}

// wake has an endpoint look for deliveries, "" for one that is new.
func (s *Service) wake(endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.woken
	if r := s.runners[endpoint]; r != nil {
		ch = r.wake
	}
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Run sends events until ctx ends. Attempts under way then have a few seconds; what they do
// not finish is sent again after the next start, or by another process.
func (s *Service) Run(ctx context.Context) {
	working, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	stopping := context.AfterFunc(ctx, func() { time.AfterFunc(s.limits.drain, cut) })
	defer stopping()
	var all sync.WaitGroup
	defer all.Wait()
	t := time.NewTicker(look)
	defer t.Stop()
	for {
		s.discover(ctx, working, &all)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-s.woken:
		}
	}
}

// discover starts a runner for each endpoint that has none, and ends those of endpoints that
// are gone, whose deliveries it removes.
func (s *Service) discover(ctx, working context.Context, all *sync.WaitGroup) {
	owners, err := s.c.Endpoints.ProfileOwners(ctx)
	if err != nil {
		return // the next round tries again
	}
	there := map[string]session.Owner{}
	off := 0
	for _, owner := range owners {
		d, _, err := s.endpoints(ctx, owner)
		if err != nil {
			return
		}
		s.clean(ctx, owner, d.Removed)
		for _, e := range d.Endpoints {
			there[e.ID] = owner
			if e.Off != "" {
				off++
			}
		}
	}
	s.stats.change(func() { s.stats.is.On, s.stats.is.Off = len(there)-off, off })
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, r := range s.runners {
		if _, ok := there[id]; !ok {
			r.stop()
			delete(s.runners, id)
			s.stats.change(func() { delete(s.stats.counts, id) })
		}
	}
	for id, owner := range there {
		if s.runners[id] == nil && ctx.Err() == nil {
			own, stop := context.WithCancel(ctx)
			r := &runner{owner: owner, id: id, wake: make(chan struct{}, 1), stop: stop}
			s.runners[id] = r
			all.Go(func() { s.serve(own, working, r) })
		}
	}
}

// serve sends the deliveries of one endpoint until ctx ends.
func (s *Service) serve(ctx, working context.Context, r *runner) {
	places := make(chan struct{}, parallel)
	var under sync.WaitGroup
	defer under.Wait()
	t := time.NewTicker(look)
	defer t.Stop()
	var swept time.Time
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		task, ok, err := s.c.Queue.Claim(ctx, kindOf(r.id), lease)
		if err == nil && ok {
			under.Go(func() {
				s.deliver(working, r, task)
				<-places
				s.wake(r.id)
			})
			continue
		}
		<-places
		if time.Since(swept) > time.Minute {
			swept = time.Now()
			s.sweep(ctx, r)
		}
		select {
		case <-r.wake:
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// sweep removes all but the latest delivered events of an endpoint, and measures the others.
func (s *Service) sweep(ctx context.Context, r *runner) {
	if c, err := s.c.Queue.Count(ctx, kindOf(r.id)); err == nil {
		s.stats.change(func() { s.stats.counts[r.id] = c })
		if c.Done <= s.limits.delivered {
			return
		}
	}
	page, err := s.c.Queue.List(ctx, queue.Query{Owner: r.owner, Kind: kindOf(r.id), State: queue.Done, Limit: s.limits.delivered})
	for err == nil && page.More {
		page, err = s.c.Queue.List(ctx, queue.Query{Owner: r.owner, Kind: kindOf(r.id), State: queue.Done, Before: page.Tasks[len(page.Tasks)-1].Seq})
		for _, t := range page.Tasks {
			if err == nil {
				err = s.c.Queue.Remove(ctx, r.owner, t.ID)
			}
		}
	}
}

// deliver makes one attempt, and settles what becomes of the delivery.
func (s *Service) deliver(ctx context.Context, r *runner, t queue.Task) {
	store := context.WithoutCancel(ctx)
	give := func(state queue.State, keep time.Duration, got result) {
		b, _ := json.Marshal(ended{got.status, got.took.Milliseconds()}) // figures only
		_, err := s.c.Queue.Finish(store, t.Hold(), queue.End{State: state, Result: b, Error: got.problem, Keep: keep})
		s.ended(store, r, t, got, state, err)
	}
	e, err := s.Endpoint(store, r.owner, r.id)
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		give(queue.Dead, 0, result{problem: "the webhook was removed"})
		return
	case err != nil:
		return // the lease runs out
	case e.Off != "":
		give(queue.Dead, keepDead, result{problem: "the webhook is off: " + e.Off})
		return
	}
	var m message
	if err := json.Unmarshal(t.Payload, &m); err != nil {
		give(queue.Dead, keepDead, result{problem: "the event cannot be read"})
		return
	}
	got := s.attempt(ctx, e, m, int(t.Token))
	s.stats.change(func() {
		if s.stats.is.Seconds += got.took.Seconds(); !got.ok() {
			s.stats.is.Failed++
		}
	})
	switch {
	case got.ok():
		give(queue.Done, keepDelivered, got)
	case got.gone:
		_, err := s.edit(store, r.owner, r.id, func(e *Endpoint) { e.Off = "it answered 410 Gone" })
		if err != nil && fault.CodeOf(err) != fault.NotFound {
			return // the next attempt learns it again
		}
		s.log.WarnContext(store, "a webhook was switched off: it answered 410 Gone", "owner", r.owner, "webhook", r.id, "host", host(e.URL))
		give(queue.Dead, keepDead, got)
	case int(t.Token) > len(s.c.Waits):
		give(queue.Dead, keepDead, got)
	default:
		after := got.wait(s.c.Waits, int(t.Token))
		if ctx.Err() != nil {
			after = 0 // the attempt was cut off
		}
		_ = s.c.Queue.Retry(store, t.Hold(), after, got.problem) // else the lease runs out
		if after <= look {
			time.AfterFunc(after, func() { s.wake(r.id) })
		}
	}
}

// attempt sends a delivery.
func (s *Service) attempt(ctx context.Context, e Endpoint, m message, attempt int) (got result) {
	if s.c.Tracer != nil {
		var sp trace.Span
		ctx, sp = s.c.Tracer.Start(ctx, "webhook.send", trace.WithSpanKind(trace.SpanKindClient))
		defer func() {
			sp.SetAttributes(attribute.String(span.Scope+".event", string(m.Type)), attribute.Int(span.Scope+".attempt", attempt),
				attribute.Int("http.response.status_code", got.status))
			if !got.ok() {
				sp.SetStatus(otelcodes.Error, "")
			}
			sp.End()
		}()
	}
	// The operator may have changed what is allowed.
	if _, err := s.c.Policy.Check(e.URL); err != nil {
		var f *fault.Error
		errors.As(err, &f)
		return result{problem: f.Message}
	}
	return s.sender.send(ctx, e.URL, m.ID, m.Body, e.signing(s.sender.now()))
}

// ended logs and counts a delivery that has ended.
func (s *Service) ended(ctx context.Context, r *runner, t queue.Task, got result, state queue.State, err error) {
	if err != nil {
		return // another process has it
	}
	d := delivery(r.id, t)
	level, count := s.log.InfoContext, &s.stats.is.Delivered
	if state == queue.Dead {
		level, count = s.log.WarnContext, &s.stats.is.Dead
	}
	s.stats.change(func() { *count++ })
	level(ctx, "webhook", "outcome", string(stateOf[state]), "owner", r.owner, "webhook", r.id, "host", d.Host, "event", string(d.Type),
		"attempts", t.Token, "status", got.status, "problem", got.problem, "ms", got.took.Milliseconds())
}
