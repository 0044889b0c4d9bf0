package desk_test

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tallyman/internal/blob"
	"tallyman/internal/bol"
	"tallyman/internal/desk"
	"tallyman/internal/fault"
	"tallyman/internal/profile"
	"tallyman/internal/session"
	"tallyman/internal/testing/must"
)

// put writes the profile of an owner over the newest one.
func (p *place) put(t *testing.T, owner session.Owner, text string) *profile.Profile {
	t.Helper()
	now, err := p.Profile(t.Context(), owner)
	if err == nil {
		now, err = p.PutProfile(t.Context(), owner, now.Revision, []byte(text))
	}
	must.OK(t, err)
	return now.Profile
}

// pallets checks that each bill of a sheet has the pallets of its cube, and returns their
// sum.
func pallets(t *testing.T, sheet string, cube float64) (sum int) {
	t.Helper()
	rows := must.CSV(t, strings.NewReader(sheet))
	at := func(name string) int { return slices.Index(rows[0], name) }
	for _, row := range rows[1:] {
		if row[at("Total Pieces")] == "" {
			continue // not the first row of its bill
		}
		c, err := strconv.ParseFloat(row[at("BOL Cube")], 64)
		if got := row[at("Pallet")]; err != nil || got != strconv.Itoa(int(math.Ceil(c/cube))) {
			t.Errorf("a bill of %s cubic feet has %s pallets of %v", row[at("BOL Cube")], got, cube)
		}
		n, _ := strconv.Atoi(row[at("Pallet")])
		sum += n
	}
	return sum
}

func TestTwoOwnersWithTwoProfilesGetTwoSheetsOfTheSameFiles(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	p.put(t, "a", "[pallets]\ncube = 20\n")
	p.put(t, "b", "[pallets]\ncube = 7.5\n[sheet]\nheadings = { \"Invoice No.\" = \"BOL\" }")
	var states []session.State
	for _, owner := range []session.Owner{"a", "b", "c"} {
		states = append(states, p.attached(t, of(owner, "x"), ship))
	}
	for range 2 {
		a, b, c := p.csv(t, states[0]), p.csv(t, states[1]), p.csv(t, states[2])
		if x, y, z := pallets(t, a, 20), pallets(t, b, 7.5), pallets(t, c, 80); !(y > x && x > z) {
			t.Errorf("%d, %d and %d pallets", x, y, z)
		}
		if strings.Contains(a, "BOL,Style") || !strings.Contains(b, ",BOL,Style,") || c != string(ship.expected) {
			t.Error("a sheet has the columns of another profile")
		}
		p.Spill() // the second time they are made of what is stored
	}
	// Without a profile, what is stored is what programs without profiles store.
	for i, st := range states {
		b, err := blob.ReadAll(t.Context(), p.contents, st.BOL[0].Reading)
		must.OK(t, err)
		if _, err := bol.DecodePages(b); (err == nil) != (i == 2) {
			t.Errorf("for a program without profiles, the bills of %s are: %v", st.Key.Owner, err)
		}
	}
}

func TestASessionKeepsTheProfileOfItsBillsUntilTheyAreReadAgain(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	ctx := t.Context()
	first := p.put(t, session.Local, "[pallets]\ncube = 20\n")
	st := p.open(t, key("x"))
	// The profile changes while the bills are uploaded, and again afterwards.
	in, err := p.Receive(ctx, session.Local)
	must.OK(t, err)
	defer in.Discard()
	p.put(t, session.Local, "[pallets]\ncube = 30\n")
	must.OK(t, p.receive(ctx, in, session.BOL, []file{upload("bol.pdf", ship.bills)}))
	st, s, err := p.AttachBills(ctx, st, false, in, nil)
	if err != nil || s.Profile() != first.Sheet.Version {
		t.Fatalf("the profile is %q, want %q (%v)", s.Profile(), first.Sheet.Version, err)
	}
	second := p.put(t, session.Local, "[orders.columns]\nbill_number = [\"Num\"]\n[pallets]\ncube = 40\n")
	for range 2 {
		st = p.orders(t, st, upload("orders.csv", ship.orders))
		pallets(t, p.csv(t, st), 20)
		p.Spill()
		pallets(t, p.csv(t, st), 20)
	}
	// More bills belong to the same workflow.
	more := newShipment(t, 2)
	st = p.bills(t, st, true, upload("more.pdf", more.bills))
	if s, err := p.Sheet(ctx, st); err != nil || s.Profile() != first.Sheet.Version {
		t.Errorf("after more bills the profile is %q (%v)", s.Profile(), err)
	}
	if st, s, err = p.Reread(ctx, st); err != nil || s.Profile() != second.Sheet.Version {
		t.Fatalf("after reading again the profile is %q, want %q (%v)", s.Profile(), second.Sheet.Version, err)
	}
	p.Spill()
	if s, err := p.Sheet(ctx, st); err != nil || s.Profile() != second.Sheet.Version || len(s.Orders.Rows) == 0 {
		t.Errorf("made again, the profile is %q (%v)", s.Profile(), err)
	}
	// New bills begin with the newest profile.
	st = p.bills(t, st, false, upload("bol.pdf", ship.bills))
	if s, err := p.Sheet(ctx, st); err != nil || s.Profile() != second.Sheet.Version {
		t.Errorf("new bills have the profile %q (%v)", s.Profile(), err)
	}
}

// renamed is the order export with other names of columns.
func (s shipment) renamed() []byte {
	return []byte(strings.NewReplacer("Invoice No.", "Num", "Cartons*", "Boxed", "Ship-to Name", "Goes where").Replace(string(s.orders)))
}

func TestColumnsOfAnOrderExportAreMappedOnceOrRemembered(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	ctx := t.Context()
	st := p.attached(t, key("x"), ship)
	mapping := []string{"Num=bill number", "Boxed=Cartons", "goes WHERE=ship-to"}
	attach := func(columns ...string) error {
		in, err := p.Receive(ctx, session.Local)
		must.OK(t, err)
		defer in.Discard()
		if err := in.MapColumns(columns); err != nil {
			return err
		}
		must.OK(t, p.receive(ctx, in, session.Orders, []file{upload("orders.csv", ship.renamed())}))
		next, _, err := p.AttachOrders(ctx, st, false, in)
		if err == nil {
			st = next
		}
		return err
	}
	for want, columns := range map[fault.Code][]string{
		fault.MissingColumns: {"Num=bill number"},
		fault.BadRequest:     {"Num=bill number", "Boxed=Cartons", "Total=pieces"},
	} {
		if err := attach(columns...); fault.CodeOf(err) != want {
			t.Errorf("the mapping %q: %v", columns, err)
		}
	}
	if err := attach("Num=nothing"); fault.CodeOf(err) != fault.BadRequest {
		t.Errorf("an unknown meaning: %v", err)
	}
	if err := attach(slices.Repeat([]string{"Num=bill number"}, 300)...); fault.CodeOf(err) != fault.BadRequest {
		t.Errorf("a long mapping: %v", err)
	}
	must.OK(t, attach(mapping...))
	same := func(when string) {
		t.Helper()
		p.Spill()
		if got := p.csv(t, st); got != string(ship.expected) {
			t.Errorf("%s: the sheet is another one", when)
		}
	}
	same("mapped once")
	// Read by another profile, the export keeps its mapping.
	var err error
	own := p.put(t, session.Local, "[orders]\ndates = \"month first\"")
	st, _, err = p.Reread(ctx, st)
	must.OK(t, err)
	var kept desk.OrdersSummary
	if err := json.Unmarshal(st.Orders[0].Summary, &kept); err != nil || kept.Profile != own.Sheet.Version || !slices.Equal(kept.Columns, mapping) {
		t.Errorf("what is kept of the orders is %+v (%v)", kept, err)
	}
	same("read by another profile")
	// Once means once.
	if err := attach(); fault.CodeOf(err) != fault.MissingColumns {
		t.Errorf("the next export: %v", err)
	}
	// What is remembered also counts for the session that it was remembered in.
	_, err = p.Remember(ctx, session.Local, mapping)
	must.OK(t, err)
	if err := attach(); err != nil {
		t.Errorf("after it was remembered: %v", err)
	}
	same("remembered")
	if own, err := p.Profile(ctx, session.Local); err != nil || own.Profile.Sheet.Dates != "month first" || own.Revision != 2 {
		t.Errorf("remembering changed another setting, or wrote more than once: %+v, %v", own, err)
	}
	st, _, err = p.Reread(ctx, st)
	must.OK(t, err)
	same("read again")
	// A profile by which the orders cannot be read leaves the session as it is.
	p.put(t, session.Local, "[orders]\nignored = [\"Style\"]")
	if _, _, err := p.Reread(ctx, st); fault.CodeOf(err) != fault.MissingColumns {
		t.Errorf("a profile that ignores a key column: %v", err)
	}
	same("after a failure")
}

func TestConversionsFollowTheNewestProfile(t *testing.T) {
	p, ship := newPlace(t), newShipment(t, 1)
	p.put(t, "a", "[pallets]\ncube = 20\n[orders.columns]\nbill_number = [\"Num\"]\ncartons = [\"Boxed\"]\nship_to = [\"Goes where\"]")
	for owner, cube := range map[session.Owner]float64{"a": 20, "b": 80} {
		in, err := p.Receive(t.Context(), owner)
		must.OK(t, err)
		defer in.Discard()
		if owner == "b" {
			err = in.MapColumns([]string{"Num=bill_number", "Boxed=cartons", "Goes where=ship_to"})
		}
		if err == nil {
			err = p.receive(t.Context(), in, session.BOL, []file{upload("bol.pdf", ship.bills)})
		}
		if err == nil {
			err = p.receive(t.Context(), in, session.Orders, []file{upload("orders.csv", ship.renamed())})
		}
		must.OK(t, err)
		s, err := p.Convert(t.Context(), owner, in)
		must.OK(t, err)
		pallets(t, csvOf(t, s), cube)
	}
}

func TestAProfileIsCheckedAndComparedWhenItIsWritten(t *testing.T) {
	p := placeWith(t, nil, desk.Limits{})
	if own, err := p.Profile(t.Context(), "a"); err != nil || own.Revision != 0 || own.Profile != nil || string(own.Text) != string(profile.Default().TOML()) {
		t.Errorf("without a profile: %d, %v", own.Revision, err)
	}
	for _, c := range []struct {
		revision int64
		text     string
		code     fault.Code
	}{
		{0, "[pallets]\ncube = 0", profile.BadProfile},
		{1, "", session.ProfileChanged},
		{0, strings.Repeat("#", profile.MostBytes+1), fault.TooLarge},
	} {
		if _, err := p.PutProfile(t.Context(), "a", c.revision, []byte(c.text)); fault.CodeOf(err) != c.code {
			t.Errorf("writing %.20q over %d: %v", c.text, c.revision, err)
		}
	}
	// Another version of the program may know other settings.
	_, err := p.sessions.PutProfile(t.Context(), "a", session.Profile{Content: []byte("later = 1")})
	must.OK(t, err)
	if _, err := p.Receive(t.Context(), "a"); err == nil || fault.CodeOf(err) != fault.Internal || !strings.Contains(err.Error(), `"later"`) {
		t.Errorf("a profile that cannot be understood: %v", err)
	}
}
