// Package xlsx reads workbooks in XML: Office Open XML (ECMA-376 part 1, 18) and
// OpenDocument, which are ZIP archives of XML, and Excel 2003 XML, which is one text.
// The result is sheets of cells. Unpacking is limited.
package xlsx

import (
	"archive/zip"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/orders/grid"
	"tallyman/internal/text"
)

const (
	// smallPart bounds the parts that are read as a whole: the list of sheets, the
	// styles, the relationships. In bytes, unpacked.
	smallPart = 16 << 20
	// ratioFrom is the unpacked size of a part, in bytes, from which its ratio is
	// limited.
	ratioFrom = 16 << 20
	// tokenBytes bounds one tag or one run of text, in bytes: the XML decoder holds it
	// in memory.
	tokenBytes = 16 << 20
	// maxParts bounds the entries of an archive. A workbook has a few dozen.
	maxParts = 10_000
)

// errHugeToken is the error of a part with a tag or text of more than tokenBytes.
var errHugeToken = errors.New("a tag or text is too long")

// pkg is an archive of the Open Packaging Conventions: parts, and relationships
// between them.
type pkg struct {
	lim   grid.Limits
	parts map[string]*zip.File // by lower-case name
	left  int64                // the number of bytes that may still be unpacked
}

// Open opens a ZIP archive that should be an XLSX workbook. Its errors are faults:
// grid.Damaged, grid.Locked, grid.NotRead or grid.NotOrders for other archives,
// fault.TooLarge for what unpacks to more than lim allows; or that of ctx.
func Open(ctx context.Context, r io.ReaderAt, size int64, lim grid.Limits) (*grid.Workbook, error) {
	zr, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are never used as paths
		return nil, grid.Damaged("it begins as one, but is cut off or broken (%w)", err)
	}
	p := &pkg{lim: lim, parts: map[string]*zip.File{}, left: lim.Unpacked}
	if len(zr.File) > maxParts {
		return nil, fault.New(fault.TooLarge, "the workbook has more than %d parts; %s", maxParts, grid.SaveAsXLSX)
	}
	var total uint64
	for _, f := range zr.File {
		if f.Flags&1 != 0 {
			return nil, grid.Locked()
		}
		if total += f.UncompressedSize64; total > uint64(lim.Unpacked) || f.UncompressedSize64 > uint64(lim.Unpacked) {
			return nil, p.tooBig()
		}
		if f.UncompressedSize64 > ratioFrom && f.UncompressedSize64/uint64(lim.Ratio) > f.CompressedSize64 {
			return nil, p.bomb()
		}
		name := strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(f.Name, `\`, "/"), "/"))
		if p.parts[name] == nil {
			p.parts[name] = f
		}
	}
	main, err := p.mainPart(ctx)
	if err != nil {
		return nil, err
	}
	if main == "" {
		if p.has("content.xml") {
			return openODS(ctx, p)
		}
		return nil, p.foreign()
	}
	return openWorkbook(ctx, p, main)
}

func (p *pkg) tooBig() error {
	return fault.New(fault.TooLarge, "the workbook unpacks to more than %s; split it, or raise the limit", text.Size(p.lim.Unpacked))
}

func (p *pkg) bomb() error {
	return fault.New(fault.TooLarge, "a part of the workbook unpacks to more than %d times its size, as no real workbook does; %s",
		p.lim.Ratio, grid.SaveAsXLSX)
}

// mainPart returns the name of the part with the XLSX workbook, "" if there is none.
func (p *pkg) mainPart(ctx context.Context) (string, error) {
	if !p.has("_rels/.rels") {
		if p.has("xl/workbook.xml") {
			return "xl/workbook.xml", nil
		}
		return "", nil
	}
	rels, err := p.rels(ctx, "")
	if err != nil {
		return "", err
	}
	for _, rel := range rels {
		target := strings.ToLower(rel.Target)
		other := strings.HasPrefix(target, "word/") || strings.HasPrefix(target, "ppt/") || strings.HasPrefix(target, "visio/")
		if rel.is("officeDocument") && strings.HasSuffix(target, ".xml") && !other {
			return rel.Target, nil
		}
	}
	return "", nil
}

// foreign returns the fault of an archive that is not an XLSX.
func (p *pkg) foreign() error {
	switch {
	case p.has("xl/workbook.bin"):
		return grid.NotRead("a binary workbook (XLSB)")
	case p.has("index/document.iwa"):
		return grid.NotRead("a document of Apple's Numbers, Pages or Keynote")
	case p.has("word/document.xml"):
		return grid.NotOrders("a Word document")
	case p.has("ppt/presentation.xml"):
		return grid.NotOrders("a PowerPoint presentation")
	}
	return grid.NotOrders("a ZIP archive that is not a workbook itself (what is in it has to be unpacked first)")
}

func (p *pkg) has(name string) bool {
	return p.parts[strings.ToLower(name)] != nil
}

// open opens a part. What it reads counts against the package's budget.
func (p *pkg) open(ctx context.Context, name string) (*part, error) {
	f := p.parts[strings.ToLower(name)]
	if f == nil {
		return nil, grid.Damaged("its part %s is missing", grid.Label(name))
	}
	r, err := f.Open()
	if err != nil {
		return nil, grid.Damaged("its part %s cannot be unpacked (%w)", grid.Label(name), err)
	}
	return &part{ctx: ctx, pkg: p, name: name, packed: int64(f.CompressedSize64), r: r}, nil
}

// part is a part that is being read. It limits what is actually unpacked, whatever the
// archive declares.
type part struct {
	ctx    context.Context // of the only call to Read that uses the part
	pkg    *pkg
	name   string
	packed int64
	r      io.ReadCloser
	n      int64 // read so far
	token  int64 // read since the last token
}

func (p *part) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.r.Read(b)
	p.n += int64(n)
	p.token += int64(n)
	p.pkg.left -= int64(n)
	switch {
	case p.pkg.left < 0:
		return 0, p.pkg.tooBig()
	case p.n > ratioFrom && p.n/p.pkg.lim.Ratio > p.packed:
		return 0, p.pkg.bomb()
	case p.token > tokenBytes:
		return 0, errHugeToken
	case err != nil && err != io.EOF:
		return n, p.broken(err)
	}
	return n, err
}

func (p *part) Close() error { return p.r.Close() }

// drain reads the rest, so that the part's checksum is verified.
func (p *part) drain() error {
	for {
		p.token = 0
		if _, err := io.CopyN(io.Discard, p, tokenBytes/2); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// broken turns an error of reading or parsing the part into a fault, unless it is one,
// or the end of the context.
func (p *part) broken(err error) error {
	var f *fault.Error
	if errors.As(err, &f) || p.ctx.Err() != nil {
		return err
	}
	return grid.Damaged("its part %s cannot be read (%w)", grid.Label(p.name), err)
}

// decode reads a small part into a struct.
func (p *pkg) decode(ctx context.Context, name string, into any) error {
	r, err := p.open(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	limited := &io.LimitedReader{R: r, N: smallPart}
	if err := xml.NewDecoder(limited).Decode(into); err != nil {
		if limited.N <= 0 {
			return fault.New(fault.TooLarge, "the workbook's part %s is larger than %s; %s", grid.Label(name), text.Size(smallPart), grid.SaveAsXLSX)
		}
		return r.broken(err)
	}
	return nil
}

// relationship refers from one part to another.
type relationship struct {
	ID     string `xml:"Id,attr"`
	Type   string `xml:"Type,attr"`
	Target string `xml:"Target,attr"`
	Mode   string `xml:"TargetMode,attr"`
}

// is compares the last element of the type: the elements before it differ between the
// transitional and the strict variant of the format.
func (r relationship) is(kind string) bool {
	return path.Base(r.Type) == kind
}

// rels returns the relationships of a part, or of the package for "". Targets
// are names of parts.
func (p *pkg) rels(ctx context.Context, name string) ([]relationship, error) {
	dir, base := path.Split(name)
	file := dir + "_rels/" + base + ".rels"
	if !p.has(file) {
		return nil, nil
	}
	var doc struct {
		Relationships []relationship `xml:"Relationship"`
	}
	if err := p.decode(ctx, file, &doc); err != nil {
		return nil, err
	}
	var out []relationship
	for _, r := range doc.Relationships {
		if strings.EqualFold(r.Mode, "External") {
			continue
		}
		target := strings.ReplaceAll(r.Target, `\`, "/")
		if !strings.HasPrefix(target, "/") {
			target = dir + target
		}
		r.Target = strings.TrimPrefix(path.Clean("/"+target), "/")
		out = append(out, r)
	}
	return out, nil
}
