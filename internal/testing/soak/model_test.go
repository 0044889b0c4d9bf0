package soak

import (
	"bytes"
	"testing"

	"tallyman/internal/testing/must"
)

// pressed makes n documents of a letter.
func pressed(t *testing.T, letter byte, n int) (docs []*Document) {
	t.Helper()
	p, err := newPress(letter, 7, 4)
	must.OK(t, err)
	for range n {
		docs = append(docs, p.next())
	}
	return docs
}

func TestAnswersAreJudgedByWhatASessionMayHold(t *testing.T) {
	a, b := pressed(t, 'A', 4), pressed(t, 'B', 1)
	// The session had an earlier life with a[0], then a[1], then a[2].
	grown := func() *session {
		s := newSession("s")
		s.did(replaced(a[0]))
		s.did(state.Begun)
		s.anew()
		s.did(replaced(a[1]))
		s.did(replaced(a[2]))
		return s
	}
	half := sheetOf(a[2])
	half = half[:bytes.LastIndexByte(half[:len(half)-1], '\n')+1]
	for _, c := range []struct {
		name string
		see  func(s *session) finding
		want finding
	}{
		{"what was uploaded last", func(s *session) finding { return s.seesCSV(sheetOf(a[2])) }, ""},
		{"what was uploaded before that", func(s *session) finding { return s.seesCSV(sheetOf(a[1])) }, lost},
		{"both", func(s *session) finding { return s.seesCSV(sheetOf(a[1], a[2])) }, lost},
		{"what an earlier life had", func(s *session) finding { return s.seesCSV(sheetOf(a[0])) }, contaminated},
		{"what the client uploaded to another session", func(s *session) finding { return s.seesCSV(sheetOf(a[3])) }, contaminated},
		{"what another client uploaded", func(s *session) finding { return s.seesCSV(sheetOf(b[0])) }, contaminated},
		{"what another client uploaded as well", func(s *session) finding { return s.seesCSV(sheetOf(a[2], b[0])) }, contaminated},
		{"a part of it", func(s *session) finding { return s.seesCSV(half) }, lost},
		{"nothing", func(s *session) finding { return s.seesNone() }, lost},
		{"an amendment", func(s *session) finding {
			s.did(amended(a[2].sample.Bills[0].Number + "=L1"))
			return s.seesCSV(csvOf(holding(a[2]).AmendedBy(a[2].sample.Bills[0].Number + "=L1")))
		}, ""},
		{"an amendment that is not there", func(s *session) finding {
			s.did(amended(a[2].sample.Bills[0].Number + "=L1"))
			return s.seesCSV(sheetOf(a[2]))
		}, lost},
		{"an amendment that was undone", func(s *session) finding {
			s.did(amended(a[2].sample.Bills[0].Number + "=L1"))
			s.did(undone(a[2].sample.Bills[0].Number + "=L1"))
			return s.seesCSV(csvOf(holding(a[2]).AmendedBy(a[2].sample.Bills[0].Number + "=L1")))
		}, lost},
		{"a file that was taken away", func(s *session) finding {
			s.did(appended(a[3]))
			s.did(without(file{a[3], ".pdf"}))
			return s.seesCSV(sheetOf(a[2], a[3]))
		}, lost},
		{"its file", func(s *session) finding { return s.seesFiles(true, filesOf(holding(a[2]))) }, ""},
		{"another's file", func(s *session) finding { return s.seesFiles(true, filesOf(holding(b...))) }, contaminated},
		{"an upload that was cut off, and is there", func(s *session) finding {
			s.mayHave(state.Opened, appended(a[3]))
			return s.seesCSV(sheetOf(a[2], a[3]))
		}, ""},
		{"an upload that was cut off, and is not there", func(s *session) finding {
			s.mayHave(state.Opened, appended(a[3]))
			return s.seesCSV(sheetOf(a[2]))
		}, ""},
		{"an upload that was cut off, missing at first and there later", func(s *session) finding {
			s.mayHave(state.Opened, appended(a[3]))
			if f := s.seesCSV(sheetOf(a[2])); f != "" {
				return f
			}
			return s.seesCSV(sheetOf(a[2], a[3]))
		}, contaminated},
		{"a clear that was cut off", func(s *session) finding {
			s.mayHave(state.Ended)
			return s.seesNone()
		}, ""},
		{"a sheet after a clear", func(s *session) finding {
			s.did(state.Ended)
			s.anew()
			return s.seesCSV(sheetOf(a[2]))
		}, contaminated},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.see(grown()); got != c.want {
				t.Errorf("it is %q, want %q", got, c.want)
			}
		})
	}
}

func TestCellsAreComparedByMeaning(t *testing.T) {
	for _, c := range []struct {
		typed, text string
		want        bool
	}{
		{"T20417", "T20417", true}, {"0.36", ".36", true}, {"1200", "1200", true}, {"1200", "1201", false}, {"", "0", false},
		{"45848", "07102025", true}, {"45849", "07102025", false}, {"A", "B", false},
	} {
		if got := sameCell(c.typed, c.text); got != c.want {
			t.Errorf("%q and %q: %v", c.typed, c.text, got)
		}
	}
}
