package desk_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tallyman/internal/blob"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/sample"
	"tallyman/internal/session"
	"tallyman/internal/sheet"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// counting is a store of contents that counts how often one is opened, and that can
// block.
type counting struct {
	blob.Store
	opened atomic.Int64
	held   chan struct{} // opening waits until it is closed, unless it is nil
}

func (c *counting) Open(ctx context.Context, ref blob.Ref) (blob.Reader, error) {
	c.opened.Add(1)
	if c.held != nil {
		select {
		case <-c.held:
		case <-ctx.Done():
			return nil, fault.Ended(ctx.Err())
		}
	}
	return c.Store.Open(ctx, ref)
}

// cold returns a desk over the same stores, with an empty cache.
func (p *place) cold(contents blob.Store, limits desk.Limits) *desk.Desk {
	return desk.New(p.sessions, contents, p.reader, limits)
}

func withOrders(t *testing.T, p *place, id string) (session.State, shipment) {
	t.Helper()
	ship := newShipment(t, 1)
	return p.attached(t, key(id), ship), ship
}

func TestListingFilesMakesNoSheet(t *testing.T) {
	p := newPlace(t)
	st, ship := withOrders(t, p, "s")
	contents := &counting{Store: p.contents}
	cold := p.cold(contents, desk.Limits{})
	size := func(st session.State) int64 {
		t.Helper()
		files, err := cold.Files(t.Context(), st)
		if err != nil || len(files) < 2 || files[0].Name != desk.SheetName {
			t.Fatal(files, err)
		}
		return files[0].Size
	}
	if got := size(st); got != int64(len(ship.expected)) || contents.opened.Load() != 0 {
		t.Errorf("the sheet has %d bytes, want %d; %d contents were opened", got, len(ship.expected), contents.opened.Load())
	}
	// After reading again the size is still known.
	st, _, err := p.Reread(t.Context(), st)
	must.OK(t, err)
	if got := size(st); got != int64(len(ship.expected)) || contents.opened.Load() != 0 {
		t.Errorf("after reading again: %d bytes, %d contents were opened", got, contents.opened.Load())
	}
	// A size that was stored for other files is not used.
	more := newShipment(t, 2)
	late := p.bills(t, st, true, upload("c.pdf", more.bills))
	late.BOL = []session.Input{late.BOL[1], late.BOL[0]}
	csv, err := p.cold(p.contents, desk.Limits{}).CSV(t.Context(), late)
	must.OK(t, err)
	if got := size(late); got != int64(len(csv)) || contents.opened.Load() == 0 {
		t.Errorf("of other files: %d bytes, want %d; %d contents were opened", got, len(csv), contents.opened.Load())
	}
}

func TestASheetIsMadeOnceForAllWhoWait(t *testing.T) {
	p := newPlace(t)
	st, ship := withOrders(t, p, "s")
	contents := &counting{Store: p.contents, held: make(chan struct{})}
	cold := p.cold(contents, desk.Limits{})
	var all sync.WaitGroup
	hungUp, hangUp := context.WithCancel(t.Context())
	for i := range 20 {
		all.Go(func() {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = hungUp
			}
			csv, err := cold.CSV(ctx, st)
			if i%2 == 0 && fault.CodeOf(err) == fault.Cancelled {
				return
			}
			if err != nil || string(csv) != string(ship.expected) {
				t.Errorf("%v, %d bytes", err, len(csv))
			}
		})
	}
	for contents.opened.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	hangUp()
	close(contents.held)
	all.Wait()
	if n := contents.opened.Load(); n != 2 { // bills and orders
		t.Errorf("%d contents were opened", n)
	}
}

func TestASheetThatNobodyWaitsForIsNotMade(t *testing.T) {
	p := newPlace(t)
	st, ship := withOrders(t, p, "s")
	contents := &counting{Store: p.contents, held: make(chan struct{})}
	cold := p.cold(contents, desk.Limits{})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := cold.Sheet(ctx, st)
		failed <- err
	}()
	for contents.opened.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-failed; fault.CodeOf(err) != fault.Cancelled {
		t.Errorf("%v", err)
	}
	// The next request does not get the result of the cancelled one.
	go close(contents.held)
	if csv, err := cold.CSV(t.Context(), st); err != nil || string(csv) != string(ship.expected) {
		t.Errorf("%v, %d bytes", err, len(csv))
	}
}

func TestASessionHoldsNoMoreLinesThanASheetMayHave(t *testing.T) {
	p := newPlace(t) // shipments have 30 lines
	ship, more := newShipment(t, 1), newShipment(t, 2)
	limited := &place{Desk: p.cold(p.contents, desk.Limits{Lines: 40}), contents: p.contents, reader: p.reader, sessions: p.sessions}
	st := limited.open(t, key("s"))
	st = limited.bills(t, st, false, upload("b.pdf", ship.bills))
	_, err := limited.attachBills(t.Context(), st, true, upload("c.pdf", more.bills))
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != fault.TooLarge || !strings.Contains(f.Message, "60 lines") {
		t.Errorf("%v", err)
	}
	csv, err := limited.CSV(t.Context(), st)
	if err != nil || string(csv) != string(ship.unmatched) {
		t.Errorf("the session is not what it was: %v", err)
	}
	p.settles(t, 2)
}

// The data of a session must not stay in memory after the session.
func TestTheSheetOfWhatWasRemovedIsNotKept(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	ctx := t.Context()
	gone := func(st session.State, when string) {
		t.Helper()
		if _, err := p.Sheet(ctx, st); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("%s, and there is a sheet (%v)", when, err)
		}
	}
	attach := func(id string) (bills, both session.State) {
		t.Helper()
		st, _, err := p.Begin(ctx, key(id), session.Named)
		must.OK(t, err)
		bills = p.bills(t, st, false, upload("bol.pdf", ship.bills))
		both = p.orders(t, bills, upload("orders.csv", ship.orders))
		return bills, both
	}
	other, otherBoth := attach("other")
	bills, both := attach("s")
	again := p.bills(t, both, false, upload("bol.pdf", ship.bills))
	p.settles(t, 6) // each file, and what was read from it
	gone(bills, "the bills were replaced")
	gone(both, "the bills were replaced and the orders dropped")
	_, err := p.Clear(ctx, key("s"))
	must.OK(t, err)
	p.settles(t, 4)
	gone(again, "the session was cleared")
	if p.csv(t, other) != string(ship.unmatched) || p.csv(t, otherBoth) != string(ship.expected) {
		t.Error("another session's sheet is another now")
	}
	// Another component removes what expires, and reports it.
	must.OK(t, p.contents.Delete(ctx, otherBoth.Contents()...))
	p.Forget(otherBoth.Contents())
	gone(otherBoth, "the session expired")
}

// upgraded is a store of contents in which the readings have another version's format.
type upgraded struct {
	blob.Store
	reading blob.Key
}

type otherForm struct {
	*strings.Reader
	io.Closer
}

func (u upgraded) Open(ctx context.Context, ref blob.Ref) (blob.Reader, error) {
	r, err := u.Store.Open(ctx, ref)
	if err == nil && ref.Key == u.reading {
		return otherForm{strings.NewReader("a form that nobody knows"), r}, nil
	}
	return r, err
}

func TestWhatAnotherVersionStoredIsReadAgain(t *testing.T) {
	p := newPlace(t)
	st, ship := withOrders(t, p, "s")
	d := p.cold(upgraded{p.contents, st.BOL[0].Reading.Key}, desk.Limits{})
	if csv, err := d.CSV(t.Context(), st); err != nil || string(csv) != string(ship.expected) {
		t.Errorf("the sheet after an upgrade: %v, %.100s", err, csv)
	}
	st, _, err := d.Reread(t.Context(), st)
	must.OK(t, err)
	if csv, err := p.cold(p.contents, desk.Limits{}).CSV(t.Context(), st); err != nil || string(csv) != string(ship.expected) {
		t.Errorf("the sheet after reading again: %v, %.100s", err, csv)
	}
}

// However many requests use a sheet, it is in memory once, and its memory is given back
// when none does.
func TestASheetThatIsUsedIsSharedAndItsMemoryIsGivenBack(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	st := p.attached(t, key("x"), ship)
	one, err := p.Sheet(t.Context(), st)
	must.OK(t, err)
	p.Spill() // it is not cached any more
	two, err := p.Sheet(t.Context(), st)
	if err != nil || one != two {
		t.Errorf("another request got %p, not %p, %v", two, one, err)
	}
	book, done, err := p.Workbook(t.Context(), session.Local, len(one.Rows), func(w io.Writer) error { return sheet.WriteXLSX(w, one) })
	if err != nil || len(book) == 0 {
		t.Fatal(err)
	}
	if used, most := p.Memory(); used < int64(len(book)) || used > most {
		t.Errorf("%d of %d bytes are taken", used, most)
	}
	done()
	done()
	p.Spill()
	// Nothing uses the sheet any more. What gives its memory back runs beside, at some time
	// after a collection; the limit is that of the whole test.
	for {
		runtime.GC()
		if used, _ := p.Memory(); used == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestWhatDoesNotFitIntoMemoryIsRefused(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	small := *p
	small.Desk = desk.New(p.sessions, p.contents, p.reader, desk.Limits{Memory: 1 << 10})
	st := p.open(t, key("x"))
	if _, err := small.attachBills(t.Context(), st, false, upload("a.pdf", ship.bills)); fault.CodeOf(err) != fault.TooLarge {
		t.Errorf("an upload: %v", err)
	}
	st = p.bills(t, st, false, upload("a.pdf", ship.bills))
	if _, err := small.Sheet(t.Context(), st); fault.CodeOf(err) != fault.TooLarge {
		t.Errorf("a download: %v", err)
	}
	if used, _ := small.Memory(); used != 0 {
		t.Errorf("%d bytes are taken in the end", used)
	}
}

// Requests that accept what nothing proves share one sheet, within the budget of memory.
func TestAnAcceptedSheetIsMadeOnceAndTakesItsMemory(t *testing.T) {
	p := newPlace(t)
	invented := shipments.Sample(t, sample.Options{Form: sample.Short, Bills: 4, Lines: 6, Seed: 1})
	bills := must.Written(t, invented.WritePDF)
	st := p.open(t, key("s"))
	st = p.bills(t, st, false, upload("b.pdf", bills))
	s, err := p.Sheet(t.Context(), st)
	if err != nil || s.Document.Held() == 0 {
		t.Fatal(s, err)
	}
	before, _ := p.Memory()
	accepted, err := p.Accepted(t.Context(), session.Local, s)
	if err != nil || len(accepted.Rows) != len(s.Rows)+s.Document.Held() {
		t.Fatalf("of %d rows and %d lines held it has %d rows: %v", len(s.Rows), s.Document.Held(), len(accepted.Rows), err)
	}
	if taken, _ := p.Memory(); taken <= before {
		t.Errorf("it takes no memory: %d bytes, before %d", taken, before)
	}
	if again, err := p.Accepted(t.Context(), session.Local, s); again != accepted || err != nil {
		t.Errorf("the second request makes another: %v", err)
	}
	tight := p.cold(p.contents, desk.Limits{Memory: 1})
	if _, err := tight.Accepted(t.Context(), session.Local, s); fault.CodeOf(err) != fault.TooLarge {
		t.Errorf("without room: %v", err)
	}
	runtime.KeepAlive(accepted)
}
