package desk_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/blob/files"
	"tallyman/internal/bol"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/sample"
	"tallyman/internal/session"
	"tallyman/internal/session/sqlite"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/service"
	"tallyman/internal/testing/shipments"
)

func TestMain(m *testing.M) {
	intake.RunIfWorker()
	os.Exit(m.Run())
}

// place is a desk over stores in a folder of its own.
type place struct {
	*desk.Desk
	sessions session.Store
	contents blob.Store
	reader   *intake.Reader
}

func newPlace(t *testing.T) *place {
	t.Helper()
	reader := intake.New(service.Patient)
	t.Cleanup(reader.Close)
	return placeWith(t, reader, desk.Limits{})
}

// placeWith is newPlace with a reader, nil if nothing is read, and limits.
func placeWith(t *testing.T, reader *intake.Reader, limits desk.Limits) *place {
	t.Helper()
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), dir, session.Settings{})
	must.OK(t, err)
	t.Cleanup(func() { store.Close() })
	contents, err := files.Open(filepath.Join(dir, "contents"))
	must.OK(t, err)
	return &place{desk.New(store, contents, reader, limits), store, contents, reader}
}

// stored returns the number of stored contents.
func (p *place) stored(t *testing.T) int {
	t.Helper()
	n := 0
	for _, err := range blob.All(t.Context(), p.contents, 1000) {
		must.OK(t, err)
		n++
	}
	return n
}

// settles waits until n contents are stored: their deletion goes on after an answer.
func (p *place) settles(t *testing.T, n int) {
	t.Helper()
	for p.stored(t) != n {
		time.Sleep(10 * time.Millisecond)
	}
}

// shipment is a sample with the sheets to expect.
type shipment struct{ bills, orders, expected, unmatched []byte }

func newShipment(t *testing.T, seed uint64) shipment {
	t.Helper()
	s := shipments.New(t, sample.Options{Bills: 6, Lines: 30, Seed: seed}, "")
	return shipment{s.Bills, s.Orders, s.Expected, s.Unmatched}
}

// file is a file to upload.
type file struct {
	name    string
	content io.Reader
}

func upload(name string, b []byte) file {
	return file{name: name, content: bytes.NewReader(b)}
}

func (p *place) receive(ctx context.Context, in *desk.Incoming, slot session.Slot, files []file) error {
	for _, f := range files {
		if err := in.Add(ctx, slot, f.name, f.content); err != nil {
			return err
		}
	}
	return nil
}

// attaching attaches what was received.
type attaching func(*desk.Incoming) (session.State, *sheet.Sheet, error)

// attach uploads files, which a function attaches.
func (p *place) attach(ctx context.Context, st session.State, slot session.Slot, files []file, attach attaching) (session.State, error) {
	in, err := p.Receive(ctx, st.Key.Owner)
	if err != nil {
		return st, err
	}
	defer in.Discard()
	if err := p.receive(ctx, in, slot, files); err != nil {
		return st, err
	}
	st, _, err = attach(in)
	return st, err
}

func (p *place) attachBills(ctx context.Context, st session.State, add bool, files ...file) (session.State, error) {
	return p.attach(ctx, st, session.BOL, files, func(in *desk.Incoming) (session.State, *sheet.Sheet, error) {
		return p.AttachBills(ctx, st, add, in, nil)
	})
}

func (p *place) attachOrders(ctx context.Context, st session.State, f file) (session.State, error) {
	return p.attach(ctx, st, session.Orders, []file{f}, func(in *desk.Incoming) (session.State, *sheet.Sheet, error) {
		return p.AttachOrders(ctx, st, false, in)
	})
}

func key(id string) session.Key { return session.Key{Owner: session.Local, ID: session.ID(id)} }

// open, bills and orders do what must succeed.
func (p *place) open(t *testing.T, k session.Key) session.State {
	t.Helper()
	st, err := p.Open(t.Context(), k, session.Named)
	must.OK(t, err)
	return st
}

func (p *place) bills(t *testing.T, st session.State, add bool, files ...file) session.State {
	t.Helper()
	st, err := p.attachBills(t.Context(), st, add, files...)
	must.OK(t, err)
	return st
}

func (p *place) orders(t *testing.T, st session.State, f file) session.State {
	t.Helper()
	st, err := p.attachOrders(t.Context(), st, f)
	must.OK(t, err)
	return st
}

// attached is a session with bills and orders.
func (p *place) attached(t *testing.T, k session.Key, ship shipment) session.State {
	t.Helper()
	st := p.bills(t, p.open(t, k), false, upload("bol.pdf", ship.bills))
	return p.orders(t, st, upload("orders.csv", ship.orders))
}

func (p *place) csv(t *testing.T, st session.State) string {
	t.Helper()
	s, err := p.Sheet(t.Context(), st)
	must.OK(t, err)
	return csvOf(t, s)
}

func csvOf(t *testing.T, s *sheet.Sheet) string {
	t.Helper()
	return string(must.Written(t, func(w io.Writer) error { return sheet.WriteCSV(w, s) }))
}

func TestTheWholeWorkflow(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	ctx := t.Context()
	st, _, err := p.Begin(ctx, key("w1"), session.Named)
	must.OK(t, err)
	if _, err := p.Sheet(ctx, st); fault.CodeOf(err) != desk.NoSheet {
		t.Errorf("a sheet without bills: %v", err)
	}
	if _, err := p.attachOrders(ctx, st, upload("orders.csv", ship.orders)); fault.CodeOf(err) != desk.NoBOL {
		t.Errorf("orders before bills: %v", err)
	}
	var last intake.Progress
	st, err = p.attach(ctx, st, session.BOL, []file{upload("bol.pdf", ship.bills)}, func(in *desk.Incoming) (session.State, *sheet.Sheet, error) {
		return p.AttachBills(ctx, st, false, in, func(at intake.Progress) { last = at })
	})
	must.OK(t, err)
	if last.Bills != 6 || last.Lines != 30 {
		t.Errorf("the last progress was %+v", last)
	}
	if got := p.csv(t, st); got != string(ship.unmatched) {
		t.Error("the sheet without orders is not the expected one")
	}
	st = p.orders(t, st, upload("orders.csv", ship.orders))
	if got := p.csv(t, st); got != string(ship.expected) {
		t.Error("the sheet with orders is not the expected one")
	}

	// A download parses nothing: it works without workers, from disk.
	p.reader.Close()
	fresh := desk.New(nil, p.contents, nil, desk.Limits{})
	s, err := fresh.Sheet(ctx, st)
	must.OK(t, err)
	if csvOf(t, s) != string(ship.expected) {
		t.Error("the sheet from what was kept is not the expected one")
	}

	list, err := p.Files(ctx, st)
	if err != nil || len(list) != 3 || list[0].Name != desk.SheetName || list[0].Size != int64(len(ship.expected)) ||
		list[1].Name != "bol.pdf" || list[2].Name != "orders.csv" {
		t.Errorf("files are %+v, %v", list, err)
	}
	for name, want := range map[string][]byte{desk.SheetName: ship.expected, "bol.pdf": ship.bills, "orders.csv": ship.orders} {
		_, r, err := p.OpenFile(ctx, st, name)
		must.OK(t, err)
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if _, _, err := p.OpenFile(ctx, st, "../sessions.db"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a path for a name: %v", err)
	}

	removed, err := p.Clear(ctx, key("w1"))
	if err != nil || removed.Files != 2 || removed.Bytes != int64(len(ship.bills)+len(ship.orders)) {
		t.Errorf("clear removed %+v, %v", removed, err)
	}
	p.settles(t, 0)
	if _, err := p.State(ctx, key("w1")); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("the cleared session: %v", err)
	}
}

func TestNewBillsDropTheOrdersAndAddedOnesKeepThem(t *testing.T) {
	p, a, b := newPlace(t), newShipment(t, 1), newShipment(t, 2)
	ctx := t.Context()
	st := p.open(t, key("x"))
	st = p.bills(t, st, false, upload("a.pdf", a.bills))
	st = p.orders(t, st, upload("a.csv", a.orders))
	st = p.bills(t, st, true, upload("b.pdf", b.bills))
	if len(st.BOL) != 2 || st.Orders == nil {
		t.Fatalf("after adding: %d files, orders %v", len(st.BOL), st.Orders)
	}
	s, err := p.Sheet(ctx, st)
	must.OK(t, err)
	if len(s.Rows) != 60 || len(s.Document.Files) != 2 {
		t.Errorf("%d rows of %d files", len(s.Rows), len(s.Document.Files))
	}
	for _, row := range s.Rows {
		if row.Line.File != row.Line.Style.File || row.Line.Style.File > 1 {
			t.Errorf("a line of file %d has its style in file %d", row.Line.File, row.Line.Style.File)
		}
	}
	st = p.bills(t, st, false, upload("b.pdf", b.bills))
	if len(st.BOL) != 1 || st.Orders != nil {
		t.Errorf("after replacing: %d files, orders %v", len(st.BOL), st.Orders)
	}
	if got := p.csv(t, st); got != string(b.unmatched) {
		t.Error("the sheet of the new bills holds something else")
	}
	p.settles(t, 2)
}

func TestAFailedUploadLeavesTheSessionAsItWas(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	ctx := t.Context()
	st := p.attached(t, key("x"), ship)
	broken := errors.New("the client hung up")
	for _, c := range []struct {
		name string
		do   func() error
		code fault.Code
	}{
		{"not a PDF", func() error {
			_, err := p.attachBills(ctx, st, false, upload("x.pdf", []byte("hello")))
			return err
		}, fault.NotAPDF},
		{"the second of two is not a PDF", func() error {
			_, err := p.attachBills(ctx, st, true, upload("b.pdf", ship.bills), upload("x.pdf", []byte("hello")))
			return err
		}, fault.NotAPDF},
		{"half a PDF", func() error {
			_, err := p.attachBills(ctx, st, false, upload("x.pdf", ship.bills[:len(ship.bills)/2]))
			return err
		}, fault.DamagedPDF},
		{"orders without key columns", func() error {
			_, err := p.attachOrders(ctx, st, upload("x.csv", []byte("a,b\n1,2\n")))
			return err
		}, fault.MissingColumns},
		{"an upload that breaks off", func() error {
			_, err := p.attachBills(ctx, st, false, file{name: "x.pdf",
				content: io.MultiReader(bytes.NewReader(ship.bills[:100]), iotest.ErrReader(broken))})
			return err
		}, fault.Internal},
		{"nothing", func() error {
			_, err := p.attachBills(ctx, st, false)
			return err
		}, fault.NoUpload},
	} {
		if err := c.do(); fault.CodeOf(err) != c.code {
			t.Errorf("%s: got %s, %v; want %s", c.name, fault.CodeOf(err), err, c.code)
		}
		now, err := p.State(ctx, key("x"))
		if err != nil || now.Revision != st.Revision {
			t.Errorf("%s: the session changed: %+v, %v", c.name, now, err)
		}
		if got := p.csv(t, now); got != string(ship.expected) {
			t.Errorf("%s: the sheet changed", c.name)
		}
	}
	p.settles(t, 4)
}

// gate is an upload that waits in the middle until it is released.
type gate struct {
	io.Reader
	reached, open chan struct{}
	once          sync.Once
}

func newGate(b []byte) *gate {
	g := &gate{reached: make(chan struct{}), open: make(chan struct{})}
	g.Reader = io.MultiReader(bytes.NewReader(b[:len(b)/2]), g.stop(), bytes.NewReader(b[len(b)/2:]))
	return g
}

func (g *gate) stop() io.Reader {
	return readerFunc(func([]byte) (int, error) {
		g.once.Do(func() { close(g.reached) })
		<-g.open
		return 0, io.EOF
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAResetDuringAnUploadWins(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	ctx := t.Context()
	for name, reset := range map[string]func() error{
		"new":   func() error { _, _, err := p.Begin(ctx, key("x"), session.Named); return err },
		"clear": func() error { _, err := p.Clear(ctx, key("x")); return err },
		"clear and open": func() error {
			_, err := p.Clear(ctx, key("x"))
			_, err2 := p.Open(ctx, key("x"), session.Named)
			return errors.Join(err, err2)
		},
	} {
		st := p.open(t, key("x"))
		g := newGate(ship.bills)
		done := make(chan error)
		go func() {
			_, err := p.attachBills(ctx, st, false, file{name: "bol.pdf", content: g})
			done <- err
		}()
		<-g.reached
		must.OK(t, reset())
		close(g.open)
		if err := <-done; fault.CodeOf(err) != session.Superseded {
			t.Errorf("%s: the upload ends with %v", name, err)
		}
		if now, err := p.State(ctx, key("x")); err == nil && len(now.Inputs()) > 0 {
			t.Errorf("%s: something of the upload is in the session", name)
		}
	}
	p.settles(t, 0)
}

func TestReadingAgainKeepsTheSheet(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	ctx := t.Context()
	st := p.open(t, key("x"))
	if _, _, err := p.Reread(ctx, st); fault.CodeOf(err) != desk.NoBOL {
		t.Errorf("reading nothing again: %v", err)
	}
	st = p.bills(t, st, false, upload("bol.pdf", ship.bills))
	st = p.orders(t, st, upload("orders.csv", ship.orders))
	st, _, err := p.Reread(ctx, st)
	must.OK(t, err)
	if got := p.csv(t, st); got != string(ship.expected) {
		t.Error("the sheet is another one after reading again")
	}
	p.settles(t, 4)
}

func TestFilesOfOneNameAreToldApart(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	ctx := t.Context()
	st := p.open(t, key("x"))
	st = p.bills(t, st, false,
		upload("bol.pdf", ship.bills), upload("bol.pdf", ship.bills), upload(desk.SheetName, ship.bills), upload("../../etc/passwd", ship.bills))
	list, err := p.Files(ctx, st)
	must.OK(t, err)
	seen := map[string]bool{}
	for _, f := range list {
		if seen[f.Name] || strings.ContainsAny(f.Name, "/\x00") {
			t.Errorf("a file is called %q among %+v", f.Name, list)
		}
		seen[f.Name] = true
		_, r, err := p.OpenFile(ctx, st, f.Name)
		must.OK(t, err)
		n, err := io.Copy(io.Discard, r)
		r.Close()
		if err != nil || n != f.Size {
			t.Errorf("%q: %d bytes of %d, %v", f.Name, n, f.Size, err)
		}
	}
}

func TestAPageOfASessionAsAPicture(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	ctx := t.Context()
	st := p.open(t, key("x"))
	st = p.bills(t, st, false, upload("bol.pdf", ship.bills))
	pic, err := p.Picture(ctx, st, 0, 1, 300)
	if err != nil || !bytes.HasPrefix(pic.PNG, []byte("\x89PNG")) || pic.PageWidth != 612 || pic.PageHeight != 792 {
		t.Errorf("%+v, %v", pic, err)
	}
	for _, at := range [][2]int{{1, 1}, {-1, 1}, {0, 99}} {
		if _, err := p.Picture(ctx, st, at[0], at[1], 300); err == nil {
			t.Errorf("there is a picture of file %d, page %d", at[0], at[1])
		}
	}
}

func TestSessionsAtOnceDoNotMix(t *testing.T) {
	p := newPlace(t)
	ships := []shipment{newShipment(t, 1), newShipment(t, 2)}
	must.AtOnce(12, func(i int) {
		ctx := context.Background()
		ship := ships[i%2]
		k := key(string(rune('a' + i)))
		st, _, err := p.Begin(ctx, k, session.Named)
		if err == nil {
			st, err = p.attachBills(ctx, st, false, upload("bol.pdf", ship.bills))
		}
		if err == nil {
			st, err = p.attachOrders(ctx, st, upload("orders.csv", ship.orders))
		}
		if err != nil {
			t.Error(err)
			return
		}
		if got := p.csv(t, st); got != string(ship.expected) {
			t.Errorf("session %s has another one's sheet", k.ID)
		}
	})
}

// Orders, and bills to add, belong to the bills that the session had when the upload
// began. Another server may replace and delete these before the upload looks at them.
func TestAnUploadBesideBillsThatWereReplacedMeanwhileIsRefused(t *testing.T) {
	ctx := t.Context()
	p, first, second := newPlace(t), newShipment(t, 1), newShipment(t, 2)
	// This desk does not know of the change yet.
	other := *p
	other.Desk = desk.New(p.sessions, p.contents, p.reader, desk.Limits{})
	empty := p.open(t, key("x"))
	old := p.bills(t, empty, false, upload("1.pdf", first.bills))
	now := p.bills(t, empty, false, upload("2.pdf", second.bills))
	p.settles(t, 2)
	if _, err := other.attachOrders(ctx, old, upload("o.csv", first.orders)); fault.CodeOf(err) != session.Changed {
		t.Fatalf("orders: %v", err)
	}
	if _, err := other.attachBills(ctx, old, true, upload("3.pdf", first.bills)); fault.CodeOf(err) != session.Changed {
		t.Fatalf("bills to add: %v", err)
	}
	p.settles(t, 2)
	if st, err := p.State(ctx, key("x")); err != nil || len(st.Inputs()) != 1 || st.BOL[0].Name != "2.pdf" {
		t.Errorf("after the refusals: %+v, %v", st, err)
	}
	// Bills that were added or read again leave those that were there.
	p.bills(t, now, true, upload("3.pdf", first.bills))
	_, _, err := p.Reread(ctx, now)
	must.OK(t, err)
	got, err := other.attachOrders(ctx, now, upload("o.csv", second.orders))
	if err != nil || len(got.BOL) != 2 || got.Orders == nil {
		t.Errorf("orders for bills that others were added to: %+v, %v", got, err)
	}
	if got, err = other.attachBills(ctx, empty, true, upload("4.pdf", first.bills)); err != nil || len(got.BOL) != 3 {
		t.Errorf("bills to add to a session that had none: %+v, %v", got, err)
	}
	_, _, err = p.Begin(ctx, key("x"), session.Named)
	must.OK(t, err)
	p.settles(t, 0)
	if _, err := other.attachBills(ctx, old, true, upload("3.pdf", first.bills)); fault.CodeOf(err) != session.Superseded {
		t.Errorf("after a reset: %v", err)
	}
}

func TestOneFileTwiceIsCountedAndSaidOnce(t *testing.T) {
	p := newPlace(t)
	ship := newShipment(t, 1)
	st := p.open(t, key("twice"))
	st = p.bills(t, st, false, upload("a.pdf", ship.bills))
	once := p.csv(t, st)
	st = p.bills(t, st, true, upload("b.pdf", ship.bills))
	if p.csv(t, st) != once {
		t.Error("the sheet is another one")
	}
	s, err := p.Sheet(t.Context(), st)
	must.OK(t, err)
	if found := s.ToCheck(); len(found) != 1 || found[0].Kind != string(bol.DuplicateFile) || found[0].Severity.Strict() {
		t.Errorf("the findings are %v", found)
	}
}

func TestOfOneBadFileAmongSeveralTheFateOfEachIsTold(t *testing.T) {
	p := newPlace(t)
	ship := newShipment(t, 1)
	st := p.open(t, key("fates"))
	bad := func(name string) file { return upload(name, []byte("Dear Sir")) }
	_, err := p.attachBills(t.Context(), st, false, bad("x.pdf"), upload("good.pdf", ship.bills), bad("y.pdf"))
	if fault.CodeOf(err) != fault.NotAPDF {
		t.Fatal(err)
	}
	for _, want := range []string{"x.pdf: the file is not a PDF", "; good.pdf: read", "; y.pdf: the file is not a PDF"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}
