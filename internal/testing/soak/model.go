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

	"tallyman/internal/testing/api"
)

// file is an upload: a document's bills or its order export.
type file struct {
	*Document
	kind string // the extension of its name: ".pdf", ".csv" or ".xlsx"
}

func (f file) name() string { return f.Mark + f.kind }

func (f file) content() []byte {
	switch f.kind {
	case ".csv":
		return f.CSV
	case ".xlsx":
		return f.XLSX()
	}
	return f.PDF
}

// billsOf returns the bills of documents.
func billsOf(docs []*Document) (files []file) {
	for _, d := range docs {
		files = append(files, file{d, ".pdf"})
	}
	return files
}

func namesOf(files []file) (names []string) {
	for _, f := range files {
		names = append(names, f.name())
	}
	return names
}

// state is the possible content of a session.
type state = api.State[file]

// holding is the state of a session with the bills of documents.
func holding(docs ...*Document) state { return state{}.Replaced(billsOf(docs)...) }

func textOf(s state) string {
	if !s.Alive {
		return "no session"
	}
	names := namesOf(s.Files())
	if s.Amended != "" {
		names = append(names, s.Amended)
	}
	return "[" + strings.Join(names, " ") + "]"
}

// csvOf is the expected CSV of a download. There must be bills.
func csvOf(s state) []byte {
	b, err := together(s.Bills, s.Orders)
	if err != nil {
		panic(err) // a buffer never fails
	}
	loads := map[string]string{}
	for _, what := range s.Amendments() {
		number, load, _ := strings.Cut(what, "=")
		loads[number] = load
	}
	if len(loads) == 0 {
		return b
	}
	// The bill's number is the 25th cell of a row, and its load the third of those that are
	// empty at first.
	lines := strings.SplitAfter(string(b), "\n")
	for i, line := range lines {
		row, err := csv.NewReader(strings.NewReader(line)).Read()
		if err == nil && loads[row[24]] != "" && i > 0 {
			lines[i] = ",," + loads[row[24]] + strings.TrimPrefix(line, ",,")
		}
	}
	return []byte(strings.Join(lines, ""))
}

// sheetOf is the expected CSV of the bills of documents.
func sheetOf(docs ...*Document) []byte { return csvOf(holding(docs...)) }

// numbersOf are the numbers of all bills, sorted.
func numbersOf(s state) (numbers []string) {
	for _, f := range s.Bills {
		for _, b := range f.sample.Bills {
			numbers = append(numbers, b.Number)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// rowsOf is the number of all order rows.
func rowsOf(s state) (n int) {
	for _, f := range s.Orders {
		n += len(f.sample.Orders)
	}
	return n
}

func countOf(s state) (bills, lines int) {
	for _, f := range s.Bills {
		bills, lines = bills+f.Bills(), lines+f.Lines()
	}
	return bills, lines
}

// filesOf are the names and sizes of the uploads, in order.
func filesOf(s state) (files []api.File) {
	for _, f := range s.Files() {
		files = append(files, api.File{Name: f.name(), Size: int64(len(f.content()))})
	}
	if s.Amended != "" {
		files = append(files, api.File{Name: amendments}) // of any size
	}
	return files
}

// amendments is the name of a session's amendments among its files.
const amendments = "amendments.json"

// The changes that operations make, for those that have arguments.

func replaced(docs ...*Document) func(state) state {
	return func(s state) state { return s.Replaced(billsOf(docs)...) }
}
func appended(docs ...*Document) func(state) state {
	return func(s state) state { return s.Appended(billsOf(docs)...) }
}
func ordered(f file) func(state) state     { return func(s state) state { return s.Ordered(f) } }
func alsoOrdered(f file) func(state) state { return func(s state) state { return s.AlsoOrdered(f) } }
func without(f file) func(state) state     { return func(s state) state { return s.Without(f) } }
func amended(what ...string) func(state) state {
	return func(s state) state { return s.AmendedBy(what...) }
}
func undone(what string) func(state) state { return func(s state) state { return s.Undone(what) } }

// cleaned is the change of /auto-clean-session, which leaves a session without files
// as it is.
func cleaned(s state) state {
	if len(filesOf(s)) > 0 {
		return s.Begun()
	}
	return s
}

// session is one session ID of one client, with its possible contents: an answer
// leaves one state, a connection that breaks leaves several.
type session struct {
	id  string
	may []state
	was []state // earlier states of this life
	// lostTrack is true after an inexplicable answer, until a new life, so that one fault
	// of the server is counted once.
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
	s.may = nil
	for _, st := range states {
		if !slices.ContainsFunc(s.may, st.Equal) {
			s.may = append(s.may, st)
		}
	}
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
		states = append(states, each(s.may, f)...)
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

// took records a change by the answer to it, and reports whether it was made.
func (s *session) took(a answer, f func(state) state) bool {
	switch a.outcome {
	case unknown:
		s.mayHave(f)
	case done:
		s.did(f)
	}
	return a.outcome == done
}

// expect is narrow, and returns the finding if no state agrees.
func (s *session) expect(agrees func(state) bool, otherwise finding) finding {
	if s.narrow(agrees) {
		return ""
	}
	return otherwise
}

func (s *session) String() string {
	var texts []string
	for _, st := range s.may {
		texts = append(texts, textOf(st))
	}
	return fmt.Sprintf("session %q, which holds %s", s.id, strings.Join(texts, ", or "))
}

// finding is a fault of an answer, one of promises.
type finding = string

// The findings.
const (
	contaminated finding = "contaminated" // it holds something of another session or life
	lost         finding = "lost"         // it lacks what was acknowledged
	wrong        finding = "wrong"        // neither, and yet not the expected answer
)

// judge classifies a sheet that no state of the session explains. One with fewer lines than
// any state has is one whose lines are lost.
func (s *session) judge(rows [][]string) finding {
	if len(rows) == 0 {
		return lost
	}
	column := slices.Index(rows[0], "Invoice No.")
	if column < 0 {
		return lost
	}
	var numbers []string
	for _, r := range rows[1:] {
		if column < len(r) {
			numbers = append(numbers, r[column])
		}
	}
	return s.judgeMarks(marksOf(numbers), lost)
}

// marksOf are the marks of the documents that have bills of these numbers.
func marksOf(numbers []string) (marks []string) {
	for _, n := range numbers {
		if n != "" {
			marks = append(marks, n[:len(n)-1])
		}
	}
	return marks
}

// judgeMarks classifies an answer with files of these marks, otherwise if the session may
// have all of them.
func (s *session) judgeMarks(marks []string, otherwise finding) finding {
	within := func(states []state) bool {
		known := map[string]bool{}
		for _, st := range states {
			for _, f := range st.Files() {
				known[f.Mark] = true
			}
		}
		return !slices.ContainsFunc(marks, func(m string) bool { return !known[m] })
	}
	switch {
	case !within(append(slices.Clone(s.may), s.was...)):
		return contaminated
	case !within(s.may):
		return lost
	default:
		return otherwise
	}
}

// seesCSV checks a downloaded sheet. It returns "" if it is right.
func (s *session) seesCSV(body []byte) finding {
	if s.narrow(func(st state) bool { return len(st.Bills) > 0 && bytes.Equal(csvOf(st), body) }) {
		return ""
	}
	rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil {
		return wrong
	}
	return s.judge(rows)
}

// seesNone checks an answer that says that there is no sheet.
func (s *session) seesNone() finding {
	return s.expect(func(st state) bool { return len(st.Bills) == 0 }, lost)
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
	if n := len(rows); n > 1 && len(rows[n-1]) > 0 && rows[n-1][0] == "Total" {
		rows = rows[:n-1] // the sums
	}
	return s.seesRows(rows)
}

// seesRouting checks the routing as JSON: that it holds the session's bills, each once.
func (s *session) seesRouting(body []byte) finding {
	var v struct {
		Groups []struct {
			Parts []struct {
				Numbers []string `json:"bill_numbers"`
			}
		}
	}
	if json.Unmarshal(body, &v) != nil {
		return wrong
	}
	var got []string
	for _, g := range v.Groups {
		for _, p := range g.Parts {
			got = append(got, p.Numbers...)
		}
	}
	slices.Sort(got)
	if s.narrow(func(st state) bool { return slices.Equal(got, numbersOf(st)) }) {
		return ""
	}
	return s.judgeMarks(marksOf(got), wrong)
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
	var names, marks, numbers []string
	for _, f := range v.Files {
		names, marks = append(names, f.Name), append(marks, strings.TrimSuffix(f.Name, ".pdf"))
	}
	for _, b := range v.Bills {
		numbers = append(numbers, b.Number.Text)
	}
	slices.Sort(numbers)
	if s.narrow(func(st state) bool {
		return slices.Equal(names, namesOf(st.Bills)) && slices.Equal(numbers, numbersOf(st)) &&
			(v.Orders != nil) == (len(st.Orders) > 0) &&
			(v.Orders == nil || v.Orders.Name == strings.Join(namesOf(st.Orders), ", "))
	}) {
		return ""
	}
	return s.judgeMarks(append(marks, marksOf(numbers)...), wrong)
}

func (s *session) seesRows(rows [][]string) finding {
	if s.narrow(func(st state) bool {
		if len(st.Bills) == 0 {
			return false
		}
		want, err := csv.NewReader(bytes.NewReader(csvOf(st))).ReadAll()
		return err == nil && sameRows(rows, want)
	}) {
		return ""
	}
	return s.judge(rows)
}

// sameRows compares a table of typed cells with one of texts.
func sameRows(got, want [][]string) bool {
	return slices.EqualFunc(got, want, func(typed, texts []string) bool {
		left := max(0, len(texts)-len(typed)) // empty cells at the end may be left out
		return slices.EqualFunc(slices.Concat(typed, make([]string, left)), texts, sameCell)
	})
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
func (s *session) seesFiles(alive bool, files []api.File) finding {
	for i := range files {
		if files[i].Name == amendments {
			files[i].Size = 0
		}
	}
	return s.sees(files, func(st state) bool { return st.Alive == alive && slices.Equal(filesOf(st), files) })
}

// sees checks files by a rule for the states that they agree with.
func (s *session) sees(files []api.File, agrees func(state) bool) finding {
	if s.narrow(agrees) {
		return ""
	}
	var marks []string
	for _, f := range files {
		mark, _, _ := strings.Cut(f.Name, ".")
		marks = append(marks, mark)
	}
	return s.judgeMarks(marks, lost)
}

// seesFigures checks the figures in the answer to an upload of bills.
func (s *session) seesFigures(bills, lines int) finding {
	return s.expect(func(st state) bool { b, l := countOf(st); return b == bills && l == lines }, wrong)
}

// seesRemoved checks how many files were removed at the end of a session's life. It
// is called before the change is recorded.
func (s *session) seesRemoved(files int, size int64) finding {
	return s.expect(func(st state) bool {
		n, all := 0, int64(0)
		for _, f := range filesOf(st) {
			n, all = n+1, all+f.Size
		}
		// The bytes of amendments are not known.
		return n == files && (all == size || st.Amended != "" && all < size)
	}, wrong)
}
