package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/text"
	"tallyman/internal/webhook"
)

// WebhooksOff is the code of routes of webhooks where there are none.
const WebhooksOff fault.Code = "webhooks_off"

// webhookInfo is an endpoint, as its owner sees it.
type webhookInfo struct {
	ID string `json:"id"`
	// URL is where events go; keys that may only look see the host.
	URL string `json:"url"`
	// Events are the types that go there.
	Events []webhook.Type `json:"events"`
	// Note are the owner's own words.
	Note      string    `json:"note"`
	CreatedAt time.Time `json:"created_at"`
	// On is false if nothing is sent, for the reason in Off.
	On  bool   `json:"on"`
	Off string `json:"off"`
	// OldSecretUntil is until when the secret that was replaced last signs as well.
	OldSecretUntil *time.Time `json:"old_secret_until,omitempty"`
}

func (c *call) webhookInfo(e webhook.Endpoint) webhookInfo {
	i := webhookInfo{ID: e.ID, URL: e.URL, Events: e.Events, Note: e.Note, CreatedAt: e.Created, On: e.Off == "", Off: e.Off}
	if u, err := url.Parse(e.URL); c.caller.readOnly && err == nil {
		i.URL = u.Scheme + "://" + u.Host // the rest may be a secret
	}
	for _, s := range e.Secrets {
		if s.Until.After(time.Now()) {
			i.OldSecretUntil = &s.Until
			break
		}
	}
	return i
}

// webhooksAnswer is the answer of GET /webhooks.
type webhooksAnswer struct {
	Webhooks []webhookInfo `json:"webhooks"`
	// Events are the types that a webhook can ask for, and Usual those that it gets if it
	// asks for none.
	Events []webhook.Type `json:"events"`
	Usual  []webhook.Type `json:"usual"`
	// Most is how many webhooks you can have.
	Most int `json:"most"`
}

// webhookAnswer is the answer of routes that change one webhook.
type webhookAnswer struct {
	simpleAnswer
	Webhook webhookInfo `json:"webhook"`
	// Secret signs the events. It is shown this once.
	Secret string `json:"secret,omitempty"`
}

// deliveryInfo is an event on its way to a webhook, or after that.
type deliveryInfo struct {
	ID      string `json:"id"`
	Webhook string `json:"webhook"`
	// Message is the header webhook-id: the same each time.
	Message string       `json:"message"`
	Event   webhook.Type `json:"event"`
	// Host is where it goes.
	Host string `json:"host"`
	// State is "waiting", "sending", "delivered" or "dead".
	State webhook.State `json:"state"`
	// Attempts is how often it was sent so far.
	Attempts int `json:"attempts"`
	// Problem is what went wrong last, "" for nothing.
	Problem string `json:"problem"`
	// HTTPStatus is that of the last answer, and Milliseconds how long it took, once the
	// delivery has ended; 0 without an answer.
	HTTPStatus   int       `json:"http_status"`
	Milliseconds int64     `json:"ms"`
	CreatedAt    time.Time `json:"created_at"`
	// NextAt is when it is tried again, and EndedAt when it was delivered or given up.
	NextAt  *time.Time `json:"next_at,omitempty"`
	EndedAt *time.Time `json:"ended_at,omitempty"`
	// Body is what is sent.
	Body any `json:"body"`
}

func deliveryOf(d webhook.Delivery) deliveryInfo {
	given := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	return deliveryInfo{
		ID: d.ID, Webhook: d.Endpoint, Message: d.Message, Event: d.Type, Host: d.Host, State: d.State, Attempts: d.Attempts, Problem: d.Problem,
		HTTPStatus: d.Status, Milliseconds: d.Milliseconds, CreatedAt: d.Created, NextAt: given(d.Next), EndedAt: given(d.Ended), Body: d.Body,
	}
}

// deliveriesAnswer is the answer of GET /webhooks/deliveries.
type deliveriesAnswer struct {
	// Deliveries are the latest first.
	Deliveries []deliveryInfo `json:"deliveries"`
	// Next is the "after" of the next page, "" if there is none.
	Next string `json:"next"`
}

// deliveryAnswer is the answer of routes that send one event.
type deliveryAnswer struct {
	simpleAnswer
	Delivery deliveryInfo `json:"delivery"`
}

// resentAnswer is the answer of POST /webhooks/{id}/resend.
type resentAnswer struct {
	simpleAnswer
	// Sent is how many deliveries are sent again.
	Sent int `json:"sent"`
}

// webhooks returns what manages webhooks. It fails with WebhooksOff.
func (c *call) webhooks() (*webhook.Service, error) {
	switch {
	case c.s.config.Webhooks == nil:
		return nil, fault.New(WebhooksOff, "there are no webhooks here: the operator allows none (--webhook-allow)")
	case !c.caller.own:
		// Whoever shares the owner with others must not learn of their sessions.
		return nil, fault.New(WebhooksOff, "webhooks need a key, or a server that only you can reach")
	}
	return c.s.config.Webhooks, nil
}

// withWebhooks makes a handler of one that needs what manages webhooks.
func withWebhooks[T any](f func(*call, *webhook.Service) (T, error)) func(*call) (T, error) {
	return func(c *call) (a T, err error) {
		hooks, err := c.webhooks()
		if err != nil {
			return a, err
		}
		return f(c, hooks)
	}
}

// mostOfWebhook bounds the body of a request about a webhook, in bytes.
const mostOfWebhook = 16 << 10

// webhookRequest reads the body of POST /webhooks and PATCH /webhooks/{id}, whose members are
// called like the fields of a change. It fails as webhooks does, too.
func (c *call) webhookRequest() (r webhook.Change, hooks *webhook.Service, err error) {
	data, err := c.readJSON(c.body, mostOfWebhook, "a webhook is JSON; send it")
	if err != nil {
		return r, nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || d.More() {
		return r, nil, fault.New(fault.BadRequest, `a webhook is written like {"url": "https://hooks.example.com/tallyman", "events": ["sheet.ready"], "note": "n8n"}`)
	}
	hooks, err = c.webhooks()
	return r, hooks, err
}

func handleWebhooks(c *call, hooks *webhook.Service) (a webhooksAnswer, err error) {
	all, err := hooks.Endpoints(c.r.Context(), c.caller.owner)
	if err != nil {
		return a, err
	}
	c.note("webhooks", len(all))
	return webhooksAnswer{text.Each(all, c.webhookInfo), webhook.Types, webhook.Usual, webhook.MaxEndpoints}, nil
}

func handleAddWebhook(c *call) (a webhookAnswer, err error) {
	r, hooks, err := c.webhookRequest()
	if err != nil {
		return a, err
	}
	e, err := hooks.Add(c.r.Context(), c.caller.owner, orZero(r.URL), orZero(r.Events), orZero(r.Note))
	if err != nil {
		return a, err
	}
	message := "Events go to this webhook from now on. Keep the secret: it is not shown again."
	return webhookAnswer{success(message), c.webhookInfo(e), e.Secrets[0].Secret}, nil
}

// orZero returns what a request says, the zero value if it does not say it.
func orZero[T any](v *T) (out T) {
	if v != nil {
		out = *v
	}
	return out
}

func handleChangeWebhook(c *call) (a webhookAnswer, err error) {
	r, hooks, err := c.webhookRequest()
	if err != nil {
		return a, err
	}
	e, err := hooks.Update(c.r.Context(), c.caller.owner, c.r.PathValue("id"), r)
	if err != nil {
		return a, err
	}
	return webhookAnswer{simpleAnswer: success("The webhook was changed."), Webhook: c.webhookInfo(e)}, nil
}

func handleRemoveWebhook(c *call, hooks *webhook.Service) (a simpleAnswer, err error) {
	if err := hooks.Remove(c.r.Context(), c.caller.owner, c.r.PathValue("id")); err != nil {
		return a, err
	}
	return success("The webhook was removed, with everything that was still to be sent there."), nil
}

func handleRotateWebhook(c *call, hooks *webhook.Service) (a webhookAnswer, err error) {
	e, err := hooks.Rotate(c.r.Context(), c.caller.owner, c.r.PathValue("id"))
	if err != nil {
		return a, err
	}
	message := "Events are signed with the new secret, and with the one before for 24 hours. Keep the secret: it is not shown again."
	return webhookAnswer{success(message), c.webhookInfo(e), e.Secrets[0].Secret}, nil
}

// sends makes a handler of what sends one event, with the message of the answer.
func sends(
	do func(*webhook.Service, context.Context, session.Owner, string) (webhook.Delivery, error), message string,
) func(*call) (deliveryAnswer, error) {
	return withWebhooks(func(c *call, hooks *webhook.Service) (deliveryAnswer, error) {
		d, err := do(hooks, c.r.Context(), c.caller.owner, c.r.PathValue("id"))
		return deliveryAnswer{success(message), deliveryOf(d)}, err
	})
}

func handleResendAll(c *call, hooks *webhook.Service) (a resentAnswer, err error) {
	n, err := hooks.AllAgain(c.r.Context(), c.caller.owner, c.r.PathValue("id"))
	if err != nil {
		return a, err
	}
	c.note("sent", n)
	return resentAnswer{success("What was given up is sent again."), n}, nil
}

func handleDeliveries(c *call) (a deliveriesAnswer, err error) {
	limit, err := c.number("limit", 50)
	if err != nil {
		return a, err
	}
	hooks, err := c.webhooks()
	if err != nil {
		return a, err
	}
	page, err := hooks.Deliveries(c.r.Context(), c.caller.owner, webhook.Query{
		Endpoint: c.query("webhook"), State: webhook.State(c.query("state")), Before: c.query("after"), Limit: limit,
	})
	if err != nil {
		return a, err
	}
	c.note("deliveries", len(page.Deliveries))
	return deliveriesAnswer{text.Each(page.Deliveries, deliveryOf), page.Next}, nil
}

// webhookRoutes are the routes of webhooks.
func webhookRoutes() []*route {
	id := parameter{name: "id", in: "path", about: "the webhook's ID"}
	fields := []bodyField{
		{name: "url", about: "where events go, beginning with https://"},
		{name: "events", about: "a list of the types of events that go there; see GET /webhooks"},
		{name: "note", about: "your own words, at most 200 bytes"},
	}
	json := func(more ...bodyField) []bodyDoc {
		return []bodyDoc{{media: body.JSON, fields: append(fields, more...)}}
	}
	bodied := []fault.Code{fault.BadRequest, fault.TooLarge, body.UnsupportedType, body.RequestTimeout, webhook.Refused, WebhooksOff}
	one := []fault.Code{WebhooksOff, fault.NotFound}
	del := []string{http.MethodDelete}
	return []*route{
		typed(route{path: "/webhooks", methods: get, op: "webhooks",
			summary: "Your webhooks: addresses to which events of your sessions and jobs go",
			faults:  []fault.Code{WebhooksOff},
		}, withWebhooks(handleWebhooks)),
		typed(route{path: "/webhooks", methods: post, op: "add_webhook", changes: true,
			summary: "Add a webhook. The answer has its secret, with which events are signed as Standard Webhooks says",
			bodies:  json(), faults: bodied,
		}, handleAddWebhook),
		typed(route{path: "/webhooks/{id}", methods: []string{http.MethodPatch}, op: "change_webhook", changes: true,
			summary: "Change a webhook; fields that are left out stay as they are",
			queries: []parameter{id},
			bodies:  json(bodyField{name: "on", about: "false switches it off, true on again: events in between are not kept"}),
			faults:  codes(bodied, []fault.Code{fault.NotFound}),
		}, handleChangeWebhook),
		typed(route{path: "/webhooks/{id}", methods: del, op: "remove_webhook", changes: true,
			summary: "Remove a webhook, with everything that was still to be sent there",
			queries: []parameter{id}, faults: one,
		}, withWebhooks(handleRemoveWebhook)),
		typed(route{path: "/webhooks/{id}/rotate", methods: post, op: "rotate_webhook", changes: true,
			summary: "Give a webhook a new secret. For 24 hours the one before signs events as well",
			queries: []parameter{id}, faults: one,
		}, withWebhooks(handleRotateWebhook)),
		typed(route{path: "/webhooks/{id}/ping", methods: post, op: "ping_webhook", changes: true,
			summary: "Send an event of type ping to a webhook",
			queries: []parameter{id}, faults: codes(one, []fault.Code{fault.BadRequest}),
		}, sends((*webhook.Service).Try, "An event of type ping is on its way.")),
		typed(route{path: "/webhooks/{id}/resend", methods: post, op: "resend_webhook", changes: true,
			summary: "Send everything again that could not be delivered to a webhook",
			queries: []parameter{id}, faults: codes(one, []fault.Code{fault.BadRequest}),
		}, withWebhooks(handleResendAll)),
		typed(route{path: "/webhooks/deliveries", methods: get, op: "deliveries",
			summary: "What was sent to your webhooks, or is to be: the latest first. Delivered events are listed for three days, those that were given up for 30",
			queries: []parameter{
				{name: "webhook", in: "query", about: "the ID of one webhook; all by default"},
				{name: "state", in: "query", about: "only those in this state; dead are those that were given up", values: []string{"waiting", "sending", "delivered", "dead"}},
				{name: "limit", in: "query", about: "deliveries per page, 1 to 200; 50 by default"},
				{name: "after", in: "query", about: "\"next\" of the previous page"},
			},
			faults: codes(one, []fault.Code{fault.BadRequest}),
		}, handleDeliveries),
		typed(route{path: "/webhooks/deliveries/{id}/resend", methods: post, op: "resend", changes: true,
			summary: "Send a delivery again, or at once if it waits for its next attempt",
			queries: []parameter{{name: "id", in: "path", about: "the delivery's ID"}}, faults: codes(one, []fault.Code{fault.BadRequest}),
		}, sends((*webhook.Service).Again, "The event is sent again, with the same webhook-id.")),
	}
}

// The data of events. They name things, and count; they repeat nothing of a document.

// sheetEvent is the data of sheet.ready and sheet.changed.
type sheetEvent struct {
	SessionID string `json:"session_id"`
	// Cause is what happened: "bol" or "orders" (attached), "amendments" (changed), "process"
	// (read again) or "detached".
	Cause string `json:"cause"`
	// Revision is the session's after it.
	Revision int64 `json:"revision"`
	// Files are the names of the session's files.
	Files []string `json:"files"`
	desk.Figures
	// Orders are the figures of the order export, if there is one.
	Orders *joinFigures `json:"orders,omitempty"`
	// Findings counts what the list of findings has, by severity; ToCheck are those that need a
	// person's eye and were not ticked off.
	Findings map[sheet.Severity]int `json:"findings"`
	ToCheck  int                    `json:"to_check"`
	Links    eventLinks             `json:"links"`
}

// eventLinks are addresses on this server; they begin with its own if the operator named it
// (--public-url).
type eventLinks struct {
	Sheet  string `json:"sheet"`
	Report string `json:"report"`
	Page   string `json:"page"`
}

// failedEvent is the data of upload.failed.
type failedEvent struct {
	SessionID string `json:"session_id"`
	// Kind is "bol" or "orders".
	Kind  string     `json:"kind"`
	Code  fault.Code `json:"code"`
	Error string     `json:"error"`
}

// maxEventFiles bounds the names of files in an event.
const maxEventFiles = 20

// emit keeps an event for the caller's webhooks. The request must not be answered before,
// and fails if that fails: else the event could be lost. Without webhooks it does nothing.
func (c *call) emit(t webhook.Type, data any) error {
	if c.s.config.Webhooks == nil || !c.caller.own {
		return nil
	}
	return notKept(c.s.config.Webhooks.Emit(c.r.Context(), c.caller.owner, webhook.Event{Type: t, Data: data}))
}

// notKept is the answer to a request whose event could not be kept.
func notKept(err error) error {
	switch fault.CodeOf(err) {
	case "":
		return nil
	case session.StorageUnavailable, session.StorageFull, fault.Busy:
		return fault.New(session.StorageUnavailable, "the request was carried out, but the event for your webhooks could not be kept; look at the session, or repeat the request with the same Idempotency-Key: %w", err)
	}
	return err
}

// changed keeps an event about the sheet of a session that was changed otherwise than by an
// upload; s is nil if it is not known.
func (c *call) changed(cause string, st session.State, s *sheet.Sheet) error {
	if c.s.config.Webhooks == nil || !c.caller.own {
		return nil
	}
	wants, err := c.s.config.Webhooks.Wants(c.r.Context(), c.caller.owner, webhook.SheetChanged)
	if err != nil {
		return notKept(err)
	}
	if !wants {
		return nil
	}
	if s == nil {
		s, err = c.s.desk.Sheet(c.r.Context(), st)
		switch fault.CodeOf(err) {
		case "":
		case desk.NoSheet, fault.NotFound: // without bills, or changed meanwhile, which is an event of its own
			s = nil
		default:
			return err
		}
	}
	return c.emitSheet(webhook.SheetChanged, cause, st, s)
}

// emitSheet keeps an event about a session's sheet, nil if it has none.
func (c *call) emitSheet(t webhook.Type, cause string, st session.State, s *sheet.Sheet) error {
	e := sheetEvent{
		SessionID: string(st.Key.ID), Cause: cause, Revision: st.Revision,
		Findings: map[sheet.Severity]int{}, Links: c.links(st.Key.ID), Files: []string{},
	}
	for _, in := range append(append([]session.Input{}, st.BOL...), st.Orders...) {
		if len(e.Files) < maxEventFiles {
			e.Files = append(e.Files, in.Name)
		}
	}
	if s == nil {
		return c.emit(t, e)
	}
	e.Figures = desk.Summary(s.Document).Figures
	for i := range s.Findings {
		f := &s.Findings[i]
		e.Findings[f.Severity]++
		if f.Open() {
			e.ToCheck++
		}
	}
	if s.Orders != nil {
		figures := joinOf(s)
		e.Orders = &figures
	}
	return c.emit(t, e)
}

func (c *call) links(id session.ID) eventLinks {
	at := func(path string) string {
		return strings.TrimSuffix(c.s.config.PublicURL, "/") + path + "?_sid=" + url.QueryEscape(string(id))
	}
	return eventLinks{Sheet: at("/download-bol"), Report: at("/report"), Page: at("/")}
}

// hooks measures webhooks; service may be nil.
func hooks(service *webhook.Service) scraped {
	endpoints := prometheus.NewDesc("tallyman_webhooks", "Webhooks of all owners, by whether they are on.", []string{"state"}, nil)
	ended := prometheus.NewDesc("tallyman_webhook_deliveries_total", "Events that this process delivered, or gave up (dead).", []string{"outcome"}, nil)
	failed := prometheus.NewDesc("tallyman_webhook_failed_attempts_total", "Attempts of this process that failed.", nil, nil)
	seconds := prometheus.NewDesc("tallyman_webhook_seconds_total", "Duration of all attempts of this process.", nil, nil)
	behind := prometheus.NewDesc("tallyman_webhook_events", "Events that wait to be delivered, and those that were given up, of all processes, as of the last minute.", []string{"state"}, nil)
	oldest := prometheus.NewDesc("tallyman_webhook_oldest_due_seconds", "For how long the first of the waiting events could have been sent.", nil, nil)
	return scraped{[]*prometheus.Desc{endpoints, ended, failed, seconds, behind, oldest}, func(gauge, count measurement) {
		if service == nil {
			return
		}
		st := service.Stats()
		gauge(endpoints, float64(st.On), "on")
		gauge(endpoints, float64(st.Off), "off")
		count(ended, float64(st.Delivered), "delivered")
		count(ended, float64(st.Dead), "dead")
		count(failed, float64(st.Failed))
		count(seconds, st.Seconds)
		gauge(behind, float64(st.Waiting), "waiting")
		gauge(behind, float64(st.DeadLetters), "dead")
		gauge(oldest, st.Oldest.Seconds())
	}}
}
