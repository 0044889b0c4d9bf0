package bol

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"io"
	"slices"

	"tallyman/internal/form"
	"tallyman/internal/page"
)

// Pages are pages that were read, but not yet combined to bills. They are what to store
// of a document, since pages of one bill can come in several documents. Encode and
// DecodePages store them.
type Pages struct {
	// Files are the documents of the pages.
	Files []File
	// Sums are the SHA-256 of the files, by which Document finds files that were given
	// twice; zero, or missing at the end, if they are not known. They are not encoded.
	Sums [][32]byte
	// Keep lets documents without any bill be kept, so that somebody can show how their
	// pages are to be read.
	Keep     bool
	readings []*reading
	forms    []form.Form // by which pages were read that no known layout claims
}

// Append adds pages of further documents, whose indexes increase accordingly. It does
// not change the pages of more; afterwards neither must be changed.
func (p *Pages) Append(more *Pages) {
	base := len(p.Files)
	p.Files = append(p.Files, more.Files...)
	p.Keep = p.Keep || more.Keep
	if p.forms == nil {
		p.forms = more.forms
	}
	for _, r := range more.readings {
		if base > 0 {
			r = r.moved(func(file, number int) (int, int) { return file + base, number })
		}
		p.readings = append(p.readings, r)
	}
}

// moved returns the reading with its places in other files and pages.
func (r *reading) moved(place func(file, page int) (int, int)) *reading {
	m := *r
	m.file, m.page = place(r.file, r.page)
	m.bill.Lines = slices.Clone(r.bill.Lines)
	m.bill.Sheets = slices.Clone(r.bill.Sheets)
	for i := range m.bill.Sheets {
		s := &m.bill.Sheets[i]
		s.File, s.Page = place(s.File, s.Page)
	}
	for _, vs := range m.bill.texts() {
		*vs = slices.Clone(*vs)
	}
	for v := range m.bill.values() {
		if v.Page > 0 {
			v.File, v.Page = place(v.File, v.Page)
		}
	}
	for i := range m.bill.Lines {
		l := &m.bill.Lines[i]
		l.File, l.Page = place(l.File, l.Page)
	}
	if m.bill.Free != nil {
		m.bill.Free = m.bill.Free.Moved(place)
	}
	m.problems = slices.Clone(r.problems)
	m.notes = slices.Clone(r.notes)
	for _, ps := range [][]Problem{m.problems, m.notes} {
		for i := range ps {
			ps[i].File, ps[i].Page = place(ps[i].File, ps[i].Page)
		}
	}
	return &m
}

// storedVersion changes with stored: gob drops in silence what another version names
// differently.
const storedVersion = 7

// stored is the encoded form of Pages.
type stored struct {
	Version  int
	Files    []File
	Keep     bool
	Forms    []form.Form
	Readings []storedReading
}

type storedReading struct {
	File, Page   int
	Part         int
	Damage       string
	Blank, Known bool
	Free, Read   bool
	Hint         string
	N, M         int
	Text         string
	Bill         Bill
	Columns      []Place
	Problems     []Problem
	Scan         page.Scan
	Twice        bool
	Notes        []Problem
	Loose        *page.Page
}

// Encode writes the pages for DecodePages.
func (p *Pages) Encode(w io.Writer) error {
	s := stored{Version: storedVersion, Files: p.Files, Keep: p.Keep, Forms: p.forms, Readings: make([]storedReading, len(p.readings))}
	for i, r := range p.readings {
		s.Readings[i] = storedReading{r.file, r.page, r.part, r.damage, r.blank, r.known, r.free, r.read, r.hint, r.n, r.m, r.text, r.bill, r.columns, r.problems, r.scan, r.twice, r.notes, r.loose}
	}
	if err := gob.NewEncoder(w).Encode(s); err != nil {
		return fmt.Errorf("encoding pages: %w", err)
	}
	return nil
}

// DecodePages decodes what Encode wrote. It fails if another version of the program
// wrote it in another format: the document must then be read again.
func DecodePages(b []byte) (*Pages, error) {
	var s stored
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&s); err != nil {
		return nil, fmt.Errorf("decoding pages: %w", err)
	}
	if s.Version != storedVersion {
		return nil, fmt.Errorf("decoding pages: they are of version %d, not %d", s.Version, storedVersion)
	}
	p := &Pages{Files: s.Files, Keep: s.Keep, forms: s.Forms, readings: make([]*reading, len(s.Readings))}
	for i, r := range s.Readings {
		p.readings[i] = &reading{
			file: r.File, page: r.Page, part: r.Part, damage: r.Damage, blank: r.Blank, known: r.Known, free: r.Free, read: r.Read, hint: r.Hint, n: r.N, m: r.M,
			text: r.Text, bill: r.Bill, columns: r.Columns, problems: r.Problems, scan: r.Scan, twice: r.Twice, notes: r.Notes, loose: r.Loose,
		}
	}
	return p, nil
}
