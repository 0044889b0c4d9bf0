package body

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"tallyman/internal/desk"
	"tallyman/internal/fault"
)

// Reception says how a route takes its files.
type Reception struct {
	// Forms are the media types of bodies of fields that are read: Multipart, JSON,
	// URLEncoded.
	Forms []string
	// Raw are the media types of bodies that are one file.
	Raw []string
	// RawField is the field that such a file counts as.
	RawField string
	// Files are the fields that hold files, and where they go.
	Files map[string]Slot
	// Also are names that some programs use instead. They count only if there is
	// nothing in Files.
	Also []string
	// Stray says where a file goes whose field is in neither, by what it is. It is
	// taken if that leaves no doubt.
	Stray func(pdf bool) Slot
	// Strict makes a file that is not needed a fault: the answer has no place for a
	// warning.
	Strict bool
	// Optional makes a body without files no fault.
	Optional bool
	// Fallback is the name of a file that has none.
	Fallback string
}

// reads reports whether forms of that media type are read.
func (rc Reception) reads(kind string) bool { return slices.Contains(rc.Forms, kind) }

// takes reports whether bodies of that media type are taken as one file.
func (rc Reception) takes(kind string) bool { return slices.Contains(rc.Raw, kind) }

// Slot is where the file of a field goes.
type Slot struct {
	In *desk.Incoming
	// Coding says how a file stands in text fields.
	Coding Coding
	// Most is how many files it takes, 0 for any number.
	Most int
}

// receiver takes the files of one body in.
type receiver struct {
	Reception
	ctx  context.Context
	body *Body
	desk *desk.Desk
	name string // of the file, as the URL gives it
}

// maxText bounds the fields that are read as a whole, in bytes.
const maxText = 64 << 10

// texts are the fields that requests use beside their files.
var texts = []string{"filename", "name", "mode", "format"}

// Receive reads the body and stores its files in the slots of the reception. ctx is
// the request's as it is now: it may have a span that it had not when the body was
// made. name is what the request's URL calls a file that the body gives no name, "" if it
// says nothing. It returns the text fields, and sentences on what was ignored or
// guessed. It fails with the codes of this package, with fault.BadRequest,
// fault.TooLarge and fault.Cancelled, with desk.NoUpload, and as Incoming.Add
// does.
func (b *Body) Receive(ctx context.Context, rc Reception, d *desk.Desk, name string) (values url.Values, warnings []string, err error) {
	fields, kind, err := b.open(rc, name)
	if err != nil {
		return nil, nil, err
	}
	rv := &receiver{Reception: rc, ctx: ctx, body: b, desk: d, name: name}
	values = url.Values{}
	strays := &strays{rv: rv}
	defer strays.discard()
	var others, misfits []string
	for {
		f, err := fields.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, rc.hinted(kind, err)
		}
		to, isFile := rc.Files[f.name]
		why := ""
		switch {
		case isFile && f.value == nil:
			misfits = append(misfits, fmt.Sprintf("the field %s is %s", f.name, f.what))
		case isFile:
			why, err = rv.store(to, f)
		case f.value != nil && f.filename == "" && slices.Contains(texts, f.name):
			err = f.text(values)
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
	for _, to := range rc.Files {
		total += to.In.Len()
	}
	if total == 0 && !rc.Optional {
		return nil, nil, rc.hinted(kind, rv.nothing(others, misfits))
	}
	return values, append(warnings, guesses...), nil
}

// text reads one of the texts.
func (f *field) text(values url.Values) error {
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
func (rv *receiver) store(to Slot, f *field) (why string, err error) {
	file, empty, err := isEmpty(f.value)
	if err != nil {
		return "", err
	}
	if empty && f.filename == "" {
		return "", nil
	}
	coding := to.Coding
	if !f.file && coding != AsPDF && to.In.Len() > 0 {
		// The same file is often given under several names.
		return "The request gives the file's content more than once; only the first was used.", nil
	}
	if coding == AsBase64 {
		head, err := file.Peek(len(pdfMark))
		if err != nil && err != io.EOF {
			return "", err
		}
		if string(head) == pdfMark && f.in == JSON {
			return "", fault.New(BadBase64, "the field %s holds the PDF itself, which JSON cannot carry unharmed; encode it as base64", f.name)
		}
		if f.file || string(head) == pdfMark {
			coding = AsPDF
		}
	}
	if to.Most > 0 && to.In.Len() >= to.Most {
		return "", fault.New(fault.BadRequest, "the request has more than one order export; send one")
	}
	content, err := decoded(file, coding, f.in == URLEncoded)
	if err != nil {
		return "", err
	}
	limits := rv.body.limits
	limited := &limitedFile{r: content, left: limits.Upload - to.In.Size(), limits: limits}
	return "", to.In.Add(rv.ctx, cmp.Or(f.filename, rv.name, rv.Fallback), limited)
}

// limitedFile refuses what is over the limit of an upload once it is decoded.
type limitedFile struct {
	r      io.Reader
	left   int64
	limits Limits
}

func (l *limitedFile) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, l.limits.exceeded()
	}
	return n, err
}

// nothing is the fault of a request without a file.
func (rv *receiver) nothing(others, misfits []string) error {
	names := strings.Join(slices.Sorted(maps.Keys(rv.Files)), " or ")
	switch {
	case rv.body.read == 0:
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
func (rc Reception) hinted(kind string, err error) error {
	code := fault.CodeOf(err)
	if kind != URLEncoded || code != fault.BadRequest && code != desk.NoUpload {
		return err
	}
	for _, raw := range []string{CSV, PDF} {
		if rc.takes(raw) {
			return fault.New(code, "%w; if the body is the file itself, send it with Content-Type: %s", err, raw)
		}
	}
	return err
}

// fieldName names a field for people.
func fieldName(name string) string {
	if name = Shorten(name, 40); name == "" {
		return "a field whose name cannot be read"
	}
	return name
}

// Shorten cuts a text of a request for people.
func Shorten(s string, most int) string {
	r := []rune(strings.ToValidUTF8(s, "\uFFFD"))
	if len(r) <= most {
		return string(r)
	}
	return string(r[:most]) + "…"
}
