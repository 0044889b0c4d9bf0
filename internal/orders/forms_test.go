package orders

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"html"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
	"tallyman/internal/testing/must"
)

// markup writes the header and the invented rows between the tags of a format.
func markup(row func(cells string) string, cell func(text string) string) string {
	var all strings.Builder
	write := func(cells []string) {
		var b strings.Builder
		for _, c := range cells {
			b.WriteString(cell(c))
		}
		all.WriteString(row(b.String()))
	}
	write(inventedHeader)
	for _, r := range invented {
		write(r.cells())
	}
	return all.String()
}

func inventedHTML() string {
	return "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><style>td { color: red }</style></head>\n<body><table border=1>\n" +
		"<caption>Open orders<script>document.write('<td>')</script></caption>\n" +
		markup(func(cells string) string { return "<tr>" + cells + "</tr>\n" },
			func(text string) string {
				return "<td x:str>" + strings.ReplaceAll(html.EscapeString(text), "\n", "<br>") + "&nbsp;</td>"
			}) + "</table></body></html>"
}

func inventedXML2003() string {
	return `<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
<Styles><Style ss:ID="s1"><NumberFormat ss:Format="0000"/></Style></Styles>
<Worksheet ss:Name="Orders"><Table>` +
		markup(func(cells string) string { return "<Row>" + cells + "</Row>\n" },
			func(text string) string {
				switch text {
				case "":
					return "<Cell/>"
				case "0042":
					return `<Cell ss:StyleID="s1"><Data ss:Type="Number">42</Data></Cell>`
				case "02292032":
					return `<Cell><Data ss:Type="DateTime">2032-02-29T00:00:00.000</Data></Cell>`
				}
				return `<Cell><Data ss:Type="String">` + strings.ReplaceAll(html.EscapeString(text), "\n", "&#10;") +
					`</Data><Comment><Data>not this</Data></Comment></Cell>`
			}) + `</Table></Worksheet></Workbook>`
}

func inventedODSContent(root string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><` + root + ` xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>` +
		`<table:tracked-changes><table:table-cell><text:p>deleted</text:p></table:table-cell></table:tracked-changes>` +
		`<table:table table:name="Orders"><table:table-column table:number-columns-repeated="16384"/>` +
		markup(func(cells string) string {
			return `<table:table-row>` + cells + `<table:table-cell table:number-columns-repeated="16374"/></table:table-row>`
		}, func(text string) string {
			switch text {
			case "":
				return "<table:table-cell/>"
			case "0042":
				return `<table:table-cell office:value-type="float" office:value="42"><text:p>0042</text:p></table:table-cell>`
			case "1200":
				return `<table:table-cell office:value-type="float" office:value="1200"><text:p>1,200.00</text:p></table:table-cell>`
			case "02292032":
				return `<table:table-cell office:value-type="date" office:date-value="2032-02-29"><text:p>29/02/32</text:p></table:table-cell>`
			}
			return `<table:table-cell office:value-type="string"><office:annotation><text:p>not this</text:p></office:annotation><text:p>` +
				strings.ReplaceAll(html.EscapeString(text), "\n", "</text:p><text:p>") + `</text:p></table:table-cell>`
		}) +
		`<table:table-row table:number-rows-repeated="1048571"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>` +
		`</table:table></office:spreadsheet></office:body></` + root + `>`
}

func inventedODS(t testing.TB) []byte {
	return parts{"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": inventedODSContent("office:document-content")}.zip(t)
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	must.OK(t, err)
	must.OK(t, w.Close())
	return b.Bytes()
}

func TestWhatAFileIsItsContentDecides(t *testing.T) {
	csvFile := inventedFile(t, "invented.csv")
	old := fixture(t, "invented-95.xls")
	for _, tt := range []struct {
		format string
		data   []byte
	}{
		{"HTML table, UTF-8", []byte(inventedHTML())},
		{"HTML table, UTF-16LE", encode(t, utf16LE, inventedHTML())},
		{"HTML table, Windows-1252", encode(t, charmap.Windows1252, strings.Replace(inventedHTML(), "utf-8", "iso-8859-1", 1))},
		{"Excel 2003 XML, UTF-8, sheet Orders", []byte(inventedXML2003())},
		{"Excel 2003 XML, Windows-1252, sheet Orders", encode(t, charmap.Windows1252, strings.Replace(inventedXML2003(), `version="1.0"`, `version="1.0" encoding="windows-1252"`, 1))},
		{"ODS, sheet Orders", inventedODS(t)},
		{"ODS, UTF-8, sheet Orders", []byte(inventedODSContent("office:document"))},
		{"XLS, sheet Orders", old[bytes.Index(old, []byte{0x09, 0x08}):]},
		{"CSV, comma, UTF-8, in a ZIP archive", parts{"out/orders.xls": string(csvFile), "__MACOSX/x": "x"}.zip(t)},
		{"CSV, comma, UTF-8, packed with gzip", gzipped(t, csvFile)},
		{"XLSX, sheet Orders, packed with gzip", gzipped(t, inventedXLSX(t, false))},
		{"HTML table, UTF-8, packed with gzip, in a ZIP archive", parts{"orders.gz": string(gzipped(t, []byte(inventedHTML())))}.zip(t)},
		{"CSV, comma, UTF-32LE", encode(t, utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), string(csvFile))},
		{"CSV, comma, UTF-32BE", encode(t, utf32BE, string(csvFile))},
	} {
		t.Run(tt.format, func(t *testing.T) {
			table := mustRead(t, tt.data)
			wantRows(t, table, invented)
			if table.Format != tt.format {
				t.Errorf("the format is %q", table.Format)
			}
			for _, n := range table.Notes {
				if doubtful(n) {
					t.Errorf("a sound file has a finding: %s", n.Message)
				}
			}
		})
	}
}

func encode(t testing.TB, e encoding.Encoding, text string) []byte {
	t.Helper()
	b, err := e.NewEncoder().Bytes([]byte(text))
	must.OK(t, err)
	return b
}

// doubtful reports whether a note about the form of a file needs a person's eye.
func doubtful(n Note) bool {
	switch n.Kind {
	case ErrorCell, Uncomputed, FormulaText, SpoiltNumber, LostText, DoubtfulText, ControlMarks, RowLeftOut, StrayQuote, SplitCell, RestoredText, WiderRow, CutOff:
		return !n.Info
	}
	return false
}

// told returns the first note of a kind, and fails if there is none.
func told(t testing.TB, table *Table, kind NoteKind) Note {
	t.Helper()
	n := noteOf(table, kind)
	if n == nil {
		t.Fatalf("no %s among the notes %+v", kind, table.Notes)
	}
	return *n
}

// damages are faults in one row of delimited text. Each would shift values by a column if
// it were not noticed, and allows several readings. Every one is tried with every
// separator, %.
var damages = []struct{ name, row string }{
	{"a separator in a cell without quotation marks", "G2%S2%2%20%Y%INC%P2%07102031"},
	{"a separator and a space in the last cell", "G2%S2%2%20%Y%P2%07102031% x"},
	{"a separator and a space before a date", "G2%S2%2%20%Y%P2% 07102031%x"},
	{"a separator and a space, and a cell too many", "G2%S2%2%20%Y% INC%P2%07102031%x"},
	{"a separator in the last cell", "G2%S2%2%20%Y%P2%07102031%x"},
	{"a cell missing", "G2%S2%2%20%Y%07102031"},
	{"the first cell missing", "S2%2%20%Y%P2%07102031"},
	{"a line break in a cell", "G2%S2%2%20%Y\nREAR DOOR%P2%07102031"},
	{"a quotation mark that is not closed in a cell too many", `G2%S2%2%20%"Y%x%P2%07102031`},
	{"a quotation mark that is not closed in a key", `G2%"S2%2%20%Y%P2%07102031`},
	{"a quotation mark that is not closed in the last cell", `G2%S2%2%20%Y%P2%"07102031`},
	{"a quotation mark behind a backslash", `G2%S2%2%20%"5\" Y% INC"%P2%07102031`},
	{"a quotation mark that is not doubled beside a separator", `G2%S2%2%20%"the "Y"% INC"%P2%07102031`},
	{"a lone quotation mark as a cell, twice", "G2%S2%2%20%\"%P2%07102031\nG3%S3%3%30%\"%P3%07102031"},
}

// If only one reading gives each column a value of its kind, it is used and reported.
func TestRowsThatAreNotClearAreReadWhereTheirColumnsProveIt(t *testing.T) {
	for _, c := range []struct {
		name, seps string
		cells      []string // % is the separator
		shipTo     string
		kind       NoteKind
	}{
		{"a comma and a space in a cell without quotation marks", ",", []string{"Y% INC", "P2", "07102031"}, "Y, INC", SplitCell},
		{"two of them", ",", []string{`Y "Z"% INC% LTD`, "P2", "07102031"}, `Y "Z", INC, LTD`, SplitCell},
		{"a quotation mark that is not closed", ",;\t", []string{`"Y`, "P2", "07102031"}, `"Y`, StrayQuote},
		{"one before a cell that has them", ",;\t", []string{`"Y`, `"P%2"`, "07102031"}, `"Y`, StrayQuote},
	} {
		for _, sep := range strings.Split(c.seps, "") {
			t.Run(fmt.Sprintf("%s %q", c.name, sep), func(t *testing.T) {
				second := strings.ReplaceAll(join(sep, append([]string{"G2", "S2", "2", "20"}, c.cells...)...), "%", sep)
				table := mustRead(t, []byte(join("\n", join(sep, "Invoice No.", "Style", "Cartons", "Pieces", "Ship-to Name", "Order No.", "Cancel Date"),
					join(sep, "G1", "S1", "1", "10", "X", "P1", "07092031"), second, join(sep, "G9", "S9", "9", "90", "Z", "P9", "07112031"), "")))
				if len(table.Rows) != 3 || table.Rows[1].ShipTo != c.shipTo || table.Rows[1].CancelDate != "07102031" || !strings.HasPrefix(table.Rows[1].OrderNo, "P") {
					t.Errorf("the rows are %+v", table.Rows)
				}
				if n := told(t, table, c.kind); n.Info || n.Row != 3 {
					t.Errorf("the note is %+v", n)
				}
			})
		}
	}
}

func TestLostCharactersOfNamesAreTakenFromOtherRows(t *testing.T) {
	for name, c := range map[string]struct {
		bad, others string
		want        string
	}{
		"one name fits":                                {"LAK\xc3 STORE", "LAKÉ STORE|DOCK", "LAKÉ STORE"},
		"two characters are lost":                      {"\xc3LAK\xc3", "ÉLAKÉ|LAKÉ", "ÉLAKÉ"},
		"two names fit":                                {"LAK\xc3 STORE", "LAKÉ STORE|LAKÈ STORE", "LAK\ufffd STORE"},
		"no name fits":                                 {"LAK\xc3 STORE", "LAKÉ STORES|LAKE STORE", "LAK\ufffd STORE"},
		"the name lost a letter of its own":            {"LAK\xc3 STORE", "LAK\xc3 STORE|É|È", "LAK\ufffd STORE"},
		"the lost letter is one that the encoding has": {"LAK\xc3 STORE", "LAKE STORE|É", "LAK\ufffd STORE"},
	} {
		t.Run(name, func(t *testing.T) {
			text := keyHeader + "G0,S0,1,10," + c.bad + "\n"
			for i, o := range strings.Split(c.others, "|") {
				text += fmt.Sprintf("G%d,S,1,10,%s\n", i+1, o)
			}
			table := mustRead(t, []byte(text))
			if got := table.Rows[0].ShipTo; got != c.want {
				t.Errorf("it was read as %q, want %q", got, c.want)
			}
			kind := RestoredText
			if strings.Contains(c.want, "\ufffd") {
				kind = LostText
			}
			if n := told(t, table, kind); n.Info || n.Row != 2 {
				t.Errorf("the note is %+v", n)
			}
		})
	}
}

// A file of unclosed quotation marks is refused without reading it again for each of
// them.
func TestQuotationMarksThatNeverCloseCostLittle(t *testing.T) {
	text := "Invoice No.,Style,Note,Cartons,Pieces\n" + strings.Repeat("G1,S1,\"\"x,1,10\n", 200_000)
	_, err := readBytes(t, []byte(text), Limits{})
	wantFault(t, err, fault.DamagedOrders, "row ", "quotation mark")
}

func join(sep string, cells ...string) string { return strings.Join(cells, sep) }

func TestNoValueIsOneColumnOverInSilence(t *testing.T) {
	header := []string{"Invoice No.", "Style", "Cartons", "Pieces", "Ship-to Name", "Order No.", "Cancel Date"}
	for _, sep := range []string{",", ";", "\t"} {
		for _, eol := range []string{"\n", "\r\n"} {
			for _, d := range damages {
				t.Run(fmt.Sprintf("%s %q %q", d.name, sep, eol), func(t *testing.T) {
					text := join("\n", join(sep, header...), join(sep, "G1", "S1", "1", "10", "X", "P1", "07092031"),
						strings.ReplaceAll(d.row, "%", sep), join(sep, "G9", "S9", "9", "90", "Z", "P9", "07112031"), "")
					_, err := readBytes(t, []byte(strings.ReplaceAll(text, "\n", eol)), Limits{})
					wantFault(t, err, fault.DamagedOrders, "row 3")
				})
			}
		}
	}
}

func TestWhatDoesNoHarmAtTheEndOfRows(t *testing.T) {
	want := []Row{{Number: 2, InvoiceNo: "G1", Style: "S1", Cartons: "1", Pieces: "10", ShipTo: "X"}}
	for _, rows := range []string{"G1,S1,1,10,X,,,\n", "G1,S1,1,10,X\n\n  \n,,\n", "G1,S1,1,10,X\n\x1a", `"G1" ,"S1" ,1,10, "X" ` + "\n",
		"G1,S1,1,10,\"X\"\x00\x00\n"} {
		table := mustRead(t, []byte(keyHeader+rows))
		wantRows(t, table, want)
		for _, n := range table.Notes {
			if doubtful(n) {
				t.Errorf("%q: %s", rows, n.Message)
			}
		}
	}
	// An empty cell too many at the end of one row may have moved its values.
	table := mustRead(t, []byte(keyHeader+"G1,S1,1,10,X\nG2,S2,2,20,,\nG3,S3,3,30,Y\n"))
	if n := told(t, table, WiderRow); n.Row != 3 || n.Info {
		t.Errorf("the note is %+v", n)
	}
	for end, cut := range map[string]bool{"G2,S2,2,20,": true, "G2,S2,2,20,\n": false, "G2,S2,2,20,Y": false, "G2,S2,2,20, \r\n": false} {
		table := mustRead(t, []byte(keyHeader+"G1,S1,1,10,X\r\n"+end))
		if n := noteOf(table, CutOff); (n != nil && n.Row == 3 && !n.Info) != cut {
			t.Errorf("%q: the note is %+v", end, n)
		}
	}
	table = mustRead(t, []byte(keyHeader+"G1,S1,1,10,X\nEnd of report\n"))
	wantRows(t, table, want)
	if n := told(t, table, RowLeftOut); n.Row != 3 || !strings.Contains(n.Message, "End of report") {
		t.Errorf("the note is %+v", n)
	}
	// A comma within a name makes the header wider than all rows.
	_, err := readBytes(t, []byte("Invoice No.,Style,Cartons,Pieces,Ship-to Name, City\nG1,S1,1,10,X\n"), Limits{})
	wantFault(t, err, fault.DamagedOrders, "row 2", "5 cells", "the header 6")
}

// errorTexts are what the programs write.
var errorTexts = []string{"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!",
	"#GETTING_DATA", "#NV", "#BEZUG!", "#WERT!", "#NOM?", "#¡REF!", "#¿NOMBRE?", "#ERROR!", "Err:502", "########"}

var formHeader = []string{"Invoice No.", "Style", "Cartons", "Pieces", "Invoice Date", "Ship-to Name", "Order No.", "Delivery Date", "Cancel Date"}

// withCell writes two rows, the second with another cell in one column.
func withCell(t testing.TB, col int, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	row := []string{"G1", "S1", "1", "10", "07102031", "X", "P1", "07112031", "07302031"}
	second := slices.Clone(row)
	second[col] = text
	must.OK(t, w.WriteAll([][]string{formHeader, row, second}))
	return b.Bytes()
}

func TestErrorsOfFormulasAreToldAndNeverValues(t *testing.T) {
	for _, text := range errorTexts {
		for col, name := range formHeader {
			for kind, data := range map[string][]byte{
				"CSV": withCell(t, col, text),
				"XLSX": book(fmt.Sprintf(`<row r="2"><c r="A2" t="str"><v>G1</v></c><c r="B2" t="str"><v>S1</v></c><c r="%s2" t="e"><f>A1/0</f><v>%s</v></c></row>`,
					grid.ColumnName(min(col, 5)), text)).zip(t),
			} {
				table := mustRead(t, data)
				n := told(t, table, ErrorCell)
				last := table.Rows[len(table.Rows)-1]
				if !doubtful(n) || n.Row != last.Number || !strings.Contains(n.Message, grid.Label(text)) || kind == "CSV" && n.Column != name {
					t.Errorf("%s, %s in %s: the note is %+v", kind, text, name, n)
				}
				for _, v := range last.cells() {
					if v == text {
						t.Errorf("%s, %s in %s: it is a value", kind, text, name)
					}
				}
			}
		}
	}
	for _, text := range []string{"#1", "# 12", "#12 STORE", "STORE #12!", "#A-1", "Err: 502"} {
		table := mustRead(t, withCell(t, 5, text))
		if table.Rows[1].ShipTo != text {
			t.Errorf("%q was read as %q", text, table.Rows[1].ShipTo)
		}
	}
}

func TestCellsThatSpreadsheetsMadeOfValues(t *testing.T) {
	for _, tt := range []struct {
		text, want string
		kind       NoteKind // "" if nothing is said
	}{
		{`="00230561"`, "00230561", ""},
		{`="45-04634-17/2"`, "45-04634-17/2", ""},
		{`="the ""A"" store"`, `the "A" store`, ""},
		{`=""`, "", ""},
		{`=230561`, "230561", ""},
		{`'00230561`, "00230561", ""},
		{`'T20426`, "T20426", ""},
		{`'T20426'`, "T20426", ""},
		{`'T WINKEL`, "'T WINKEL", ""},
		{`'S-GRAVENHAGE`, "'S-GRAVENHAGE", ""},
		{`=VLOOKUP(A1,B:C,2)`, "", FormulaText},
		{`="A"&"B"`, "", FormulaText},
		{"6.55177E+11", "6.55177E+11", SpoiltNumber},
		{"6,55177E+11", "6,55177E+11", SpoiltNumber},
		{"6.55177e+11", "6.55177e+11", SpoiltNumber},
		{"6E+11", "6E+11", SpoiltNumber},
		{"1.2E-05", "1.2E-05", SpoiltNumber},
		{"3E10", "3E10", ""},
		{"3E-10", "3E-10", ""},
		{"12E+10", "12E+10", ""},
		{"E+10", "E+10", ""},
		{"655177000000000000", "655177000000000000", SpoiltNumber},
		{"655177000000000001", "655177000000000001", ""},
		{"655177000000", "655177000000", ""},
		{"NULL", "", NullText},
		{"NaN", "", NullText},
		{"A\x1fB", "AB", ControlMarks},
		{"A\x00B", "AB", ControlMarks},
		{"AB\x1f", "AB", ""},
		{"\x00\x00AB\x00", "AB", ""},
		{"LAK\ufffd STORE", "LAK\ufffd STORE", LostText},
		{"MONTR?AL", "MONTR?AL", LostText},
		{"WHO? ME", "WHO? ME", ""},
		{"LAKÃ‰ STORE", "LAKÃ‰ STORE", LostText},
		{"Macyâ€™s", "Macyâ€™s", LostText},
		{"LAK├ë", "LAK├ë", LostText},
		{"SÃO PAULO", "SÃO PAULO", ""},
		{"ÎLE ÂME", "ÎLE ÂME", ""},
	} {
		table := mustRead(t, withCell(t, 6, tt.text))
		if got := table.Rows[1].OrderNo; got != tt.want {
			t.Errorf("%q was read as %q, want %q", tt.text, got, tt.want)
		}
		doubts := 0
		for _, n := range table.Notes {
			if doubtful(n) {
				doubts++
			}
		}
		if tt.kind == "" && doubts > 0 {
			t.Errorf("%q is doubted: %+v", tt.text, table.Notes)
		}
		if tt.kind != "" {
			if n := told(t, table, tt.kind); n.Row != 3 || n.Column != "Order No." || n.Message == "" {
				t.Errorf("%q: the note is %+v", tt.text, n)
			}
		}
	}
}

func TestFormulasThatWereNeverComputed(t *testing.T) {
	row := func(n int, cells string) string {
		return fmt.Sprintf(`<row r="%d"><c r="A%[1]d" t="str"><v>G1</v></c><c r="B%[1]d" t="str"><v>S1</v></c>%s</row>`, n, cells)
	}
	for _, value := range []string{"", "<v></v>", "<v>0</v>", "<v>0.0</v>"} {
		for col := 2; col < 6; col++ {
			name := grid.ColumnName(col)
			uncomputed := row(2, fmt.Sprintf(`<c r="%s2" s="2"><f>A1</f>%s</c>`, name, value))
			_, err := readBytes(t, book(uncomputed).zip(t), Limits{})
			wantFault(t, err, fault.DamagedOrders, "row 2, column "+name, "never computed")
			// If other cells of the column have a value, the formula without one is
			// reported and left out.
			table := mustRead(t, book(uncomputed+row(3, fmt.Sprintf(`<c r="%s3"><f>A1</f><v>7</v></c>`, name))).zip(t))
			if n := told(t, table, Uncomputed); n.Row != 2 || !doubtful(n) {
				t.Errorf("the note is %+v", n)
			}
			if v := table.Rows[0]; v != (Row{Number: 2, InvoiceNo: "G1", Style: "S1"}) {
				t.Errorf("the row is %+v", v)
			}
		}
	}
	table := mustRead(t, book(row(2, `<c r="C2"><v>0</v></c><c r="E2" t="str"><f>A1</f><v></v></c><c r="F2" t="b"><f>A1</f><v>0</v></c>`)).zip(t))
	wantRows(t, table, []Row{{Number: 2, InvoiceNo: "G1", Style: "S1", Cartons: "0", OrderNo: "FALSE"}})
	if len(table.Notes) > 0 && doubtful(table.Notes[0]) {
		t.Errorf("computed formulas are doubted: %+v", table.Notes)
	}
}

// words are names as in exports, in capitals and in mixed case.
var words = strings.Fields("CAFÉ Café MONTRÉAL Montréal SEÑOR Señor PEÑA MÜNCHEN München KÖLN Köln Straße MARTÍNEZ Martínez " +
	"GARCÍA MÁLAGA Málaga LEÓN León FRANÇOIS François NOËL Noël SÃO São GÖTEBORG ÅRHUS Århus Møller CÔTE Côte Crème HÔTEL Hôtel " +
	"ÜBER Über ÄRZTE Élan École ÚNICO Único MACY’S Macy’s")

func TestEncodingsAreRecognisedOrTheDoubtIsSaid(t *testing.T) {
	right, doubts := 0, 0
	for name, e := range map[string]encoding.Encoding{
		"UTF-8":        encoding.Nop,
		"UTF-8 BOM":    unicode.UTF8BOM,
		"UTF-16":       unicode.UTF16(unicode.LittleEndian, unicode.UseBOM),
		"UTF-16LE":     utf16LE,
		"UTF-16BE":     utf16BE,
		"UTF-32LE":     utf32LE,
		"UTF-32BE":     utf32BE,
		"Windows-1252": charmap.Windows1252,
		"Mac Roman":    charmap.Macintosh,
		"CP850":        charmap.CodePage850,
		"CP437":        charmap.CodePage437,
	} {
		for _, word := range words {
			text := keyHeader + "G1,S1,1,10," + word + " OUTFITTERS\nG2,S2,2,20,X\n"
			data, err := e.NewEncoder().Bytes([]byte(text))
			if err != nil {
				continue // the encoding does not have the letter
			}
			table := mustRead(t, data)
			n := 0
			for _, note := range table.Notes {
				if note.Kind == DoubtfulText && note.Row == 2 && note.Column == "Ship-to Name" {
					n++
				}
			}
			switch ok := table.Rows[0].ShipTo == word+" OUTFITTERS"; {
			case !ok && n == 0:
				t.Errorf("%s in %s was read as %q, and that is not reported", word, name, table.Rows[0].ShipTo)
			case n > 0 && strings.HasPrefix(name, "UTF"):
				t.Errorf("%s in %s is doubted", word, name)
			case n > 0:
				doubts++
			default:
				right++
			}
		}
	}
	t.Logf("%d read right without a finding, %d with one", right, doubts)
	// Several words together decide the encoding.
	for _, c := range charsets[:guessed] {
		b, ok := c.encode(keyHeader + "G1,S1,1,10,MÜNCHEN\nG2,S2,2,20,Café\nG3,S3,3,30,PEÑA\nG4,S4,4,40,Málaga\n")
		if !ok {
			t.Fatal(c.name)
		}
		if table := mustRead(t, []byte(b)); table.Rows[0].ShipTo != "MÜNCHEN" || table.Rows[2].ShipTo != "PEÑA" {
			t.Errorf("%s was read as %s: %+v", c.name, table.Format, table.Rows)
		}
	}
}

func TestOneBadByteDoesNotChangeTheEncoding(t *testing.T) {
	text := keyHeader + "G1,S1,1,10,CAFÉ\nG2,S2,2,20,TÉA\n"
	for _, data := range []string{
		strings.Replace(text, "É\nG2", "\xc3\nG2", 1),     // cut in half
		strings.Replace(text, "É\nG2", "\xc9\nG2", 1),     // of another encoding
		"\ufeff" + strings.ReplaceAll(text, "É", "\xc3"),  // a byte order mark names the encoding
		strings.Replace(text, "É\nG2", "\xe2\x80\nG2", 1), // two bytes of three
		strings.Replace(text, "É\nG2", "\xf0\x9f\x98\nG2", 1),
	} {
		table := mustRead(t, []byte(data))
		if table.Format != "CSV, comma, UTF-8" || table.Rows[0].ShipTo != "CAF\ufffd" {
			t.Errorf("%s: %q", table.Format, table.Rows[0].ShipTo)
		}
		if n := told(t, table, LostText); n.Row != 2 || n.Column != "Ship-to Name" {
			t.Errorf("the note is %+v", n)
		}
	}
}

func TestCellsOfHTMLTables(t *testing.T) {
	table := mustRead(t, []byte(`<html><body><table><tr><td>Menu<td>Log out</table>
<table><thead><tr><th>Invoice No.<th>Style<th>Cartons<th>Pieces<th colspan=2>Ship-to Name<th>Order No.</thead>
<tr><td rowspan=2>G1<td>S1<td>1<td><input type=text value="10"><td>A &amp; B<td>x<td x:num="655177000001">6.55177E+11
<tr><td>S2<td>2<td><table><tr><td>20</table><td>A<br>B<td><td>P2
<tr><td>G3<td>S3<td>3<td>30
</table>`))
	wantRows(t, table, []Row{
		{Number: 2, InvoiceNo: "G1", Style: "S1", Cartons: "1", Pieces: "10", ShipTo: "A & B", OrderNo: "655177000001"},
		{Number: 3, InvoiceNo: "G1", Style: "S2", Cartons: "2", Pieces: "20", ShipTo: "A\nB", OrderNo: "P2"},
		{Number: 4, InvoiceNo: "G3", Style: "S3", Cartons: "3", Pieces: "30"},
	})
	if !strings.HasPrefix(table.Format, "HTML table, UTF-8, sheet table 2") {
		t.Errorf("the format is %q", table.Format)
	}
	_, err := readBytes(t, []byte("<html><body>Please log in</body></html>"), Limits{})
	wantFault(t, err, fault.NotAnOrderFile, "an HTML page without a table", "Save As")
}

func TestWorkbooksInXMLThatAreDamaged(t *testing.T) {
	xml, ods := inventedXML2003(), inventedODSContent("office:document")
	for _, tt := range []struct {
		name, data string
		code       fault.Code
		says       string
	}{
		{"cut off", xml[:len(xml)/2], fault.DamagedOrders, "line"},
		{"a row without its end", strings.Replace(xml, "</Row>", "", 1), fault.DamagedOrders, "line"},
		{"an entity that would expand", strings.Replace(xml, "<Workbook", `<!DOCTYPE w [<!ENTITY a "aaaa">]><Workbook`, 1) + "&a;", fault.DamagedOrders, "line"},
		{"a cell before the last", strings.Replace(xml, "<Cell>", `<Cell ss:Index="0">`, 1), fault.DamagedOrders, "the place of a row or cell"},
		{"a column beyond the last", strings.Replace(xml, "<Cell>", `<Cell ss:Index="16385">`, 1), fault.TooLarge, "16384 columns"},
		{"elements without end", strings.Replace(xml, "<Table>", "<Table>"+strings.Repeat("<a>", 1000), 1), fault.DamagedOrders, "deep"},
		{"sheets without end", strings.Replace(xml, "<Worksheet", strings.Repeat("<Worksheet/>", 1001)+"<Worksheet", 1), fault.TooLarge, "sheets"},
		{"an ODS cut off", ods[:len(ods)/2], fault.DamagedOrders, "line"},
		{"a million rows alike", strings.Replace(ods, "<table:table-row><table:table-cell office:value-type=\"string\"><office:annotation><text:p>not this</text:p></office:annotation><text:p>G90001",
			"<table:table-row table:number-rows-repeated=\"1048576\"><table:table-cell office:value-type=\"string\"><text:p>G90001", 1), fault.TooLarge, "order rows"},
		{"ODS cells in every column", strings.Replace(ods, "<table:table-cell office", "<table:table-cell table:number-columns-repeated=\"1000000000\" office", 1), fault.TooLarge, "columns"},
		{"ODS elements without end", strings.Replace(ods, "<text:p>", strings.Repeat("<text:span>", 1000), 1), fault.DamagedOrders, "deep"},
		{"a locked ODS", string(parts{"content.xml": "x", "META-INF/manifest.xml": "<manifest:encryption-data/>"}.zip(t)), fault.DamagedOrders, "password"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readBytes(t, []byte(tt.data), Limits{Rows: 1000})
			wantFault(t, err, tt.code, tt.says)
		})
	}
}

func TestHTMLPagesWithoutEnd(t *testing.T) {
	head := "<table><tr><th>Invoice No.<th>Style<th>Cartons<th>Pieces"
	for _, tt := range []struct {
		name, data string
		code       fault.Code
	}{
		{"tables", strings.Repeat("<table></table>", 2000), fault.TooLarge},
		{"tables in tables", strings.Repeat("<table><tr><td>", 2000), fault.TooLarge},
		{"a tag", head + "<td title='" + strings.Repeat("x", 17<<20), fault.TooLarge},
		{"columns", head + "<tr>" + strings.Repeat("<td>", 400), fault.TooLarge},
		{"a wide cell", head + "<tr><td colspan=999999999><td>x", fault.TooLarge},
		{"tall cells", head + "<tr>" + strings.Repeat("<td rowspan=0>x", 200) + strings.Repeat("<tr>", 2000), fault.TooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readBytes(t, []byte(tt.data), fuzzLimitsOf(64<<20))
			wantFault(t, err, tt.code)
		})
	}
}

func fuzzLimitsOf(size int64) Limits {
	lim := fuzzLimits
	lim.Bytes = size
	return lim
}

func TestArchives(t *testing.T) {
	csvFile := string(inventedFile(t, "invented.csv"))
	locked := parts{"orders.csv": csvFile}.zip(t)
	for _, magic := range []string{"PK\x03\x04", "PK\x01\x02"} { // the flag of encryption, in both headers
		i := bytes.Index(locked, []byte(magic))
		locked[i+6+2*strings.Count(magic, "\x01")] |= 1
	}
	zeros := strings.Repeat("0", 20<<20)
	layers := []byte(csvFile)
	for range 3 {
		layers = gzipped(t, layers)
	}
	for _, tt := range []struct {
		name string
		data []byte
		code fault.Code
		says []string
	}{
		{"two files", parts{"a.csv": csvFile, "b.csv": csvFile}.zip(t), fault.NotAnOrderFile, []string{`"a.csv", "b.csv"`, "unpack it"}},
		{"nothing", parts{}.zip(t), fault.NotAnOrderFile, []string{"no file in it"}},
		{"a folder only", parts{"out/": ""}.zip(t), fault.NotAnOrderFile, []string{"no file in it"}},
		{"a password", locked, fault.DamagedOrders, []string{"password"}},
		{"archives in archives", layers, fault.NotAnOrderFile, []string{"archives"}},
		{"a bomb", gzipped(t, []byte(zeros)), fault.TooLarge, []string{"200 times"}},
		{"a bomb in a ZIP archive", parts{"a.csv": zeros}.zip(t), fault.TooLarge, []string{"200 times"}},
		{"more than is allowed", gzipped(t, inventedFile(t, "invented.csv")), fault.TooLarge, []string{"when it is unpacked"}},
		{"a gzip file cut off", gzipped(t, []byte(csvFile))[:100], fault.DamagedOrders, []string{"cut off or broken"}},
		{"a picture", parts{"a.png": "\x89PNG\r\n\x1a\n"}.zip(t), fault.NotAnOrderFile, []string{"a PNG picture"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lim := Limits{}
			if tt.name == "more than is allowed" {
				lim.Bytes = int64(len(tt.data)) + 1
			}
			_, err := readBytes(t, tt.data, lim)
			wantFault(t, err, tt.code, tt.says...)
		})
	}
}

// FuzzMarkup reads arbitrary HTML pages and workbooks in XML.
func FuzzMarkup(f *testing.F) {
	f.Add(inventedHTML())
	f.Add(inventedXML2003())
	f.Add(inventedODSContent("office:document"))
	f.Add("<table><tr><td rowspan=0 colspan=3>Invoice No.<td><input value=x><tr><table>")
	f.Fuzz(func(t *testing.T, text string) {
		if textKind(text) == "" {
			text = "<table>" + text
		}
		table, err := readLayer(t.Context(), strings.NewReader(text), int64(len(text)), options{Limits: fuzzLimits}, 0)
		checkOutcome(t, table, err)
	})
}
