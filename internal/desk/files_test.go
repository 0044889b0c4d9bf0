package desk_test

import (
	"testing"

	"tallyman/internal/blob"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// Contents that are missing while their session is alive, as when a disk is not
// mounted, are the server's fault. The session has not expired.
func TestAMissingContentIsNoExpiredSession(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	ctx := t.Context()
	st, _, err := p.Begin(ctx, key("s"), session.Named)
	must.OK(t, err)
	st = p.bills(t, st, false, upload("bol.pdf", ship.bills))
	p.settles(t, 2) // they are pending until after the answer
	for it, err := range blob.All(ctx, p.contents, 100) {
		must.OK(t, err)
		must.OK(t, p.contents.Delete(ctx, it.Key))
	}
	p.Desk = desk.New(p.sessions, p.contents, p.reader, desk.Limits{}) // without a sheet in memory
	sheet := func(st session.State) error {
		_, err := p.Sheet(ctx, st)
		return err
	}
	if err := p.Look(ctx, st, sheet); fault.CodeOf(err) != blob.Damaged {
		t.Errorf("the sheet: %v", err)
	}
	if err := p.Look(ctx, st, func(st session.State) error {
		_, _, err := p.OpenFile(ctx, st, "bol.pdf")
		return err
	}); fault.CodeOf(err) != blob.Damaged {
		t.Errorf("the uploaded file: %v", err)
	}
	if _, err := p.attachOrders(ctx, st, upload("orders.csv", ship.orders)); fault.CodeOf(err) != blob.Damaged {
		t.Errorf("orders beside the bills: %v", err)
	}
	if _, err := p.attachBills(ctx, st, false, upload("bol.pdf", ship.bills)); err != nil {
		t.Errorf("uploading the bills again: %v", err)
	}
	_, err = p.Clear(ctx, key("s"))
	must.OK(t, err)
	if err := p.Look(ctx, st, sheet); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("after the session was cleared: %v", err)
	}
}
