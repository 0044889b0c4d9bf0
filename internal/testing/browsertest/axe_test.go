package browsertest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tallyman/internal/httpapi"
	"tallyman/internal/keys"
	"tallyman/internal/sample"
	"tallyman/internal/testing/browser"
	"tallyman/internal/testing/must"
	"tallyman/internal/testing/node"
	"tallyman/internal/testing/service"
)

// scene is a state of the page, with the way to reach it.
type scene struct {
	name string
	// change changes the server's options; nil for the default ones.
	change func(*testing.T, *service.Options)
	// reach is called once files can be chosen, or at once where none can.
	reach func(*place, *window)
	// path is the path to open; "" for the page.
	path string
	// shut is set if no files can be chosen there at first.
	shut bool
	// recoloured is set if some colours are others on a phone.
	recoloured bool
}

func withKeys(t *testing.T, o *service.Options) {
	t.Helper()
	ring := keys.Open(t.TempDir())
	_, err := ring.Add(t.Context(), keys.Key{Name: "depot"})
	must.OK(t, err)
	o.Config = httpapi.Config{Keys: ring}
}

// try uploads one of the samples.
func try(button string, then ...string) func(*place, *window) {
	return func(_ *place, w *window) {
		w.t.Helper()
		w.click(button)
		w.until(joined)
		w.until("document.querySelector('.bill')")
		for _, s := range then {
			if expression, ok := strings.CutPrefix(s, "until:"); ok {
				w.until(expression)
			} else {
				w.click(s)
			}
		}
	}
}

// scenes are the states that a reader may see.
var scenes = []scene{
	{name: "empty", reach: func(_ *place, w *window) { w.until(fresh) }},
	{name: "bills only", reach: func(p *place, w *window) {
		w.upload(p.shipment(small, "").bills)
	}},
	{name: "complete", reach: try("#try-sample")},
	{name: "mistakes", reach: try("#try-flawed", "until:document.querySelectorAll('.issue').length > 3", "until:document.querySelector('.bill[open] .lines')"), recoloured: true},
	{name: "a finding to tick off", reach: try("#try-flawed", ".issues .tick input", "until:document.querySelector('.noteform')")},
	{name: "a download of what is not checked", reach: try("#try-flawed", "#step-sheet .primary", "until:document.getElementById('ask').open")},
	{name: "shipments", reach: try("#try-sample", "#shipments", "until:document.querySelector('.shipments .here')", ".shipments .rename", "until:document.querySelector('.shipments form')")},
	{name: "Spanish", reach: func(p *place, w *window) {
		w.until(fresh)
		w.language("es")
		try("#try-flawed", "until:document.querySelector('.bill[open] .lines')")(p, w)
	}},
	{name: "inspector", reach: try("#try-flawed", ".issues .issue.bad", "until:"+inspected)},
	{name: "pictures to put in order", reach: func(p *place, w *window) {
		w.must(w.Files("#bills-files", p.pictures("a.png", "one-whose-name-is-longer-than-a-phone-is-wide.png")...))
		w.until("document.querySelectorAll('#tray li').length === 2")
	}},
	{name: "a doubtful reading to confirm", reach: func(p *place, w *window) {
		s, err := sample.New(onPaper)
		w.must(err)
		w.upload(p.photographed(s, 1)...)
		w.run("[...document.querySelectorAll('.checks .issue')].find((e) => e.innerText.includes('Doubtful reading')).click()")
		w.until(inspected)
		w.until("document.querySelector('.confirm .primary')?.checkVisibility()")
	}},
	{name: "matching, nothing amiss", reach: try("#try-sample", "#tab-matching", "until:document.querySelector('.list td')")},
	{name: "matching, near misses", reach: try("#try-flawed", "#tab-matching", "until:document.querySelector('.differs')")},
	{name: "matching, lines without order", reach: try("#try-flawed", "#tab-matching", "until:document.querySelector('.differs')", "input[value=lines]", "until:document.querySelector('.why')")},
	{name: "matching, orders without line", reach: try("#try-flawed", "#tab-matching", "until:document.querySelector('.differs')", "input[value=orders]", "until:document.querySelector('.why')")},
	{name: "matching without orders", reach: func(p *place, w *window) {
		w.upload(p.shipment(small, "").bills)
		w.click("#tab-matching")
		w.until("document.querySelector('#panel-matching .empty')")
	}},
	{name: "sheet, a cell chosen", reach: func(p *place, w *window) {
		try("#try-flawed", "#tab-sheet", "until:document.querySelector('.gridrow')")(p, w)
		w.run("document.querySelector('.grid').focus()")
		w.must(w.Press(kb.ArrowDown + kb.ArrowRight))
		w.until("document.querySelector('.cell.active')")
	}},
	{name: "sheet, cells filled in", reach: func(p *place, w *window) {
		w.run(late) // what the page says stays
		w.named("Ana")
		try("#try-flawed", "#tab-sheet", "#sheet-empty", "until:document.querySelector('.gridrow .open')", ".gridrow[aria-rowindex='2'] .open")(p, w)
		w.must(w.Press("L-1" + kb.Enter + kb.ArrowUp))
		w.click("#fill-ship")
		w.until("document.querySelector('.told:not([hidden])') && document.querySelector('.cell.was')")
		w.must(w.Press(kb.ArrowUp))
		w.run("document.querySelector('.grid').focus()")
		w.must(w.Press(kb.ArrowDown+kb.ArrowRight, chromedp.ModifierShift))
		w.must(w.Press("7"))
	}},
	{name: "columns to choose", reach: try("#try-sample", "#tab-sheet", "until:document.querySelector('.gridrow')", "#sheet-columns", "until:document.querySelector('.chooser[open]')")},
	{name: "pairing by hand", reach: try("#try-flawed", "#tab-matching", "until:document.querySelector('.differs')", "input[value=lines]", "until:document.querySelector('.why')", "#panel-matching td:last-child button", "until:document.querySelector('.item')")},
	{name: "values being corrected", reach: func(p *place, w *window) {
		w.named("Ana")
		try("#try-flawed", "until:document.querySelector('.bill[open] tr.line')", ".bill[open] tr.line button", "until:"+inspected)(p, w)
		w.run("if (document.querySelector('.values').hidden) [...document.querySelectorAll('.inspector-tools button')].at(-1).click()")
		w.click("[aria-label='Pieces of line 1']")
		w.must(w.Press("x2"))
		w.click(".values .set .primary")
		w.until("document.querySelector('.values [aria-invalid]')")
		w.must(w.Press(kb.Backspace + kb.Backspace + kb.Backspace + "4" + kb.Enter))
		w.until("document.querySelector('.values .was') && document.querySelector('.changes')")
		w.run("document.querySelector('.changes').open = document.querySelector('.fieldlist').open = true")
		w.until("document.querySelector('.fieldgrid')")
	}},
	{name: "a name is asked", reach: try("#try-flawed", "#tab-matching", "until:document.querySelector('.differs')", "[id^=accept-]", "until:document.querySelector('.write[open]')")},
	{name: "routing", reach: try("#try-sample", "#tab-routing", "until:document.querySelector('.groupbar') && document.querySelector('.warnings li')")},
	{name: "the lines of a group", reach: try("#try-sample", "#tab-routing", "until:document.querySelector('.groupbar')", ".groupbar", "until:document.querySelector('.only:not([hidden])')")},
	{name: "columns to map", reach: func(p *place, w *window) {
		ship := p.shipment(small, "")
		w.upload(ship.bills)
		w.must(w.Files("#orders-files", p.theirs(ship)))
		w.until(mapping)
	}},
	{name: "the profile, with mistakes", reach: func(_ *place, w *window) {
		w.click("#profile")
		w.until("document.getElementById('profile-dialog').open")
		w.run("document.getElementById('profile-text').value = '[pallets]\\ncube = 0\\n'")
		w.click("#profile-tools .primary")
		w.until("document.querySelector('#profile-tools .error li')")
	}},
	{name: "webhooks", change: withWebhooks, reach: func(p *place, w *window) {
		p.hook("/given-up", 410)
		w.click("#webhooks")
		w.until("document.querySelector('.hooks li .chip.bad') && document.querySelector('.deliverylist .chip.bad')")
	}},
	{name: "a form to teach", reach: func(p *place, w *window) {
		w.must(w.Files("#bills-files", p.weak()))
		w.until("document.querySelector('.teachme')")
		w.click(".teachme button")
		w.until(teaching + " && document.querySelector('.rowlist li')")
	}},
	{name: "charts", reach: try("#try-flawed", "#tab-load", "until:document.querySelectorAll('#panel-load canvas').length === 3", ".figures summary", "until:document.querySelector('.figures[open]')")},
	{name: "error", reach: func(p *place, w *window) {
		w.must(w.Files("#bills-files", p.words("letter.pdf", "Dear Sirs, this is a letter.")))
		w.until("document.querySelector('#step-bills .error')")
	}},
	{name: "a question", reach: try("#try-sample", "#start-over", "until:document.getElementById('ask').open")},
	{name: "sign-in", change: withKeys, shut: true, reach: func(_ *place, w *window) { w.until("!document.getElementById('signin').hidden") }},
	{name: "sign-in refused", change: withKeys, shut: true, reach: func(_ *place, w *window) {
		w.until("!document.getElementById('signin').hidden")
		w.click("#key")
		w.must(w.Press("tmk_wrong\r"))
		w.until("!document.getElementById('signin-error').hidden")
	}},
	{name: "expired", reach: func(p *place, w *window) {
		p.later(w, 2*time.Hour)
		w.until("!document.getElementById('ended').hidden")
	}},
	{name: "help", path: "/help", reach: func(_ *place, w *window) { w.until("document.querySelector('.shortcuts kbd')") }},
	{name: "help in Spanish", reach: func(p *place, w *window) {
		w.until(fresh)
		w.language("es")
		w.must(w.Go(p.URL + "/help"))
		w.until("document.querySelector('.shortcuts kbd') && document.querySelector('h1').textContent === 'Ayuda'")
	}},
	{name: "shortcuts", reach: func(_ *place, w *window) {
		w.until(fresh)
		w.must(w.Press("?"))
		w.until("document.getElementById('keys-dialog').open")
	}},
	{name: "for programs", path: "/docs", reach: func(_ *place, w *window) { w.until("document.querySelector('.doc details, .doc table')") }},
}

// in brings a window to a scene.
func (s scene) in(t *testing.T, width, height int64) *window {
	t.Helper()
	p := newPlace(t, func(o *service.Options) {
		if s.change != nil {
			s.change(t, o)
		}
	})
	w := p.openAs(func(w *window) { w.must(w.Size(width, height, width < 600)) }, s.path)
	if !s.shut && s.path == "" {
		w.ready()
	}
	s.reach(p, w)
	return w
}

// openAs opens a page as another person, after a preparation.
func (p *place) openAs(before func(*window), path string) *window {
	p.t.Helper()
	tab, err := chromium.Tab()
	must.OK(p.t, err)
	before(&window{tab, p.t})
	w := p.show(tab)
	if path != "" {
		w.must(w.Go(p.URL + path))
	}
	return w
}

// violation is a fault that axe found.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct {
		Target         []any
		HTML           string
		FailureSummary string
	}
}

func (v violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s", v.ID, v.Impact, v.Help)
	for i, n := range v.Nodes {
		if i == 4 {
			fmt.Fprintf(&b, "\n    and %d more", len(v.Nodes)-i)
			break
		}
		fmt.Fprintf(&b, "\n    %v %.160s: %s", n.Target, n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", " "))
	}
	return b.String()
}

// The rules that axe checks: those of WCAG 2.2 A and AA and of good practice, or those
// that depend on the width of the window, or on colours alone. Colours take longer than
// all else, so a phone's are checked only where the style sheet has others for it.
const (
	axeRules = `runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
		rules: { "target-size": { enabled: true } }`
	axeLayout = `runOnly: { type: "rule", values: ["target-size", "scrollable-region-focusable", "meta-viewport"] },
		rules: { "target-size": { enabled: true } }`
	axeColours = `runOnly: { type: "rule", values: ["color-contrast"] }`
)

// axe checks the window's content.
func (w *window) axe(script, rules string) []violation {
	w.t.Helper()
	if !value[bool](w, "Boolean(window.axe)") {
		w.must(w.Run(script))
	}
	text := value[string](w, `axe.run(document, { `+rules+`, resultTypes: ["violations"] })
		.then((r) => r.passes.length < 1 ? Promise.reject(new Error("axe checked nothing")) : JSON.stringify(r.violations))`)
	var found []violation
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		w.t.Fatalf("%v: %.300s", err, text)
	}
	return found
}

func axeScript(t *testing.T) string {
	t.Helper()
	script, err := node.Axe(t.Context())
	must.OK(t, err)
	return script
}

func TestEveryStateIsAccessibleAndFitsAPhone(t *testing.T) {
	script := axeScript(t)
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			w := s.in(t, 1440, 900)
			check := func(how, scheme, rules string) {
				w.must(w.Prefer(scheme))
				w.until(fmt.Sprintf("matchMedia('(prefers-color-scheme: %s)').matches", scheme))
				w.run("scrollTo(0, 0)") // what the bar covers while the page is scrolled is not a fault
				for _, v := range w.axe(script, rules) {
					t.Errorf("%s, %s: %s", how, scheme, v)
				}
			}
			check("wide", "dark", axeColours)
			check("wide", "light", axeRules)
			w.narrow(390, 844)
			check("a phone", "light", axeLayout)
			if s.recoloured {
				check("a phone", "light", axeColours)
			}
			w.fits(390)
			// A window of 1280 pixels zoomed to four times its size is 320 pixels
			// wide.
			w.narrow(320, 640)
			w.fits(320)
		})
	}
}

// The test above can fail: axe finds deliberate faults.
func TestAxeFindsDeliberateViolations(t *testing.T) {
	script := axeScript(t)
	_, w := opened(t)
	w.run(`document.querySelector("#theme").removeAttribute("aria-label");
		document.querySelector("#empty h2").style.color = "#bbb";
		const small = document.createElement("div");
		small.innerHTML = "<button>a</button><button>b</button>";
		for (const b of small.children) b.style.cssText = "min-height:0;height:10px;width:10px;padding:0;font-size:6px";
		document.querySelector("main").append(small)`)
	var ids []string
	for _, v := range w.axe(script, axeRules) {
		ids = append(ids, v.ID)
	}
	for _, want := range []string{"button-name", "color-contrast", "target-size"} {
		if !strings.Contains(strings.Join(ids, " "), want) {
			t.Errorf("axe finds %v, and not %s", ids, want)
		}
	}
	if found := w.axe(script, axeColours); len(found) != 1 || found[0].ID != "color-contrast" {
		t.Errorf("asked for colours alone, axe finds %v", found)
	}
}

func TestErrorsOfThePageAreNoticed(t *testing.T) {
	p := newPlace(t)
	for name, c := range map[string]struct{ script, want string }{
		"an exception":                         {`setTimeout(() => { throw new Error("planted one"); })`, "script: Uncaught Error: planted one"},
		"a rejected promise without a handler": {`Promise.reject(new Error("planted two"))`, "planted two"},
		"an error on the console":              {`console.error("planted three")`, `console: "planted three"`},
		"a failed assertion":                   {`console.assert(false, "planted four")`, "planted four"},
		"a script in the page":                 {`const s = document.createElement("script"); s.textContent = "window.ran = true"; document.body.append(s)`, "Content Security Policy"},
		"a style in the page":                  {`document.body.insertAdjacentHTML("beforeend", "<p style='color:red'>x</p>")`, "Content Security Policy"},
		"a picture from elsewhere":             {`new Image().src = "http://localhost:9/x.png"`, "Content Security Policy"},
		"a request elsewhere":                  {`fetch("http://localhost:9/").catch(() => {})`, "Content Security Policy"},
	} {
		t.Run(name, func(t *testing.T) {
			tab, err := chromium.Tab()
			must.OK(t, err)
			defer tab.Close()
			w := &window{tab, t}
			w.must(w.Go(p.URL))
			w.ready()
			if f := w.Faults(); len(f) > 0 {
				t.Fatalf("before anything was planted it reports %q", f)
			}
			w.run(c.script)
			if !comes(func() bool { return strings.Contains(strings.Join(w.Faults(), "\n"), c.want) }) {
				t.Errorf("it reports %q, not %q", w.Faults(), c.want)
			}
			if ran, _ := browser.Value[bool](tab, "Boolean(window.ran)"); ran {
				t.Error("the script in the page ran")
			}
		})
	}
}

// comes waits until a condition holds, and gives up eventually.
func comes(f func() bool) bool {
	for range 90_000 {
		if f() {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}
