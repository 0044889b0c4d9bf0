package desk

import (
	"context"
	"strings"
	"testing"

	"tallyman/internal/blob"
	"tallyman/internal/bol"
	"tallyman/internal/session"
)

func TestAPanicInTheMakingOfASheetIsAnErrorForThatRequestAlone(t *testing.T) {
	s := newSheets(Limits{})
	d := &Desk{sheets: s, memory: newMemory(Limits{}.complete(), s.cache.spill)}
	ask := func(key blob.Key, bill *bol.Bill) error {
		st := session.State{BOL: []session.Input{{Reading: blob.Ref{Key: key}}}}
		_, err := s.get(context.Background(), d, st, map[blob.Key]reading{key: {doc: &bol.Document{Bills: []*bol.Bill{bill}}}})
		return err
	}
	if err := ask("broken", nil); err == nil || !strings.Contains(err.Error(), "panic") {
		t.Errorf("a document that cannot be worked with: %v", err)
	}
	if used, _ := d.Memory(); used != 0 {
		t.Errorf("it has left %d bytes of memory taken", used)
	}
	if err := ask("sound", &bol.Bill{}); err != nil {
		t.Errorf("the next: %v", err)
	}
}
