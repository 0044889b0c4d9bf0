package sheet

import (
	"slices"
	"strings"
	"testing"
)

func TestRowsAreSortedByShipToAndCancelDate(t *testing.T) {
	type row struct{ style, shipTo, cancel string }
	for _, c := range []struct {
		name string
		rows []row // in the document's order; "none" is a ship-to of a line with no order row
		want string
	}{
		{
			"a ship-to comes by its earliest cancel date, with all its rows",
			[]row{{"a", "ZED", "07092025"}, {"b", "ABE", "07022025"}, {"c", "ZED", "07012025"}},
			"c a b",
		},
		{
			"then by its name",
			[]row{{"a", "ZED", "07012025"}, {"b", "ABE", "07012025"}},
			"b a",
		},
		{
			"names are compared as they stand",
			[]row{{"a", "COOKIES", "07012025"}, {"b", "COOKIE'S", "07012025"}, {"c", "cookies", "07012025"}},
			"b a c",
		},
		{
			"ties keep the document's order",
			[]row{{"d", "ZED", "07012025"}, {"a", "ZED", "07012025"}, {"c", "ZED", "07012025"}, {"b", "ZED", "07012025"}},
			"d a c b",
		},
		{
			"dates are compared as dates, however they are written",
			[]row{{"a", "ZED", "12012024"}, {"b", "ZED", "7/2/2024"}, {"c", "ZED", "7012024"}, {"d", "ZED", "2024-06-30"}, {"e", "ZED", "01012025"}},
			"d c b a e",
		},
		{
			"a row without a date is the last of its ship-to",
			[]row{{"a", "ZED", ""}, {"b", "ZED", "asap"}, {"c", "ZED", "07012025"}},
			"c a b",
		},
		{
			"a ship-to without any date comes after those with one",
			[]row{{"a", "ABE", ""}, {"b", "ABE", "asap"}, {"c", "ZED", "12312099"}},
			"c a b",
		},
		{
			"lines with no order row come after ship-tos with a date",
			[]row{{"a", "none", ""}, {"b", "ZED", "07012025"}, {"c", "none", ""}},
			"b a c",
		},
		{
			"white space around a name does not make another",
			[]row{{"a", "ZED ", "07092025"}, {"b", "ABE", "07022025"}, {"c", "ZED", "07012025"}},
			"c a b",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bill("G1", "1.00", "1", "1.0")
			orderTable := table()
			for _, r := range c.rows {
				b.Lines = append(b.Lines, line("1", r.style, "1", "1.0"))
				if r.shipTo != "none" {
					orderTable.Rows = append(orderTable.Rows, order("G1", r.style, "1", "1", r.shipTo, r.cancel))
				}
			}
			s := Make(document(b), orderTable)
			if got := strings.Join(column(t, s, "Style"), " "); got != c.want {
				t.Errorf("the rows are %s, want %s", got, c.want)
			}
			first := column(t, s, "Total Pieces")
			if first[0] != "1" || slices.ContainsFunc(first[1:], func(s string) bool { return s != "" }) {
				t.Errorf("the bill's total stands on %q", first)
			}
		})
	}
}
