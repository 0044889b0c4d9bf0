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
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"time"

	"tallyman/blob"
	"tallyman/bol"
	"tallyman/fault"
	"tallyman/intake"
	"tallyman/orders"
	"tallyman/pdf"
	"tallyman/session"
	"tallyman/sheet"
)

// The codes that the desk adds.
const (
	NoBOL    fault.Code = "no_bol"    // orders or a reading were asked for before any bills
	NoSheet  fault.Code = "no_sheet"  // there is no sheet before there are bills
	NoUpload fault.Code = "no_upload" // an attach without a file
)

// Desk does the work of sessions. It is safe for concurrent use; what it does
// for one session never waits for another's, beyond the queue of the workers
// that read files.
type Desk struct {
	sessions session.Store
	contents blob.Store
	reader   *intake.Reader
	cache    *cache
	queue    *queue
}

// New returns a desk over a store of sessions, one of contents, and the workers
// that read files.
func New(sessions session.Store, contents blob.Store, reader *intake.Reader, limits Limits) *Desk {
	return &Desk{sessions: sessions, contents: contents, reader: reader, cache: newCache(), queue: newQueue(limits)}
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
	d.drop(removed)
	return st, err
}

// Begin ends the session of a key, if there is one, and begins an empty one. It
// tells what was removed.
func (d *Desk) Begin(ctx context.Context, key session.Key, kind session.Kind) (session.State, session.Removed, error) {
	st, removed, err := d.sessions.New(ctx, key, kind)
	d.drop(removed)
	return st, removed, err
}

// Clear ends the session of a key. It tells what was removed; clearing nothing
// is success.
func (d *Desk) Clear(ctx context.Context, key session.Key) (session.Removed, error) {
	removed, err := d.sessions.Clear(ctx, key)
	d.drop(removed)
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

// drop deletes contents that no session names any more. The request that
// removed them has done its part: it does not wait, and what fails here the
// janitor finds.
func (d *Desk) drop(removed session.Removed) {
	if len(removed.Contents) == 0 {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), dropTime)
		defer cancel()
		_ = d.contents.Delete(ctx, removed.Contents...)
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
}

// OrdersSummary is what a session's listing says of its order export.
type OrdersSummary struct {
	Rows   int    `json:"rows"`
	Format string `json:"format"`
}

// AttachBills attaches PDFs of bills, together as one BOL: in place of what is
// there, and then the order export goes, too; or with add beside it. st is the
// session as it was when the upload began. progress may be nil.
//
// All of it is attached, or nothing. It fails with session.Superseded if the
// session was reset, cleared or has expired since, with NoUpload, with
// fault.Busy if there is no room to wait for reading, and with the codes of
// storage and of intake.Reader.Bills; the session is then as it was.
func (d *Desk) AttachBills(ctx context.Context, st session.State, add bool, in *Incoming, progress func(intake.Progress)) (session.State, error) {
	a := session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Replace}
	if add {
		a.Mode = session.Append
	}
	var docs []*bol.Document
	st, err := d.attach(ctx, st.Key, a, in, func(files []intake.File) (readings, summaries []any, err error) {
		var all []*bol.Pages
		all, docs, err = d.readBills(ctx, files, progress)
		if err != nil {
			return nil, nil, err
		}
		for i, doc := range docs {
			readings = append(readings, all[i])
			summaries = append(summaries, Summary(doc))
		}
		return readings, summaries, nil
	})
	if err == nil && len(st.BOL) == 1 && st.Orders == nil && !add {
		d.cache.put(cacheKey(st), sheet.Make(docs[0], nil))
	}
	return st, err
}

// readBills reads each PDF of bills by itself. The fault of one names it.
func (d *Desk) readBills(ctx context.Context, files []intake.File, progress func(intake.Progress)) ([]*bol.Pages, []*bol.Document, error) {
	var readings []*bol.Pages
	var docs []*bol.Document
	var before intake.Progress
	for i := range files {
		pages, err := d.reader.Pages(ctx, files[i:i+1], func(p intake.Progress) {
			if progress != nil {
				progress(intake.Progress{File: i, Pages: before.Pages + p.Pages, Bills: before.Bills + p.Bills, Lines: before.Lines + p.Lines})
			}
		})
		if err != nil {
			return nil, nil, fault.In(files[i].Name, err)
		}
		doc, err := pages.Document()
		if err != nil {
			return nil, nil, fault.In(files[i].Name, err)
		}
		before.Pages += doc.PageCount()
		before.Bills += len(doc.Bills)
		before.Lines += doc.Lines()
		readings, docs = append(readings, pages), append(docs, doc)
	}
	return readings, docs, nil
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
// as it was.
func (d *Desk) AttachOrders(ctx context.Context, st session.State, in *Incoming) (session.State, error) {
	if err := HasBills(st); err != nil {
		return st, err
	}
	// The orders belong to the bills that were there when the upload began.
	a := session.Attachment{Incarnation: st.Incarnation, Slot: session.Orders, Mode: session.Replace}
	var table *orders.Table
	st, err := d.attach(ctx, st.Key, a, in, func(files []intake.File) (_, _ []any, err error) {
		if table, err = d.reader.Orders(ctx, files[0]); err != nil {
			return nil, nil, fault.In(files[0].Name, err)
		}
		return []any{table}, []any{OrdersSummary{Rows: len(table.Rows), Format: table.Format}}, nil
	})
	if err == nil {
		d.join(st, table)
	}
	return st, err
}

// join keeps the sheet of a session whose orders were just read ready, if its
// bills are still at hand.
func (d *Desk) join(st session.State, table *orders.Table) {
	bills := st
	bills.Orders = nil
	if e := d.cache.get(cacheKey(bills)); e != nil {
		d.cache.put(cacheKey(st), sheet.Make(e.sheet.Document, table))
	}
}

// HasBills fails with NoBOL if the session has no bills.
func HasBills(st session.State) error {
	if len(st.BOL) == 0 {
		return fault.New(NoBOL, "the session has no bills yet; upload the BOL PDF first")
	}
	return nil
}

// attach reads what was received, stores what was read, and attaches both.
// Nothing is locked meanwhile: the incarnation decides in the end.
func (d *Desk) attach(ctx context.Context, key session.Key, a session.Attachment, in *Incoming,
	read func([]intake.File) (readings, summaries []any, err error)) (st session.State, err error) {
	if len(in.files) == 0 {
		return st, fault.New(NoUpload, "there is no file in the request")
	}
	stored := in.take()
	defer func() {
		if err != nil && session.Settled(err) {
			d.drop(session.Removed{Contents: stored})
			return
		}
		// It is attached, or nobody knows: then the row decides.
		d.contents.Release(stored...)
	}()
	a.Files = in.inputs()
	readings, summaries, err := inTurn(ctx, d, key.Owner, in, read)
	if err != nil {
		return st, err
	}
	for i := range a.Files {
		if a.Files[i].Summary, err = json.Marshal(summaries[i]); err != nil {
			return st, fmt.Errorf("summing up a reading: %w", err)
		}
		if a.Files[i].Reading, err = d.save(ctx, readings[i]); err != nil {
			return st, err
		}
		stored = append(stored, a.Files[i].Reading.Key)
	}
	st, removed, err := d.sessions.Attach(ctx, key, a)
	if err != nil {
		return st, err
	}
	d.drop(removed)
	return st, nil
}

// inTurn reads files when it is their owner's turn.
func inTurn(ctx context.Context, d *Desk, owner session.Owner, in *Incoming, read func([]intake.File) ([]any, []any, error)) ([]any, []any, error) {
	files, closeAll, err := in.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer closeAll()
	leave, err := d.queue.enter(ctx, owner)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	return read(files)
}

// Reread reads the stored bills again, as after an upgrade that reads better,
// and keeps what is read now. It fails with NoBOL if there are none, with
// session.Superseded or session.Changed if they were replaced meanwhile, and
// with the codes of storage and of reading.
func (d *Desk) Reread(ctx context.Context, st session.State) (session.State, error) {
	if err := HasBills(st); err != nil {
		return st, err
	}
	leave, err := d.queue.enter(ctx, st.Key.Owner)
	if err != nil {
		return st, err
	}
	defer leave()
	a := session.Attachment{Incarnation: st.Incarnation, Slot: session.BOL, Mode: session.Update}
	var stored []blob.Key
	defer func() {
		if err != nil && session.Settled(err) {
			d.drop(session.Removed{Contents: stored})
			return
		}
		d.contents.Release(stored...)
	}()
	for _, in := range st.BOL {
		var again session.Input
		if again, err = d.reread(ctx, in); err != nil {
			return st, err
		}
		stored = append(stored, again.Reading.Key)
		a.Files = append(a.Files, again)
	}
	var removed session.Removed
	if st, removed, err = d.sessions.Attach(ctx, st.Key, a); err != nil {
		return st, err
	}
	d.drop(removed)
	return st, nil
}

func (d *Desk) reread(ctx context.Context, in session.Input) (session.Input, error) {
	content, err := d.contents.Open(ctx, in.Content)
	if err != nil {
		return in, err
	}
	defer content.Close()
	pages, err := d.reader.Pages(ctx, []intake.File{{Name: in.Name, ReaderAt: content, Size: in.Content.Size}}, nil)
	if err != nil {
		return in, fault.In(in.Name, err)
	}
	doc, err := pages.Document()
	if err != nil {
		return in, fault.In(in.Name, err)
	}
	if in.Summary, err = json.Marshal(Summary(doc)); err != nil {
		return in, fmt.Errorf("summing up a reading: %w", err)
	}
	in.Reading, err = d.save(ctx, pages)
	return in, err
}

// Sheet returns the session's sheet: of its bills alone, or joined with its
// orders if there are any. Nothing is parsed for it. The sheet is shared and
// must not be changed.
//
// It fails with NoSheet if the session has no bills, with fault.NotFound if its
// contents went meanwhile, since it was reset or cleared, and with the codes of
// storage.
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
		return nil, fault.New(NoSheet, "there is no sheet yet: the session has no bills; upload the BOL PDF first")
	}
	key := cacheKey(st)
	if e := d.cache.get(key); e != nil {
		return e, nil
	}
	var all bol.Pages
	for _, in := range st.BOL {
		var pages bol.Pages
		if err := d.load(ctx, in.Reading, &pages); err != nil {
			return nil, err
		}
		all.Append(&pages)
	}
	doc, err := all.Document()
	if err != nil {
		return nil, err
	}
	var table *orders.Table
	if st.Orders != nil {
		table = &orders.Table{}
		if err := d.load(ctx, st.Orders.Reading, table); err != nil {
			return nil, err
		}
	}
	return d.cache.put(key, sheet.Make(doc, table)), nil
}

// Look runs a function on the session's live state. If the session changes
// meanwhile, so that contents which the function needs are gone, it is run
// again on the state after that: what it sees is always one state that really
// was. It fails with fault.NotFound if there is no session, and with whatever
// the function returns.
func (d *Desk) Look(ctx context.Context, key session.Key, look func(session.State) error) error {
	for {
		st, err := d.State(ctx, key)
		if err != nil {
			return err
		}
		err = look(st)
		if fault.CodeOf(err) != fault.NotFound {
			return err
		}
		now, gone := d.State(ctx, key)
		if gone != nil {
			return gone
		}
		if now.Incarnation == st.Incarnation && now.Revision == st.Revision {
			return err
		}
	}
}

// save stores what was read from a file, to be loaded by load. The contents are
// ours alone, so that the form is one that is quick.
func (d *Desk) save(ctx context.Context, reading any) (blob.Ref, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(reading); err != nil {
		return blob.Ref{}, fmt.Errorf("keeping what was read: %w", err)
	}
	return d.contents.Put(ctx, &b)
}

func (d *Desk) load(ctx context.Context, ref blob.Ref, to any) error {
	b, err := blob.ReadAll(ctx, d.contents, ref)
	if err != nil {
		return err
	}
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(to); err != nil {
		return fmt.Errorf("understanding what was read before: %w", err)
	}
	return nil
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
	leave, err := d.queue.enter(ctx, st.Key.Owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	return d.reader.Picture(ctx, intake.File{Name: in.Name, ReaderAt: content, Size: in.Content.Size}, number, width)
}
