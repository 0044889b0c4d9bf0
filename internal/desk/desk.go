// Package desk does what one session can do (DESIGN.md §6): attach bills, attach
// orders, read them again, return the sheet, the files and the state, and end. It alone
// connects sessions, stored contents and the reading of files.
//
// A session stores its inputs and what was read from them, so that nothing is parsed
// twice. The sheet is made on demand: it is a pure function of the two, so it cannot be
// out of date.
package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/form"
	"tallyman/internal/intake"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/orders"
	"tallyman/internal/profile"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/span"
)

// The codes that only the desk uses.
const (
	NoBOL   fault.Code = "no_bol"   // the session has no bills, which orders and reading need
	NoSheet fault.Code = "no_sheet" // the session has no bills, so there is no sheet
)

// Desk does the work of sessions. It is safe for concurrent use. Work for one session
// never waits for another's, except in the queue for the workers that read files.
type Desk struct {
	sessions session.Store
	contents blob.Store
	reader   *intake.Reader
	spare    *intake.Reader
	queue    *queue
	owners   *owners
	memory   *memory
	sheets   *sheets
	lessons  lessons
	listings listings
	watcher  atomic.Pointer[Watcher]
}

// New returns a desk over a store of sessions, one of contents, and the workers
// that read files.
func New(sessions session.Store, contents blob.Store, reader *intake.Reader, limits Limits) *Desk {
	limits = limits.complete()
	sheets := newSheets(limits)
	return &Desk{
		memory: newMemory(limits, sheets.cache.spill), sessions: sessions, contents: contents, reader: reader, spare: limits.Spare, queue: newQueue(limits), sheets: sheets,
		owners: newOwners(sessions, limits),
	}
}

// Room fails with fault.Busy if there is no place for an owner's next upload: then there
// is no use in receiving it. Details is a session.RetryAfter.
func (d *Desk) Room(owner session.Owner) error {
	if err := d.owners.check(owner); err != nil {
		return err
	}
	return d.queue.check(owner)
}

// Load returns how many uploads are being read and how many wait.
func (d *Desk) Load() Load { return d.queue.load() }

// Open returns the live session of a key, or begins an empty one; see
// session.Store.Open. It fails with OwnerLimit if the owner has too many sessions.
func (d *Desk) Open(ctx context.Context, key session.Key, kind session.Kind) (session.State, error) {
	if err := d.mayBegin(ctx, key); err != nil {
		return session.State{}, err
	}
	st, removed, err := d.sessions.Open(ctx, key, kind)
	d.drop(ctx, removed)
	return st, err
}

// Begin ends the session of a key, if there is one, and begins an empty one. It returns
// what was removed. It fails with OwnerLimit if the owner has too many sessions.
func (d *Desk) Begin(ctx context.Context, key session.Key, kind session.Kind) (session.State, session.Removed, error) {
	if err := d.mayBegin(ctx, key); err != nil {
		return session.State{}, session.Removed{}, err
	}
	st, removed, err := d.sessions.New(ctx, key, kind)
	d.drop(ctx, removed)
	return st, removed, err
}

// mayBegin fails with OwnerLimit if the key has no session and its owner has too many.
func (d *Desk) mayBegin(ctx context.Context, key session.Key) error {
	if key.Check() != nil {
		return nil // the store refuses it
	}
	err := d.owners.fits(ctx, key.Owner, 1, 0, true)
	if fault.CodeOf(err) == OwnerLimit {
		if _, there := d.sessions.Get(ctx, key); there == nil {
			return nil
		}
	}
	return err
}

// Clear ends the session of a key. It returns what was removed; clearing nothing is
// success.
func (d *Desk) Clear(ctx context.Context, key session.Key) (session.Removed, error) {
	removed, err := d.sessions.Clear(ctx, key)
	d.drop(ctx, removed)
	return removed, err
}

// State returns the live session of a key, or fails with fault.NotFound.
func (d *Desk) State(ctx context.Context, key session.Key) (session.State, error) {
	return d.sessions.Get(ctx, key)
}

// List returns sessions by key; see session.Store.List.
func (d *Desk) List(ctx context.Context, q session.Query) (session.Page, error) {
	return d.sessions.List(ctx, q)
}

// dropTime is how long the deletion of contents may take after the request that caused
// it has ended.
const dropTime = time.Minute

// Forget removes from memory what was made of contents that were deleted: sheets, and pages
// for lessons. The desk does so itself for contents that it deletes.
func (d *Desk) Forget(gone []blob.Key) {
	d.sheets.forget(gone)
	d.lessons.forget(gone)
}

// drop deletes contents that no session refers to any more, and the cached sheets made
// of them. The request that removed them does not wait for this; the janitor finds what
// drop fails to delete.
func (d *Desk) drop(ctx context.Context, removed session.Removed) {
	if len(removed.Contents) == 0 {
		return
	}
	d.Forget(removed.Contents)
	ctx, sp := span.Start(context.WithoutCancel(ctx), "files.drop") // begun here, since the request's own context may end at any moment
	go func() {
		ctx, cancel := context.WithTimeout(ctx, dropTime)
		defer cancel()
		sp.End(d.contents.Delete(ctx, removed.Contents...))
	}()
}

// Figures are the figures of bills, in listings, answers and events.
type Figures struct {
	Pages int `json:"pages"`
	Bills int `json:"bills"`
	Lines int `json:"lines"`
	// Reconciled, Mismatched, Unchecked and Unproved count bills. Held counts lines that stay
	// out of the sheet until somebody accepts their bills, since nothing proves these.
	Reconciled int `json:"reconciled"`
	Mismatched int `json:"mismatched"`
	Unchecked  int `json:"unchecked"`
	Unproved   int `json:"unproved"`
	Held       int `json:"held"`
}

// BillsSummary is the summary of an attached BOL file, for listings.
type BillsSummary struct {
	Figures
	Problems int `json:"problems"`

	Upload  string      `json:"upload,omitempty"`  // what Incoming.Once was told
	Profile string      `json:"profile,omitempty"` // the version of the session's profile
	Sheet   *sheetFacts `json:"sheet,omitempty"`
}

// OrdersSummary is the summary of an order export, for listings.
type OrdersSummary struct {
	Rows   int    `json:"rows"`
	Format string `json:"format"`

	Upload  string      `json:"upload,omitempty"`  // what Incoming.Once was told
	Profile string      `json:"profile,omitempty"` // the version of the profile by which it was read
	Columns []string    `json:"columns,omitempty"` // what Incoming.MapColumns was told
	Sheet   *sheetFacts `json:"sheet,omitempty"`
}

// AttachBills attaches PDFs of bills, together as one BOL. It replaces the session's
// BOL and drops its order exports and amendments; with add, it adds the bills and keeps both. st
// is the session's state when the upload began. progress may be nil.
//
// It attaches all files or none. It fails with session.Superseded if the session was
// reset, cleared or has expired since, with session.Changed if the bills to which these
// should be added were replaced since, with fault.NoUpload, with fault.Busy if the
// queue is full, and with the codes of storage and of intake.Reader.Bills; the session
// is then unchanged. It returns the state after the attach and its sheet.
func (d *Desk) AttachBills(ctx context.Context, st session.State, add bool, in *Incoming, progress func(intake.Progress)) (session.State, *sheet.Sheet, error) {
	a := session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace}
	if add {
		a.Mode = session.Append
	}
	own := in.newest
	if add && len(st.BOL) > 0 {
		var err error
		if own, err = d.profileOf(ctx, st); err != nil {
			return st, nil, err
		}
	}
	return d.attach(ctx, st, a, in, func(r *intake.Reader, files []intake.File) ([]reading, error) {
		if in.keep {
			r = r.KeepingUnread()
		}
		var before func() *bol.Pages
		if add {
			before = func() *bol.Pages { return d.storedBills(ctx, st) }
		}
		readings, err := readBills(ctx, r.Taught(own.LearntForms()), files, before, progress)
		return by(readings, own), err
	})
}

// by makes a profile that of readings of bills.
func by(readings []reading, own *profile.Profile) []reading {
	for i := range readings {
		readings[i].profile = own
	}
	return readings
}

// readBills reads each PDF of bills separately. The fault of one names it, and says
// whether the others could be read. A picture without a bill of its own is not a fault if a bill
// goes on there from another file: one of these, or of those before, which may be nil.
func readBills(ctx context.Context, reader *intake.Reader, files []intake.File, before func() *bol.Pages, progress func(intake.Progress)) ([]reading, error) {
	var readings []reading
	var sofar intake.Progress
	errs := make([]error, len(files))
	partial := map[int]error{}
	for i := range files {
		r, err := readFile(ctx, reader, files[i], func(p intake.Progress) {
			if progress != nil {
				progress(intake.Progress{File: i, Pages: sofar.Pages + p.Pages, Total: sofar.Pages + p.Total, Bills: sofar.Bills + p.Bills, Lines: sofar.Lines + p.Lines})
			}
		})
		switch {
		case err != nil && r.doc != nil:
			partial[i] = err
		case err != nil:
			if errs[i] = err; intake.Ends(err) {
				return nil, err
			}
			continue
		}
		sofar.Pages += r.doc.PageCount()
		sofar.Bills += len(r.doc.Bills)
		sofar.Lines += r.doc.Lines()
		readings = append(readings, r)
	}
	if len(partial) > 0 && len(readings) == len(files) {
		all := &bol.Pages{}
		if before != nil {
			all = before()
		}
		base := len(all.Files)
		for _, r := range readings {
			all.Append(r.pages)
		}
		doc, err := all.Document()
		for i := range partial {
			if err != nil || !doc.Shows(base+i) {
				errs[i] = partial[i]
			}
		}
	}
	if err := intake.Fates(files, errs); err != nil {
		return nil, err
	}
	return readings, nil
}

// readFile reads one PDF of bills. If it fails for pictures that may be part of a bill in other
// files, it returns the reading as well, and a document without bills.
func readFile(ctx context.Context, reader *intake.Reader, f intake.File, progress func(intake.Progress)) (r reading, err error) {
	ctx, sp := span.Start(ctx, "bills.read")
	sp.Int("bytes", f.Size)
	defer func() {
		if r.doc != nil {
			sp.Int("pages", int64(r.doc.PageCount()))
			sp.Int("bills", int64(len(r.doc.Bills)))
			sp.Int("lines", int64(r.doc.Lines()))
		}
		sp.End(err)
	}()
	pages, err := reader.Pages(ctx, []intake.File{f}, progress)
	if err != nil {
		return reading{}, fault.In(f.Name, err)
	}
	doc, err := pages.Document()
	if err == nil {
		return reading{pages: pages, doc: doc}, nil
	}
	err = fault.In(f.Name, err)
	if pages.MayContinue() {
		pages.Keep = true
		if doc, kept := pages.Document(); kept == nil {
			return reading{pages: pages, doc: doc}, err
		}
	}
	return reading{}, err
}

// Summary counts what was read from PDFs of bills.
func Summary(doc *bol.Document) BillsSummary {
	return BillsSummary{Problems: len(doc.Problems), Figures: Figures{
		Pages: doc.PageCount(), Bills: len(doc.Bills), Lines: doc.Lines(),
		Reconciled: doc.Count(bol.Reconciled), Mismatched: doc.Count(bol.Mismatched), Unchecked: doc.Count(bol.Unchecked),
		Unproved: doc.Count(bol.Unproved), Held: doc.Held(),
	}}
}

// AttachOrders replaces the session's order exports, or with add adds one. It fails with NoBOL if the session
// had no bills when the upload began, with session.Changed if they were replaced since,
// with session.Superseded, with fault.Busy, and with the codes of storage and of
// intake.Reader.Orders; the session is then unchanged. It returns the state after the
// attach and its sheet.
func (d *Desk) AttachOrders(ctx context.Context, st session.State, add bool, in *Incoming) (session.State, *sheet.Sheet, error) {
	if err := HasBills(st); err != nil {
		return st, nil, err
	}
	own, err := d.profileOf(ctx, st)
	if err != nil {
		return st, nil, err
	}
	a := session.Attachment{Incarnation: st.Incarnation, Slot: session.Orders, Mode: session.Replace}
	if add {
		a.Mode = session.Append
	}
	return d.attach(ctx, st, a, in, func(r *intake.Reader, files []intake.File) ([]reading, error) {
		read, err := readMapped(ctx, r, files[0], own, in.columns, in.newest)
		if err != nil {
			return nil, d.offered(ctx, st, err)
		}
		return []reading{read}, nil
	})
}

// readOrders reads an order export. Its fault names the file.
func readOrders(ctx context.Context, reader *intake.Reader, f intake.File, dialect *orders.Dialect) (table *orders.Table, err error) {
	ctx, sp := span.Start(ctx, "orders.read")
	sp.Int("bytes", f.Size)
	defer func() {
		if table != nil {
			sp.Int("rows", int64(len(table.Rows)))
		}
		sp.End(err)
	}()
	if table, err = reader.Orders(ctx, f, dialect); err != nil {
		return nil, fault.In(f.Name, err)
	}
	return table, nil
}

// HasBills fails with NoBOL if the session has no bills.
func HasBills(st session.State) error {
	if len(st.BOL) == 0 {
		return fault.New(NoBOL, "upload the BOL PDF first: the session has no bills")
	}
	return nil
}

// attach reads the received files, stores the readings, and attaches both. It holds no
// lock meanwhile: at the end the store checks the incarnation.
func (d *Desk) attach(ctx context.Context, st session.State, a session.Attachment, in *Incoming, read func(*intake.Reader, []intake.File) ([]reading, error)) (_ session.State, _ *sheet.Sheet, err error) {
	defer func() { in.end(ctx, err) }()
	for _, f := range in.of(a.Slot) {
		a.Files = append(a.Files, session.Input{Name: f.name, Content: f.ref})
	}
	if len(a.Files) == 0 {
		return st, nil, fault.New(fault.NoUpload, "there is no file in the request")
	}
	if again, err := in.again(st, a.Slot); again || err != nil {
		return d.unchanged(ctx, st, err)
	}
	in.held = &held{memory: d.memory, owner: st.Key.Owner}
	defer in.held.end()
	readings, err := d.inTurn(ctx, st.Key.Owner, in, a.Slot, read)
	if err != nil {
		return st, nil, err
	}
	for i := range readings {
		readings[i].upload = in.once
	}
	return d.commit(ctx, st, a, readings, in, &in.custody)
}

// unchanged returns a state and its sheet, or the error.
func (d *Desk) unchanged(ctx context.Context, st session.State, err error) (session.State, *sheet.Sheet, error) {
	if err != nil {
		return st, nil, err
	}
	s, err := d.Sheet(ctx, st)
	return st, s, err
}

// commit stores the readings of an attachment (of in, if it is an upload), makes the sheet that the session will
// have, and attaches files and readings. It adds what it stores to the custody, which
// passes everything on when it is attached.
//
// The sheet is made first, so that nothing is attached of which no sheet can be made,
// and so that its size can be stored with the files.
func (d *Desk) commit(ctx context.Context, st session.State, a session.Attachment, readings []reading, in *Incoming, own *custody) (session.State, *sheet.Sheet, error) {
	fresh := map[blob.Key]reading{}
	for i, r := range readings {
		ref, err := r.save(ctx, own)
		if err != nil {
			return st, nil, err
		}
		a.Files[i].Reading = ref
		fresh[ref.Key] = r
	}
	own.held.end() // the sheet that is made of the readings counts them
	// An attachment beside other files depends on them: it is attached only to the
	// state that was foreseen, or foreseen again if the bills of its beginning are still
	// there. Each repetition means that another upload succeeded meanwhile.
	beside := a.Slot != session.BOL || a.Mode != session.Replace
	began := st
	for {
		if again, err := in.again(st, a.Slot); again || err != nil {
			return d.unchanged(ctx, st, err)
		}
		if beside {
			a.Revision = st.Revision
		}
		now, e, err := d.tryCommit(ctx, st, a, readings, fresh, own)
		switch code := fault.CodeOf(err); {
		case err == nil:
			d.record(ctx, st.Key.Owner, readings, a)
			return now, e.sheet, nil
		case code != fault.NotFound && (code != session.Changed || !beside):
			return st, nil, err
		}
		now, gone := d.State(ctx, st.Key)
		switch {
		case fault.CodeOf(gone) == fault.NotFound, gone == nil && now.Incarnation != a.Incarnation:
			return st, nil, session.ErrSuperseded()
		case gone != nil:
			return st, nil, gone
		case beside && !keepsBills(now, began):
			return st, nil, fault.New(session.Changed, "the session's bills were replaced while this was uploaded; nothing of it was kept: upload it again if it belongs to the new bills")
		case now.Revision == st.Revision:
			return st, nil, blob.Missing(err)
		}
		st = now
	}
}

// keepsBills reports whether a session still has all the bills that it had. They may
// have been read again, and others added.
func keepsBills(now, then session.State) bool {
	for i, in := range then.BOL {
		if i >= len(now.BOL) || now.BOL[i].Content.Key != in.Content.Key {
			return false
		}
	}
	return true
}

// tryCommit attaches to a state. It fails with session.Changed if a names its revision
// and the session has another by now, and with fault.NotFound if contents of the state
// were deleted.
func (d *Desk) tryCommit(ctx context.Context, st session.State, a session.Attachment, readings []reading, fresh map[blob.Key]reading, own *custody) (session.State, *entry, error) {
	facts := make([]*sheetFacts, len(a.Files))
	next, err := d.foreseen(st, a, readings)
	if err != nil {
		return st, nil, err
	}
	var e *entry
	if next != nil {
		if e, err = d.sheets.get(ctx, d, *next, fresh); err != nil {
			return st, nil, err
		}
		if facts[len(facts)-1], err = e.facts(); err != nil {
			return st, nil, err
		}
	}
	for i, r := range readings {
		summary, err := json.Marshal(r.summary(facts[i]))
		if err != nil {
			return st, nil, fmt.Errorf("summing up a reading: %w", err)
		}
		a.Files[i].Summary = summary
	}
	now, removed, err := d.sessions.Attach(ctx, st.Key, a)
	if err != nil {
		return st, nil, err
	}
	own.hand() // the session owns the contents now, whatever fails later
	d.drop(ctx, removed)
	if e == nil || e.of != inputsOf(now) {
		return st, nil, errors.New("files were attached to another state than was foreseen")
	}
	return now, e, nil
}

// foreseen returns the state after an attachment if nothing else happens meanwhile; nil
// if the attachment is not allowed, which the store will report. It fails with
// fault.TooLarge if the session would have too many lines for one sheet.
func (d *Desk) foreseen(st session.State, a session.Attachment, readings []reading) (*session.State, error) {
	for i := range a.Files {
		summary, err := json.Marshal(readings[i].summary(nil))
		if err != nil {
			return nil, fmt.Errorf("summing up a reading: %w", err)
		}
		a.Files[i].Summary = summary
	}
	next, _, err := st.Attach(a, st.LastUsed)
	if err != nil {
		return nil, nil
	}
	return &next, d.sheets.check(linesOf(next))
}

// inTurn reads files when their owner's turn has come.
func (d *Desk) inTurn(ctx context.Context, owner session.Owner, in *Incoming, slot session.Slot, read func(*intake.Reader, []intake.File) ([]reading, error)) ([]reading, error) {
	files, closeAll, err := in.open(ctx, slot)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	reader, leave, err := d.turn(ctx, owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	return read(reader.Metered(in.held.meter(ctx)), files)
}

// Reread reads the stored bills again, for instance after an upgrade that reads better,
// and stores the new readings, with the owner's newest profile. It fails with NoBOL if
// there are none, with session.Superseded or session.Changed if they were replaced
// meanwhile, and with the codes of storage and of reading. It returns the state after
// that and its sheet.
func (d *Desk) Reread(ctx context.Context, st session.State) (_ session.State, _ *sheet.Sheet, err error) {
	if err := HasBills(st); err != nil {
		return st, nil, err
	}
	a := session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Update}
	own := custody{desk: d, held: &held{memory: d.memory, owner: st.Key.Owner}}
	defer own.held.end()
	defer func() { own.end(ctx, err) }()
	newest, err := d.Profile(ctx, st.Key.Owner)
	if err != nil {
		return st, nil, err
	}
	readings, err := d.rereadInTurn(ctx, st, newest.Profile.LearntForms(), own.held.meter(ctx))
	if err != nil {
		return st, nil, err
	}
	readings = by(readings, newest.Profile)
	for i, in := range st.BOL {
		a.Files = append(a.Files, session.Input{Name: in.Name, Content: in.Content})
		readings[i].upload = uploadOf(in)
	}
	now, s, err := d.commit(ctx, st, a, readings, nil, &own)
	if err != nil {
		return st, nil, err
	}
	now, s = d.keepOrders(ctx, now, s, newest.Profile)
	return now, s, nil
}

func (d *Desk) rereadInTurn(ctx context.Context, st session.State, forms []form.Form, meter func(int) error) ([]reading, error) {
	reader, leave, err := d.turn(ctx, st.Key.Owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	var readings []reading
	for _, in := range st.BOL {
		r, err := d.reread(ctx, reader.Metered(meter).Taught(forms), in)
		if err != nil {
			return nil, err
		}
		readings = append(readings, r)
	}
	return readings, nil
}

func (d *Desk) reread(ctx context.Context, reader *intake.Reader, in session.Input) (reading, error) {
	content, err := d.contents.Open(ctx, in.Content)
	if err != nil {
		return reading{}, err
	}
	defer content.Close()
	// Reading to the end verifies the content; workers read only parts of it.
	if _, err := io.Copy(io.Discard, content); err != nil {
		return reading{}, err
	}
	var s BillsSummary
	if json.Unmarshal(in.Summary, &s) == nil && s.Bills == 0 {
		reader = reader.KeepingUnread()
	}
	r, err := readFile(ctx, reader, intake.File{Name: in.Name, ReaderAt: content, Size: content.Size()}, nil)
	if err != nil {
		return reading{}, err
	}
	return r, nil
}

// Look runs a function on the state of a live session, which was read just now. If the
// session changes meanwhile, so that contents which the function needs are deleted,
// Look runs it again on the new state: it always sees one state that really was. It
// fails with fault.NotFound if the session has ended by then, and with the error of the
// function.
func (d *Desk) Look(ctx context.Context, st session.State, look func(session.State) error) error {
	for {
		err := look(st)
		if fault.CodeOf(err) != fault.NotFound {
			return err
		}
		now, gone := d.State(ctx, st.Key)
		if gone != nil {
			return gone
		}
		if now.Incarnation == st.Incarnation && now.Revision == st.Revision {
			return blob.Missing(err)
		}
		st = now
	}
}

// openInTurn opens a file of a session and waits for its owner's turn to read it; end ends
// both.
func (d *Desk) openInTurn(ctx context.Context, owner session.Owner, in session.Input) (file intake.File, reader *intake.Reader, end func(), err error) {
	content, err := d.contents.Open(ctx, in.Content)
	if err != nil {
		return file, nil, nil, err
	}
	reader, leave, err := d.turn(ctx, owner)
	if err != nil {
		content.Close()
		return file, nil, nil, err
	}
	return intake.File{Name: in.Name, ReaderAt: content, Size: content.Size()}, reader, func() {
		leave()
		content.Close()
	}, nil
}

// Picture renders a page, counted from 1, of one of the session's BOL files, an index
// in State.BOL; see pdf.Reader.Picture. It waits for its owner's turn like a reading.
// It fails with fault.NotFound if there is no such file, and with fault.Busy if the
// queue is full.
func (d *Desk) Picture(ctx context.Context, st session.State, file, number, width int) (*pdf.Picture, error) {
	if file < 0 || file >= len(st.BOL) {
		return nil, fault.New(fault.NotFound, "the session has no BOL file %d", file)
	}
	open, reader, end, err := d.openInTurn(ctx, st.Key.Owner, st.BOL[file])
	if err != nil {
		return nil, err
	}
	defer end()
	return reader.Picture(ctx, open, number, width)
}
