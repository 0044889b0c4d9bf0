// Package desk is what one session can do (DESIGN.md §6): attach bills, attach
// orders, read them again, give the sheet, the files and the state, and end. It
// is the only place where sessions, stored contents and the reading of files
// meet.
//
// A session stores its inputs and what was read from them, so that nothing is
// parsed twice. The sheet is made of the two when it is asked for: it is a pure
// function of them, so there is nothing to keep in step.
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
	"tallyman/internal/intake"
	"tallyman/internal/intake/pdf"
	"tallyman/internal/orders"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/span"
)

// The codes that the desk adds.
const (
	NoBOL   fault.Code = "no_bol"   // orders or a reading were asked for before any bills
	NoSheet fault.Code = "no_sheet" // there is no sheet before there are bills
)

// Desk does the work of sessions. It is safe for concurrent use; what it does
// for one session never waits for another's, beyond the queue of the workers
// that read files.
type Desk struct {
	sessions session.Store
	contents blob.Store
	reader   *intake.Reader
	queue    *queue
	sheets   *sheets
	watcher  atomic.Pointer[Watcher]
}

// New returns a desk over a store of sessions, one of contents, and the workers
// that read files.
func New(sessions session.Store, contents blob.Store, reader *intake.Reader, limits Limits) *Desk {
	return &Desk{sessions: sessions, contents: contents, reader: reader, queue: newQueue(limits), sheets: newSheets(limits)}
}

// Room fails with fault.Busy if an owner's next upload would find no room to
// wait for its turn to be read: then there is no use in receiving it. Details
// is a session.RetryAfter.
func (d *Desk) Room(owner session.Owner) error { return d.queue.check(owner) }

// Load tells how much is being read and waits for it.
func (d *Desk) Load() Load { return d.queue.load() }

// Open returns the live session of a key, or begins an empty one; see
// session.Store.Open.
func (d *Desk) Open(ctx context.Context, key session.Key, kind session.Kind) (session.State, error) {
	st, removed, err := d.sessions.Open(ctx, key, kind)
	d.drop(ctx, removed)
	return st, err
}

// Begin ends the session of a key, if there is one, and begins an empty one. It
// tells what was removed.
func (d *Desk) Begin(ctx context.Context, key session.Key, kind session.Kind) (session.State, session.Removed, error) {
	st, removed, err := d.sessions.New(ctx, key, kind)
	d.drop(ctx, removed)
	return st, removed, err
}

// Clear ends the session of a key. It tells what was removed; clearing nothing
// is success.
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

// dropTime is how long giving back disk space may take after the request that
// caused it is over.
const dropTime = time.Minute

// Forget lets go of the sheets that are kept ready and made of contents which are gone.
// What the desk removes itself it forgets by itself.
func (d *Desk) Forget(gone []blob.Key) { d.sheets.cache.forget(gone) }

// drop deletes contents that no session names any more, and the sheets of them
// that are kept ready. The request that removed them has done its part: it does
// not wait, and what fails here the janitor finds.
func (d *Desk) drop(ctx context.Context, removed session.Removed) {
	if len(removed.Contents) == 0 {
		return
	}
	d.Forget(removed.Contents)
	ctx, sp := span.Start(context.WithoutCancel(ctx), "files.drop") // here: the request's own may end any moment
	go func() {
		ctx, cancel := context.WithTimeout(ctx, dropTime)
		defer cancel()
		sp.End(d.contents.Delete(ctx, removed.Contents...))
	}()
}

// BillsSummary is what a session's listing says of an attached BOL file.
type BillsSummary struct {
	Pages      int `json:"pages"`
	Bills      int `json:"bills"`
	Lines      int `json:"lines"`
	Reconciled int `json:"reconciled"`
	Mismatched int `json:"mismatched"`
	Unchecked  int `json:"unchecked"`
	Problems   int `json:"problems"`

	Sheet *sheetFacts `json:"sheet,omitempty"`
}

// OrdersSummary is what a session's listing says of its order export.
type OrdersSummary struct {
	Rows   int    `json:"rows"`
	Format string `json:"format"`

	Sheet *sheetFacts `json:"sheet,omitempty"`
}

// AttachBills attaches PDFs of bills, together as one BOL: in place of what is
// there, and then the order export goes, too; or with add beside it. st is the
// session as it was when the upload began. progress may be nil.
//
// All of it is attached, or nothing. It fails with session.Superseded if the
// session was reset, cleared or has expired since, with fault.NoUpload, with
// fault.Busy if there is no room to wait for reading, and with the codes of
// storage and of intake.Reader.Bills; the session is then as it was. It returns
// the state after the attach and its sheet.
func (d *Desk) AttachBills(ctx context.Context, st session.State, add bool, in *Incoming, progress func(intake.Progress)) (session.State, *sheet.Sheet, error) {
	a := session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace}
	if add {
		a.Mode = session.Append
	}
	return d.attach(ctx, st, a, in, func(files []intake.File) ([]reading, error) {
		return d.readBills(ctx, files, progress)
	})
}

// readBills reads each PDF of bills by itself. The fault of one names it, and
// says what became of the others.
func (d *Desk) readBills(ctx context.Context, files []intake.File, progress func(intake.Progress)) ([]reading, error) {
	var readings []reading
	var before intake.Progress
	errs := make([]error, len(files))
	for i := range files {
		r, err := d.readFile(ctx, files[i], func(p intake.Progress) {
			if progress != nil {
				progress(intake.Progress{File: i, Pages: before.Pages + p.Pages, Bills: before.Bills + p.Bills, Lines: before.Lines + p.Lines})
			}
		})
		if err != nil {
			if errs[i] = err; intake.Ends(err) {
				return nil, err
			}
			continue
		}
		before.Pages += r.doc.PageCount()
		before.Bills += len(r.doc.Bills)
		before.Lines += r.doc.Lines()
		readings = append(readings, r)
	}
	if err := intake.Fates(files, errs); err != nil {
		return nil, err
	}
	return readings, nil
}

// readFile reads one PDF of bills.
func (d *Desk) readFile(ctx context.Context, f intake.File, progress func(intake.Progress)) (r reading, err error) {
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
	pages, err := d.reader.Pages(ctx, []intake.File{f}, progress)
	if err != nil {
		return reading{}, fault.In(f.Name, err)
	}
	doc, err := pages.Document()
	if err != nil {
		return reading{}, fault.In(f.Name, err)
	}
	return reading{pages: pages, doc: doc}, nil
}

// Summary counts what was read from PDFs of bills.
func Summary(doc *bol.Document) BillsSummary {
	return BillsSummary{
		Pages: doc.PageCount(), Bills: len(doc.Bills), Lines: doc.Lines(),
		Reconciled: doc.Count(bol.Reconciled), Mismatched: doc.Count(bol.Mismatched), Unchecked: doc.Count(bol.Unchecked),
		Problems: len(doc.Problems),
	}
}

// AttachOrders attaches an order export in place of what is there. It fails with
// NoBOL if the session has no bills, with session.Superseded, with fault.Busy,
// and with the codes of storage and of intake.Reader.Orders; the session is then
// as it was. It returns the state after the attach and its sheet.
func (d *Desk) AttachOrders(ctx context.Context, st session.State, in *Incoming) (session.State, *sheet.Sheet, error) {
	if err := HasBills(st); err != nil {
		return st, nil, err
	}
	// The orders belong to the bills that were there when the upload began.
	a := session.Attachment{Incarnation: st.Incarnation, Slot: session.Orders, Mode: session.Replace}
	return d.attach(ctx, st, a, in, func(files []intake.File) ([]reading, error) {
		table, err := d.readOrders(ctx, files[0])
		if err != nil {
			return nil, err
		}
		return []reading{{table: table}}, nil
	})
}

// readOrders reads an order export. Its fault names the file.
func (d *Desk) readOrders(ctx context.Context, f intake.File) (table *orders.Table, err error) {
	ctx, sp := span.Start(ctx, "orders.read")
	sp.Int("bytes", f.Size)
	defer func() {
		if table != nil {
			sp.Int("rows", int64(len(table.Rows)))
		}
		sp.End(err)
	}()
	if table, err = d.reader.Orders(ctx, f); err != nil {
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

// attach reads what was received, stores what was read, and attaches both.
// Nothing is locked meanwhile: the incarnation decides in the end.
func (d *Desk) attach(ctx context.Context, st session.State, a session.Attachment, in *Incoming, read func([]intake.File) ([]reading, error)) (_ session.State, _ *sheet.Sheet, err error) {
	defer func() { in.end(ctx, err) }()
	for _, f := range in.of(a.Slot) {
		a.Files = append(a.Files, session.Input{Name: f.name, Content: f.ref})
	}
	if len(a.Files) == 0 {
		return st, nil, fault.New(fault.NoUpload, "there is no file in the request")
	}
	readings, err := d.inTurn(ctx, st.Key.Owner, in, a.Slot, read)
	if err != nil {
		return st, nil, err
	}
	return d.commit(ctx, st, a, readings, &in.custody)
}

// commit stores what was read from the files of an attachment, makes the sheet
// session will have by it, and attaches them. What it stores it adds to the custody,
// which hands everything over when it is attached.
//
// The sheet comes first, so that nothing is attached of which no sheet can be
// made, and so that its size can be kept beside the files.
func (d *Desk) commit(ctx context.Context, st session.State, a session.Attachment, readings []reading, own *custody) (session.State, *sheet.Sheet, error) {
	fresh := map[blob.Key]reading{}
	for i, r := range readings {
		ref, err := r.save(ctx, own)
		if err != nil {
			return st, nil, err
		}
		a.Files[i].Reading = ref
		fresh[ref.Key] = r
	}
	// What is attached beside other files depends on them: it is attached to what it
	// was foreseen for, or foreseen again. Each turn means that another upload got
	// through.
	beside := a.Slot != session.BOL || a.Mode != session.Replace
	for {
		if beside {
			a.Revision = st.Revision
		}
		now, e, err := d.tryCommit(ctx, st, a, readings, fresh, own)
		switch code := fault.CodeOf(err); {
		case err == nil:
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
		case now.Revision == st.Revision:
			return st, nil, blob.Missing(err)
		}
		st = now
	}
}

// tryCommit attaches to a state. It fails with session.Changed if a names its
// revision and that is over, and with fault.NotFound if contents of the state are
// gone already.
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
	own.hand() // to the session, whatever comes
	d.drop(ctx, removed)
	if e == nil || e.of != inputsOf(now) {
		return st, nil, errors.New("files were attached to another state than was foreseen")
	}
	return now, e, nil
}

// foreseen returns the state that an attachment leads to if nothing comes
// between, nil if that is not to be: the store will then say why. It fails with
// fault.TooLarge if the session would hold too much for one sheet.
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

// inTurn reads files when it is their owner's turn.
func (d *Desk) inTurn(ctx context.Context, owner session.Owner, in *Incoming, slot session.Slot, read func([]intake.File) ([]reading, error)) ([]reading, error) {
	files, closeAll, err := in.open(ctx, slot)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	leave, err := d.turn(ctx, owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	return read(files)
}

// Reread reads the stored bills again, as after an upgrade that reads better,
// and keeps what is read now. It fails with NoBOL if there are none, with
// session.Superseded or session.Changed if they were replaced meanwhile, and
// with the codes of storage and of reading. It returns the state after that and
// its sheet.
func (d *Desk) Reread(ctx context.Context, st session.State) (_ session.State, _ *sheet.Sheet, err error) {
	if err := HasBills(st); err != nil {
		return st, nil, err
	}
	a := session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Update}
	own := custody{desk: d}
	defer func() { own.end(ctx, err) }()
	readings, err := d.rereadInTurn(ctx, st)
	if err != nil {
		return st, nil, err
	}
	for _, in := range st.BOL {
		a.Files = append(a.Files, session.Input{Name: in.Name, Content: in.Content})
	}
	return d.commit(ctx, st, a, readings, &own)
}

func (d *Desk) rereadInTurn(ctx context.Context, st session.State) ([]reading, error) {
	leave, err := d.turn(ctx, st.Key.Owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	var readings []reading
	for _, in := range st.BOL {
		r, err := d.reread(ctx, in)
		if err != nil {
			return nil, err
		}
		readings = append(readings, r)
	}
	return readings, nil
}

func (d *Desk) reread(ctx context.Context, in session.Input) (reading, error) {
	content, err := d.contents.Open(ctx, in.Content)
	if err != nil {
		return reading{}, err
	}
	defer content.Close()
	// Reading to the end checks it; the workers read here and there.
	if _, err := io.Copy(io.Discard, content); err != nil {
		return reading{}, err
	}
	return d.readFile(ctx, intake.File{Name: in.Name, ReaderAt: content, Size: content.Size()}, nil)
}

// Look runs a function on a live session's state, which was read just now. If the
// session changes meanwhile, so that contents which the function needs are gone,
// it is run again on the state after that: what it sees is always one state that
// really was. It fails with fault.NotFound if the session is gone then, with
// blob.Damaged if contents are gone that the session still names, and with whatever
// the function returns.
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

// Picture renders one page, from 1, of one of the session's BOL files, an index
// in State.BOL; see pdf.Reader.Picture. It waits for its owner's turn like a
// reading. It fails with fault.NotFound if there is no such file, and with
// fault.Busy if there is no room to wait.
func (d *Desk) Picture(ctx context.Context, st session.State, file, number, width int) (*pdf.Picture, error) {
	if file < 0 || file >= len(st.BOL) {
		return nil, fault.New(fault.NotFound, "the session has no BOL file %d", file)
	}
	in := st.BOL[file]
	content, err := d.contents.Open(ctx, in.Content)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	leave, err := d.turn(ctx, st.Key.Owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	return d.reader.Picture(ctx, intake.File{Name: in.Name, ReaderAt: content, Size: content.Size()}, number, width)
}
