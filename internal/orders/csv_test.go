package orders

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
	"tallyman/internal/testing/must"
)

// inventedCSV writes the invented rows with a delimiter and ends of lines.
func inventedCSV(t testing.TB, comma rune, eol string) string {
	t.Helper()
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma = comma
	w.Write(inventedHeader)
	for _, r := range invented {
		w.Write(r.cells())
	}
	w.Flush()
	must.OK(t, w.Error())
	return strings.ReplaceAll(b.String(), "\n", eol)
}

// inventedTexts are the texts that inventedFile makes.
var inventedTexts = map[string]struct {
	before   string
	comma    rune
	eol      string
	encoding encoding.Encoding
}{
	"invented.csv":       {"", ',', "\n", encoding.Nop},
	"bom.csv":            {"", ',', "\r\n", unicode.UTF8BOM},
	"cr.csv":             {"", ',', "\r", encoding.Nop},
	"semicolon-1252.csv": {"", ';', "\r\n", charmap.Windows1252},
	"sep.csv":            {"sep=;\r\n", ';', "\r\n", encoding.Nop},
	"tab.txt":            {"", '\t', "\n", encoding.Nop},
	"utf16le.txt":        {"", '\t', "\r\n", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)},
	"utf16be.txt":        {"", ',', "\r\n", unicode.UTF16(unicode.BigEndian, unicode.UseBOM)},
	"utf16le-no-bom.txt": {"", ';', "\n", utf16LE},
	"utf16be-no-bom.txt": {"", ',', "\n", utf16BE},
}

// inventedFile makes a file of the invented rows, of the kind that its name gives.
func inventedFile(t testing.TB, name string) []byte {
	t.Helper()
	if d, ok := inventedTexts[name]; ok {
		return encode(t, d.encoding, d.before+inventedCSV(t, d.comma, d.eol))
	}
	switch name {
	case "invented.xlsx":
		return inventedXLSX(t, false)
	case "invented-1904.xlsx":
		return inventedXLSX(t, true)
	case "invented.xls", "invented-95.xls":
		return fixture(t, name)
	}
	t.Fatalf("no file %s", name)
	return nil
}

const keyHeader = "Invoice No.,Style,Cartons,Pieces,Ship-to Name\n"

func TestQuotationMarks(t *testing.T) {
	one := func(shipTo string) []Row {
		return []Row{{Number: 2, InvoiceNo: "G1", Style: "S1", Cartons: "1", Pieces: "10", ShipTo: shipTo},
			{Number: 3, InvoiceNo: "G2", Style: "S2", Cartons: "2", Pieces: "20", ShipTo: "Z"}}
	}
	for _, tt := range []struct {
		name, cell string
		want       string
	}{
		{"around a cell", `"A, B"`, "A, B"},
		{"doubled within", `"the ""A"" store"`, `the "A" store`},
		{"around a line break", "\"A\nB\"", "A\nB"},
		{"after a space", ` "A, B"`, "A, B"},
		{"within a cell without quotation marks", `5" PIPE`, `5" PIPE`},
		{"not doubled", `"the "A" store"`, `the "A" store`},
		{"around nothing", `""`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantRows(t, mustRead(t, []byte(keyHeader+"G1,S1,1,10,"+tt.cell+"\nG2,S2,2,20,Z\n")), one(tt.want))
		})
	}
}

func TestAnOpenQuotationMarkSwallowsNoRowsInSilence(t *testing.T) {
	for _, tt := range []struct {
		name, rows string
		row        string
	}{
		{"to the end of the file", "G1,S1,1,10,X\nG2,S2,2,20,\"Y\nG3,S3,3,30,Z\n", "row 3"},
		{"to a later quoted cell", "G1,S1,1,10,\"X\nG2,S2,2,20,\"Y\"\nG3,S3,3,30,Z\n", "row 2"},
		{"in the last row", "G1,S1,1,10,X\n\nG2,S2,2,20,\"Y", "row 4"},
		{"in a column that is ignored", "G1,S1,1,10,X,\"\nG2,S2,2,20,Y,\nG3,S3,3,30,Z,\n", "row 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readBytes(t, []byte(keyHeader+tt.rows), Limits{})
			wantFault(t, err, fault.DamagedOrders, tt.row, "quotation mark")
		})
	}
	_, err := readBytes(t, []byte(`"Invoice No.,Style,Cartons,Pieces`+"\nG1,S1,1,10\n"), Limits{})
	wantFault(t, err, fault.DamagedOrders, "row 1", "quotation mark")
}

func TestDelimiterIsTheOneUnderWhichTheKeyColumnsAreFound(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		format     string
	}{
		{"commas in a title above semicolons", "Orders, open, all, of them\nInvoice No.;Style;Cartons;Pieces\nG1;S,1;1;10\n", "CSV, semicolon, UTF-8"},
		{"commas in the cells between tabs", "Invoice No.\tStyle\tCartons\tPieces\nG1\tS,1\t1\t10\n", "CSV, tab, UTF-8"},
		{"semicolons in quoted headers between commas", "\"a;b;c;d;e\",Invoice No.,Style,Cartons,Pieces\nx,G1,\"S,1\",1,10\n", "CSV, comma, UTF-8"},
		{"quoted cells between semicolons", "\"Invoice No.\";\"Style\";\"Cartons\";\"Pieces\"\n\"G1\";\"S,1\";\"1\";\"10\"\n", "CSV, semicolon, UTF-8"},
		{"sep= names a bar", "sep=|\nInvoice No.|Style|Cartons|Pieces\nG1|S,1|1|10\n", "CSV, pipe, UTF-8"},
		{"sep= in capitals and quotes", "\"SEP=;\"\r\nInvoice No.;Style;Cartons;Pieces\r\nG1;S,1;1;10\r\n", "CSV, semicolon, UTF-8"},
		{"sep= names the wrong delimiter", "sep=;\nInvoice No.,Style,Cartons,Pieces\nG1,\"S,1\",1,10\n", "CSV, comma, UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := mustRead(t, []byte(tt.data))
			if table.Format != tt.format {
				t.Errorf("the format is %q, want %q", table.Format, tt.format)
			}
			if len(table.Rows) != 1 || table.Rows[0].Style != "S,1" || table.Rows[0].Pieces != "10" {
				t.Errorf("the rows are %+v", table.Rows)
			}
		})
	}
}

// Every delimiter is tried with every way of quoting and of ending lines, with and
// without a byte order mark.
func TestTheSameRowsInEveryDialect(t *testing.T) {
	cells := [][]string{{"Invoice No.", "Style", "Cartons", "Pieces", "Ship-to Name"},
		{"G1", "S1", "1", "10", "DOCK"}, {"G2", "S2", "2", "1200", `THE %"A" STORE`}, {"G3", "S3", "3", "30", ""}}
	double := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	for _, comma := range []string{",", ";", "\t", "|", "^"} {
		for how, quote := range map[string]func(cell string) string{
			"only where it must be": func(c string) string {
				if strings.ContainsAny(c, comma+`"`) {
					return double(c)
				}
				return c
			},
			"every cell": double,
			"texts":      func(c string) string { return map[bool]string{true: c, false: double(c)}[grid.DigitsOnly(c)] },
		} {
			for _, eol := range []string{"\n", "\r\n", "\r"} {
				for _, mark := range []string{"", "\ufeff"} {
					for _, whole := range []bool{false, true} {
						text := mark
						for _, row := range cells {
							var line []string
							for _, c := range row {
								line = append(line, quote(strings.ReplaceAll(c, "%", comma)))
							}
							if l := strings.Join(line, comma); whole {
								text += double(l) + eol
							} else {
								text += l + eol
							}
						}
						table, err := readBytes(t, []byte(text), Limits{})
						if err != nil || len(table.Rows) != 3 || table.Rows[1].ShipTo != strings.ReplaceAll(cells[2][4], "%", comma) || table.Rows[2] != (Row{Number: 4, InvoiceNo: "G3", Style: "S3", Cartons: "3", Pieces: "30"}) {
							t.Errorf("%q, quoted: %s, lines as a whole: %t, ends of lines %q: %v %+v", comma, how, whole, eol, err, table)
						}
					}
				}
			}
		}
	}
}

// Control characters are removed from cells; those within a cell are reported.
func TestControlCharactersInEveryColumn(t *testing.T) {
	row := []string{"G1", "S1", "11", "100", "12012025", "DOCK", "P1", "12052025", "12192025"}
	for _, mark := range []string{"\x00", "\x01", "\x1f", "\x1e", "\x7f", "\u0085"} {
		for col := range row {
			for at := range len(row[col]) + 1 {
				cells := slices.Clone(row)
				cells[col] = row[col][:at] + mark + row[col][at:]
				table := mustRead(t, []byte(strings.Join(formHeader, ",")+"\n"+strings.Join(row, ",")+"\n"+strings.Join(cells, ",")+"\n"))
				got, within := table.Rows[1], at > 0 && at < len(row[col])
				if got.Number = 2; got != table.Rows[0] {
					t.Errorf("%q in column %d is read as %+v", mark, col, got)
				}
				if n := noteOf(table, ControlMarks); (n != nil && n.Row == 3 && !n.Info) != within {
					t.Errorf("%q at %d of column %d: the note is %+v", mark, at, col, n)
				}
			}
		}
	}
}

func TestEmptyCellsBetweenTabsStayEmpty(t *testing.T) {
	table := mustRead(t, []byte("Invoice No.\tStyle\tCartons\tPieces\tShip-to Name\nG1\tS1\t\t\tX\n"))
	wantRows(t, table, []Row{{Number: 2, InvoiceNo: "G1", Style: "S1", ShipTo: "X"}})
}

func TestEndsOfLines(t *testing.T) {
	want := []Row{{Number: 2, InvoiceNo: "G1", Style: "S1", Cartons: "1", Pieces: "10", ShipTo: "X"},
		{Number: 3, InvoiceNo: "G2", Style: "S2", Cartons: "2", Pieces: "20", ShipTo: "Y"}}
	for name, eol := range map[string]string{"LF": "\n", "CRLF": "\r\n", "CR": "\r", "CRCRLF": "\r\r\n"} {
		for _, last := range []string{"", eol} {
			t.Run(name, func(t *testing.T) {
				lines := strings.TrimSuffix(keyHeader, "\n") + eol + `G1,S1,1,10,"X"` + eol + `G2,S2,2,20,Y` + last
				wantRows(t, mustRead(t, []byte(lines)), want)
			})
		}
	}
}

func TestBytesThatAreNotUTF8AreWindows1252(t *testing.T) {
	table := mustRead(t, []byte(keyHeader+"G1,S1,1,10,CAF\xc9 \x80 \x93X\x94\n"))
	if got := table.Rows[0].ShipTo; got != "CAFÉ € “X”" {
		t.Errorf("the ship-to is %q", got)
	}
	if table.Format != "CSV, comma, Windows-1252" {
		t.Errorf("the format is %q", table.Format)
	}
}
