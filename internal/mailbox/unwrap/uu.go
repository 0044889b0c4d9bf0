package unwrap

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// text looks for uuencoded files in the text of a mail, as old programs of Windows and Unix
// send them: begin 644 bol.pdf … end.
func (u *unwrapper) text(r io.Reader, depth int) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadSlice('\n')
		if name, ok := uuBegin(line); ok {
			if err := u.count(); err != nil {
				return err
			}
			f, whole, err := u.save(name, &uu{r: lines, begun: true}, true)
			if err == nil {
				err = u.take(f, whole, depth, "%s is damaged: its encoding (uuencode) ends or breaks in the middle.", f.Name)
			}
			if err != nil {
				return err
			}
			continue
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil // a text that breaks off is not a file
		}
	}
}

// uuBegin reports whether a line begins a uuencoded file.
func uuBegin(line []byte) (name string, ok bool) {
	f := bytes.SplitN(bytes.TrimRight(line, "\r\n"), []byte(" "), 3)
	if len(f) != 3 || string(f[0]) != "begin" || len(f[1]) < 3 || len(f[1]) > 4 {
		return "", false
	}
	for _, c := range f[1] {
		if c < '0' || c > '7' {
			return "", false
		}
	}
	return string(f[2]), true
}

var errUU = errors.New("not uuencoded")

// uu decodes what is uuencoded.
type uu struct {
	r     *bufio.Reader
	begun bool
	ended bool
	rest  []byte
}

func (u *uu) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		if u.ended {
			return 0, io.EOF
		}
		line, err := u.r.ReadSlice('\n')
		if len(line) == 0 && err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case !u.begun:
			_, u.begun = uuBegin(line)
			continue
		case string(line) == "end":
			u.ended = true
			continue
		case len(line) == 0:
			continue
		case line[0] < ' ' || line[0] > '`':
			return 0, errUU
		}
		n := int(line[0]-' ') & 63
		line = line[1:]
		// Spaces at the end of a line are lost on the way.
		if most := (n + 2) / 3 * 4; len(line) < most {
			line = append(bytes.Clone(line), bytes.Repeat([]byte(" "), most-len(line))...)
		}
		out := make([]byte, 0, n+3)
		for i := 0; len(out) < n; i += 4 {
			var v [4]byte
			for k := range v {
				if line[i+k] < ' ' || line[i+k] > '`' {
					return 0, errUU
				}
				v[k] = (line[i+k] - ' ') & 63
			}
			out = append(out, v[0]<<2|v[1]>>4, v[1]<<4|v[2]>>2, v[2]<<6|v[3])
		}
		u.rest = out[:n]
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}
