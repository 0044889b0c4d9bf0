package sheet

import (
	"strconv"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"tallyman/internal/orders"
	"tallyman/internal/testing/must"
)

// hundredths parses a figure with at most two decimals, without the arithmetic of the
// product.
func hundredths(t *testing.T, s string) int {
	t.Helper()
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.Atoi(whole + (fraction + "00")[:2])
	must.OK(t, err)
	return n
}

func TestTheSampleByOtherRulesOfPallets(t *testing.T) {
	doc, table := sample(t)
	rules := DefaultRules()
	rules.CubePerPallet = decimal.NewFromInt(65)
	s := rules.Make(doc, table)
	want, all := Make(doc, table), 0
	for i := range s.Rows {
		got, before := s.Rows[i].Cells, want.Rows[i].Cells
		if got[invoiceNo] != before[invoiceNo] || got[style] != before[style] || got[bolCube] != before[bolCube] {
			t.Fatalf("row %d is another: %v", i, got)
		}
		if before[pallet] == "" {
			if got[pallet]+got[finalCube]+got[burlingtonCube] != "" {
				t.Errorf("row %d, which is not the first of its bill, has pallets", i)
			}
			continue
		}
		pallets := (hundredths(t, got[bolCube]) + 6499) / 6500
		all += pallets
		final, burlington := strconv.Itoa(130*pallets), ""
		if strings.Contains(strings.ToLower(got[shipToName]), "burlington") {
			final, burlington = "", strconv.Itoa(93*pallets)
		}
		if got[pallet] != strconv.Itoa(pallets) || got[finalCube] != final || got[burlingtonCube] != burlington {
			t.Errorf("bill %s with %s cubic feet has %s pallets, %q and %q; want %d, %q and %q",
				got[invoiceNo], got[bolCube], got[pallet], got[finalCube], got[burlingtonCube], pallets, final, burlington)
		}
	}
	if all <= 180 {
		t.Errorf("%d pallets of 65 cubic feet; there are 180 of 80", all)
	}
}

// houseRules are rules that differ in everything from the default ones.
func houseRules() Rules {
	r := DefaultRules()
	r.Version = "abc"
	r.CubePerPallet, r.FinalPerPallet = decimal.RequireFromString("62.5"), decimal.NewFromInt(100)
	r.ByName = []ByName{{ShipTo: "ROSS", FinalCube: decimal.RequireFromString("90.5"), Column: "Final Cube"}}
	r.Aliases = map[string][]string{"Ross Stores": {"ROSS STR", "Rss"}}
	r.Columns = []string{"Style", "Warehouse", "Ship To Name", "Pallet", "Final Cube", "Customer", "Cancel Date"}
	r.Headings = map[string]string{"Style": "=Item"}
	r.Constants = map[string]string{"Warehouse": "East, 2", "Customer": "ACME"}
	r.Dates = orders.DayFirst
	return r
}

func TestTheRulesOfAHouse(t *testing.T) {
	doc := document(
		bill("A1", "125.00", "10", "20.0", line("1", "S1", "10", "20.0")),
		bill("A2", "125.01", "10", "20.0", line("1", "S2", "10", "20.0")),
		bill("A3", "1.00", "10", "20.0", line("1", "S3", "10", "20.0")))
	export := table(
		order("A1", "S1", "1", "10", "ross  str", "03/04/2025"),
		order("A2", "S2", "1", "10", "RSS", "04/03/2025"),
		order("A3", "S3", "1", "10", "Burlington", "05/03/2025"))
	s := houseRules().Make(doc, export)
	// The 4th of March is before the 3rd of April; both ship-tos are one.
	const want = `'=Item,Warehouse,Ship To Name,Pallet,Final Cube,Customer,Cancel Date
S2,"East, 2",Ross Stores,3,271.5,ACME,03042025
S1,"East, 2",Ross Stores,2,181,ACME,04032025
S3,"East, 2",Burlington,1,100,ACME,03052025
`
	sameText(t, csvOf(t, s), want)
	if export.Rows[0].ShipTo != "ross  str" {
		t.Error("the order export was changed")
	}
	said := false
	for _, f := range s.Findings {
		said = said || f.Kind == string(AliasedShipTo) && f.Severity == Info && strings.Contains(f.Text, `"Ross Stores" for "RSS"`)
	}
	if !said {
		t.Error("nothing says that ship-tos were renamed")
	}

	v := viewOf(t, jsonOf(t, s))
	if v.Profile == nil || v.Profile.Version != "abc" || len(v.Profile.Columns) != 7 ||
		v.Profile.Columns[0] != (ShownView{"Style", "=Item", ""}) || v.Profile.Columns[1] != (ShownView{"Warehouse", "Warehouse", "East, 2"}) {
		t.Errorf("the profile in JSON is %+v", v.Profile)
	}
	if len(v.Columns) != len(Columns) || v.Rows[0].Cells[10].Text != "ACME" || v.Rows[0].Cells[shipToName].Text != "Ross Stores" {
		t.Errorf("rows in JSON lack cells: %+v", v.Rows[0])
	}

	got, err := openXLSX(t, xlsxOf(t, s)).GetRows(tabName)
	must.OK(t, err)
	if strings.Join(got[0], "|") != "=Item|Warehouse|Ship To Name|Pallet|Final Cube|Customer|Cancel Date" ||
		strings.Join(got[1], "|") != "S2|East, 2|Ross Stores|3|271.5|ACME|03/04/2025" {
		t.Errorf("the workbook has %q and %q", got[0], got[1])
	}
}

func TestWithoutAProfileJSONNamesNone(t *testing.T) {
	if b := string(jsonOf(t, Make(document(), nil))); strings.Contains(b, "profile") {
		t.Error(b)
	}
}
