package desk

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/orders"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/text"
)

// AmendmentsChanged is the code of a change to a session that was made from another state
// than the newest. Details are Newest, with amendments if these were to be changed.
const AmendmentsChanged fault.Code = "changed"

// Newest is the newest state of a session's amendments.
type Newest struct {
	// Revision is that of the session.
	Revision   int64             `json:"revision"`
	Amendments []sheet.Amendment `json:"amendments,omitzero"`
}

// ErrOtherRevision returns the fault of a change that was made from another state than the
// newest.
func ErrOtherRevision(revision int64) *fault.Error {
	return fault.New(AmendmentsChanged, "the session was changed meanwhile: its revision is %d now, and nothing of this was applied; look at what is there now, and try again", revision).
		With(Newest{Revision: revision})
}

// Change is a change to the amendments of a session.
type Change struct {
	// Revision is that of the session which the person saw; 0 changes whatever is newest.
	Revision int64
	// Seen, if it is not nil, reports whether a state is the one that the person saw. Unlike
	// Revision it can tell incarnations apart.
	Seen func(session.State) bool
	// Add are the amendments to add. They get an ID, a time and the name of the key.
	Add []sheet.Amendment
	// Undo are the IDs of amendments to take away, before any are added.
	Undo []string
	// By is the name of the person, for amendments that have none, and Key that of the API
	// key.
	By, Key string
	// What identifies what is to be changed, if that is not Add, Undo and By.
	What string
	// Once names the change: if one of that name took effect already, it is not made again.
	// "" is not a name.
	Once string
}

// AmendmentsSummary is the summary of a session's amendments, for listings.
type AmendmentsSummary struct {
	Amendments int `json:"amendments"`

	Replays []replay    `json:"replays,omitempty"`
	Sheet   *sheetFacts `json:"sheet,omitempty"`
}

// replay is what is kept of a change that had a name, to know it again.
type replay struct {
	Once string `json:"once"` // Change.Once
	Of   string `json:"of"`   // what was to be changed
	Add  int    `json:"add"`  // how many were added
}

// mostReplays is how many changes of a session are known again. The rest of the summary
// takes little of session.MaxSummary.
const mostReplays = 32

// of identifies what is to be changed.
func (c *Change) of() string {
	if c.What != "" {
		return c.What
	}
	b, _ := json.Marshal(struct {
		Add  []sheet.Amendment
		Undo []string
		By   string
	}{c.Add, c.Undo, c.By}) // they came as JSON
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12])
}

// ids returns the IDs of n amendments that the change adds to a session: of a named change
// always the same.
func (c *Change) ids(st session.State, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = strings.ToLower(rand.Text()[:16])
		if c.Once != "" {
			sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", st.Incarnation, c.Once, i))
			ids[i] = hex.EncodeToString(sum[:8])
		}
	}
	return ids
}

// apply returns a list of amendments after the change at a time, and the IDs of those
// that were added. It fails with fault.NotFound for one to undo that is not there, and with
// fault.BadRequest.
func (c *Change) apply(list []sheet.Amendment, ids []string, at time.Time) ([]sheet.Amendment, error) {
	there, gone := map[string]bool{}, map[string]bool{}
	for _, a := range list {
		there[a.ID] = true
	}
	for _, id := range c.Undo {
		if !there[id] || gone[id] {
			return nil, fault.New(fault.NotFound, "there is no amendment %.40q to undo; nothing was changed", id)
		}
		gone[id] = true
	}
	next := slices.DeleteFunc(slices.Clone(list), func(a sheet.Amendment) bool { return gone[a.ID] })
	for i, a := range c.Add {
		a.ID, a.Key, a.At = ids[i], c.Key, at
		if a.By == "" {
			a.By = c.By
		}
		a.State, a.Reason, a.Was = "", "", ""
		next = append(next, a)
	}
	if len(next) > sheet.MaxAmendments {
		return nil, fault.New(fault.BadRequest, "the session would have %d amendments, and at most %d are allowed; undo some", len(next), sheet.MaxAmendments)
	}
	return next, sheet.CheckAmendments(next)
}

// Amend changes the amendments of a session: all of the change takes effect, or nothing.
// st is a state of the session that was read just now. It returns the state after the
// change, its sheet, and the IDs of the amendments that were added.
//
// It fails with NoBOL if the session has no bills, with AmendmentsChanged if the session has another
// revision than the change was made from, or if its bills were replaced meanwhile, with
// fault.NotFound for an ID to undo that is not there, with fault.BadRequest, KeyReused,
// session.Superseded and OwnerLimit, with fault.Busy, and with the codes of storage.
func (d *Desk) Amend(ctx context.Context, st session.State, c Change) (now session.State, s *sheet.Sheet, added []string, err error) {
	began := st
	for {
		if err := HasBills(st); err != nil {
			return st, nil, nil, err
		}
		now, s, added, failed := d.amendOnce(ctx, st, c)
		switch code := fault.CodeOf(failed); {
		case failed == nil:
			return now, s, added, nil
		case code == AmendmentsChanged:
			return st, nil, nil, d.newest(ctx, st)
		case code != session.Changed && code != gone:
			return st, nil, nil, failed
		}
		was := st
		if st, err = d.State(ctx, st.Key); err != nil {
			if fault.CodeOf(err) == fault.NotFound {
				err = session.ErrSuperseded()
			}
			return was, nil, nil, err
		}
		switch {
		case st.Incarnation != began.Incarnation:
			return was, nil, nil, session.ErrSuperseded()
		case !keepsBills(st, began):
			return was, nil, nil, d.newest(ctx, st)
		case st.Revision == was.Revision:
			return was, nil, nil, blob.Missing(failed)
		}
	}
}

// gone is the code of amendOnce if contents of the state were deleted.
const gone fault.Code = "contents_gone"

// newest returns the fault of a change that was made from another state than st.
func (d *Desk) newest(ctx context.Context, st session.State) error {
	var n Newest
	err := d.Look(ctx, st, func(now session.State) error {
		n = Newest{Revision: now.Revision, Amendments: []sheet.Amendment{}}
		if len(now.BOL) == 0 {
			return nil
		}
		s, err := d.Sheet(ctx, now)
		if err == nil {
			n.Amendments = append(n.Amendments, s.Amendments...)
		}
		return err
	})
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		return session.ErrSuperseded()
	case err != nil:
		return err
	}
	return ErrOtherRevision(n.Revision).With(n)
}

// amendOnce makes a change to a state. It fails with session.Changed if the session is in
// another state by now, and with gone if contents of the state were deleted.
func (d *Desk) amendOnce(ctx context.Context, st session.State, c Change) (_ session.State, _ *sheet.Sheet, added []string, err error) {
	fail := func(err error) (session.State, *sheet.Sheet, []string, error) {
		if fault.CodeOf(err) == fault.NotFound {
			err = fault.New(gone, "the contents of the session are gone: %w", err)
		}
		return st, nil, nil, err
	}
	replays := replaysOf(st)
	if i := slices.IndexFunc(replays, func(r replay) bool { return c.Once != "" && r.Once == c.Once }); i >= 0 {
		if replays[i].Of != c.of() {
			return fail(fault.New(KeyReused, "another change of these amendments had the same Idempotency-Key; use a new key for each"))
		}
		s, err := d.Sheet(ctx, st)
		if err != nil {
			return fail(err)
		}
		return st, s, c.ids(st, replays[i].Add), nil
	}
	if c.Revision != 0 && c.Revision != st.Revision || c.Seen != nil && !c.Seen(st) {
		return fail(fault.New(AmendmentsChanged, "another revision"))
	}
	// The list is decoded, changed and encoded.
	room := amendmentsTake * (1<<12 + bytesOf(st.Amendments))
	if err := d.memory.take(ctx, st.Key.Owner, room); err != nil {
		return fail(err)
	}
	defer d.memory.give(st.Key.Owner, room)
	list, err := d.amendmentsOf(ctx, st, nil)
	if err != nil {
		return fail(err)
	}
	added = c.ids(st, len(c.Add))
	next, err := c.apply(list, added, time.Now().UTC().Truncate(time.Millisecond))
	if err != nil {
		return st, nil, nil, err
	}
	stored, err := json.Marshal(next)
	if err != nil {
		return fail(fmt.Errorf("storing amendments: %w", err))
	}
	if len(stored) > sheet.MostOfAmendments {
		return fail(fault.New(fault.TooLarge, "the amendments would have more than %s; undo some", text.Size(sheet.MostOfAmendments)))
	}
	if err := d.owners.fits(ctx, st.Key.Owner, 0, int64(len(stored)), true); err != nil {
		return fail(err)
	}
	own := custody{desk: d}
	defer func() { own.end(ctx, err) }()
	ref, err := own.put(ctx, bytes.NewReader(stored))
	if err != nil {
		return fail(err)
	}
	r := reading{amendments: next, replays: replays}
	if c.Once != "" {
		r.replays = append(slices.Clone(replays[max(0, len(replays)-mostReplays+1):]), replay{c.Once, c.of(), len(c.Add)})
	}
	a := session.Attachment{Incarnation: st.Incarnation, Revision: st.Revision, Slot: session.Amendments, Mode: session.Replace,
		Files: []session.Input{{Name: AmendmentsName, Content: ref}}}
	now, e, err := d.tryCommit(ctx, st, a, []reading{r}, map[blob.Key]reading{ref.Key: r}, &own)
	if err != nil {
		return fail(err)
	}
	return now, e.sheet, added, nil
}

// bytesOf returns the size of files as they are stored.
func bytesOf(files []session.Input) (n int64) {
	for _, in := range files {
		n += in.Content.Size
	}
	return n
}

// replaysOf returns the named changes of a session's amendments.
func replaysOf(st session.State) []replay {
	var s AmendmentsSummary
	for _, in := range st.Amendments {
		_ = json.Unmarshal(in.Summary, &s) // without a summary there are none
	}
	return s.Replays
}

// amendmentsOf returns the session's amendments, as they are stored.
func (d *Desk) amendmentsOf(ctx context.Context, st session.State, fresh map[blob.Key]reading) (list []sheet.Amendment, err error) {
	for _, in := range st.Amendments {
		if r, ok := fresh[in.Content.Key]; ok {
			return r.amendments, nil
		}
		b, err := blob.ReadAll(ctx, d.contents, in.Content)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, &list); err != nil {
			return nil, fmt.Errorf("understanding stored amendments: %w", err)
		}
	}
	return list, nil
}

// Amendments returns the amendments of a session with what became of them. It fails with
// the codes of Sheet.
func (d *Desk) Amendments(ctx context.Context, st session.State) ([]sheet.Amendment, error) {
	s, err := d.Sheet(ctx, st)
	if err != nil {
		return nil, err
	}
	return s.Amendments, nil
}

// Carried is what became of an earlier sheet.
type Carried struct {
	// Values is how many values were filled in, and Lost are the rows whose values were not.
	Values int
	Lost   []sheet.LostRow
}

// Carry fills in what people filled in on an earlier sheet, the first file of the upload's
// orders; see sheet.Sheet.Carry. It fails with fault.NoUpload, with the codes of
// intake.Reader.Orders, and with those of Amend.
func (d *Desk) Carry(ctx context.Context, st session.State, in *Incoming, c Change) (now session.State, s *sheet.Sheet, added []string, carried Carried, err error) {
	fail := func(err error) (session.State, *sheet.Sheet, []string, Carried, error) {
		return st, nil, nil, Carried{}, err
	}
	if err := HasBills(st); err != nil {
		return fail(err)
	}
	files, closeAll, err := in.open(ctx, session.Orders)
	if err != nil {
		return fail(err)
	}
	defer closeAll()
	if len(files) == 0 {
		return fail(fault.New(fault.NoUpload, "there is no file in the request"))
	}
	own, err := d.profileOf(ctx, st)
	if err != nil {
		return fail(err)
	}
	rules := own.Rules()
	in.held = &held{memory: d.memory, owner: st.Key.Owner}
	defer in.held.end()
	table, err := d.readEarlier(ctx, st.Key.Owner, in, files[0], rules.Dialect())
	if err != nil {
		return fail(rules.CarryFault(files[0].Name, err))
	}
	err = d.Look(ctx, st, func(newest session.State) error {
		st = newest
		if err := HasBills(st); err != nil {
			return err
		}
		s, err = d.Sheet(ctx, st)
		return err
	})
	switch {
	case fault.CodeOf(err) == fault.NotFound:
		return fail(session.ErrSuperseded())
	case err != nil:
		return fail(err)
	}
	c.What = hex.EncodeToString(in.of(session.Orders)[0].ref.SHA256[:12])
	c.Add, carried.Values, carried.Lost = s.Carry(table)
	if len(c.Add) == 0 {
		return st, s, nil, carried, nil
	}
	now, s, added, err = d.Amend(ctx, st, c)
	return now, s, added, carried, err
}

// readEarlier reads an earlier sheet in its owner's turn.
func (d *Desk) readEarlier(ctx context.Context, owner session.Owner, in *Incoming, f intake.File, dialect *orders.Dialect) (*orders.Table, error) {
	reader, leave, err := d.turn(ctx, owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	return reader.Metered(in.held.meter(ctx)).Orders(ctx, f, dialect)
}

// Arriving counts memory for an owner's request that is read as a whole: count takes it for
// bytes that arrive, and end gives it back. count fails with fault.TooLarge and fault.Busy.
func (d *Desk) Arriving(ctx context.Context, owner session.Owner) (count func(int) error, end func()) {
	h := &held{memory: d.memory, owner: owner}
	return h.meter(ctx), h.end
}
