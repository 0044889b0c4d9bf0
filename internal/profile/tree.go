package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// kind is the kind of a value in TOML or JSON.
type kind string

const (
	aText   kind = "a text in quotation marks"
	aNumber kind = "a number"
	aList   kind = "a list in square brackets"
	aTable  kind = "a table"
	another kind = "a value of another kind"
)

// node is a value with its line. The library decodes values without their lines, and
// problems of settings that fit the format must name theirs, too.
type node struct {
	kind  kind
	line  int
	text  string // of a text or number
	list  []*node
	keys  []string // of a table, in the order of the file
	table map[string]*node
}

func newTable(line int) *node { return &node{kind: aTable, line: line, table: map[string]*node{}} }

// in returns the table of a key in a table; it is made if there is none. Of a list of
// tables it is the last. It returns nil if the key is not a table.
func (n *node) in(key string, line int) *node {
	next := n.table[key]
	if next == nil {
		next = newTable(line)
		n.put(key, next)
	}
	if next.kind == aList && len(next.list) > 0 {
		next = next.list[len(next.list)-1]
	}
	if next.kind != aTable {
		return nil
	}
	return next
}

func (n *node) put(key string, v *node) {
	if _, ok := n.table[key]; !ok {
		n.keys = append(n.keys, key)
	}
	n.table[key] = v
}

// maxNesting bounds how deep lists and tables are nested. Settings need three levels.
const maxNesting = 16

// ofTOML returns the tree of a TOML document. It fails with a Problem.
func ofTOML(text []byte) (*node, error) {
	var all map[string]any
	if err := toml.Unmarshal(text, &all); err != nil {
		if d, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, _ := d.Position()
			return nil, Problem{line, "this is not TOML: " + strings.TrimPrefix(d.Error(), "toml: ")}
		}
		return nil, Problem{0, "this is not TOML: " + strings.TrimPrefix(err.Error(), "toml: ")}
	}
	root := newTable(1)
	p := &unstable.Parser{}
	p.Reset(text)
	r := tomlReader{p, newlines(text)}
	at := root
	for p.NextExpression() {
		e := p.Expression()
		keys, line := r.key(e)
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			at = root
			last := len(keys) - 1
			for i, k := range keys {
				if i == last && e.Kind == unstable.ArrayTable {
					if at.table[k] == nil {
						at.put(k, &node{kind: aList, line: line})
					}
					at.table[k].list = append(at.table[k].list, newTable(line))
				}
				if at = at.in(k, line); at == nil {
					return nil, Problem{line, fmt.Sprintf("%s is not a table", quote(k))}
				}
			}
		case unstable.KeyValue:
			if err := r.put(at, e, 0); err != nil {
				return nil, err
			}
		}
	}
	if err := p.Error(); err != nil {
		return nil, Problem{0, "this is not TOML: " + err.Error()}
	}
	return root, nil
}

type tomlReader struct {
	p     *unstable.Parser
	lines []uint32 // the offsets of the line ends: the parser counts lines from the beginning, each time
}

func newlines(text []byte) (at []uint32) {
	for i, b := range text {
		if b == '\n' {
			at = append(at, uint32(i))
		}
	}
	return at
}

// key returns the parts of an expression's key, and its line.
func (r tomlReader) key(e *unstable.Node) (keys []string, line int) {
	for it := e.Key(); it.Next(); {
		if line == 0 {
			line = r.line(it.Node())
		}
		keys = append(keys, string(it.Node().Data))
	}
	return keys, line
}

func (r tomlReader) line(n *unstable.Node) int {
	before, _ := slices.BinarySearch(r.lines, n.Raw.Offset)
	return before + 1
}

// put adds a key with its value to a table.
func (r tomlReader) put(to *node, e *unstable.Node, depth int) error {
	keys, line := r.key(e)
	for _, k := range keys[:len(keys)-1] {
		if to = to.in(k, line); to == nil {
			return Problem{line, fmt.Sprintf("%s is not a table", quote(k))}
		}
	}
	v, err := r.value(e.Value(), line, depth+1)
	if err == nil {
		to.put(keys[len(keys)-1], v)
	}
	return err
}

func (r tomlReader) value(v *unstable.Node, line, depth int) (*node, error) {
	if depth > maxNesting {
		return nil, Problem{line, "lists and tables are nested too deep"}
	}
	if at := r.line(v); v.Raw.Length > 0 && at > 0 {
		line = at
	}
	n := &node{line: line, kind: another}
	switch v.Kind {
	case unstable.String:
		n.kind, n.text = aText, string(v.Data)
	case unstable.Integer, unstable.Float:
		n.kind, n.text = aNumber, strings.ReplaceAll(string(v.Data), "_", "")
	case unstable.Array:
		n.kind = aList
		for it := v.Children(); it.Next(); {
			e, err := r.value(it.Node(), line, depth+1)
			if err != nil {
				return nil, err
			}
			n.list = append(n.list, e)
		}
	case unstable.InlineTable:
		n = newTable(line)
		for it := v.Children(); it.Next(); {
			if err := r.put(n, it.Node(), depth); err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

// ofJSON returns the tree of a JSON document. It fails with a Problem.
func ofJSON(text []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	r := jsonReader{d, text}
	n, err := r.value(0)
	if err == nil {
		if _, extra := d.Token(); extra != io.EOF {
			err = Problem{r.line(), "something follows the JSON value"}
		}
	}
	return n, err
}

type jsonReader struct {
	d    *json.Decoder
	text []byte
}

func (r jsonReader) line() int { return 1 + bytes.Count(r.text[:r.d.InputOffset()], []byte("\n")) }

func (r jsonReader) token() (json.Token, error) {
	t, err := r.d.Token()
	if err != nil {
		return nil, Problem{r.line(), "this is not JSON: " + err.Error()}
	}
	return t, nil
}

func (r jsonReader) value(depth int) (*node, error) {
	t, err := r.token()
	if err != nil {
		return nil, err
	}
	n := &node{line: r.line(), kind: another}
	if depth > maxNesting {
		return nil, Problem{n.line, "lists and tables are nested too deep"}
	}
	switch t := t.(type) {
	case string:
		n.kind, n.text = aText, t
	case json.Number:
		n.kind, n.text = aNumber, t.String()
	case json.Delim:
		if t == '[' {
			n.kind = aList
		} else {
			n = newTable(n.line)
		}
		for r.d.More() {
			key := ""
			if t == '{' {
				k, err := r.token()
				if err != nil {
					return nil, err
				}
				key = k.(string)
				if _, twice := n.table[key]; twice {
					return nil, Problem{r.line(), fmt.Sprintf("%s stands twice", quote(key))}
				}
			}
			v, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			if t == '{' {
				n.put(key, v)
			} else {
				n.list = append(n.list, v)
			}
		}
		if _, err := r.token(); err != nil {
			return nil, err
		}
	}
	return n, nil
}
