package sheet

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"tallyman/internal/fault"
)

// The limits of the XLSX format.
const (
	mostRows  = 1 << 20 // of a worksheet, the header included
	mostChars = 32767   // of a cell, in UTF-16 code units
)

// mostDigits is how many digits of a number a spreadsheet keeps. One with more
// is written as text, which loses none.
const mostDigits = 15

// tabName is the name of the workbook's only worksheet.
const tabName = "Load sheet"

// WriteXLSX writes the sheet as an Excel workbook of one worksheet, with a
// frozen, filtered header row. Numbers are numbers that show the decimals
// printed, dates are dates where they parse, everything else is text, never a
// formula. Characters that XML cannot hold become U+FFFD.
//
// A sheet that does not fit into the format, by rows or by characters in a cell,
// is a fault.TooLarge before anything is written. If w fails, the error is a
// fault.Unwritable.
func WriteXLSX(w io.Writer, s *Sheet) error {
	if err := fits(s); err != nil {
		return err
	}
	f, err := workbook(s)
	if err != nil {
		return fmt.Errorf("make the workbook: %w", err)
	}
	defer f.Close() // holds memory only
	b, err := f.WriteToBuffer()
	if err != nil {
		return fmt.Errorf("pack the workbook: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return unwritable(XLSX, err)
	}
	return nil
}

// fits reports what of the sheet is too large for a workbook. The library would
// cut it off in silence.
func fits(s *Sheet) error {
	if n := len(s.Rows); n >= mostRows {
		return fault.New(fault.TooLarge,
			"the sheet has %d rows and an Excel worksheet holds %d; take it as CSV or JSON, or split the document",
			n, mostRows-1)
	}
	for i := range s.Rows {
		for col, cell := range s.Rows[i].Cells {
			if len(cell) <= mostChars {
				continue
			}
			if n := units(cell); n > mostChars {
				return fault.New(fault.TooLarge,
					"row %d, column %q holds %d characters and a cell of an Excel worksheet holds %d; take the sheet as CSV or JSON, or shorten the cell",
					i+2, Columns[col], n, mostChars)
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

// styles are the formats of a workbook's cells, made as they are needed.
type styles struct {
	file    *excelize.File
	header  int
	text    int
	date    int
	numbers [mostDigits + 1]int // by decimals; 0 if not made yet
}

func newStyles(f *excelize.File) (*styles, error) {
	st := &styles{file: f}
	var err error
	if st.header, err = f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}}); err != nil {
		return nil, err
	}
	// "@" keeps a text a text when somebody edits the cell: without it, Excel
	// would then run what begins like a formula.
	if st.text, err = st.custom("@"); err != nil {
		return nil, err
	}
	st.date, err = st.custom("mm/dd/yyyy")
	return st, err
}

func (st *styles) custom(format string) (int, error) {
	return st.file.NewStyle(&excelize.Style{CustomNumFmt: &format})
}

// number returns the style that shows so many decimals.
func (st *styles) number(decimals int) (int, error) {
	if st.numbers[decimals] == 0 {
		format := "0"
		if decimals > 0 {
			format += "." + strings.Repeat("0", decimals)
		}
		id, err := st.custom(format)
		if err != nil {
			return 0, err
		}
		st.numbers[decimals] = id
	}
	return st.numbers[decimals], nil
}

// workbook makes the workbook of a sheet that fits.
func workbook(s *Sheet) (*excelize.File, error) {
	// excelize moves large worksheets into temporary files, where a killed
	// process would leave people's data. No system has this directory, so they
	// stay in memory.
	f := excelize.NewFile(excelize.Options{TmpDir: "\x00"})
	if err := compose(f, s); err != nil {
		f.Close() // nothing that could fail: no files
		return nil, err
	}
	return f, nil
}

func compose(f *excelize.File, s *Sheet) error {
	const epoch = "2000-01-01T00:00:00Z" // the same sheet gives the same bytes
	last, err := excelize.CoordinatesToCellName(len(Columns), len(s.Rows)+1)
	if err != nil {
		return err
	}
	area := "A1:" + last
	st, err := newStyles(f)
	if err != nil {
		return err
	}
	if err := f.SetDocProps(&excelize.DocProperties{Creator: "Tallyman", Created: epoch, Modified: epoch}); err != nil {
		return err
	}
	if err := f.SetSheetName("Sheet1", tabName); err != nil {
		return err
	}
	// Programs that read row by row trust the dimension.
	if err := f.SetSheetDimension(tabName, area); err != nil {
		return err
	}
	sw, err := f.NewStreamWriter(tabName)
	if err != nil {
		return err
	}
	if err := f.AutoFilter(tabName, area, nil); err != nil {
		return err
	}
	// Numbers of invoices and orders are text on purpose, so Excel needs not
	// warn of each.
	if err := f.AddIgnoredErrors(tabName, area, excelize.IgnoredErrorsNumberStoredAsText); err != nil {
		return err
	}
	if err := sw.SetPanes(&excelize.Panes{
		Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft",
	}); err != nil {
		return err
	}
	// From the last to the first: the library writes the newest first, and the
	// format wants them in order.
	for col, width := range slices.Backward(widths(s)) {
		if err := sw.SetColWidth(col+1, col+1, float64(width)); err != nil {
			return err
		}
	}

	values := make([]any, len(Columns))
	for col, name := range Columns {
		values[col] = excelize.Cell{StyleID: st.header, Value: name}
	}
	if err := sw.SetRow("A1", values); err != nil {
		return err
	}
	for i := range s.Rows {
		for col, cell := range s.Rows[i].Cells {
			if values[col], err = st.cell(kinds[col], cell); err != nil {
				return err
			}
		}
		if err := sw.SetRow("A"+strconv.Itoa(i+2), values); err != nil {
			return err
		}
	}
	return sw.Flush()
}

// cell returns what to put into a cell of the worksheet; nil leaves it empty.
func (st *styles) cell(k kind, s string) (any, error) {
	if s == "" {
		return nil, nil
	}
	switch k {
	case number:
		if isPlain(s) && len(s) <= mostDigits {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return nil, err
			}
			_, fraction, _ := strings.Cut(s, ".")
			id, err := st.number(len(fraction))
			return excelize.Cell{StyleID: id, Value: v}, err
		}
	case date:
		if t, ok := parseDate(s); ok && isExcelDay(t) {
			return excelize.Cell{StyleID: st.date, Value: t}, nil
		}
	}
	return excelize.Cell{StyleID: st.text, Value: s}, nil
}

// isExcelDay reports whether t is a day that a workbook can hold and a date
// format shows in full. Excel begins in 1900 and has a 29th of February in that
// year, so it agrees with the calendar only from March.
func isExcelDay(t time.Time) bool {
	return t.Equal(t.Truncate(24*time.Hour)) && !t.Before(time.Date(1900, time.March, 1, 0, 0, 0, 0, time.UTC))
}

// widths returns how wide the columns are to be, in characters: enough for the
// header with its filter button and for the cells, within reason.
func widths(s *Sheet) []int {
	const button, margin, most = 4, 2, 48
	w := make([]int, len(Columns))
	for col, name := range Columns {
		w[col] = len(name) + button
	}
	for i := range s.Rows {
		for col, cell := range s.Rows[i].Cells {
			if len(cell)+margin > w[col] {
				w[col] = max(w[col], min(utf8.RuneCountInString(cell)+margin, most))
			}
		}
	}
	return w
}
