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
	st, err = p.attachBills(ctx, st, false, []file{upload("bol.pdf", ship.bills)}, nil)
	must.OK(t, err)
	p.settles(t, 2) // they are pending until after the answer
	for after := blob.Key(""); ; {
		items, next, err := p.contents.List(ctx, after, 100)
		must.OK(t, err)
		for _, it := range items {
			must.OK(t, p.contents.Delete(ctx, it.Key))
		}
		if after = next; next == "" {
			break
		}
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
	if _, err := p.attachBills(ctx, st, false, []file{upload("bol.pdf", ship.bills)}, nil); err != nil {
		t.Errorf("uploading the bills again: %v", err)
	}
	_, err = p.Clear(ctx, key("s"))
	must.OK(t, err)
	if err := p.Look(ctx, st, sheet); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("after the session was cleared: %v", err)
	}
}
