package desk

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"
	"weak"

	"tallyman/internal/blob"
	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/orders"
	"tallyman/internal/profile"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/span"
	"tallyman/internal/turn"
)

// reading is the result of reading a file: bills or orders.
type reading struct {
	pages *bol.Pages
	doc   *bol.Document // made of these pages alone
	table *orders.Table

	amendments []sheet.Amendment // if pages and table are nil

	profile *profile.Profile // of bills: that of the session, nil for none

	// These are kept in the summary.
	upload  string   // the name of its upload, "" for none
	replays []replay // of amendments
	readBy  string   // of orders: the version of the profile
	columns []string // of orders: the mapping
}

// save stores a reading, to be loaded by loadPages or loadOrders. Nothing else reads
// it, so the format is one that is quick to decode.
func (r reading) save(ctx context.Context, own *custody) (blob.Ref, error) {
	from, to := io.Pipe()
	defer from.Close()
	go func() {
		var err error
		if r.table != nil {
			err = gob.NewEncoder(to).Encode(r.table)
		} else if err = writeProfile(to, r.profile); err == nil {
			err = r.pages.Encode(to)
		}
		to.CloseWithError(err)
	}()
	return own.put(ctx, from)
}

// loadPages loads the reading of a file of bills. A reading that another version of the
// program stored in a format which this one does not understand is replaced by reading
// the file again, in its owner's turn; only Reread stores the new one.
func (d *Desk) loadPages(ctx context.Context, owner session.Owner, in session.Input) (*bol.Pages, *profile.Profile, error) {
	pages, own, err := d.storedPages(ctx, in)
	if err != nil || pages != nil {
		return pages, own, err
	}
	reader, leave, err := d.turn(ctx, owner)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	r, err := d.reread(ctx, reader.Taught(own.LearntForms()), in)
	return r.pages, own, err
}

// storedBills returns the pages of all bills of a session; none if they are not to be had as
// they are stored.
func (d *Desk) storedBills(ctx context.Context, st session.State) *bol.Pages {
	all := &bol.Pages{}
	for _, in := range st.BOL {
		pages, _, err := d.storedPages(ctx, in)
		if err != nil || pages == nil {
			return &bol.Pages{}
		}
		all.Append(pages)
	}
	return all
}

// storedPages returns the reading of a file of bills as it is stored, and the profile before
// it. Without an error, pages are nil if this version of the program does not understand them.
func (d *Desk) storedPages(ctx context.Context, in session.Input) (pages *bol.Pages, own *profile.Profile, err error) {
	b, err := blob.ReadAll(ctx, d.contents, in.Reading)
	if err == nil {
		own, b, err = splitProfile(b)
	}
	if err == nil {
		pages, _ = bol.DecodePages(b)
	}
	return pages, own, err
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

// summary returns the summary of a reading, for listings.
func (r reading) summary(facts *sheetFacts) any {
	if r.pages == nil && r.table == nil {
		return AmendmentsSummary{Amendments: len(r.amendments), Replays: r.replays, Sheet: facts}
	}
	if r.table != nil {
		return OrdersSummary{Rows: len(r.table.Rows), Format: r.table.Format, Upload: r.upload, Profile: r.readBy, Columns: r.columns, Sheet: facts}
	}
	s := Summary(r.doc)
	s.Sheet, s.Upload, s.Profile = facts, r.upload, nameOf(r.profile)
	return s
}

// sheetFacts are what listings say about the session's sheet, so that it need not be
// made for that. They are stored in the summary of the file whose attachment led to the
// sheet, and are valid only while the session has exactly those files.
type sheetFacts struct {
	Of  string `json:"of"`  // the state's inputs
	CSV int64  `json:"csv"` // bytes
}

// inputsOf identifies the inputs of a state, as they were read. Contents never change,
// so the inputs identify the sheet, which can never be that of another session or
// incarnation.
func inputsOf(st session.State) string {
	h := sha256.New()
	for _, in := range st.Inputs() {
		h.Write([]byte(sourceOf(in)))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// sourceOf returns the content of an input that its part of the sheet is made of: what was
// read or, of amendments, what is stored.
func sourceOf(in session.Input) blob.Key { return cmp.Or(in.Reading.Key, in.Content.Key) }

// sizeOf returns the size of the session's sheet as CSV, in bytes, if it is known
// without making the sheet.
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

// linesOf returns the number of lines of a session's bills, from their summaries.
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

// takes returns the memory that a session's sheet takes, in bytes.
func takes(st session.State) int64 {
	n := int64(1+linesOf(st)) * linesTake
	for _, in := range st.BOL {
		n += in.Reading.Size // while the sheet is made
	}
	for _, in := range st.Orders {
		n += ordersTake * in.Reading.Size
	}
	for _, in := range st.Amendments {
		// Amended bills stand beside those that were read, but not their rows.
		n += int64(1+linesOf(st))*linesTake/2 + amendmentsTake*in.Content.Size
	}
	return n
}

// makingQueue returns a queue for places to make sheets in: as many as processors, and a
// spare one.
func makingQueue() *queue {
	n := runtime.GOMAXPROCS(0)
	return &queue{turn.NewQueue(turn.Limits{Places: n, Spares: 1, Each: n, Waiting: 4096, OwnerWaiting: 1024}, time.Second/10), "sheets are waiting to be made"}
}

// sheets makes sheets of stored readings, each once for all who wait for it, and only
// as many at once as fit into memory.
type sheets struct {
	lines  int // the greatest number of lines that one session's bills may have
	cache  *cache
	making *queue

	// accepted has for sheets, by weak pointers, those with the lines that nothing proves.
	accepted sync.Map

	mu    sync.Mutex
	under map[string]*making
	used  map[string]used // sheets that something uses, cached or not
}

// used is a sheet that something uses.
type used struct {
	sheet   weak.Pointer[sheet.Sheet]
	inputs  []blob.Key
	profile *profile.Profile
}

// making is a sheet that is being made.
type making struct {
	done   chan struct{}
	cancel context.CancelFunc
	wanted int // the number of waiting requests

	e   *entry
	err error
}

func newSheets(l Limits) *sheets {
	return &sheets{lines: l.Lines, cache: newCache(), used: map[string]used{}, making: makingQueue(), under: map[string]*making{}}
}

// check fails with fault.TooLarge if a sheet may not have so many lines.
func (s *sheets) check(lines int) error {
	if lines > s.lines {
		return fault.New(fault.TooLarge, "the bills have %d lines together, more than the %d that one sheet may have; split the shipment", lines, s.lines)
	}
	return nil
}

// get returns the sheet of a state's inputs. fresh are readings in memory, which need
// not be loaded. It fails with fault.Busy if there is no room to make the sheet, with
// fault.Cancelled if ctx ends, and with the codes of storage.
func (s *sheets) get(ctx context.Context, d *Desk, st session.State, fresh map[blob.Key]reading) (*entry, error) {
	of := inputsOf(st)
	if e := s.cache.get(of); e != nil {
		return e, nil
	}
	s.mu.Lock()
	if u := s.used[of]; u.sheet.Value() != nil {
		defer s.mu.Unlock()
		return s.cache.put(of, newEntry(st, u.sheet.Value(), u.profile)), nil
	}
	m := s.under[of]
	if m == nil {
		work, cancel := context.WithCancel(context.WithoutCancel(ctx))
		m = &making{done: make(chan struct{}), cancel: cancel}
		s.under[of] = m
		go s.make(work, d, st, fresh, of, m)
	}
	m.wanted++
	s.mu.Unlock()
	defer turn.Pause(ctx)()
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
			delete(s.under, of) // later requests begin anew
		}
	}
	return nil, fault.Ended(ctx.Err())
}

func (s *sheets) make(ctx context.Context, d *Desk, st session.State, fresh map[blob.Key]reading, of string, m *making) {
	defer m.cancel()
	ctx, end := turn.Fork(ctx)
	defer end()
	e, err := s.compose(ctx, d, st, fresh)
	if err == nil {
		e = s.cache.put(of, e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.e, m.err = e, err
	if err == nil {
		s.used[of] = used{weak.Make(e.sheet), e.inputs, e.profile}
		runtime.AddCleanup(e.sheet, s.unused, of)
	}
	if s.under[of] == m {
		delete(s.under, of)
	}
	close(m.done)
}

// forget removes the sheets made of contents that were deleted: nobody can ask for them
// again, and cleared data must not stay in memory.
func (s *sheets) forget(gone []blob.Key) {
	s.cache.forget(gone)
	s.mu.Lock()
	defer s.mu.Unlock()
	for of, u := range s.used {
		if slices.ContainsFunc(u.inputs, func(k blob.Key) bool { return slices.Contains(gone, k) }) {
			delete(s.used, of)
		}
	}
}

// unused forgets a sheet that nothing uses.
func (s *sheets) unused(of string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[of].sheet.Value() == nil {
		delete(s.used, of)
	}
}

// compose makes a sheet, once there is room.
func (s *sheets) compose(ctx context.Context, d *Desk, st session.State, fresh map[blob.Key]reading) (_ *entry, err error) {
	// The span belongs to the request that came first; the others wait for its result.
	ctx, sp := span.Start(ctx, "sheet.make")
	sp.Int("lines", int64(linesOf(st)))
	defer func() { sp.End(err) }()
	defer unbroken(&err)
	leave, _, err := s.making.enter(ctx, st.Key.Owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	room, err := d.memory.hold(ctx, st.Key.Owner, takes(st))
	if err != nil {
		return nil, err
	}
	defer room.end()
	next, own, err := d.made(ctx, st, fresh)
	if err != nil {
		return nil, err
	}
	e := newEntry(st, next, own)
	d.memory.giveWith(e.sheet, st.Key.Owner, room.pass())
	return e, nil
}

// made makes a sheet, and returns the profile of its session.
func (d *Desk) made(ctx context.Context, st session.State, fresh map[blob.Key]reading) (*sheet.Sheet, *profile.Profile, error) {
	amendments, err := d.amendmentsOf(ctx, st, fresh)
	if err != nil {
		return nil, nil, err
	}
	if len(st.Amendments) > 0 {
		// When a session is amended, its sheet without amendments is often cached.
		if e := d.sheets.cache.get(inputsOf(unamended(st))); e != nil {
			return e.sheet.Amend(amendments), e.profile, nil
		}
	}
	doc, own, err := d.billsOf(ctx, st, fresh)
	if err != nil {
		return nil, nil, err
	}
	table, err := d.ordersOf(ctx, st, fresh, own)
	if err != nil {
		return nil, nil, err
	}
	return own.Rules().Amended(doc, table, amendments), own, nil
}

// unamended returns a state without its amendments.
func unamended(st session.State) session.State {
	st.Amendments = nil
	return st
}

// Accepted returns a sheet with the lines of bills that nothing proves. While several
// requests use one, they share it. It fails with fault.Busy if there is no room to make it.
func (d *Desk) Accepted(ctx context.Context, owner session.Owner, s *sheet.Sheet) (accepted *sheet.Sheet, err error) {
	if s.Document == nil || s.Document.Held() == 0 {
		return s, nil
	}
	leave, _, err := d.sheets.making.enter(ctx, owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	defer unbroken(&err)
	of := weak.Make(s)
	if made, ok := d.sheets.accepted.Load(of); ok {
		if a := made.(weak.Pointer[sheet.Sheet]).Value(); a != nil {
			return a, nil
		}
	}
	room, err := d.memory.hold(ctx, owner, int64(1+s.Document.Lines())*linesTake)
	if err != nil {
		return nil, err
	}
	defer room.end()
	accepted = s.Accept()
	d.memory.giveWith(accepted, owner, room.pass())
	if _, again := d.sheets.accepted.Swap(of, weak.Make(accepted)); !again {
		runtime.AddCleanup(s, func(of weak.Pointer[sheet.Sheet]) { d.sheets.accepted.Delete(of) }, of)
	}
	return accepted, nil
}

// unbroken turns a panic in the making of a sheet into an error of the request, so that
// the server goes on.
func unbroken(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("making a sheet: panic: %v\n%s", p, debug.Stack())
	}
}

// billsOf combines the session's bills into one document. It also returns the profile of
// the session: that of its first bills.
func (d *Desk) billsOf(ctx context.Context, st session.State, fresh map[blob.Key]reading) (_ *bol.Document, own *profile.Profile, err error) {
	if len(st.BOL) == 1 {
		if r, ok := fresh[st.BOL[0].Reading.Key]; ok {
			return r.doc, r.profile, nil
		}
	}
	if len(fresh) > 0 && len(st.Orders) > 0 {
		// When orders are attached, the sheet of the bills is often cached.
		bills := unamended(st)
		bills.Orders = nil
		if e := d.sheets.cache.get(inputsOf(bills)); e != nil {
			return e.sheet.Document, e.profile, nil
		}
	}
	var all bol.Pages
	for i, in := range st.BOL {
		r, ok := fresh[in.Reading.Key]
		if !ok {
			if err := ctx.Err(); err != nil {
				return nil, nil, fault.Ended(err)
			}
			if r.pages, r.profile, err = d.loadPages(ctx, st.Key.Owner, in); err != nil {
				return nil, nil, err
			}
		}
		all.Append(r.pages)
		if i == 0 {
			own = r.profile
		}
	}
	for _, in := range st.BOL {
		all.Sums = append(all.Sums, in.Content.SHA256)
	}
	doc, err := all.Document()
	return doc, own, err
}

// ordersOf returns the session's order rows, nil if there are none. If they were read by
// another profile than the session's, they are read again.
func (d *Desk) ordersOf(ctx context.Context, st session.State, fresh map[blob.Key]reading, own *profile.Profile) (*orders.Table, error) {
	var tables []*orders.Table
	for _, in := range st.Orders {
		table, err := d.exportOf(ctx, st.Key.Owner, in, fresh, own)
		if err != nil {
			return nil, err
		}
		tables = append(tables, table)
	}
	if len(tables) > 1 {
		for _, f := range inputs(st) {
			if i := f.at; f.Role == string(session.Orders) {
				named := *tables[i]
				named.Name = f.Name // no other export has it
				tables[i] = &named
			}
		}
	}
	return orders.Join(tables...), nil
}

// exportOf returns the rows of one order export; see ordersOf.
func (d *Desk) exportOf(ctx context.Context, owner session.Owner, in session.Input, fresh map[blob.Key]reading, own *profile.Profile) (*orders.Table, error) {
	var s OrdersSummary
	if json.Unmarshal(in.Summary, &s) == nil && s.Profile != nameOf(own) {
		return d.rereadOrders(ctx, owner, in, own, s.Columns)
	}
	if r, ok := fresh[in.Reading.Key]; ok {
		return r.table, nil
	}
	return d.loadOrders(ctx, in.Reading)
}

// Sheet returns the session's sheet: of its bills alone, or joined with its orders if
// there are any. It parses nothing. The sheet is shared and must not be changed.
//
// It fails with NoSheet if the session has no bills, with fault.NotFound if its
// contents were deleted meanwhile, since it was reset or cleared, with fault.Busy, and
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
	// The stored size is missing after two uploads at once, or from an earlier version.
	csv, err := d.CSV(ctx, st)
	return int64(len(csv)), err
}
