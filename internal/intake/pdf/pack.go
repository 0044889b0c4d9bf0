package pdf

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/magic"
)

// pack is an open source: a PDF, or the PDFs in a ZIP archive or a file of gzip. Its
// pages count through all of them.
type pack struct {
	p     *pdfium
	parts []packed
	pages int
	doc   *document // the one that is open
	open  int       // which that is
}

// packed is one of the PDFs of a source.
type packed struct {
	*io.SectionReader
	name  string // in the archive; "" for a source that is a PDF
	pages int
}

// openPack opens a source, and says for people why it cannot be opened.
func openPack(p *pdfium, src io.ReaderAt, size int64) (*pack, error) {
	parts, err := unpacked(src, size)
	if err != nil {
		return nil, err
	}
	k := &pack{p: p, parts: parts}
	for i := range parts {
		if i > 0 {
			k.doc.close()
		}
		if k.doc, err = openChecked(p, parts[i], parts[i].Size()); err != nil {
			if parts[i].name != "" {
				err = fault.In(fmt.Sprintf("%q in the archive", parts[i].name), err)
			}
			return nil, err
		}
		k.open, parts[i].pages = i, k.doc.pages
		k.pages += k.doc.pages
	}
	return k, nil
}

// page returns the document that has a page, from 1, and which of its pages that is.
func (k *pack) page(number int) (doc *document, of int, err error) {
	i := 0
	for number > k.parts[i].pages && i+1 < len(k.parts) {
		number -= k.parts[i].pages
		i++
	}
	if i != k.open || k.p.fileRead > reopenAfter {
		k.doc.close()
		if k.doc, err = k.p.open(k.parts[i], k.parts[i].Size()); err != nil {
			return nil, 0, err
		}
		k.open = i
	}
	return k.doc, number, nil
}

// Bounds of an archive.
const (
	maxEntries  = 10_000
	maxUnpacked = 64 << 20 // bytes of all PDFs in it
)

// unpacked returns the PDFs of a source, which are unpacked in memory if it is a ZIP
// archive or a file of gzip. Another source, and an archive that holds none, is one
// part.
func unpacked(src io.ReaderAt, size int64) ([]packed, error) {
	whole := []packed{{SectionReader: io.NewSectionReader(src, 0, size)}}
	head := make([]byte, 4)
	if n, _ := src.ReadAt(head, 0); n < len(head) {
		return whole, nil
	}
	var parts []packed
	left := int64(maxUnpacked)
	add := func(name string, r io.Reader) error {
		// What is not a PDF is not unpacked further than that shows.
		data, err := io.ReadAll(io.LimitReader(r, ends))
		is := bytes.Contains(data, header)
		if is && err == nil {
			var rest []byte
			rest, err = io.ReadAll(io.LimitReader(r, left-int64(len(data))+1))
			data = append(data, rest...)
		}
		switch {
		case err != nil:
			return fault.New(fault.DamagedPDF, "%q in the archive cannot be unpacked (%w); pack or send it again", name, err)
		case !is && strings.HasSuffix(strings.ToLower(name), ".pdf"):
			return fault.New(fault.NotAPDF, "%q in the archive is not a PDF; unpack it, and give the PDFs in it", name)
		case !is:
			return nil
		case int64(len(data)) > left:
			return fault.New(fault.TooLarge, "the PDFs in the archive have more than %d MB; unpack it and give them one by one", maxUnpacked>>20)
		}
		left -= int64(len(data))
		of, err := partsOf(bytes.NewReader(data), int64(len(data)))
		for _, p := range of {
			parts = append(parts, packed{SectionReader: p, name: name})
		}
		return err
	}
	switch {
	case magic.Begins(head, magic.ZIP):
		archive, err := zip.NewReader(src, size)
		if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are never used as paths
			return whole, nil
		}
		if len(archive.File) > maxEntries {
			return nil, fault.New(fault.TooLarge, "the ZIP archive has %d files, more than the %d that are looked at; unpack it and give the PDFs", len(archive.File), maxEntries)
		}
		for _, f := range archive.File {
			switch base := path.Base(f.Name); {
			case strings.HasSuffix(f.Name, "/"), strings.HasPrefix(base, "._"):
				continue // a folder, or what macOS adds to a file
			case f.Flags&1 != 0:
				return nil, fault.New(fault.EncryptedPDF, "%q in the ZIP archive is protected by a password; unpack it, and give the PDFs in it", short(f.Name))
			}
			r, err := f.Open()
			if err != nil {
				return nil, fault.New(fault.DamagedPDF, "%q in the ZIP archive cannot be unpacked (%w); unpack it, and give the PDFs in it", short(f.Name), err)
			}
			err = errors.Join(add(short(f.Name), r), r.Close())
			if err != nil {
				return nil, err
			}
		}
	case magic.Begins(head, magic.Gzip):
		r, err := gzip.NewReader(io.NewSectionReader(src, 0, size))
		if err != nil {
			return whole, nil
		}
		if err := add(cmp.Or(short(r.Name), "the file"), r); err != nil {
			return nil, err
		}
	}
	if len(parts) == 0 {
		return whole, nil
	}
	if len(parts) > maxParts {
		return nil, fault.New(fault.TooLarge, "the archive holds %d PDFs, more than the %d that are read at once; split it", len(parts), maxParts)
	}
	return parts, nil
}
