package sheet

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"tallyman/internal/bol"
	"tallyman/internal/fault"
	"tallyman/internal/orders"
	"tallyman/internal/testing/must"
)

// showcase returns a document and an export with every kind of cell.
func showcase() (*bol.Document, *orders.Table) {
	doc := document(
		bill("G1", "1,037.40", "2,400", "1,100.50", line("1,200", "007", "1,200", "1,000.5"), line("2", "=1+1", "1,200", "-99.5")),
		bill("123", "10", "1", "1.0", line("1", "30726", "1", "1.0")))
	o := order("G1", "007", "1200", "1200", "=cmd|' /C calc'!A0", "7/30/2025")
	o.InvoiceDate, o.OrderNo, o.DeliveryDate = "07102025", "383719807", "when ready"
	p := order("123", "30726", "1", "1", "BURLINGTON \"5\" <&>", "07022025")
	return doc, table(o, p, order("G9", "X", "1", "1", "@ROSS", ""))
}

func opened(t *testing.T, b []byte) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("the workbook does not open: %v", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func openXLSX(t *testing.T, b []byte) *excelize.File {
	t.Helper()
	f := opened(t, b)
	if tabs := f.GetSheetList(); !slices.Equal(tabs, []string{tabName, checkTab, routeTab}) {
		t.Fatalf("the worksheets are %q", tabs)
	}
	return f
}

func cellName(t *testing.T, col, row int) string {
	t.Helper()
	name, err := excelize.CoordinatesToCellName(col+1, row+1)
	must.OK(t, err)
	return name
}

func TestAWorkbookHoldsNumbersDatesAndTexts(t *testing.T) {
	s := Make(showcase())
	f := openXLSX(t, xlsxOf(t, s))
	rows := map[string]int{}
	for i, r := range s.Rows {
		rows[r.Line.Style.Text] = i + 1
	}
	const num, str = excelize.CellTypeUnset, excelize.CellTypeInlineString
	for _, c := range []struct {
		style string
		col   int
		kind  excelize.CellType
		raw   string // the value of the cell
		shown string // the text that a spreadsheet shows
	}{
		{"007", cartons, num, "1200", "1200"},
		{"007", bolCube, num, "1037.4", "1037.40"},
		{"007", finalCube, num, "1690", "1690"},
		{"007", pallet, num, "13", "13"},
		{"007", individualPieces, num, "1200", "1200"},
		{"007", totalPieces, num, "2400", "2400"},
		{"007", individualWeight, num, "1000.5", "1000.5"},
		{"007", totalWeight, num, "1100.5", "1100.50"},
		{"007", orderDate, num, "45848", "07/10/2025"},
		{"007", cancelDate, num, "45868", "07/30/2025"},
		{"007", startDate, str, "when ready", "when ready"},
		{"007", shipToName, str, "=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"},
		{"007", purchaseOrderNo, str, "383719807", "383719807"},
		{"007", style, str, "007", "007"},
		{"=1+1", style, str, "=1+1", "=1+1"},
		{"=1+1", individualWeight, num, "-99.5", "-99.5"},
		{"=1+1", totalPieces, num, "", ""},
		{"30726", burlingtonCube, num, "93", "93"},
		{"30726", bolCube, num, "10", "10"},
		{"30726", invoiceNo, str, "123", "123"},
		{"30726", style, str, "30726", "30726"},
		{"30726", shipToName, str, "BURLINGTON \"5\" <&>", "BURLINGTON \"5\" <&>"},
	} {
		name := cellName(t, c.col, rows[c.style])
		kind, err := f.GetCellType(tabName, name)
		must.OK(t, err)
		raw, err := f.GetCellValue(tabName, name, excelize.Options{RawCellValue: true})
		must.OK(t, err)
		shown, err := f.GetCellValue(tabName, name)
		must.OK(t, err)
		if kind != c.kind || raw != c.raw || shown != c.shown {
			t.Errorf("%s of %s is type %d, %q shown as %q; want type %d, %q shown as %q",
				Columns[c.col], c.style, kind, raw, shown, c.kind, c.raw, c.shown)
		}
	}
	noFormula(t, f, xlsxOf(t, s), len(s.Rows))
}

// noFormula checks that no cell of the workbook is a formula but the sums below.
func noFormula(t *testing.T, f *excelize.File, b []byte, rows int) {
	t.Helper()
	for row := range rows + 1 {
		for col := range Columns {
			formula, err := f.GetCellFormula(tabName, cellName(t, col, row))
			if err != nil || formula != "" {
				t.Errorf("%s holds the formula %q (%v)", cellName(t, col, row), formula, err)
			}
		}
	}
	if strings.Contains(strings.ReplaceAll(parts(t, b)["xl/worksheets/sheet1.xml"], "<f>SUBTOTAL(109,", ""), "<f>") {
		t.Error("the worksheet holds a formula")
	}
}

func TestAWorkbookHasAFrozenFilteredBoldHeader(t *testing.T) {
	s := Make(showcase())
	b := xlsxOf(t, s)
	f := openXLSX(t, b)
	for col, want := range Columns {
		name := cellName(t, col, 0)
		if got, err := f.GetCellValue(tabName, name); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", name, got, err, want)
		}
		id, err := f.GetCellStyle(tabName, name)
		must.OK(t, err)
		if st, err := f.GetStyle(id); err != nil || st.Font == nil || !st.Font.Bold {
			t.Errorf("%s is not bold (%v)", name, err)
		}
		column, err := excelize.ColumnNumberToName(col + 1)
		must.OK(t, err)
		if w, err := f.GetColWidth(tabName, column); err != nil || w < float64(len(want)) || w > 50 {
			t.Errorf("column %s is %g wide (%v)", column, w, err)
		}
	}
	panes, err := f.GetPanes(tabName)
	if err != nil || !panes.Freeze || panes.YSplit != 1 || panes.XSplit != 0 {
		t.Errorf("the panes are %+v, %v", panes, err)
	}
	xml := parts(t, b)["xl/worksheets/sheet1.xml"]
	for _, want := range []string{`<autoFilter ref="$A$1:$AB$4">`, `<dimension ref="A1:AB5">`, `fitToPage="true"`, `fitToWidth="1" orientation="landscape"`} {
		if !strings.Contains(xml, want) {
			t.Errorf("the worksheet has no %s", want)
		}
	}
	at := -1
	for col := range Columns {
		i := strings.Index(xml, fmt.Sprintf(`<col min="%d" max="%d"`, col+1, col+1))
		if i <= at {
			t.Fatalf("the width of column %d is missing or out of order", col+1)
		}
		at = i
	}
}

func TestAWorkbookBearsNoTime(t *testing.T) {
	b := xlsxOf(t, Make(showcase()))
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	must.OK(t, err)
	for _, p := range z.File {
		if y := p.Modified.Year(); y > 1980 {
			t.Errorf("%s is of %s", p.Name, p.Modified)
		}
	}
	props, err := openXLSX(t, b).GetDocProps()
	if err != nil || props.Created != "2000-01-01T00:00:00Z" || props.Modified != props.Created {
		t.Errorf("the properties are %+v, %v", props, err)
	}
}

func TestAWorkbookWithoutRowsHoldsTheHeader(t *testing.T) {
	rows, err := openXLSX(t, xlsxOf(t, Make(nil, nil))).GetRows(tabName)
	if err != nil || len(rows) != 1 || !slices.Equal(rows[0], Columns[:]) {
		t.Errorf("the rows are %q, %v", rows, err)
	}
}

// withShipTo returns a sheet with one row whose ship-to is any text.
func withShipTo(shipTo string) *Sheet {
	doc := document(bill("G1", "1.00", "1", "1.0", line("1", "A", "1", "1.0")))
	return Make(doc, table(order("G1", "A", "1", "1", shipTo, "07022025")))
}

func TestTextsOfAllKindsComeBackFromAWorkbook(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"plain", "plain"},
		{" around ", " around "},
		{"two\nlines", "two\nlines"},
		{"tab\tand\rreturn", "tab\tand\rreturn"},
		{"ünï 日本 🚚", "ünï 日本 🚚"},
		{"</t></is></c><c><f>1+1</f></c>", "</t></is></c><c><f>1+1</f></c>"},
		{"&amp;", "&amp;"},
		{"_x0041_", "_x0041_"},
		{"a\x00b\x01c\x1fd", "a\ufffdb\ufffdc\ufffdd"},
		{"a\xffb", "a\ufffdb"},
		{"a\uffffb", "a\ufffdb"},
		{strings.Repeat("x", mostChars), strings.Repeat("x", mostChars)},
		{strings.Repeat("🚚", mostChars/2), strings.Repeat("🚚", mostChars/2)},
	} {
		f := openXLSX(t, xlsxOf(t, withShipTo(c.text)))
		got, err := f.GetCellValue(tabName, cellName(t, shipToName, 1))
		if err != nil || got != c.want {
			t.Errorf("%.40q came back as %.40q, %v", c.text, got, err)
		}
	}
}

func TestNumbersThatASpreadsheetWouldChangeAreTexts(t *testing.T) {
	for _, c := range []struct {
		cell string
		text bool
	}{
		{"5", false}, {"-5.00", false}, {".5", false}, {"123456789.12345", false},
		{"1234567890123456", true}, {"0.1234567890123456", true},
		{"1e5", true}, {"0x10", true}, {"inf", true}, {"NaN", true}, {"5.", true}, {"-", true}, {"12 A", true}, {"٣", true},
	} {
		s := withShipTo("ROSS")
		s.Rows[0].Cells[cartons] = c.cell
		f := openXLSX(t, xlsxOf(t, s))
		name := cellName(t, cartons, 1)
		kind, err := f.GetCellType(tabName, name)
		if err != nil || (kind == excelize.CellTypeInlineString) != c.text {
			t.Errorf("%q has type %d (%v), want text: %t", c.cell, kind, err, c.text)
		}
		raw, err := f.GetCellValue(tabName, name, excelize.Options{RawCellValue: true})
		must.OK(t, err)
		if c.text && raw != c.cell {
			t.Errorf("%q became %q", c.cell, raw)
		}
		if want, err := strconv.ParseFloat(c.cell, 64); !c.text && (err != nil || raw != strconv.FormatFloat(want, 'f', -1, 64)) {
			t.Errorf("%q became %q", c.cell, raw)
		}
	}
}

func TestTextsThatAreNoDatesOfOrdersStayTexts(t *testing.T) {
	for _, c := range []struct{ cell, shown string }{
		{"01011970", "01/01/1970"}, {"12311969", "12311969"}, {"02281900", "02281900"}, {"1216202", "1216202"},
		{"12312099", "12/31/2099"}, {"01012100", "01012100"}, {"2025-07-02 00:00:00", "07/02/2025"}, {"2025-07-02 13:45:00", "2025-07-02 13:45:00"},
		{"07302025", "07/30/2025"}, {"asap", "asap"},
	} {
		s := withShipTo("ROSS")
		s.Rows[0].Cells[cancelDate] = c.cell
		got, err := openXLSX(t, xlsxOf(t, s)).GetCellValue(tabName, cellName(t, cancelDate, 1))
		if err != nil || got != c.shown {
			t.Errorf("%q is shown as %q (%v), want %q", c.cell, got, err, c.shown)
		}
	}
}

func TestWhatDoesNotFitIntoAWorkbookIsAFaultBeforeAnythingIsWritten(t *testing.T) {
	tooMany := &Sheet{Rows: make([]Row, mostRows)}
	for name, c := range map[string]struct {
		sheet *Sheet
		says  []string
	}{
		"a long cell":          {withShipTo(strings.Repeat("x", mostChars+1)), []string{"row 2", "Ship To Name", "32768", "32767"}},
		"a long cell of emoji": {withShipTo(strings.Repeat("🚚", mostChars/2+1)), []string{"row 2", "Ship To Name", "32768", "32767"}},
		"too many rows":        {tooMany, []string{"1048576", "1048575"}},
	} {
		var b bytes.Buffer
		err := WriteXLSX(&b, c.sheet)
		if fault.CodeOf(err) != fault.TooLarge {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range c.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
		if b.Len() > 0 {
			t.Errorf("%s: %d bytes were written", name, b.Len())
		}
	}
}

func TestALargeWorkbookIsMadeInMemory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := &Sheet{Rows: make([]Row, 2*excelize.StreamChunkSize/mostChars)}
	for i := range s.Rows {
		s.Rows[i].Cells[shipToName] = strings.Repeat("x", mostChars)
	}
	f, err := workbook(tabName, func(st *styles) error { return st.compose(s) })
	must.OK(t, err)
	defer f.Close()
	files, err := os.ReadDir(os.TempDir())
	must.OK(t, err)
	if len(files) != 0 {
		t.Errorf("people's data is in the file %s", files[0].Name())
	}
	name := cellName(t, shipToName, len(s.Rows))
	if got, err := openXLSX(t, xlsxOf(t, s)).GetCellValue(tabName, name); err != nil || len(got) != mostChars {
		t.Errorf("the last cell has %d characters (%v)", len(got), err)
	}
}
