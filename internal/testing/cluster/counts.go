package cluster

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"regexp"
	"strings"

	"tallyman/internal/testing/load"
)

// Counts counts the traffic of links by kind.
type Counts struct{ load.Counts }

// http reads requests to S3.
func (c *Counts) http(from io.Reader) {
	r := bufio.NewReader(from)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		what := req.Method
		switch q := req.URL.Query(); {
		case q.Has("delete"):
			what = "DELETE many"
		case q.Has("list-type"):
			what = "LIST"
		}
		c.Add(what, 1)
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
	}
}

var function = regexp.MustCompile(`FROM tallyman\.([a-z]+)_\d+\(`)

// statement says what an SQL statement is for.
func statement(sql string) string {
	if m := function.FindStringSubmatch(sql); m != nil {
		return m[1]
	}
	for _, of := range []struct{ has, is string }{
		{"pg_notify", "notify"}, {"tallyman.api_key", "keys"}, {"tallyman.secret", "secret"}, {"tallyman.content", "named"}, {"WITH live", "list"},
	} {
		if strings.Contains(sql, of.has) {
			return of.is
		}
	}
	return strings.Join(strings.Fields(sql[:min(len(sql), 40)]), " ")
}

// postgres reads PostgreSQL's protocol, version 3, from the client's side. What a
// client sends up to a Sync, or in a simple Query, is one round trip.
func (c *Counts) postgres(from io.Reader) {
	r := bufio.NewReader(from)
	var head [5]byte
	named := map[string]string{}
	what := ""
	for begun := false; ; {
		if !begun {
			if _, err := io.ReadFull(r, head[1:]); err != nil {
				return
			}
		} else if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		size := int64(binary.BigEndian.Uint32(head[1:])) - 4
		if size < 0 {
			return
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		if !begun {
			// Other versions are requests before a session, such as for TLS.
			begun = size >= 4 && binary.BigEndian.Uint32(body) == 3<<16
			continue
		}
		text := func() string {
			s, rest, _ := bytes.Cut(body, []byte{0})
			body = rest
			return string(s)
		}
		switch head[0] {
		case 'P':
			name := text()
			named[name] = statement(text())
			what = "prepare"
		case 'B':
			text()
			what = named[text()]
		case 'S':
			c.Add(what, 1)
			what = ""
		case 'Q':
			c.Add(statement(text()), 1)
		}
	}
}
