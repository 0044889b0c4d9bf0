package sheet

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"tallyman/internal/bol"
	"tallyman/internal/orders"
	"tallyman/internal/testing/must"
)

// mixed returns a document and an export with findings of every severity.
func mixed() (*bol.Document, *orders.Table) {
	off := bill("G1", "1.00", "12", "1.0", line("1", "A", "5", "1.0"), line("2", "B", "6", "1.0"))
	off.Verdict = bol.Verdict{Outcome: bol.Mismatched, Checks: []bol.Check{{Field: bol.Pieces, Printed: "12", Sum: "11", State: bol.Differs}}}
	bare := bill("G2", "", "", "", line("3", "C", "7", "1.0"))
	bare.Verdict = bol.Verdict{Outcome: bol.Unchecked, Reason: "no total is printed for pieces"}
	sound := bill("G3", "1.00", "8", "1.0", line("4", "D", "8", "1.0"))
	sound.Verdict.Checks = []bol.Check{{Field: bol.Pieces, Printed: "8", Sum: "8", State: bol.Proved, Unit: "pieces"},
		{Field: bol.Weight, Printed: "1.0", Sum: "1.3", State: bol.Proved, Difference: "-0.3", Unit: "lb"}}
	for _, b := range []*bol.Bill{bare, sound} {
		b.Instructions = []bol.Value{value("HOLD 3 CTNS"), value("FOR QC")}
	}
	doc := document(off, bare, sound)
	doc.Problems = []bol.Problem{
		{Kind: bol.NotABill, Page: 4, Message: "the page is a letter"},
		{Kind: bol.UnreadRow, Bill: "G1", Page: 1, Message: "a row cannot be read"},
		{Kind: "something_new", Page: 5, Message: "somebody must look"},
	}
	return doc, table(
		order("G1", "A", "1", "5", "ROSS", ""), order("G1", "B", "2", "66", "ROSS", ""), order("G3", "D", "4", "8", "ROSS", ""),
		order("G3", "Z", "1", "1", "ROSS", ""), order("G9", "A", "1", "1", "ROSS", ""))
}

func TestTheRowsOfANoteAreNamedOnce(t *testing.T) {
	for text, want := range map[string][2]string{
		`row 2: it is wrong`:                                         {"order row 2", "it is wrong"},
		`row 2, column F ("Ship-to"): it is wrong`:                   {"order row 2", `column F ("Ship-to"): it is wrong`},
		`sheet "A", rows 2, 3, 4 and 57 more, column F ("X"): wrong`: {"order rows 2, 3, 4 and 57 more", `sheet "A", column F ("X"): wrong`},
		`the ship-to is empty in rows 2, 3 and 4`:                    {"order rows 2, 3 and 4", "the ship-to is empty"},
		`the cancel date was not read in row 2: "x"; it is`:          {"order row 2", `the cancel date was not read: "x"; it is`},
		`the bill number is missing in row 2, though others have it`: {"order row 2", "the bill number is missing, though others have it"},
		`they were filled in on 48 rows below`:                       {"", "they were filled in on 48 rows below"},
		`their values differ, first in row 2`:                        {"", "their values differ, first in row 2"},
		`the cell goes on into row 3`:                                {"", "the cell goes on into row 3"},
		`it is empty in rows 3 and 4`:                                {"", "it is empty in rows 3 and 4"}, // of another note
	} {
		if where, rest := rowsOf(text, 2); where != want[0] || rest != want[1] {
			t.Errorf("%q is %q: %q", text, where, rest)
		}
	}
}

func TestFindingsAreOneListTheGravestFirst(t *testing.T) {
	s := Make(mixed())
	var got []string
	for _, f := range s.Findings {
		got = append(got, fmt.Sprintf("%s %s @ %s", f.Severity, f.Kind, f.Where))
		if f.Title == "" || f.Text == "" || f.Severity != Info && f.Action == "" {
			t.Errorf("something is missing in %+v", f)
		}
	}
	want := []string{
		"error unread_row @ bill G1, page 1",
		"error mismatch @ bill G1, page 1",
		"error near_miss @ bill G1, page 1, order row 3",
		"error line_without_order @ bill G2, page 1",
		"warning unchecked @ bill G2, page 1",
		"warning something_new @ page 5",
		"warning order_without_line @ bill G3, order row 5",
		"notice not_a_bill @ page 4",
		"notice orders_of_others @ order row 6",
		"info rounding @ bill G3, page 1",
		"info instructions @ 2 bills",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the findings are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(s.ToCheck()); n != len(want)-2 {
		t.Errorf("%d are to check, want all but the last two", n)
	}
	if text := s.Findings[2].String(); !strings.HasPrefix(text, "Near miss: bill G1, page 1, order row 3: style B: the bill has 2 cartons, 6 pieces, the order 2 cartons, 66 pieces. Compare") {
		t.Error(text)
	}
	if text := s.Findings[len(want)-2].Text; !strings.HasPrefix(text, "weight 0.3 lb;") {
		t.Error(text)
	}
}

func TestProblemsOfADocumentAreStrictUnlessTheSheetIsRightAsItStands(t *testing.T) {
	severities := map[bol.ProblemKind]Severity{
		bol.UnreadRow: Error, bol.TextInTable: Warning, bol.UnreadTotal: Error, bol.MissingPage: Error,
		bol.DuplicatePage: Notice, bol.DifferingPage: Warning, bol.DuplicateFile: Notice, bol.NoNumber: Error,
		bol.NoTextOnPage: Error, bol.NotABill: Notice, bol.UnreadPage: Error, bol.DamagedPage: Error,
		bol.UnsureText: Error, bol.Stamped: Error, bol.Attachment: Error,
	}
	for kind, want := range severities {
		doc := document(bill("G1", "1.00", "5", "1.0", line("1", "A", "5", "1.0")))
		doc.Problems = []bol.Problem{{Kind: kind, Bill: "G1", Page: 1, Message: "look"}}
		s := Make(doc, nil)
		f := findingOf(t, s, string(kind))
		if f.Severity != want {
			t.Errorf("%s gives %+v, want %s", kind, s.Findings, want)
		} else if strict := f.Severity.Strict(); strict == (want == Notice) {
			t.Errorf("%s: strict is %t", kind, strict)
		}
	}
}

func TestTheWorkbookListsAllFindingsAndMarksTheirRows(t *testing.T) {
	s := Make(mixed())
	f := openXLSX(t, xlsxOf(t, s))
	rows, err := f.GetRows(checkTab)
	if err != nil || len(rows) != len(s.Findings)+1 {
		t.Fatalf("%d rows, %v; want %d", len(rows), err, len(s.Findings)+1)
	}
	for i, n := range s.Findings {
		r := append(rows[i+1], "", "") // empty cells at the end are left out
		if r[1] != n.Title || r[2] != n.Where || r[3] != n.Text || r[4] != n.Action {
			t.Errorf("row %d is %q, want %+v", i+2, r, n)
		}
	}
	panes, err := f.GetPanes(checkTab)
	if err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("the panes are %+v, %v", panes, err)
	}
	for i, r := range s.Rows {
		want := map[string]string{"G1": fills[wrong], "G2": fills[wrong], "G3": fills[doubtful]}[r.Bill.Number.Text]
		for _, col := range []int{0, cartons, len(Columns) - 1} {
			if got := fillOf(t, f, cellName(t, col, i+1)); got != want {
				t.Errorf("column %d of bill %s is filled with %q, want %q", col, r.Bill.Number.Text, got, want)
			}
		}
	}
}

func fillOf(t *testing.T, f *excelize.File, cell string) string {
	t.Helper()
	id, err := f.GetCellStyle(tabName, cell)
	must.OK(t, err)
	style, err := f.GetStyle(id)
	must.OK(t, err)
	if len(style.Fill.Color) == 0 {
		return ""
	}
	return style.Fill.Color[0]
}

func TestOrdersOfAnotherShipmentAreOneFinding(t *testing.T) {
	shipment := func(n int) (*bol.Document, []orders.Row) {
		var bills []*bol.Bill
		var rows []orders.Row
		for i := range n {
			number := fmt.Sprintf("G%d", i)
			bills = append(bills, bill(number, "1.00", "5", "1.0", line("1", "A", "5", "1.0")))
			rows = append(rows, order(number, "A", "1", "5", "ROSS", ""))
		}
		return document(bills...), rows
	}
	for _, c := range []struct {
		name     string
		bills    int
		ours, of int // order rows of this shipment, and all
		other    string
		state    string
	}{
		{"nothing fits", 20, 0, 30, "H", WrongOrders},
		{"one bill in twenty fits", 20, 1, 30, "H", WrongOrders},
		{"three in twenty fit", 20, 3, 30, "H", Joined},
		{"all fit, among many others", 20, 20, 300, "H", Joined},
		{"the bills are there and their lines are not", 20, 0, 20, "", Joined},
	} {
		doc, rows := shipment(c.bills)
		rows = rows[:c.ours]
		for i := range c.of {
			number := fmt.Sprintf("H%d", i)
			if c.other == "" {
				number = fmt.Sprintf("G%d", i)
			}
			rows = append(rows, order(number, "OTHER", "1", "5", "ROSS", ""))
		}
		s := Make(doc, table(rows...))
		if s.Match.State != c.state || (s.Match.Reason != "") != (c.state == WrongOrders) {
			t.Errorf("%s: the state is %s, %q", c.name, s.Match.State, s.Match.Reason)
		}
		alone := len(s.Findings) == 1 && s.Findings[0].Kind == WrongOrders && s.Findings[0].Severity.Strict()
		if alone != (c.state == WrongOrders) {
			t.Errorf("%s: the findings are %v", c.name, s.Findings)
		}
		if c.name == "nothing fits" && !strings.Contains(s.Match.Reason, "0 of 20 lines matched, and 0 of 20 bills are in the order export") {
			t.Error(s.Match.Reason)
		}
	}
}

func TestTheRowOfANoteIsSaidOnce(t *testing.T) {
	for message, want := range map[string]string{
		"row 23: it is odd":                    "Order export: order row 23: it is odd.",
		`row 23, column C ("Style"): it is so`: `Order export: order row 23: column C ("Style"): it is so.`,
		"rows 23 and 24: they are odd":         "Order export: order rows 23 and 24: they are odd.",
		"row 230: it is another":               "Order export: order row 23: row 230: it is another.",
	} {
		doc, _ := mixed()
		orderTable := table(order("G1", "A", "1", "5", "ROSS", ""))
		orderTable.Notes = []orders.Note{{Kind: "odd", Row: 23, Message: message}}
		s := Make(doc, orderTable)
		if got := findingOf(t, s, "odd").String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
