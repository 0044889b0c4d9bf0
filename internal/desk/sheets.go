package desk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"tallyman/internal/blob"
	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/orders"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/span"
)

// reading is what was read from a file: bills or orders.
type reading struct {
	pages *bol.Pages
	doc   *bol.Document // of these pages alone
	table *orders.Table
}

// save stores a reading, to be loaded by loadPages or loadOrders. Nobody else reads the
// contents: the form is one that is quick.
func (r reading) save(ctx context.Context, own *custody) (blob.Ref, error) {
	var b bytes.Buffer
	var err error
	if r.table != nil {
		err = gob.NewEncoder(&b).Encode(r.table)
	} else {
		err = r.pages.Encode(&b)
	}
	if err != nil {
		return blob.Ref{}, fmt.Errorf("keeping what was read: %w", err)
	}
	return own.put(ctx, &b)
}

// loadPages loads what was read from a file of bills. What another version of the program
// stored, and this one does not understand, is read again from the file, when it is the
// owner's turn; to store it again is what Reread is for.
func (d *Desk) loadPages(ctx context.Context, owner session.Owner, in session.Input) (*bol.Pages, error) {
	b, err := blob.ReadAll(ctx, d.contents, in.Reading)
	if err != nil {
		return nil, err
	}
	if pages, err := bol.DecodePages(b); err == nil {
		return pages, nil
	}
	leave, err := d.turn(ctx, owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	r, err := d.reread(ctx, in)
	return r.pages, err
}

func (d *Desk) loadOrders(ctx context.Context, ref blob.Ref) (*orders.Table, error) {
	b, err := blob.ReadAll(ctx, d.contents, ref)
	if err != nil {
		return nil, err
	}
	table := &orders.Table{}
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(table); err != nil {
		return nil, fmt.Errorf("understanding what was read before: %w", err)
	}
	return table, nil
}

// summary is what a listing says of a reading.
func (r reading) summary(facts *sheetFacts) any {
	if r.table != nil {
		return OrdersSummary{Rows: len(r.table.Rows), Format: r.table.Format, Sheet: facts}
	}
	s := Summary(r.doc)
	s.Sheet = facts
	return s
}

// sheetFacts are what a listing says of the session's sheet, so that nobody has
// to make it for that. They stand in the summary of the file by which the
// session came to have it, and hold only while it has exactly those files.
type sheetFacts struct {
	Of  string `json:"of"`  // the state's inputs
	CSV int64  `json:"csv"` // bytes
}

// inputsOf names the inputs of a state, as they were read. Contents never change,
// so that a sheet is known by what it is made of, and can never be that of
// another session or of an earlier life of this one.
func inputsOf(st session.State) string {
	h := sha256.New()
	for _, in := range st.Inputs() {
		h.Write([]byte(in.Reading.Key))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// sizeOf returns the size of the session's sheet as CSV, in bytes, if that is
// known without making it.
func sizeOf(st session.State) (int64, bool) {
	of := inputsOf(st)
	for _, in := range st.Inputs() {
		var s struct{ Sheet *sheetFacts }
		if json.Unmarshal(in.Summary, &s) == nil && s.Sheet != nil && s.Sheet.Of == of {
			return s.Sheet.CSV, true
		}
	}
	return 0, false
}

// linesOf counts the lines of a session's bills, from their summaries.
func linesOf(st session.State) int {
	n := 0
	for _, in := range st.BOL {
		var s BillsSummary
		if json.Unmarshal(in.Summary, &s) == nil {
			n += s.Lines
		}
	}
	return n
}

// The limits of making sheets.
const (
	// roomForSheets is how many lines may be in the sheets that are being made at
	// once: some 5 kB each.
	roomForSheets = 40_000
	// sheetWait is how long a request waits for room.
	sheetWait = 20 * time.Second
)

// sheets makes sheets of what is stored, each once however many ask for it, and
// only so many at once as there is memory for.
type sheets struct {
	lines int // the most that a session's bills may have together
	cache *cache
	room  *semaphore.Weighted

	mu    sync.Mutex
	under map[string]*making
}

// making is a sheet that is being made.
type making struct {
	done   chan struct{}
	cancel context.CancelFunc
	wanted int // how many wait for it

	e   *entry
	err error
}

func newSheets(l Limits) *sheets {
	if l.Lines <= 0 {
		l.Lines = 100_000
	}
	return &sheets{lines: l.Lines, cache: newCache(), room: semaphore.NewWeighted(roomForSheets), under: map[string]*making{}}
}

// check fails with fault.TooLarge if so many lines are too many for a sheet.
func (s *sheets) check(lines int) error {
	if lines > s.lines {
		return fault.New(fault.TooLarge, "the bills have %d lines together, more than the %d that one sheet may have; split the shipment", lines, s.lines)
	}
	return nil
}

// get returns the sheet of a state's inputs. fresh are readings that are at hand
// and need not be loaded. It fails with fault.Busy if there is no room to make
// it, with fault.Cancelled if ctx ends, and with the codes of storage.
func (s *sheets) get(ctx context.Context, d *Desk, st session.State, fresh map[blob.Key]reading) (*entry, error) {
	of := inputsOf(st)
	if e := s.cache.get(of); e != nil {
		return e, nil
	}
	s.mu.Lock()
	m := s.under[of]
	if m == nil {
		work, cancel := context.WithCancel(context.WithoutCancel(ctx))
		m = &making{done: make(chan struct{}), cancel: cancel}
		s.under[of] = m
		go s.make(work, d, st, fresh, of, m)
	}
	m.wanted++
	s.mu.Unlock()
	select {
	case <-m.done:
		return m.e, m.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.wanted--; m.wanted == 0 {
		m.cancel()
		if s.under[of] == m {
			delete(s.under, of) // who comes now begins anew
		}
	}
	return nil, fault.Ended(ctx.Err())
}

func (s *sheets) make(ctx context.Context, d *Desk, st session.State, fresh map[blob.Key]reading, of string, m *making) {
	defer m.cancel()
	e, err := s.compose(ctx, d, st, fresh)
	if err == nil {
		e = s.cache.put(of, e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.e, m.err = e, err
	if s.under[of] == m {
		delete(s.under, of)
	}
	close(m.done)
}

// compose makes a sheet, when there is room.
func (s *sheets) compose(ctx context.Context, d *Desk, st session.State, fresh map[blob.Key]reading) (_ *entry, err error) {
	// Of the request that asked first; the others wait for it.
	ctx, sp := span.Start(ctx, "sheet.make")
	sp.Int("lines", int64(linesOf(st)))
	defer func() { sp.End(err) }()
	defer unbroken(&err)
	weight := int64(min(1+linesOf(st), roomForSheets))
	waiting, cancel := context.WithTimeout(ctx, sheetWait)
	defer cancel()
	if err := s.room.Acquire(waiting, weight); err != nil {
		if ctx.Err() != nil {
			return nil, fault.Ended(ctx.Err())
		}
		return nil, fault.New(fault.Busy, "the server is busy making other sheets; try again in 5 seconds").With(session.RetryAfter{Seconds: 5})
	}
	defer s.room.Release(weight)
	table, err := d.ordersOf(ctx, st, fresh)
	if err != nil {
		return nil, err
	}
	doc, err := d.billsOf(ctx, st, fresh)
	if err != nil {
		return nil, err
	}
	e := &entry{of: inputsOf(st), sheet: sheet.Make(doc, table)}
	for _, in := range st.Inputs() {
		e.inputs = append(e.inputs, in.Reading.Key)
	}
	return e, nil
}

// unbroken turns a panic in the making of a sheet into an error, for the one who asked
// for it: the server goes on.
func unbroken(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("making a sheet: panic: %v\n%s", p, debug.Stack())
	}
}

// billsOf puts the session's bills together.
func (d *Desk) billsOf(ctx context.Context, st session.State, fresh map[blob.Key]reading) (*bol.Document, error) {
	if len(st.BOL) == 1 {
		if r, ok := fresh[st.BOL[0].Reading.Key]; ok {
			return r.doc, nil
		}
	}
	if len(fresh) > 0 && st.Orders != nil {
		// Orders are new to bills whose sheet is often at hand.
		bills := st
		bills.Orders = nil
		if e := d.sheets.cache.get(inputsOf(bills)); e != nil {
			return e.sheet.Document, nil
		}
	}
	var all bol.Pages
	for _, in := range st.BOL {
		if r, ok := fresh[in.Reading.Key]; ok {
			all.Append(r.pages)
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, fault.Ended(err)
		}
		pages, err := d.loadPages(ctx, st.Key.Owner, in)
		if err != nil {
			return nil, err
		}
		all.Append(pages)
	}
	for _, in := range st.BOL {
		all.Sums = append(all.Sums, in.Content.SHA256)
	}
	return all.Document()
}

// ordersOf returns the session's order rows, nil if there are none.
func (d *Desk) ordersOf(ctx context.Context, st session.State, fresh map[blob.Key]reading) (*orders.Table, error) {
	if st.Orders == nil {
		return nil, nil
	}
	if r, ok := fresh[st.Orders.Reading.Key]; ok {
		return r.table, nil
	}
	return d.loadOrders(ctx, st.Orders.Reading)
}

// Sheet returns the session's sheet: of its bills alone, or joined with its
// orders if there are any. Nothing is parsed for it. The sheet is shared and
// must not be changed.
//
// It fails with NoSheet if the session has no bills, with fault.NotFound if its
// contents went meanwhile, since it was reset or cleared, with fault.Busy, and
// with the codes of storage.
func (d *Desk) Sheet(ctx context.Context, st session.State) (*sheet.Sheet, error) {
	e, err := d.entry(ctx, st)
	if err != nil {
		return nil, err
	}
	return e.sheet, nil
}

// CSV returns the session's sheet as CSV; see Sheet. The bytes are shared and
// must not be changed.
func (d *Desk) CSV(ctx context.Context, st session.State) ([]byte, error) {
	e, err := d.entry(ctx, st)
	if err != nil {
		return nil, err
	}
	return e.bytes()
}

func (d *Desk) entry(ctx context.Context, st session.State) (*entry, error) {
	if len(st.BOL) == 0 {
		return nil, fault.New(NoSheet, "upload the BOL PDF first: without bills there is no sheet")
	}
	return d.sheets.get(ctx, d, st, nil)
}

// csvSize returns the size of the session's sheet as CSV, in bytes.
func (d *Desk) csvSize(ctx context.Context, st session.State) (int64, error) {
	if n, ok := sizeOf(st); ok {
		return n, nil
	}
	// Two uploads at once, or an earlier version of the program.
	csv, err := d.CSV(ctx, st)
	return int64(len(csv)), err
}
