package orders

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
)

// decode turns the contents of a text file into text, without a byte order mark,
// and names the encoding: UTF-8, UTF-16 with or without its mark, and
// Windows-1252 for what is neither.
func decode(data string) (text, name string, err error) {
	var from encoding.Encoding
	switch {
	case strings.HasPrefix(data, "\xef\xbb\xbf"):
		data = data[3:]
	case strings.HasPrefix(data, "\xff\xfe"):
		data, from, name = data[2:], unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "UTF-16LE"
	case strings.HasPrefix(data, "\xfe\xff"):
		data, from, name = data[2:], unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "UTF-16BE"
	default:
		switch zeros := zeroBytes(data); {
		case zeros.odd > 50 && zeros.even < 10:
			from, name = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "UTF-16LE"
		case zeros.even > 50 && zeros.odd < 10:
			from, name = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "UTF-16BE"
		}
	}
	switch {
	case from != nil && len(data)%2 != 0:
		return "", "", fault.New(fault.DamagedOrders,
			"the order export is cut off: it is %s, but ends within a character; export it again", name)
	case from == nil && utf8.ValidString(data):
		text, name = data, "UTF-8"
	case from == nil:
		from, name = charmap.Windows1252, "Windows-1252"
	}
	if from != nil {
		if text, err = from.NewDecoder().String(data); err != nil {
			return "", "", fmt.Errorf("decoding %s: %w", name, err)
		}
	}
	if !plausible(text) {
		return "", "", grid.NotOrders("neither text nor a workbook")
	}
	return text, name, nil
}

// zeroBytes tells how many per cent of the bytes at even and at odd places are
// zero, at the beginning of a file. Headers are mostly ASCII, whose every other
// byte is zero in UTF-16.
func zeroBytes(data string) (zeros struct{ even, odd int }) {
	data = data[:min(len(data), 1024)&^1]
	if len(data) == 0 {
		return zeros
	}
	for i := 0; i < len(data); i += 2 {
		if data[i] == 0 {
			zeros.even++
		}
		if data[i+1] == 0 {
			zeros.odd++
		}
	}
	zeros.even, zeros.odd = 200*zeros.even/len(data), 200*zeros.odd/len(data)
	return zeros
}

// plausible reports whether something can be the text of a CSV: no NUL at all,
// and next to no other control characters.
func plausible(text string) bool {
	controls := 0
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == 0:
			return false
		case b < ' ' && (b < '\t' || b > '\r'):
			controls++
		}
	}
	return controls <= 1+len(text)/1000
}
