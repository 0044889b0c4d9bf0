package desk

import (
	"context"
	"io"
	"runtime"
	"sync"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/text"
	"tallyman/internal/turn"
)

// memory is the budget of memory for what documents become in the server: what workers
// send, sheets as long as anything uses them, with their orders, and answers that are
// whole in memory while they are sent. Its sums are estimates, on the safe side.
type memory struct {
	most  int64                                // bytes
	each  int64                                // of these, of one owner
	spill func(int64) bool                     // frees so many bytes of cached sheets, false if there are none
	wait  func(time.Duration) <-chan time.Time // time.After

	mu        sync.Mutex
	used      int64
	owners    map[session.Owner]int64
	freed     chan struct{} // closed when memory is given back
	collected time.Time
}

// What things take, in bytes; measured, and rounded up.
const (
	linesTake  = 4000 // a line of bills in a sheet, while the sheet is made and after it
	ordersTake = 5    // an order export in a sheet, for each byte of what was stored of it
	// Amendments in a sheet and while they are read, for each byte of their JSON.
	amendmentsTake = 12
	repliesTake    = 2    // what a worker sent, for each byte of the reply
	xlsxTakes      = 5000 // a row of a workbook while it is written
)

const (
	// memoryWait is how long a request waits for memory.
	memoryWait = 20 * time.Second
	// heldWait is the same while a worker waits for its reply to be taken, which must not
	// be mistaken for a worker that stands still.
	heldWait = 5 * time.Second
)

func newMemory(l Limits, spill func(int64) bool) *memory {
	return &memory{
		most: l.Memory, each: l.OwnerMemory, spill: spill, wait: time.After,
		owners: map[session.Owner]int64{}, freed: make(chan struct{}),
	}
}

// take takes memory for an owner, and waits for it a while; give gives it back. It fails
// with fault.TooLarge if the owner can never have so much, with fault.Busy, and with
// fault.Cancelled.
func (m *memory) take(ctx context.Context, owner session.Owner, n int64) error {
	return m.takeWithin(ctx, memoryWait, owner, n)
}

func (m *memory) takeWithin(ctx context.Context, wait time.Duration, owner session.Owner, n int64) error {
	if err := m.fits(n); err != nil {
		return err
	}
	var late <-chan time.Time
	for {
		m.mu.Lock()
		if m.used+n <= m.most && m.owners[owner]+n <= m.each {
			m.used += n
			m.owners[owner] += n
			m.mu.Unlock()
			return nil
		}
		freed := m.freed
		collect := time.Since(m.collected) > time.Second
		if collect {
			m.collected = time.Now()
		}
		m.mu.Unlock()
		if m.spill(n) {
			collect = true
		}
		if collect {
			runtime.GC() // sheets that nothing uses any more give their memory back
		}
		if late == nil {
			late = m.wait(wait)
		}
		resume := turn.Pause(ctx)
		select {
		case <-freed:
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fault.Ended(ctx.Err())
		case <-late:
			return fault.New(fault.Busy, "the server's memory is taken by other documents; try again in %d seconds", int(memoryWait.Seconds())).
				With(session.RetryAfter{Seconds: int(memoryWait.Seconds())})
		}
		resume()
	}
}

// fits fails with fault.TooLarge if an owner can never have so much.
func (m *memory) fits(n int64) error {
	if n > m.each {
		return fault.New(fault.TooLarge, "this would take about %s of the server's memory, more than the %s that it has for it (--memory); split the shipment", text.Size(n), text.Size(m.each))
	}
	return nil
}

func (m *memory) give(owner session.Owner, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= n
	if m.owners[owner] -= n; m.owners[owner] == 0 {
		delete(m.owners, owner)
	}
	close(m.freed)
	m.freed = make(chan struct{})
}

// giveWith gives memory back when nothing uses a sheet any more.
func (m *memory) giveWith(s *sheet.Sheet, owner session.Owner, n int64) {
	runtime.AddCleanup(s, func(struct{}) { m.give(owner, n) }, struct{}{})
}

// held is memory that may grow with what arrives, until it is given back as a whole.
type held struct {
	memory *memory
	owner  session.Owner

	mu sync.Mutex
	n  int64
}

// hold takes memory for an owner, as take does.
func (m *memory) hold(ctx context.Context, owner session.Owner, n int64) (*held, error) {
	if err := m.take(ctx, owner, n); err != nil {
		return nil, err
	}
	return &held{memory: m, owner: owner, n: n}, nil
}

// heldStep is how much a held takes at a time, in bytes.
const heldStep = 1 << 20

// meter returns a function that takes memory for replies of workers.
func (h *held) meter(ctx context.Context) func(int) error {
	left := int64(0)
	return func(n int) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		for left -= repliesTake * int64(n); left < 0; left += heldStep {
			// What can never fit beside what is here is not told to come again.
			if err := h.memory.fits(h.n + heldStep); err != nil {
				return err
			}
			if err := h.memory.takeWithin(ctx, heldWait, h.owner, heldStep); err != nil {
				return err
			}
			h.n += heldStep
		}
		return nil
	}
}

// pass returns how much is held, which the caller must give back from now on.
func (h *held) pass() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.n
	h.n = 0
	return n
}

func (h *held) end() {
	if n := h.pass(); n > 0 {
		h.memory.give(h.owner, n)
	}
}

// Memory returns how much of the budget of memory is taken, and the budget, in bytes.
func (d *Desk) Memory() (used, most int64) {
	m := d.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used, m.most
}

// Workbook returns an XLSX of so many rows that a function writes. The caller gives its
// memory back with done. It fails with fault.Busy, and with the function's faults.
func (d *Desk) Workbook(ctx context.Context, owner session.Owner, rows int, write func(io.Writer) error) (b []byte, done func(), err error) {
	leave, _, err := d.sheets.making.enter(ctx, owner)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	room, err := d.memory.hold(ctx, owner, int64(1+rows)*xlsxTakes)
	if err != nil {
		return nil, nil, err
	}
	defer room.end()
	var out writer
	if err := write(&out); err != nil {
		return nil, nil, err
	}
	n := room.pass()
	kept := min(n, int64(cap(out)))
	d.memory.give(owner, n-kept)
	return out, sync.OnceFunc(func() { d.memory.give(owner, kept) }), nil
}

// writer keeps what is written to it.
type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
