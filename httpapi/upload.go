package httpapi

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"tallyman/desk"
	"tallyman/fault"
)

// reception says how a route takes its files.
type reception struct {
	forms []form   // bodies of fields
	raw   []string // media types of bodies that are one file
	// rawField is the field that such a file counts as.
	rawField string
	// files are the fields that hold files, and where they go.
	files map[string]slot
	// also are names that some programs use instead. They count only if there is
	// nothing in files.
	also []string
	// stray says where a file goes whose field is in neither, by what it is. It is
	// taken if that leaves no doubt.
	stray func(pdf bool) slot
	// strict makes a file that is not needed a fault: the answer has no place for a
	// warning.
	strict bool
	// fallback is the name of a file that has none.
	fallback string
}

// reads reports whether bodies of that form are read.
func (rc reception) reads(f form) bool { return slices.Contains(rc.forms, f) }

// takes reports whether bodies of that media type are taken as one file.
func (rc reception) takes(kind string) bool { return slices.Contains(rc.raw, kind) }

// slot is where the file of a field goes.
type slot struct {
	in     *desk.Incoming
	coding coding // in text fields
	most   int    // how many files, 0 for any number
}

// maxText bounds the fields that are read as a whole, in bytes.
const maxText = 64 << 10

// texts are the fields that requests use beside their files.
var texts = []string{"filename", "name", "mode", "format"}

// receive reads the request's body and stores its files. It returns the text
// fields, and sentences on what was ignored or guessed.
func (c *call) receive(rc reception) (values url.Values, warnings []string, err error) {
	b, kind, err := c.openBody(rc)
	if err != nil {
		return nil, nil, err
	}
	values = url.Values{}
	strays := &strays{c: c, rc: rc}
	defer strays.discard()
	var others, misfits []string
	for {
		f, err := b.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, rc.hinted(kind, err)
		}
		to, isFile := rc.files[f.name]
		why := ""
		switch {
		case isFile && f.value == nil:
			misfits = append(misfits, fmt.Sprintf("the field %s is %s", f.name, f.what))
		case isFile:
			why, err = c.store(to, f, rc.fallback)
		case f.value != nil && f.filename == "" && slices.Contains(texts, f.name):
			err = c.text(values, f)
		case f.value != nil && (f.file || strays.mayBeText(f)):
			why, err = strays.take(f)
		case len(others) < 10:
			others = append(others, fieldName(f.name))
		}
		if err != nil {
			return nil, nil, rc.hinted(kind, err)
		}
		if why != "" && !slices.Contains(warnings, why) {
			warnings = append(warnings, why)
		}
	}
	guesses, err := strays.settle()
	if err != nil {
		return nil, nil, err
	}
	total := 0
	for _, to := range rc.files {
		total += to.in.Len()
	}
	if total == 0 {
		return nil, nil, rc.hinted(kind, c.nothing(rc, others, misfits))
	}
	return values, append(warnings, guesses...), nil
}

// text reads one of the texts.
func (c *call) text(values url.Values, f *field) error {
	text, err := io.ReadAll(io.LimitReader(f.value, maxText+1))
	if err != nil {
		return err
	}
	if len(text) > maxText {
		return fault.New(fault.BadRequest, "the field %q has more than %d bytes", f.name, maxText)
	}
	values.Add(f.name, string(text))
	return nil
}

// store takes the file of one field in. Fields that are empty do not count: a
// browser sends them for files that nobody chose. why says why a field was
// ignored.
func (c *call) store(to slot, f *field, fallback string) (why string, err error) {
	file, empty, err := isEmpty(f.value)
	if err != nil {
		return "", err
	}
	if empty && f.filename == "" {
		return "", nil
	}
	coding := to.coding
	if !f.file && coding != asPDF && to.in.Len() > 0 {
		// The same file is often given under several names.
		return "The request gives the file's content more than once; only the first was used.", nil
	}
	if coding == asBase64 {
		head, err := file.Peek(len(pdfMark))
		if err != nil && err != io.EOF {
			return "", err
		}
		if string(head) == pdfMark && f.in == jsonObject {
			return "", fault.New(BadBase64, "the field %s holds the PDF itself, which JSON cannot carry unharmed; encode it as base64", f.name)
		}
		if f.file || string(head) == pdfMark {
			coding = asPDF
		}
	}
	if to.most > 0 && to.in.Len() >= to.most {
		return "", fault.New(fault.BadRequest, "the request has more than one order export; send one")
	}
	content, err := decoded(file, coding, f.in == urlEncoded)
	if err != nil {
		return "", err
	}
	limited := &limitedFile{r: content, left: c.s.config.MaxUpload - to.in.Size(), server: c.s}
	return "", to.in.Add(c.r.Context(), cmp.Or(f.filename, c.query("filename"), fallback), limited)
}

// limitedFile refuses what is over the limit of an upload once it is decoded.
type limitedFile struct {
	r      io.Reader
	left   int64
	server *Server
}

func (l *limitedFile) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, l.server.errTooLarge()
	}
	return n, err
}

// nothing is the fault of a request without a file.
func (c *call) nothing(rc reception, others, misfits []string) error {
	names := strings.Join(slices.Sorted(maps.Keys(rc.files)), " or ")
	switch {
	case c.body.read == 0:
		return fault.New(desk.NoUpload, "the request has no body, and so no file; send it in the field %s", names)
	case len(misfits) > 0:
		return fault.New(desk.NoUpload, "there is no file in the request: %s; it must be a text that holds the file", strings.Join(misfits, ", and "))
	case len(others) > 0:
		return fault.New(desk.NoUpload, "there is no file in the request; send it in the field %s (found instead: %s)", names, strings.Join(others, ", "))
	}
	return fault.New(desk.NoUpload, "there is no file in the request; send it in the field %s", names)
}

// hinted adds to what is wrong with an URL-encoded form that the body may be none:
// some programs call everything that.
func (rc reception) hinted(kind string, err error) error {
	code := fault.CodeOf(err)
	if kind != string(urlEncoded) || code != fault.BadRequest && code != desk.NoUpload {
		return err
	}
	for _, raw := range []string{csvType, pdfType} {
		if rc.takes(raw) {
			return fault.New(code, "%w; if the body is the file itself, send it with Content-Type: %s", err, raw)
		}
	}
	return err
}

// fieldName names a field for people.
func fieldName(name string) string {
	if name = shorten(name, 40); name == "" {
		return "a field whose name cannot be read"
	}
	return name
}

// shorten cuts a text for people.
func shorten(s string, most int) string {
	r := []rune(strings.ToValidUTF8(s, "\uFFFD"))
	if len(r) <= most {
		return string(r)
	}
	return string(r[:most]) + "…"
}
