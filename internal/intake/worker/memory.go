package worker

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// wideMemory is the limit of a process while it compiles, in bytes. Compiling needs
// about 300 MB, more than documents may use on a small machine.
const wideMemory = 1 << 30

// memory keeps this process within its limit of memory: first the garbage collector
// works harder, then a watch ends the process; behind both is the kernel's limit, where
// there is one.
var memory guard

type guard struct {
	mu    sync.Mutex
	limit int64 // of calls, in bytes; 0 before watch
	wide  bool  // the limit is wideMemory for now
}

// watch begins to enforce the limit.
func (g *guard) watch(limit int64) {
	// At least two threads: calls into WebAssembly cannot be preempted, and the watch
	// and the listener must run at the same time.
	runtime.GOMAXPROCS(max(2, min(runtime.NumCPU(), 4)))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = limit
	debug.SetMemoryLimit(g.now() * 3 / 4)
	limitData(g.now())
	go func() {
		for range time.Tick(5 * time.Millisecond) {
			if g.outgrown() {
				os.Exit(exitMemory)
			}
		}
	}()
}

func (g *guard) widen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wide = true
}

func (g *guard) narrow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.wide {
		return
	}
	debug.FreeOSMemory() // else the garbage of compiling would count
	g.wide = false
	if g.limit == 0 {
		return
	}
	debug.SetMemoryLimit(g.limit * 3 / 4)
	// The kernel's limit counts addresses, and those that compiling has used stay
	// reserved even without memory behind them. It is lowered only if the process is
	// below it.
	if taken, _ := held(); taken < g.limit {
		limitData(g.limit)
	}
}

// now returns the limit that applies at present.
func (g *guard) now() int64 {
	if g.wide {
		return max(g.limit, wideMemory)
	}
	return g.limit
}

func (g *guard) outgrown() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return outgrown(g.now())
}

// outgrown reports whether the process uses more than limit bytes.
func outgrown(limit int64) bool {
	if limit <= 0 {
		return false
	}
	_, backed := held()
	return backed > limit
}

// held returns how many bytes of addresses the Go runtime has reserved, and how many of
// them have memory behind them.
func held() (taken, backed int64) {
	s := [...]metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(s[:])
	taken = int64(s[0].Value.Uint64())
	return taken, taken - int64(s[1].Value.Uint64())
}
