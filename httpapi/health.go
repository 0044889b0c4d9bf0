package httpapi

import (
	"context"
	"net/http"
	"sync"
	"time"

	"tallyman/fault"
)

// health is the last check of storage and workers. It is kept for a moment, so
// that nobody can keep the server busy by asking.
type health struct {
	mu      sync.Mutex
	at      time.Time
	storage error
	reading error
	busy    bool
}

const (
	healthKept = 5 * time.Second  // how long a check is good for
	healthTime = 10 * time.Second // how long each part of it may take
	healthBusy = time.Second      // how long a worker is waited for while others are read
)

// check tries storage and a worker, unless it did so just now. A worker that is
// busy with a reading is not waited for: it works.
func (h *health) check(s *Server) (storage, reading error, busy bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.at) < healthKept {
		return h.storage, h.reading, h.busy
	}
	// Not the request's context: the outcome is for others, too.
	h.storage = within(healthTime, s.desk.Check)
	load := s.desk.Load()
	h.reading, h.busy = nil, load.Waiting > 0
	if !h.busy {
		limit := healthTime
		if load.Reading > 0 {
			limit = healthBusy
		}
		h.reading = within(limit, s.desk.CheckReading)
		if fault.CodeOf(h.reading) == fault.TooSlow && load.Reading > 0 {
			h.reading, h.busy = nil, true
		}
	}
	h.at = time.Now()
	if h.storage != nil {
		s.log.Error("storage fails its check", "error", h.storage)
	}
	if h.reading != nil {
		s.log.Error("the PDF workers fail their check", "error", h.reading)
	}
	return h.storage, h.reading, h.busy
}

// within runs a check for so long at most.
func within(limit time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return check(ctx)
}

// healthAnswer is what /health says.
type healthAnswer struct {
	// Status is "healthy" or "unhealthy".
	Status  string `json:"status"`
	Service string `json:"service"`
	Version string `json:"version"`
	// Storage and Workers are "working" or "failing"; workers may be "busy".
	Storage   string            `json:"storage"`
	Workers   string            `json:"workers"`
	Reading   int               `json:"reading"`
	Waiting   int               `json:"waiting"`
	Endpoints map[string]string `json:"endpoints"`
}

func handleHealth(c *call) (any, error) {
	storage, reading, busy := c.s.health.check(c.s)
	load := c.s.desk.Load()
	a := healthAnswer{
		Status: "healthy", Service: serviceName, Version: c.s.config.Version,
		Storage: "working", Workers: "working",
		Reading: load.Reading, Waiting: load.Waiting, Endpoints: endpoints(c.s.routes),
	}
	if busy {
		a.Workers = "busy"
	}
	if storage != nil {
		a.Storage = "failing"
	}
	if reading != nil {
		a.Workers = "failing"
	}
	if storage != nil || reading != nil {
		a.Status = "unhealthy"
		c.w.Header().Set("Retry-After", "5")
		c.json(http.StatusServiceUnavailable, a)
		return nil, nil
	}
	return a, nil
}

// aliveAnswer is what /ping and /wake-up say.
type aliveAnswer struct {
	// Status is "alive" or "awake".
	Status    string            `json:"status"`
	Message   string            `json:"message"`
	Service   string            `json:"service"`
	Version   string            `json:"version"`
	Endpoints map[string]string `json:"endpoints"`
}

func alive(c *call, status, message string) (any, error) {
	return aliveAnswer{
		Status: status, Message: message, Service: serviceName, Version: c.s.config.Version, Endpoints: endpoints(c.s.routes),
	}, nil
}

func handlePing(c *call) (any, error) { return alive(c, "alive", "The service is running.") }

func handleWakeUp(c *call) (any, error) {
	return alive(c, "awake", "The service is awake and ready.")
}
