package browsertest

import (
	"bytes"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/shipments"
)

// The page uses the reader's locale. Files are for programs, so they are the same for all
// readers.
func TestNumbersAndDatesAreInTheReadersLocaleOnScreenOnly(t *testing.T) {
	p := newPlace(t)
	down := t.TempDir()
	want := shipments.Sample(t, sample.Defaults())
	var csv bytes.Buffer
	must.OK(t, want.WriteExpected(&csv))
	for _, l := range []struct {
		locale             string
		number, date, hour string // patterns; an hour of tomorrow has its day
	}{
		{"de_DE", `^\d{1,3}\.\d{3},\d{2}$`, `^\d{1,2}\. \pL+\.? \d{4}$`, `expires at (\pL+\.?,? )?\d{1,2}:\d{2}$`},
		{"en_US", `^\d{1,3},\d{3}\.\d{2}$`, `^\pL{3} \d{1,2}, \d{4}$`, `expires at (\pL+\.?,? )?\d{1,2}:\d{2}\s(AM|PM)$`},
	} {
		t.Run(l.locale, func(t *testing.T) {
			w := p.openAs(func(w *window) { w.must(w.Speak(l.locale)) }, "")
			w.t = t
			w.ready()
			w.try("sample")
			if got := w.text("#session"); !regexp.MustCompile(l.hour).MatchString(got) {
				t.Errorf("the session says %q", got)
			}
			w.grid()
			cells := func(name string) []string {
				return value[[]string](w, `((i) => [...document.querySelectorAll(".gridrow")].map((r) => r.querySelectorAll(".cell")[i].textContent).filter(Boolean))([...document.querySelectorAll(".gridhead .cell")].findIndex((c) => c.title === "`+name+`"))`)
			}
			some := func(name, pattern string) {
				t.Helper()
				got := cells(name)
				if !anyMatches(got, pattern) {
					t.Errorf("no %s looks like %s: %q", name, pattern, got)
				}
			}
			some("BOL Cube", l.number)
			for _, name := range []string{"Order Date", "Start Date", "Cancel Date"} {
				for _, got := range cells(name) {
					if !regexp.MustCompile(l.date).MatchString(got) {
						t.Errorf("a %s is written %q", name, got)
					}
				}
			}
			w.click("#tab-bills")
			if got := value[[]string](w, `[...document.querySelectorAll(".bill summary .cube")].map((e) => e.lastChild.textContent)`); !anyMatches(got, l.number) {
				t.Errorf("no bill's cube looks like %s: %q", l.number, got)
			}
			w.click("#tab-load")
			w.until("document.querySelectorAll('#panel-load canvas').length === 3")
			if got := value[[]string](w, `[...document.querySelectorAll(".chart.wide .figures tbody th")].map((e) => e.textContent)`); !anyMatches(got, l.date) {
				t.Errorf("no date of the charts looks like %s: %q", l.date, got)
			}
			if got := value[[]string](w, `[...document.querySelectorAll(".chart:nth-child(2) .figures td")].map((e) => e.textContent)`); !anyMatches(got, l.number) {
				t.Errorf("no cube of the charts looks like %s: %q", l.number, got)
			}

			dir := filepath.Join(down, l.locale)
			w.must(w.Save(dir))
			w.click("#step-sheet button[aria-label='Download CSV']")
			if got := saved(t, filepath.Join(dir, "load-sheet*.csv")); !bytes.Equal(got, csv.Bytes()) {
				t.Errorf("the CSV depends on the locale: %.300s", got)
			}
		})
	}
}

func anyMatches(texts []string, pattern string) bool {
	return slices.ContainsFunc(texts, regexp.MustCompile(pattern).MatchString)
}

// A click that loads another page is a click, however long the page takes to go.
func TestClicksThatLoadAnotherPageArrive(t *testing.T) {
	_, w := opened(t)
	w.until(fresh)
	for i, language := range []string{"es", "en", "es", "en", "es", "en"} {
		w.language(language)
		w.until("document.getElementById('language').checkVisibility()")
		if got := value[string](w, "document.documentElement.lang"); got != language {
			t.Fatalf("click %d: the page is in %s", i, got)
		}
	}
}
