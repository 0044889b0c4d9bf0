package httpapi

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/httpapi/body"
	"tallyman/internal/session"
)

// The rates at which waiting is measured while somebody asks for it. It is not
// measured else: it costs.
const (
	blockRate     = 10_000 // nanoseconds: one sample for each of these
	mutexFraction = 10     // one of so many
)

// profile is one of the things that can be asked for at /debug/pprof. Those of
// net/http/pprof that are left out would show the command line, in which there may
// be a password, or answer what nobody asks for any more (symbol).
type profile struct {
	usual, most int // seconds that it takes; 0 if it is of this instant
	// on begins to measure, off ends it.
	on, off func()
}

var profiles = map[string]profile{
	"allocs":       {},
	"goroutine":    {},
	"heap":         {},
	"threadcreate": {},
	"block": {usual: 10, most: 60,
		on: func() { runtime.SetBlockProfileRate(blockRate) }, off: func() { runtime.SetBlockProfileRate(0) }},
	"mutex": {usual: 10, most: 60,
		on: func() { runtime.SetMutexProfileFraction(mutexFraction) }, off: func() { runtime.SetMutexProfileFraction(0) }},
	"profile": {usual: 30, most: 60},
	"trace":   {usual: 1, most: 10}, // what is not read yet stays in memory
}

func profileNames() []string { return slices.Sorted(maps.Keys(profiles)) }

// measuring is held by who measures for a time. The runtime has one of each of these
// for the whole process.
var measuring sync.Mutex

// handleProfile answers with a profile of the server, for its operator.
func handleProfile(c *call) (any, error) {
	switch {
	case c.caller.all:
	case !c.caller.own && c.s.config.Loopback && foreign(c.r):
		return nil, fault.New(CrossOrigin, "a page of another site cannot read profiles")
	default:
		return nil, fault.New(AdminOnly, "profiles are for the operator; send an admin key, which \"tallyman key add NAME --admin\" makes")
	}
	name := c.r.PathValue("name")
	p, ok := profiles[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no profile %.40q; there are %s", name, strings.Join(profileNames(), ", "))
	}
	// With 2 goroutines would be told with the words that they were called with,
	// which may be contents of memory.
	debug, err := c.between("debug", 0, 0, 1)
	if err != nil {
		return nil, err
	}
	seconds := 0
	if p.most > 0 {
		if seconds, err = c.between("seconds", p.usual, 1, p.most); err != nil {
			return nil, err
		}
	}
	if c.r.Method == http.MethodHead {
		c.profileHeaders(name, debug)
		return nil, nil
	}
	if seconds == 0 {
		return nil, c.profileNow(name, debug)
	}
	if !measuring.TryLock() {
		return nil, errMeasuring(seconds)
	}
	defer measuring.Unlock()
	c.s.log.InfoContext(c.r.Context(), "profile", "profile", name, "seconds", seconds, "owner", string(c.caller.owner))
	switch name {
	case "profile":
		var b bytes.Buffer
		if pprof.StartCPUProfile(&b) != nil {
			return nil, errMeasuring(seconds) // somebody else's
		}
		err := c.pass(seconds)
		pprof.StopCPUProfile()
		if err != nil {
			return nil, err
		}
		c.profileHeaders(name, 0)
		c.w.Write(b.Bytes())
		return nil, nil
	case "trace":
		if trace.IsEnabled() {
			return nil, errMeasuring(seconds) // somebody else's
		}
		c.profileHeaders(name, 0) // before the first piece, which comes while it is made
		if err := trace.Start(c.w); err != nil {
			return nil, fmt.Errorf("tracing the program: %w", err)
		}
		err := c.pass(seconds)
		trace.Stop()
		return nil, err
	default:
		p.on()
		err := c.pass(seconds)
		p.off()
		if err != nil {
			return nil, err
		}
		return nil, c.profileNow(name, debug)
	}
}

// errMeasuring is what who asks second gets.
func errMeasuring(seconds int) error {
	return fault.New(fault.Busy, "another profile is running; try again when it has ended").
		With(session.RetryAfter{Seconds: seconds})
}

// pass lets seconds pass. It fails with fault.Cancelled when the client hangs up; the
// end of the server cuts them short.
func (c *call) pass(seconds int) error {
	t := time.NewTimer(time.Duration(seconds) * time.Second)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.s.ending:
	case <-c.r.Context().Done():
		return fault.Ended(c.r.Context().Err())
	}
	return nil
}

// profileNow answers with what the runtime has counted.
func (c *call) profileNow(name string, debug int) error {
	var b bytes.Buffer
	if err := pprof.Lookup(name).WriteTo(&b, debug); err != nil {
		return fmt.Errorf("writing the profile %s: %w", name, err)
	}
	c.profileHeaders(name, debug)
	c.w.Write(b.Bytes())
	return nil
}

func (c *call) profileHeaders(name string, debug int) {
	h := c.w.Header()
	if debug > 0 && name != "profile" && name != "trace" {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		return
	}
	h.Set("Content-Type", body.Octets)
	h.Set("Content-Disposition", disposition(name))
}

// between returns a parameter that is a number from least to most.
func (c *call) between(name string, usual, least, most int) (int, error) {
	text := c.query(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fault.New(fault.BadRequest, "%s must be a number from %d to %d", name, least, most)
	}
	return n, nil
}
