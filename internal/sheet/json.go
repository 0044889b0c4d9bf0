package sheet

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"tallyman/internal/bol"
	"tallyman/internal/text"
)

// WriteJSON writes the sheet as the JSON of a View, in UTF-8, with one bill or row per
// line of text. It holds at most one bill or row in memory. If w fails, the error is a
// fault.Unwritable.
func WriteJSON(w io.Writer, s *Sheet) error {
	doc := s.Document
	if doc == nil {
		doc = &bol.Document{}
	}
	rowOf := make(map[*bol.Line]int, len(s.Rows))
	for i := range s.Rows {
		rowOf[s.Rows[i].Line] = i
	}
	var match *Match
	if s.Orders != nil {
		match = &s.Match
	}

	j := &jsonWriter{w: bufio.NewWriter(w)}
	j.member("summary", SummaryView{
		Pages: doc.PageCount(), Bills: len(doc.Bills), Lines: doc.Lines(),
		Reconciled: doc.Count(bol.Reconciled), Mismatched: doc.Count(bol.Mismatched), Unchecked: doc.Count(bol.Unchecked),
		Unproved: doc.Count(bol.Unproved), Held: doc.Held(), Amended: amendedBills(doc),
	})
	j.member("files", text.Each(doc.Files, func(f bol.File) FileView { return FileView(f) }))
	j.members("bills", len(doc.Bills), func(i int) any { return viewBill(doc.Bills[i], rowOf, s.Rows) })
	j.members("problems", len(doc.Problems), func(i int) any {
		p := &doc.Problems[i]
		return ProblemView{Kind: p.Kind, Bill: p.Bill, Text: p.Text, Message: p.Message, PlaceView: viewPlace(p.File, p.Page, p.Box)}
	})
	j.members("findings", len(s.Findings), func(i int) any { return s.Findings[i] })
	j.member("orders", viewOrders(s.Orders))
	j.member("match", match)
	j.member("columns", Columns)
	j.members("rows", len(s.Rows), func(i int) any {
		r := &s.Rows[i]
		view := RowView{Bill: r.bill, Line: r.line, OrderRow: orderRow(r.Order), Cells: viewCells(&r.Cells), Was: viewWas(r.Was)}
		if r.Order != nil {
			view.Export = r.Order.Export
		}
		return view
	})
	j.member("routing", s.Routing(time.Time{}))
	if len(s.Amendments) > 0 {
		j.members("amendments", len(s.Amendments), func(i int) any { return s.Amendments[i] })
	}
	if s.rules.Version != "" {
		j.member("profile", s.viewProfile())
	}
	return j.end()
}

// jsonWriter writes one JSON object, member by member. It keeps its first error and
// writes nothing after it.
type jsonWriter struct {
	w     *bufio.Writer
	begun bool
	err   error
	own   bool // err is not an error of the output
}

func (j *jsonWriter) text(s string) {
	if j.err == nil {
		_, j.err = j.w.WriteString(s)
	}
}

func (j *jsonWriter) value(v any) {
	if j.err != nil {
		return
	}
	b, err := json.Marshal(v)
	if err != nil {
		j.err, j.own = fmt.Errorf("encode the sheet as JSON: %w", err), true
		return
	}
	_, j.err = j.w.Write(b)
}

func (j *jsonWriter) name(name string) {
	if j.begun {
		j.text(",\n")
	} else {
		j.text("{")
		j.begun = true
	}
	j.text(`"` + name + `":`)
}

// member writes a member of the object.
func (j *jsonWriter) member(name string, v any) {
	j.name(name)
	j.value(v)
}

// members writes a member that is an array of n elements.
func (j *jsonWriter) members(name string, n int, element func(int) any) {
	j.name(name)
	j.text("[")
	for i := 0; i < n && j.err == nil; i++ {
		if i > 0 {
			j.text(",")
		}
		j.text("\n")
		j.value(element(i))
	}
	j.text("]")
}

func (j *jsonWriter) end() error {
	j.text("}\n")
	if j.err == nil {
		j.err = j.w.Flush()
	}
	if j.err != nil && !j.own {
		return unwritable(JSON, j.err)
	}
	return j.err
}

func amendedBills(d *bol.Document) int {
	n := 0
	for _, b := range d.Bills {
		if b.Amended() {
			n++
		}
	}
	return n
}

// viewWas returns what was in amended cells, by the names of their columns.
func viewWas(was map[int]string) map[string]string {
	view := make(map[string]string, len(was))
	for at, text := range was {
		view[Columns[at]] = text
	}
	return view
}
