package orders

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"tallyman/internal/fault"
)

// decoded is the text of a file, without a byte order mark.
type decoded struct {
	text     string
	encoding string // for people: "UTF-8"
	// charset is the guessed character set, of one byte per character, and other one
	// that fits nearly as well, nil if there is none. unknown is true if no set fits.
	charset, other *charset
	unknown        bool
}

// byMark are the byte order marks. That of UTF-32LE begins with that of UTF-16LE.
var byMark = []struct {
	mark, name string
	from       encoding.Encoding
}{
	{"\xef\xbb\xbf", "UTF-8", nil},
	{"\xff\xfe\x00\x00", "UTF-32LE", utf32LE},
	{"\x00\x00\xfe\xff", "UTF-32BE", utf32BE},
	{"\xff\xfe", "UTF-16LE", utf16LE},
	{"\xfe\xff", "UTF-16BE", utf16BE},
}

var (
	utf16LE = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	utf16BE = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	utf32LE = utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	utf32BE = utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
)

// decode decodes the content of a text file: UTF-8, UTF-16 or UTF-32, with or without
// byte order mark, or a character set that is declared or that fits the bytes. Invalid
// bytes in UTF-8 become U+FFFD.
func decode(data string, declared *charset) (decoded, error) {
	d := decoded{text: data}
	var from encoding.Encoding
	for _, m := range byMark {
		if strings.HasPrefix(data, m.mark) {
			d.text, d.encoding, from = data[len(m.mark):], m.name, m.from
			break
		}
	}
	if d.encoding == "" {
		d.encoding, from = zeroBytes(data)
	}
	switch {
	case from != nil:
		width := 2
		if strings.HasPrefix(d.encoding, "UTF-32") {
			width = 4
		}
		if len(d.text)%width != 0 {
			return d, fault.New(fault.DamagedOrders,
				"the order export is cut off: it is %s, but ends within a character; export it again", d.encoding)
		}
		text, err := from.NewDecoder().String(d.text)
		if err != nil {
			return d, fault.New(fault.DamagedOrders, "the order export is not sound %s; export it again: %w", d.encoding, err)
		}
		d.text = text
	case d.encoding != "" || utf8.ValidString(data) || mostlyUTF8(data):
		d.encoding = "UTF-8"
		d.text = strings.ToValidUTF8(d.text, "\ufffd")
	default:
		if d.charset = declared; declared == nil {
			d.charset, d.other, d.unknown = guessCharset(data)
		}
		d.text, d.encoding = d.charset.decode(data), d.charset.name
	}
	return d, nil
}

// zeroBytes recognises UTF-16 and UTF-32 without a byte order mark. Headers are mostly
// ASCII, in which all bytes of a character but one are zero.
func zeroBytes(data string) (string, encoding.Encoding) {
	const most = 1024
	data = data[:min(len(data), most)&^3]
	if data == "" {
		return "", nil
	}
	var zeros [4]int
	for i := range len(data) {
		if data[i] == 0 {
			zeros[i%4]++
		}
	}
	high := func(i int) bool { return zeros[i] > len(data)/8 }
	low := func(i int) bool { return zeros[i] < len(data)/40 }
	switch {
	case low(0) && high(1) && high(2) && high(3):
		return "UTF-32LE", utf32LE
	case high(0) && high(1) && high(2) && low(3):
		return "UTF-32BE", utf32BE
	case low(0) && high(1) && low(2) && high(3):
		return "UTF-16LE", utf16LE
	case high(0) && low(1) && high(2) && low(3):
		return "UTF-16BE", utf16BE
	}
	return "", nil
}

// mostlyUTF8 reports whether a text that is not valid UTF-8 is damaged UTF-8. Other
// encodings hardly ever have its sequences.
func mostlyUTF8(data string) bool {
	good, bad := 0, 0
	for i := 0; i < len(data); {
		if data[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(data[i:])
		if r == utf8.RuneError && size == 1 {
			bad++
			// The rest of a sequence that was cut off belongs to the same damage.
			for i++; i < len(data) && data[i] >= 0x80 && data[i] < 0xC0; i++ {
			}
			continue
		}
		good++
		i += size
	}
	return good > 0 && good >= bad
}

// guess is a guessed character set that is in doubt.
type guess struct{ charset, other *charset }

// guess returns nil if there is no doubt.
func (d decoded) guess() *guess {
	if d.charset == nil || d.other == nil && !d.unknown {
		return nil
	}
	return &guess{d.charset, d.other}
}

// otherwise returns the text in the other character set, "" if none fits. It is false
// if the text is the same in both.
func (g *guess) otherwise(text string) (string, bool) {
	b, ok := g.charset.encode(text)
	if !ok || b == text { // it is ASCII
		return "", false
	}
	if g.other == nil {
		return "", true
	}
	other := g.other.decode(b)
	return other, other != text
}

// plausible reports whether a text may be a CSV: it has almost no control characters
// except NUL, with which some systems pad cells.
func plausible(text string) bool {
	controls, zeros := 0, 0
	for i := range len(text) {
		switch b := text[i]; {
		case b == 0:
			zeros++
		case b < ' ' && (b < '\t' || b > '\r'):
			controls++
		}
	}
	return controls <= 1+len(text)/100 && zeros <= len(text)/2
}

// byLabel returns the single-byte character set of a declaration such as
// charset=iso-8859-1; nil if there is none.
func byLabel(label string) *charset {
	label = strings.ToLower(strings.TrimSpace(label))
	for i := range charsets {
		if slices.Contains(charsets[i].labels, label) {
			return &charsets[i]
		}
	}
	return nil
}

// charset is a character set with one byte per character.
type charset struct {
	name   string
	labels []string
	*charmap.Charmap
}

// charsets are the sets that are recognised by their bytes, the likeliest first, and
// then those that must be declared.
var charsets = []charset{
	{"Windows-1252", []string{"windows-1252", "iso-8859-1", "latin1", "us-ascii", "ascii", "cp1252", "x-ansi"}, charmap.Windows1252},
	{"Mac Roman", []string{"macintosh", "x-mac-roman", "mac"}, charmap.Macintosh},
	{"CP850", []string{"cp850", "ibm850"}, charmap.CodePage850},
	{"CP437", []string{"cp437", "ibm437"}, charmap.CodePage437},
	{"ISO-8859-15", []string{"iso-8859-15"}, charmap.ISO8859_15},
	{"ISO-8859-2", []string{"iso-8859-2"}, charmap.ISO8859_2},
	{"Windows-1250", []string{"windows-1250", "cp1250"}, charmap.Windows1250},
	{"Windows-1251", []string{"windows-1251", "cp1251"}, charmap.Windows1251},
	{"Windows-1254", []string{"windows-1254", "cp1254", "iso-8859-9"}, charmap.Windows1254},
}

const guessed = 4 // of charsets

func (c *charset) decode(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/16)
	for i := range len(s) {
		if s[i] < utf8.RuneSelf {
			b.WriteByte(s[i])
		} else {
			b.WriteRune(c.DecodeByte(s[i]))
		}
	}
	return b.String()
}

// encode is the reverse of decode. It is false for a text with characters that the set
// lacks.
func (c *charset) encode(s string) (string, bool) {
	var b strings.Builder
	for _, r := range s {
		e, ok := c.EncodeRune(r)
		if !ok {
			return "", false
		}
		b.WriteByte(e)
	}
	return b.String(), true
}
