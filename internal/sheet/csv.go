package sheet

import (
	"encoding/csv"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// WriteCSV writes the sheet as CSV: a header row, "\n" after each row, quotes only
// where a cell needs them (RFC 4180), UTF-8 without a byte order mark. Cells that a
// spreadsheet would run as formulas are neutralised with a preceding apostrophe
// (DESIGN.md §8). If w fails, the error is a fault.Unwritable.
func WriteCSV(w io.Writer, s *Sheet) error {
	columns := s.columns()
	cells := make([]string, len(columns))
	return writeCSV(w, func(row func(cells []string) error) error {
		if err := row(headings(columns)); err != nil {
			return err
		}
		for i := range s.Rows {
			for col := range columns {
				cells[col] = columns[col].cell(&s.Rows[i])
			}
			if err := row(cells); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeCSV writes the rows that a function gives, with neutral cells. The function may
// use the cells again, and returns the errors of row.
func writeCSV(w io.Writer, rows func(row func(cells []string) error) error) error {
	cw := csv.NewWriter(w)
	var record []string
	err := rows(func(cells []string) error {
		record = record[:0]
		for _, c := range cells {
			record = append(record, neutral(c))
		}
		return cw.Write(record)
	})
	if cw.Flush(); err == nil {
		err = cw.Error()
	}
	if err != nil {
		return unwritable(CSV, err)
	}
	return nil
}

// neutral returns a cell with an apostrophe before each part that a spreadsheet would
// run as a formula. It returns everything else as it is, including negative numbers and
// a dash for an empty value, which only begin like formulas.
//
// A spreadsheet set to semicolons or tabs splits a CSV there even within quotes
// (LibreOffice splits at commas, semicolons and tabs by default), so each part of a
// cell between them is treated like a cell. White space, quotes and invisible
// characters before a formula do not hide it, and spreadsheets of East Asian locales
// run the full-width forms (OWASP, CSV Injection).
func neutral(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return triggers(r) || r == '\t' || r == '\r' }) {
		return s
	}
	var b strings.Builder
	copied := 0
	guard := func(at int) {
		b.WriteString(s[copied:at])
		b.WriteByte('\'')
		copied = at
	}
	if s[0] == '\t' || s[0] == '\r' {
		guard(0)
	}
	for start := 0; start < len(s); {
		end := strings.IndexAny(s[start:], ";\t\r\n")
		if end < 0 {
			end = len(s) - start
		}
		if runs(s[start : start+end]) {
			guard(start)
		}
		start += end + 1
	}
	if b.Len() == 0 {
		return s
	}
	b.WriteString(s[copied:])
	return b.String()
}

// triggers reports whether spreadsheets take a cell that begins with r for a formula.
func triggers(r rune) bool {
	switch r {
	case '=', '+', '-', '@', '＝', '＋', '－', '＠':
		return true
	}
	return false
}

// runs reports whether a spreadsheet would take s for a formula.
func runs(s string) bool {
	s = strings.TrimLeftFunc(s, func(r rune) bool {
		return r == '"' || unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf)
	})
	r, _ := utf8.DecodeRuneInString(s)
	if !triggers(r) {
		return false
	}
	s = strings.TrimRightFunc(s, unicode.IsSpace)
	return s != "-" && !isNegative(s)
}

// isNegative reports whether s is a negative number: digits with or without
// thousands commas, at most one point.
func isNegative(s string) bool {
	s, ok := strings.CutPrefix(s, "-")
	return ok && !strings.HasPrefix(s, "-") && isPlain(strings.ReplaceAll(s, ",", ""))
}

// isPlain reports whether s is a number of digits and at most one point, with or
// without a minus sign. Only ASCII counts: no exponents, no hexadecimal, no infinity.
func isPlain(s string) bool {
	whole, fraction, point := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if !point {
		return isDigits(whole)
	}
	return (whole == "" || isDigits(whole)) && isDigits(fraction)
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
