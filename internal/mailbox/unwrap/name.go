package unwrap

import (
	"bytes"
	"io"
	"mime"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/charmap"

	"tallyman/internal/pairing"
)

// tidy makes a name of a file for people of what a mail says.
func tidy(name string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.TrimSpace(pairing.Shorten(pairing.Clean(strings.ToValidUTF8(name, "�")), 150))
	if strings.Trim(name, ". _") == "" {
		return "attachment"
	}
	return name
}

// sets are the character sets of names besides UTF-8. Of others, the name is shown as it stands.
var sets = map[string]*charmap.Charmap{
	"iso-8859-1": charmap.Windows1252, "latin1": charmap.Windows1252, "us-ascii": charmap.Windows1252,
	"iso-8859-2": charmap.ISO8859_2, "iso-8859-3": charmap.ISO8859_3, "iso-8859-4": charmap.ISO8859_4, "iso-8859-5": charmap.ISO8859_5,
	"iso-8859-7": charmap.ISO8859_7, "iso-8859-9": charmap.Windows1254, "iso-8859-13": charmap.ISO8859_13, "iso-8859-15": charmap.ISO8859_15,
	"windows-1250": charmap.Windows1250, "windows-1251": charmap.Windows1251, "windows-1252": charmap.Windows1252,
	"windows-1253": charmap.Windows1253, "windows-1254": charmap.Windows1254, "windows-1257": charmap.Windows1257,
	"koi8-r": charmap.KOI8R, "koi8-u": charmap.KOI8U, "cp437": charmap.CodePage437, "cp850": charmap.CodePage850, "ibm437": charmap.CodePage437, "ibm850": charmap.CodePage850,
}

var words = mime.WordDecoder{CharsetReader: func(set string, r io.Reader) (io.Reader, error) {
	if m := sets[strings.ToLower(set)]; m != nil {
		return m.NewDecoder().Reader(r), nil
	}
	return nil, io.ErrUnexpectedEOF // any error: the word stays as it stands
}}

// DecodeWords decodes the encoded words of a field (RFC 2047), which programs also write in
// parameters, where they have no place.
func DecodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	// Long words are folded; what is between two of them does not count.
	decoded, err := words.DecodeHeader(s)
	if err != nil {
		return s
	}
	return decoded
}

// extended reads a parameter in a character set other than UTF-8 (RFC 2231), which package mime
// takes for nothing, or for the pieces that are in UTF-8: filename*=iso-8859-1”M%FCller.pdf, also in pieces (filename*0*=…; filename*1=…).
func extended(field, name string) string {
	_, params := lenient(field)
	var raw bytes.Buffer
	set := ""
	take := func(v string, coded, first bool) bool {
		if coded {
			if first {
				parts := strings.SplitN(v, "'", 3)
				if len(parts) != 3 {
					return false
				}
				set, v = strings.ToLower(parts[0]), parts[2]
			}
			u, err := url.PathUnescape(v)
			if err != nil {
				return false
			}
			v = u
		}
		raw.WriteString(v)
		return true
	}
	if v, ok := params[name+"*"]; ok {
		if !take(v, true, true) {
			return ""
		}
	} else {
		for i := range 100 {
			key := name + "*" + strconv.Itoa(i)
			v, coded := params[key+"*"]
			if !coded {
				var ok bool
				if v, ok = params[key]; !ok {
					break
				}
			}
			if !take(v, coded, i == 0) {
				return ""
			}
		}
	}
	if m := sets[set]; m != nil {
		if b, err := m.NewDecoder().Bytes(raw.Bytes()); err == nil {
			return string(b)
		}
	}
	return ""
}
