package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"image/jpeg"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"unicode"

	"golang.org/x/image/tiff"

	"tallyman/internal/magic"
	"tallyman/internal/sample"
	"tallyman/internal/testing/hostile"
	"tallyman/internal/testing/load"
)

// document is one file to send.
type document struct {
	name string // for people; its last part is the name of the upload
	read func() ([]byte, error)
}

// collect lists the regular files below some folders. leftOut names those that were
// left out, and why.
func collect(paths []string, largest int64) (documents []document, leftOut []string, err error) {
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case e.IsDir():
				return nil
			case !e.Type().IsRegular():
				leftOut = append(leftOut, path+": it is not a regular file")
				return nil
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			if info.Size() > largest {
				leftOut = append(leftOut, fmt.Sprintf("%s: it has %d MB", path, info.Size()>>20))
				return nil
			}
			documents = append(documents, document{path, func() ([]byte, error) { return os.ReadFile(path) }})
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return documents, leftOut, nil
}

// invented is an invented document: small, so that a small change alters much of it.
type invented struct {
	load.Documents
	workbook, oldWorkbook []byte
}

func invent(o sample.Options) invented {
	d := load.Invent(o)
	rows := load.Must(csv.NewReader(bytes.NewReader(d.Orders)).ReadAll())
	return invented{d, load.Workbook(d.Orders), hostile.OldWorkbook(rows)}
}

// mutants returns n changed copies of each kind of invented document. They are made
// when they are sent.
func mutants(n int, seed uint64) (documents []document) {
	d := invent(sample.Options{Bills: 4, Lines: 24, Seed: seed, MissingOrders: 1, NearMisses: 1, ExtraOrders: 1})
	pictures := hostile.Pictures()
	for _, name := range slices.Sorted(maps.Keys(pictures)) {
		documents = append(documents, document{"pictures/" + name, func() ([]byte, error) { return pictures[name], nil }})
	}
	for _, of := range []struct {
		name    string
		content []byte
	}{{"bol.pdf", d.Bills}, {"orders.csv", d.Orders}, {"orders.xlsx", d.workbook}, {"orders.xls", d.oldWorkbook}, {"photo.jpg", hostile.Photo()}, {"photo.png", hostile.PictureBomb(300, 400)}, {"photo.tif", asTIFF(hostile.Photo())}} {
		for i := range uint64(n) {
			documents = append(documents, document{fmt.Sprintf("mutants/%d-%d-%s", seed, i, of.name), func() ([]byte, error) {
				return hostile.Mutant(of.content, seed<<32+i), nil
			}})
		}
	}
	return documents
}

// asTIFF returns a JPEG file as a TIFF file.
func asTIFF(photo []byte) []byte {
	var b bytes.Buffer
	load.Check(tiff.Encode(&b, load.Must(jpeg.Decode(bytes.NewReader(photo))), &tiff.Options{Compression: tiff.Deflate}))
	return b.Bytes()
}

// kind is the kind of a document, by its first bytes.
func kind(b []byte) string {
	head := b[:min(len(b), 1024)]
	switch {
	case len(b) == 0:
		return "empty"
	case bytes.Contains(head, []byte("%PDF-")):
		return "PDF"
	case bytes.HasPrefix(b, []byte("PK\x03\x04")) && bytes.Contains(b, []byte("xl/")):
		return "XLSX"
	case bytes.HasPrefix(b, []byte("PK")):
		return "zip"
	case bytes.HasPrefix(b, []byte("\xD0\xCF\x11\xE0")):
		return "OLE (XLS, DOC)"
	case magic.Picture(head):
		return "picture"
	case !bytes.ContainsFunc(head, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }):
		return "text (CSV, XML)"
	}
	return "other"
}
