package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"tallyman/internal/sample"
	"tallyman/internal/testing/browser"
	"tallyman/internal/testing/load"
	"tallyman/internal/testing/service"
)

const (
	visits = 5
	rounds = 3
)

// measure prints the cost of a first visit and how smoothly a long sheet scrolls.
func (m *maker) measure(rows int) {
	place := m.start(service.Options{})
	defer place.Close()
	m.visits(place)
	m.scrolling(place, rows)
}

// The page answers input once files can be chosen and the task that enabled this has
// ended. A page that is loaded but busy does not answer.
const answering = `new MutationObserver((_, o) => {
	if (!document.querySelector("#step-bills .choose:not(:disabled)")) return;
	o.disconnect();
	const c = new MessageChannel();
	c.port1.onmessage = () => { window.answering = performance.now(); };
	c.port2.postMessage(0);
}).observe(document, { subtree: true, childList: true, attributes: true });`

// visit holds the figures of one visit, in bytes and in milliseconds after navigation
// began.
type visit struct{ Bytes, Requests, Paint, Answering float64 }

// visits measures first visits.
func (m *maker) visits(place *service.Service) {
	var all []visit
	for range visits {
		all = append(all, m.visit(place))
	}
	slices.SortFunc(all, func(a, b visit) int { return int(a.Answering - b.Answering) })
	best, middle, worst := all[0], all[len(all)/2], all[len(all)-1]
	fmt.Printf("first visit: %.0f bytes in %.0f requests\n", middle.Bytes, middle.Requests)
	fmt.Printf("of %d visits from navigation start, best, middle and worst: painted after %.0f, %.0f and %.0f ms; answers input after %.0f, %.0f and %.0f ms\n\n",
		visits, best.Paint, middle.Paint, worst.Paint, best.Answering, middle.Answering, worst.Answering)
}

func (m *maker) visit(place *service.Service) visit {
	t := load.Must(m.browser.Tab())
	defer t.Close()
	steps(t.Before(answering), t.Go("about:blank"), t.Go(place.URL), t.Until("window.answering"))
	v := load.Must(browser.Value[visit](t, `(() => {
		const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
		return { Bytes: all.reduce((n, e) => n + e.transferSize, 0), Requests: all.length,
			Paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0, Answering: window.answering };
	})()`))
	faults(t)
	return v
}

// faults ends the program if the page reports faults.
func faults(t *browser.Tab) {
	if list := t.Faults(); len(list) > 0 {
		load.Fail("the page reports: %s", strings.Join(list, "; "))
	}
}

// The control is a page with nothing but an area to scroll, of the sheet's size and
// length. Frames that it drops are caused by the machine.
const control = `document.body.innerHTML = '<div class="grid" style="height:700px;overflow:auto;border:1px solid"><div style="height:300000px;width:2000px;background:repeating-linear-gradient(#fff 0 30px,#eee 30px 60px)"></div></div>';`

// ways are ways to scroll. Each is the script of a promise, or nil for a mouse wheel
// that the browser protocol turns.
var ways = []struct {
	name   string
	script string
	dx, dy float64
}{
	{name: "nothing", script: `for (let i = 0; i < 150; i++) await new Promise(requestAnimationFrame);`},
	{name: "wheel down", dy: 120},
	{name: "wheel sideways", dx: 40},
	{name: "dragged", script: `const g = document.querySelector(".grid"); for (let i = 0; i <= 250; i++) { g.scrollTop = (g.scrollHeight - g.clientHeight) * (i / 250); await new Promise(requestAnimationFrame); }`},
}

const turns = 150

// frames are the times between frames, in milliseconds, and their cost.
type frames struct {
	times []float64
	costs browser.Costs
}

func (f frames) print(w *tabwriter.Writer, page, way string) {
	over := func(ms float64) (n int) {
		for _, t := range f.times {
			if t > ms {
				n++
			}
		}
		return n
	}
	n := float64(len(f.times))
	// A frame that is one tick of the screen late takes over 16 ms; the margin allows
	// for the rounding of the clock.
	fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%.1f\t%.2f\t%.2f\t%.2f\t\n", way, page, len(f.times), over(17.5), over(50), slices.Max(f.times), f.costs.Script/n, f.costs.Style/n, f.costs.Layout/n)
}

// scrolling scrolls a sheet of that many rows and the control in turn.
func (m *maker) scrolling(place *service.Service, rows int) {
	s := load.Must(sample.New(sample.Options{Bills: max(1, rows/5), Lines: rows, Seed: 3}))
	pdf := m.file("rows.pdf", s.WritePDF)
	orders := m.file("rows.csv", s.WriteOrders)
	plain := load.Must(m.browser.Tab())
	defer plain.Close()
	steps(plain.Go("about:blank"), plain.Run(control))
	sheet := load.Must(m.browser.Tab())
	defer sheet.Close()
	steps(sheet.Go(place.URL))
	upload(sheet, pdf, browser.Bills)
	steps(sheet.Files("#orders-files", orders), sheet.Until(browser.Joined), sheet.Click("#tab-sheet"), sheet.Until("document.querySelector('.gridrow')"))
	has := load.Must(browser.Value[int](sheet, "Number(document.querySelector('.grid').getAttribute('aria-rowcount')) - 1"))
	fmt.Printf("scrolling a sheet of %d rows, and beside it an empty page: times between frames in ms, costs of a frame in ms\n", has)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "scrolled\tpage\tframes\tover 16\tover 50\tlongest\tscript\tstyle\tlayout\t")
	for i := range ways {
		var empty, full frames
		for range rounds {
			empty.add(plain, i)
			full.add(sheet, i)
		}
		empty.print(w, "empty", ways[i].name)
		full.print(w, "sheet", ways[i].name)
	}
	load.Check(w.Flush())
	faults(sheet)
}

// add scrolls a tab in one of the ways, and adds its frames.
func (f *frames) add(t *browser.Tab, way int) {
	load.Check(t.Run(`const g = document.querySelector(".grid");
		g.scrollIntoView();
		g.scrollTo(0, 0);
		for (let i = 0; i < 10; i++) await new Promise(requestAnimationFrame);
		window.times = [];
		window.counting = true;
		let last = await new Promise(requestAnimationFrame);
		(async () => { while (counting) { const now = await new Promise(requestAnimationFrame); times.push(now - last); last = now; } })();`))
	before := load.Must(t.Costs())
	if w := ways[way]; w.script != "" {
		load.Check(t.Run(w.script))
	} else {
		load.Check(t.Wheel(".grid", w.dx, w.dy, turns))
	}
	after := load.Must(t.Costs())
	times := load.Must(browser.Value[[]float64](t, "(counting = false, times)"))
	f.times = append(f.times, times...)
	f.costs.Script += after.Script - before.Script
	f.costs.Style += after.Style - before.Style
	f.costs.Layout += after.Layout - before.Layout
}
