package soak

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// state is the possible content of a session.
type state struct {
	alive  bool
	bills  []*Document
	orders *Document
	xlsx   bool // the orders are a workbook
}

// key identifies a state.
func (s state) key() string {
	var b strings.Builder
	fmt.Fprint(&b, s.alive, s.xlsx)
	for _, d := range s.bills {
		b.WriteString(" " + d.Mark)
	}
	if s.orders != nil {
		b.WriteString(" with " + s.orders.Mark)
	}
	return b.String()
}

func (s state) String() string {
	if !s.alive {
		return "no session"
	}
	var parts []string
	for _, d := range s.bills {
		parts = append(parts, d.Mark)
	}
	text := "bills [" + strings.Join(parts, " ") + "]"
	if s.orders != nil {
		text += ", orders " + s.orders.Mark
	}
	return text
}

// sheet is the expected CSV of a download. There must be bills.
func (s state) sheet() []byte {
	b, err := together(s.bills, s.orders)
	if err != nil {
		panic(err) // a buffer never fails
	}
	return b
}

func (s state) lines() (bills, lines int) {
	for _, d := range s.bills {
		bills, lines = bills+d.Bills(), lines+d.Lines()
	}
	return bills, lines
}

// files are the names and sizes of the uploads, in order.
func (s state) files() (files []listed) {
	for _, d := range s.bills {
		files = append(files, listed{d.Name(), int64(len(d.PDF))})
	}
	if s.orders != nil {
		name, content := s.export()
		files = append(files, listed{name, int64(len(content))})
	}
	return files
}

// listed is a file in a server's listing.
type listed struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

// export is the order export as it was uploaded.
func (s state) export() (name string, content []byte) {
	if s.xlsx {
		return s.orders.Mark + ".xlsx", s.orders.XLSX()
	}
	return s.orders.Mark + ".csv", s.orders.CSV
}

// The changes that operations make.

func begun(state) state { return state{alive: true} }

func ended(state) state { return state{} }

// opened is the first effect of an upload of bills on a session.
func opened(s state) state {
	s.alive = true
	return s
}

func replaced(docs ...*Document) func(state) state {
	return func(state) state { return state{alive: true, bills: docs} }
}

func appended(docs ...*Document) func(state) state {
	return func(s state) state {
		s.alive = true
		s.bills = append(slices.Clone(s.bills), docs...)
		return s
	}
}

func ordered(d *Document, xlsx bool) func(state) state {
	return func(s state) state {
		if len(s.bills) > 0 {
			s.orders, s.xlsx = d, xlsx
		}
		return s
	}
}

// session is one session ID of one client, with its possible contents: an answer
// leaves one state, a connection that breaks leaves several.
type session struct {
	id  string
	may []state
	was []state // earlier states of this life
	// lostTrack is true after an inexplicable answer, until a new life: one fault of
	// the server must not be counted again and again.
	lostTrack bool
}

func newSession(id string) *session { return &session{id: id, may: []state{{}}} }

// sure returns the session's state, and whether it is known.
func (s *session) sure() (state, bool) {
	if len(s.may) == 1 && !s.lostTrack {
		return s.may[0], true
	}
	return state{}, false
}

// set sets the session's possible states.
func (s *session) set(states []state) {
	var kept []state
	seen := map[string]bool{}
	for _, st := range states {
		if k := st.key(); !seen[k] {
			seen[k] = true
			kept = append(kept, st)
		}
	}
	s.may = kept
}

func each(states []state, f func(state) state) (next []state) {
	for _, st := range states {
		next = append(next, f(st))
	}
	return next
}

// did applies an acknowledged change.
func (s *session) did(f func(state) state) {
	s.was = append(s.was, s.may...)
	s.was = s.was[max(0, len(s.was)-16):]
	s.set(each(s.may, f))
}

// anew records the end of a life, so that no earlier state may appear.
func (s *session) anew() { s.was, s.lostTrack = nil, false }

// mayHave records that any one of these changes may have been made, or none.
func (s *session) mayHave(fs ...func(state) state) {
	states := slices.Clone(s.may)
	for _, f := range fs {
		if f != nil {
			states = append(states, each(s.may, f)...)
		}
	}
	s.set(states)
}

// narrow keeps the states that agree with an observation, and reports whether there
// are any. If there are none it keeps all.
func (s *session) narrow(agrees func(state) bool) bool {
	if s.lostTrack {
		return true
	}
	var kept []state
	for _, st := range s.may {
		if agrees(st) {
			kept = append(kept, st)
		}
	}
	if len(kept) == 0 {
		return false
	}
	s.may = kept
	return true
}

func (s *session) String() string {
	var texts []string
	for _, st := range s.may {
		texts = append(texts, st.String())
	}
	return fmt.Sprintf("session %q, which holds %s", s.id, strings.Join(texts, ", or "))
}

// finding is a fault of an answer.
type finding string

// The findings.
const (
	contaminated finding = "contaminated" // it holds something of another session or life
	lost         finding = "lost"         // it lacks what was acknowledged
	wrong        finding = "wrong"        // neither, and yet not the expected answer
)

// judge classifies a sheet that no state of the session explains.
func (s *session) judge(rows [][]string) finding {
	if len(rows) == 0 {
		return wrong
	}
	column := slices.Index(rows[0], "Invoice No.")
	if column < 0 {
		return wrong
	}
	marks := map[string]bool{}
	for _, r := range rows[1:] {
		if column < len(r) && len(r[column]) > 0 {
			marks[r[column][:len(r[column])-1]] = true
		}
	}
	return s.judgeMarks(marks)
}

func (s *session) judgeMarks(marks map[string]bool) finding {
	within := func(states []state) bool {
		known := map[string]bool{}
		for _, st := range states {
			for _, d := range st.bills {
				known[d.Mark] = true
			}
			if st.orders != nil {
				known[st.orders.Mark] = true
			}
		}
		for m := range marks {
			if !known[m] {
				return false
			}
		}
		return true
	}
	switch {
	case !within(append(slices.Clone(s.may), s.was...)):
		return contaminated
	case !within(s.may):
		return lost
	default:
		return wrong
	}
}

// seesCSV checks a downloaded sheet. It returns "" if it is right.
func (s *session) seesCSV(body []byte) finding {
	if s.narrow(func(st state) bool { return len(st.bills) > 0 && bytes.Equal(st.sheet(), body) }) {
		return ""
	}
	rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil {
		return wrong
	}
	return s.asLost(s.judge(rows))
}

// asLost changes the finding about a sheet with fewer lines than any state has: the
// missing lines are lost.
func (s *session) asLost(f finding) finding {
	if f == wrong {
		return lost
	}
	return f
}

// seesNone checks an answer that says that there is no sheet.
func (s *session) seesNone() finding {
	if s.narrow(func(st state) bool { return len(st.bills) == 0 }) {
		return ""
	}
	return lost
}

// seesXLSX checks a sheet as a workbook.
func (s *session) seesXLSX(body []byte) finding {
	f, err := excelize.OpenReader(bytes.NewReader(body))
	if err != nil {
		return wrong
	}
	defer f.Close()
	rows, err := f.GetRows(f.GetSheetName(0), excelize.Options{RawCellValue: true})
	if err != nil {
		return wrong
	}
	return s.seesRows(rows)
}

// seesJSON checks a sheet as JSON, its rows, the numbers of its bills and the names
// of its files.
func (s *session) seesJSON(body []byte) finding {
	var v struct {
		Files []struct{ Name string }
		Bills []struct{ Number struct{ Text string } }
		// Orders is null without an order export.
		Orders  *struct{ Name string }
		Columns []string
		Rows    []struct{ Cells []any }
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return wrong
	}
	rows := [][]string{v.Columns}
	for _, r := range v.Rows {
		var cells []string
		for _, c := range r.Cells {
			if c == nil {
				cells = append(cells, "")
			} else {
				cells = append(cells, fmt.Sprint(c))
			}
		}
		rows = append(rows, cells)
	}
	if f := s.seesRows(rows); f != "" {
		return f
	}
	marks, agreed := map[string]bool{}, s.narrow(func(st state) bool {
		var names, numbers []string
		for _, d := range st.bills {
			names = append(names, d.Name())
			for _, b := range d.sample.Bills {
				numbers = append(numbers, b.Number)
			}
		}
		if len(v.Files) != len(names) || len(v.Bills) != len(numbers) || (v.Orders != nil) != (st.orders != nil) {
			return false
		}
		for i, f := range v.Files {
			if f.Name != names[i] {
				return false
			}
		}
		for _, b := range v.Bills {
			if !slices.Contains(numbers, b.Number.Text) {
				return false
			}
		}
		if st.orders != nil {
			name, _ := st.export()
			return v.Orders.Name == name
		}
		return true
	})
	if agreed {
		return ""
	}
	for _, f := range v.Files {
		marks[strings.TrimSuffix(f.Name, ".pdf")] = true
	}
	for _, b := range v.Bills {
		if n := len(b.Number.Text); n > 0 {
			marks[b.Number.Text[:n-1]] = true
		}
	}
	return s.judgeMarks(marks)
}

func (s *session) seesRows(rows [][]string) finding {
	if s.narrow(func(st state) bool {
		if len(st.bills) == 0 {
			return false
		}
		want, err := csv.NewReader(bytes.NewReader(st.sheet())).ReadAll()
		return err == nil && sameRows(rows, want)
	}) {
		return ""
	}
	return s.asLost(s.judge(rows))
}

// sameRows compares a table of typed cells with one of texts.
func sameRows(got, want [][]string) bool {
	if len(got) != len(want) {
		return false
	}
	for i, row := range want {
		for j, cell := range row {
			typed := ""
			if j < len(got[i]) { // empty cells at the end may be left out
				typed = got[i][j]
			}
			if !sameCell(typed, cell) {
				return false
			}
		}
		if len(got[i]) > len(row) {
			return false
		}
	}
	return true
}

// sameCell reports whether a cell of a workbook or of JSON is the cell of a CSV: the
// same text, the same number, or the day of a date.
func sameCell(typed, text string) bool {
	if typed == text {
		return true
	}
	n, err := strconv.ParseFloat(typed, 64)
	if err != nil {
		return false
	}
	if m, err := strconv.ParseFloat(text, 64); err == nil && m == n {
		return true
	}
	// Workbooks count days from this date.
	epoch := time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC)
	for _, layout := range []string{"01022006", "2006-01-02", "1/2/2006"} {
		if day, err := time.Parse(layout, text); err == nil && day.Sub(epoch).Hours()/24 == n {
			return true
		}
	}
	return false
}

// seesFiles checks a list of the session's files, the sheet left out.
func (s *session) seesFiles(alive bool, files []listed) finding {
	if s.narrow(func(st state) bool { return st.alive == alive && slices.Equal(st.files(), files) }) {
		return ""
	}
	marks := map[string]bool{}
	for _, f := range files {
		mark, _, _ := strings.Cut(f.Name, ".")
		marks[mark] = true
	}
	return s.asLost(s.judgeMarks(marks))
}

// seesFigures checks the figures in the answer to an upload of bills.
func (s *session) seesFigures(bills, lines int) finding {
	if s.narrow(func(st state) bool { b, l := st.lines(); return b == bills && l == lines }) {
		return ""
	}
	return wrong
}

// seesRemoved checks how many files were removed at the end of a session's life. It
// is called before the change is recorded.
func (s *session) seesRemoved(files int, size int64) finding {
	if s.narrow(func(st state) bool {
		n, all := 0, int64(0)
		for _, f := range st.files() {
			n, all = n+1, all+f.Size
		}
		return n == files && all == size
	}) {
		return ""
	}
	return wrong
}
