package orders

import (
	"testing"

	"github.com/xuri/excelize/v2"

	"tallyman/internal/orders/grid"
	"tallyman/internal/testing/must"
)

// lookupBook returns a workbook with two orders. The ship-to of the first is a formula
// without a computed value.
func lookupBook(t *testing.T, formula string) []byte {
	f := excelize.NewFile()
	defer f.Close()
	must.OK(t, f.SetSheetName("Sheet1", "Orders"))
	for _, name := range []string{"Customers", "It's a list"} {
		_, err := f.NewSheet(name)
		must.OK(t, err)
		for i, r := range [][]any{{"Code", "City", "Name"}, {"c07", "ULM", "DOCK"}, {"C07", "ULM", "SECOND"}, {7, "ULM", "SEVEN"}, {"C08", "ULM", nil}} {
			must.OK(t, f.SetSheetRow(name, cell(0, i+1), &r))
		}
		must.OK(t, f.SetCellFormula(name, "C6", "A1"))
		must.OK(t, f.SetCellValue(name, "A6", "C09"))
	}
	for i, r := range [][]any{{"Invoice No.", "Style", "Cartons", "Pieces", "Ship-to Name", "Code"}, {"G1", "S1", 1, 10, nil, "C07"}, {"G1", "S2", 1, 10, "PIER", 7}} {
		must.OK(t, f.SetSheetRow("Orders", cell(0, i+1), &r))
	}
	must.OK(t, f.SetCellFormula("Orders", "E2", formula))
	return save(t, f)
}

func TestNamesThatWereNeverLookedUpAreLookedUp(t *testing.T) {
	for formula, want := range map[string]string{
		`VLOOKUP("C07",Customers!A:C,3,FALSE)`:           "DOCK",
		`vlookup(F2, Customers!$A$2:$C$9, 3, 0)`:         "DOCK",
		`VLOOKUP($F2,'It''s a list'!A:C,3,FALSE())`:      "DOCK",
		`VLOOKUP(F3,Customers!A:C,3,FALSE)`:              "SEVEN",
		`VLOOKUP("C07",Customers!A3:C9,3,FALSE)`:         "SECOND", // the first of its range
		`VLOOKUP("S2",B:E,4,FALSE)`:                      "PIER",   // of its own sheet
		`VLOOKUP("7",Customers!A:C,3,FALSE)`:             "",       // a text is not a number
		`VLOOKUP("C10",Customers!A:C,3,FALSE)`:           "",       // not there
		`VLOOKUP("C08",Customers!A:C,3,FALSE)`:           "",       // nothing beside it
		`VLOOKUP("C09",Customers!A:C,3,FALSE)`:           "",       // a formula that was not computed itself
		`VLOOKUP("C0*",Customers!A:C,3,FALSE)`:           "",       // not exact
		`VLOOKUP("C07",Customers!A:C,3,TRUE)`:            "",
		`VLOOKUP("C07",Customers!A:C,3)`:                 "",
		`VLOOKUP("C07",Customers!A:B,3,FALSE)`:           "", // outside of the range
		`VLOOKUP("C07",Nobody!A:C,3,FALSE)`:              "",
		`UPPER(VLOOKUP("C07",Customers!A:C,3,FALSE))`:    "",
		`IFERROR(VLOOKUP("C07",Customers!A:C,3,0),"")`:   "",
		`VLOOKUP("C07",[other.xlsx]Customers!A:C,3,0)`:   "",
		`VLOOKUP("C07"&"",Customers!A:C,3,FALSE)`:        "",
		`VLOOKUP("C07",Customers!A:C,3,FALSE)&" IN ULM"`: "",
	} {
		t.Run(formula, func(t *testing.T) {
			table := mustRead(t, lookupBook(t, formula))
			if got := table.Rows[0].ShipTo; got != want {
				t.Errorf("it is %q, want %q", got, want)
			}
			kind := ComputedHere
			if want == "" {
				kind = Uncomputed
			}
			if n := told(t, table, kind); n.Info || n.Row != 2 || n.Column != "Ship-to Name" {
				t.Errorf("the note is %+v", n)
			}
		})
	}
}

func TestLookingUpIsBounded(t *testing.T) {
	l := &lookups{columns: map[sheetColumn]map[int]grid.Cell{}, tables: map[lookupTable]map[grid.Cell]grid.Cell{}}
	for i := range maxLookups {
		l.columns[sheetColumn{0, i}] = nil
	}
	// A further column is not read: there is no workbook to read it from.
	if got := l.column(t.Context(), 1, 0); got != nil {
		t.Errorf("it was read as %v", got)
	}
}
