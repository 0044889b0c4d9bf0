// Package webhook sends events to addresses that owners name: what happened to a session or
// a job, in a few hundred bytes without contents of documents.
//
// An event is kept as a task of package queue, one for each endpoint of the owner, before the
// request that it tells of is answered. It is sent until the endpoint answers with 2xx: at
// least once, over about a day and a half, each time with the same ID, so that a receiver can
// leave out what it has. Then it is dead, and stays in the list for a month, to be sent again
// by hand. Each endpoint has a queue of its own and so many requests at once, so that none
// waits for another.
//
// Requests are signed as Standard Webhooks says, and go only where the operator's Policy
// allows. An endpoint that answers 410 is switched off.
//
// Stores keep secrets as they are, since they are needed to sign. Who can read the store can
// make events.
package webhook

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"tallyman/internal/fault"
	"tallyman/internal/queue"
	"tallyman/internal/session"
)

// Config has the settings of a Service. Endpoints, Queue and Policy must be set.
type Config struct {
	// Endpoints keeps a document for each owner.
	Endpoints session.Profiles
	// Queue keeps what is to be sent.
	Queue queue.Queue
	// Policy says where webhooks may go.
	Policy *Policy
	// Roots are the authorities that are trusted, nil for the system's.
	Roots *x509.CertPool
	// Version is that of the program, for the header User-Agent.
	Version string
	// Log gets a line for each delivery that has ended; nil for none.
	Log *slog.Logger
	// Tracer makes a span of each attempt; nil for none.
	Tracer trace.Tracer
	// Waits are the times between attempts; nil for those of waits. Tests shorten them.
	Waits []time.Duration
}

// Service manages endpoints, keeps events, and sends them. It is safe for concurrent use.
type Service struct {
	c      Config
	sender *sender
	log    *slog.Logger
	stats  stats
	limits limits

	mu      sync.Mutex
	runners map[string]*runner // by endpoint
	woken   chan struct{}      // an endpoint is new
}

// limits are those that tests make smaller.
type limits struct {
	// open is how many events an endpoint may be behind. Then it is switched off: events must
	// not stop uploads, nor fill the store.
	open int
	// delivered is how many delivered events of an endpoint are kept.
	delivered int
	// drain is how long attempts may go on when the service ends.
	drain time.Duration
}

// New returns a service. It sends nothing before Run.
func New(c Config) *Service {
	if c.Waits == nil {
		c.Waits = waits
	}
	return &Service{
		c: c, sender: newSender(c.Policy, c.Roots, c.Version), log: cmp.Or(c.Log, slog.New(slog.DiscardHandler)),
		stats:   stats{counts: map[string]queue.Counts{}},
		runners: map[string]*runner{}, woken: make(chan struct{}, 1), limits: limits{open: 10_000, delivered: 1000, drain: 5 * time.Second},
	}
}

// endpoints returns the endpoints of an owner.
func (s *Service) endpoints(ctx context.Context, owner session.Owner) (document, int64, error) {
	p, err := s.c.Endpoints.Profile(ctx, owner)
	if err != nil {
		return document{}, 0, err
	}
	d, err := parse(p)
	if err != nil {
		return document{}, 0, fmt.Errorf("reading the webhooks of an owner: %w", err)
	}
	return d, p.Revision, nil
}

// change changes the endpoints of an owner. f may be called again, if another was first.
func (s *Service) change(ctx context.Context, owner session.Owner, f func(*document) error) error {
	for {
		d, revision, err := s.endpoints(ctx, owner)
		if err != nil {
			return err
		}
		if err := f(&d); err != nil {
			return err
		}
		content, err := json.Marshal(d)
		if err != nil {
			return fmt.Errorf("writing the webhooks of an owner: %w", err)
		}
		_, err = s.c.Endpoints.PutProfile(ctx, owner, session.Profile{Revision: revision, Content: content})
		if fault.CodeOf(err) != session.ProfileChanged {
			return err
		}
	}
}

// Endpoints returns the endpoints of an owner, in the order in which they were made.
func (s *Service) Endpoints(ctx context.Context, owner session.Owner) ([]Endpoint, error) {
	d, _, err := s.endpoints(ctx, owner)
	return d.Endpoints, err
}

// Endpoint returns one endpoint of an owner, or fails with fault.NotFound.
func (s *Service) Endpoint(ctx context.Context, owner session.Owner, id string) (Endpoint, error) {
	d, _, err := s.endpoints(ctx, owner)
	if err != nil {
		return Endpoint{}, err
	}
	if e := d.find(id); e != nil {
		return *e, nil
	}
	return Endpoint{}, ErrNotFound()
}

// Add adds an endpoint. No types mean Usual. It fails with fault.BadRequest, and with
// Refused for an address that the operator does not allow.
func (s *Service) Add(ctx context.Context, owner session.Owner, address string, asked []Type, note string) (Endpoint, error) {
	address, err := s.c.Policy.Check(address)
	if err != nil {
		return Endpoint{}, err
	}
	types, err := events(asked)
	if err := errors.Join(err, checkNote(note)); err != nil {
		return Endpoint{}, err
	}
	e := Endpoint{
		ID: string(queue.NewID("we_")), URL: address, Events: types, Note: note,
		Created: s.sender.now().UTC().Truncate(time.Millisecond), Secrets: []Secret{{Secret: newSecret()}},
	}
	err = s.change(ctx, owner, func(d *document) error {
		if len(d.Endpoints) >= MaxEndpoints {
			return fault.New(fault.BadRequest, "you have %d webhooks, which is as many as may be; remove one first", MaxEndpoints)
		}
		d.Endpoints = append(d.Endpoints, e)
		return nil
	})
	if err != nil {
		return Endpoint{}, err
	}
	s.wake("")
	return e, nil
}

// Change is what Update changes; nil leaves it as it is.
type Change struct {
	URL    *string
	Events *[]Type
	Note   *string
	On     *bool
}

// Update changes an endpoint. It fails as Add does, and with fault.NotFound.
func (s *Service) Update(ctx context.Context, owner session.Owner, id string, c Change) (e Endpoint, err error) {
	if c.URL != nil {
		address, err := s.c.Policy.Check(*c.URL)
		if err != nil {
			return e, err
		}
		c.URL = &address
	}
	if c.Events != nil {
		types, err := events(*c.Events)
		if err != nil {
			return e, err
		}
		c.Events = &types
	}
	if c.Note != nil {
		if err := checkNote(*c.Note); err != nil {
			return e, err
		}
	}
	return s.edit(ctx, owner, id, func(e *Endpoint) {
		if c.URL != nil {
			e.URL = *c.URL
		}
		if c.Events != nil {
			e.Events = *c.Events
		}
		if c.Note != nil {
			e.Note = *c.Note
		}
		switch {
		case c.On == nil:
		case *c.On:
			e.Off = ""
		case e.Off == "":
			e.Off = "you switched it off"
		}
	})
}

// Rotate gives an endpoint a new secret; the one before signs as well for Overlap.
func (s *Service) Rotate(ctx context.Context, owner session.Owner, id string) (Endpoint, error) {
	secret := newSecret()
	return s.edit(ctx, owner, id, func(e *Endpoint) { e.rotate(secret, s.sender.now()) })
}

// edit changes one endpoint and returns it.
func (s *Service) edit(ctx context.Context, owner session.Owner, id string, f func(*Endpoint)) (e Endpoint, err error) {
	err = s.change(ctx, owner, func(d *document) error {
		found := d.find(id)
		if found == nil {
			return ErrNotFound()
		}
		f(found)
		e = *found
		return nil
	})
	if err == nil {
		s.wake(id)
	}
	return e, err
}

// Remove removes an endpoint and its deliveries.
func (s *Service) Remove(ctx context.Context, owner session.Owner, id string) error {
	err := s.change(ctx, owner, func(d *document) error {
		before := len(d.Endpoints)
		d.Endpoints = slices.DeleteFunc(d.Endpoints, func(e Endpoint) bool { return e.ID == id })
		if len(d.Endpoints) == before {
			return ErrNotFound()
		}
		d.Removed = append(d.Removed[max(0, len(d.Removed)-remembered+1):], removed{id, s.sender.now()})
		return nil
	})
	if err != nil {
		return err
	}
	// What is being sent now finds no endpoint the next time, and ends.
	return s.forget(ctx, owner, id)
}

// clean removes the deliveries of an owner's endpoints that were removed. It does so again in each
// round until a lease has passed, for events that were being kept during the removal.
func (s *Service) clean(ctx context.Context, owner session.Owner, gone []removed) {
	for _, r := range gone {
		if s.forget(ctx, owner, r.ID) != nil {
			return // the next round tries again
		}
		if s.sender.now().Sub(r.At) < lease {
			continue
		}
		_ = s.change(ctx, owner, func(d *document) error {
			d.Removed = slices.DeleteFunc(d.Removed, func(other removed) bool { return other.ID == r.ID })
			return nil
		})
	}
}

// forget removes all deliveries of an endpoint.
func (s *Service) forget(ctx context.Context, owner session.Owner, id string) error {
	for before := int64(0); ; {
		page, err := s.c.Queue.List(ctx, queue.Query{Owner: owner, Kind: kindOf(id), Before: before})
		if err != nil {
			return err
		}
		for _, t := range page.Tasks {
			if err := s.drop(ctx, t); err != nil {
				return err
			}
			before = t.Seq
		}
		if !page.More {
			return nil
		}
	}
}

// drop removes a delivery, whatever its state.
func (s *Service) drop(ctx context.Context, t queue.Task) error {
	if _, _, err := s.c.Queue.Cancel(ctx, t.Owner, t.ID, 0); err != nil && fault.CodeOf(err) != fault.NotFound {
		return err
	}
	return s.c.Queue.Remove(ctx, t.Owner, t.ID)
}

// Event is what happened.
type Event struct {
	Type Type
	// Data is encoded as JSON.
	Data any
	// Once names what happened, so that it is told once although it is emitted twice; ""
	// for what happens once.
	Once string
	// After is how long the event is kept before it is first sent.
	After time.Duration
}

// message is the payload of a task.
type message struct {
	// ID is the webhook-id.
	ID   string `json:"id"`
	Type Type   `json:"type"`
	// Host is where it was to go, for people.
	Host string `json:"host"`
	// Body is what is sent.
	Body json.RawMessage `json:"body"`
}

// body is what receivers get.
type body struct {
	Type      Type      `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// maxBody is the greatest size of an event. Names of files make it so large at most.
const maxBody = 16 << 10

// Emit keeps an event for each endpoint of the owner that asks for its type. After it has
// returned nil, the event is not lost. Whoever changed something calls it before the change
// is acknowledged.
func (s *Service) Emit(ctx context.Context, owner session.Owner, e Event) error {
	ctx = context.WithoutCancel(ctx) // what happened is told, whether its client waits or not
	d, _, err := s.endpoints(ctx, owner)
	if err != nil {
		return err
	}
	id := ""
	for _, to := range d.Endpoints {
		if to.Off != "" || !slices.Contains(to.Events, e.Type) {
			continue
		}
		if id == "" {
			id = messageID(e.Once)
		}
		if _, err := s.put(ctx, owner, to, id, e); err != nil {
			return err
		}
	}
	return nil
}

// Wants reports whether an endpoint of the owner asks for a type.
func (s *Service) Wants(ctx context.Context, owner session.Owner, t Type) (bool, error) {
	d, _, err := s.endpoints(ctx, owner)
	return slices.ContainsFunc(d.Endpoints, func(e Endpoint) bool { return e.Off == "" && slices.Contains(e.Events, t) }), err
}

// put keeps an event for an endpoint.
func (s *Service) put(ctx context.Context, owner session.Owner, to Endpoint, id string, e Event) (queue.Task, error) {
	b, err := json.Marshal(body{e.Type, s.sender.now().UTC().Truncate(time.Millisecond), e.Data})
	if err == nil && len(b) > maxBody {
		err = fmt.Errorf("it has %d bytes", len(b))
	}
	if err != nil {
		return queue.Task{}, fmt.Errorf("the event %s cannot be written: %w", e.Type, err)
	}
	t, err := s.enqueue(ctx, owner, to.ID, message{ID: id, Type: e.Type, Host: host(to.URL), Body: b}, e.Once, e.After)
	if fault.CodeOf(err) == queue.TooMany {
		s.log.WarnContext(ctx, "a webhook was switched off: it is too far behind", "owner", owner, "webhook", to.ID, "host", host(to.URL), "events", s.limits.open)
		_, err = s.edit(ctx, owner, to.ID, func(e *Endpoint) {
			e.Off = fmt.Sprintf("%d events could not be delivered; later ones were not kept", s.limits.open)
		})
		if fault.CodeOf(err) == fault.NotFound {
			err = nil
		}
	}
	return t, err
}

func (s *Service) enqueue(ctx context.Context, owner session.Owner, endpoint string, m message, once string, after time.Duration) (queue.Task, error) {
	payload, err := json.Marshal(m)
	if err != nil {
		return queue.Task{}, err
	}
	t, _, err := s.c.Queue.Put(ctx, queue.New{
		ID: queue.NewID("dl_"), Owner: owner, Kind: kindOf(endpoint), Key: once, Payload: payload, After: after, MostOpen: s.limits.open,
	})
	if err == nil {
		s.wake(endpoint)
	}
	return t, err
}

// host names the place of an address for people and logs. The rest of it may be a secret.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// Delivery is an event on its way to an endpoint, or after that.
type Delivery struct {
	ID       string
	Endpoint string
	// Message is the webhook-id.
	Message string
	Type    Type
	Host    string
	State   State
	// Attempts is how often it was sent so far.
	Attempts int
	// Problem is what went wrong last, "" for nothing.
	Problem string
	// Status is that of the last answer, once the delivery has ended; 0 without one.
	Status int
	// Milliseconds is how long the last attempt took, once the delivery has ended.
	Milliseconds int64
	Created      time.Time
	// Next is when it is tried again; zero unless State is Waiting.
	Next time.Time
	// Ended is when it was delivered, or given up.
	Ended time.Time
	// Body is what is sent.
	Body json.RawMessage
	seq  int64
}

// State is where a delivery is.
type State string

// The states of a delivery.
const (
	Waiting   State = "waiting"   // to be sent, for the first time or again
	Sending   State = "sending"   // under way
	Delivered State = "delivered" // the endpoint answered 2xx
	Dead      State = "dead"      // given up
)

var stateOf = map[queue.State]State{queue.Waiting: Waiting, queue.Claimed: Sending, queue.Done: Delivered, queue.Dead: Dead, queue.Cancelled: Dead}

// ended is the result of a task.
type ended struct {
	Status       int   `json:"status,omitempty"`
	Milliseconds int64 `json:"ms,omitempty"`
}

func delivery(endpoint string, t queue.Task) Delivery {
	var m message
	var r ended
	_ = json.Unmarshal(t.Payload, &m) // we wrote it
	_ = json.Unmarshal(t.Result, &r)
	d := Delivery{
		ID: string(t.ID), Endpoint: endpoint, Message: m.ID, Type: m.Type, Host: m.Host, State: stateOf[t.State], Attempts: int(t.Token),
		Problem: t.Error, Status: r.Status, Milliseconds: r.Milliseconds, Created: t.Created, Ended: t.Ended, Body: m.Body, seq: t.Seq,
	}
	if d.State == Waiting {
		d.Next = t.Due
	}
	return d
}

// Query selects deliveries of an owner.
type Query struct {
	// Endpoint is the endpoint, "" for all.
	Endpoint string
	// State is the state, "" for all.
	State State
	// Before is the Next of the page before, "" for the first page.
	Before string
	// Limit is the size of the page, 1 to MaxPage; other values mean MaxPage.
	Limit int
}

// MaxPage is the largest page of deliveries.
const MaxPage = 200

// Page is a part of the deliveries, the latest first.
type Page struct {
	Deliveries []Delivery
	// Next is the Before of the page after this one, "" if this is the last.
	Next string
}

// Deliveries returns deliveries. It fails with fault.BadRequest and fault.NotFound.
func (s *Service) Deliveries(ctx context.Context, owner session.Owner, q Query) (Page, error) {
	if q.Limit < 1 || q.Limit > MaxPage {
		q.Limit = MaxPage
	}
	var before int64
	if q.Before != "" {
		if n, err := fmt.Sscanf(q.Before, "%d", &before); n != 1 || err != nil || before < 1 {
			return Page{}, fault.New(fault.BadRequest, "%.40q is not the \"next\" of a page", q.Before)
		}
	}
	d, _, err := s.endpoints(ctx, owner)
	if err != nil {
		return Page{}, err
	}
	if q.Endpoint != "" {
		e := d.find(q.Endpoint)
		if e == nil {
			return Page{}, ErrNotFound()
		}
		d.Endpoints = []Endpoint{*e}
	}
	var state queue.State
	for of, is := range stateOf {
		if is == q.State && of != queue.Cancelled {
			state = of
		}
	}
	if q.State != "" && state == "" {
		return Page{}, fault.New(fault.BadRequest, "there is no state %.40q; there are waiting, sending, delivered and dead", q.State)
	}
	var all []Delivery
	more := false
	for _, e := range d.Endpoints {
		page, err := s.c.Queue.List(ctx, queue.Query{Owner: owner, Kind: kindOf(e.ID), State: state, Before: before, Limit: q.Limit})
		if err != nil {
			return Page{}, err
		}
		for _, t := range page.Tasks {
			all = append(all, delivery(e.ID, t))
		}
		more = more || page.More
	}
	slices.SortFunc(all, func(a, b Delivery) int { return cmp.Compare(b.seq, a.seq) })
	p := Page{Deliveries: all[:min(len(all), q.Limit)]}
	if n := len(p.Deliveries); n > 0 && (more || n < len(all)) {
		p.Next = fmt.Sprint(p.Deliveries[n-1].seq)
	}
	return p, nil
}

// Try sends an event of type Ping to an endpoint.
func (s *Service) Try(ctx context.Context, owner session.Owner, id string) (Delivery, error) {
	e, err := s.Endpoint(ctx, owner, id)
	if err != nil {
		return Delivery{}, err
	}
	if e.Off != "" {
		return Delivery{}, fault.New(fault.BadRequest, "the webhook is off: %s; switch it on first", e.Off)
	}
	t, err := s.put(ctx, owner, e, messageID(""), Event{Type: Ping, Data: struct {
		Webhook string `json:"webhook"`
	}{e.ID}})
	if err != nil {
		return Delivery{}, err
	}
	return delivery(id, t), nil
}

// Again sends a delivery again: one that was given up or delivered, or one that waits for
// its next attempt. The webhook-id stays the same. It fails with fault.NotFound.
func (s *Service) Again(ctx context.Context, owner session.Owner, id string) (Delivery, error) {
	d, _, err := s.endpoints(ctx, owner)
	if err != nil {
		return Delivery{}, err
	}
	t, err := s.c.Queue.Get(ctx, owner, queue.ID(id))
	endpoint := strings.TrimPrefix(string(t.Kind), string(kindOf("")))
	switch e := d.find(endpoint); {
	case fault.CodeOf(err) == fault.NotFound, err == nil && e == nil:
		return Delivery{}, fault.New(fault.NotFound, "you have no such delivery; list them with GET /webhooks/deliveries")
	case err != nil:
		return Delivery{}, err
	case t.State == queue.Claimed:
		return delivery(endpoint, t), nil // it is on its way
	case e.Off != "":
		return Delivery{}, fault.New(fault.BadRequest, "the webhook is off: %s; switch it on first", e.Off)
	}
	return s.again(ctx, endpoint, t)
}

// again puts the task of a delivery anew, and removes the old one.
func (s *Service) again(ctx context.Context, endpoint string, t queue.Task) (Delivery, error) {
	var m message
	if err := json.Unmarshal(t.Payload, &m); err != nil {
		return Delivery{}, fmt.Errorf("reading a delivery: %w", err)
	}
	next, err := s.enqueue(ctx, t.Owner, endpoint, m, "", 0)
	if fault.CodeOf(err) == queue.TooMany {
		err = fault.New(fault.BadRequest, "%d events wait to be sent to this webhook; send this one again once there are fewer", s.limits.open)
	}
	if err != nil {
		return Delivery{}, err
	}
	if t.State != queue.Done { // what was delivered stays in the list
		err = s.drop(ctx, t)
	}
	return delivery(endpoint, next), err
}

// AllAgain sends all deliveries of an endpoint again that were given up, and returns how
// many.
func (s *Service) AllAgain(ctx context.Context, owner session.Owner, id string) (n int, err error) {
	e, err := s.Endpoint(ctx, owner, id)
	if err != nil {
		return 0, err
	}
	if e.Off != "" {
		return 0, fault.New(fault.BadRequest, "the webhook is off: %s; switch it on first", e.Off)
	}
	for before := int64(0); ; {
		page, err := s.c.Queue.List(ctx, queue.Query{Owner: owner, Kind: kindOf(id), State: queue.Dead, Before: before})
		if err != nil {
			return n, err
		}
		for _, t := range page.Tasks {
			if _, err := s.again(ctx, id, t); err != nil {
				return n, err
			}
			n, before = n+1, t.Seq
		}
		if !page.More {
			return n, nil
		}
	}
}
