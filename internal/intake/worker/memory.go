package worker

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// wideMemory is what a process may have, in bytes, while it compiles: some 300 MB
// are needed, which is more than the documents of a small machine may take.
const wideMemory = 1 << 30

// memory keeps this process within its memory: softly by collecting garbage
// harder, then by a watch, and where the kernel can, by a wall behind that.
var memory guard

type guard struct {
	mu    sync.Mutex
	limit int64 // bytes for calls; 0 before watch
	wide  bool  // more than that, for now
}

// watch begins to keep the limit.
func (g *guard) watch(limit int64) {
	// Two threads at least: calls into WebAssembly cannot be preempted, and the
	// watch and the listener must run beside them.
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
	debug.FreeOSMemory() // or the garbage of compiling would count
	g.wide = false
	if g.limit == 0 {
		return
	}
	debug.SetMemoryLimit(g.limit * 3 / 4)
	// The wall counts addresses, and those that compiling has used stay taken, whether
	// there is memory behind them or not: it moves only if there is room before it.
	if taken, _ := held(); taken < g.limit {
		limitData(g.limit)
	}
}

// now is the limit that holds at this moment.
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

// outgrown reports whether the process holds more than limit bytes.
func outgrown(limit int64) bool {
	if limit <= 0 {
		return false
	}
	_, backed := held()
	return backed > limit
}

// held is how many bytes of addresses Go has taken, and how many of these have memory
// behind them.
func held() (taken, backed int64) {
	s := [...]metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(s[:])
	taken = int64(s[0].Value.Uint64())
	return taken, taken - int64(s[1].Value.Uint64())
}
