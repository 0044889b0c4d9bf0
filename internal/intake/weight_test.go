package intake

import (
	"strings"
	"testing"

	"tallyman/internal/page"
)

// A worker that was taken over may send few words, each of which is long.
func TestLongTextsOfAPageAreMetered(t *testing.T) {
	const long = 1 << 20
	text := strings.Repeat("x", long)
	for name, p := range map[string]page.Page{
		"words":        {Words: []page.Word{{Text: text}}},
		"hidden words": {Hidden: []page.Word{{Text: text}}},
		"notes":        {Notes: []page.Note{{Text: text}}},
		"messages":     {Notes: []page.Note{{Message: text}}},
		"damage":       {Damage: text},
	} {
		if got := weight(&p); got < long {
			t.Errorf("%s of %d bytes count as %d", name, long, got)
		}
	}
}
