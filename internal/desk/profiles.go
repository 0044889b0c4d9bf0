package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/orders"
	"tallyman/internal/profile"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
)

// A session keeps the profile with which its bills were attached: it stands before what
// was read from them. So the contents of a session determine its sheet, profiles included,
// and end with it. What was read from an order export names the version of the profile by
// which it was read.

// OwnProfile is an owner's profile.
type OwnProfile struct {
	// Revision is 0 if the owner has none. Profile is nil then, and Text the default.
	Revision int64
	Profile  *profile.Profile
	// Text is the profile as it was written, as TOML or JSON.
	Text []byte
}

// Profile returns the newest profile of an owner. It fails with the codes of storage, and
// without a code if the profile cannot be understood.
func (d *Desk) Profile(ctx context.Context, owner session.Owner) (OwnProfile, error) {
	stored, err := d.sessions.Profile(ctx, owner)
	if err != nil {
		return OwnProfile{}, err
	}
	if stored.Revision == 0 {
		return OwnProfile{Text: profile.Default().TOML()}, nil
	}
	p, err := profile.Parse(stored.Content)
	if err != nil {
		// It was checked when it was written: another version of the program did.
		return OwnProfile{}, fmt.Errorf("the stored profile of revision %d is not one of this version of the program: %s", stored.Revision, err)
	}
	return OwnProfile{stored.Revision, p, stored.Content}, nil
}

// ProfileRevision returns the revision of an owner's newest profile, whether or not this
// version of the program understands it.
func (d *Desk) ProfileRevision(ctx context.Context, owner session.Owner) (int64, error) {
	stored, err := d.sessions.Profile(ctx, owner)
	return stored.Revision, err
}

// PutProfile writes the profile of an owner, as TOML or JSON, over a revision. It fails
// with profile.BadProfile, with session.ProfileChanged if another revision is there, and
// with the codes of storage.
func (d *Desk) PutProfile(ctx context.Context, owner session.Owner, revision int64, text []byte) (OwnProfile, error) {
	p, err := profile.Parse(text)
	if err != nil {
		return OwnProfile{}, err
	}
	stored, err := d.sessions.PutProfile(ctx, owner, session.Profile{Revision: revision, Content: text})
	if err != nil {
		return OwnProfile{}, err
	}
	return OwnProfile{stored.Revision, p, stored.Content}, nil
}

// Remember adds names of columns to the profile of an owner; see
// profile.Profile.WithColumns. It fails with the codes of PutProfile.
func (d *Desk) Remember(ctx context.Context, owner session.Owner, columns []string) (OwnProfile, error) {
	for try := 1; ; try++ {
		now, err := d.Profile(ctx, owner)
		if err != nil {
			return OwnProfile{}, err
		}
		p, err := now.Profile.WithColumns(columns)
		if err != nil {
			return OwnProfile{}, err
		}
		next, err := d.PutProfile(ctx, owner, now.Revision, profile.Rewrite(now.Text, p))
		if fault.CodeOf(err) != session.ProfileChanged || try == 5 {
			return next, err
		}
	}
}

// before is what stands before a reading of bills that has a profile: a line with the
// length of the profile, and the profile as JSON. No reading without a profile begins so,
// and programs that know no profiles read the bills again.
const (
	mark      = "tallyman profile "
	digits    = 8
	beforeLen = len(mark) + digits + len("\n")
)

// writeProfile writes a profile before a reading.
func writeProfile(w io.Writer, p *profile.Profile) error {
	if p == nil {
		return nil
	}
	b := p.JSON()
	if _, err := fmt.Fprintf(w, "%s%0*d\n", mark, digits, len(b)); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

// splitProfile returns the profile before a reading, nil if there is none, and the rest.
// b may be a beginning of the reading.
func splitProfile(b []byte) (p *profile.Profile, rest []byte, err error) {
	if len(b) < beforeLen || !bytes.HasPrefix(b, []byte(mark)) {
		return nil, b, nil
	}
	n, err := strconv.Atoi(string(b[len(mark) : len(mark)+digits]))
	if err != nil || n < 0 || n > len(b)-beforeLen {
		return nil, nil, fmt.Errorf("the profile of the session cannot be found before its bills")
	}
	if p, err = profile.Parse(b[beforeLen : beforeLen+n]); err != nil {
		return nil, nil, fmt.Errorf("the session's profile is not one of this version of the program: %s", err)
	}
	return p, b[beforeLen+n:], nil
}

// profileOf returns the profile of a session, nil for none.
func (d *Desk) profileOf(ctx context.Context, st session.State) (*profile.Profile, error) {
	if versionOf(st) == "" {
		return nil, nil
	}
	bills := unamended(st)
	bills.Orders = nil
	for _, st := range []session.State{st, unamended(st), bills} {
		if e := d.sheets.cache.get(inputsOf(st)); e != nil {
			return e.profile, nil
		}
	}
	content, err := d.contents.Open(ctx, st.BOL[0].Reading)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	b, err := io.ReadAll(io.LimitReader(content, int64(beforeLen+2*profile.MostBytes)))
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, content); err != nil { // reading to the end verifies it
		return nil, err
	}
	p, _, err := splitProfile(b)
	return p, err
}

// versionOf returns the version of a session's profile, "" for none.
func versionOf(st session.State) string {
	var s BillsSummary
	if len(st.BOL) > 0 && json.Unmarshal(st.BOL[0].Summary, &s) == nil {
		return s.Profile
	}
	return ""
}

// nameOf returns the version of a profile, "" for none.
func nameOf(p *profile.Profile) string {
	if p == nil {
		return ""
	}
	return p.Sheet.Version
}

// maxColumns bounds the mapping of one order export, in bytes: it is kept in the summary.
const maxColumns = 4 << 10

// MapColumns says what columns of the upload's order export mean, for this upload only;
// see profile.Profile.WithColumns. It fails with fault.BadRequest.
func (in *Incoming) MapColumns(columns []string) error {
	if b, err := json.Marshal(columns); err != nil || len(b) > maxColumns {
		return fault.New(fault.BadRequest, "the mapping of columns is longer than %d bytes; map only the columns that are needed", maxColumns)
	}
	_, err := in.newest.WithColumns(columns)
	in.columns = columns
	return err
}

// readMapped reads an order export by a profile and a mapping of columns. If it lacks
// columns by these, and no mapping was given, the newest profile of the owner is tried: it
// may know them, and what is used of it becomes the mapping.
func readMapped(ctx context.Context, r *intake.Reader, f intake.File, own *profile.Profile, columns []string, newest *profile.Profile) (reading, error) {
	table, err := readBy(ctx, r, f, own, columns)
	if fault.CodeOf(err) == fault.MissingColumns && len(columns) == 0 && nameOf(newest) != nameOf(own) {
		if again, aerr := readBy(ctx, r, f, newest, nil); aerr == nil {
			table, columns, err = again, newest.Columns(again.Header), nil
		}
	}
	return reading{table: table, readBy: nameOf(own), columns: columns}, err
}

// readBy reads an order export by a profile and a mapping of columns.
func readBy(ctx context.Context, r *intake.Reader, f intake.File, own *profile.Profile, columns []string) (*orders.Table, error) {
	p, err := own.WithColumns(columns)
	if err != nil {
		return nil, err
	}
	table, err := readOrders(ctx, r, f, p.Dialect())
	if err != nil {
		return nil, err
	}
	return table, profile.CheckMapped(columns, table.Header)
}

// offered completes the details of a fault of missing columns: which column holds the
// numbers of the session's bills, and which their styles.
func (d *Desk) offered(ctx context.Context, st session.State, err error) error {
	var f *fault.Error
	if fault.CodeOf(err) != fault.MissingColumns || !errors.As(err, &f) {
		return err
	}
	var details orders.MissingColumns
	b, merr := json.Marshal(f.Details)
	s, serr := d.Sheet(ctx, st)
	if merr != nil || serr != nil || json.Unmarshal(b, &details) != nil {
		return err
	}
	bills, styles := map[string]bool{}, map[string]bool{}
	for _, bill := range s.Document.Bills {
		bills[strings.ToUpper(bill.Number.Text)] = true
		for j := range bill.Lines {
			styles[strings.ToUpper(bill.Lines[j].Style.Text)] = true
		}
	}
	details.Compare(func(v string) bool { return bills[strings.ToUpper(v)] }, func(v string) bool { return styles[strings.ToUpper(v)] })
	return f.With(details)
}

// keepOrders stores orders that were read again by the session's new profile, so that the
// next sheet need not read them. The sheet is the same if that fails.
func (d *Desk) keepOrders(ctx context.Context, st session.State, s *sheet.Sheet, own *profile.Profile) (session.State, *sheet.Sheet) {
	a := session.Attachment{Incarnation: st.Incarnation, Slot: session.Orders, Mode: session.Update}
	var readings []reading
	for _, in := range st.Orders {
		var old OrdersSummary
		if json.Unmarshal(in.Summary, &old) != nil || old.Profile == nameOf(own) {
			continue
		}
		table, err := d.rereadOrders(ctx, st.Key.Owner, in, own, old.Columns)
		if err != nil {
			return st, s
		}
		a.Files = append(a.Files, session.Input{Name: in.Name, Content: in.Content})
		readings = append(readings, reading{table: table, upload: old.Upload, readBy: nameOf(own), columns: old.Columns})
	}
	if len(readings) == 0 {
		return st, s
	}
	c := custody{desk: d, held: &held{memory: d.memory, owner: st.Key.Owner}}
	defer c.held.end()
	next, made, err := d.commit(ctx, st, a, readings, nil, &c)
	c.end(ctx, err)
	if err != nil {
		return st, s
	}
	return next, made
}

// rereadOrders reads a stored order export again, by another profile than before.
func (d *Desk) rereadOrders(ctx context.Context, owner session.Owner, in session.Input, own *profile.Profile, columns []string) (*orders.Table, error) {
	content, err := d.contents.Open(ctx, in.Content)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if _, err := io.Copy(io.Discard, content); err != nil { // verifies it
		return nil, err
	}
	reader, leave, err := d.turn(ctx, owner)
	if err != nil {
		return nil, err
	}
	defer leave()
	return readBy(ctx, reader, intake.File{Name: in.Name, ReaderAt: content, Size: content.Size()}, own, columns)
}
