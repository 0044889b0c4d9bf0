package browsertest

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
)

// English words that no Spanish sentence has. What is marked as English, and what files and
// documents say, is left out.
var english = regexp.MustCompile(`(?i)\b(the|and|with|of|your|this|that|are|lines|bills|orders?|sheet|check|download|upload|show|close|cancel)\b`)

var fileName = regexp.MustCompile(`\S+\.(pdf|csv)`)

// columnNames takes names of columns of the sheet out of a text: they are those of the file in every language.
var columnNames = strings.NewReplacer("Purchase Order No.", "", "Cancel Date", "", "Start Date", "")

func TestThePageInSpanishFromTheDropToTheDownload(t *testing.T) {
	_, w := opened(t)
	w.until(fresh)
	w.language("es")
	w.until("document.getElementById('session-text')?.textContent.startsWith('Sesión nueva')")
	w.run("localStorage.setItem('tallyman.name', 'Ana')")
	speaks := func(where string) {
		t.Helper()
		texts := value[[]string](w, `(() => {
			const out = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
			for (let n = walk.nextNode(); n; n = walk.nextNode()) {
				const e = n.parentElement;
				if (!n.data.trim() || !e.checkVisibility() || e.closest("[lang=en], [translate=no], noscript, pre, script, td, .cell, .name, #ended-saved, .bill .to, .about dd, textarea, .warnings [lang=en], .charts th, .gridhead, .checkgroup h3 small, .shipments .what > :first-child, .routing th")) continue;
				out.push(n.data.trim());
			}
			return out;
		})()`)
		if len(texts) < 10 {
			t.Errorf("%s: there are %d texts only", where, len(texts))
		}
		for _, s := range texts {
			if english.MatchString(columnNames.Replace(fileName.ReplaceAllString(s, ""))) {
				t.Errorf("%s: %q is English", where, s)
			}
		}
	}
	speaks("empty")
	w.click("#try-flawed")
	w.until(joined + " && document.querySelector('.checkgroup')")
	w.says("#session", "Revisar ")
	w.says("#checked-count", "0 de ")
	w.says(".issues", "No cuadra", "Compare las líneas con la página")
	speaks("bills")
	for _, tab := range []string{"matching", "sheet", "routing", "load"} {
		w.click("#tab-" + tab)
		w.until("!document.querySelector('#panel-" + tab + "[aria-busy]') && document.querySelector('#panel-" + tab + "').childElementCount > 0")
		speaks(tab)
	}
	w.click("#shipments")
	w.until("document.querySelector('.shipments .here')")
	speaks("shipments")
	w.must(w.Press(kb.Escape))

	// A finding is ticked off, and the download asks; the file is the same in any language.
	w.click("#tab-bills", ".issues .tick input")
	w.must(w.Press("pregunté al remitente" + kb.Enter))
	w.until("document.querySelector('.issues .checked')")
	w.says(".checknote", "Revisado por Ana", "pregunté al remitente")
	down := w.downloads()
	w.click("#step-sheet button[aria-label='Descargar CSV']")
	w.says("#ask", "sin revisar", "Descargar de todos modos")
	w.click("#ask button[value=save]")
	got := saved(t, filepath.Join(down, "load-sheet-*.csv"))
	flawed, err := sample.Flawed()
	must.OK(t, err)
	if len(flawed.Bills) == 0 || !bytes.HasPrefix(got, []byte("RTS ID,RTS Status,Load #")) {
		t.Errorf("the file is %.80q", got)
	}

	// The choice is remembered, and taken back.
	w.must(w.Reload())
	w.until("document.documentElement.lang === 'es' && " + joined + " && document.querySelector('.bill[open] tr.line')") // the page grows until then
	w.language("en")
	w.until(joined)
	w.says("#session", "Check ")
}
