package orders

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/text"
)

const (
	// maxLayers bounds nested archives.
	maxLayers = 2
	// maxEntries bounds the entries of an archive.
	maxEntries = 10_000
)

// unpackedFile is a file from an archive.
type unpackedFile struct {
	data []byte
	how  string // "in a ZIP archive"
}

// unzip unpacks an archive with one file. It returns nil for an archive that may be a
// workbook, which package xlsx reads or refuses.
func unzip(ctx context.Context, r io.ReaderAt, size int64, lim Limits) (*unpackedFile, error) {
	zr, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are never used as paths
		return nil, nil
	}
	if len(zr.File) > maxEntries {
		return nil, nil
	}
	var files []*zip.File
	var names []string
	for _, f := range zr.File {
		name := strings.ToLower(strings.TrimLeft(strings.ReplaceAll(f.Name, `\`, "/"), "/"))
		top, _, _ := strings.Cut(name, "/")
		switch {
		case name == "mimetype", name == "content.xml", name == "[content_types].xml",
			top == "_rels", top == "xl", top == "word", top == "ppt", top == "index":
			return nil, nil
		case strings.HasSuffix(name, "/"), top == "__macosx", strings.HasPrefix(path.Base(name), "."), path.Base(name) == "thumbs.db":
			continue
		}
		files = append(files, f)
		names = append(names, f.Name)
	}
	switch len(files) {
	case 0:
		return nil, fault.New(fault.NotAnOrderFile, "the file is a ZIP archive with no file in it; give the order export")
	case 1:
	default:
		return nil, fault.New(fault.NotAnOrderFile, "the file is a ZIP archive of %d files (%s); unpack it, and give the one with the orders",
			len(files), quoted(labels(names[:min(len(names), 10)]), ", "))
	}
	f := files[0]
	if f.Flags&1 != 0 {
		return nil, fault.New(fault.DamagedOrders, "the ZIP archive is protected by a password; unpack it, and give the file in it")
	}
	p, err := f.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		return nil, fault.New(fault.NotAnOrderFile, "the ZIP archive is packed in a way that is not read; unpack it, and give the file in it")
	}
	if err != nil {
		return nil, brokenArchive(err)
	}
	defer p.Close()
	return unpack(ctx, p, int64(f.CompressedSize64), "in a ZIP archive", lim)
}

// gunzip unpacks a file that is compressed with gzip.
func gunzip(ctx context.Context, r io.ReaderAt, size int64, lim Limits) (*unpackedFile, error) {
	p, err := gzip.NewReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, brokenArchive(err)
	}
	defer p.Close()
	return unpack(ctx, p, size, "packed with gzip", lim)
}

func brokenArchive(err error) error {
	return fault.New(fault.DamagedOrders, "the archive is cut off or broken (%w); pack or export the file again", err)
}

// unpack reads a packed file completely, within the limits of size for files and for
// parts of workbooks.
func unpack(ctx context.Context, p io.Reader, packed int64, how string, lim Limits) (*unpackedFile, error) {
	const ratioFrom = 16 << 20
	var data bytes.Buffer
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		_, err := io.CopyN(&data, p, 1<<20)
		n := int64(data.Len())
		switch {
		case n > lim.Bytes:
			return nil, fault.New(fault.TooLarge,
				"the order export is larger than %s when it is unpacked; split it, or raise the limit", text.Size(lim.Bytes))
		case n > ratioFrom && n/lim.Ratio > packed:
			return nil, fault.New(fault.TooLarge,
				"the order export unpacks to more than %d times its size, as no real one does; give it unpacked", lim.Ratio)
		case err == io.EOF:
			return &unpackedFile{data.Bytes(), how}, nil
		case err != nil:
			return nil, brokenArchive(err)
		}
	}
}
