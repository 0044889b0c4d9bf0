package pairing

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"tallyman/internal/atomicfile"
	"tallyman/internal/sheet"
)

// Results writes files into a folder under names that begin alike.
type Results struct {
	Dir  string
	Name string
	// Taken are names, in lower case, that no file gets.
	Taken map[string]bool
}

// File writes a file whose name ends with end, and returns its name. It fails with
// fault.Unwritable.
func (r Results) File(end string, write func(io.Writer) error) (name string, err error) {
	name = r.Name + end
	for n := 2; r.Taken[strings.ToLower(name)]; n++ {
		name = fmt.Sprintf("%s (%d)%s", r.Name, n, end)
	}
	r.Taken[strings.ToLower(name)] = true
	return name, atomicfile.Write(filepath.Join(r.Dir, name), write)
}

// Sheet writes a sheet in some formats, and the list of what needs a person's eye, before
// which stand the notes. It returns the names of the list and of the sheets.
func (r Results) Sheet(s *sheet.Sheet, formats []sheet.Format, list func(io.Writer, *sheet.Sheet), notes []string) (checks string, sheets []string, err error) {
	checks, err = r.File(".check.txt", func(o io.Writer) error {
		for _, n := range notes {
			fmt.Fprintln(o, n)
		}
		list(o, s)
		return nil
	})
	if err != nil {
		return "", nil, err
	}
	for _, format := range formats {
		name, err := r.File(format.Ext(), func(o io.Writer) error { return sheet.Write(o, s, format) })
		if err != nil {
			return "", nil, err
		}
		sheets = append(sheets, name)
	}
	return checks, sheets, nil
}

// ToCheck counts the findings of a sheet that nobody has checked.
func ToCheck(s *sheet.Sheet) (n int) {
	for _, f := range s.Findings {
		if f.Open() {
			n++
		}
	}
	return n
}

// Stem is the name of a file without its extension, as it can stand in other names.
func Stem(name string) string {
	s := Clean(strings.TrimSuffix(name, filepath.Ext(name)))
	// Names may have 255 bytes, with what is added.
	if s = strings.Trim(Shorten(s, 150), " ."); s == "" {
		return "file"
	}
	return s
}

// Shorten cuts a name to so many bytes, between characters.
func Shorten(s string, most int) string {
	for len(s) > most {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// Clean is a name of a file in which nothing controls a terminal.
func Clean(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError {
			return '_'
		}
		return r
	}, name)
}
