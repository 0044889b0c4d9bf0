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

// CollectEvery has the process collect garbage whenever its heap has grown by a share in
// percent, and by so many bytes at least: small heaps would be collected every few
// milliseconds. It must be called once.
func CollectEvery(bytes int64, percent int) {
	// The least heap that Go collects at 100 percent.
	const least = 4 << 20
	set := percent
	adjust := func() {
		live := [...]metrics.Sample{{Name: "/gc/heap/live:bytes"}} // found by the last collection
		metrics.Read(live[:])
		p := max(percent, int(bytes*100/max(least, int64(live[0].Value.Uint64()))))
		if p < set*9/10 || p > set*11/10 { // each change stops the program for a moment
			set = p
			debug.SetGCPercent(p)
		}
	}
	debug.SetGCPercent(percent)
	adjust()
	// Each collection finds something to which nothing refers.
	var again func(struct{})
	again = func(struct{}) {
		adjust()
		runtime.AddCleanup(new([64]byte), again, struct{}{})
	}
	runtime.AddCleanup(new([64]byte), again, struct{}{})
}

// limitRuntime tells the Go runtime which memory not to exceed. g.mu is held.
func (g *guard) limitRuntime() {
	if g.now() > 0 {
		debug.SetMemoryLimit(g.now() * 3 / 4)
	}
}

// watch begins to enforce the limit.
func (g *guard) watch(limit int64) {
	// At least two threads: calls into WebAssembly cannot be preempted, and the watch
	// and the listener must run at the same time.
	runtime.GOMAXPROCS(max(2, min(runtime.NumCPU(), 4)))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = limit
	g.limitRuntime()
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
	g.limitRuntime()
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
