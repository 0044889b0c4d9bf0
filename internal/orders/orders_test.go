package orders

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
)

// invented are the rows of every file in these tests.
var invented = []Row{
	{2, "", "G90001", "ST-100", "2", "48", "07102031", "CAFÉ DU NORD", "629493", "07112031", "07302031", "", ""},
	{3, "", "G90001", "ST-101", "1", "36", "07102031", "CAFÉ DU NORD", "629493", "07112031", "07302031", "", ""},
	{4, "", "G90002", "0042", "10", "1200", "12312030", "ÆTHER; SONS, \"THE\" STORE", "80587099", "01012031", "02292032", "", ""},
	{5, "", "G90003", "ST-103", "3", "12", "01152031", "DOCK 7\nREAR DOOR", "12345678901234567890", "02012031", "", "", ""},
}

var inventedHeader = []string{"Invoice No.", "Style", "Cartons*", "Pieces*", "Invoice Date",
	"Ship-to Name", "Order No.", "Delivery Date", "Cancel Date", "Buyer"}

func (r Row) cells() []string {
	return []string{r.InvoiceNo, r.Style, r.Cartons, r.Pieces, r.InvoiceDate,
		r.ShipTo, r.OrderNo, r.DeliveryDate, r.CancelDate, "ignored"}
}

func readBytes(t testing.TB, data []byte, lim Limits) (*Table, error) {
	t.Helper()
	return Read(t.Context(), bytes.NewReader(data), int64(len(data)), "orders", lim, nil)
}

func mustRead(t testing.TB, data []byte) *Table {
	t.Helper()
	table, err := readBytes(t, data, Limits{})
	if err != nil {
		t.Fatalf("%v (%v)", err, errors.Unwrap(err))
	}
	return table
}

func wantRows(t testing.TB, got *Table, want []Row) {
	t.Helper()
	if len(got.Rows) != len(want) {
		t.Fatalf("%d rows, want %d: %v", len(got.Rows), len(want), got.Rows)
	}
	for i := range want {
		if got.Rows[i] != want[i] {
			t.Errorf("row %d is\n%#v, want\n%#v", i, got.Rows[i], want[i])
		}
	}
}

// wantFault checks the code, and that the message contains all of the texts. It returns the fault.
func wantFault(t testing.TB, err error, code fault.Code, texts ...string) *fault.Error {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatalf("%v is not a fault, want %s", err, code)
	}
	if f.Code != code {
		t.Errorf("the fault is %s (%s), want %s", f.Code, f.Message, code)
	}
	for _, text := range texts {
		if !strings.Contains(f.Message, text) {
			t.Errorf("%q does not say %q", f.Message, text)
		}
	}
	if strings.HasSuffix(f.Message, ".") {
		t.Errorf("%q ends with a full stop", f.Message)
	}
	return f
}

func TestReadRefusesWhatIsNoOrderExport(t *testing.T) {
	for _, tt := range []struct {
		name string
		data string
		code fault.Code
		says []string
	}{
		{"nothing", "", fault.EmptyFile, nil},
		{"white space only", "\xef\xbb\xbf \r\n\t\r\n", fault.EmptyFile, nil},
		{"only the line that names the delimiter", "sep=;\n\n", fault.EmptyFile, nil},
		{"delimiters only", ",,,\n,,,\n", fault.EmptyFile, nil},
		{"a PDF", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", fault.NotAnOrderFile, []string{"a PDF document"}},
		{"a PDF after other bytes", "\r\n\r\n%PDF-1.4\n", fault.NotAnOrderFile, []string{"a PDF document"}},
		{"a PNG picture", "\x89PNG\r\n\x1a\n\x00\x00", fault.NotAnOrderFile, []string{"a PNG picture"}},
		{"a JPEG picture", "\xff\xd8\xff\xe0\x00\x10JFIF", fault.NotAnOrderFile, []string{"a JPEG picture"}},
		{"a WebP picture", "RIFF\x00\x00\x00\x00WEBPVP8 ", fault.NotAnOrderFile, []string{"a WebP picture"}},
		{"a gzip archive", "\x1f\x8b\x08\x00\x00", fault.DamagedOrders, []string{"cut off or broken"}},
		{"random bytes", "\x00\x01\x02\x03\x80\x81\xfe\x00", fault.NotAnOrderFile, []string{"neither text nor a workbook"}},
		{"random bytes without a zero", "\x01\x02\x03\x04\x05,\x06\x07\x08", fault.NotAnOrderFile, []string{"neither text nor a workbook"}},
		{"an HTML table with other columns", "\ufeff\n<HTML><head><meta charset=utf-8></head><table><tr><td>Invoice No.", fault.MissingColumns, []string{"Style"}},
		{"an XHTML page", `<?xml version="1.0"?><!DOCTYPE html><html>`, fault.NotAnOrderFile, []string{"an HTML page"}},
		{"other XML", `<?xml version="1.0"?><orders><order/></orders>`, fault.NotAnOrderFile, []string{"an XML document"}},
		{"a web archive", "MIME-Version: 1.0\nX-Document-Type: Workbook\n", fault.NotAnOrderFile, []string{"MHTML"}},
		{"JSON", `{"orders": [{"Invoice No.": "G1"}]}`, fault.NotAnOrderFile, []string{"JSON"}},
		{"an RTF document", `{\rtf1\ansi Invoice No.}`, fault.NotAnOrderFile, []string{"an RTF document"}},
		{"a workbook of Excel 2", "\x09\x00\x04\x00\x02\x00\x10\x00", fault.OldXLS, []string{"Excel 4 or earlier", "Save As"}},
		{"a workbook of Excel 4", "\x09\x04\x06\x00\x00\x04\x10\x00\x00\x00", fault.OldXLS, []string{"Excel 4 or earlier"}},
		{"the beginning of a ZIP archive", "PK\x03\x04\x14\x00\x06\x00", fault.DamagedOrders, []string{"cut off or broken"}},
		{"the beginning of an OLE file", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00", fault.DamagedOrders, []string{"cut off or broken"}},
		{"UTF-16 that ends within a character", "\xff\xfeI\x00n\x00v", fault.DamagedOrders, []string{"UTF-16LE", "cut off"}},
		{"a text about something else", "Dear all,\nplease find attached\n", fault.MissingColumns, []string{`"Invoice No."`, `row 1 has: "Dear all"`}},
		{"a header without rows", "Invoice No.,Style,Cartons,Pieces\n,,,\n\n", fault.NoOrderRows, []string{"no rows"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table, err := readBytes(t, []byte(tt.data), Limits{})
			if table != nil {
				t.Errorf("it returns a table with the fault: %v", table)
			}
			wantFault(t, err, tt.code, tt.says...)
		})
	}
}

func TestMissingColumnsAreNamedWithTheirAcceptedNamesAndTheHeadersFound(t *testing.T) {
	_, err := readBytes(t, []byte("Order list,,\n\nInvoice No;STYLE ;Count;\"Ship-to\nName\"\nG1;S;1;X\n"), Limits{})
	f := wantFault(t, err, fault.MissingColumns,
		`cartons ("Cartons*" or "Cartons"), pieces ("Pieces*" or "Individual Pieces")`,
		`row 3 has: "Invoice No", "STYLE", "Count", "Ship-to Name"`)
	d := f.Details.(MissingColumns)
	if len(d.Columns) != 4 || d.Columns[3].Header != "Ship-to Name" || d.Columns[2].Meaning != "" {
		t.Errorf("the columns are %+v", d.Columns)
	}
	d.Columns, d.Meanings = nil, nil
	got, err := json.Marshal(d)
	must.OK(t, err)
	want := `{"missing":[{"meaning":"cartons","names":["Cartons*","Cartons"]},{"meaning":"pieces","names":["Pieces*","Individual Pieces"]}],` +
		`"found":["Invoice No","STYLE","Count","Ship-to Name"]}`
	if string(got) != want {
		t.Errorf("the details are\n%s, want\n%s", got, want)
	}
}

func TestHeaderNamesMatchWithoutRegardToCaseSpacesAsterisksAndStops(t *testing.T) {
	for _, tt := range []struct {
		name   string
		header []string
		want   Row
	}{
		{"as the order system writes them",
			[]string{"Invoice No.", "Style", "Cartons*", "Pieces*", "Invoice Date", "Ship-to Name", "Order No.", "Delivery Date", "Cancel Date"},
			Row{2, "", "a", "b", "c", "d", "e", "f", "g", "h", "i", "", ""}},
		{"under their other names",
			[]string{"Invoice No.", "Style", "Cartons", "Individual Pieces", "Order Date", "Ship To Name", "Purchase Order No.", "Start Date", "Cancel Date"},
			Row{2, "", "a", "b", "c", "d", "e", "f", "g", "h", "i", "", ""}},
		{"in other letters, with spaces, line breaks and marks of no width",
			[]string{"\u200binvoice\u00a0NO .", "STYLE*", "\"Car\ntons **\"", " Pieces", "invoicedate", "SHIP-TO  NAME.", "Order No", "Delivery\tDate", "\ufeffCancel Date"},
			Row{2, "", "a", "b", "c", "d", "e", "f", "g", "h", "i", "", ""}},
		{"in another order, with columns that are ignored",
			[]string{"Pieces", "x", "Cartons", "y", "Style", "", "Invoice No"},
			Row{Number: 2, Pieces: "a", Cartons: "c", Style: "e", InvoiceNo: "g"}},
		{"the preferred name wins, wherever it stands",
			[]string{"Individual Pieces", "Pieces*", "Cartons", "Style", "Invoice No.", "Order Date", "Invoice Date"},
			Row{Number: 2, Pieces: "b", Cartons: "c", Style: "d", InvoiceNo: "e", InvoiceDate: "g"}},
		{"the first of equal names wins",
			[]string{"Style", "style", "Cartons", "Cartons*", "Pieces", "Pieces*", "Invoice No.", "INVOICE NO"},
			Row{Number: 2, Style: "a", Cartons: "c", Pieces: "e", InvoiceNo: "g"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cells := strings.Split("abcdefghi", "")[:len(tt.header)]
			table := mustRead(t, []byte(strings.Join(tt.header, ",")+"\n"+strings.Join(cells, ",")+"\n"))
			wantRows(t, table, []Row{tt.want})
		})
	}
}

func TestRowNumbersAreThoseThatASpreadsheetShows(t *testing.T) {
	data := "Open orders,,,\r\n" + // 1
		"\r\n" + // 2
		"\"as of\r\ntoday\",,,\r\n" + // 3
		"Invoice No.,Style,Cartons,Pieces\r\n" + // 4
		"\r\n" + // 5
		"G1,S1,1,10\r\n" + // 6
		",,,\r\n" + // 7
		"G2,\"S\r\n\r\n2\",2,20\r\n" + // 8
		"   \r\n" + // 9
		"G3,S3,3,\r\n" + // 10
		"G4,S4,4,40,,\r\n" + // 11
		"\r\n\r\n,,,\r\n"
	wantRows(t, mustRead(t, []byte(data)), []Row{
		{Number: 6, InvoiceNo: "G1", Style: "S1", Cartons: "1", Pieces: "10"},
		{Number: 8, InvoiceNo: "G2", Style: "S\n\n2", Cartons: "2", Pieces: "20"},
		{Number: 10, InvoiceNo: "G3", Style: "S3", Cartons: "3"},
		{Number: 11, InvoiceNo: "G4", Style: "S4", Cartons: "4", Pieces: "40"},
	})
}

func TestTheHeaderIsLookedForInTheFirstTwentyRowsThatAreNotEmpty(t *testing.T) {
	const header = "Invoice No.,Style,Cartons,Pieces\nG1,S1,1,10\n"
	table := mustRead(t, []byte(strings.Repeat("title\n\n", 19)+header))
	wantRows(t, table, []Row{{Number: 40, InvoiceNo: "G1", Style: "S1", Cartons: "1", Pieces: "10"}})
	_, err := readBytes(t, []byte(strings.Repeat("title\n\n", 20)+header), Limits{})
	wantFault(t, err, fault.MissingColumns, "first 20 rows")
}

func TestValuesStandAsTheyAreButForWhiteSpaceAroundThem(t *testing.T) {
	table := mustRead(t, []byte("Invoice No.,Style,Cartons,Pieces,Ship-to Name,Order No.\n"+
		" G1\u00a0,\t+1 1,\"1,200\", 048 ,\"  A  B \",00080587099\u3000\n"))
	wantRows(t, table, []Row{{Number: 2, InvoiceNo: "G1", Style: "+1 1", Cartons: "1,200", Pieces: "048", ShipTo: "A  B", OrderNo: "00080587099"}})
}

func TestLimits(t *testing.T) {
	csv := func(rows ...string) []byte {
		return []byte("Invoice No.,Style,Cartons,Pieces,Ship-to Name,Notes\n" + strings.Join(rows, "\n") + "\n")
	}
	row := "G1,S1,1,10,X,Y"
	for _, tt := range []struct {
		name string
		data []byte
		lim  Limits
		ok   bool
		says []string
	}{
		{"a file as large as allowed", csv(row), Limits{Bytes: int64(len(csv(row)))}, true, nil},
		{"a larger one", csv(row), Limits{Bytes: int64(len(csv(row))) - 1}, false, []string{"larger than"}},
		{"as many rows as allowed", csv(row, row), Limits{Rows: 2}, true, nil},
		{"more rows", csv(row, "", row, row), Limits{Rows: 2}, false, []string{"row 5", "more than 2 order rows"}},
		{"as many columns as allowed", csv(row), Limits{Columns: 6}, true, nil},
		{"more columns", csv(row, row+",z"), Limits{Columns: 6}, false, []string{"row 3", "more than 6 columns"}},
		{"more columns over several lines", csv(row, "G1,S1,1,10,\"\n\",Y,Z"), Limits{Columns: 6}, false, []string{"row 3", "more than 6 columns"}},
		{"a cell as long as allowed", csv("G1,S1,1,10," + strings.Repeat("é", 40) + ","), Limits{CellChars: 40}, true, nil},
		{"a longer one", csv(row, "G1,S1,1,10,"+strings.Repeat("é", 41)+","), Limits{CellChars: 40}, false,
			[]string{`row 3, column E ("Ship-to Name")`, "more than 40 characters"}},
		{"a longer one in a column that is ignored", csv("G1,S1,1,10,X," + strings.Repeat("é", 41)), Limits{CellChars: 40}, true, nil},
		{"a cell of 10 MB", csv("G1,\"" + strings.Repeat("x", 10<<20) + "\",1,10,X,"), Limits{}, false,
			[]string{`row 2, column B ("Style")`, "more than 32767 characters"}},
		{"a header cell of 10 MB", []byte("Invoice No.,Style,Cartons,Pieces," + strings.Repeat("x", 10<<20) + "\n" + row), Limits{}, false,
			[]string{"row 1, column E", "more than 32767 characters"}},
		{"8 million columns", []byte(strings.Repeat(",", 8<<20)), Limits{}, false, []string{"row 1", "more than 16384 columns"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readBytes(t, tt.data, tt.lim)
			if tt.ok && err != nil {
				t.Errorf("refused: %v", err)
			}
			if !tt.ok {
				wantFault(t, err, fault.TooLarge, tt.says...)
			}
		})
	}
}

func TestZeroLimitsAreTheDefaults(t *testing.T) {
	if got := (Limits{}).OrDefaults(); got != DefaultLimits() {
		t.Errorf("a zero Limits stands for %+v", got)
	}
	if got := (Limits{Rows: 7}).OrDefaults(); got.Rows != 7 || got.Columns != DefaultLimits().Columns {
		t.Errorf("Limits{Rows: 7} stands for %+v", got)
	}
}

type readerFunc func(p []byte, off int64) (int, error)

func (f readerFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

func TestReadStopsWhenItsContextEnds(t *testing.T) {
	for _, name := range []string{"invented.csv", "invented.xlsx", "invented.xls"} {
		data := inventedFile(t, name)
		t.Run(name, func(t *testing.T) {
			for after := range 3 {
				ctx, cancel := context.WithCancel(t.Context())
				r := readerFunc(func(p []byte, off int64) (int, error) {
					if after--; after < 0 {
						cancel()
					}
					return bytes.NewReader(data).ReadAt(p, off)
				})
				table, err := Read(ctx, r, int64(len(data)), name, Limits{}, nil)
				if ctx.Err() == nil {
					cancel()
					continue // it needed fewer reads
				}
				if table != nil {
					t.Errorf("it returns a table nevertheless: %v", table)
				}
				wantFault(t, err, fault.Cancelled)
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%v does not wrap context.Canceled", err)
				}
				cancel()
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err := Read(ctx, strings.NewReader("x"), 1, "x", Limits{}, nil)
	wantFault(t, err, fault.TooSlow)
}

func TestAReaderThatFailsIsNotTakenForADamagedFile(t *testing.T) {
	broken := errors.New("the disk is broken")
	for _, name := range []string{"invented.csv", "invented.xlsx", "invented.xls"} {
		data := inventedFile(t, name)
		t.Run(name, func(t *testing.T) {
			for after := range 4 {
				left := after
				r := readerFunc(func(p []byte, off int64) (int, error) {
					if left--; left < 0 {
						return 0, broken
					}
					return bytes.NewReader(data).ReadAt(p, off)
				})
				_, err := Read(t.Context(), r, int64(len(data)), name, Limits{}, nil)
				if err == nil && left >= 0 {
					continue // it needed fewer reads
				}
				wantFault(t, err, fault.Unreadable, "the disk is broken")
				if !errors.Is(err, broken) {
					t.Errorf("%v does not wrap its cause", err)
				}
			}
		})
	}
}

func TestAFileShorterThanItsSizeIsUnreadable(t *testing.T) {
	_, err := Read(t.Context(), strings.NewReader("Invoice No.,"), 100, "x", Limits{}, nil)
	wantFault(t, err, fault.Unreadable)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v does not wrap its cause", err)
	}
}

func TestAPanicIsAFault(t *testing.T) {
	r := readerFunc(func([]byte, int64) (int, error) { panic("no such thing") })
	_, err := Read(t.Context(), r, 100, "x", Limits{}, nil)
	wantFault(t, err, fault.WorkerCrashed, "Save As")
	if cause := errors.Unwrap(err); cause == nil || !strings.Contains(cause.Error(), "no such thing") {
		t.Errorf("the cause is %v", cause)
	}
}

func TestEveryKindOfFileGivesTheSameRows(t *testing.T) {
	for _, tt := range []struct{ name, format string }{
		{"invented.csv", "CSV, comma, UTF-8"},
		{"bom.csv", "CSV, comma, UTF-8"},
		{"cr.csv", "CSV, comma, UTF-8"},
		{"semicolon-1252.csv", "CSV, semicolon, Windows-1252"},
		{"sep.csv", "CSV, semicolon, UTF-8"},
		{"tab.txt", "CSV, tab, UTF-8"},
		{"utf16le.txt", "CSV, tab, UTF-16LE"},
		{"utf16be.txt", "CSV, comma, UTF-16BE"},
		{"utf16le-no-bom.txt", "CSV, semicolon, UTF-16LE"},
		{"utf16be-no-bom.txt", "CSV, comma, UTF-16BE"},
		{"invented.xlsx", "XLSX, sheet Orders"},
		{"invented-1904.xlsx", "XLSX, sheet Orders"},
		{"invented.xls", "XLS, sheet Orders"},
		{"invented-95.xls", "XLS, sheet Orders"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := mustRead(t, inventedFile(t, tt.name))
			wantRows(t, table, invented)
			if table.Format != tt.format {
				t.Errorf("the format is %q, want %q", table.Format, tt.format)
			}
			if table.Name != "orders" {
				t.Errorf("the name is %q", table.Name)
			}
			if !reflect.DeepEqual(table.Header, inventedHeader) {
				t.Errorf("the header is %q", table.Header)
			}
		})
	}
}

// sample returns the real export, which is kept outside of the repository.
func sample(t testing.TB) []byte {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "testdata")
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		t.Skip("there is no ../shared/testdata")
	}
	return must.Read(t, filepath.Join(dir, "midas-2025-07-10", "orders.csv"))
}

func TestSampleExport(t *testing.T) {
	table := mustRead(t, sample(t))
	if len(table.Rows) != 366 {
		t.Fatalf("%d rows, want 366", len(table.Rows))
	}
	bills := map[string]bool{}
	for i, r := range table.Rows {
		if r.Number != i+2 {
			t.Fatalf("row %d has number %d", i, r.Number)
		}
		if r.InvoiceNo == "" || r.Style == "" || r.Pieces == "" || r.ShipTo == "" || len(r.CancelDate) != 8 {
			t.Errorf("row %d lacks something: %+v", r.Number, r)
		}
		bills[r.InvoiceNo] = true
	}
	if len(bills) != 83 {
		t.Errorf("%d bills, want 83", len(bills))
	}
	if table.Format != "CSV, comma, UTF-8" || len(table.Header) != 9 {
		t.Errorf("format %q, header %q", table.Format, table.Header)
	}
}
