package orders

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
	"tallyman/internal/testing/must"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	return must.Read(t, filepath.Join("testdata", name))
}

// save returns the bytes of a workbook.
func save(t testing.TB, f *excelize.File, opts ...excelize.Options) []byte {
	t.Helper()
	return must.Written(t, func(w io.Writer) error { return f.Write(w, opts...) })
}

// inventedXLSX writes the invented rows as in real workbooks: numbers as numbers, dates
// as date cells.
func inventedXLSX(t testing.TB, date1904 bool) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	must.OK(t, f.SetSheetName("Sheet1", "Orders"))
	must.OK(t, f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &date1904}))
	format := "dd-mmm-yyyy"
	date, err := f.NewStyle(&excelize.Style{CustomNumFmt: &format})
	must.OK(t, err)
	builtin, err := f.NewStyle(&excelize.Style{NumFmt: 14})
	must.OK(t, err)
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if date1904 {
		epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	for col, name := range inventedHeader {
		must.OK(t, f.SetCellStr("Orders", cell(col, 1), name))
	}
	for i, r := range invented {
		for col, text := range r.cells() {
			at := cell(col, i+2)
			switch {
			case text == "":
			case col == 4 || col == 7 || col == 8:
				d, err := time.Parse("01022006", text)
				must.OK(t, err)
				must.OK(t, f.SetCellFloat("Orders", at, d.Sub(epoch).Hours()/24, -1, 64))
				must.OK(t, f.SetCellStyle("Orders", at, at, []int{date, builtin}[col%2]))
			case (col == 2 || col == 3 || col == 6) && len(text) < 15:
				must.OK(t, f.SetCellDefault("Orders", at, text))
			default:
				must.OK(t, f.SetCellStr("Orders", at, text))
			}
		}
	}
	return save(t, f)
}

func cell(col, row int) string { return fmt.Sprintf("%s%d", grid.ColumnName(col), row) }

// parts are the parts of a workbook by name.
type parts map[string]string

// book returns the parts of a workbook with one sheet, Orders, whose rows are
// given as XML.
func book(rows string) parts {
	return parts{
		"_rels/.rels":                `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":            `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Orders" sheetId="1" r:id="r1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="/xl/styles.xml"/><Relationship Id="r3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>`,
		"xl/styles.xml":              `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts><numFmt numFmtId="170" formatCode="000000"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/><xf numFmtId="10"/></cellXfs></styleSheet>`,
		"xl/sharedStrings.xml":       `<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>Invoice No.</t></si><si><t>Style</t></si><si><t>Cartons</t></si><si><t>Pieces</t></si><si><t>Ship-to Name</t></si><si><t>Order No.</t></si><si><r><rPr><b/></rPr><t>CAFÉ </t></r><r><t xml:space="preserve">NORD </t></r><rPh sb="0" eb="1"><t>kafe</t></rPh></si></sst>`,
		"xl/worksheets/sheet1.xml":   `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cols><col min="1" max="2"/></cols><sheetData>` + headerXML + rows + `</sheetData><pageMargins/></worksheet>`,
	}
}

const headerXML = `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c><c r="D1" t="s"><v>3</v></c><c r="E1" t="s"><v>4</v></c><c r="F1" t="s"><v>5</v></c></row>`

func (p parts) with(name, content string) parts {
	q := maps.Clone(p)
	q[name] = content
	return q
}

func (p parts) replace(name, old, new string) parts {
	if !strings.Contains(p[name], old) {
		panic(name + " does not hold " + old)
	}
	return p.with(name, strings.Replace(p[name], old, new, 1))
}

func (p parts) zip(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	p.write(t, w)
	must.OK(t, w.Close())
	return b.Bytes()
}

func (p parts) write(t testing.TB, w *zip.Writer) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(p)) {
		f, err := w.Create(name)
		must.OK(t, err)
		_, err = io.WriteString(f, p[name])
		must.OK(t, err)
	}
}

const sheet1 = "xl/worksheets/sheet1.xml"

func TestXLSXCells(t *testing.T) {
	base := Row{Number: 2, InvoiceNo: "G1", Style: "S1", Cartons: "1", Pieces: "10"}
	key := `<c r="A2" t="str"><v>G1</v></c><c r="B2" t="str"><v>S1</v></c><c r="C2"><v>1</v></c><c r="D2"><v>10</v></c>`
	for _, tt := range []struct {
		name, cell string
		want       string
	}{
		{"an integer", `<c r="E2"><v>80587099</v></c>`, "80587099"},
		{"an integer written as a float", `<c r="E2" t="n"><v>4.80E1</v></c>`, "48"},
		{"a number with the noise of its float", `<c r="E2"><v>4.0000000000000002E-2</v></c>`, "0.04"},
		{"a percentage, as the number it is", `<c r="E2" s="3"><v>0.25</v></c>`, "0.25"},
		{"more digits than a number keeps", `<c r="E2"><v>12345678901234567890</v></c>`, "12345678901234567890"},
		{"many digits as text", `<c r="E2" t="inlineStr"><is><t>00012345678901234567890</t></is></c>`, "00012345678901234567890"},
		{"a number shown with zeros before it", `<c r="E2" s="2"><v>1234</v></c>`, "001234"},
		{"a date", `<c r="E2" s="1"><v>48039</v></c>`, "07102031"},
		{"a date with a time", `<c r="E2" s="1"><v>48039.999</v></c>`, "07102031"},
		{"an ISO date", `<c r="E2" t="d"><v>2031-07-10T00:00:00</v></c>`, "07102031"},
		{"a text with the style of a date", `<c r="E2" s="1" t="str"><v>07102031</v></c>`, "07102031"},
		{"a number with a missing style", `<c r="E2" s="99"><v>48039</v></c>`, "48039"},
		{"no number at all", `<c r="E2"><v>0x10</v></c>`, "0x10"},
		{"a shared string with runs and pronunciation", `<c r="E2" t="s"><v>6</v></c>`, "CAFÉ NORD"},
		{"an inline string with runs", `<c r="E2" t="inlineStr"><is><r><t>A</t></r><r><t>B</t></r></is></c>`, "AB"},
		{"a formula's text", `<c r="E2" t="str"><f>A2&amp;"x"</f><v>G1x</v></c>`, "G1x"},
		{"a formula's number", `<c r="E2"><f>C2*2</f><v>2</v></c>`, "2"},
		{"a formula's empty text", `<c r="E2" t="str"><f>""</f><v></v></c>`, ""},
		{"true", `<c r="E2" t="b"><v>1</v></c>`, "TRUE"},
		{"false", `<c r="E2" t="b"><v>0</v></c>`, "FALSE"},
		{"an error", `<c r="E2" t="e"><v>#N/A</v></c>`, ""},
		{"an escaped character", `<c r="E2" t="str"><v>A_x000D_B_x005F_x0041_</v></c>`, "A\rB_x0041_"},
		{"entities and CDATA", `<c r="E2" t="str"><v>A &amp; B<![CDATA[ <C>]]></v></c>`, "A & B <C>"},
		{"a cell that is only formatted", `<c r="E2" s="1"/>`, ""},
		{"a cell without a name", `<c t="str"><v>X</v></c>`, "X"},
		{"a comment and unknown elements", `<c r="E2" t="str"><!-- --><extLst><ext><v>no</v></ext></extLst><v>X</v></c>`, "X"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := base
			want.ShipTo = tt.want
			wantRows(t, mustRead(t, book(`<row r="2">`+key+tt.cell+`</row>`).zip(t)), []Row{want})
		})
	}
}

func TestXLSXRows(t *testing.T) {
	row := func(r, a string) string {
		return `<row` + r + `><c t="str"><v>` + a + `</v></c><c t="str"><v>S</v></c><c><v>1</v></c><c><v>2</v></c></row>`
	}
	want := func(number int, a string) Row {
		return Row{Number: number, InvoiceNo: a, Style: "S", Cartons: "1", Pieces: "2"}
	}
	for _, tt := range []struct {
		name string
		rows string
		want []Row
	}{
		{"missing rows count", row(` r="5"`, "A") + row(` r="1000000"`, "B"), []Row{want(5, "A"), want(1000000, "B")}},
		{"rows without a number follow each other", row("", "A") + row("", "B"), []Row{want(2, "A"), want(3, "B")}},
		{"hidden rows are rows", row(` r="2" hidden="1"`, "A") + row(` r="3"`, "B"), []Row{want(2, "A"), want(3, "B")}},
		{"empty rows are ignored", row(` r="2"`, "A") + `<row r="3"/><row r="4"><c r="A4" s="1"/></row>`, []Row{want(2, "A")}},
		{"prefixed elements", strings.NewReplacer("<row", "<x:row", "</row", "</x:row", "<c", "<x:c", "</c", "</x:c", "<v", "<x:v", "</v", "</x:v").Replace(row(` r='2'`, "A")), []Row{want(2, "A")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := book(tt.rows).replace(sheet1, "<worksheet ", `<worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main" `)
			wantRows(t, mustRead(t, p.zip(t)), tt.want)
		})
	}
}

const oneRow = `<row r="2"><c r="A2" t="str"><v>G1</v></c><c r="B2" t="str"><v>S1</v></c><c r="C2"><v>1</v></c><c r="D2"><v>10</v></c></row>`

func TestXLSXPackages(t *testing.T) {
	good := book(oneRow)
	strict := strings.NewReplacer(
		"http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main",
		"http://schemas.openxmlformats.org/officeDocument/2006/relationships", "http://purl.oclc.org/ooxml/officeDocument/relationships")
	inStrict := parts{}
	for name, content := range good {
		inStrict[name] = strict.Replace(content)
	}
	inCapitals := parts{}
	for name, content := range good {
		inCapitals[strings.ReplaceAll(strings.ToUpper(name), "/", `\`)] = content
	}
	withBOM := parts{}
	for name, content := range good {
		withBOM[name] = "\ufeff<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n" + content
	}
	for name, p := range map[string]parts{
		"as usual":                          good,
		"in the strict flavour":             inStrict,
		"names in capitals and backslashes": inCapitals,
		"byte order marks":                  withBOM,
		"other parts":                       good.with("xl/media/image1.png", "x").with("docProps/app.xml", "<broken"),
		"an external link":                  good.replace("xl/_rels/workbook.xml.rels", "</Relationships>", `<Relationship Id="r1" Type="http://x/worksheet" Target="http://example.com/" TargetMode="External"/></Relationships>`),
		"no part for its relationships":     good.with("_rels/.rels", good["_rels/.rels"]).replace("_rels/.rels", "xl/workbook.xml", "/xl/workbook.xml"),
	} {
		t.Run(name, func(t *testing.T) {
			wantRows(t, mustRead(t, p.zip(t)), []Row{{Number: 2, InvoiceNo: "G1", Style: "S1", Cartons: "1", Pieces: "10"}})
		})
	}
}

func TestEveryVisibleSheetWithTheKeyColumnsIsRead(t *testing.T) {
	build := func(t *testing.T, hide bool) []byte {
		f := excelize.NewFile()
		defer f.Close()
		header := []any{"Invoice No.", "Style", "Cartons", "Pieces"}
		must.OK(t, f.SetSheetRow("Sheet1", "A1", &[]any{"Orders of the month", "Style"}))
		for _, s := range []string{"Old", "July", "August"} {
			_, err := f.NewSheet(s)
			must.OK(t, err)
			must.OK(t, f.SetSheetRow(s, "A3", &header))
			must.OK(t, f.SetSheetRow(s, "A4", &[]any{"G-" + s, "S", 1, 2}))
		}
		must.OK(t, f.SetSheetVisible("Old", false, true))
		if hide {
			must.OK(t, f.SetSheetVisible("July", false))
			must.OK(t, f.SetSheetVisible("August", false))
		}
		return save(t, f)
	}
	table := mustRead(t, build(t, false))
	wantRows(t, table, []Row{{Number: 4, InvoiceNo: "G-July", Style: "S", Cartons: "1", Pieces: "2"},
		{Number: 4, Sheet: "August", InvoiceNo: "G-August", Style: "S", Cartons: "1", Pieces: "2"}})
	wantNote(t, table, OtherSheets, true, `"July" (1 row), "August" (1 row)`)
	if table.Format != "XLSX, sheets July, August" {
		t.Errorf("the format is %q", table.Format)
	}
	_, err := readBytes(t, build(t, true), Limits{})
	wantFault(t, err, fault.MissingColumns, `only "Old"`, "hidden", "unhide it")
}

func TestWorkbooksThatAreRefused(t *testing.T) {
	good := book(oneRow)
	cell := func(c string) parts {
		return book(strings.Replace(oneRow, `<c r="B2" t="str"><v>S1</v></c>`, c, 1))
	}
	protected := func() []byte {
		f := excelize.NewFile()
		defer f.Close()
		return save(t, f, excelize.Options{Password: "secret"})
	}
	damagedCRC := good.zip(t)
	// The central directory's record of the sheet, whose checksum is 16 bytes in.
	at := bytes.LastIndex(damagedCRC, []byte(sheet1)) - 46 + 16
	damagedCRC[at]++

	for _, tt := range []struct {
		name string
		data []byte
		code fault.Code
		says []string
	}{
		{"protected by a password", protected(), fault.DamagedOrders, []string{"protected by a password", "take the password away"}},
		{"cut off", good.zip(t)[:900], fault.DamagedOrders, []string{"cut off or broken"}},
		{"a wrong checksum", damagedCRC, fault.DamagedOrders, []string{"sheet1.xml", "Save As"}},
		{"an unescaped ampersand", cell(`<c r="B2" t="str"><v>B&B</v></c>`).zip(t), fault.DamagedOrders, []string{"sheet1.xml", "cannot be read"}},
		{"tags that do not match", cell(`<c r="B2" t="str"><v>B</c></v>`).zip(t), fault.DamagedOrders, []string{"sheet1.xml"}},
		{"a sheet that ends too early", good.replace(sheet1, "</sheetData><pageMargins/></worksheet>", "").zip(t), fault.DamagedOrders, []string{"sheet1.xml"}},
		{"a sheet without rows, with broken XML after it", good.with(sheet1, "<worksheet></worksheet><a").zip(t), fault.DamagedOrders, []string{"sheet1.xml"}},
		{"a sheet with rows after its end", good.with(sheet1, "<worksheet/><sheetData><row/></sheetData>").zip(t), fault.DamagedOrders, []string{"sheet1.xml"}},
		{"an empty sheet part", good.with(sheet1, "").zip(t), fault.DamagedOrders, []string{"sheet1.xml"}},
		{"a sheet that is something else", good.with(sheet1, "<chartsheet/>").zip(t), fault.DamagedOrders, []string{"not a worksheet"}},
		{"a missing shared string", cell(`<c r="B2" t="s"><v>7</v></c>`).zip(t), fault.DamagedOrders, []string{`sheet "Orders", row 2, column B ("Style")`, `shared string "7"`}},
		{"a shared string with a negative index", cell(`<c r="B2" t="s"><v>-1</v></c>`).zip(t), fault.DamagedOrders, []string{`shared string "-1"`}},
		{"a formula without a value", cell(`<c r="B2"><f>A1</f></c>`).zip(t), fault.DamagedOrders, []string{"row 2, column B", "never computed"}},
		{"a formula with an empty value", cell(`<c r="B2"><f>A1</f><v/></c>`).zip(t), fault.DamagedOrders, []string{"never computed"}},
		{"a cell with a bad name", cell(`<c r="2B"><v>1</v></c>`).zip(t), fault.DamagedOrders, []string{`a cell is named "2B"`}},
		{"a row with a bad number", book(`<row r="0"/>`).zip(t), fault.DamagedOrders, []string{`its number is "0"`}},
		{"a row with a huge number", book(`<row r="99999999999"/>`).zip(t), fault.DamagedOrders, []string{"its number is"}},
		{"a column beyond the last", good.replace(sheet1, "</row>", `<c r="XFE1" t="str"><v>x</v></c></row>`).zip(t), fault.TooLarge, []string{"row 1", "more than 16384 columns"}},
		{"no sheets", good.replace("xl/workbook.xml", `<sheet name="Orders" sheetId="1" r:id="r1"/>`, "").zip(t), fault.DamagedOrders, []string{"it has no sheets"}},
		{"a sheet whose part is missing", good.replace("xl/_rels/workbook.xml.rels", "sheet1.xml", "sheet2.xml").zip(t), fault.DamagedOrders, []string{"sheet2.xml is missing"}},
		{"broken styles", good.with("xl/styles.xml", "<styleSheet>").zip(t), fault.DamagedOrders, []string{"styles.xml"}},
		{"a broken list of sheets", good.with("xl/workbook.xml", "<workbook><sheets>").zip(t), fault.DamagedOrders, []string{"workbook.xml"}},
		{"broken shared strings", good.with("xl/sharedStrings.xml", "<sst><si><t>x</si></sst>").zip(t), fault.DamagedOrders, []string{"sharedStrings.xml"}},
		{"an entity that would expand", good.replace(sheet1, "<worksheet ", `<!DOCTYPE w [<!ENTITY a "aaaa">]><worksheet `).replace(sheet1, "<v>S1</v>", "<v>&a;</v>").zip(t), fault.DamagedOrders, []string{"sheet1.xml"}},
		{"an encoding that is not read", good.with(sheet1, `<?xml version="1.0" encoding="Shift_JIS"?>`+good[sheet1]).zip(t), fault.DamagedOrders, []string{"sheet1.xml"}},
		{"a header only", book("").zip(t), fault.NoOrderRows, []string{`sheet "Orders"`}},
		{"empty sheets only", good.with(sheet1, "<worksheet><sheetData/></worksheet>").zip(t), fault.EmptyFile, nil},
		{"other columns", good.with("xl/sharedStrings.xml", strings.Replace(good["xl/sharedStrings.xml"], "Pieces", "Count", 1)).zip(t), fault.MissingColumns,
			[]string{`pieces ("Pieces*" or "Individual Pieces")`, `sheet "Orders", row 1 has: "Invoice No.", "Style", "Cartons", "Count", "Ship-to Name", "Order No."`}},
		{"a binary workbook", parts{"_rels/.rels": strings.Replace(good["_rels/.rels"], "workbook.xml", "workbook.bin", 1), "xl/workbook.bin": "x"}.zip(t), fault.NotAnOrderFile, []string{"XLSB", "Save As"}},
		{"an OpenDocument text", parts{"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<x/>"}.zip(t), fault.NotAnOrderFile, []string{"an OpenDocument file that is not a spreadsheet"}},
		{"a Word document", parts{"_rels/.rels": strings.Replace(good["_rels/.rels"], "xl/workbook.xml", "word/document.xml", 1), "word/document.xml": "<x/>"}.zip(t), fault.NotAnOrderFile, []string{"a Word document"}},
		{"an empty archive", parts{}.zip(t), fault.NotAnOrderFile, []string{"a ZIP archive"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readBytes(t, tt.data, Limits{})
			wantFault(t, err, tt.code, tt.says...)
		})
	}
}

func TestXLSXLimits(t *testing.T) {
	rows := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `<row r="%d"><c r="A%[1]d" t="str"><v>G%d</v></c><c r="B%[1]d" t="str"><v>S</v></c><c r="C%[1]d"><v>1</v></c><c r="D%[1]d"><v>2</v></c></row>`, i+2, i)
		}
		return b.String()
	}
	long := func(n int) string { return strings.Replace(oneRow, "S1", strings.Repeat("x", n), 1) }
	for _, tt := range []struct {
		name string
		data []byte
		lim  Limits
		says []string
	}{
		{"too many rows", book(rows(11)).zip(t), Limits{Rows: 10}, []string{`sheet "Orders", row 12`, "more than 10 order rows"}},
		{"a cell of 10 MB", book(long(10 << 20)).zip(t), Limits{}, []string{`sheet "Orders", row 2, column B ("Style")`, "more than 32767 characters"}},
		{"a cell of 17 MB", book(long(17 << 20)).zip(t), Limits{Ratio: 2000}, []string{`sheet "Orders", row 2, column B ("Style")`, "more than 32767 characters"}},
		{"a shared string of 10 MB", book(strings.Replace(oneRow, `t="str"><v>S1`, `t="s"><v>6`, 1)).replace("xl/sharedStrings.xml", "NORD", strings.Repeat("x", 10<<20)).zip(t), Limits{}, []string{"row 2, column B", "more than 32767 characters"}},
		{"more unpacked than allowed", book(rows(1000)).zip(t), Limits{Unpacked: 50_000}, []string{"unpacks to more than 48.8 kB"}},
		{"a part packed too well", book(oneRow + strings.Repeat(" ", 17<<20)).zip(t), Limits{}, []string{"more than 200 times"}},
		{"too many parts", func() []byte {
			p := book(oneRow)
			for i := range 10_000 {
				p[fmt.Sprint("x", i)] = ""
			}
			return p.zip(t)
		}(), Limits{}, []string{"more than 10000 parts"}},
		{"a list of sheets of 17 MB", book(oneRow).replace("xl/workbook.xml", "<sheets>", "<sheets>"+strings.Repeat(" ", 17<<20)).zip(t), Limits{Ratio: 2000}, []string{"xl/workbook.xml is larger than 16.0 MB"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readBytes(t, tt.data, tt.lim)
			wantFault(t, err, fault.TooLarge, tt.says...)
		})
	}
	if _, err := readBytes(t, book(rows(10)).zip(t), Limits{Rows: 10}); err != nil {
		t.Errorf("10 rows are refused with a limit of 10: %v", err)
	}
}

// TestZipBombs has sheets that unpack to 64 MiB, in archives that declare correct and
// false sizes. Only the beginning of each may be unpacked.
func TestZipBombs(t *testing.T) {
	var packed bytes.Buffer
	content := strings.Repeat(" ", 1<<20)
	const mib = 64
	sum := crc32.NewIEEE()
	size := 0
	{
		var raw bytes.Buffer
		w := zip.NewWriter(&raw)
		f, err := w.Create("x")
		must.OK(t, err)
		out := io.MultiWriter(f, sum)
		write := func(s string) {
			n, err := io.WriteString(out, s)
			must.OK(t, err)
			size += n
		}
		head, tail, _ := strings.Cut(book(oneRow)[sheet1], "</sheetData>")
		write(head)
		for range mib {
			write(content)
		}
		write("</sheetData>" + tail)
		must.OK(t, w.Close())
		r, err := zip.NewReader(bytes.NewReader(raw.Bytes()), int64(raw.Len()))
		must.OK(t, err)
		from, err := r.File[0].OpenRaw()
		must.OK(t, err)
		_, err = io.Copy(&packed, from)
		must.OK(t, err)
	}
	for _, tt := range []struct {
		name     string
		declared int
		lim      Limits
		code     fault.Code
	}{
		{"declared", size, Limits{}, fault.TooLarge},
		{"declared, and the ratio allowed", size, Limits{Ratio: 10_000, Unpacked: 40 << 20}, fault.TooLarge},
		{"declared as small", 1000, Limits{}, fault.DamagedOrders},
		{"declared as just under the ratio", 16 << 20, Limits{}, fault.DamagedOrders},
		{"declared as empty", 0, Limits{}, fault.DamagedOrders},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			w := zip.NewWriter(&b)
			p := book("")
			delete(p, sheet1)
			p.write(t, w)
			f, err := w.CreateRaw(&zip.FileHeader{Name: sheet1, Method: zip.Deflate, CRC32: sum.Sum32(),
				CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(tt.declared)})
			must.OK(t, err)
			_, err = f.Write(packed.Bytes())
			must.OK(t, err)
			must.OK(t, w.Close())
			_, err = readBytes(t, b.Bytes(), tt.lim)
			wantFault(t, err, tt.code)
		})
	}
}
