package bol

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"io"
	"slices"

	"tallyman/internal/form"
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
	m.File, m.Page = place(r.File, r.Page)
	m.Bill.Lines = slices.Clone(r.Bill.Lines)
	m.Bill.Sheets = slices.Clone(r.Bill.Sheets)
	for i := range m.Bill.Sheets {
		s := &m.Bill.Sheets[i]
		s.File, s.Page = place(s.File, s.Page)
	}
	for _, vs := range m.Bill.texts() {
		*vs = slices.Clone(*vs)
	}
	for v := range m.Bill.values() {
		if v.Page > 0 {
			v.File, v.Page = place(v.File, v.Page)
		}
	}
	for i := range m.Bill.Lines {
		l := &m.Bill.Lines[i]
		l.File, l.Page = place(l.File, l.Page)
	}
	if m.Bill.Free != nil {
		m.Bill.Free = m.Bill.Free.Moved(place)
	}
	m.Problems = slices.Clone(r.Problems)
	m.Notes = slices.Clone(r.Notes)
	for _, ps := range [][]Problem{m.Problems, m.Notes} {
		for i := range ps {
			ps[i].File, ps[i].Page = place(ps[i].File, ps[i].Page)
		}
	}
	return &m
}

// storedVersion changes with stored and reading: gob drops in silence what another version
// names differently.
const storedVersion = 7

// stored is the encoded form of Pages.
type stored struct {
	Version  int
	Files    []File
	Keep     bool
	Forms    []form.Form
	Readings []*reading
}

// Encode writes the pages for DecodePages.
func (p *Pages) Encode(w io.Writer) error {
	s := stored{Version: storedVersion, Files: p.Files, Keep: p.Keep, Forms: p.forms, Readings: p.readings}
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
	return &Pages{Files: s.Files, Keep: s.Keep, forms: s.Forms, readings: s.Readings}, nil
}
