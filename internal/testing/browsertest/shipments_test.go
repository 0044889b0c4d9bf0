package browsertest

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"tallyman/internal/httpapi"
	"tallyman/internal/keys"
	"tallyman/internal/sample"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/service"
)

func jsInt(n int) string { return strconv.Itoa(n) }

// listed opens the list of shipments and returns the names in it.
func (w *window) listed() []string {
	w.t.Helper()
	w.click("#shipments")
	w.until("document.querySelector('.shipments li')")
	return value[[]string](w, "[...document.querySelectorAll('.shipments li .what')].map((e) => e.firstElementChild.textContent)")
}

// Two shipments of one browser never cross, whether in one tab after the other or beside
// each other.
func TestShipmentsBesideEachOtherNeverCross(t *testing.T) {
	p, w := opened(t)
	first := p.shipment(sample.Options{Bills: 2, Lines: 4, Seed: 1}, "monday-")
	second := p.shipment(sample.Options{Bills: 3, Lines: 6, Seed: 2}, "tuesday-")
	w.upload(first.bills)
	if got := w.listed(); len(got) != 1 || got[0] != "monday-bol.pdf" {
		t.Errorf("the list has %q", got)
	}
	w.click("dialog[open] .primary") // begin another
	w.until("new URLSearchParams(location.search).get('_sid')?.startsWith('ship-') && " + fresh)
	w.upload(second.bills)
	w.says("#step-bills", "tuesday-bol.pdf", "bills 3")

	// The first is open in another tab, and shows its own; work here is no news there.
	other := p.beside(w)
	other.until(bills)
	other.says("#step-bills", "monday-bol.pdf", "bills 2")
	w.join(second.orders)
	other.must(other.Reload())
	other.until(bills)
	other.says("#step-bills", "monday-bol.pdf", "bills 2")
	if n := value[int](other, "document.querySelectorAll('.notice').length"); n != 0 {
		t.Errorf("the first shipment has a notice: %s", other.text("#notices"))
	}
	if value[bool](other, "Boolean(document.querySelector('#step-orders.has'))") {
		t.Error("the orders of the second are in the first")
	}

	// Renamed, left and opened again from the list.
	if got := w.listed(); len(got) != 2 {
		t.Fatalf("the list has %q", got)
	}
	w.click(".shipments .here .rename")
	w.must(w.Press("Lake Burlington" + kb.Enter))
	w.until("document.querySelector('.shipments .here strong')?.textContent === 'Lake Burlington'")
	w.says("#session", "Lake Burlington")
	w.click(".shipments .open")
	w.until("!location.search && " + bills)
	w.says("#step-bills", "monday-bol.pdf")
	if got := w.listed(); len(got) != 2 || (got[0] != "Lake Burlington" && got[1] != "Lake Burlington") {
		t.Errorf("the list has %q", got)
	}
	w.run("[...document.querySelectorAll('.shipments .open')].find((e) => e.textContent === 'Lake Burlington').click()")
	w.until("location.search && " + joined)
	w.says("#step-bills", "tuesday-bol.pdf")
}

func TestAnExpiredShipmentSaysWhatWasSavedOfIt(t *testing.T) {
	p, w := opened(t)
	w.try("sample")
	down := w.downloads()
	w.click("#step-sheet button[aria-label='Download CSV']")
	saved(t, filepath.Join(down, "load-sheet-bol.csv"))
	p.later(w, 2*time.Hour)
	w.until("!document.getElementById('ended').hidden && !document.getElementById('ended-saved').hidden")
	w.says("#ended", "This session has expired", "The last download of it was load-sheet-bol.csv")
	w.click("#other-shipments")
	w.until("document.querySelector('.shipments .over')")
	w.says(".shipments", "ended, its files were removed", "Last download: load-sheet-bol.csv")
	w.must(w.Press(kb.Escape))
	w.click("#begin")
	w.until(fresh)
}

func TestAKeyListsItsShipmentsAndIsRememberedOnlyIfAsked(t *testing.T) {
	ring := keys.Open(t.TempDir())
	secrets := map[string]string{}
	for _, name := range []keys.Key{{Name: "depot"}, {Name: "other"}} {
		secret, err := ring.Add(t.Context(), name)
		must.OK(t, err)
		secrets[string(name.Name)] = secret
	}
	p := newPlace(t, func(o *service.Options) { o.Config = httpapi.Config{Keys: ring} })
	signIn := func(w *window, key string, remember bool) {
		t.Helper()
		w.until("!document.getElementById('signin').hidden")
		if remember {
			w.click("#remember")
			w.says("#kept-here", "kept in this browser until you sign out")
		}
		w.click("#key")
		w.must(w.Press(key + kb.Enter))
		w.ready()
	}
	w := p.open()
	signIn(w, secrets["depot"], false)
	w.upload(p.shipment(small, "depot-").bills)
	again := p.beside(w)
	again.until("!document.getElementById('signin').hidden") // the key is in the first tab only

	// Another browser with the same key sees the shipment, one with another key does not.
	same, stranger := p.open(), p.open()
	signIn(same, secrets["depot"], true)
	if got := same.listed(); len(got) != 2 {
		t.Errorf("the key lists %q", got)
	}
	same.run("[...document.querySelectorAll('.shipments .open')].find((e) => e.textContent === 'depot-bol.pdf').click()")
	same.until(bills)
	same.says("#step-bills", "depot-bol.pdf")
	signIn(stranger, secrets["other"], false)
	if got := stranger.listed(); len(got) != 1 || got[0] == "depot-bol.pdf" {
		t.Errorf("the other key lists %q", got)
	}

	tab := p.beside(same) // remembered in this browser
	tab.ready()
	tab.click("#sign-out")
	tab.until("!document.getElementById('signin').hidden")
	if value[string](tab, "localStorage.getItem('tallyman.key') || ''") != "" {
		t.Error("the key is kept after signing out")
	}
}
