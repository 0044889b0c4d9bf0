package sheet

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
)

// monday and tuesday are sheets of other bills; tuesday has two equal lines.
func monday() *Sheet {
	return Make(document(bill("A1", "100", "20", "30", line("1", "S1", "10", "15"), line("2", "S2", "10", "15.5"))),
		table(order("A1", "S1", "1", "10", "NORTHWIND", "08012025"), order("A1", "S2", "2", "10", "NORTHWIND", "08012025")))
}

func tuesday() *Sheet {
	return Make(document(bill("B1", "90", "20", "30", line("1", "0012", "10", "15"), line("1", "0012", "10", "15"), line("3", "-T<&", "5", "2"))),
		table(order("B1", "0012", "1", "10", "=cmd()", "09022025")))
}

func appendTo(t *testing.T, file []byte, s *Sheet, format Format, added int) []byte {
	t.Helper()
	b, a, err := s.AppendTo(file, format)
	must.OK(t, err)
	if a.Added != added || a.Added+a.There != len(s.Rows) {
		t.Fatalf("%+v of %d rows, want %d added", a, len(s.Rows), added)
	}
	return b
}

func TestACSVGrowsWithoutDoubles(t *testing.T) {
	b := appendTo(t, nil, monday(), CSV, 2)
	if string(b) != csvOf(t, monday()) {
		t.Errorf("it begins as %q", b)
	}
	again := appendTo(t, b, monday(), CSV, 0)
	if !bytes.Equal(again, b) {
		t.Error("it changed although nothing was added")
	}
	all := appendTo(t, b, tuesday(), CSV, 3)
	_, rows, _ := strings.Cut(csvOf(t, tuesday()), "\n")
	if string(all) != string(b)+rows {
		t.Errorf("it grew to %q", all)
	}
	appendTo(t, all, tuesday(), CSV, 0)
	// One of two equal lines is there.
	cut := all[:bytes.LastIndex(bytes.TrimSuffix(all[:bytes.LastIndex(all, []byte("-T"))], nil), []byte("\n"))+1]
	one := cut[:bytes.LastIndex(cut[:len(cut)-1], []byte("\n"))+1]
	appendTo(t, one, tuesday(), CSV, 2)
}

// What people do to a file stays byte by byte, and new rows follow their columns.
func TestACSVOfPeopleStaysTheirs(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"columns moved, added and left out": {
			"Note,Style,INVOICE NO,Cartons,Driver\ncall first,S1,a1,7,Bob\n",
			"Note,Style,INVOICE NO,Cartons,Driver\ncall first,S1,a1,7,Bob\n,S2,A1,2,\n"},
		"a title, semicolons, CRLF, a mark": {
			"\ufeffLoads of July;;\r\n\r\nInvoice No.;Style;Load #\r\nA1;S2;\"L;1\"\r\n",
			"\ufeffLoads of July;;\r\n\r\nInvoice No.;Style;Load #\r\nA1;S2;\"L;1\"\r\nA1;S1;\r\n"},
		"no last end of line, tabs":     {"Style\tInvoice No.", "Style\tInvoice No.\nS1\tA1\nS2\tA1\n"},
		"Windows-1252":                  {"Invoice No.,Style,Notiz\nA1,S1,gr\xfc\xdfe\n", "Invoice No.,Style,Notiz\nA1,S1,gr\xfc\xdfe\nA1,S2,\n"},
		"a quantity that was corrected": {"Invoice No.,Style,Cartons,Individual Pieces\nA1,S1,99,10\nA1,S2,2,10\n", ""},
		"empty rows at the end":         {"Invoice No.,Style\nA1,S1\n,\n", "Invoice No.,Style\nA1,S1\n,\nA1,S2\n"},
	} {
		b, a, err := monday().AppendTo([]byte(c.file), CSV)
		if c.want == "" {
			c.want = c.file
		}
		if err != nil || string(b) != c.want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if len(a.Missing) == 0 {
			t.Errorf("%s: no column is missing", name)
		}
		if again, _, err := monday().AppendTo(b, CSV); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: again it becomes %q, %v", name, again, err)
		}
	}
}

// A spreadsheet makes 12 of 0012, and formulas are texts.
func TestWhatASpreadsheetMakesOfKeysIsFoundAgain(t *testing.T) {
	appendTo(t, []byte("Invoice No.,Style,Cartons,Individual Pieces\nB1,12,1,10\nB1,12,1,10\nB1,'-T<&,3,5\n"), tuesday(), CSV, 0)
	b := appendTo(t, []byte("Ship To Name,Invoice No.,Style\n"), tuesday(), CSV, 3)
	if !strings.Contains(string(b), "\n'=cmd(),B1,") {
		t.Errorf("a formula is in %q", b)
	}
}

func TestFilesThatDoNotGrow(t *testing.T) {
	for name, c := range map[string]struct {
		file   string
		format Format
		code   fault.Code
		says   string
	}{
		"no header":       {"a,b\n1,2\n", CSV, fault.MissingColumns, `"Invoice No." and "Style"`},
		"a sum below":     {"Invoice No.,Style,Cartons\nA1,S1,1\n,,1\n", CSV, fault.BadRequest, "row 3 stands below"},
		"UTF-16":          {"\xff\xfeI\x00n\x00", CSV, fault.DamagedOrders, "CSV UTF-8"},
		"an open quote":   {"Invoice No.,Style\n\"A1,S1\n", CSV, fault.DamagedOrders, "read to its end"},
		"no workbook":     {"Invoice No.,Style\n", XLSX, fault.DamagedOrders, "not a workbook"},
		"another format":  {"{}", JSON, fault.BadRequest, ".csv or .xlsx"},
		"broken workbook": {"PK\x03\x04 and so on", XLSX, fault.DamagedOrders, "not a workbook"},
	} {
		_, _, err := monday().AppendTo([]byte(c.file), c.format)
		if fault.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := tuesday().AppendTo(xlsxOf(t, monday()), XLSX); fault.CodeOf(err) != fault.BadRequest || !strings.Contains(err.Error(), "row 4 stands below") {
		t.Errorf("a workbook with sums: %v", err)
	}
}

// edited changes a workbook as a person does.
func edited(t *testing.T, file []byte, edit func(f *excelize.File) error) []byte {
	t.Helper()
	f := opened(t, file)
	must.OK(t, edit(f))
	return must.Written(t, func(w io.Writer) error { return f.Write(w) })
}

func cellsOf(t *testing.T, file []byte, name string, raw bool) [][]string {
	t.Helper()
	rows, err := opened(t, file).GetRows(name, excelize.Options{RawCellValue: raw})
	must.OK(t, err)
	return rows
}

func parts(t *testing.T, file []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	must.OK(t, err)
	all := map[string]string{}
	for _, p := range z.File {
		r, err := p.Open()
		must.OK(t, err)
		b, err := io.ReadAll(r)
		must.OK(t, err)
		all[p.Name] = string(b)
	}
	return all
}

func TestAWorkbookGrowsWithoutDoubles(t *testing.T) {
	b := appendTo(t, nil, monday(), XLSX, 2)
	appendTo(t, b, monday(), XLSX, 0)
	all := appendTo(t, b, tuesday(), XLSX, 3)
	appendTo(t, all, tuesday(), XLSX, 0)
	appendTo(t, all, monday(), XLSX, 0)

	got := cellsOf(t, all, tabName, false)
	var want [][]string
	for _, s := range []*Sheet{monday(), tuesday()} {
		rows := cellsOf(t, xlsxOf(t, s), tabName, false)
		if want == nil {
			want = rows[:1]
		}
		want = append(want, rows[1:1+len(s.Rows)]...)
	}
	if len(got) != len(want) {
		t.Fatalf("there are %d rows, want %d", len(got), len(want))
	}
	// Days and texts look as in a sheet; numbers may have the places of the row above.
	for i := range want {
		for col := range want[i] {
			if g, w := got[i][col], want[i][col]; g != w && strings.TrimRight(strings.TrimRight(g, "0"), ".") != strings.TrimRight(strings.TrimRight(w, "0"), ".") {
				t.Errorf("row %d, %s: %q, want %q", i+1, want[0][col], g, w)
			}
		}
	}
	before, after := parts(t, b), parts(t, all)
	for name, part := range before {
		if name == "xl/workbook.xml" {
			part = strings.Replace(part, "!$A$1:$AB$3<", "!$A$1:$AB$6<", 1)
		}
		if after[name] != part && name != "xl/worksheets/sheet1.xml" {
			t.Errorf("the part %s changed", name)
		}
	}
	if sheet := after["xl/worksheets/sheet1.xml"]; !strings.Contains(sheet, `<dimension ref="A1:AB6"`) || !strings.Contains(sheet, `<autoFilter ref="$A$1:$AB$6"`) {
		t.Errorf("the areas are not those of all rows: %s", sheet[:400])
	}
}

// A person moves columns, adds some, corrects and fills in, formats rows in advance, makes a
// table, and works on another worksheet, which comes first.
func TestAWorkbookOfPeopleStaysTheirs(t *testing.T) {
	b := appendTo(t, nil, monday(), XLSX, 2)
	b = edited(t, b, func(f *excelize.File) error {
		for _, err := range []error{
			f.InsertCols(tabName, "A", 1), f.SetCellValue(tabName, "A1", "Our note"), f.SetCellValue(tabName, "A2", "call <first>"),
			f.SetCellValue(tabName, "D2", "L-7"), f.RemoveCol(tabName, "J"), f.SetCellFormula(tabName, "A3", "1+1"),
			f.InsertRows(tabName, 1, 2), f.SetCellValue(tabName, "A1", "Loads"),
		} {
			if err != nil {
				return err
			}
		}
		red, err := f.NewStyle(&excelize.Style{Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"FF0000"}}})
		if err != nil {
			return err
		}
		for row := 6; row <= 12; row++ { // formatted, and empty
			if err := f.SetCellStyle(tabName, fmt.Sprintf("A%d", row), fmt.Sprintf("C%d", row), red); err != nil {
				return err
			}
		}
		if _, err := f.NewSheet("Ours"); err != nil {
			return err
		}
		if err := f.SetCellValue("Ours", "B2", "kept"); err != nil {
			return err
		}
		return f.MoveSheet("Ours", tabName)
	})
	before := cellsOf(t, b, tabName, true)
	all := appendTo(t, b, tuesday(), XLSX, 3)
	after := cellsOf(t, all, tabName, true)
	for i := range before {
		if !slices.Equal(before[i], after[i][:min(len(after[i]), len(before[i]))]) {
			t.Errorf("row %d was %q, is %q", i+1, before[i], after[i])
		}
	}
	if len(after) != 8 {
		t.Fatalf("there are %d rows: %q", len(after), after)
	}
	header := after[2]
	at := slices.Index(header, "Invoice No.")
	for _, row := range after[5:] {
		if row[at] != "B1" || row[0] != "" {
			t.Errorf("a new row is %q", row)
		}
	}
	f := opened(t, all)
	if formula, err := f.GetCellFormula(tabName, "A5"); err != nil || formula != "1+1" {
		t.Errorf("the formula is %q, %v", formula, err)
	}
	if id, err := f.GetCellStyle(tabName, "A12"); err != nil || id == 0 {
		t.Errorf("the format of row 12 is %d, %v", id, err)
	}
	if got := cellsOf(t, all, "Ours", true); len(got) < 2 || got[1][1] != "kept" {
		t.Errorf("the other worksheet has %q", got)
	}
	appendTo(t, all, tuesday(), XLSX, 0)
}

func TestATableOfAWorkbookGrows(t *testing.T) {
	b := appendTo(t, nil, monday(), XLSX, 2)
	b = edited(t, b, func(f *excelize.File) error {
		if err := f.RemoveRow(tabName, 99); err != nil {
			return err
		}
		return f.AddTable(tabName, &excelize.Table{Range: "A1:AB3", Name: "loads"})
	})
	all := parts(t, appendTo(t, b, tuesday(), XLSX, 3))
	if table := all["xl/tables/table1.xml"]; strings.Count(table, `ref="A1:AB6"`) != 2 {
		t.Errorf("the table is %s", table)
	}
}
