package orders

import (
	"slices"
	"strings"
	"testing"
)

// wantNote checks that a table has a note of a kind that contains all of the texts.
func wantNote(t testing.TB, table *Table, kind NoteKind, info bool, says ...string) {
	t.Helper()
	var have []string
notes:
	for _, n := range allNotes(table) {
		if n.Kind != kind {
			continue
		}
		have = append(have, n.Message)
		for _, s := range says {
			if n.Info != info || !strings.Contains(n.Message, s) {
				continue notes
			}
		}
		return
	}
	t.Errorf("no note %s (for information: %t) says %q; there are %q", kind, info, says, have)
}

// wantNothing checks that no note needs a person's eye.
func allNotes(table *Table) []Note {
	return slices.Concat(table.Notes, table.Calendar(AnyOrder).Notes())
}

func wantNothing(t testing.TB, table *Table) {
	t.Helper()
	for _, n := range allNotes(table) {
		if !n.Info {
			t.Errorf("a note of kind %s says %q", n.Kind, n.Message)
		}
	}
}
