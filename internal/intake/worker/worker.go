// Package worker does risky work in separate processes: this same binary, started
// again. A worker can be killed at any moment, cannot use more than its memory, and
// needs no files: it asks its parent for what it reads. On Linux it gives up files, the
// network and other programs for ever; see Sandbox.
//
// A worker serves one call at a time. If it hangs, crashes or exceeds its limits, it is
// killed, the call fails with a fault that says so, and the next call gets a new
// worker.
//
// For operators: workers appear as tallyman-worker in lists of processes; they end when
// their parent ends, in whatever way; the limit of memory is enforced by the worker
// itself and, on Linux, by the kernel (RLIMIT_DATA).
package worker

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"tallyman/internal/fault"
)

// argv0 is the name of workers in lists of processes.
const argv0 = "tallyman-worker"

// The environment variables of a worker. Nothing else of the parent's environment is
// passed on.
const (
	envWorker = "TALLYMAN_WORKER"
	envMemory = "TALLYMAN_WORKER_MEMORY"
	envCache  = "TALLYMAN_WORKER_CACHE"
	envBare   = "TALLYMAN_WORKER_BARE"
	// envProgram is a Program, as JSON, for a process that becomes it.
	envProgram = "TALLYMAN_WORKER_PROGRAM"
)

// probe is the value of envWorker for a worker that is to end at once.
const probe = "probe"

// program is the value of envWorker for a process that becomes another program.
const program = "program"

// exitMemory is the exit code of a worker that exceeded its memory.
const exitMemory = 86

// Settings are the settings of a worker, for its handlers.
type Settings struct {
	// Memory is the limit for the whole process, in bytes.
	Memory int64
	// Cache is a directory for compiled code, "" for none.
	Cache string
	// Bare says that only methods will be called that need no preparation.
	Bare bool
}

// Handler serves the calls of one method, one at a time. An error that is not a
// *fault.Error becomes fault.WorkerCrashed. After an error wrapped by Retire the worker
// is not used again.
type Handler func(c *Call, args []byte) error

// Decoded returns a Handler of a method whose arguments are JSON; see Pool.Call.
func Decoded[A any](serve func(c *Call, args A) error) Handler {
	return func(c *Call, args []byte) error {
		var a A
		if err := json.Unmarshal(args, &a); err != nil {
			return err
		}
		return serve(c, a)
	}
}

// Call is a call, from the handler's side. Its methods, and those of its source, may be
// called by several goroutines at once. The handler must wait for them.
type Call struct {
	conn *conn
	src  *source
}

// Reply sends one reply to the caller. The payload may be reused afterwards.
func (c *Call) Reply(payload []byte) error {
	return c.conn.send(frameReply, payload)
}

// Alive reports that the worker is alive, while it does work that is slow for a known
// reason.
func (c *Call) Alive() error {
	return c.conn.send(frameAlive)
}

// Ask sends a question to the caller and returns the answer.
func (c *Call) Ask(question []byte) ([]byte, error) {
	conn := c.conn
	// The source can go on giving the blocks that it keeps while the caller thinks.
	err := c.src.drain(&conn.exchange)
	defer conn.exchange.Unlock()
	if err != nil {
		return nil, err
	}
	if err := conn.send(frameAsk, question); err != nil {
		return nil, err
	}
	return conn.receive(frameTell)
}

// Source returns the content that the caller gives this call to read, of size bytes. It
// is valid until the handler returns.
func (c *Call) Source(size int64) io.ReaderAt {
	if c.src == nil {
		c.src = &source{conn: c.conn, size: size}
	}
	return c.src
}

type retire struct{ err error }

func (r retire) Error() string { return r.err.Error() }
func (r retire) Unwrap() error { return r.err }

// Retire marks an error after which the worker must not be used again.
func Retire(err error) error { return retire{err} }

// outcome is the payload of frameEnd.
type outcome struct {
	Code    fault.Code      `json:"code,omitempty"`
	Message string          `json:"message,omitempty"`
	Details json.RawMessage `json:"details,omitempty"`
	Cause   string          `json:"cause,omitempty"`
	Retire  bool            `json:"retire,omitempty"`
}

func (o outcome) err() error {
	if o.Code == "" {
		return nil
	}
	f := &fault.Error{Code: o.Code, Message: shorten(o.Message)}
	if n := len(o.Details); n > 0 && n <= maxDetails {
		f.Details = o.Details
	}
	if o.Cause != "" {
		f.Err = errors.New(shorten(o.Cause))
	}
	return f
}

// The limits of what the parent takes of an outcome, in bytes: it goes into answers and
// the log.
const (
	maxText    = 16 << 10
	maxDetails = 256 << 10
)

func shorten(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

// Main serves calls if this process was started as a worker, and then never returns.
// Otherwise it does nothing. Call it first in main, and in TestMain of tests that use
// workers.
func Main(handlers func(Settings) map[string]Handler) {
	if os.Getenv(envWorker) == "" || os.Args[0] != argv0 {
		return
	}
	switch os.Getenv(envWorker) {
	case probe:
		os.Exit(0)
	case program:
		fmt.Fprintln(os.Stderr, become(os.Getenv(envProgram))) // returns only if it fails
		os.Exit(1)
	}
	limit, _ := strconv.ParseInt(os.Getenv(envMemory), 10, 64)
	s := Settings{Memory: limit, Cache: os.Getenv(envCache), Bare: os.Getenv(envBare) != ""}
	if err := s.enter(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(serve(handlers(s), s))
}

// enter confines the process to the folder of compiled code, and to the folder for
// coverage if tests measure that.
func (s Settings) enter() error {
	var folders []string
	if s.Cache != "" && !s.Bare {
		if err := os.MkdirAll(s.Cache, 0o700); err == nil {
			folders = append(folders, s.Cache)
		}
	}
	return confine(append(folders, coverage()...)...)
}

// prepared is closed when Prepare is done; nil if nothing was to be prepared.
var prepared chan struct{}

// Prepare runs, in the background, what must be done once before documents are read,
// such as compiling. It may use more memory than documents may. Calls wait for it, and
// after it the process is sealed. It must be called before the handlers are returned.
func (s Settings) Prepare(f func()) {
	memory.widen()
	prepared = make(chan struct{})
	go func() {
		f()
		memory.narrow()
		if err := s.Seal(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		close(prepared)
	}()
}

// ready waits until the process is prepared.
func (c *Call) ready() error {
	for prepared != nil {
		select {
		case <-prepared:
			return nil
		case <-time.After(100 * time.Millisecond):
			if err := c.Alive(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Seal gives up the folder of compiled code as well, once everything is compiled: from
// now on the worker cannot open any file.
func (s Settings) Seal() error { return confineFiles(coverage()...) }

// coverage returns the folder in which Go's test tools store coverage.
func coverage() []string {
	if dir := os.Getenv("GOCOVERDIR"); dir != "" {
		return []string{dir}
	}
	return nil
}

type conn struct {
	sending sync.Mutex // held while one frame is sent
	out     frameWriter
	// exchange is held from a question to its answer, since answers come in the order of
	// the questions. Who needs the lock of the source as well takes that first.
	exchange sync.Mutex
	in       chan frame
}

func (c *conn) send(kind byte, parts ...[]byte) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	return c.out.write(kind, parts...)
}

type frame struct {
	kind    byte
	payload []byte
}

func serve(handlers map[string]Handler, s Settings) int {
	// Ctrl-C in a terminal and the stop of a service manager signal all processes at
	// once. The parent decides when its workers end, since it may have work to finish.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	// Most of the heap is WebAssembly's memory, which has no pointers: frequent
	// collection of the rest is cheap, and keeps the process small. Without WebAssembly it
	// is still cheaper than memory that is touched for the first time.
	CollectEvery(8<<20, 25)
	if s.Memory > 0 {
		memory.watch(s.Memory)
	}
	c := &conn{
		out: frameWriter{bufio.NewWriterSize(os.Stdout, 64<<10)},
		// Room for all frames that can arrive without being expected: if the channel
		// were full, the parent could neither send nor receive.
		in: make(chan frame, 4),
	}
	// Stdout carries frames only: nothing that a library prints may get in between.
	os.Stdout = os.Stderr
	go c.listen(os.Stdin)

	for f := range c.in {
		if f.kind != frameCall {
			return 1
		}
		name, args, _ := strings.Cut(string(f.payload), "\x00")
		h, ok := handlers[name]
		if !ok {
			return 1
		}
		call := &Call{conn: c}
		if call.ready() != nil {
			return 1
		}
		out := result(h, call, []byte(args))
		err := call.src.drain(&c.exchange)
		c.exchange.Unlock()
		if err != nil {
			return 1
		}
		if outgrown(s.Memory / 2) {
			out.Retire = true
		}
		payload, err := json.Marshal(out)
		if err != nil {
			return 1
		}
		if c.send(frameEnd, payload) != nil || out.Retire {
			return 0
		}
	}
	return 0
}

func result(h Handler, c *Call, args []byte) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			out = outcome{
				Code:    fault.WorkerCrashed,
				Message: crashed,
				Cause:   fmt.Sprintf("panic: %v\n%s", p, debug.Stack()),
				Retire:  true,
			}
		}
	}()
	err := h(c, args)
	if err == nil {
		return outcome{}
	}
	_, out.Retire = errors.AsType[retire](err)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		f = &fault.Error{Code: fault.WorkerCrashed, Message: crashed, Err: err}
		out.Retire = true
	}
	out.Code, out.Message = f.Code, f.Message
	if f.Details != nil {
		out.Details, _ = json.Marshal(f.Details)
	}
	if f.Err != nil {
		out.Cause = f.Err.Error()
	}
	return out
}

// listen passes on the frames of the parent, and ends the process when the parent ends,
// even while a call hangs: it runs on a thread of its own.
func (c *conn) listen(r io.Reader) {
	in := frameReader{r: bufio.NewReaderSize(r, 64<<10)}
	for {
		kind, payload, err := in.read()
		if err != nil {
			os.Exit(0)
		}
		c.in <- frame{kind, payload}
		in.buf = nil // the receiver owns it now
	}
}

func (c *conn) receive(kind byte) ([]byte, error) {
	f := <-c.in
	if f.kind != kind {
		return nil, fmt.Errorf("the parent sent a frame %q instead of %q", f.kind, kind)
	}
	return f.payload, nil
}

// blockSize is the size of the blocks in which a source is fetched, and maxBlocks the
// number of blocks that are kept.
const (
	blockSize = 128 << 10
	maxBlocks = 8
)

// source reads the content that the parent offers, in blocks, and keeps the last few:
// PDFium reads in small steps and returns to earlier places. With each block it also
// requests the next one, which arrives meanwhile.
type source struct {
	conn   *conn
	size   int64
	mu     sync.Mutex // protects what follows
	blocks map[int64][]byte
	recent []int64 // the blocks that are kept, least recently used first
	asked  []int64 // the blocks that were requested, in order
}

func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("reading at negative offset %d", off)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(p) {
		if off >= s.size {
			return n, io.EOF
		}
		b, err := s.block(off / blockSize)
		if err != nil {
			return n, err
		}
		in := off % blockSize
		if in >= int64(len(b)) {
			return n, io.ErrUnexpectedEOF
		}
		m := copy(p[n:], b[in:])
		n += m
		off += int64(m)
	}
	return n, nil
}

func (s *source) block(i int64) ([]byte, error) {
	if b, ok := s.blocks[i]; ok {
		at := slices.Index(s.recent, i)
		s.recent = append(slices.Delete(s.recent, at, at+1), i)
		return b, nil
	}
	s.conn.exchange.Lock()
	defer s.conn.exchange.Unlock()
	if err := s.ask(i); err != nil {
		return nil, err
	}
	if err := s.ask(i + 1); err != nil {
		return nil, err
	}
	for {
		if err := s.fetch(); err != nil {
			return nil, err
		}
		if b, ok := s.blocks[i]; ok {
			return b, nil
		}
	}
}

// ask requests a block, unless it is kept, requested already or beyond the end.
func (s *source) ask(i int64) error {
	off := i * blockSize
	if _, ok := s.blocks[i]; ok || slices.Contains(s.asked, i) || off >= s.size {
		return nil
	}
	var req [12]byte
	binary.LittleEndian.PutUint64(req[:], uint64(off))
	binary.LittleEndian.PutUint32(req[8:], uint32(min(blockSize, s.size-off)))
	if err := s.conn.send(frameRead, req[:]); err != nil {
		return err
	}
	s.asked = append(s.asked, i)
	return nil
}

// fetch receives the first of the requested blocks.
func (s *source) fetch() error {
	b, err := s.conn.receive(frameData)
	if err != nil {
		return err
	}
	i := s.asked[0]
	s.asked = s.asked[1:]
	if s.blocks == nil {
		s.blocks = map[int64][]byte{}
	}
	if len(s.recent) == maxBlocks {
		delete(s.blocks, s.recent[0])
		s.recent = s.recent[1:]
	}
	s.blocks[i] = b
	s.recent = append(s.recent, i)
	return nil
}

// drain locks the exchange, and receives all requested blocks, before frames of another
// kind.
func (s *source) drain(exchange *sync.Mutex) error {
	if s == nil {
		exchange.Lock()
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	exchange.Lock()
	for len(s.asked) > 0 {
		if err := s.fetch(); err != nil {
			return err
		}
	}
	return nil
}
