package body

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"tallyman/internal/fault"
)

// The limits of JSON bodies, besides that of their size. Strings have no limit: they
// are read as streams.
const (
	maxJSONDepth = 100
	maxJSONKey   = 1 << 10 // bytes
	maxJSONWord  = 1 << 10 // bytes of a number
)

// jsonFields reads an object whose strings may be as large as a file. encoding/json
// would hold each of them in memory several times.
type jsonFields struct {
	r     *bufio.Reader
	begun bool
	value *jsonString // the value that the caller may still be reading
	// inside is true while value is a member of an object within the body's object.
	inside bool
}

func newJSON(r io.Reader) *jsonFields { return &jsonFields{r: bufio.NewReaderSize(r, 32<<10)} }

func badJSON(what string) error {
	return fault.New(fault.BadRequest, "the body is not valid JSON: %s", what)
}

// cutOff returns a fault if the input ended where it must not.
func cutOff(err error) error {
	if err == io.EOF {
		return badJSON("it ends in the middle")
	}
	return err
}

// next implements fields.
func (j *jsonFields) next() (*field, error) {
	if !j.begun {
		if err := j.begin(); err != nil {
			return nil, err
		}
	}
	first := !j.begun
	j.begun = true
	if j.value != nil {
		if _, err := io.Copy(io.Discard, j.value); err != nil {
			return nil, err
		}
		j.value = nil
	}
	for j.inside {
		_, c, end, err := j.member(false)
		if err != nil {
			return nil, err
		}
		if j.inside = !end; j.inside {
			if err := j.skip(c, 0); err != nil {
				return nil, err
			}
		}
	}
	name, c, end, err := j.member(first)
	if err != nil {
		return nil, err
	}
	if end {
		return nil, j.end()
	}
	f := &field{name: name, in: JSON}
	switch c {
	case '"':
		j.value = &jsonString{r: j.r}
		f.value = j.value
		return f, nil
	case '{':
		f.what = "an object"
		return f, j.wrapped(f)
	case '[':
		f.what = "a list"
	case 'n':
		f.what = "null"
	case 't', 'f':
		f.what = "true or false"
	default:
		f.what = "a number"
	}
	return f, j.skip(c, 0)
}

// member reads the beginning of an object's first or next member: its name, and the
// first byte of its value. end is true if there is none.
func (j *jsonFields) member(first bool) (name string, c byte, end bool, err error) {
	if c, err = j.token(); err != nil {
		return "", 0, false, cutOff(err)
	}
	if c == '}' {
		return "", 0, true, nil
	}
	if !first {
		if c != ',' {
			return "", 0, false, badJSON("a comma or a closing brace is missing")
		}
		if c, err = j.token(); err != nil {
			return "", 0, false, cutOff(err)
		}
	}
	if c != '"' {
		return "", 0, false, badJSON("a member has no name in quotes")
	}
	if name, err = j.small(maxJSONKey); err != nil {
		return "", 0, false, err
	}
	c, err = j.afterName()
	return name, c, false, err
}

// wrapped reads an object in place of a text. Power Automate sends a file as
// {"$content-type": …, "$content": base64}; the content is then the field's value.
func (j *jsonFields) wrapped(f *field) error {
	for first := true; ; first = false {
		name, c, end, err := j.member(first)
		if err != nil || end {
			return err
		}
		if name == "$content" && c == '"' {
			j.value, j.inside = &jsonString{r: j.r}, true
			f.value = j.value
			return nil
		}
		if err := j.skip(c, 0); err != nil {
			return err
		}
	}
}

// begin reads up to the object's opening brace.
func (j *jsonFields) begin() error {
	if bom, err := j.r.Peek(3); err == nil && string(bom) == "\ufeff" {
		j.r.Discard(3)
	}
	if two, err := j.r.Peek(2); err == nil && (bytes.ContainsRune(two, 0) || string(two) == "\xff\xfe" || string(two) == "\xfe\xff") {
		return fault.New(fault.BadRequest, "the JSON is in UTF-16; send it in UTF-8")
	}
	c, err := j.token()
	if err == io.EOF {
		return fault.New(fault.BadRequest, "the body is empty; send a JSON object")
	}
	if err != nil {
		return err
	}
	switch c {
	case '{':
		return nil
	case '[':
		return fault.New(fault.BadRequest, "the body is a JSON list; send one object, without the brackets around it")
	}
	return fault.New(fault.BadRequest, "the body is not a JSON object")
}

// end fails if anything follows the object.
func (j *jsonFields) end() error {
	_, err := j.token()
	if err == nil {
		return badJSON("something follows the object")
	}
	return err // io.EOF, or why it could not be read
}

// token returns the next byte that is not white space.
func (j *jsonFields) token() (byte, error) {
	for {
		c, err := j.r.ReadByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c, nil
		}
	}
}

// small reads the rest of a short string.
func (j *jsonFields) small(limit int64) (string, error) {
	var b strings.Builder
	s := &jsonString{r: j.r}
	n, err := io.Copy(&b, io.LimitReader(s, limit+1))
	if err != nil {
		return "", err
	}
	if n > limit {
		return "", badJSON("a member's name is longer than " + strconv.FormatInt(limit, 10) + " bytes")
	}
	return b.String(), nil
}

// skip skips a value that begins with c, in so many lists and objects.
func (j *jsonFields) skip(c byte, depth int) error {
	var end byte
	switch c {
	case '"':
		_, err := io.Copy(io.Discard, &jsonString{r: j.r})
		return err
	case '{':
		end = '}'
	case '[':
		end = ']'
	default:
		return j.word(c)
	}
	if depth == maxJSONDepth {
		return badJSON("it is nested more than " + strconv.Itoa(maxJSONDepth) + " levels deep")
	}
	for first := true; ; first = false {
		c, err := j.token()
		switch {
		case err != nil:
			return cutOff(err)
		case c == end:
			return nil
		case first:
		case c != ',':
			return badJSON("a comma or a closing bracket is missing")
		default:
			if c, err = j.token(); err != nil {
				return cutOff(err)
			}
		}
		if end == '}' {
			if c != '"' {
				return badJSON("a member has no name in quotes")
			}
			if err := j.skip(c, depth); err != nil {
				return err
			}
			if c, err = j.afterName(); err != nil {
				return err
			}
		}
		if err := j.skip(c, depth+1); err != nil {
			return err
		}
	}
}

// afterName reads the colon after a member's name, and the first byte of its value.
func (j *jsonFields) afterName() (byte, error) {
	c, err := j.token()
	if err == nil && c != ':' {
		return 0, badJSON("there is no colon after a member's name")
	}
	if err == nil {
		c, err = j.token()
	}
	return c, cutOff(err)
}

// word reads the rest of a number or literal.
func (j *jsonFields) word(c byte) error {
	text := []byte{c}
	for {
		c, err := j.r.ReadByte()
		if err != nil && err != io.EOF {
			return err
		}
		if err == io.EOF || strings.IndexByte(" \t\r\n,]}", c) >= 0 {
			if err == nil {
				j.r.UnreadByte()
			}
			if !json.Valid(text) {
				return badJSON("a value is not a JSON value")
			}
			return nil
		}
		if len(text) == maxJSONWord {
			return badJSON("a value is not a JSON value")
		}
		text = append(text, c)
	}
}

// Shallow reports whether JSON is not nested deeper than a body may be.
func Shallow(b []byte) bool {
	j := newJSON(strings.NewReader(string(b)))
	c, err := j.token()
	if err != nil {
		return false
	}
	if c == '"' {
		return true
	}
	return j.skip(c, 0) == nil
}

// jsonString reads the rest of a string up to its closing quote, and decodes its
// escapes.
type jsonString struct {
	r       *bufio.Reader
	pending []byte // decoded, for the next Read
	buf     [8]byte
	done    bool
}

// Read implements io.Reader.
func (s *jsonString) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n := copy(p, s.pending)
	s.pending = s.pending[n:]
	for n == 0 && !s.done {
		// Bytes without escapes are copied in one piece.
		if s.r.Buffered() == 0 {
			if _, err := s.r.Peek(1); err != nil {
				return 0, cutOff(err)
			}
		}
		chunk, _ := s.r.Peek(min(s.r.Buffered(), len(p)))
		end := 0
		for end < len(chunk) && chunk[end] != '"' && chunk[end] != '\\' && chunk[end] >= 0x20 {
			end++
		}
		n = copy(p, chunk[:end])
		s.r.Discard(n)
		if end == len(chunk) {
			continue
		}
		switch c := chunk[end]; {
		case n > 0: // handled by the next call
		case c == '"':
			s.r.Discard(1)
			s.done = true
		case c == '\\':
			s.r.Discard(1)
			if err := s.escape(); err != nil {
				return 0, err
			}
			n = copy(p, s.pending)
			s.pending = s.pending[n:]
		default:
			return 0, badJSON("a string holds a control character that is not escaped")
		}
	}
	if n == 0 && s.done {
		return 0, io.EOF
	}
	return n, nil
}

// escape decodes what follows a backslash.
func (s *jsonString) escape() error {
	c, err := s.r.ReadByte()
	if err != nil {
		return cutOff(err)
	}
	const names, bytes = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if i := strings.IndexByte(names, c); i >= 0 {
		s.pending = append(s.buf[:0], bytes[i])
		return nil
	}
	if c != 'u' {
		return badJSON("a string holds an escape that does not exist")
	}
	r, err := s.unit()
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		// The escape of a surrogate is a character only together with its other half,
		// which is consumed only then.
		pair := rune(utf8.RuneError)
		if next, err := s.r.Peek(6); err == nil && string(next[:2]) == `\u` {
			if low, err := strconv.ParseUint(string(next[2:]), 16, 16); err == nil {
				pair = utf16.DecodeRune(r, rune(low))
			}
		}
		if r = pair; r != utf8.RuneError {
			s.r.Discard(6)
		}
	}
	s.pending = utf8.AppendRune(s.buf[:0], r)
	return nil
}

func (s *jsonString) unit() (rune, error) {
	var digits [4]byte
	if _, err := io.ReadFull(s.r, digits[:]); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		return 0, cutOff(err)
	}
	v, err := strconv.ParseUint(string(digits[:]), 16, 16)
	if err != nil {
		return 0, badJSON("a string holds an escape that does not exist")
	}
	return rune(v), nil
}
