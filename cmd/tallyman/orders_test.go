//go:build linux

package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// ordersAs saves an order export, a CSV in UTF-8 with commas, in another form:
// the rows are the same.
func ordersAs(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, "orders-as KIND FROM TO")
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile(args[1]))).ReadAll()
	ts.Check(err)
	var out []byte
	switch args[0] {
	case "xlsx":
		out = workbook(ts, rows, false)
	case "typed-xlsx":
		out = workbook(ts, rows, true)
	case "windows-1252":
		out = textOf(ts, rows, ';', true, charmap.Windows1252)
	case "utf-16":
		out = textOf(ts, rows, '\t', true, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM))
	case "utf-16-big-endian":
		out = textOf(ts, rows, ',', false, unicode.UTF16(unicode.BigEndian, unicode.UseBOM))
	case "utf-8-mark":
		out = textOf(ts, rows, ',', false, unicode.UTF8BOM)
	default:
		ts.Fatalf("there is no form %s", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), out, 0o666))
}

func textOf(ts *testscript.TestScript, rows [][]string, comma rune, crlf bool, enc encoding.Encoding) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = comma, crlf
	ts.Check(w.WriteAll(rows))
	out, err := enc.NewEncoder().Bytes(b.Bytes())
	ts.Check(err)
	return out
}

// workbook saves rows as an XLSX. With types, quantities are numbers and dates are dates,
// as in workbooks that people save in Excel; without, all cells are text.
func workbook(ts *testscript.TestScript, rows [][]string, types bool) []byte {
	f := excelize.NewFile()
	defer f.Close()
	date, err := f.NewStyle(&excelize.Style{NumFmt: 14})
	ts.Check(err)
	sheet := f.GetSheetName(0)
	for i, row := range rows {
		for j, text := range row {
			cell, err := excelize.CoordinatesToCellName(j+1, i+1)
			ts.Check(err)
			var v any = text
			header := rows[0][j]
			if i > 0 && types && strings.Contains(header, "Date") {
				if d, err := time.Parse("01022006", text); err == nil {
					v = d
				}
			}
			if n, err := strconv.Atoi(strings.ReplaceAll(text, ",", "")); i > 0 && types && err == nil && strings.HasSuffix(header, "*") {
				v = n
			}
			ts.Check(f.SetCellValue(sheet, cell, v))
			if _, ok := v.(time.Time); ok {
				ts.Check(f.SetCellStyle(sheet, cell, cell, date))
			}
		}
	}
	b, err := f.WriteToBuffer()
	ts.Check(err)
	return b.Bytes()
}
