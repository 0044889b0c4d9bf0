package xls

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"

	"tallyman/internal/orders/grid"
)

// records reads the records of an XLS workbook: number, length, data.
type records struct {
	data []byte
	pos  int
}

// record is one record. Bytes beyond its end read as zero, and mark it as short.
type record struct {
	id     uint16
	data   []byte
	breaks []int // the offsets at which continuations begin
	short  bool
}

func (r *records) next() (record, error) {
	if r.pos < 0 || r.pos+4 > len(r.data) {
		return record{}, grid.Damaged("it is cut off")
	}
	id := binary.LittleEndian.Uint16(r.data[r.pos:])
	end := r.pos + 4 + int(binary.LittleEndian.Uint16(r.data[r.pos+2:]))
	if end > len(r.data) {
		return record{}, grid.Damaged("it is cut off")
	}
	rec := record{id: id, data: r.data[r.pos+4 : end : end]}
	r.pos = end
	return rec, nil
}

// bof reads the record that begins a workbook or a sheet. It returns the version of the
// format and the kind of the substream.
func (r *records) bof() (version, kind uint16, err error) {
	rec, err := r.next()
	if err != nil {
		return 0, 0, err
	}
	switch rec.id {
	case recBOF:
	case 0x0009, 0x0209, 0x0409:
		return 0, 0, grid.OldXLS("a workbook of Excel 4 or earlier")
	default:
		return 0, 0, grid.Damaged("it does not begin like one")
	}
	switch version = rec.u16(0); version {
	case biff5, biff8:
		return version, rec.u16(2), nil
	}
	return 0, 0, grid.OldXLS("a workbook of an unknown version")
}

// join adds the continuations after a record.
func (r *records) join(rec *record) {
	for {
		ahead := *r
		more, err := ahead.next()
		if err != nil || more.id != recContinue {
			return
		}
		rec.breaks = append(rec.breaks, len(rec.data))
		rec.data = append(rec.data, more.data...)
		*r = ahead
	}
}

// from returns n bytes at an offset, with zeros in place of missing ones.
func (r *record) from(at, n int) []byte {
	if at < 0 || at+n > len(r.data) {
		r.short = true
		return make([]byte, n)
	}
	return r.data[at : at+n]
}

func (r *record) u8(at int) uint8   { return r.from(at, 1)[0] }
func (r *record) u16(at int) uint16 { return binary.LittleEndian.Uint16(r.from(at, 2)) }
func (r *record) u32(at int) uint32 { return binary.LittleEndian.Uint32(r.from(at, 4)) }
func (r *record) u64(at int) uint64 { return binary.LittleEndian.Uint64(r.from(at, 8)) }

// length reads the number of characters of a string, from one byte or two.
func (r *record) length(at, size int) int {
	if size == 1 {
		return int(r.u8(at))
	}
	return int(r.u16(at))
}

// bytes reads a string of Excel 5 and 95, in the workbook's code page.
func (r *record) bytes(page *charmap.Charmap, at, size int) string {
	s, _ := page.NewDecoder().String(string(r.from(at+size, r.length(at, size)))) // every byte is a character
	return s
}

// unicode reads a string without runs ([MS-XLS] 2.5.294, XLUnicodeString).
func (r *record) unicode(at, size int) string {
	wide := r.u8(at+size)&1 != 0
	s, _ := r.chars(at+size+1, r.length(at, size), wide)
	return s
}

// richString reads a string, skips its runs and pronunciation, and returns where it ends
// ([MS-XLS] 2.5.293, XLUnicodeRichExtendedString).
func (r *record) richString(at int) (string, int) {
	n, flags := int(r.u16(at)), r.u8(at+2)
	at += 3
	tail := 0
	if flags&8 != 0 {
		tail = 4 * int(r.u16(at))
		at += 2
	}
	if flags&4 != 0 {
		tail += int(r.u32(at))
		at += 4
	}
	s, end := r.chars(at, n, flags&1 != 0)
	if tail < 0 || tail > len(r.data)-end {
		r.short = true
		return s, len(r.data)
	}
	return s, end + tail
}

// chars reads n characters, of two bytes each if wide, else of one. Each continuation
// begins with a byte that sets the width again.
func (r *record) chars(at, n int, wide bool) (string, int) {
	units := make([]uint16, 0, min(n, len(r.data)))
	ascii := true
	breaks := r.breaks
	for n > 0 {
		for len(breaks) > 0 && breaks[0] < at {
			breaks = breaks[1:]
		}
		end := len(r.data)
		if len(breaks) > 0 {
			if end = breaks[0]; end == at {
				wide = r.u8(at)&1 != 0
				at++
				breaks = breaks[1:]
				continue
			}
		}
		width := 1
		if wide {
			width = 2
		}
		here := min(n, (end-at)/width)
		if here <= 0 {
			r.short = true
			break
		}
		for range here {
			u := uint16(r.data[at])
			if wide {
				u |= uint16(r.data[at+1]) << 8
			}
			ascii = ascii && u < 0x80
			units = append(units, u)
			at += width
		}
		n -= here
	}
	if ascii {
		var b strings.Builder
		b.Grow(len(units))
		for _, u := range units {
			b.WriteByte(byte(u))
		}
		return b.String(), at
	}
	return string(utf16.Decode(units)), at
}

// findCodePage finds a character set by the number that Windows gives it.
func findCodePage(number uint16) (*charmap.Charmap, error) {
	m, ok := map[uint16]*charmap.Charmap{
		367: charmap.Windows1252, 437: charmap.CodePage437, 850: charmap.CodePage850, 852: charmap.CodePage852,
		855: charmap.CodePage855, 858: charmap.CodePage858, 860: charmap.CodePage860, 862: charmap.CodePage862,
		863: charmap.CodePage863, 865: charmap.CodePage865, 866: charmap.CodePage866, 874: charmap.Windows874,
		1250: charmap.Windows1250, 1251: charmap.Windows1251, 1252: charmap.Windows1252, 1253: charmap.Windows1253,
		1254: charmap.Windows1254, 1255: charmap.Windows1255, 1256: charmap.Windows1256, 1257: charmap.Windows1257,
		1258: charmap.Windows1258, 10000: charmap.Macintosh, 32768: charmap.Macintosh, 32769: charmap.Windows1252,
	}[number]
	if !ok {
		return nil, grid.OldXLS("a workbook of Excel 95 or earlier in an East Asian or unknown character set")
	}
	return m, nil
}
