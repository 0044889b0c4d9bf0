package worker

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/span"
	"tallyman/internal/turn"
)

// DefaultMemory is the limit of one worker, in bytes, unless Config says another.
const DefaultMemory = 512 << 20

// Config has the number of workers and their limits. The zero value is usable.
type Config struct {
	// Workers is the greatest number of workers. 0 means one per processor.
	Workers int
	// Memory is the limit of one worker, in bytes. 0 means 512 MiB.
	Memory int64
	// Stall is how long a worker may work without sending anything: a reply, a question
	// for data, or Call.Alive. 0 means 20 seconds.
	Stall time.Duration
	// Cache is a directory for compiled code, so that every start but the first is
	// fast. "" means none.
	Cache string
	// Yield has workers give way to other programs, this one included, where processors
	// are short (Linux).
	Yield bool
	// Log gets a line for each worker that was killed or crashed; nil for none.
	Log *slog.Logger
}

// Pool keeps workers and lends them out. It is safe for concurrent use.
type Pool struct {
	config   Config
	slots    chan *slot
	closed   chan struct{}
	once     sync.Once
	restarts atomic.Int64
	together atomic.Bool // the kernel refuses workers namespaces of their own
}

type slot struct{ proc *process }

// NewPool returns a pool whose workers start when they are first needed.
func NewPool(c Config) *Pool {
	c.Workers = cmp.Or(max(c.Workers, 0), runtime.GOMAXPROCS(0)) // respects a container's limit
	c.Memory = cmp.Or(max(c.Memory, 0), DefaultMemory)
	c.Stall = cmp.Or(max(c.Stall, 0), 20*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	p := &Pool{config: c, slots: make(chan *slot, c.Workers), closed: make(chan struct{})}
	for range c.Workers {
		p.slots <- &slot{}
	}
	return p
}

// Restarts returns how many workers were killed or crashed since the start.
func (p *Pool) Restarts() int64 { return p.restarts.Load() }

// Warm starts up to n idle workers now, so that the first calls need not wait. See
// Lease for bare.
func (p *Pool) Warm(n int, bare bool) {
	for range min(n, cap(p.slots)) {
		select {
		case s := <-p.slots:
			_ = s.start(p, bare)
			p.slots <- s
		default:
			return
		}
	}
}

// Close ends all workers, waiting for running calls. Later calls fail.
func (p *Pool) Close() {
	p.once.Do(func() {
		close(p.closed)
		for range cap(p.slots) {
			s := <-p.slots
			if s.proc != nil {
				s.proc.end()
			}
		}
	})
}

// Lease is the use of one worker by one caller.
type Lease struct {
	pool *Pool
	slot *slot
	bare bool
}

// Lease waits for a free worker. The caller must Release it. With bare it is for methods
// that need nothing of what Settings.Prepare prepares: a worker that has to be started for
// them does without, and starts in a fraction of the time. It fails with fault.Cancelled if
// the context ends first.
func (p *Pool) Lease(ctx context.Context, bare bool) (_ *Lease, err error) {
	select {
	case <-p.closed:
		return nil, errors.New("the worker pool is closed")
	default:
	}
	if s := p.idle(bare, true); s != nil {
		return &Lease{p, s, bare}, nil
	}
	ctx, sp := span.Start(ctx, "worker.wait")
	defer func() { sp.End(err) }()
	defer turn.Pause(ctx)()
	select {
	case s := <-p.slots:
		return &Lease{p, s, bare}, nil
	case <-p.closed:
		return nil, errors.New("the worker pool is closed")
	case <-ctx.Done():
		return nil, ended(ctx)
	}
}

// TryLease returns a worker if one is idle and nobody waits for it, else nil. Unless
// start is set it returns none that would have to be started. See Lease for bare.
func (p *Pool) TryLease(bare, start bool) *Lease {
	select {
	case <-p.closed:
		return nil
	default:
	}
	if s := p.idle(bare, start); s != nil {
		return &Lease{p, s, bare}
	}
	return nil
}

// idle takes the slot that suits best of those that are free, nil if none does: first
// one whose worker runs and can do what is wanted, those that are bare before the others
// if they can, then one without a worker, then one whose worker cannot.
func (p *Pool) idle(bare, start bool) *slot {
	rank := func(s *slot) int {
		switch {
		case s.proc == nil:
			return 2
		case s.proc.bare == bare:
			return 0
		case bare:
			return 1
		}
		return 3
	}
	const runs = 1 // the last rank of those that run and can
	var best *slot
	var rest []*slot
	defer func() {
		for _, s := range rest {
			p.slots <- s
		}
	}()
	for range cap(p.slots) {
		var s *slot
		select {
		case s = <-p.slots:
		default:
			return best
		}
		switch {
		case rank(s) > runs && !start:
			rest = append(rest, s)
		case best == nil:
			best = s
		case rank(s) < rank(best):
			rest, best = append(rest, best), s
		default:
			rest = append(rest, s)
		}
		if best != nil && rank(best) == 0 {
			return best
		}
	}
	return best
}

// Release returns the worker to the pool.
func (l *Lease) Release() {
	l.pool.slots <- l.slot
}

// Request is a call of a worker, with the functions that serve the worker during it.
// The slices passed to the functions are valid only during their call.
type Request struct {
	Method string
	Args   []byte
	// Source is the content that the worker may read. It may be nil.
	Source io.ReaderAt
	// Reply receives each reply of the worker. An error ends the call.
	Reply func(payload []byte) error
	// Most bounds the bytes of all replies together; 0 for no bound.
	Most int64
	// Answer answers the questions of the worker. An error ends the call.
	Answer func(question []byte) ([]byte, error)
}

// Call runs a method in the worker.
//
// It fails with the fault of the handler; with fault.TooSlow when the worker sends
// nothing for Config.Stall or the context's deadline passes; with fault.Cancelled when
// the context is cancelled; with fault.TooMuchMemory or fault.WorkerCrashed when the
// worker dies; with the errors of the request's functions. Unless the handler returned,
// the worker is killed, and the next call starts a new one. A worker that was killed from
// outside while it was idle is replaced, without an error.
func (l *Lease) Call(ctx context.Context, r Request) (err error) {
	ctx, sp := span.Start(ctx, "worker.call")
	sp.Text("method", r.Method)
	defer func() { sp.End(err) }()
	if ctx.Err() != nil {
		return ended(ctx)
	}
	idle := l.slot.proc
	if err := l.slot.start(l.pool, l.bare); err != nil {
		return err
	}
	proc := l.slot.proc
	sp.Int("pid", int64(proc.cmd.Process.Pid))
	// The slot has no worker until it is certain that this one can be kept: if a
	// function of the request panics, the worker stays in the middle of the call.
	l.slot.proc = nil
	returned := false
	defer func() {
		if !returned {
			proc.end()
		}
	}()
	keep, err := proc.call(ctx, l.pool.config.Stall, r)
	returned = true
	sp.Int("bytes", proc.handed)
	sp.Int("replies", proc.replies)
	if keep {
		l.slot.proc = proc
	} else {
		proc.kill()
		err = proc.autopsy(ctx, l.pool.config, err)
		if err != nil {
			sp.Int("killed", 1)
			l.pool.restarts.Add(1)
			l.pool.config.Log.WarnContext(ctx, "worker ended", "method", r.Method, "error", err, "cause", errors.Unwrap(err))
		}
		if proc == idle && !proc.heard && fault.CodeOf(err) == fault.WorkerStopped {
			return l.Call(ctx, r) // by a new worker, so this happens once
		}
	}
	return err
}

// Call waits for a free worker and has it run a method with arguments, which it gets as JSON;
// see Lease for bare, and Lease.Call.
func (p *Pool) Call(ctx context.Context, bare bool, args any, r Request) (err error) {
	if r.Args, err = json.Marshal(args); err != nil {
		return fmt.Errorf("calling a worker: %w", err)
	}
	l, err := p.Lease(ctx, bare)
	if err != nil {
		return err
	}
	defer l.Release()
	return l.Call(ctx, r)
}

// WithTimeout returns a context whose calls fail with fault.TooSlow, and a message that
// names the limit, when the time is over.
func WithTimeout(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return withTimeout(ctx, limit, "reading it takes longer than the %v that one file may take; split it or allow more time")
}

// WithPageTimeout is WithTimeout for one page that is read from its picture.
func WithPageTimeout(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return withTimeout(ctx, limit, "reading its picture takes longer than the %v that one page may take; scan it again with 300 dots per inch, or allow more time")
}

func withTimeout(ctx context.Context, limit time.Duration, says string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, &fault.Error{
		Code:    fault.TooSlow,
		Message: fmt.Sprintf(says, limit),
		Err:     context.DeadlineExceeded,
	})
}

// ended returns why a context has ended, for people.
func ended(ctx context.Context) error {
	f, ok := errors.AsType[*fault.Error](context.Cause(ctx))
	switch {
	case ok:
		return f
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &fault.Error{Code: fault.TooSlow, Message: "reading it took longer than is allowed", Err: ctx.Err()}
	default:
		return &fault.Error{Code: fault.Cancelled, Message: "cancelled", Err: ctx.Err()}
	}
}

type process struct {
	cmd    *exec.Cmd
	bare   bool // it prepared nothing
	stdin  io.WriteCloser
	stdout io.ReadCloser
	out    frameWriter
	in     frameReader
	stderr *tail
	// The traffic of the last call: bytes of its source, replies of the worker, and
	// whether the worker sent anything.
	handed, replies int64
	heard           bool
	// stalled is set when the timer has killed the process, or is about to.
	stalled atomic.Bool
	killed  sync.Once
}

// start starts a worker unless there is one that can do what is wanted.
func (s *slot) start(p *Pool, bare bool) error {
	if s.proc != nil && s.proc.bare && !bare {
		s.proc.end()
		s.proc = nil
	}
	if s.proc != nil {
		return nil
	}
	exe := "/proc/self/exe" // the running binary, even if its file was replaced by an upgrade
	if runtime.GOOS != "linux" {
		var err error
		if exe, err = os.Executable(); err != nil {
			return fmt.Errorf("finding this program to start it as a worker: %w", err)
		}
	}
	env := []string{
		envWorker + "=1",
		envMemory + "=" + strconv.FormatInt(p.config.Memory, 10),
		envCache + "=" + p.config.Cache,
		"GOGC=off", // until serve sets it: the packages' own data is not garbage
	}
	if bare {
		env = append(env, envBare+"=1")
	}
	// Windows programs cannot start without knowing where Windows is. The others are
	// settings of Go's test tools.
	for _, name := range []string{"SystemRoot", "GORACE", "GOCOVERDIR"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	proc := &process{bare: bare, stderr: &tail{}}
	var err error
	proc.cmd, err = launch(exe, env, &p.together, p.config.Yield, func(cmd *exec.Cmd) (err error) {
		cmd.Stderr = proc.stderr
		if proc.stdin, err = cmd.StdinPipe(); err == nil {
			proc.stdout, err = cmd.StdoutPipe()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("starting a worker: %w", err)
	}
	proc.out = frameWriter{bufio.NewWriterSize(proc.stdin, 64<<10)}
	proc.in = frameReader{r: bufio.NewReaderSize(proc.stdout, 64<<10)}
	s.proc = proc
	return nil
}

// launch starts a process, which connect has connected: in namespaces of its own unless the
// kernel refuses them, which together keeps.
func launch(exe string, env []string, together *atomic.Bool, yield bool, connect func(*exec.Cmd) error) (*exec.Cmd, error) {
	keepFiles()
	for {
		apart := !together.Load()
		cmd := exec.Command(exe)
		cmd.Args, cmd.Env, cmd.WaitDelay = []string{argv0}, env, waitDelay
		isolate(cmd, apart)
		if err := connect(cmd); err != nil {
			return nil, err
		}
		err := spawn(cmd, yield)
		if !apart || !denied(err) {
			return cmd, err
		}
		together.Store(true)
	}
}

// waitDelay is how long an ended worker may go on writing to its standard error, which a
// program that it has started may hold.
const waitDelay = time.Second

// errRogue is what a worker does that no sound one does.
type errRogue struct{ error }

func rogue(format string, args ...any) error { return errRogue{fmt.Errorf(format, args...)} }

// crashed says to people that a document ended its reader.
const crashed = "the file makes its reader crash, since it is damaged or hostile; make the file again"

// Rogue returns the fault of a worker that replies or asks what no sound one does, with
// the code fault.WorkerCrashed. The functions of a Request return it.
func Rogue(format string, args ...any) error {
	return &fault.Error{Code: fault.WorkerCrashed, Message: crashed, Err: rogue(format, args...)}
}

// errOurs marks an error that the worker did not cause.
type errOurs struct{ error }

func (e errOurs) Unwrap() error { return e.error }

// call exchanges frames with the worker until the call ends. keep reports whether the
// worker can be used again.
func (p *process) call(ctx context.Context, stall time.Duration, r Request) (keep bool, err error) {
	p.handed, p.replies, p.heard = 0, 0, false
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	clock := time.AfterFunc(stall, func() {
		p.stalled.Store(true)
		p.kill()
	})
	defer clock.Stop()

	if err := p.out.write(frameCall, []byte(r.Method), []byte{0}, r.Args); err != nil {
		return false, err
	}
	var buf []byte
	var sent int64
	for {
		// The timer runs while the worker works, not while the request waits for its turn and
		// the replies are processed.
		clock.Reset(stall)
		resume := turn.Pause(ctx)
		kind, payload, err := p.in.read()
		if err == nil && !clock.Stop() {
			// The timer's function may not have begun yet; it will kill the worker all
			// the same.
			p.stalled.Store(true)
		}
		resume()
		if err != nil {
			return false, err
		}
		p.heard = true
		switch kind {
		case frameAlive:
		case frameRead:
			if len(payload) != 12 || r.Source == nil {
				return false, rogue("the worker asked for data in a wrong way")
			}
			off := int64(binary.LittleEndian.Uint64(payload))
			n := int(binary.LittleEndian.Uint32(payload[8:]))
			if off < 0 || n > blockSize {
				return false, rogue("the worker asked for %d bytes at %d", n, off)
			}
			if cap(buf) < n {
				buf = make([]byte, blockSize)
			}
			if m, err := r.Source.ReadAt(buf[:n], off); err != nil && m < n {
				return false, errOurs{fault.New(fault.Unreadable, "it cannot be read: %w", err)}
			}
			p.handed += int64(n)
			if err := p.out.write(frameData, buf[:n]); err != nil {
				return false, err
			}
		case frameReply:
			p.replies++
			sent += int64(len(payload))
			switch {
			case r.Reply == nil:
				return false, rogue("the worker replied where nothing was asked")
			case r.Most > 0 && sent > r.Most:
				return false, rogue("the worker sent more than the %d bytes that it may", r.Most)
			}
			if err := r.Reply(payload); err != nil {
				return false, errOurs{err}
			}
		case frameAsk:
			if r.Answer == nil {
				return false, rogue("the worker asked a question that nobody answers")
			}
			answer, err := r.Answer(payload)
			if err != nil {
				return false, errOurs{err}
			}
			if err := p.out.write(frameTell, answer); err != nil {
				return false, err
			}
		case frameEnd:
			var out outcome
			if err := json.Unmarshal(payload, &out); err != nil {
				return false, rogue("the worker's outcome cannot be decoded: %w", err)
			}
			if out.Retire {
				return false, errOurs{out.err()}
			}
			// The worker cannot be kept if the timer is about to kill it.
			return stop() && !p.stalled.Load(), out.err()
		default:
			return false, rogue("the worker sent a frame of unknown kind %q", kind)
		}
	}
}

// kill ends the worker, what it has started, and every wait for one of them. It comes
// before Wait, after which the process group may be another's: further calls do nothing.
func (p *process) kill() {
	p.killed.Do(func() {
		killAll(p.cmd.Process)
		p.stdin.Close()
		p.stdout.Close()
	})
}

// end ends an idle worker, which has no data to lose.
func (p *process) end() {
	p.kill()
	p.cmd.Wait()
}

// autopsy explains to people why a worker died during a call.
func (p *process) autopsy(ctx context.Context, c Config, err error) error {
	p.cmd.Wait()
	if ours, ok := errors.AsType[errOurs](err); ok {
		return ours.error
	}
	switch {
	case ctx.Err() != nil:
		return ended(ctx)
	case err == nil:
		return nil
	}
	words := p.stderr.String()
	f := &fault.Error{Code: fault.WorkerCrashed, Message: crashed, Err: fmt.Errorf("worker %s: %w: %s", p.cmd.ProcessState, err, words)}
	switch {
	// Checked first, since a Go process that is out of memory may hang while it reports
	// that.
	case p.cmd.ProcessState.ExitCode() == exitMemory, strings.Contains(words, "out of memory"), strings.Contains(words, "cannot allocate memory"):
		f.Code = fault.TooMuchMemory
		f.Message = fmt.Sprintf("reading it needs more than the %d MB of memory that a worker may use; the file is damaged or hostile", c.Memory>>20)
	case p.stalled.Load():
		f.Code = fault.TooSlow
		f.Message = fmt.Sprintf("its reader made no progress for %v and was stopped; the file is damaged, hostile or too complicated: make the PDF again, or without the page at fault", c.Stall)
	case killed(p.cmd.ProcessState) && !errors.As(err, new(errRogue)):
		f.Code = fault.WorkerStopped
		f.Message = "its reader was killed from outside, or the machine has no memory left; the file is not the cause, so try again"
	}
	return f
}

// killed reports whether a process was killed from outside. A worker that a document
// kills ends differently.
func killed(s *os.ProcessState) bool {
	status, ok := s.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// tail keeps the last output of a worker for the operator's log.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	// A crash first says what happened, and then gives a long stack trace.
	if len(t.buf) > tailSize {
		t.buf = t.buf[:tailSize]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}
