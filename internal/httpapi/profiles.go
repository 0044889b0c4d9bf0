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

// The rates at which waiting is sampled while a profile of it runs. It is not sampled
// otherwise, since that costs time.
const (
	blockRate     = 10_000 // nanoseconds: one sample for each of these
	mutexFraction = 10     // one event of so many
)

// sampling says how a profile at /debug/pprof is taken. Two of net/http/pprof are left out: cmdline
// would show the command line, which may contain a password, and symbol is obsolete.
type sampling struct {
	usual, most int // duration in seconds: default and limit; 0 for a profile of this instant
	// on begins the sampling, off ends it.
	on, off func()
}

var profiles = map[string]sampling{
	"allocs":       {},
	"goroutine":    {},
	"heap":         {},
	"threadcreate": {},
	"block": {usual: 10, most: 60,
		on: func() { runtime.SetBlockProfileRate(blockRate) }, off: func() { runtime.SetBlockProfileRate(0) }},
	"mutex": {usual: 10, most: 60,
		on: func() { runtime.SetMutexProfileFraction(mutexFraction) }, off: func() { runtime.SetMutexProfileFraction(0) }},
	"profile": {usual: 30, most: 60},
	"trace":   {usual: 1, most: 10}, // unread parts stay in memory
}

func profileNames() []string { return slices.Sorted(maps.Keys(profiles)) }

// measuring is locked while a profile runs. The runtime has one of each for the whole
// process.
var measuring sync.Mutex

// handleProfile answers with a profile of the server, for its operator.
func handleProfile(c *call) (any, error) {
	if !c.caller.all {
		return nil, fault.New(AdminOnly, "profiles are for the operator; send an admin key, made with \"tallyman key add NAME --admin\"")
	}
	name := c.r.PathValue("name")
	p, ok := profiles[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no profile %.40q; there are %s", name, strings.Join(profileNames(), ", "))
	}
	// 2 would show goroutines with the arguments of their functions, which may be
	// contents of memory.
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
			return nil, errMeasuring(seconds) // another request's
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
			return nil, errMeasuring(seconds) // another request's
		}
		c.profileHeaders(name, 0) // before the first piece, which is sent while the trace runs
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

// errMeasuring is returned while another profile runs.
func errMeasuring(seconds int) error {
	return fault.New(fault.Busy, "another profile is running; try again when it has ended").
		With(session.RetryAfter{Seconds: seconds})
}

// pass waits for some seconds. It fails with fault.Cancelled when the client hangs up;
// the end of the server ends the wait early.
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
