package sheet

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
	"github.com/xuri/excelize/v2"

	"tallyman/internal/fault"
	"tallyman/internal/orders"
	"tallyman/internal/text"
)

// The limits of the XLSX format.
const (
	mostRows  = 1 << 20 // of a worksheet, including the header
	mostChars = 32767   // of a cell, in UTF-16 code units
)

// mostDigits is the number of digits that a spreadsheet keeps. A number with more is
// written as text, so that none is lost.
const mostDigits = 15

// The worksheets of a workbook.
const (
	tabName  = "Load sheet"
	checkTab = "To check" // the findings
	routeTab = "Routing"
	// changesTab has the amendments, if there are any.
	changesTab = "Changes"
)

// WriteXLSX writes the sheet as an Excel workbook. Its worksheets are the sheet, the
// findings, the routing and, if there are any, the amendments; each has a frozen, filtered header row, which is repeated on
// every printed page, in landscape. Rows that somebody must check are coloured, and so are cells
// that people amended, with a note of what was read there. Numbers
// show the printed decimals, dates are dates where they can be parsed, and everything
// else is text. The only formulas are those of the last row, which adds up the figures
// of the rows that the filter shows. Characters that XML cannot contain become U+FFFD.
//
// A sheet that does not fit into the format, by rows or by characters in a cell, is a
// fault.TooLarge before anything is written. If w fails, the error is a
// fault.Unwritable.
func WriteXLSX(w io.Writer, s *Sheet) error {
	if err := fits(s); err != nil {
		return err
	}
	return writeWorkbook(w, tabName, func(st *styles) error { return st.compose(s) })
}

// writeWorkbook writes the workbook that a function fills, with the name of its first worksheet.
func writeWorkbook(w io.Writer, first string, fill func(st *styles) error) error {
	f, err := workbook(first, fill)
	if err != nil {
		return fmt.Errorf("make the workbook: %w", err)
	}
	defer f.Close() // releases only memory
	b, err := f.WriteToBuffer()
	if err != nil {
		return fmt.Errorf("pack the workbook: %w", err)
	}
	if err := inOrder(w, b.Bytes()); err != nil {
		return unwritable(XLSX, err)
	}
	return nil
}

// workbook makes the workbook that a function fills.
func workbook(first string, fill func(st *styles) error) (*excelize.File, error) {
	// excelize moves large worksheets into temporary files, where a killed process
	// would leave people's data. This directory exists on no system, so they stay in
	// memory.
	f := excelize.NewFile(excelize.Options{TmpDir: "\x00"})
	const epoch = "2000-01-01T00:00:00Z" // fixed, so that the same sheet gives the same bytes
	err := errors.Join(f.SetDocProps(&excelize.DocProperties{Creator: "Tallyman", Created: epoch, Modified: epoch}), f.SetSheetName("Sheet1", first))
	if err == nil {
		err = fill(&styles{file: f, made: map[styleKey]int{}})
	}
	if err != nil {
		f.Close() // cannot fail without files
		return nil, err
	}
	return f, nil
}

// inOrder writes a workbook with its parts ordered by name: the library packs
// worksheets in any order, and the same sheet must give the same bytes.
func inOrder(w io.Writer, workbook []byte) error {
	from, err := zip.NewReader(bytes.NewReader(workbook), int64(len(workbook)))
	if err != nil {
		return err
	}
	slices.SortFunc(from.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	to := zip.NewWriter(w)
	for _, part := range from.File {
		if err := to.Copy(part); err != nil {
			return err
		}
	}
	return to.Close()
}

// fits fails if part of the sheet is too large for a workbook. The library would cut it
// off in silence.
func fits(s *Sheet) error {
	if n := len(s.Rows); n >= mostRows {
		return fault.New(fault.TooLarge,
			"the sheet has %d rows and an Excel worksheet can have %d; download CSV or JSON instead, or split the document",
			n, mostRows-1)
	}
	columns := s.columns()
	for i := range s.Rows {
		for col := range columns {
			cell := columns[col].cell(&s.Rows[i])
			if len(cell) <= mostChars {
				continue
			}
			if n := units(cell); n > mostChars {
				return fault.New(fault.TooLarge,
					"row %d, column %q has %d characters and a cell of an Excel worksheet can have %d; download CSV or JSON instead, or shorten the cell",
					i+2, columns[col].heading, n, mostChars)
			}
		}
	}
	return nil
}

// units returns the length of s in UTF-16 code units.
func units(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// mark is the colour of a row.
type mark uint8

const (
	unmarked mark = iota
	doubtful      // a warning concerns it
	wrong         // an error concerns it
	changed       // people amended the cell
	marks
)

var fills = [marks]string{doubtful: "FFF2CC", wrong: "FFD9D6", changed: "DDEBF7"}

// marksOf returns the marks of the sheet's rows.
func marksOf(s *Sheet) []mark {
	rows := make([]mark, len(s.Rows))
	bills := map[int]mark{}
	for _, f := range s.Findings {
		m := doubtful
		switch {
		case !f.Open():
			continue
		case f.Severity == Error:
			m = wrong
		}
		for _, row := range f.Rows {
			rows[row] = max(rows[row], m)
		}
		if len(f.Rows) == 0 {
			for _, b := range f.Bills {
				bills[b] = max(bills[b], m)
			}
		}
	}
	for i := range rows {
		rows[i] = max(rows[i], bills[s.Rows[i].bill])
	}
	return rows
}

// styles has the formats of a workbook's cells, each made once.
type styles struct {
	file *excelize.File
	made map[styleKey]int
}

type styleKey struct {
	format string // of numbers; "" for the header
	bold   bool
	mark   mark
	wrap   bool
}

const (
	// textFormat keeps a text a text when somebody edits the cell: otherwise Excel
	// would then run a text that begins like a formula.
	textFormat = "@"
	dateFormat = "mm/dd/yyyy"
)

func (st *styles) get(k styleKey) (int, error) {
	if id, ok := st.made[k]; ok {
		return id, nil
	}
	style := &excelize.Style{CustomNumFmt: &k.format}
	if k.format == "" {
		style = &excelize.Style{}
	}
	if k.format == "" || k.bold {
		style.Font = &excelize.Font{Bold: true}
	}
	if fill := fills[k.mark]; fill != "" {
		style.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{fill}}
	}
	if k.wrap {
		style.Alignment = &excelize.Alignment{WrapText: true, Vertical: "top"}
	}
	id, err := st.file.NewStyle(style)
	st.made[k] = id
	return id, err
}

// compose fills the workbook of a sheet that fits.
func (st *styles) compose(s *Sheet) error {
	marks := marksOf(s)
	columns := s.columns()
	if err := st.notes(s, columns); err != nil {
		return err
	}
	err := st.rows(s, addable(columns), func(row, at int) mark {
		if _, amended := s.Rows[row].Was[at]; amended {
			return changed
		}
		return marks[row]
	})
	if err != nil {
		return err
	}
	ofBill := map[int][]int{}
	for i := range s.Rows {
		ofBill[s.Rows[i].bill] = append(ofBill[s.Rows[i].bill], i)
	}
	err = st.texts(checkTab, checkColumns[:], checkWidths[:], min(len(s.Findings), mostRows-1), func(i int) []string {
		cells := checkCells(&s.Findings[i], ofBill)
		return cells[:]
	})
	if err != nil {
		return err
	}
	if err := st.routing(s.Routing(time.Time{})); err != nil || len(s.Amendments) == 0 {
		return err
	}
	return st.texts(changesTab, changesColumns[:], changesWidths[:], len(s.Amendments), func(i int) []string {
		cells := changesCells(&s.Amendments[i])
		return cells[:]
	})
}

// rows writes the worksheet of the sheet's rows. marked returns the mark of a cell, by its row and
// the index of its column in Columns.
func (st *styles) rows(s *Sheet, add []bool, marked func(row, at int) mark) error {
	columns := s.columns()
	return st.tab(tabName, headings(columns), widths(s), len(s.Rows), add, func(i int, values []any) (err error) {
		for col := range columns {
			c := &columns[col]
			if values[col], err = st.cell(c.kind(), c.cell(&s.Rows[i]), c.day(s.dates), marked(i, c.at)); err != nil {
				return err
			}
		}
		return nil
	})
}

// texts adds a worksheet with n rows of texts.
func (st *styles) texts(name string, header []string, widths []int, n int, row func(i int) []string) error {
	if _, err := st.file.NewSheet(name); err != nil {
		return err
	}
	return st.tab(name, header, widths, n, nil, func(i int, values []any) error {
		id, err := st.get(styleKey{format: textFormat, wrap: true})
		for col, cell := range row(i) {
			values[col] = excelize.Cell{StyleID: id, Value: cell}
		}
		return err
	})
}

// notes adds a note to each amended cell in which there was something before. They have to
// be there before the worksheet is written.
func (st *styles) notes(s *Sheet, columns []shownColumn) error {
	for i := range s.Rows {
		for col := range columns {
			was, amended := s.Rows[i].Was[columns[col].at]
			if !amended || was == "" {
				continue
			}
			cell, err := excelize.CoordinatesToCellName(col+1, i+2)
			if err != nil {
				return err
			}
			note := excelize.Comment{Cell: cell, Author: "Tallyman", Text: "Was " + text.Shorten(was, 500)}
			if err := st.file.AddComment(tabName, note); err != nil {
				return err
			}
		}
	}
	return nil
}

// The columns of the amendments, and their widths in characters.
var (
	changesColumns = [...]string{"Change", "Of", "Before", "Now", "By", "When (UTC)", "Note", "State"}
	changesWidths  = [len(changesColumns)]int{26, 50, 24, 24, 18, 18, 36, 30}
)

// changesCells returns the cells of an amendment.
func changesCells(m *Amendment) [len(changesColumns)]string {
	when, state := "", "applied"
	if !m.At.IsZero() {
		when = m.At.UTC().Format("2006-01-02 15:04")
	}
	if m.State == Lost {
		state = "without place: " + m.Reason
	}
	return [...]string{m.What(), m.About(), m.Was, m.Now(), cmp.Or(m.By, m.Key), when, m.Note, state}
}

// addable says which columns of the sheet can be added up. The cube of a bill is on each
// of its rows.
func addable(columns []shownColumn) []bool {
	return text.Each(columns, func(c shownColumn) bool { return c.kind() == number && c.at != bolCube })
}

// WriteXLSX writes the routing as a workbook of its own, as Sheet.WriteXLSX does.
func (r *Routing) WriteXLSX(w io.Writer) error {
	return writeWorkbook(w, routeTab, func(st *styles) error { return st.routing(r) })
}

// routing writes the worksheet of the routing. Texts that are too long for a cell are
// cut.
func (st *styles) routing(r *Routing) error {
	header := r.header()
	kinds, days, add, widths := make([]kind, len(header)), make([]func(string) (time.Time, bool), len(header)), make([]bool, len(header)), make([]int, len(header))
	for i, name := range header {
		widths[i] = columnWidth(name)
		if at := i - len(header) + len(routingColumns); at >= 0 {
			kinds[i] = routingColumns[at].kind
			add[i] = kinds[i] == number
		} else if _, _, isDate := keyColumn(name); isDate {
			kinds[i] = date
		}
		days[i] = r.dayIn(name)
	}
	var rows [][]string
	_ = r.each(func(cells []string) error { // the function never fails
		for i, c := range cells {
			if units(c) > mostChars {
				cells[i] = text.Shorten(c, mostChars/2-1) // a character has at most two units
			}
			widths[i] = wide(widths[i], cells[i])
		}
		rows = append(rows, cells)
		return nil
	})
	if len(rows) >= mostRows {
		rows = rows[:mostRows-1]
	}
	if _, err := st.file.NewSheet(routeTab); err != nil { // if it is not there
		return err
	}
	return st.tab(routeTab, header, widths, len(rows), add, func(i int, values []any) (err error) {
		for col, cell := range rows[i] {
			if values[col], err = st.cell(kinds[col], cell, days[col], unmarked); err != nil {
				return err
			}
		}
		return nil
	})
}

// The columns of the findings, and their widths in characters.
var (
	checkColumns = [...]string{"Severity", "What", "Where", "Found", "What to do", "Rows of the load sheet", "Order rows", "Checked by"}
	checkWidths  = [len(checkColumns)]int{12, 22, 30, 70, 50, 26, 16, 24}
)

var severityNames = map[Severity]string{Error: "Error", Warning: "Warning", Notice: "Notice", Info: "For information"}

// checkCells returns the cells of a finding. It cuts texts that are too long for a
// cell.
func checkCells(f *Finding, ofBill map[int][]int) [len(checkColumns)]string {
	rows := f.Rows
	if len(rows) == 0 && len(f.Bills) == 1 {
		rows = ofBill[f.Bills[0]]
	}
	numbers := func(list []int, first int) string {
		return text.List(list, 20, func(n int) string { return strconv.Itoa(n + first) })
	}
	found := f.Text
	if units(found) > mostChars {
		found = string([]rune(found)[:mostChars/2-1]) + "…" // a rune has at most two units
	}
	return [...]string{severityNames[f.Severity], f.Title, f.Where, found, f.Action, numbers(rows, 2), numbers(f.OrderRows, 0), f.checkedBy()}
}

// checkedBy says who looked at the finding, and the note; "" if nobody did.
func (f *Finding) checkedBy() string {
	if f.Checked == nil {
		return ""
	}
	by := cmp.Or(f.Checked.By, "somebody")
	if f.Checked.Note != "" {
		by += ": " + f.Checked.Note
	}
	return by
}

// tab writes a worksheet: a header, n rows whose cells the function row fills in, and
// below them, if there is room, the sums of the columns to be added.
func (st *styles) tab(name string, header []string, widths []int, n int, add []bool, row func(i int, values []any) error) error {
	f := st.file
	totals := n > 0 && n+2 <= mostRows && slices.Contains(add, true)
	last, err := excelize.ColumnNumberToName(len(header))
	if err != nil {
		return err
	}
	filtered := fmt.Sprintf("A1:%s%d", last, n+1)
	whole := filtered
	if totals {
		whole = fmt.Sprintf("A1:%s%d", last, n+2)
	}
	landscape, onePage, unbounded := "landscape", 1, 0
	side, end := 0.25, 0.5 // inches
	fit := true
	err = errors.Join(
		// Programs that read row by row rely on the dimension.
		f.SetSheetDimension(name, whole),
		f.SetHeaderFooter(name, &excelize.HeaderFooterOptions{OddFooter: "&L&A&R&P / &N"}),
		f.SetPageLayout(name, &excelize.PageLayoutOptions{Orientation: &landscape, FitToWidth: &onePage, FitToHeight: &unbounded}),
		// Without this spreadsheets ignore that a page holds all columns.
		f.SetSheetProps(name, &excelize.SheetPropsOptions{FitToPage: &fit}),
		f.SetPageMargins(name, &excelize.PageLayoutMarginsOptions{Left: &side, Right: &side, Top: &end, Bottom: &end}),
	)
	if err != nil {
		return err
	}
	sw, err := f.NewStreamWriter(name)
	if err != nil {
		return err
	}
	err = errors.Join(
		f.AutoFilter(name, filtered, nil),
		f.SetDefinedName(&excelize.DefinedName{Name: "_xlnm.Print_Titles", RefersTo: "'" + name + "'!$1:$1", Scope: name}),
		// Numbers of invoices and orders are text on purpose, so Excel need not warn about
		// each.
		f.AddIgnoredErrors(name, whole, excelize.IgnoredErrorsNumberStoredAsText),
		sw.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}),
	)
	if err != nil {
		return err
	}
	// From the last to the first: the library writes the newest first, and the format
	// requires them in order.
	for col, width := range slices.Backward(widths) {
		if err := sw.SetColWidth(col+1, col+1, float64(width)); err != nil {
			return err
		}
	}
	id, err := st.get(styleKey{})
	if err != nil {
		return err
	}
	values := make([]any, len(header))
	for col, text := range header {
		values[col] = excelize.Cell{StyleID: id, Value: text}
	}
	if err := sw.SetRow("A1", values); err != nil {
		return err
	}
	sums := make([]decimal.Decimal, len(header))
	for i := range n {
		if err := row(i, values); err != nil {
			return err
		}
		for col := range add {
			if c, ok := values[col].(excelize.Cell); ok && add[col] {
				if v, ok := c.Value.(float64); ok {
					sums[col] = sums[col].Add(decimal.NewFromFloat(v))
				}
			}
		}
		if err := sw.SetRow("A"+strconv.Itoa(i+2), values); err != nil {
			return err
		}
	}
	if totals {
		if err := st.totals(values, add, sums, n); err != nil {
			return err
		}
		if err := sw.SetRow("A"+strconv.Itoa(n+2), values); err != nil {
			return err
		}
	}
	return sw.Flush()
}

// totals fills in the row of the sums of n rows: formulas that leave out what a filter
// hides, with their values for programs that compute nothing.
func (st *styles) totals(values []any, add []bool, sums []decimal.Decimal, n int) error {
	for col := range values {
		values[col] = nil
		if !add[col] {
			continue
		}
		name, err := excelize.ColumnNumberToName(col + 1)
		if err != nil {
			return err
		}
		format := "0"
		if places := -sums[col].Exponent(); places > 0 {
			format += "." + strings.Repeat("0", int(places))
		}
		id, err := st.get(styleKey{format: format, bold: true})
		if err != nil {
			return err
		}
		values[col] = excelize.Cell{StyleID: id, Formula: fmt.Sprintf("SUBTOTAL(109,%s2:%s%d)", name, name, n+1), Value: sums[col].InexactFloat64()}
	}
	if !add[0] {
		id, err := st.get(styleKey{})
		values[0] = excelize.Cell{StyleID: id, Value: totalLabel}
		return err
	}
	return nil
}

// totalLabel is in the first cell of the row of sums.
const totalLabel = "Total"

// dateColumns are the order export's columns of dates that fill columns of the sheet.
var dateColumns = map[int]orders.Dates{orderDate: orders.InvoiceDates, startDate: orders.DeliveryDates, cancelDate: orders.CancelDates}

// day returns the function that reads the dates of the column.
func (c *shownColumn) day(dates *orders.Calendar) func(string) (time.Time, bool) {
	return func(s string) (time.Time, bool) { return dates.Date(dateColumns[c.at], s) }
}

// cell returns the value for a cell of a worksheet; nil leaves the cell empty. day reads
// a date.
func (st *styles) cell(k kind, s string, day func(string) (time.Time, bool), m mark) (any, error) {
	var value any = s
	format := textFormat
	switch {
	case s == "" && m == unmarked:
		return nil, nil
	case s == "":
		value = nil
	case k == number && isPlain(s) && len(s) <= mostDigits:
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, err
		}
		value, format = v, "0"
		if _, fraction, _ := strings.Cut(s, "."); fraction != "" {
			format += "." + strings.Repeat("0", len(fraction))
		}
	case k == date:
		if t, ok := day(s); ok {
			value, format = t, dateFormat
		}
	}
	id, err := st.get(styleKey{format: format, mark: m})
	return excelize.Cell{StyleID: id, Value: value}, err
}

// widths returns the widths of the columns, in characters: enough for the header with
// its filter button and for the cells, within reason.
func widths(s *Sheet) []int {
	columns := s.columns()
	w := make([]int, len(columns))
	for col := range columns {
		w[col] = columnWidth(columns[col].heading)
	}
	for i := range s.Rows {
		for col := range columns {
			cell := columns[col].cell(&s.Rows[i])
			w[col] = wide(w[col], cell)
		}
	}
	return w
}

// mostWidth is the greatest width of a column, in characters.
const mostWidth = 48

// columnWidth returns the width of a column for its heading with its filter button.
func columnWidth(heading string) int {
	const button = 4
	return min(utf8.RuneCountInString(heading), mostWidth) + button
}

// wide returns a column's width if it has a cell.
func wide(width int, cell string) int {
	const margin = 2
	if len(cell)+margin <= width {
		return width
	}
	return max(width, min(utf8.RuneCountInString(cell)+margin, mostWidth))
}
