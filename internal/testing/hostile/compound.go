package hostile

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf16"
)

// OldWorkbook is a valid XLS of Excel 97 with one sheet of these rows. Whole numbers
// without leading zeros are numbers.
func OldWorkbook(rows [][]string) []byte {
	var b bytes.Buffer
	record := func(id uint16, fields ...any) {
		var body bytes.Buffer
		put(&body, fields...)
		put(&b, id, uint16(body.Len()), body.Bytes())
	}
	const begin, end, sheet, number, label = 0x0809, 0x000A, 0x0085, 0x0203, 0x0204 // [MS-XLS] 2.3.2
	beginning := func(kind uint16) { record(begin, []uint16{0x0600, kind, 0, 0, 0, 0, 0, 0}) }
	beginning(5)
	name := []byte("Orders")
	// The sheet begins after this record and the one that ends the first part.
	record(sheet, uint32(b.Len()+4+8+len(name)+4), uint16(0), uint8(len(name)), uint8(0), name)
	record(end)
	beginning(0x10)
	for i, row := range rows {
		for j, cell := range row {
			at := []uint16{uint16(i), uint16(j), 0}
			if n, err := strconv.Atoi(cell); err == nil && strconv.Itoa(n) == cell {
				record(number, at, math.Float64bits(float64(n)))
				continue
			}
			text := utf16.Encode([]rune(cell))
			record(label, at, uint16(len(text)), uint8(1), text)
		}
	}
	record(end)
	return compound("Workbook", b.Bytes())
}

// put writes fields of fixed sizes.
func put(b *bytes.Buffer, fields ...any) {
	for _, f := range fields {
		binary.Write(b, binary.LittleEndian, f)
	}
}

// compound is an OLE compound file with one stream ([MS-CFB]).
func compound(name string, stream []byte) []byte {
	const sector, free, last, table = 512, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
	// Shorter streams would have to be in a separate one, of small sectors.
	n := (max(len(stream), 4096) + sector - 1) / sector
	tables := 1
	for tables*sector/4 < tables+1+n {
		tables++
	}
	var b bytes.Buffer
	put(&b, []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), make([]byte, 16), []uint16{0x3E, 3, 0xFFFE, 9, 6, 0, 0, 0})
	put(&b, []uint32{0, uint32(tables), uint32(tables), 0, 4096, last, 0, last, 0})
	for i := range uint32(109) {
		if i >= uint32(tables) {
			i = free
		}
		put(&b, i)
	}
	for i := range tables * sector / 4 {
		switch end := tables + n; {
		case i < tables:
			put(&b, uint32(table))
		case i == tables || i == end:
			put(&b, uint32(last))
		case i < end:
			put(&b, uint32(i+1))
		default:
			put(&b, uint32(free))
		}
	}
	entry := func(name string, kind uint8, child, from uint32, size uint64) {
		text := utf16.Encode([]rune(name))
		put(&b, text, make([]byte, 64-2*len(text)), uint16(2*len(text)+2), kind, uint8(1), []uint32{free, free, child}, make([]byte, 36), from, size)
	}
	entry("Root Entry", 5, 1, last, 0)
	entry(name, 2, free, uint32(tables+1), uint64(max(len(stream), 4096)))
	put(&b, make([]byte, 2*128))
	put(&b, stream, make([]byte, n*sector-len(stream)))
	return b.Bytes()
}
