package worker_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/intake/worker"
	"tallyman/internal/testing/must"
)

// life names this process.
var life = strconv.FormatUint(rand.Uint64(), 36)

// The memory that the handlers of a worker process hold.
var (
	spins int
	eaten [][]byte
)

// escape tries to get out of a worker, on systems where that can be tested.
var escape, descriptor func(*worker.Call, []byte) error

func TestMain(m *testing.M) {
	worker.Main(func(s worker.Settings) map[string]worker.Handler {
		// More than the worker's limit, and less than the kernel's.
		eat := func() { eaten = append(eaten, bytes.Repeat([]byte{1}, int(s.Memory/4*5))) }
		compile := func() { eat(); eaten = nil }
		if filepath.Base(s.Cache) == "prepared" {
			s.Prepare(compile)
		}
		return map[string]worker.Handler{
			"escape":     func(c *worker.Call, args []byte) error { return escape(c, args) },
			"descriptor": func(c *worker.Call, args []byte) error { return descriptor(c, args) },
			"bare":       func(c *worker.Call, args []byte) error { return c.Reply([]byte(strconv.FormatBool(s.Bare))) },
			"seal":       func(c *worker.Call, args []byte) error { return s.Seal() },
			"peek": func(c *worker.Call, args []byte) error {
				b, err := os.ReadFile(filepath.Join(string(args), "secret"))
				if err != nil {
					b = []byte(err.Error())
				}
				return c.Reply(b)
			},
			"oversize": func(c *worker.Call, args []byte) error {
				os.NewFile(1, "frames").Write([]byte("P\xff\xff\xff\xff"))
				return nil
			},
			"echo": func(c *worker.Call, args []byte) error {
				return errors.Join(c.Reply(args), c.Reply(args))
			},
			"sum": func(c *worker.Call, args []byte) error {
				size, _ := strconv.ParseInt(string(args), 10, 64)
				h := sha256.New()
				if _, err := io.Copy(h, io.NewSectionReader(c.Source(size), 0, size)); err != nil {
					return err
				}
				return c.Reply(h.Sum(nil))
			},
			// jumps reads pieces in another order, and the first one again after each.
			"jumps": func(c *worker.Call, args []byte) error {
				size, _ := strconv.Atoi(string(args))
				src, all := c.Source(int64(size)), make([]byte, size)
				const piece = 10_000
				for _, i := range rand.Perm((size + piece - 1) / piece) {
					for _, from := range []int{i * piece, 0} {
						if _, err := src.ReadAt(all[from:min(from+piece, size)], int64(from)); err != nil {
							return err
						}
					}
				}
				sum := sha256.Sum256(all)
				return c.Reply(sum[:])
			},
			"ask": func(c *worker.Call, args []byte) error {
				answer, err := c.Ask(args)
				if err != nil {
					return err
				}
				return c.Reply(answer)
			},
			"together": func(c *worker.Call, args []byte) error {
				size, _ := strconv.ParseInt(string(args), 10, 64)
				src := c.Source(size)
				errs := make(chan error)
				for i := range 3 {
					go func() {
						h := sha256.New()
						var err error
						for from := int64(0); from < size && err == nil; from += 50_000 {
							b := make([]byte, min(50_000, size-from))
							if _, err = src.ReadAt(b, from); err != nil {
								break
							}
							h.Write(b)
							question := fmt.Sprint(i, from)
							var answer []byte
							if answer, err = c.Ask([]byte(question)); err == nil && string(answer) != "re: "+question {
								err = fmt.Errorf("asked %q, it got the answer %q", question, answer)
							}
						}
						errs <- cmp.Or(err, c.Reply(h.Sum(nil)))
					}()
				}
				return cmp.Or(<-errs, <-errs, <-errs)
			},
			"pid": func(c *worker.Call, args []byte) error {
				return c.Reply([]byte(life)) // in a namespace of its own each has the ID 1
			},
			"fault": func(c *worker.Call, args []byte) error {
				return fault.New(fault.NoBills, "nothing to see: %w", io.ErrUnexpectedEOF).With(map[string]int{"page": 3})
			},
			"error":  func(c *worker.Call, args []byte) error { return errors.New("secret of the house") },
			"retire": func(c *worker.Call, args []byte) error { return worker.Retire(fault.New(fault.NoBills, "enough")) },
			"panic":  func(c *worker.Call, args []byte) error { panic("oh no") },
			"exit":   func(c *worker.Call, args []byte) error { os.Exit(3); return nil },
			"hang": func(c *worker.Call, args []byte) error {
				if err := c.Reply(nil); err != nil {
					return err
				}
				for { // like a loop in WebAssembly, which only a kill can stop
					spins++
				}
			},
			"eat": func(c *worker.Call, args []byte) error {
				eat()
				select {} // until the watch notices
			},
			"gulp": func(c *worker.Call, args []byte) error {
				return c.Reply(bytes.Repeat([]byte{1}, 2<<30)[:1])
			},
			"flood": func(c *worker.Call, args []byte) error {
				for {
					if err := c.Reply(make([]byte, 64<<10)); err != nil {
						return err
					}
				}
			},
			"ramble": func(c *worker.Call, args []byte) error {
				return fault.New(fault.NoBills, "%s", strings.Repeat("and so on ", 1<<20)).With(strings.Repeat("x", 1<<20))
			},
			"chatter": func(c *worker.Call, args []byte) error {
				fmt.Println("a library prints to what it thinks is the screen")
				return c.Reply(args)
			},
			"env": func(c *worker.Call, args []byte) error {
				return c.Reply([]byte(strings.Join(os.Environ(), "\n")))
			},
		}
	})
	os.Exit(m.Run())
}

// pool returns a pool for one test. Its calls cannot stall, however slow the machine
// is, unless the test wants that.
func pool(t *testing.T, c worker.Config) *worker.Pool {
	t.Helper()
	if c.Stall == 0 {
		c.Stall = never
	}
	p := worker.NewPool(c)
	t.Cleanup(p.Close)
	return p
}

const never = 1000 * time.Hour

// call makes one call and returns the replies, put together.
func call(ctx context.Context, t *testing.T, p *worker.Pool, method, args string, src io.ReaderAt) (string, error) {
	t.Helper()
	l, err := p.Lease(ctx, false)
	if err != nil {
		return "", err
	}
	defer l.Release()
	var out strings.Builder
	err = l.Call(ctx, worker.Request{
		Method: method, Args: []byte(args), Source: src,
		Reply:  func(b []byte) error { out.Write(b); return nil },
		Answer: func(b []byte) ([]byte, error) { return append([]byte("re: "), b...), nil },
	})
	return out.String(), err
}

func TestCallsAreAnswered(t *testing.T) {
	p := pool(t, worker.Config{Workers: 1})
	data := make([]byte, 3_000_001)
	for i := range data {
		data[i] = byte(rand.IntN(256))
	}
	sum := sha256.Sum256(data)
	for _, c := range []struct{ method, args, want string }{
		{"echo", "x\x00y", "x\x00yx\x00y"},
		{"sum", fmt.Sprint(len(data)), string(sum[:])},
		{"jumps", fmt.Sprint(len(data)), string(sum[:])},
		{"together", fmt.Sprint(len(data)), strings.Repeat(string(sum[:]), 3)},
		{"ask", "why", "re: why"},
		{"chatter", "done", "done"},
		{"echo", "", ""},
	} {
		got, err := call(t.Context(), t, p, c.method, c.args, bytes.NewReader(data))
		if err != nil || got != c.want {
			t.Errorf("%s(%q) = %q, %v; want %q", c.method, c.args, got, err, c.want)
		}
	}
}

func TestAWorkerSeesNothingOfItsParentsEnvironment(t *testing.T) {
	t.Setenv("SECRET_KEY", "hunter2")
	p := pool(t, worker.Config{Workers: 1})
	got, err := call(t.Context(), t, p, "env", "", nil)
	must.OK(t, err)
	for line := range strings.Lines(got) {
		name, _, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, "TALLYMAN_WORKER") && !slices.Contains([]string{"GOGC", "SystemRoot", "GORACE", "GOCOVERDIR"}, name) {
			t.Errorf("the worker's environment holds %q", line)
		}
	}
}

func TestFailuresAreTold(t *testing.T) {
	for _, c := range []struct {
		method  string
		code    fault.Code
		message string
		fresh   bool // the next call gets another process
	}{
		{"fault", fault.NoBills, "nothing to see: unexpected EOF", false},
		{"retire", fault.NoBills, "enough", true},
		{"error", fault.WorkerCrashed, "damaged", true},
		{"panic", fault.WorkerCrashed, "damaged", true},
		{"exit", fault.WorkerCrashed, "damaged", true},
		{"no such method", fault.WorkerCrashed, "damaged", true},
		{"hang", fault.TooSlow, "no progress for 1s", true},
		{"eat", fault.TooMuchMemory, "more than the 160 MB", true},
	} {
		t.Run(c.method, func(t *testing.T) {
			p := pool(t, worker.Config{Workers: 1, Memory: 160 << 20})
			before, err := call(t.Context(), t, p, "pid", "", nil)
			must.OK(t, err)
			if c.code == fault.TooSlow { // only this call may time out
				p.SetStall(time.Second)
			}
			_, err = call(t.Context(), t, p, c.method, "", nil)
			p.SetStall(never)
			if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.message) {
				t.Errorf("%s ends with %s, %v; want %s, %q", c.method, fault.CodeOf(err), err, c.code, c.message)
			}
			if strings.Contains(err.Error(), "goroutine") || strings.Contains(err.Error(), "secret") {
				t.Errorf("the message shows the inside: %v", err)
			}
			after, err := call(t.Context(), t, p, "pid", "", nil)
			if err != nil {
				t.Fatalf("the call after %s fails: %v", c.method, err)
			}
			if (before != after) != c.fresh {
				t.Errorf("worker %s before, %s after %s", before, after, c.method)
			}
		})
	}
}

func TestAWorkerThatIsKilledWhileIdleIsReplaced(t *testing.T) {
	p := pool(t, worker.Config{Workers: 1})
	before, err := call(t.Context(), t, p, "pid", "", nil)
	must.OK(t, err)
	p.KillIdle()
	after, err := call(t.Context(), t, p, "pid", "", nil)
	if err != nil || after == before {
		t.Errorf("after worker %s was killed the answer is %q, %v", before, after, err)
	}
	if p.Restarts() != 1 {
		t.Errorf("%d restarts are counted", p.Restarts())
	}
}

// Compiling before the first document may use more memory than documents may, and only
// then.
func TestCompilingHasMemoryOfItsOwn(t *testing.T) {
	p := pool(t, worker.Config{Workers: 1, Memory: 160 << 20, Cache: filepath.Join(t.TempDir(), "prepared")})
	before, err := call(t.Context(), t, p, "pid", "", nil)
	if err != nil {
		t.Fatalf("a call that comes while it is compiled: %v", err)
	}
	if after, err := call(t.Context(), t, p, "pid", "", nil); err != nil || after != before {
		t.Errorf("the worker %s is gone after compiling: %s, %v", before, after, err)
	}
	if _, err := call(t.Context(), t, p, "eat", "", nil); fault.CodeOf(err) != fault.TooMuchMemory || !strings.Contains(err.Error(), "more than the 160 MB") {
		t.Errorf("a document that eats memory after that ends with %v", err)
	}
}

func TestAllMemoryAtOnceIsRefusedByTheKernel(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has such a wall")
	}
	p := pool(t, worker.Config{Workers: 1, Stall: time.Second, Memory: 160 << 20})
	_, err := call(t.Context(), t, p, "gulp", "", nil)
	p.SetStall(never)
	switch code := fault.CodeOf(err); code {
	case fault.TooMuchMemory, fault.WorkerCrashed, fault.TooSlow:
		// A Go process at the kernel's limit cannot always say what happened.
	default:
		t.Errorf("taking 2 GB at once ends with %q, %v", code, err)
	}
	if _, err := call(t.Context(), t, p, "echo", "next", nil); err != nil {
		t.Error(err)
	}
}

// A worker that was taken over must not fill its parent's memory.
func TestTheParentBoundsWhatWorkersSend(t *testing.T) {
	p := pool(t, worker.Config{Workers: 1})
	l, err := p.Lease(t.Context(), false)
	must.OK(t, err)
	got := 0
	err = l.Call(t.Context(), worker.Request{Method: "flood", Most: 1 << 20, Reply: func(b []byte) error {
		if got += len(b); got > 8<<20 {
			return errors.New("enough")
		}
		return nil
	}})
	l.Release()
	if fault.CodeOf(err) != fault.WorkerCrashed || got > 1<<20 {
		t.Errorf("after %d bytes the call ends with %v", got, err)
	}
	if _, err := call(t.Context(), t, p, "oversize", "", nil); fault.CodeOf(err) != fault.WorkerCrashed {
		t.Errorf("a frame over the limit: %v", err)
	}
	_, err = call(t.Context(), t, p, "ramble", "", nil)
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != fault.NoBills || len(f.Message) > 20<<10 || f.Details != nil {
		t.Errorf("a message of %d bytes, details %.20v", len(err.Error()), f.Details)
	}
	if got, err := call(t.Context(), t, p, "echo", "x", nil); err != nil || got != "xx" {
		t.Errorf("the next call: %q, %v", got, err)
	}
}

func TestDetailsOfAFaultCross(t *testing.T) {
	p := pool(t, worker.Config{Workers: 1})
	_, err := call(t.Context(), t, p, "fault", "", nil)
	if f, ok := errors.AsType[*fault.Error](err); !ok || fmt.Sprintf("%s", f.Details) != `{"page":3}` {
		t.Errorf("details are %s", f.Details)
	}
}

func TestACancelledCallEndsAtOnceAndItsWorkerWithIt(t *testing.T) {
	p := pool(t, worker.Config{Workers: 1})
	for code, end := range map[fault.Code]error{fault.Cancelled: nil, fault.TooSlow: context.DeadlineExceeded} {
		ctx, cancel := context.WithCancelCause(t.Context())
		if code == fault.TooSlow {
			end = fault.New(fault.TooSlow, "too long: %w", end)
		}
		l, err := p.Lease(ctx, false)
		must.OK(t, err)
		// The worker replies once, and then hangs.
		err = l.Call(ctx, worker.Request{Method: "hang", Reply: func([]byte) error { cancel(end); return nil }})
		l.Release()
		if fault.CodeOf(err) != code {
			t.Errorf("a call whose caller has had enough ends with %v, not with %s", err, code)
		}
	}
	if _, err := call(t.Context(), t, p, "echo", "still there", nil); err != nil {
		t.Error(err)
	}
}

func TestACallersOwnErrorsComeBack(t *testing.T) {
	p := pool(t, worker.Config{Workers: 1})
	l, err := p.Lease(t.Context(), false)
	must.OK(t, err)
	defer l.Release()
	mine := errors.New("mine")
	err = l.Call(t.Context(), worker.Request{Method: "echo", Reply: func([]byte) error { return mine }})
	if !errors.Is(err, mine) {
		t.Errorf("got %v", err)
	}
	err = l.Call(t.Context(), worker.Request{Method: "sum", Args: []byte("10"), Source: brokenDisk{}})
	if fault.CodeOf(err) != fault.Unreadable || !errors.Is(err, errDisk) {
		t.Errorf("a source that cannot be read ends the call with %v", err)
	}
}

var errDisk = errors.New("disk on fire")

type brokenDisk struct{}

func (brokenDisk) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

// A worker whose call was left in the middle must not serve another.
func TestAPanicInAFunctionOfTheRequestEndsTheWorker(t *testing.T) {
	p := pool(t, worker.Config{Workers: 1})
	before, err := call(t.Context(), t, p, "pid", "", nil)
	must.OK(t, err)
	func() {
		l, err := p.Lease(t.Context(), false)
		must.OK(t, err)
		defer l.Release()
		defer func() {
			if v := recover(); v != "planted" {
				t.Errorf("the panic is %v", v)
			}
		}()
		l.Call(t.Context(), worker.Request{Method: "echo", Args: []byte("left over"), Reply: func([]byte) error { panic("planted") }})
	}()
	if got, err := call(t.Context(), t, p, "echo", "next", nil); err != nil || got != "nextnext" {
		t.Errorf("the next call is answered %q, %v", got, err)
	}
	if after, err := call(t.Context(), t, p, "pid", "", nil); err != nil || after == before {
		t.Errorf("worker %s before, %s after: %v", before, after, err)
	}
}

func TestLeasesAreBounded(t *testing.T) {
	p := pool(t, worker.Config{Workers: 2})
	a, err := p.Lease(t.Context(), false)
	must.OK(t, err)
	b := p.TryLease(false, true)
	if b == nil {
		t.Fatal("one of two workers is idle, and not to be had")
	}
	if p.TryLease(false, true) != nil {
		t.Error("there are three of two workers")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Lease(ctx, false); fault.CodeOf(err) != fault.TooSlow {
		t.Errorf("waiting for a worker ends with %v", err)
	}
	a.Release()
	c, err := p.Lease(t.Context(), false)
	must.OK(t, err)
	b.Release()
	c.Release()
}

// Workers for methods that need no preparation start without it, and are replaced when
// a method needs it.
func TestWorkersThatPreparedNothing(t *testing.T) {
	p := pool(t, worker.Config{Workers: 2})
	ask := func(needsNothing bool) (bare, pid string) {
		t.Helper()
		l, err := p.Lease(t.Context(), needsNothing)
		must.OK(t, err)
		defer l.Release()
		for method, to := range map[string]*string{"bare": &bare, "pid": &pid} {
			err := l.Call(t.Context(), worker.Request{Method: method, Reply: func(b []byte) error { *to = string(b); return nil }})
			must.OK(t, err)
		}
		return bare, pid
	}
	if p.TryLease(false, false) != nil {
		t.Fatal("a worker is lent that had to be started")
	}
	p.Warm(1, true)
	bare, light := ask(true)
	if bare != "true" {
		t.Error("the worker that prepared nothing is not used")
	}
	if _, pid := ask(true); pid != light {
		t.Error("a worker that prepared nothing is not used again")
	}
	bare, full := ask(false)
	if bare != "false" || full == light {
		t.Error("a worker that prepared nothing is used where it is not enough")
	}
	l := p.TryLease(false, false)
	if l == nil {
		t.Fatal("the prepared worker is idle, and not lent")
	}
	if p.TryLease(false, false) != nil {
		t.Error("the worker that prepared nothing is lent")
	}
	// The only free slot has a worker that prepared nothing.
	if bare, pid := ask(false); bare != "false" || pid == light || pid == full {
		t.Errorf("bare %s: worker %s, %s, %s", bare, light, full, pid)
	}
	l.Release()
	// Without a free slot a prepared worker does.
	if bare, _ := ask(true); bare != "false" {
		t.Error("a prepared worker is ended for a method that needs less")
	}
}

func TestManyCallersAtOnceGetTheirOwnAnswers(t *testing.T) {
	p := pool(t, worker.Config{Workers: 3})
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			if i%20 == 7 {
				if _, err := call(t.Context(), t, p, "exit", "", nil); fault.CodeOf(err) != fault.WorkerCrashed {
					t.Errorf("a crash ends with %v", err)
				}
				return
			}
			want := strings.Repeat(fmt.Sprint(i, " "), 1000)
			got, err := call(t.Context(), t, p, "ask", want, nil)
			if err != nil || got != "re: "+want {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if p.Restarts() != 3 {
		t.Errorf("%d restarts after 3 crashes", p.Restarts())
	}
}

func TestAClosedPoolRefuses(t *testing.T) {
	p := worker.NewPool(worker.Config{Workers: 2})
	p.Warm(2, false)
	p.Close()
	p.Close()
	if _, err := p.Lease(t.Context(), false); err == nil {
		t.Error("a closed pool lends workers")
	}
	if p.TryLease(false, true) != nil {
		t.Error("a closed pool lends workers")
	}
}
