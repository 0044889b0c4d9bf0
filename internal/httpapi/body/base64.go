package body

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"tallyman/internal/fault"
)

// Coding is how a text field encodes the content of a file.
type Coding int

const (
	AsBase64 Coding = iota // base64, or a data: URL
	AsPDF                  // a PDF as it is, or base64 or a data: URL if its beginning shows that
	AsEither               // an order export as it is, or base64 or a data: URL if it can be nothing else
)

// decoded returns the content of a field or file, as a stream. In a form, a plus sign
// that was not escaped becomes a space; fromForm restores it where only a plus sign
// makes sense.
func decoded(r io.Reader, e Coding, fromForm bool) (io.Reader, error) {
	b := bufio.NewReaderSize(r, maxHead)
	head, whole, err := peek(b, func(head []byte) bool { return decided(head, e) })
	if err != nil {
		return nil, err
	}
	text := bytes.TrimLeft(head, blanks)
	url := dataURLHead.Match(text)
	if e == AsBase64 { // the route allows nothing else, so malformed base64 is an error
		url = len(text) >= 5 && strings.EqualFold(string(text[:5]), "data:")
	}
	switch {
	case url:
		b.Discard(len(head) - len(text))
		return dataURL(b, fromForm)
	case e == AsPDF && !bytes.HasPrefix(text, []byte(pdfMark64)), e == AsEither && !looksBase64(head, whole, fromForm):
		return b, nil
	}
	return newBase64(b, fromForm), nil
}

// decided reports whether the beginning of a content shows its encoding, whatever
// follows.
func decided(head []byte, e Coding) bool {
	text := bytes.TrimLeft(head, blanks)
	switch {
	case len(text) < len(pdfMark64):
		return false
	case e == AsBase64:
		return true
	case bytes.EqualFold(text[:5], []byte("data:")):
		return false
	}
	return e == AsPDF || bytes.ContainsFunc(text, func(r rune) bool { return !base64Rune(r) && !strings.ContainsRune("= \t\r\n", r) })
}

func dataURL(b *bufio.Reader, fromForm bool) (io.Reader, error) {
	head, err := b.ReadSlice(',')
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) || err == io.EOF {
			return nil, fault.New(BadBase64, "the data: URL has no comma before its content; send \"data:application/pdf;base64,\" and then the content")
		}
		return nil, err
	}
	if strings.Contains(strings.ToLower(string(head)), ";base64") {
		return newBase64(b, fromForm), nil
	}
	return &percent{r: b}, nil
}

// newBase64 decodes base64 as clients send it: in both alphabets, with or without
// padding, with or without line breaks.
func newBase64(r io.Reader, fromForm bool) io.Reader {
	return &base64Reader{base64.NewDecoder(base64.RawStdEncoding, &base64Cleaner{r: r, fromForm: fromForm})}
}

// base64Reader turns the decoder's errors into faults.
type base64Reader struct{ io.Reader }

func (b *base64Reader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	var corrupt base64.CorruptInputError
	if errors.As(err, &corrupt) || err == io.ErrUnexpectedEOF {
		err = badBase64()
	}
	return n, err
}

func badBase64() error {
	return fault.New(BadBase64, "the file's content is not valid base64; encode the whole file, and send it with nothing around it")
}

// base64Cleaner translates every variant of base64 into the standard alphabet without
// padding or white space.
type base64Cleaner struct {
	r        io.Reader
	fromForm bool
	padded   bool
}

func (c *base64Cleaner) Read(p []byte) (int, error) {
	for {
		n, err := c.r.Read(p)
		kept := 0
		for _, b := range p[:n] {
			switch {
			case b == ' ' && c.fromForm:
				b = '+'
			case b == ' ' || b == '\t' || b == '\r' || b == '\n':
				continue
			case b == '=':
				c.padded = true
				continue
			case b == '-':
				b = '+'
			case b == '_':
				b = '/'
			}
			if c.padded {
				return kept, badBase64()
			}
			p[kept] = b
			kept++
		}
		if kept > 0 || err != nil {
			return kept, err
		}
	}
}

// percent decodes the percent-encoding of data: URLs.
type percent struct{ r *bufio.Reader }

func (d *percent) Read(p []byte) (int, error) {
	for n := range p {
		b, err := d.r.ReadByte()
		if err == nil && b == '%' {
			b, err = hexByte(d.r)
		}
		if err != nil {
			return n, err
		}
		p[n] = b
	}
	return len(p), nil
}

// hexByte reads the two digits after a percent sign.
func hexByte(r io.Reader) (byte, error) {
	var digits [2]byte
	var b [1]byte
	if _, err := io.ReadFull(r, digits[:]); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = badPercent()
		}
		return 0, err
	}
	if _, err := hex.Decode(b[:], digits[:]); err != nil {
		return 0, badPercent()
	}
	return b[0], nil
}

func badPercent() error {
	return fault.New(fault.BadRequest, "the body has a percent sign without two hexadecimal digits after it")
}
