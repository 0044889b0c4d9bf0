package body

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"

	"tallyman/internal/fault"
	"tallyman/internal/magic"
	"tallyman/internal/text"
)

// Reception says in which ways a route takes files.
type Reception struct {
	// Forms are the media types of forms that are read: Multipart, JSON, URLEncoded.
	Forms []string
	// Raw are the media types of bodies that are one file.
	Raw []string
	// RawField is the field to which such a file belongs.
	RawField string
	// Files are the fields that hold files, and the slots of those files.
	Files map[string]Slot
	// Also are names that some programs use instead. They count only if no field of
	// Files has a file.
	Also []string
	// Stray returns, by its content, the slot of a file in any other field. Such a file
	// is taken if it is clear that it is meant.
	Stray func(pdf bool) Slot
	// Strict makes a superfluous file a fault, for routes whose answer has no place for
	// a warning.
	Strict bool
	// Optional allows bodies without files.
	Optional bool
	// Fallback names files that have no name.
	Fallback string
}

// reads reports whether the route reads forms of a media type.
func (rc Reception) reads(kind string) bool { return slices.Contains(rc.Forms, kind) }

// takes reports whether the route takes bodies of a media type as one file.
func (rc Reception) takes(kind string) bool { return slices.Contains(rc.Raw, kind) }

// Slot is the purpose of a field's file.
type Slot struct {
	// For is the route's word for the purpose of the file. Files with the same word
	// belong together.
	For string
	// Coding is how text fields encode the file.
	Coding Coding
	// Most is the greatest number of files, 0 for no limit.
	Most int
}

// File is a file of a body. Its content is decoded, and must be read before the next
// file.
type File struct {
	For     string // as its Slot says
	Name    string // as the client gave it, for display only
	Content io.Reader
}

// Received is the content of a body besides its files.
type Received struct {
	// Values are its text fields.
	Values url.Values
	// Warnings are sentences about what was ignored or guessed.
	Warnings []string
	// Unused are the files that turned out at the end to be superfluous, by their
	// numbers in the order in which they were stored, from 0.
	Unused []int
}

// receiver passes on the files of one body.
type receiver struct {
	Reception
	body   *Body
	name   string // the file's name in the URL
	store  func(File) error
	stored int               // the number of files stored
	known  map[string]*tally // of the fields of Reception.Files, by Slot.For
}

// tally counts the files of a slot.
type tally struct {
	files int
	bytes int64
}

// of returns the tally of a slot.
func (rv *receiver) of(s Slot) *tally {
	if rv.known[s.For] == nil {
		rv.known[s.For] = &tally{}
	}
	return rv.known[s.For]
}

// maxText bounds text fields, in bytes.
const maxText = 64 << 10

// texts are the fields that requests use besides their files.
var texts = []string{"filename", "name", "mode", "format", "map", "remember", "by"}

// Receive reads the body and passes its files to store, one after the other. name is
// the name in the request's URL for a file that the body does not name, "" if there is
// none. store reads a file's content to its end, and fails with the error of the
// reader, wrapped or not.
//
// Receive fails with the codes of this package, with fault.BadRequest, fault.TooLarge,
// fault.Cancelled and fault.NoUpload, and with the errors of store. The caller must
// then discard what was stored.
func (b *Body) Receive(rc Reception, name string, store func(File) error) (got Received, err error) {
	defer func() {
		// If the body came too slowly, decoders report a cut-off body, and storing may
		// report a cancelled request. The client gets the cause instead.
		if err != nil && fault.CodeOf(b.err) == RequestTimeout {
			err = b.err
		}
	}()
	fields, kind, err := b.open(rc, name)
	if err != nil {
		return got, err
	}
	rv := &receiver{Reception: rc, body: b, name: name, store: store, known: map[string]*tally{}}
	got.Values = url.Values{}
	strays := &strays{rv: rv}
	var others, misfits []string
	for {
		f, err := fields.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return got, rc.hinted(kind, err)
		}
		to, isFile := rc.Files[f.name]
		why := ""
		switch {
		case isFile && f.value == nil:
			misfits = append(misfits, fmt.Sprintf("the field %s is %s", f.name, f.what))
		case isFile:
			why, err = rv.take(to, f, rv.of(to))
		case f.value != nil && f.filename == "" && slices.Contains(texts, f.name):
			err = f.text(got.Values)
		case f.value != nil && (f.file || strays.mayBeText(f)):
			why, err = strays.take(f)
		case len(others) < 10:
			others = append(others, fieldName(f.name))
		}
		if err != nil {
			return got, rc.hinted(kind, err)
		}
		if why != "" && !slices.Contains(got.Warnings, why) {
			got.Warnings = append(got.Warnings, why)
		}
	}
	if err := strays.settle(&got); err != nil {
		return got, err
	}
	if rv.stored == len(got.Unused) && !rc.Optional {
		return got, rc.hinted(kind, rv.nothing(others, misfits))
	}
	return got, nil
}

// text reads a text field.
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

// take has the file of a field stored, and counts it. It ignores empty fields: browsers
// send them where nobody chose a file. why says why a field was ignored.
func (rv *receiver) take(to Slot, f *field, count *tally) (why string, err error) {
	file, empty, err := isEmpty(f.value)
	if err != nil {
		return "", err
	}
	if empty && f.filename == "" {
		return "", nil
	}
	coding := to.Coding
	if !f.file && coding != AsPDF && count.files > 0 {
		// Many programs send the same file under several names.
		return "The request gives the file's content more than once; only the first was used.", nil
	}
	if coding == AsBase64 {
		head, err := file.Peek(len(magic.PDF))
		if err != nil && err != io.EOF {
			return "", err
		}
		if string(head) == magic.PDF && f.in == JSON {
			return "", fault.New(BadBase64, "the field %s holds the PDF itself, which JSON cannot carry unharmed; encode it as base64", f.name)
		}
		if f.file || string(head) == magic.PDF {
			coding = AsPDF
		}
	}
	if to.Most > 0 && count.files >= to.Most {
		return "", fault.New(fault.BadRequest, "the request has more than one order export; send one")
	}
	content, err := decoded(file, coding, f.in == URLEncoded)
	if err != nil {
		return "", err
	}
	limited := &limitedFile{r: content, count: count, limits: rv.body.limits}
	if err := rv.store(File{to.For, cmp.Or(f.filename, rv.name, rv.Fallback), limited}); err != nil {
		return "", err
	}
	rv.stored++
	count.files++
	return "", nil
}

// limitedFile counts the bytes of a decoded file, and fails over the limit of an
// upload.
type limitedFile struct {
	r      io.Reader
	count  *tally
	limits Limits
}

func (l *limitedFile) Read(p []byte) (int, error) {
	if left := l.limits.Upload - l.count.bytes; int64(len(p)) > left+1 {
		p = p[:left+1]
	}
	n, err := l.r.Read(p)
	if l.count.bytes += int64(n); l.count.bytes > l.limits.Upload {
		return 0, l.limits.exceeded()
	}
	return n, err
}

// nothing returns the fault of a request without a file.
func (rv *receiver) nothing(others, misfits []string) error {
	names := strings.Join(slices.Sorted(maps.Keys(rv.Files)), " or ")
	switch {
	case rv.body.read == 0:
		return fault.New(fault.NoUpload, "the request has no body, and so no file; send it in the field %s", names)
	case len(misfits) > 0:
		return fault.New(fault.NoUpload, "there is no file in the request: %s; it must be a text that holds the file", strings.Join(misfits, ", and "))
	case len(others) > 0:
		return fault.New(fault.NoUpload, "there is no file in the request; send it in the field %s (found instead: %s)", names, strings.Join(others, ", "))
	}
	return fault.New(fault.NoUpload, "there is no file in the request; send it in the field %s", names)
}

// hinted adds to the fault of an URL-encoded form that the body may not be a form: some
// programs declare every body so.
func (rc Reception) hinted(kind string, err error) error {
	code := fault.CodeOf(err)
	if kind != URLEncoded || code != fault.BadRequest && code != fault.NoUpload {
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
	if name = text.Shorten(name, 40); name == "" {
		return "a field whose name cannot be read"
	}
	return name
}
