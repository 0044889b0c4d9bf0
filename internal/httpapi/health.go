package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/session"
)

// health has the results of the last checks of storage and workers.
type health struct {
	sessions, contents, reading probe
}

const (
	healthKept = 5 * time.Second // how long a result is used
	healthBusy = time.Second     // how long to wait for a worker while documents are read
)

// probe makes a check at most once per healthKept, one at a time, so that frequent
// requests cost nothing. A check may never end: a disk that hangs blocks whoever
// accesses it.
type probe struct {
	mu    sync.Mutex
	done  chan struct{} // closed when the check under way ends; nil if there is none
	began time.Time
	at    time.Time // when the last check ended
	err   error
}

// try returns the result of a recent check, or makes one and waits for it. It fails
// with the check's error, and with errNoAnswer when the check takes too long.
func (p *probe) try(limit time.Duration, check func(context.Context) error) error {
	p.mu.Lock()
	if p.done == nil && time.Since(p.at) < healthKept {
		defer p.mu.Unlock()
		return p.err
	}
	if p.done == nil {
		done := make(chan struct{})
		p.done, p.began = done, time.Now()
		go func() {
			// The request's context is not used: the result is for other requests, too.
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			err := check(ctx)
			cancel()
			p.mu.Lock()
			p.err, p.at, p.done = err, time.Now(), nil
			p.mu.Unlock()
			close(done)
		}()
	}
	done, left := p.done, limit-time.Since(p.began)
	p.mu.Unlock()
	late := time.NewTimer(left)
	defer late.Stop()
	select {
	case <-done:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.err
	case <-late.C:
		return errNoAnswer
	}
}

// The results of a check besides its own errors.
var (
	errNoAnswer = errors.New("it does not answer")
	errBusy     = errors.New("all workers are busy reading")
)

// checked has the results of all checks: for each part an error, nil if it works.
type checked struct {
	sessions, contents, reading error
	busy                        bool // no worker was free for the check
}

// check checks the parts of storage, all at once, and a worker. It does not wait for a
// worker that reads a document: that worker works.
func (h *health) check(s *Server) (c checked) {
	var both sync.WaitGroup
	both.Go(func() { c.sessions = h.sessions.try(s.config.HealthTimeout, s.desk.CheckSessions) })
	both.Go(func() { c.contents = h.contents.try(s.config.HealthTimeout, s.desk.CheckContents) })
	both.Wait()
	load := s.desk.Load()
	switch {
	case load.Waiting > 0:
		c.busy = true
	default:
		limit := s.config.HealthTimeout
		if load.Reading > 0 {
			limit = healthBusy
		}
		c.reading = h.reading.try(limit, func(ctx context.Context) error {
			err := s.desk.CheckReading(ctx)
			// Documents that were read when it began may have ended meanwhile.
			if fault.CodeOf(err) == fault.TooSlow && (load.Reading > 0 || s.desk.Load().Reading > 0) {
				return errBusy
			}
			return err
		})
		if c.reading == errBusy || c.reading == errNoAnswer && load.Reading > 0 {
			c.reading, c.busy = nil, true
		}
	}
	for part, err := range map[string]error{"sessions": c.sessions, "contents": c.contents, "PDF workers": c.reading} {
		if err != nil {
			s.log.Error("a part of the server fails its check", "part", part, "error", err, "cause", errors.Unwrap(err))
		}
	}
	return c
}

// state returns the state of a part in a word.
func state(err error) string {
	if err != nil {
		return "failing"
	}
	return "working"
}

// healthAnswer is the answer of /health.
type healthAnswer struct {
	// Status is "healthy" or "unhealthy".
	Status  string `json:"status"`
	Service string `json:"service"`
	Version string `json:"version"`
	// Storage, its two parts and Workers are "working" or "failing"; workers may be
	// "busy".
	Storage  string `json:"storage"`
	Sessions string `json:"sessions"`
	Contents string `json:"contents"`
	Workers  string `json:"workers"`
	// Sweep is "working", or "stopped" if it would remove a large share of what is stored:
	// the operator must say whether it may. The server works without it.
	Sweep     string            `json:"sweep"`
	Reading   int               `json:"reading"`
	Waiting   int               `json:"waiting"`
	Endpoints map[string]string `json:"endpoints"`
	// Environment is "production" for a release, "development" for any other build.
	Environment string       `json:"environment"`
	Cookie      cookieConfig `json:"cookie_config"`
}

// cookieConfig is how the server would set the session's cookie for this request.
type cookieConfig struct {
	// SameSite is "Lax", or "None" if pages of other origins may frame the page.
	SameSite string `json:"samesite"`
	Secure   bool   `json:"secure"`
	HTTPOnly bool   `json:"httponly"`
	// Valid is false if browsers refuse the cookie, since it requires HTTPS and the
	// request came without.
	Valid bool `json:"cookies_valid"`
}

func (c *call) cookieConfig() cookieConfig {
	cookie := c.cookie()
	a := cookieConfig{SameSite: "Lax", Secure: cookie.Secure, HTTPOnly: cookie.HttpOnly}
	if cookie.SameSite == http.SameSiteNoneMode {
		a.SameSite = "None"
	}
	a.Valid = !a.Secure || c.overTLS() || c.s.config.Loopback // browsers trust loopback without HTTPS
	return a
}

func handleHealth(c *call) (any, error) {
	found := c.s.health.check(c.s)
	load := c.s.desk.Load()
	storage := errors.Join(found.sessions, found.contents)
	a := healthAnswer{
		Status: "healthy", Service: serviceName, Version: c.s.config.Version,
		Storage: state(storage), Sessions: state(found.sessions), Contents: state(found.contents), Workers: state(found.reading),
		Sweep: "working", Reading: load.Reading, Waiting: load.Waiting, Endpoints: endpoints(c.s.routes),
		Environment: "production", Cookie: c.cookieConfig(),
	}
	if a.Version == DevelopmentVersion {
		a.Environment = "development"
	}
	if c.s.config.Orphans() > 0 {
		a.Sweep = "stopped"
	}
	if found.busy {
		a.Workers = "busy"
	}
	if storage != nil || found.reading != nil {
		a.Status = "unhealthy"
		c.w.Header().Set("Retry-After", "5")
		c.json(http.StatusServiceUnavailable, a)
		return nil, nil
	}
	return a, nil
}

// aliveAnswer is the answer of /ping.
type aliveAnswer struct {
	// Status is "alive", and "awake" of /wake-up.
	Status    string            `json:"status"`
	Message   string            `json:"message"`
	Service   string            `json:"service"`
	Version   string            `json:"version"`
	Endpoints map[string]string `json:"endpoints"`
}

func (c *call) alive(status, message string) aliveAnswer {
	return aliveAnswer{status, message, serviceName, c.s.config.Version, endpoints(c.s.routes)}
}

func handlePing(c *call) (any, error) { return c.alive("alive", "The service is running."), nil }

// wakeAnswer is the answer of /wake-up.
type wakeAnswer struct {
	aliveAnswer
	// SessionID is the session that the request names, or else a minted one. It need
	// not exist: its first use begins it. It is null if the request's name cannot be a
	// session's.
	SessionID *string   `json:"session_id"`
	WakeTime  time.Time `json:"wake_time"`
	// Instructions are the requests of a workflow, in order.
	Instructions []string `json:"instructions"`
}

// workflow are the requests of a workflow, for answers that list them.
var workflow = []string{
	"POST /clear-session?_sid=ID",
	"POST /new-session?_sid=ID",
	"POST /upload?_sid=ID with the BOL PDF as file",
	"POST /upload-csv?_sid=ID with the order export as file",
	"GET /download-bol?_sid=ID",
	"POST /clear-session?_sid=ID",
}

// handleWakeUp begins no session and needs no key, so that anybody can keep the service
// awake.
func handleWakeUp(c *call) (any, error) {
	a := wakeAnswer{aliveAnswer: c.alive("awake", "The service is awake and ready."), WakeTime: time.Now().UTC(), Instructions: workflow}
	if n, err := c.named(); err == nil {
		id := cmp.Or(c.naming.id(), n.id(), session.Mint())
		if (session.Key{Owner: "anybody", ID: id}).Check() == nil {
			a.SessionID = (*string)(&id)
		}
	}
	return a, nil
}
