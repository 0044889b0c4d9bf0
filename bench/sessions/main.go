// Sessions measures the embedded session store: durable operations and reads per
// second with few and with many live sessions, and how a sweep of expired sessions
// slows the others. The disk's own rate of single syncs is measured in the same run,
// before and after, since durable rates depend on it.
//
//	go run ./bench/sessions [-dir DIR] [-live N] [-seconds S]
//
// It only prints; the reader judges whether a goal is met on this machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/blob/files"
	"tallyman/internal/session"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/testing/load"
)

var ctx = context.Background()

func main() {
	dir := flag.String("dir", os.TempDir(), "measure on the disk that holds this `directory`")
	live := flag.Int("live", 100_000, "`number` of live sessions in the large case, and of those swept")
	seconds := flag.Float64("seconds", 2, "time for each measurement")
	flag.Parse()
	load.Main("bench/sessions", func() { measure(*dir, *live, time.Duration(*seconds*float64(time.Second))) })
}

// few is the number of live sessions in the small case.
const few = 10

func measure(parent string, many int, each time.Duration) {
	dir := load.Must(os.MkdirTemp(parent, "tallyman-bench-*"))
	defer os.RemoveAll(dir)
	fmt.Printf("%s %s/%s, %d processors, %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), dir)
	syncs := syncRate(dir, each)
	fmt.Printf("disk: %.0f single syncs/s (append 4 KiB, sync)\n", syncs)

	small := house(dir, "few", few)
	defer small.store.Close()
	start := time.Now()
	large := house(dir, "many", many)
	defer large.store.Close()
	fmt.Printf("began %d sessions in %v; memory in use %d MiB\n", many, time.Since(start).Round(time.Millisecond), memory()>>20)

	fmt.Printf("\n%-34s %8s %14s %14s %9s %9s %9s\n", "operations per second", "clients", fmt.Sprint(few, " live"), fmt.Sprint(many, " live"), "cost", "of syncs", "p99")
	var with16 float64
	for _, op := range operations {
		for _, clients := range op.clients {
			// Measure both in turn, so that a temporarily busy disk affects both.
			var a, b result
			for range 2 {
				a.add(small.run(op.do, clients, each/2))
				b.add(large.run(op.do, clients, each/2))
			}
			of := "-"
			if op.durable {
				of = fmt.Sprintf("%.2f", b.rate()/syncs)
			}
			fmt.Printf("%-34s %8d %14.0f %14.0f %8.2fx %9s %9v\n", op.name, clients, a.rate(), b.rate(), a.rate()/b.rate(), of, b.quantile(0.99))
			if op.name == newFresh && clients == 16 {
				with16 = b.rate()
			}
		}
	}
	again := syncRate(dir, each)
	fmt.Printf("disk: %.0f single syncs/s now\n", again)
	disk := (syncs + again) / 2
	fmt.Printf("aim: with 16 clients the smaller of 5 times the disk's rate of single syncs (%.0f) and 15000 durable new sessions a second: %.0f\n\n", 5*disk, with16)

	sweep(dir, many)
}

// syncRate returns how many times a second a file can be appended to and synced.
func syncRate(dir string, d time.Duration) float64 {
	f := load.Must(os.CreateTemp(dir, "sync-*"))
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4096)
	n := 0
	start := time.Now()
	for time.Since(start) < d {
		load.Must(f.Write(page))
		load.Check(syncData(f))
		n++
	}
	return float64(n) / time.Since(start).Seconds()
}

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// sessions is a data directory with a number of live sessions.
type sessions struct {
	store    *sqlite.Store
	contents *files.Store
	keys     []session.Key
	later    atomic.Int64 // how far the clock is ahead, in nanoseconds
}

func house(parent, name string, n int) *sessions {
	s := &sessions{}
	dir := filepath.Join(parent, name)
	now := func() time.Time { return time.Now().Add(time.Duration(s.later.Load())) }
	s.store = load.Must(sqlite.Open(ctx, dir, session.Settings{Now: now}))
	s.contents = load.Must(files.Open(filepath.Join(dir, "contents")))
	s.keys = s.begin(n)
	return s
}

// begin begins sessions, as fast as possible.
func (s *sessions) begin(n int) []session.Key {
	keys := make([]session.Key, n)
	for i := range keys {
		keys[i] = mint()
	}
	var next atomic.Int64
	var all sync.WaitGroup
	for range 256 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				_, _, err := s.store.New(ctx, keys[i], session.Named)
				check(err)
			}
		})
	}
	all.Wait()
	return keys
}

// check ends the program at an error, in any goroutine.
func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func mint() session.Key { return session.Key{Owner: session.Local, ID: session.Mint()} }

func (s *sessions) any() session.Key { return s.keys[rand.IntN(len(s.keys))] }

// operation is a measured operation. do returns how many operations it made.
type operation struct {
	name    string
	durable bool
	clients []int
	do      func(*sessions) (int, error)
}

const newFresh = "new session, and its clear"

var operations = []operation{
	{newFresh, true, []int{1, 16, 64}, func(s *sessions) (int, error) {
		// The clear keeps the number of live sessions; it is durable as well.
		k := mint()
		if _, _, err := s.store.New(ctx, k, session.Named); err != nil {
			return 0, err
		}
		_, err := s.store.Clear(ctx, k)
		return 2, err
	}},
	{"new of a random live session", true, []int{1, 16, 64}, func(s *sessions) (int, error) {
		_, _, err := s.store.New(ctx, s.any(), session.Named)
		return 1, err
	}},
	{"attach to a random live session", true, []int{1, 16, 64}, func(s *sessions) (int, error) {
		k := s.any()
		st, err := s.store.Get(ctx, k)
		if err != nil {
			return 0, err
		}
		in := session.Input{Name: "bol.pdf", Summary: []byte(`{"pages":86,"bills":83,"lines":366}`)}
		in.Content.Key, in.Reading.Key = blob.NewKey(), blob.NewKey()
		_, _, err = s.store.Attach(ctx, k, session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace, Files: []session.Input{in}})
		return 1, err
	}},
	{"state read of a random live session", false, []int{1, 16, 64}, func(s *sessions) (int, error) {
		const n = 100
		for range n {
			if _, err := s.store.Get(ctx, s.any()); err != nil {
				return 0, err
			}
		}
		return n, nil
	}},
}

// result is the result of a measurement.
type result struct {
	ops  int
	took time.Duration
	each []time.Duration // of single calls
}

func (r *result) add(o result) {
	r.ops += o.ops
	r.took += o.took
	r.each = append(r.each, o.each...)
}

func (r result) rate() float64 { return float64(r.ops) / r.took.Seconds() }

func (r result) quantile(q float64) time.Duration {
	if len(r.each) == 0 {
		return 0
	}
	slices.Sort(r.each)
	return r.each[int(q*float64(len(r.each)-1))].Round(time.Microsecond)
}

// run lets clients repeat an operation for a time.
func (s *sessions) run(do func(*sessions) (int, error), clients int, d time.Duration) result {
	var total result
	var mu sync.Mutex
	var all sync.WaitGroup
	start := time.Now()
	for range clients {
		all.Go(func() {
			var mine result
			for time.Since(start) < d {
				t := time.Now()
				n, err := do(s)
				check(err)
				mine.ops += n
				mine.each = append(mine.each, time.Since(t))
			}
			mu.Lock()
			defer mu.Unlock()
			total.add(mine)
		})
	}
	all.Wait()
	total.took = time.Since(start)
	return total
}

// sweep measures how long it takes to sweep expired sessions, and how that slows
// clients that work meanwhile.
func sweep(dir string, n int) {
	s := house(dir, "sweep", n)
	defer s.store.Close()
	s.later.Store(int64(24 * time.Hour)) // all of them have expired
	s.keys = s.begin(1000)
	work := func(name string, during func()) {
		stop := make(chan struct{})
		go func() { during(); close(stop) }()
		var mu sync.Mutex
		var news, reads result
		var all sync.WaitGroup
		client := func(into *result, pause time.Duration, do func() error) {
			all.Go(func() {
				var mine []time.Duration
				for {
					select {
					case <-stop:
						mu.Lock()
						defer mu.Unlock()
						into.each = append(into.each, mine...)
						return
					case <-time.After(pause):
					}
					t := time.Now()
					check(do())
					mine = append(mine, time.Since(t))
				}
			})
		}
		for range 4 {
			client(&news, 2*time.Millisecond, func() error {
				_, _, err := s.store.New(ctx, s.any(), session.Named)
				return err
			})
			client(&reads, time.Millisecond, func() error {
				_, err := s.store.Get(ctx, s.any())
				return err
			})
		}
		all.Wait()
		fmt.Printf("%-22s new p50 %v p99 %v worst %v; read p50 %v p99 %v worst %v\n", name,
			news.quantile(.5), news.quantile(.99), news.quantile(1), reads.quantile(.5), reads.quantile(.99), reads.quantile(1))
	}
	work("without a sweep:", func() { time.Sleep(3 * time.Second) })
	j := session.Janitor{Store: s.store, Contents: s.contents}
	var swept session.Swept
	var failed error
	var took time.Duration
	work("during a sweep:", func() {
		start := time.Now()
		swept, failed = j.Expired(ctx)
		took = time.Since(start)
	})
	load.Check(failed)
	fmt.Printf("swept %d expired sessions in %v, %d steps, resting in between\n", swept.Sessions, took.Round(time.Millisecond), swept.Steps)
}
