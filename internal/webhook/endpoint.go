package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tallyman/internal/fault"
	"tallyman/internal/queue"
	"tallyman/internal/session"
	"tallyman/internal/text"
)

// Type is the type of an event.
type Type string

// The types. Their meaning never changes; docs/api.md describes their data.
const (
	SheetReady   Type = "sheet.ready"   // bills or orders were attached, and there is a sheet of them
	UploadFailed Type = "upload.failed" // bills or orders were refused
	SheetChanged Type = "sheet.changed" // the sheet was amended or read again, or a file was taken away
	JobDone      Type = "job.done"      // a job has its result
	JobFailed    Type = "job.failed"    // a job has failed
	Ping         Type = "ping"          // somebody tries an endpoint
)

// Types are the types that an endpoint can ask for. Usual are those that it gets if it asks
// for none: the others come with each change that a person makes.
var (
	Types = []Type{SheetReady, UploadFailed, SheetChanged, JobDone, JobFailed}
	Usual = []Type{SheetReady, UploadFailed, JobDone, JobFailed}
)

// Endpoint is an address of an owner to which events go.
type Endpoint struct {
	ID  string `json:"id"`
	URL string `json:"url"`
	// Events are the types that it gets.
	Events []Type `json:"events"`
	// Note is the owner's own words, "" for none.
	Note    string    `json:"note,omitempty"`
	Created time.Time `json:"created"`
	// Off is why nothing is sent there, "" if it is.
	Off string `json:"off,omitempty"`
	// Secrets sign the events, the latest first.
	Secrets []Secret `json:"secrets"`
}

// Secret is a secret of an endpoint.
type Secret struct {
	Secret string `json:"secret"`
	// Until is when it stops signing; zero for the latest.
	Until time.Time `json:"until,omitzero"`
}

// Limits of endpoints.
const (
	MaxEndpoints = 10  // of an owner
	MaxNote      = 200 // bytes
	maxSecrets   = 5   // that sign at once
)

// Overlap is for how long the secret that was replaced goes on signing.
const Overlap = 24 * time.Hour

// ErrNotFound returns the fault of an endpoint that does not exist.
func ErrNotFound() error {
	return fault.New(fault.NotFound, "you have no such webhook; list them with GET /webhooks")
}

// document is what a store keeps of an owner's endpoints.
type document struct {
	Endpoints []Endpoint `json:"endpoints"`
	// Removed are endpoints whose deliveries may still be there: the process may have ended
	// before it removed them, or kept an event for one of them meanwhile.
	Removed []removed `json:"removed,omitempty"`
}

// removed is an endpoint that was removed.
type removed struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// remembered bounds the endpoints of an owner that are remembered as removed.
const remembered = 100

func parse(p session.Profile) (d document, err error) {
	if len(p.Content) > 0 {
		err = json.Unmarshal(p.Content, &d)
	}
	return d, err
}

// find returns an endpoint, nil if there is none.
func (d *document) find(id string) *Endpoint {
	i := slices.IndexFunc(d.Endpoints, func(e Endpoint) bool { return e.ID == id })
	if i < 0 {
		return nil
	}
	return &d.Endpoints[i]
}

// kind is the kind of the tasks that are the endpoint's deliveries: each endpoint has a
// queue of its own, so that none waits for another.
func kindOf(id string) queue.Kind { return queue.Kind("webhook_" + id) }

// Unsent counts the events of all owners that are still to be delivered, for whoever moves a store
// without its tasks.
func Unsent(ctx context.Context, endpoints session.Profiles, tasks queue.Queue) (n int, err error) {
	owners, err := endpoints.ProfileOwners(ctx)
	if err != nil {
		return 0, err
	}
	for _, owner := range owners {
		p, err := endpoints.Profile(ctx, owner)
		if err != nil {
			return 0, err
		}
		d, err := parse(p)
		if err != nil {
			return 0, fmt.Errorf("reading the webhooks of %s: %w", owner, err)
		}
		for _, e := range d.Endpoints {
			c, err := tasks.Count(ctx, kindOf(e.ID))
			if err != nil {
				return 0, err
			}
			n += c.Waiting + c.Claimed
		}
	}
	return n, nil
}

// signing returns the secrets that sign at a time.
func (e *Endpoint) signing(now time.Time) (secrets []string) {
	for _, s := range e.Secrets {
		if s.Until.IsZero() || now.Before(s.Until) {
			secrets = append(secrets, s.Secret)
		}
	}
	return secrets
}

// rotate puts a new secret before the others.
func (e *Endpoint) rotate(secret string, now time.Time) {
	kept := slices.DeleteFunc(e.Secrets, func(s Secret) bool { return !s.Until.IsZero() && !now.Before(s.Until) })
	for i := range kept {
		if kept[i].Until.IsZero() {
			kept[i].Until = now.Add(Overlap)
		}
	}
	e.Secrets = append([]Secret{{Secret: secret}}, kept[:min(len(kept), maxSecrets-1)]...)
}

// events checks the types that an endpoint asks for.
func events(asked []Type) ([]Type, error) {
	if len(asked) == 0 {
		return Usual, nil
	}
	var all []Type
	for _, t := range Types { // in this order, and none twice
		if slices.Contains(asked, t) {
			all = append(all, t)
		}
	}
	for _, t := range asked {
		if !slices.Contains(Types, t) {
			return nil, fault.New(fault.BadRequest, "there is no event %.40q; there are %s", t, text.List(Types, len(Types), func(t Type) string { return string(t) }))
		}
	}
	return all, nil
}

func checkNote(note string) error {
	if len(note) > MaxNote || !utf8.ValidString(note) || strings.ContainsFunc(note, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fault.New(fault.BadRequest, "the note of a webhook is one line of at most %d bytes", MaxNote)
	}
	return nil
}
