package bol

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"tallyman/internal/form"
	"tallyman/internal/page"
)

// maxJoined bounds the pages that are read together of several files of pictures.
const maxJoined = 300

// joined returns the readings of the pages, with bills that go on from one file of pictures to
// another as one bill. Whoever photographs a bill page by page has a file for each; known
// layouts find the pages of a bill by its number, and free reading needs them together. again
// are files that do not count.
//
// Files next to each other are read as one. A bill of several files counts only if that is
// certain: if its totals prove all of its lines, or if the bill's number is printed on all of
// its pages. Else each file stands for itself.
func (p *Pages) joined(again map[int]bool) []*reading {
	files := make([]pictures, len(p.Files))
	for _, rd := range p.readings {
		if rd.File >= len(files) {
			return p.readings
		}
		f := &files[rd.File]
		switch {
		case rd.Free:
			f.bills = append(f.bills, rd)
		case rd.Scan == page.Printed && rd.Damage == "":
			f.printed = true
		case rd.Loose != nil:
			f.pages = append(f.pages, rd)
		}
	}
	out := slices.Clone(p.readings)
	var run []int
	end := func() {
		out = p.join(out, files, run)
		run = nil
	}
	n := 0
	for i, f := range files {
		switch {
		case again[i] || !f.printed && len(f.pages) == 0:
			continue
		case f.printed:
			end()
			continue
		case len(run) == 0:
			n = 0
		case n+len(f.pages) > maxJoined:
			end()
			n = 0
		}
		run, n = append(run, i), n+len(f.pages)
	}
	end()
	return out
}

// MayContinue reports whether the pages are pictures that no known layout claims: they may be
// pages of a bill that has others in other files.
func (p *Pages) MayContinue() bool {
	return slices.ContainsFunc(p.readings, func(rd *reading) bool { return rd.Loose != nil })
}

// Shows reports whether a bill of the document has pages in a file.
func (d *Document) Shows(file int) bool {
	return slices.ContainsFunc(d.Bills, func(b *Bill) bool {
		return slices.ContainsFunc(b.Sheets, func(s Sheet) bool { return s.File == file })
	})
}

// pictures is what was read of one file of pictures by itself.
type pictures struct {
	printed bool       // it has pages that are not pictures
	pages   []*reading // that no known layout claims
	bills   []*reading // of these pages
}

// whole reports whether a file needs no other one: it has bills, and all of them are proved.
func (f *pictures) whole() bool {
	return len(f.bills) > 0 && !slices.ContainsFunc(f.bills, func(rd *reading) bool { return !rd.proved() && len(rd.Bill.Lines) > 0 })
}

// provedLines is the number of lines of those bills that their totals prove.
func provedLines(bills []*reading) (n int) {
	for _, rd := range bills {
		if rd.proved() {
			n += len(rd.Bill.Lines)
		}
	}
	return n
}

// join reads the files of a run together, and puts the bills that go on from one to another in
// the place of what was read of each alone.
func (p *Pages) join(readings []*reading, files []pictures, run []int) []*reading {
	if len(run) < 2 || !slices.ContainsFunc(run, func(i int) bool { return !files[i].whole() }) {
		return readings
	}
	var pages []page.Page
	of := map[int]*reading{}
	for _, i := range run {
		for _, rd := range files[i].pages {
			numbered := *rd.Loose
			numbered.Number = len(pages) + 1
			pages = append(pages, numbered)
			of[numbered.Number] = rd
		}
	}
	bills, hints := freely(pages, p.forms, of, func(rd *reading) string {
		return fmt.Sprintf("page %d of document %d, %s,", rd.Page, rd.File+1, filepath.Base(p.Files[rd.File].Name))
	})
	for _, part := range parts(bills) {
		var alone []*reading
		for i := range part.files {
			alone = append(alone, files[i].bills...)
		}
		if !part.certain() || provedLines(part.bills) <= provedLines(alone) && provedLines(alone) > 0 {
			continue
		}
		readings = slices.DeleteFunc(readings, func(rd *reading) bool { return rd.Free && part.files[rd.File] })
		for n, rd := range of {
			if !part.files[rd.File] {
				continue
			}
			copied := *rd
			copied.Hint = hints[n]
			copied.Read = slices.ContainsFunc(part.bills, func(own *reading) bool {
				return slices.ContainsFunc(own.Bill.Free.Pages, func(l form.Leaf) bool { return l.File == rd.File && l.Page == rd.Page })
			})
			readings[slices.Index(readings, rd)] = &copied
		}
		for _, own := range part.bills {
			at := slices.IndexFunc(readings, func(rd *reading) bool { return rd.File == own.File && rd.Page == own.Page })
			readings = slices.Insert(readings, at+1, own)
		}
	}
	return readings
}

// joint are bills that have files in common with each other, and these files.
type joint struct {
	bills []*reading
	files map[int]bool
}

// parts returns the bills of several files, each with those that share its files.
func parts(bills []*reading) (out []joint) {
	for _, own := range bills {
		t := joint{[]*reading{own}, own.files()}
		out = slices.DeleteFunc(out, func(o joint) bool {
			meets := false
			for i := range o.files {
				meets = meets || t.files[i]
			}
			if meets {
				t.bills = append(slices.Clone(o.bills), t.bills...)
				maps.Copy(t.files, o.files)
			}
			return meets
		})
		out = append(out, t)
	}
	return slices.DeleteFunc(out, func(t joint) bool { return len(t.files) < 2 })
}

// files are those of the pages of a bill.
func (r *reading) files() map[int]bool {
	out := map[int]bool{}
	for _, l := range r.Bill.Free.Pages {
		out[l.File] = true
	}
	return out
}

// certain reports whether each bill of several files is proved to be one, or says so on each of
// its pages.
func (t *joint) certain() bool {
	return !slices.ContainsFunc(t.bills, func(own *reading) bool {
		f := own.Bill.Free
		return len(own.files()) > 1 && !own.proved() && slices.ContainsFunc(f.Pages, func(l form.Leaf) bool {
			return l.Number == "" || l.Number != f.Pages[0].Number
		})
	})
}
