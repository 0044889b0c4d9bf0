package profile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"tallyman/internal/orders"
)

// Rewrite returns the text of a profile, changed so that it says what another profile says:
// other names of columns of order exports, columns that are ignored, and learnt forms. Only
// what says these is written anew, with the comments in it; the rest stays as its owner
// wrote it. A text in which that cannot be done, such as JSON, is written anew as a whole.
func Rewrite(text []byte, next *Profile) []byte {
	e := &editor{text: text}
	now, err := Parse(text)
	if err != nil || !e.scan() {
		return next.TOML()
	}
	for _, m := range orders.Meanings() {
		if names := next.Orders.Columns[m.Key]; !slices.Equal(now.Orders.Columns[m.Key], names) {
			e.set("orders.columns", m.Key, listLiteral(names))
		}
	}
	if !slices.Equal(now.Orders.Ignored, next.Orders.Ignored) {
		e.set("orders", "ignored", listLiteral(next.Orders.Ignored))
	}
	e.forms(now, next)
	out := e.done()
	// What could not be foreseen, such as inline tables, shows here.
	if got, err := Parse(out); err != nil || !bytes.Equal(got.JSON(), next.JSON()) {
		return next.TOML()
	}
	return out
}

// editor replaces parts of a text in TOML.
type editor struct {
	text    []byte
	parts   []tomlPart
	changes []change
	ending  string // what follows at the end
}

// tomlPart is an expression of the text: the head of a table, or a key with its value.
type tomlPart struct {
	key      string // with the table that it stands in
	head     bool
	list     bool // the head of a table in a list
	from, to int  // whole lines, without comments above and below
	comments []string
}

// change replaces bytes of the text.
type change struct {
	from, to int
	with     string
}

// scan finds the expressions of the text. It returns false if there are two on a line, or
// the text is not TOML.
func (e *editor) scan() bool {
	p := &unstable.Parser{KeepComments: true}
	p.Reset(e.text)
	table := ""
	for p.NextExpression() {
		x := p.Expression()
		if x.Kind == unstable.Comment {
			continue
		}
		var keys []string
		offset := -1
		for it := x.Key(); it.Next(); {
			if offset < 0 {
				offset = int(it.Node().Raw.Offset)
			}
			keys = append(keys, string(it.Node().Data))
		}
		if offset < 0 {
			return false
		}
		part := tomlPart{from: bytes.LastIndexByte(e.text[:offset], '\n') + 1, head: x.Kind != unstable.KeyValue, list: x.Kind == unstable.ArrayTable}
		if n := len(e.parts); n > 0 && e.parts[n-1].from >= part.from {
			return false
		}
		part.key = strings.Join(keys, ".")
		if part.head {
			table = part.key
		} else if table != "" {
			part.key = table + "." + part.key
		}
		part.comments = commentsIn(x, 0)
		if after := x.Next(); after != nil && after.Kind == unstable.Comment {
			part.comments = append(part.comments, string(after.Data)) // on the same line
		}
		e.parts = append(e.parts, part)
	}
	if p.Error() != nil {
		return false
	}
	for i := range e.parts {
		end := len(e.text)
		if i+1 < len(e.parts) {
			end = e.parts[i+1].from
		}
		// Comments and empty lines after it belong to what follows.
		lines := bytes.SplitAfter(e.text[e.parts[i].from:end], []byte("\n"))
		for n := len(lines) - 1; n > 0; n-- {
			if line := bytes.TrimSpace(lines[n]); len(line) > 0 && line[0] != '#' {
				break
			}
			end -= len(lines[n])
		}
		e.parts[i].to = end
	}
	return true
}

// commentsIn returns the comments within an expression.
func commentsIn(x *unstable.Node, depth int) (all []string) {
	if depth > maxNesting {
		return nil
	}
	for it := x.Children(); it.Next(); {
		if n := it.Node(); n.Kind == unstable.Comment {
			all = append(all, string(n.Data))
		} else {
			all = append(all, commentsIn(n, depth+1)...)
		}
	}
	return all
}

// set gives a key of a table a value.
func (e *editor) set(table, key, literal string) {
	line := key + " = " + literal + "\n"
	at := -1
	for i, p := range e.parts {
		if !p.head && p.key == table+"."+key {
			e.replace(p.from, p.to, "", p.comments, line)
			return
		}
		if p.head && !p.list && p.key == table {
			at = i
		}
	}
	if at < 0 {
		// Before the tables whose keys begin with it, and the learnt forms.
		e.ending = fmt.Sprintf("\n[%s]\n%s", table, line) + e.ending
		e.parts = append(e.parts, tomlPart{key: table, head: true, from: len(e.text), to: len(e.text)})
		return
	}
	if p := e.parts[at]; p.from == len(e.text) {
		head := "\n[" + table + "]\n"
		e.ending = strings.Replace(e.ending, head, head+line, 1)
		return
	}
	e.changes = append(e.changes, change{e.parts[at].to, e.parts[at].to, line})
}

// replace replaces lines, and keeps the comments that were among them, after a head.
func (e *editor) replace(from, to int, head string, comments []string, with string) {
	for _, c := range comments {
		head += strings.TrimSpace(c) + "\n"
	}
	e.changes = append(e.changes, change{from, to, head + with})
}

// forms replaces the learnt forms that differ, by their names, removes those that are not
// there any more, and adds new ones at the end.
func (e *editor) forms(now, next *Profile) {
	type block struct {
		from, to int
		comments []string
	}
	var blocks []block
	for _, p := range e.parts {
		switch {
		case p.key == "forms" && p.list:
			blocks = append(blocks, block{p.from, p.to, p.comments})
		case strings.HasPrefix(p.key, "forms.") && len(blocks) > 0:
			b := &blocks[len(blocks)-1]
			b.comments = append(b.comments, between(e.text[b.to:p.from])...)
			b.to, b.comments = p.to, append(b.comments, p.comments...)
		}
	}
	if len(blocks) != len(now.Forms) {
		return // they stand in another way, which shows at the end
	}
	kept := map[string]bool{}
	renamed := renamedForm(now, next)
	for i, f := range now.Forms {
		name := f.Name
		if name == renamed[0] {
			name = renamed[1]
		}
		j := next.FormNamed(name)
		if j < 0 {
			e.changes = append(e.changes, change{blocks[i].from, blocks[i].to, ""})
			continue
		}
		kept[name] = true
		if was, is := tomlOf(&f), tomlOf(&next.Forms[j]); was != is {
			head, rest, _ := strings.Cut(is, "\n")
			e.replace(blocks[i].from, blocks[i].to, head+"\n", blocks[i].comments, rest)
		}
	}
	for i := range next.Forms {
		if !kept[next.Forms[i].Name] {
			e.ending += "\n" + tomlOf(&next.Forms[i])
		}
	}
}

// renamedForm returns the name of the one form that has another name now, and that name.
func renamedForm(now, next *Profile) (names [2]string) {
	if len(now.Forms) != len(next.Forms) {
		return names
	}
	for i := range now.Forms {
		if a, b := now.Forms[i].Name, next.Forms[i].Name; a != b {
			if names[0] != "" {
				return [2]string{}
			}
			names = [2]string{a, b}
		}
	}
	return names
}

// between returns the lines of comments in a text between expressions.
func between(text []byte) (all []string) {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); bytes.HasPrefix(line, []byte("#")) {
			all = append(all, string(line))
		}
	}
	return all
}

// done returns the text with all changes.
func (e *editor) done() []byte {
	slices.SortStableFunc(e.changes, func(a, b change) int { return a.from - b.from })
	var b bytes.Buffer
	at := 0
	for _, c := range e.changes {
		if c.from < at {
			continue
		}
		b.Write(e.text[at:c.from])
		if n := b.Len(); n > 0 && c.with != "" && b.Bytes()[n-1] != '\n' {
			b.WriteByte('\n')
		}
		b.WriteString(c.with)
		at = c.to
	}
	b.Write(e.text[at:])
	if n := b.Len(); n > 0 && e.ending != "" && b.Bytes()[n-1] != '\n' {
		b.WriteByte('\n')
	}
	b.WriteString(e.ending)
	return b.Bytes()
}
