package sample

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tallyman/internal/testing/must"
)

// A sheet calculated by hand from DESIGN.md §5.
func TestTheSheetsAreWhatTheDesignSays(t *testing.T) {
	line := func(style string, cartons, pieces, weight int) Line {
		return Line{Style: style, Cartons: cartons, Pieces: pieces, Weight: weight}
	}
	s := &Sample{
		Bills: []*Bill{
			{Number: "A1", Cube: 1037_42, Pieces: 1464, Weight: 1277_3, Lines: []Line{line("S1", 61, 1464, 1277_3)}},
			{Number: "A2", Cube: 80_00, Pieces: 30, Weight: 25, Lines: []Line{line("S2", 1, 10, 10), line("S3", 1, 20, 15)}},
			{Number: "A3", Cube: 81, Pieces: 48, Weight: 70, Lines: []Line{line("S4", 2, 24, 35), line("S4", 2, 24, 35)}},
			{Number: "A4", Cube: 80_01, Pieces: 1, Weight: 10, Lines: []Line{line("S5", 1, 1, 10)}},
			{Number: "A5", Cube: 1_00, Pieces: 1, Weight: 10, Lines: []Line{line("S6", 1, 1, 10)}},
		},
		Orders: []Order{
			{InvoiceNo: "A3", Style: "S4", Cartons: "2", Pieces: "24", ShipTo: "ZED", OrderNo: "first", CancelDate: "01052026"},
			{InvoiceNo: "A3", Style: "S4", Cartons: "2", Pieces: "24", ShipTo: "ZED", OrderNo: "second", CancelDate: "12302025"},
			{InvoiceNo: "A9", Style: "S9", Cartons: "1", Pieces: "1", ShipTo: "ABBEY", CancelDate: "01012020"},
			{InvoiceNo: "a1", Style: " s1 ", Cartons: "61", Pieces: "1,464", InvoiceDate: "12082025", ShipTo: "New Burlington", OrderNo: "PO1", DeliveryDate: "12102025", CancelDate: "12302025"},
			{InvoiceNo: "A2", Style: "S3", Cartons: "1", Pieces: "20", ShipTo: "ABBEY", CancelDate: "02022026"},
			{InvoiceNo: "A2", Style: "S2", Cartons: "1", Pieces: "11", ShipTo: "ABBEY", CancelDate: "02022026"},
			{InvoiceNo: "A4", Style: "S5", Cartons: "1", Pieces: "1", ShipTo: "CADE"},
		},
	}
	header := strings.Join(sheetHeader, ",") + "\n"
	for name, tt := range map[string]struct {
		got  []byte
		want string
	}{
		"merged": {must.Written(t, s.WriteExpected), header +
			// Burlington, 30 December: before ZED, whose earliest is the same day.
			",,,,,,,,,12082025,,New Burlington,PO1,61,12102025,12302025,1037.42,,1209,13,1464,1464,1277.3,1277.3,A1,S1,,\n" +
			// The second of two equal lines was paired with the second row, which is
			// cancelled first; the totals are on the first row of the output.
			",,,,,,,,,,,ZED,second,2,,12302025,.81,130,,1,24,48,3.5,7.0,A3,S4,,\n" +
			",,,,,,,,,,,ZED,first,2,,01052026,.81,,,,24,,3.5,,A3,S4,,\n" +
			// 80.00 is one pallet. The other line of A2 has no order row.
			",,,,,,,,,,,ABBEY,,1,,02022026,80.00,130,,1,20,30,1.5,2.5,A2,S3,,\n" +
			// No ship-to and no date: last, in the order of the document, and before
			// CADE by name, which has no date either. No final cube.
			",,,,,,,,,,,,,1,,,80.00,,,,10,,1.0,,A2,S2,,\n" +
			",,,,,,,,,,,,,1,,,1.00,,,1,1,1,1.0,1.0,A5,S6,,\n" +
			// 80.01 is two.
			",,,,,,,,,,,CADE,,1,,,80.01,260,,2,1,1,1.0,1.0,A4,S5,,\n"},
		"without orders": {must.Written(t, s.WriteUnmatched), header +
			",,,,,,,,,,,,,61,,,1037.42,,,,1464,1464,1277.3,1277.3,A1,S1,,\n" +
			",,,,,,,,,,,,,1,,,80.00,,,,10,30,1.0,2.5,A2,S2,,\n" +
			",,,,,,,,,,,,,1,,,80.00,,,,20,,1.5,,A2,S3,,\n" +
			",,,,,,,,,,,,,2,,,.81,,,,24,48,3.5,7.0,A3,S4,,\n" +
			",,,,,,,,,,,,,2,,,.81,,,,24,,3.5,,A3,S4,,\n" +
			",,,,,,,,,,,,,1,,,80.01,,,,1,1,1.0,1.0,A4,S5,,\n" +
			",,,,,,,,,,,,,1,,,1.00,,,,1,1,1.0,1.0,A5,S6,,\n"},
	} {
		if string(tt.got) != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, tt.got, tt.want)
		}
	}
}

// The real bills, taken from the sheet without orders, and the real orders must give
// the real sheet: this checks the generator's arithmetic against other figures than
// its own.
func TestTheSheetsOfTheRealBillsAreTheRealSheets(t *testing.T) {
	dir := "../../../shared/testdata/midas-2025-07-10"
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("the real sample is not here")
	}
	read := func(name string) []byte { return must.Read(t, filepath.Join(dir, name)) }
	// units returns a decimal number without its point.
	units := func(v string) int {
		n, err := strconv.Atoi(strings.ReplaceAll(v, ".", ""))
		must.OK(t, err)
		return n
	}
	s := &Sample{}
	for _, r := range named(t, read(UnmatchedName)) {
		if r["Total Pieces"] != "" {
			s.Bills = append(s.Bills, &Bill{
				Number: r["Invoice No."], Cube: units(r["BOL Cube"]),
				Pieces: units(r["Total Pieces"]), Weight: units(r["Total Weight"]),
			})
		}
		b := s.Bills[len(s.Bills)-1]
		b.Lines = append(b.Lines, Line{
			Style: r["Style"], Cartons: units(r["Cartons"]),
			Pieces: units(r["Individual Pieces"]), Weight: units(r["Individual Weight"]),
		})
	}
	for _, r := range must.CSV(t, bytes.NewReader(read(OrdersName)))[1:] {
		s.Orders = append(s.Orders, Order{r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8]})
	}
	for _, f := range s.outputs()[1:] { // all but the PDF
		name := f.name
		got, want := strings.SplitAfter(string(must.Written(t, f.write)), "\n"), strings.SplitAfter(string(read(name)), "\n")
		if len(got) != len(want) {
			t.Errorf("%s has %d rows, want %d", name, len(got), len(want))
		}
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Errorf("%s: row %d is\n%q, want\n%q", name, i+1, got[i], want[i])
				break
			}
		}
	}
}

func TestEveryBillHasItsTotalsOnceInTheSheet(t *testing.T) {
	s := invented(t, Options{Bills: 40, Lines: 200, Seed: 5, MissingOrders: 20, ExtraOrders: 10})
	for name, got := range map[string][]map[string]string{
		"merged": rows(t, s.WriteExpected), "without orders": rows(t, s.WriteUnmatched),
	} {
		if len(got) != 200 {
			t.Errorf("%s: %d rows", name, len(got))
		}
		totals := map[string]int{}
		for i, r := range got {
			number := r["Invoice No."]
			first := true
			for _, before := range got[:i] {
				first = first && before["Invoice No."] != number
			}
			if has := r["Total Pieces"] != "" && r["Total Weight"] != ""; has != first {
				t.Errorf("%s: row %d of %s: totals %v, first of its bill %v", name, i+1, number, has, first)
			}
			if r["Total Pieces"] != "" {
				totals[number]++
			}
		}
		if len(totals) != 40 {
			t.Errorf("%s: %d bills have totals", name, len(totals))
		}
	}
}
