package sheet

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"

	"tallyman/internal/fault"
	"tallyman/internal/orders"
)

// Appended says what AppendTo did.
type Appended struct {
	// Added rows were appended, the others of the sheet are There.
	Added, There int
	// Missing are the headings of the sheet's columns that the file does not have.
	Missing []string
}

// The limits of a file that grows, in bytes: as it is, and unpacked.
const (
	MostAppended = 64 << 20
	mostUnpacked = 512 << 20
)

// headerRows are the first rows of a file, in which its header has to be.
const headerRows = 20

// AppendTo returns a CSV file or a workbook with the rows of the sheet that it does not have
// yet. A row is there if its bill and style are, as often as in the sheet. Nothing else
// of the file changes: columns stay where people moved them, theirs stay empty in new rows,
// and what they filled in or corrected stays. A file of no bytes becomes a new one. If
// nothing is to be added the file is returned as it is.
//
// It fails with fault.MissingColumns if no row of the file has the headings of bill number
// and style, with fault.DamagedOrders if the file cannot be understood, with fault.BadRequest
// for a format that does not grow and for a file with other rows below those of bills, and
// with fault.TooLarge.
func (s *Sheet) AppendTo(file []byte, format Format) ([]byte, Appended, error) {
	if len(file) > MostAppended {
		return nil, Appended{}, fault.New(fault.TooLarge, "the file has more than %d MB; begin another", MostAppended>>20)
	}
	switch format {
	case CSV:
		return s.appendCSV(file)
	case XLSX:
		return s.appendXLSX(file)
	}
	return nil, Appended{}, fault.New(fault.BadRequest, "only CSV files and workbooks can grow; end the name with .csv or .xlsx")
}

// growing is the header of a file, and what the sheet adds to its rows.
type growing struct {
	sheet   *Sheet
	columns []shownColumn
	// at are the columns of the file by those of the sheet; -1 where it has none.
	at          []int
	bill, style int // columns of the file
	width       int
	there       map[key][]key // what the file has, by bill and style
	// header and last are numbers of rows: of the header, and of the last row of a bill. below is
	// that of the first row after it that has something, 0 if there is none.
	header, last, below int
}

// header reports whether a row is the header of a file, and returns what it says.
func (s *Sheet) header(cells []string) (*growing, bool) {
	g := &growing{sheet: s, columns: s.columns(), bill: -1, style: -1, width: len(cells), there: map[key][]key{}}
	taken := make([]bool, len(cells))
	for _, c := range g.columns {
		at := slices.IndexFunc(cells, func(cell string) bool { return orders.SameColumn(cell, c.heading) })
		if at >= 0 && taken[at] {
			at = -1
		}
		if at >= 0 {
			taken[at] = true
			switch c.at {
			case invoiceNo:
				g.bill = at
			case style:
				g.style = at
			}
		}
		g.at = append(g.at, at)
	}
	return g, g.bill >= 0 && g.style >= 0
}

// keyOf returns the key of a row of the file. It has no bill and no style if the row is none
// of a bill.
func (g *growing) keyOf(cells []string) key {
	get := func(at int) string {
		if at < 0 || at >= len(cells) {
			return ""
		}
		return strings.TrimPrefix(cells[at], "'")
	}
	var k key
	k.bill, k.style = get(g.bill), get(g.style)
	for i, c := range g.columns {
		switch c.at {
		case cartons:
			k.cartons = get(g.at[i])
		case individualPieces:
			k.pieces = get(g.at[i])
		}
	}
	return grown(k)
}

// grown makes a key comparable, also where a spreadsheet has made a number of 0012.
func grown(k key) key {
	k = k.normal(false, false)
	for _, s := range []*string{&k.bill, &k.style} {
		if short := strings.TrimLeft(*s, "0"); short != "" && isDigits(*s) {
			*s = short
		}
	}
	return k
}

// row takes the n-th row of a file, from 1: the header, as long as g is nil, or a row below it.
// It reports whether those that follow matter.
func (s *Sheet) row(g *growing, n int, cells []string) (_ *growing, more bool) {
	if g == nil {
		if g, ok := s.header(cells); ok {
			g.header, g.last = n, n
			return g, true
		}
		return nil, n < headerRows
	}
	k := g.keyOf(cells)
	switch {
	case k.bill != "" || k.style != "":
		g.there[k.product()] = append(g.there[k.product()], k)
		g.last, g.below = n, 0
	case g.below == 0 && strings.Join(cells, "") != "":
		g.below = n
	}
	return g, true
}

// missing returns the rows of the sheet that the file does not have. Of several of one bill
// and style, those with the same quantities are there first; what people corrected takes
// the place of the others. It fails with fault.BadRequest for a file with other rows below.
func (g *growing) missing() (rows []int, a Appended, err error) {
	if g.below > 0 {
		return nil, a, fault.New(fault.BadRequest,
			"row %d stands below the rows of bills and is none, such as a row of sums: remove it, or put it elsewhere", g.below)
	}
	var products []key
	ours := map[key][]int{}
	for i := range g.sheet.Rows {
		p := g.keyAt(i).product()
		if ours[p] == nil {
			products = append(products, p)
		}
		ours[p] = append(ours[p], i)
	}
	for _, p := range products {
		there := slices.Clone(g.there[p])
		var left []int
		for _, i := range ours[p] {
			if at := slices.Index(there, g.keyAt(i)); at >= 0 {
				there = slices.Delete(there, at, at+1)
				continue
			}
			left = append(left, i)
		}
		rows = append(rows, left[min(len(there), len(left)):]...)
	}
	slices.Sort(rows)
	a.Added, a.There = len(rows), len(g.sheet.Rows)-len(rows)
	for i, at := range g.at {
		if at < 0 {
			a.Missing = append(a.Missing, g.columns[i].heading)
		}
	}
	return rows, a, nil
}

func (g *growing) keyAt(i int) key {
	c := &g.sheet.Rows[i].Cells
	return grown(key{c[invoiceNo], c[style], c[cartons], c[individualPieces]})
}

// errHeader is the fault of a file without a header.
func (s *Sheet) errHeader() error {
	var names []string
	for _, c := range s.columns() {
		if c.at == invoiceNo || c.at == style {
			names = append(names, quote(c.heading))
		}
	}
	if len(names) < 2 {
		return fault.New(fault.BadRequest, "the profile's sheet lacks the bill number or the style, by which rows are found again")
	}
	return fault.New(fault.MissingColumns, "none of its first %d rows has the headings %s", headerRows, strings.Join(names, " and "))
}

func (s *Sheet) appendCSV(file []byte) ([]byte, Appended, error) {
	if len(bytes.TrimSpace(file)) == 0 {
		var b bytes.Buffer
		err := WriteCSV(&b, s)
		return b.Bytes(), Appended{Added: len(s.Rows)}, err
	}
	text, western := strings.TrimPrefix(string(file), "\ufeff"), false
	switch {
	case strings.Contains(text, "\x00"):
		return nil, Appended{}, fault.New(fault.DamagedOrders, "it is not CSV in UTF-8; save it as CSV UTF-8")
	case !utf8.ValidString(text):
		// Excel writes Windows-1252.
		western = true
		text, _ = charmap.Windows1252.NewDecoder().String(text) // every byte is a character
	}
	var g *growing
	var comma rune
	var wrong error
	for _, comma = range ",;\t" {
		r := csv.NewReader(strings.NewReader(text))
		r.Comma, r.FieldsPerRecord = comma, -1
		all, err := r.ReadAll()
		if err != nil {
			wrong = err
			continue
		}
		for i, more := 0, true; more && i < len(all); i++ {
			g, more = s.row(g, i+1, all[i])
		}
		if g != nil {
			break
		}
	}
	if g == nil {
		if err := s.errHeader(); wrong == nil || fault.CodeOf(err) != fault.MissingColumns {
			return nil, Appended{}, err
		}
		return nil, Appended{}, fault.New(fault.DamagedOrders, "it is not CSV that can be read to its end: %w", wrong)
	}
	rows, a, err := g.missing()
	if err != nil {
		return nil, a, err
	}
	if len(rows) == 0 {
		return file, a, nil
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = comma, strings.Contains(text, "\r\n")
	for _, i := range rows {
		cells := make([]string, g.width)
		for n, at := range g.at {
			if at >= 0 {
				cells[at] = neutral(g.columns[n].cell(&s.Rows[i]))
			}
		}
		if err := w.Write(cells); err != nil {
			return nil, Appended{}, unwritable(CSV, err)
		}
	}
	w.Flush()
	fresh := b.Bytes()
	if western {
		encoded, err := charmap.Windows1252.NewEncoder().Bytes(fresh)
		if err != nil {
			return nil, Appended{}, fault.New(fault.BadRequest, "the new rows have characters that are not in its encoding (Windows-1252); save it as CSV UTF-8")
		}
		fresh = encoded
	}
	grownFile := slices.Clone(file)
	if !bytes.HasSuffix(file, []byte("\n")) {
		end := "\n"
		if w.UseCRLF {
			end = "\r\n"
		}
		grownFile = append(grownFile, end...)
	}
	return append(grownFile, fresh...), a, nil
}

// newGrowing writes a workbook with the rows alone: no sums below them, to which later ones
// are appended.
func (s *Sheet) newGrowing() ([]byte, error) {
	if err := fits(s); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err := writeWorkbook(&b, tabName, func(st *styles) error {
		return st.rows(s, nil, func(int, int) mark { return unmarked })
	})
	return b.Bytes(), err
}

func errWorkbook(err error) error {
	return fault.New(fault.DamagedOrders, "it is not a workbook that can be read: %w", err)
}

func (s *Sheet) appendXLSX(file []byte) ([]byte, Appended, error) {
	if len(file) == 0 {
		b, err := s.newGrowing()
		return b, Appended{Added: len(s.Rows)}, err
	}
	if err := fits(s); err != nil {
		return nil, Appended{}, err
	}
	f, err := excelize.OpenReader(bytes.NewReader(file), excelize.Options{RawCellValue: true, UnzipSizeLimit: mostUnpacked, UnzipXMLSizeLimit: mostUnpacked})
	if err != nil {
		return nil, Appended{}, errWorkbook(err)
	}
	defer f.Close()
	for _, name := range f.GetSheetList() {
		g, err := s.worksheet(f, name)
		if err != nil {
			return nil, Appended{}, err
		}
		if g == nil {
			continue
		}
		rows, a, err := g.missing()
		switch {
		case err != nil:
			return nil, a, err
		case len(rows) == 0:
			return file, a, nil
		case g.last+len(rows) > mostRows:
			return nil, Appended{}, fault.New(fault.TooLarge, "with the new rows it would have more than %d; begin another", mostRows)
		}
		b, err := g.extend(f, file, name, rows)
		return b, a, err
	}
	return nil, Appended{}, s.errHeader()
}

// worksheet reads a worksheet. It returns nil if that has no header.
func (s *Sheet) worksheet(f *excelize.File, name string) (g *growing, err error) {
	rows, err := f.Rows(name)
	if err != nil {
		return nil, nil // a chart
	}
	defer rows.Close()
	for n, more := 1, true; more && rows.Next(); n++ {
		cells, err := rows.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return nil, errWorkbook(err)
		}
		g, more = s.row(g, n, cells)
	}
	return g, nil
}

// extend adds rows to a worksheet of a workbook. The parts of the file that do not change are
// copied as they are.
func (g *growing) extend(f *excelize.File, file []byte, name string, rows []int) ([]byte, error) {
	from, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, errWorkbook(err)
	}
	part, err := partOf(from, name)
	if err != nil {
		return nil, errWorkbook(err)
	}
	old, err := readPart(from, part)
	if err != nil {
		return nil, errWorkbook(err)
	}
	fresh, err := g.insert(f, old, rows)
	if err != nil {
		return nil, err
	}
	changed := map[string][]byte{part: fresh}
	if book, err := readPart(from, workbookPart); err == nil {
		// The area of the filter also is a hidden name.
		changed[workbookPart] = lengthen(book, "name", g.last, g.last+len(rows), name)
	}
	for _, table := range related(from, part, "/table") {
		if b, err := readPart(from, table); err == nil {
			changed[table] = lengthen(b, "ref", g.last, g.last+len(rows), "")
		}
	}
	var b bytes.Buffer
	to := zip.NewWriter(&b)
	for _, p := range from.File {
		content, ok := changed[p.Name]
		if !ok {
			if err := to.Copy(p); err != nil {
				return nil, errWorkbook(err)
			}
			continue
		}
		w, err := to.CreateHeader(&zip.FileHeader{Name: p.Name, Method: zip.Deflate, Modified: p.Modified})
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			return nil, errWorkbook(err)
		}
	}
	if err := to.Close(); err != nil {
		return nil, errWorkbook(err)
	}
	return b.Bytes(), nil
}

// insert returns the XML of a worksheet with further rows below the last one. What is there
// keeps its bytes, but rows below that are empty give way.
func (g *growing) insert(f *excelize.File, old []byte, rows []int) ([]byte, error) {
	d := xml.NewDecoder(bytes.NewReader(old))
	styles := map[int]string{} // of the last cell with a value, by column
	row, column, style, prefix := 0, 0, "", ""
	begin, end := int64(-1), int64(-1) // of what is replaced
	inData := false
	for {
		at := d.InputOffset()
		token, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, errWorkbook(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "sheetData":
				inData, prefix = true, t.Name.Space
			case "row":
				if !inData {
					break
				}
				row++
				column = 0
				if n, err := strconv.Atoi(attribute(t, "r")); err == nil {
					row = n
				}
				if row > g.last && begin < 0 {
					begin = at
				}
				if row > g.last+len(rows) && end < 0 {
					end = at
				}
			case "c":
				column++
				if n, _, err := excelize.CellNameToCoordinates(attribute(t, "r")); err == nil {
					column = n
				}
				style = attribute(t, "s")
			case "v", "is", "f":
				if inData && row > g.header && row <= g.last {
					styles[column-1] = style
				}
			}
		case xml.EndElement:
			if t.Name.Local == "sheetData" {
				inData = false
				if begin < 0 {
					begin = at
				}
				if end < 0 {
					end = at
				}
			}
		}
	}
	if begin < 0 || end < begin {
		return nil, errWorkbook(io.ErrUnexpectedEOF)
	}
	if prefix != "" {
		prefix += ":"
	}
	dates := g.dateStyles(f, styles)
	var b bytes.Buffer
	b.Write(old[:begin])
	for n, i := range rows {
		number := g.last + 1 + n
		fmt.Fprintf(&b, `<%srow r="%d">`, prefix, number)
		cells := make([]string, g.width)
		for k, at := range g.at {
			if at < 0 {
				continue
			}
			c := &g.columns[k]
			if text := c.cell(&g.sheet.Rows[i]); text != "" {
				name, err := excelize.CoordinatesToCellName(at+1, number)
				if err != nil {
					return nil, err
				}
				cells[at] = g.cell(c, prefix, name, text, styles[at], dates[at])
			}
		}
		for _, cell := range cells {
			b.WriteString(cell)
		}
		fmt.Fprintf(&b, `</%srow>`, prefix)
	}
	b.Write(old[end:])
	// The used area, and that of the filter, if it ended with the rows.
	return lengthen(b.Bytes(), "element", g.last, g.last+len(rows), ""), nil
}

// cell returns the XML of a cell: a number or a day as such, if the cells above are, else a
// text, which nothing runs as a formula.
func (g *growing) cell(c *shownColumn, prefix, name, text, style, dated string) string {
	value := ""
	switch c.kind() {
	case number:
		if isPlain(text) && len(text) <= mostDigits {
			value = strings.TrimPrefix(strings.TrimSuffix(text, "."), "+")
		}
	case date:
		if day, ok := c.day(g.sheet.dates)(text); ok && dated != "" {
			value, style = strconv.Itoa(int(day.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours()/24)), dated
		}
	}
	if style != "" {
		style = ` s="` + style + `"`
	}
	if value != "" {
		return fmt.Sprintf(`<%[1]sc r="%[2]s"%[3]s><%[1]sv>%[4]s</%[1]sv></%[1]sc>`, prefix, name, style, value)
	}
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a buffer takes all
	return fmt.Sprintf(`<%[1]sc r="%[2]s"%[3]s t="inlineStr"><%[1]sis><%[1]st xml:space="preserve">%[4]s</%[1]st></%[1]sis></%[1]sc>`, prefix, name, style, b.String())
}

// dateFormats matches formats of numbers that are dates.
var dateFormats = regexp.MustCompile(`(?i)[dmy]{1,4}[^a-z0-9]+[dmy]{1,4}`)

// dateStyles returns, by column, the style of its dates; "" where dates are texts.
func (g *growing) dateStyles(f *excelize.File, styles map[int]string) map[int]string {
	dates, one := map[int]string{}, ""
	isDate := func(id string) bool {
		n, err := strconv.Atoi(id)
		if err != nil {
			return false
		}
		st, err := f.GetStyle(n)
		return err == nil && (st.NumFmt >= 14 && st.NumFmt <= 17 || st.NumFmt == 22 || st.CustomNumFmt != nil && dateFormats.MatchString(*st.CustomNumFmt))
	}
	for k, at := range g.at {
		if at >= 0 && g.columns[k].kind() == date && isDate(styles[at]) {
			dates[at] = styles[at]
			one = styles[at]
		}
	}
	for k, at := range g.at {
		if _, there := styles[at]; at >= 0 && !there && g.columns[k].kind() == date {
			dates[at] = one
		}
	}
	return dates
}

// areas match areas in parts of a workbook, with the number of their last row: those of
// elements of a worksheet, of all of a table, and of the name that a filter has.
var areas = map[string]*regexp.Regexp{
	"element": regexp.MustCompile(`(<(?:\w+:)?(?:dimension|autoFilter)\s[^>]*?\bref="\$?[A-Z]+\$?\d+:\$?[A-Z]+\$?)(\d+)(")`),
	"ref":     regexp.MustCompile(`(\bref="\$?[A-Z]+\$?\d+:\$?[A-Z]+\$?)(\d+)(")`),
	"name":    regexp.MustCompile(`("_xlnm\._FilterDatabase"[^>]*>[^<]*!\$?[A-Z]+\$?\d+:\$?[A-Z]+\$?)(\d+)(<)`),
}

// lengthen has areas that end with a row end with another. Only those count that have a text
// in them.
func lengthen(part []byte, what string, last, now int, with string) []byte {
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, []byte(with)) // a buffer takes all
	return areas[what].ReplaceAllFunc(part, func(m []byte) []byte {
		groups := areas[what].FindSubmatch(m)
		n, err := strconv.Atoi(string(groups[2]))
		if err != nil || n < last || n >= now || !bytes.Contains(m, escaped.Bytes()) {
			return m
		}
		return fmt.Appendf(nil, "%s%d%s", groups[1], now, groups[3])
	})
}

func attribute(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

func readPart(z *zip.Reader, name string) ([]byte, error) {
	r, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, mostUnpacked+1))
	if err == nil && len(b) > mostUnpacked {
		err = fmt.Errorf("%s has more than %d MB", name, mostUnpacked>>20)
	}
	return b, err
}

const workbookPart = "xl/workbook.xml"

// partOf returns the name of the part with a worksheet.
func partOf(z *zip.Reader, sheetName string) (string, error) {
	b, err := readPart(z, workbookPart)
	if err != nil {
		return "", err
	}
	var book struct {
		Sheets []struct {
			Attrs []xml.Attr `xml:",any,attr"`
		} `xml:"sheets>sheet"`
	}
	if err := xml.Unmarshal(b, &book); err != nil {
		return "", err
	}
	for _, s := range book.Sheets {
		id, named := "", false
		for _, a := range s.Attrs {
			switch {
			case a.Name.Local == "id" && a.Name.Space != "":
				id = a.Value
			case a.Name.Local == "name":
				named = a.Value == sheetName
			}
		}
		if !named {
			continue
		}
		for _, r := range relationships(z, workbookPart) {
			if r.ID == id {
				return r.Target, nil
			}
		}
	}
	return "", fmt.Errorf("the part of the worksheet %s is not found", quote(sheetName))
}

// relationship is a relation of a part of a workbook to another.
type relationship struct {
	ID     string `xml:"Id,attr"`
	Type   string `xml:"Type,attr"`
	Target string `xml:"Target,attr"`
}

// relationships returns the relations of a part, with the names of parts as targets.
func relationships(z *zip.Reader, part string) []relationship {
	b, err := readPart(z, path.Join(path.Dir(part), "_rels", path.Base(part)+".rels"))
	if err != nil {
		return nil
	}
	var all struct {
		List []relationship `xml:"Relationship"`
	}
	if xml.Unmarshal(b, &all) != nil {
		return nil
	}
	for i, r := range all.List {
		if strings.HasPrefix(r.Target, "/") {
			all.List[i].Target = strings.TrimPrefix(r.Target, "/")
		} else {
			all.List[i].Target = path.Join(path.Dir(part), r.Target)
		}
	}
	return all.List
}

// related returns the parts to which a part has relations of a type.
func related(z *zip.Reader, part, end string) (parts []string) {
	for _, r := range relationships(z, part) {
		if strings.HasSuffix(r.Type, end) {
			parts = append(parts, r.Target)
		}
	}
	return parts
}
