package body

import (
	"bufio"
	"io"

	"tallyman/internal/fault"
)

// maxFormName bounds the names of form fields, in bytes.
const maxFormName = 1 << 10

// urlEncoded reads application/x-www-form-urlencoded as a stream: one of its fields may
// contain a file.
type urlEncoded struct {
	r     *bufio.Reader
	value *formText
	done  bool
}

func newURLEncoded(r io.Reader) *urlEncoded { return &urlEncoded{r: bufio.NewReaderSize(r, 32<<10)} }

// next implements fields.
func (f *urlEncoded) next() (*field, error) {
	if f.value != nil {
		if _, err := io.Copy(io.Discard, f.value); err != nil {
			return nil, err
		}
		f.done = f.value.last
		f.value = nil
	}
	if f.done {
		return nil, io.EOF
	}
	name := &formText{r: f.r, inName: true}
	b, err := io.ReadAll(io.LimitReader(name, maxFormName+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFormName {
		return nil, fault.New(fault.BadRequest, "the form has a field with a name of more than %d bytes", maxFormName)
	}
	if name.valued {
		f.value = &formText{r: f.r}
		return &field{name: string(b), value: f.value, in: URLEncoded}, nil
	}
	f.done = name.last
	return &field{name: string(b), in: URLEncoded, what: "without a value"}, nil
}

// formText decodes the name or value of a field.
type formText struct {
	r      *bufio.Reader
	inName bool
	ended  bool
	valued bool // a value follows the name
	last   bool // nothing follows
}

// Read implements io.Reader.
func (t *formText) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		if t.ended {
			if n > 0 {
				return n, nil
			}
			return 0, io.EOF
		}
		c, err := t.r.ReadByte()
		if err == io.EOF {
			t.ended, t.last = true, true
			continue
		}
		if err != nil {
			return n, err
		}
		switch {
		case c == '&':
			t.ended = true
			continue
		case c == '=' && t.inName:
			t.ended, t.valued = true, true
			continue
		case c == '+':
			c = ' '
		case c == '%':
			if c, err = hexByte(t.r); err != nil {
				return n, err
			}
		}
		p[n] = c
		n++
	}
	return len(p), nil
}
