package httpapi

import (
	"cmp"
	"io"
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
	// files are the fields that hold files, and where they go.
	files map[string]slot
	// fallback is the name of a file that has none.
	fallback string
}

// slot is where the file of a field goes.
type slot struct {
	in     *desk.Incoming
	coding coding // in text fields
	// binary says that only a file part will do.
	binary bool
	most   int // how many files, 0 for any number
}

// maxText bounds the fields that are read as a whole, in bytes.
const maxText = 64 << 10

// texts are the fields that requests use beside their files.
var texts = []string{"filename", "name", "mode", "format"}

// receive reads the request's body and stores its files. It returns the text
// fields, and sentences on what was ignored.
func (c *call) receive(rc reception) (values url.Values, ignored []string, err error) {
	rawName := ""
	for name := range rc.files {
		if name == "file" {
			rawName = name
		}
	}
	b, err := c.openBody(rc.forms, rawName, rc.raw)
	if err != nil {
		return nil, nil, err
	}
	values = url.Values{}
	var others []string
	for {
		f, err := b.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		to, isFile := rc.files[f.name]
		switch {
		case isFile && f.value != nil:
			why, err := c.store(to, f, rc.fallback)
			if err != nil {
				return nil, nil, err
			}
			if why != "" {
				ignored = append(ignored, why)
			}
		case slices.Contains(texts, f.name) && f.value != nil && !f.file:
			text, err := io.ReadAll(io.LimitReader(f.value, maxText+1))
			if err != nil {
				return nil, nil, err
			}
			if len(text) > maxText {
				return nil, nil, fault.New(fault.BadRequest, "the field %q has more than %d bytes", f.name, maxText)
			}
			values.Add(f.name, string(text))
		case len(others) < 10:
			others = append(others, f.name)
		}
	}
	total := 0
	for _, to := range rc.files {
		total += to.in.Len()
	}
	if total == 0 {
		return nil, nil, c.nothing(rc, others)
	}
	return values, ignored, nil
}

// store takes the file of one field in. Fields that are empty do not count: a
// browser sends them for files that nobody chose. why says why a field was
// ignored.
func (c *call) store(to slot, f *field, fallback string) (why string, err error) {
	content, empty, err := isEmpty(f.value)
	if err != nil {
		return "", err
	}
	if empty && f.filename == "" {
		return "", nil
	}
	if !f.file {
		// The same file is often given under several names.
		if to.in.Len() > 0 && !to.binary {
			return "the request gives the file's content more than once; only the first was used", nil
		}
		if !to.binary {
			if content, err = decoded(content, to.coding, f.fromForm); err != nil {
				return "", err
			}
		}
	}
	if to.most > 0 && to.in.Len() >= to.most {
		return "", fault.New(fault.BadRequest, "the request has more than one order export; send one")
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
func (c *call) nothing(rc reception, others []string) error {
	var names []string
	for name := range rc.files {
		names = append(names, name)
	}
	slices.Sort(names)
	text := "there is no file in the request; send it in the field " + strings.Join(names, " or ")
	if len(others) > 0 {
		for i, name := range others {
			others[i] = shorten(name, 40)
		}
		text += " (found instead: " + strings.Join(others, ", ") + ")"
	}
	return fault.New(desk.NoUpload, "%s", text)
}

// shorten cuts a text for people.
func shorten(s string, most int) string {
	r := []rune(strings.ToValidUTF8(s, "\uFFFD"))
	if len(r) <= most {
		return string(r)
	}
	return string(r[:most]) + "…"
}
