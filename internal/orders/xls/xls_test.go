package xls

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
	"tallyman/internal/testing/must"
)

// rec makes a record of an XLS workbook from numbers, which keep their size, and bytes.
func rec(id uint16, values ...any) []byte {
	var body bytes.Buffer
	for _, v := range values {
		if s, ok := v.(string); ok {
			body.WriteString(s)
			continue
		}
		if err := binary.Write(&body, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	out := binary.LittleEndian.AppendUint16(nil, id)
	out = binary.LittleEndian.AppendUint16(out, uint16(body.Len()))
	return append(out, body.Bytes()...)
}

// str8 is a string of Excel 97: characters, flags, and a byte or two for each
// character.
func str8(s string, wide bool) string {
	units := utf16.Encode([]rune(s))
	b := binary.LittleEndian.AppendUint16(nil, uint16(len(units)))
	if !wide {
		b = append(b, 0)
		for _, u := range units {
			b = append(b, byte(u))
		}
		return string(b)
	}
	b = append(b, 1)
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// short makes the length of a string one byte, as in the names of sheets.
func short(s string) string { return s[:1] + s[2:] }

func bof(version, kind uint16) []byte {
	return rec(recBOF, version, kind, uint16(0), uint16(0), uint32(0), uint32(0))
}

func label8(row, col uint16, s string) []byte {
	return rec(recLabel, row, col, uint16(0), str8(s, false))
}

func number(row, col, style uint16, v float64) []byte {
	return rec(recNumber, row, col, style, v)
}

// book8 is the stream of a workbook of Excel 97 with one sheet, Orders.
func book8(globals []byte, cells ...[]byte) []byte {
	head := slices.Concat(bof(biff8, 5), globals)
	tail := rec(recEOF)
	sheet := rec(recSheet, uint32(0), uint16(0), short(str8("Orders", false)))
	at := uint32(len(head) + len(sheet) + len(tail))
	sheet = rec(recSheet, at, uint16(0), short(str8("Orders", false)))
	return slices.Concat(head, sheet, tail, bof(biff8, 0x10), slices.Concat(cells...), rec(recEOF))
}

func header8() []byte {
	var out []byte
	for col, name := range []string{"Invoice No.", "Style", "Cartons", "Pieces", "Ship-to Name"} {
		out = append(out, label8(0, uint16(col), name)...)
	}
	return out
}

func row8(row uint16) []byte {
	return slices.Concat(label8(row, 0, "G1"), label8(row, 1, "S1"), number(row, 2, 0, 1), number(row, 3, 0, 10))
}

// rows keeps the cells of a sheet, and stops at one column too many, as package orders
// does.
type rows struct {
	numbers []int
	cells   [][]grid.Cell
	columns int
}

func (r *rows) Wants(int) bool { return true }
func (r *rows) InData() bool   { return len(r.cells) > 0 }

func (r *rows) Add(ctx context.Context, number int, cells []grid.Cell) error {
	if len(cells) > r.columns {
		return fault.New(fault.TooLarge, "%s: too many columns", r.Where(number))
	}
	r.numbers, r.cells = append(r.numbers, number), append(r.cells, slices.Clone(cells))
	return nil
}

func (r *rows) Where(number int) string { return fmt.Sprintf("row %d", number) }
func (r *rows) WhereCell(number, col int) string {
	return fmt.Sprintf("row %d, column %d", number, col)
}

func (r *rows) CellTooLong(number, col int) error {
	return fault.New(fault.TooLarge, "%s: too long", r.WhereCell(number, col))
}

// text is the text of a cell. Rows and columns count from 0.
func (r *rows) text(row, col int) string {
	if row >= len(r.cells) || col >= len(r.cells[row]) {
		return ""
	}
	return r.cells[row][col].Text
}

// readStream reads the first sheet of a stream.
func readStream(t testing.TB, data []byte, lim grid.Limits) (*rows, error) {
	t.Helper()
	lim = lim.OrDefaults()
	wb, err := OpenStream(t.Context(), data, lim)
	if err != nil {
		return nil, err
	}
	r := &rows{columns: lim.Columns}
	return r, wb.Read(t.Context(), 0, r)
}

// wantFault checks the code, and that the message holds a text.
func wantFault(t testing.TB, err error, code fault.Code, says string) {
	t.Helper()
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != code || !strings.Contains(f.Message, says) {
		t.Errorf("the error is %v, want %s that says %q", err, code, says)
	}
}

func TestXLSCells(t *testing.T) {
	xf := func(format uint16) []byte { return rec(recXF, uint16(0), format, make([]byte, 16)) }
	styles := slices.Concat(rec(recFormat, uint16(170), str8("000000", false)), xf(0), xf(14), xf(170))
	sst := rec(recSST, uint32(9), uint32(3),
		str8("CAFÉ NORD", false),
		"\x02\x00\x0d"+"\x01\x00"+"\x04\x00\x00\x00"+"\x71\x67\xac\x4e"+"\x00\x00\x00\x00"+"\xff\xff\xff\xff",
		str8("last", true))
	formula := func(col uint16, value any) []byte {
		return rec(recFormula, uint16(1), col, uint16(0), value, uint16(0), uint32(0), uint16(0))
	}
	rkInt := func(v int32, flags uint32) uint32 { return uint32(v)<<2 | 2 | flags }
	for _, tt := range []struct {
		name string
		cell []byte
		want string
	}{
		{"a number", number(1, 4, 0, 80587099), "80587099"},
		{"a date", number(1, 4, 1, 48039.5), "07102031"},
		{"a number with zeros before it", number(1, 4, 2, 1234), "001234"},
		{"a number with a style that is not there", number(1, 4, 99, 48039), "48039"},
		{"a packed integer", rec(recRk, uint16(1), uint16(4), uint16(0), rkInt(48, 0)), "48"},
		{"a negative packed integer", rec(recRk, uint16(1), uint16(4), uint16(0), rkInt(-48, 0)), "-48"},
		{"a packed integer in hundredths", rec(recRk, uint16(1), uint16(4), uint16(0), rkInt(1250, 1)), "12.5"},
		{"a packed float", rec(recRk, uint16(1), uint16(4), uint16(0), uint32(math.Float64bits(12.5)>>32)), "12.5"},
		{"a packed float in hundredths", rec(recRk, uint16(1), uint16(4), uint16(0), uint32(math.Float64bits(250)>>32)|1), "2.5"},
		{"packed numbers in a row", rec(recMulRk, uint16(1), uint16(4), uint16(0), rkInt(7, 0), uint16(1), rkInt(8, 0), uint16(5)), "7"},
		{"a shared string", rec(recLabelSST, uint16(1), uint16(4), uint16(0), uint32(0)), "CAFÉ NORD"},
		{"a shared string with runs and pronunciation", rec(recLabelSST, uint16(1), uint16(4), uint16(0), uint32(1)), "東京"},
		{"the shared string after it", rec(recLabelSST, uint16(1), uint16(4), uint16(0), uint32(2)), "last"},
		{"a string of the sheet itself", rec(recLabel, uint16(1), uint16(4), uint16(0), str8("東京 😀", true)), "東京 😀"},
		{"a string with runs", rec(recRString, uint16(1), uint16(4), uint16(0), str8("ab", false), uint16(1), uint32(0)), "ab"},
		{"a formula's number", formula(4, 2.5), "2.5"},
		{"a formula's text", slices.Concat(formula(4, "\x00\x00\x00\x00\x00\x00\xff\xff"), rec(0x04BC, uint16(0)), rec(recString, str8("é", false))), "é"},
		{"a formula's text over two records", slices.Concat(formula(4, "\x00\x00\x00\x00\x00\x00\xff\xff"), rec(recString, str8("abcdef", false)[:6]), rec(recContinue, "\x01d\x00e\x00f\x00")), "abcdef"},
		{"a formula's empty text", formula(4, "\x03\x00\x00\x00\x00\x00\xff\xff"), ""},
		{"a formula's truth value", formula(4, "\x01\x00\x01\x00\x00\x00\xff\xff"), "TRUE"},
		{"a formula's error", formula(4, "\x02\x00\x2a\x00\x00\x00\xff\xff"), "#N/A"},
		{"false", rec(recBoolErr, uint16(1), uint16(4), uint16(0), uint8(0), uint8(0)), "FALSE"},
		{"an error", rec(recBoolErr, uint16(1), uint16(4), uint16(0), uint8(7), uint8(1)), "#DIV/0!"},
		{"a blank cell", rec(0x0201, uint16(1), uint16(4), uint16(0)), ""},
		{"a cell written twice", slices.Concat(number(1, 4, 0, 1), number(1, 4, 0, 2)), "2"},
		{"cells of a chart within the sheet", slices.Concat(bof(biff8, 0x20), number(1, 4, 0, 1), rec(recEOF)), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readStream(t, book8(slices.Concat(styles, sst), header8(), row8(1), tt.cell), grid.Limits{})
			must.OK(t, err)
			if len(got.cells) != 2 || got.text(1, 0) != "G1" || got.text(1, 3) != "10" || got.text(1, 4) != tt.want {
				t.Errorf("the rows are %q, want %q at the end", got.cells, tt.want)
			}
		})
	}
}

func TestXLSDatesFrom1904(t *testing.T) {
	xf := rec(recXF, uint16(0), uint16(14), make([]byte, 16))
	table, err := readStream(t, book8(slices.Concat(rec(rec1904, uint16(1)), xf), header8(), row8(1), number(1, 4, 0, 46577)), grid.Limits{})
	must.OK(t, err)
	if got := table.cells[1][4]; got != (grid.Cell{Text: "07102031", Kind: grid.Date}) {
		t.Errorf("the date is %q", got)
	}
}

func TestXLSCellsInAnyOrder(t *testing.T) {
	table, err := readStream(t, book8(nil, row8(3), row8(1), header8()), grid.Limits{})
	must.OK(t, err)
	if !slices.Equal(table.numbers, []int{1, 2, 4}) || table.text(0, 4) != "Ship-to Name" || table.text(1, 1) != "S1" || table.text(2, 3) != "10" {
		t.Errorf("the rows %d are %q", table.numbers, table.cells)
	}
}

// TestSharedStringsGoOnInOtherRecords cuts a table of strings at every place
// where Excel may cut it, and at some where the width of characters changes.
func TestSharedStringsGoOnInOtherRecords(t *testing.T) {
	first, second := "abcdefgh", "ijklmnop"
	body := str8(first, false) + str8(second, true)
	cell := func(i uint32, col uint16) []byte { return rec(recLabelSST, uint16(1), col, uint16(0), i) }
	read := func(t *testing.T, sst []byte) {
		t.Helper()
		table, err := readStream(t, book8(sst, header8(), row8(1), cell(0, 0), cell(1, 4)), grid.Limits{})
		must.OK(t, err)
		if table.text(1, 0) != first || table.text(1, 4) != second {
			t.Errorf("the strings are %q and %q", table.text(1, 0), table.text(1, 4))
		}
	}
	start := len(str8(first, false))
	for cut := 0; cut < len(body); cut++ {
		inHeader := cut > 0 && cut < 3 || cut > start && cut < start+3
		halfACharacter := cut > start+3 && (cut-start-3)%2 != 0
		if inHeader || halfACharacter {
			continue
		}
		flag := ""
		switch {
		case cut >= 3 && cut < start:
			flag = "\x00"
		case cut >= start+3:
			flag = "\x01"
		}
		read(t, slices.Concat(rec(recSST, uint32(2), uint32(2), body[:cut]), rec(recContinue, flag+body[cut:])))
	}
	// The width of characters changes from one byte to two, and back.
	read(t, slices.Concat(
		rec(recSST, uint32(2), uint32(2), "\x08\x00\x00abc"),
		rec(recContinue, "\x01d\x00e\x00"), rec(recContinue, "\x00fgh"+"\x08\x00\x01i\x00"), rec(recContinue, "\x00jklmno"), rec(recContinue, "\x01p\x00")))
}

func TestXLSHiddenSheets(t *testing.T) {
	data := book8(nil, header8(), row8(1))
	i := bytes.Index(data, rec(recSheet)[:2])
	data[i+8] = 1
	wb, err := OpenStream(t.Context(), data, grid.DefaultLimits())
	must.OK(t, err)
	if got := wb.Sheets; !slices.Equal(got, []grid.Sheet{{Name: "Orders", Hidden: true}}) {
		t.Errorf("the sheets are %+v", got)
	}
}

func TestXLSSheetsThatLieInTheSamePlaceAreNotReadForever(t *testing.T) {
	good := book8(nil, slices.Repeat(label8(0, 0, "x"), 100))
	sheet := rec(recSheet, uint32(0), uint16(0), short(str8("Orders", false)))
	globals := len(bof(biff8, 5)) + len(sheet) + len(rec(recEOF))
	const sheets = 50
	at := uint32(globals + (sheets-1)*len(sheet))
	sheet = rec(recSheet, at, uint16(0), short(str8("Orders", false)))
	data := slices.Concat(bof(biff8, 5), slices.Repeat(sheet, sheets), rec(recEOF), good[globals:])
	lim := grid.Limits{Unpacked: int64(len(data))}.OrDefaults()
	wb, err := OpenStream(t.Context(), data, lim)
	must.OK(t, err)
	for i := 0; i < sheets && err == nil; i++ {
		err = wb.Read(t.Context(), i, &rows{columns: lim.Columns})
	}
	wantFault(t, err, fault.TooLarge, "larger than allowed")
}

func TestXLSStreamsThatAreRefused(t *testing.T) {
	good := book8(nil, header8(), row8(1))
	chart := bytes.Clone(good)
	chart[bytes.Index(chart, rec(recSheet)[:2])+9] = 2
	sst := func(body string) []byte {
		return book8(rec(recSST, uint32(1), uint32(1), body), header8(), row8(1), rec(recLabelSST, uint16(1), uint16(4), uint16(0), uint32(0)))
	}
	for _, tt := range []struct {
		name string
		data []byte
		code fault.Code
		says string
	}{
		{"nothing", nil, fault.DamagedOrders, "cut off"},
		{"another record", rec(recNumber, uint32(0)), fault.DamagedOrders, "does not begin like one"},
		{"Excel 4", rec(0x0409, uint16(0x0400), uint16(0x10), uint16(0)), fault.OldXLS, "Excel 4 or earlier"},
		{"an unknown version", bof(0x0700, 5), fault.OldXLS, "unknown version"},
		{"protected by a password", slices.Concat(bof(biff8, 5), rec(recFilePass, make([]byte, 54))), fault.DamagedOrders, "protected by a password"},
		{"Excel 95 in Japanese", slices.Concat(bof(biff5, 5), rec(recCodePage, uint16(932))), fault.OldXLS, "East Asian"},
		{"cut off within a record", good[:len(good)-7], fault.DamagedOrders, "cut off"},
		{"cut off between records", good[:len(good)-4], fault.DamagedOrders, "cut off"},
		{"no sheets", chart, fault.DamagedOrders, "no sheets"},
		{"a sheet beyond the end", slices.Concat(bof(biff8, 5), rec(recSheet, uint32(math.MaxUint32), uint16(0), short(str8("Orders", false))), rec(recEOF)), fault.DamagedOrders, `"Orders" is missing`},
		{"a sheet where none begins", slices.Concat(bof(biff8, 5), rec(recSheet, uint32(0), uint16(0), short(str8("Orders", false))), rec(recEOF)), fault.DamagedOrders, "another record"},
		{"a cell that is too short", book8(nil, header8(), rec(recNumber, uint16(1), uint16(2), uint16(0), uint32(0))), fault.DamagedOrders, "row 2"},
		{"a string longer than its record", book8(nil, header8(), rec(recLabel, uint16(1), uint16(2), uint16(0), uint16(9), "\x00abc")), fault.DamagedOrders, "row 2"},
		{"a formula's text that is cut off", book8(nil, rec(recFormula, uint16(1), uint16(4), uint16(0), "\x00\x00\x00\x00\x00\x00\xff\xff", uint16(0), uint32(0)), rec(recString, uint16(9), "\x00abc")), fault.DamagedOrders, "text of a formula"},
		{"a sheet's name that is cut off", slices.Concat(bof(biff8, 5), rec(recSheet, uint32(0), uint16(0), "\x09\x00Ord"), rec(recEOF)), fault.DamagedOrders, "0x85"},
		{"a missing shared string", book8(nil, header8(), rec(recLabelSST, uint16(1), uint16(4), uint16(0), uint32(0))), fault.DamagedOrders, "row 2, column 4"},
		{"a shared string that is cut off", sst("\x09\x00\x00abc"), fault.DamagedOrders, "table of strings"},
		{"runs that are cut off", sst("\x03\x00\x08\xff\xffabc"), fault.DamagedOrders, "table of strings"},
		{"pronunciation of 4 GiB", sst("\x03\x00\x04\xff\xff\xff\xffabc"), fault.DamagedOrders, "table of strings"},
		{"a column beyond the last", book8(nil, label8(0, 20000, "Invoice No.")), fault.TooLarge, "too many columns"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readStream(t, tt.data, grid.Limits{})
			wantFault(t, err, tt.code, tt.says)
		})
	}
}

// FuzzXLS reads arbitrary streams of records, which FuzzRead rarely reaches, since it
// must make a compound file first.
func FuzzXLS(f *testing.F) {
	f.Add(book8(rec(recSST, uint32(1), uint32(1), str8("é", true)), header8(), row8(1), rec(recLabelSST, uint16(1), uint16(4), uint16(0), uint32(0))))
	f.Add(book8(rec(recFormat, uint16(170), str8("yyyy", false)), header8(), row8(1), rec(recMulRk, uint16(1), uint16(4), uint16(0), uint32(7), uint16(4))))
	for _, name := range []string{"invented.xls", "invented-95.xls"} {
		data := must.Read(f, filepath.Join("..", "testdata", name))
		f.Add(data[bytes.Index(data, []byte{0x09, 0x08}):])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := readStream(t, data, grid.Limits{Bytes: 1 << 20, Unpacked: 8 << 20, Rows: 1000, Columns: 300, CellChars: 200})
		var f *fault.Error
		if err != nil && (!errors.As(err, &f) || f.Message == "" || !utf8.ValidString(f.Message) || len(f.Message) > 100_000) {
			t.Fatalf("%v is not a fault with a sentence", err)
		}
	})
}

func TestFormulasWithoutAValue(t *testing.T) {
	formula := func(row, col uint16, v float64) []byte {
		return rec(recFormula, row, col, uint16(0), v, uint16(0), uint32(0), uint16(0))
	}
	data := book8(nil, header8(), row8(1), formula(1, 4, 0), row8(2), formula(2, 4, math.Copysign(0, -1)), row8(3), formula(3, 4, 7))
	got, err := readStream(t, data, grid.Limits{})
	must.OK(t, err)
	for i, want := range []grid.Kind{grid.Uncomputed, grid.Uncomputed, grid.Number} {
		if kind := got.cells[i+1][4].Kind; kind != want {
			t.Errorf("row %d: the kind is %d, want %d", i+2, kind, want)
		}
	}
}

func TestSheetsThatTellAnotherVersionThanTheirWorkbook(t *testing.T) {
	data := book8(nil, header8(), row8(1))
	i := bytes.LastIndex(data, bof(biff8, 0x10))
	copy(data[i:], bof(biff5, 0x10))
	got, err := readStream(t, data, grid.Limits{})
	if err != nil || len(got.cells) != 2 || got.cells[1][0].Text != "G1" {
		t.Errorf("%v: %v", err, got.cells)
	}
}
